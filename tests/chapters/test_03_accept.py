"""03-accept: takes each client from the accept queue, says who it is, hangs up."""

import contextlib
import re

import pytest

from harness import checks
from harness.talk import connect, receive_all

CHAPTER = "03-accept"


def test_says_who_connects_and_hangs_up(chapter):
    server = chapter.serve("0")
    for number in (1, 2, 3):
        with connect(server) as client:
            assert receive_all(client) == b""
            server.wait_for_output(
                r"^connection %d from 127\.0\.0\.1 port %d$" % (number, client.getsockname()[1]))


def test_takes_clients_in_their_order(chapter):
    """Also those that came while it was busy with others, and waited in the queue."""
    server = chapter.serve("0")
    with contextlib.ExitStack() as stack:
        with checks.stopped(server):
            clients = [stack.enter_context(connect(server)) for _ in range(4)]
        for client in reversed(clients):
            assert receive_all(client) == b""
        server.wait_for_output("^connection 4 ")
        assert re.findall(r"^connection (\d+) from \S+ port (\d+)$", server.output, re.MULTILINE) == [
            (str(number), str(client.getsockname()[1])) for number, client in enumerate(clients, 1)]


def test_hangs_up_on_clients_that_speak(chapter):
    server = chapter.serve("0")
    for _ in range(20):
        with connect(server) as client, contextlib.suppress(ConnectionError):  # it did not listen
            client.sendall(b"hello?\n")
            assert receive_all(client) == b""
    server.wait_for_output("^connection 20 ")


def test_ipv6(chapter):
    checks.needs_ipv6()
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
        connect(server).reset()
    with connect(server) as client:
        server.wait_for_output(r"port %d$" % client.getsockname()[1])
    assert server.is_running()


@pytest.mark.parametrize("symbol", ["EINTR", "ECONNABORTED"])
def test_survives_what_accept_may_return(chapter, faults, symbol):
    server = chapter.serve("0", under=faults("?accept,?accept4:error=%s:when=1+2" % symbol))
    for number in (1, 2, 3):
        with connect(server) as client:
            assert receive_all(client) == b""
        server.wait_for_output("^connection %d " % number)


def test_leaks_nothing(chapter):
    checks.no_leaks(chapter.serve("0"), b"")


def test_waits_without_spinning(chapter):
    checks.waits_without_spinning(chapter.serve("0").pid)


def test_lack_of_descriptors_is_survived_without_spinning(chapter):
    checks.survives_lack_of_descriptors(chapter.serve("0"))


def test_listens_on_loopback_only(chapter):
    checks.listens_on_loopback_only(chapter.serve("0"))


def test_default_port(chapter):
    checks.default_port(chapter, 7890)


def test_starts_beside_an_old_connection(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)


def test_restart_at_once(chapter):
    checks.restart_at_once(chapter, checks.positional, receive_all)


def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)


@pytest.mark.parametrize("bad", checks.BAD_PORTS)
def test_bad_port(chapter, bad):
    checks.is_usage_error(chapter.run(bad), bad)


@pytest.mark.parametrize("bad", checks.BAD_ADDRESSES)
def test_bad_address(chapter, bad):
    checks.is_usage_error(chapter.run("0", bad), bad)


def test_too_many_arguments(chapter):
    checks.is_usage_error(chapter.run("0", "127.0.0.1", "surplus"), "surplus")
