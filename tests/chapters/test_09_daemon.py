"""09-daemon: how it starts, or says why it cannot, leaves the terminal, holds its pid file, gives up
root, and ends. Its configuration and its log are in test_09_daemon_configuration.py and _log.py."""

import contextlib
import fcntl
import os
import pwd
import re
import resource
import shutil
import signal
import socket
import termios

import pytest

from harness import checks
from harness.concurrency import (answer_on_a_bad_day, answers_in_reverse_order, begin, begin_download, finish,
                                 finish_download, is_refused, make_webroot)
from harness.daemon import configure, pid_in
from harness.grading import graded
from harness.inspect import at_rest, children, folder as current_folder, leads_to, parent
from harness.namespaces import own_root
from harness.program import wait_until
from harness.steps import step
from harness.talk import get, reserved_port
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


def standard(descriptors):
    """What 0, 1 and 2 lead to, of what leads_to() returns."""
    return [descriptors.get(number, "closed") for number in (0, 1, 2)]


def fails(daemons, *arguments, **options):
    """The program ends with status 1, and leaves nothing running. Return what it says on stderr."""
    program = daemons.run(*arguments, **options)
    assert program.status == 1, "exit status %d; stderr:\n%s" % (program.status, program.stderr)
    assert program.stderr.startswith("daemon: "), "no message on stderr, but: %r" % program.stderr
    assert program.output == ""
    daemons.none_left()
    return program.stderr


# ---- Starting

@graded(7, "Goes to the background; once it has exited 0, the port answers",
        cause="The started process ends before the daemon is ready; or it waits for ever, for it has the pipe's writing end open itself; or the pid file was written by a process that is no more.",
        read="The program",
        by_hand=("./daemon; echo exit status $?; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill -0 $(cat daemon.pid) && echo it runs; wc -l < daemon.pid; kill $(cat daemon.pid)",))
def test_answers_once_the_started_process_has_ended(daemons, folder):
    for _ in range(3):
        daemon = daemons.start("-c", configure(folder))
        assert get(daemon, "/").body == b"the page\n"
        assert pid_in(folder / "daemon.pid") == daemon.pid
        assert daemon.starter.output == "listening on 127.0.0.1 port %d\n" % daemon.port
        assert daemon.starter.stderr == ""
        daemon.signal(signal.SIGTERM)
        daemon.wait()


@graded(5, "Serves as chapter 8 does, with max-children as the limit",
        cause="Something of the chapters before was lost on the way, or the key max-children does not reach the place where children are counted.",
        read="Your turn",
        by_hand=("printf 'port = 8080\\nmax-children = 1\\n' > my.conf; ./daemon -n -c my.conf",
                 "printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 8080; sleep 2 | nc 127.0.0.1 8080 & sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1"))
def test_serves_as_chapter_8_does(daemons, folder):
    daemon = daemons.start("-c", configure(folder, max_children=4))
    assert get(daemon, "/", method="HEAD").body == b""
    assert get(daemon, "/missing").status == 404
    status = get(daemon, "/../daemon.conf").status
    assert status in (400, 403, 404), "/../daemon.conf leads out of the webroot, and got %d" % status
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


@pytest.mark.parametrize("arguments", [["-c"], ["-x"], ["--help"], ["daemon.conf"], ["-n", "x"]])
def test_bad_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), arguments[-1])


# ---- Leaving whoever started it

@graded(7, "Has a session without a terminal, the folder / and the umask 022",
        cause="setsid(), the second fork(), chdir() or umask() is missing, or comes in the wrong process.",
        read="The idea",
        by_hand=("umask 0; ./daemon; pid=$(cat daemon.pid); readlink /proc/$pid/cwd; grep Umask /proc/$pid/status; ps -o pid,sid,tty,comm -p $pid; kill $pid",))
def test_leaves_its_session_folder_and_umask(daemons, folder):
    daemon = daemons.start("-c", configure(folder), cwd=str(folder), preexec_fn=lambda: os.umask(0))
    assert parent(daemon.pid) == os.getpid(), "it is no orphan, which process 1 would adopt"
    session = os.getsid(daemon.pid)
    assert session not in (os.getsid(0), daemon.starter.pid), "still in the session it was started in"
    assert session != daemon.pid, "the leader of a session can get a terminal again"
    assert current_folder(daemon.pid) == "/"
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


@graded(5, "Keeps no descriptor but its own, and 0, 1, 2 are /dev/null",
        cause="What was open at the start is open still; or 0, 1 and 2 were closed, or left as they were, and not made to lead to /dev/null; or, where they were closed already, the program's own descriptors got these numbers.",
        read="The program",
        by_hand=("./daemon 20< io.c; readlink /proc/$(cat daemon.pid)/fd/{0,1,2,20}; kill $(cat daemon.pid); sleep 0.2; ./daemon <&- >&- 2>&-; readlink /proc/$(cat daemon.pid)/fd/{0,1,2}; kill $(cat daemon.pid)",))
def test_keeps_no_descriptor_that_was_open(daemons, folder):
    with open(str(folder / "inherited"), "w") as file, socket.socketpair()[0] as pair:
        high = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD, 700)
        daemon = daemons.start("-c", configure(folder), pass_fds=[file.fileno(), pair.fileno(), high])
        after, starter = leads_to(at_rest(daemon.pid)), daemon.starter.process
        given = {os.readlink("/proc/self/fd/%d" % opened.fileno())
                 for opened in (file, pair, starter.stdout, starter.stderr)}
        os.close(high)
    assert standard(after) == ["/dev/null"] * 3
    assert not given.intersection(after.values()), "it keeps what was open: %s" % after
    daemon.signal(signal.SIGTERM)
    daemon.wait()
    step("start it once more, with 0, 1 and 2 closed")
    starter = daemons.run("-c", configure(folder), preexec_fn=lambda: [os.close(number) for number in (0, 1, 2)])
    assert starter.status == 0, "with 0, 1 and 2 closed at its start it ends with status %d" % starter.status
    assert standard(leads_to(pid_in(folder / "daemon.pid"))) == ["/dev/null"] * 3


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]], ids=str)
def test_starts_with_standard_descriptors_closed(daemons, folder, closed):
    with reserved_port() as port:
        daemon = daemons.start("-c", configure(folder, port=port),
                               preexec_fn=lambda: [os.close(number) for number in closed])
        assert get(port, "/").body == b"the page\n"
    assert standard(leads_to(daemon.pid)) == ["/dev/null"] * 3


@graded(5, "With -n it stays in the foreground, and logs there",
        cause="It detaches although -n is there, or what it logs goes to syslog or nowhere, or stays in a buffer.",
        read="Your turn", needs=[],
        by_hand=("./daemon -n 20< io.c; echo exit status $?",
                 "curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; readlink /proc/$(cat daemon.pid)/fd/20; kill $(cat daemon.pid); sleep 0.2; ls daemon.pid"))
def test_stays_in_the_foreground_with_n(chapter, folder):
    with open(str(folder / "inherited"), "w") as file:
        server = chapter.serve("-n", "-c", configure(folder), pass_fds=[file.fileno()])
    assert "inherited" not in str(leads_to(server.pid)), "with -n, too, no descriptor of who started it stays"
    assert get(server, "/").body == b"the page\n"
    server.wait_for_output(r'^127\.0\.0\.1 port \d+ "GET / HTTP/1\.0" 200 9$')
    assert pid_in(folder / "daemon.pid") == server.pid
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert re.fullmatch(r"listening on .*\nstarted\n127.*\nstopped\n", server.output), (
        "stdout is not `listening`, `started`, the request, `stopped`:\n" + server.output)
    assert server.stderr == ""
    assert not (folder / "daemon.pid").exists(), "the pid file is still there"


@graded(8, "Answers all the same under short counts, EINTR and failing calls",
        cause="A call that did a part, or was interrupted (EINTR), has to be made again for the rest; a fork() or accept() that fails is no reason to end.",
        read="What can go wrong", needs=["test_stays_in_the_foreground_with_n"],
        by_hand=("strace -f -qq -o /dev/null -e inject=accept,recvfrom,sendto:error=EINTR:when=1+2 ./daemon -n",
                 "for i in 1 2 3; do curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; done"))
def test_random_faults(chapter, folder, random_faults):
    server = random_faults(chapter.serve, "-n", "-c", configure(folder))
    assert 200 in [answer_on_a_bad_day(server).status for _ in range(20)]


# ---- Failing to start

@graded(6, "A start that fails says why on the terminal, and exits 1",
        cause="The started process does not wait for word from the daemon; or for ever, as it has the pipe's writing end open itself; or the daemon lets go of the terminal too early; or the pid file is opened without O_NOFOLLOW.",
        read="The program", needs=[],
        by_hand=("nc -l 127.0.0.1 8080 & other=$!; sleep 0.2; ./daemon; echo exit status $?; sleep 0.1; ls daemon.pid; ln -s victim daemon.pid; ./daemon; ls victim; rm daemon.pid; kill $other",))
def test_port_in_use(daemons, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = fails(daemons, "-c", configure(folder, port=port))
    assert re.fullmatch(r"daemon: bind 127\.0\.0\.1 port %d: .* \(EADDRINUSE\)\n" % port, said), said
    assert not (folder / "daemon.pid").exists(), "the pid file is left behind"
    (folder / "precious").write_text("precious")
    (folder / "precious").chmod(0o666)
    (folder / "daemon.pid").symlink_to("precious")
    said = fails(daemons, "-c", configure(folder))
    assert "daemon.pid" in said, "the pid file is a symbolic link, and stderr does not name it: " + said
    assert (folder / "precious").read_text() == "precious"


def test_missing_webroot(daemons, folder):
    said = fails(daemons, "-c", configure(folder, webroot="missing"))
    assert said.startswith("daemon: %s/daemon.conf:2: " % folder)


def test_default_webroot_that_is_missing(daemons, folder):
    shutil.rmtree(str(folder / "webroot"))
    said = fails(daemons, "-c", configure(folder, webroot=None))
    assert re.fullmatch(r"daemon: webroot %s/webroot: .* \(ENOENT\)\n" % re.escape(str(folder)), said), said


@pytest.mark.parametrize("pidfile,symbol", [("missing/daemon.pid", "ENOENT"), ("webroot", "EISDIR")])
def test_pid_file_that_cannot_be_written(daemons, folder, pidfile, symbol):
    assert fails(daemons, "-c", configure(folder, pidfile=pidfile)).endswith("(%s)\n" % symbol)


def test_pid_file_that_is_no_regular_file(daemons, folder):
    os.mkfifo(str(folder / "daemon.pid"))
    assert fails(daemons, "-c", configure(folder)) == "daemon: %s/daemon.pid: not a regular file\n" % folder
    assert (folder / "daemon.pid").is_fifo(), "it was removed"


def test_pid_file_on_a_full_disk(daemons, folder, faults):
    said = fails(daemons, "-c", configure(folder), under=faults("ftruncate:error=ENOSPC"))
    assert said.endswith("(ENOSPC)\n"), said
    assert not (folder / "daemon.pid").exists(), "the pid file is left behind"


@pytest.mark.parametrize("limit", range(4, 12))
def test_lack_of_descriptors(daemons, folder, limit):
    program = daemons.run("-c", configure(folder), env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    if program.status == 0:  # enough of them
        daemons.only_one_left()
    elif program.status == 127:
        pytest.skip("not even the program's libraries can be opened")
    else:
        assert program.status == 1
        assert re.fullmatch(r"daemon: .+ \(EMFILE\)\n", program.stderr), program.stderr
        daemons.none_left()


# ---- Only one, and its pid file

def is_locked(path):
    """Does another process hold a lock of fcntl(2) on the file?"""
    assert path.exists(), "there is no pid file"
    with open(str(path), "r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


@graded(6, "A second instance names the first, and harms nothing",
        cause="The pid file is not locked, or the lock is lost: with the process that took it, or when any descriptor of the file is closed; or who did not get it has emptied the file (O_TRUNC).",
        read="The program",
        by_hand=("./daemon; ./daemon 2> said; echo exit status $?; grep -c \"already running as process $(cat daemon.pid)$\" said; kill $(cat daemon.pid)",))
def test_only_one_holds_the_pid_file(daemons, folder):
    daemon = daemons.start("-c", configure(folder))
    assert is_locked(folder / "daemon.pid"), "nobody holds a lock of fcntl() on the pid file"
    for _ in range(3):
        program = daemons.run("-c", configure(folder))
        assert program.status == 1
        assert program.stderr == "daemon: %s/daemon.pid: already running as process %d\n" % (folder, daemon.pid)
        wait_until(lambda: daemons.left() == [daemon.pid], what="the first instance alone to be left")
    assert pid_in(folder / "daemon.pid") == daemon.pid
    assert get(daemon, "/").status == 200


@graded(3, "Of two instances that start at the same moment, one runs",
        cause="The look whether another one runs and the lock are not one step, such as F_GETLK or a look into the file in the first process, and F_SETLK in the third; or a loser empties the file (O_TRUNC). Who gets the lock runs, and nobody else.",
        read="The program", needs=["test_only_one_holds_the_pid_file"],
        by_hand=("printf 'port = 0\\npidfile = pid\\n' > my.conf; for i in 1 2; do strace -f -qq -o /dev/null -e inject=clone,clone3:delay_exit=200000 ./daemon -c my.conf > said$i 2>&1 & done; sleep 2; cat said1 said2 | grep -c listening; kill $(cat pid)",))
def test_two_at_the_same_moment(chapter, daemons, folder, gaps):
    configuration, environment = configure(folder), gaps(LAB_SLOW_FORK=50)
    both = [chapter.start("-c", configuration, env=environment) for _ in range(2)]
    for program in both:
        wait_until(lambda: not program.is_running(), what="the started process to end")
    statuses = sorted(program.wait(limit=1) for program in both)
    assert statuses == [0, 1], "their exit statuses are %d and %d, and should be 0 and 1" % tuple(statuses)
    assert daemons.only_one_left() == pid_in(folder / "daemon.pid")


def test_ctrl_c_ends_a_start_that_takes_long(chapter, daemons, folder, gaps):
    starter = chapter.start("-c", configure(folder), env=gaps(LAB_SLOW_FORK=300))
    wait_until(lambda: children(starter.pid), what="its first fork()")
    starter.signal(signal.SIGINT)
    assert starter.wait() == -signal.SIGINT
    daemons.none_left()  # nobody is left whom it could tell that it is ready
    assert not (folder / "daemon.pid").exists()


@graded(4, "A pid file that a killed daemon left is taken over",
        cause="That the file exists was taken for a proof that its process does; or what the file held before is still in it.",
        read="The program", needs=["test_only_one_holds_the_pid_file"],
        by_hand=("./daemon; kill -KILL $(cat daemon.pid); sleep 0.1; echo more >> daemon.pid; ./daemon; echo exit status $?; wc -l < daemon.pid; kill $(cat daemon.pid)",))
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
    pid = pid_in(folder / "daemon.pid")
    assert pid != killed.pid, "the pid file still tells the process that was killed"
    assert pid == daemons.only_one_left(), "the pid file tells process %d, which is not the daemon" % pid


def test_the_pid_file_of_another_is_left_alone(chapter, folder):
    first = chapter.serve("-n", "-c", configure(folder))
    (folder / "daemon.pid").unlink()
    second = chapter.serve("-n", "-c", configure(folder))
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    assert pid_in(folder / "daemon.pid") == second.pid


# ---- The end

def test_signals_blocked_by_who_started_it_are_let_in(daemons, folder):
    blocked = [signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD]
    with reserved_port() as port:
        daemon = daemons.start("-c", configure(folder, port=port),
                               preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, blocked))
        (folder / "webroot" / "new").mkdir()
        (folder / "webroot" / "new" / "index.html").write_text("another page")
        configure(folder, port=port, webroot=folder / "webroot" / "new")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: get(port, "/").body == b"another page", what="the new configuration")
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: not daemon.is_running(), what="the daemon to end")


@graded(5, "SIGTERM: finishes what is under way, removes the pid file, and ends",
        cause="The daemon does not wait for its children, keeps the port open meanwhile, or forgets the pid file.",
        read="Your turn",
        by_hand=("./daemon; pid=$(cat daemon.pid); (printf 'HEAD / HTTP/1.0\\r\\n'; sleep 1.5; printf '\\r\\n') | nc 127.0.0.1 8080 | head -1 & sleep 0.3; kill $pid; sleep 0.2; ps -o stat= -p $pid; nc -zv 127.0.0.1 8080; wait; sleep 0.1; ls daemon.pid",))
def test_sigterm_finishes_the_requests_under_way(daemons, folder):
    daemon = daemons.start("-c", configure(folder))
    asking = begin(daemon)
    downloading = begin_download(daemon)
    wait_until(lambda: len(children(daemon.pid)) == 2, what="two children")
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: is_refused(daemon), what="new connections to be refused")
    finish_download(downloading)
    assert daemon.is_running(), "it ended before its child, which serves a client"
    assert (folder / "daemon.pid").exists(), "the pid file is gone, and the daemon still runs"
    assert finish(asking).status == 200
    daemon.wait()
    assert not (folder / "daemon.pid").exists(), "the pid file is still there"
    daemons.none_left()


# ---- Users

@pytest.fixture
def public(chapter, containment):
    """A folder that everybody may read, with a webroot and a copy of the program."""
    with PublicFolder(containment.folder if containment else None) as public:
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


def is_nobody_for_good(daemon, offset=0):
    """The daemon and its child are the user nobody and nothing else. `offset` is what its namespace adds
    to the ids."""
    uid, gid = pwd.getpwnam("nobody")[2:4]
    with contextlib.closing(begin(daemon)):
        child = wait_until(lambda: children(daemon.pid), what="a child")[0]
        for pid in (daemon.pid, child):
            # Real, effective, saved and for files: with all four there is no way back.
            got = {kind: [int(number) - offset for number in status(pid, kind).split()]
                   for kind in ("Uid", "Gid", "Groups")}
            assert got == {"Uid": [uid] * 4, "Gid": [gid] * 4, "Groups": os.getgrouplist("nobody", gid)}
            for kind in ("CapPrm", "CapEff", "CapAmb"):
                assert int(status(pid, kind), 16) == 0, "it has kept a part of root's power: %s" % kind


def leaves_no_pid(daemon, pid_file):
    """At its end the daemon removes its pid file, or empties it where it may not."""
    daemon.signal(signal.SIGTERM)
    daemon.wait()
    assert not pid_file.exists() or pid_file.read_text() == "", "the pid file still has a process id"


def test_gives_up_root_for_good(daemons, folder):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder.chmod(0o700)  # the pid file in here, and the port: while it is still root
    daemon = daemons.start("-c", configure(folder, user="nobody", port=low_port()))
    is_nobody_for_good(daemon)
    leaves_no_pid(daemon, folder / "daemon.pid")


FIRST_ID = 1500000000  # of a namespace's users: nobody else has these


@pytest.fixture
def root():
    """The words to put before a command so that it is a root who is harmless."""
    with own_root(FIRST_ID) as words:
        yield words


@graded(4, "With user = NAME it gives up root for good, groups included",
        cause="initgroups() and setgid() are missing, or come after setuid(), when it is too late; or root is given up before the pid file is open, or only for a while, as seteuid() does; or at the end: the user may not remove the pid file, nor perhaps look into its folder, so empty it through the descriptor that is still open.",
        read="The program",
        by_hand=("mkdir -pm 700 run; printf 'port = 8080\\nuser = nobody\\npidfile = run/pid\\n' > my.conf; ./daemon -n -c my.conf  # as root",
                 "pid=$(cat run/pid); grep -E '^(Uid|Gid|Groups):' /proc/$pid/status; kill $pid; sleep 0.3; cat run/pid  # is empty now"))
def test_gives_up_root_of_a_namespace(root, daemons, public):
    public.chmod(0o700)  # the pid file in here: while it is still root
    os.chown(str(public), FIRST_ID, FIRST_ID)
    daemon = daemons.start("-c", configure(public, user="nobody"), under=root)
    is_nobody_for_good(daemon, FIRST_ID)
    leaves_no_pid(daemon, public / "daemon.pid")


def test_only_root_may_become_another_user(daemons, public):
    said = fails(daemons, "-c", configure(public, user="root", pidfile=None), **ordinary_user())
    assert re.fullmatch(r"daemon: initgroups root: .* \(EPERM\)\n", said)


def test_may_be_told_to_become_who_it_is(daemons, public):
    user = ordinary_user()
    name = pwd.getpwuid(user.get("user", os.geteuid())).pw_name
    daemon = daemons.start("-c", configure(public, user=name, pidfile=None), **user)
    assert get(daemon, "/").status == 200
