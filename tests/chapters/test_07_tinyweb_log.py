"""07-tinyweb, its log, and what it takes of the system: no descriptor for ever, no more memory."""

import re
import resource
import select
import subprocess

import pytest

from harness import checks, http_checks
from harness.grading import Symptom, graded
from harness.http_checks import PAGE, answers, brings, log_lines, serves
from harness.http_requests import lines
from harness.inspect import memory, room_for
from harness.program import seconds
from harness.talk import Response, connect, exchange, receive_until, what_comes
from harness.users import set_limit

CHAPTER = "07-tinyweb"
MEGABYTE = 1 << 20


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


# ---- The log

def escaped(line):
    """A request line as it is in the log."""
    return re.sub(r'[^ -~]|["\\]', lambda found: r"\x%02x" % ord(found.group()), line)


def with_small_digits(line):
    """A line of the log with the digits of each \\xHH in small letters, since capitals will do, too."""
    return re.sub(r"\\x[0-9A-Fa-f]{2}", lambda found: found.group().lower(), line)


@graded(4, "Writes one line to the log for each answer, which nobody can forge", step=5,
        cause=[
            Symptom("without a byte", "Who leaves without a byte has asked for nothing: recv() returns 0 "
                    "at once, no answer, and no line."),
            Symptom(r"crashed|killed by|sends 9\d\d bytes: 'GET /xxx.*\n(.*\n)*.*in vain for",
                    "A line that is too long for the buffer is cut: each byte may become four."),
            Symptom("in vain for", "A line goes out at once, also into a pipe (setvbuf(), or one write()), "
                    "and there is one for every answer, errors included."),
            Symptom(r'expected: .*(x1b|x7f)|^127.*" 200 1 HTTP', "All of the request line but plain ASCII, and the quote and "
                    "the backslash, become \\xHH: a char may be signed, so compare it as an unsigned char. "
                    "DEL, 0x7f, is no plain ASCII."),
            Symptom("cut", "The line may be cut after some 1,000 characters, and not long before."),
            Symptom("got: .*HEAD .* 200 [1-9]", "BYTES are those of the body that were sent: 0 for HEAD.",
                    by_hand=("./tinyweb | cat", "curl -sI http://127.0.0.1:8080/ | head -1; sleep 0.2")),
            Symptom("client that left", "BYTES are those that were sent, not those that the file has: "
                    "count what you handed to send().",
                    by_hand=("./tinyweb | sed -u 's/200 90000000$/all of it/; s/200 [0-9]*$/a part/'",
                             "head -c 90000000 /dev/zero > webroot/large; curl -s "
                             "http://127.0.0.1:8080/large | head -c 9 > /dev/null; rm webroot/large; sleep "
                             "0.2")),
            Symptom("too long to be kept", "The request line is in the log as far as it came, also where "
                    "it was too long."),
            "The line is `ADDRESS port PORT \"REQUEST LINE\" STATUS BYTES`: the client's address and port, "
            "ntohs() of it, the line as it came, and the bytes of the body."],
        read="The program",
        by_hand=("./tinyweb | cat",
                 "curl -sI http://127.0.0.1:8080/; printf 'GET /\\033[31m\\377\\177\\\\\" 200 1 "
                 "HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 8080; nc -N 127.0.0.1 8080 < /dev/null; curl -sI "
                 "http://127.0.0.1:8080/?$(printf %05000d 0); curl -sI http://127.0.0.1:8080/$(printf "
                 "%09000d 0); sleep 0.2"))
def test_logs_each_request(root, server):
    asked = ["GET / HTTP/1.0", "HEAD /sub/ HTTP/1.0", "GET /sub HTTP/1.0", "what?",
             "GET /a%20b.txt HTTP/1.1", "GET /missing HTTP/1.0", "POST / HTTP/1.0",
             'GET /\x1b[31m\xff\x7f~\\" 200 1 HTTP/1.0', "GET /" + "x" * 900 + " HTTP/1.0"]
    assert exchange(server, b"") == b"", "a client that left without a byte was answered"
    for number, line in enumerate(asked, 1):
        with connect(server) as client:  # while it stays, a server that has said an error waits for its end
            port = client.getsockname()[1]
            client.sendall(lines(line))
            response = Response(what_comes(client))
        logged = with_small_digits(log_lines(server, number)[-1].group())
        assert len(line) < 900 or "x" * 850 in logged, "a line of 900 bytes is cut in the log:\n" + logged
        assert logged == '127.0.0.1 port %d "%s" %d %d' % (
            port, escaped(line), response.status, len(response.body))
    answers(server, lines("GET /?%s HTTP/1.0" % ("x" * 5000)), tuple(range(200, 600)))
    request = lines("GET /?%s HTTP/1.0" % ("x" * 9000))
    long = 2 if http_checks.what_is_answered(server, request) else 1  # another check asks for 414
    for row in log_lines(server, len(asked) + long)[-long:]:
        assert row["line"].startswith("GET /?xxx"), (
            "a request line that is too long to be kept is in the log as %r" % row["line"])
    (root / "large").write_bytes(bytes(30 * MEGABYTE))
    with http_checks.connect_narrow(server) as client:
        client.sendall(lines("GET /large HTTP/1.0"))
        receive_until(client, b"\r\n\r\n")
        client.reset()
    *_, row = log_lines(server, len(asked) + long + 1)
    assert int(row["bytes"]) < 30 * MEGABYTE, (
        "a client that left got %s bytes, says the log: all of the file" % row["bytes"])


@pytest.mark.parametrize("text,escaped", [
    ("\x1b[31mred", r"\x1b[31mred"), ("\x7f", r"\x7f"), ("\xff\xfe", r"\xff\xfe"), ("a\rb", r"a\x0db"),
    ("\x01", r"\x01"), ("\x9b2j", r"\x9b2j"), ("\\x1b", r"\x5cx1b"), ('" 200 1', r"\x22 200 1"),
    ("x" * 500, "x" * 500),
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


# ---- Descriptors, memory, calls

@graded(3, "Leaks no descriptor and no memory", step=5,
        cause=[
            Symptom("memory", "What malloc() or realpath(path, NULL) gave for a client goes to free() on "
                    "every way out."),
            "The file, a folder on the way to it, or the client's socket is not closed on every way out: "
            "not after an error, or after HEAD."],
        read="Your turn",
        by_hand=("./tinyweb > /dev/null & p=$!; sleep 0.3; ls /proc/$p/fd | wc -l; mkdir -p webroot/a/b; "
                 "ln -s a webroot/link; for t in / /missing /a /a/b/ /link/b/; do curl -s "
                 "http://127.0.0.1:8080$t > /dev/null; done; sleep 0.3; ls /proc/$p/fd | wc -l; "
                 "before=$(awk '/^RssAnon/ {print $2}' /proc/$p/status); for i in 1 2 3 4 5 6 7 8 9; do "
                 "curl -s http://127.0.0.1:8080/{a,a/,b,c,,,,/,/../x}?[1-50] > /dev/null; done; echo grown "
                 "by $((($(awk '/^RssAnon/ {print $2}' /proc/$p/status) - before) / 500)) times 500 kB; rm "
                 "-r webroot/a webroot/link; kill $p",))
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


@graded(2, "Answers 503 or waits when descriptors run out, without using the CPU", step=13,
        cause=[
            Symptom("spins", "An accept() that fails with EMFILE fails again at once: wait a moment, or it "
                    "uses all of the CPU."),
            Symptom("(500|404|403) without", "EMFILE, ENFILE and ENOMEM mean 503: a moment later there may "
                    "be room."),
            "Out of descriptors, accept() or openat() fails with EMFILE. It says so on stderr, and goes on."],
        read="What can go wrong",
        by_hand=("(ulimit -Sn 5; ./tinyweb) 2>&1 | head -30 | uniq",
                 "p=$(pgrep -n tinyweb); for n in 1 0; do prlimit -p $p -n$(($(ls /proc/$p/fd | wc -l) + "
                 "n)); curl -sI --max-time 2 http://127.0.0.1:8080/ | head -1; done; before=$(cut -d ' ' "
                 "-f 14,15 /proc/$p/stat | tr ' ' +); nc -d 127.0.0.1 8080 & sleep 1; echo busy for "
                 "$((($(cut -d ' ' -f 14,15 /proc/$p/stat | tr ' ' +) - ($before)) / 50)) half seconds; "
                 "kill $!"))
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
    under = [tool("strace"), "-f", "-qq", "-o", str(trace), "-e",
             "trace=write,writev,sendto,sendmsg,sendfile"]
    if subprocess.run([*under, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("strace does not work here")
    server = chapter.serve("-p", "0", root, under=under)
    for content in (b"x" * 1024, b"x" * 8192):
        (root / "index.html").write_bytes(content)
        answer = exchange(server, lines("GET / HTTP/1.0"))
        assert Response(answer).body == content
        sent = r"(write|writev|sendto|sendmsg)\(.* = %d$" % len(answer)
        assert re.search(sent, trace.read_text(), re.MULTILINE)
