"""What can go wrong in exercise 4c: out of band."""

import socket

import pytest

from harness import checks
from harness.talk import connect, reserved_port

row = pytest.mark.row


def tells_all_the_same(server):
    """The urgent byte is printed, though the first recv() has failed."""
    with connect(server) as client:
        socket.socket.send(client, b"!", socket.MSG_OOB)
        server.wait_for_output("^mark: after 0 bytes$")
    assert server.output.split("\n")[1:3] == ["urgent: 0x21", "mark: after 0 bytes"] and server.stderr == ""


@row("4c-urgent", "recv", "EINVAL")
def test_none_after_all(chapter, faults):
    tells_all_the_same(chapter.serve("0", under=faults("recvfrom:error=EINVAL:when=1")))


@row("4c-urgent", "recv", "EAGAIN")
def test_still_on_its_way(chapter, faults):
    tells_all_the_same(chapter.serve("0", under=faults("recvfrom:error=EAGAIN:when=1")))


@row("4c-urgent", "recv", "ECONNRESET")
def test_a_reset(chapter):
    server = chapter.serve("0")
    client = connect(server)
    client.sendall(b"hello")
    server.wait_for_output("^5 bytes: hello$")
    client.reset()
    server.wait_for_error(r"^urgent: recv from 127\.0\.0\.1 port \d+: .* \(ECONNRESET\)$")
    with connect(server) as client:
        client.sendall(b"next")
        server.wait_for_output("^4 bytes: next$")


@row("4c-urgent", "poll", "EINTR")
def test_a_signal(chapter, faults):
    server = chapter.serve("0", under=faults("poll:error=EINTR:when=1"))
    with connect(server) as client:
        client.sendall(b"hello")
        server.wait_for_output("^5 bytes: hello$")
    assert server.stderr == ""


@row("4c-urgent", "connect", "ECONNREFUSED")
def test_nobody_listens(chapter):
    with reserved_port() as port:
        checks.is_failure(chapter, chapter.run("-c", "127.0.0.1", str(port), "a", "b", "c"), "ECONNREFUSED")
