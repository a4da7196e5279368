"""What a proxy says in front of a client's request: the header of the PROXY protocol, version 1 and 2."""

import itertools
import re
import socket
import struct
import time

from harness.compare import identical
from harness.talk import Response, connect, ends_its_side, receive_all, what_comes

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
TCP4, UDP4, TCP6, UNIX = 0x11, 0x12, 0x21, 0x31
CLIENT, CLIENT_6 = "192.0.2.1 port 56324", "2001:db8::1 port 4124"  # how the log has those of the headers below
NUMBERS = itertools.count(1)


def line(text="TCP4 192.0.2.1 198.51.100.2 56324 443"):
    """A header of version 1."""
    return b"PROXY %s\r\n" % text.encode()


def addresses(client="192.0.2.1", port=56324):
    """The addresses and ports of a header of version 2: a client's, and a server's."""
    family, server = (socket.AF_INET6, "2001:db8::2") if ":" in client else (socket.AF_INET, "198.51.100.2")
    return socket.inet_pton(family, client) + socket.inet_pton(family, server) + struct.pack(">HH", port, 443)


def binary(block=None, command=PROXY, family=TCP4, more=b"", length=None):
    """A header of version 2: what stands before the addresses, the `block` of these, and `more` behind it."""
    block = (addresses() if block is None else block) + more
    return SIGNATURE + struct.pack(">BBH", command, family, len(block) if length is None else length) + block


def ask(server, header, source=None, send=lambda client, data: client.sendall(data)):
    """A client (or the proxy for it) sends a header, and a request behind it, and gets the page. Return whom the log
    names, and who has connected."""
    target = "/?%d" % next(NUMBERS)
    with connect(server, source=source) as client:
        connected = "%s port %d" % client.getsockname()[:2]
        send(client, header + b"GET %s HTTP/1.0\r\n\r\n" % target.encode())
        response = Response(receive_all(client))
    assert response.status == 200, "the request behind the header is answered with %s" % response.status_line
    identical(response.body, b"the page\n")
    logged = server.wait_for_output(r'^(.*) "GET %s HTTP/1\.0" 200 9$' % re.escape(target), limit=3)
    return logged.group(1), connected


def names(server, header, who):
    """The log names `who` as the client behind this header; if `who` is None, the one that has connected."""
    logged, connected = ask(server, header)
    wanted = who or connected
    assert logged == wanted, "the log names %s, and not %s" % (logged, wanted)


def is_closed(server, data, ends=False):
    """Who sends this from the proxy's address gets not a byte; the connection is closed, and a line of the log says so.
    With `ends` the client says no more."""
    begin = time.monotonic()
    with connect(server, limit=10) as client:
        connected = "%s port %d" % client.getsockname()[:2]
        client.sendall(data)
        if ends:
            ends_its_side(client)
        answer = what_comes(client)
    after = time.monotonic() - begin
    assert not answer, "it is answered with %r..., where the connection should be closed" % answer[:40]
    assert after < 6, "it is closed only after %.1f seconds" % after  # at 8 the deadline closes it
    server.wait_for_error(r"^tls-termination: no PROXY header from %s$" % re.escape(connected), limit=2)
