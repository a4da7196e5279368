"""Servers that listen at a path, and their clients: sockets of AF_UNIX. Linux only, as SO_PEERCRED is."""

import os
import socket
import subprocess
import sys

import pytest

from harness import listening, steps
from harness.program import last_lines, seconds, wait_until
from harness.talk import Connection, receive_all

NAME = "echo.socket"
LISTENS = 0x10000  # of the flags in /proc/net/unix: __SO_ACCEPTCON


def listens(pid):
    """Whether a process, or one of its children, listens on a socket of AF_UNIX, as far as that can be seen."""
    for member in listening.family(pid):
        sockets = listening.sockets_of(member)
        rows = map(str.split, listening.lines_of(listening.proc(member) + "/net/unix") if sockets else ())
        if any(len(row) > 6 and row[6] in sockets and int(row[3], 16) & LISTENS for row in rows if row[0] != "Num"):
            return True
    return False


def serve(chapter, folder, name=NAME, **options):
    """Start the program in a folder, to listen at this name; return it once it does, with .path."""
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    options.setdefault("stdin", subprocess.PIPE)
    server = chapter.start(name, cwd=str(folder), **options)
    server.path = os.path.join(str(folder), name)
    try:
        wait_until(lambda: "listening on" in server.output or listens(server.pid) or not server.is_running())
    except AssertionError:
        raise AssertionError("it listens nowhere, %g s after its start" % seconds(5))
    if not server.is_running():
        server.wait()
        raise AssertionError("it has ended before it listened\nstderr: %s" % (
            last_lines(server.stderr, 1000) or "(nothing)"))
    return server


class Client(Connection):
    """A client of such a server; it notes what it does as steps of the check."""

    def connect(self, path):
        steps.step("connects to " + os.path.basename(path), self.name)
        self._try("the connection", self._connect, path)


def connect(path, limit=5):
    """Connect to a server, or to a path; every later call is limited, too."""
    client = Client(steps.name_client(), limit, family=socket.AF_UNIX)
    try:
        client.connect(getattr(path, "path", path))
    except BaseException:
        client.close()
        raise
    return client


def exchange(server, data, limit=15):
    """Send bytes, end our side, and return all that comes back."""
    with connect(server, limit) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return receive_all(client)


def give_away(path):
    """Give a file to whose folder it is in: the program may run as another user."""
    owner = os.stat(os.path.dirname(path))
    if os.geteuid() == 0:
        os.lchown(path, owner.st_uid, owner.st_gid)


def leave_stale(path):
    """Leave the file of a server that was killed: nobody listens there any more."""
    steps.step("leave %s behind: a socket that nobody listens on" % os.path.basename(path))
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(path)
        gone.listen(1)
    give_away(path)
