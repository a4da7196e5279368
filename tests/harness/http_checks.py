"""Checks of HTTP, which chapters 7 to 9 share. Each takes a Server that serves a folder which
fill_webroot() has filled, and asks it something; most return the Response."""

import contextlib
import email.utils
import itertools
import os
import pathlib
import re
import select
import shutil
import socket
import time

from harness.compare import identical
from harness.http_requests import LINKS_OUTSIDE, OUTSIDE, REFUSED, SECRET, lines
from harness.program import seconds, wait_until
from harness.steps import show
from harness.talk import Response, connect, exchange, get, receive_all, receive_until, what_comes

PAGE = b"<!DOCTYPE html>\n<title>The page</title>\n"
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"  # the example of RFC 9110, 5.6.7
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
LOG_LINE = re.compile(r'127\.0\.0\.1 port (?P<port>\d+) "(?P<line>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+)')

FILES = {
    "index.html": PAGE,
    "empty.txt": b"",
    "a": b"the file a\n",
    "%61": b"the file %61\n",
    "a b.txt": b"a name with a space\n",
    "a+b.txt": b"a name with a plus\n",
    "a..b.txt": b"a name with two dots\n",
    "?.txt": b"a name with a question mark\n",
    "gr\u00fcn.txt": b"a name with a letter that is not ASCII\n",
    "sub/index.html": b"the page of sub\n",
    "sub/deep/file.txt": b"a file far down\n",
    "v1.html/file": b"a name without an ending, in a folder with one\n",
}


def fill_webroot(folder):
    """Make the folder (a pathlib.Path, called webroot) with FILES; return it. Beside it lies what is
    SECRET."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "no-index").mkdir()
    (folder.parent / "webroot-twin").mkdir(exist_ok=True)
    for name in ("index.html", "secret.txt", "webroot-twin/index.html", "webroot-twin/secret.txt"):
        (folder.parent / name).write_bytes(SECRET)
    when = email.utils.parsedate_to_datetime(MODIFIED).timestamp()
    os.utime(str(folder / "index.html"), (when, when))
    return folder


@contextlib.contextmanager
def filled_beside(program):
    """The folder `webroot` beside a program, filled with FILES; what was there before comes back."""
    folder = pathlib.Path(program).with_name("webroot")
    kept = folder.with_name("webroot-kept")
    if folder.exists():
        folder.rename(kept)
    yield fill_webroot(folder)
    shutil.rmtree(str(folder))
    if kept.exists():
        kept.rename(folder)


REASONS = {200: "OK", 301: "Moved Permanently", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
           405: "Method Not Allowed", 408: "Request Timeout", 414: "URI Too Long", 431: "Request Header Fields Too Large",
           500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
           505: "HTTP Version Not Supported"}


def has_header(response, name, value):
    """The response has a header with this value."""
    identical("%s: %s" % (name, response.headers[name.lower()]), "%s: %s" % (name, value))


def time_of(date):
    """The time that a date in HTTP's form stands for; fails if it is none."""
    with contextlib.suppress(ValueError, TypeError):  # on the 31st of February
        if DATE.fullmatch(date):
            return email.utils.parsedate_to_datetime(date).timestamp()
    raise AssertionError("not a date such as %s: %s" % (MODIFIED, date))


def is_well_formed(data, has_body=True):
    """Return the Response that `data` is; fails if it is not one, whole, with the headers that all have."""
    response = Response(data)
    assert response.status_line.startswith("HTTP/1.0 "), "not HTTP/1.0: %s" % response.status_line
    assert response.reason == REASONS.get(response.status, response.reason), "%d is not %s, but %s" % (
        response.status, response.reason, REASONS[response.status])
    has_header(response, "Connection", "close")
    has_header(response, "Server", "Tiny webserver")
    date = response.headers["date"]
    assert abs(time_of(date) - time.time()) < seconds(10), "Date does not tell the time: %s" % date
    assert response.headers["content-type"], "Content-Type is empty"
    if response.status != 200:
        assert response.headers["content-type"].startswith("text/html"), "the page of an error is HTML"
    if has_body:
        has_header(response, "Content-Length", len(response.body))
    else:
        is_without_body(response)
    return response


def is_without_body(response):
    """The response is one to HEAD."""
    assert response.body == b"", "HEAD was answered with a body"


def answered_once(data):
    """There is one status line in `data`, and not one for each request that somebody may see in it."""
    assert len(re.findall(rb"(?m)^HTTP/1\.[01] \d{3} .*\r$", data)) == 1, "not one answer: %r" % data


def what_is_answered(server, request, limit=5, receive=what_comes):
    """Send a request as it stands; return all that comes, which may be nothing."""
    with connect(server, limit) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(request)
        return receive(client)


def answers(server, request, status, limit=5, name="", receive=what_comes):
    """Send a request (bytes) as it stands; the one answer has the status (or one of them). Whether it has
    all the headers is not looked at: is_well_formed() does; nor whether it might be lost to a reset that comes behind
    it: loses_no_reply() does. `name` tells what is asked for."""
    data = what_is_answered(server, request, limit, receive)
    response = Response(data)
    wanted = status if isinstance(status, tuple) else (status,)
    assert response.status in wanted, "%s%s was answered with %s, and not with %s" % (
        name and name + ": ", show(request), response.status_line, " or ".join(map(str, wanted)))
    answered_once(data)
    if request.startswith(b"HEAD "):
        is_without_body(response)
    if response.status == 405:
        allowed = sorted(re.split(r"\s*,\s*", response.headers["allow"]))
        assert allowed == ["GET", "HEAD"], "the header Allow is not GET, HEAD: " + response.headers["allow"]
    if response.status not in (200, 301):
        assert PAGE not in response.body, "the page of an error shows the file"
    return response


def brings(server, target, content):
    """GET brings the content; return the Response."""
    response = answers(server, lines("GET %s HTTP/1.0" % target), 200)
    identical(response.body, content)
    return response


def refuses(server, *wanted, which=lambda name: True):
    """All requests of REFUSED that are to be answered with one of these, and whose name fits, are."""
    for name, (status, request) in REFUSED.items():
        if status in wanted and which(name):
            answers(server, request, status, name=name)
    brings(server, "/", PAGE)


def serves(server, target, content):
    """GET brings the content, and HEAD the same headers without it."""
    response = brings(server, target, content)
    same_head(server, target, response)
    return response


def same_head(server, target, response):
    """HEAD is answered as GET was, with the same headers (but the Date), and no body."""
    head = answers(server, lines("HEAD %s HTTP/1.0" % target), response.status)
    told = ["".join("%s: %s\n" % header for header in sorted(each.headers.items()) if header[0] != "date")
            for each in (head, response)]
    assert told[0] == told[1], "HEAD brings other headers than GET:\n%snot\n%s" % tuple(told)


def redirects(server, target, location):
    """The target is a folder without its slash: 301, and Location leads to it on this server."""
    response = answers(server, lines("GET %s HTTP/1.0" % target), 301)
    has_header(response, "Location", location)


def hides(server, target, wanted):
    """What the target leads to is not served: an error, in which nothing of it shows."""
    data = exchange(server, lines("GET %s HTTP/1.0" % target))
    response = Response(data)
    assert SECRET not in data and b"root:" not in data, "%s was served:\n%s" % (target, show(data))
    assert response.status in wanted, "%s was answered with %d, and not with %s" % (
        show(target.encode()), response.status, " or ".join(map(str, wanted)))


def hides_what_lies_outside(server):
    """No target of OUTSIDE leads out of the webroot, and none that has a part `..` to anything."""
    for target in OUTSIDE:
        climbs = re.match(r"/([^?]*/)?\.\.(/|$)", target)
        hides(server, target, (403,) if climbs and len(target) < 2000 else (301, 400, 403, 404, 414))


def hides_where_links_lead(server, root):
    """No link of LINKS_OUTSIDE leads out of the webroot (a pathlib.Path), at once or by way of others."""
    outside = str(root.parent)
    for link, leads_to, target in LINKS_OUTSIDE:
        path, target = root / link, target.format(outside=outside)
        wanted = (403, 404) if leads_to == "/proc/self/cwd" else (403,)  # a server may live in its webroot
        path.symlink_to(leads_to.format(outside=outside))
        hides(server, target, wanted)
        path.rename(path.with_name("renamed"))
        path.symlink_to("renamed")
        hides(server, target, wanted)
        path.unlink()
        path.with_name("renamed").unlink()


def loses_no_reply(server, request, status, times=100):
    """The client sends all of a long request before it reads, and still gets all of the answer, and an
    orderly end: a reset would fail the receiving. And at once, not after a wait."""
    begin = time.monotonic()
    for number in range(times):
        answers(server, request, status, receive=receive_all)
        assert time.monotonic() - begin < seconds(15), "only %d answers in 15 s" % (number + 1)


def survives_resets(server, target, times=1000):
    """Clients reset in the middle of their requests, and in the middle of a download of the target."""
    for number in range(times):
        client = connect(server)
        client.sendall(lines("GET %s HTTP/1.0" % target)[:-1 - number % 20 if number % 2 else None])
        if number % 4 == 0:
            client.recv(100)
        if number % 3 == 0:  # a reset after our end brings the server EPIPE, and with it SIGPIPE
            client.shutdown(socket.SHUT_WR)
        client.reset()
    brings(server, "/", PAGE)


def visit_in_all_ways(server, *targets):
    """A function that asks for something else each time, the targets too, and leaves in another way."""
    requests = [lines(line) for line in (
        "GET / HTTP/1.0", "HEAD / HTTP/1.0", "GET /sub HTTP/1.0", "GET /missing HTTP/1.0",
        "GET /../x HTTP/1.0", "POST / HTTP/1.0", "BREW / HTTP/1.0", "what?", "GET / HTTP/2.0",
        *("GET %s HTTP/1.0" % target for target in targets))]
    count = 0

    def visit():
        nonlocal count
        count += 1
        kind = count % (len(requests) + 3)
        if kind < len(requests):
            exchange(server, requests[kind])
        elif kind == len(requests):
            connect(server).reset()
        elif kind == len(requests) + 1:
            exchange(server, b"GET / HT")
        else:
            client = connect(server)
            client.sendall(requests[0][:-3])
            client.reset()

    return visit


def connect_narrow(server, limit=15):
    """Connect with a small receive buffer: the server soon has to wait until we read."""
    return connect(server, limit, receive_buffer=4096)


def given_up_after(server, start, *trickle):
    """A client sends `start`, and then a piece of `trickle` every second, the last one again and again.
    Return how many seconds it has until the server answers, and the Response."""
    pieces = itertools.chain(trickle, itertools.repeat(trickle[-1] if trickle else b""))
    with connect(server, limit=1) as client:
        begin = time.monotonic()
        client.sendall(start)
        while not select.select([client], [], [], seconds(1))[0]:
            assert time.monotonic() - begin < seconds(16), "the server waits for a slow request"
            client.sendall(next(pieces))
        after, data = time.monotonic() - begin, what_comes(client)
    assert data, "a slow request was given up after %.1f seconds without an answer" % after
    get(server, "/")
    with contextlib.suppress(AssertionError):  # whether there is a log at all, another check asks
        wait_until(lambda: b" 200 " in server.stdout, limit=1)
    assert b" 408 " in server.stdout or b" 200 " not in server.stdout, "an answer of 408 has no line in the log"
    return after, Response(data)


def cut_off_after(server, start, more):
    """A client sends `start`, and then `more` for ever. Return how many seconds the server lets it."""
    with connect(server, limit=30) as client:
        begin = time.monotonic()
        client.sendall(start)
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - begin < seconds(30):
                client.sendall(more)
        return time.monotonic() - begin


def taken_after_the_answer(server, request):
    """A client sends a request, and then bytes for ever. Return how many it could send."""
    taken, piece = 0, bytes(1 << 20)
    with connect(server, limit=5) as client, contextlib.suppress(OSError):
        client.sendall(request)
        while taken < 1 << 30:
            taken += client.send(piece)
    return taken


def received_with_a_pause(server, request, limit, pause=5):
    """A client sends a request, reads the first line of the answer, then nothing for some seconds, then all that
    comes, up to `limit` bytes. Return how many bytes these are."""
    with connect_narrow(server) as client:
        client.sendall(request)
        receive_until(client, b"\r\n")
        time.sleep(pause)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # to be done soon
        received = 0
        for part in iter(lambda: client.recv(1 << 20), b""):
            received += len(part)
            if received > limit:
                break
        return received


def next_served_after(server, request, trickle=b"", limit=16):
    """A client sends a request, reads the first line of the answer, and stays; it sends `trickle` now and
    then. Return how many seconds the next one waits; fails if these are more than `limit`."""
    with connect_narrow(server) as client:
        client.sendall(request)
        receive_until(client, b"\r\n")
        begin = time.monotonic()
        with connect(server) as other:
            other.sendall(lines("GET / HTTP/1.0"))
            while not select.select([other], [], [], seconds(0.3))[0]:
                assert time.monotonic() - begin < seconds(limit), (
                    "behind a client that %s the next one waits and waits" % (
                        "got its answer and goes on sending" if trickle else "does not read"))
                with contextlib.suppress(ConnectionError):
                    client.sendall(trickle)
            assert Response(receive_all(other)).status == 200
        return time.monotonic() - begin


def log_lines(server, count):
    """Wait for `count` lines of the log on stdout; return a match of LOG_LINE for each."""
    wait_until(lambda: server.stdout.count(b"\n") > count, what="%d lines of the log on stdout" % count)
    found = [LOG_LINE.fullmatch(line) for line in server.stdout.decode("latin-1").split("\n")[1:count + 1]]
    assert None not in found, "not all lines are as the log's should be:\n" + server.output[-1000:]
    return found
