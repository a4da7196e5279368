"""What can go wrong in exercise 8a: a program's output as an answer."""

import pytest

from harness.http_requests import lines
from harness.programs import TYPED, descendants, has_ended, program, site
from harness.program import wait_until
from harness.talk import Response, connect, exchange, get, receive_all

row = pytest.mark.row


@pytest.fixture
def root(tmp_path):
    return site(tmp_path / "webroot")


def answers(server, name, wanted):
    """The program is answered with this status, and the server goes on."""
    assert Response(exchange(server, lines("GET /cgi-bin/%s HTTP/1.0" % name))).status == wanted
    assert get(server, "/").status == 200


@row("8a-cgi", "execl", "ENOENT")
def test_its_shell_is_not_there(chapter, root):
    program(root, "broken", "", mode=0o755)
    (root / "cgi-bin" / "broken").write_text("#!/no/such/program\n")
    server = chapter.serve("-p", "0", root)
    answers(server, "broken", 502)
    server.wait_for_error(r"^cgi: exec broken: .* \(ENOENT\)$")


@row("8a-cgi", "execl", "ENOEXEC (unlisted)")
def test_it_is_no_program(chapter, root):
    program(root, "word", "")
    (root / "cgi-bin" / "word").write_text("word\n")
    server = chapter.serve("-p", "0", root)
    answers(server, "word", 502)
    server.wait_for_error(r"^cgi: exec word: Exec format error \(unlisted\)$")


@row("8a-cgi", "none", "502")
def test_no_head(chapter, root):
    program(root, "words", "echo hello")
    server = chapter.serve("-p", "0", root)
    answers(server, "words", 502)
    assert server.stderr == ""


@row("8a-cgi", "recv", "EAGAIN")
def test_silence(chapter, root, hurry):
    program(root, "silent", "exec sleep 1000")
    server = chapter.serve("-p", "0", root, env=hurry)
    with connect(server) as client:
        client.sendall(lines("GET /cgi-bin/silent HTTP/1.0"))
        wait_until(lambda: len(descendants(server.pid)) >= 2, what="the program")
        left = descendants(server.pid)
        assert Response(receive_all(client)).status == 504
    wait_until(lambda: all(map(has_ended, left)), what="its end")


@row("8a-cgi", "socketpair", "EMFILE")
def test_no_descriptor(chapter, root, faults):
    program(root, "hello", TYPED)
    server = chapter.serve("-p", "0", root, under=faults("socketpair:error=EMFILE:when=2"))
    answers(server, "hello", 503)
    server.wait_for_error(r"^cgi: start a program: .* \(EMFILE\)$")
