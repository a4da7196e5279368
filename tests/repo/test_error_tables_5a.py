"""What can go wrong in exercise 5a: a port scan."""

import pytest

from harness import checks
from harness.namespaces import empty_network
from harness.ports import Ports

row = pytest.mark.row
FEW = ["sh", "-c", 'ulimit -n 8; exec "$0" "$@"']


@pytest.fixture
def ports():
    with Ports(9) as ports:
        yield ports


def finds(chapter, ports, numbers, *more, **options):
    """The scan ends well, and says that these are open, and nothing on stderr."""
    opened = ports.open(*numbers)
    program = chapter.run(ports.address, ports.words, *more, **options)
    assert program.status == 0 and program.stderr == ""
    assert [int(line.split()[0]) for line in program.output.splitlines() if " open" in line] == opened
    return program.output


@row("5a-port-scan", "connect", "EINPROGRESS")
def test_it_has_only_begun(chapter, ports):
    finds(chapter, ports, [1, 2])


@row("5a-port-scan", "getsockopt SO_ERROR", "ECONNREFUSED")
def test_nobody_listens_there(chapter, ports):
    assert finds(chapter, ports, [4]).endswith("closed: 8\n")


@row("5a-port-scan", "socket", "EMFILE")
def test_few_descriptors(chapter, ports):
    finds(chapter, ports, [0, 8], under=FEW)


@row("5a-port-scan", "socket", "ENFILE")
def test_no_descriptor_at_all(chapter, ports, faults):
    program = chapter.run(ports.address, ports.words, under=faults("socket:error=ENFILE"))
    checks.is_failure(chapter, program, "ENFILE")


@row("5a-port-scan", "connect", "ENETUNREACH")
def test_no_network(chapter):
    program = chapter.start("127.0.0.1", "1-9", under=empty_network())
    program.status = program.wait()
    checks.is_failure(chapter, program, "ENETUNREACH")
    assert program.stderr.startswith("port-scan: connect 127.0.0.1 port 1: ")


@row("5a-port-scan", "poll", "EINTR")
def test_a_signal(chapter, ports, faults):
    finds(chapter, ports, [3, 5], under=faults("poll:error=EINTR:when=1"))
