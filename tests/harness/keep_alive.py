"""Connections that stay open for the next request, for 8b-keep-alive."""

import contextlib
import re
import socket
import time

from harness.http_requests import lines
from harness.talk import Response, receive, receive_until


def ask(target="/", *headers, method="GET", version="1.1"):
    """A request, as bytes."""
    return lines("%s %s HTTP/%s" % (method, target, version), "Host: localhost", *headers)


def next_answer(client, method="GET"):
    """Receive one answer, as long as its Content-Length says, and no byte more; return the Response."""
    head = receive_until(client, b"\r\n\r\n")
    length = int(Response(head).headers["content-length"])
    return Response(head + (b"" if method == "HEAD" else receive(client, length)))


def asked(client, target="/", *headers, method="GET", version="1.1"):
    """Send a request, and return the Response."""
    client.sendall(ask(target, *headers, method=method, version=version))
    return next_answer(client, method)


def options(response):
    """The words of an answer's Connection lines, in small letters."""
    return re.findall(r"[^\s,]+", response.headers.get("connection", "").lower())


def stays(client, target="/", content=None):
    """The connection is still there: another request on it is answered."""
    response = asked(client, target)
    assert response.status == 200 and content in (None, response.body), "the next request on the connection got %s" % (
        response.status_line)


def ends(client, after):
    """The server closes at once, and not only when the connection has been idle for long. `after` says behind what."""
    begin = time.monotonic()
    try:
        rest = client.recv(200)
    except socket.timeout:
        rest = b""
    assert rest == b"", "the connection was to end %s, and there came: %r" % (after, rest)
    assert time.monotonic() < begin + 4, "the connection was to end %s, and stayed open" % after


def last_answer(client, request, after):
    """Send this request and one more behind it, in one piece. Return the Response to the first: the other gets none."""
    client.sendall(request + ask("/missing"))
    response, rest = next_answer(client), b""
    with contextlib.suppress(ConnectionError):  # a reset is another check's matter
        rest = client.recv(200)
    assert rest == b"", "the connection was to end %s, and there came: %r" % (after, rest)
    return response


def answers_in(data):
    """The Responses that stand in `data`, one after the other; to GET, all of them."""
    found = []
    while data:
        head, empty, rest = data.partition(b"\r\n\r\n")
        length = int(Response(head + empty).headers["content-length"])
        found.append(Response(head + empty + rest[:length]))
        data = rest[length:]
    return found
