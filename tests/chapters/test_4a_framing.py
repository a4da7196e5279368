"""4a-framing: answers PING and ECHO in Redis' protocol, in which each message says how long it is."""

import os
import random
import select
import socket
import subprocess
import time

import pytest

from harness import checks, starting, steps
from harness.compare import identical
from harness.framing import PONG, answered, bulk, frame, refused
from harness.grading import Symptom, graded
from harness.inspect import memory, state
from harness.program import seconds, wait_until
from harness.talk import connect, connect_with_small_buffers, ends_its_side, exchange, receive, receive_all, send_until_stuck

CHAPTER = "4a-framing"
EVERY_BYTE = bytes(range(256))
PING = r"printf '*1\r\n$4\r\nPING\r\n'"
NC = "timeout 1 nc -N 127.0.0.1 7890 | od -c"


def by_hand(text):
    """A client that sends what printf makes of a text."""
    return ("./framing", "printf '%s' | %s" % (text, NC))


@graded(10, "Starts, and answers PING with +PONG",
        cause=[
            Symptom("it listens nowhere|Connection refused|has ended: exit status 1", "It calls no listen(), or ends before: see what it says on stderr."),
            Symptom("sends.*ping", "The name of a command may come in small letters, too: strncasecmp()."),
            Symptom("ended its side|ECONNRESET", "It closes after it has answered, or without an answer: the next request comes on the same "
                    "connection."),
            Symptom("^got: .*-ERR", "It takes a right request for none: it has lost its place. What stands behind a line's end is the next "
                    "line's: take no more than the line, or keep the rest."),
            Symptom("^got:", "The answer is the seven bytes +PONG\\r\\n: a line ends with \\r\\n here, and nothing follows it."),
            "A request is three lines for PING: *1, then $4, then the four bytes themselves, and each ends with \\r\\n. The answer "
            "leaves with send() at once, though the client says nothing more."],
        read="The program", by_hand=("./framing", r"(printf '*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nping\r\n'; sleep 2) | " + NC))
def test_answers_ping(chapter):
    with connect(chapter.serve("0", on_terminal=True)) as client:
        for name in "PING", "PING", "ping":
            client.sendall(frame(name))
            answered(client, PONG)


test_says_where_it_listens, test_listens_on_loopback_only, test_port_in_use, test_wrong_usage = starting.graded_checks("framing")


@graded(10, "Takes a request in pieces, down to single bytes",
        cause=[
            Symptom("program to wait for more", "It spins: with half a line before it, it asks again and again, and never waits. With MSG_PEEK "
                    "what has come is there at once the next time, too: take it out, and keep it.",
                    ("./framing & sleep 0.2\n" r"exec 3<> /dev/tcp/127.0.0.1/7890; printf '*' >&3; sleep 0.3" "\n"
                     "cut -d ' ' -f 3 /proc/$!/stat; kill $!  # S: it sleeps; R: it runs",)),
            "A piece may end anywhere: in a line, between \\r and \\n, in a word. Keep what has come, and go on until the line's end is "
            "there, and then until LEN bytes and \\r\\n are."],
        read="The program",
        by_hand=("./framing", r"""(for piece in '*' '1' '\r' '\n$' '4\r' '\nPI' 'NG' '\r' '\n'; do printf "$piece"; sleep 0.05; done) | """ + NC))
def test_in_pieces(chapter):
    server, whole = chapter.serve("0"), frame("PING")
    with connect(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send(piece):
            client.sendall(piece)
            wait_until(lambda: state(server.pid) == "S", what="the program to wait for more")

        for at in range(1, len(whole)):
            send(whole[:at])
            client.sendall(whole[at:])
            answered(client, PONG)
        for at in range(len(whole)):
            send(whole[at:at + 1])
        answered(client, PONG)


@graded(10, "Answers many requests that come together, each once and in order",
        cause=[
            Symptom("ended its side|still open", "Answer all that came before the client's end, and then, when recv() returns 0, "
                    "close().", ("./framing", PING + " | timeout 1 nc -N 127.0.0.1 7890; echo exit status $?")),
            Symptom("timed out|waits in vain", "recv() may bring more than one request: what stands behind the first is the next "
                    "one's, and must not be thrown away."),
            Symptom("not one line", "The line that begins with -ERR ends with \\r\\n, these two, and no other way."),
            "Each request has one answer, in the order in which they came."],
        read="The program", by_hand=by_hand(r"*1\r\n$4\r\nPING\r\n*1\r\n$3\r\nFOO\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n"))
def test_pipelined(chapter):
    with connect(chapter.serve("0")) as client:
        client.sendall(frame("PING") * 3)
        answered(client, PONG * 3)
        client.sendall(frame("PING") + frame("FOO") + frame("PING") + frame("PING")[:7])
        answered(client, PONG)
        refused(client)
        answered(client, PONG)
        client.sendall(frame("PING")[7:] + frame("PING") * 1000)
        client.shutdown(socket.SHUT_WR)
        answered(client, PONG * 1001)
        assert select.select([client], [], [], seconds(2))[0], "the connection is still open after the client's end"
        identical(receive_all(client), b"")


@graded(10, "Answers -ERR to what it does not know, whatever its words hold",
        cause=[
            Symptom("not one line|receives '-ERR.*FOO", "The answer is one line, `-ERR ` and a text and \\r\\n. The client's bytes have no place in it: "
                    "they may hold an end of a line."),
            Symptom(r"(\*64\\r|\$0\\r|\$65535\\r)(.|\n)*ended its side", "It refuses what is right: N may be 64, a word may be empty (`$0`), and "
                    "all words together may have 65,536 bytes.",
                    ("./framing", r"(printf '*64\r\n'; printf '$1\r\nX\r\n%.0s' $(seq 64); printf '*1\r\n$0\r\n\r\n'; "
                     r"printf '*2\r\n$65535\r\n'; head -c 65535 /dev/zero; printf '\r\n$1\r\nZ\r\n') | timeout 1 nc -N 127.0.0.1 7890; echo")),
            Symptom(r"ended its side|first difference|got: ", "A word's bytes are counted, and not looked at: in them \\r\\n is no end, a "
                    "zero byte neither, and what looks like a request is none."),
            "Each command that it does not know has an answer that begins with -ERR, when all of its words have come."],
        read="The program",
        by_hand=by_hand(r"*2\r\n$3\r\nSET\r\n$17\r\na\r\n*1\r\n$4\r\nPING\r\n\r\n*1\r\n$5\r\n\r\nFOO\r\n*1\r\n$0\r\n\r\n*1\r\n$5\r\nPING\0\r\n*1\r\n$5\r\nPINGS\r\n"))
@pytest.mark.parametrize("words", [
    ["FOO"], ["PINGS"], ["PIN"], [""], ["SET", "a\r\n*1\r\n$4\r\nPING\r\n"], ["\r\nFOO"], ["GET", EVERY_BYTE * 100], ["X"] * 64, ["PING\0"],
    ["Y" * 65535, "Z"]], ids=["FOO", "PINGS", "PIN", "empty", "a request inside", "line ends", "bytes", "64", "zero", "65,536"])
def test_unknown_commands(chapter, words):
    with connect(chapter.serve("0")) as client:
        client.sendall(frame(*words) + frame("PING"))
        refused(client)
        answered(client, PONG)


@graded(5, "Serves one client after another, and survives resets",
        cause=[
            Symptom("SIGPIPE", "send() to a client that has gone raises SIGPIPE, which ends a process that does not ignore it: "
                    "sigaction() with SIG_IGN, or MSG_NOSIGNAL.",
                    ("./framing & sleep 0.2; kill -STOP $!\n" + r"printf '*1\r\n$4\r\nPING\r\n%.0s' $(seq 500) | timeout 0.3 nc 127.0.0.1 7890"
                     "\nkill -CONT $!; sleep 0.2; " + PING + " | " + NC + "; kill $!",)),
            "After a client has left, in whatever way, close() its socket and accept() the next one."],
        read="The program", by_hand=("./framing & sleep 0.2\n" r"exec 3<> /dev/tcp/127.0.0.1/7890; printf '*1\r\n$4\r\nPING\r\n*1' >&3; "
                                     "sleep 0.2; exec 3>&-  # an answer unread: a reset\n" + PING + " | " + NC + "; kill $!",))
def test_one_after_another(chapter):
    server = chapter.serve("0")
    clients = [connect(server) for _ in range(3)]
    for client in clients:
        client.sendall(frame("PING")[:7])
    with checks.stopped(server):
        clients[1].reset()
    for client in clients[::2]:
        client.sendall(frame("PING")[7:])
        answered(client, PONG)
        client.close()
    with checks.stopped(server):
        early = connect(server)
        early.sendall(frame("PING") * 500)
        early.shutdown(socket.SHUT_WR)
        early.reset()
    identical(exchange(server, frame("PING"), limit=5), PONG)


def comes_at_once(client):
    """The fastest of some answers takes less than the kernel waits for more after MSG_MORE, which is 0.2 s."""
    for _ in range(10):
        before = time.monotonic()
        client.sendall(frame("ECHO", "hello"))
        answered(client, bulk("hello"))
        if time.monotonic() - before < 0.15:
            return
    raise AssertionError("each answer comes late, after 0.15 s or more")


@graded(10, "Sends back the bytes of ECHO and of PING, 0 to 65,532 of any kind", step=2,
        cause=[
            Symptom(r"sends 65,\d+ bytes(.|\n)*(-ERR|ended its side)", "It refuses what is right: a request may have 65,536 bytes of words.",
                    ("./framing", r"(printf '*2\r\n$4\r\nECHO\r\n$65532\r\n'; head -c 65532 /dev/zero; printf '\r\n') | "
                     "timeout 1 nc -N 127.0.0.1 7890 | wc -c")),
            Symptom("each answer comes late", "The answer's last bytes stay in the kernel: it waits 0.2 s for more after a send() with "
                    "MSG_MORE. The last send() of an answer goes without that flag.",
                    ("./framing", "exec 3<> /dev/tcp/127.0.0.1/7890; for number in 1 2 3 4 5 6 7 8 9; do "
                     r"printf '*2\r\n$4\r\nECHO\r\n$1\r\na\r\n' >&3; head -c 7 <&3; done | timeout 1 grep -c a")),
            Symptom("-ERR ", "It does not know it: PING has an argument or none, ECHO has one, and its answer is a bulk "
                    "string, `$LEN\\r\\n`, the bytes, `\\r\\n`.", by_hand(r"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n*2\r\n$4\r\nPING\r\n$2\r\nhi\r\n")),
            "Other bytes come back than were sent, or not so many. strlen() and %s end at a zero byte; the size for send() is LEN."],
        read="The program", by_hand=by_hand(r"*2\r\n$4\r\nECHO\r\n$5\r\na\000b\r\n\r\n*2\r\n$4\r\nPING\r\n$0\r\n\r\n*2\r\n$4\r\necho\r\n$2\r\nhi\r\n"))
def test_echo(chapter):
    with connect(chapter.serve("0")) as client:
        comes_at_once(client)
        for text in b"hello", b"", b"a\0b\r\n", b"$3\r\nfoo\r\n", EVERY_BYTE, b"x" * 65532, bytes(65532), b"short":
            for name in "ECHO", "ping":
                client.sendall(frame(name, text))
                answered(client, bulk(text))
        client.sendall(b"".join(frame("ECHO", str(number)) + frame("PING") for number in range(500)))
        answered(client, b"".join(bulk(str(number)) + PONG for number in range(500)))


@graded(5, "Answers -ERR to too few and too many arguments", step=2,
        cause=[
            Symptom("not one line", "The line that begins with -ERR ends with \\r\\n, these two, and no other way."),
            "N counts all words, the command's name too: PING has one or two, ECHO has two. Others are answered with one line that "
            "begins with -ERR."],
        read="Your turn",
        by_hand=by_hand(r"*1\r\n$4\r\nECHO\r\n*3\r\n$4\r\nECHO\r\n$1\r\na\r\n$1\r\nb\r\n*3\r\n$4\r\nPING\r\n$1\r\na\r\n$1\r\nb\r\n"), needs=["test_echo"])
@pytest.mark.parametrize("words", [["ECHO"], ["ECHO", "a", "b"], ["PING", "a", "b"]], ids=" ".join)
def test_arguments(chapter, words):
    with connect(chapter.serve("0")) as client:
        client.sendall(frame("ECHO", "long enough to be left in a buffer") + frame(*words) + frame("PING"))
        answered(client, bulk("long enough to be left in a buffer"))
        refused(client)
        answered(client, PONG)


@graded(5, "Loses no byte to signals, and to a client that reads slowly", step=2,
        cause=[
            Symptom("inject|fails with EINTR", "A call that fails with EINTR was interrupted by a signal: it is made once more, recv() and "
                    "send() alike.",
                    ("timeout 4 strace -qq -o /dev/null -e trace=network -e inject=recvfrom,sendto:error=EINTR:when=1+2 ./framing & sleep 0.5\n"
                     r"printf '*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n' | " + NC + "; wait",)),
            Symptom("abcd", "recv() may bring less than it was asked for: with MSG_WAITALL, too, when a signal comes. Look at what it "
                    "returned, and ask for the rest, in a loop.",
                    ("./framing & sleep 0.2\n" r"(printf '*2\r\n$4\r\nECHO\r\n$8\r\nabcd'; sleep 0.2; kill -STOP $!; sleep 0.2; kill -CONT $!; sleep 0.2; "
                     r"printf 'efgh\r\n') | " + NC + "; kill $!",)),
            "send() may take only a part, a short count: look at what it returned, and send the rest, in a loop."],
        read="The program",
        by_hand=("timeout 4 strace -qq -o /dev/null -e trace=sendto -e inject=sendto:retval=1:when=2 ./framing & sleep 0.5  # it says: 1 is sent\n"
                 r"printf '*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n' | " + NC + "; wait",), needs=["test_echo"])
@pytest.mark.parametrize("what", ["EINTR", "half a word", "slow"])
def test_loses_nothing(chapter, faults, what):
    if what == "EINTR":
        calls = "?recvfrom,?recvmsg,?sendto,?sendmsg,?poll,?ppoll,?select,?pselect6"
        server = chapter.serve("0", under=faults(calls + ":error=EINTR:when=1+2"))
        identical(exchange(server, frame("ECHO", EVERY_BYTE) * 3, limit=5), bulk(EVERY_BYTE) * 3)
        return
    server = chapter.serve("0")
    if what == "half a word":
        with connect(server) as client:
            client.sendall(frame("ECHO", "abcdefgh")[:-6])
            checks.is_not_disturbed_by_stopping(server)
            client.sendall(b"efgh\r\n")
            answered(client, bulk("abcdefgh"))
        return
    expected, received, rest = b"", b"", b""
    with connect_with_small_buffers(server) as client:
        # Where it sleeps, and does not take what is there, it waits in send().
        while (not rest or select.select([], [client], [], 0)[1]) and len(expected) < 16 << 20:
            word = bytes([65 + len(expected) % 26]) * 60000
            expected += b"" if rest else bulk(word)
            rest = send_until_stuck(client, rest or frame("ECHO", word))
            wait_until(lambda: state(server.pid) == "S", what="the program to wait")
        checks.is_not_disturbed_by_stopping(server)
        while rest:
            received += receive(client, 65536)
            rest = send_until_stuck(client, rest)
        received += receive(client, len(expected) - len(received))
    identical(received, expected)


LONGEST_LINE = r"*0000000000001\r\n$4\r\nPING\r\n"
NONSENSE = {
    "no *": b"PING\r\n", "no number": b"*x\r\n", "an empty number": b"*\r\n", "no words": b"*0\r\n", "less than none": b"*-1\r\n",
    "65 words": b"*65\r\n", "a line of 17 bytes": b"*00000000000001\r\n$4\r\nPING\r\n", "2 to the 32 and 1": b"*4294967297\r\n", "only \\n": b"*1\n$4\r\nPING\r\n", "no $": b"*1\r\n:4\r\nPING\r\n", "+ for *": b"+1\r\n$4\r\nPING\r\n",
    "a length below 0": b"*1\r\n$-1\r\n", "65,537 bytes": b"*1\r\n$65537\r\n", "2 to the 32 and 4": b"*1\r\n$4294967300\r\nPING\r\n",
    "a zero byte": b"*1\0\r\n$4\r\nPING\r\n", "behind the number": b"*1\r\n$4x\r\nPING\r\n", "no \\r\\n behind a word": b"*1\r\n$4\r\nPINGS\r\n",
    "a line without an end": b"*" + b"1" * 40, "more in all": b"*2\r\n$40000\r\n" + bytes(40000) + b"\r\n$40000\r\n"}


@graded(10, "Answers what is no request with -ERR, and closes", step=3,
        cause=[
            Symptom("waits in vain", "A count is believed that is more than the contract permits: a line of more "
                    "than 16 bytes, N over 64, LEN over 65,536, or all LEN of a request together; and that more is to come is no reason to wait.",
                    ("./framing", r"for text in '*65\r\n' '*1\r\n$65537\r\n' '*4294967297\r\n$4\r\nPING\r\n' '*1\r\n$4294967300\r\nPING\r\n' "
                     r"'*1111111111111111111111'; do (printf $text; sleep 0.4) | timeout 0.5 nc -N 127.0.0.1 7890 | cut -c 1-4; echo; done; "
                     r"(printf '*2\r\n$40000\r\n'; head -c 40000 /dev/zero; printf '\r\n$40000\r\n'; sleep 0.4) | timeout 0.5 nc -N 127.0.0.1 7890 | cut -c 1-4")),
            Symptom(r"expected: '\+PONG.*\n *got: +'-ERR", "A line may have 16 bytes, \\r\\n and zeros in front among them.", by_hand(LONGEST_LINE)),
            Symptom("^client .*ECONNRESET", "close() with bytes that nobody has received is a reset. First shutdown() with SHUT_WR, which ends only our side; "
                    "then recv() and throw away what still comes.",
                    ("./framing", "python3 -c \"import socket; c = socket.create_connection(('127.0.0.1', 7890)); c.sendall(b'hello\\r\\n' * 9); "
                     "print(c.makefile('rb').read()[:4])\" 2>&1 | tail -n 1")),
            Symptom(r"\*00000000000001\\r", "A line has 16 bytes at most, with its \\r\\n: one of 17 is none.", by_hand(r"*00000000000001\r\n$4\r\nPING\r\n")),
            Symptom(r"\*1\\(x00|0)", "A zero byte is no digit. parse_number() takes a string, which a zero byte ends, and so does not see what stands behind "
                    "it: look for one in the line with memchr() first.", by_hand(r"*1\0\r\n$4\r\nPING\r\n")),
            Symptom("not one line", "The line that begins with -ERR ends with \\r\\n, these two, and no other way.", by_hand(r"hello\r\n")),
            Symptom("ended its side", "It closes without a word: first send() a line that begins with -ERR.", by_hand(r"hello\r\n")),
            Symptom("still open|more comes", "After a request that is none nobody knows where the next one begins: close the connection.",
                    ("./framing", r"exec 3<> /dev/tcp/127.0.0.1/7890; printf '*0\r\n' >&3; timeout 1 cat <&3; echo exit status $?")),
            "A line is its kind, * or $, a whole number in digits, and \\r\\n; after LEN bytes comes \\r\\n. Else the answer is -ERR, and the end."],
        read="The program",
        by_hand=("./framing", r"for text in '*1\r\n$4\r\nPING\r\nPING\r\n' '*x\r\n' '*\r\n' '*0\r\n' '*-1\r\n' '*1\n$4\r\nPING\r\n' '*1\r\n:4\r\nPING\r\n' '*1\r\n$-1\r\n' '*1\0\r\n$4\r\nPING\r\n' "
                 r"'*1\r\n$4x\r\nPING\r\n' '*1\r\n$4\r\nPINGS\r\n'; do printf $text | timeout 1 nc -N 127.0.0.1 7890 | cut -c 1-4; echo; done"))
@pytest.mark.parametrize("data", NONSENSE.values(), ids=NONSENSE)
def test_nonsense(chapter, data):
    server = chapter.serve("0")
    with connect(server) as client:
        client.sendall(b"*0000000000001\r\n$4\r\nPING\r\n" + data)
        answered(client, PONG)
        refused(client)
        assert select.select([client], [], [], seconds(3))[0], "the connection is still open 3 s later"
        more = client.recv(100)
        assert not more, "more comes, where the connection should be closed: %r" % more
    identical(exchange(server, frame("PING"), limit=5), PONG)


@graded(5, "Closes so that its -ERR arrives, though the client has sent more", step=3,
        cause=[
            Symptom("still open", "Its end comes only with close(), when the client is silent: shutdown() with SHUT_WR sends it right behind the -ERR.",
                    ("./framing", r"exec 3<> /dev/tcp/127.0.0.1/7890; printf 'hello\r\n' >&3; timeout 0.7 cat <&3; echo exit status $?")),
            Symptom(r"it goes on to send(.|\n)*meets an error", "It gives up a client that is not silent: the second begins anew with each piece that comes, and there is "
                    "no limit to all of it, in seconds or in bytes.",
                    ("./framing", "python3 -c \"import socket, time; c = socket.create_connection(('127.0.0.1', 7890)); c.sendall(b'hello\\r\\n'); c.recv(99)\n"
                     "for i in range(24): c.sendall(bytes(500000)); time.sleep(0.1)\nprint('all of it')\" 2>&1 | tail -n 1")),
            Symptom("client that is silent", "It waits for ever for a client that says no more, and all others wait with it: the limit of "
                    "poll() is 1000 ms.",
                    ("./framing", r"exec 3<> /dev/tcp/127.0.0.1/7890; printf 'hello\r\n' >&3; " + PING + " | timeout 3 nc -N 127.0.0.1 7890")),
            Symptom("too early", "It closes though the client may still speak: only a second without a byte, 1000 ms for poll(), means that it is silent.",
                    ("./framing", r"exec 3<> /dev/tcp/127.0.0.1/7890; printf 'hello\r\n' >&3; " + PING + " | timeout 0.7 nc -N 127.0.0.1 7890; echo exit status $?")),
            "close() on a socket with bytes that nobody has received is a reset, which may throw the answer away at the client's: "
            "shutdown() with SHUT_WR ends only our side; then recv() what still comes, until the client ends its side or is silent."],
        read="The program",
        by_hand=("./framing", "python3 -c \"import socket, time; c = socket.create_connection(('127.0.0.1', 7890)); c.sendall(b'hello\\r\\n' * 50000); "
                 "print(c.recv(5)); time.sleep(0.2); c.sendall(bytes(9)); print(c.makefile('rb').read()[-2:])\" 2>&1 | tail -n 2"), needs=["test_nonsense"])
def test_closes_without_a_reset(chapter):
    server = chapter.serve("0")
    for _ in range(3):
        with connect(server) as client:
            with checks.stopped(server):
                client.sendall(b"hello\r\n" + bytes(100000))
            refused(client)
            client.sendall(bytes(100000))
            end = time.monotonic() + seconds(3)
            while not select.select([client], [], [], 0.1)[0]:
                assert time.monotonic() < end, "the connection is still open, as long as the client sends"
                client.sendall(b"more")
            identical(receive_all(client), b"")
            ends_its_side(client)
    with connect(server) as silent:
        before = time.monotonic()
        silent.sendall(b"hello\r\n")
        refused(silent)
        with connect(server, limit=4) as client:
            client.sendall(frame("PING"))
            assert select.select([client], [], [], seconds(4))[0], "waited in vain for an answer behind a client that is silent"
            waited = time.monotonic() - before
            answered(client, PONG)
        assert waited > 0.8, "it closes too early: %.1f s after a client has spoken the next one has its answer, and not after 1 s" % waited
    with connect(server) as talking:
        talking.sendall(b"hello\r\n")
        refused(talking)
        identical(receive_all(talking), b"")
        steps.step("it goes on to send, 500,000 bytes each tenth of a second")
        last = time.monotonic()
        for _ in range(24):
            if time.monotonic() - last > 0.8:
                break  # this machine is too busy for a client that is never silent
            last = time.monotonic()
            talking.sendall(bytes(500000))
            time.sleep(0.1)  # not a wait for anything: so it goes on for more than two seconds


# ---- With what people use

@pytest.mark.parametrize("words,expected", [
    (["PING"], "PONG\n"), (["ECHO", "hello, you"], "hello, you\n"), (["PING", ""], "\n"), (["GET", "x"], "ERR unknown command\n\n")])
def test_redis_cli(chapter, tool, words, expected):
    server = chapter.serve("0")
    done = subprocess.run([tool("redis-cli"), "-p", str(server.port), *words], stdout=subprocess.PIPE, timeout=20, text=True)
    assert done.stdout == expected or done.stdout.startswith("ERR ") and expected.startswith("ERR ")


def test_redis_cli_reads_commands(chapter, tool):
    """It asks for what it does not get here first: COMMAND DOCS."""
    server = chapter.serve("0")
    done = subprocess.run([tool("redis-cli"), "-p", str(server.port)], input='ECHO "a\\x00b"\nPING\n', stdout=subprocess.PIPE,
                          timeout=20, text=True)
    assert done.stdout == "a\0b\nPONG\n"


@pytest.mark.parametrize("words", [["-t", "ping_mbulk"], ["ECHO", "hello"]], ids=["PING", "ECHO"])
@pytest.mark.parametrize("pipeline", [1, 16])
def test_redis_benchmark(chapter, tool, words, pipeline):
    server = chapter.serve("0")
    done = subprocess.run([tool("redis-benchmark"), "-p", str(server.port), "-c", "1", "-n", "3200", "-P", str(pipeline), "--csv", *words],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
    assert done.returncode == 0 and done.stdout.count("\n\"") >= 1 and "Error from server" not in done.stdout


# ---- Clients that mean no good

def test_random_requests(chapter):
    """Requests of random words in random pieces have the right answers."""
    chance = random.Random(os.environ.get("LAB_SEED", "4a"))
    server = chapter.serve("0")
    for _ in range(20):
        requests, expected = b"", b""
        for _ in range(chance.randrange(1, 20)):
            text = chance.randbytes(chance.choice((0, 1, 15, 300, chance.randrange(40000))))
            requests += frame("ECHO", text)
            expected += bulk(text)
        with connect(server) as client:
            rest = memoryview(requests)
            while rest:
                size = chance.choice((1, 7, 1000, len(rest)))
                client.sendall(rest[:size])
                rest = rest[size:]
                if len(rest) == len(requests) - 7:
                    wait_until(lambda: state(server.pid) == "S")
            client.shutdown(socket.SHUT_WR)
            identical(receive_all(client), expected)


def test_random_bytes(chapter):
    """Nothing that is sent ends it."""
    chance = random.Random(os.environ.get("LAB_SEED", "4a"))
    server = chapter.serve("0")
    for _ in range(300):
        data = bytearray(b"".join(frame("ECHO", chance.randbytes(chance.randrange(30))) for _ in range(3)))
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.choice(b"*$\r\n0159\0x")
        with connect(server) as client:
            client.sendall(data)
            ends_its_side(client)
            receive_all(client)
    identical(exchange(server, frame("PING"), limit=5), PONG)


def test_random_faults(chapter, random_faults):
    server = random_faults(chapter.serve, "0")
    for _ in range(5):
        identical(exchange(server, frame("ECHO", EVERY_BYTE * 50) * 3, limit=5), bulk(EVERY_BYTE * 50) * 3)


def test_leaks_nothing(chapter):
    server = chapter.serve("0")
    for data in frame("ECHO", "hello"), b"hello\r\n", frame("PING")[:5]:
        checks.no_leaks(server, data)


def test_a_client_that_reads_nothing_costs_no_memory(chapter):
    server = chapter.serve("0")
    identical(exchange(server, frame("ECHO", bytes(65532)) * 3), bulk(bytes(65532)) * 3)
    before = memory(server.pid)
    with connect_with_small_buffers(server) as client:
        assert send_until_stuck(client, frame("ECHO", bytes(60000)) * 1000)
        assert memory(server.pid) - before < 200 * 1024


def test_a_silent_client_costs_no_cpu_time(chapter):
    server = chapter.serve("0")
    with connect(server) as client:
        for data in b"*", b"2\r", b"\n$4\r\nEC", b"HO\r\n$5\r\n":
            client.sendall(data)
            checks.waits_without_spinning(server.pid)
        client.sendall(b"hello\r\n")
        answered(client, bulk("hello"))


def test_lack_of_descriptors_is_survived_without_spinning(chapter):
    checks.survives_lack_of_descriptors(chapter.serve("0"))


def test_restart(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)
