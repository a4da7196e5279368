"""09-daemon: its pid file, and the lock on it, of which only one server at a time can hold it."""

import contextlib
import os
import signal
import socket
import subprocess

import pytest

from harness.concurrency import begin, is_refused, make_webroot
from harness.daemon import PIDFILE, configure, fails, is_locked, pid_in
from harness.grading import Symptom, graded
from harness.inspect import children
from harness.listening import kernel
from harness.program import how_it_ended, wait_until
from harness.steps import step
from harness.talk import get

CHAPTER = "09-daemon"
SERVES = ["test_serves_in_the_foreground"]  # what all need


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot")
    return tmp_path


@graded(4, "The pid file tells the process id, and is gone at its end", step=5, needs=SERVES,
        cause=[
            Symptom("still there", "unlink() the pid file at the end: after the last child, and before "
                    "main() returns."),
            Symptom("the server still runs", "The pid file is removed before the last children have ended: "
                    "it is to tell of the server for as long as that runs."),
            Symptom("left behind", "A start that fails has made the pid file, and leaves it: unlink() it "
                    "there, too."),
            "The pid file holds the process id that getpid() says and a newline, such as `742\\n`, and nothing else."],
        read="The program",
        by_hand=("printf 'port=8080\\npidfile=my.pid\\n' > my.conf; ./daemon -n -c my.conf & pid=$!; sleep 0.3; wc -l < my.pid; [ \"$(cat my.pid)\" = $pid ] && echo it is the server; (sleep 1 | nc -N 127.0.0.1 8080) & sleep 0.3; kill $pid; sleep 0.2; ls my.pid; sleep 2; ls my.pid; nc -l 127.0.0.1 8080 & other=$!; sleep 0.2; ./daemon -n -c my.conf; ls my.pid; kill $other",))
def test_pid_file_tells_the_process(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder, **PIDFILE))
    pid = pid_in(folder / "daemon.pid")
    assert pid == server.pid, "the pid file tells process %d, and the server is process %d" % (pid, server.pid)
    with begin(server):
        wait_until(lambda: children(server.pid), what="a child")
        server.signal(signal.SIGTERM)
        wait_until(lambda: is_refused(server), what="new connections to be refused")
        assert (folder / "daemon.pid").exists(), "the pid file is gone, and the server still runs"
    server.wait()
    assert not (folder / "daemon.pid").exists(), "the server has ended, and the pid file is still there"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        program = chapter.run("-n", "-c", configure(folder, port=taken.getsockname()[1], **PIDFILE), limit=3)
    assert program.status == 1, "%s, though the port is in use" % how_it_ended(program.status)
    assert not (folder / "daemon.pid").exists(), "the start has failed, and the pid file is left behind"


def names_the_first(chapter, folder, first):
    """A second instance is refused, names the first, and leaves it as it is."""
    assert is_locked(folder / "daemon.pid"), "nobody holds a lock of fcntl() on the pid file"
    program = chapter.run("-n", "-c", configure(folder, **PIDFILE), limit=3)
    assert program.status == 1, "the second instance ends with exit status %d, not 1" % program.status
    assert program.stderr == "daemon: %s/daemon.pid: already running as process %d\n" % (folder, first.pid)
    assert pid_in(folder / "daemon.pid") == first.pid, "the pid file is not what the first one has written"
    assert get(first, "/").status == 200


@graded(4, "A second instance names the first, and harms nothing", step=5,
        cause=[
            Symptom("nobody holds", "The pid file is not locked with fcntl(F_SETLK), which is not flock(); "
                    "or the lock is lost: with the process that took it, or when any descriptor of the "
                    "file is closed."),
            Symptom("the pid file (has no|is not)|no file", "Who did not get the lock has emptied or "
                    "removed the file: open() without O_TRUNC, and only the one who has the lock may write."),
            "The message is `daemon: PIDFILE: already running as process PID`, with an absolute PIDFILE, "
            "and fcntl(F_GETLK) tells in l_pid who has the lock."],
        read="The program", needs=["test_pid_file_tells_the_process"],
        by_hand=("printf 'port=0\\npidfile=my.pid\\n' > my.conf; ./daemon -n -c my.conf > out & pid=$!; sleep 0.3; for i in 1 2; do timeout 1 ./daemon -n -c my.conf 2> said; echo exit status $?; grep -c \"^daemon: $PWD/my.pid: already running as process $pid$\" said; done; wc -l < my.pid; kill $pid",))
def test_only_one_holds_the_pid_file(chapter, folder):
    first = chapter.serve("-n", "-c", configure(folder, **PIDFILE))
    for _ in range(3):
        names_the_first(chapter, folder, first)


@graded(3, "A killed server's pid file is taken over", step=5,
        cause=[
            Symptom("it has ended before", "That the file exists was taken for a proof that its process does, as "
                    "O_EXCL does, or that one of its children still runs: only a lock counts."),
            "What the file held before is still in it: ftruncate() it, once you have the lock, before you "
            "write()."],
        read="The program", needs=["test_only_one_holds_the_pid_file"],
        by_hand=("printf 'port=0\\npidfile=my.pid\\n' > my.conf; ./daemon -n -c my.conf > out & sleep 0.3; kill -KILL $!; wait $! 2> out; echo more >> my.pid; timeout 1 ./daemon -n -c my.conf > out & sleep 0.5; wc -l < my.pid; wait $!; echo exit status $?",))
def test_pid_file_of_a_killed_server_is_taken_over(chapter, folder):
    killed = chapter.serve("-n", "-c", configure(folder, **PIDFILE))
    with contextlib.closing(begin(killed)):
        wait_until(lambda: children(killed.pid), what="a child")
        killed.signal(signal.SIGKILL)
        killed.wait(limit=1)  # a short wait: its child still has its stdout
        with open(str(folder / "daemon.pid"), "a") as file:
            file.write("and more than the new process id is long\n")
        server = chapter.serve("-n", "-c", str(folder / "daemon.conf"))
    pid = pid_in(folder / "daemon.pid")
    assert pid == server.pid, "the pid file tells process %d, and the server is process %d" % (pid, server.pid)


def test_the_pid_file_of_another_is_left_alone(chapter, folder):
    first = chapter.serve("-n", "-c", configure(folder, **PIDFILE))
    (folder / "daemon.pid").unlink()
    second = chapter.serve("-n", "-c", configure(folder, **PIDFILE))
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    assert pid_in(folder / "daemon.pid") == second.pid


# ---- What is no pid file, or somebody else's

def is_refused_with_it(chapter, folder):
    """The program does not start with this pid file. Return what it says on stderr."""
    program = chapter.run("-n", "-c", configure(folder, **PIDFILE), limit=3)
    assert program.status == 1, "it ends with %s, not exit status 1" % how_it_ended(program.status)
    return program.stderr


@graded(2, "Refuses a pid file that is a symbolic link, or no regular file", step=6,
        cause=[
            Symptom("but a FIFO", "What is no regular file, such as a FIFO, is nobody's pid file, and open() may wait "
                    "there for ever: open it with O_RDWR, fstat() the descriptor, and look with S_ISREG()."),
            "The pid file is a symbolic link, perhaps a trap that leads to another file: open() with O_NOFOLLOW "
            "refuses it (ELOOP)."],
        read="The program", needs=["test_pid_file_tells_the_process"],
        by_hand=("printf 'port = 8080\\npidfile = my.pid\\n' > my.conf; echo precious > victim; ln -s victim my.pid; timeout 0.5 ./daemon -n -c my.conf; cat victim; rm -f my.pid; mkfifo my.pid; timeout 0.5 ./daemon -n -c my.conf; echo exit status $?",))
def test_pid_file_that_is_none_is_refused(chapter, folder):
    (folder / "precious").write_text("precious")
    (folder / "precious").chmod(0o666)
    step("the pid file is a link to another file")
    (folder / "daemon.pid").symlink_to("precious")
    said = is_refused_with_it(chapter, folder)
    assert "daemon.pid" in said, "stderr does not name it: " + said
    assert (folder / "precious").read_text() == "precious", "it was written to"
    (folder / "daemon.pid").unlink()
    step("now it is no regular file, but a FIFO")
    os.mkfifo(str(folder / "daemon.pid"))
    (folder / "daemon.pid").chmod(0o666)
    said = is_refused_with_it(chapter, folder)
    assert "daemon.pid" in said, "stderr does not name it: " + said
    assert (folder / "daemon.pid").is_fifo(), "it was removed"


def is_ready(program):
    """Whether it listens, as the kernel says, or, where one may not look, its line; or has ended."""
    return kernel(program.pid) or "listening" in program.output.lower() or not program.is_running()


@graded(3, "Of two that start together, one runs", step=6,
        cause=[
            Symptom("has removed", "Between open() and fcntl(F_SETLK) the last owner has removed the file, "
                    "and what is locked now has no name: look with fstat() and stat() whether both are the "
                    "same (st_dev, st_ino), else open it anew."),
            "The look whether another one runs and the lock are not one step, such as F_GETLK or a look "
            "into the file first, and F_SETLK later; or a loser empties the file (O_TRUNC). Who gets the "
            "lock runs, and nobody else."],
        read="The program", needs=["test_only_one_holds_the_pid_file"],
        by_hand=("printf 'port = 0\\npidfile = my.pid\\n' > my.conf; for i in 1 2; do strace -qq -o /dev/null -e inject=fcntl:delay_exit=200000 ./daemon -n -c my.conf > said$i 2>&1 & done; sleep 2; cat said1 said2 | grep -c listening; pkill -x daemon; sleep 0.3; ./daemon -n -c my.conf & sleep 0.3; strace -qq -o /dev/null -e inject=fcntl:delay_enter=1000000 ./daemon -n -c my.conf & sleep 0.3; until ls -l /proc/$(pgrep -xn daemon)/fd | grep -q my.pid; do sleep 0.1; done; pkill -xo daemon; sleep 3; wc -l my.pid; pkill -x daemon",))
def test_two_at_the_same_moment(chapter, folder, gaps):
    configuration = configure(folder, **PIDFILE)
    for _ in range(3):
        both = [chapter.start("-n", "-c", configuration, stdin=subprocess.PIPE) for _ in range(2)]
        wait_until(lambda: sum(program.is_running() for program in both) < 2, limit=3, what="one of the two to end")  # noqa: B023
        loser, first = sorted(both, key=lambda program: program.is_running())
        assert loser.wait() == 1, "the one that does not run should end with exit status 1"
        wait_until(lambda: is_ready(first), what="the other one to listen")  # noqa: B023
        assert pid_in(folder / "daemon.pid") == first.pid
        first.signal(signal.SIGTERM)
        first.wait()
    first = chapter.serve("-n", "-c", configuration)
    gate = folder / "gate"
    second = chapter.start("-n", "-c", configuration, stdin=subprocess.PIPE, env=gaps(LAB_GATE_BEFORE_LOCK=gate))
    with contextlib.suppress(AssertionError):  # a program that locks in a way that cannot be seen here
        wait_until(lambda: gate.exists() or not second.is_running(), limit=1)
    if gate.exists():
        step("a third one has opened the pid file, and is about to lock it")
        first.signal(signal.SIGTERM)
        first.wait()
        step("the one that runs ends, and has removed its pid file")
        gate.unlink()
        wait_until(lambda: is_ready(second), what="the third one to listen")
        assert pid_in(folder / "daemon.pid") == second.pid


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
