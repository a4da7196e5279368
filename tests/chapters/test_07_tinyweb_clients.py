"""07-tinyweb and its clients: nobody's reply is lost, nobody stops the server, each is in the log."""

import concurrent.futures
import os
import re
import resource
import select
import subprocess

import pytest

from harness import checks, http_checks, steps
from harness.compare import identical
from harness.concurrency import begin, finish
from harness.grading import Symptom, graded
from harness.http_checks import PAGE, answers, brings, log_lines, serves
from harness.http_requests import lines, of_size, with_headers
from harness.inspect import memory, room_for
from harness.program import seconds
from harness.steps import step
from harness.talk import Response, connect, exchange, receive_all, receive_until, what_comes
from harness.users import set_limit

CHAPTER = "07-tinyweb"
MEGABYTE = 1 << 20


@pytest.fixture
def root(tmp_path):
    return http_checks.fill_webroot(tmp_path / "webroot")


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


# ---- No reply is lost

@graded(4, "Loses no answer to a reset, however much the client still sends",
        cause=[
            Symptom("only \\d+ answers", "After an answer it waits too long, with each client: what is still to come may be there "
                    "at once, and its end, too."),
            Symptom("during a long answer", "More may come while a long answer is sent: look at what is unread after it, too."),
            "To close with unread bytes makes the kernel send a reset, which destroys the answer on its way: shutdown(SHUT_WR), "
            "and read on for a moment."],
        read="The program",
        by_hand=("./tinyweb", "for i in 1 2 3 4 5; do (printf 'GET / HTTP/1.0\\r\\nContent-Length: "
                              "9000000\\r\\n\\r\\n'; head -c 9000000 /dev/zero && echo all was sent >&2) | "
                              "nc -N 127.0.0.1 8080 > answer; head -1 answer; done; rm answer"))
def test_a_large_body_does_not_cost_the_reply(root, server):
    http_checks.loses_no_reply(server, lines("POST / HTTP/1.0") + bytes(10 * MEGABYTE), 405, times=3)
    http_checks.loses_no_reply(server, lines("POST / HTTP/1.0") + bytes(200000), 405)
    http_checks.loses_no_reply(server, with_headers("Content-Length: 200000") + bytes(200000), 200)
    http_checks.loses_no_reply(server, lines("GET /%s HTTP/1.0" % ("x" * 200000)), tuple(range(400, 500)), times=20)
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


# ---- Clients that leave, or take their time

@graded(4, "Survives clients that leave in the middle",
        cause=[
            Symptom("SIGPIPE", "Sending to a client that has gone raises SIGPIPE, which ends a process that does not ignore it."),
            Symptom("should have lines", "Who leaves is no trouble of the server's: what it says of that is a line "
                    "`tinyweb: what failed: text (ESYMBOL)`, or nothing."),
            "send() and recv() fail with EPIPE or ECONNRESET when the client has gone: that ends the conversation with this client, and "
            "the next one is served."],
        read="What can go wrong",
        by_hand=("./tinyweb", "head -c 90000000 /dev/zero > webroot/large; printf 'GET /large "
                              "HTTP/1.0\\r\\n\\r\\n' | nc -N 127.0.0.1 8080 | head -1; curl -sI "
                              "http://127.0.0.1:8080/ | head -1; rm webroot/large"))
def test_survives_clients_that_reset(root, server):
    (root / "large").write_bytes(bytes(MEGABYTE))
    http_checks.survives_resets(server, "/large")
    checks.complains_of_clients_only(server)


def test_a_limit_that_cannot_be_set_is_not_told_as_recv(chapter, root, faults):
    server = chapter.serve("-p", "0", root, under=faults("setsockopt:error=ENOBUFS:when=2"))  # 1: SO_REUSEADDR
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


@graded(5, "Answers all of it under short counts, EINTR and failing accept()",
        cause=[
            Symptom("accept: ", "An accept() that fails, with EINTR or ECONNABORTED, is no reason to end: take the next client."),
            Symptom("with HTTP/1.. (4|5)\\d\\d(?s:.)*not with 200|there is no answer", "recv() may bring a part of the request, or be interrupted (EINTR) "
                    "before it brought anything: ask again."),
            Symptom("first difference|no empty line|Content-Length", "send() returns how many bytes it took, and that may be a part; or it was interrupted "
                    "(EINTR) before the first: send the rest."),
            "A call that did a part, or was interrupted (EINTR), has to be made again for the rest, and an accept() that fails is no "
            "reason to end."],
        read="The program",
        by_hand=("strace -o /dev/null -e inject=accept,recvfrom,sendto:error=EINTR:when=1+2 ./tinyweb",
                 "curl -sI --max-time 2 http://127.0.0.1:8080/; curl -s --max-time 2 http://127.0.0.1:8080/ "
                 "| wc -c"))
def test_random_faults(chapter, root, random_faults):
    (root / "large").write_bytes(b"x" * 100000)
    server = random_faults(chapter.serve, "-p", "0", root)
    for _ in range(6):
        brings(server, "/", PAGE)
        brings(server, "/large", b"x" * 100000)
        answers(server, lines("GET /missing HTTP/1.0"), 404)


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


@graded(4, "Gives up clients that take too long to ask (408), to read or to leave",
        cause=[
            Symptom("in the log", "An answer of 408 is an answer, too: it has a line in the log."),
            Symptom("the server waits for a slow request", "A time limit on each recv(), or on each line, starts again: one "
                    "deadline is for all of the request, and before each recv() you set what is left of it."),
            Symptom("slow request|answered with", "Who has not asked within 8 seconds is answered with 408, and not before: one can "
                    "type a request in 8 seconds."),
            Symptom("a client that does not read", "send() waits for a client that does not read, unless SO_SNDTIMEO "
                    "limits it.",
                    ("./tinyweb", "head -c 90000000 /dev/zero > webroot/large; curl -s http://127.0.0.1:8080/large | "
                                  "sleep 99 & sleep 0.3; curl -sI --max-time 95 http://127.0.0.1:8080/ | head -1; rm "
                                  "webroot/large")),
            Symptom("a client that pauses", "One EAGAIN after the time of SO_SNDTIMEO is not yet the end: who reads slowly, "
                    "or pauses for half a minute, gets all of the file.",
                    ("./tinyweb", "head -c 90000000 /dev/zero > webroot/large; curl -s --max-time 35 "
                                  "http://127.0.0.1:8080/large | (sleep 30; wc -c); rm webroot/large")),
            "What is still to be read after an answer may take one second in all, and 64 MiB, not one second each time: the "
            "next client waits for it."],
        read="The program",
        by_hand=("./tinyweb",
                 "(printf 'POST / HTTP/1.0\\r\\n\\r\\n'; while sleep 0.3; do echo; done) | timeout 5 nc 127.0.0.1 8080 "
                 "> log & sleep 0.3; echo behind one who stays:; curl -sI --max-time 3 http://127.0.0.1:8080/ | "
                 "head -1; echo who is slow:; (echo GET / HTTP/1.0; for i in 1 2 3 4 5 6 7 8 9; do sleep 1; echo "
                 "X:y; done) | timeout 10 nc 127.0.0.1 8080 | head -1; head -c 200000000 /dev/zero | (printf 'POST / "
                 "HTTP/1.0\\r\\n\\r\\n'; cat) | nc -N 127.0.0.1 8080 > log; echo cut off: ${PIPESTATUS[1]}; rm log"),
        limit=120)
def test_clients_that_take_too_long_are_given_up(chapter, root, hurry):
    (root / "large").write_bytes(bytes(20 * MEGABYTE))
    slow = [(b"",), (b"GET / HTTP/1.0\r\nX: ", b"x"), (b"", b"G"),
            (b"", *[b""] * 4, b"GET / HTTP/1.0\r\n", b"X: y\r\n")]
    step("where a client pauses or does not read, the program waits only a sixth of the time that it means to")
    *asking, pausing, _, leaving, swallowed = at_once(chapter, root, [
        *(({}, http_checks.given_up_after, *way) for way in slow),
        (hurry, http_checks.received_with_a_pause, lines("GET /large HTTP/1.0"), 30 * MEGABYTE),
        (hurry, http_checks.next_served_after, lines("GET /large HTTP/1.0"), b"", 95),
        ({}, http_checks.next_served_after, lines("POST / HTTP/1.0"), b"x"),
        ({}, http_checks.taken_after_the_answer, lines("POST / HTTP/1.0"))])
    for after, response in asking:
        assert response.status == 408, "a request that takes too long was answered with %s" % response.status_line
        assert 7 < after < seconds(16), "a slow request was given up after %.1f seconds" % after
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


@graded(3, "Leaks no descriptor and no memory",
        cause=[
            Symptom("memory", "What malloc() or realpath(path, NULL) gave for a client goes to free() on every way out."),
            "The file, a folder on the way to it, or the client's socket is not closed on every way out: not after an error, or after "
            "HEAD."],
        read="Your turn",
        by_hand=("./tinyweb > /dev/null & p=$!; sleep 0.3; ls /proc/$p/fd | wc -l; mkdir -p webroot/a/b; ln "
                 "-s a webroot/link; for t in / /missing /a /a/b/ /link/b/; do curl -s "
                 "http://127.0.0.1:8080$t > /dev/null; done; sleep 0.3; ls /proc/$p/fd | wc -l; before=$(awk '/^RssAnon/ {print $2}' "
                 "/proc/$p/status); for i in 1 2 3 4 5 6 7 8 9; do curl -s http://127.0.0.1:8080/{a,a/,b,c,,,,/,/../x}?[1-50] > /dev/null; done; "
                 "echo grown by $((($(awk '/^RssAnon/ {print $2}' /proc/$p/status) - before) / 500)) times 500 kB; rm -r webroot/a webroot/link; kill $p",))
def test_leaves_nothing_behind(root, server):
    (root / "link").symlink_to("sub/deep")
    visit = http_checks.visit_in_all_ways(server, "/sub/deep/file.txt", "/sub/deep/missing", "/link/file.txt")
    for _ in range(100):
        visit()
    before = memory(server.pid)
    checks.no_descriptor_leaks(server, visit, visitors=2500)
    grown = memory(server.pid) - before
    assert grown < 256 * 1024, "it takes %d KiB more memory after 2,500 clients" % (grown >> 10)
    checks.complains_of_clients_only(server)


@graded(2, "Answers 503 or waits when descriptors run out, without using the CPU",
        cause=[
            Symptom("spins", "An accept() that fails with EMFILE fails again at once: wait a moment, or it uses all of the CPU."),
            Symptom("(500|404|403) without", "EMFILE, ENFILE and ENOMEM mean 503: a moment later there may be room."),
            "Out of descriptors, accept() or openat() fails with EMFILE. It says so on stderr, and goes on."],
        read="What can go wrong",
        by_hand=("(ulimit -n 5; ./tinyweb) 2>&1 | head -30 | uniq", "p=$(pgrep -n tinyweb); for n in 1 0; do prlimit -p $p -n$(($(ls /proc/$p/fd | wc -l) + n)); curl -sI "
                 "--max-time 2 http://127.0.0.1:8080/ | head -1; done; before=$(cut -d ' ' -f 14,15 /proc/$p/stat | tr ' ' +); nc -d 127.0.0.1 8080 & sleep 1; echo busy "
                 "for $((($(cut -d ' ' -f 14,15 /proc/$p/stat | tr ' ' +) - ($before)) / 50)) half seconds; kill $!"))
def test_lack_of_descriptors(server):
    request = lines("GET / HTTP/1.0")
    brings(server, "/", PAGE)
    set_limit(server.pid, resource.RLIMIT_NOFILE, room_for(1, server.pid))
    with connect(server) as client:
        client.sendall(request)
        answered = select.select([client], [], [], seconds(1))[0]  # or it waits until there are some again
        set_limit(server.pid, resource.RLIMIT_NOFILE, None)
        status = Response(what_comes(client)).status
    assert status == 503 or (status == 200 and not answered), "%d without a descriptor for the file" % status
    set_limit(server.pid, resource.RLIMIT_NOFILE, room_for(0, server.pid))
    connect(server).close()  # this one is lucky: accept() waits for it, with a descriptor
    with connect(server) as client:
        server.wait_for_error(r"^tinyweb: .*\(EMFILE\)$")
        checks.waits_without_spinning(server.pid)
        set_limit(server.pid, resource.RLIMIT_NOFILE, None)
        client.sendall(request)
        status = Response(what_comes(client)).status
    assert status in (200, 503), "%d for a client that waited for a descriptor" % status
    brings(server, "/", PAGE)


def test_lack_of_a_descriptor_for_the_file_is_told_the_client(server):
    set_limit(server.pid, resource.RLIMIT_NOFILE, room_for(1, server.pid))
    for _ in range(20):
        answers(server, lines("GET / HTTP/1.0"), 503)
    set_limit(server.pid, resource.RLIMIT_NOFILE, None)
    serves(server, "/", PAGE)


def test_a_small_file_goes_out_in_one_call_with_its_headers(chapter, root, tool, tmp_path):
    trace = tmp_path / "trace"
    under = [tool("strace"), "-f", "-qq", "-o", str(trace), "-e", "trace=write,writev,sendto,sendmsg,sendfile"]
    if subprocess.run([*under, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("strace does not work here")
    server = chapter.serve("-p", "0", root, under=under)
    for content in (b"x" * 1024, b"x" * 8192):
        (root / "index.html").write_bytes(content)
        answer = exchange(server, lines("GET / HTTP/1.0"))
        assert Response(answer).body == content
        assert re.search(r"(write|writev|sendto|sendmsg)\(.* = %d$" % len(answer), trace.read_text(), re.MULTILINE)


# ---- The log

def escaped(line):
    """A request line as it is in the log."""
    return re.sub(r'[^ -~]|["\\]', lambda found: r"\x%02x" % ord(found.group()), line)


def with_small_digits(line):
    """A line of the log with the digits of each \\xHH in small letters, since capitals will do, too."""
    return re.sub(r"\\x[0-9A-Fa-f]{2}", lambda found: found.group().lower(), line)


@graded(4, "Writes one line to the log for each answer, which nobody can forge",
        cause=[
            Symptom("without a byte", "Who leaves without a byte has asked for nothing: recv() returns 0 at once, no answer, and no line."),
            Symptom("in vain for", "A line goes out at once, also into a pipe (setvbuf(), or one write()), and there is one for every "
                    "answer, errors included."),
            Symptom("expected: .*(x1b|x7f)", "All of the request line but plain ASCII, and the quote and the backslash, become \\xHH: a char may be signed, "
                    "so compare it as an unsigned char. DEL, 0x7f, is no plain ASCII."),
            Symptom("cut", "The line in the log may be cut after some 1,000 characters, and not long before."),
            Symptom("crashed|killed by", "A line that is too long for the buffer is cut: each byte may become four."),
            Symptom("client that left", "BYTES are those that were sent, not those that the file has: count what you handed to send()."),
            Symptom("too long to be kept", "The request line is in the log as far as it came, also where it was too long."),
            "The line is `ADDRESS port PORT \"REQUEST LINE\" STATUS BYTES`: the client's address and port, ntohs() of it, the line as it came, and the bytes of the "
            "body."],
        read="The program",
        by_hand=("./tinyweb | cat", "curl -sI http://127.0.0.1:8080/; printf 'GET /\\033[31m\\377\\177\\\\\" 200 "
                                    "1 HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 8080; nc -N 127.0.0.1 8080 < "
                                    "/dev/null; curl -sI http://127.0.0.1:8080/?$(printf %05000d 0); curl -sI http://127.0.0.1:8080/$(printf %09000d 0); head -c 90000000 "
                                    "/dev/zero > webroot/large; curl -s http://127.0.0.1:8080/large | head -c 9; rm webroot/large; sleep 0.2"))
def test_logs_each_request(root, server):
    asked = ["GET / HTTP/1.0", "HEAD /sub/ HTTP/1.0", "GET /sub HTTP/1.0", "what?", "GET /a%20b.txt HTTP/1.1", "GET /missing HTTP/1.0",
             "POST / HTTP/1.0", 'GET /\x1b[31m\xff\x7f~\\" 200 1 HTTP/1.0', "GET /" + "x" * 900 + " HTTP/1.0"]
    assert exchange(server, b"") == b"", "a client that left without a byte was answered"
    for number, line in enumerate(asked, 1):
        with connect(server) as client:  # while it stays, a server that has said an error waits for its end
            port = client.getsockname()[1]
            client.sendall(lines(line))
            response = Response(what_comes(client))
        logged = with_small_digits(log_lines(server, number)[-1].group())
        assert len(line) < 900 or "x" * 850 in logged, "a request line of 900 bytes is cut in the log:\n" + logged
        assert logged == '127.0.0.1 port %d "%s" %d %d' % (port, escaped(line), response.status, len(response.body))
    answers(server, lines("GET /?%s HTTP/1.0" % ("x" * 5000)), tuple(range(200, 600)))
    answers(server, lines("GET /?%s HTTP/1.0" % ("x" * 9000)), tuple(range(200, 600)))
    for row in log_lines(server, len(asked) + 2)[-2:]:
        assert row["line"].startswith("GET /?xxx"), "a request line that is too long to be kept is in the log as %r" % row["line"]
    (root / "large").write_bytes(bytes(30 * MEGABYTE))
    with http_checks.connect_narrow(server) as client:
        client.sendall(lines("GET /large HTTP/1.0"))
        receive_until(client, b"\r\n\r\n")
        client.reset()
    *_, row = log_lines(server, len(asked) + 3)
    assert int(row["bytes"]) < 30 * MEGABYTE, "a client that left got %s bytes, says the log: all of the file" % row["bytes"]


@pytest.mark.parametrize("text,escaped", [
    ("\x1b[31mred", r"\x1b[31mred"), ("\x7f", r"\x7f"), ("\xff\xfe", r"\xff\xfe"), ("a\rb", r"a\x0db"), ("\x01", r"\x01"),
    ("\x9b2j", r"\x9b2j"), ("\\x1b", r"\x5cx1b"), ('" 200 1', r"\x22 200 1"), ("x" * 500, "x" * 500),
    ('\r127.0.0.1 port 1 "GET / HTTP/1.0" 200 1', r"\x0d127.0.0.1 port 1 \x22GET / HTTP/1.0\x22 200 1"),
], ids=repr)
def test_what_a_client_sends_cannot_forge_the_log(server, text, escaped):
    exchange(server, lines("GET /%s HTTP/1.0" % text))
    logged, = log_lines(server, 1)
    assert logged["line"].lower() == "get /%s http/1.0" % escaped.lower()
    exchange(server, lines("GET / HTTP/1.0"))
    assert log_lines(server, 2)[1]["line"] == "GET / HTTP/1.0"
    assert server.output.count("\n") == 3
    assert re.fullmatch(rb"[\n -~]*", server.stdout), "bytes that steer a terminal"


@pytest.mark.parametrize("byte", [b"\0", b"x", b"\x1b", b'"'])
def test_a_long_request_is_one_line_of_the_log(server, byte):
    exchange(server, b"GET /" + byte * 100000)
    logged, = log_lines(server, 1)
    wrong = ("414", "400") if byte < b" " else ("414",)  # too long, and with what no request line may have
    assert logged["line"].startswith("GET /") and logged["status"] in wrong
    exchange(server, lines("GET / HTTP/1.0"))
    assert log_lines(server, 2)[1]["status"] == "200"
