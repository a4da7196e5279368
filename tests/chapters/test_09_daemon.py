"""09-daemon: how it starts, or says why it cannot, leaves the terminal, holds its pid file, gives up
root, and ends. Its configuration and its log are in test_09_daemon_configuration.py and _log.py."""

import contextlib
import fcntl
import os
import pwd
import re
import resource
import signal
import socket
import termios

import pytest

from harness import checks
from harness.concurrency import (answers_in_reverse_order, begin, begin_download, finish, finish_download,
                                 is_refused, make_webroot)
from harness.daemon import configure, reserved_port
from harness.inspect import children, parent
from harness.program import wait_until
from harness.talk import get
from harness.users import PublicFolder, ordinary_user

CHAPTER = "09-daemon"


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot")
    return tmp_path


def status(pid, name):
    """A line of /proc/PID/status, see proc(5)."""
    with open("/proc/%d/status" % pid) as file:
        return re.search(r"^%s:\s*(.*?)\s*$" % name, file.read(), re.MULTILINE).group(1)


def leads_to(pid):
    """What a process's open descriptors lead to, by their numbers."""
    path = "/proc/%d/fd" % pid
    return {int(number): os.readlink(os.path.join(path, number)) for number in os.listdir(path)}


def fails(daemons, *arguments, **options):
    """The program ends with status 1, and leaves nothing running. Return what it says on stderr."""
    program = daemons.run(*arguments, **options)
    assert program.status == 1, "exit status %d; stderr:\n%s" % (program.status, program.stderr)
    assert program.stderr.startswith("daemon: ")
    assert program.output == ""
    wait_until(lambda: not daemons.left(), what="the end of all that was started")
    return program.stderr


# ---- Starting

def test_answers_once_the_started_process_has_ended(daemons, folder):
    for _ in range(5):
        daemon = daemons.start("-c", configure(folder))
        assert get(daemon, "/").body == b"the page\n"
        assert (folder / "daemon.pid").read_text() == "%d\n" % daemon.pid
        assert daemon.starter.output == "listening on 127.0.0.1 port %d\n" % daemon.port
        assert daemon.starter.stderr == ""
        daemon.signal(signal.SIGTERM)
        daemon.wait()


def test_serves_as_chapter_8_does(daemons, folder):
    daemon = daemons.start("-c", configure(folder, max_children=4))
    assert get(daemon, "/", method="HEAD").body == b""
    assert get(daemon, "/missing").status == 404
    assert get(daemon, "/../daemon.conf").status in (400, 403, 404)
    answers_in_reverse_order(daemon, 3)
    wait_until(lambda: not children(daemon.pid), what="the end of all children, zombies included")
    held = [begin(daemon) for _ in range(4)]
    assert get(daemon, "/").status == 503
    for client in reversed(held):
        assert finish(client).status == 200


def test_reads_the_configuration_beside_the_program(daemons, chapter, folder, tmp_path_factory):
    chapter.program = os.path.join(str(folder), "daemon")
    os.symlink(os.path.join(chapter.folder, "daemon"), chapter.program)
    configure(folder)
    elsewhere = str(tmp_path_factory.mktemp("elsewhere"))
    assert get(daemons.start(cwd=elsewhere), "/").body == b"the page\n"


@pytest.mark.parametrize("arguments", [["-c"], ["-x"], ["daemon.conf"], ["-n", "x"]])
def test_bad_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), arguments[-1])


# ---- Leaving whoever started it

def test_leaves_its_session_folder_and_umask(daemons, folder):
    old = os.umask(0)
    try:
        daemon = daemons.start("-c", configure(folder), cwd=str(folder))
    finally:
        os.umask(old)
    assert parent(daemon.pid) == os.getpid(), "an orphan, adopted by the test in place of process 1"
    session = os.getsid(daemon.pid)
    assert session not in (os.getsid(0), daemon.starter.pid), "still in the session it was started in"
    assert session != daemon.pid, "the leader of a session can get a terminal again"
    assert os.readlink("/proc/%d/cwd" % daemon.pid) == "/"
    assert status(daemon.pid, "Umask") == "0022"


def test_lives_on_when_its_terminal_goes(daemons, folder):
    terminal, end = os.openpty()
    daemon = daemons.start("-c", configure(folder), pass_fds=[end],
                           preexec_fn=lambda: fcntl.ioctl(end, termios.TIOCSCTTY, 0))
    os.close(end)
    os.close(terminal)
    with open("/proc/%d/stat" % daemon.pid) as file:
        assert file.read().rpartition(")")[2].split()[4] == "0", "it has a terminal"
    assert get(daemon, "/").status == 200


def test_keeps_no_descriptor_that_was_open(daemons, folder):
    with open(str(folder / "inherited"), "w") as file, socket.socketpair()[0] as pair:
        high = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD, 700)
        daemon = daemons.start("-c", configure(folder), pass_fds=[file.fileno(), pair.fileno(), high])
        before = leads_to(daemon.pid)
        os.close(high)
    assert [before[number] for number in (0, 1, 2)] == ["/dev/null"] * 3
    assert "inherited" not in str(before) and "pipe" not in str(before)
    kinds = sorted(re.sub(r"\W.*", "", target.lstrip("/")) for target in before.values())
    assert kinds.count("socket") <= 2, "the listener, and the way to the log: %s" % before


def test_keeps_no_descriptor_in_the_foreground_either(chapter, folder):
    with open(str(folder / "inherited"), "w") as file:
        server = chapter.serve("-n", "-c", configure(folder), pass_fds=[file.fileno()])
        assert "inherited" not in str(leads_to(server.pid))


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]], ids=str)
def test_starts_with_standard_descriptors_closed(daemons, folder, closed):
    with reserved_port() as port:
        daemon = daemons.start("-c", configure(folder, port=port),
                               preexec_fn=lambda: [os.close(number) for number in closed])
        assert get(port, "/").body == b"the page\n"
    opened = leads_to(daemon.pid)
    assert [opened[number] for number in (0, 1, 2)] == ["/dev/null"] * 3


def test_stays_in_the_foreground_with_n(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder))
    assert get(server, "/").body == b"the page\n"
    server.wait_for_output(r'^127\.0\.0\.1 port \d+ "GET / HTTP/1\.0" 200 9$')
    assert (folder / "daemon.pid").read_text() == "%d\n" % server.pid
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert re.fullmatch(r"listening on .*\nstarted\n127.*\nstopped\n", server.output), server.output
    assert server.stderr == ""
    assert not (folder / "daemon.pid").exists()


# ---- Failing to start

def test_port_in_use(daemons, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = fails(daemons, "-c", configure(folder, port=port))
    assert re.fullmatch(r"daemon: bind 127\.0\.0\.1 port %d: .* \(EADDRINUSE\)\n" % port, said)
    assert not (folder / "daemon.pid").exists()


def test_missing_webroot(daemons, folder):
    said = fails(daemons, "-c", configure(folder, webroot="missing"))
    assert said.startswith("daemon: %s/daemon.conf:2: " % folder)


@pytest.mark.parametrize("pidfile,symbol", [("missing/daemon.pid", "ENOENT"), ("webroot", "EISDIR")])
def test_pid_file_that_cannot_be_written(daemons, folder, pidfile, symbol):
    assert fails(daemons, "-c", configure(folder, pidfile=pidfile)).endswith("(%s)\n" % symbol)


def test_pid_file_that_is_a_symbolic_link(daemons, folder):
    (folder / "precious").write_text("precious")
    (folder / "daemon.pid").symlink_to("precious")
    assert fails(daemons, "-c", configure(folder)).endswith("(ELOOP)\n")
    assert (folder / "precious").read_text() == "precious"


@pytest.mark.parametrize("limit", range(4, 12))
def test_lack_of_descriptors(daemons, folder, limit):
    program = daemons.run("-c", configure(folder), env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    if program.status == 0:  # enough of them
        wait_until(lambda: len(daemons.left()) == 1, what="one process, the daemon, to be left")
    elif program.status == 127:
        pytest.skip("not even the program's libraries can be opened")
    else:
        assert program.status == 1
        assert re.fullmatch(r"daemon: .+ \(EMFILE\)\n", program.stderr), program.stderr
        assert not daemons.left()


# ---- Only one, and its pid file

def test_only_one_holds_the_pid_file(daemons, folder):
    daemon = daemons.start("-c", configure(folder))
    with open(str(folder / "daemon.pid"), "r+") as file, pytest.raises(OSError):
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for _ in range(3):
        program = daemons.run("-c", configure(folder))
        assert program.status == 1
        assert program.stderr == "daemon: %s/daemon.pid: already running as process %d\n" % (folder, daemon.pid)
        assert daemons.left() == [daemon.pid]
    assert (folder / "daemon.pid").read_text() == "%d\n" % daemon.pid
    assert get(daemon, "/").status == 200


def test_pid_file_of_a_killed_daemon_is_taken_over(daemons, folder):
    killed = daemons.start("-c", configure(folder))
    with contextlib.closing(begin(killed)):
        wait_until(lambda: children(killed.pid), what="a child")
        killed.signal(signal.SIGKILL)
        killed.wait()
        wait_until(lambda: len(daemons.left()) == 1, what="the child to be left alone")
        with open(str(folder / "daemon.pid"), "a") as file:
            file.write("and more than the new process id is long\n")
        starter = daemons.run("-c", configure(folder))
        assert starter.status == 0, starter.stderr
    pid = int((folder / "daemon.pid").read_text())
    assert pid != killed.pid and pid in daemons.left()


# ---- The end

def test_sigterm_finishes_the_requests_under_way(daemons, folder):
    daemon = daemons.start("-c", configure(folder))
    asking = begin(daemon)
    downloading = begin_download(daemon)
    wait_until(lambda: len(children(daemon.pid)) == 2, what="two children")
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: is_refused(daemon), what="new connections to be refused")
    finish_download(downloading)
    assert daemon.is_running()
    assert (folder / "daemon.pid").exists(), "it still runs"
    assert finish(asking).status == 200
    daemon.wait()
    assert not (folder / "daemon.pid").exists()
    assert not daemons.left()


# ---- Users

@pytest.fixture
def public(chapter):
    """A folder that everybody may read, with a webroot and a copy of the program."""
    with PublicFolder() as public:
        make_webroot(public.path / "webroot")
        chapter.program = public.copy(chapter.program)
        yield public.path


def low_port():
    """A port that is for root only, and free."""
    for port in range(1023, 511, -1):
        with socket.socket() as attempt:
            with contextlib.suppress(OSError):
                attempt.bind(("127.0.0.1", port))
                return port
    pytest.skip("no port below 1024 is free")


def test_gives_up_root_for_good(daemons, folder):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    nobody = ordinary_user()
    folder.chmod(0o700)  # the pid file in here, and the port: while it is still root
    daemon = daemons.start("-c", configure(folder, user="nobody", port=low_port()))
    with contextlib.closing(begin(daemon)):
        child = wait_until(lambda: children(daemon.pid), what="a child")[0]
        for pid in (daemon.pid, child):
            # Real, effective, saved and for files: with all four there is no way back.
            assert status(pid, "Uid").split() == [str(nobody["user"])] * 4
            assert status(pid, "Gid").split() == [str(nobody["group"])] * 4
            assert set(map(int, status(pid, "Groups").split())) == set(
                os.getgrouplist("nobody", nobody["group"]))
            for kind in ("CapPrm", "CapEff", "CapAmb"):
                assert int(status(pid, kind), 16) == 0
    daemon.signal(signal.SIGTERM)
    daemon.wait()
    pid_file = folder / "daemon.pid"
    assert not pid_file.exists() or pid_file.read_text() == ""


def test_only_root_may_become_another_user(daemons, public):
    said = fails(daemons, "-c", configure(public, user="root", pidfile=None), **ordinary_user())
    assert re.fullmatch(r"daemon: initgroups root: .* \(EPERM\)\n", said)


def test_may_be_told_to_become_who_it_is(daemons, public):
    user = ordinary_user()
    name = pwd.getpwuid(user.get("user", os.geteuid())).pw_name
    daemon = daemons.start("-c", configure(public, user=name, pidfile=None), **user)
    assert get(daemon, "/").status == 200
