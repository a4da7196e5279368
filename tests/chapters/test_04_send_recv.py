"""04-send-recv: greets each client, shows every byte it sends, and sends the same bytes back."""

import contextlib
import itertools
import operator
import random
import re
import select
import signal
import socket
import subprocess

import pytest

from harness import checks, steps
from harness.compare import identical
from harness.grading import graded
from harness.inspect import memory
from harness.program import seconds, wait_until
from harness.talk import (connect, connect_with_small_buffers, exchange, feed, receive, receive_until,
                          send_until_stuck, type_line)

CHAPTER = "04-send-recv"

MEBIBYTE = random.Random(4).getrandbits(8 << 20).to_bytes(1 << 20, "big")
EVERY_BYTE = bytes(range(256))


def greeting(visitor):
    return b"Hello, world! You are visitor %d.\n" % visitor


def greeted(server, visitor):
    """Connect, be greeted as this visitor; return the client."""
    client = connect(server)
    assert receive_until(client, b"\n") == greeting(visitor)
    return client


def echoes(server, visitor, data=b"still there?"):
    """This visitor is greeted, and gets back the same bytes."""
    identical(exchange(server, data, limit=5), greeting(visitor) + data)


def hexdump(data):
    """The lines that `hexdump -C` prints for data, but for its last one, which has only the size."""
    lines = []
    for offset in range(0, len(data), 16):
        part = data[offset:offset + 16]
        halves = " ".join("%02x" % byte for byte in part[:8]), " ".join("%02x" % byte for byte in part[8:])
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append("%08x  %-23s  %-23s  |%s|\n" % (offset, *halves, text))
    return lines


@graded(8, "Starts, says where it listens, and greets the first visitor",
        cause="The greeting differs from the contract's by a character or a zero byte, visitors are not "
              "counted from 1, or what it prints stays in stdio's buffer when stdout is a pipe.",
        read="Your turn",
        by_hand=("./send-recv | cat",
                 "timeout 1 nc -N 127.0.0.1 7890 < /dev/null | od -c"))
def test_greets_the_first_visitor(chapter):
    with greeted(chapter.serve("0"), 1) as client:
        assert not select.select([client], [], [], 0.05)[0], "more comes than the greeting"


@graded(4, "Prints one line for each connection, with the client's address",
        cause="What is printed is not what accept() says of the client: its length has to be set before each "
              "call, and getsockname() names our own end. Or the second argument, such as ::1, is ignored.",
        read="Your turn",
        by_hand=("./send-recv",
                 "nc -N -s 127.0.0.2 127.0.0.1 7890 < /dev/null; "
                 "timeout 0.3 ./send-recv 7891 ::1 & sleep 0.1; nc -N ::1 7891 < /dev/null; wait"))
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_prints_where_each_client_comes_from(chapter, address):
    if address == "::1":
        checks.needs_ipv6()
    server = chapter.serve("0", address)
    assert server.address == address
    with greeted(server, 1) as client:
        line = "connection 1 from %s port %d" % client.getsockname()[:2]
        assert server.wait_for_output(r"^connection .*$").group() == line


@graded(10, "Sends each piece back while the client still speaks",
        cause="It waits for more before it answers, such as a full buffer or a line end; or it treats the "
              "bytes as a string, which ends at a zero byte; or it sends more than recv() brought.",
        read="The program",
        by_hand=("./send-recv",
                 "(printf 'a\\0b'; sleep 1) | timeout 0.5 nc -N 127.0.0.1 7890 | od -c"))
def test_answers_while_the_client_still_speaks(chapter):
    with greeted(chapter.serve("0"), 1) as client:
        for line in (b"hello\r\n", b"no line end", b"\n", EVERY_BYTE):
            client.sendall(line)
            assert receive(client, len(line)) == line


@graded(9, "Answers all of it after a half-close, then closes",
        cause="recv() returns 0 when the client has ended its side: that is neither 'nothing just now' (an "
              "endless loop) nor a reason to leave what came before unanswered. Or nobody calls close().",
        read="The idea",
        by_hand=("./send-recv",
                 "(seq 10000 | timeout 1 nc -N 127.0.0.1 7890 || echo it did not close) | tail -2"),
        needs=["test_answers_while_the_client_still_speaks"])
def test_answers_after_a_half_close(chapter):
    """The program meets the bytes and the end of the client's side together."""
    server = chapter.serve("0")
    with greeted(server, 1) as client:
        with checks.stopped(server):
            client.sendall(b"last words")
            client.shutdown(socket.SHUT_WR)
        assert receive(client, 10) == b"last words"
        assert select.select([client], [], [], seconds(2))[0], "the connection is still open 2 s later"
        assert client.recv(1) == b""


@graded(7, "Serves clients one after another, and counts them",
        cause="After the first client the program ends or hangs, the number stays the same, or it answers "
              "one whose turn has not come.",
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
            answer = greeting(visitor) + b"me first!"
            assert receive(client, len(answer)) == answer
            early = select.select(clients[visitor:], [], [], 0.05)[0] if clients[visitor:] else []
            assert not early, "%s is answered before its turn" % early[0].name
    server.kill()
    assert server.stderr == "", "that a client ends its side is no error; stderr:\n" + server.stderr


def test_shows_it_at_once(chapter):
    server = chapter.serve("0")
    with greeted(server, 1) as client:
        client.sendall(b"hello\n")
        server.wait_for_output(r"^bytes received: 6$")
        server.wait_for_output(re.escape(hexdump(b"hello\n")[0]))


@graded(8, "Shows each piece as hexdump -C does",
        cause="A column differs: its width, the gap after the eighth byte, bytes from 0x80 on, which a "
              "signed char prints as ffffff80, a text without its '\\0', or the * for repeated lines; the "
              "offset goes on from piece to piece; or the dump is not flushed into a pipe.",
        read="Your turn",
        by_hand=("./send-recv | cat",
                 "(printf 'hello\\r\\n\\377\\001 more than sixteen%048d'; sleep 0.2; echo more) | "
                 "nc -N 127.0.0.1 7890"),
        needs=["test_one_client_after_another"])
@pytest.mark.parametrize("data", [
    b"x", b"hello\r\n", b"exactly sixteen!" * 3, b"exactly sixteen!+", b"%s%d%n\x1b[2J\xff", EVERY_BYTE,
    MEBIBYTE[:10000]],
    ids=["1 byte", "text", "the same line thrice", "17 bytes", "nasty", "every byte", "long"])
def test_shows_what_it_receives(chapter, data):
    """And does so at once, while the client still speaks."""
    server = chapter.serve("0")

    def lines():
        """What the dump is, and what it should be for pieces of the sizes that it tells."""
        got = re.findall(r"^(?:bytes received:|[0-9a-f]{8}).*\n", server.output, re.MULTILINE)
        expected, rest = [], 2 * data
        for size in re.findall(r"^bytes received: (\d{1,9})$", server.output, re.MULTILINE):
            expected += ["bytes received: %s\n" % size, *hexdump(rest[:int(size)])]
            rest = rest[int(size):]
        return got, expected + (["%d bytes more\n" % len(rest)] if rest else [])

    with greeted(server, 1) as client:
        for _ in range(2):
            client.sendall(data)
            identical(receive(client, len(data)), data)
        with contextlib.suppress(AssertionError):  # what differs is told below
            wait_until(lambda: operator.eq(*lines()), limit=2)
        server.kill()
    for line, wanted in itertools.zip_longest(*lines(), fillvalue="no more line"):
        assert line == wanted


@graded(6, "Echoes pieces of every size without a change",
        cause="A piece that is as large as the buffer, or larger, is cut or changed: a '\\0' is written "
              "behind it, or it is taken for an error.",
        read="The program",
        by_hand=("./send-recv",
                 "seq 3000 | nc -N 127.0.0.1 7890 | tail -n +2 | cksum; seq 3000 | cksum"),
        needs=["test_answers_while_the_client_still_speaks"])
def test_a_mebibyte_in_pieces(chapter):
    rest = MEBIBYTE
    with greeted(chapter.serve("0"), 1) as client:
        for size in (1, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097, 65535, 65536, 300000, len(rest)):
            piece, rest = rest[:size], rest[size:]
            client.sendall(piece)
            identical(receive(client, len(piece)), piece)


@graded(9, "Loses nothing when the client reads slowly",
        cause="send() took only a part, and the rest was never sent: its result was not looked at.",
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
        rest = send_until_stuck(client, MEBIBYTE)
        steps.step("{:,} bytes are due to it".format(len(greeting(1) + MEBIBYTE)))
        while rest:
            when_stuck(server)
            received += receive(client, 65536)
            rest = send_until_stuck(client, rest)
        received += receive(client, len(greeting(1) + MEBIBYTE) - len(received))
    identical(received, greeting(1) + MEBIBYTE)


def grows_by_less(server, before, limit):
    """The server's memory has grown by less than `limit` bytes."""
    grown = memory(server.pid) - before
    assert grown < limit, "its memory has grown by %d KiB" % (grown // 1024)


@graded(4, "Keeps no more of what it is sent than one piece",
        cause="It collects what comes in a buffer that grows, in place of sending each piece back before it "
              "reads more. If the server has ended: a client that resets the connection is no reason to.",
        read="What is still wrong",
        by_hand=("./send-recv > /dev/null & sleep 0.2\n"
                 "head -c 3000000 /dev/zero | nc -N 127.0.0.1 7890 > /dev/null\n"
                 "awk '/VmRSS/ {print int($2 / 2048) * 2 \" MiB\"}' /proc/$!/status; kill $!",),
        needs=["test_one_client_after_another", "test_a_mebibyte_in_pieces"])
def test_takes_no_more_than_it_can_send_back(chapter):
    """A client that sends and sends and never receives does not fill the server's memory, and when
    it resets the connection in the middle of that, the next one is served."""
    server = chapter.serve("0")
    echoes(server, 1)
    before = memory(server.pid)
    echoes(server, 2, MEBIBYTE)
    grows_by_less(server, before, len(MEBIBYTE) // 2)
    client = connect_with_small_buffers(server)
    for _ in range(8):
        if send_until_stuck(client, MEBIBYTE):
            break
    grows_by_less(server, before, 2 * len(MEBIBYTE))
    client.reset()
    echoes(server, 4)


def test_one_byte_at_a_time(chapter):
    with greeted(chapter.serve("0"), 1) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in EVERY_BYTE:
            client.sendall(bytes([byte]))
            assert client.recv(2) == bytes([byte])


@pytest.mark.parametrize("symbol", ["EINTR", "ECONNABORTED"])
def test_survives_what_accept_may_return(chapter, faults, symbol):
    server = chapter.serve("0", under=faults("?accept,?accept4:error=%s:when=1+2" % symbol))
    echoes(server, 1)
    echoes(server, 2)


def test_survives_interrupted_calls(chapter, faults):
    """Every second call to send or receive is interrupted by a signal before it did anything."""
    calls = "?recvfrom,?recvmsg,?sendto,?sendmsg,?poll,?ppoll,?select,?pselect6"
    server = chapter.serve("0", under=faults(calls + ":error=EINTR:when=1+2"))
    echoes(server, 1, MEBIBYTE[:100000])
    echoes(server, 2)


@graded(11, "Loses no byte to short counts, EINTR and failing accept()",
        cause="A call that did a part, or was interrupted (EINTR), has to be made again for the rest; an "
              "accept() that fails is no reason to end.",
        read="The program",
        by_hand=("strace -e trace=network -e inject=recvfrom,sendto:error=EINTR:when=2+2"
                 " -e inject=accept:error=ECONNABORTED:when=1 ./send-recv",
                 "head -c 9000 /dev/zero | nc -N 127.0.0.1 7890 | wc -c"),
        needs=["test_one_client_after_another", "test_a_mebibyte_to_a_slow_reader"])
def test_random_faults(chapter, random_faults):
    server = random_faults(chapter.serve, "0")
    for visitor in range(1, 8):
        echoes(server, visitor, MEBIBYTE[:30000])


@graded(3, "Costs no CPU time while a client is silent",
        cause="It asks again and again without waiting: a non-blocking socket, or a loop around recv() that "
              "never waits. Or it gives up who says nothing for a second.",
        read="The program",
        by_hand=("./send-recv & p=$!; sleep 0.2; (sleep 1.3; echo at last) | nc -N 127.0.0.1 7890 &\n"
                 "sleep 0.4; ps -o stat,cmd -p $p; sleep 1.3; kill $p  # R: it spins",))
def test_a_silent_client_costs_no_cpu_time(chapter):
    server = chapter.serve("0")
    with greeted(server, 1) as client:
        checks.waits_without_spinning(server.pid)
        assert not select.select([client], [], [], seconds(1))[0], "the silent client is given up"
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


@graded(8, "Survives clients that reset the connection",
        cause="Sending to a client that has gone raises SIGPIPE, which ends a process that does not ignore "
              "it; or EPIPE or ECONNRESET was taken for a reason to end; or there is no report, or it is "
              "perror()'s, which names neither the program nor the error's symbol.",
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
    greeted(server, 1).reset()  # the server waits in recv() for this one
    server.wait_for_error(r"^[^:]+: .+: .+ \(ECONNRESET\)$")
    client = greeted(server, 2)
    with checks.stopped(server):
        with connect(server) as early:  # and one that has gone before the greeting
            for rude in client, early:
                rude.sendall(MEBIBYTE[:20000])
                if half_close:
                    rude.shutdown(socket.SHUT_WR)
                rude.reset()
    echoes(server, 4)
    server.kill()
    checks.complains_of_clients_only(server)
    assert len(server.stderr.splitlines()) <= 3, "more than a line for each of three clients:\n" + server.stderr


@graded(4, "Leaks no descriptor and no memory",
        cause="The client's socket is not closed on every way out, also after an error; shutdown() does not "
              "close it; or a buffer or a FILE is not freed. Or the visitor's number outgrows its type or buffer.",
        read="The program",
        by_hand=("./send-recv > /dev/null 2>&1 & sleep 0.2\n"
                 "for i in $(seq 500); do : > /dev/tcp/127.0.0.1/7890; done\n"
                 "for i in $(seq 20); do exec 3<> /dev/tcp/127.0.0.1/7890; sleep 0.02; exec 3>&-; done\n"
                 "kill -STOP $!; echo hello | timeout 0.2 nc 127.0.0.1 7890  # it has gone\n"
                 "kill -CONT $!; timeout 1 nc -N 127.0.0.1 7890 < /dev/null; ls /proc/$!/fd | wc -l\n"
                 "awk '/VmRSS/ {print int($2 / 2048) * 2 \" MiB\"}' /proc/$!/status; kill $!",),
        needs=["test_one_client_after_another"])
def test_leaks_nothing(chapter):
    """Neither to polite clients nor to rude ones."""
    server = chapter.serve("0")
    visitors = itertools.count(1)

    def visit():
        echoes(server, next(visitors), b"hello\n")
        client = greeted(server, next(visitors))
        client.sendall(b"hello\n")
        client.reset()

    def leave_before_the_echo():
        client = greeted(server, next(visitors))
        with checks.stopped(server):
            client.sendall(b"hello\n")
            client.reset()

    for _ in range(20):
        visit()
    before = memory(server.pid)
    checks.no_descriptor_leaks(server, visit, visitors=300)
    checks.no_descriptor_leaks(server, leave_before_the_echo, visitors=20)
    grows_by_less(server, before, 100 * 1024)


def test_leaks_nothing_over_thousands_of_clients(chapter):
    checks.no_leaks(chapter.serve("0"), b"hello\n")


@graded(3, "Waits when it has no descriptor left, and then goes on",
        cause="accept() fails with EMFILE as long as no descriptor is free: to end is wrong, and to ask "
              "again at once is a loop that never waits.",
        read="Your turn",
        by_hand=("(ulimit -n 4; exec ./send-recv) 2> /dev/null & sleep 0.2\n"
                 "timeout 0.3 nc -d 127.0.0.1 7890; ps -o stat,cmd -p $!; kill $!  # R: it spins",),
        needs=["test_one_client_after_another", "test_a_silent_client_costs_no_cpu_time"])
def test_lack_of_descriptors_is_survived_without_spinning(chapter):
    checks.survives_lack_of_descriptors(chapter.serve("0"))


def test_nc(chapter, tool):
    server = chapter.serve("0")
    client = chapter.start_other([tool("nc"), "-N", server.address, str(server.port)],
                                 stdin=subprocess.PIPE)
    feed(client, b"hello\n" + EVERY_BYTE)
    assert client.wait() == 0
    assert client.stdout == greeting(1) + b"hello\n" + EVERY_BYTE


def test_telnet(chapter, tool):
    server = chapter.serve("0")
    client = chapter.start_other([tool("telnet"), server.address, str(server.port)],
                                 stdin=subprocess.PIPE)
    client.wait_for_output(r"^Hello, world! You are visitor 1\.")
    type_line(client, b"hello\r\n")
    client.wait_for_output("^hello\r?$")
    client.process.stdin.close()
    client.wait()
    echoes(server, 2)


def test_ipv6(chapter):
    checks.needs_ipv6()
    server = chapter.serve("0", "::1")
    assert server.address == "::1"
    echoes(server, 1)


def test_default_port(chapter):
    checks.default_port(chapter, 7890)


def test_starts_beside_an_old_connection(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)


@graded(3, "Takes the right port, on 127.0.0.1 alone, and again at once",
        cause="SO_REUSEADDR is not set before bind(), so that what is left of old connections keeps the "
              "port; htons() is missing; INADDR_ANY lets the whole network in; or the default is not 7890.",
        read="Your turn",
        by_hand=("./send-recv & sleep 0.2; ss -Hltn; ./send-recv; (nc -d 127.0.0.1 7890 &); sleep 0.2\n"
                 "{ kill $!; wait $!; } 2> /dev/null; timeout 0.3 ./send-recv",))
def test_takes_its_port(chapter):
    """The port is refused to a second instance, but not to one that starts when this one was killed, in the
    middle of a conversation."""
    checks.default_port(chapter, 7890)
    server = chapter.serve("0")
    checks.listens_on_loopback_only(server)
    checks.port_in_use(chapter, checks.positional)
    with greeted(server, 1) as client:
        server.signal(signal.SIGKILL)
        server.wait()
        assert client.recv(1) == b""
        assert chapter.serve(str(server.port)).port == server.port


@graded(3, "Refuses wrong arguments, with a usage line and exit status 2",
        cause="atoi() and strtol() take 80x for 80 and an empty string for 0: look at where the number "
              "ended.",
        read="Your turn",
        by_hand=("timeout 1 ./send-recv 7890x; echo exit status $?",))
@pytest.mark.parametrize("arguments", checks.WRONG_PORTS + checks.WRONG_ADDRESSES, ids=" ".join)
def test_wrong_arguments(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), arguments[-1])
