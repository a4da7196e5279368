"""What can go wrong in exercise 4b: datagrams."""

import pytest

from harness import checks
from harness.datagrams import LARGEST, Datagrams, ask, nobody

row = pytest.mark.row


def fails(chapter, port, text, message):
    """Asking at this port ends with status 1, and this on stderr."""
    program = chapter.run("-c", "127.0.0.1", str(port), text)
    assert program.status == 1 and program.stderr.startswith("datagram: %s: " % message[0])
    checks.is_failure(chapter, program, message[1])


@row("4b-datagram", "send", "EMSGSIZE")
def test_longer_than_a_datagram_can_be(chapter):
    with Datagrams("the test's server") as server:
        fails(chapter, server.port, "x" * (LARGEST + 1), ("send", "EMSGSIZE"))


@row("4b-datagram", "send", "EOPNOTSUPP")
def test_a_flag_that_udp_does_not_have(changed):
    chapter = changed("datagram.c", "strlen(text), 0)", "strlen(text), MSG_OOB)")
    with Datagrams("the test's server") as server:
        fails(chapter, server.port, "x", ("send", "(EOPNOTSUPP|ENOTSUP)"))


@row("4b-datagram", "connect", "EACCES")
def test_to_all_machines(chapter):
    checks.is_failure(chapter, chapter.run("-c", "127.255.255.255", "7890", "x"), "EACCES")


@row("4b-datagram", "recv", "ECONNREFUSED")
def test_nobody_receives_there(chapter):
    with nobody() as port:
        fails(chapter, port, "x", ("recv", "ECONNREFUSED"))


@row("4b-datagram", "recv", "EAGAIN")
def test_no_answer(chapter):
    with Datagrams("the test's server") as server:
        fails(chapter, server.port, "x", ("recv", "EAGAIN"))


@row("4b-datagram", "write", "EDESTADDRREQ")
def test_to_whom(chapter):
    program = chapter.run("0", under=["sh", "-c", 'exec "$0" "$@" >&-'])
    assert (program.status, program.output) == (1, "") and "stdout: Destination address required (EDESTADDRREQ)" in program.stderr


@row("4b-datagram", "bind", "EADDRINUSE")
def test_the_port_is_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)


@row("4b-datagram", "recvfrom, sendto", "EINTR")
@pytest.mark.parametrize("call", ["recvfrom", "sendto"])
def test_a_signal(chapter, faults, call):
    server = chapter.serve("0", under=faults(call + ":error=EINTR:when=1"))
    assert ask(server, b"hello") == b"hello" and server.stderr == ""


@row("4b-datagram", "recvfrom", "ENOMEM")
def test_no_memory(chapter, faults):
    server = chapter.serve("0", under=faults("recvfrom:error=ENOMEM:when=1+2"))
    assert ask(server, b"hello") == b"hello"
    server.wait_for_error(r"^datagram: recvfrom: Cannot allocate memory \(ENOMEM\)$")
    checks.waits_without_spinning(server.pid)
