"""04-send-recv: greets each client, shows every byte it sends, and sends the same bytes back."""

import contextlib
import itertools
import re
import select
import socket
import subprocess

import pytest

from harness import checks, steps
from harness.compare import difference, identical
from harness.echo_checks import (EVERY_BYTE, GREETING, MEBIBYTE, echoes, greeted, greets_with, number,
                                 sees_the_end, take_greeting)
from harness.grading import Symptom, graded
from harness.program import seconds, wait_until
from harness.talk import connect, exchange, feed, receive, type_line

CHAPTER = "04-send-recv"


def hexdump(data):
    """The lines that `hexdump -C` prints for data, but for its last one, which has only the size."""
    lines = []
    for offset in range(0, len(data), 16):
        part = data[offset:offset + 16]
        halves = " ".join("%02x" % byte for byte in part[:8]), " ".join("%02x" % byte for byte in part[8:])
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append("%08x  %-23s  %-23s  |%s|\n" % (offset, *halves, text))
    return lines


@graded(4, "Starts, and takes a client",
        cause=[
            Symptom(r"stderr: .*\b0\b.*\n?.*usage: ",
                    "0 is a port, too, by which the kernel is asked for a free one: refuse what is less than 0, or more "
                    "than 65535."),
            "It calls no listen(), or calls it only after its `listening` line: whoever reads that line may connect."],
        read="Your turn",
        by_hand=("timeout 0.3 ./send-recv 0; ./send-recv", "nc -N 127.0.0.1 7890 < /dev/null || echo nobody listens"))
def test_takes_a_client(chapter):
    with connect(chapter.serve("0")):
        pass


@graded(3, "Says where it listens",
        cause=[
            Symptom("has not said so(.|\\n)*listening on",
                    "The line goes to stderr. stdout is for results: printf(), or fprintf(stdout, ...).",
                    ("timeout 0.3 ./send-recv 0 2> /dev/null",)),
            Symptom("has not said so",
                    "The line stays in stdio's buffer, which is handed out at each line only if stdout is a "
                    "terminal: setvbuf(stdout, NULL, _IOLBF, BUFSIZ) at the start, or fflush(stdout).",
                    ("timeout 0.3 ./send-recv 0 | cat",)),
            Symptom("^got: +'listening on .* port 0'",
                    "That is the port which was asked for: getsockname() tells the one that the kernel chose."),
            Symptom("^got: +'listening on [0-9.]+ port \\d+'",
                    "The port is printed without ntohs(), or the address is not what getsockname() tells.",
                    ("timeout 0.3 ./send-recv 7890",)),
            "The line is not the contract's, word for word; or another one comes first."],
        read="Your turn",
        by_hand=("timeout 0.3 ./send-recv 0",))
def test_says_where_it_listens(chapter):
    checks.says_where_it_listens(chapter.serve("0"))


@graded(6, "Greets each client first",
        cause=[
            Symptom("closes the connection",
                    "It closes as chapter 3's did, without a word: send() the greeting between accept() and close().",
                    ("./send-recv", "timeout 0.5 nc -d 127.0.0.1 7890")),
            Symptom("more comes than the greeting",
                    "send() gets too large a size, such as the buffer's, or with the string's '\\0'; or something "
                    "more is sent, such as a prompt. The size is what snprintf() returned, or strlen()."),
            Symptom("nothing comes",
                    "The greeting comes before the first recv(): send() it right after accept().",
                    ("./send-recv", "timeout 0.5 nc -d 127.0.0.1 7890")),
            "The greeting is not the contract's, byte for byte, with one '\\n' at its end and no '\\r'."],
        read="Your turn",
        by_hand=("./send-recv", "timeout 0.5 nc -d 127.0.0.1 7890 | od -c"))
def test_greets_the_client(chapter):
    """Whether it hangs up then or not. What it says instead, the other checks then expect of it: see greets_with."""
    with connect(chapter.serve("0")) as client:
        data, part = b"", b"?"
        while part and select.select([client], [], [], seconds(5 if not data else 0.2))[0]:
            part = client.recv(4096)
            data += part
    if not re.fullmatch(GREETING, data):
        greets_with[0] = re.sub(rb"\d+", rb"\\d+", re.escape(data))
    assert data, "it closes the connection without a greeting" if not part else "nothing comes within %g s" % seconds(5)
    assert not re.match(GREETING + b"(?s:.)", data), "more comes than the greeting: %r" % data[data.index(b"\n") + 1:][:60]
    assert data == b"Hello, world! You are visitor %d.\n" % (number(data) or 1)


@graded(3, "Prints one line for each connection, with the client's address",
        cause=[
            Symptom("stderr:.*\\n?.*connection ",
                    "The line goes to stderr, which is for errors: printf() it.",
                    ("./send-recv 2> /dev/null", "timeout 0.2 nc -d 127.0.0.1 7890 > /dev/null; sleep 0.2")),
            Symptom("no such line has come",
                    "It is not printed, or only when the client has spoken or left, or it stays in stdio's buffer: "
                    "printf() right after accept(), and setvbuf(stdout, NULL, _IOLBF, BUFSIZ) at the start.",
                    ("(./send-recv & p=$!; sleep 0.2; (sleep 0.4 | nc -N 127.0.0.1 7890 > /dev/null) & sleep 0.2; "
                     "kill -KILL $p) | cat",)),
            Symptom("not one line",
                    "One line for each client, and only when it connects: nothing is said when it leaves.",
                    ("./send-recv", "for i in 1 2; do nc -N 127.0.0.1 7890 < /dev/null > /dev/null; done; sleep 0.2")),
            Symptom("two bytes of its port are swapped",
                    "accept() stores the port in network byte order: ntohs(), for IPv6 as well.",
                    ("./send-recv 7890 ::1", "nc -N -p 40001 ::1 7890 < /dev/null; timeout 0.3 ./send-recv 7891 & "
                     "sleep 0.1; nc -N -p 40001 127.0.0.1 7891 < /dev/null; wait")),
            Symptom("^expected: .* from (\\S+) port (\\d+)'\\n.*got: .*\\bport \\2'",
                    "The address is not the client's, but the server's own, say: print what accept() (or "
                    "getpeername()) has stored."),
            "What is printed is not what accept() says of the client, in the contract's words. Its length has to be "
            "set before each call, and getsockname() names our own end."],
        read="Your turn",
        by_hand=("./send-recv",
                 "nc -N -s 127.0.0.2 127.0.0.1 7890 < /dev/null; "
                 "timeout 0.3 ./send-recv 7891 ::1 & sleep 0.1; nc -N ::1 7891 < /dev/null; wait"))
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_prints_where_each_client_comes_from(chapter, address):
    """That it takes the address ::1, and counts its clients, is for other checks to say."""
    if address == "::1":
        checks.needs_ipv6()
    server = chapter.serve("0", address)
    sources = ("127.0.0.2", "127.0.0.3") if server.address == "127.0.0.1" else (address, address)
    before, lines, expected = len(server.output), [], []
    for source in sources if server.address == address else ():
        with connect(server, source=source) as client:
            take_greeting(client)
            expected.append("connection N from %s port %d" % client.getsockname()[:2])
            with contextlib.suppress(AssertionError):  # what came is told below
                wait_until(lambda: expected[-1] in connection_lines(server.output[before:]))
            lines = connection_lines(server.output[before:])
            assert len(lines) >= len(expected), "no such line has come: %s\nstderr: %s" % (
                expected[-1], server.stderr or "(nothing)")
            assert len(lines) == len(expected), "not one line for each client:\n" + server.output[before:]
            assert lines == expected, "\n".join(difference(lines[-1], expected[-1]) + how_ports_differ(
                lines[-1], client.getsockname()[1]))
            client.shutdown(socket.SHUT_WR)
            sees_the_end(client)


def connection_lines(output):
    """The whole lines of an output, with N for the number of a connection."""
    return [re.sub("^connection [0-9]+ ", "connection N ", line) for line in output.split("\n")[:-1]]


def how_ports_differ(line, port):
    """A list with a remark, if the line ends with the port's bytes in the wrong order."""
    return ["the two bytes of its port are swapped"] if line.endswith(" %d" % (port >> 8 | (port & 255) << 8)) else []


@graded(7, "Sends each piece back while the client still speaks", step=2,
        cause=[
            Symptom(r"sends 'hello\\r\\n'\n.* waits in vain",
                    "It waits for more before it answers: for a full buffer (MSG_WAITALL, or a loop until it is full), "
                    "or for the client's end. recv() returns what there is: that is to go back at once.",
                    ("./send-recv",
                     "(echo hello; sleep 1) | timeout 0.5 nc -N 127.0.0.1 7890")),
            Symptom("sends 'no line end'\n.* waits in vain",
                    "It waits for the end of a line. recv() knows no lines: what it returns is to go back at once.",
                    ("./send-recv",
                     "(printf 'no line end'; sleep 1) | timeout 0.5 nc -N 127.0.0.1 7890 | od -c")),
            Symptom(r"sends 256 bytes(.|\n)*waits in vain",
                    "The bytes are treated as a string, which ends at a zero byte. Their number is what recv() returned, "
                    "and not strlen()."),
            Symptom("hangs up",
                    "It closes after the greeting: now recv() comes, again and again, until that returns 0.",
                    ("./send-recv", "timeout 0.5 nc -d 127.0.0.1 7890; echo exit status $?  # 124: it still ran")),
            Symptom("ended its side",
                    "It closes after the first piece, or after certain bytes: go on with recv() until that returns 0.",
                    ("./send-recv",
                     "(echo hello; sleep 0.2; printf 'quit\\nagain\\n\\004'; sleep 0.2; echo more; sleep 1) | "
                     "timeout 0.8 nc -N 127.0.0.1 7890 | od -c")),
            "What goes back is not what came, byte for byte. The size for send() is what recv() returned, and neither the "
            "buffer's nor strlen(), which looks for a '\\0' that nobody has sent. Nothing is added, left out or changed."],
        read="The program",
        by_hand=("./send-recv",
                 "(printf 'One\\r\\n'; sleep 0.1; printf 'a\\0b\\r\\n'; sleep 1) | timeout 0.5 nc -N 127.0.0.1 7890 | od -c"))
def test_answers_while_the_client_still_speaks(chapter):
    with greeted(chapter.serve("0")) as client:
        closes = select.select([client], [], [], 0.2)[0] and not client.recv(1, socket.MSG_PEEK)
        assert not closes, "it hangs up, though the client has said nothing yet"
        for line in (b"hello\r\n", b"no line end", b"\n", b"quit\n", b"\4", EVERY_BYTE):
            client.sendall(line)
            assert receive(client, len(line)) == line


@graded(7, "Answers all of it after a half-close, then closes", step=2,
        cause=[
            Symptom("still open",
                    "recv() returns 0 when the client has ended its side. That is not 'nothing just now', after which "
                    "one asks again: it is the end, and close() comes. Or nobody calls close()."),
            Symptom("Connection reset",
                    "The end comes as a reset, which throws away what is still on its way: SO_LINGER with a time of 0, "
                    "or a close() while there are bytes that were not received.",
                    ("./send-recv",
                     "python3 -c \"import socket; c = socket.create_connection(('127.0.0.1', 7890)); c.send(b'hello'); "
                     "c.shutdown(1); print(c.makefile('rb').read())\"")),
            "What came before the client's end is left unanswered: first all of it goes back, then recv() returns 0."],
        read="The idea",
        by_hand=("./send-recv",
                 "(seq 10000 | timeout 1 nc -N 127.0.0.1 7890 || echo it did not close) | tail -2"),
        needs=["test_answers_while_the_client_still_speaks"])
def test_answers_after_a_half_close(chapter):
    """The program meets the bytes and the end of the client's side together."""
    server = chapter.serve("0")
    with greeted(server) as client:
        with checks.stopped(server):
            client.sendall(b"last words")
            client.shutdown(socket.SHUT_WR)
        assert receive(client, 10) == b"last words"
        assert select.select([client], [], [], seconds(2))[0], "the connection is still open 2 s later"
        assert client.recv(1) == b""


@graded(6, "Serves clients one after another", step=2,
        cause=[
            Symptom("before its turn",
                    "It answers one whose turn has not come: accept() the next client only when the one before has "
                    "left, and in the order in which they came.",
                    ("./send-recv",
                     "(sleep 0.5; echo one) | nc -N 127.0.0.1 7890 & sleep 0.1; echo two | nc -N 127.0.0.1 7890; wait")),
            Symptom("The server has ended",
                    "After the first client the program ends: accept() belongs into a loop without an end."),
            "After the first client the program hangs: close() its socket, and accept() the next."],
        read="What is still wrong",
        by_hand=("./send-recv",
                 "for word in one two three; do echo $word | timeout 1 nc -N 127.0.0.1 7890; done"),
        needs=["test_answers_after_a_half_close"])
def test_one_client_after_another(chapter):
    """Each has to wait until those before it have left, however quick it is to speak."""
    server = chapter.serve("0")
    clients = [connect(server) for _ in range(3)]
    for client in reversed(clients):
        client.sendall(b"me first!")
    for visitor, client in enumerate(clients, 1):
        with client:
            take_greeting(client)
            assert receive(client, 9) == b"me first!"
            early = select.select(clients[visitor:], [], [], 0.05)[0] if clients[visitor:] else []
            assert not early, "%s is answered before its turn" % early[0].name


@graded(2, "Counts its clients, in the line and in the greeting", step=2,
        cause=[
            Symptom("^client \\d\\d+ (is greeted|connects, )",
                    "The number outgrows its type (a char ends at 127 or 255), or the greeting its buffer: an unsigned "
                    "long, and snprintf() with a size that has room for it."),
            Symptom("says 0$",
                    "The first client is number 1: count before you print and greet."),
            "Each client that accept() has returned is counted once, and the same number is printed in the line and "
            "sent in the greeting."],
        read="Your turn",
        by_hand=("./send-recv",
                 "for i in $(seq 300); do exec 3<> /dev/tcp/127.0.0.1/7890; read -r -t 1 line <&3; exec 3>&-; echo \"$line\"; "
                 "done | sed -n '1p; 2p; 128p; 256p; 300p'"),
        needs=["test_one_client_after_another"])
def test_counts_its_clients(chapter):
    server, clients = chapter.serve("0"), 300
    greetings = [exchange(server, b"") for _ in range(clients)]
    with contextlib.suppress(AssertionError):
        wait_until(lambda: len(re.findall(r"^connection \d+ ", server.output, re.MULTILINE)) >= clients, limit=2)
    lines = re.findall(r"^connection (\d+) ", server.output, re.MULTILINE)
    for client in range(clients):
        assert re.fullmatch(greets_with[0], greetings[client]), "client %d is greeted with %r" % (
            client + 1, greetings[client][:100])
        told = number(greetings[client])
        assert told in (None, client + 1), "client %d is greeted, and the greeting says %d" % (client + 1, told)
        line = int(lines[client]) if client < len(lines) else None
        assert line in (None, client + 1), "client %d connects, and the line says %d" % (client + 1, line)


@graded(2, "Has room for 64 clients that wait their turn",
        cause="The backlog, the number that listen() is given, is too small: SOMAXCONN is the longest there is.",
        read="Your turn",
        by_hand=("./send-recv", "sleep 0.1; ss -Hltn 'sport = 7890' | awk '{print ($3 > 63 ? \"room\" : \"no room\")}'"))
def test_has_room_for_clients_that_wait(chapter):
    server = chapter.serve("0")
    with contextlib.ExitStack() as stack:
        for _ in range(65):
            stack.enter_context(connect(server, limit=3))


def test_shows_it_at_once(chapter):
    server = chapter.serve("0")
    with greeted(server) as client:
        client.sendall(b"hello\n")
        server.wait_for_output(r"^bytes received: 6$")
        server.wait_for_output(re.escape(hexdump(b"hello\n")[0]))


def columns(got, wanted):
    """The names of the columns in which two lines of a dump differ first."""
    if got[:8] != wanted[:8]:
        return "the offset"
    return "the bytes in hex" if got[:60] != wanted[:60] else "the text"


@graded(8, "Shows each piece as hexdump -C does", step=3,
        cause=[
            Symptom("^got: .*ffffff",
                    "A char has a sign: bytes from 0x80 on are printed as ffffff80. Take unsigned char.",
                    ("./send-recv", "printf 'a\\377' | nc -N 127.0.0.1 7890 | od -c; sleep 0.2")),
            Symptom("no line `bytes received",
                    "The line and the dump are not printed in the contract's words, or stay in stdio's buffer: "
                    "setvbuf(stdout, NULL, _IOLBF, BUFSIZ) at the start.",
                    ("(./send-recv & sleep 0.2; (echo hello; sleep 0.2) | nc -N 127.0.0.1 7890 > /dev/null; kill -KILL $!) "
                     "| cat",)),
            Symptom("is missing",
                    "Lines are missing: all that recv() brought is shown, whatever its size, also lines that repeat "
                    "(hexdump has a * for these); or they stay in stdio's buffer.",
                    ("(./send-recv & sleep 0.2; (printf '%06000d' 0; sleep 0.3) | nc -N 127.0.0.1 7890 > /dev/null; "
                     "kill -KILL $!) | grep -c '^00'  # 375 lines or, with a small buffer, 376 and more",)),
            Symptom("one line too many",
                    "The dump has a line for each 16 bytes, and no more: hexdump's last line, which has the size "
                    "alone, is left out.",
                    ("./send-recv", "printf 'exactly sixteen!' | nc -N 127.0.0.1 7890; sleep 0.2")),
            Symptom("differs in the offset",
                    "The offset has 8 hex digits (%08zx), counts bytes, and begins with 0 in each piece.",
                    ("./send-recv", "(printf '%040d' 0; sleep 0.1; echo more) | nc -N 127.0.0.1 7890; sleep 0.2")),
            Symptom("differs in the bytes in hex",
                    "Two digits for each byte (%02x), one space between them and two after the eighth; where the last "
                    "line lacks bytes, three spaces for each, so that the text always begins in the same column "
                    "(%-49s pads). Try 7, 8 and 9 bytes.",
                    ("./send-recv", "(printf 'J\\n\\377  -'; for word in seven:7 'eight: 8' nine::::9; do sleep 0.1; "
                     "printf \"$word\"; done) | nc -N 127.0.0.1 7890; sleep 0.2")),
            Symptom("differs in the text",
                    "One character for each byte of the line, between two |: the byte itself from 0x20 (the space) to "
                    "0x7e, else a dot (isprint()). The text needs a '\\0' of its own, and must not be a format.",
                    ("./send-recv", "(printf '%%s%%d ~\\177\\0'; sleep 0.1; printf 'exactly sixteen!+') | "
                     "nc -N 127.0.0.1 7890; sleep 0.2")),
            "It is to be `bytes received: SIZE`, with what this recv() returned, and then the dump of just these bytes."],
        read="Your turn",
        by_hand=("./send-recv", "(echo one; sleep 0.1; echo three) | nc -N 127.0.0.1 7890; sleep 0.2"),
        needs=["test_answers_while_the_client_still_speaks"])
@pytest.mark.parametrize("pieces", [
    [b"hello\r\n"], [EVERY_BYTE[97:97 + size] for size in range(17, 0, -1)], [b"exactly sixteen!" * 3, b"exactly sixteen!+"],
    [b"%s%d%n\x1b[2J\xff"], [EVERY_BYTE], [MEBIBYTE[:10000]] * 2],
    ids=["text", "1 to 17 bytes", "the same line thrice", "nasty", "every byte", "long"])
def test_shows_what_it_receives(chapter, pieces):
    """And does so at once, while the client still speaks."""
    server, data = chapter.serve("0"), b"".join(pieces)

    def lines():
        """What the dump is, and what it should be for pieces of the sizes that it tells."""
        got = re.findall(r"^(?:bytes received:|[0-9a-f]{8}).*\n", server.output, re.MULTILINE)
        expected, rest = [], data
        for size in re.findall(r"^bytes received: (\d{1,9})$", server.output, re.MULTILINE):
            expected += ["bytes received: %s\n" % size, *hexdump(rest[:int(size)])]
            rest = rest[int(size):]
        return got, expected, rest

    def is_complete():
        got, expected, rest = lines()
        return got == expected and not rest

    with greeted(server) as client:
        for piece in pieces:
            client.sendall(piece)
            identical(receive(client, len(piece)), piece)
        with contextlib.suppress(AssertionError):  # what differs is told below
            wait_until(is_complete, limit=2)
        server.kill()
    got, expected, rest = lines()
    assert expected, "no line `bytes received: SIZE` has come; stdout:\n" + server.output[-1000:]
    for i, (line, wanted) in enumerate(itertools.zip_longest(got, expected)):
        is_right = line == wanted
        assert is_right or wanted is not None and wanted not in got[i:], "there is one line too many:\n" + line
        assert is_right or line is not None and line not in expected[i:], "a line is missing:\n" + wanted
        where = "the size" if "b" in (line[0], wanted[0]) and line[:8] != wanted[:8] else columns(line, wanted)
        assert line == wanted, "\n".join(["a line differs in %s:" % where] + difference(line, wanted))
    assert not rest, "the line `bytes received` and the dump is missing for %d bytes that went back" % len(rest)


def test_nc(chapter, tool):
    server = chapter.serve("0")
    client = chapter.start_other([tool("nc"), "-N", server.address, str(server.port)],
                                 stdin=subprocess.PIPE)
    feed(client, b"hello\n" + EVERY_BYTE)
    assert client.wait() == 0
    assert client.stdout == b"Hello, world! You are visitor 1.\nhello\n" + EVERY_BYTE


def test_telnet(chapter, tool):
    server = chapter.serve("0")
    client = chapter.start_other([tool("telnet"), server.address, str(server.port)],
                                 stdin=subprocess.PIPE)
    client.wait_for_output(r"^Hello, world! You are visitor 1\.")
    type_line(client, b"hello\r\n")
    client.wait_for_output("^hello\r?$")
    client.process.stdin.close()
    client.wait()
    echoes(server)


def test_default_port(chapter):
    checks.default_port(chapter, 7890)


def test_starts_beside_an_old_connection(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)


@graded(3, "Takes the right port and address, and again at once",
        cause=[
            Symptom("not a port|exit status 2",
                    "0 and 65535 are ports, too: 0 asks the kernel for a free one.",
                    ("timeout 0.3 ./send-recv 65535; echo exit status $?",)),
            Symptom("it says: .* port 53790",
                    "The port is not in network byte order: htons(). 53790 is 7890 with its two bytes swapped.",
                    ("timeout 0.3 ./send-recv",)),
            Symptom("to be tried", "Without an argument the port is 7890.", ("timeout 0.3 ./send-recv",)),
            Symptom("the kernel says",
                    "INADDR_ANY lets the whole network in: without a second argument the address is 127.0.0.1.",
                    ("./send-recv 7890 & sleep 0.2; ss -Hltn; kill $!",)),
            Symptom("with the address ::1",
                    "The second argument is ignored, or is taken for IPv4 alone: inet_pton() with AF_INET6, and a "
                    "socket of that family.",
                    ("timeout 0.3 ./send-recv 7890 ::1",)),
            Symptom("EADDRINUSE",
                    "SO_REUSEADDR is not set before bind(), so that what is left of old connections keeps the port."),
            "The port and the address are those of the arguments, by default 7890 and 127.0.0.1."],
        read="Your turn",
        by_hand=("./send-recv & sleep 0.2; (nc -d 127.0.0.1 7890 &); sleep 0.2\n"
                 "{ kill $!; wait $!; } 2> /dev/null; timeout 0.3 ./send-recv",))
def test_takes_its_port(chapter):
    """And has it again when it was killed in the middle of a conversation."""
    checks.default_port(chapter, 7890)
    checks.default_port(chapter, 65535, "65535")
    server = chapter.serve("0")
    checks.listens_on_loopback_only(server)
    checks.takes_ipv6(chapter)
    with greeted(server) as client:
        steps.step("kill it, with all the processes that it has")
        server.kill()
        sees_the_end(client)
        assert chapter.serve(str(server.port)).port == server.port


@graded(2, "Says why it cannot start, and exits 1",
        cause=[
            Symptom("should be one line",
                    "The message is `send-recv: bind ADDRESS port PORT: strerror text (ESYMBOL)`, in one line: report() of "
                    "errors.c prints it. perror() knows no symbols."),
            Symptom("does not say `bind",
                    "The message says which address and port could not be had: `send-recv: bind ADDRESS port PORT: ...`."),
            Symptom("did not end within",
                    "Two of them share one port: SO_REUSEPORT permits that, SO_REUSEADDR does not. Or the program goes "
                    "on after a bind() that failed."),
            Symptom("it prints on stdout", "stdout is for results: before the `listening` line there is none."),
            "A failed start is exit status 1, and a message on stderr."],
        read="Your turn",
        by_hand=("./send-recv & sleep 0.2; timeout 0.5 ./send-recv; echo exit status $?; kill $!",))
def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional, says_where=True)


@graded(3, "Refuses wrong arguments, with a usage line and exit status 2",
        cause=checks.usage_symptoms("./send-recv 7890", "7890x", "7890 127.0.0.1 surplus", "7890 localhost", "4294975186"),
        read="Your turn",
        by_hand=("timeout 1 ./send-recv 7890x; echo exit status $?",))
@pytest.mark.parametrize("arguments", checks.WRONG_PORTS + checks.WRONG_ADDRESSES, ids=" ".join)
def test_wrong_arguments(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), arguments[-1])
