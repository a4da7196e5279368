"""07-tinyweb: serves the files of one folder by HTTP/1.0, and nothing else."""

import calendar
import contextlib
import datetime
import email.utils
import filecmp
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading

import pytest

from harness import checks, http_checks, steps
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.http_checks import FILES, PAGE, answers, brings, log_lines, serves
from harness.http_requests import (ACCEPTED, AMBIGUOUS, REFUSED, REFUSED_BY_STRICT_READERS, lines,
                                   with_headers)
from harness.inspect import memory, unread
from harness.program import wait_until
from harness.steps import show
from harness.talk import Response, connect, exchange, get, receive, receive_all, receive_until, what_comes
from harness.users import PublicFolder, ordinary_user

CHAPTER = "07-tinyweb"
MEGABYTE = 1 << 20


@pytest.fixture
def root(tmp_path):
    return http_checks.fill_webroot(tmp_path / "webroot")


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


# ---- What is served

@graded(6, "Starts, and serves a page with GET",
        cause=[
            Symptom("no empty line ends", "The head ends with an empty line, and each of its lines with \\r\\n: the file begins "
                    "behind \\r\\n\\r\\n."),
            Symptom("waits in vain|timed out|408 Request", "The client sees the end when the connection is closed: close() comes after the answer. "
                    "If nothing comes at all, the server may wait for what it has already: start_reader() is for each "
                    "client, not for each line."),
            Symptom("there is no answer", "After the empty line of the request comes the answer, and then close(): it closes "
                    "without a byte."),
            Symptom("not a status line", "The answer begins with `HTTP/1.0 200 OK`."),
            "The answer is a status line, headers, an empty line and the file, with \\r\\n at the end of each line of its head; "
            "then the connection is closed."],
        read="The idea",
        by_hand=("./tinyweb", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 1 nc 127.0.0.1 8080 > answer; "
                              "echo exit status $?; head -9 answer | cat -A; rm answer"))
def test_serves_a_page(server):
    brings(server, "/", PAGE)


@graded(3, "Says where it listens: 127.0.0.1, or the ADDRESS of -a",
        cause=[
            Symptom("has not said so", "The line is written before the first accept(), and goes out at once, also into a pipe: "
                    "setvbuf(stdout, NULL, _IOLBF, BUFSIZ) comes before all output.",
                    by_hand=("timeout 1 ./tinyweb -p 0 | sed 's/port .*/port PORT/'",)),
            Symptom("127.0.0.1 only", "INADDR_ANY lets the whole network in: by default it binds 127.0.0.1.",
                    by_hand=("./tinyweb -p 8081", "ss -tln | grep -o '[^ ]*:8081 '")),
            Symptom("::1", "-a ADDRESS takes IPv4 or IPv6: socket() and bind() get the family and the length that belong to "
                    "it.", by_hand=("./tinyweb -a ::1", "curl -sI 'http://[::1]:8080/' | head -1")),
            "The first line is `listening on ADDRESS port PORT`, with what getsockname() says."],
        read="Your turn",
        by_hand=("timeout 1 ./tinyweb -p 8081; ./tinyweb -p 8082", "ss -tln | grep -o '[^ ]*:8082 '"))
def test_says_where_it_listens(chapter, root, server):
    checks.says_where_it_listens(server)
    if sys.platform == "linux":
        checks.listens_on_loopback_only(server)
    with contextlib.suppress(pytest.skip.Exception):
        checks.needs_ipv6()
        server = chapter.serve("-a", "::1", "-p", "0", root)
        assert server.address == "::1", "with -a ::1 it listens on %s" % server.address
        brings(server, "/", PAGE)


@graded(5, "Puts the same headers into every answer, errors included",
        cause=[
            Symptom(r"\d\d\d is not", "Each status has its REASON, the words of the lesson's table."),
            Symptom("not HTTP/1.0", "The status line says HTTP/1.0, whatever HTTP/1.x was asked with: it is what we speak."),
            Symptom("no header Content-Length|expected: 'Content-Length: 0'", "Content-Length is in every answer: also where it is 0, as "
                    "for an empty file."),
            Symptom("no header", "A header is missing, in this answer at least: one function that writes the head of every "
                    "answer cannot forget one."),
            Symptom("expected: 'Content-Length", "Content-Length counts the bytes of the body, and nothing else."),
            Symptom(r"not a date|got: +'Last-Modified: (?!\w{3}, \d\d \w{3} \d{4} )", "A date is as long everywhere, Sun, 06 Nov 1994 "
                    "08:49:37 GMT: three letters, two digits. strftime() makes it, without a table of your own."),
            Symptom("Date does not tell|expected: 'Last-Modified", "Dates are in GMT wherever the server is (TZ): gmtime_r(), and "
                    "not localtime_r(). Last-Modified is st_mtime."),
            Symptom("Content-Type is empty", "Content-Type says what the body is: an error's page is HTML."),
            "A header is misspelt, or has a wrong value."],
        read="Your turn",
        by_hand=("TZ=XYZ-5:30 ./tinyweb", "touch -d 1994-11-06T22:00Z webroot/old; touch -d 1994-09-06T22:00Z webroot/sep; curl -sI "
                                          "http://127.0.0.1:8080/ http://127.0.0.1:8080/old; curl -si "
                                          "http://127.0.0.1:8080/missing; echo and dates, 06 Nov and 06 Sep:; curl -sI "
                                          "http://127.0.0.1:8080/old http://127.0.0.1:8080/sep | grep -o '.. \\(Nov\\|Sep\\).*'; rm "
                                          "webroot/old webroot/sep"))
def test_every_answer_has_the_headers(chapter, root):
    server = chapter.serve("-p", "0", root, env={**os.environ, "TZ": "XYZ-5:30"})
    for line in ("GET / HTTP/1.0", "GET /sub HTTP/1.0", "GET /missing HTTP/1.0", "GET /.. HTTP/1.0", "what?",
                 "POST / HTTP/1.0", "BREW / HTTP/1.0", "GET / HTTP/2.0", "GET /empty.txt HTTP/1.0", "GET /%s HTTP/1.0" % ("x" * 9000),
                 "GET / HTTP/1.0\r\nX: %s" % ("x" * 9000)):
        with connect(server) as client:
            client.sendall(lines(line))
            http_checks.is_well_formed(what_comes(client))
    http_checks.has_header(get(server, "/"), "Last-Modified", http_checks.MODIFIED)
    for month in range(1, 13):
        when = (2023, month, 5, 23, 59, 8)
        os.utime(str(root / "a"), (calendar.timegm(when), calendar.timegm(when)))
        http_checks.has_header(get(server, "/a"), "Last-Modified", email.utils.format_datetime(
            datetime.datetime(*when, tzinfo=datetime.timezone.utc), usegmt=True))


def test_no_page_was_modified_in_the_future(server, root):
    os.utime(root / "index.html", (2**31, 2**31))
    response = get(server, "/")
    assert response.headers["last-modified"] == response.headers["date"]


@pytest.mark.parametrize("when", [-100000000000, -40000000000], ids=["the year -1199", "the year 702"])
def test_a_year_that_http_cannot_tell_is_left_out(chapter, when):
    shm = "/dev/shm"  # where other file systems begin with 1901
    with tempfile.TemporaryDirectory(dir=shm if os.path.isdir(shm) else None) as root:
        os.chmod(root, 0o755)
        page = pathlib.Path(root, "index.html")
        page.write_bytes(PAGE)
        os.utime(page, (when, when))
        if page.stat().st_mtime != when:
            pytest.skip("this file system keeps no such date")
        assert "last-modified" not in get(chapter.serve("-p", "0", root), "/").headers


@graded(4, "Answers HEAD as GET, but without a body, also for errors",
        cause=[
            Symptom("other headers", "HEAD gets the headers that GET would get, Content-Length, too: it tells how long the "
                    "body would be."),
            Symptom("9,0\\d\\d bytes(?s:.)*with a body", "Where the line is too long to be kept its beginning still says HEAD: no body."),
            Symptom("[345]\\d\\d (?s:.)*with a body", "The code that sends errors has to know of HEAD, too: no body."),
            "HEAD is answered as GET is, and then nothing follows the empty line."],
        read="Your turn",
        by_hand=("./tinyweb",
                 "for t in / /missing /$(printf %09000d 0); do printf \"HEAD $t HTTP/1.0\\r\\n\\r\\n\" | "
                 "nc 127.0.0.1 8080; done"))
@pytest.mark.parametrize("target", ["/", "/sub", "/missing", "/" + "x" * 9000], ids=lambda value: value[:20])
def test_head_is_answered_as_get_is(server, target):
    http_checks.same_head(server, target, answers(server, lines("GET %s HTTP/1.0" % target), tuple(range(200, 600))))


@graded(4, "Finds the webroot beside it; exits 2 on wrong usage, 1 if it cannot start",
        cause=[
            Symptom("has exited|exit status 0|is still running|did not end", "A webroot that is no folder, or a port that is taken, is a "
                    "failed start: a message, and exit status 1.",
                    by_hand=("./tinyweb -p 8081", "for w in no-such-folder tinyweb.c; do timeout 1 ./tinyweb -p 8082 $w; echo exit "
                                                  "status $?; done; timeout 1 ./tinyweb -p 8081; echo exit status $?")),
            Symptom("ENOENT", "The default webroot is looked for in the current folder, and not in the program's: argv[0] up to its "
                    "last slash."),
            Symptom("-p 4294967376", "A port beyond 65535 is no port: 4294967376 becomes 80 where 32 bits wrap.",
                    by_hand=("timeout 1 ./tinyweb -p 4294967376; echo exit status $?",)),
            "Wrong usage, a bad port or a bad address is told on stderr, with what is wrong and a line `usage: ...`, and exit "
            "status 2."],
        read="Your turn",
        by_hand=("p=$PWD/tinyweb; cd /; $p",
                 "curl -sI http://127.0.0.1:8080/ | head -1; for w in '-p 99999' '-p 0 -a 1.2.3.256' -z '-p 0 one two'; do timeout 1 "
                 "./tinyweb $w; echo exit status $?; done"))
@pytest.mark.parametrize("arguments", [
    None, *([words, "usage"] for words in (["-p", "99999"], ["-p", "4294967376"], ["-p", "80x"], ["-p", ""], ["-p", "0", "-a", "127.0.0.256"],
                                     ["-z"], ["-p"], ["-p", "0", "one", "two"])),
    [["-p", "0", "missing"], "ENOENT"], [["-p", "0", "index.html"], "ENOTDIR"], [["-p", "taken"], "EADDRINUSE"]], ids=repr)
def test_finds_its_webroot_and_refuses_wrong_usage(chapter, tmp_path, root, arguments):
    if arguments is None:
        server = chapter.serve("-p", "0", cwd=str(tmp_path))
        path = os.path.join(chapter.folder, "webroot", "index.html")
        assert os.path.isfile(path), "there is no webroot/index.html beside the program"
        with open(path, "rb") as page:
            brings(server, "/", page.read())
        return
    words, error = arguments
    if "taken" in words:
        words = ["-p", str(chapter.serve("-p", "0", root).port), str(root)]
    program = chapter.run(*words, cwd=str(root), limit=5)
    if error == "usage":
        checks.is_usage_error(program, words[-1])
    else:
        checks.is_failure(chapter, program, error)


@graded(5, "Finds the file that a path means: a folder's page, a query, any name",
        cause=[
            Symptom("/a\\+b", "+ is no space in a path: only %20 is."),
            Symptom("/a\\.\\.b", "a..b is a name like others: only a part that is .. and nothing else climbs."),
            Symptom("/sub/ |'GET / HTTP", "A path that ends in / means the index.html in that folder."),
            Symptom("\\?", "From ? on the target is no part of the name: cut it off."),
            "The path is a name below the webroot. Empty parts, //, change nothing; a name may have any byte but / and NUL."],
        read="The program",
        by_hand=("./tinyweb", "cd webroot; for f in a+b a..b; do echo the file $f > $f; done; mkdir -p d/e; echo deep > d/e/f; for t in / "
                              "'/?a=b' /a+b /a..b //d//e///f; do echo $t; curl -s "
                              "http://127.0.0.1:8080$t | sed -n 1,4p; done; rm -r a+b a..b d"))
@pytest.mark.parametrize("target,name", [
    ("/", "index.html"), ("/index.html", "index.html"), ("/sub/", "sub/index.html"), ("/a", "a"),
    ("/sub/deep/file.txt", "sub/deep/file.txt"), ("/empty.txt", "empty.txt"),
    ("/a+b.txt", "a+b.txt"), ("/a..b.txt", "a..b.txt"),
    ("//sub//deep///file.txt", "sub/deep/file.txt"), ("/?a=b", "index.html"), ("/a?b/../%2e%2e/c?d", "a"),
])
def test_serves_the_file_that_a_target_means(server, target, name):
    brings(server, target, FILES[name])


@graded(4, "Decodes %XX once, and refuses a bad escape and %00",
        cause=[
            Symptom("/%2561", "%XX is decoded once: %25 is a percent sign, and what follows it stays as it is."),
            Symptom("%00", "%00 would end the name early, since C's strings end there: it is 400."),
            Symptom("not with 400", "A % without two hexadecimal digits behind it is a mistake of the client's: 400."),
            Symptom("%2e%2e|%2F", "Look for parts .. once %XX is decoded: %2e is a dot."),
            Symptom("expected: 'Location", "Location has the path as it came, and not decoded."),
            Symptom("not with 301", "A folder is redirected, with 301, also where its name has a %XX."),
            Symptom("/%3f|/%3F", "The query begins at a ? that came as such: cut it off before you decode, for %3f belongs to the "
                    "name."),
            Symptom("%69|%C3", "The digits of %XX are hexadecimal, with small letters or capitals, and the byte may be "
                    "above 127."),
            "%XX in the path stands for the byte with this hexadecimal number: %20 is a space."],
        read="The program",
        by_hand=("./tinyweb", "cd webroot; mkdir -p sub; for f in %61 'a b' '?' '<'; do echo the file $f > \"$f\"; done; for t in /a%20b /%69ndex%2Ehtml /%2561 "
                              "/%3f?x /%3C /%3c /%zz /%6 /%00 /index.html%00 /%2e%2e/tinyweb.c; do echo $t; curl -s --path-as-is http://127.0.0.1:8080$t | sed -n "
                              "1,3p; done; curl -sI http://127.0.0.1:8080/s%75b | grep Location; rm -r %61 'a b' '?' '<' sub"))
@pytest.mark.parametrize("target,wanted", [
    ("/a%20b.txt", "a b.txt"), ("/%61", "a"), ("/%69ndex%2Ehtml", "index.html"), ("/gr%C3%BCn.txt", "gr\u00fcn.txt"),
    ("/gr%c3%bcn.txt", "gr\u00fcn.txt"), ("/%3f.txt", "?.txt"), ("/%2561", "%61"), ("/%zz", 400), ("/%6g", 400), ("/%+6", 400),
    ("/%6", 400), ("/%", 400), ("/%6?1", 400), ("/%%36%31", 400), ("/index.html%00", 400), ("/index.html%00.txt", 400),
    ("/%2e%2e/secret.txt", 403), ("/sub%2F..%2F..%2Fsecret.txt", 403), ("/s%75b", "Location"),
])
def test_decodes_once(server, target, wanted):
    if wanted == "Location":
        http_checks.redirects(server, target, target + "/")
    elif isinstance(wanted, int):
        answers(server, lines("GET %s HTTP/1.0" % target), wanted)
    else:
        brings(server, target, FILES[wanted])


@graded(3, "Tells the type of a file by the ending of its name",
        cause=[
            Symptom("utf-8(?s:.)*got: .*'Content-Type: text/\\w+'", "Text has a charset: `; charset=utf-8` behind the type."),
            Symptom("expected: .*octet-stream", "What has no ending of the table is application/octet-stream. The ending begins at "
                    "the last dot of the name, not of a folder's, and is compared as a whole."),
            Symptom("(HTML|JPG) ", "The case of an ending does not count: strcasecmp()."),
            "The ending begins at the last dot of the name, strrchr(), and the contract's table says the type."],
        read="Your turn",
        by_hand=("./tinyweb", "cd webroot; mkdir -p v.html; for f in a.b.HTML a.htmlx v.html/x a.txt a.md a.jpeg; do echo > $f; echo $f; curl -sI "
                              "http://127.0.0.1:8080/$f | grep Type; done; rm -r a.* v.html"))
@pytest.mark.parametrize("content_type,names", [
    ("text/html; charset=utf-8", ["a.html", "a.htm", "a.min.html", "a.HTML"]), ("text/css; charset=utf-8", ["style.css"]),
    ("text/javascript; charset=utf-8", ["a.js"]), ("text/plain; charset=utf-8", ["a.txt"]),
    ("text/markdown; charset=utf-8", ["README.md"]), ("application/json", ["a.json"]), ("application/xml", ["a.xml"]),
    ("application/pdf", ["a.pdf"]), ("application/wasm", ["a.wasm"]), ("image/svg+xml", ["a.svg"]),
    ("image/png", ["a.png"]), ("image/jpeg", ["a.jpg", "a.jpeg", "A.JPG"]), ("image/gif", ["a.gif"]),
    ("image/webp", ["a.webp"]), ("image/x-icon", ["favicon.ico"]), ("audio/mpeg", ["a.mp3"]),
    ("video/mp4", ["a.mp4"]), ("font/woff2", ["a.woff2"]),
    ("application/octet-stream", ["a", "xpng", "a.unknown", "a.html.gz", "a.htmlx", "v1.html/file", "a."]),
])
def test_content_type_follows_the_ending(root, server, content_type, names):
    for name in names:
        (root / name).write_bytes(b"content")
        http_checks.has_header(get(server, "/" + name), "Content-Type", content_type)


@graded(3, "Redirects a folder without its slash, with 301 and Location",
        cause=[
            Symptom("not with 301", "A folder that is asked for without its / is answered with 301: fstat() tells that it is one."),
            Symptom("got: +'Location: (//|http)", "Location has one slash before the path and no host: to a browser //sub/ is another "
                    "host's page."),
            Symptom("\\?a=b", "The slash comes behind the path, before the query, which stays."),
            "Location is the path as it came, with one slash before it and one behind it, then the query."],
        read="Your turn",
        by_hand=("./tinyweb", "mkdir -p webroot/sub; for t in /sub '/sub?a=b' //sub; do curl -si "
                              "http://127.0.0.1:8080$t | grep -E 'HTTP|Location'; done; rmdir webroot/sub"))
@pytest.mark.parametrize("target,location", [
    ("/sub", "/sub/"), ("/sub/deep", "/sub/deep/"), ("/sub?a=b?c/d", "/sub/?a=b?c/d"), ("//sub", "/sub/"),
    ("///sub?", "/sub/?"), ("http://localhost/sub", "/sub/"), ("http://x//sub", "/sub/"),
    ("/no-index", "/no-index/"),
])
def test_a_folder_without_its_slash_is_redirected_to_this_server(server, target, location):
    http_checks.redirects(server, target, location)


def test_a_folder_without_a_page_is_not_listed(root, server):
    (root / "no-index" / "private-name").write_bytes(b"")
    assert b"private-name" not in answers(server, lines("GET /no-index/ HTTP/1.0"), 404).body


@graded(4, "Serves files of every size and content whole",
        cause=[
            Symptom("3 GiB", "An int ends at 2 GiB, and memory before that: st_size is an off_t, long long takes it to printf() "
                    "(%lld), and the file is sent in pieces.",
                    by_hand=("./tinyweb", "truncate -s 3G webroot/large; curl -sI http://127.0.0.1:8080/large | grep -E 'HTTP|Length'; curl "
                                          "-s http://127.0.0.1:8080/large | head -c 1000000 | wc -c; rm webroot/large")),
            Symptom("shrinks", "read() returns 0 at the end of the file, also where it comes earlier than fstat() said: then end "
                    "the answer, or the loop never ends.",
                    by_hand=("./tinyweb", "head -c 90000000 /dev/zero > webroot/large; (curl -s http://127.0.0.1:8080/large | (sleep 1; wc -c)) & "
                                          "sleep 0.5; : > webroot/large; wait; curl -sI --max-time 2 http://127.0.0.1:8080/ | head -1; rm "
                                          "webroot/large")),
            Symptom("grows", "Content-Length is a promise: send no more, also if the file has grown."),
            Symptom("of an empty file", "A file without a byte has a Content-Length of 0, and no body."),
            "The loop that reads and sends goes on to the end of the file; its bytes are no string, and a NUL byte is one of them."],
        read="The program",
        by_hand=("./tinyweb", "(printf '\\0'; head -c 100000 /dev/zero) > webroot/large; curl -s --max-time "
                              "2 http://127.0.0.1:8080/large | wc -c; rm webroot/large"))
def test_files_of_all_sizes_around_those_of_buffers(root, server):
    head = len(exchange(server, lines("HEAD / HTTP/1.0")))  # its length depends on the file's a little
    for size in [2 ** power for power in range(10, 18)]:
        for length in [size - 1, size, size + 1, *range(size - head - 6, size - head + 7)]:
            content = os.urandom(length)
            (root / "index.html").write_bytes(content)
            identical(get(server, "/").body, content)
    changes_its_size(root, server, 10 * MEGABYTE, 0)
    changes_its_size(root, server, 10 * MEGABYTE, 20 * MEGABYTE)
    serves_huge(root, server)


def serves_huge(root, server):
    """A file of 3 GiB, without a byte on the disk, comes with its length. Only its beginning is asked for."""
    with open(str(root / "huge"), "wb") as file:
        try:
            file.truncate(3 << 30)
        except OSError:
            return  # this disk has no such files
    with connect(server) as client:
        client.sendall(lines("GET /huge HTTP/1.0"))
        head = receive_until(client, b"\r\n\r\n")
        beginning = receive(client, MEGABYTE)
    assert b"\r\ncontent-length: 3221225472\r\n" in head.lower(), "a file of 3 GiB, 3221225472 bytes, has the head:\n%s" % head.decode()
    assert beginning == bytes(MEGABYTE), "a file of 3 GiB begins with other bytes"


def changes_its_size(root, server, size, new):
    """A file gets a new size while it is sent: it is sent as far as it goes, and no more than was promised."""
    what = "a file that %s while it is sent: " % ("shrinks" if new < size else "grows")
    (root / "large").write_bytes(b"x" * size)
    with http_checks.connect_narrow(server) as client:
        client.sendall(lines("GET /large HTTP/1.0"))
        receive_until(client, b"\r\n\r\n")
        os.truncate(str(root / "large"), new)
        try:
            received = len(receive_all(client))
        except socket.timeout:
            raise AssertionError(what + "its answer does not end")
    assert received <= size, what + "%d bytes came, more than Content-Length said" % received
    assert received >= min(size, new), what + "only %d bytes came" % received
    brings(server, "/sub/", FILES["sub/index.html"])


@pytest.mark.parametrize("path", ["root/", ".", "link", "/"])
def test_the_webroot_may_be_named_in_any_way(chapter, root, path):
    (root.parent / "link").symlink_to("webroot")
    (root / "link").symlink_to("index.html")
    argument = str(root) + "/" if path == "root/" else path
    server = chapter.serve("-p", "0", argument, cwd=str(root.parent if path == "link" else root))
    for name in ("index.html", "link"):
        serves(server, (str(root) if path == "/" else "") + "/" + name, PAGE)


def test_files_may_change_while_the_server_runs(root, server):
    (root / "index.html").write_bytes(b"new")
    serves(server, "/", b"new")
    (root / "index.html").unlink()
    assert get(server, "/").status == 404


@pytest.mark.parametrize("new", [0, MEGABYTE, 30 * MEGABYTE])
def test_a_file_that_changes_its_size_while_it_is_sent(root, server, new):
    changes_its_size(root, server, 20 * MEGABYTE, new)


def test_a_large_file_takes_no_more_memory_than_a_small_one(root, server):
    content = os.urandom(MEGABYTE) * 50
    (root / "large").write_bytes(content)
    get(server, "/")
    before = memory(server.pid)
    with http_checks.connect_narrow(server) as client:
        client.sendall(lines("GET /large HTTP/1.0"))
        received = bytearray()
        for number in range(2000):  # slowly: in small pieces
            received += client.recv(2000)
        during = memory(server.pid)
        received += receive_all(client)
    identical(received[received.index(b"\r\n\r\n") + 4:], content)
    assert during - before < MEGABYTE and memory(server.pid) - before < MEGABYTE


# ---- Requests, good and bad

@graded(4, "Accepts every form of request that the contract allows",
        cause=[
            Symptom("in pieces", "A request may come in any pieces, also in the middle of a line: recv() again until the empty line "
                    "has come.",
                    by_hand=("./tinyweb", "(printf 'GET / HT'; sleep 0.2; printf 'TP/1.0\\r'; sleep 0.2; printf '\\n\\r\\n') | nc 127.0.0.1 "
                                          "8080 | head -1")),
            Symptom("^lines end|^some lines end|^a bare LF first", "A bare LF ends a line as CR LF does."),
            Symptom("^an empty line first", "One empty line before the request is forgiven."),
            Symptom("^.*URL", "http://host/path, with http in any case, is /path on this host, and /, where there is no path."),
            Symptom("^.*(819|100 head|819\\d bytes)", "A line may have 8,191 bytes with its end, and there may be 100 headers.",
                    by_hand=("./tinyweb", "curl -sI http://127.0.0.1:8080/?$(printf %08170d 0) | head -1; curl -sI -H \"X: $(printf %08180d 0)\" "
                                          "http://127.0.0.1:8080/ | head -1; (echo GET / HTTP/1.0; yes X:y | head -100; echo) | nc "
                                          "127.0.0.1 8080 | head -1")),
            Symptom("^.*(header|Host)", "A header's name is compared whatever its case, strcasecmp(), and its value may be empty, without "
                    "a blank before it, or with bytes above 127."),
            Symptom("not one answer|body|request behind", "What comes behind the empty line is not for us: no second answer."),
            "A form that the contract allows is refused: see which one was sent."],
        read="Your turn",
        by_hand=("./tinyweb", "for r in $'\\nGET / HTTP/1.0' $'GET / HTTP/1.1\\nhOST:x' 'GET HTTP://x "
                              "HTTP/1.0' $'GET / HTTP/1.0\\n\\nGET / HTTP/1.0'; do echo \"$r\"; echo \"$r\"$'\\n' | nc 127.0.0.1 8080 | grep "
                              "-a HTTP/; done"))
def test_accepts(server):
    for name, (status, request) in ACCEPTED.items():  # the query is for another check
        if not name.startswith("a query"):
            identical(answers(server, request, status, name=name).body, PAGE)
    answers(server, with_headers("Content-Length: 5") + b"hello", 200, name="a body")
    answers(server, lines("GET / HTTP/1.0") * 2, 200, name="a request behind the request")
    with connect(server) as client:
        for piece in (b"GET / HT", b"TP/1.1\r", b"\nHost: a\r\n", b"X: y\r\n\r", b"\n"):
            client.sendall(piece)
            wait_until(lambda: unread(client) == 0, what="the server to receive what was sent")
        status = Response(what_comes(client)).status
    assert status == 200, "a request in pieces was answered with %d" % status


def test_reads_strictly(server):
    for request in REFUSED_BY_STRICT_READERS.values():
        answers(server, request, 400)
    response = Response(exchange(server, b"\0GET / HT"))
    assert response.status == 400, "a NUL byte and then the end was answered with %s" % response.status_line


def refuses(server, *wanted, which=lambda name: True):
    """All requests of REFUSED to which one of these is the answer, and whose name fits, are answered with it."""
    for name, (status, request) in REFUSED.items():
        if status in wanted and which(name):
            answers(server, request, status, name=name)
    brings(server, "/", PAGE)


IN_HEADERS = r"header|Host|[Ll]ength|chunks|coding|name|colon"  # names of REFUSED whose request line is right


@graded(4, "Answers 400 to a request line that is not HTTP",
        cause=[
            Symptom("and then the end", "A request ends with its empty line. If the client has ended its side before, recv() "
                    "returns 0, and the answer is 400."),
            Symptom("^(an? )?(empty target|no target|no method|a? ?space first|a? ?space at|two spaces|no version|words|tab for)|^an? (space|empty target)|^a tab for", "The line is METHOD target HTTP/D.D, with "
                    "exactly one space between each, and none elsewhere: strtok() and sscanf() forgive more."),
            Symptom("version|CR at the end", "The version is HTTP/, a digit, a dot, a digit, in capitals, and then the line ends. Compare all of it."),
            Symptom("NUL|garbage", "A NUL byte ends a C string early: what was received is longer than strlen() says. Nothing that has "
                    "one is HTTP."),
            Symptom("in the target", "A space or a control character (below 32, and 127) may not stand in the target."),
            Symptom("slash|URL without|asterisk", "The target begins with / or is http://host: anything else is 400."),
            Symptom("method", "A method is made of the characters that a header's name may have; any other makes the line wrong."),
            "What has not the form METHOD target HTTP/D.D is 400, whatever it may mean."],
        read="Your turn",
        by_hand=("./tinyweb", "for r in 'GET /' 'GET  / HTTP/1.0' ' GET / HTTP/1.0' 'GET / HTTP/1.0 ' 'GET / HTTP/1.0x' $'GET / HTTP/1.0\\r\\r' 'GET /a b HTTP/1.0' $'GET /\\177 HTTP/1.0' "
                              "'GET a HTTP/1.0' 'GET http:/// HTTP/1.0' 'G@T / HTTP/1.0'; do echo \"$r\" | cat -A; echo \"$r\"$'\\n' | nc 127.0.0.1 8080 | head -1; done; "
                              "printf 'GET /index.html\\0 HTTP/1.0\\n\\n' | nc 127.0.0.1 8080 | head -1; echo and an "
                              "end too soon; for r in 'GET / HT' $'GET / HTTP/1.0\\n'; do printf \"$r\" | nc "
                              "-N 127.0.0.1 8080 | head -1; done"))
def test_answers_400_to_what_is_not_http(server):
    refuses(server, 400, which=lambda name: not re.search(IN_HEADERS + "|escape|%", name))
    for half in (b"GET / HT", b"GET / HTTP/1.0\r\n", b"GET / HTTP/1.0\r\nX: y\r\n"):
        response = Response(exchange(server, half))
        assert response.status == 400, "%s and then the end was answered with %s, and not with 400" % (
            show(half), response.status_line)


@graded(4, "Answers 400 to headers that are not HTTP, or contradict each other",
        cause=[
            Symptom("^NUL", "A NUL byte ends a C string early: what was received is longer than strlen() says."),
            Symptom("^HTTP/1.1 without Host", "HTTP/1.1 to 1.9 need a line Host."),
            Symptom("^two Hosts", "Two lines Host are one too many: nobody can tell which one counts."),
            Symptom("^a Host", "Host is a name or an address, and perhaps a port: no space, and none of /?#@."),
            Symptom("^(a|an empty|two|chunks).*(Content-Length|chunks)", "A Content-Length is digits and nothing else (not what atoi() or strtol() takes), "
                    "its name in any case, and it comes once, and not beside a Transfer-Encoding: or two readers see two requests."),
            Symptom("folded|before the first", "A line that begins with a blank was once a part of the one before it: today it is 400."),
            Symptom("(CR|ESC) in", "No control character but the tab may stand in a header."),
            "A header is a name of the allowed characters, right up to the colon, then its value: without a name or a colon, or with "
            "a space before it, it is 400."],
        read="Your turn",
        by_hand=("./tinyweb", "for r in $'GET / HTTP/1.0\\nX : y' $'GET / HTTP/1.0\\nX' $'GET / HTTP/1.0\\nX: \\x1b' $'GET / HTTP/1.0\\nX: y\\n z' $'GET / HTTP/1.1\\nHost: a\\nHost: b' 'GET "
                              "/ HTTP/1.1' $'GET / HTTP/1.0\\nHost: a b' $'GET / HTTP/1.0\\ncontent-length: "
                              "ten' $'GET / HTTP/1.0\\nContent-Length: 1\\nContent-Length: 2' $'GET / HTTP/1.0\\nContent-Length: "
                              "1\\nTransfer-Encoding: chunked'; do echo "
                              "\"$r\" | cat -A; echo \"$r\"$'\\n' | nc 127.0.0.1 8080 | head -1; done; printf 'GET / HTTP/1.0\\nX: a\\0b\\n\\n' | nc 127.0.0.1 8080 | head -1"))
def test_answers_400_to_headers_that_are_not_http(server):
    refuses(server, 400, which=lambda name: re.search(IN_HEADERS, name))


@graded(5, "Answers 405, 414, 431, 501 and 505 where they belong",
        cause=[
            Symptom("header Allow", "405 comes with the header Allow: GET, HEAD."),
            Symptom("not with 505", "The version decides before the method: what is not HTTP/1.x is 505, whatever it asks for."),
            Symptom("not with 501", "A method that is none of those in the contract is 501. Its case counts, and all of its letters."),
            Symptom("not with 405", "POST, PUT, DELETE, CONNECT, OPTIONS, TRACE and PATCH are methods that we know and do not serve: 405."),
            Symptom("not with 431|101 headers|100,000 headers|a header", "A header line of more than 8,191 bytes, and the 101st header, are answered with 431: count them, and keep "
                    "no more than one."),
            "A request line of more than 8,191 bytes is answered with 414, as soon as the buffer is full."],
        read="What can go wrong",
        by_hand=("./tinyweb", "for r in 'POST / HTTP/1.0' 'PATCH / HTTP/1.0' 'get / HTTP/1.0' 'POSTS / HTTP/1.0' 'POST / HTTP/2.0' $'GET / "
                              "HTTP/1.0\\n'\"$(yes X:y | head -101)\"; do echo \"$r\" | head -1; echo "
                              "\"$r\"$'\\n' | nc 127.0.0.1 8080 | grep -aE 'HTTP/|Allow'; done; curl -si "
                              "http://127.0.0.1:8080/$(printf %09000d 0) | head -1; curl -si -H \"X: $(printf %09000d 0)\" http://127.0.0.1:8080/ | head -1"))
def test_refuses_methods_versions_and_excess(server):
    refuses(server, 405, 414, 431, 501, 505)


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_answers_once_and_closes(server, name):
    data = exchange(server, AMBIGUOUS[name] + lines("GET /sub/ HTTP/1.0"))
    assert Response(data).status in (200, 400, 405, 411, 417, 501)
    http_checks.answered_once(data)
    assert FILES["sub/index.html"] not in data
    assert len(log_lines(server, 1)) == 1


@pytest.mark.parametrize("status,request_lines", [
    (400, ["HEAD /%zz HTTP/1.0"]), (400, ["HEAD / HTTP/1.0", "Nonsense"]), (403, ["HEAD /fifo HTTP/1.0"]),
    (404, ["HEAD /missing HTTP/1.0"]), (414, ["HEAD /%s HTTP/1.0" % ("x" * 100000)]),
    (431, ["HEAD / HTTP/1.0", "X: " + "x" * 100000]), (505, ["HEAD / HTTP/2.0"]),
], ids=lambda value: str(value)[:20])
def test_head_is_answered_without_a_body_also_for_errors(root, server, status, request_lines):
    os.mkfifo(str(root / "fifo"))
    answers(server, lines(*request_lines), status)


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
    assert len(log_lines(server, len(request) + 1)) == len(request) + 1, "who asks for nothing is not in the log"


# ---- Nothing outside the webroot

@graded(6, "Serves nothing outside the webroot, however .. is written",
        cause=[
            Symptom("was served|root:", "A part .. leads out, wherever it stands in the path; look for it once %XX is decoded, and decode "
                    "only once."),
            "A path with a part .., anywhere and also as the last, is 403, even where it would not lead out."],
        read="The program",
        by_hand=("./tinyweb", "for t in /../tinyweb.c /x/../../tinyweb.c /%2e%2e/tinyweb.c; do curl -si "
                              "--path-as-is http://127.0.0.1:8080$t | grep -aE 'HTTP/|program'; done"))
def test_no_target_leads_out_of_the_webroot(server):
    http_checks.hides_what_lies_outside(server)


@graded(4, "Follows links that stay inside the webroot, and no others",
        cause=[
            Symptom("webroot-twin.* was served|twin/.*was served", "A folder beside the webroot may begin with the same name, webroot-2: behind the "
                    "webroot's own path comes a / or the end."),
            Symptom("was served", "open() follows symbolic links, wherever in the path: see where realpath() says that it leads."),
            Symptom("not with 200", "A link whose realpath() is inside the webroot is served, also where it is one part of the path."),
            "A link that leads out of the webroot, at once or by way of another, is 403."],
        read="The program",
        by_hand=("./tinyweb", "mkdir -p webroot-2 webroot/sub; echo secret > webroot-2/file; ln -s ../webroot-2/file "
                              "webroot/link; ln -s ../webroot-2 webroot/folder; ln -s index.html "
                              "webroot/inside; echo 403, 403 and 200:; for t in /link /folder/file /inside; "
                              "do curl -si http://127.0.0.1:8080$t | grep -aE 'HTTP/|secret'; done; rm -r "
                              "webroot-2 webroot/sub webroot/link webroot/folder webroot/inside"))
def test_follows_links_that_stay_inside_and_no_others(chapter, root):
    server = chapter.serve("-p", "0", root, cwd=str(root.parent))
    http_checks.hides_where_links_lead(server, root)
    for link, leads_to in [("link", "index.html"), ("whole", str(root / "index.html")), ("chain", "link"),
                           ("folder", "sub"), ("sub/up", "../index.html"), ("whole-folder", str(root / "sub"))]:
        (root / link).symlink_to(leads_to)
    for target in ("/link", "/whole", "/chain", "/sub/up"):
        brings(server, target, PAGE)
    for folder in ("/folder", "/whole-folder"):
        brings(server, folder + "/deep/file.txt", FILES["sub/deep/file.txt"])


@graded(2, "Stays inside the webroot, whatever is linked while it looks",
        cause="Between a check and an open() by name everything may change: what was checked is not what is opened. Open one "
              "part after the other, openat() with O_NOFOLLOW, or ask where the open file lies.",
        read="The program",
        by_hand=("strace -o /dev/null -e inject=open,openat:delay_enter=20000 ./tinyweb",
                 "mkdir -p webroot/in out; echo right > webroot/in/f; echo secret > out/f; (while sleep 0.01; do ln -sfn in webroot/link; sleep "
                 "0.01; ln -sfn ../out webroot/link; done) & for i in $(seq 60); do curl -s --max-time 2 http://127.0.0.1:8080/link/f; done | "
                 "grep -m1 secret; kill $!; wait; rm -r webroot/in webroot/link out"),
        limit=60)
def test_a_link_that_changes_does_not_lead_out(chapter, root, preloaded):
    server = preloaded.start(chapter.serve, "gaps", {"LAB_SLOW_OPEN": 4}, "-p", "0", root)
    steps.step("have each open() take a while")
    (root / "to-page").symlink_to("index.html")
    (root / "to-secret").symlink_to("../secret.txt")
    over = threading.Event()

    def swap():
        while not over.is_set():
            for kind in ("page", "secret"):
                os.symlink(os.readlink(str(root / ("to-" + kind))), str(root / "next"))
                os.rename(str(root / "next"), str(root / "link"))
                over.wait(0.002)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for _ in range(150):
            http_checks.hides(server, "/link", (200, 403, 404))
    finally:
        over.set()
        swapping.join()


def test_links_that_lead_nowhere_are_refused(root, server):
    (root / "circle").symlink_to("circle")
    (root / "nowhere").symlink_to("missing")
    for target in ("/circle", "/nowhere", "/circle/x"):
        answers(server, lines("GET %s HTTP/1.0" % target), (403, 404))  # is a circle not there, or forbidden?


def long_way(root):
    """A path of 1,200 bytes to what is not there; but whatever one cuts it to, that is there."""
    folder, path = root, ""
    for _ in range(6):
        for length in range(1, 200):
            (folder / ("d" * length)).write_bytes(b"a shorter name")
        folder, path = folder / ("d" * 200), path + "/" + "d" * 200
        folder.mkdir()
    return path + "/d"


@graded(4, "Answers 404 to what is not there, and 403 to what is no file",
        cause=[
            Symptom("timed out|in vain", "To open a FIFO is to wait for its writer, unless O_NONBLOCK says no; fstat() then tells what "
                    "was opened."),
            Symptom("no-index", "A folder named index.html is no page: 403, and no redirection to itself."),
            Symptom("not with 403", "What is neither file nor folder is 403: S_ISREG() and S_ISDIR() of fstat()'s st_mode tell. A socket "
                    "cannot be opened at all: ENXIO."),
            Symptom("too long", "A name may be longer than the system, or your buffer, takes: ENAMETOOLONG is 404. Where snprintf() has cut "
                    "the path it means another file."),
            "ENOENT is 404, and so are ENOTDIR, where a file is taken for a folder, and ENAMETOOLONG."],
        read="The program",
        by_hand=("./tinyweb", "mkfifo webroot/fifo; mkdir -p webroot/sub/index.html; for t in /missing "
                              "/index.html/x /$(printf %04000d 0) /sub/ /fifo; do echo ${t:0:20}; curl -si "
                              "--max-time 1 http://127.0.0.1:8080$t | head -1; done; rm -r webroot/fifo "
                              "webroot/sub"))
def test_what_is_no_file_is_refused_at_once(root, server, monkeypatch):
    refuses(server, 404, (400, 404), (404, 414))
    answers(server, lines("GET %s HTTP/1.0" % long_way(root)), 404, name="a path that is too long to be there")
    monkeypatch.chdir(str(root))  # a socket's path must be short
    os.mkfifo("fifo")
    os.symlink("fifo", "link")
    os.symlink("/dev/zero", "endless")
    os.mkdir("no-index/index.html")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
        for target in ("/fifo", "/link", "/socket", "/endless", "/no-index/"):
            answers(server, lines("GET %s HTTP/1.0" % target), 403)


def test_what_may_not_be_read_is_forbidden(chapter):
    with PublicFolder() as folder:
        root = http_checks.fill_webroot(folder.path / "webroot")
        (root / "a").chmod(0)
        (root / "sub" / "deep").chmod(0)
        chapter.program = folder.copy(chapter.program)
        server = chapter.serve("-p", "0", root, **ordinary_user())
        for target in ("/a", "/sub/deep/file.txt", "/sub/deep/"):
            answers(server, lines("GET %s HTTP/1.0" % target), 403)
        serves(server, "/", PAGE)
        (root / "sub" / "deep").chmod(0o755)


# ---- Real clients, and how the program is called

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


def test_ipv6(chapter, root):
    checks.needs_ipv6()
    server = chapter.serve("-a", "::1", "-p", "0", root)
    assert server.address == "::1"
    assert get(server, "/").body == PAGE
    server.wait_for_output(r'^::1 port \d+ "GET / HTTP/1.0" 200 %d$' % len(PAGE))


def test_default_port(chapter):
    checks.default_port(chapter, 8080)


def test_listens_on_loopback_only(server):
    checks.listens_on_loopback_only(server)


def test_restart_at_once(chapter):
    def finish(client):
        client.sendall(lines("GET / HTTP/1.0"))
        assert Response(receive_all(client)).status == 200

    checks.restart_at_once(chapter, checks.option, finish)


def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.option)


@pytest.mark.parametrize("path,symbol", [("missing", "ENOENT"), ("index.html", "ENOTDIR"), ("", "ENOENT")])
def test_a_webroot_that_is_no_folder(chapter, root, path, symbol):
    program = chapter.run("-p", "0", path, cwd=str(root))
    checks.is_failure(chapter, program, symbol)
    assert path in program.stderr


@pytest.mark.parametrize("bad", checks.BAD_PORTS)
def test_bad_port(chapter, bad):
    checks.is_usage_error(chapter.run("-p", bad), bad)


@pytest.mark.parametrize("bad", checks.BAD_ADDRESSES + ["localhost"])
def test_bad_address(chapter, bad):
    checks.is_usage_error(chapter.run("-p", "0", "-a", bad), bad)


@pytest.mark.parametrize("arguments", [["-p"], ["-a"], ["-z"], ["--help"], ["one", "two"]])
def test_bad_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), arguments[-1])
