"""What can go wrong in exercise 7b: what the client has already."""

import pytest

from harness import http_checks
from harness.http_checks import PAGE, brings
from harness.http_requests import lines
from harness.talk import receive, request

row = pytest.mark.row


@pytest.fixture
def root(tmp_path):
    return http_checks.fill_webroot(tmp_path / "webroot")


def ask(server, header, status):
    """Ask for the page with a header; return the body that comes with this status."""
    response = request(server, lines("GET / HTTP/1.0", header))
    assert response.status == status
    return response.body


@row("7b-range", "strptime", "NULL")
def test_no_date(chapter, root):
    assert ask(chapter.serve("-p", "0", root), "If-Modified-Since: soon", 200) == PAGE


@row("7b-range", "strtoll", "ERANGE")
def test_a_number_that_fits_no_type(chapter, root):
    assert ask(chapter.serve("-p", "0", root), "Range: bytes=2-99999999999999999999", 206) == PAGE[2:]


@row("7b-range", "lseek", "EINVAL")
def test_a_place_before_the_beginning(chapter, root, faults):
    server = chapter.serve("-p", "0", root, under=faults("lseek:error=EINVAL"))
    ask(server, "Range: bytes=2-5", 500)
    server.wait_for_error(r"^range: open or read a file: .* \(EINVAL\)$")
    brings(server, "/", PAGE)


@row("7b-range", "read", "EIO")
def test_a_broken_disk(chapter, root, faults):
    server = chapter.serve("-p", "0", root, under=faults("read:error=EIO:when=3+"))
    ask(server, "Range: bytes=2-5", 500)
    server.wait_for_error(r"^range: open or read a file: .* \(EIO\)$")


@row("7b-range", "send", "EPIPE, ECONNRESET")
def test_the_client_has_left(chapter, root):
    server = chapter.serve("-p", "0", root)
    (root / "large").write_bytes(bytes(20 << 20))
    with http_checks.connect_narrow(server) as client:
        client.sendall(lines("GET /large HTTP/1.0", "Range: bytes=1-"))
        receive(client, 1000)
        client.reset()
    server.wait_for_output(r'^127\.0\.0\.1 port \d+ "GET /large HTTP/1.0" 206 \d+$')
    brings(server, "/", PAGE)
    assert server.stderr == ""
