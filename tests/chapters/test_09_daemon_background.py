"""09-daemon: how it goes to the background, or says why it cannot, leaves whoever started it, and gives up root."""

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

from harness.concurrency import begin, is_refused, make_webroot
from harness.daemon import PIDFILE, configure, fails, is_locked, pid_in
from harness.grading import Symptom, graded
from harness.inspect import at_rest, children, folder as current_folder, leads_to, parent, status
from harness.namespaces import own_root
from harness.program import how_it_ended, wait_until
from harness.steps import step
from harness.talk import get, reserved_port
from harness.users import PublicFolder, ordinary_user

CHAPTER = "09-daemon"
DETACHES = ["test_leaves_its_session_folder_and_umask"]  # what most others need
ANSWERS = ["test_answers_once_the_started_process_has_ended"]


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot")
    return tmp_path


def standard(descriptors):
    """What 0, 1 and 2 lead to, of what leads_to() returns."""
    return [descriptors.get(number, "closed") for number in (0, 1, 2)]


def assert_are_null(descriptors):
    """What leads_to() returns has /dev/null for 0, 1 and 2."""
    leads = standard(descriptors)
    assert leads == ["/dev/null"] * 3, "0, 1 and 2 should lead to /dev/null, and are: %s" % ", ".join(leads)


# ---- Leaving whoever started it

@graded(4, "Detaches: a session without a terminal, the folder /, the umask 022", step=7, needs=[],
        cause=[
            Symptom("its umask", "umask(022), in the daemon: who started it may have had another, and it "
                    "decides who may read the files that the daemon makes."),
            Symptom("its folder", "chdir(\"/\"), in the daemon: or it keeps a file system from being "
                    "unmounted."),
            Symptom("leads its session", "A second fork(), after setsid(), and the leader of the session "
                    "ends: or it can get a terminal again."),
            Symptom("the started process to end", "Without -n the process that was started ends: fork(), and the parent "
                    "calls _exit(0)."),
            "setsid(), in the child of the first fork(), makes a new session; its parent ends."],
        read="The program",
        by_hand=("printf 'port = 8080\\n' > my.conf; umask 0; timeout 5 ./daemon -c my.conf; sleep 0.3; pid=$(pgrep -xn daemon); readlink /proc/$pid/cwd; grep Umask /proc/$pid/status; ps -o pid,sid,tty,comm -p $pid | sed \"s/\\<$pid\\>/PID/g\"; kill $pid",))
def test_leaves_its_session_folder_and_umask(daemons, folder):
    daemon = daemons.start("-c", configure(folder), cwd=str(folder), preexec_fn=lambda: os.umask(0))
    assert parent(daemon.pid) == os.getpid(), "it is no orphan, which process 1 would adopt"
    session = os.getsid(daemon.pid)
    assert session not in (os.getsid(0), daemon.starter.pid), "it is still in the session it was started in"
    assert session != daemon.pid, "it leads its session, and can get a terminal again"
    where, umask = current_folder(daemon.pid), status(daemon.pid, "Umask")
    assert where == "/", "its folder is %s, not /" % where
    assert umask == "0022", "its umask is %s, not 0022" % umask


def test_lives_on_when_its_terminal_goes(daemons, folder):
    terminal, end = os.openpty()
    daemon = daemons.start("-c", configure(folder), pass_fds=[end],
                           preexec_fn=lambda: fcntl.ioctl(end, termios.TIOCSCTTY, 0))
    os.close(end)
    os.close(terminal)
    with open("/proc/%d/stat" % daemon.pid) as file:
        assert file.read().rpartition(")")[2].split()[4] == "0", "it has a terminal"
    assert get(daemon, "/").status == 200


@graded(2, "With -n keeps folder and umask", step=7,
        cause="chdir() and umask() are for a start without -n: with it, whoever started it has chosen.",
        read="Your turn", needs=["test_serves_in_the_foreground"],
        by_hand=("printf 'port = 8080\\n' > my.conf; umask 027; ./daemon -n -c my.conf",
                 "pid=$(pgrep -xn daemon); basename $(readlink /proc/$pid/cwd); grep Umask /proc/$pid/status; kill $pid"))
def test_keeps_folder_and_umask_in_the_foreground(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder), cwd=str(folder), preexec_fn=lambda: os.umask(0o027))
    assert get(server, "/").status == 200
    assert os.path.samefile(current_folder(server.pid), str(folder)), "with -n its folder is another"
    umask = status(server.pid, "Umask")
    assert umask == "0027", "with -n its umask is %s, and was 0027 when it was started" % umask


@graded(3, "In the background the daemon itself holds pid file and lock", step=7,
        cause=[
            Symptom("is no more|not the daemon", "The pid file was written by a process that has ended: "
                    "getpid() in the last one, after both fork()."),
            Symptom("nobody holds", "The lock is not the daemon's: a child does not inherit a lock of fcntl(), so take it "
                    "after both fork(); and it is lost when any descriptor of the file is closed."),
            Symptom("still there", "chdir(\"/\") has made a relative name lead elsewhere: unlink() it by its absolute name."),
            "At its end nothing of the daemon may be left running."],
        read="The program", needs=[*DETACHES, "test_pid_file_tells_the_process"],
        by_hand=("printf 'port = 8080\\npidfile = my.pid\\n' > my.conf; timeout 5 ./daemon -c my.conf > out; sleep 0.3; pid=$(pgrep -xn daemon); [ \"$(cat my.pid)\" = $pid ] && echo it is the daemon; timeout 1 ./daemon -n -c my.conf 2>&1 | grep -c 'already running'; kill $pid; sleep 0.3; ls my.pid; pgrep -xc daemon",))
def test_pid_file_tells_the_daemon(daemons, folder):
    daemon = daemons.start("-c", configure(folder, **PIDFILE))
    pid = pid_in(folder / "daemon.pid")
    assert pid == daemon.pid, "the pid file tells process %d, which is not the daemon" % pid
    assert is_locked(folder / "daemon.pid"), "nobody holds a lock of fcntl() on the pid file"
    daemon.signal(signal.SIGTERM)
    daemon.wait()
    assert not (folder / "daemon.pid").exists(), "the daemon has ended, and the pid file is still there"
    daemons.none_left()


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


# ---- Telling the one who waits

@graded(4, "Once the started process has exited 0, the port answers", step=8,
        cause=[
            Symptom("the started process to end", "The started process waits for ever: it stays in the "
                    "foreground, or it has the pipe's writing end open itself, and read() never returns 0: "
                    "close() that end before."),
            Symptom("exit status [1-9]", "The daemon runs, but the started process has not heard of it: "
                    "write() one byte into the pipe when all is ready, and _exit(0) where read() returns "
                    "it."),
            "The started process ends before the daemon is ready: only when it has read the byte that says "
            "so may it _exit(0)."],
        read="The program", needs=DETACHES,
        by_hand=("printf 'port = 8080\\n' > my.conf; timeout 2 strace -D -f -qq -o /dev/null -e inject=listen:delay_enter=300000 ./daemon -c my.conf; echo exit status $?; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; sleep 0.2; pkill -xn daemon",))
def test_answers_once_the_started_process_has_ended(chapter, daemons, folder, gaps):
    with reserved_port() as port:
        step("each fork() takes a while:")
        starter = chapter.start("-c", configure(folder, port=port), env=gaps(LAB_SLOW_FORK=100))
        wait_until(lambda: not starter.is_running(), what="the started process to end")
        answers = not is_refused(port)
        ended = starter.wait(limit=1)
        assert ended == 0, "the started process ends with %s; stderr:\n%s" % (how_it_ended(ended), starter.stderr)
        assert answers, "the started process has ended, and nobody listens on its port yet"
        assert get(port, "/").body == b"the page\n"
    assert daemons.only_one_left() != starter.pid, "the process that was started is the daemon"
    assert starter.stderr == "", "nothing has failed, and stderr says: " + starter.stderr


@graded(4, "A start that fails says why on the terminal, and exits 1", step=8,
        cause=[
            Symptom("the started process to end", "The started process waits for ever, as it has the "
                    "pipe's writing end open itself: the end of the pipe tells it that the daemon has died."),
            Symptom("exit status 0", "The started process does not wait for word from the daemon, or does "
                    "not look at it: without a byte from the pipe, read() returns 0, and it is to _exit(1)."),
            Symptom("no message on stderr", "The daemon lets go of the terminal too early, or speaks to "
                    "syslog() already: until all is ready, what fails is said on stderr."),
            "The message is `daemon: what failed: strerror text (ESYMBOL)`, nothing comes on stdout, and "
            "nothing is left running."],
        read="The program", needs=DETACHES,
        by_hand=("printf 'port = 8080\\n' > my.conf; nc -l 127.0.0.1 8080 & other=$!; sleep 0.2; timeout 2 ./daemon -c my.conf; echo exit status $?; kill $other",))
def test_port_in_use(daemons, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = fails(daemons, "-c", configure(folder, port=taken.getsockname()[1]))
    assert re.fullmatch(r"daemon: .+: .+ \(EADDRINUSE\)\n", said), said


def test_missing_webroot(daemons, folder):
    said = fails(daemons, "-c", configure(folder, webroot="missing"))
    assert said.startswith("daemon: %s/daemon.conf:2: " % folder)


def test_default_webroot_that_is_missing(daemons, folder):
    shutil.rmtree(str(folder / "webroot"))
    said = fails(daemons, "-c", configure(folder, webroot=None))
    assert re.fullmatch(r"daemon: webroot %s/webroot: .* \(ENOENT\)\n" % re.escape(str(folder)), said), said


@pytest.mark.parametrize("limit", range(4, 12))
def test_lack_of_descriptors(daemons, folder, limit):
    program = daemons.run("-c", configure(folder, **PIDFILE), env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    if program.status == 0:  # enough of them
        daemons.only_one_left()
    elif program.status == 127:
        pytest.skip("not even the program's libraries can be opened")
    else:
        assert program.status == 1
        assert re.fullmatch(r"daemon: .+ \(EMFILE\)\n", program.stderr), program.stderr
        daemons.none_left()


def test_ctrl_c_ends_a_start_that_takes_long(chapter, daemons, folder, gaps):
    starter = chapter.start("-c", configure(folder, **PIDFILE), env=gaps(LAB_SLOW_FORK=1000))
    wait_until(lambda: children(starter.pid), what="its first fork()")
    starter.signal(signal.SIGINT)
    assert starter.wait() == -signal.SIGINT
    daemons.none_left()  # nobody is left whom it could tell that it is ready
    assert not (folder / "daemon.pid").exists()


@graded(4, "Keeps no descriptor but its own, and 0, 1, 2 are /dev/null", step=8,
        cause=[
            Symptom("strange descriptor", "What was open when it was started is to be closed with -n, too: all from 3 on.",
                    ("printf 'port = 8080\\n' > my.conf; ./daemon -n -c my.conf 20< my.conf",
                     "pid=$(pgrep -xn daemon); basename $(readlink /proc/$pid/fd/20); kill $pid")),
            Symptom("with 0, 1 and 2 closed", "Where 0, 1 and 2 were closed, the first open(), pipe() or "
                    "socket() gets their numbers: open(\"/dev/null\") at the start until it returns more "
                    "than 2."),
            Symptom("is still open", "What was open at the start is open still: close() all from 3 on; "
                    "/dev/fd lists them, and there may be high ones."),
            "dup2() makes 0, 1 and 2 lead to /dev/null: neither left as they were, nor just closed."],
        read="The program", needs=DETACHES,
        by_hand=("printf 'port = 8080\\n' > my.conf; timeout 5 ./daemon -c my.conf 20< my.conf; sleep 0.2; readlink /proc/$(pgrep -xn daemon)/fd/{0,1,2,20}; pkill -xn daemon; sleep 0.2; ./daemon -c my.conf <&- >&- 2>&-; readlink /proc/$(pgrep -xn daemon)/fd/{0,1,2}; pkill -xn daemon",))
def test_keeps_no_descriptor_that_was_open(chapter, daemons, folder):
    with open(str(folder / "inherited"), "w") as file, socket.socketpair()[0] as pair:
        high = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD, 700)
        daemon = daemons.start("-c", configure(folder), pass_fds=[file.fileno(), pair.fileno(), high])
        after, starter = leads_to(at_rest(daemon.pid)), daemon.starter.process
        given = {os.readlink("/proc/self/fd/%d" % opened.fileno())
                 for opened in (file, pair, starter.stdout, starter.stderr)}
        os.close(high)
    kept = [number for number, place in sorted(after.items()) if number > 2 and place in given]
    assert not kept, "what was open when it was started is still open: %s" % ", ".join(map(str, kept))
    assert_are_null(after)
    daemon.signal(signal.SIGTERM)
    daemon.wait()
    step("start it once more, with 0, 1 and 2 closed")
    starter = daemons.run("-c", configure(folder), preexec_fn=lambda: [os.close(number) for number in (0, 1, 2)])
    assert starter.status == 0, "with 0, 1 and 2 closed at its start it ends with status %d" % starter.status
    assert_are_null(leads_to(at_rest(daemons.only_one_left())))
    step("and with -n")
    with open(str(folder / "inherited")) as file:
        server = chapter.serve("-n", "-c", configure(folder), pass_fds=[file.fileno()])
    assert "inherited" not in str(leads_to(at_rest(server.pid))), "with -n, too, a strange descriptor of who started it stays"


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]], ids=str)
def test_starts_with_standard_descriptors_closed(daemons, folder, closed):
    with reserved_port() as port:
        daemon = daemons.start("-c", configure(folder, port=port),
                               preexec_fn=lambda: [os.close(number) for number in closed])
        assert get(port, "/").body == b"the page\n"
    assert_are_null(leads_to(daemon.pid))


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
            for what, ids, right in (("groups", got["Groups"], os.getgrouplist("nobody", gid)), ("group ids", got["Gid"], [gid] * 4),
                                     ("user ids", got["Uid"], [uid] * 4)):
                assert ids == right, "its %s are %s, and not %s" % (what, ids, right)
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
    daemon = daemons.start("-c", configure(folder, user="nobody", port=low_port(), **PIDFILE))
    is_nobody_for_good(daemon)
    leaves_no_pid(daemon, folder / "daemon.pid")


FIRST_ID = 1500000000  # of a namespace's users: nobody else has these


@pytest.fixture
def root():
    """The words to put before a command so that it is a root who is harmless."""
    with own_root(FIRST_ID) as words:
        yield words


@graded(3, "With user = NAME gives up root for good, groups included", step=10,
        cause=[
            Symptom("^exit status", "Root is given up too early, before the pid file is open; or "
                    "initgroups() and setgid() come after setuid(), when it is too late for them."),
            Symptom("still has a process id", "At the end the user may not remove the pid file, nor "
                    "perhaps look into its folder: ftruncate() it through the descriptor that is still "
                    "open."),
            Symptom("groups|group ids", "The process still has root's groups: initgroups() gives it the user's, and "
                    "setgid() the user's own, before setuid()."),
            "Root is given up only for a while, as seteuid() does, or not at all: setuid() as root changes "
            "all user ids for good."],
        read="The program", needs=DETACHES,
        by_hand=("mkdir -pm 700 run; printf 'port = 8080\\nuser = nobody\\npidfile = run/pid\\n' > my.conf; ./daemon -n -c my.conf  # as root",
                 "pid=$(cat run/pid); grep -E '^(Uid|Gid|Groups):' /proc/$pid/status; kill $pid; sleep 0.3; cat run/pid  # is empty now"))
def test_gives_up_root_of_a_namespace(root, daemons, public):
    public.chmod(0o700)  # the pid file in here: while it is still root
    os.chown(str(public), FIRST_ID, FIRST_ID)
    daemon = daemons.start("-c", configure(public, user="nobody", **PIDFILE), under=root)
    is_nobody_for_good(daemon, FIRST_ID)
    leaves_no_pid(daemon, public / "daemon.pid")


def test_only_root_may_become_another_user(daemons, public):
    said = fails(daemons, "-c", configure(public, user="root"), **ordinary_user())
    assert re.fullmatch(r"daemon: initgroups root: .* \(EPERM\)\n", said)


def test_may_be_told_to_become_who_it_is(daemons, public):
    user = ordinary_user()
    name = pwd.getpwuid(user.get("user", os.geteuid())).pw_name
    daemon = daemons.start("-c", configure(public, user=name), **user)
    assert get(daemon, "/").status == 200
