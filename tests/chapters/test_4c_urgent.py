"""4c-urgent: prints a client's urgent byte ahead of what came before it, and where it stood; with -c it is the client."""

import contextlib
import fcntl
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess

import pytest

from harness import checks, starting, steps
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.inspect import living, state, status
from harness.program import last_lines, seconds, wait_until
from harness.talk import connect, ends_its_side, receive_all, reserved_port, see_the_end, serving, type_line

CHAPTER = "4c-urgent"
SIOCATMARK = 0x8905  # Linux's number, see sockatmark(3)
ASKS = ("python3 -c \"import socket as s; c = s.create_connection(('127.0.0.1', 7890)); c.send(b'hello'); c.send(b'!', s.MSG_OOB); "
        "c.send(b'world')\"")
SLOWLY = ("python3 -c \"import socket as s, time as t; c = s.create_connection(('127.0.0.1', 7890)); c.send(b'hello'); t.sleep(0.2); "
          "c.send(b'!', s.MSG_OOB); t.sleep(0.2); c.send(b'world'); t.sleep(0.1)\"")
EARLY = ("python3 -c \"import socket as s, time as t; c = s.create_connection(('127.0.0.1', 7890)); c.send(b'!', s.MSG_OOB); t.sleep(0.2); "
         "c.send(b'b'); t.sleep(0.1)\"")
STOPPED = "./urgent & sleep 0.2; kill -STOP $!\n%s\nkill -CONT $!; sleep 0.3; kill $!"
TO_ALL = ("python3 -c \"import socket as s, select; l = s.create_server(('127.0.0.1', 7890)); c = l.accept()[0]; data = b'-'\n"
          "while data:\n"
          "    if select.select([c], [], [c], 2)[2]: print('urgent:', c.recv(1, s.MSG_OOB), flush=True)\n"
          "    else: data = c.recv(99)\"")
TO = ("python3 -c \"import socket as s, select; l = s.create_server(('127.0.0.1', 7890)); c = l.accept()[0]; "
      "select.select([], [], [c], 1); print(c.recv(1, s.MSG_OOB)); print(b''.join(iter(lambda: c.recv(9), b'')))\"")


def friend(server):
    """A client, connected, whose first bytes have been printed."""
    client = connect(server)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(b"I:")
    prints(server, ["bytes: I:"], marks=False)
    return client


def urge(client, byte):
    """Send one byte out of band."""
    steps.step("sends, out of band,", client.name, byte)
    socket.socket.send(client, byte, socket.MSG_OOB)


@contextlib.contextmanager
def stopped(server):
    """The program is stopped, and with it a child that serves the client."""
    with checks.stopped(server):
        children = [pid for pid in living(server.pid) if status(pid, "TracerPid") == "0"]  # strace stops its own
        for pid in children:
            os.kill(pid, signal.SIGSTOP)
            wait_until(lambda: state(pid) == "T", what="its child to stop")
        yield
        for pid in children:
            os.kill(pid, signal.SIGCONT)


def text(data):
    """Bytes as the program is to print them."""
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def told(output, marks):
    """What the program has printed of its clients, with `bytes:` for pieces that come one after another. Without `marks` the lines of
    marks are left out."""
    found = []
    for line in output.split("\n")[1:-1]:
        piece = re.fullmatch(r"(\d+) bytes: (.*)", line)
        if piece and int(piece.group(1)) == len(piece.group(2)):
            if found and found[-1].startswith("bytes: "):
                found[-1] += piece.group(2)
            else:
                found.append("bytes: " + piece.group(2))
        elif marks or not re.match("mark: after", line):
            found.append(line)
    return found


def prints(server, expected, marks=True):
    """The program prints this, and nothing else."""
    with contextlib.suppress(AssertionError):  # what came is told below
        wait_until(lambda: told(server.output, marks) == expected or not server.is_running(), limit=2)
    identical(told(server.output, marks), expected)


def tells(server, client, byte, expected):
    """The client sends `a`, the byte out of band, and `b`, and the program prints that, behind what is expected so far."""
    client.sendall(b"a")
    expected[-1] += "a"
    prints(server, expected, marks=False)
    urge(client, byte)
    with contextlib.suppress(AssertionError):  # it may look once more when more comes
        wait_until(lambda: len(told(server.output, False)) > len(expected), limit=2)
    client.sendall(b"b")
    expected += ["urgent: 0x" + byte.hex(), "bytes: b"]
    prints(server, expected, marks=False)


@graded(10, "Starts, and prints what comes",
        cause=[
            Symptom("it listens nowhere|Connection refused", "It calls no listen(), or ends before: see what it says on stderr."),
            Symptom(r"'connection \d+ from", "Chapter 4's line for each client is one too many here: the lines of the contract are all."),
            Symptom(r"got: +\[\]", "Nothing is printed: recv(), and a line `N bytes: TEXT` for each piece. A recv() that waits for more "
                    "than has come, or stdio's buffer, may hold it back."),
            "The line is `N bytes: TEXT`, where a byte that is none of the characters from 0x20 to 0x7e is a dot. The bytes have no '\\0' "
            "at their end: %.*s takes their number."],
        read="The program", by_hand=("./urgent", r"(printf 'hello\r\n'; sleep 0.1; printf 'a\0b~\177\377'; sleep 0.2) | nc -N 127.0.0.1 7890"))
def test_prints_what_comes(chapter):
    server = chapter.serve("0", on_terminal=True)
    with connect(server) as client:
        client.sendall(b"hello\r\n")
        prints(server, ["bytes: hello.."], marks=False)
        client.sendall(bytes(range(256)))
        prints(server, ["bytes: hello.." + text(bytes(range(256)))], marks=False)


test_says_where_it_listens, test_listens_on_loopback_only, test_port_in_use, test_wrong_usage = starting.graded_checks("urgent")


@graded(15, "Prints an urgent byte, and leaves it out of the rest",
        cause=[
            Symptom(r"(?s)got: .*bytes: I:a.b", "The byte stays where it stood, among the others: that is what SO_OOBINLINE does. Without it "
                    "the kernel keeps the byte aside, for recv() with MSG_OOB."),
            Symptom(r"(?s)got: .*urgent: 0x", "The line is `urgent: 0x` and two digits in small letters: %02x, of an unsigned char. "
                    "Each byte is told once.", ("./urgent", "python3 -c \"import socket as s, time as t; c = s.create_connection(('127.0.0.1', 7890))\n"
                              "for byte in b'!\\xff\\0': c.send(b'x'); t.sleep(0.1); c.send(bytes([byte]), s.MSG_OOB); t.sleep(0.1)\"")),
            "It is not seen: poll() with POLLPRI, select() with its third set or the signal SIGURG (after fcntl() with F_SETOWN) tells of "
            "it, and recv() with MSG_OOB takes it."],
        read="The program", by_hand=("./urgent", SLOWLY))
@pytest.mark.parametrize("byte", [b"!", b"\0", b"\xff", b"\xf2", b"\n"], ids=lambda byte: byte.hex())
def test_urgent(chapter, byte):
    server = chapter.serve("0")
    with friend(server) as client:
        tells(server, client, byte, ["bytes: I:"])


@graded(10, "Prints it ahead of what came before it and is not read yet",
        cause="What came first is read first. Ask for the urgent byte before you read: poll() says POLLPRI and POLLIN together, and the first is to be "
              "looked at first.",
        read="The program", by_hand=(STOPPED % ASKS,), needs=["test_urgent"])
def test_ahead(chapter):
    server = chapter.serve("0")
    with friend(server) as client:
        with stopped(server):
            client.sendall(b"hello")
            urge(client, b"!")
            client.sendall(b"world")
        prints(server, ["bytes: I:", "urgent: 0x21", "bytes: helloworld"], marks=False)
        with stopped(server):
            client.sendall(bytes(10000))
            urge(client, b"?")
        prints(server, ["bytes: I:", "urgent: 0x21", "bytes: helloworld", "urgent: 0x3f", "bytes: " + "." * 10000], marks=False)


@graded(5, "Loses none to signals, and to an urgent byte that is still on its way",
        cause="recv() with MSG_OOB fails with EAGAIN when the byte is announced, and is still on its way, and with EINVAL when there is none after "
              "all; and any call with EINTR, when a signal comes. That is no client's end, and no error: poll() once more.",
        read="What can go wrong",
        by_hand=("for fails in recvfrom:error=EAGAIN recvfrom:error=EINTR poll:error=EINTR; do\n"
                 "    timeout 1.5 strace -qq -o /dev/null -e inject=$fails:when=1 ./urgent 7890 & sleep 0.5; " + EARLY + "; wait\n"
                 "done",), needs=["test_urgent"])
def test_interrupted_calls(chapter, random_faults):
    server, expected = random_faults(chapter.serve, "0"), ["bytes: I:"]
    with friend(server) as client:
        for byte in b"!", b"?", b".":
            tells(server, client, byte, expected)


@graded(5, "Costs no CPU time when the byte is taken",
        cause="poll() says POLLPRI, and select()'s third set has the socket, as long as the byte has not been taken: recv() with MSG_OOB, and without "
              "MSG_PEEK. And with a time of 0 they do not wait.",
        read="The program",
        by_hand=("./urgent > /dev/null & p=$!; sleep 0.2; " + SLOWLY.replace("t.sleep(0.1)", "t.sleep(0.7)") + " &\n"
                 "sleep 0.9; ps -o stat,cmd -p $p; kill $p; wait  # R: it spins",), needs=["test_urgent"])
def test_costs_no_cpu_time(chapter):
    server = chapter.serve("0")
    with friend(server) as client:
        checks.waits_without_spinning(server.pid)
        urge(client, b"!")
        server.wait_for_output("^urgent: 0x21$")
        checks.waits_without_spinning(server.pid)


@graded(5, "Serves one client after another, and survives resets",
        cause=[
            Symptom("that was its last", "An urgent byte may be the last thing before a client's end, and poll() tells of both together: take the byte, and "
                    "print it, before recv() returns 0. The next client has no part in it.",
                    (STOPPED % ASKS.replace("c.send(b'hello'); ", "").replace("; c.send(b'world')", ""),)),
            "After a client has left, in whatever way, close() its socket and accept() the next one, who begins with nothing."],
        read="The program",
        by_hand=("./urgent", "for i in 1 2; do echo $i | timeout 1 nc -N 127.0.0.1 7890; echo exit status $?; "
                 "python3 -c \"import socket as s; c = s.create_connection(('127.0.0.1', 7890)); c.send(b'a'); c.setsockopt(1, s.SO_LINGER, "
                 "bytes([1] + [0] * 7))\"; done; sleep 0.1"), needs=["test_urgent"])
def test_one_after_another(chapter):
    server = chapter.serve("0")

    def comes_to(text):
        with contextlib.suppress(AssertionError):  # what came is told below
            wait_until(lambda: told(server.output, False)[-1].endswith(text))
        assert told(server.output, False)[-1].endswith(text), "`%s` is not printed; stdout ends with:\n%s" % (
            text, last_lines(server.output, 200))

    client = friend(server)
    with stopped(server):
        client.sendall(b"hello")
        client.reset()
    client = connect(server)
    client.sendall(b"first")
    with connect(server) as second:
        second.sendall(b"second")
        comes_to("first")
        ends_its_side(client)
        see_the_end(client)
        comes_to("second")
        second.reset()
    with connect(server) as third:
        third.sendall(b"third")
        comes_to("third")
        with stopped(server):
            urge(third, b"!")
            ends_its_side(third)
        steps.step("that was its last, and nobody else is there")
        see_the_end(third)
        comes_to("urgent: 0x21")
    with connect(server) as fourth:
        fourth.sendall(b"fourth")
        comes_to("bytes: fourth")


@graded(10, "Says after how many bytes it stood", step=2,
        cause=[
            Symptom(r"(?s)out of band, '\+'(?!.*out of band, '\.').*got: (?!.*'mark: )", "A mark is missed where nothing stands before it: when the urgent byte is taken, it may be here "
                    "already. So look with sockatmark() before each recv(), that right after the urgent byte's, too.",
                    (STOPPED % ASKS.replace("c.send(b'hello'); ", ""),)),
            Symptom(r"(?s)got: (?!.*'mark: )", "recv() stops where the urgent byte stood, and sockatmark() is 1 there. Look for that before each "
                    "recv(), for the next one goes on behind it, and before you wait."),
            "The line is `mark: after N bytes`, once for each urgent byte. N counts all bytes of this client that stood before it, in many pieces "
            "or one, and no urgent ones."],
        read="The program",
        by_hand=("./urgent & p=$!; sleep 0.2; kill -STOP $p\n" + ASKS[:-1] + "; import time; time.sleep(0.5); c.send(b'.', s.MSG_OOB); "
                 "time.sleep(0.2)\" & c=$!\nsleep 0.3; kill -CONT $p; wait $c; kill $p",),
        needs=["test_urgent"])
def test_mark(chapter):
    server, expected = chapter.serve("0"), ["bytes: I:"]
    with friend(server) as client:
        for before, byte, behind, lines in ((b"hello", b"!", b"world", ["bytes: hello", "mark: after 7 bytes", "bytes: world"]),
                                            (b"", b"?", b"", ["mark: after 12 bytes"]),
                                            (b"", b"+", b"more", ["mark: after 12 bytes", "bytes: more"]),
                                            (bytes(10000), b".", b"x", ["bytes: " + "." * 10000, "mark: after 10016 bytes", "bytes: x"])):
            with stopped(server):
                if before:
                    client.sendall(before)
                urge(client, byte)
                if behind:
                    client.sendall(behind)
            expected += ["urgent: 0x" + byte.hex(), *lines]
            prints(server, expected)
    with connect(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        urge(client, b"1")
        prints(server, [*expected, "urgent: 0x31", "mark: after 0 bytes"])


@graded(5, "Takes the last urgent byte alone for urgent", step=2,
        cause="A second urgent byte makes the first one an ordinary byte: recv() brings it among the others, in its place, and the mark is where the "
              "last one stood. Nothing is to be taken away or counted twice.",
        read="What is still wrong",
        by_hand=(STOPPED % ASKS.replace("b'!'", "b'1'").replace("(b'world')", "(b'world'); c.send(b'2', s.MSG_OOB); c.send(b'.')"),),
        needs=["test_mark"])
def test_the_last_one(chapter):
    server = chapter.serve("0")
    with friend(server) as client:
        with stopped(server):
            for part, byte in (b"a", b"1"), (b"b", b"2"), (b"c", b"3"):
                client.sendall(part)
                urge(client, byte)
            client.sendall(b"d")
        prints(server, ["bytes: I:", "urgent: 0x33", "bytes: a1b2c", "mark: after 7 bytes", "bytes: d"])


def take_urgent(connection):
    byte = socket.socket.recv(connection, 1, socket.MSG_OOB)
    steps.step("receives, out of band,", connection.name, byte)
    return byte


def one_byte_is_urgent(chapter, faults, *texts):
    """With time between its calls each byte is seen that is sent as urgent, also if a later one takes its place."""
    urgent, rest = [], []

    def serve(connection):
        while not rest or rest[-1]:
            if select.select([connection], [], [connection], seconds(3))[2]:
                urgent.append(take_urgent(connection))
            else:
                rest.append(connection.recv(100))

    with serving(serve) as server:
        chapter.run("-c", server.address, str(server.port), *texts, under=faults("?sendto,?sendmsg,?write,?writev:delay_exit=100000"), limit=5)
    identical(b"".join(urgent), texts[1][-1:].encode())
    identical(b"".join(rest), "".join((texts[0], texts[1][:-1], texts[2])).encode())


@graded(10, "-c sends BEFORE, then URGENT out of band, then AFTER", step=3,
        cause=[
            Symptom(r"start \./urgent -c ::1 ", "ADDRESS may be one of IPv6 with -c, too: socket() and connect() take the family of the address that "
                    "inet_pton() has found.", (TO.replace("('127.0.0.1', 7890)", "('::1', 7890), family=s.AF_INET6"),
                                               "sleep 0.2; ./urgent -c ::1 7890 hello 'wait!' world; echo exit status $?")),
            Symptom("no urgent byte", "send() with the flag MSG_OOB makes a byte urgent: the last one of what this call sends."),
            Symptom(r"^start \./urgent -c \S+ \d+ a '' b", "An empty URGENT has no last byte, and so it is wrong usage: exit status 2.",
                    (TO, "sleep 0.2; ./urgent -c 127.0.0.1 7890 a '' b; echo exit status $?")),
            Symptom(r"^start strace(.|\n)*expected: |receives, out of band, '[^!x]", "More bytes are urgent than the last of URGENT: each send() with MSG_OOB makes its own last byte urgent. So there is "
                    "one with it, for all of URGENT, and none for the other two.", (
                        TO_ALL, "sleep 0.2; strace -qq -o /dev/null -e inject=sendto:delay_exit=200000 ./urgent -c 127.0.0.1 7890 hello 'wait!' world")),
            "What arrives is BEFORE, URGENT and AFTER, in this order: URGENT in one send() with MSG_OOB, of which the last byte is out of band, and the "
            "mark is there. Then the connection is closed."],
        read="The program", by_hand=(TO, "sleep 0.2; ./urgent -c 127.0.0.1 7890 hello 'wait!' world; echo exit status $?"), needs=[])
@pytest.mark.parametrize("texts", [("hello", "!", "world"), ("before", "wait!", "after"), ("", "x", ""), ("a", "", "b"), ("IPv6", "!", "too")], ids=" ".join)
def test_client(chapter, request, texts):
    if not texts[1]:
        checks.is_usage_error(chapter.run("-c", "127.0.0.1", "7890", *texts, limit=3), texts[1])
        return
    seen = []

    def serve(connection):
        assert select.select([], [], [connection], seconds(3))[2], "no urgent byte comes within %g s" % seconds(3)
        seen.append(take_urgent(connection))
        ahead = b""
        while not struct.unpack("i", fcntl.ioctl(connection, SIOCATMARK, bytes(4)))[0]:
            ahead += connection.recv(100)
        seen.extend((ahead, bytes(receive_all(connection))))

    with serving(serve, "::1" if texts[0] == "IPv6" and checks.has_ipv6() else "127.0.0.1") as server:
        program = chapter.run("-c", server.address, str(server.port), *texts, limit=5)
    identical(seen, [texts[1][-1:].encode(), (texts[0] + texts[1][:-1]).encode(), texts[2].encode()])
    assert program.status == 0, "exit status %d, not 0" % program.status
    checks.has_nothing_on_stdout(program)
    if len(texts[1]) > 1:
        one_byte_is_urgent(chapter, request.getfixturevalue("faults"), *texts)


@graded(5, "-c says that nobody listens there, with exit status 1", step=3,
        cause="connect() fails with ECONNREFUSED: look at what it returns, report it, and end with 1.", read="What can go wrong",
        by_hand=("timeout 2 ./urgent -c 127.0.0.1 7890 hello ! world; echo exit status $?",), needs=["test_client"])
def test_nobody_listens(chapter):
    with reserved_port() as port:
        checks.is_failure(chapter, chapter.run("-c", "127.0.0.1", str(port), "hello", "!", "world"), "ECONNREFUSED")


# ---- With what people use, and clients that mean no good

def test_telnet(chapter, tool):
    """`send synch` sends IAC and DM. Of these two IAC is urgent to us: the pointer in the packet names the byte behind it."""
    server = chapter.serve("0")
    client = chapter.start_other([tool("telnet"), server.address, str(server.port)], stdin=subprocess.PIPE)
    client.wait_for_output("^Escape character")
    type_line(client, b"hello\n")
    server.wait_for_output(r"^\d+ bytes: hello\.+$")
    type_line(client, b"\x1dsend synch\n")  # ^], and what its prompt would be answered
    server.wait_for_output("^urgent: 0xff$")
    server.wait_for_output("^mark: after 7 bytes$")
    client.process.stdin.close()


def test_itself(chapter):
    server = chapter.serve("0")
    assert chapter.run("-c", server.address, str(server.port), "hello", "wait!", "world").status == 0
    server.wait_for_output("^mark: after 9 bytes$")


def test_random_streams(chapter):
    """Of all that comes while the program is stopped the last urgent byte alone is urgent."""
    chance = random.Random(os.environ.get("LAB_SEED", "4c"))
    server = chapter.serve("0")
    for _ in range(20):
        before = len(server.output)
        stream, mark = b"I:", None
        client = connect(server)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(stream)
        wait_until(lambda: server.output[before:].endswith("2 bytes: I:\n"))
        with stopped(server):
            for _ in range(chance.randrange(1, 6)):
                part = bytes(chance.choices(range(97, 123), k=chance.randrange(1, 3000)))
                client.sendall(part)
                urge(client, b"!")
                mark = len(stream) + len(part)
                stream += part + b"!"
            client.shutdown(socket.SHUT_WR)
        see_the_end(client)
        expected = ["bytes: I:", "urgent: 0x21", "bytes: " + stream[2:-1].decode(), "mark: after %d bytes" % mark]
        wait_until(lambda: told("\n" + server.output[before:], True) == expected)


def test_a_flood_of_urgent_bytes(chapter):
    server = chapter.serve("0")
    with friend(server) as client:
        for _ in range(20000):
            socket.socket.send(client, b"!", socket.MSG_OOB)
        client.sendall(b"end")
        server.wait_for_output("bytes: !*end$", limit=20)
    with connect(server) as client:
        client.sendall(b"still there?")
        server.wait_for_output(r"^12 bytes: still there\?$")


def test_leaks_nothing(chapter):
    checks.no_leaks(chapter.serve("0"), b"hello\n")


def test_lack_of_descriptors_is_survived_without_spinning(chapter):
    checks.survives_lack_of_descriptors(chapter.serve("0"))


def test_wrong_usage_of_the_client(chapter):
    for arguments, bad in ((["-c"], "-c"), (["-c", "127.0.0.1", "7890", "a", "b"], "-c"), (["-c", "127.0.0.1", "7890", "a", "", "b"], "URGENT"),
                           (["-c", "localhost", "7890", "a", "b", "c"], "localhost"), (["-c", "127.0.0.1", "x", "a", "b", "c"], "x")):
        checks.is_usage_error(chapter.run(*arguments, limit=3), bad)
