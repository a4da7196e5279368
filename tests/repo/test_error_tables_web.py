"""What can go wrong in chapters 7 to 9: the web servers, the client's mistakes included."""

import os
import re
import signal
import socket
import subprocess

import pytest

from harness import checks
from harness.concurrency import LARGE, begin, begin_download, finish, make_webroot
from harness.daemon import configure
from harness.namespaces import own_dev
from harness.program import wait_until
from harness.talk import connect, get
from harness.users import PublicFolder
from repo.repository import read

row = pytest.mark.row


@pytest.fixture
def webroot(tmp_path):
    return make_webroot(tmp_path / "webroot")


@pytest.fixture
def serve(chapter, webroot):
    """serve("-c", "1", under=...) starts a web server for the webroot."""
    return lambda *arguments, **options: chapter.serve("-p", "0", *arguments, webroot, **options)


def ends_well(server):
    """The server still serves, and has nothing to complain of."""
    assert get(server, "/").status == 200
    assert server.stderr == ""


# ---- Chapter 7

@row("07-tinyweb", "realpath", "ENOENT")
def test_no_such_webroot(chapter):
    checks.is_failure(chapter, chapter.run("no-such-folder"), "ENOENT")


@row("07-tinyweb", "bind", "EADDRINUSE")
def test_something_else_has_the_port(chapter):
    checks.port_in_use(chapter, checks.option)


@row("07-tinyweb", "bind", "EACCES")
def test_a_port_for_root(chapter, run_by_a_user):
    checks.needs_privileged_ports()
    checks.is_failure(chapter, run_by_a_user("-p", "80", "/"), "EACCES")


@row("07-tinyweb", "recv", "ECONNRESET")
def test_the_client_left_before_it_asked(serve):
    server = serve()
    client = connect(server)
    client.sendall(b"GET / HT")
    client.reset()
    ends_well(server)
    server.wait_for_output(r'\Alistening.*\n.* "GET / HTTP/1\.0" 200 \d+$')  # only the second has a line


@row("07-tinyweb", "send", "EPIPE, ECONNRESET")
def test_the_client_left_before_the_end_of_the_answer(serve):
    server = serve()
    begin_download(server).reset()
    sent = server.wait_for_output(r'^127\.0\.0\.1 port \d+ "GET /large\.bin HTTP/1\.0" 200 (\d+)$').group(1)
    assert 0 < int(sent) < len(LARGE)
    ends_well(server)


@row("07-tinyweb", "send", "EAGAIN")
def test_the_client_reads_nothing(serve, faults):
    """What the kernel says when the time of SO_SNDTIMEO is over, in the middle of the file."""
    server = serve(under=faults("sendto:error=EAGAIN:when=3+"))
    with begin_download(server):
        server.wait_for_output(r'^127\.0\.0\.1 port \d+ "GET /large\.bin HTTP/1\.0" 200 [1-9]\d{4}$')
    assert server.is_running() and server.stderr == ""


@row("07-tinyweb", "openat", "EMFILE")
def test_no_descriptor_for_the_file(serve):
    server = serve(under=["sh", "-c", 'ulimit -n 6; exec "$0" "$@"'])
    assert get(server, "/").status == 503
    server.wait_for_error(r"\(EMFILE\)$")


@row("07-tinyweb", "accept", "EMFILE")
@row("08-fork-server", "accept", "EMFILE")
def test_no_descriptor_for_the_client(serve):
    checks.survives_lack_of_descriptors(serve())


def mistakes():
    """The rows of chapter 7's second table that have a command: (status and reason, command)."""
    rows = re.findall(r"^\| (\d{3} .*?) \| .* \| `(.*)` \|$", read("07-tinyweb", "README.md"), re.MULTILINE)
    return [(status, command.replace(r"\|", "|")) for status, command in rows]


@pytest.mark.parametrize("status,command", mistakes(), ids=str)
def test_the_clients_mistakes(other, faults, tool, status, command):
    tool(re.search("curl|nc", command).group())
    chapter = other("07-tinyweb")
    late = status.startswith("408")  # instead of waiting for 8 seconds
    server = chapter.serve("-p", "0", under=faults("recvfrom:error=EAGAIN:when=1") if late else ())
    command = ("U=http://127.0.0.1:8080; " + command).replace("8080", str(server.port))
    command = command.replace("sleep 9", ":")
    done = subprocess.run(["bash", "-c", command], cwd=chapter.folder, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=20)
    assert re.search("HTTP/1.0 %s\r|<h1>%s</h1>" % (status, status), done.stdout), done.stdout


def test_a_broken_disk(other, faults):
    server = other("07-tinyweb").serve("-p", "0", under=faults("read:error=EIO:when=2+"))  # 1: the loader
    assert get(server, "/").status == 500
    server.wait_for_error(r"^tinyweb: open or read a file: .* \(EIO\)$")


def test_all_other_mistakes_have_a_command():
    table = read("07-tinyweb", "README.md").partition("| status |")[2].partition("\n\n")[0]
    without = [line.split()[1] for line in table.splitlines()[2:] if "`" not in line]
    assert without == ["500", "503"]  # a broken disk, and no descriptor for the file: see above


# ---- Chapter 8

@row("08-fork-server", "fork", "EAGAIN")
@row("08-fork-server", "fork", "ENOMEM")
@pytest.mark.parametrize("symbol", ["EAGAIN", "ENOMEM"])
def test_no_more_processes(serve, faults, symbol):
    server = serve(under=faults("?clone,?clone3,?fork:error=%s:when=1" % symbol))
    assert get(server, "/").status == 503
    server.wait_for_error(r"^fork-server: fork: .* \(%s\)$" % symbol)
    assert get(server, "/").status == 200


@row("08-fork-server", "none", "503")
def test_the_maximum_of_children_runs(serve):
    server = serve("-c", "1")
    first = begin(server)
    assert get(server, "/").status == 503
    assert finish(first).status == 200
    wait_until(lambda: get(server, "/").status == 200, what="room for another")


@row("08-fork-server", "waitpid", "ECHILD")
def test_there_is_no_child(serve, faults, tmp_path):
    calls = tmp_path / "strace"
    server = serve(under=[str(calls) if word == os.devnull else word
                          for word in faults("wait4:delay_enter=1")])
    for _ in range(2):
        ends_well(server)
    assert "ECHILD" in calls.read_text()


@row("08-fork-server", "pselect", "EINTR")
def test_a_signal_during_the_wait(serve):
    server = serve()
    server.signal(signal.SIGTERM)
    assert (server.wait(), server.stderr) == (0, "")


@row("08-fork-server", "pselect", "EMFILE (our own)")
def test_a_number_too_large_for_an_fd_set(chapter, webroot):
    many = "ulimit -n 2000; for i in $(seq 3 1100); do eval \"exec $i</dev/null\"; done; exec \"$0\" \"$@\""
    program = chapter.run("-p", "0", webroot, under=["bash", "-c", many])
    assert program.status == 1
    assert program.stderr.endswith("(EMFILE)\n"), program.stderr


# ---- Chapter 9

@pytest.fixture
def folder(tmp_path, webroot):
    """The folder of the configuration, and of the webroot."""
    return tmp_path


@pytest.fixture
def public():
    """A folder that everybody may read."""
    with PublicFolder() as folder:
        yield folder.path


def fails(daemons, arguments, error, **options):
    """The program ends with status 1 and says this, as a regular expression, and nothing remains."""
    program = daemons.run(*arguments, **options)
    assert (program.status, program.output) == (1, "")
    assert re.fullmatch(r"daemon: %s\n" % error, program.stderr), program.stderr
    daemons.none_left()


@row("09-daemon", "realpath", "ENOENT")
def test_no_such_configuration(daemons):
    fails(daemons, ["-c", "no-such-file"], r".*no-such-file: .* \(ENOENT\)")


@row("09-daemon", "none", "`no such key`")
def test_a_typing_mistake(daemons, folder):
    fails(daemons, ["-c", configure(folder, prot=80)], r".*/daemon\.conf:3: .*no such key.*")


@row("09-daemon", "none", r"`\xef\xbb\xbfport: no such key`")
def test_what_nobody_sees(daemons, folder):
    (folder / "daemon.conf").write_bytes(b"\xef\xbb\xbfport = 80\n")
    fails(daemons, ["-c", folder / "daemon.conf"], r".*/daemon\.conf:1: \\xef\\xbb\\xbfport: no such key")


@row("09-daemon", "getpwnam", "EMFILE")
def test_no_descriptor_for_the_list_of_users(daemons, folder):
    fails(daemons, ["-c", configure(folder, user="nobody")], r".*/daemon\.conf:\d: .* \(EMFILE\)",
          under=["sh", "-c", 'ulimit -n 4; exec "$0" "$@"'])


@row("09-daemon", "bind", "EADDRINUSE")
def test_the_daemons_port_is_taken(daemons, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        fails(daemons, ["-c", configure(folder, port=taken.getsockname()[1])],
              r"bind 127\.0\.0\.1 port \d+: .* \(EADDRINUSE\)")


@row("09-daemon", "fcntl F_SETLK", "EAGAIN")
def test_it_runs_already(daemons, folder):
    first = daemons.start("-c", configure(folder, pidfile="daemon.pid"))
    second = daemons.run("-c", configure(folder, pidfile="daemon.pid"))
    assert second.status == 1
    assert second.stderr.endswith("daemon.pid: already running as process %d\n" % first.pid)


@row("09-daemon", "fcntl F_SETLK", "ENOLCK")
def test_there_are_no_locks(daemons, folder, faults):
    fails(daemons, ["-n", "-c", configure(folder, pidfile="daemon.pid")], r"lock .*/daemon\.pid: .* \(ENOLCK\)",
          under=faults("fcntl:error=ENOLCK:when=2"))  # 1: fdopen()
    assert not (folder / "daemon.pid").exists()


@row("09-daemon", "open", "ELOOP")
def test_the_pid_file_is_a_trap(daemons, folder):
    (folder / "daemon.pid").symlink_to("x")
    fails(daemons, ["-c", configure(folder, pidfile="daemon.pid")], r"open .*/daemon\.pid: .* \(ELOOP\)")
    assert not (folder / "x").exists()


@row("09-daemon", "initgroups", "EPERM")
def test_only_root_changes_groups(chapter, run_by_a_user, public):
    program = run_by_a_user("-c", configure(public, user="root", webroot="/"))
    checks.is_failure(chapter, program, "EPERM")
    assert program.stderr.startswith("daemon: initgroups root: ")


@row("09-daemon", "fork", "EAGAIN")
def test_no_process_for_the_daemon(daemons, folder, faults):
    fails(daemons, ["-c", configure(folder)], r"fork: .* \(EAGAIN\)",
          under=faults("?clone,?clone3,?fork:error=EAGAIN"))


@row("09-daemon", "setsid", "EPERM")
def test_the_leader_of_a_group_cannot_begin_a_session(daemons, folder, changed):
    assert daemons.start("-c", configure(folder)).is_running()  # as a leader: it forks first
    changed("detach.c", "pid_t child = fork();", "pid_t child = 0;")
    fails_to_detach = daemons.run("-c", configure(folder))
    assert fails_to_detach.status == 1
    assert re.fullmatch(r"daemon: setsid: .* \(EPERM\)\n", fails_to_detach.stderr)


@row("09-daemon", "bind, after SIGHUP", "EACCES")
def test_root_is_given_up(chapter, public):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    checks.needs_privileged_ports()
    make_webroot(public / "webroot")
    server = chapter.serve("-n", "-c", configure(public, user="nobody"))
    configure(public, user="nobody", port=81)
    server.signal(signal.SIGHUP)
    server.wait_for_error(r"^daemon: bind 127\.0\.0\.1 port 81: .* \(EACCES\)$")
    server.wait_for_error(r"^daemon: configuration not changed$")
    assert get(server, "/").status == 200


@row("09-daemon", "syslog", "none")
def test_nobody_collects_messages(daemons, folder):
    (folder / "dev").mkdir()
    words = own_dev(folder / "dev")
    if words is None:
        pytest.skip("needs the permission to make a Linux namespace")
    assert get(daemons.start("-c", configure(folder), under=words), "/").status == 200
