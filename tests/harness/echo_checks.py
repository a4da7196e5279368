"""Clients of chapter 4's echo server, and what they expect of it."""

import contextlib
import random
import re

from harness.compare import identical
from harness.talk import connect, exchange

MEBIBYTE = random.Random(4).getrandbits(8 << 20).to_bytes(1 << 20, "big")
EVERY_BYTE = bytes(range(256))
GREETING = rb"Hello, world! You are visitor \d+\.\n"
greets_with = [GREETING]  # or what this program says instead: that is the failure of one check, not of all


def take_greeting(client):
    """Receive what this program greets its clients with; return it."""
    data = b""
    while not re.fullmatch(greets_with[0], data):
        part = client.recv(1)
        assert part, "the server ended its side after %r, before its greeting was whole" % data
        data += part
    return data


def greeted(server):
    """Connect, and be greeted; return the client."""
    client = connect(server)
    take_greeting(client)
    return client


def echoes(server, data=b"still there?"):
    """A client is greeted, and gets back the same bytes."""
    answer = exchange(server, data, limit=5)
    greeting = re.match(greets_with[0], answer)
    assert greeting, "the answer does not begin with the greeting: %r" % answer[:200]
    identical(answer[greeting.end():], data)


def sees_the_end(client):
    """The server closes, in whatever manner."""
    with contextlib.suppress(ConnectionResetError):
        assert client.recv(1) == b"", "more comes, where the connection should be closed"


def number(greeting):
    """Which visitor a greeting names; None if it names none."""
    found = re.search(rb"\d+", greeting)
    return found and int(found.group())
