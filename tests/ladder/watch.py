"""Running a program under strace: starting it, waiting until it rests, and ending it."""

import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import time

from harness.program import Program, seconds
from ladder.calls import read_calls
from ladder.words import TRACED

REST = 0.015  # seconds between two looks that have to show the same


def why_not():
    """Why nothing can be traced here, in one line; None if it can."""
    if not shutil.which("strace"):
        return ("needs strace: `sudo apt-get install strace` or `sudo dnf install strace`"
                " (it is for Linux; on macOS use a virtual machine)")
    probe = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if probe.returncode != 0:
        return ("strace may not watch programs here: in a container, start it with"
                " `docker run --cap-add=SYS_PTRACE`; else `sudo sysctl kernel.yama.ptrace_scope=1`")
    return None


class Watched(Program):
    """A program that runs under strace."""

    def __init__(self, command, cwd, folder, name, **options):
        self._prefix = os.path.join(folder, name + ".trace")
        super().__init__(["strace", "-q", "-ff", "-ttt", "-T", "-y", "-s", "96", "-o", self._prefix, "-e",
                          "trace=" + ",".join("?" + call for call in sorted(TRACED)), "--", *command],
                         cwd=cwd, stdin=subprocess.PIPE, **options)

    def pids(self):
        """The ids of all its processes and threads so far."""
        paths = filter(os.path.isfile, glob.glob(glob.escape(self._prefix) + ".*[0-9]"))
        return sorted(int(path.rpartition(".")[2]) for path in paths)

    def look(self):
        """What there is to see of it from outside: the state of each process, and how much was traced.
        None if one of them is at work."""
        pids = self.pids()
        states = [status(pid, "State") for pid in [self.pid] + pids]
        if not pids or any(state is not None and state[0] not in "SZX" for state in states):
            return None
        return states, [os.path.getsize("%s.%d" % (self._prefix, pid)) for pid in pids]

    def type(self, line):
        """Write a line to its standard input; None ends that."""
        try:
            if line is None:
                self.process.stdin.close()
            else:
                self.process.stdin.write(line)
                self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # it has ended, or has ended its input

    def end(self, moment):
        """End all its processes, and return their calls up to a moment, by process."""
        for pid in self.pids():
            if status(pid, "TracerPid") == str(self.pid):
                with contextlib.suppress(ProcessLookupError):  # it may end just now, by itself
                    os.kill(pid, signal.SIGKILL)
        self.kill()
        return {pid: read_calls("%s.%d" % (self._prefix, pid), pid, moment) for pid in self.pids()}


def status(pid, key):
    """A line of /proc/PID/status; None if the process is gone."""
    try:
        with open("/proc/%d/status" % pid) as file:
            return re.search(r"^%s:\s*(.*)$" % key, file.read(), re.MULTILINE).group(1)
    except (FileNotFoundError, ProcessLookupError):
        return None


def rest(watched, until=lambda: False, at_least=REST, limit=5):
    """Wait until all of them rest: each process waits, and nothing has changed for so many seconds; or
    until something holds. Return whether it came to that within `limit`."""
    end = time.monotonic() + seconds(limit)
    before, since = None, 0
    while time.monotonic() < end:
        now = [one.look() for one in watched]
        if None in now or now != before:
            before, since = now, time.monotonic()
        elif time.monotonic() - since >= seconds(at_least):
            return True
        if until():
            return True
        time.sleep(REST / 3)
    return False
