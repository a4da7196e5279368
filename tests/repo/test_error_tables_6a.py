"""What can go wrong in exercise 6a: services."""

import contextlib
import resource
import socket

import pytest

from chapters.test_6a_services import TABLE, ask, call, port_of
from harness import checks
from harness.inspect import room_for
from harness.namespaces import own_services
from harness.talk import connect
from harness.users import set_limit

row = pytest.mark.row


@row("6a-services", "getservbyname", "ENOENT (ours: it returns NULL)")
def test_not_in_the_table(chapter, tmp_path):
    program = chapter.run("7000", under=own_services(tmp_path, TABLE.replace("daytime", "nighttime")))
    checks.is_failure(chapter, program, "ENOENT")
    assert program.stderr.startswith("services: getservbyname daytime udp: ")


@row("6a-services", "bind", "EADDRINUSE")
def test_the_port_is_in_use(chapter):
    while True:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            base = taken.getsockname()[1] - 13
            if base <= 60000:
                return checks.is_failure(chapter, chapter.run(str(base)), "EADDRINUSE")


@row("6a-services", "accept", "EMFILE")
def test_no_descriptor_is_free(chapter):
    server = chapter.serve("0")
    port = port_of(server, "echo", "tcp")
    set_limit(server.pid, resource.RLIMIT_NOFILE, room_for(0, server.pid))
    with connect(port) as first, connect(port) as second:
        server.wait_for_error(r"^services: accept: .+ \(EMFILE\)$")
        checks.waits_without_spinning(server.pid)
        assert ask(server, "echo") == b"hello"
        set_limit(server.pid, resource.RLIMIT_NOFILE, None)
        for client in first, second:
            client.sendall(b"hello")
            assert client.recv(5) == b"hello"


@row("6a-services", "recvfrom", "ENOMEM")
def test_no_memory(chapter, faults):
    server = chapter.serve("0", under=faults("recvfrom:error=ENOMEM:when=1+2"))
    assert ask(server, "echo") == b"hello"
    server.wait_for_error(r"^services: recvfrom: Cannot allocate memory \(ENOMEM\)$")


@row("6a-services", "poll", "EINTR")
def test_a_signal(chapter):
    server = chapter.serve("0")
    port_of(server, "chargen", "tcp")
    checks.is_not_disturbed_by_stopping(server)
    with contextlib.closing(call(server, "echo")) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
