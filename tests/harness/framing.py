"""Requests in Redis' protocol, and what is expected of the answers."""

from harness.compare import identical
from harness.steps import show
from harness.talk import receive_until

PONG = b"+PONG\r\n"


def data(word):
    return word if isinstance(word, bytes) else word.encode()


def bulk(word):
    """A word with its length."""
    return b"$%d\r\n%s\r\n" % (len(data(word)), data(word))


def frame(*words):
    """A request of these words, bytes or str."""
    return b"*%d\r\n" % len(words) + b"".join(map(bulk, words))


def answered(client, expected):
    """These bytes come next. Tells at once of the first that differs."""
    got = b""
    while len(got) < len(expected) and expected.startswith(got):
        part = client.recv(len(expected) - len(got))
        assert part, "the server ended its side after %s, before %s" % (show(got[-200:]), show(expected[len(got):][:200]))
        got += part
    identical(got, expected)


def refused(client):
    """One line comes that begins with -ERR."""
    line = receive_until(client, b"\n")
    assert line.startswith(b"-"), "no line with -ERR comes, but: %s" % show(line)
    assert line.startswith(b"-ERR ") and line.endswith(b"\r\n"), "not one line `-ERR ...\\r\\n`, but: %s" % show(line)
