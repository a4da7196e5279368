"""9b-tls-termination: a web server behind a proxy that speaks TLS, and says who the client is."""

import contextlib
import os
import pwd
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest

from harness import checks
from harness.concurrency import answer_on_a_bad_day, make_webroot
from harness.daemon import configure, reload
from harness.grading import Symptom, graded
from harness.http_checks import what_is_answered
from harness.inspect import at_rest, children, descriptors, is_listening, unread
from harness.program import how_it_ended, seconds, wait_until
from harness.proxying import (CLIENT, CLIENT_6, LOCAL, SIGNATURE, TCP4, TCP6, UDP4, UNIX, addresses, ask, binary, is_closed, line,
                              names)
from harness.steps import step
from harness.syslog import INFORMATION, WARNING, Log, log_socket
from harness.talk import Response, connect, ends_its_side, receive_all, reserved_port, what_comes

CHAPTER = "9b-tls-termination"
ME, NOBODY = "127.0.0.1", "127.0.0.99"
NAMES = ["test_names_the_client"]  # of version 1
BINARY = ["test_names_the_client_of_version_2"]
RUN = "printf 'port=8080\\nproxy=127.0.0.1\\n' > my.conf; ./tls-termination -n -c my.conf"
RUN_FOR_PORTS = RUN + " | sed -u 's/^/log: /'"
GET = r"GET / HTTP/1.0\r\n\r\n"
NC = "timeout 2 nc -N 127.0.0.1 8080"
SIGNED = r"\r\n\r\n\0\r\nQUIT\n"
ANOTHER = ("Another address is taken for the proxy's: compare all of its bytes.",
           (RUN, "curl -sSI -m 1 --interface 127.0.0.11 http://127.0.0.1:8080/ | head -n 1; curl -sSI -m 1 --interface 127.1.0.1 http://127.0.0.1:8080/ | head -n 1"))


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot", large=b"")
    return tmp_path


@pytest.fixture
def server(chapter, folder):
    """A server that we are the proxy of."""
    return chapter.serve("-n", "-c", configure(folder, proxy=ME))


def by_hand(*texts, run=RUN):
    """What printf makes of each text is sent; the last commands show the first lines of the answers."""
    return (run, "; ".join("printf '%s' | %s 2>&1 | head -n 1; echo" % (text, NC) for text in texts))


# ---- Who is believed

@graded(10, "Takes a PROXY line from the configured address, and answers what stands behind it",
        cause=[
            Symptom("no such key|before it listened", "The key `proxy` is not known: its value is an address, as that of `address` is."),
            Symptom("a second header", "Once the header is read, all is as before: what comes behind it is the request, and another header is a bad one.",
                    by_hand(r"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nPROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n" + GET)),
            Symptom(r"\b400\b", "The PROXY line is taken for the request, or is not read to its end: where accept()'s peer has the proxy's "
                    "address, whatever its port, the line is read first, and the request behind it with the same buffer."),
            Symptom(r"\b408\b|timed out|no answer", "What has come behind the line is gone: it may arrive with the same recv(), and "
                    "has to stay in the buffer for the request."),
            "Once the header is read, all is as before."],
        read="The program", by_hand=by_hand(r"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n" + GET))
def test_takes_a_header(server):
    ask(server, line())
    ask(server, line("TCP6 2001:db8::1 2001:db8::2 4124 443"))
    assert Response(what_is_answered(server, line() + b"HEAD /missing HTTP/1.0\r\n\r\n")).status == 404
    step("and a second header is no request:")
    assert Response(what_is_answered(server, line() * 2 + b"GET / HTTP/1.0\r\n\r\n")).status == 400


@graded(10, "Believes nobody else: a PROXY header of others is a bad request",
        cause=[
            Symptom("listens at ::", "At a listener of IPv6 a client of IPv4 is ::ffff:127.0.0.1, and still the same: compare both as addresses of IPv6.",
                    ("printf 'address=::\\nport=8080\\nproxy=127.0.0.1\\n' > my.conf; ./tls-termination -n -c my.conf",
                     by_hand(r"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n" + GET)[1])),
            Symptom("a client from 127", *ANOTHER),
            Symptom("without the key", "Without the key `proxy` there is no proxy, and nobody is believed.",
                    ("echo port=8080 > my.conf; ./tls-termination -n -c my.conf",
                     r"printf 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET / HTTP/1.0\r\n\r\n' | " + NC + " | head -n 1; curl -sSI -m 1 http://127.0.0.1:8080/ | head -n 1")),
            Symptom("no PROXY header from", *ANOTHER),
            Symptom("of others is answered|the log names 192", "A header is believed from whoever sends one: anybody could write any address into the log. Compare the "
                    "peer's address with the configured one first."),
            "Who is not the proxy sends a request, and no header: what begins with PROXY is answered with 400, as before."],
        read="The program",
        by_hand=("printf 'port=8080\\nproxy=127.0.0.99\\n' > my.conf; ./tls-termination -n -c my.conf",
                 r"printf 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET / HTTP/1.0\r\n\r\n' | " + NC + " | head -n 1; curl -sSI -m 1 http://127.0.0.1:8080/ | head -n 1"),
        needs=["test_takes_a_header"])
def test_believes_nobody_else(chapter, folder):
    for proxy in NOBODY, None:
        step("where another is the proxy:" if proxy else "without the key `proxy`:")
        server = chapter.serve("-n", "-c", configure(folder, proxy=proxy))
        names(server, b"", None)
        for header in line(), line("UNKNOWN"), binary():
            status = Response(what_is_answered(server, header + b"GET / HTTP/1.0\r\n\r\n")).status
            assert status == 400, "a header of others is answered with %d%s" % (status, "" if proxy else ", without the key")
    if sys.platform == "linux":  # which has all of 127.0.0.0/8
        server = chapter.serve("-n", "-c", configure(folder, proxy=ME))
        for source in "127.0.0.11", "127.1.0.1":
            step("a client from %s, where %s is the proxy:" % (source, ME))
            logged = ask(server, b"", source=source)[0]
            assert logged.startswith(source), "the log names %s, and not %s" % (logged, source)
    if checks.has_ipv6():
        step("where it listens at :: and the proxy is 127.0.0.1:")
        server = chapter.serve("-n", "-c", configure(folder, address="::", proxy=ME))
        server.address = ME
        with contextlib.suppress(ConnectionRefusedError):  # one that is for IPv6 alone is right, too
            socket.create_connection((ME, server.port)).close()
            ask(server, line())


MISSING = {"a request": (b"GET / HTTP/1.0\r\n\r\n", False), "a TLS client": (bytes.fromhex("16030100c8010000c40303") + b"\xfc" * 180, True),
           "half a line": (line()[:20], True), "half a word": (b"PRO", True), "POST": (b"POST / HTTP/1.0\r\n\r\n", False), "nothing": (b"", True)}


@graded(10, "Closes without an answer, and logs, where the proxy sends no header",
        cause=[
            Symptom("is answered with", "Without its header nobody knows who asks: close(), without an answer."),
            Symptom("did not come on stderr", "It is logged with LOG_WARNING, word for word: `no PROXY header from ADDRESS port PORT`, with the "
                    "proxy's own address and port; also where nothing has come, or half a line."),
            Symptom("timed out|closed only after", "The connection stays open: what does not begin as a header is closed at once, and so is what ends before "
                    "the header does: recv() brings 0 then.",
                    (RUN, r"exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\r\n\r\n' >&3; timeout 1.5 cat <&3 2> /dev/null; "
                     "[ $? = 124 ] && echo still open || echo closed; printf PRO | timeout 1.5 nc -N 127.0.0.1 8080; [ $? = 124 ] && echo still open || echo closed")),
            "Only the child of this connection ends: the next one is served."],
        read="The program", by_hand=by_hand(GET, "PRO", "", r"POST / HTTP/1.0\r\n\r\n"), needs=["test_takes_a_header"])
@pytest.mark.parametrize("data,ends", MISSING.values(), ids=MISSING)
def test_without_a_header(server, data, ends):
    is_closed(server, data, ends)
    ask(server, line())


def given_up(server, parts, found):
    """A client sends these, one a second, until the server has had enough; note after how long, and what came."""
    with connect(server, limit=16) as client:
        begin_time, answer = time.monotonic(), []
        receiver = threading.Thread(target=lambda: answer.append(what_comes(client)))
        receiver.start()
        for part in parts:
            try:
                client.sendall(part)
            except OSError:
                break
            receiver.join(1)
            if not receiver.is_alive():
                break
        receiver.join(seconds(16))
        found.append((time.monotonic() - begin_time, b"".join(answer)))


@graded(5, "The header and the request have 8 seconds together",
        cause=[
            Symptom("has an answer", "Where the header is late nobody knows who asks: close(), without an answer."),
            Symptom("header (and request )?after", "The limit begins with the connection, and holds for header and request together: a deadline, of which "
                    "each recv() gets what is left, and not 8 seconds for each."),
            "A header that is late is as one that is missing: the connection is closed, and it is logged; a request that is late gets its 408."],
        read="The program",
        by_hand=(RUN, r"(printf PROXY; sleep 10) | timeout 9 nc 127.0.0.1 8080 | head -n 1 & (sleep 2; printf PROXY; sleep 2; printf ' TCP4 192.0.2.1 198.51.100.2 56324 443\r\n'; "
                 "sleep 6) | timeout 9.5 nc 127.0.0.1 8080 | head -n 1; wait"),
        needs=["test_takes_a_header"])
def test_deadline(server):
    late, slow, latest = [], [], min(seconds(11), 13)
    clients = [threading.Thread(target=given_up, args=(server, [line("UNKNOWN ")[:-2], *[b"x"] * 13], late)),
               threading.Thread(target=given_up, args=(server, [*[b""] * 6, line(), *[b"G"] * 9], slow))]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert late and slow, "it takes no connections any more"
    (after, answer), (later, timeout) = late[0], slow[0]
    assert not answer, "a late header has an answer: %r" % answer[:40]
    assert 7 < after < latest, "a late header after %.1f seconds, not 8" % after
    assert 7 < later < latest, "a late header and request after %.1f seconds, not 8" % later
    assert Response(timeout).status == 408, "a late request is answered with %s" % timeout[:40]
    server.wait_for_error(r"^tls-termination: no PROXY header from 127\.0\.0\.1 port \d+$", limit=2)


@graded(5, "SIGHUP: another proxy, or none",
        cause=[
            Symptom("a mistake in the file", "Where the new file has a mistake all stays as it was, the proxy, too: change it only when all of the file has been read."),
            "The key is read again with the file: from the next connection on the new address is believed, and the old one no more."],
        read="The program",
        by_hand=("echo port=8080 > my.conf; ./tls-termination -n -c my.conf",
                 "pid=$(pgrep -xo tls-termination); for line in proxy=127.0.0.1 nonsense proxy=127.0.0.99 '#'; do printf \"port=8080\\n$line\\n\" > my.conf; kill -HUP $pid; sleep 0.3; "
                 r"printf 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET / HTTP/1.0\r\n\r\n' | " + NC + " | head -n 1; done"),
        needs=["test_takes_a_header"])
def test_reload(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder))
    names(server, b"", None)
    for number, (proxy, header) in enumerate([(ME, line()), (NOBODY, b""), (ME, line()), (None, b""), (ME, line())], 1):
        reload(server, folder, proxy=proxy)
        wait_until(lambda: server.output.count("configuration changed") >= number, what="`configuration changed`")
        ask(server, header)
    step("a mistake in the file:")
    (folder / "daemon.conf").write_text("nonsense\n")
    server.signal(signal.SIGHUP)
    server.wait_for_error(r"daemon\.conf:1: ")
    ask(server, line())


@graded(5, "Refuses a proxy that is no address, with file and line",
        cause="`proxy` takes what `address` takes: inet_pton() judges it when its line is read, and the message is `tls-termination: "
              "FILE:LINE: what and why`, as for the other keys.",
        read="Your turn",
        by_hand=("for value in localhost. 127.0.0.1:80 127.0.0.0/8 127.1 ''; do printf \"port=8080\\nproxy=$value\\n\" > my.conf; timeout 0.3 ./tls-termination -n -c my.conf; "
                 "echo exit status $?; done",), needs=["test_takes_a_header"])
@pytest.mark.parametrize("value", ["localhost.", "127.0.0.1:80", "127.0.0.0/8", "127.1", "::1 ::2", ""])
def test_refuses(chapter, folder, value):
    program = chapter.run("-n", "-c", configure(folder, proxy=value), limit=3)
    assert program.status == 1, "%s, not exit status 1" % how_it_ended(program.status)
    wanted = "tls-termination: %s/daemon.conf:3: " % folder
    assert program.stderr.startswith(wanted), "stderr is not `%s...`, but: %s" % (wanted, program.stderr[:300])


@graded(5, "Serves as chapter 9 does",
        cause="Something of chapter 9 was lost on the way: many at once, SIGTERM, its lines `started` and `stopped`.",
        read="Your turn",
        by_hand=(RUN, r"(printf 'PROXY UNKNOWN\r\n'; sleep 3) | nc 127.0.0.1 8080 & sleep 0.3; printf 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n" + GET + "' | "
                 + NC + " | head -n 1; kill $(pgrep -xo tls-termination); wait; sleep 0.3; nc -zv 127.0.0.1 8080"),
        needs=["test_takes_a_header"])
def test_serves_as_chapter_9_does(server):
    data, held = line() + b"GET / HTTP/1.0\r\n\r\n", []
    for number in range(3):
        held.append(connect(server))
        held[-1].sendall(data[:5 + 25 * number])
    for number in reversed(range(3)):
        held[number].sendall(data[5 + 25 * number:])
        assert Response(receive_all(held[number])).status == 200
    wait_until(lambda: not children(server.pid), what="the end of all children, zombies included")
    with connect(server) as last:
        last.sendall(data[:9])
        server.signal(signal.SIGTERM)
        last.sendall(data[9:])
        assert Response(receive_all(last)).status == 200
    ended = server.wait()
    assert ended == 0, "after SIGTERM it ends with %s" % how_it_ended(ended)
    assert "\nstarted\n" in server.output and server.output.endswith("stopped\n"), "no line `started`, or `stopped`:\n" + server.output


# ---- Version 1

@graded(10, "The log names the client of a version 1 header", step=2,
        cause=[
            Symptom(r"names 127\.0\.0\.1", "The log still names the proxy, which has connected: the client is the first of the two addresses in the line."),
            Symptom(r"names (198\.51|2001:db8::2)", "The second address is the one that the client has called: the client's is the first."),
            Symptom(r"names (192\.0\.2\.1|2001:db8::1) port", "Behind the two addresses stand two ports: the client's is the "
                    "first. parse_address() wants it as a number, and turns its bytes round."),
            Symptom(r"10\.0\.0\.2 0 0", "0 is a port, too: they go from 0 to 65535.", by_hand(r"PROXY TCP4 10.0.0.1 10.0.0.2 0 0\r\n" + GET)),
            "TCP4 stands before two addresses of IPv4, TCP6 before two of IPv6. An address is logged as inet_ntop() writes it, whatever form "
            "it came in."],
        read="The program",
        by_hand=(RUN_FOR_PORTS, by_hand(r"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n" + GET, r"PROXY TCP6 2001:DB8:0::0001 2001:db8::2 4124 443\r\n" + GET)[1]))
def test_names_the_client(server):
    names(server, line(), CLIENT)
    names(server, line("TCP6 2001:db8::1 2001:db8::2 4124 443"), CLIENT_6)
    names(server, line("TCP6 2001:DB8:0:0::0001 2001:db8::2 4124 443"), CLIENT_6)
    names(server, line("TCP4 255.255.255.255 255.255.255.255 65535 65535"), "255.255.255.255 port 65535")
    longest = "ffff:" * 7 + "ffff"
    names(server, line("TCP6 %s %s 65535 65535" % (longest, longest)), longest + " port 65535")
    names(server, line("TCP4 10.0.0.1 10.0.0.2 0 0"), "10.0.0.1 port 0")


@graded(5, "After PROXY UNKNOWN the log names the proxy itself", step=2,
        cause="`PROXY UNKNOWN` is a header, with or without more in its line, up to 107 bytes in all: the proxy does not know, or asks for itself. The log "
              "names the proxy then.",
        read="Your turn",
        by_hand=by_hand(r"PROXY UNKNOWN\r\n" + GET, r"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n" + GET, r"PROXY UNKNOWN %090d\r\n" + GET),
        needs=["test_takes_a_header"])
@pytest.mark.parametrize("more", ["", " 192.0.2.1 198.51.100.2 56324 443", " " + "x" * 91, " "], ids=["alone", "addresses", "107 bytes", "a space"])
def test_unknown(server, more):
    names(server, line("UNKNOWN" + more), None)


WRONG = {
    "another family": "TCP4 2001:db8::1 2001:db8::2 56324 443", "two families": "TCP4 192.0.2.1 2001:db8::2 56324 443",
    "IPv4 as TCP6": "TCP6 192.0.2.1 198.51.100.2 56324 443", "UDP4": "UDP4 192.0.2.1 198.51.100.2 56324 443",
    "UNKNOWNX": "UNKNOWNX 192.0.2.1", "small letters": "tcp4 192.0.2.1 198.51.100.2 56324 443", "no address": "TCP4 192.0.2.256 198.51.100.2 56324 443",
    "a wrong second address": "TCP4 192.0.2.1 198.51.100.2x 56324 443", "a short address": "TCP4 192.0.513 198.51.100.2 56324 443", "a name": "TCP4 localhost 198.51.100.2 56324 443",
    "a port too large": "TCP4 192.0.2.1 198.51.100.2 65536 443", "a second port too large": "TCP4 192.0.2.1 198.51.100.2 56324 65536",
    "no number": "TCP4 192.0.2.1 198.51.100.2 56x 443", "a sign": "TCP4 192.0.2.1 198.51.100.2 +563 443",
    "a zero in front": "TCP4 192.0.2.1 198.51.100.2 056 443", "no ports": "TCP4 192.0.2.1 198.51.100.2", "one port": "TCP4 192.0.2.1 198.51.100.2 56324",
    "more": "TCP4 192.0.2.1 198.51.100.2 56324 443 x", "two spaces": "TCP4  192.0.2.1 198.51.100.2 56324 443",
    "a space behind": "TCP4 192.0.2.1 198.51.100.2 56324 443 ", "a tab": "TCP4\t192.0.2.1 198.51.100.2 56324 443", "nothing": "",
    "a zero byte": "TCP4 192.0.2.1 198.51.100.2 56324 443\0x", "108 bytes": "UNKNOWN " + "x" * 92}


@graded(10, "Closes and logs what is no version 1 header to the letter", step=2,
        cause=[
            Symptom("no end in sight|108 bytes|UNKNOWN x", "The line has 107 bytes at most, with its \\r\\n.",
                    by_hand(r"PROXY UNKNOWN %092d\r\n" + GET)),
            Symptom(r"one \\n", "The line ends with \\r\\n here: a \\n alone ends none.", by_hand(r"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n" + GET)),
            Symptom(r"  192|443 \\r|TCP4\\t", "One space stands between two words, and none behind the last: strtok() and sscanf() take more.",
                    by_hand(r"PROXY TCP4  192.0.2.1 198.51.100.2 56324 443\r\n" + GET, r"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n" + GET)),
            Symptom(r"\.2 (56324 )?(65536|56x|\+563|056)", "A port is a whole number from 0 to 65535, in digits alone, and without a zero in front; both of them.",
                    by_hand(*(r"PROXY TCP4 192.0.2.1 198.51.100.2 %s\r\n%s" % (ports, GET) for ports in ("65536 443", "56324 65536", "56x 443", "056 443")))),
            "Each word is looked at: PROXY, TCP4 or TCP6, two addresses of that family, two ports, and nothing behind them."],
        read="The program",
        by_hand=by_hand(*("PROXY %s\\r\\n%s" % (text, GET) for text in (
            "TCP4 2001:db8::1 2001:db8::2 56324 443", "TCP4 192.0.2.1 2001:db8::2 56324 443", "UDP4 192.0.2.1 198.51.100.2 56324 443", "UNKNOWNX",
            "TCP4 192.0.2.256 198.51.100.2 56324 443", "TCP4 192.0.2.1 198.51.100.2 56324", "TCP4 192.0.2.1 198.51.100.2 56324 443 x",
            r"TCP4 192.0.2.1 198.51.100.2 56324 443\000x"))),
        needs=["test_names_the_client", "test_without_a_header"])
@pytest.mark.parametrize("data", [*(line(text) + b"GET / HTTP/1.0\r\n\r\n" for text in WRONG.values()), line()[:-2] + b"\n" + b"GET / HTTP/1.0\r\n\r\n",
                                  b"PROXY UNKNOWN " + b"x" * 200], ids=[*WRONG, "one \\n", "no end in sight"])
def test_wrong_lines(server, data):
    if b"\r" not in data.partition(b"\n")[0]:
        step("a line with no end in sight:" if b"\n" not in data else "a line that ends with one \\n:")
    is_closed(server, data)


# ---- Version 2

@graded(10, "The log names the client of a version 2 header", step=3,
        cause=[
            Symptom("no answer|timed out|reset|answered with", "Version 2 begins with twelve bytes of its own, and not with PROXY; then come one byte each for version "
                    "and command, and for family and protocol, and two for the length of what follows, the high one first. It is counted to its end, also past the addresses."),
            Symptom(r"names 127\.0\.0\.1", "The log names the proxy: for 0x11 (TCP over IPv4) and 0x21 (over IPv6) the block begins with the client's address."),
            Symptom(r"names (192\.0\.2\.1|2001:db8::1) port", "The client's port stands behind both addresses, at byte 8 or 32 of the block, "
                    "and its high byte first: copied into sin_port as it is it is right."),
            "An address of IPv6 has 16 bytes, and the block 36; of IPv4 4 and 12."],
        read="The program",
        by_hand=(RUN_FOR_PORTS, by_hand(SIGNED + r"\041\021\0\014\300\0\002\001\306\063\144\002\334\004\001\273" + GET,
                                        SIGNED + r"\041\041\0\044\040\001\015\270\0\0\0\0\0\0\0\0\0\0\0\001\040\001\015\270\0\0\0\0\0\0\0\0\0\0\0\002\020\034\001\273" + GET,
                                        SIGNED + r"\041\021\001\014\300\0\002\001\306\063\144\002\334\004\001\273%0256d" + GET)[1]))
def test_names_the_client_of_version_2(server):
    names(server, binary(), CLIENT)
    names(server, binary(addresses("2001:db8::1", 4124), family=TCP6), CLIENT_6)
    step("with more behind the addresses:")
    names(server, binary(more=b"\x04\0\x01x"), CLIENT)
    names(server, binary(addresses("2001:db8::1", 4124), family=TCP6, more=b"\x01\0\x08http/1.1" * 40), CLIENT_6)
    names(server, binary(more=bytes(65535 - 12)), CLIENT)


OWN = {"LOCAL": (LOCAL, 0, b""), "LOCAL with a block": (LOCAL, 0x11, addresses()), "LOCAL with a short block": (LOCAL, 0x11, b"x" * 5),
       "LOCAL of another family": (LOCAL, 0xff, b""), "no family": (0x21, 0, b""), "no family, and more": (0x21, 0, b"GET / HTTP/1.0\r\n\r\n"),
       "UDP": (0x21, UDP4, addresses()), "Unix": (0x21, UNIX, bytes(216))}


@graded(5, "After LOCAL, and where the client has no TCP address, the log names the proxy itself", step=3,
        cause=[
            Symptom(r"names (192|0\.0\.0\.0)", "LOCAL (0x20) is the proxy's own connection, whatever stands behind it; and UDP or a Unix path (0x12, 0x31) is no client of ours: "
                    "count the block, and do not use it."),
            "LOCAL, an unknown family (0x00), UDP and Unix sockets are right headers, too: what they hold is counted, skipped, and the log names the proxy."],
        read="Your turn",
        by_hand=by_hand(*(SIGNED + text + GET for text in (r"\040\0\0\0", r"\040\021\0\014%012d", r"\041\0\0\004abcd", r"\041\022\0\014%012d", r"\041\061\0\330%0216d"))),
        needs=BINARY)
@pytest.mark.parametrize("command,family,block", OWN.values(), ids=OWN)
def test_local(server, command, family, block):
    names(server, binary(block, command, family), None)


WRONG_BINARY = {
    "version 1": binary(command=0x11), "version 3": binary(command=0x31), "another command": binary(command=0x22), "another command, and no family": binary(b"", 0x2f, 0),
    "family 4": binary(family=0x41), "protocol 3": binary(family=0x13), "a short block": binary(length=11), "a short block of IPv6": binary(family=TCP6),
    "another signature": b"\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" + addresses(), "no signature": b"\r\n" * 20, "an empty block": binary(b"")}


@graded(5, "Closes and logs what is no version 2 header, or half of one", step=3,
        cause=[
            Symptom("half of", "The proxy has ended in the middle: recv() brings 0 then, and the header is not there.",
                    by_hand(SIGNED + r"\041\021\0\014\300\0\002\001", SIGNED + r"\041\021\0\020\300\0\002\001\306\063\144\002\334\004\001\273ab")),
            Symptom("short block|empty block", "A block of TCP over IPv4 has at least 12 bytes, and over IPv6 36: less is no header.",
                    by_hand(SIGNED + r"\041\021\0\013\300\0\002\001\306\063\144\002\334\004\001\273" + GET, SIGNED + r"\041\041\0\014\300\0\002\001\306\063\144\002\334\004\001\273" + GET * 3)),
            "All twelve bytes of the signature, version 2, the command 0 or 1; for command 1 a family from 0 to 3 and a protocol from 0 to 2: all else is closed."],
        read="Your turn",
        by_hand=by_hand(r"\r\n\r\n\0\r\nQUIT\r\041\021\0\014%012d" + GET, *(SIGNED + text + r"\0\014\300\0\002\001\306\063\144\002\334\004\001\273" + GET
                                                                  for text in (r"\021\021", r"\061\021", r"\042\021", r"\041\101", r"\041\023"))), needs=[*BINARY, "test_without_a_header"])
@pytest.mark.parametrize("what", [*WRONG_BINARY, "half of one", "half of what it tells"])
def test_wrong_bytes(server, what):
    step(what + ":")
    if what in WRONG_BINARY:
        is_closed(server, WRONG_BINARY[what] + b"GET / HTTP/1.0\r\n\r\n" * 3)
        return
    is_closed(server, binary(more=b"xxxxxx")[:20 if what == "half of one" else -1], ends=True)


@graded(5, "Takes header and request in any pieces, and loses no byte", step=3,
        cause="recv() brings what has come: a part of the header, or all of it with the request behind it. Go on until the header is whole, and leave what stands behind it "
              "in the buffer, for the request.",
        read="The program",
        by_hand=(RUN, r"(printf 'PRO'; sleep 0.2; printf 'XY TCP4 192.0.2.1 198.51.100.2 56324 443\r'; sleep 0.2; printf '\nGET / HTTP/1.0\r\n'; sleep 0.2; printf '\r\n') | " + NC
                 + " | head -n 1; (printf '" + SIGNED + r"\041\021\0'; sleep 0.2; printf '\014\300\0\002\001\306\063'; sleep 0.2; printf '\144\002\334\004\001\273G'; sleep 0.2; printf 'ET / HTTP/1.0\r\n\r\n') | "
                 + NC + " | head -n 1"), needs=BINARY)
@pytest.mark.parametrize("size", [1, 5, 14, 43])
def test_in_pieces(server, size):
    def send(client, data):
        with contextlib.suppress(OSError):  # it has closed: the answer will tell
            for start in range(0, len(data), size):
                client.sendall(data[start:start + size])
                wait_until(lambda: unread(client) == 0, limit=3, what="the program to receive what was sent")

    for header, who in (line(), CLIENT), (binary(more=b"xyz"), CLIENT), (line("UNKNOWN"), None):
        logged, connected = ask(server, header, send=send)
        assert logged == (who or connected), "the log names %s" % logged


# ---- With what people use

@pytest.fixture
def certificate(tool, folder):
    """One file with a key and a certificate of its own for localhost, as the lesson makes it."""
    pem = folder / "my.pem"
    subprocess.run([tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost", "-keyout", str(pem), "-out", str(pem) + ".crt"], check=True, stderr=subprocess.DEVNULL)
    with open(str(pem), "a") as file:
        file.write((folder / "my.pem.crt").read_text())
    return pem


def in_front(name, server, port, folder, certificate, header):
    """The command that runs a terminator at this port, in front of the server, and the text of its configuration."""
    if name == "stunnel":
        return ["stunnel", str(folder / "terminator.conf")], (
            "foreground = yes\npid =\ncert = %s\n[web]\naccept = 127.0.0.1:%d\nconnect = 127.0.0.1:%d\nprotocol = proxy\n" % (
                certificate, port, server.port))
    if name == "hitch":
        return ["hitch", "--config=" + str(folder / "terminator.conf")], (
            'frontend = "[127.0.0.1]:%d"\nbackend = "[127.0.0.1]:%d"\npem-file = "%s"\nuser = "%s"\n%s = on\nworkers = 1\n' % (
                port, server.port, certificate, pwd.getpwuid(os.getuid()).pw_name, header))
    return ["haproxy", "-f", str(folder / "terminator.conf")], (
        "defaults\n timeout connect 9s\n timeout client 9s\n timeout server 9s\nlisten web\n bind 127.0.0.1:%d ssl crt %s\n"
        " server web 127.0.0.1:%d %s\n" % (port, certificate, server.port, header))


@contextlib.contextmanager
def terminator(chapter, server, folder, certificate, tool, name="stunnel", header=""):
    """The port of a terminator in front of the server, and a function that asks it for a target: it returns the
    client's address as the log has it, and the answer."""
    with reserved_port() as port:
        command, text = in_front(name, server, port, folder, certificate, header)
        (folder / "terminator.conf").write_text(text)
        program = chapter.start_other([tool(command[0]), *command[1:]])
        wait_until(lambda: is_listening(port) or not program.is_running(), limit=10, what="the terminator to listen")
        assert program.is_running(), program.stderr
        context = ssl.create_default_context(cafile=str(certificate) + ".crt")

        def ask(target):
            with connect(port) as plain, context.wrap_socket(plain, server_hostname="localhost") as client:
                client.sendall(b"GET %s HTTP/1.0\r\n\r\n" % target.encode())
                return "%s port %d" % client.getsockname(), client.recv(9999)

        yield port, ask


@pytest.mark.parametrize("name,header", [("stunnel", ""), ("hitch", "write-proxy-v1"), ("hitch", "write-proxy-v2"),
                                         ("haproxy", "send-proxy"), ("haproxy", "send-proxy-v2"),
                                         ("haproxy", "send-proxy-v2 proxy-v2-options ssl,cert-cn,crc32c,unique-id check-send-proxy check inter 100ms")],
                         ids=lambda text: text.partition(" ")[0])
def test_a_terminator_in_front(chapter, folder, server, certificate, tool, name, header):
    with terminator(chapter, server, folder, certificate, tool, name, header) as (_, ask):
        for number in range(5):
            client, answer = ask("/?tls%d" % number)
            assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
            server.wait_for_output(r'^%s "GET /\?tls%d HTTP/1\.0" 200 9$' % (client, number), limit=3)
    assert server.stderr == ""


def test_tcpdump_shows_cipher_in_front_and_plain_text_behind(chapter, folder, server, certificate, tool):
    if os.geteuid() != 0:
        pytest.skip("tcpdump needs root")
    with terminator(chapter, server, folder, certificate, tool) as (port, ask):
        cipher, plain = [chapter.start_other([tool("tcpdump"), "-Z", "root", "-i", "lo", "-A", "-l", "-n", "tcp port %d" % watched])
                         for watched in (port, server.port)]
        for watching in cipher, plain:
            watching.wait_for_error("listening on lo", limit=10)
        client, _ = ask("/?secret")
        plain.wait_for_output(r"PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 %s %d" % (client.split()[-1], port), limit=10)
        plain.wait_for_output(r"GET /\?secret HTTP/1\.0", limit=10)
        cipher.wait_for_output(r"\.%s[ :].*Flags \[[FR]" % client.split()[-1], limit=10)  # to its end
        assert not re.search("secret|PROXY|HTTP", cipher.output), cipher.output


def test_curl(server, tool):
    """Its header names its own two ends."""
    done = subprocess.run([tool("curl"), "-s", "--haproxy-protocol", "http://127.0.0.1:%d/curl" % server.port, "-w", "%{http_code} %{local_port}"],
                          stdout=subprocess.PIPE, timeout=20, text=True)
    status, port = done.stdout.split()[-2:]
    assert status.endswith("404")
    server.wait_for_output(r'^127\.0\.0\.1 port %s "GET /curl HTTP/1\.1" 404 \d+$' % port)


# ---- Addresses

def test_a_proxy_of_ipv6(chapter, folder):
    checks.needs_ipv6()
    server = chapter.serve("-n", "-c", configure(folder, address="::1", proxy="0:0::1"))
    names(server, line(), CLIENT)
    names(server, binary(), CLIENT)


def test_a_proxy_of_ipv4_at_a_listener_of_ipv6(chapter, folder):
    checks.needs_ipv6()
    server = chapter.serve("-n", "-c", configure(folder, address="::", proxy="127.0.0.1"))
    server.address = "127.0.0.1"
    names(server, line(), CLIENT)
    server = chapter.serve("-n", "-c", configure(folder, address="::", proxy="127.0.0.2"))
    server.address = "127.0.0.1"
    assert ask(server, b"")[0].startswith("::ffff:127.0.0.1 port ")


def test_who_waits_during_a_move_is_still_believed(server, folder):
    """Those in the old port's queue came while the old proxy was believed."""
    with reserved_port() as port:
        with checks.stopped(server):
            client = connect(server)
            client.sendall(line() + b"GET / HTTP/1.0\r\n\r\n")
            reload(server, folder, port=port, proxy=NOBODY)
        assert Response(receive_all(client)).status == 200
        server.wait_for_output("^configuration changed$")
        server.port = port
        names(server, b"", None)


def test_one_too_many_gets_503(chapter, folder):
    """There is no child that could read the header: 503, as in chapter 8."""
    server = chapter.serve("-n", "-c", configure(folder, proxy=ME, max_children=1))
    with connect(server) as client:
        client.sendall(line()[:9])
        wait_until(lambda: children(server.pid), what="a child")
        assert answer_on_a_bad_day(server).status == 503


def test_logs_to_syslog(daemons, folder):
    with log_socket(folder) as (path, words), Log(path) as log:
        daemon = daemons.start("-c", configure(folder, proxy=ME), under=words)
        assert Response(what_is_answered(daemon, line() + b"GET / HTTP/1.0\r\n\r\n")).status == 200
        message = log.wait_for(r'192\.0\.2\.1 port 56324 "GET / HTTP/1\.0" 200 9', limit=3)
        assert (message.priority, message.program) == (INFORMATION, CHAPTER[3:])
        assert not what_is_answered(daemon, b"hello\r\n")
        assert log.wait_for(r"no PROXY header from 127\.0\.0\.1 port \d+", limit=3).priority == WARNING
        daemon.signal(signal.SIGTERM)
        daemon.wait()


# ---- Clients that mean no good

def test_random_headers(server):
    """Headers of random addresses, some with a byte changed: named as they say, or closed."""
    chance = random.Random(os.environ.get("LAB_SEED", "9b"))
    for _ in range(60):
        family = chance.choice((socket.AF_INET, socket.AF_INET6))
        host = socket.inet_ntop(family, chance.randbytes(4 if family == socket.AF_INET else 16))
        port, more = chance.randrange(65536), chance.randbytes(chance.randrange(300))
        is_ipv4 = family == socket.AF_INET
        text = "TCP%d %s %s %d %d" % (4 if is_ipv4 else 6, host, host, port, chance.randrange(65536))
        header = chance.choice((line(text), binary(addresses(host, port), family=TCP4 if is_ipv4 else TCP6, more=more)))
        names(server, header, "%s port %d" % (host, port))


def test_random_bytes(server):
    """Nothing that the proxy sends ends the server, or makes it say more than a log's line."""
    chance = random.Random(os.environ.get("LAB_SEED", "9b"))
    for number in range(200):
        data = bytearray(chance.choice((line(), binary(more=b"abc"), SIGNATURE, b"PROXY UNKNOWN\r\n")) + b"GET / HTTP/1.0\r\n\r\n")
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with connect(server) as client:
            try:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            what_comes(client)
    names(server, line(), CLIENT)
    lines = server.output.split("\n")[2:] + server.stderr.split("\n")
    assert not [text for text in lines if not re.fullmatch(r'[ -~]*', text)]


def test_random_faults(chapter, folder, random_faults):
    server = random_faults(chapter.serve, "-n", "-c", configure(folder))
    for _ in range(5):
        assert answer_on_a_bad_day(server).status in (200, 503)
    reload(server, folder, proxy=ME)
    server.wait_for_output("^configuration changed$")
    for _ in range(10):
        with connect(server) as client:
            client.sendall(binary(more=bytes(500)) + b"GET / HTTP/1.0\r\n\r\n")
            assert what_comes(client)[:12] in (b"HTTP/1.0 200", b"HTTP/1.0 503")


def test_leaks_nothing(server):
    ask(server, line())
    before = len(descriptors(at_rest(server.pid)))
    for number in range(50):
        with connect(server) as client:
            client.sendall((b"", b"GET", line()[:20], binary()[:-1], line())[number % 5])
            ends_its_side(client)
            what_comes(client)
    wait_until(lambda: not children(server.pid), what="the end of all children")
    assert len(descriptors(server.pid)) == before
