"""07-tinyweb and requests, good and bad: each gets the status that it deserves."""

import filecmp
import os
import re
import socket
import subprocess

import pytest

from harness import http_checks
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.http_checks import FILES, PAGE, answers, brings, log_lines, refuses
from harness.http_requests import ACCEPTED, AMBIGUOUS, REFUSED_BY_STRICT_READERS, lines, with_headers
from harness.inspect import unread
from harness.program import wait_until
from harness.steps import show
from harness.talk import Response, connect, exchange, get, receive_all, what_comes

CHAPTER = "07-tinyweb"
MEGABYTE = 1 << 20


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


# Words in the names of REFUSED, where it is not the form of the request line that is wrong
IN_HEADERS = "header|Host|[Ll]ength|chunks|coding|name|colon"
IN_TARGET = "in the target|slash|URL without|asterisk"
IN_AN_ESCAPE = "escape|digit|%"


@graded(4, "Answers 400 to a request line that is not HTTP", step=8,
        cause=[
            Symptom("and then the end", "A request ends with its empty line. If the client has ended its "
                    "side before, recv() returns 0, and the answer is 400."),
            Symptom("^(an? )?(empty target|no target|no method|a? ?space first|a? ?space at|"
                    "two spaces|no version|words|tab for)|^an? (space|empty target)|^a tab for",
                    "The line is METHOD target HTTP/D.D, with exactly one space between each, and none "
                    "elsewhere: strtok() and sscanf() forgive more."),
            Symptom("NUL|garbage", "A NUL byte ends a C string early: what was received is longer than "
                    "strlen() says. Nothing that has one is HTTP."),
            Symptom("version|CR at the end", "The version is HTTP/, a digit, a dot, a digit, in capitals, "
                    "and then the line ends. Compare all of it."),
            Symptom("method", "A method is made of the characters that a header's name may have; any other "
                    "makes the line wrong."),
            "What has not the form METHOD target HTTP/D.D is 400, whatever it may mean."],
        read="Your turn",
        by_hand=("./tinyweb",
                 "for r in 'GET /' 'GET  / HTTP/1.0' ' GET / HTTP/1.0' 'GET / HTTP/1.0 ' 'GET / HTTP/1.0x' "
                 "$'GET / HTTP/1.0\\r\\r' 'G@T / HTTP/1.0'; do echo \"$r\" | cat -A; echo \"$r\"$'\\n' | "
                 "nc 127.0.0.1 8080 | head -1; done; for r in 'GET /index.html\\0 HTTP/1.0' 'GET / "
                 "HTTP/1.0\\0'; do printf \"$r\\n\\n\" | nc 127.0.0.1 8080 | head -1; done; echo and an "
                 "end too soon; for r in 'GET / HT' $'GET / HTTP/1.0\\n'; do printf \"$r\" | nc -N "
                 "127.0.0.1 8080 | head -1; done"))
def test_answers_400_to_what_is_not_http(server):
    elsewhere = "|".join([IN_HEADERS, IN_TARGET, IN_AN_ESCAPE])
    refuses(server, 400, which=lambda name: not re.search(elsewhere, name))
    for half in (b"GET / HT", b"GET / HTTP/1.0\r\n", b"GET / HTTP/1.0\r\nX: y\r\n"):
        answer = exchange(server, half)
        assert answer, "%s and then the end was answered without a byte, and not with 400" % show(half)
        response = Response(answer)
        assert response.status == 400, "%s and then the end was answered with %s, and not with 400" % (
            show(half), response.status_line)


@graded(4, "Answers 405, 414, 501 and 505 where they belong", step=8,
        cause=[
            Symptom("header Allow", "405 comes with the header Allow: GET, HEAD."),
            Symptom("not with 505", "The version decides before the method: what is not HTTP/1.x is 505, "
                    "whatever it asks for."),
            Symptom("not with 501", "A method that is none of those in the contract is 501. Its case "
                    "counts, and all of its letters."),
            Symptom("not with 405", "POST, PUT, DELETE, CONNECT, OPTIONS, TRACE and PATCH are methods that "
                    "we know and do not serve: 405."),
            "A request line of more than 8,191 bytes is answered with 414, as soon as the buffer is full."],
        read="What can go wrong",
        by_hand=("./tinyweb",
                 "for r in 'POST / HTTP/1.0' 'PATCH / HTTP/1.0' 'get / HTTP/1.0' 'POSTS / HTTP/1.0' 'POST "
                 "/ HTTP/2.0'; do echo \"$r\" | head -1; echo \"$r\"$'\\n' | nc 127.0.0.1 8080 | grep -aE "
                 "'HTTP/|Allow'; done; curl -si http://127.0.0.1:8080/$(printf %09000d 0) | head -1"))
def test_refuses_methods_versions_and_excess(server):
    refuses(server, 405, 414, 501, 505)


@graded(4, "Decodes %XX once, and refuses a bad escape and %00", step=9,
        cause=[
            Symptom("/%2561", "%XX is decoded once: %25 is a percent sign, and what follows it stays as it "
                    "is."),
            Symptom("%00", "%00 would end the name early, since C's strings end there: it is 400."),
            Symptom("not with 400", "A % without two hexadecimal digits behind it is a mistake of the "
                    "client's: 400."),
            Symptom("expected: 'Location", "Location has the path as it came, and not decoded."),
            Symptom("not with 301", "A folder is redirected, with 301, also where its name has a %XX."),
            Symptom("/%3f|/%3F", "The query begins at a ? that came as such: cut it off before you decode, "
                    "for %3f belongs to the name."),
            Symptom("%69|%C3", "The digits of %XX are hexadecimal, with small letters or capitals, and the "
                    "byte may be above 127."),
            "%XX in the path stands for the byte with this hexadecimal number: %20 is a space."],
        read="The program",
        by_hand=("./tinyweb",
                 "cd webroot; mkdir -p sub; for f in %61 'a b' '?' '<'; do echo the file $f > \"$f\"; "
                 "done; for t in /a%20b /%69ndex%2Ehtml /%2561 /%3f?x /%3C /%3c /%zz /%6 /%00 "
                 "/index.html%00; do echo $t; curl -s --path-as-is http://127.0.0.1:8080$t | sed -n 1,3p; "
                 "done; curl -sI http://127.0.0.1:8080/s%75b | grep Location; rm -r %61 'a b' '?' '<' sub"))
@pytest.mark.parametrize("target,wanted", [
    ("/a%20b.txt", "a b.txt"), ("/%61", "a"), ("/%69ndex%2Ehtml", "index.html"), ("/gr%C3%BCn.txt",
                                                                                  "gr\u00fcn.txt"),
    ("/gr%c3%bcn.txt", "gr\u00fcn.txt"), ("/%3f.txt", "?.txt"), ("/%2561", "%61"),
    ("/%zz", 400), ("/%6g", 400), ("/%+6", 400), ("/%6", 400), ("/%", 400), ("/%6?1", 400), ("/%%36%31", 400),
    ("/index.html%00", 400), ("/index.html%00.txt", 400), ("/s%75b", "Location"),
])
def test_decodes_once(server, target, wanted):
    if wanted == "Location":
        http_checks.redirects(server, target, target + "/")
    elif isinstance(wanted, int):
        answers(server, lines("GET %s HTTP/1.0" % target), wanted)
    else:
        brings(server, target, FILES[wanted])


@graded(2, "Answers 400 to a target that is neither a path nor http://host", step=9,
        cause=[
            Symptom("in the target", "A space or a control character (below 32, and 127) may not stand in "
                    "the target."),
            "The target begins with / or is http://host: anything else is 400."],
        read="The program",
        by_hand=("./tinyweb",
                 "for r in 'GET /a b HTTP/1.0' $'GET /\\177 HTTP/1.0' 'GET a HTTP/1.0' 'GET * HTTP/1.0' "
                 "'GET http:/// HTTP/1.0'; do echo \"$r\" | cat -A; echo \"$r\"$'\\n' | nc 127.0.0.1 8080 "
                 "| head -1; done"))
def test_answers_400_to_a_target_that_is_none(server):
    refuses(server, 400, which=lambda name: re.search(IN_TARGET, name))


@graded(4, "Answers 400 to headers that are not HTTP, or contradict each other", step=10,
        cause=[
            Symptom("^NUL", "A NUL byte ends a C string early: what was received is longer than strlen() "
                    "says."),
            Symptom("^HTTP/1.1 without Host", "HTTP/1.1 to 1.9 need a line Host."),
            Symptom("^two Hosts", "Two lines Host are one too many: nobody can tell which one counts."),
            Symptom("^a Host", "Host is a name or an address, and perhaps a port: no space, and none of "
                    "/?#@."),
            Symptom("^(a|an empty|two|chunks).*(Content-Length|chunks)", "A Content-Length is digits and "
                    "nothing else (not what atoi() or strtol() takes), its name in any case, and it comes "
                    "once, and not beside a Transfer-Encoding: or two readers see two requests."),
            Symptom("folded|before the first", "A line that begins with a blank was once a part of the one "
                    "before it: today it is 400."),
            Symptom("(CR|ESC) in", "No control character but the tab may stand in a header."),
            "A header is a name of the allowed characters, right up to the colon, then its value: without "
            "a name or a colon, or with a space before it, it is 400."],
        read="Your turn",
        by_hand=("./tinyweb",
                 "for r in $'GET / HTTP/1.0\\nX : y' $'GET / HTTP/1.0\\nX' $'GET / HTTP/1.0\\nX: \\x1b' "
                 "$'GET / HTTP/1.0\\nX: y\\n z' $'GET / HTTP/1.1\\nHost: a\\nHost: b' 'GET / HTTP/1.1' "
                 "$'GET / HTTP/1.0\\nHost: a b' $'GET / HTTP/1.0\\ncontent-length: ten' $'GET / "
                 "HTTP/1.0\\nContent-Length: 1\\nContent-Length: 2' $'GET / HTTP/1.0\\nContent-Length: "
                 "1\\nTransfer-Encoding: chunked'; do echo \"$r\" | cat -A; echo \"$r\"$'\\n' | nc "
                 "127.0.0.1 8080 | head -1; done; printf 'GET / HTTP/1.0\\nX: a\\0b\\n\\n' | nc 127.0.0.1 "
                 "8080 | head -1"))
def test_answers_400_to_headers_that_are_not_http(server):
    refuses(server, 400, which=lambda name: re.search(IN_HEADERS, name))


@graded(2, "Answers 431 to a header that is too long, and to the 101st", step=10,
        cause=[
            Symptom("a header", "A header line of more than 8,191 bytes is answered with 431, as soon as "
                    "the buffer is full."),
            "The 101st header is answered with 431: count them, and keep no more than one."],
        read="What can go wrong",
        by_hand=("./tinyweb",
                 "(echo GET / HTTP/1.0; yes X:y | head -101; echo) | nc 127.0.0.1 8080 | head -1; curl -si "
                 "-H \"X: $(printf %09000d 0)\" http://127.0.0.1:8080/ | head -1"))
def test_refuses_too_much_of_headers(server):
    refuses(server, 431)


@graded(4, "Accepts every form of request that the contract allows", step=10,
        cause=[
            Symptom("in pieces", "A request may come in any pieces, also in the middle of a line: recv() "
                    "again until the empty line has come.",
                    by_hand=("./tinyweb",
                             "(printf 'GET / HT'; sleep 0.2; printf 'TP/1.0\\r'; sleep 0.2; printf "
                             "'\\n\\r\\n') | nc 127.0.0.1 8080 | head -1")),
            Symptom("^lines end|^some lines end|^a bare LF first", "A bare LF ends a line as CR LF does."),
            Symptom("^an empty line first", "One empty line before the request is forgiven."),
            Symptom("^(a|the) URL.*: ", "http://host/path, with http in any case, is /path on this host, and /, "
                    "where there is no path."),
            Symptom(r"^(a .* of 819\d|100 headers).*: ", "A line may have 8,191 bytes with its end, and there "
                    "may be 100 headers.",
                    by_hand=("./tinyweb",
                             "curl -sI http://127.0.0.1:8080/?$(printf %08170d 0) | head -1; curl -sI -H "
                             "\"X: $(printf %08180d 0)\" http://127.0.0.1:8080/ | head -1; (echo GET / "
                             "HTTP/1.0; yes X:y | head -100; echo) | nc 127.0.0.1 8080 | head -1")),
            Symptom("^(Host|header|tabs|high|HTTP/1.0 with).*: ", "A header's name is compared whatever its case, strcasecmp(), and "
                    "its value may be empty, without a blank before it, or with bytes above 127."),
            Symptom("not one answer|body|request behind", "What comes behind the empty line is not for us: "
                    "no second answer."),
            "A form that the contract allows is refused: see which one was sent."],
        read="Your turn",
        by_hand=("./tinyweb",
                 "for r in $'\\nGET / HTTP/1.0' $'GET / HTTP/1.1\\nhOST:x' 'GET HTTP://x HTTP/1.0' $'GET / "
                 "HTTP/1.0\\n\\nGET / HTTP/1.0'; do echo \"$r\"; echo \"$r\"$'\\n' | nc 127.0.0.1 8080 | "
                 "grep -a HTTP/; done"))
def test_accepts(server):
    pieces = b"GET / HT", b"TP/1.0\r", b"\nX: y\r\n\r", b"\n"
    answers(server, b"".join(pieces), 200, name="a request of two lines")
    with connect(server) as client:
        for piece in pieces:
            client.sendall(piece)
            wait_until(lambda: unread(client) == 0, what="the server to receive what was sent")
        status = Response(what_comes(client)).status
    assert status == 200, "a request in pieces was answered with %d" % status
    for name, (status, request) in ACCEPTED.items():  # the query is for another check
        if not name.startswith("a query"):
            wanted = (status, 404) if b"?" in request else status
            response = answers(server, request, wanted, name=name)
            identical(response.body, PAGE if response.status == status else response.body)
    answers(server, with_headers("Content-Length: 5") + b"hello", 200, name="a body")
    answers(server, lines("GET / HTTP/1.0") * 2, 200, name="a request behind the request")


def test_reads_strictly(server):
    for request in REFUSED_BY_STRICT_READERS.values():
        answers(server, request, 400)
    response = Response(exchange(server, b"\0GET / HT"))
    assert response.status == 400, "a NUL byte and then the end was answered with %s" % response.status_line


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_answers_once_and_closes(server, name):
    data = exchange(server, AMBIGUOUS[name] + lines("GET /sub/ HTTP/1.0"))
    assert Response(data).status in (200, 400, 405, 411, 417, 501)
    http_checks.answered_once(data)
    assert FILES["sub/index.html"] not in data
    assert len(log_lines(server, 1)) == 1


def test_a_request_may_come_a_byte_at_a_time(server):
    request = with_headers("User-Agent: a person who types", "Accept: */*")
    with connect(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            client.sendall(bytes([byte]))
        assert http_checks.is_well_formed(receive_all(client)).body == PAGE


def test_a_request_that_ends_half_way_is_not_served(server):
    request = with_headers()
    assert exchange(server, b"") == b""
    for length in range(1, len(request) - 1):
        assert Response(exchange(server, request[:length])).status == 400
    assert Response(exchange(server, b"\r\n" + request[:length])).status == 400
    assert Response(exchange(server, b"\r\n")).status == 400
    assert get(server, "/").body == PAGE
    logged = log_lines(server, len(request) + 1)
    assert len(logged) == len(request) + 1, "who asks for nothing is not in the log"


# ---- Real clients

@pytest.mark.parametrize("name,options", [("curl", ["-sSfL"]), ("wget", ["-qO-"])])
def test_downloads(chapter, root, server, tool, tmp_path, name, options):
    (root / "large").write_bytes(os.urandom(MEGABYTE) * 50)
    url = "http://127.0.0.1:%d/" % server.port
    client = chapter.start_other([tool(name), *options, url + "sub", url])  # by way of a 301
    assert client.wait() == 0
    identical(client.stdout, FILES["sub/index.html"] + PAGE)
    with open(str(tmp_path / "copy"), "wb") as copy:
        assert subprocess.run([tool(name), *options, url + "large"], stdout=copy).returncode == 0
    assert filecmp.cmp(str(root / "large"), str(tmp_path / "copy"), shallow=False)


@pytest.mark.parametrize("options,status", [(["-I"], 200), (["-T", "large"], 405), (["-d", "@large"], 405)])
def test_curl_asks_for_more_than_files(chapter, root, server, tool, options, status):
    (root / "large").write_bytes(bytes(5 * MEGABYTE))
    client = chapter.start_other([tool("curl"), "-sS", "-w", "%{http_code}", *options,
                                  "http://127.0.0.1:%d/" % server.port], cwd=str(root))
    assert client.wait() == 0, client.stderr
    assert client.output.endswith(str(status))


@pytest.mark.parametrize("name", ["nc", "telnet"])
def test_a_request_typed_by_hand(chapter, server, tool, name):
    client = chapter.start_other([tool(name), "127.0.0.1", str(server.port)], stdin=subprocess.PIPE)
    client.process.stdin.write(b"GET / HTTP/1.0\n\n")
    client.process.stdin.flush()
    client.wait_for_output(r"^HTTP/1\.[01] 200 OK\r?$")
    client.wait_for_output(re.escape(PAGE.decode()))
    client.process.stdin.close()
    client.wait()
