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
import sys
import termios

import pytest

from harness import checks
from harness.concurrency import (answer_on_a_bad_day, answers_in_reverse_order, begin, begin_download, finish,
                                 finish_download, hold_children, is_refused, make_webroot)
from harness.daemon import configure, pid_in
from harness.grading import Symptom, graded
from harness.inspect import at_rest, children, folder as current_folder, leads_to, living, parent
from harness.namespaces import own_root
from harness.program import how_it_ended, wait_until
from harness.steps import step
from harness.talk import get, reserved_port
from harness.users import PublicFolder, ordinary_user

CHAPTER = "09-daemon"
PIDFILE = {"pidfile": "daemon.pid"}  # for configure()


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot")
    return tmp_path


def status(pid, name):
    """A line of /proc/PID/status, see proc(5)."""
    with open("/proc/%d/status" % pid) as file:
        return re.search(r"^%s:[ \t]*(.*?)[ \t]*$" % name, file.read(), re.MULTILINE).group(1)


def standard(descriptors):
    """What 0, 1 and 2 lead to, of what leads_to() returns."""
    return [descriptors.get(number, "closed") for number in (0, 1, 2)]


def assert_are_null(descriptors):
    """What leads_to() returns has /dev/null for 0, 1 and 2."""
    leads = standard(descriptors)
    assert leads == ["/dev/null"] * 3, "0, 1 and 2 should lead to /dev/null, and are: %s" % ", ".join(leads)


def fails(daemons, *arguments, **options):
    """The program ends with status 1, and leaves nothing running. Return what it says on stderr."""
    program = daemons.run(*arguments, **options)
    assert program.status == 1, "exit status %d; stderr:\n%s" % (program.status, program.stderr)
    assert program.stderr.startswith("daemon: "), "no message on stderr, but: %r" % program.stderr
    assert program.output == ""
    daemons.none_left()
    return program.stderr


# ---- In the foreground

@graded(6, "With -n it stays in the foreground, and serves what its configuration says",
        cause=[
            Symptom("in the background", "It detaches although -n is there: fork() and setsid() are for a "
                    "start without -n."),
            "What the configuration says of port and webroot does not arrive where the listener and the "
            "webroot are opened; or something of chapter 8 was lost on the way."],
        read="Your turn",
        by_hand=("mkdir -p my; echo my page > my/index.html; printf 'port = 8081\\nwebroot = my\\n' > my.conf; ./daemon -n -c my.conf; echo exit status $?",
                 "curl -sS -m 1 http://127.0.0.1:8081/"))
def test_serves_in_the_foreground(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder))
    assert get(server, "/", limit=5).body == b"the page\n"
    assert server.is_running(), "the process that was started has ended: it serves in the background"


@graded(2, "Its first line says where it listens, as address and port ask",
        cause=[
            Symptom("has not said so", "printf() into a pipe keeps the line in stdio's buffer: "
                    "setvbuf(stdout, NULL, _IOLBF, BUFSIZ) before it, or fflush(stdout) behind it."),
            Symptom("without these keys", "Without the key `address` it is 127.0.0.1, and without `port` 8080."),
            "The line is `listening on ADDRESS port PORT`, word for word, with what getsockname() says; "
            "bind() takes what the key `address` has."],
        read="Your turn", needs=[],
        by_hand=("printf 'address = 127.0.0.2\\nport = 8080\\n' > my.conf; ./daemon -n -c my.conf > out & sleep 0.3; cat out; kill $!; wait; echo > my.conf; ./daemon -n -c my.conf > out & sleep 0.3; cat out; kill $!",))
def test_says_where_it_listens(chapter, folder):
    address = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"  # elsewhere there is one alone
    server = chapter.serve("-n", "-c", configure(folder, address=address))
    checks.says_where_it_listens(server)
    assert server.address == address
    step("and without these keys:")
    server = chapter.serve("-n", "-c", configure(folder))
    assert server.address == "127.0.0.1"
    checks.default_port(chapter, 8080, "-n", "-c", configure(folder, port=None))


@graded(4, "With -n it logs to stdout, and keeps its folder, its umask and no strange descriptor",
        cause=[
            Symptom("its folder|its umask", "chdir() and umask() are for a start without -n: with it, "
                    "whoever started it has chosen."),
            Symptom("strange descriptor", "What was open when it was started is to be closed with -n, too: "
                    "all from 3 on."),
            Symptom("exit status [1-9]|killed|did not end", "SIGTERM ends it as in chapter 8, with exit "
                    "status 0."),
            "With -n the log goes to stdout, each line at once: `started`, a line for each answer, "
            "`stopped`; only without -n to syslog()."],
        read="Your turn",
        by_hand=("printf 'port = 8080\\n' > my.conf; (umask 027; exec ./daemon -n -c my.conf 20< my.conf); echo exit status $?",
                 "curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; pid=$(pgrep -xn daemon); readlink /proc/$pid/{cwd,fd/20}; grep Umask /proc/$pid/status; kill $pid"))
def test_logs_to_stdout_in_the_foreground(chapter, folder):
    with open(str(folder / "inherited"), "w") as file:
        server = chapter.serve("-n", "-c", configure(folder), cwd=str(folder), pass_fds=[file.fileno()],
                               preexec_fn=lambda: os.umask(0o027))
    assert get(server, "/").status == 200
    assert os.path.samefile(current_folder(server.pid), str(folder)), "with -n its folder is another"
    umask = status(server.pid, "Umask")
    assert umask == "0027", "with -n its umask is %s, and was 0027 when it was started" % umask
    assert "inherited" not in str(leads_to(server.pid)), "with -n, too, a strange descriptor of who started it stays"
    server.wait_for_output(r'^127\.0\.0\.1 port \d+ "GET / HTTP/1\.0" 200 9$', limit=2)
    server.signal(signal.SIGTERM)
    ended = server.wait()
    assert ended == 0, "after SIGTERM it ends with %s" % how_it_ended(ended)
    assert re.fullmatch(r"listening on .*\nstarted\n127.*\nstopped\n", server.output), (
        "stdout is not `listening`, `started`, the request, `stopped`:\n" + server.output)
    assert server.stderr == "", "nothing has failed, and stderr says: " + server.stderr


@graded(5, "Serves as chapter 8 does, with max-children as the limit",
        cause=[
            Symptom("timed out", "The parent serves the client itself, or waits for the child that does, "
                    "and all others wait with it."),
            Symptom("without the key", "Without the key max-children there may be 256 "
                    "children."),
            Symptom("expected: 503", "max-children does not arrive where children are counted, before "
                    "fork()."),
            "Something of the chapters before was lost on the way, as their lessons have it."],
        read="Your turn",
        by_hand=("printf 'port = 8080\\nmax-children = 1\\n' > my.conf; ./daemon -n -c my.conf",
                 "printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 8080; sleep 2 | nc 127.0.0.1 8080 & sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill $(pgrep -xo daemon); wait; echo port = 8081 > my.conf; ./daemon -n -c my.conf > /dev/null & sleep 0.3; for i in $(seq 256); do sleep 4 | nc 127.0.0.1 8081 > /dev/null & done; sleep 1.5; curl -sSI -m 1 http://127.0.0.1:8081/ | head -1"))
def test_serves_as_chapter_8_does(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder, max_children=4))
    assert get(server, "/", method="HEAD").body == b""
    assert get(server, "/missing").status == 404
    outside = get(server, "/../daemon.conf").status
    assert outside in (400, 403, 404), "/../daemon.conf leads out of the webroot, and got %d" % outside
    answers_in_reverse_order(server, 3)
    wait_until(lambda: not children(server.pid), what="the end of all children, zombies included")
    held = [begin(server) for _ in range(4)]
    assert get(server, "/").status == 503
    for client in reversed(held):
        assert finish(client).status == 200
    server = chapter.serve("-n", "-c", configure(folder))
    held = hold_children(server, 256)
    count = len(living(server.pid))
    assert count == len(held), "without the key max-children there may be 256 children, and there are %d" % count
    assert get(server, "/").status == 503, "without the key max-children 256 are served, and not one more"


@graded(4, "Answers all the same under short counts, EINTR and failing calls",
        cause=[
            Symptom("has ended", "A fork() or accept() that fails, with EINTR or ECONNABORTED, is no "
                    "reason to end: the next one may not."),
            "A recv() or send() that was interrupted (EINTR), or did a part, has to be called again for the "
            "rest."],
        read="What can go wrong",
        by_hand=("strace -f -qq -o /dev/null -e inject=accept,recvfrom,sendto:error=EINTR:when=1+2 ./daemon -n",
                 "for i in 1 2 3; do curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; done"))
def test_random_faults(chapter, folder, random_faults):
    server = random_faults(chapter.serve, "-n", "-c", configure(folder))
    answers = [answer_on_a_bad_day(server).status for _ in range(20)]
    assert 200 in answers, "of 20 answers none has the status 200"


# ---- To the background

@graded(5, "Goes to the background; once it has exited 0, the port answers",
        cause=[
            Symptom("the started process to end", "The started process waits for ever: it stays in the "
                    "foreground, or it has the pipe's writing end open itself, and read() never returns 0: "
                    "close() that end before."),
            Symptom("exit status [1-9]", "The daemon runs, but the started process has not heard of it: "
                    "write() one byte into the pipe when all is ready, and _exit(0) where read() returns "
                    "it."),
            "The started process ends before the daemon is ready: only when it has read the byte that says "
            "so may it _exit(0)."],
        read="The program",
        by_hand=("printf 'port = 8080\\n' > my.conf; timeout 2 strace -D -f -qq -o /dev/null -e inject=listen:delay_enter=300000 ./daemon -c my.conf; echo exit status $?; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; sleep 0.2; pkill -xn daemon",))
def test_answers_once_the_started_process_has_ended(chapter, daemons, folder, gaps):
    with reserved_port() as port:
        step("each fork() takes a while:")
        starter = chapter.start("-c", configure(folder, port=port), env=gaps(LAB_SLOW_FORK=100))
        wait_until(lambda: not starter.is_running(), what="the started process to end")
        ended = starter.wait(limit=1)
        assert ended == 0, "the started process ends with %s; stderr:\n%s" % (how_it_ended(ended), starter.stderr)
        assert get(port, "/").body == b"the page\n"
    assert daemons.only_one_left() != starter.pid, "the process that was started is the daemon"
    assert starter.stderr == "", "nothing has failed, and stderr says: " + starter.stderr


# ---- Leaving whoever started it

@graded(5, "Has a session without a terminal, the folder / and the umask 022",
        cause=[
            Symptom("its umask", "umask(022), in the daemon: who started it may have had another, and it "
                    "decides who may read the files that the daemon makes."),
            Symptom("its folder", "chdir(\"/\"), in the daemon: or it keeps a file system from being "
                    "unmounted."),
            Symptom("leads its session", "A second fork(), after setsid(), and the leader of the session "
                    "ends: or it can get a terminal again."),
            "setsid(), in the child of the first fork(), makes a new session; its parent ends."],
        read="The idea", needs=["test_answers_once_the_started_process_has_ended"],
        by_hand=("printf 'port = 8080\\n' > my.conf; umask 0; ./daemon -c my.conf; pid=$(pgrep -xn daemon); readlink /proc/$pid/cwd; grep Umask /proc/$pid/status; ps -o pid,sid,tty,comm -p $pid | sed \"s/\\<$pid\\>/PID/g\"; kill $pid",))
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


@graded(5, "Keeps no descriptor but its own, and 0, 1, 2 are /dev/null",
        cause=[
            Symptom("with 0, 1 and 2 closed", "Where 0, 1 and 2 were closed, the first open(), pipe() or "
                    "socket() gets their numbers: open(\"/dev/null\") at the start until it returns more "
                    "than 2."),
            Symptom("is still open", "What was open at the start is open still: close() all from 3 on; "
                    "/dev/fd lists them, and there may be high ones."),
            "dup2() makes 0, 1 and 2 lead to /dev/null: neither left as they were, nor just closed."],
        read="The program", needs=["test_answers_once_the_started_process_has_ended"],
        by_hand=("printf 'port = 8080\\n' > my.conf; ./daemon -c my.conf 20< my.conf; readlink /proc/$(pgrep -xn daemon)/fd/{0,1,2,20}; pkill -xn daemon; sleep 0.2; ./daemon -c my.conf <&- >&- 2>&-; readlink /proc/$(pgrep -xn daemon)/fd/{0,1,2}; pkill -xn daemon",))
def test_keeps_no_descriptor_that_was_open(daemons, folder):
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


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]], ids=str)
def test_starts_with_standard_descriptors_closed(daemons, folder, closed):
    with reserved_port() as port:
        daemon = daemons.start("-c", configure(folder, port=port),
                               preexec_fn=lambda: [os.close(number) for number in closed])
        assert get(port, "/").body == b"the page\n"
    assert_are_null(leads_to(daemon.pid))


# ---- Failing to start

@graded(5, "A start that fails says why on the terminal, and exits 1",
        cause=[
            Symptom("the started process to end", "The started process waits for ever, as it has the "
                    "pipe's writing end open itself: the end of the pipe tells it that the daemon has died."),
            Symptom("exit status 0", "The started process does not wait for word from the daemon, or does "
                    "not look at it: without a byte from the pipe, read() returns 0, and it is to _exit(1)."),
            Symptom("no message on stderr", "The daemon lets go of the terminal too early, or speaks to "
                    "syslog() already: until all is ready, what fails is said on stderr."),
            "The message is `daemon: what failed: strerror text (ESYMBOL)`, nothing comes on stdout, and "
            "nothing is left running."],
        read="The program", needs=[],
        by_hand=("printf 'port = 8080\\n' > my.conf; nc -l 127.0.0.1 8080 & other=$!; sleep 0.2; timeout 2 ./daemon -c my.conf; echo exit status $?; kill $other",))
def test_port_in_use(daemons, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = fails(daemons, "-c", configure(folder, port=port))
    assert re.fullmatch(r"daemon: bind 127\.0\.0\.1 port %d: .* \(EADDRINUSE\)\n" % port, said), said


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
    assert fails(daemons, "-c", configure(folder, **PIDFILE)) == "daemon: %s/daemon.pid: not a regular file\n" % folder
    assert (folder / "daemon.pid").is_fifo(), "it was removed"


def test_pid_file_on_a_full_disk(daemons, folder, faults):
    said = fails(daemons, "-c", configure(folder, **PIDFILE), under=faults("ftruncate:error=ENOSPC"))
    assert said.endswith("(ENOSPC)\n"), said
    assert not (folder / "daemon.pid").exists(), "the pid file is left behind"


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


@graded(4, "The pid file tells the daemon's process id, and is gone at its end",
        cause=[
            Symptom("still there", "unlink() the pid file at the end: after the last child, and before "
                    "main() returns."),
            Symptom("the daemon still runs", "The pid file is removed before the last children have ended: "
                    "it is to tell of the daemon for as long as that runs."),
            Symptom("left behind", "A start that fails has made the pid file, and leaves it: unlink() it "
                    "there, too."),
            Symptom("is no more|not the daemon", "The pid file was written by a process that has ended: "
                    "getpid() in the last one, after both fork()."),
            "The pid file holds the process id and a newline, such as `742\\n`, and nothing else."],
        read="The program", needs=["test_answers_once_the_started_process_has_ended"],
        by_hand=("printf 'port = 8080\\npidfile = my.pid\\n' > my.conf; ./daemon -c my.conf; pid=$(pgrep -xn daemon); wc -l < my.pid; [ \"$(cat my.pid)\" = $pid ] && echo it is the daemon; (sleep 1 | nc -N 127.0.0.1 8080) & sleep 0.3; kill $pid; sleep 0.2; ls my.pid; sleep 2; ls my.pid; nc -l 127.0.0.1 8080 & sleep 0.2; ./daemon -c my.conf; sleep 0.1; ls my.pid; kill %2",))
def test_pid_file_tells_the_daemon(daemons, folder):
    daemon = daemons.start("-c", configure(folder, **PIDFILE))
    pid = pid_in(folder / "daemon.pid")
    assert pid == daemon.pid, "the pid file tells process %d, which is not the daemon" % pid
    with begin(daemon):
        wait_until(lambda: children(daemon.pid), what="a child")
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: is_refused(daemon), what="new connections to be refused")
        assert (folder / "daemon.pid").exists(), "the pid file is gone, and the daemon still runs"
    daemon.wait()
    assert not (folder / "daemon.pid").exists(), "the daemon has ended, and the pid file is still there"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        fails(daemons, "-c", configure(folder, port=taken.getsockname()[1], **PIDFILE))
    assert not (folder / "daemon.pid").exists(), "the start has failed, and the pid file is left behind"


@graded(2, "A pid file that is a symbolic link, or no regular file, is refused",
        cause=[
            Symptom("but a FIFO", "What is no regular file, such as a FIFO, is nobody's pid file, and open() may wait "
                    "there for ever: open it with O_RDWR, fstat() the descriptor, and look with S_ISREG()."),
            "The pid file is a symbolic link, perhaps a trap that leads to another file: open() with O_NOFOLLOW "
            "refuses it (ELOOP)."],
        read="The program", needs=["test_pid_file_tells_the_daemon"],
        by_hand=("printf 'port = 8080\\npidfile = my.pid\\n' > my.conf; echo precious > victim; ln -s victim my.pid; ./daemon -c my.conf; cat victim; pkill -xn daemon; rm -f my.pid; mkfifo my.pid; timeout 2 ./daemon -c my.conf; echo exit status $?; pkill -xn daemon",))
def test_pid_file_that_is_none_is_refused(daemons, folder):
    (folder / "precious").write_text("precious")
    (folder / "precious").chmod(0o666)
    step("the pid file is a link to another file")
    (folder / "daemon.pid").symlink_to("precious")
    said = fails(daemons, "-c", configure(folder, **PIDFILE))
    assert "daemon.pid" in said, "stderr does not name it: " + said
    assert (folder / "precious").read_text() == "precious", "it was written to"
    (folder / "daemon.pid").unlink()
    step("now it is no regular file, but a FIFO")
    os.mkfifo(str(folder / "daemon.pid"))
    (folder / "daemon.pid").chmod(0o666)
    said = fails(daemons, "-c", configure(folder, **PIDFILE))
    assert "daemon.pid" in said, "stderr does not name it: " + said
    assert (folder / "daemon.pid").is_fifo(), "it was removed"


def names_the_first(daemons, folder, daemon):
    """A second instance is refused, names the daemon, and leaves it as it is."""
    assert is_locked(folder / "daemon.pid"), "nobody holds a lock of fcntl() on the pid file"
    program = daemons.run("-c", configure(folder, **PIDFILE))
    assert program.status == 1, "the second instance ends with exit status %d, not 1" % program.status
    assert program.stderr == "daemon: %s/daemon.pid: already running as process %d\n" % (folder, daemon.pid)
    wait_until(lambda: daemons.left() == [daemon.pid], what="the first instance alone to be left")
    assert pid_in(folder / "daemon.pid") == daemon.pid, "the pid file is not what the first one has written"
    assert get(daemon, "/").status == 200


@graded(5, "A second instance names the first, and harms nothing",
        cause=[
            Symptom("read the file again", "The lock was lost in the reload: close() of any descriptor of "
                    "the pid file gives it up, also of one that was opened only to look. Leave that file "
                    "alone."),
            Symptom("nobody holds", "The pid file is not locked with fcntl(F_SETLK), which is not flock(); "
                    "or the lock is lost: with the process that took it, or when any descriptor of the "
                    "file is closed."),
            Symptom("the pid file (has no|is not)|no file", "Who did not get the lock has emptied or "
                    "removed the file: open() without O_TRUNC, and only the one who has the lock may write."),
            "The message is `daemon: PIDFILE: already running as process PID`, with an absolute PIDFILE, "
            "and fcntl(F_GETLK) tells in l_pid who has the lock."],
        read="The program", needs=["test_pid_file_tells_the_daemon"],
        by_hand=("printf 'port = 0\\npidfile = my.pid\\n' > my.conf; ./daemon -c my.conf > out; pid=$(cat my.pid); for i in 1 2; do ./daemon -c my.conf 2> said; echo exit status $?; grep -c \"^daemon: $PWD/my.pid: already running as process $pid$\" said; kill -HUP $pid; sleep 0.2; done; wc -l < my.pid; pkill -x daemon",))
def test_only_one_holds_the_pid_file(daemons, folder):
    daemon = daemons.start("-c", configure(folder, **PIDFILE))
    for _ in range(3):
        names_the_first(daemons, folder, daemon)
    (folder / "webroot" / "new").mkdir()
    (folder / "webroot" / "new" / "index.html").write_text("another page")
    configure(folder, webroot="webroot/new", **PIDFILE)
    daemon.signal(signal.SIGHUP)
    with contextlib.suppress(AssertionError):  # whether that works is another check's
        wait_until(lambda: not daemon.is_running() or get(daemon, "/").body == b"another page", limit=1)
    step("it has read the file again")
    if daemon.is_running():
        names_the_first(daemons, folder, daemon)


@graded(3, "Of two instances that start at the same moment, one runs",
        cause=[
            Symptom("has removed", "Between open() and fcntl(F_SETLK) the last owner has removed the file, "
                    "and what is locked now has no name: look with fstat() and stat() whether both are the "
                    "same (st_dev, st_ino), else open it anew."),
            "The look whether another one runs and the lock are not one step, such as F_GETLK or a look "
            "into the file first, and F_SETLK later; or a loser empties the file (O_TRUNC). Who gets the "
            "lock runs, and nobody else."],
        read="The program", needs=["test_only_one_holds_the_pid_file"],
        by_hand=("printf 'port = 0\\npidfile = my.pid\\n' > my.conf; for i in 1 2; do strace -f -qq -o /dev/null -e inject=clone,clone3:delay_exit=200000 ./daemon -c my.conf > said$i 2>&1 & done; sleep 2; cat said1 said2 | grep -c listening; kill $(cat my.pid); sleep 0.3; ./daemon -c my.conf; strace -f -qq -o /dev/null -e inject=fcntl:delay_enter=200000 ./daemon -c my.conf & sleep 0.3; kill $(cat my.pid); sleep 2; wc -l my.pid; pkill -x daemon",))
def test_two_at_the_same_moment(chapter, daemons, folder, gaps, tmp_path):
    configuration, environment = configure(folder, **PIDFILE), gaps(LAB_SLOW_FORK=50)
    both = [chapter.start("-c", configuration, env=environment) for _ in range(2)]
    for program in both:
        wait_until(lambda: not program.is_running(), what="the started process to end")
    statuses = sorted(program.wait(limit=1) for program in both)
    assert statuses == [0, 1], "their exit statuses are %d and %d, and should be 0 and 1" % tuple(statuses)
    first = daemons.only_one_left()
    assert first == pid_in(folder / "daemon.pid")
    gate = folder / "gate"
    second = chapter.start("-c", configuration, env=gaps(LAB_GATE_BEFORE_LOCK=gate))
    with contextlib.suppress(AssertionError):  # a program that locks in a way that cannot be seen here
        wait_until(lambda: gate.exists() or not second.is_running(), limit=1)
    if gate.exists():
        step("a third one has opened the pid file, and is about to lock it")
        os.kill(first, signal.SIGTERM)
        wait_until(lambda: first not in daemons.left(), what="the end of the one that runs")
        step("the one that runs ends, and has removed its pid file")
        gate.unlink()
        wait_until(lambda: not second.is_running(), what="the started process to end")
        assert daemons.only_one_left() == pid_in(folder / "daemon.pid")


def test_ctrl_c_ends_a_start_that_takes_long(chapter, daemons, folder, gaps):
    starter = chapter.start("-c", configure(folder, **PIDFILE), env=gaps(LAB_SLOW_FORK=300))
    wait_until(lambda: children(starter.pid), what="its first fork()")
    starter.signal(signal.SIGINT)
    assert starter.wait() == -signal.SIGINT
    daemons.none_left()  # nobody is left whom it could tell that it is ready
    assert not (folder / "daemon.pid").exists()


@graded(4, "A pid file that a killed daemon left is taken over",
        cause=[
            Symptom("^exit status", "That the file exists was taken for a proof that its process does, as "
                    "O_EXCL does, or that one of its children still runs: only a lock counts."),
            "What the file held before is still in it: ftruncate() it, once you have the lock, before you "
            "write()."],
        read="The program", needs=["test_only_one_holds_the_pid_file"],
        by_hand=("printf 'port = 0\\npidfile = my.pid\\n' > my.conf; ./daemon -c my.conf > out; kill -KILL $(cat my.pid); sleep 0.1; echo more >> my.pid; ./daemon -c my.conf > out; echo exit status $?; wc -l < my.pid; pkill -x daemon",))
def test_pid_file_of_a_killed_daemon_is_taken_over(daemons, folder):
    killed = daemons.start("-c", configure(folder, **PIDFILE))
    with contextlib.closing(begin(killed)):
        wait_until(lambda: children(killed.pid), what="a child")
        killed.signal(signal.SIGKILL)
        killed.wait()
        wait_until(lambda: len(daemons.left()) == 1, what="the child to be left alone")
        with open(str(folder / "daemon.pid"), "a") as file:
            file.write("and more than the new process id is long\n")
        starter = daemons.run("-c", configure(folder, **PIDFILE))
        assert starter.status == 0, "exit status %d; stderr:\n%s" % (starter.status, starter.stderr)
    pid = pid_in(folder / "daemon.pid")
    assert pid != killed.pid, "the pid file still tells the process that was killed"
    assert pid == daemons.only_one_left(), "the pid file tells process %d, which is not the daemon" % pid


def test_the_pid_file_of_another_is_left_alone(chapter, folder):
    first = chapter.serve("-n", "-c", configure(folder, **PIDFILE))
    (folder / "daemon.pid").unlink()
    second = chapter.serve("-n", "-c", configure(folder, **PIDFILE))
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


@graded(4, "SIGTERM: finishes what is under way, and ends",
        cause=[
            Symptom("to be refused", "The listener is still open, in the parent or in a child that serves: "
                    "the parent closes it before it waits for its children, and each child right after "
                    "fork()."),
            Symptom("ended before", "The daemon does not wait for its children, or SIGTERM has no handler "
                    "and kills: it is a note for the main loop, as in chapter 8."),
            "At its end nothing of the daemon may be left running."],
        read="Your turn", needs=["test_answers_once_the_started_process_has_ended"],
        by_hand=("printf 'port = 8080\\n' > my.conf; ./daemon -c my.conf; pid=$(pgrep -xn daemon); (printf 'HEAD / HTTP/1.0\\r\\n'; sleep 1.5; printf '\\r\\n') | nc 127.0.0.1 8080 | head -1 & sleep 0.3; kill $pid; sleep 0.2; ps -o stat= -p $pid; nc -zv 127.0.0.1 8080; wait; sleep 0.1; pgrep -x daemon",))
def test_sigterm_finishes_the_requests_under_way(daemons, folder):
    daemon = daemons.start("-c", configure(folder))
    asking = begin(daemon)
    downloading = begin_download(daemon)
    wait_until(lambda: len(children(daemon.pid)) == 2, what="two children")
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: is_refused(daemon) or not daemon.is_running(), what="new connections to be refused")
    finish_download(downloading)
    assert daemon.is_running(), "it ended before its child, which serves a client"
    assert finish(asking).status == 200
    daemon.wait()
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


@graded(3, "With user = NAME it gives up root for good, groups included",
        cause=[
            Symptom("^exit status", "Root is given up too early, before the pid file is open; or "
                    "initgroups() and setgid() come after setuid(), when it is too late for them."),
            Symptom("still has a process id", "At the end the user may not remove the pid file, nor "
                    "perhaps look into its folder: ftruncate() it through the descriptor that is still "
                    "open."),
            Symptom("groups", "The process still has root's groups: initgroups() gives it the user's, and "
                    "setgid() the user's own, before setuid()."),
            "Root is given up only for a while, as seteuid() does, or not at all: setuid() as root changes "
            "all user ids for good."],
        read="The program", needs=["test_answers_once_the_started_process_has_ended"],
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
