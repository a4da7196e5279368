"""What can go wrong in exercise 5c: a SYN by hand."""

import pytest

from harness import checks
from harness.namespaces import prefix
from harness.users import PublicFolder, ordinary_user

row = pytest.mark.row


def network(up=True):
    """The words to put before a command so that it is root in a network of its own, with loopback up or down."""
    words = prefix("--map-root-user", "--net")
    if not words:
        pytest.skip("needs the permission to make a Linux namespace")
    return [*words, "sh", "-c", 'ip link set lo up; exec "$0" "$@"'] if up else words


@row("5c-syn-scan", "socket", "EPERM")
def test_a_raw_socket_is_for_root(chapter):
    with PublicFolder() as folder:
        chapter.program = folder.copy(chapter.program)
        checks.is_failure(chapter, chapter.run("127.0.0.1", "80", **ordinary_user()), "EPERM")


@row("5c-syn-scan", "sendto", "ENETUNREACH")
def test_loopback_is_down(chapter):
    checks.is_failure(chapter, chapter.run("127.0.0.1", "80", under=network(up=False)), "ENETUNREACH")


@row("5c-syn-scan", "sendto", "EMSGSIZE")
def test_more_than_a_packet(changed):
    chapter = changed("syn-scan.c", "packet[IP_HEADER + TCP_HEADER]", "packet[70000]", "sizeof packet, 0", "70000, 0")
    checks.is_failure(chapter, chapter.run("127.0.0.1", "80", under=network()), "EMSGSIZE")


@row("5c-syn-scan", "recv", "EINTR, EAGAIN")
@pytest.mark.parametrize("symbol", ["EINTR", "EAGAIN"])
def test_nothing_there_after_all(chapter, faults, symbol):
    under = [*network(), *faults("recvfrom:error=%s:when=1" % symbol)]
    program = chapter.run("127.0.0.1", "80", under=under)
    assert program.status == 0 and program.output.endswith("port 80 is closed\n"), program.stderr
