"""8a-cgi: the web server runs programs, and what they write is the answer: CGI, RFC 3875."""

import fcntl
import os
import random
import re
import signal
import socket
import time

import pytest

from harness import checks
from harness.compare import identical
from harness.concurrency import no_child_remains
from harness.grading import Symptom, graded
from harness.http_checks import PAGE, answered_once, answers, brings, has_header, is_well_formed, serves
from harness.http_requests import AMBIGUOUS, lines
from harness.inspect import memory, state, unread
from harness.program import seconds, wait_until
from harness.programs import TYPED, descendants, has_ended, is_hidden, is_told, output, program, site, variables
from harness.steps import step
from harness.talk import Response, connect, connect_with_small_buffers, exchange, receive_all, receive_until, what_comes

CHAPTER = "8a-cgi"
HEAD = "echo Content-Type: text/plain; echo; "  # of a program of ours, in the commands by hand


def by_hand(ask, variables="", more="", **programs):
    """Commands that put programs (a line of sh each) into cgi-bin, and start the server; then those that ask."""
    made = "".join("printf '%%s\\n' '#!/bin/sh' '%s' > my/cgi-bin/%s; " % (script, name) for name, script in programs.items())
    return ("mkdir -p my/cgi-bin; echo page > my/index.html; %schmod +x my/cgi-bin/*; %s%s./cgi -p 8081 my" % (made, more, variables), ask)


def curl(target, options="", pipe=""):
    return "curl -s --max-time 4 --path-as-is %s'http://127.0.0.1:8081%s'%s" % (options and options + " ", target, pipe)


@pytest.fixture
def root(tmp_path):
    return site(tmp_path / "webroot")


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


@graded(5, "Starts, and serves files as chapter 8 does", step=1,
        cause=[
            Symptom("POST", "POST is for programs: to a file it is 405, as in chapter 7."),
            "Something of chapter 8 was lost on the way: what is not below /cgi-bin is a file, and goes to send_file()."],
        read="Your turn",
        by_hand=by_hand("; ".join((curl("/"), curl("/", "-d x", " | head -2"), curl("/no", "", " | head -2"))), hello=HEAD))
def test_serves_files(server):
    serves(server, "/", PAGE)
    serves(server, "/sub/", b"the page of sub\n")
    for target, method, wanted in ("/missing", "GET", 404), ("/../secret.txt", "GET", 403), ("/", "POST", 405):
        answers(server, lines("%s %s HTTP/1.0" % (method, target)), wanted)


@graded(10, "Runs a program in cgi-bin, there, and sends what it writes", step=1,
        cause=[
            Symptom("#!/bin/sh", "The file is sent, and not run: what is below /cgi-bin goes to fork() and execl()."),
            Symptom("the folder|HTTP/1.0 50", "A program runs in its own folder: chdir() before execl(). And dup2() makes one end of the pair its "
                    "descriptor 1, or nothing of what it writes comes here."),
            Symptom("answered with HTTP/1.0 4", "The name of the program is the part of the path behind /cgi-bin/: another path is looked for."),
            Symptom("bytes of|timed out", "All that it writes is sent: recv() or read() again and again, until it returns 0, which it does once nobody has "
                    "the other end any more: we neither, so close() it in the parent."),
            "What comes out of the other end goes to the client: all of it, once, and nothing else."],
        read="The program",
        by_hand=by_hand("; ".join((curl("/cgi-bin/hello"), curl("/cgi-bin/where", "", " | grep -o cgi-bin"), curl("/cgi-bin/much", "", " | wc -c"))),
                        hello=HEAD + "echo hello", where=HEAD + "pwd", much=HEAD + "head -c 300000 /dev/zero"))
def test_runs_a_program(server, root):
    program(root, "hello", TYPED, "echo hello")
    program(root, "where", TYPED, "pwd -P")
    program(root, "much", TYPED, "head -c 300000 /dev/zero")
    for _ in range(2):
        identical(output(server, "/cgi-bin/hello", limit=5), b"hello\n")
    told = output(server, "/cgi-bin/where").decode().strip()
    assert os.path.realpath(told) == os.path.realpath(str(root / "cgi-bin")), "the folder in which it runs is not cgi-bin, but %s" % told
    size = len(output(server, "/cgi-bin/much"))
    assert size == 300000, "%d bytes of 300000 came" % size


@graded(8, "Answers 403 to what may not be executed there, and 404 to what is not there", step=1,
        cause=[
            Symptom("shows the file|data HTTP.*HTTP/1.0 200", "What is in cgi-bin is never sent as a file: it may hold passwords."),
            Symptom("missing", "What is not there is 404: open_beneath() fails with ENOENT."),
            "faccessat() with X_OK says whether we may execute a file: if not, the answer is 403."],
        read="Your turn", needs=["test_runs_a_program"],
        by_hand=by_hand("; ".join(curl(path, "", " | tail -1") for path in ("/cgi-bin/data", "/cgi-bin/no")), more="chmod -x my/cgi-bin/data; ",
                        data="secret words"))
def test_what_is_no_program(server, root):
    program(root, "data", "secret words", mode=0o644)
    is_hidden(server, "/cgi-bin/data", b"secret words", 403)
    answers(server, lines("GET /cgi-bin/missing HTTP/1.0"), 404)


@graded(5, "A program that is slow delays nobody", step=1,
        cause="The parent waits for the program: the child that fork() made for this client is to start it, and to pass on what it writes.",
        read="The program", needs=["test_runs_a_program"],
        by_hand=by_hand(curl("/cgi-bin/slow", "", " & sleep 0.3; curl -sSI -m 1 http://127.0.0.1:8081/ | head -1; wait"), slow="sleep 2; " + HEAD + "echo done"))
def test_slow_programs_delay_nobody(server, root):
    program(root, "slow", "while [ ! -e go ]; do sleep 0.05; done", TYPED, "echo done")
    clients = [connect(server) for _ in range(3)]
    for client in clients:
        client.sendall(lines("GET /cgi-bin/slow HTTP/1.0"))
    answers(server, lines("GET / HTTP/1.0"), 200, limit=3)
    (root / "cgi-bin" / "go").touch()
    for client in clients:
        with client:
            identical(Response(receive_all(client)).body, b"done\n")


@graded(10, "Tells a program what was asked for, where, and by whom", step=2,
        cause=[
            Symptom("QUERY_STRING", "QUERY_STRING is what stands behind the ?, as it came; it is there, and empty, if nothing does."),
            Symptom("PATH_INFO|PATH_TRANSLATED", "What the path, decoded, has behind the program's name is PATH_INFO, and the webroot with that is "
                    "PATH_TRANSLATED; both are empty, or not there, if there is nothing."),
            Symptom("SCRIPT_NAME", "SCRIPT_NAME is the path up to the end of the program's name."),
            Symptom("SERVER_|REMOTE_ADDR", "REMOTE_ADDR is the client's address, SERVER_NAME our address, or what Host calls us: both without a port. "
                    "SERVER_PORT is ours: getsockname() knows. SERVER_PROTOCOL is what the request says."),
            "setenv() for each variable of RFC 3875, 4.1, before execl(), which hands our environment over."],
        read="The program", needs=["test_runs_a_program"],
        by_hand=by_hand(curl("/cgi-bin/env/a%20b/c?x=%20y+&z", "-0", " | grep -E \"^(GATEWAY|PATH_|QUERY|REMOTE|REQUEST|SCRIPT|SERVER)\" | sed \"s|=/.*/my/|=my/|\" | sort; ")
                        + curl("/cgi-bin/env", "", " | grep -E \"^(PATH_|QUERY|SCRIPT|SERVER_PROTOCOL)\" | sort"), env=HEAD + "env"))
def test_variables(server, root):
    program(root, "env", TYPED, "exec env")
    told = variables(server, "/cgi-bin/env/a%20b/c?x=%20y+&z")
    translated = [str(path) + "/a b/c" for path in (root, os.path.realpath(str(root)))]
    for name, *values in (("GATEWAY_INTERFACE", "CGI/1.1"), ("REQUEST_METHOD", "GET"), ("SCRIPT_NAME", "/cgi-bin/env"), ("PATH_INFO", "/a b/c"),
                          ("PATH_TRANSLATED", *translated), ("QUERY_STRING", "x=%20y+&z"), ("REMOTE_ADDR", "127.0.0.1"),
                          ("SERVER_NAME", "127.0.0.1", "localhost"), ("SERVER_PORT", server.port), ("SERVER_PROTOCOL", "HTTP/1.0")):
        is_told(told, name, *values)
    assert told.get("SERVER_SOFTWARE"), "SERVER_SOFTWARE is not set"
    told = variables(server, "/cgi-bin/env", "Host: example.org:80")
    for name, *values in (("PATH_INFO", None, ""), ("PATH_TRANSLATED", None, "", str(root), os.path.realpath(str(root))), ("QUERY_STRING", ""),
                          ("SCRIPT_NAME", "/cgi-bin/env"), ("SERVER_NAME", "127.0.0.1", "example.org")):
        is_told(told, name, *values)


@graded(8, "Tells it the request's headers, but no password and no HTTP_PROXY", step=2,
        cause=[
            Symptom("HTTP_(PROXY_)?AUTHORIZATION", "A password is not for the program: Authorization is left out, and so is what begins with Proxy."),
            Symptom("HTTP_PROXY", "A header Proxy would become HTTP_PROXY, by which programs learn whom they are to fetch through: it is left out."),
            Symptom("HTTP_X_LIST", "Two header lines of one name are one list, with a comma and a space between: getenv() before setenv()."),
            Symptom("CONTENT_TYPE", "Content-Type is CONTENT_TYPE, and Content-Length is CONTENT_LENGTH: these two have no HTTP_ before them."),
            "A header Name-One is HTTP_NAME_ONE: toupper(), and _ for each -. Its value has no blanks at its ends."],
        read="The program", needs=["test_runs_a_program"],
        by_hand=by_hand(curl("/cgi-bin/env", "-u me:secret -H 'X-One-Two:  a b ' -H 'Proxy: evil' -H 'Proxy-Authorization: x' -H 'X-List: one' -H 'X-List: two' -H 'Content-Type: x/y'",
                             " | grep -E '^(HTTP|CONTENT)' | grep -v AGENT | sort"), env=HEAD + "env"))
def test_headers(server, root):
    program(root, "env", TYPED, "exec env")
    told = variables(server, "/cgi-bin/env", "Host: example.org:80", "X-One-Two:  a b ", "Proxy: evil", "x-list: one", "X-List: two",
                     "Authorization: Basic bWU6c2VjcmV0", "Proxy-Authorization: Basic bWU6c2VjcmV0", "Content-Type: x/y", 'Cookie: a=b; c="d"')
    for name, value in {"HTTP_X_ONE_TWO": "a b", "HTTP_HOST": "example.org:80", "HTTP_COOKIE": 'a=b; c="d"', "HTTP_X_LIST": "one, two",
                        "CONTENT_TYPE": "x/y", "HTTP_CONTENT_TYPE": None, "HTTP_PROXY": None, "HTTP_AUTHORIZATION": None,
                        "HTTP_PROXY_AUTHORIZATION": None}.items():
        is_told(told, name, value)


@graded(5, "Tells it nothing of the server's own environment, but a PATH", step=2,
        cause=[
            Symptom("PATH is not set", "Without a PATH a program in sh finds no other programs: give it one."),
            "execl() hands all of our environment over, and in it may be what is nobody's business: begin with an empty environ."],
        read="The program", needs=["test_runs_a_program"],
        by_hand=by_hand(curl("/cgi-bin/env", "", " | grep -E '^PA(SSWORD|TH)=' | grep -o '^[A-Z]*='"), variables="PASSWORD=secret ", env=HEAD + "/usr/bin/env"))
def test_nothing_of_ours(chapter, root):
    program(root, "env", TYPED, "exec env")
    server = chapter.serve("-p", "0", root, env={**os.environ, "PASSWORD": "secret", "HTTP_SECRET": "secret", "QUERY_STRING": "secret"})
    told = variables(server, "/cgi-bin/env")
    assert told.get("PATH"), "PATH is not set"
    known = re.compile("AUTH_TYPE|CONTENT_|DOCUMENT_ROOT|GATEWAY_|HTTP_|PATH|QUERY_|RE(MOTE|QUEST)_|SCRIPT_|SERVER_|PWD|OLDPWD|SHLVL|_$")
    others = sorted(name for name, value in told.items() if value == "secret" or not known.match(name))
    assert not others, "the program has what is the server's own: %s" % ", ".join(others)


@graded(6, "Shows no program's text, and climbs nowhere, however the path is written", step=2,
        cause=[
            Symptom("shows the program", "Empty parts and a part . change nothing in a path: //cgi-bin/ and /./cgi-bin/ are that folder, too. Whoever compares "
                    "only the first bytes, before all %XX are decoded, sends the program as a file."),
            "A part .. in the path is 403, also behind the program's name."],
        read="Your turn", needs=["test_runs_a_program"],
        by_hand=by_hand("; ".join(curl(path, "", " | tail -1") for path in ("//cgi-bin/hello", "/./cgi-bin/hello", "/%63gi-bin/hello", "/cgi-bin/hello/../b",
                                                                            "/cgi-bin/hello/..")),
                        hello=HEAD + "echo run"))
def test_however_it_is_written(server, root):
    program(root, "hello", TYPED, "echo hello")
    for target in "//cgi-bin/hello", "/./cgi-bin/hello", "/%63gi-bin/hello", "/cgi-bin//hello", "/.//./cgi-bin/hello", "/cgi-bin%2fhello":
        data = exchange(server, lines("GET %s HTTP/1.0" % target))
        assert b"#!/bin/sh" not in data, "%s shows the program's text" % target
    for target in "/cgi-bin/../index.html", "/cgi-bin/hello/..", "/cgi-bin/hello/../../secret.txt", "/cgi-bin/hello/%2e%2e/x", "/sub/../cgi-bin/hello":
        answers(server, lines("GET %s HTTP/1.0" % target), 403)


@graded(10, "Gives it the body of a POST, exactly, and then the end of its input", step=3,
        cause=[
            Symptom("timed out", "It waits for the end of its input, which comes once nobody has the other end of the pipe any more. Or both wait for one "
                    "another: while a large body is written, the program writes, too, so read it meanwhile (poll()), or write from a child of its own."),
            Symptom(r"\b405\b|is told of", "POST to a program is no 405: it runs, with REQUEST_METHOD=POST and CONTENT_LENGTH."),
            Symptom("more than the body", "Content-Length says how many bytes are the body: what comes behind them is not the program's."),
            Symptom("reset by", "To close with unread bytes makes the kernel send a reset, which destroys the answer on its way. A program takes time, in which more "
                    "may come: shutdown(SHUT_WR), and read on for a moment.",
                    by_hand(r"exec 3<>/dev/tcp/127.0.0.1/8081; printf 'GET /cgi-bin/late HTTP/1.0\r\n\r\n' >&3; sleep 0.3; echo more >&3; tail -1 <&3",
                            late=HEAD + "sleep 0.6; echo done")),
            Symptom("reads nothing", "A program need not read its input: EPIPE, and SIGPIPE, are no reason to give up.",
                    by_hand("head -c 500000 /dev/zero > zeros; " + curl("/cgi-bin/rest", "--data-binary @zeros", "; rm zeros"),
                            rest="exec <&-; sleep 0.3; " + HEAD + "echo done")),
            "The first bytes of the body may have come with the head: they are in the reader's buffer. They may be of any kind."],
        read="The program", needs=["test_runs_a_program"],
        by_hand=by_hand("; ".join((curl("/cgi-bin/told", "-d hello"), "head -c 500000 /dev/zero > zeros; "
                                   + curl("/cgi-bin/copy", "--data-binary @zeros", " | wc -c; rm zeros"), curl("/cgi-bin/rest", "-d hello"),
                                   r"printf 'POST /cgi-bin/count HTTP/1.0\r\nContent-Length: 2\r\n\r\nabcdef' | timeout 2 nc 127.0.0.1 8081 | tail -1",
                                   r"(printf 'POST /cgi-bin/count HTTP/1.0\r\nContent-Length: 3\r\n\r\na'; sleep 0.3; printf 'b\0') | timeout 2 nc 127.0.0.1 8081 | tail -1")),
                        told=HEAD + "echo $REQUEST_METHOD $CONTENT_LENGTH", copy=HEAD + "cat", count=HEAD + "wc -c", rest="exec <&-; " + HEAD + "echo done"))
def test_body(server, root):
    chance = random.Random("8a")
    program(root, "copy", TYPED, "exec cat")
    program(root, "told", TYPED, 'echo "$REQUEST_METHOD $CONTENT_LENGTH" $(wc -c)')
    program(root, "rest", "exec < /dev/null", TYPED, "head -c 1000000 /dev/zero")
    told = output(server, "/cgi-bin/told", body=b"hello", method="POST", limit=5)
    assert told == b"POST 5 5\n", "it is told of %r: method, length, and how much it read" % told
    for size in 0, 1, 5000, 1000000:
        body = chance.getrandbits(8 * size).to_bytes(size, "little") if size else b""
        identical(output(server, "/cgi-bin/copy", body=body, method="POST", limit=5), body)
    answer = exchange(server, lines("POST /cgi-bin/copy HTTP/1.0", "Content-Length: 5") + b"hello, and more", limit=5)
    assert Response(answer).body == b"hello", "more than the body comes to the program: %r" % Response(answer).body
    with connect(server) as client:
        for part in lines("POST /cgi-bin/copy HTTP/1.0", "Content-Length: 6") + b"a", b"b\0", b"\r\n\xff":
            wait_until(lambda: unread(client) == 0)
            client.sendall(part)
        identical(Response(receive_all(client)).body, b"ab\0\r\n\xff")
    step("a program that reads nothing of the body")
    assert len(output(server, "/cgi-bin/rest", body=bytes(1000000), method="POST", limit=5)) == 1000000, "of a program that reads nothing not all came"
    step("a client sends more than its body, while the program runs")
    program(root, "late", TYPED, "echo begun", "while [ ! -e go ]; do sleep 0.05; done", "echo done")
    with connect(server) as client:
        client.sendall(lines("GET /cgi-bin/late HTTP/1.0"))
        receive_until(client, b"begun\n")
        client.sendall(b"more")
        (root / "cgi-bin" / "go").touch()
        identical(receive_all(client), b"done\n")


@graded(4, "Refuses a body whose length it cannot tell, or that does not come", step=3,
        cause=[
            Symptom(r"\b405\b", "POST to a program is no 405: see the check before."),
            Symptom("HTTP/1.0 200|Transfer-Encoding: chunked was", "A Content-Length that is none, or two of them, are 400 before anything runs. Of a chunked body nobody knows the length: 411, or 501."),
            "A client that ends in the middle of its body has asked for nothing: 400, and the program is not left waiting for more."],
        read="Your turn", needs=["test_runs_a_program"],
        by_hand=by_hand("; ".join(r"printf 'POST /cgi-bin/copy HTTP/1.1\r\nHost: a\r\n%s\r\n\r\nabc' | timeout 2 nc -N 127.0.0.1 8081 | head -1" % header for header in
                                  ("Transfer-Encoding: chunked", "Content-Length: 5", "Content-Length: x")), copy="cat > /dev/null; " + HEAD))
def test_bad_bodies(server, root):
    program(root, "copy", "cat > /dev/null", TYPED)  # it may run already: it answers once its input has ended
    for headers, body, wanted in ((("Content-Length: 5",), b"abc", 400), (("Transfer-Encoding: chunked",), b"3\r\nabc\r\n0\r\n\r\n", (411, 501)),
                                  (("Content-Length: five",), b"abc", 400), (("Content-Length: -1",), b"abc", 400),
                                  (("Content-Length: 3", "Content-Length: 3"), b"abc", 400),
                                  (("Content-Length: 3", "Transfer-Encoding: chunked"), b"abc", 400)):
        data = exchange(server, lines("POST /cgi-bin/copy HTTP/1.1", "Host: a", *headers) + body)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        assert Response(data).status in wanted, "%s was answered with %s" % (" and ".join(headers), Response(data).status_line)


@graded(8, "Makes of its head that of the answer: Status, Location, its other headers", step=3,
        cause=[
            Symptom(r"Location|\b302\b", "Location without Status is 302 Found, whatever else is there."),
            Symptom("no empty line|not a header|HTTP/1.0 50", "The program's lines may end with LF alone, the answer's end with CR LF: all of the head is taken apart before any "
                    "of it is sent, however many pieces it comes in."),
            Symptom("has a body", "204 and 304 are heads alone: what the program writes behind them is not sent."),
            Symptom("not a status line", "The first line is HTTP/1.0, a space, three digits and a space, also where Status has no words."),
            Symptom("expected: '?(HTTP|[0-9])", "The value of Status is the answer's status, and its words; 200 OK if there is none. It is no header of the answer."),
            Symptom("no header (X|Content)", "All other header lines are passed on, with CR LF behind them."),
            "An answer has Date, Server and Connection: close, also if a program makes it."],
        read="The program", needs=["test_runs_a_program"],
        by_hand=by_hand("; ".join(curl("/cgi-bin/" + name, "-i", " | grep -v ^Date | od -c | cut -c 9-") for name in ("plain", "status", "moved", "short")),
                        short="echo Status: 204; echo; echo no", plain="echo Content-Type: text/plain; echo X-Two: 2; sleep 0.2; echo; echo hello",
                        status="echo Status: 404 Nothing here; echo Content-Type: text/plain; echo; echo no", moved="echo Content-Type: a/b; echo Location: http://example.org/; echo"))
def test_head(server, root):
    program(root, "plain", "echo 'Content-Type: text/plain'; sleep 0.1; printf 'X-One: 1\\nX-Tw'; sleep 0.1; printf 'o: 2\\n'; echo; echo; echo hello")
    program(root, "status", r"printf 'status: 404 Nothing here\r\nContent-Type: text/plain\r\n\r\nno\n'")
    program(root, "short", "echo Status: 204; echo; echo there")
    program(root, "same", "echo Status: 304 Not Modified; echo; echo there")
    program(root, "moved", "echo Content-Type: text/plain; echo Location: http://example.org/; echo; echo there")
    program(root, "seen", "echo Location: http://example.org/; echo Status: 303 See Other; echo")
    response = Response(exchange(server, lines("GET /cgi-bin/plain HTTP/1.0")))
    identical(response.status_line, "HTTP/1.0 200 OK")
    identical(response.body, b"\nhello\n")
    for name, value in ("Content-Type", "text/plain"), ("X-One", "1"), ("X-Two", "2"), ("Connection", "close"), ("Server", "Tiny webserver"):
        has_header(response, name, value)
    assert response.headers["date"], "the answer has no Date"
    response = Response(exchange(server, lines("GET /cgi-bin/status HTTP/1.0")))
    identical(response.status_line, "HTTP/1.0 404 Nothing here")
    identical(response.body, b"no\n")
    assert "status" not in response.headers, "Status is no header of the answer: expected: 404 in its first line alone"
    for name, wanted in ("moved", 302), ("seen", 303), ("short", 204), ("same", 304):
        response = Response(exchange(server, lines("GET /cgi-bin/%s HTTP/1.0" % name)))
        assert response.status == wanted, "expected: %d, but it is %s" % (wanted, response.status_line)
        if wanted in (302, 303):
            has_header(response, "Location", "http://example.org/")
        else:
            assert not response.body, "an answer with %d has a body, %r" % (wanted, response.body)


@graded(5, "Answers 502 to a program whose head is none", step=3,
        cause=[
            Symptom("without a byte", "A program that ends without a word, or cannot be executed after all, gets 502, and the client with it."),
            Symptom("long|large", "A head without an end must not fill our memory: a limit, and 502."),
            Symptom("folder|fifo", "Only a regular file is a program: S_ISREG(), or 403."),
            "A head is lines Name: value up to an empty line, and one of Content-Type, Location and Status is among them. All else is 502."],
        read="What can go wrong", needs=["test_runs_a_program"],
        by_hand=by_hand("; ".join(curl("/cgi-bin/" + name, "", " | tail -1") for name in ("words", "nothing", "empty", "broken", "long", "large", "status", "folder")),
                        more="mkdir my/cgi-bin/folder; sed -i s.bin/sh.no/such. my/cgi-bin/broken; ",
                        words="echo hello", nothing="exit", empty="echo; echo hello", broken="", long="yes X-Y: z",
                        large="yes X-One: 1 | head -n 2500; echo Content-Type: a/b; echo", status="echo Status: no; echo"))
def test_bad_heads(server, root):
    (root / "cgi-bin" / "folder").mkdir()
    for name, script in {"words": "echo hello", "nothing": "exit 1", "empty": "echo; echo hello", "unnamed": "echo ': x'; echo Content-Type: a/b; echo",
                         "half": "printf 'Content-Type: text/plain\\n'", "untyped": "echo X-One: 1; echo", "status": "echo Status: fine; echo",
                         "small": "echo Status: 99 Balloons; echo", "zero": "printf 'Content-Type: a/b\\0\\n\\n'", "killed": "kill -9 $$",
                         "long": "head -c 1000000 /dev/zero | tr '\\0' x",
                         "large": "yes X-One: 1 | head -n 2500; echo Content-Type: a/b; echo", "longer": "yes 'X-Y: a header that is long, and comes again and again' | head -n 100000"}.items():
        program(root, name, script)
        data = exchange(server, lines("GET /cgi-bin/%s HTTP/1.0" % name), limit=8)
        assert data, "%s (%s) was closed without a byte" % (name, script)
        assert Response(data).status == 502, "%s (%s) was answered with %s" % (name, script, Response(data).status_line)
        is_well_formed(data)
    (root / "cgi-bin" / "broken").write_text("#!/no/such/program\n")
    (root / "cgi-bin" / "broken").chmod(0o755)
    answers(server, lines("GET /cgi-bin/broken HTTP/1.0"), 502)
    answers(server, lines("GET /cgi-bin/folder HTTP/1.0"), 403, name="a folder")


@graded(3, "Answers HEAD with the head alone, and no longer than it takes", step=3,
        cause="HEAD brings what GET does, but no body; a program that goes on writing is not waited for.",
        read="Your turn", needs=["test_head"],
        by_hand=by_hand(r"printf 'HEAD /cgi-bin/endless HTTP/1.0\r\n\r\n' | timeout 3 nc 127.0.0.1 8081 | grep -v ^Date | head -c 300", endless=HEAD + "yes"))
def test_head_requests(server, root):
    program(root, "endless", TYPED, "exec yes")
    data = exchange(server, lines("HEAD /cgi-bin/endless HTTP/1.0"), limit=5)
    response = Response(data)
    has_header(response, "Content-Type", "text/plain")
    identical(response.body, b"")


@graded(7, "Starts it with descriptors 0, 1 and 2, default signals, in a group of its own", step=3,
        cause=[
            Symptom("descriptors", "The program has descriptors that are none of its business: the client's connection, the webroot, the other ends of its pipes, what "
                    "the server was started with. close() all but 0, 1 and 2 before execl(), or FD_CLOEXEC does."),
            Symptom("is in the answer", "Descriptor 2 stays the server's: where a program complains is no place that the client sees."),
            Symptom("ignores|blocks", "execl() keeps the signals that are ignored (SIGPIPE!) or blocked (SIGCHLD!): signal(number, SIG_DFL) for all, and sigprocmask() with an empty set."),
            "A program and what it starts are a group, that can be ended as one: setpgid(0, 0) before execl()."],
        read="The program", needs=["test_runs_a_program"],
        by_hand=by_hand("; ".join((curl("/cgi-bin/files", "", " | tr '\\n' ' '"), curl("/cgi-bin/signals"), curl("/cgi-bin/group"), curl("/cgi-bin/complains"))), more="exec 9< /dev/null; ",
                        files=HEAD + "exec ls /proc/self/fd", signals=HEAD + "exec grep -E Sig.Blk\\|SigIgn\\|SigBlk /proc/self/status",
                        group=HEAD + "set $(cat /proc/$$/stat); [ $5 = $$ ] && echo its own group || echo not its own", complains=HEAD + "echo help >&2"))
def test_how_it_starts(chapter, root):
    if not os.path.exists("/proc/self/fd"):
        pytest.skip("needs Linux's /proc")
    program(root, "files", TYPED, "exec ls /proc/self/fd")
    program(root, "signals", TYPED, "exec cat /proc/self/status")
    program(root, "group", TYPED, "exec cat /proc/self/stat")
    program(root, "complains", TYPED, "echo 'no such cup' >&2")
    with open("/dev/null") as null:
        inherited = fcntl.fcntl(null, fcntl.F_DUPFD, 100)
    server = chapter.serve("-p", "0", root, pass_fds=[inherited])
    os.close(inherited)
    files = output(server, "/cgi-bin/files").split()
    assert files == [b"0", b"1", b"2", b"3"], "the program is started with other descriptors than 0, 1, 2: %s, of which one is ls's own" % b" ".join(files).decode()
    told = dict(line.split(":\t", 1) for line in output(server, "/cgi-bin/signals").decode().splitlines() if ":\t" in line)
    for name, word in ("SigIgn", "ignores"), ("SigBlk", "blocks"):
        numbers = [number + 1 for number in range(64) if int(told[name], 16) >> number & 1 and number not in (31, 32)]  # these are libc's own
        assert not numbers, "the program %s signal %s from its start" % (word, ", ".join(map(str, numbers)))
    stat = output(server, "/cgi-bin/group").decode()
    assert stat.split()[0] == stat.rpartition(")")[2].split()[2], "the program is in the group of %s, and not in its own" % stat.rpartition(")")[2].split()[2]
    assert not output(server, "/cgi-bin/complains"), "what the program writes to its descriptor 2 is in the answer"


@graded(6, "Ends it and its group after 10 seconds of silence, and once the answer is over", step=3,
        cause=[
            Symptom("a program that writes", "The ten seconds begin anew with each byte: a program that takes longer, and writes meanwhile, is not ended."),
            Symptom("a body that pauses", "A client that pauses in its body for ten seconds gets 408: what waits for it has a limit of time, too."),
            Symptom("goes on", "The program's children go on: kill(-group, SIGKILL) ends all of its group, also after an answer that is over."),
            Symptom("answered with", "Where nothing was sent yet, 10 seconds of silence are 504 Gateway Timeout."),
            Symptom("has left", "Once send() fails the client has left, and the program's group is to be ended."),
            "Ten seconds in which it writes nothing are enough: SO_RCVTIMEO, or poll(), has a limit of time."],
        read="The program", needs=["test_runs_a_program"], limit=40,
        by_hand=by_hand("; ".join((curl("/cgi-bin/orphan"), "sleep 0.2; pgrep -xfc 'sleep 27.77'", curl("/cgi-bin/endless", "", " | head -c 100000 | wc -c"),
                                   r"sleep 0.3; pgrep -xfc 'yes 8a'; (printf 'POST /cgi-bin/reads HTTP/1.0\r\nContent-Length: 5\r\n\r\na'; sleep 17)"
                                   " | timeout 17 nc 127.0.0.1 8081 | head -1 & sleep 3; curl -s --max-time 18 http://127.0.0.1:8081/cgi-bin/steady | wc -c &"
                                   " curl -s --max-time 14 http://127.0.0.1:8081/cgi-bin/silent | tail -1", "sleep 0.2; pgrep -xfc 'sleep 29.99'; wait")),
                        silent="sleep 29.99 & sleep 29.99", orphan=HEAD + "sleep 27.77 > /dev/null 2>&1 < /dev/null &", endless=HEAD + "exec timeout 20 yes 8a",
                        reads="cat > /dev/null; " + HEAD, steady=HEAD + "sleep 7; echo one; sleep 7; echo two"))
def test_silence(server, root):
    program(root, "orphan", "sleep 1000 < /dev/null > /dev/null 2>&1 &", TYPED, "echo ready", "while [ ! -e go ]; do sleep 0.05; done")
    program(root, "endless", TYPED, "exec yes")
    program(root, "silent", "sleep 1000 &", "sleep 1000")
    program(root, "reads", "cat > /dev/null", TYPED)
    program(root, "steady", TYPED, "sleep 5.5; echo one; sleep 5.5; echo two")
    with connect(server) as client:
        client.sendall(lines("GET /cgi-bin/orphan HTTP/1.0"))
        receive_until(client, b"ready\n")
        left = descendants(server.pid)
        (root / "cgi-bin" / "go").touch()
        receive_all(client)
    wait_until(lambda: all(map(has_ended, left)), limit=3, what="the end of a program's child when the answer is over, but it goes on")
    with connect(server) as client:
        client.sendall(lines("GET /cgi-bin/endless HTTP/1.0"))
        receive_until(client, b"y\n")
        left = descendants(server.pid)
        client.reset()
    wait_until(lambda: all(map(has_ended, left)), limit=5, what="the end of the program whose client has left")

    begin = time.monotonic()
    with connect(server, limit=16) as pausing, connect(server, limit=16) as steady, connect(server, limit=16) as silent:
        pausing.sendall(lines("POST /cgi-bin/reads HTTP/1.0", "Content-Length: 5") + b"a")
        steady.sendall(lines("GET /cgi-bin/steady HTTP/1.0"))
        silent.sendall(lines("GET /cgi-bin/silent HTTP/1.0"))
        receive_until(steady, b"one\n")
        left = descendants(server.pid)
        response = Response(what_comes(silent))
        after = time.monotonic() - begin
        assert response.status == 504, "silence was answered with %s" % response.status_line
        assert 8 < after < seconds(14), "a silent program is given up after %.1f seconds" % after
        response = Response(what_comes(pausing))
        assert response.status == 408, "a body that pauses is answered with %s" % response.status_line
        assert what_comes(steady) == b"two\n", "a program that writes every 5.5 seconds was ended before it was done"
    wait_until(lambda: all(map(has_ended, left)), limit=3, what="the end of all of the group of a silent program, but it goes on")
    brings(server, "/", PAGE)


# ---- Peers

def test_a_clone_and_a_push_through_git(chapter, root, tool, tmp_path):
    """git's own program for its server side, git http-backend."""
    git, run = tool("git"), lambda *words: chapter.start_other([tool("git"), *words], env=environment).wait(60)
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
                   "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "HOME": str(tmp_path)}
    program(root, "git", "export GIT_PROJECT_ROOT='%s' GIT_HTTP_EXPORT_ALL=1 HOME='%s'" % (tmp_path, tmp_path), "exec '%s' http-backend" % git)
    server = chapter.serve("-p", "0", root)
    url, copy = "http://127.0.0.1:%d/cgi-bin/git/tea.git" % server.port, str(tmp_path / "copy")
    assert run("init", "-q", "--bare", str(tmp_path / "tea.git")) == 0
    assert run("-C", str(tmp_path / "tea.git"), "config", "http.receivepack", "true") == 0
    assert run("clone", "-q", url, copy) == 0
    (tmp_path / "copy" / "leaves").write_bytes(random.Random("8a").getrandbits(8 * 2000000).to_bytes(2000000, "little"))
    assert run("-C", copy, "add", "leaves") == 0
    assert run("-C", copy, "commit", "-q", "-m", "Leaves") == 0
    assert run("-C", copy, "-c", "http.postBuffer=20000000", "push", "-q", "origin", "HEAD") == 0
    assert run("clone", "-q", url, str(tmp_path / "again")) == 0
    identical((tmp_path / "again" / "leaves").read_bytes(), (tmp_path / "copy" / "leaves").read_bytes())


def test_curl_sends_a_form(chapter, server, root, tool):
    program(root, "form", TYPED, 'echo "$CONTENT_TYPE"', "cat")
    client = chapter.start_other([tool("curl"), "-sS", "-d", "tea=green&cups=2", "http://127.0.0.1:%d/cgi-bin/form" % server.port])
    assert client.wait() == 0
    identical(client.output, "application/x-www-form-urlencoded\ntea=green&cups=2")


# ---- What is hostile, or broken

def test_a_flood_to_a_client_that_does_not_read_costs_no_memory(server, root):
    program(root, "endless", TYPED, "exec yes")
    with connect_with_small_buffers(server) as client:
        client.sendall(lines("GET /cgi-bin/endless HTTP/1.0"))
        receive_until(client, b"y\n")
        serving, *rest = descendants(server.pid)
        wait_until(lambda: all(map(waits_for_something, [serving, *rest])), what="all of them to wait")
        assert memory(serving) < 20000000
    wait_until(lambda: all(map(has_ended, rest)), what="the end of the program")


def waits_for_something(pid):
    """A process waits."""
    return state(pid) == "S"


@pytest.mark.strict
def test_who_holds_the_output_open_is_ended(chapter, root, hurry):
    """A child of the program's that has its output, and goes on."""
    program(root, "holds", "sleep 1000 &", TYPED, "echo hello", "while [ ! -e go ]; do sleep 0.05; done")
    server = chapter.serve("-p", "0", root, env={**os.environ, **hurry})
    with connect(server, limit=15) as client:
        client.sendall(lines("GET /cgi-bin/holds HTTP/1.0"))
        receive_until(client, b"hello\n")
        held = descendants(server.pid)
        (root / "cgi-bin" / "go").touch()
        identical(what_comes(client), b"")
    wait_until(lambda: all(map(has_ended, held)), what="the end of who holds the output open")


@pytest.mark.parametrize("name", sorted(AMBIGUOUS))
def test_ambiguous_requests_have_one_answer(server, root, name):
    program(root, "copy", TYPED, "exec cat")
    with connect(server) as client:
        client.sendall(AMBIGUOUS[name].replace(b"GET / ", b"POST /cgi-bin/copy ", 1).replace(b"POST / ", b"POST /cgi-bin/copy ", 1))
        client.shutdown(socket.SHUT_WR)
        answered_once(what_comes(client).partition(b"\r\n\r\n")[0] + b"\r\n")


def test_random_bodies(server, root):
    chance = random.Random(os.environ.get("LAB_SEED", "8a"))
    program(root, "copy", TYPED, "exec cat")
    for _ in range(20):
        size = chance.choice((0, 1, 4095, 4096, 4097, 100000))
        body = chance.getrandbits(8 * size + 8).to_bytes(size + 1, "little")[:size]
        request = memoryview(lines("POST /cgi-bin/copy HTTP/1.0", "Content-Length: %d" % size) + body)
        with connect(server) as client:
            while request:
                part = chance.choice((1, 100, 4096, len(request)))
                client.sendall(request[:part])
                request = request[part:] if len(request) < 300 or part > 1 else request[1:]
            identical(Response(receive_all(client)).body, body)


def test_random_faults(random_faults, chapter, root):
    program(root, "copy", TYPED, "exec cat")
    server = random_faults(chapter.serve, "-p", "0", root)
    for _ in range(10):
        response = Response(exchange(server, lines("POST /cgi-bin/copy HTTP/1.0", "Content-Length: 1000") + b"x" * 1000))
        assert response.status in (200, 503)  # fork() may fail
        assert response.status == 503 or response.body == b"x" * 1000


def test_leaks_nothing(server, root):
    program(root, "hello", TYPED)
    checks.no_descriptor_leaks(server, lambda: exchange(server, lines("GET /cgi-bin/hello HTTP/1.0")), visitors=100)
    no_child_remains(server)
    assert not descendants(server.pid)


def test_sigterm_waits_for_a_program(server, root):
    program(root, "slow", "while [ ! -e go ]; do sleep 0.05; done", TYPED, "echo done")
    with connect(server) as client:
        client.sendall(lines("GET /cgi-bin/slow HTTP/1.0"))
        wait_until(lambda: len(descendants(server.pid)) >= 2, what="the program")
        server.signal(signal.SIGTERM)
        (root / "cgi-bin" / "go").touch()
        identical(Response(receive_all(client)).body, b"done\n")
    assert server.wait() == 0
