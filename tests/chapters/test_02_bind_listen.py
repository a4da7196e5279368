"""02-bind-listen: an address of its own, and a queue that the kernel fills with clients."""

import contextlib
import pathlib
import signal
import socket

import pytest

from harness import checks
from harness.inspect import descriptors
from harness.talk import connect
from harness.users import PublicFolder, ordinary_user

CHAPTER = "02-bind-listen"


def test_says_where_it_listens(chapter):
    server = chapter.serve("0")
    connect(server).close()
    assert server.output == "listening on 127.0.0.1 port %d\n" % server.port


def test_says_so_only_once_clients_can_connect(chapter, faults):
    server = chapter.serve("0", under=faults("listen:delay_enter=100000"))  # microseconds
    connect(server).close()


def test_listens_on_loopback_only(chapter):
    checks.listens_on_loopback_only(chapter.serve("0"))


def test_default_port(chapter):
    checks.default_port(chapter, 7890)


def test_ipv6(chapter):
    checks.needs_ipv6()
    server = chapter.serve("0", "::1")
    assert server.address == "::1"
    connect(server).close()


def test_every_address_when_asked(chapter):
    server = chapter.serve("0", "0.0.0.0")
    assert server.address == "0.0.0.0"
    connect(server.port).close()


def test_connects_clients_though_nobody_accepts_them(chapter):
    server = chapter.serve("0")
    before = descriptors(server.pid)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(5)]
        for client in reversed(clients):
            client.sendall(b"is anybody there?\n" * 100)
        clients[0].settimeout(0.2)
        with pytest.raises(socket.timeout):
            clients[0].recv(1)
        for client in clients:  # no answer and no end, in any of them
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
        assert descriptors(server.pid) == before


@pytest.mark.parametrize("name,command,pattern", [
    ("nc", ["-v"], "succeeded|open|Connected to"), ("telnet", [], "Connected to")])
def test_real_clients(chapter, tool, name, command, pattern):
    server = chapter.serve("0")
    client = chapter.start_other([tool(name), *command, server.address, str(server.port)])
    (client.wait_for_error if name == "nc" else client.wait_for_output)(pattern)
    assert server.is_running()


def test_survives_clients_that_come_and_go(chapter):
    server = chapter.serve("0")
    for _ in range(5):
        connect(server).reset()
        with connect(server) as client:
            client.sendall(b"hello\n")
    assert server.is_running()
    assert server.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runs_until_a_signal_ends_it(chapter, number):
    # A shell may have had this test ignore SIGINT, and the program would inherit that.
    server = chapter.serve("0", preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    with connect(server):
        assert server.is_running()
        server.signal(number)
        assert server.wait() in (-number, 0)


def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)


def test_restart_at_once(chapter):
    checks.restart_at_once(chapter, checks.positional, lambda client: client.sendall(b"hello\n"))


def test_starts_beside_an_old_connection(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_address_of_another_machine(chapter, address):
    if ":" in address:
        checks.needs_ipv6()
    program = chapter.run("0", address)
    assert "bind %s port 0: " % address in program.stderr
    checks.is_failure(chapter, program, "EADDRNOTAVAIL")


def test_privileged_port(chapter):
    first_free = pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not first_free.exists() or int(first_free.read_text()) < 2:
        pytest.skip("every user may bind every port here")
    with PublicFolder() as folder:
        chapter.program = folder.copy(chapter.program)
        program = chapter.run("1", **ordinary_user())
    assert "bind 127.0.0.1 port 1: " in program.stderr
    checks.is_failure(chapter, program, "EACCES")


@pytest.mark.parametrize("call", ["socket", "bind", "listen", "getsockname"])
def test_names_the_call_that_failed(chapter, faults, call):
    program = chapter.run("0", under=faults(call + ":error=ENOBUFS"))
    assert call in program.stderr.partition(": ")[2]
    checks.is_failure(chapter, program, "ENOBUFS")


@pytest.mark.parametrize("bad", checks.BAD_PORTS)
def test_bad_port(chapter, bad):
    checks.is_usage_error(chapter.run(bad), bad)


@pytest.mark.parametrize("bad", checks.BAD_ADDRESSES)
def test_bad_address(chapter, bad):
    checks.is_usage_error(chapter.run("0", bad), bad)


def test_too_many_arguments(chapter):
    checks.is_usage_error(chapter.run("0", "127.0.0.1", "surplus"), "surplus")
