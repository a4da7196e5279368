"""07-tinyweb: serves the files of one folder by HTTP/1.0, and nothing else."""

import filecmp
import os
import pathlib
import re
import socket
import subprocess
import tempfile

import pytest

from harness import checks, http_checks
from harness.compare import identical
from harness.grading import graded
from harness.http_checks import FILES, PAGE, answers, brings, log_lines, serves
from harness.http_requests import (ACCEPTED, AMBIGUOUS, REFUSED, REFUSED_BY_STRICT_READERS, lines,
                                   with_headers)
from harness.inspect import memory
from harness.steps import show
from harness.talk import Response, connect, exchange, get, receive_all, receive_until
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

@graded(7, "Starts, and serves a page with GET",
        cause="The answer is not a status line, headers, an empty line and the file, with \\r\\n at the end "
              "of each line of its head; or the connection stays open behind it. If nothing comes, the server may wait "
              "for what it has already: start_reader() is for each client, not for each line.",
        read="The idea",
        by_hand=("./tinyweb", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 1 nc 127.0.0.1 8080 > answer; "
                              "echo exit status $?; head -9 answer | cat -A"))
def test_serves_a_page(server):
    brings(server, "/", PAGE)


@graded(5, "Puts the same headers into every answer, errors included",
        cause="A header is missing, misspelt or wrong: Content-Length counts the bytes of the body alone, "
              "and dates are in GMT wherever the server is (TZ).",
        read="Your turn",
        by_hand=("TZ=XYZ-5:30 ./tinyweb", "touch -d 1994-11-06T22:00Z webroot/old; curl -sI "
                                          "http://127.0.0.1:8080/ http://127.0.0.1:8080/old; curl -si "
                                          "http://127.0.0.1:8080/missing; echo and dates, 06 Nov:; curl -sI "
                                          "http://127.0.0.1:8080/old | grep -o '.. Nov .*'; rm webroot/old"))
def test_every_answer_has_the_headers(chapter, root):
    server = chapter.serve("-p", "0", root, env={**os.environ, "TZ": "XYZ-5:30"})
    for line in ("GET / HTTP/1.0", "GET /sub HTTP/1.0", "GET /missing HTTP/1.0", "GET /.. HTTP/1.0", "what?",
                 "POST / HTTP/1.0", "BREW / HTTP/1.0", "GET / HTTP/2.0"):
        http_checks.is_well_formed(exchange(server, lines(line)))
    http_checks.has_header(get(server, "/"), "Last-Modified", http_checks.MODIFIED)


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


@graded(5, "Answers HEAD as GET, but without a body, also for errors",
        cause="HEAD gets the body, or a Content-Length of 0; or the code that sends errors does not know of "
              "it, perhaps because the line was too long to be kept. A reset (ECONNRESET) may have "
              "destroyed the answer: see the check of that.",
        read="Your turn",
        by_hand=("./tinyweb",
                 "for t in / /missing /$(printf %09000d 0); do printf \"HEAD $t HTTP/1.0\\r\\n\\r\\n\" | "
                 "nc 127.0.0.1 8080; done"))
@pytest.mark.parametrize("target,status", [
    ("/", 200), ("/sub", 301), ("/%zz", 400), ("/missing", 404), ("/" + "x" * 9000, 414),
], ids=lambda value: str(value)[:20])
def test_head_is_answered_as_get_is(server, target, status):
    http_checks.same_head(server, target, answers(server, lines("GET %s HTTP/1.0" % target), status))


@graded(3, "Finds the webroot beside it from anywhere, and exits 2 on wrong usage",
        cause="The default webroot is looked for in the current folder, and not in the program's (argv[0] "
              "up to its last slash); or wrong usage is not told, or exits with another status than 2.",
        read="Your turn",
        by_hand=("p=$PWD/tinyweb; cd /; $p",
                 "curl -sI http://127.0.0.1:8080/ | head -1; ./tinyweb -p 99999; echo exit status $?"))
def test_finds_its_webroot_and_refuses_wrong_usage(chapter, tmp_path):
    server = chapter.serve("-p", "0", cwd=str(tmp_path))
    path = os.path.join(chapter.folder, "webroot", "index.html")
    assert os.path.isfile(path), "there is no webroot/index.html beside the program"
    with open(path, "rb") as page:
        serves(server, "/", page.read())
    for wrong in (["-p", "99999"], ["-p", "0", "-a", "127.0.0.256"], ["-z"], ["one", "two"]):
        checks.is_usage_error(chapter.run(*wrong), wrong[-1])


@graded(5, "Finds the file that a path means: a folder's page, %XX, a query",
        cause="%XX is not decoded, or twice, or only with digits and capitals; the query is not cut off "
              "before; a path that ends in / does not mean its index.html; or a name may not have what any "
              "name may: + is no space, and a..b does not climb.",
        read="The program",
        by_hand=("./tinyweb", "cd webroot; for f in %61 a+b a..b; do echo the file $f > $f; done; for t in / "
                              "'/?a=b' /%69ndex%2Ehtml /%2561 /a+b /a..b; do echo $t; curl -s "
                              "http://127.0.0.1:8080$t | sed -n 1,4p; done; rm %61 a+b a..b"))
@pytest.mark.parametrize("target,name", [
    ("/", "index.html"), ("/index.html", "index.html"), ("/sub/", "sub/index.html"), ("/a", "a"),
    ("/sub/deep/file.txt", "sub/deep/file.txt"), ("/empty.txt", "empty.txt"), ("/a%20b.txt", "a b.txt"),
    ("/%69ndex%2Ehtml", "index.html"), ("/gr%C3%BCn.txt", "gr\u00fcn.txt"), ("/%3f.txt?x", "?.txt"),
    ("/%2561", "%61"), ("/%61", "a"), ("/a+b.txt", "a+b.txt"), ("/a..b.txt", "a..b.txt"),
    ("//sub//deep///file.txt", "sub/deep/file.txt"), ("/?a=b", "index.html"),
])
def test_serves_the_file_that_a_target_means(server, target, name):
    brings(server, target, FILES[name])


@graded(4, "Tells the type of a file by the ending of its name",
        cause="The ending begins at the last dot of the name, its case does not count, and text has a "
              "charset.",
        read="Your turn",
        by_hand=("./tinyweb", "cd webroot; cp index.html a.b.HTML; for f in *; do curl -sI "
                              "http://127.0.0.1:8080/$f | grep Type; done; rm a.b.HTML"))
@pytest.mark.parametrize("content_type,names", [
    ("text/html; charset=utf-8", ["a.html", "a.htm", "a.min.HTML"]), ("text/css; charset=utf-8", ["style.css"]),
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


@graded(4, "Redirects a folder without its slash, with 301 and Location",
        cause="Location is the target as it came with a slash behind its path, before the query; and with "
              "one slash before it, since //sub/ would be another host.",
        read="Your turn",
        by_hand=("./tinyweb", "mkdir -p webroot/sub; for t in /sub '/sub?a=b' //sub; do curl -si "
                              "http://127.0.0.1:8080$t | grep -E 'HTTP|Location'; done; rmdir webroot/sub"))
@pytest.mark.parametrize("target,location", [
    ("/sub", "/sub/"), ("/sub/deep", "/sub/deep/"), ("/sub?a=b?c/d", "/sub/?a=b?c/d"), ("//sub", "/sub/"),
    ("///sub?", "/sub/?"), ("/%73ub", "/%73ub/"), ("http://localhost/sub", "/sub/"), ("http://x//sub", "/sub/"),
    ("/no-index", "/no-index/"),
])
def test_a_folder_without_its_slash_is_redirected_to_this_server(server, target, location):
    http_checks.redirects(server, target, location)


def test_a_folder_without_a_page_is_not_listed(root, server):
    (root / "no-index" / "private-name").write_bytes(b"")
    assert b"private-name" not in answers(server, lines("GET /no-index/ HTTP/1.0"), 404).body


@graded(4, "Serves files of every size and content whole",
        cause="The loop that reads and sends ends too early, or takes the bytes of the file for a string.",
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


@pytest.mark.parametrize("change,length", [(0, 0), (MEGABYTE, MEGABYTE), (30 * MEGABYTE, 20 * MEGABYTE)])
def test_a_file_that_changes_its_size_while_it_is_sent(root, server, change, length):
    (root / "large").write_bytes(b"x" * 20 * MEGABYTE)
    with http_checks.connect_narrow(server) as client:
        client.sendall(lines("GET /large HTTP/1.0"))
        receive_until(client, b"\r\n\r\n")
        os.truncate(str(root / "large"), change)
        received = len(receive_all(client))
    assert received <= 20 * MEGABYTE, "more than Content-Length said"
    assert received >= length
    serves(server, "/", PAGE)


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

@graded(5, "Accepts every form of request that the contract allows",
        cause="A bare LF, an empty line before the request, a header in other letters or the form "
              "http://host/path is refused; or a line or the headers may not be as long as they should.",
        read="Your turn",
        by_hand=("./tinyweb", "for r in $'\\nGET / HTTP/1.0' $'GET / HTTP/1.1\\nhOST:x' 'GET HTTP://x "
                              "HTTP/1.0'; do echo \"$r\"; echo \"$r\"$'\\n' | nc 127.0.0.1 8080 | head -1; "
                              "done"))
def test_accepts(server):
    for status, request in ACCEPTED.values():
        assert answers(server, request, status).body == PAGE


def test_reads_strictly(server):
    for request in REFUSED_BY_STRICT_READERS.values():
        answers(server, request, 400)
    response = Response(exchange(server, b"\0GET / HT"))
    assert response.status == 400, "a NUL byte and then the end was answered with %s" % response.status_line


def refuses(server, *wanted):
    """All requests of REFUSED to which one of these is the answer are answered with it."""
    for status, request in REFUSED.values():
        if status in wanted:
            answers(server, request, status)
    brings(server, "/", PAGE)


@graded(6, "Answers 400 to what is not HTTP",
        cause="A check is missing: of the request line's form, of what an escape may be, of what a header "
              "may be, or of the empty line that has to come before the end.",
        read="The program",
        by_hand=("./tinyweb", "for r in 'GET /' 'GET /%zz HTTP/1.0' 'GET /%00 HTTP/1.0' $'GET / HTTP/1.0\\nX "
                              ": y' $'GET / HTTP/1.0\\nX: y\\n z' $'GET / HTTP/1.1\\nHost: a\\nHost: b' 'GET "
                              "/ HTTP/1.1' $'GET / HTTP/1.0\\nHost: a b' $'GET / HTTP/1.0\\ncontent-length: "
                              "ten' $'GET / HTTP/1.0\\nContent-Length: 1\\nContent-Length: 2'; do echo "
                              "\"$r\"; echo \"$r\"$'\\n' | nc 127.0.0.1 8080 | head -1; done; echo and an "
                              "end too soon; for r in 'GET / HT' $'GET / HTTP/1.0\\n'; do printf \"$r\" | nc "
                              "-N 127.0.0.1 8080 | head -1; done"))
def test_answers_400_to_what_is_not_http(server):
    refuses(server, 400)
    for half in (b"GET / HT", b"GET / HTTP/1.0\r\n", b"GET / HTTP/1.0\r\nX: y\r\n"):
        response = Response(exchange(server, half))
        assert response.status == 400, "%s and then the end was answered with %s, and not with 400" % (
            show(half), response.status_line)


@graded(6, "Answers 405, 414, 431, 501 and 505 where they belong",
        cause="The version decides before the method, and a method's case counts; 405 comes with the header "
              "Allow; a line that is too long, or the 101st header, has an answer, too. If none came, it "
              "may have been lost to a reset: see the check of that.",
        read="What can go wrong",
        by_hand=("./tinyweb", "for r in 'POST / HTTP/1.0' 'get / HTTP/1.0' 'POST / HTTP/2.0' $'GET / "
                              "HTTP/1.0\\n'\"$(yes X:y | head -101)\"; do echo \"$r\" | head -1; echo "
                              "\"$r\"$'\\n' | nc 127.0.0.1 8080 | grep -aE 'HTTP/|Allow'; done; curl -si "
                              "http://127.0.0.1:8080/$(printf %09000d 0) | head -1"))
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

@graded(8, "Serves nothing outside the webroot, however .. is written",
        cause="A part .. anywhere in the path leads out; look for it once %XX is decoded, and decode only "
              "once.",
        read="The program",
        by_hand=("./tinyweb", "for t in /../tinyweb.c /x/../../tinyweb.c /%2e%2e/tinyweb.c; do curl -si "
                              "--path-as-is http://127.0.0.1:8080$t | grep -aE 'HTTP/|program'; done"))
def test_no_target_leads_out_of_the_webroot(server):
    http_checks.hides_what_lies_outside(server)


@graded(4, "Follows links that stay inside the webroot, and no others",
        cause="open() follows symbolic links; and a folder beside the webroot may begin with the same name. "
              "A link whose realpath() is inside is served.",
        read="The program",
        by_hand=("./tinyweb", "mkdir -p webroot-2; echo secret > webroot-2/file; ln -s ../webroot-2/file "
                              "webroot/link; ln -s ../webroot-2 webroot/folder; ln -s index.html "
                              "webroot/inside; echo 403, 403 and 200:; for t in /link /folder/file /inside; "
                              "do curl -si http://127.0.0.1:8080$t | grep -aE 'HTTP/|secret'; done; rm -r "
                              "webroot-2 webroot/link webroot/folder webroot/inside"))
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
        http_checks.redirects(server, folder, folder + "/")


def test_links_that_lead_nowhere_are_refused(root, server):
    (root / "circle").symlink_to("circle")
    (root / "nowhere").symlink_to("missing")
    for target in ("/circle", "/nowhere", "/circle/x"):
        answers(server, lines("GET %s HTTP/1.0" % target), (403, 404))  # is a circle not there, or forbidden?


@graded(4, "Answers 404 to what is not there, and 403 to what is no file",
        cause="ENOTDIR and ENAMETOOLONG mean 404, too. To open a FIFO is to wait for its writer, without "
              "O_NONBLOCK; fstat() tells what was opened. A folder named index.html is no page.",
        read="The program",
        by_hand=("./tinyweb", "mkfifo webroot/fifo; mkdir -p webroot/sub/index.html; for t in /missing "
                              "/index.html/x /$(printf %04000d 0) /sub/ /fifo; do echo ${t:0:20}; curl -si "
                              "--max-time 1 http://127.0.0.1:8080$t | head -1; done; rm -r webroot/fifo "
                              "webroot/sub"))
def test_what_is_no_file_is_refused_at_once(root, server, monkeypatch):
    refuses(server, 404, (400, 404))
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
