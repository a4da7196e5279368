"""Starting a server as systemd does, with a listener as its descriptor 3, and as inetd does, with a connection as 0 and 1."""

import contextlib
import os
import socket
import tempfile

from harness import steps
from harness.program import seconds
from harness.talk import connect

QUEUE = 64  # so many clients may wait in the queue of a listener


def given(how="3<&0", count="1", pid="$$"):
    """The words to put before a command so that its stdin becomes descriptor 3, and the environment says so."""
    return ["sh", "-c", 'export LISTEN_PID=%s LISTEN_FDS=%s; exec "$0" "$@" %s </dev/null' % (pid, count, how)]


@contextlib.contextmanager
def listener(address="127.0.0.1"):
    """A listener that the test has opened, with .address and .port, to be a program's stdin."""
    with Listener(socket.AF_INET6 if ":" in address else socket.AF_INET) as one:
        one.bind((address, 0))
        one.listen(QUEUE)
        one.address, one.port = one.getsockname()[:2]
        steps.step("open a listener on %s port %d" % (one.address, one.port))
        yield one


class Listener(socket.socket):
    """A listening socket, with its place."""


def as_inetd(chapter, *arguments, how='exec "$0" "$@" >&0', blocking=True, address="127.0.0.1", before=()):
    """Accept a client, and start the program with that connection as descriptors 0 and 1, which a shell does with `how`.
    Return the client, which is connected, and the Program. `before` are words to put before it all."""
    with listener(address) as one:
        client = connect(one)
        connection = one.accept()[0]
    connection.setblocking(blocking)
    with connection:
        return client, chapter.start("-i", *arguments, stdin=connection, under=[*before, "sh", "-c", how])


class Notified(socket.socket):
    """A socket that hears what a program tells its starter: .name is for its environment."""

    def __init__(self, folder, is_abstract):
        super().__init__(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name = ("@lab-%d-%d" % (os.getpid(), id(self))) if is_abstract else os.path.join(folder, "notify")
        self.bind(self.name.replace("@", "\0", 1))
        if not is_abstract:
            os.chmod(self.name, 0o777)

    def hears(self, limit=5):
        """The lines of the next datagram; fails if none comes within `limit` seconds."""
        self.settimeout(seconds(limit))
        try:
            data = self.recv(4096)
        except socket.timeout:
            raise AssertionError("nothing came to NOTIFY_SOCKET within %g s" % seconds(limit)) from None
        steps.step("NOTIFY_SOCKET gets", data=data)
        return data.decode(errors="backslashreplace").splitlines()


@contextlib.contextmanager
def notified(is_abstract):
    """A Notified in a folder with a short name, for a path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with Notified(folder, is_abstract) as one:
            yield one
