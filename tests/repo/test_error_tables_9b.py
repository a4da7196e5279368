"""What can go wrong in exercise 9b: TLS in front."""

import pytest

from harness.concurrency import make_webroot
from harness.daemon import configure
from harness.proxying import is_closed, line
from harness.talk import Response, exchange

row = pytest.mark.row


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot", large=b"")
    return tmp_path


@row("9b-tls-termination", "none", "`no PROXY header`")
def test_the_terminator_sends_none(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder, proxy="127.0.0.1"))
    is_closed(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


@row("9b-tls-termination", "none", '`"PROXY TCP4 ..." 400` in the log')
def test_the_terminator_is_another(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder, proxy="127.0.0.2"))
    assert Response(exchange(server, line() + b"GET / HTTP/1.0\r\n\r\n")).status == 400
    server.wait_for_output(r'^127\.0\.0\.1 port \d+ "PROXY TCP4 192\.0\.2\.1 198\.51\.100\.2 56324 443" 400 \d+$')


@row("9b-tls-termination", "none", "`not an IPv4 or IPv6 address`")
def test_a_network(chapter, folder):
    program = chapter.run("-n", "-c", configure(folder, proxy="127.0.0.0/8"))
    assert program.status == 1
    assert program.stderr.endswith("/daemon.conf:3: 127.0.0.0/8: not an IPv4 or IPv6 address\n")


@row("9b-tls-termination", "recv", "EAGAIN")
@row("9b-tls-termination", "recv", "ECONNRESET")
@pytest.mark.parametrize("symbol", ["EAGAIN", "ECONNRESET"])
def test_it_does_not_come(chapter, folder, faults, symbol):
    server = chapter.serve("-n", "-c", configure(folder, proxy="127.0.0.1"), under=faults("recvfrom:error=%s:when=1" % symbol))
    with_header = line() + b"GET / HTTP/1.0\r\n\r\n"
    is_closed(server, with_header)
