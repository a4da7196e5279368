"""unix-socket PATH, from the contract alone: fchmod() in place of umask(), and a file for the lock."""

import errno
import fcntl
import os
import signal
import socket
import stat
import struct
import sys


def usage(bad):
    sys.stderr.write("unix-socket: %s: what is that?\nusage: unix-socket PATH\n" % bad)
    sys.exit(2)


def failed(what, error):
    sys.stderr.write("unix-socket: %s: %s (%s)\n" % (what, os.strerror(error.errno), errno.errorcode[error.errno]))
    sys.stderr.flush()


def fail(what, error):
    failed(what, error)
    os._exit(1)


def is_stale(path):
    """Whether there is a socket that nobody listens on. Raises OSError for whatever else is there."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(kind):
        raise FileExistsError(errno.EEXIST, "")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        answer = probe.connect_ex(path)
    if answer == errno.ECONNREFUSED:
        return True
    raise OSError(answer or errno.EADDRINUSE, "")


def listen(path):
    """A socket that listens at the path."""
    lock = os.open(os.path.join(os.path.dirname(path) or ".", ".unix-socket.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.lockf(lock, fcntl.LOCK_EX)
    listener = socket.socket(socket.AF_UNIX)
    os.fchmod(listener.fileno(), 0o600)
    if is_stale(path):
        os.unlink(path)
    listener.bind(path)
    listener.listen()
    os.close(lock)
    return listener


def serve(client):
    pid, uid, _ = struct.unpack("iII", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    print("connection %d from process %d of user %d" % (serve.number, pid, uid), flush=True)
    client.sendall(b"Hello, process %d of user %d!\n" % (pid, uid))
    for data in iter(lambda: client.recv(65536), b""):
        client.sendall(data)


if len(sys.argv) != 2:
    usage(sys.argv[2] if len(sys.argv) > 2 else "nothing")
PATH = sys.argv[1]
if not 0 < len(os.fsencode(PATH)) < 108:
    usage(PATH)
try:
    os.fstat(1)
    server = listen(PATH)
except OSError as error:
    fail("listen at " + PATH, error)
ours = os.lstat(PATH)


def end(number, frame):
    try:
        now = os.lstat(PATH)
        if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino):
            os.unlink(PATH)
    finally:
        os._exit(0)


for number in signal.SIGTERM, signal.SIGINT:
    signal.signal(number, end)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGINT])
print("listening on " + PATH, flush=True)
serve.number = 0
while True:
    try:
        client = server.accept()[0]
    except OSError as error:
        failed("accept", error)
        continue
    serve.number += 1
    with client:
        try:
            serve(client)
        except OSError as error:
            failed("client %d" % serve.number, error)
