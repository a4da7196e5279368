"""Clients: polite ones, slow ones and rude ones. All over loopback, all with time limits."""

import socket
import struct

from harness.program import seconds


def connect(server, limit=5):
    """Connect to a Server (or a port on 127.0.0.1); every later call on the socket is limited too."""
    host, port = ("127.0.0.1", server) if isinstance(server, int) else (server.address, server.port)
    client = socket.create_connection((host, port), seconds(limit))
    return client


def receive_all(client):
    """Receive until the peer has ended its side."""
    data = bytearray()
    while True:
        part = client.recv(65536)
        if not part:
            return bytes(data)
        data += part


def receive_until(client, ending):
    """Receive until `ending` has come; fails if the peer ends its side before."""
    data = bytearray()
    while not data.endswith(ending):
        part = client.recv(1)
        assert part, "the peer ended its side after %r, before %r" % (bytes(data[-200:]), ending)
        data += part
    return bytes(data)


def exchange(server, request, limit=15):
    """Send bytes, end our side, and return all that comes back."""
    with connect(server, limit) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return receive_all(client)


def reset(client):
    """Close so that the peer gets a reset (RST) instead of an orderly end."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


class Response:
    """An HTTP response taken apart; fails on one that is malformed."""

    def __init__(self, data):
        head, separator, self.body = data.partition(b"\r\n\r\n")
        assert separator, "no empty line ends the head of %r" % data[:200]
        lines = head.decode("latin-1").split("\r\n")
        version, status, self.reason = lines[0].split(" ", 2)
        assert version in ("HTTP/1.0", "HTTP/1.1"), lines[0]
        self.status = int(status)
        self.headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name == name.strip(), "not a header: %r" % line
            self.headers[name.lower()] = value.strip()


def request(server, text, limit=15):
    """Send a request as it stands (str or bytes), without ending our side; return the Response."""
    data = text.encode("latin-1") if isinstance(text, str) else text
    with connect(server, limit) as client:
        client.sendall(data)
        return Response(receive_all(client))


def get(server, target, method="GET", limit=15):
    """Ask for a target with HTTP/1.0; return the Response."""
    return request(server, "%s %s HTTP/1.0\r\n\r\n" % (method, target), limit)
