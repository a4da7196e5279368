"""8b-keep-alive: many requests on one connection."""

import contextlib
import os
import random
import re
import signal
import socket
import statistics
import threading
import time

import pytest

from harness import checks
from harness.compare import identical
from harness.concurrency import LARGE, is_refused, no_child_remains
from harness.grading import Symptom, graded
from harness.http_checks import FILES, PAGE, brings, hides, loses_no_reply, same_head, what_is_answered
from harness.http_requests import ACCEPTED, AMBIGUOUS, REFUSED, lines
from harness.inspect import at_rest, children, descriptors, living
from harness.keep_alive import answers_in, ask, asked, ends, last_answer, next_answer, options, stays
from harness.program import seconds, wait_until
from harness.steps import step
from harness.talk import connect, receive, receive_until, what_comes

CHAPTER = "8b-keep-alive"
SMUGGLED = b"the file a\n"  # what the request brings that stands in a body, or behind what is malformed
START = "./keep-alive"
NC = "timeout 2 nc -N 127.0.0.1 8080"
SHORT = NC + r" | tr -d '\r' | grep -E 'HTTP/|^Connection'"
SEE = NC + r" | tr -d '\r' | grep -vE '^(Date|Last|Server)'"


def typed(*targets, pause=None):
    """Commands that ask for the targets with HEAD."""
    asking = [r"printf 'HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n'" % target for target in targets]
    return "(%s)" % ("; sleep %s; " % pause if pause else "; ").join(asking) if len(asking) > 1 else asking[0]


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


@pytest.fixture
def large(root):
    (root / "large.bin").write_bytes(LARGE)
    return root / "large.bin"


# ---- 8b.1

@graded(5, "HTTP/1.1: the connection stays for the next request", step=1,
        cause=[
            Symptom("not HTTP/1.1", "The status line begins with HTTP/1.1 now: to an answer of HTTP/1.0 the connection would end."),
            Symptom("has no header Content-Length", "Where the connection stays, only Content-Length tells where an answer ends: it has to be in "
                    "each of them."),
            "The child closes the connection behind the first answer: it is to read the next request, in a loop around "
            "read_request(), and to close where the client has left."],
        read="The program", by_hand=(START, typed("/", "/", pause="0.3") + " | " + NC + r" | tr -d '\r' | grep -E 'HTTP/|Length'"))
def test_stays(server):
    with connect(server) as client:
        for name in "index.html", "a", "empty.txt", "index.html":
            response = asked(client, "/" + name)
            assert response.status_line.startswith("HTTP/1.1 "), "the answer is not HTTP/1.1: " + response.status_line
            identical(response.body, FILES[name])
            assert "close" not in options(response), "the answer says that the connection ends: %s" % response.headers["connection"]


@graded(3, "It stays also behind 301, 403 and 404, and with HTTP/1.9", step=1,
        cause=[
            Symptom("behind HTTP/1", "It is too eager to close: HTTP/1.2 to 1.9 stay as 1.1 does, and a Content-Length of 0 announces no body.",
                    (START, r"printf 'HEAD / HTTP/1.9\r\nHost: a\r\nContent-Length: 0\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n' | " + NC + " | grep HTTP/")),
            "Where the request was read to its end, the next may follow, whatever has become of its file: only behind a request that is "
            "malformed the connection has to end."],
        read="The program", by_hand=(START, typed("/no", "/../x", "/", pause="0.3") + " | " + NC + " | grep HTTP/"))
def test_stays_behind_errors(server):
    for target, status in ("/missing", 404), ("/sub", 301), ("/no-index/", 404), ("/../x", 403):
        with connect(server) as client:
            response = asked(client, target)
            assert response.status == status, "GET %s got %s" % (target, response.status_line)
            stays(client)
    for version, header in ("1.9", "X: y"), ("1.1", "Content-Length: 0"):
        with connect(server) as client:
            asked(client, "/a", header, version=version)
            try:
                stays(client)
            except (AssertionError, OSError):
                raise AssertionError("the connection ends behind HTTP/%s with `%s`" % (version, header))


@graded(7, "Requests that come together, or in pieces, are answered in order", step=1,
        cause=[
            Symptom("one byte after the other[\\s\\S]*(timed out|ended its side|ECONNRESET)", "A request may come in any pieces, also the second one: recv_line() waits for the "
                    "rest of a line; a deadline begins anew with each request."),
            Symptom("timed out|ended its side", "What the buffer holds behind a request is the next one: it is thrown away, as start_reader() empties the buffer, or the server "
                    "waits for more to come before it looks."),
            "The answers have to come in the order of the requests, and each once."],
        read="The program",
        by_hand=(START, typed("/", "/style.css", "/how.html") + " | " + NC + " | grep Length; "
                 r"(printf 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /sty'; sleep 0.2; printf 'le.css HTT'; sleep 0.2; printf 'P/1.1\r\nHost: a\r\n\r\n') | " + NC + " | grep Length"))
def test_pipelined(server):
    names = ["a", "empty.txt", "a..b.txt", "index.html", "a+b.txt", "sub/index.html"] * 5
    step("many requests come together:")
    with connect(server) as client:
        client.sendall(b"".join(ask("/" + name) for name in names))
        for name in names:
            identical(next_answer(client).body, FILES[name])
    step("two requests come one byte after the other:")
    with connect(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in ask("/a") + ask("/sub/index.html"):
            client.sendall(bytes([byte]))
        for name in "a", "sub/index.html":
            identical(next_answer(client).body, FILES[name])
    step("two and a half requests, and then the rest:")
    with connect(server) as client:
        client.sendall(ask("/a") + ask("/a") + ask("/sub/index.html")[:20])
        for name in "a", "a":
            identical(next_answer(client).body, FILES[name])
        client.sendall(ask("/sub/index.html")[20:] + ask("/a"))
        for name in "sub/index.html", "a":
            identical(next_answer(client).body, FILES[name])


@graded(5, "An answer to HEAD has no body, and the next one follows", step=1,
        cause=[
            Symptom("not a status line", "Behind the head of an answer to HEAD come bytes of a body: the client takes them for the next answer. "
                    "None may be sent, whatever the status."),
            "HEAD is answered as GET, with the same headers, Content-Length too, and no body; then the connection stays."],
        read="The program", needs=["test_stays"],
        by_hand=(START, typed("/", "/no", "/", pause="0.2") + " | " + NC + r" | tr -d '\r' | grep -vE '^[DLS]'"))
def test_head(server):
    with connect(server) as client:
        for target in "/", "/missing", "/sub", "/empty.txt":
            asked(client, target, method="HEAD")
            stays(client, "/", PAGE)


@graded(7, "A body is never taken for a request", step=1,
        cause=[
            Symptom("in the chunks", "Chunks are a body, too: behind Transfer-Encoding the connection is closed, after the answer."),
            Symptom("in the body of (POST|BREW)", "A request that is refused may have a body all the same: close behind the answer, or skip the "
                    "body."),
            Symptom("got no answer", "A request with a body is answered as any other, and then the connection may be closed: but "
                    "not without shutdown() and the reading on, or a reset destroys the answer."),
            "What Content-Length announces is not the next request: skip so many bytes, or close the connection behind the answer."],
        read="The program", needs=["test_stays"],
        by_hand=(START, r'''for request in 'GET / HTTP/1.1\r\nContent-Length: 30' 'POST / HTTP/1.1\r\nContent-Length: 30' 'GET / HTTP/1.1\r\nTransfer-Encoding: chunked'; do (printf "$request\r\nHost: a\r\n\r\n"; [[ $request == *chunked ]] && printf '1e\r\n'; printf 'HEAD /no HTTP/1.1\r\nHost: a\r\n\r\n') | ''' + NC + " | grep -a HTTP/; done"))
def test_bodies(server):
    inner = ask("/a")
    announced = "Content-Length: %d" % len(inner)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)
    for where, request, wanted in (
            ("in the body of GET", ask("/", announced) + inner, (200,)),
            ("in the body of HEAD", ask("/", announced, method="HEAD") + inner, (200,)),
            ("in the body of POST", ask("/", announced, method="POST") + inner, (405,)),
            ("in the body of BREW", ask("/", announced, method="BREW") + inner, (501,)),
            ("in the body of GET that asks to be kept", ask("/", announced, "Connection: keep-alive") + inner, (200,)),
            ("in the chunks of GET", ask("/", "Transfer-Encoding: chunked") + chunks, (200, 400, 501)),
            ("in the chunks of POST", ask("/", "Transfer-Encoding: chunked", method="POST") + chunks, (405, 400, 501))):
        data = what_is_answered(server, request + ask("/a%20b.txt", "Connection: close"), receive=until_the_end)
        assert data, "the request got no answer, but a reset or an end"
        assert SMUGGLED not in data, "the request %s was answered, and is none" % where
        first = data.partition(b"\r\n")[0].decode("latin-1")
        assert int((first.split() + ["0", "0"])[1]) in wanted, "a request with another %s was answered with %s" % (where, first)
        assert data.count(b"HTTP/1.1 ") <= (1 if "chunks" in where else 2), "what stands %s was taken for a request: %r" % (where, data)


def until_the_end(client):
    """All that comes behind our own end."""
    data = bytearray()
    with contextlib.suppress(ConnectionError):
        client.shutdown(socket.SHUT_WR)
        for part in iter(lambda: client.recv(65536), b""):
            data += part
    return bytes(data)


SMUGGLERS = [name for name, (status, _) in REFUSED.items() if status == 400 and re.search(
    "Length|chunks|lengths|colon|folded|CR in|NUL in|header|Hosts|without Host|garbage|TLS|version|two spaces", name)]
TWO_LENGTHS = b"GET / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 0\\r\\nContent-Length: 34\\r\\n\\r\\n"


@graded(7, "Whatever is malformed is answered with 400, and ends the connection", step=1,
        cause=[
            Symptom("taken for another request|more than one answer|timed out", "After a 400 nobody knows where the next request begins: the connection is closed, for what follows may be a part "
                    "of the malformed one. And so it is behind 408, 414 and 431."),
            "What chapter 7 answers with 400 is to be so still: where two readers differ on where a request ends, one of them lets "
            "another request in (\"request smuggling\")."],
        read="The program", needs=["test_stays"],
        by_hand=(START, r'''for line in 'Content-Length: +5' 'Content-Length : 5' 'Content-Length: 0\r\nContent-Length: 30' 'Host: b' 'X: %9000d'; do printf "HEAD / HTTP/1.1\r\nHost: a\r\n$line\r\n\r\nHEAD /no HTTP/1.1\r\nHost: a\r\n\r\n" | ''' + NC + " | grep -a HTTP/; done"))
def test_malformed(server):
    for name in SMUGGLERS:  # 9 s: who takes it for a good request may wait 5 for the next
        data = what_is_answered(server, REFUSED[name][1] + ask("/a"), limit=9)
        assert data.startswith(b"HTTP/1.1 400 "), "%s was answered with %r" % (name, data[:40])
        assert SMUGGLED not in data, "what stands behind %s was taken for another request" % name
        assert data.count(b"HTTP/1.1 ") == 1, "%s has more than one answer" % name
    for name in "a line of 100,000 bytes", "101 headers":
        data = what_is_answered(server, REFUSED[name][1] + ask("/a"), limit=9)
        assert data.count(b"HTTP/1.1 ") == 1, "%s has more than one answer" % name


@graded(6, "No answer waits for the one before it to be acknowledged", step=1,
        cause=[
            "The kernel holds a small packet back while another one is not acknowledged yet (Nagle), and the client's kernel waits some "
            "40 ms with that, in case an answer could carry it (delayed ACK): send head and body with one send(), and switch on TCP_NODELAY."],
        read="The program", needs=["test_pipelined"],
        by_hand=(START, "/usr/bin/env python3 -c 'import socket, time; s = socket.create_connection((\"127.0.0.1\", 8080)); t = []\nfor i in range(60):\n    b = time.time(); s.send(b\"HEAD / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\" * 2); d = b\"\"\n    while d.count(b\"\\r\\n\\r\\n\") < 2: d += s.recv(999)\n    t.append(time.time() - b)\nprint(\"slow\" if sorted(t)[45] > 0.03 else \"fast\")'"))
def test_waits_for_no_acknowledgement(server):
    for pair in (ask("/a") * 2, ask("/")), (ask("/a") * 2,):
        with connect(server) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            times = []
            step("two requests together, 60 times:")
            for _ in range(60):
                begin = time.monotonic()
                client.sendall(ask("/a") + ask("/a"))
                receive_until(client, SMUGGLED)
                receive_until(client, SMUGGLED)
                times.append(time.monotonic() - begin)
        median = statistics.median(times)
        assert median < 0.03, "two answers take %d ms, every time" % (median * 1000)


@graded(5, "Serves as chapter 8 does: files, nothing outside, and delays nobody", step=1,
        cause=[
            Symptom("delayed", "A client that stays has its own child, and delays nobody: fork() comes before the first recv()."),
            Symptom("reset by", "The connection is closed while bytes are unread, and then close() sends a reset, which destroys the answer: first "
                    "shutdown(client, SHUT_WR), then recv() for a second at the most, then close().",
                    (START, r"(printf 'what?\r\n\r\n'; head -c 100000 /dev/zero) > my.txt; exec 3<>/dev/tcp/127.0.0.1/8080; cat my.txt >&3; sleep 0.5; cat <&3")),
            Symptom("descriptors more", "A child that goes on has to close() each file: until now its end did that.",
                    (START, "(" + typed("/", "/", "/")[1:-1] + "; sleep 1) | nc 127.0.0.1 8080 > /dev/null & sleep 0.3; readlink /proc/$(pgrep -n keep-alive)/fd/* | grep -c html")),
            "Something of chapter 8 was lost on the way: -a, -p, WEBROOT, 404, 405, HEAD, HTTP/1.0."],
        read="Your turn",
        by_hand=(START, r'''for line in 'HEAD /' 'HEAD /../serve.c' 'GET /missing' 'POST /'; do printf "$line HTTP/1.0\r\n\r\n" | timeout 1 nc 127.0.0.1 8080 | tr -d '\r' | sed -n '1p;/^$/,$p'; done; sleep 2 | nc 127.0.0.1 8080 & sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1'''))
def test_serves_as_chapter_8_does(server):
    checks.says_where_it_listens(server)
    same_head(server, "/", brings(server, "/", PAGE))
    for target in "/../secret.txt", "/%2e%2e/secret.txt":
        hides(server, target, (400, 403, 404))
    for request, status in (lines("GET /missing HTTP/1.0"), 404), (lines("POST / HTTP/1.0"), 405), (ask(method="POST"), 405):
        got = what_is_answered(server, request, receive=until_the_end)
        assert got[8:13] == b" %d " % status, "%r was answered with %r" % (request, got[:40])
    loses_no_reply(server, REFUSED["words"][1] + bytes(1 << 20), 400, times=10)
    clients = [connect(server) for _ in range(4)]
    for client in clients[1:] + clients[:0:-1]:
        try:
            stays(client)
        except (AssertionError, OSError):
            raise AssertionError("a client is delayed by others, whose connections are open")
    for client in clients:
        client.close()
    no_child_remains(server)
    with connect(server) as client:
        stays(client)
        child = at_rest(children(server.pid)[0])
        before = len(descriptors(child))
        for _ in range(20):
            stays(client)
        more = len(descriptors(at_rest(child))) - before
        assert more < 5, "after 20 requests the child has %d descriptors more" % more


@graded(3, "The log has one line for each answer", step=1,
        cause="log_request() belongs into the loop, behind each answer.", read="The program", needs=["test_stays"],
        by_hand=(START + " > log & server=$!; sleep 0.2; " + typed("/", "/no", "/") + " | " + NC + " > /dev/null; sleep 0.2; cut -d ' ' -f 4- log; kill $server; rm log",))
def test_log(server):
    with connect(server) as client:
        for target in "/", "/missing", "/a":
            asked(client, target)
        port = client.getsockname()[1]
    written = '127.0.0.1 port %d "GET %%s HTTP/1.1" %%d ' % port
    wait_until(lambda: all(written % line in server.output for line in (("/", 200), ("/missing", 404), ("/a", 200))), limit=3,
               what="a line of the log for each of three answers")


# ---- 8b.2

CLOSING = ["Connection: close", "connection: CLOSE", "Connection: TE, close", "Connection: TE,\tclose\t, x", "Connection:\tx,,close,"]
STAYING = ["Connection: keep-alive", "Connection: closed", "Connection: not-close, close-not", "X-Connection: close", "Connection: TE",
           "Close: close"]


@graded(8, "Connection: close ends the connection, and the answer says so", step=2,
        cause=[
            Symptom("was no request for the end", "The words of a Connection line are compared whole: strstr() finds close in not-closed, too."),
            Symptom("does not say so", "The answer, too, says Connection: close, where it is the last."),
            Symptom("in two lines", "There may be two Connection lines, and a close in one of them stands, whatever the other says."),
            Symptom("X: y|CLOSE|TE, close|TE,\\s+close|,,close", "Connection is a list: words in any case, with commas, blanks and tabs between them; strcasecmp() of the whole line "
                    "is not enough."),
            "Who sends Connection: close wants the end behind this answer, and waits for it."],
        read="The program",
        by_hand=(START, r'''for line in 'Connection: close' 'connection: CLOSE' 'Connection: TE, close\t, x' 'Connection: closed' 'Connection: close\r\nConnection: keep-alive'; do printf "HEAD / HTTP/1.1\r\nHost: a\r\n$line\r\n\r\nHEAD /no HTTP/1.1\r\nHost: a\r\n\r\n" | ''' + SHORT + "; echo; done"))
def test_connection_close(server):
    for header in [*CLOSING, "Connection: close\r\nConnection: keep-alive", "Connection: keep-alive\r\nConnection: close"]:
        with connect(server) as client:
            stays(client)
            response = last_answer(client, ask("/a", *header.split("\r\n")), "in two lines" if "\r\n" in header else "behind " + header)
            assert "close" in options(response), "the answer is the last, and does not say so"
    for header in STAYING:
        with connect(server) as client:
            try:
                response = asked(client, "/a", header)
                assert "close" not in options(response), "%r was no request for the end" % header
                stays(client)
            except (AssertionError, OSError):
                raise AssertionError("%r was no request for the end" % header)


@graded(7, "HTTP/1.0: the connection stays only if the client asks, and is told so", step=2,
        cause=[
            Symptom("has not asked for it", "HTTP/1.0 ends the connection, unless Connection: keep-alive asks for it; Host makes no difference."),
            Symptom("is not told", "A client of HTTP/1.0 does not know that the connection stays, unless the answer says Connection: keep-alive."),
            "A client of HTTP/1.0 that sends Connection: keep-alive, in any case, may ask again, unless it also says close."],
        read="The program",
        by_hand=(START, r'''for line in 'Host: a' 'Connection: keep-alive' 'connection: Keep-Alive' 'Connection: keep-alive, close'; do printf "HEAD / HTTP/1.0\r\n$line\r\n\r\nHEAD /no HTTP/1.0\r\n\r\n" | ''' + SHORT + "; echo; done"))
def test_http_1_0(server):
    for headers in [], ["Connection: closed, TE"], ["Connection: keep-alive, close"], ["Keep-Alive: 5"]:
        with connect(server) as client:
            response = last_answer(client, ask("/a", *headers, version="1.0"), "for a client of HTTP/1.0: it has not asked for it")
            assert "keep-alive" not in options(response), "the client of HTTP/1.0 is told that it stays, and it has not asked for it"
    with connect(server) as client:
        for header in "Connection: keep-alive", "Connection: Keep-Alive", "connection: TE,  KEEP-ALIVE":
            response = asked(client, "/a", header, version="1.0")
            assert "keep-alive" in options(response), "a client of HTTP/1.0 that asked with %r is not told that the connection stays" % header
        identical(last_answer(client, ask(version="1.0"), "for a client of HTTP/1.0: it has not asked for it again").body, PAGE)


@graded(4, "Where the server ends the connection, the answer says Connection: close", step=2,
        cause=[
            Symptom(r"\b503\b", "The 503 of the parent, too, has HTTP/1.1 and Connection: close: its connection is over."),
            "An answer of 400, and each other behind which the connection is closed, says Connection: close: or the client sends the next "
            "request into the void."],
        read="The program", needs=["test_connection_close"],
        by_hand=(START + " -c 1", r"printf 'what?\r\n\r\n' | " + SHORT + "; sleep 0.3; sleep 1 | nc 127.0.0.1 8080 & sleep 0.3; printf '' | " + SHORT))
def test_says_that_it_closes(chapter, server, root):
    for name in "words", "two Content-Lengths", "a header of 100,000 bytes", "HTTP/2.0":
        said_to_end(what_is_answered(server, REFUSED[name][1]))
    crowded = chapter.serve("-p", "0", "-c", "1", root)
    with connect(crowded) as held:
        stays(held)
        step("its only child is busy, and a client gets 503:")
        data = what_is_answered(crowded, b"")
        assert data.startswith(b"HTTP/1.1 503 "), "MAX is 1, and the second client was to get 503: %r" % data[:40]
        said_to_end(data)


def said_to_end(data):
    """The one answer in `data` says that it is the last."""
    answer = answers_in(data)[0]
    assert "close" in options(answer), "%s, and the connection ends, and it does not say so" % answer.status_line


@graded(4, "An answer that cannot be whole ends the connection", step=2,
        cause="The file has shrunk, and fewer bytes came than Content-Length said: only the end of the connection tells the client so. "
              "On a connection that stays it takes the next answer for the rest.",
        read="The program", needs=["test_stays"],
        by_hand=(START + " > /dev/null & server=$!; head -c 20000000 /dev/zero > webroot/zeros; sleep 0.2; (printf 'GET /zeros HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; sleep 4) | nc 127.0.0.1 8080 | (head -c 1000 > /dev/null; sleep 0.5; echo > webroot/zeros; cat > /dev/null) & sleep 2; pgrep -cP $server; rm webroot/zeros; pkill -KILL -P $server; kill $server",))
def test_a_file_that_shrinks(server, large):
    with connect(server, receive_buffer=4096) as client:
        client.sendall(ask("/large.bin") + ask("/a"))
        receive_until(client, b"\r\n\r\n")
        step("the file shrinks")
        os.truncate(str(large), 100000)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        data = what_comes(client)
    assert SMUGGLED not in data, "the rest of the file is not there, and the next answer follows as if it were that"
    assert len(data) < len(LARGE), "as many bytes came as the file had before"


@graded(3, "Who asks and asks, and never reads, is given up after a minute and a half", step=2, limit=120,
        cause="send() waits for a client that does not read, for ever, and the child with it, unless SO_SNDTIMEO limits it: on a connection that stays "
              "for small files, too. And then the connection ends.",
        read="The program",
        by_hand=(START, r"exec 3<>/dev/tcp/127.0.0.1/8080; timeout 75 yes $'HEAD / HTTP/1.1\r\nHost: a\r\n\r' 2> my.txt >&3; echo exit status $?; rm my.txt"))
def test_gives_up_who_never_reads(chapter, root, hurry):
    step("the program waits only a sixth of the time that it means to")
    server = chapter.serve("-p", "0", root, env={**os.environ, **hurry})
    with connect(server, receive_buffer=4096) as client:
        client.setblocking(False)
        data = [ask() * 100000]

        def is_given_up():
            with contextlib.suppress(OSError):
                data[0] = data[0][client.send(data[0][:100000]):]
            return not living(server.pid)

        wait_until(lambda: living(server.pid), what="the client's child")
        wait_until(is_given_up, limit=95, what="the end of the child of a client that asks and does not read")


# ---- 8b.3

@graded(12, "Idle for 5 s it is closed, silently; a request that has begun has its 8 s", step=3,
        cause=[
            Symptom("an answer that nobody asked for", "Who asks for nothing more gets no 408: the connection is closed without a word."),
            Symptom("was idle for", "poll() has a time limit, in milliseconds: a connection on which nothing comes for 5 s is closed, no later and no earlier."),
            Symptom("began behind an idle", "The 8 seconds of a request begin with its first byte, and the 5 of an idle connection with the last answer: neither with the connection."),
            Symptom("without a first request", "The 5 seconds are for a connection behind an answer. The first request has its 8 from the connection on, and then 408.",
                    (START, "sleep 9 | nc 127.0.0.1 8080 | head -1")),
            Symptom("half a request", "A request that has begun is no idle connection: it gets 408 when its 8 seconds are over."),
            "A limit of 5 s for an idle connection, and of 8 s for a request that has begun: they are two."],
        read="The program", needs=["test_stays"], limit=40,
        by_hand=(START + " > /dev/null & server=$!; sleep 0.2; (" + typed("/") + "; sleep 6) | nc 127.0.0.1 8080 > idle & (" + typed("/") + r"; printf HEAD; sleep 9) | nc 127.0.0.1 8080 > begun & (" + typed("/") + r"; sleep 4; printf HEAD; sleep 4.5; printf ' / HTTP/1.1\r\nHost: a\r\n\r\n'; sleep 0.2) | nc 127.0.0.1 8080 > late & for i in 3 3.5 2.7; do sleep $i; pgrep -cP $server; done; grep HTTP/ idle begun late; rm idle begun late; pkill -KILL -P $server; kill $server",))
def test_idle(server):
    with connect(server, limit=15) as idle, connect(server, limit=15) as begun, connect(server, limit=15) as late, \
            connect(server, limit=15) as first:
        begin = time.monotonic()
        for client in idle, begun, late:
            stays(client)
        begun.sendall(ask()[:9])
        threads = [threading.Timer(4, lambda: late.sendall(ask("/a")[:9]))]
        threads[0].start()
        try:
            data = idle.recv(100)
        except socket.timeout:
            raise AssertionError("a connection was idle for 15 s, and is still open")
        after = time.monotonic() - begin
        threads[0].join()
        assert data == b"", "an idle connection got an answer that nobody asked for: %r" % data
        assert 4 < after < 5 + seconds(1.5), "a connection was idle for %.1f s, and then it was closed" % after
        try:
            data = begun.recv(100)
            after = time.monotonic() - begin
            data += receive_until(begun, b"\r\n") if data and b"\r\n" not in data else b""  # it may come in pieces
        except socket.timeout:
            raise AssertionError("half a request waits for ever for the rest")
        assert data.startswith(b"HTTP/1.1 408 "), "half a request was to be answered with 408 after 8 s, and after %.1f s came: %r" % (after, data[:40])
        assert 7 < after < 8 + seconds(1.5), "half a request was answered with 408 after %.1f s" % after
        wait_until(lambda: time.monotonic() > begin + 8.3, what="8.3 s")
        try:
            late.sendall(ask("/a")[9:])
            identical(next_answer(late).body, SMUGGLED)
            stays(late)
        except (OSError, AssertionError):
            raise AssertionError("a request that began behind an idle 4 s, and took 4.3 s, was not answered, or not the next one")
        data = what_comes(first)
        assert data.startswith(b"HTTP/1.1 408 "), "a client without a first request was to get 408 after 8 s, and got %r" % bytes(data[:40])


@graded(8, "SIGTERM: an idle connection is closed at once, and the server exits 0", step=3,
        cause=[
            Symptom("exit status [1-9]|killed by", "SIGTERM is no failure: main() returns 0."),
            Symptom("came: b'HTTP", "Nobody asked for anything: an idle connection is closed without a word."),
            "A child that waits for the next request does not hear of SIGTERM, which goes to the parent: tell it, with kill(), or with the end of a pipe "
            "that poll() watches, too. Each child has to close its own copy of the pipe's other end."],
        read="The program", needs=["test_stays"],
        by_hand=(START + " > /dev/null & server=$!; sleep 0.2; for i in 1 2 3; do (" + typed("/") + "; sleep 4) | nc 127.0.0.1 8080 >> said & done; sleep 0.4; kill $server; for i in 1 2 3; do sleep 0.4; ps -o stat= -p $server; done; wait $server; echo exit status $?; grep -c HTTP said; rm said",))
def test_sigterm_and_idle_connections(server):
    clients = [connect(server) for _ in range(5)]
    for client in clients:
        stays(client)
    server.signal(signal.SIGTERM)
    for client in clients:
        ends(client, "after SIGTERM")
    status = server.wait(limit=2)
    assert status == 0, "exit status %d" % status


@graded(6, "SIGTERM: what is under way is finished, and then the connection ends", step=3,
        cause=[
            Symptom("the next request, which came before", "What the buffer holds has begun, too: look there first, and at the note only where it is empty.",
                    (START + " > /dev/null & server=$!; head -c 20000000 /dev/zero > webroot/zeros; sleep 0.2; (printf 'GET /zeros HTTP/1.1\\r\\nHost: a\\r\\n\\r\\nHEAD / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; sleep 2) | nc 127.0.0.1 8080 | (head -c 1000 > /dev/null; sleep 1; grep -ac HTTP/) & sleep 0.6; kill $server; wait; rm webroot/zeros",)),
            "A request that has begun on a connection that stays is under way, and so is a download: the child only takes a note, answers, and looks "
            "at the note before it waits for the next one."],
        read="The program", needs=["test_sigterm_and_idle_connections"],
        by_hand=(START + " > /dev/null & server=$!; sleep 0.2; (" + typed("/") + r"; printf 'HEAD /no'; sleep 1; printf ' HTTP/1.1\r\nHost: a\r\n\r\n'; sleep 2) | nc 127.0.0.1 8080 | grep HTTP/ & sleep 0.5; kill $server; sleep 1.2; ps -o stat= -p $server; wait $server; echo exit status $?",))
def test_sigterm_finishes_what_is_under_way(server, large):
    with connect(server) as asking, connect(server, receive_buffer=65536) as loading, connect(server) as silent:
        for client in asking, loading:
            stays(client)
        asking.sendall(ask("/a")[:20])
        silent.sendall(ask("/a")[:10])
        loading.sendall(ask("/large.bin") + ask("/a"))
        head = receive_until(loading, b"\r\n\r\n")
        wait_until(lambda: len(children(server.pid)) == 3, what="three children")
        server.signal(signal.SIGTERM)
        wait_until(lambda: is_refused(server), what="new connections to be refused")
        for client, rest in (asking, ask("/a")[20:]), (silent, ask("/a")[10:]):
            client.sendall(rest)
            identical(next_answer(client).body, SMUGGLED)
            ends(client, "behind the answer that was under way")
        try:
            assert head.startswith(b"HTTP/1.1 200") and receive(loading, len(LARGE)) == LARGE, "the large file did not come whole"
        except (OSError, AssertionError) as error:
            raise AssertionError("the large file that was under way: %s" % error)
        try:
            identical(next_answer(loading).body, SMUGGLED)
        except (OSError, AssertionError) as error:
            raise AssertionError("the next request, which came before SIGTERM: %s" % error)
        ends(loading, "behind that")
    assert server.wait(limit=3) == 0


# ---- Not graded

def test_each_request_that_is_right_may_be_followed_by_another(server):
    for name, (status, request) in ACCEPTED.items():
        stay = b" HTTP/1.0" not in request
        data = what_is_answered(server, request + ask("/a"), receive=until_the_end)
        assert data.startswith(b"HTTP/1.1 %d " % status), name
        assert (SMUGGLED in data) == stay, name


def test_what_is_ambiguous_brings_no_second_answer(server):
    for name, request in AMBIGUOUS.items():
        data = what_is_answered(server, request + ask("/a"), receive=until_the_end)
        followed = name in ("a request behind POST", "a connection to be kept", "a change of protocol",
                            "an end of the headers without CR")
        assert data.count(b"HTTP/1.1 ") == 1 or followed, (name, data)


def test_random_requests_in_random_pieces(server):
    choose = random.Random(os.environ.get("LAB_SEED", "8b"))
    names = [name for name in FILES if re.fullmatch("[a-z./]+", name)]
    for _ in range(20):
        chosen = [choose.choice(names) for _ in range(30)]
        text = b"".join(ask("/" + name, "X: " + "x" * choose.randrange(300)) for name in chosen)
        with connect(server) as client:
            cuts = sorted(choose.randrange(len(text)) for _ in range(10))
            for begin, end in zip([0, *cuts], [*cuts, len(text)]):
                client.sendall(text[begin:end])
            for name in chosen:
                identical(next_answer(client).body, FILES[name])


def test_many_kept_connections_leave_nothing_behind(server):
    before = descriptors(at_rest(server.pid))
    for number in range(300):
        client = connect(server)
        stays(client)
        client.reset() if number % 3 else client.close()
    no_child_remains(server)
    assert descriptors(server.pid) == before
    assert server.stderr == ""


def test_a_client_that_never_reads_delays_nobody(server):
    with connect(server, receive_buffer=4096) as lazy:
        lazy.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                lazy.send(ask("/") * 100)
        with connect(server) as client:
            stays(client)


def test_sigterm_while_requests_never_cease(server):
    """The buffer of the child is never empty between two requests, for each piece ends in the middle of one."""
    client = socket.create_connection((server.address, server.port))
    text, end = ask("/a") * 50, threading.Event()

    def send():
        with contextlib.suppress(OSError):
            client.sendall(text[:-10])
            while not end.is_set():
                client.sendall(text[-10:] + text[:-10])

    def read():
        with contextlib.suppress(OSError):
            while client.recv(1 << 16):
                pass

    threads = [threading.Thread(target=act) for act in (send, read)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: server.output.count("\n") > 500, what="500 answers")
        server.signal(signal.SIGTERM)
        assert server.wait(limit=5) == 0
    finally:
        end.set()
        server.kill()
        for thread in threads:
            thread.join()
        client.close()


def test_signals_to_all_of_them(server):
    with connect(server) as client:
        stays(client)
        os.killpg(server.pid, signal.SIGTERM)
        ends(client, "after SIGTERM")
    assert server.wait(limit=3) == 0


@pytest.mark.strict
def test_signals_do_not_make_the_idle_time_longer(chapter, root, faults):
    server = chapter.serve("-p", "0", root, under=faults("poll:error=EINTR:delay_exit=1500000:when=1..4"))
    with connect(server, limit=15) as client:
        stays(client)
        begin = time.monotonic()
        assert client.recv(1) == b""
        assert time.monotonic() - begin < 9


def test_faults(chapter, root, faults):
    server = chapter.serve("-p", "0", root, under=faults("poll,recvfrom,sendto:error=EINTR:when=2+3"))
    with connect(server) as client:
        for _ in range(10):
            stays(client, "/", PAGE)


def test_the_next_connection_is_no_dearer(server):
    """A connection that asks once is as chapter 8's: its child ends with it."""
    for _ in range(50):
        with connect(server) as client:
            client.sendall(ask("/", "Connection: close"))
            assert receive(client, 13) == b"HTTP/1.1 200 "
    wait_until(lambda: not living(server.pid), what="the end of the children")


def test_curl_needs_one_connection(chapter, server, tool):
    url = "http://127.0.0.1:%d/" % server.port
    curl = chapter.start_other([tool("curl"), "-sS", "-w", "%{num_connects}%{http_version} ", "-o", "/dev/null", url, "-o", "/dev/null", url + "a",
                                "-o", "/dev/null", url + "missing"])
    assert curl.wait() == 0
    assert curl.output == "11.1 01.1 01.1 "


def test_ab(chapter, server, tool):
    ab = chapter.start_other([tool("ab"), "-q", "-k", "-c", "4", "-n", "400", "http://127.0.0.1:%d/" % server.port])
    assert ab.wait(limit=10) == 0
    assert re.search(r"Keep-Alive requests: +400\n", ab.output) and re.search(r"Failed requests: +0\n", ab.output)


def test_wrk(chapter, server, tool):
    wrk = chapter.start_other([tool("wrk"), "-t", "1", "-c", "4", "-d", "1", "http://127.0.0.1:%d/" % server.port])
    assert wrk.wait(limit=10) == 0
    assert "requests in" in wrk.output and "errors" not in wrk.output and "Non-2xx" not in wrk.output
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
