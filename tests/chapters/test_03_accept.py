"""03-accept: takes each client from the accept queue, says who it is, hangs up."""

import resource
import socket

import pytest

from harness import checks
from harness.inspect import cpu_time, descriptors
from harness.program import seconds
from harness.talk import connect, receive_all, reset

CHAPTER = "03-accept"


def test_says_who_connects_and_hangs_up(chapter):
    server = chapter.serve("0")
    for number in (1, 2, 3):
        with connect(server) as client:
            assert receive_all(client) == b""
            server.wait_for_output(
                r"^connection %d from 127\.0\.0\.1 port %d$" % (number, client.getsockname()[1]))


def test_ipv6(chapter):
    server = chapter.serve("0", "::1")
    assert server.address == "::1"
    with connect(server) as client:
        server.wait_for_output(r"^connection 1 from ::1 port %d$" % client.getsockname()[1])


@pytest.mark.parametrize("name,command", [("nc", ["-N"]), ("telnet", [])])
def test_real_clients(chapter, tool, name, command):
    server = chapter.serve("0")
    client = chapter.start_other([tool(name), *command, server.address, str(server.port)])
    server.wait_for_output(r"^connection 1 from")
    client.wait()


def test_survives_clients_that_reset_at_once(chapter):
    server = chapter.serve("0")
    for _ in range(200):
        reset(connect(server))
    with connect(server) as client:
        server.wait_for_output(r"port %d$" % client.getsockname()[1])
    assert server.is_running()


def test_leaks_no_descriptor(chapter):
    server = chapter.serve("0")

    def visit():
        with connect(server) as client:
            receive_all(client)

    checks.no_descriptor_leaks(server, visit)


def test_lack_of_descriptors_is_survived_without_spinning(chapter):
    server = chapter.serve("0")
    free = len(descriptors(server.pid))
    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (free, hard))
    with connect(server), connect(server) as client:  # the first is lucky: accept() waits for it
        server.wait_for_error(r"^accept: accept: Too many open files \(EMFILE\)$")
        before = cpu_time(server.pid)
        client.settimeout(1)
        with pytest.raises(socket.timeout):
            client.recv(1)
        assert cpu_time(server.pid) - before < 0.2
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        client.settimeout(seconds(5))
        assert receive_all(client) == b""


def test_restart_at_once(chapter):
    checks.restart_at_once(chapter, checks.positional, receive_all)


def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)


@pytest.mark.parametrize("bad", checks.BAD_PORTS)
def test_bad_port(chapter, bad):
    checks.is_usage_error(chapter.run(bad), bad)
