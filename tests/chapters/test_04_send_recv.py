"""04-send-recv: greets each client, shows every byte it sends, and sends the same bytes back."""

import contextlib
import itertools
import random
import re
import select
import signal
import socket
import subprocess
import time

import pytest

from harness import checks, steps
from harness.compare import difference, identical
from harness.grading import Symptom, graded
from harness.inspect import memory, state
from harness.program import seconds, wait_until
from harness.talk import (connect, connect_with_small_buffers, exchange, feed, receive, receive_until,
                          send_until_stuck, type_line)

CHAPTER = "04-send-recv"

MEBIBYTE = random.Random(4).getrandbits(8 << 20).to_bytes(1 << 20, "big")
EVERY_BYTE = bytes(range(256))
GREETING = rb"Hello, world! You are visitor \d+\.\n"
_greets_with = [GREETING]  # or what this program says instead: that is the failure of one check, not of all


def take_greeting(client):
    """Receive what this program greets its clients with; return it."""
    data = b""
    while not re.fullmatch(_greets_with[0], data):
        part = client.recv(1)
        assert part, "the server ended its side after %r, before its greeting was whole" % data
        data += part
    return data


def greeted(server):
    """Connect, and be greeted; return the client."""
    client = connect(server)
    take_greeting(client)
    return client


def echoes(server, data=b"still there?"):
    """A client is greeted, and gets back the same bytes."""
    answer = exchange(server, data, limit=5)
    greeting = re.match(_greets_with[0], answer)
    assert greeting, "the answer does not begin with the greeting: %r" % answer[:200]
    identical(answer[greeting.end():], data)


def sees_the_end(client):
    """The server closes, in whatever manner."""
    with contextlib.suppress(ConnectionResetError):
        assert client.recv(1) == b"", "more comes, where the connection should be closed"


def number(greeting):
    """Which visitor a greeting names; None if it names none."""
    found = re.search(rb"\d+", greeting)
    return found and int(found.group())


def hexdump(data):
    """The lines that `hexdump -C` prints for data, but for its last one, which has only the size."""
    lines = []
    for offset in range(0, len(data), 16):
        part = data[offset:offset + 16]
        halves = " ".join("%02x" % byte for byte in part[:8]), " ".join("%02x" % byte for byte in part[8:])
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append("%08x  %-23s  %-23s  |%s|\n" % (offset, *halves, text))
    return lines


ENDED_BY_SIGPIPE = Symptom(
    "SIGPIPE",
    "Sending to a client that has gone raises SIGPIPE, which ends a process that does not ignore it: "
    "sigaction() with SIG_IGN, before the loop.")


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
    """Whether it hangs up then or not. What it says instead, the other checks then expect of it: see _greets_with."""
    with connect(chapter.serve("0")) as client:
        data, part = b"", b"?"
        while part and select.select([client], [], [], seconds(5 if not data else 0.2))[0]:
            part = client.recv(4096)
            data += part
    if not re.fullmatch(GREETING, data):
        _greets_with[0] = re.sub(rb"\d+", rb"\\d+", re.escape(data))
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
            Symptom("two bytes swapped",
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
        assert re.fullmatch(_greets_with[0], greetings[client]), "client %d is greeted with %r" % (
            client + 1, greetings[client][:100])
        told = number(greetings[client])
        assert told in (None, client + 1), "client %d is greeted, and the greeting says %d" % (client + 1, told)
        line = int(lines[client]) if client < len(lines) else None
        assert line in (None, client + 1), "client %d connects, and the line says %d" % (client + 1, line)


@graded(2, "Has room for 64 clients that wait their turn",
        cause="The backlog, the number that listen() is given, is too small: SOMAXCONN is the longest there is.",
        read="Your turn",
        by_hand=("./send-recv", "sleep 0.1; ss -Hltn 'sport = 7890' | awk '{print $3 > 63 ? \"room\" : \"no room\"}'"))
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


@graded(6, "Echoes pieces of every size without a change", step=2,
        cause=[
            Symptom("0x00",
                    "A '\\0' is written behind what came, and where the buffer is full that is over its last byte. "
                    "Bytes with a length need none."),
            Symptom("smashing|buffer overflow|buffer-overflow",
                    "It writes behind the end of its buffer, into memory that is not its own: recv() may return as many "
                    "bytes as it is told that there is room for, and the dump of so many needs its room, too."),
            Symptom(r"(?s)\A(?!.*killed by SIG).*ended its side",
                    "It ends the connection after a large piece, or after many: a recv() that fills the buffer is no "
                    "error, and a client may send for ever."),
            "A piece that is as large as the buffer, or larger, comes back cut or changed: the size for send() is what "
            "recv() returned, each time."],
        read="The program",
        by_hand=("./send-recv",
                 "seq 300000 | nc -N 127.0.0.1 7890 | tail -n +2 | cksum; seq 300000 | cksum"),
        needs=["test_answers_while_the_client_still_speaks"])
def test_a_mebibyte_in_pieces(chapter):
    rest = MEBIBYTE
    with greeted(chapter.serve("0")) as client:
        for size in (1, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097, 65535, 65536, 300000, len(rest)):
            piece, rest = rest[:size], rest[size:]
            client.sendall(piece)
            identical(receive(client, len(piece)), piece)


@graded(7, "Loses nothing when the client reads slowly", step=4,
        cause=[
            Symptom("waits in vain|ended its side",
                    "send() took only a part, and the rest was never sent: look at what it returned, and send the rest."),
            "After a send() that took only a part, go on behind that part: neither from the beginning again, nor "
            "with the next piece."],
        read="The program",
        by_hand=("strace -e trace=sendto -e inject=sendto:retval=3:when=2 ./send-recv  # it says: 3 are sent",
                 "echo hello | nc -N 127.0.0.1 7890  # so 'lo', the rest, is right"),
        needs=["test_a_mebibyte_in_pieces"])
@pytest.mark.parametrize("when_stuck", [lambda server: None, checks.is_not_disturbed_by_stopping],
                         ids=["slow", "stopped and continued"])
def test_a_mebibyte_to_a_slow_reader(chapter, when_stuck):
    """The server has to wait in mid-send; if it is stopped there, send() returns a short count."""
    server = chapter.serve("0")
    received = b""
    with connect_with_small_buffers(server) as client:
        take_greeting(client)
        rest = send_until_stuck(client, MEBIBYTE)
        steps.step("{:,} bytes are due to it".format(len(MEBIBYTE)))
        while rest:
            when_stuck(server)
            received += receive(client, 65536)
            rest = send_until_stuck(client, rest)
        received += receive(client, len(MEBIBYTE) - len(received))
    identical(received, MEBIBYTE)


def grows_by_less(server, before, limit):
    """The server's memory has grown by less than `limit` bytes."""
    grown = memory(server.pid) - before
    assert grown < limit, "its memory has grown by %d KiB" % (grown // 1024)


@graded(4, "Keeps no more of what it is sent than one piece", step=4,
        cause=[
            Symptom("reads nothing",
                    "While the client does not read, send() has to wait, and recv() with it: what came must not be "
                    "collected in a buffer that grows.",
                    ("./send-recv > /dev/null & sleep 0.2\n"
                     "head -c 9000000 /dev/zero | timeout 1 nc 127.0.0.1 7890 | sleep 1\n"
                     "awk '/VmRSS/ {print int($2 / 8192) * 8 \" MiB\"}' /proc/$!/status; kill $!",)),
            "It keeps what it has sent back already: once a piece is sent, its buffer is there for the next one."],
        read="What is still wrong",
        by_hand=("./send-recv > /dev/null & sleep 0.2\n"
                 "head -c 3000000 /dev/zero | nc -N 127.0.0.1 7890 > /dev/null\n"
                 "awk '/VmRSS/ {print int($2 / 2048) * 2 \" MiB\"}' /proc/$!/status; kill $!",),
        needs=["test_one_client_after_another", "test_a_mebibyte_in_pieces"])
def test_takes_no_more_than_it_can_send_back(chapter):
    """A piece may have 256 KiB, and its dump takes five times as many: 4 MiB are room enough for that."""
    server = chapter.serve("0")
    with greeted(server) as client:
        checks_in(client, MEBIBYTE)
        before = memory(server.pid)
        for _ in range(6):
            checks_in(client, MEBIBYTE)
        grows_by_less(server, before, 4 << 20)
    with connect_with_small_buffers(server) as client:
        steps.step("this client reads nothing")
        for _ in range(8):
            if send_until_stuck(client, MEBIBYTE) and state(server.pid) == "S":
                break  # it waits, and has not only not come to it yet
        grows_by_less(server, before, 4 << 20)


def checks_in(client, data):
    """Send data, a little at a time, and receive it again."""
    for start in range(0, len(data), 65536):
        client.sendall(data[start:start + 65536])
        receive(client, len(data[start:start + 65536]))


def test_one_byte_at_a_time(chapter):
    with greeted(chapter.serve("0")) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in EVERY_BYTE:
            client.sendall(bytes([byte]))
            assert client.recv(2) == bytes([byte])


@pytest.mark.parametrize("symbol", ["EINTR", "ECONNABORTED"])
def test_survives_what_accept_may_return(chapter, faults, symbol):
    server = chapter.serve("0", under=faults("?accept,?accept4:error=%s:when=1+2" % symbol))
    echoes(server)
    echoes(server)


def test_survives_interrupted_calls(chapter, faults):
    """Every second call to send or receive is interrupted by a signal before it did anything."""
    calls = "?recvfrom,?recvmsg,?sendto,?sendmsg,?poll,?ppoll,?select,?pselect6"
    server = chapter.serve("0", under=faults(calls + ":error=EINTR:when=1+2"))
    echoes(server, MEBIBYTE[:100000])
    echoes(server)


@graded(7, "Loses no byte to short counts, EINTR and failing accept()", step=4,
        cause=[
            Symptom("The server has ended",
                    "A call that fails with EINTR, or an accept() that fails with EINTR or ECONNABORTED, is no reason "
                    "to end: call it again.",
                    ("strace -o /dev/null -e trace=network -e inject=recvfrom,sendto:error=EINTR:when=1+2"
                     " -e inject=accept,accept4:error=ECONNABORTED:when=1+2 ./send-recv || echo it has ended",
                     "for i in 1 2; do head -c 9000 /dev/zero | timeout 2 nc -N 127.0.0.1 7890 | wc -c; done")),
            Symptom("counts more clients",
                    "An accept() that has failed brought no client: it is not counted, and nothing is printed.",
                    ("strace -o /dev/null -e inject=accept,accept4:error=ECONNABORTED:when=1+2 ./send-recv",
                     "for i in 1 2 3; do timeout 2 nc -N 127.0.0.1 7890 < /dev/null; done")),
            "A call that was interrupted (EINTR) has to be made again, and one that did a part for the rest of it: "
            "recv(), each send(), the greeting's too."],
        read="The program",
        by_hand=("strace -o /dev/null -e trace=network -e inject=recvfrom,sendto:error=EINTR:when=1+2 ./send-recv",
                 "for i in 1 2; do head -c 9000 /dev/zero | timeout 2 nc -N 127.0.0.1 7890 | wc -c; done"),
        needs=["test_one_client_after_another", "test_a_mebibyte_to_a_slow_reader"])
def test_random_faults(chapter, random_faults):
    server, numbers = random_faults(chapter.serve, "0"), []
    for _ in range(7):
        answer = exchange(server, MEBIBYTE[:30000], limit=5)
        greeting = re.match(_greets_with[0], answer)
        assert greeting, "the answer does not begin with the greeting: %r" % answer[:200]
        identical(answer[greeting.end():], MEBIBYTE[:30000])
        numbers.append(number(greeting.group()) or 0)
    assert numbers[-1] - numbers[0] <= 6, "it counts more clients than there were: the seventh is visitor %d" % numbers[-1]


@graded(3, "Costs no CPU time while a client is silent", step=2,
        cause=[
            Symptom("wakes up",
                    "It looks again and again whether something has come, and sleeps in between. A recv() on a socket "
                    "that blocks, as every new socket does, waits by itself; so does poll() with a time of -1.",
                    ("./send-recv & sleep 0.1; (sleep 1 | nc 127.0.0.1 7890 > /dev/null) & sleep 0.2\n"
                     "awk -v ORS=' ' '/^voluntary/ {print ($2 > 50 ? \"many\" : \"few\"), \"waits\"}' "
                     "/proc/$(pgrep -n send-recv)/status; kill $(pgrep -n send-recv)",)),
            "It asks again and again without waiting: a non-blocking socket, or a loop around recv() that never waits."],
        read="The program",
        by_hand=("./send-recv & p=$!; sleep 0.2; sleep 1 | nc -N 127.0.0.1 7890 &\n"
                 "sleep 0.4; ps -o stat,cmd -p $p; kill $p  # R: it spins",),
        needs=["test_answers_while_the_client_still_speaks"])
def test_a_silent_client_costs_no_cpu_time(chapter):
    server = chapter.serve("0")
    with greeted(server):
        checks.waits_without_spinning(server.pid)
        checks.sleeps_until_woken(server.pid)


@graded(2, "Is patient with a silent client", step=2,
        cause="It gives up who says nothing for some seconds: SO_RCVTIMEO, a time for poll() or select(), or alarm(). "
              "That a client is silent is no error, however long.",
        read="Your turn",
        by_hand=("./send-recv", "(sleep 7; echo at last) | nc -N 127.0.0.1 7890"))
def test_is_patient_with_a_silent_client(chapter, preloaded):
    steps.step("for this check its limits of time pass a hundred times as fast:")
    server = preloaded(chapter.serve, {"LAB_FAULTS_HURRY": "100"}, "0")
    with greeted(server) as client:
        given_up = select.select([client], [], [], seconds(1.3))[0]
        assert not given_up, "it gives up the silent client"
        client.sendall(b"at last")
        assert receive(client, 7) == b"at last"


def test_survives_resets_before_the_greeting(chapter):
    server = chapter.serve("0")
    with checks.stopped(server):
        for half_close in (True, False, True, False):
            client = connect(server)
            client.sendall(b"hello\n")
            if half_close:  # both in this order make the server's send() raise SIGPIPE
                client.shutdown(socket.SHUT_WR)
            client.reset()
    assert exchange(server, b"hello\n", limit=5).endswith(b"\nhello\n")


@graded(4, "Survives clients that reset the connection", step=5,
        cause=[
            ENDED_BY_SIGPIPE,
            Symptom("The server has ended: exit",
                    "A recv() or send() that fails with ECONNRESET or EPIPE tells of one client, which has gone: close() "
                    "its socket, and accept() the next."),
            "After a reset the next client is not served: a recv() that fails with ECONNRESET, or a send() with EPIPE, "
            "is the end of that client: close() and accept() the next."],
        read="The program",
        by_hand=("./send-recv & sleep 0.2\n"
                 "exec 3<> /dev/tcp/127.0.0.1/7890; sleep 0.2; exec 3>&-  # unread bytes: a reset\n"
                 "kill -STOP $!; echo hello | timeout 0.3 nc 127.0.0.1 7890  # it has gone\n"
                 "python3 -c \"import socket; c = socket.create_connection(('127.0.0.1', 7890)); "
                 "c.shutdown(1); c.setsockopt(1, socket.SO_LINGER, bytes([1] + [0] * 7))\"  # a reset, early\n"
                 "kill -CONT $!; sleep 0.2; timeout 1 nc -N 127.0.0.1 7890 < /dev/null; kill $!",),
        needs=["test_one_client_after_another"])
@pytest.mark.parametrize("half_close", [True, False], ids=["half-closed", "open"])
def test_survives_a_reset_before_the_echo(chapter, half_close):
    server = chapter.serve("0")
    greeted(server).reset()  # the server waits in recv() for this one
    client = greeted(server)
    with checks.stopped(server):
        with connect(server) as early:  # and one that has gone before the greeting
            for rude in client, early:
                rude.sendall(MEBIBYTE[:20000])
                if half_close:
                    rude.shutdown(socket.SHUT_WR)
                rude.reset()
    echoes(server)


@graded(3, "Reports a reset in one line, and nothing else", step=5,
        cause=[
            Symptom("which is no error",
                    "That a client ends its side is no error: recv() returns 0, and sets no errno. stderr is for errors."),
            Symptom("should have lines",
                    "The line has the form of all errors, `send-recv: what failed: strerror text (ESYMBOL)`: report() of "
                    "errors.c prints it. perror() names neither the program nor the symbol."),
            Symptom("more than one line",
                    "One line for each client that has gone is enough: return after the report."),
            Symptom("while it waited in recv",
                    "recv() fails with ECONNRESET: it is less than 0, which is not the 0 of an orderly end. That goes to "
                    "stderr."),
            "send() fails, too, with EPIPE or ECONNRESET, to a client that has gone: that is to be reported."],
        read="What can go wrong",
        by_hand=("./send-recv > /dev/null & sleep 0.2; nc -N 127.0.0.1 7890 < /dev/null > /dev/null\n"
                 "exec 3<> /dev/tcp/127.0.0.1/7890; sleep 0.2; exec 3>&-  # unread bytes: a reset\n"
                 "kill -STOP $!; echo hello | timeout 0.3 nc 127.0.0.1 7890  # it has gone\n"
                 "kill -CONT $!; sleep 0.2; kill $!",),
        needs=["test_survives_a_reset_before_the_echo"])
def test_reports_a_reset(chapter):
    server = chapter.serve("0")

    def complaints():
        """The lines of stderr but for those of other checks, which belong on stdout."""
        return [line for line in server.stderr.split("\n")[:-1] if not re.match(r"listening on|connection \d", line)]

    def reports(count, when):
        """So many lines have come on stderr, of clients that have gone, and no more."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: len(complaints()) >= count, limit=2)
        echoes(server)
        assert len(complaints()) >= count, "a reset %s is not reported on stderr" % when
        for line in complaints():
            assert re.fullmatch(r"send-recv: .+: .+ \((ECONNRESET|EPIPE|ENOTCONN)\)", line), (
                "stderr should have lines `send-recv: what failed: strerror text (ECONNRESET)`, and has:\n" + line)
        assert len(complaints()) == count, "more than one line for each client that has gone:\n" + "\n".join(complaints())

    echoes(server)
    echoes(server)  # and so what became of the first is known
    assert not complaints(), "a client has ended its side, which is no error, and on stderr comes:\n" + "\n".join(complaints())
    greeted(server).reset()
    reports(1, "while it waited in recv()")
    client = greeted(server)
    with checks.stopped(server):
        client.sendall(b"hello\n")
        client.reset()
    reports(2, "while it had something to send")


@graded(3, "Leaks no descriptor and no memory", step=5,
        cause=[
            Symptom("its memory has grown",
                    "Something is allocated for each client and never freed: a buffer (free()), a FILE (fclose())."),
            Symptom("resets the connection",
                    "The client's socket is not closed on every way out: after an error of recv() or send(), too, close() "
                    "comes, and shutdown() does not stand for it."),
            "The client's socket is not closed, or something else is opened for each client, such as by dup()."],
        read="The program",
        by_hand=("./send-recv > /dev/null 2>&1 & sleep 0.2\n"
                 "for i in $(seq 500); do : > /dev/tcp/127.0.0.1/7890; done\n"
                 "for i in $(seq 20); do exec 3<> /dev/tcp/127.0.0.1/7890; sleep 0.02; exec 3>&-; done\n"
                 "kill -STOP $!; echo hello | timeout 0.2 nc 127.0.0.1 7890  # it has gone\n"
                 "kill -CONT $!; timeout 1 nc -N 127.0.0.1 7890 < /dev/null; ls /proc/$!/fd | wc -l\n"
                 "awk '/VmRSS/ {print int($2 / 2048) * 2 \" MiB\"}' /proc/$!/status; kill $!",),
        needs=["test_one_client_after_another", "test_survives_a_reset_before_the_echo"])
def test_leaks_nothing(chapter):
    """Neither to polite clients nor to rude ones."""
    server = chapter.serve("0")

    def visit():
        echoes(server, b"hello\n")

    def reset_while_it_waits():
        greeted(server).reset()

    def reset_before_the_echo():
        client = greeted(server)
        with checks.stopped(server):
            client.sendall(b"hello\n")
            client.reset()

    for kind in visit, reset_while_it_waits, reset_before_the_echo:
        for _ in range(20):
            kind()
    before = memory(server.pid)
    checks.no_descriptor_leaks(server, visit, visitors=1500)
    checks.no_descriptor_leaks(server, reset_while_it_waits, visitors=300)
    checks.no_descriptor_leaks(server, reset_before_the_echo, visitors=20)
    grows_by_less(server, before, 100 * 1024)


def test_leaks_nothing_over_thousands_of_clients(chapter):
    checks.no_leaks(chapter.serve("0"), b"hello\n")


@graded(3, "Waits when it has no descriptor left, and then goes on", step=2,
        cause=[
            Symptom("spins",
                    "accept() fails with EMFILE as long as no descriptor is free: who asks again at once never waits. "
                    "Sleep for a moment, with nanosleep(), before the next try."),
            Symptom("The server has ended",
                    "An accept() that fails with EMFILE is no reason to end: wait for a moment, and try again."),
            Symptom("did not come on stderr",
                    "It is to be reported as all errors are, with the symbol EMFILE: report() right after accept(), "
                    "before another call changes errno.",
                    ("(ulimit -n 4; exec timeout 0.6 ./send-recv) & sleep 0.2\n"
                     "timeout 0.3 nc -d 127.0.0.1 7890; wait",)),
            "It does not go on when there are descriptors again: it waits too long, or has closed its listening socket."],
        read="Your turn",
        by_hand=("(ulimit -n 4; exec ./send-recv) 2> /dev/null & sleep 0.2\n"
                 "timeout 0.3 nc -d 127.0.0.1 7890; ps -o stat,cmd -p $!  # R: it spins\n"
                 "prlimit --nofile=64 --pid $!; timeout 1 nc -N 127.0.0.1 7890 < /dev/null; kill $!",),
        needs=["test_one_client_after_another", "test_a_silent_client_costs_no_cpu_time"])
def test_lack_of_descriptors_is_survived_without_spinning(chapter):
    checks.survives_lack_of_descriptors(chapter.serve("0"))


@graded(2, "Answers at once, though what it sent before is not acknowledged", step=6,
        cause="Its kernel holds a small piece back while the one before it (here the greeting) is not acknowledged, and "
              "the client's may take 40 ms for that. setsockopt() with TCP_NODELAY, right after accept(), turns it off.",
        read="The program",
        by_hand=("./send-recv > /dev/null & sleep 0.2\n"
                 "python3 -c \"import socket, time\n"
                 "def is_late():\n"
                 "    first, c = [socket.create_connection(('127.0.0.1', 7890)) for _ in range(2)]\n"
                 "    c.setsockopt(6, socket.TCP_QUICKACK, 0)\n"
                 "    c.send(b'hello'); first.recv(99); start = time.time(); first.close()  # now it is c's turn\n"
                 "    while not c.recv(99).endswith(b'hello'): pass\n"
                 "    return time.time() - start > 0.03\n"
                 "print('each time late' if all(is_late() for _ in range(9)) else 'at once')\"; kill $!",),
        needs=["test_one_client_after_another"])
def test_waits_for_no_acknowledgement(chapter):
    """The client's kernel is told to wait, with what it has to acknowledge, for a word of the client's: then the
    piece that is held back comes 40 ms late each time. Anything else is late now and then."""
    if not hasattr(socket, "TCP_QUICKACK"):
        pytest.skip("needs Linux's TCP_QUICKACK")
    server, delays = chapter.serve("0"), []
    while min(delays, default=1) > 0.03 and len(delays) < 10:
        with greeted(server) as first, connect(server) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            client.sendall(b"hello\n")
            first.shutdown(socket.SHUT_WR)
            turn = time.monotonic()
            take_greeting(client)
            assert receive(client, 6) == b"hello\n"
            delays.append(time.monotonic() - turn)
    assert min(delays) <= 0.03, "each time the echo came late, after %d ms and more" % (1000 * min(delays))


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
    with contextlib.suppress(pytest.skip.Exception):
        checks.needs_ipv6()
        address = chapter.serve("0", "::1").address
        assert address == "::1", "with the address ::1 it listens on " + address
    with greeted(server) as client:
        server.signal(signal.SIGKILL)
        server.wait()
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
    checks.port_in_use(chapter, checks.positional)


@graded(3, "Refuses wrong arguments, with a usage line and exit status 2",
        cause=checks.usage_symptoms("./send-recv 7890", "7890x", "7890 127.0.0.1 surplus", "7890 localhost", "4294975186"),
        read="Your turn",
        by_hand=("timeout 1 ./send-recv 7890x; echo exit status $?",))
@pytest.mark.parametrize("arguments", checks.WRONG_PORTS + checks.WRONG_ADDRESSES, ids=" ".join)
def test_wrong_arguments(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), arguments[-1])
