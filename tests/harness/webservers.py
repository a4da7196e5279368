"""Web servers that a test plays, for programs that ask one: pass them to serving()."""

import contextlib
import socket
import threading
import time

from harness.inspect import memory, unread
from harness.program import seconds, wait_until
from harness.talk import receive_until


def sending(*parts, apart=False):
    """A server that reads a request, and sends these bytes, one after the other. With `apart` each part is sent
    when the program has received all before it."""

    def serve(connection):
        receive_until(connection, b"\r\n\r\n")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # the program may have heard enough
            for part in parts:
                connection.sendall(part)
                if apart:
                    wait_until(lambda: unread(connection) == 0, what="the program to receive what was sent")

    return serve


def answering(*parts, apart=False):
    """A server that answers a request like sending(), and ends. It lets the program close first: to close with
    unread bytes would reset the connection."""

    def serve(connection):
        sending(*parts, apart=apart)(connection)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            while socket.socket.recv(connection, 65536):
                pass

    return serve


def hold(connection):
    """Say nothing more until the program has closed."""
    with contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass


def silent(connection):
    """A server that never answers."""
    receive_until(connection, b"\r\n\r\n")
    hold(connection)


def trickling(end=1000):
    """A server whose answer is a line that never ends, ten bytes a second, until the program closes, or so many
    seconds have passed: 9.65 leave a fraction of the tenth second."""

    def serve(connection):
        receive_until(connection, b"\r\n\r\n")
        begin = time.monotonic()
        with contextlib.suppress(ConnectionError):  # the program may have given up
            while time.monotonic() < begin + end:
                connection.sendall(b"x")
                time.sleep(0.1)
        hold(connection)

    return serve


def endless(beginning, piece):
    """A server that sends 64 MB and then nothing more, and the event of its having sent them."""
    sent = threading.Event()

    def serve(connection):
        sending(beginning, *[piece * (1000000 // len(piece))] * 64)(connection)
        sent.set()
        hold(connection)

    return serve, sent


def is_bounded(program, sent):
    """The program does not keep all of what an endless() server sends."""
    assert sent.wait(seconds(15)), "the program did not take what the server sent"
    if program.is_running():
        assert memory(program.pid) < 40000000, "it keeps all that the server sends"
