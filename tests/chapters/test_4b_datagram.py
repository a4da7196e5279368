"""4b-datagram: sends each datagram back to where it came from; with -c it is the other side."""

import contextlib
import getpass
import os
import random
import select
import subprocess
import time

import pytest

from harness import checks
from harness.compare import identical
from harness.datagrams import LARGEST, Datagrams, ask, client, nobody
from harness.grading import Symptom, graded
from harness.inspect import state
from harness.listening import family
from harness.program import seconds, wait_until

CHAPTER = "4b-datagram"
ASKS = "printf hello | nc -u -w 1 127.0.0.1 7890"
EMPTY = ("timeout 0.5 python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
         "s.sendto(b'', ('127.0.0.1', 7890)); print(s.recv(9))\"; echo exit status $?; sleep 0.1")
SILENT = ("python3 -c \"import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
          "s.bind(('127.0.0.1', 7890)); print('listening'); time.sleep(4)\"")
SERVER = ("python3 -c \"import select, socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 7890)); "
          "print('listening', flush=True); sender = s.recvfrom(99)[1]; %s; time.sleep(2)\"")
PATIENT = SERVER % "time.sleep(0.3); print('no more' if not select.select([s], [], [], 0)[0] else 'more'); s.sendto(b'A', sender)"
STRANGER = SERVER % ("t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); t.sendto(b'not the answer', sender); time.sleep(0.2); "
                     "s.sendto(b'the answer', sender)")
ZERO = SERVER % "s.sendto(b'a\\0b', sender)"
ASKS_PATIENT = "sleep 0.2; timeout 0.9 ./datagram -c 127.0.0.1 7890 a b | cat"
USAGE = ("timeout 0.5 ./datagram ''; for words in 99999 80x '0 127.0.0.256' '0 ::1 surplus' '-b 0 0' '-b 65536 0' "
         "'-c 127.0.0.1 7890'; do timeout 0.5 ./datagram $words; done; echo exit status $?")


def says(server, number, size, sender, more=""):
    """Line number `number` about datagrams comes, and says all of the contract's about this one."""
    with contextlib.suppress(AssertionError):  # what came is told below
        wait_until(lambda: server.output.count("\n") > number or not server.is_running())
    lines = server.output.split("\n")[1:]
    assert len(lines) > number, "there is no line about the datagram of %s; stdout:\n%s" % (
        sender.name, server.output or "(nothing)")
    identical(lines[number - 1], "%d bytes from %s port %d%s" % (size, sender.address, sender.port, more))


@graded(10, "Starts, and sends a datagram back",
        cause=[
            Symptom("it listens nowhere|no ADDRESS port PORT", "No socket of kind SOCK_DGRAM is bound: socket(), then bind(), and nothing else: "
                    "listen() and accept() are for connections.", ("timeout 1 ./datagram 7890 & sleep 0.3; ss -lun",)),
            Symptom(r"sendto?\b.* \((EINVAL|EDESTADDRREQ|EAFNOSUPPORT|EFAULT)\)", "The address for sendto() is none: recvfrom() fills one in if the "
                    "length that it is given says how much room there is, sizeof, set before each call."),
            "Nothing comes back: recvfrom() gives the datagram and whose it is, sendto() with that very address "
            "answers."],
        read="The idea", by_hand=("./datagram 7890", ASKS))
def test_sends_a_datagram_back(chapter):
    identical(ask(chapter.serve("0", on_terminal=True), b"hello"), b"hello")


@graded(5, "Says where it listens, at once, also into a pipe",
        cause="The first line is `listening on ADDRESS port PORT`, with the port that the kernel gave, which "
              "getsockname() tells; setvbuf() or fflush(stdout) sends it at once.",
        read="Your turn", by_hand=("timeout 1 ./datagram 0 | cat",), needs=[])
def test_says_where_it_listens(chapter):
    server = chapter.serve("0")
    checks.says_where_it_listens(server)


@graded(15, "Prints the size and the sender of each datagram",
        cause=[
            Symptom(r"start .*::1[\s\S]*got:", "IPv6 needs a struct sockaddr_storage, its own field for the port, and "
                    "ntohs() there, too.", ("./datagram 7890 ::1", "printf hello | nc -u -w 1 -p 7891 ::1 7890")),
            Symptom(r"got: +'\d+ bytes from \S+ port", "The address is not the sender's: recvfrom() needs room for it, and "
                    "its length set before each call; the port needs ntohs()."),
            Symptom(r"of 0 bytes\n.*no line about", "Each datagram has a line, an empty one, too: 0 is no end here, as it is for TCP.",
                    ("./datagram 7890", EMPTY)),
            Symptom(r"of 0 bytes\n.*in vain", "An empty datagram is to be answered, too, with an empty one.",
                    ("./datagram 7890", EMPTY)),
            Symptom("no line about|in vain", "It receives from the first one only: a connect() to that one shuts all others out.",
                    ("./datagram 7890", "for i in 1 2 3; do echo $i | nc -u -w 1 127.0.0.1 7890; done")),
            "The line is to be `SIZE bytes from ADDRESS port PORT`, to the letter."],
        read="The program", by_hand=("./datagram 7890", "printf hello | nc -u -w 1 -p 7891 -s 127.0.0.2 127.0.0.1 7890"))
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_says_who_sends(chapter, address):
    if address == "::1":
        checks.needs_ipv6()
    server = chapter.serve("0", address)
    for number, (own, size) in enumerate(((address, 5), ("::1" if ":" in address else "127.0.0.2", 1472), (address, 0)), 1):
        with client(server, own) as asking:
            asking.send_to(server, b"x" * size)
            says(server, number, size, asking)
            asking.receive()


@graded(15, "Sends back all of it, 0 to 65,507 bytes of any kind",
        cause=[
            Symptom("has ended", "An empty datagram is no end: recvfrom() returns 0 for it, and the next one comes.",
                    ("./datagram 7890", EMPTY)),
            Symptom("of 0 bytes\n.*in vain", "An empty datagram is to be answered, too, with an empty one.",
                    ("./datagram 7890", EMPTY)),
            Symptom("first difference|got: ", "Other bytes come back than were sent, or not so many: a datagram may hold zeros; "
                    "so strlen() and %s end too early, and its size is what recvfrom() has returned."),
            "The buffer has to hold the largest datagram, 65,507 bytes; what does not fit is lost."],
        read="The program", by_hand=("./datagram 7890", "head -c 16000 /dev/zero | nc -u -w 1 127.0.0.1 7890 | wc -c"))
def test_every_byte(chapter):
    server = chapter.serve("0", on_terminal=True)
    for data in b"a", b"", b"\0\n\r%s\xff", bytes(range(256)), b"x" * 9000, b"\0" * 16000, bytes(LARGEST):
        identical(ask(server, data), data)
    with client(server) as asking:
        for data in b"longer than the next", b"short", b"":
            asking.send_to(server, data)
            identical(asking.receive()[0], data)


@graded(10, "Answers many clients, each with its own",
        cause="The answer goes to whom the last recvfrom() has named, and each datagram gets one answer. "
              "connect() would shut the others out.",
        read="The idea", by_hand=("./datagram 7890", "for i in 1 2 3; do echo $i | nc -u -w 1 127.0.0.1 7890 & done; wait"))
def test_many_clients(chapter):
    server = chapter.serve("0", on_terminal=True)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(client(server)) for _ in range(20)]
        for number, asking in enumerate(clients):
            asking.send_to(server, b"%d" % number)
        for number, asking in reversed(list(enumerate(clients))):
            data, sender = asking.receive()
            identical(data, b"%d" % number)
            assert sender == (server.address, server.port), "it answers from %s port %d" % sender
    for _ in range(50):  # these do not stay for the answer: the system has nobody to give it to
        with client(server) as leaving:
            leaving.send_to(server, b"gone")
    with client(server) as asking:
        asking.send_to(server, b"still there?")
        answers = iter(lambda: asking.receive()[0], b"gone")  # it may have the port of one who has left, and that one's answer
        identical(next(answers), b"still there?")


@graded(5, "Receives on 127.0.0.1 port 7890 only, unless told otherwise",
        cause="INADDR_ANY, which is 0.0.0.0, takes datagrams from the network; or the port to use without an "
              "argument is another one.",
        read="Your turn", by_hand=("timeout 1 ./datagram & sleep 0.3; ss -lun; wait",), needs=[])
def test_receives_on_loopback_only(chapter):
    checks.listens_on_loopback_only(chapter.serve("0"))
    checks.default_port(chapter, 7890)


@graded(5, "Ends with exit status 1 if it cannot start",
        cause="What bind() returns is not looked at, or main() returns 0; or SO_REUSEADDR is set, with which two UDP "
              "sockets have one port.",
        read="What can go wrong",
        by_hand=("./datagram 7890", "timeout 0.5 ./datagram 7890 2>&1 | head; echo exit status ${PIPESTATUS[0]}"))
def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)


@graded(5, "Refuses what is no port or no address, with a usage line",
        cause=[Symptom(r"did not end|\(E[A-Z]+\)", "atoi() and strtol() take 80x for 80 and an empty string for 0; "
                       "inet_pton() and argc were not looked at.")],
        read="Your turn", by_hand=(USAGE,), needs=[])
@pytest.mark.parametrize("arguments", checks.WRONG_PORTS + checks.WRONG_ADDRESSES)
def test_wrong_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])


@graded(10, "Tells of what did not fit, with its real size, and does not answer it",
        cause=[
            Symptom(r"^start \./datagram -b (0|65536|10x|65535)\b", "BYTES is a whole number from 1 to 65535; all else is wrong usage.",
                    ("for bytes in 0 65536 10x 65535; do timeout 0.5 ./datagram -b $bytes 0; done 2>&1 | cut -c 1-9; echo",)),
            Symptom("gets an answer", "A datagram of which a part is lost is to have no answer: the part would be taken "
                    "for the whole."),
            Symptom(r"expected: '11 .*\ngot: +'10 bytes from \S+ port \d+'", "A part is taken for the whole: without MSG_TRUNC "
                    "recvfrom() returns how much has fitted."),
            Symptom(r"expected: '10 bytes[^,]*\ngot: +'10 bytes.*, cut", "What has just as many bytes as there is room for is not cut: "
                    "only more than BYTES are too many."),
            Symptom(r"got: +'\d+ bytes from \S+ port \d+, cut", "The size is that of what fitted: with MSG_TRUNC recvfrom() "
                    "returns how long the datagram was."),
            Symptom(r"got: +'\d+ bytes from \S+ port \d+'", "It was cut, and the line does not say so: `, cut` at its end."),
            "`-b BYTES` says how many bytes of a datagram have room: see getopt(3)."],
        read="The program", by_hand=("./datagram -b 10 7890", "printf 0123456789abcdef | nc -u -w 1 -p 7891 127.0.0.1 7890; "
                                     "printf 0123456789 | nc -u -w 1 -p 7892 127.0.0.1 7890"), step=2)
@pytest.mark.parametrize("room", ["10", "0", "65536", "10x", "65535"])
def test_cut(chapter, room):
    if room == "65535":
        identical(ask(chapter.serve("-b", room, "0"), b"hello"), b"hello")
        return
    if room != "10":
        checks.is_usage_error(chapter.run("-b", room, "0", limit=3), room)
        return
    server = chapter.serve("-b", room, "0")
    with client(server) as asking:
        for number, (size, more) in enumerate(((10, ""), (11, ", cut"), (0, ""), (60000, ", cut"), (3, "")), 1):
            asking.send_to(server, b"x" * size)
            says(server, number, size, asking, more)
            if more:
                asking.gets_nothing()
            else:
                identical(asking.receive()[0], b"x" * size)


@graded(5, "Goes on when recvfrom() or sendto() fails",
        cause=[
            Symptom("has ended", "One datagram that cannot be received or sent back is no reason to end: report it, and take "
                    "the next."),
            Symptom("it spins", "What fails now may fail again at once: after the report wait a moment, with nanosleep(), or all of the CPU "
                    "goes into reports.", ("timeout 1 strace -qq -o /dev/null -e inject=recvfrom:error=ENOMEM ./datagram 7890 2>&1 | tail -n +200 | head -n 1",)),
            Symptom("EINTR is reported", "EINTR says that a signal has come, and is no error: the call is made once more, without a word.",
                    ("timeout 3 strace -qq -o /dev/null -e inject=recvfrom:error=EINTR:when=1 ./datagram 7890 & sleep 0.5; "
                     + ASKS + "; wait",)),
            Symptom("in vain for an answer", "After a signal (EINTR) recvfrom() and sendto() are called once more.",
                    ("timeout 3 strace -qq -o /dev/null -e inject=sendto:error=EINTR:when=1 ./datagram 7890 & sleep 0.5; "
                     + ASKS + "; wait",)),
            "A call that has failed is to be reported, with its error's name."],
        read="What can go wrong",
        by_hand=("timeout 3 strace -qq -o /dev/null -e inject=recvfrom:error=ENOMEM:when=1 ./datagram 7890 & sleep 0.5; "
                 + ASKS + "; wait",), step=2)
@pytest.mark.parametrize("call,error", [("recvfrom", "EINTR"), ("recvfrom", "ENOMEM"), ("sendto", "EINTR"),
                                        ("sendto", "ENOBUFS"), ("recvfrom", "ENOMEM again and again")])
def test_goes_on(chapter, faults, call, error):
    calls = ",".join("?" + name for name in {
        "recvfrom": ("recvfrom", "recvmsg", "recvmmsg"), "sendto": ("sendto", "sendmsg", "sendmmsg")}[call])
    if error not in ("EINTR", "ENOMEM", "ENOBUFS"):
        server = chapter.serve("0", under=faults("%s:error=ENOMEM" % calls))
        with client(server) as asking:
            asking.send_to(server, b"hello")
            server.wait_for_error(r"^datagram: .+ \(ENOMEM\)$")
            checks.waits_without_spinning(*family(server.pid))
        return
    server = chapter.serve("0", under=faults("%s:error=%s:when=1" % (calls, error)), on_terminal=True)
    with client(server) as asking:
        if error == "ENOBUFS":  # this one has no answer
            asking.send_to(server, b"lost")
            server.wait_for_error(r"^datagram: .+ \(ENOBUFS\)$")
        asking.send_to(server, b"hello")
        for _ in range(7 if error == "ENOBUFS" else 0):  # each thread of the program meets it once
            if not select.select([asking], [], [], seconds(0.5))[0]:
                asking.send_to(server, b"hello")
        identical(asking.receive()[0], b"hello")
    if error == "EINTR":
        assert "EINTR" not in server.stderr, "EINTR is reported, as if it were an error:\n" + server.stderr


def has_printed(program, expected):
    """The program has printed these bytes, and goes on."""
    with contextlib.suppress(AssertionError):  # what came is told below
        wait_until(lambda: program.stdout == expected or not program.is_running())
    identical(program.stdout, expected)
    assert program.is_running(), "it prints the answer only at its end"


@graded(5, "-c sends each TEXT as one datagram, and prints the answers",
        cause=[
            Symptom(r"^start \./datagram -c( 127\.0\.0\.1 7890| localhost .*)$", "-c needs an ADDRESS of numbers, a PORT and a TEXT: all else is "
                    "wrong usage.", ("timeout 2 ./datagram -c 127.0.0.1 7890; timeout 2 ./datagram -c localhost 7890 x; echo exit status $?",)),
            Symptom(r"start \./datagram -c ::1 ", "ADDRESS may be one of IPv6 with -c, too: socket() and connect() take the family of the address that "
                    "inet_pton() has found.", ("./datagram 7890 ::1", "timeout 2 ./datagram -c ::1 7890 hello")),
            Symptom("before the answer", "It sends the next TEXT before the answer to this one has come: send(), recv(), and only then the next.",
                    (PATIENT, ASKS_PATIENT)),
            Symptom("got: .*not the answer", "The answer of somebody else is printed: to connect() the socket to ADDRESS and PORT lets only datagrams from there in.",
                    (STRANGER, "sleep 0.2; timeout 2 ./datagram -c 127.0.0.1 7890 hello")),
            Symptom("got: +''|only at its end", "Nothing is printed, or not yet: what recv() has returned goes to stdout, with \\n after it, and fflush(stdout) "
                    "sends it on at once, also into a pipe.", (PATIENT, ASKS_PATIENT)),
            Symptom(r"got: .*TWO(\\n)?'", "The line ends where the answer has a zero byte: fputs() and %s do. fwrite() takes the size that recv() has returned.",
                    (ZERO, "sleep 0.2; timeout 2 ./datagram -c 127.0.0.1 7890 hello | od -c")),
            Symptom(r"expected: \d\d,\d\d\d bytes", "The buffer for recv() has to hold the largest answer, 65,507 bytes: what does not fit is lost, and nothing says so.",
                    ("./datagram 7890", "./datagram -c 127.0.0.1 7890 $(head -c 60000 /dev/zero | tr '\\0' x) | wc -c")),
            "`-c ADDRESS PORT TEXT...`: each TEXT is one send(), and each answer one line, in this order."],
        read="The program", by_hand=("./datagram 7890", "./datagram -c 127.0.0.1 7890 hello '' 'two words'"),
        needs=[], step=3)
def test_asks(chapter):
    with Datagrams("the test's server") as server:
        program = chapter.start("-c", server.address, str(server.port), "hello", "", "two words", "more")
        expected = b""
        for text, answer in (b"hello", b"HELLO"), (b"", b""), (b"two words", b"TWO\0WORDS"), (b"more", b"M" * LARGEST):
            data, sender = server.receive(what="a datagram")
            identical(data, text)
            has_printed(program, expected)
            wait_until(lambda: state(program.pid) == "S", what="the program to wait for the answer")
            assert not select.select([server], [], [], 0)[0], "it sends the next datagram before the answer to this one has come"
            with Datagrams("a stranger") as stranger:
                stranger.send_to(sender, b"not the answer")
            server.send_to(sender, answer)
            expected += answer + b"\n"
        assert program.wait() == 0
    identical(program.stdout, expected)
    if checks.has_ipv6():
        with Datagrams("the test's server", "::1") as server:
            program = chapter.start("-c", "::1", str(server.port), "hello")
            server.send_to(server.receive(what="a datagram")[1], b"HELLO")
            assert program.wait() == 0
        identical(program.stdout, b"HELLO\n")
    for arguments in ["127.0.0.1", "7890"], ["localhost", "7890", "x"]:
        checks.is_usage_error(chapter.run("-c", *arguments, limit=3), "" if len(arguments) == 2 else "localhost")


@graded(5, "-c says that nobody receives there, and that a TEXT is too long",
        cause=[
            Symptom(r"exit status 0, not exit status 1; stderr:\ndatagram: ", "It says what went wrong, and then ends as if all were well: after an "
                    "error main() returns 1."),
            Symptom("EMSGSIZE", "send() fails with EMSGSIZE for more than fits into one datagram: look at what it returns.",
                    ("./datagram -c 127.0.0.1 7890 $(head -c 65508 /dev/zero | tr '\\0' x); echo exit status $?",)),
            Symptom(r"\(EAGAIN\)|did not end", "Only a socket that is connected is told that its datagram has reached nobody: connect(), send(), and "
                    "then recv() fails with ECONNREFUSED."),
            "What send() and recv() return is to be looked at: -1 is an error, which is reported, and ends the program with 1."],
        read="What can go wrong", by_hand=("timeout 4 ./datagram -c 127.0.0.1 7891 hello; echo exit status $?",),
        needs=["test_asks"], step=3)
@pytest.mark.parametrize("text,symbol", [("hello", "ECONNREFUSED"), ("x" * (LARGEST + 1), "EMSGSIZE")])
def test_says_what_went_wrong(chapter, text, symbol):
    with nobody() as port:
        checks.is_failure(chapter, chapter.run("-c", "127.0.0.1", str(port), text), symbol)


@graded(5, "-c gives up after a second without an answer",
        cause="A datagram may be lost on its way, and so may the answer: SO_RCVTIMEO limits the wait of recv(), which then "
              "fails with EAGAIN; or poll() does.",
        read="The program", by_hand=(SILENT, "timeout 3 ./datagram -c 127.0.0.1 7890 hello; echo exit status $?"),
        needs=["test_asks"], step=3)
def test_gives_up(chapter):
    with Datagrams("the test's server") as server:
        program = chapter.start("-c", server.address, str(server.port), "hello", "never sent")
        server.receive(what="a datagram")
        begin = time.monotonic()
        program.status = program.wait(3)
        assert time.monotonic() - begin > 0.7, "it gives up before a second is over"
        checks.is_failure(chapter, program, r"\w+")


# ---- With what people use

@pytest.mark.parametrize("command", [["nc", "-u", "-w", "1"], ["socat", "-t", "0.5", "-", "UDP4:{}:{}"]], ids=["nc", "socat"])
def test_real_clients(chapter, tool, command):
    server = chapter.serve("0")
    tool(command[0])
    words = [word.format(server.address, server.port) for word in command]
    words += [server.address, str(server.port)] if command[0] == "nc" else []
    done = subprocess.run(words, input=b"hello\n", stdout=subprocess.PIPE, timeout=20)
    assert done.stdout == b"hello\n"
    server.wait_for_output(r"^6 bytes from 127\.0\.0\.1 port \d+$")


def test_xinetds_echo(chapter, tool, tmp_path):
    with Datagrams("a free port") as taken:
        port = taken.port
    (tmp_path / "echo.conf").write_text("""service echo
{
    type = INTERNAL UNLISTED
    id = echo-dgram
    socket_type = dgram
    protocol = udp
    port = %d
    bind = 127.0.0.1
    user = %s
    wait = yes
}
""" % (port, getpass.getuser()))
    chapter.start_other([tool("xinetd"), "-dontfork", "-f", str(tmp_path / "echo.conf"),
                         "-pidfile", str(tmp_path / "pid"), "-filelog", str(tmp_path / "log")])
    wait_until(lambda: chapter.run("-c", "127.0.0.1", str(port), "hello", "two words").output == "hello\ntwo words\n",
               what="xinetd to echo")


def test_a_flood_of_datagrams(chapter):
    """What comes faster than it is taken is lost, and so may be the first question after it."""
    server = chapter.serve("0")
    with client(server) as flooding:
        for number in range(100000):
            flooding.sendto(b"%d" % number, (server.address, server.port))
    with client(server) as asking:

        def is_answered():
            asking.sendto(b"still there?", (server.address, server.port))
            return select.select([asking], [], [], 0.2)[0]

        wait_until(is_answered, limit=20, what="an answer after the flood")


def test_random_sizes(chapter):
    server = chapter.serve("0")
    chance = random.Random(os.environ.get("LAB_SEED", "4b"))
    for _ in range(200):
        data = chance.randbytes(chance.choice((chance.randrange(64), chance.randrange(1500), chance.randrange(LARGEST))))
        identical(ask(server, data), data)


def test_wrong_usage_of_the_options(chapter):
    for arguments, bad in (["-x"], "-x"), (["-b"], "-b"):
        checks.is_usage_error(chapter.run(*arguments, limit=3), bad)
