"""What can go wrong in exercise 5b: a server with poll()."""

import resource

import pytest

from harness import checks
from harness.echo_checks import MEBIBYTE, echoes, greeted
from harness.inspect import room_for
from harness.talk import connect, connect_with_small_buffers, send_until_stuck
from harness.users import set_limit

row = pytest.mark.row


@row("5b-poll-server", "send", "EAGAIN")
def test_a_client_does_not_read(chapter):
    server = chapter.serve("0")
    with connect_with_small_buffers(server) as lazy:
        assert send_until_stuck(lazy, MEBIBYTE * 32)
        echoes(server)
        assert server.stderr == ""


@row("5b-poll-server", "accept", "EAGAIN")
def test_the_client_has_gone_before(chapter, faults):
    server = chapter.serve("0", under=faults("accept:error=EAGAIN:when=1+2"))
    for _ in range(3):
        echoes(server)
    assert server.stderr == ""


@row("5b-poll-server", "accept", "EMFILE")
def test_no_descriptor(chapter):
    server = chapter.serve("0")
    with greeted(server):
        set_limit(server.pid, resource.RLIMIT_NOFILE, room_for(0, server.pid))
        with connect(server):
            server.wait_for_error(r"^poll-server: accept: .+ \(EMFILE\)$")
            checks.waits_without_spinning(server.pid)
        set_limit(server.pid, resource.RLIMIT_NOFILE, None)
    echoes(server)


@row("5b-poll-server", "recv, send", "ECONNRESET, EPIPE")
def test_a_client_resets(chapter):
    server = chapter.serve("0")
    with greeted(server) as staying:
        greeted(server).reset()
        server.wait_for_error(r"^poll-server: recv from 127\.0\.0\.1 port \d+: .+ \(ECONNRESET\)$")
        staying.sendall(b"x")
        assert staying.recv(9) == b"x"
    echoes(server)


@row("5b-poll-server", "poll", "EINTR")
def test_a_signal(chapter, faults):
    server = chapter.serve("0", under=faults("poll:error=EINTR:when=1+2"))
    echoes(server)
    assert server.stderr == ""


@row("5b-poll-server", "poll", "ENOMEM")
def test_no_memory(chapter, faults):
    server = chapter.serve("0", under=faults("poll:error=ENOMEM:when=2"))
    echoes(server)
    server.wait_for_error(r"^poll-server: poll: Cannot allocate memory \(ENOMEM\)$")


@row("5b-poll-server", "bind", "EADDRINUSE")
def test_the_port_is_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)
