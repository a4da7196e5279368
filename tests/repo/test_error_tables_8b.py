"""What can go wrong in exercise 8b: many requests on one connection."""

import os
import signal

import pytest

from harness import checks
from harness.concurrency import make_webroot, no_child_remains
from harness.inspect import at_rest, children
from harness.keep_alive import ask, ends, stays
from harness.program import wait_until
from harness.talk import connect

row = pytest.mark.row


@pytest.fixture
def serve(chapter, tmp_path):
    webroot = make_webroot(tmp_path / "webroot", large=b"")
    return lambda **options: chapter.serve("-p", "0", webroot, **options)


@row("8b-keep-alive", "poll", "0")
def test_nothing_comes(serve):
    server = serve()
    with connect(server, limit=8) as client:
        stays(client)
        assert client.recv(1) == b"", "after 5 s it ends, without an answer"
    assert server.stderr == ""


@row("8b-keep-alive", "poll", "EINTR")
def test_a_signal(serve):
    server = serve()
    with connect(server) as client:
        stays(client)
        os.kill(at_rest(children(server.pid)[0]), signal.SIGCHLD)
        stays(client)
    assert server.stderr == ""


@row("8b-keep-alive", "recv", "EAGAIN")
def test_poll_was_mistaken(serve, faults):
    server = serve(under=faults("recvfrom:error=EAGAIN:when=2"))
    with connect(server) as client:
        stays(client)
        stays(client)
    assert server.stderr == ""


@row("8b-keep-alive", "recv", "ECONNRESET")
def test_an_idle_client_resets(serve):
    server = serve()
    with connect(server) as client:
        stays(client)
        client.reset()
    no_child_remains(server)
    assert server.stderr == ""


@row("8b-keep-alive", "send", "EAGAIN")
def test_nobody_reads(serve, faults):
    server = serve(under=faults("sendto:error=EAGAIN"))
    with connect(server) as client:
        client.sendall(ask() * 2)
        ends(client, "without an answer")
    wait_until(lambda: server.output.count(' 200 0\n') == 1, what="one line of the log")


@row("8b-keep-alive", "pipe", "EMFILE")
def test_no_descriptor(chapter):
    checks.is_failure(chapter, chapter.run("-p", "0", os.path.dirname(chapter.program), under=["prlimit", "--nofile=5"]), "EMFILE")
