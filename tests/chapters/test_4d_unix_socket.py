"""4d-unix-socket: an echo server at a path, which knows who its clients are."""

import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest

from harness import checks, steps
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.inspect import state
from harness.listening import family
from harness.program import how_it_ended, wait_until
from harness.talk import receive_all, receive_until, send_until_stuck, what_comes
from harness.unix_sockets import NAME, connect, exchange, give_away, leave_stale, listens, serve
from harness.users import ordinary_user

CHAPTER = "4d-unix-socket"
START = "timeout 3 ./unix-socket echo.socket & sleep 0.3; "
STALE = ("python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.bind('echo.socket'); s.listen()\"; "
         "timeout 1 ./unix-socket echo.socket & sleep 0.3; echo hello | nc -NU echo.socket; wait; rm -f echo.socket")


def echoes(server, data):
    """A client gets its bytes back, perhaps behind a greeting: that has a check of its own."""
    answer = exchange(server, data)
    identical(answer[-len(data):], data)
    assert answer[:-len(data)].count(b"\n") <= 1, "more than a greeting comes before what was sent: %r" % answer[:200]


def is_there(path, kind=stat.S_ISSOCK):
    """Whether there is a file of this kind."""
    with contextlib.suppress(FileNotFoundError):
        return kind(os.lstat(path).st_mode)
    return False


@graded(10, "Starts, and takes a client at PATH",
        cause=[
            Symptom("no socket at", "bind() has not made the file: its address is a struct sockaddr_un with the "
                    "family AF_UNIX and the path, as it was given, in sun_path."),
            "socket(AF_UNIX, SOCK_STREAM, 0), bind(), listen(), accept(): as in chapter 3, but for the address."],
        read="The idea", by_hand=(START + "stat -c '%A %F' echo.socket; nc -NU echo.socket < /dev/null; echo exit status $?; "
                                  "wait; rm -f echo.socket",))
def test_takes_a_client(chapter, tmp_path):
    server = serve(chapter, tmp_path, on_terminal=True)
    assert is_there(server.path), "there is no socket at " + NAME
    connect(server).close()


@graded(5, "Says where it listens, at once, also into a pipe",
        cause=[
            Symptom("listen.. taking(.|\\n)*meets an error", "The line comes before clients can connect: "
                    "print it when listen() has returned.",
                    ("timeout 3 strace -qq -o /dev/null -e inject=listen:delay_enter=1000000 ./unix-socket "
                     "echo.socket > seen & sleep 0.7; cat seen; wait; rm -f echo.socket seen",)),
            "The first line is `listening on PATH`, with the path as it was given; setvbuf() or "
            "fflush(stdout) sends it at once."],
        read="Your turn", by_hand=("timeout 1 ./unix-socket echo.socket | cat; rm -f echo.socket",), needs=[])
@pytest.mark.parametrize("listen", ["at once", "late"])
def test_says_where_it_listens(chapter, faults, tmp_path, listen):
    if listen == "late":
        steps.step("with each listen() taking a moment longer, connect as soon as it says that it listens:")
        server = chapter.start(NAME, cwd=str(tmp_path), under=faults("listen:delay_enter=300000"))
    else:
        server = serve(chapter, tmp_path)
    with contextlib.suppress(AssertionError):  # what came is told below
        wait_until(lambda: "\n" in server.output or not server.is_running(), limit=1)
    identical(server.output.partition("\n")[0], "listening on " + NAME)
    if listen == "late":
        connect(str(tmp_path / NAME)).close()


@graded(15, "Sends back every byte, until the client ends its side",
        cause=[
            Symptom("waits in vain for what the program", "recv() returns 0 when the client has ended its side: then "
                    "close() the connection."),
            Symptom("first difference", "Other bytes come back than were sent, or not all: send() exactly as many as "
                    "recv() has returned, in a loop, for it may take a part of them.",
                    (START + "printf 'a\\0b\\n' | nc -NU echo.socket | tail -n 1 | od -c; head -c 1000000 "
                     "/dev/zero | nc -NU echo.socket | tail -c 100000 | tr -d '\\0' | wc; wait; rm -f "
                     "echo.socket",)),
            "What recv() gives goes back with send(), until recv() returns 0."],
        read="The program", by_hand=(START + "echo hello | timeout 1 nc -NU echo.socket; echo exit status $?; wait; "
                                     "rm -f echo.socket",))
@pytest.mark.parametrize("data", [b"hello\n", b"a\0b\n%s\xff" * 3, bytes(range(256)) * 4096],
                         ids=["a line", "zeros", "1 MiB"])
def test_every_byte(chapter, tmp_path, data):
    server = serve(chapter, tmp_path, on_terminal=True)
    if len(data) < 100:
        echoes(server, data)
        return
    with connect(server) as client:
        received = bytearray()
        for start in range(0, len(data), 65536):
            client.sendall(data[start:start + 65536])
            while len(received) < start:
                received += client.recv(1 << 20)
        client.shutdown(socket.SHUT_WR)
        received += receive_all(client)
    identical(bytes(received[-len(data):]), data)


@graded(5, "Serves one client after another, whatever they do",
        cause=[
            Symptom("SIGPIPE|has ended|ECONNREFUSED", "A client that has left is not to end the server: SIGPIPE "
                    "ignored, send() fails with EPIPE, and the next one comes."),
            "After close() of one connection accept() takes the next one from the queue."],
        read="The program",
        by_hand=(START + "(sleep 0.7 | nc -NU echo.socket > /dev/null) & sleep 0.2; python3 -c \"import socket; "
                 "s = socket.socket(socket.AF_UNIX); s.connect('echo.socket'); s.send(b'x' * 9000); s.close()\"; echo "
                 "hello | timeout 1 nc -NU echo.socket; echo exit status $?; wait; rm -f echo.socket",))
def test_one_after_another(chapter, tmp_path):
    server = serve(chapter, tmp_path, on_terminal=True)
    with connect(server) as first, connect(server) as second:
        second.sendall(b"second")
        first.sendall(b"first")
        for client, word in ((first, b"first"), (second, b"second")):
            client.shutdown(socket.SHUT_WR)
            identical(receive_all(client)[-len(word):], word)
    with connect(server) as first:
        first.sendall(b"x")
        for _ in range(3):  # these have left by the time that it takes them
            with connect(server) as leaving:
                leaving.sendall(b"x" * 9000)
    echoes(server, b"still there?")
    assert server.is_running(), "it has ended: " + how_it_ended(server.wait())


@graded(10, "Makes a file of mode 0600, from its first moment on",
        cause=[
            Symptom("right after bind", "chmod() after bind() is late: there is a moment in which others may connect. "
                    "umask(0177) before bind() leaves none.",
                    ("(umask 0; timeout 3 strace -qq -o /dev/null -e inject=bind:delay_exit=1000000 ./unix-socket "
                     "echo.socket & sleep 0.7; stat -c %a echo.socket; wait; rm -f echo.socket)",)),
            "The mode of the file is 0777 less the umask of whoever started it: umask(0177) before bind() makes 0600 "
            "of it."],
        read="The program", by_hand=("for mask in 000 022 077; do (umask $mask; timeout 0.5 ./unix-socket echo.socket "
                                     "& sleep 0.3; stat -c %a echo.socket; wait; rm -f echo.socket); done",))
@pytest.mark.parametrize("mask", ["000", "022", "077", "right after bind()"])
def test_mode(chapter, faults, tmp_path, mask):
    under = ["sh", "-c", 'umask %s; exec "$0" "$@"' % (mask if mask.isdigit() else "000")]
    if not mask.isdigit():
        steps.step("with each bind() taking a moment longer, look right after bind():")
        under = [*under, *faults("bind:delay_exit=300000")]
    server = chapter.start(NAME, cwd=str(tmp_path), under=under)
    path = str(tmp_path / NAME)
    try:
        wait_until(lambda: is_there(path))
    except AssertionError:
        raise AssertionError("there is no socket at " + NAME)
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    if mask.isdigit() and mode != 0o600:  # perhaps it is about to be set: that is another failure
        wait_until(lambda: listens(server.pid) or not server.is_running())
        mode = stat.S_IMODE(os.lstat(path).st_mode)
    identical("%04o" % mode, "0600")


TAKEN = r"(.|\n)*(not exit status 2|did not end)"  # or else only what it says of them is wrong
WRONG_PATHS = [[], [""], [NAME, "surplus"], ["x" * 108], ["./" + "x" * 200]]
LONGEST = ["x" * 107]


@graded(5, "Refuses a path that is too long, and none, with a usage line",
        cause=[
            Symptom(r"start \./unix-socket\n" + TAKEN, "A PATH is missing: look at argc, before you use argv.",
                    ("timeout 0.5 ./unix-socket; echo exit status $?",)),
            Symptom("surplus" + TAKEN, "The number of arguments is not looked at.",
                    ("timeout 0.5 ./unix-socket a.socket b.socket; echo exit status $?; rm -f ?.socket",)),
            Symptom(r"start \./unix-socket ''" + TAKEN, "An empty path makes an address without a name: refuse it.",
                    ("timeout 0.5 ./unix-socket ''; echo exit status $?",)),
            Symptom("107 characters", "107 bytes have room in sun_path, with the \\0 behind them.",
                    ("timeout 0.5 ./unix-socket $(printf %0107d); echo exit status $?; rm -f 0*",)),
            "sun_path has room for 108 bytes, with the \\0 at its end: strncpy() cuts a longer path, and the server "
            "listens at another one; strcpy() writes beyond."],
        read="Your turn", by_hand=("timeout 0.5 ./unix-socket $(printf %0150d); echo exit status $?; rm -f 0*",),
        needs=[])
@pytest.mark.parametrize("arguments", [*WRONG_PATHS, LONGEST],
                         ids=lambda words: "%d %d" % (len(words), len("".join(words))))
def test_wrong_usage(chapter, tmp_path, arguments):
    if arguments == LONGEST:  # which has room
        serve(chapter, tmp_path, *arguments, on_terminal=True)
        return
    checks.is_usage_error(chapter.run(*arguments, cwd=str(tmp_path), limit=3), arguments[-1] if arguments else "")
    assert not os.listdir(tmp_path), "it has made a file: " + os.listdir(tmp_path)[0][:40]


@graded(5, "Ends with exit status 1 if it cannot start",
        cause=[
            Symptom("closed", "Where stdout is closed, socket() gets its number, and `listening on` goes nowhere: "
                    "look at what "
                    "printf() returns.", ("timeout 0.5 ./unix-socket echo.socket >&-; echo exit status $?; rm -f "
                                          "echo.socket",)),
            "What bind() returns is not looked at, or main() returns 0."],
        read="What can go wrong", by_hand=("timeout 0.5 ./unix-socket nowhere/echo.socket; echo exit status $?",),
        needs=[])
@pytest.mark.parametrize("case", ["no folder", "stdout is closed"])
def test_cannot_start(chapter, tmp_path, case):
    if case == "no folder":
        checks.is_failure(chapter, chapter.run("nowhere/" + NAME, cwd=str(tmp_path), limit=3), "ENOENT")
    else:
        checks.closed_stdout(chapter, str(tmp_path / NAME))


GREETING = r"Hello, process (\d+) of user (\d+)!\n"
OTHER_GROUP = 1  # of another user: its number is not the user's
AS_ANOTHER = """
import os, socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
client.shutdown(socket.SHUT_WR)
print(os.getpid(), os.getuid(), client.makefile().readline(), end="", flush=True)
sys.stdin.read()
"""


def another(chapter, server, user=False):
    """Another process connects, with `user` as another user where we are root, and stays until its stdin ends: the
    Program, its id and user, and its greeting."""
    options = ordinary_user() if user else {}
    if options:  # who may not, as the file is; so root lets them
        for folder in [server.path, *pathlib.Path(server.path).parents][:4]:
            os.chmod(folder, 0o755 if os.path.isdir(folder) else 0o666)
        options["group"] = OTHER_GROUP
    program = chapter.start_other([sys.executable, "-S", "-E", "-c", AS_ANOTHER, server.path], stdin=subprocess.PIPE,
                                  **options)
    try:
        match = program.wait_for_output(r"^(\d+) (\d+) (.*)$")
    except AssertionError:
        raise AssertionError("another process connects, and gets no greeting: a line that ends with \\n")
    return program, *map(int, match.groups()[:2]), match.group(3) + "\n"


GROUP = "The process is the client's, and the user is not: uid of struct ucred is the user, gid the group."
# In a namespace in which the user who runs this is user 1 of group 2
AS_USER_1 = "timeout 3 unshare --map-user=1 --map-group=2 ./unix-socket echo.socket & sleep 0.3; "


@graded(10, "Greets each client with its process and user, as the kernel tells",
        cause=[
            Symptom("no greeting|waits in vain", "The greeting is the first line that a client gets, before it has "
                    "sent a byte."),
            Symptom("expected: 'Hello, process (\\d+) of .*\ngot: +'Hello, process \\1 of user \\d+!\\\\n'",
                    GROUP, (AS_USER_1 + "nc -NU echo.socket < /dev/null; wait; rm -f echo.socket",)),
            Symptom("expected: 'Hello, process \\d+ of user \\d+!\\\\n'\ngot: +'Hello, process", "These are not the "
                    "client's: "
                    "getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) fills a struct ucred with its pid "
                    "and uid. On the listener it tells of the server itself."),
            "The greeting is to be `Hello, process PID of user UID!`, to the letter, and a \\n."],
        read="The program",
        by_hand=(START + "nc -NU echo.socket < /dev/null > seen & sleep 0.3; cat seen; grep -q "
                 "\"^Hello, process $! of user $(id -u)!$\" seen && echo this is right; wait; rm -f "
                 "echo.socket seen",),
        step=2)
@pytest.mark.parametrize("who", ["ourselves", "another process", "another user"])
def test_greets(chapter, tmp_path, who):
    server = serve(chapter, tmp_path, on_terminal=True)
    if who == "ourselves":
        with connect(server) as client:
            greeting = receive_until(client, b"\n").decode(errors="backslashreplace")
        identical(greeting, "Hello, process %d of user %d!\n" % (os.getpid(), os.getuid()))
        return
    _, pid, uid, greeting = another(chapter, server, user=who == "another user")
    identical(greeting, "Hello, process %d of user %d!\n" % (pid, uid))


@graded(5, "Prints a line for each connection",
        cause=[
            Symptom("expected: 'connection (\\d+ from process \\d+) of .*\ngot: +'connection \\1 of user \\d+'",
                    GROUP, (AS_USER_1 + "nc -NU echo.socket < /dev/null > /dev/null; wait; rm -f "
                                        "echo.socket",)),
            "For each client one line, `connection N from process PID of user UID`, at once: N counts from "
            "1."],
        read="Your turn", by_hand=(START + "for i in 1 2 3; do nc -NU echo.socket < /dev/null > /dev/null; done; "
                                   "wait; rm -f echo.socket",),
        needs=["test_greets"], step=2)
def test_prints_connections(chapter, tmp_path):
    server = serve(chapter, tmp_path)
    for number in range(1, 4):
        process, user = os.getpid(), os.getuid()
        if number < 3:
            exchange(server, b"x")
        else:
            _, process, user, _ = another(chapter, server, user=True)
        with contextlib.suppress(AssertionError):  # what came is told below
            wait_until(lambda: server.output.count("\n") > number, limit=1)
        identical("\n".join(server.output.split("\n")[1:][number - 1:number]),
                  "connection %d from process %d of user %d" % (number, process, user))


@graded(10, "Takes the place of a socket that nobody listens on",
        cause=[Symptom("it has ended|listens nowhere|ECONNREFUSED", "A socket's file stays when its server was "
                       "killed, and bind() fails with "
                       "EADDRINUSE. If connect() is refused there (ECONNREFUSED), nobody listens: unlink() it, and "
                       "bind() again.")],
        read="The program", by_hand=(STALE,), step=3)
def test_stale(chapter, tmp_path):
    leave_stale(str(tmp_path / NAME))
    server = serve(chapter, tmp_path, on_terminal=True)
    echoes(server, b"hello")
    server.signal(signal.SIGKILL)
    server.wait()
    echoes(serve(chapter, tmp_path, on_terminal=True), b"again")


def make_live(path, kind=socket.SOCK_STREAM):
    other = socket.socket(socket.AF_UNIX, kind)
    other.bind(path)
    if kind != socket.SOCK_DGRAM:
        other.listen(0)
    return other


@contextlib.contextmanager
def something(what, path):
    """Something that is at this path, and is to stay."""
    steps.step("at %s there is %s" % (NAME, what))
    with contextlib.ExitStack() as stack:
        if what == "a file":
            with open(path, "w") as file:
                file.write("a letter\n")
        elif what == "an empty folder":
            os.mkdir(path)
        elif what == "a link to nowhere":
            os.symlink("nowhere", path)
        elif what == "a pipe":
            os.mkfifo(path)
        elif what == "a link to a dead socket":
            leave_stale(path + ".dead")
            os.symlink(path + ".dead", path)
        else:
            stack.enter_context(make_live(path, socket.SOCK_DGRAM if "datagrams" in what else socket.SOCK_STREAM))
            if what == "a busy server":
                for _ in range(5):  # as many as its queue takes
                    client = stack.enter_context(socket.socket(socket.AF_UNIX))
                    client.setblocking(False)
                    client.connect_ex(path)
        give_away(path)
        yield


@graded(10, "Leaves everything else alone: a live server, and any other file",
        cause=[
            Symptom("there is a link to a dead", "A link is a file of its own: lstat() looks at it, stat() at what it leads to.",
                    ("python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.bind('dead.socket')\"; ln -s dead.socket echo.socket; "
                     "timeout 0.5 ./unix-socket echo.socket; echo exit status $?; rm -f echo.socket dead.socket",)),
            Symptom("there is a busy server", "Where the queue is full connect() waits, unless the socket is made "
                    "with SOCK_NONBLOCK: then it fails with EAGAIN, which is a sign of life.",
                    ("timeout 3 python3 -c \"import socket, time; s = socket.socket(socket.AF_UNIX); "
                     "s.bind('echo.socket'); s.listen(0); "
                     "c = socket.socket(socket.AF_UNIX); c.connect('echo.socket'); time.sleep(3)\" & sleep 0.5; "
                     "timeout 1 ./unix-socket echo.socket; echo exit status $?; wait; rm -f echo.socket",)),
            Symptom("there is a server", "EADDRINUSE alone does not say that nobody listens: connect() does, with "
                    "ECONNREFUSED.",
                    (START + "timeout 0.5 ./unix-socket echo.socket; echo exit status $?; echo hello | nc -NU "
                     "echo.socket; wait; rm -f echo.socket",)),
            Symptom("a socket of datagrams", "Where a datagram socket is, connect() fails with EPROTOTYPE: it lives, "
                    "too. Only ECONNREFUSED means that nobody is there.",
                    ("timeout 2 python3 -c \"import socket, time; s = socket.socket(socket.AF_UNIX, "
                     "socket.SOCK_DGRAM); s.bind('echo.socket'); "
                     "time.sleep(2)\" & sleep 0.5; timeout 0.5 ./unix-socket echo.socket; echo exit status $?; wait; "
                     "rm -f echo.socket",)),
            "connect() is refused (ECONNREFUSED) at an ordinary file, too: lstat() and S_ISSOCK() say whether it is a "
            "socket. Nothing else is removed."],
        read="The program",
        by_hand=("echo a letter > letter; timeout 0.5 ./unix-socket letter; echo exit status $?; cat letter; rm -f "
                 "letter",),
        needs=["test_stale"], step=3)
@pytest.mark.parametrize("what", ["a file", "an empty folder", "a link to nowhere", "a link to a dead socket", "a pipe", "a server",
                                  "a busy server",
                                  "a socket of datagrams"])
def test_leaves_alone(chapter, tmp_path, what):
    path = str(tmp_path / NAME)
    with something(what, path):
        before = os.lstat(path)
        try:
            program = chapter.run(NAME, cwd=str(tmp_path), limit=3)
        finally:
            now = os.lstat(path) if os.path.lexists(path) else None
            assert now and now.st_ino == before.st_ino and now.st_mode == before.st_mode, "it has removed %s" % what
        checks.is_failure(chapter, program, r"\w+")


def is_held(pid):
    """Whether strace has a process wait, and not only for a moment."""
    for _ in range(10):
        with contextlib.suppress(AssertionError):
            if state(pid) == "t":
                time.sleep(0.005)  # between two looks
                continue
        return False
    return True


REMOVES = "?unlink,?unlinkat,?rename,?renameat,?renameat2"  # system calls, as strace names them


@graded(5, "Of two that start at once, one listens and one fails",
        cause=[
            Symptom("right before it listens", "A socket that is bound, and does not listen yet, refuses connect() as a dead one does: the lock is to "
                    "be kept until listen() has returned.",
                    ("timeout 4 strace -qq -o /dev/null -e inject=listen:delay_enter=2000000 ./unix-socket echo.socket > /dev/null & "
                     "sleep 1; timeout 3 ./unix-socket echo.socket; echo exit status $?; wait; rm -f echo.socket",)),
            Symptom("in vain for both", "The second one waits for the lock, and the first one never gives it back: close() ends it, once listen() has "
                    "returned.", (START + "timeout 1 ./unix-socket echo.socket; echo exit status $?; wait; rm -f echo.socket",)),
            Symptom("in another folder", "Two programs that are started in two folders are to take one and "
                    "the same lock: that of PATH's folder, and not of `.`. dirname() has its name.",
                    ("python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); "
                     "s.bind('echo.socket')\"; timeout 4 strace -qq -o /dev/null -e "
                     "inject=unlink,unlinkat:delay_enter=2000000 ./unix-socket echo.socket > /dev/null & "
                     "sleep 1; mkdir other; (cd other; timeout 3 ../unix-socket ../echo.socket; echo exit "
                     "status $?); wait; rm -rf echo.socket other",)),
            "Between connect(), which was refused, and unlink(), another one may have taken the path: it is "
            "removed, though it is live. A lock that both take first, such as flock() on the folder, has "
            "one wait for the other."],
        read="The program",
        by_hand=("python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.bind('echo.socket')\"; "
                 "timeout 4 strace -qq -o /dev/null -e inject=unlink,unlinkat:delay_enter=2000000 ./unix-socket "
                 "echo.socket > /dev/null & "
                 "sleep 1; timeout 3 ./unix-socket echo.socket; echo exit status $?; wait; rm -f echo.socket",),
        needs=["test_stale"], step=3)
@pytest.mark.parametrize("when,calls,elsewhere", [
    ("removes a file", REMOVES, False), ("listens", "listen", False), ("removes a file", REMOVES, True)],
    ids=["unlink", "listen", "elsewhere"])
def test_two_at_once(chapter, faults, tmp_path, when, calls, elsewhere):
    path = str(tmp_path / NAME)
    leave_stale(path)
    steps.step("one is held for a moment, right before it %s:" % when)
    slow = chapter.start(NAME, cwd=str(tmp_path), under=faults(calls + ":delay_enter=700000:when=1"))
    wait_until(lambda: is_held(family(slow.pid)[-1]) or listens(slow.pid) or not slow.is_running())
    if elsewhere:
        steps.step("the second one is started in another folder:")
        (tmp_path / "other").mkdir()
        (tmp_path / "other").chmod(0o755)
        quick = chapter.start("../" + NAME, cwd=str(tmp_path / "other"))
    else:
        quick = chapter.start(NAME, cwd=str(tmp_path))

    def are_decided():
        return (listens(slow.pid) or not slow.is_running()) and (listens(quick.pid) or not quick.is_running())
    wait_until(are_decided, what="both to listen or to end")
    with contextlib.suppress(AssertionError):  # the slow one may be about to take the other's path
        wait_until(lambda: slow.is_running() != quick.is_running(), limit=2)
    assert slow.is_running() or quick.is_running(), "both have ended"
    assert not (slow.is_running() and quick.is_running()), "both go on, and only one of them has the path"
    with connect(path) as client:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        identical(receive_all(client)[-5:], b"hello")


@graded(5, "Removes its file at SIGTERM and SIGINT, and no other",
        cause=[
            Symptom("another file is gone", "Somebody may have removed the file, and made one of theirs: compare "
                    "st_dev and st_ino of lstat(), now and after bind(), before you unlink().",
                    (START + "rm echo.socket; python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.bind('echo.socket')\"; "
                     "kill $!; wait; ls echo.socket; rm -f echo.socket",)),
            Symptom("this client stays", "A signal ends it while a client is served, too: it waits in recv() then, which fails with EINTR, and "
                    "not in accept(). A flag that is looked at between two clients comes too late.",
                    ("./unix-socket echo.socket > /dev/null & p=$!; sleep 0.3; (sleep 1 | nc -NU echo.socket > /dev/null) & sleep 0.3\n"
                     "kill $p; sleep 0.2; ls echo.socket; wait; rm -f echo.socket",)),
            "sigaction() with a handler that calls unlink(), which a handler may, and then ends the program: _exit(), "
            "or raise() with SA_RESETHAND."],
        read="The program", by_hand=("for name in TERM INT; do timeout -s $name 0.5 ./unix-socket echo.socket; ls "
                                     "echo.socket; rm -f echo.socket; done",), step=3)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("whose", ["its own", "its own, with a client", "another", "another's socket"])
def test_removes_its_file(chapter, tmp_path, number, whose):
    server = serve(chapter, tmp_path, on_terminal=True)
    exchange(server, b"hello")
    if whose == "its own, with a client":
        client = connect(server)
        client.sendall(b"hello\n")
        receive_until(client, b"\n")
        steps.step("this client stays")
    if whose.startswith("another"):
        steps.step("%s is removed, and %s is made there" % (NAME, "another file" if whose == "another" else whose))
        os.unlink(server.path)
        if whose == "another":
            with open(server.path, "w") as file:
                file.write("a letter\n")
        else:
            make_live(server.path).close()
            give_away(server.path)
    server.signal(number)
    status = server.wait()
    assert status in (0, -number), "%s: should end by that signal, or with exit status 0" % how_it_ended(status)
    if whose.startswith("another"):
        assert os.path.exists(server.path), "another file is gone"
    else:
        assert not os.path.lexists(server.path), "its file is still there"


# ---- With what people use

@pytest.mark.parametrize("command", [["nc", "-NU", "{}"], ["socat", "-t", "5", "-", "UNIX-CONNECT:{}"]],
                         ids=["nc", "socat"])
def test_real_clients(chapter, tool, tmp_path, command):
    server = serve(chapter, tmp_path)
    tool(command[0])
    done = subprocess.run([word.format(server.path) for word in command], input=b"hello\n", stdout=subprocess.PIPE,
                          timeout=20)
    assert re.fullmatch(GREETING + "hello\n", done.stdout.decode())
    server.wait_for_output(r"^connection 1 from process \d+ of user \d+$")


def test_curl(chapter, tool, tmp_path):
    """curl takes the greeting for a page of HTTP/0.9, which has no headers."""
    server = serve(chapter, tmp_path)
    done = subprocess.run([tool("curl"), "-s", "--http0.9", "--max-time", "1", "--unix-socket", server.path,
                           "http://localhost/"],
                          stdout=subprocess.PIPE, timeout=20)
    assert re.match(GREETING + "GET / HTTP/1.1\r\n", done.stdout.decode())
    echoes(server, b"still there?")


def test_others_may_not_connect(chapter, tmp_path):
    options = ordinary_user()
    if not options:
        pytest.skip("needs root")
    for folder in [tmp_path, *tmp_path.parents][:3]:
        os.chmod(folder, 0o755)
    server = serve(chapter, tmp_path)
    done = subprocess.run([sys.executable, "-S", "-E", "-c", AS_ANOTHER, server.path], stderr=subprocess.PIPE,
                          **options)
    assert b"PermissionError" in done.stderr


def test_random_bytes(chapter, tmp_path):
    server = serve(chapter, tmp_path)
    chance = random.Random(os.environ.get("LAB_SEED", "4d"))
    for _ in range(100):
        echoes(server, chance.randbytes(chance.randrange(1, 20000)))


@pytest.mark.parametrize("injection", ["?accept,?accept4:error=EINTR:when=1",
                                       "?accept,?accept4:error=ECONNABORTED:when=1",
                                       "?accept,?accept4:error=ENOMEM:when=1",
                                       "?recvfrom,?recvmsg:error=EINTR:when=2",
                                       "?sendto,?sendmsg:error=EINTR:when=1", "?getsockopt:error=ENOBUFS:when=1",
                                       "?flock:error=EINTR:when=1"])
def test_faults(chapter, faults, tmp_path, injection):
    server = serve(chapter, tmp_path, under=faults(injection))
    if "getsockopt" in injection:
        with connect(server) as client:
            assert what_comes(client) == b""
        server.wait_for_error(r"^unix-socket: .+: .+ \(ENOBUFS\)$")
    echoes(server, b"hello")


def test_many_starts_over_a_stale_file(chapter, tmp_path):
    path = str(tmp_path / NAME)
    for _ in range(5):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        leave_stale(path)
        programs = [chapter.start(NAME, cwd=str(tmp_path)) for _ in range(8)]
        wait_until(lambda: sum(program.is_running() for program in programs) == 1, limit=10)
        winner = next(program for program in programs if program.is_running())
        winner.wait_for_output("^listening on")
        winner.path = path
        echoes(winner, b"hello")
        winner.kill()


def test_nothing_leaks(chapter, tmp_path):
    server = serve(chapter, tmp_path)
    checks.no_descriptor_leaks(server, lambda: exchange(server, b"hello"), visitors=1000)


def test_a_client_that_does_not_read(chapter, tmp_path):
    server = serve(chapter, tmp_path)
    with connect(server) as greedy:
        send_until_stuck(greedy, b"x" * 4000000)
        checks.waits_without_spinning(server.pid)
    echoes(server, b"hello")


def test_started_with_signals_blocked_and_ignored(chapter, tmp_path):
    def strange():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    server = serve(chapter, tmp_path, preexec_fn=strange)
    server.wait_for_output("^listening on")
    server.signal(signal.SIGTERM)
    server.wait()
    assert not os.path.exists(server.path)
