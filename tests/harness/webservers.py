"""Web servers that a test plays, for programs that ask one: pass them to serving()."""

import contextlib
import socket
import threading
import time

from harness.inspect import memory
from harness.program import seconds
from harness.talk import receive_until


def answering(*parts):
    """A server that answers a request with these bytes, one after the other, and closes."""

    def serve(connection):
        receive_until(connection, b"\r\n\r\n")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):  # the program may have heard enough
            for part in parts:
                connection.sendall(part)

    return serve


def hold(connection):
    """Say nothing more until the program has closed."""
    with contextlib.suppress(ConnectionError):
        assert connection.recv(1) == b"", "more than one request"


def silent(connection):
    """A server that never answers."""
    receive_until(connection, b"\r\n\r\n")
    hold(connection)


def trickling(connection):
    """A server whose answer is a line that never ends, ten bytes a second, until a fraction of the tenth
    second is left."""
    receive_until(connection, b"\r\n\r\n")
    begin = time.monotonic()
    with contextlib.suppress(ConnectionError):  # the program may have given up
        while time.monotonic() < begin + 9.65:
            connection.sendall(b"x")
            time.sleep(0.1)
    hold(connection)


def endless(beginning, piece):
    """A server that sends 64 MB and then nothing more, and the event of its having sent them."""
    sent = threading.Event()

    def serve(connection):
        answering(beginning, *[piece * (1000000 // len(piece))] * 64)(connection)
        sent.set()
        hold(connection)

    return serve, sent


def is_bounded(program, sent):
    """The program does not keep all of what an endless() server sends."""
    assert sent.wait(seconds(15)), "the program did not take what the server sent"
    if program.is_running():
        assert memory(program.pid) < 40000000, "it keeps all that the server sends"
