"""What can go wrong in exercise 8c: TFTP."""

import os

import pytest

from harness import checks
from harness.program import wait_until
from harness.tftp import Client, fetch, refusal, request

row = pytest.mark.row


@pytest.fixture
def webroot(tmp_path):
    (tmp_path / "page").write_bytes(b"the page\n")
    return str(tmp_path)


@row("8c-tftp", "bind", "EADDRINUSE")
def test_the_port_is_in_use(chapter, webroot):
    checks.port_in_use(chapter, lambda port: ["-p", port, webroot])


@row("8c-tftp", "bind", "EACCES")
def test_a_port_of_roots(chapter, webroot, faults):
    under = faults("bind:error=EACCES") if os.getuid() == 0 else []
    if not under:
        checks.needs_privileged_ports()
    program = chapter.run("-p", "69", webroot, under=under)
    checks.is_failure(chapter, program, "EACCES")
    assert "bind 127.0.0.1 port 69: " in program.stderr


@row("8c-tftp", "none", "ERROR 0 (our own)")
def test_another_mode(chapter, webroot):
    server = chapter.serve("-p", "0", webroot)
    assert refusal(server, request(b"page", b"netascii")) == 0
    server.wait_for_output(r'^\S+ port \d+ "page" mode is not octet 0$')


@row("8c-tftp", "none", "ERROR 3 (our own)")
def test_max_children(chapter, webroot):
    server = chapter.serve("-p", "0", "-c", "1", webroot)
    with Client(server) as first:
        first.ask(b"page").data(1)
        assert refusal(server, request(b"page")) == 3
        server.wait_for_output(r'^\S+ port \d+ "" not possible now 0$')
        first.acknowledge(1)


@row("8c-tftp", "recvfrom", "EAGAIN")
def test_no_datagram_after_all(chapter, webroot, faults):
    server = chapter.serve("-p", "0", webroot, under=faults("recvfrom:error=EAGAIN:when=1"))
    assert fetch(server, b"page") == b"the page\n"
    assert server.stderr == ""


@row("8c-tftp", "recvfrom", "ENOMEM")
def test_no_memory(chapter, webroot, faults):
    server = chapter.serve("-p", "0", webroot, under=faults("recvfrom:error=ENOMEM:when=1+2"))
    assert fetch(server, b"page") == b"the page\n"
    server.wait_for_error(r"^tftp: recvfrom: Cannot allocate memory \(ENOMEM\)$")
    checks.waits_without_spinning(server.pid)


@row("8c-tftp", "sendto", "ENOBUFS")
def test_a_packet_that_cannot_be_sent(chapter, webroot, faults):
    server = chapter.serve("-p", "0", webroot, under=[*faults("sendto:error=ENOBUFS:when=1")])
    assert fetch(server, b"page") == b"the page\n"
    wait_until(lambda: '"page" sent 9\n' in server.output)


@row("8c-tftp", "fork", "EAGAIN")
def test_too_many_processes(chapter, webroot, faults):
    server = chapter.serve("-p", "0", webroot, under=faults("?fork,?vfork,?clone,?clone3:error=EAGAIN:when=1"))
    assert refusal(server, request(b"page")) == 3
    server.wait_for_error(r"^tftp: fork: .+ \(EAGAIN\)$")
    assert fetch(server, b"page") == b"the page\n"
