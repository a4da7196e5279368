"""The system's log, played by the test: a socket at /dev/log which a daemon writes to."""

import contextlib
import os
import re
import socket
import threading

import pytest

from harness.namespaces import own_dev
from harness.program import readable, wait_until

ERROR, WARNING, NOTICE, INFORMATION = 3, 4, 5, 6  # the priorities of syslog(3)
DAEMON = 3  # the facility
MESSAGE = re.compile(rb"<(\d+)>.{15} ([^\[\]:]+)\[(\d+)\]: (.*?)[\n\0]?", re.DOTALL)


@contextlib.contextmanager
def log_socket(folder):
    """Where a socket is to be bound that is /dev/log for a command, and the words to put before it.

    That is in a folder of the test's own (a pathlib.Path) where Linux's namespaces are permitted, and
    /dev/log itself where we may make that and nobody else has; else the test is skipped."""
    own = folder / "dev"
    own.mkdir()
    words = own_dev(own)
    if words is not None:
        yield str(own / "log"), words
    elif os.path.lexists("/dev/log") or not os.access("/dev", os.W_OK):
        pytest.skip("needs a /dev/log of its own, or a Linux namespace to make it in")
    else:
        try:
            yield "/dev/log", []
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink("/dev/log")


class Message:
    """One message, taken apart."""

    def __init__(self, datagram):
        match = MESSAGE.fullmatch(datagram)
        assert match, "not a message of syslog(3): %r" % datagram
        self.facility, self.priority = divmod(int(match.group(1)), 8)
        self.program, self.pid = match.group(2).decode(errors="backslashreplace"), int(match.group(3))
        self.text = match.group(4).decode(errors="backslashreplace")


class Log:
    """What arrives at a socket for the log, for as long as `with` lasts."""

    def __init__(self, path):
        self._path, self._datagrams = path, []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self._socket.bind(self._path)
        os.chmod(self._path, 0o666)
        self._reader.start()
        return self

    def _read(self):
        while True:
            datagram = self._socket.recv(65536)
            if not datagram:
                return
            self._datagrams.append(datagram)

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    @property
    def messages(self):
        """All that have come, in order."""
        return [Message(datagram) for datagram in list(self._datagrams)]

    def wait_for(self, pattern, limit=5):
        """Wait for a message whose whole text matches; return it."""

        def find():
            return [message for message in self.messages if re.fullmatch(pattern, message.text)]

        return wait_until(find, limit, "`%s` in the log" % readable(pattern))[0]
