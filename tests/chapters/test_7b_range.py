"""7b-range: chapter 7's server, which sends no file that the client has already, and parts of one."""

import calendar
import datetime
import email.utils
import os
import random
import re
import subprocess
import time

import pytest

from harness import checks, http_checks
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.http_checks import MODIFIED, PAGE, answers, brings, has_header, what_is_answered
from harness.http_requests import lines
from harness.program import wait_until
from harness.talk import Response, connect, get, receive, receive_until

CHAPTER = "7b-range"
CONTENT = b"0123456789abcdefghijklmnopqrstuvwxyz"
WHEN = calendar.timegm((1994, 11, 6, 8, 49, 37))  # MODIFIED
SINCE, RANGE, IF_RANGE = "If-Modified-Since: ", "Range: bytes=", "If-Range: "
HUGE = 3 << 30
REASON = {206: "Partial Content", 304: "Not Modified", 416: "Range Not Satisfiable"}


@pytest.fixture
def server(chapter, root):
    """A server that is far from Greenwich, with a file /n of 36 bytes, from 1994."""
    (root / "n").write_bytes(CONTENT)
    os.utime(str(root / "n"), (WHEN, WHEN))
    return chapter.serve("-p", "0", root, env={**os.environ, "TZ": "XYZ-5:30"})


def ask(server, status, *headers, target="/n", method="GET"):
    """Ask with these headers; return the Response, which has this status."""
    response = answers(server, lines("%s %s HTTP/1.0" % (method, target), *headers), status, name=", ".join(headers))
    assert response.reason == REASON.get(status, response.reason), "%d is not %s, but %s" % (
        status, REASON[status], response.reason)
    return response


def whole(server, *headers, target="/n", content=CONTENT):
    """These headers are answered with all of the file, as if they were not there."""
    response = ask(server, 200, *headers, target=target)
    identical(response.body, content)
    assert "content-range" not in response.headers, "Content-Range is for 206 and 416, and not for 200"


def part(server, first, last, *headers, target="/n", size=len(CONTENT)):
    """These headers are answered with a part of a file; return the Response."""
    response = ask(server, 206, *headers, target=target)
    has_header(response, "Content-Range", "bytes %d-%d/%d" % (first, last, size))
    has_header(response, "Content-Length", last - first + 1)
    if target == "/n":
        identical(response.body, CONTENT[first:last + 1])
    return response


def no_part(server, *headers, target="/n", size=len(CONTENT)):
    """These headers are answered with 416, which tells the size."""
    has_header(ask(server, 416, *headers, target=target), "Content-Range", "bytes */%d" % size)


def date(when):
    """A time as HTTP writes it today."""
    return email.utils.formatdate(when, usegmt=True)


def old_dates(when):
    """A time in the two forms of old, RFC 850's and asctime()'s."""
    utc = datetime.datetime.fromtimestamp(when, datetime.timezone.utc)
    return utc.strftime("%A, %d-%b-%y %H:%M:%S GMT"), utc.strftime("%a %b {:2} %H:%M:%S %Y").format(utc.day)


FILE = "printf 0123456789abcdefghijklmnopqrstuvwxyz > webroot/n; touch -d 1994-11-06T08:49:37Z webroot/n; "


def by_hand(*headers, show="sed 's/\\r//' | grep -aE '^HTTP|^Content-[RL]|^[0-9a-z]*$'", more=""):
    """Terminals: one with the program, one that asks for a file of 36 bytes with each of the headers."""
    return ("TZ=XYZ-5:30 ./range", FILE + "for h in %s; do echo \"$h\"; curl -si --max-time 2 -H \"$h\" http://127.0.0.1:8080/n | %s; done%s; rm webroot/n" % (
        " ".join("'%s'" % header for header in headers), show, more))


HEAD = "head -1"


@graded(5, "Serves as chapter 7 does: files, HEAD, errors, the log",
        cause="What chapter 7's program did has to stay: without the new headers each request is answered as before.",
        read="Your turn",
        by_hand=("./range & sleep 0.3; for r in GET HEAD POST; do for t in / /missing; do printf \"$r $t HTTP/1.0\\r\\n\\r\\n\" | timeout 1 nc 127.0.0.1 8080 "
                 "| head -8; done; done; kill $!",))
def test_serves_as_before(server):
    brings(server, "/", PAGE)
    answers(server, lines("HEAD / HTTP/1.0"), 200)
    http_checks.redirects(server, "/sub", "/sub/")
    answers(server, lines("GET /missing HTTP/1.0"), 404)
    answers(server, lines("POST / HTTP/1.0"), 405)
    server.wait_for_output(r'^127\.0\.0\.1 port \d+ "GET / HTTP/1.0" 200 %d$' % len(PAGE))


@graded(10, "Answers 304 to the date that it sent itself",
        cause=[
            Symptom("GET /missing.* was answered", "The condition is about a file: where there is none to send, it does not count, and 404 stays.",
                    ("./range", "curl -si -H 'If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT' http://127.0.0.1:8080/missing | head -1")),
            Symptom("has changed", "Compare with st_mtime as fstat() tells it now, for this request.",
                    ("./range", FILE + "a() { curl -si --max-time 2 -H \"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\" http://127.0.0.1:8080/n | head -1; }; a; "
                     "touch webroot/n; a; rm webroot/n")),
            Symptom("is not Not Modified", "Each status has its REASON: 304 Not Modified."),
            Symptom("asked a second time", "What one request has said, the next has not: before a request is read, no header has come yet.",
                    by_hand(*["If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"] * 2, show=HEAD)),
            "If-Modified-Since has the date that Last-Modified had; its name comes in any case. If that is still the file's, the status is 304. "
            "If you count seconds already: it is in GMT, and mktime() takes it for a time of here."],
        read="The program", by_hand=by_hand("if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT", show=HEAD))
def test_not_modified(server, root):
    sent = brings(server, "/n", CONTENT).headers["last-modified"]
    for name in SINCE, "if-modified-since:":
        ask(server, 304, name + sent)
        answers(server, lines("GET /n HTTP/1.0", name + sent), 304, name="asked a second time")
    ask(server, 404, SINCE + sent, target="/missing")
    os.utime(str(root / "n"), (WHEN + 100, WHEN + 100))
    answers(server, lines("GET /n HTTP/1.0", SINCE + sent), 200, name="the file has changed since")


@graded(10, "Sends with 304 neither a body nor Content-Length and Content-Type",
        cause=[
            Symptom("with a body", "304 ends with the empty line: the client has the body already."),
            Symptom(r"'304 \d|lines in the log", "The log tells 304, and 0 bytes of body."),
            Symptom("HEAD /n .*not with 304", "HEAD is asked with a date, too: 304, as for GET.",
                    by_hand(SINCE + MODIFIED, show=HEAD, more="; curl -sI --max-time 2 -H '%s' http://127.0.0.1:8080/n | head -1" % (SINCE + MODIFIED))),
            Symptom("no header|expected: ", "304 has Date, Server, Connection and Last-Modified, as 200 has them."),
            "Content-Length and Content-Type tell of a body, which 304 does not have: leave them out."],
        read="Your turn", by_hand=("./range & sleep 0.3; " + FILE + "printf 'GET /n HTTP/1.0\\r\\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\\r\\n\\r\\n' | "
                                   "timeout 1 nc 127.0.0.1 8080 | cat -A; kill $!; rm webroot/n",), needs=["test_not_modified"])
def test_304_is_a_head_alone(server):
    for method in "GET", "HEAD":
        response = ask(server, 304, SINCE + MODIFIED, method=method)
        assert response.body == b"", "304 comes with a body: %r" % response.body[:80]
        for name in "Content-Length", "Content-Type":
            assert name.lower() not in response.headers, "304 has the header %s" % name
        has_header(response, "Connection", "close")
        has_header(response, "Server", "Tiny webserver")
        has_header(response, "Last-Modified", MODIFIED)
        assert abs(http_checks.time_of(response.headers["date"]) - time.time()) < 30, "Date does not tell the time"
    wait_until(lambda: server.stdout.count(b"\n") == 3, what="two lines in the log", limit=3)
    told = server.stdout.decode("latin-1").splitlines()[1:]
    identical([line.partition('" ')[2] for line in told], ["304 0", "304 0"])


@graded(10, "Answers 304 to any later date, and 200 to an earlier one", step=2,
        cause=[
            Symptom("^If-Modified-Since: Sun, 06 Nov 1994 (09:49:37|08:49:38) .*not with 304", "Compare times, to the second, and in GMT: mktime() takes the time for one of here, as TZ says; "
                    "timegm() takes it as GMT."),
            Symptom("^If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT: ", "Last-Modified tells whole seconds, and so it is whole seconds that are "
                    "compared: the file may be of a fraction later.",
                    ("./range", "echo > webroot/n; touch -d 1994-11-06T08:49:37.9Z webroot/n; curl -si -H '%s%s' http://127.0.0.1:8080/n | head -1; rm webroot/n" % (SINCE, MODIFIED))),
            Symptom("not with 304", "Any date counts that is not before the file's: compare numbers, st_mtime <= since, and not texts."),
            "A date before the file's means that the client has an older version: all of it, and 200. Compare to the second."],
        read="The program", by_hand=by_hand(*(SINCE + text for text in (
            "Mon, 07 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 09:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT", "Sun, 06 Nov 1994 08:49:36 GMT",
            "Sun, 07 Nov 1993 08:49:37 GMT", "Sat, 01 Jan 2000 00:00:00 GMT", "Mon, 31 Oct 1994 08:49:37 GMT")), show=HEAD), needs=["test_not_modified"])
def test_later_and_earlier(server, root):
    for later in 24 * 3600, 3600, 1, 400 * 24 * 3600:
        ask(server, 304, SINCE + date(WHEN + later))
    ask(server, 304, SINCE + date(time.time() - 60))
    for earlier in 24 * 3600, 3600, 1, 364 * 24 * 3600, 6 * 24 * 3600, 20 * 365 * 24 * 3600:
        whole(server, SINCE + date(WHEN - earlier))
    os.utime(str(root / "n"), ns=(WHEN * 10**9 + 900000000,) * 2)  # Last-Modified has no fractions
    ask(server, 304, SINCE + MODIFIED)


@graded(10, "Reads dates in all three forms", step=2,
        cause=[
            Symptom(r"^If-Modified-Since: \w+, \d\d-.* was answered", "The form of RFC 850 has the whole name of the day, and a year of two digits: Sunday, 06-Nov-94 08:49:37 GMT. "
                    "94 is 1994, and 24 is 2024."),
            Symptom(r"^If-Modified-Since: \w+ \w+ .* was answered", "The form of asctime() has the year last, no zone, and a day of one digit behind two spaces: "
                    "Sun Nov  6 08:49:37 1994."),
            "A date has one of three forms: try each in turn, with strptime(). And its seconds count the leap days."],
        read="The program", by_hand=by_hand(*(SINCE + text for text in (
            "Sunday, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:36 GMT", "Sun Nov  6 08:49:37 1994", "Sun Nov  6 08:49:36 1994",
            "Friday, 06-Nov-20 08:49:37 GMT", "Sun Nov 13 08:49:37 1994", "Monday, 29-Feb-16 08:49:37 GMT")), show=HEAD), needs=["test_later_and_earlier"])
def test_three_forms(server, root):
    for year, month, day in [(1994, 11, 6), *((2023, month, 3 * month) for month in range(1, 13)), (2024, 2, 29), (2000, 12, 31)]:
        when = calendar.timegm((year, month, day, 8, 49, 37))
        os.utime(str(root / "n"), (when, when))
        for same, earlier in zip([date(when), *old_dates(when)], [date(when - 1), *old_dates(when - 1)]):
            ask(server, 304, SINCE + same)
            ask(server, 200, SINCE + earlier)


NO_DATES = {
    "a word": "yesterday", "nothing": "", "a number": "2000000000", "a day without a time": "Mon, 06 Nov 2000", "ISO 8601": "2000-11-06T08:49:37Z",
    "another zone": "Mon, 06 Nov 2000 08:49:37 +0100", "no zone": "Mon, 06 Nov 2000 08:49:37", "25 o'clock": "Mon, 06 Nov 2000 25:49:37 GMT",
    "the 31st of February": "Thu, 31 Feb 2000 08:49:37 GMT", "the 32nd": "Mon, 32 Jan 2000 08:49:37 GMT", "a month that is none": "Mon, 06 Nof 2000 08:49:37 GMT",
    "a day of one digit": "Mon, 6 Nov 2000 08:49:37 GMT", "two spaces": "Mon,  06 Nov 2000 08:49:37 GMT", "one space": "Mon Nov 6 08:49:37 2000",
    "a short day in the form of RFC 850": "Mon, 06-Nov-00 08:49:37 GMT", "more behind it": "Mon, 06 Nov 2000 08:49:37 GMT; length=36"}


@graded(10, "Takes for no condition what is no date, two dates, a date in the future", step=2,
        cause=[
            Symptom("in the future", "A date later than time(NULL) is from a wrong clock: it does not count.",
                    by_hand(SINCE + "Sun, 06 Nov 2095 08:49:37 GMT", show=HEAD)),
            Symptom("two dates", "Two lines If-Modified-Since, and nobody knows which of them counts: none does.",
                    by_hand(SINCE + "Mon, 06 Nov 2000 08:49:37 GMT", show=HEAD, more="; curl -si -H '%s' -H '%s' http://127.0.0.1:8080/n | head -1" % (
                        SINCE + "Mon, 06 Nov 2000 08:49:37 GMT", SINCE + "Sun, 06 Nov 1994 08:49:36 GMT") +
                        "; curl -si -H '%s' -H '%s' http://127.0.0.1:8080/n | head -1" % (
                        SINCE + "Sun, 06 Nov 1994 08:49:36 GMT", SINCE + "Mon, 06 Nov 2000 08:49:37 GMT"))),
            Symptom("If-None-Match", "Beside If-None-Match the date does not count.",
                    by_hand(SINCE + MODIFIED, show=HEAD, more="; curl -si -H 'If-None-Match: \"x\"' -H '%s' http://127.0.0.1:8080/n | head -1" % (SINCE + MODIFIED))),
            "What is not exactly in one of the three forms, with a day that there is, does not count. strptime() returns where it stopped: that has to be the "
            "text's end; and it takes the 31st of February, "
            "a digit less, a space more, `Mon` for `Monday`."],
        read="Your turn", by_hand=by_hand(*(SINCE + text for text in NO_DATES.values() if "'" not in text), show=HEAD), needs=["test_not_modified"])
def test_no_date(server):
    for name, text in NO_DATES.items():
        answers(server, lines("GET /n HTTP/1.0", SINCE + text), 200, name=name)
    answers(server, lines("GET /n HTTP/1.0", SINCE + date(time.time() + 24 * 3600)), 200, name="a date in the future")
    after, before = (SINCE + date(WHEN + seconds) for seconds in (99, -99))
    for first, second in (after, before), (before, after), (after, after):
        answers(server, lines("GET /n HTTP/1.0", first, second), 200, name="two dates")
    answers(server, lines("GET /n HTTP/1.0", 'If-None-Match: "x"', after), 200, name="with If-None-Match")


PARTS = {"0-9": (0, 9), "10-19": (10, 19), "0-0": (0, 0), "35-35": (35, 35), "0-35": (0, 35), "10-": (10, 35), "0-": (0, 35), "35-": (35, 35),
         "-1": (35, 35), "-10": (26, 35), "-36": (0, 35), "-100": (0, 35), "30-36": (30, 35), "30-100": (30, 35)}


@graded(10, "Sends the part that Range names, with 206 and Content-Range", step=3,
        cause=[
            Symptom(r"'206 \d|a line in the log", "The log tells 206, and the bytes of the part that were sent."),
            Symptom("is not Partial", "Each status has its REASON: 206 Partial Content."),
            Symptom(r"^Range: bytes=(30-36|30-100|-100): .* was answered|expected: .*bytes 30-35/36|got: .*bytes -", "What reaches beyond the end ends there: B is SIZE-1 at most, and N is SIZE at most."),
            Symptom(r"^Range: bytes=-\d+: .* was answered|expected: .*bytes (35-35|26-35)/36", "bytes=-N means the last N bytes, from SIZE-N on."),
            Symptom(r"^Range: bytes=\d+-: .*not with 206", "bytes=A- has no end: it means all from A on."),
            Symptom("not with 206", "Range: bytes=A-B means the bytes from A to B, counted from 0: 206. Its unit, bytes, comes in any case."),
            Symptom("Content-Type|Last-Modified", "206 has the headers that 200 has, too: they are of the whole file.",
                    ("./range", "for r in 0-9 0-; do curl -s -r $r -o /dev/null -D - http://127.0.0.1:8080/style.css; done")),
            Symptom("Content-Range", "Content-Range is `bytes FIRST-LAST/SIZE`: the bytes that are sent, and the size of the whole file."),
            Symptom("Content-Length", "Content-Length counts the bytes that are sent, LAST-FIRST+1, and not those of the file."),
            "Other bytes come than were asked for: lseek() goes to the first, and no more is read than LAST-FIRST+1."],
        read="The program", by_hand=by_hand(*("Range: bytes=" + text for text in PARTS), "range: BYTES=0-9"))
def test_parts(server):
    part(server, 0, 9, RANGE + "0-9")
    wait_until(lambda: server.stdout.count(b"\n") == 2, what="a line in the log", limit=3)
    identical(server.stdout.decode("latin-1").splitlines()[1].partition('" ')[2], "206 10")
    for text, (first, last) in PARTS.items():
        response = part(server, first, last, RANGE + text)
        has_header(response, "Last-Modified", MODIFIED)
        has_header(response, "Content-Type", "application/octet-stream")
    part(server, 0, 9, "range: BYTES=0-9")


@graded(5, "Says with each file that it has parts: Accept-Ranges", step=3,
        cause="With 200 and 206, and for HEAD, too, goes the header Accept-Ranges: bytes.", read="Your turn",
        by_hand=("./range", "for m in '' -I '-r 0-9'; do curl -s $m -o /dev/null -D - http://127.0.0.1:8080/ | grep -E 'HTTP|Accept'; done"))
def test_accept_ranges(server):
    for status, method, headers in (200, "GET", []), (200, "HEAD", []), (206, "GET", [RANGE + "0-9"]):
        has_header(ask(server, status, *headers, method=method), "Accept-Ranges", "bytes")


@graded(10, "Answers 416 where there is no such part, and tells the size", step=3,
        cause=[
            Symptom("is not Range", "Each status has its REASON: 416 Range Not Satisfiable."),
            Symptom("Content-Range", "416 comes with Content-Range: bytes */SIZE."),
            Symptom("^Range: bytes=-0: .* was answered", "bytes=-0, the last none, is no part of any file: 416."),
            Symptom("/empty.* was answered", "An empty file has no byte 0: 416."),
            "From 0 to SIZE-1 there are bytes: a part that begins behind them is 416."],
        read="Your turn", by_hand=by_hand(*("Range: bytes=" + text for text in ("36-", "36-40", "100-200", "-0")), show="sed 's/\\r//' | grep -aE '^HTTP|Content-Range'",
                                          more="; : > webroot/e; curl -si --max-time 2 -r 0- http://127.0.0.1:8080/e | grep -aE '^HTTP|Content-Range'; rm webroot/e"),
        needs=["test_parts"])
def test_no_such_part(server):
    for text in "36-", "36-40", "100-200", "-0":
        no_part(server, RANGE + text)
    for text in "0-", "0-0", "5-9":
        no_part(server, RANGE + text, target="/empty.txt", size=0)


NO_RANGES = ["bytes=5-2", "bytes=-", "bytes=", "bytes", "bytes=a-b", "bytes=1", "bytes=1-2-3", "bytes=0x1-2", "bytes=+1-2", "bytes=1-+2", "bytes=--5", "bytes=1-2x",
             "bytes 0-4", "0-4", "lines=0-4", "octets=0-4", "bytes=0-1,5-6", "bytes=0-4,-4", "bytes=5-6, 100-"]


@graded(5, "Sends the whole file for any other Range, and to HEAD", step=3,
        cause=[
            Symptom("HEAD /n .*was answered|^HEAD with", "Range is for GET alone: HEAD is answered as without it."),
            Symptom("^Range: .*, Range: .* was answered", "Two lines Range are no range: 200, all of it."),
            Symptom("/empty.* was answered", "The last 5 bytes of an empty file are all of it. No Content-Range can tell that: 200."),
            Symptom("^Range: (lines|octets)=.* was answered", "Whoever knows no other unit than bytes ignores what has one."),
            Symptom("^Range: bytes=[-0-9]+, *[-0-9]+: .* was answered", "Several ranges would be an answer of another form: all of the file is right, too."),
            "What is not `bytes=A-B` with A <= B, `bytes=A-` or `bytes=-N`, in digits, does not count. strtoll() takes a sign and spaces, and sscanf() "
            "does not say what stands behind."],
        read="Your turn", by_hand=by_hand(*("Range: " + text for text in NO_RANGES), more="; for f in n e; do :>> webroot/e; "
                                          "curl -sI --max-time 2 -r 0-4 http://127.0.0.1:8080/n | grep -aE 'HTTP|Content-[RL]'; curl -si --max-time 2 -r -5 http://127.0.0.1:8080/e "
                                          "| grep -aE 'HTTP|Content-[RL]'; done; rm webroot/e; "
                                          "curl -si -H 'Range: bytes=0-4' -H 'Range: bytes=2-6' http://127.0.0.1:8080/n | grep -aE 'HTTP|Content-[RL]'"), needs=["test_parts"])
def test_no_range(server):
    for text in NO_RANGES:
        whole(server, "Range: " + text)
    whole(server, RANGE + "0-4", RANGE + "2-6")
    whole(server, RANGE + "-5", target="/empty.txt", content=b"")
    response = ask(server, 200, RANGE + "0-4", method="HEAD")
    has_header(response, "Content-Length", len(CONTENT))
    assert "content-range" not in response.headers, "HEAD with a Range is answered with Content-Range"


@graded(5, "Takes numbers of any size, and parts of files beyond 2 GiB", step=3,
        cause=[
            Symptom("/huge", "An int ends at 2 GiB: positions are of off_t or long long, and printed with %lld."),
            "A number may be larger than any type: strtoll() then gives LLONG_MAX, which is beyond the end, and that is all one needs to know. atoi() and %d "
            "take 4294967296 for 0."],
        read="Your turn", by_hand=by_hand(*("Range: bytes=" + text for text in (
            "5-4294967298", "4294967296-", "18446744073709551616-", "5-99999999999999999999", "-99999999999999999999", "005-0009")),
            more="; truncate -s 3G webroot/h; for r in 3221225470- 2147483648-2147483649 -2; do curl -si --max-time 2 -r $r http://127.0.0.1:8080/h "
                 "| head -c 400 | grep -aE 'HTTP|Content-[RL]'; done; rm webroot/h"), needs=["test_parts"])
def test_large_numbers(server, root):
    for text in "5-99999999999999999999", "5-4294967298", "5-18446744073709551620", "005-%0100d" % 99:
        part(server, 5, 35, RANGE + text)
    for text in "-99999999999999999999", "-4294967296":
        part(server, 0, 35, RANGE + text)
    for text in "99999999999999999999-", "4294967296-", "4294967296-4294967299", "18446744073709551616-":
        no_part(server, RANGE + text)
    with open(str(root / "huge"), "wb") as file:
        try:
            file.seek(HUGE - 3)
            file.write(b"end")
        except OSError:
            return  # this disk has no such files
    for text, first, last, content in (("3221225469-", HUGE - 3, HUGE - 1, b"end"), ("-2", HUGE - 2, HUGE - 1, b"nd"),
                                       ("2147483648-2147483649", 1 << 31, (1 << 31) + 1, b"\0\0")):
        identical(part(server, first, last, RANGE + text, target="/huge", size=HUGE).body, content)


@graded(5, "Sends the whole file if it is not the one of If-Range", step=3,
        cause=[
            Symptom("not with 206", "If-Range has the very date of the file, in any of the three forms: the part, and 206."),
            Symptom(r'^Range: .*If-Range: (W/)?".* was answered', "An ETag in If-Range is one that we never sent: it is of another file, 200."),
            Symptom("with HTTP/1.0 416 .*not with 200", "Where If-Range fails there is no Range: 200, and not 416."),
            "If-Range says of which version the client has a part. Unless that date is exactly the file's, neither earlier nor later, all of it is sent, 200. What "
            "is no date, or comes twice, never fits."],
        read="The program", by_hand=("./range", FILE + "for i in 'Sun, 06 Nov 1994 08:49:37 GMT' 'Sun Nov  6 08:49:37 1994' 'Sun, 06 Nov 1994 08:49:36 GMT' "
                                     "'Sun, 06 Nov 1994 08:49:38 GMT' '\"x\"' 'W/\"x\"' soon; do for r in 30-33 99-; do curl -si --max-time 2 -r $r -H \"If-Range: $i\" "
                                     "http://127.0.0.1:8080/n | head -1; done; done; curl -si -r 30-33 -H 'If-Range: Sun, 06 Nov 1994 08:49:36 GMT' -H 'If-Range: Sun, 06 Nov 1994 08:49:37 GMT' "
                                     "http://127.0.0.1:8080/n | head -1; rm webroot/n"), needs=["test_parts", "test_not_modified"])
def test_if_range(server):
    for same in MODIFIED, *old_dates(WHEN):
        part(server, 30, 33, IF_RANGE + same, RANGE + "30-33")
    for other in date(WHEN - 1), date(WHEN + 1), date(time.time() - 60), '"x"', 'W/"x"', "soon", "":
        whole(server, RANGE + "30-33", IF_RANGE + other)
    whole(server, RANGE + "99-", IF_RANGE + date(WHEN - 1))
    for first, second in (MODIFIED, MODIFIED), (date(WHEN - 1), MODIFIED), (MODIFIED, date(WHEN - 1)):
        whole(server, IF_RANGE + first, RANGE + "30-33", IF_RANGE + second)
    whole(server, IF_RANGE + MODIFIED)


@graded(5, "Judges If-Modified-Since before Range", step=3,
        cause="First comes the date: what has not changed is 304, whatever part is asked for. Only then comes If-Range, and then Range.",
        read="Your turn", by_hand=("./range", FILE + "for d in 06 05; do for r in 30-33 99-; do curl -si --max-time 2 -r $r -H \"If-Modified-Since: Sun, $d Nov 1994 08:49:37 GMT\" "
                                   "-H \"If-Range: Sun, 06 Nov 1994 08:49:37 GMT\" http://127.0.0.1:8080/n | head -1; done; done; rm webroot/n"),
        needs=["test_parts", "test_not_modified"])
def test_order(server):
    for wanted in "30-33", "99-":
        ask(server, 304, RANGE + wanted, SINCE + MODIFIED)
        ask(server, 304, SINCE + MODIFIED, RANGE + wanted, IF_RANGE + date(WHEN - 1))
    part(server, 30, 33, RANGE + "30-33", SINCE + date(WHEN - 99))
    no_part(server, SINCE + date(WHEN - 99), RANGE + "99-")


# ---- What people use

@pytest.fixture
def large(root):
    """A file of 3 MB."""
    content = random.Random(os.environ.get("LAB_SEED", "7b")).randbytes(3000000)
    (root / "large").write_bytes(content)
    return content


@pytest.mark.parametrize("name,options", [("curl", ["-sSf", "-C", "-", "-o"]), ("wget", ["-q", "-c", "-O"])])
@pytest.mark.parametrize("has", [0, 1, 1234567, 2999999, 3000000])
def test_a_download_goes_on(server, large, tool, tmp_path, name, options, has):
    copy = tmp_path / "copy"
    copy.write_bytes(large[:has])
    done = subprocess.run([tool(name), *options, str(copy), "http://127.0.0.1:%d/large" % server.port], timeout=20)
    assert done.returncode == 0 or has == len(large)  # there is no more: to curl 416 is an error before 7.72
    identical(copy.read_bytes(), large)
    server.wait_for_output(r'"GET /large HTTP/1.1" %d ' % (416 if has == len(large) else 206 if has else 200))


def test_curl_asks_for_parts(server, large, tool):
    for text, expected in ("5-9", large[5:10]), ("-5", large[-5:]), ("2999990-", large[2999990:]), ("0-4,9-", large):
        done = subprocess.run([tool("curl"), "-sS", "-r", text, "http://127.0.0.1:%d/large" % server.port], stdout=subprocess.PIPE, timeout=20)
        identical(done.stdout, expected)


def test_curl_and_wget_fetch_only_what_is_new(server, root, tool, tmp_path):
    url = "http://127.0.0.1:%d/n" % server.port
    command = [tool("curl"), "-sS", "-R", "-o", "n", "-z", "n", "-w", "%{http_code}", url]
    fetch = lambda: subprocess.run(command, cwd=str(tmp_path), stdout=subprocess.PIPE, timeout=20, text=True).stdout  # noqa: E731
    assert [fetch()[-3:], fetch()] == ["200", "304"]
    subprocess.run([tool("wget"), "-q", "-N", url], cwd=str(tmp_path), check=True, timeout=20)
    server.wait_for_output(r'(.*\n)*.*"GET /n HTTP/1.1" 304 0\n.*"GET /n HTTP/1.1" 304 0$')
    (root / "n").write_bytes(b"new")
    assert fetch() == "200" and (tmp_path / "n").read_bytes() == b"new"


# ---- Whatever comes

def test_random_ranges(server, large):
    chance = random.Random(os.environ.get("LAB_SEED", "7b"))
    for _ in range(100):
        first = chance.randrange(len(large))
        last = min(first + chance.choice((0, 1, 1000, 16384, 20000, 300000)), len(large) - 1)
        text = chance.choice(["%d-%d" % (first, last), "%d-" % (len(large) - 1 - last), "-%d" % (last + 1)])
        response = Response(what_is_answered(server, lines("GET /large HTTP/1.0", RANGE + text)))
        a, b = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/3000000", response.headers["content-range"]).groups())
        assert response.status == 206 and text in ("%d-%d" % (a, b), "%d-" % a, "-%d" % (len(large) - a))
        assert response.body == large[a:b + 1]


def test_random_headers(server):
    """Nothing of them ends it, or brings other bytes than those of the file."""
    chance = random.Random(os.environ.get("LAB_SEED", "7b"))
    seeds = ["Range: bytes=2-5", "Range: bytes=-3", "If-Range: " + MODIFIED, "If-Modified-Since: " + old_dates(WHEN)[0], "If-Modified-Since: " + old_dates(WHEN)[1]]
    for _ in range(300):
        text = list(chance.choice(seeds))
        for _ in range(chance.randrange(1, 4)):
            text[chance.randrange(len(text))] = chance.choice("0129-,=: \t*%sxGMT") * chance.choice((1, 1, 200))
        response = Response(what_is_answered(server, lines("GET /n HTTP/1.0", "".join(text), chance.choice(seeds))))
        assert response.status in (200, 206, 304, 400, 416)
        assert response.status not in (200, 206) or response.body in CONTENT
    whole(server)


def test_parts_come_whole_whatever_the_system_does(chapter, root, large, random_faults):
    server = random_faults(chapter.serve, "-p", "0", root)
    for first, last in (5, 9), (1, 2999999), (100000, 900000):
        response = get(server, "/large HTTP/1.0\r\n%s%d-%d\r\nX:" % (RANGE, first, last))
        identical(response.body, large[first:last + 1])


def test_a_file_that_shrinks_while_a_part_is_sent(server, root):
    (root / "large").write_bytes(bytes(20 << 20))
    with http_checks.connect_narrow(server) as client:
        client.sendall(lines("GET /large HTTP/1.0", RANGE + "1000-"))
        receive_until(client, b"\r\n\r\n")
        os.truncate(str(root / "large"), 0)
        assert len(http_checks.receive_all(client)) < 20 << 20
    whole(server)


def test_a_client_that_leaves_in_the_middle_of_a_part(server, root):
    """As a player does when somebody moves on in a film."""
    (root / "large").write_bytes(bytes(20 << 20))
    for number in range(20):
        with http_checks.connect_narrow(server) as client:
            client.sendall(lines("GET /large HTTP/1.0", "%s%d-" % (RANGE, number * 1000000)))
            receive(client, 1000)
            client.reset()
    whole(server)


def test_a_year_that_http_cannot_tell(server, root):
    for when in -1, 0, 2**31, 2**33:
        os.utime(str(root / "n"), (when, when))
        response = get(server, "/n")
        whole(server, SINCE + date(max(when, 0) - 86400))
        if response.headers["last-modified"] != date(when):  # it tells the time of the answer for one in the future
            whole(server, SINCE + response.headers["last-modified"])
            whole(server, RANGE + "0-4", IF_RANGE + response.headers["last-modified"])


def test_keeps_what_chapter_7_promised(server, root):
    http_checks.refuses(server, 400, 404, 405, 414, 431, 501, 505)
    http_checks.hides_what_lies_outside(server)
    http_checks.hides_where_links_lead(server, root)
    http_checks.loses_no_reply(server, lines("GET /n HTTP/1.1", "Host: a", SINCE + MODIFIED) + bytes(1000000), 304, times=5)


def test_leaks_nothing(server):
    for headers in [SINCE + MODIFIED], [RANGE + "1-5"], [RANGE + "99-"], [RANGE + "1-5", IF_RANGE + "x"]:
        checks.no_leaks(server, lines("GET /n HTTP/1.0", *headers))


def test_usage(chapter):
    checks.is_usage_error(chapter.run("-p", "99999", limit=3), "99999")
    checks.default_port(chapter, 8080)
