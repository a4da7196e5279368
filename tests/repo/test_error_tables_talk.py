"""What can go wrong in chapters 4 to 6: talking, as a server, as a client, and to a name."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from harness import checks
from harness.namespaces import empty_network, getaddrinfo, own_hosts
from harness.program import seconds
from harness.talk import connect, echo, exchange, receive_until, reserved_port, serving
from harness.webservers import answering

row = pytest.mark.row


# ---- Chapter 4

GREETING = b"Hello, world! You are visitor %d.\n"


def reports(server, what):
    """The server says so on stderr, and serves the next client, who is the second."""
    server.wait_for_error(r"^send-recv: %s\)$" % what)
    assert exchange(server, b"next\n") == GREETING % 2 + b"next\n"


def leave(server, half_close):
    """Send something, and be gone with a reset before the server has seen it."""
    client = connect(server)
    receive_until(client, b"\n")
    with checks.stopped(server):
        client.sendall(b"hello\n")
        if half_close:
            client.shutdown(1)
        client.reset()


@row("04-send-recv", "recv, send", "EINTR")
def test_interrupted_before_the_first_byte(chapter, faults):
    server = chapter.serve("0", under=faults("recvfrom:error=EINTR:when=1+2", "sendto:error=EINTR:when=1+2"))
    assert exchange(server, b"hello\n") == GREETING % 1 + b"hello\n"
    assert server.stderr == ""


@row("04-send-recv", "recv", "ECONNRESET")
def test_reset_while_receiving(chapter):
    server = chapter.serve("0")
    client = connect(server)
    receive_until(client, b"\n")
    client.reset()
    reports(server, r"recv from 127\.0\.0\.1 port \d+: .* \(ECONNRESET")


@row("04-send-recv", "send", "ECONNRESET")
def test_reset_while_sending(chapter):
    server = chapter.serve("0")
    leave(server, half_close=False)
    reports(server, r"send to 127\.0\.0\.1 port \d+: .* \(ECONNRESET")


@row("04-send-recv", "send", "EPIPE, and SIGPIPE")
def test_nobody_receives_any_more(chapter):
    server = chapter.serve("0")
    leave(server, half_close=True)
    reports(server, r"send to 127\.0\.0\.1 port \d+: .* \(EPIPE")


@row("04-send-recv", "send", "a short count")
def test_a_signal_in_the_middle(chapter, faults):
    """The second send() claims to have sent 3 bytes, but has not: what comes must be the rest."""
    server = chapter.serve("0", under=faults("sendto:retval=3:when=2"))
    assert exchange(server, b"hello\n") == GREETING % 1 + b"lo\n"


@row("04-send-recv", "recv, send", "ETIMEDOUT")
@pytest.mark.parametrize("call,what", [("recvfrom", "recv from"), ("sendto", "send to")])
def test_the_other_machine_is_gone(chapter, faults, call, what):
    server = chapter.serve("0", under=faults(call + ":error=ETIMEDOUT:when=1"))
    connect(server).close()
    reports(server, what + r" 127\.0\.0\.1 port \d+: .* \(ETIMEDOUT")


RECV = "recv(client, buffer,"
ECHO = "send_all(client, buffer, (size_t)received)"


@row("04-send-recv", "recv", "ENOTCONN")
@row("04-send-recv", "send", "EPIPE (ENOTCONN in POSIX)")
@row("04-send-recv", "any", "EBADF")
@row("04-send-recv", "any on sockets", "ENOTSOCK")
@row("04-send-recv", "any", "EFAULT")
@pytest.mark.parametrize("old,new,what,symbol", [
    (RECV, "recv(3, buffer,", "recv from", "ENOTCONN"), (ECHO, "send_all(3, buffer, (size_t)received)", "send to", "EPIPE"),
    (RECV, "recv(-1, buffer,", "recv from", "EBADF"), (RECV, "recv(0, buffer,", "recv from", "ENOTSOCK"),
    (RECV, "recv(client, (void *)16,", "recv from", "EFAULT"),
    (ECHO, "send_all(client, (void *)16, 8)", "send to", "EFAULT")])
def test_a_mistake_of_ours(changed, old, new, what, symbol):
    server = changed("send-recv.c", old, new).serve("0")
    with connect(server) as client:
        client.sendall(b"hello\n")
        server.wait_for_error(r"^send-recv: %s 127\.0\.0\.1 port \d+: .* \(%s\)$" % (what, symbol))
    with connect(server) as client:
        assert receive_until(client, b"\n") == GREETING % 2


@row("04-send-recv", "any", "ENOMEM, ENOBUFS")
@pytest.mark.parametrize("symbol", ["ENOMEM", "ENOBUFS"])
def test_the_kernel_has_no_memory(chapter, faults, symbol):
    server = chapter.serve("0", under=faults("recvfrom:error=%s:when=1" % symbol))
    connect(server).close()
    reports(server, r"recv from 127\.0\.0\.1 port \d+: .* \(" + symbol)


@row("04-send-recv", "what makes a descriptor", "ENFILE")
def test_the_system_has_no_room_for_one_more(chapter, faults):
    checks.is_failure(chapter, chapter.run("0", under=faults("socket:error=ENFILE")), "ENFILE")


# ---- Chapter 5

def converses(chapter, server, under=()):
    """The program, whatever happened on the way, has sent `hello` to an echo() server, and got it back."""
    program = chapter.run(server.address, str(server.port), input=b"hello\n", under=under)
    assert (program.status, program.output, program.stderr) == (0, "hello\n", "")


@row("05-client", "connect", "ECONNREFUSED")
def test_nobody_listens(chapter):
    with reserved_port("127.0.0.1") as port:
        checks.is_failure(chapter, chapter.run("127.0.0.1", str(port)), "ECONNREFUSED")


@row("05-client", "connect", "ETIMEDOUT")
def test_nobody_answers(chapter, faults):
    checks.is_failure(chapter, chapter.run("127.0.0.1", "1", under=faults("connect:error=ETIMEDOUT")),
                      "ETIMEDOUT")


@row("05-client", "connect", "ENETUNREACH")
def test_no_way_to_that_network(chapter):
    checks.is_failure(chapter, chapter.run("192.0.2.1", "80", under=empty_network()), "ENETUNREACH")


@row("05-client", "connect", "EINTR")
@row("05-client", "connect", "EALREADY")
@pytest.mark.parametrize("symbol", ["EINTR", "EALREADY"])
def test_the_handshake_still_goes_on(chapter, faults, symbol):
    with serving(echo) as server:
        converses(chapter, server, faults("connect:error=%s:when=1" % symbol))


@row("05-client", "connect", "EINPROGRESS")
def test_a_socket_that_must_not_wait(chapter, changed):
    with serving(echo) as server:
        converses(chapter, server)
        hasty = changed("connect.c", "SOCK_STREAM", "SOCK_STREAM | SOCK_NONBLOCK")
        checks.is_failure(hasty, hasty.run("127.0.0.1", str(server.port)), "EINPROGRESS")


@row("05-client", "connect", "EISCONN")
def test_connect_twice(changed):
    twice = changed("connect.c", "if (connect_fully(", "if (connect(descriptor, address, length) < 0 || connect_fully(")
    with serving(echo) as server:
        converses(twice, server)


ONE_PORT = """
import socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
    ports.write("50000 50000")
with socket.create_server(("127.0.0.1", 7890)), socket.create_connection(("127.0.0.1", 7890)):
    sys.exit(subprocess.call(sys.argv[1:]))
"""


@row("05-client", "connect", "EADDRNOTAVAIL")
def test_no_free_port_of_ours(chapter, tool):
    tool("ip")
    under = [*empty_network(), sys.executable, "-c", ONE_PORT]
    checks.is_failure(chapter, chapter.run("127.0.0.1", "7890", under=under), "EADDRNOTAVAIL")


@row("05-client", "connect", "EADDRINUSE")
@row("05-client", "connect", "EPERM, EACCES")
@pytest.mark.parametrize("symbol", ["EADDRINUSE", "EPERM", "EACCES"])
def test_it_may_not_connect(chapter, faults, symbol):
    checks.is_failure(chapter, chapter.run("127.0.0.1", "1", under=faults("connect:error=" + symbol)), symbol)


@row("05-client", "connect", "EAFNOSUPPORT")
def test_an_address_of_another_family(changed):
    checks.needs_ipv6()
    wrong = changed("connect.c", "socket(address->sa_family,", "socket(AF_INET,")
    checks.is_failure(wrong, wrong.run("::1", "1"), "EAFNOSUPPORT")


@row("05-client", "sendto", "none (EISCONN in POSIX)")
def test_an_address_though_connected():
    with serving(echo) as server, socket.create_connection((server.address, server.port)) as client:
        assert client.sendto(b"x", ("127.0.0.1", 9)) == 1 and client.recv(9) == b"x"


@row("05-client", "recv, send", "EAGAIN")
@pytest.mark.parametrize("fault", ["read:error=EAGAIN:when=2+2", "write:error=EAGAIN:when=1+2"])
def test_poll_promised_too_much(chapter, faults, fault):
    with serving(echo) as server:  # the first read() is the loader's
        converses(chapter, server, faults(fault))


@row("05-client", "recv", "ECONNRESET")
def test_the_server_resets(chapter):
    with serving(lambda connection: connection.reset()) as server:
        checks.is_failure(chapter, chapter.run("127.0.0.1", str(server.port)), "ECONNRESET")


@row("05-client", "send", "EPIPE")
def test_the_server_receives_no_more(chapter, faults):
    failed = threading.Event()

    def serve(connection):
        assert failed.wait(seconds(5))
        connection.sendall(b"last words\n")

    with serving(serve) as server:
        program = chapter.start("127.0.0.1", str(server.port), stdin=subprocess.PIPE,
                                under=faults("write:error=EPIPE:when=1"))
        program.process.stdin.write(b"hello\n")
        program.process.stdin.close()
        program.wait_for_error(r"^client: send: .* \(EPIPE\)$")
        failed.set()
        assert (program.wait(), program.output) == (1, "last words\n")


@row("05-client", "write", "EPIPE")
def test_nobody_reads_our_output(chapter):
    reader, writer = os.pipe()
    os.close(reader)
    with serving(echo) as server, open(writer, "wb"):
        program = chapter.run("127.0.0.1", str(server.port), input=b"hello\n",
                              preexec_fn=lambda: os.dup2(writer, 1))
    checks.is_failure(chapter, program, "EPIPE")


# ---- Chapter 6

def fails_to_find(program, *symbols):
    """The program has ended with status 1, and its stderr has a line for each of these errors."""
    assert program.status == 1
    lines = program.stderr.splitlines()
    assert [line.rpartition(" (")[2] for line in lines] == [symbol + ")" for symbol in symbols], lines


@row("06-dns-lookup", "getaddrinfo", "EAI_NONAME")
def test_no_such_host(chapter, tmp_path):
    nobody = own_hosts(tmp_path, "127.0.0.1 localhost\n")
    fails_to_find(chapter.run("no-such-host.invalid", under=nobody), "EAI_NONAME")


@row("06-dns-lookup", "getaddrinfo", "EAI_AGAIN")
def test_the_dns_does_not_answer(chapter):
    fails_to_find(chapter.run("www.example.org", "80", limit=30, under=empty_network()), "EAI_AGAIN")


@row("06-dns-lookup", "getaddrinfo", "EAI_SERVICE")
def test_no_such_service(chapter):
    fails_to_find(chapter.run("localhost", "no-such-service"), "EAI_SERVICE")


@row("06-dns-lookup", "connect", "ECONNREFUSED")
def test_the_first_address_refuses(chapter, tmp_path):
    two = own_hosts(tmp_path, "127.0.0.2 two\n127.0.0.3 two\n")
    first, second = [found.split()[0] for found in getaddrinfo("two", 80, two)]
    with reserved_port(first, second) as port, serving(answering(b"Server: the second\n"), second, port):
        program = chapter.run("two", str(port), under=two)
    assert (program.status, program.output.splitlines()[-1]) == (0, "The web server for two is the second")
    assert program.stderr.startswith("dns-lookup: connect %s " % first)
    assert program.stderr.endswith("(ECONNREFUSED)\n")


@row("06-dns-lookup", "connect", "ENETUNREACH")
def test_no_way_to_any_of_its_networks(chapter, tmp_path):
    far = own_hosts(tmp_path, "192.0.2.1 far\n192.0.2.2 far\n")
    fails_to_find(chapter.run("far", "80", under=[*empty_network(), *far]), "ENETUNREACH", "ENETUNREACH")


@row("06-dns-lookup", "recv", "ETIMEDOUT")
def test_ten_seconds_are_over(chapter, faults):
    with serving(answering(b"")) as server:
        program = chapter.run("127.0.0.1", str(server.port), under=faults("recvfrom:error=EAGAIN"))
    fails_to_find(program, "ETIMEDOUT")


@row("06-dns-lookup", "recv", "EMSGSIZE (from our `recv_line()`)")
@row("06-dns-lookup", "recv", "EBADMSG (from our `recv_line()`)")
@pytest.mark.parametrize("answer,symbol", [(b"y" * 9000, "EMSGSIZE"), (b"a\0b\n", "EBADMSG")])
def test_a_line_that_is_none(chapter, answer, symbol):
    with serving(answering(answer)) as server:
        fails_to_find(chapter.run("127.0.0.1", str(server.port)), symbol)
