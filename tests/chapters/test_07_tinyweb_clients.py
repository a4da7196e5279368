"""07-tinyweb and its clients: nobody's reply is lost, nobody stops the server or holds it up for ever."""

import concurrent.futures
import os

import pytest

from harness import checks, http_checks, steps
from harness.compare import identical
from harness.concurrency import begin
from harness.grading import Symptom, graded
from harness.http_checks import PAGE, answers, brings, serves
from harness.http_requests import lines, of_size, with_headers
from harness.program import seconds
from harness.steps import step
from harness.talk import Response, connect, receive_all, receive_until

CHAPTER = "07-tinyweb"
MEGABYTE = 1 << 20


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


# ---- Clients that leave, and calls that fail

@graded(4, "Survives clients that leave in the middle", step=2,
        cause=[
            Symptom("SIGPIPE", "Sending to a client that has gone raises SIGPIPE, which ends a process "
                    "that does not ignore it."),
            Symptom("should have lines", "Who leaves is no trouble of the server's: what it says of that "
                    "is a line `tinyweb: what failed: text (ESYMBOL)`, or nothing."),
            "send() and recv() fail with EPIPE or ECONNRESET when the client has gone: that ends the "
            "conversation with this client, and the next one is served."],
        read="What can go wrong",
        by_hand=("./tinyweb",
                 "head -c 90000000 /dev/zero > webroot/large; printf 'GET /large HTTP/1.0\\r\\n\\r\\n' | "
                 "nc -N 127.0.0.1 8080 | head -1; curl -sI http://127.0.0.1:8080/ | head -1; rm "
                 "webroot/large"))
def test_survives_clients_that_reset(webroot, home):
    (webroot / "large").write_bytes(bytes(MEGABYTE))
    http_checks.survives_resets(home, "/large")
    checks.complains_of_clients_only(home)


def test_a_limit_that_cannot_be_set_is_not_told_as_recv(chapter, root, faults):
    server = chapter.serve("-p", "0", root, under=faults("setsockopt:error=ENOBUFS:when=2"))  # 1: REUSEADDR
    with connect(server):
        server.wait_for_error(r"^tinyweb: setsockopt SO_RCVTIMEO: .* \(ENOBUFS\)$")
    serves(server, "/", PAGE)


@pytest.mark.parametrize("symbol", ["EINTR", "ECONNABORTED"])
def test_survives_what_accept_may_return(chapter, root, faults, symbol):
    server = chapter.serve("-p", "0", root, under=faults("?accept,?accept4:error=%s:when=1+2" % symbol))
    for _ in range(3):
        serves(server, "/", PAGE)


def test_survives_interrupted_calls(chapter, root, faults):
    """Every second call to send or receive is interrupted by a signal before it did anything."""
    (root / "large").write_bytes(b"x" * MEGABYTE)
    calls = "?recvfrom,?recvmsg,?sendto,?sendmsg,?writev,?sendfile"
    server = chapter.serve("-p", "0", root, under=faults(calls + ":error=EINTR:when=1+2"))
    for _ in range(3):
        serves(server, "/", PAGE)
        serves(server, "/large", b"x" * MEGABYTE)


@graded(4, "Answers all of it under short counts, EINTR and failing accept()", step=4,
        cause=[
            Symptom("The server has ended: exit", "A call that fails, such as accept() with EINTR or ECONNABORTED, "
                    "is no reason to end: take the next client."),
            Symptom(r"with HTTP/1.. (4|5)\d\d(?s:.)*not with 200|there is no answer",
                    "recv() may bring a part of the request, and recv() or send() may be interrupted "
                    "(EINTR) before it did anything: call it again."),
            Symptom("first difference|no empty line|Content-Length", "send() returns how many bytes it "
                    "took, and that may be a part; or it was interrupted (EINTR) before the first: send "
                    "the rest.",
                    by_hand=("strace -o /dev/null -e inject=accept,recvfrom,sendto:error=EINTR:when=1+2 "
                             "./tinyweb",
                             "curl -s --max-time 2 http://127.0.0.1:8080/ | wc -c; head -c 90000000 "
                             "/dev/zero > webroot/large; curl -s http://127.0.0.1:8080/large | (sleep 3; "
                             "wc -c); rm webroot/large")),
            "A call that did a part, or was interrupted (EINTR), has to be made again for the rest, and an "
            "accept() that fails is no reason to end."],
        read="The program",
        by_hand=("strace -o /dev/null -e inject=accept,recvfrom,sendto:error=EINTR:when=1+2 ./tinyweb",
                 "curl -sI --max-time 2 http://127.0.0.1:8080/; curl -s --max-time 2 "
                 "http://127.0.0.1:8080/ | wc -c"))
def test_random_faults(chapter, webroot, random_faults):
    (webroot / "large").write_bytes(b"x" * 100000)
    server = random_faults(chapter.serve, "-p", "0", cwd=chapter.folder)
    for _ in range(6):
        brings(server, "/", PAGE)
        brings(server, "/large", b"x" * 100000)
        answers(server, lines("GET /missing HTTP/1.0"), 404)


# ---- No reply is lost

@graded(4, "Loses no answer to a reset, however much the client still sends", step=11,
        cause=[
            Symptom(r"only \d+ answers", "After an answer it waits too long, with each client: what is "
                    "still to come may be there at once, and its end, too."),
            Symptom("during a long answer", "More may come while a long answer is sent: look at what is "
                    "unread after it, too.",
                    by_hand=("./tinyweb > /dev/null & sleep 0.2; head -c 90000000 /dev/zero > webroot/large; "
                             "(printf 'GET /large HTTP/1.0\\r\\n\\r\\n'; sleep 0.3; printf 'GET / HTTP/1.0\\r\\n\\r\\n'; "
                             "sleep 2) | nc 127.0.0.1 8080 | (sleep 1; wc -c); kill $!; rm webroot/large",)),
            "To close with unread bytes makes the kernel send a reset, which destroys the answer on its "
            "way: shutdown(SHUT_WR), and read on for a moment."],
        read="The program",
        by_hand=("./tinyweb",
                 "for i in 1 2 3 4 5; do (printf 'GET / HTTP/1.0\\r\\nContent-Length: "
                 "9000000\\r\\n\\r\\n'; head -c 9000000 /dev/zero && echo all was sent >&2) | nc -N "
                 "127.0.0.1 8080 > answer; head -1 answer; done; rm answer"))
def test_a_large_body_does_not_cost_the_reply(root, server):
    http_checks.loses_no_reply(server, lines("POST / HTTP/1.0") + bytes(10 * MEGABYTE), 405, times=3)
    http_checks.loses_no_reply(server, lines("POST / HTTP/1.0") + bytes(200000), 405)
    http_checks.loses_no_reply(server, with_headers("Content-Length: 200000") + bytes(200000), 200)
    http_checks.loses_no_reply(server, lines("GET /%s HTTP/1.0" % ("x" * 200000)), tuple(range(400, 500)),
                               times=20)
    content = os.urandom(8 * MEGABYTE)
    (root / "long").write_bytes(content)
    steps.step("what a client sends during a long answer is not to cost its end")
    loses_no_end(server, "/long", content)


def loses_no_end(server, target, content):
    """A client sends another request during a long answer, and gets all of that."""
    with connect(server) as client:
        client.sendall(lines("GET %s HTTP/1.0" % target))
        answer = receive_until(client, b"\r\n\r\n")
        client.sendall(b"\r\n" + lines("GET / HTTP/1.0"))
        identical(Response(answer + receive_all(client)).body, content)


def test_a_body_that_comes_late_does_not_cost_the_reply(server):
    for request in (lines("POST / HTTP/1.0"), with_headers("Content-Length: 200000"),
                    with_headers("Transfer-Encoding: chunked")):
        with connect(server) as client:
            client.sendall(request)
            answer = receive_until(client, b"\r\n")
            client.sendall(bytes(200000))
            http_checks.is_well_formed(answer + receive_all(client))


def test_a_request_that_goes_on_does_not_cost_the_reply(server):
    http_checks.loses_no_reply(server, lines("GET /%s HTTP/1.0" % ("x" * 200000)), 414)
    http_checks.loses_no_reply(server, with_headers(*["X: %s" % ("x" * 1000)] * 200), 431)
    http_checks.loses_no_reply(server, lines("what?") + bytes(200000), 400)


def test_a_second_request_does_not_cost_the_first_its_reply(server):
    http_checks.loses_no_reply(server, lines("GET / HTTP/1.0") * 2, 200)
    http_checks.loses_no_reply(server, lines("GET / HTTP/1.0") * 10000, 200)


@pytest.mark.parametrize("size", [512, 1024, 2048, 4096, 8192, 16384])
def test_nor_does_it_where_the_first_just_fills_a_buffer(server, size):
    first = of_size(size)
    assert len(first) == size
    http_checks.loses_no_reply(server, first + lines("GET / HTTP/1.0") * 1000, 200, times=10)


# ---- Clients that take their time

def at_once(chapter, root, ways):
    """What each of the ways (environment, function, arguments...) returns, called side by side with a server
    of its own, which then still serves."""
    servers = [chapter.serve("-p", "0", root, **({"env": way[0]} if way[0] else {})) for way in ways]
    with concurrent.futures.ThreadPoolExecutor(len(ways)) as threads:
        running = [threads.submit(way[1], server, *way[2:]) for server, way in zip(servers, ways)]
    results = [done.result() for done in running]
    for server in servers:
        brings(server, "/", PAGE)
    return results


@graded(4, "Gives up clients that take too long to ask (408), to read or to leave", step=11, limit=120,
        cause=[
            Symptom("in the log", "An answer of 408 is an answer, too: it has a line in the log."),
            Symptom("the server waits for a slow request|only after", "A time limit on each recv(), or on each line, "
                    "starts again: one deadline is for all of the request, and before each recv() you set "
                    "what is left of it."),
            Symptom("slow request|answered with", "Who has not asked within 8 seconds is answered with "
                    "408, and not before: one can type a request in 8 seconds."),
            Symptom("a client that does not read", "send() waits for a client that does not read, unless "
                    "SO_SNDTIMEO limits it.",
                    by_hand=("./tinyweb",
                             "head -c 90000000 /dev/zero > webroot/large; curl -s "
                             "http://127.0.0.1:8080/large | sleep 99 & sleep 0.3; curl -sI --max-time 95 "
                             "http://127.0.0.1:8080/ | head -1; rm webroot/large")),
            Symptom("a client that pauses", "One EAGAIN after the time of SO_SNDTIMEO is not yet the end: "
                    "who reads slowly, or pauses for half a minute, gets all of the file.",
                    by_hand=("./tinyweb",
                             "head -c 90000000 /dev/zero > webroot/large; curl -s --max-time 35 "
                             "http://127.0.0.1:8080/large | (sleep 30; wc -c); rm webroot/large")),
            "What is still to be read after an answer may take one second in all, and 64 MiB, not one "
            "second each time: the next client waits for it."],
        read="The program",
        by_hand=("./tinyweb",
                 "(printf 'POST / HTTP/1.0\\r\\n\\r\\n'; while sleep 0.3; do echo; done) | timeout 5 nc "
                 "127.0.0.1 8080 > log & sleep 0.3; echo behind one who stays:; curl -sI --max-time 3 "
                 "http://127.0.0.1:8080/ | head -1; echo who is slow:; (echo GET / HTTP/1.0; for i in 1 2 "
                 "3 4 5 6 7 8 9; do sleep 1; echo X:y; done) | timeout 10 nc 127.0.0.1 8080 | head -1; "
                 "head -c 200000000 /dev/zero | (printf 'POST / HTTP/1.0\\r\\n\\r\\n'; cat) | nc -N "
                 "127.0.0.1 8080 > log; echo cut off: ${PIPESTATUS[1]}; rm log"))
def test_clients_that_take_too_long_are_given_up(chapter, root, hurry):
    (root / "large").write_bytes(bytes(20 * MEGABYTE))
    slow = [(b"",), (b"GET / HTTP/1.0\r\nX: ", b"x"), (b"", b"G"),
            (b"", *[b""] * 4, b"GET / HTTP/1.0\r\n", b"X: y\r\n")]
    step("where a client pauses or does not read, the program waits only a sixth of the time that it means "
         "to")
    *asking, leaving, swallowed, pausing, _ = at_once(chapter, root, [
        *(({}, http_checks.given_up_after, *way) for way in slow),
        ({}, http_checks.next_served_after, lines("POST / HTTP/1.0"), b"x"),
        ({}, http_checks.taken_after_the_answer, lines("POST / HTTP/1.0")),
        (hurry, http_checks.received_with_a_pause, lines("GET /large HTTP/1.0"), 30 * MEGABYTE),
        (hurry, http_checks.next_served_after, lines("GET /large HTTP/1.0"), b"", 95)])
    for after, response in asking:
        assert response.status == 408, "a slow request was answered with %s" % response.status_line
        assert after > 7, "a slow request was given up after %.1f seconds" % after
        assert after < seconds(12), "a slow request was given up only after %.1f seconds" % after
    assert 20 * MEGABYTE < pausing < 21 * MEGABYTE, \
        "a client that pauses for half a minute gets %d bytes, and not a head and 20 MiB" % pausing
    assert leaving < seconds(4), "a client that got 405 and stayed held the next one %.1f seconds" % leaving
    assert swallowed < 100 * MEGABYTE, "behind its 405 a server takes %d MiB of a body" % (swallowed >> 20)


def test_a_client_that_sends_for_ever_is_given_up(server):
    assert http_checks.cut_off_after(server, lines("POST / HTTP/1.0"), bytes(65536)) < seconds(15)
    brings(server, "/", PAGE)


def test_answers_who_has_to_wait_for_another(server):
    with connect(server) as first, begin(server) as second:  # who may be served at once, or not (chapter 8)
        second.sendall(b"\r\n")
        first.sendall(lines("GET / HTTP/1.0"))
        for client in (first, second):
            assert Response(receive_all(client)).status == 200
