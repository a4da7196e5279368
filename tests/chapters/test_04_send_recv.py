"""04-send-recv: greets each client, shows every byte it sends, and sends the same bytes back."""

import random
import re
import select
import signal
import socket
import subprocess

import pytest

from harness import checks
from harness.compare import identical
from harness.grading import graded
from harness.inspect import memory
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


@graded(10, "Starts, and greets each visitor with its number",
        cause="The greeting is missing or differs from the contract's by a character, or visitors are not counted from 1.",
        read="Your turn",
        by_hand=("./send-recv",
                 "nc -N 127.0.0.1 7890 < /dev/null; nc -N 127.0.0.1 7890 < /dev/null"))
def test_greets_and_counts_visitors(chapter):
    server = chapter.serve("0")
    for visitor in (1, 2, 3):
        assert exchange(server, b"", limit=5) == greeting(visitor)


@graded(12, "Sends each piece back while the client still speaks",
        cause="It waits for more before it answers, such as a full buffer or a line end; or it treats the bytes as a string, which ends at a zero byte.",
        read="The program",
        by_hand=("./send-recv",
                 "(printf 'a\\0b\\n'; sleep 1) | nc -N 127.0.0.1 7890 | od -c"))
def test_answers_while_the_client_still_speaks(chapter):
    with greeted(chapter.serve("0"), 1) as client:
        for line in (b"hello\r\n", b"no line end", b"\n", EVERY_BYTE):
            client.sendall(line)
            assert receive(client, len(line)) == line
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


def test_shows_it_at_once(chapter):
    server = chapter.serve("0")
    with greeted(server, 1) as client:
        client.sendall(b"hello\n")
        server.wait_for_output(r"^bytes received: 6$")
        server.wait_for_output(re.escape(hexdump(b"hello\n")[0]))


@graded(10, "Shows each piece as hexdump -C does",
        cause="A column differs: its width, the gap after the eighth byte, or bytes from 0x80 on, which a signed char prints as ffffff80.",
        read="Your turn",
        by_hand=("./send-recv",
                 "printf 'hello\\r\\n\\377\\001 more than sixteen' | nc -N 127.0.0.1 7890"))
@pytest.mark.parametrize("data", [
    b"x", b"hello\r\n", b"exactly sixteen!", b"exactly sixteen!+", b"%s%d%n\x1b[2J\xff", EVERY_BYTE,
    MEBIBYTE[:10000]], ids=["1 byte", "text", "16 bytes", "17 bytes", "nasty", "every byte", "long"])
def test_shows_what_it_receives(chapter, data):
    server = chapter.serve("0")
    echoes(server, 1, data)
    echoes(server, 2, b"")  # so it has come to the end of the first
    server.kill()
    got = re.findall(r"^(?:bytes received:|[0-9a-f]{8}).*\n", server.output, re.MULTILINE)
    expected, rest = [], data
    for size in re.findall(r"^bytes received: (\d+)$", server.output, re.MULTILINE):
        expected += ["bytes received: %s\n" % size, *hexdump(rest[:int(size)])]
        rest = rest[int(size):]
    assert got == expected
    assert rest == b"", "%d bytes are not in the dump" % len(rest)


@graded(8, "Echoes pieces of every size without a change",
        cause="A piece that is as large as the buffer, or larger, is cut or gains a byte: one byte too many is written behind it, or its length is taken from strlen().",
        read="The program",
        by_hand=("./send-recv",
                 "head -c 10000 /dev/zero | nc -N 127.0.0.1 7890 | wc -c"))
def test_a_mebibyte_in_pieces(chapter):
    rest = MEBIBYTE
    with greeted(chapter.serve("0"), 1) as client:
        for size in (1, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097, 65535, 65536, 300000, len(rest)):
            piece, rest = rest[:size], rest[size:]
            client.sendall(piece)
            identical(receive(client, len(piece)), piece)


def test_a_mebibyte_sent_before_anything_is_received(chapter):
    server = chapter.serve("0")
    echoes(server, 1)
    before = memory(server.pid)
    echoes(server, 2, MEBIBYTE)
    assert memory(server.pid) - before < len(MEBIBYTE) / 2


@graded(10, "Loses nothing when the client reads slowly",
        cause="send() took only a part, and the rest was never sent: its result was not looked at.",
        read="The program",
        by_hand=("./send-recv",
                 "head -c 9000000 /dev/urandom | nc -N 127.0.0.1 7890 | (sleep 2; wc -c)"))
@pytest.mark.parametrize("when_stuck", [lambda server: None, checks.is_not_disturbed_by_stopping],
                         ids=["slow", "stopped and continued"])
def test_a_mebibyte_to_a_slow_reader(chapter, when_stuck):
    """The server has to wait in mid-send; if it is stopped there, send() returns a short count."""
    server = chapter.serve("0")
    received = b""
    with connect_with_small_buffers(server) as client:
        rest = send_until_stuck(client, MEBIBYTE)
        while rest:
            when_stuck(server)
            received += receive(client, 65536)
            rest = send_until_stuck(client, rest)
        received += receive(client, len(greeting(1) + MEBIBYTE) - len(received))
    identical(received, greeting(1) + MEBIBYTE)


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


@graded(12, "Loses no byte to short counts, EINTR and failing accept()",
        cause="A call that did a part, or was interrupted (EINTR), has to be made again for the rest; an accept() that fails is no reason to end.",
        read="The program",
        by_hand=("strace -f -e inject=recvfrom,sendto,read,write:error=EINTR:when=4+4 ./send-recv",
                 "head -c 9000 /dev/zero | nc -N 127.0.0.1 7890 | wc -c"))
def test_random_faults(chapter, random_faults):
    server = random_faults(chapter.serve, "0")
    for visitor in range(1, 11):
        echoes(server, visitor, MEBIBYTE[:30000])


@graded(8, "Serves clients one after another, in their order",
        cause="After the first client the program ends or hangs, or it answers one that has to wait.",
        read="What is still wrong",
        by_hand=("./send-recv",
                 "printf one | nc -N 127.0.0.1 7890; printf two | nc -N 127.0.0.1 7890"))
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
            assert select.select(clients[visitor:], [], [], 0.1)[0] == []


@graded(4, "Costs no CPU time while a client is silent",
        cause="It asks again and again without waiting: a non-blocking socket, or a loop around recv() that never waits.",
        read="The program",
        by_hand=("./send-recv",
                 "(sleep 2; ps -o time=,stat= -C send-recv) | nc -N 127.0.0.1 7890"))
def test_a_silent_client_costs_no_cpu_time(chapter):
    server = chapter.serve("0")
    with greeted(server, 1):
        checks.waits_without_spinning(server.pid)
    echoes(server, 2)


def test_takes_no_more_than_it_can_send_back(chapter):
    """A client that sends and sends and never receives does not fill the server's memory, and when
    it resets the connection in the middle of that, the next one is served."""
    server = chapter.serve("0")
    echoes(server, 1)
    before = memory(server.pid)
    client = connect_with_small_buffers(server)
    for _ in range(8):
        if send_until_stuck(client, MEBIBYTE):
            break
    assert memory(server.pid) - before < 2 * len(MEBIBYTE)
    client.reset()
    echoes(server, 3)


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


@graded(10, "Survives clients that reset the connection",
        cause="Sending to a client that has gone raises SIGPIPE, which ends a process that does not ignore it; or ECONNRESET was taken for a reason to end.",
        read="The program",
        by_hand=("./send-recv",
                 "head -c 9000000 /dev/zero | timeout 1 nc 127.0.0.1 7890 | head -c 1; nc -N 127.0.0.1 7890 < /dev/null"))
@pytest.mark.parametrize("half_close", [True, False], ids=["half-closed", "open"])
def test_survives_a_reset_before_the_echo(chapter, half_close):
    server = chapter.serve("0")
    client = greeted(server, 1)
    with checks.stopped(server):
        client.sendall(MEBIBYTE[:20000])
        if half_close:
            client.shutdown(socket.SHUT_WR)
        client.reset()
    echoes(server, 2)


@graded(6, "Leaks no descriptor and no memory",
        cause="The client's socket is not closed on every way out of the loop, or a buffer is not freed.",
        read="The program",
        by_hand=("./send-recv",
                 "for i in 1 2 3; do nc -N 127.0.0.1 7890 < /dev/null; done; ls -l /proc/$(pidof send-recv)/fd | grep -c socket"))
def test_leaks_nothing(chapter):
    checks.no_leaks(chapter.serve("0"), b"hello\n")


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


def test_listens_on_loopback_only(chapter):
    checks.listens_on_loopback_only(chapter.serve("0"))


def test_default_port(chapter):
    checks.default_port(chapter, 7890)


def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)


def test_starts_beside_an_old_connection(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)


@graded(5, "Can be restarted at once on the same port",
        cause="SO_REUSEADDR is not set before bind(), so connections in TIME_WAIT keep the port.",
        read="Your turn",
        by_hand=("./send-recv & sleep 1; nc 127.0.0.1 7890 & sleep 1; kill %1; sleep 1; ./send-recv",))
def test_restart_at_once(chapter):
    server = chapter.serve("0")
    with greeted(server, 1) as client:
        server.signal(signal.SIGKILL)
        server.wait()
        assert client.recv(1) == b""
    assert chapter.serve(str(server.port)).port == server.port


@graded(5, "Refuses what is no port, with a usage line and exit status 2",
        cause="atoi() and strtol() take 80x for 80 and an empty string for 0: look at where the number ended.",
        read="Your turn",
        by_hand=("./send-recv 80x; echo exit status $?",))
@pytest.mark.parametrize("bad", checks.BAD_PORTS)
def test_bad_port(chapter, bad):
    checks.is_usage_error(chapter.run(bad), bad)


@pytest.mark.parametrize("bad", checks.BAD_ADDRESSES)
def test_bad_address(chapter, bad):
    checks.is_usage_error(chapter.run("0", bad), bad)


def test_too_many_arguments(chapter):
    checks.is_usage_error(chapter.run("0", "127.0.0.1", "surplus"), "surplus")
