"""07-tinyweb and its answers: a status, the headers that belong to it, and a body, or none for HEAD."""

import calendar
import datetime
import email.utils
import os
import pathlib
import socket
import tempfile

import pytest

from harness import http_checks
from harness.grading import Symptom, graded
from harness.http_checks import FILES, PAGE, answers, brings, refuses, serves
from harness.http_requests import lines
from harness.talk import get
from harness.users import PublicFolder, ordinary_user

CHAPTER = "07-tinyweb"


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


@graded(3, "Answers HEAD as GET, but without a body", step=3,
        cause=[
            Symptom("other headers", "HEAD gets the headers that GET would get, Content-Length, too: it "
                    "tells how long the body would be."),
            "HEAD is answered as GET is, and then nothing follows the empty line."],
        read="Your turn",
        by_hand=("./tinyweb", "printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 8080"))
@pytest.mark.parametrize("target", ["/", "/a", "/empty.txt"])
def test_head_is_answered_as_get_is(home, target):
    http_checks.same_head(home, target, brings(home, target, FILES[target[1:] or "index.html"]))


def long_way(root):
    """A path of 1,200 bytes to what is not there; but whatever one cuts it to, that is there."""
    folder, path = root, ""
    for _ in range(6):
        for length in range(1, 200):
            (folder / ("d" * length)).write_bytes(b"a shorter name")
        folder, path = folder / ("d" * 200), path + "/" + "d" * 200
        folder.mkdir()
    return path + "/d"


@graded(4, "Answers 404 to what is not there, and 403 to what is no file", step=4,
        cause=[
            Symptom("timed out|in vain", "To open a FIFO is to wait for its writer, unless O_NONBLOCK says "
                    "no; fstat() then tells what was opened."),
            Symptom("no-index", "A folder named index.html is no page: 403, and no redirection to itself."),
            Symptom("not with 403", "What is neither file nor folder is 403: S_ISREG() and S_ISDIR() of "
                    "fstat()'s st_mode tell. A socket cannot be opened at all: ENXIO."),
            Symptom("too long", "A name may be longer than the system, or your buffer, takes: ENAMETOOLONG "
                    "is 404. Where snprintf() has cut the path it means another file.",
                    by_hand=("./tinyweb",
                             "p=webroot t= n=$(printf %0200d 0); for i in 1 2 3 4 5 6; do for l in $(seq "
                             "199); do echo cut off > $p/${n:0:l}; done; p=$p/$n t=$t/$n; mkdir $p; done; "
                             "curl -si http://127.0.0.1:8080$t/1 | head -1; rm -r webroot/0*")),
            "ENOENT is 404, and so are ENOTDIR, where a file is taken for a folder, and ENAMETOOLONG."],
        read="The program",
        by_hand=("./tinyweb",
                 "mkfifo webroot/fifo; mkdir -p webroot/sub/index.html; for t in /missing /index.html/x "
                 "/$(printf %04000d 0) /sub/ /fifo; do echo ${t:0:20}; curl -si --max-time 1 "
                 "http://127.0.0.1:8080$t | head -1; done; rm -r webroot/fifo webroot/sub"))
def test_what_is_no_file_is_refused_at_once(webroot, home, monkeypatch):
    refuses(home, 404, (400, 404), (404, 414))
    answers(home, lines("GET %s HTTP/1.0" % long_way(webroot)), 404, name="a path that is too long to be "
                                                                          "there")
    monkeypatch.chdir(str(webroot))  # a socket's path must be short
    os.mkfifo("fifo")
    os.symlink("fifo", "link")
    os.symlink("/dev/zero", "endless")
    os.mkdir("no-index/index.html")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
        for target in ("/fifo", "/link", "/socket", "/endless", "/no-index/"):
            answers(home, lines("GET %s HTTP/1.0" % target), 403)


@graded(2, "Answers HEAD without a body for errors, too", step=4,
        cause=[
            Symptom(r"9,0\d\d bytes", "Where the line is too long to be kept its beginning still says "
                    "HEAD: no body."),
            "The code that sends errors has to know of HEAD, too: the headers of GET, and no body."],
        read="The program",
        by_hand=("./tinyweb",
                 "for t in /missing /$(printf %09000d 0); do printf \"HEAD $t HTTP/1.0\\r\\n\\r\\n\" | nc "
                 "127.0.0.1 8080; done"))
@pytest.mark.parametrize("target", ["/missing", "/sub", "/" + "x" * 9000], ids=lambda value: value[:20])
def test_head_brings_no_body_for_errors(home, target):
    request = lines("GET %s HTTP/1.0" % target)
    if len(target) < 9000 or http_checks.what_is_answered(home, request):  # another asks for 414
        http_checks.same_head(home, target, answers(home, request, tuple(range(300, 600))))


@pytest.mark.parametrize("status,request_lines", [
    (400, ["HEAD /%zz HTTP/1.0"]), (400, ["HEAD / HTTP/1.0", "Nonsense"]), (403, ["HEAD /fifo HTTP/1.0"]),
    (404, ["HEAD /missing HTTP/1.0"]), (414, ["HEAD /%s HTTP/1.0" % ("x" * 100000)]),
    (431, ["HEAD / HTTP/1.0", "X: " + "x" * 100000]), (505, ["HEAD / HTTP/2.0"]),
], ids=lambda value: str(value)[:20])
def test_head_is_answered_without_a_body_also_for_errors(root, server, status, request_lines):
    os.mkfifo(str(root / "fifo"))
    answers(server, lines(*request_lines), status)


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


@graded(4, "Puts the same headers into every answer, errors included", step=6,
        cause=[
            Symptom(r"\d\d\d is not", "Each status has its REASON, the words of the lesson's table.",
                    by_hand=("./tinyweb",
                             "for t in / /missing /.. /% /$(printf %09000d 0); do curl -sI --path-as-is "
                             "http://127.0.0.1:8080$t | head -1; done; for m in POST BREW; do curl -si -X "
                             "$m http://127.0.0.1:8080/ | head -1; done")),
            Symptom("not HTTP/1.0", "The status line says HTTP/1.0, whatever HTTP/1.x was asked with: it "
                    "is what we speak."),
            Symptom("no header Content-Length|expected: 'Content-Length: 0'", "Content-Length is in every "
                    "answer: also where it is 0, as for an empty file."),
            Symptom("no header", "A header is missing, in this answer at least: one function that writes "
                    "the head of every answer cannot forget one."),
            Symptom("expected: 'Content-Length", "Content-Length counts the bytes of the body, and nothing "
                    "else."),
            Symptom(r"not a date|got: +'Last-Modified: (?!\w{3}, \d\d \w{3} \d{4} )",
                    "A date is as long everywhere, Sun, 06 Nov 1994 08:49:37 GMT: three letters, two "
                    "digits. strftime() makes it, without a table of your own."),
            Symptom("Date does not tell|expected: 'Last-Modified", "Dates are in GMT wherever the server "
                    "is (TZ): gmtime_r(), and not localtime_r(). Last-Modified is st_mtime."),
            Symptom("Content-Type is empty", "Content-Type says what the body is: an error's page is HTML."),
            "A header is misspelt, or has a wrong value."],
        read="Your turn",
        by_hand=("TZ=XYZ-5:30 ./tinyweb",
                 "touch -d 1994-11-06T22:00Z webroot/old; touch -d 1994-09-06T22:00Z webroot/sep; curl -sI "
                 "http://127.0.0.1:8080/ http://127.0.0.1:8080/old; curl -si "
                 "http://127.0.0.1:8080/missing; echo and dates, 06 Nov and 06 Sep:; curl -sI "
                 "http://127.0.0.1:8080/old http://127.0.0.1:8080/sep | grep -o '.. \\(Nov\\|Sep\\).*'; rm "
                 "webroot/old webroot/sep"))
def test_every_answer_has_the_headers(chapter, root):
    server = chapter.serve("-p", "0", root, env={**os.environ, "TZ": "XYZ-5:30"})
    for line in ("GET / HTTP/1.0", "GET /sub HTTP/1.0", "GET /missing HTTP/1.0", "GET /.. HTTP/1.0", "what?",
                 "POST / HTTP/1.0", "BREW / HTTP/1.0", "GET / HTTP/2.0", "GET /empty.txt HTTP/1.0",
                 "GET /%s HTTP/1.0" % ("x" * 9000), "GET / HTTP/1.0\r\nX: %s" % ("x" * 9000)):
        data = http_checks.what_is_answered(server, lines(line))
        if data or len(line) < 9000:  # whether that is answered, another check asks
            http_checks.is_well_formed(data)
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


@graded(3, "Tells the type of a file by the ending of its name", step=6,
        cause=[
            Symptom(r"utf-8(?s:.)*got: .*'Content-Type: text/\w+'", "Text has a charset: `; charset=utf-8` "
                    "behind the type."),
            Symptom("expected: .*octet-stream|expected: .*json'\n.*got: .*javascript", "What has no ending of the table is "
                    "application/octet-stream. The ending begins at the last dot of the name, not of a "
                    "folder's, and is compared as a whole."),
            Symptom("(HTML|JPG) ", "The case of an ending does not count: strcasecmp()."),
            "The ending begins at the last dot of the name, strrchr(), and the contract's table says the "
            "type."],
        read="Your turn",
        by_hand=("./tinyweb",
                 "cd webroot; mkdir -p v.html; for f in a.b.HTML a.htmlx v.html/x a.txt a.md a.jpeg; do "
                 "echo > $f; echo $f; curl -sI http://127.0.0.1:8080/$f | grep Type; done; rm -r a.* v.html"))
@pytest.mark.parametrize("content_type,names", [
    ("text/html; charset=utf-8", ["a.html", "a.htm", "a.min.html", "a.HTML"]),
    ("text/css; charset=utf-8", ["style.css"]),
    ("text/javascript; charset=utf-8", ["a.js"]), ("text/plain; charset=utf-8", ["a.txt"]),
    ("text/markdown; charset=utf-8", ["README.md"]), ("application/json", ["a.json"]),
    ("application/xml", ["a.xml"]),
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


@graded(3, "Redirects a folder without its slash, with 301 and Location", step=7,
        cause=[
            Symptom("not with 301", "A folder that is asked for without its / is answered with 301: "
                    "fstat() tells that it is one."),
            Symptom("got: +'Location: (//|http)", "Location has one slash before the path and no host: to "
                    "a browser //sub/ is another host's page."),
            Symptom(r"\?a=b", "The slash comes behind the path, before the query, which stays."),
            "Location is the path as it came, with one slash before it and one behind it, then the query."],
        read="Your turn",
        by_hand=("./tinyweb",
                 "mkdir -p webroot/sub; for t in /sub '/sub?a=b' //sub; do curl -si "
                 "http://127.0.0.1:8080$t | grep -E 'HTTP|Location'; done; rmdir webroot/sub"))
@pytest.mark.parametrize("target,location", [
    ("/sub", "/sub/"), ("/sub/deep", "/sub/deep/"), ("//sub", "/sub/"), ("/no-index", "/no-index/"),
    ("/sub?a=b?c/d", "/sub/?a=b?c/d"), ("///sub?", "/sub/?"),
])
def test_a_folder_without_its_slash_is_redirected_to_this_server(server, target, location):
    if "?" not in target or get(server, "/?").status == 200:  # another check asks for files with a query
        http_checks.redirects(server, target, location)


@pytest.mark.parametrize("target", ["http://localhost/sub", "http://x//sub"])
def test_so_is_one_whose_url_was_asked_for(server, target):
    http_checks.redirects(server, target, "/sub/")


def test_a_folder_without_a_page_is_not_listed(root, server):
    (root / "no-index" / "private-name").write_bytes(b"")
    assert b"private-name" not in answers(server, lines("GET /no-index/ HTTP/1.0"), 404).body
