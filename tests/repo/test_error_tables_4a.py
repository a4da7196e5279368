"""What can go wrong in exercise 4a: messages by byte counts."""

import socket

import pytest

from harness import checks
from harness.framing import PONG, answered, bulk, frame
from harness.talk import connect, exchange

row = pytest.mark.row


def reports(server, what):
    """The server says so on stderr, and serves the next client."""
    server.wait_for_error(r"^framing: %s\)$" % what)
    assert exchange(server, frame("PING")) == PONG


@row("4a-framing", "recv", "EAGAIN")
def test_nothing_is_there(chapter, faults):
    server = chapter.serve("0", under=faults("recvfrom:error=EAGAIN:when=3"))
    assert exchange(server, b"hello\n") == b"-ERR Protocol error\r\n"
    assert exchange(server, frame("PING")) == PONG
    assert server.stderr == ""


@row("4a-framing", "recv", "a short count")
def test_not_all_of_it_comes(chapter):
    server = chapter.serve("0")
    assert exchange(server, frame("PING")[:10]) == b""
    with connect(server) as client:
        client.sendall(frame("PING")[:10])
        checks.is_not_disturbed_by_stopping(server)
        client.sendall(frame("PING")[10:])
        answered(client, PONG)
    assert server.stderr == ""


@row("4a-framing", "recv", "ECONNRESET")
def test_a_reset(chapter):
    server = chapter.serve("0")
    with connect(server) as client:
        client.sendall(frame("PING"))
        client.recv(1)
    reports(server, r"recv from 127\.0\.0\.1 port \d+: .* \(ECONNRESET")


@row("4a-framing", "send", "EPIPE")
def test_nobody_is_there(chapter):
    server = chapter.serve("0")
    client = connect(server)
    with checks.stopped(server):
        client.sendall(frame("PING"))
        client.shutdown(socket.SHUT_WR)
        client.reset()
    reports(server, r"send to 127\.0\.0\.1 port \d+: .* \(EPIPE")


@row("4a-framing", "recv, send", "EINTR")
@pytest.mark.parametrize("call", ["recvfrom", "sendto"])
def test_a_signal(chapter, faults, call):
    server = chapter.serve("0", under=faults(call + ":error=EINTR:when=1"))
    assert exchange(server, frame("ECHO", "hello")) == bulk("hello")
    assert server.stderr == ""
