"""Terminals as a reader of the lessons has them: a shell at a pty, what is typed, and the screen."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

from harness.inspect import state
from harness.program import seconds

MARK = "\036"  # stands before each of the shell's prompts, to tell them from what programs print
KEYS = {"Enter": "\n", "^C": "\003", "^D": "\004", "^]": "\035"}
ENVIRONMENT = {"TERM": "dumb", "LANG": "C.UTF-8", "PS1": MARK + "$ ", "HISTFILE": ""}


class Terminal:
    """A shell in a terminal of its own, which starts in `folder`."""

    def __init__(self, folder):
        self._printed = b""
        self._shell, self._descriptor = pty.fork()
        if self._shell == 0:
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"],
                       {"PATH": os.environ["PATH"], "HOME": folder, **ENVIRONMENT})
        os.set_inheritable(self._descriptor, False)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("4H", 50, 80, 0, 0))

    def fileno(self):
        return self._descriptor

    @property
    def screen(self):
        """All that was printed since the last clear()."""
        text = self._printed.decode(errors="replace")
        return re.sub(r"[^\n]*\r\033\[K", "", text).replace("\r", "")  # a line that was erased is not seen

    def read(self):
        """Take over what has been printed."""
        with contextlib.suppress(OSError):  # the shell has ended
            self._printed += os.read(self._descriptor, 65536)

    def clear(self):
        self._printed = b""

    def type(self, text):
        """Type a text, or press one of KEYS."""
        os.write(self._descriptor, KEYS.get(text, text + "\n").encode())

    def prompts(self):
        """How often the shell has asked for a command since the last clear()."""
        return self.screen.count(MARK)

    def close(self):
        """As when its window is closed with the mouse. Returns when that has ended what it ends."""
        os.close(self._descriptor)
        os.waitpid(self._shell, 0)
        wait_until(are_asleep, [])


def processes():
    """The processes of this namespace, but for the one that asks."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def are_asleep():
    """Does every process wait for something? Then no more is printed until a time is up, or somebody
    types."""
    for pid in processes():
        try:
            if state(pid) not in "STZ":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False  # it has just ended: look again
    return True


def wait_until(condition, terminals, limit=60):
    """Read what the terminals print until the condition holds; return whether it does."""
    end = time.monotonic() + seconds(limit)
    while not condition():
        if time.monotonic() > end:
            return False
        for terminal in select.select(terminals, [], [], 0.01)[0]:
            terminal.read()
    return True
