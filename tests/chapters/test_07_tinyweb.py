"""07-tinyweb: serves the files of one folder by HTTP/1.0, and nothing else."""

import contextlib
import os
import socket
import sys

import pytest

from harness import checks, http_checks
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.http_checks import FILES, PAGE, brings, serves
from harness.http_requests import lines
from harness.inspect import memory
from harness.talk import Response, connect, exchange, get, receive, receive_all, receive_until

CHAPTER = "07-tinyweb"
MEGABYTE = 1 << 20


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


# ---- What is served

@graded(5, "Starts, and serves a page with GET",
        cause=[
            Symptom("no empty line ends", "The head ends with an empty line, and each of its lines with "
                    "\\r\\n: the file begins behind \\r\\n\\r\\n."),
            Symptom("waits in vain|timed out|408 Request", "The client sees the end when the connection is "
                    "closed: close() comes after the answer. If nothing comes at all, the server may wait "
                    "for what it has already: start_reader() is for each client, not for each line."),
            Symptom("there is no answer", "After the empty line of the request comes the answer, and then "
                    "close(): it closes without a byte."),
            Symptom("not a status line", "The answer begins with `HTTP/1.0 200 OK`."),
            "The answer is a status line, headers, an empty line and the file, with \\r\\n at the end of "
            "each line of its head; then the connection is closed."],
        read="The idea",
        by_hand=("./tinyweb",
                 "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 1 nc 127.0.0.1 8080 > answer; echo exit "
                 "status $?; head -9 answer | cat -A; tail -c 8 answer | cat -A; rm answer"))
def test_serves_a_page(home):
    brings(home, "/", PAGE)


@graded(3, "Says where it listens: 127.0.0.1, or the ADDRESS of -a",
        cause=[
            Symptom("has not said so", "The line is written before the first accept(), and goes out at "
                    "once, also into a pipe: setvbuf(stdout, NULL, _IOLBF, BUFSIZ) comes before all output.",
                    by_hand=("timeout 1 ./tinyweb -p 0 | sed 's/port .*/port PORT/'",)),
            Symptom("127.0.0.1 only", "INADDR_ANY lets the whole network in: by default it binds 127.0.0.1.",
                    by_hand=("./tinyweb -p 8081", "ss -tln | grep -o '[^ ]*:8081 '")),
            Symptom("::1", "-a ADDRESS takes IPv4 or IPv6: socket() and bind() get the family and the "
                    "length that belong to it.",
                    by_hand=("./tinyweb -a ::1", "curl -sI 'http://[::1]:8080/' | head -1")),
            "The first line is `listening on ADDRESS port PORT`, with what getsockname() says."],
        read="Your turn",
        by_hand=("timeout 1 ./tinyweb -p 8081; ./tinyweb -p 8082", "ss -tln | grep -o '[^ ]*:8082 '"))
def test_says_where_it_listens(chapter, home):
    checks.says_where_it_listens(home)
    if sys.platform == "linux":
        checks.listens_on_loopback_only(home)
    with contextlib.suppress(pytest.skip.Exception):
        checks.needs_ipv6()
        server = chapter.serve("-a", "::1", "-p", "0", cwd=chapter.folder)
        assert server.address == "::1", "with -a ::1 it listens on %s" % server.address
        brings(server, "/", PAGE)


@graded(4, "Finds the file that a path means: a folder's page, a query, any name", step=2,
        cause=[
            Symptom(r"/a\+b", "+ is no space in a path: only %20 is."),
            Symptom(r"/a\.\.b", "a..b is a name like others: only a part that is .. and nothing else "
                    "climbs."),
            Symptom("/sub/ |'GET / HTTP", "A path that ends in / means the index.html in that folder."),
            Symptom(r"\?", "From ? on the target is no part of the name: cut it off."),
            "The path is a name below the webroot. Empty parts, //, change nothing; a name may have any "
            "byte but / and NUL."],
        read="The program",
        by_hand=("./tinyweb",
                 "cd webroot; for f in a+b a..b; do echo the file $f > $f; done; mkdir -p d/e; echo deep > "
                 "d/e/f; echo page > d/index.html; for t in / /d/ '/?a=b' /a+b /a..b //d//e///f; do echo $t; curl -s "
                 "http://127.0.0.1:8080$t | sed -n 1,4p; done; rm -r a+b a..b d"))
@pytest.mark.parametrize("target,name", [
    ("/", "index.html"), ("/index.html", "index.html"), ("/sub/", "sub/index.html"), ("/a", "a"),
    ("/sub/deep/file.txt", "sub/deep/file.txt"), ("/empty.txt", "empty.txt"),
    ("/a+b.txt", "a+b.txt"), ("/a..b.txt", "a..b.txt"),
    ("//sub//deep///file.txt", "sub/deep/file.txt"), ("/?a=b", "index.html"), ("/a?b/../%2e%2e/c?d", "a"),
])
def test_serves_the_file_that_a_target_means(home, target, name):
    brings(home, target, FILES[name])


@graded(4, "Serves files of every size and content whole", step=3,
        cause=[
            Symptom("3 GiB", "An int ends at 2 GiB, and memory before that: st_size is an off_t, long long "
                    "takes it to printf() (%lld), and the file is sent in pieces.",
                    by_hand=("./tinyweb",
                             "truncate -s 3G webroot/large; curl -sI http://127.0.0.1:8080/large | grep -E "
                             "'HTTP|Length'; curl -s http://127.0.0.1:8080/large | head -c 1000000 | wc "
                             "-c; rm webroot/large")),
            Symptom("shrinks", "read() returns 0 at the end of the file, also where it comes earlier than "
                    "fstat() said: then end the answer, or the loop never ends.",
                    by_hand=("./tinyweb",
                             "head -c 90000000 /dev/zero > webroot/large; (curl -s --limit-rate 20M --max-time 4 "
                             "http://127.0.0.1:8080/large > /dev/null; echo \"curl exits with $?  # 18: a part came, 28: no end\") & "
                             "sleep 0.5; : > webroot/large; wait; curl -sI --max-time 2 http://127.0.0.1:8080/ | head -1; "
                             "rm webroot/large")),
            Symptom("grows", "Content-Length is a promise: send no more, also if the file has grown.",
                    by_hand=("./tinyweb",
                             "head -c 50000000 /dev/zero > webroot/large; (printf 'GET /large HTTP/1.0\\r\\n\\r\\n' | "
                             "nc 127.0.0.1 8080 | (sleep 1; wc -c)) & sleep 0.5; head -c 9000000 /dev/zero >> "
                             "webroot/large; wait; rm webroot/large")),
            "The loop that reads and sends goes on to the end of the file; its bytes are no string, and a "
            "NUL byte is one of them."],
        read="The program",
        by_hand=("./tinyweb",
                 "(printf '\\0'; head -c 100000 /dev/zero) > webroot/large; curl -s --max-time 2 "
                 "http://127.0.0.1:8080/large | wc -c; rm webroot/large"))
def test_files_of_all_sizes_around_those_of_buffers(webroot, home):
    head = len(exchange(home, lines("GET / HTTP/1.0"))) - len(PAGE)  # or a byte or two more
    for size in [2 ** power for power in range(10, 18)]:
        for length in [size - 1, size, size + 1, *range(size - head - 6, size - head + 7)]:
            content = os.urandom(length)
            (webroot / "index.html").write_bytes(content)
            identical(get(home, "/").body, content)
    changes_its_size(webroot, home, 10 * MEGABYTE, 0)
    changes_its_size(webroot, home, 10 * MEGABYTE, 20 * MEGABYTE)
    serves_huge(webroot, home)


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
    has_length = Response(head).headers["content-length"] == "3221225472"
    assert has_length, "a file of 3 GiB, 3221225472 bytes, has the head:\n%s" % head.decode()
    assert beginning == bytes(MEGABYTE), "a file of 3 GiB begins with other bytes"


def changes_its_size(root, server, size, new):
    """A file gets a new size while it is sent: no more comes than was promised."""
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


@graded(4, "Finds the webroot beside it; exits 2 on wrong usage, 1 if it cannot start", step=5,
        cause=[
            Symptom("has exited|exit status 0|is still running|did not end", "A webroot that is no folder, "
                    "or a port that is taken, is a failed start: a message, and exit status 1.",
                    by_hand=("./tinyweb -p 8081",
                             "for w in no-such-folder tinyweb.c; do timeout 1 ./tinyweb -p 8082 $w; echo "
                             "exit status $?; done; timeout 1 ./tinyweb -p 8081; echo exit status $?")),
            Symptom("ENOENT", "The default webroot is looked for in the current folder, and not in the "
                    "program's: argv[0] up to its last slash."),
            Symptom("got: +.*the page beside", "The argument behind the options is the folder to serve: "
                    "argv[optind], once getopt() has returned -1.",
                    by_hand=("mkdir -p second; echo my page > second/index.html; ./tinyweb second",
                             "curl -s http://127.0.0.1:8080/ | head -1; rm -r second")),
            Symptom("-p 4294967376", "A port beyond 65535 is no port: 4294967376 becomes 80 where 32 bits "
                    "wrap.",
                    by_hand=("timeout 1 ./tinyweb -p 4294967376; echo exit status $?",)),
            "Wrong usage, a bad port or a bad address is told on stderr, with what is wrong and a line "
            "`usage: ...`, and exit status 2."],
        read="Your turn",
        by_hand=("p=$PWD/tinyweb; cd /; $p",
                 "curl -sI http://127.0.0.1:8080/ | head -1; for w in '-p 99999' '-p 0 -a 1.2.3.256' -z "
                 "'-p 0 one two'; do timeout 1 ./tinyweb $w; echo exit status $?; done"))
@pytest.mark.parametrize("arguments", [
    None, *([words, "usage"] for words in (["-p", "99999"], ["-p", "4294967376"], ["-p", "80x"], ["-p", ""],
                                           ["-z"], ["-p"], ["-p", "0", "-a", "127.0.0.256"],
                                           ["-p", "0", "one", "two"])),
    [["-p", "0", "missing"], "ENOENT"], [["-p", "0", "index.html"], "ENOTDIR"],
    [["-p", "taken"], "EADDRINUSE"]], ids=repr)
def test_finds_its_webroot_and_refuses_wrong_usage(chapter, root, webroot, arguments):
    if arguments is None:
        (webroot / "index.html").write_bytes(b"the page beside the program")
        brings(chapter.serve("-p", "0", cwd=str(root)), "/", b"the page beside the program")
        brings(chapter.serve("-p", "0", root), "/", PAGE)
        return
    words, error = arguments
    if "taken" in words:
        words = ["-p", str(chapter.serve("-p", "0", root).port), str(root)]
    program = chapter.run(*words, cwd=str(root), limit=5)
    if error == "usage":
        checks.is_usage_error(program, words[-1])
    else:
        checks.is_failure(chapter, program, error)


@pytest.mark.parametrize("new", [0, MEGABYTE, 30 * MEGABYTE])
def test_a_file_that_changes_its_size_while_it_is_sent(root, server, new):
    changes_its_size(root, server, 20 * MEGABYTE, new)


def test_files_may_change_while_the_server_runs(root, server):
    (root / "index.html").write_bytes(b"new")
    serves(server, "/", b"new")
    (root / "index.html").unlink()
    assert get(server, "/").status == 404


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


# ---- How it is called

@pytest.mark.parametrize("path", ["root/", ".", "link", "/"])
def test_the_webroot_may_be_named_in_any_way(chapter, root, path):
    (root.parent / "link").symlink_to("webroot")
    (root / "link").symlink_to("index.html")
    argument = str(root) + "/" if path == "root/" else path
    server = chapter.serve("-p", "0", argument, cwd=str(root.parent if path == "link" else root))
    for name in ("index.html", "link"):
        serves(server, (str(root) if path == "/" else "") + "/" + name, PAGE)


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


def test_default_port(chapter):
    checks.default_port(chapter, 8080)


def test_listens_on_loopback_only(server):
    checks.listens_on_loopback_only(server)


def test_ipv6(chapter, root):
    checks.needs_ipv6()
    server = chapter.serve("-a", "::1", "-p", "0", root)
    assert server.address == "::1"
    assert get(server, "/").body == PAGE
    server.wait_for_output(r'^::1 port \d+ "GET / HTTP/1.0" 200 %d$' % len(PAGE))


def test_restart_at_once(chapter):
    def finish(client):
        client.sendall(lines("GET / HTTP/1.0"))
        assert Response(receive_all(client)).status == 200

    checks.restart_at_once(chapter, checks.option, finish)


def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.option)
