"""Starting daemons, which detach themselves from whoever starts them, finding and ending them."""

import contextlib
import fcntl
import os
import re
import signal

from harness import listening
from harness.inspect import children, state
from harness.program import wait_until
from harness.steps import note_signal, step

PIDFILE = {"pidfile": "daemon.pid"}  # for configure()


def pid_in(path):
    """What a pid file (a pathlib.Path) says, which is a process id and a newline."""
    text = path.read_text(errors="backslashreplace") if path.exists() else "no file"
    assert re.fullmatch(r"[1-9]\d*\n", text), "the pid file has no process id and newline, but: %r" % text
    return int(text)


def configure(folder, **keys):
    """Write `daemon.conf` into a folder (a pathlib.Path), as plain as may be, so that the first program that reads one
    can; return its path as a string. In the names of the keys _ stands for -; a key that is None is left out."""
    keys = {"port": 0, "webroot": folder / "webroot", **keys}
    new, path = folder / "daemon.conf.new", folder / "daemon.conf"
    new.write_text("".join("%s=%s\n" % (key.replace("_", "-"), value)
                           for key, value in keys.items() if value is not None))
    new.rename(path)  # a daemon that reads it just now reads the old or the new, and not a half of it
    step("write daemon.conf: " + "; ".join(path.read_text().splitlines()))
    return str(path)


def reload(server, folder, **keys):
    """Write another configuration, and have the server read it."""
    configure(folder, **keys)
    server.signal(signal.SIGHUP)


def is_locked(path):
    """Does another process hold a lock of fcntl(2) on the file?"""
    assert path.exists(), "there is no pid file"
    with open(str(path), "r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def fails(daemons, *arguments, **options):
    """The program ends with status 1, and leaves nothing running. Return what it says on stderr."""
    program = daemons.run(*arguments, **options)
    assert program.status == 1, "exit status %d; stderr:\n%s" % (program.status, program.stderr)
    assert program.stderr.startswith("daemon: "), "no message on stderr, but: %r" % program.stderr
    assert program.output == "", "what is wrong belongs on stderr"
    daemons.none_left()
    return program.stderr


class Daemon:
    """A daemon that has detached. `starter` is the Program that was started, and has ended."""

    def __init__(self, starter, pid):
        self.starter, self.pid = starter, pid
        step("the daemon is left")
        match = re.search(listening.NEARLY, starter.output, re.MULTILINE)
        place = listening.place(match, pid)
        if place:
            self.address, self.port = place

    def __getattr__(self, name):
        """Where it was started without a stdout, nobody knows its address and port."""
        assert name not in ("address", "port"), "no line `listening on ADDRESS port PORT` on stdout"
        raise AttributeError(name)

    def signal(self, number):
        note_signal(number, "the daemon")
        assert self.is_running(), "the daemon has ended, and should not have"
        os.kill(self.pid, number)

    def is_running(self):
        try:
            return state(self.pid) != "Z"
        except FileNotFoundError:
            return False

    def wait(self, limit=5):
        """Wait until it has ended."""
        wait_until(lambda: not self.is_running(), limit, "the daemon's end")


class Daemons:
    """The daemons that a test starts from a Chapter; see the fixture `daemons`."""

    def __init__(self, chapter, folder):
        self._chapter = chapter
        self._reports = folder / "sanitizer"  # a daemon's stderr leads nowhere
        self._others = set(children(os.getpid()))

    def start(self, *arguments, **options):
        """Start the program, which must end with status 0; return the Daemon it leaves, which listens by then."""
        starter = self.run(*arguments, **options)
        assert starter.status == 0, "exit status %d; stderr:\n%s" % (starter.status, starter.stderr)
        with contextlib.suppress(AssertionError):  # that it does so in time is a check of its own
            wait_until(lambda: any(map(listening.kernel, self.left())), limit=3)
        return Daemon(starter, self.only_one_left())

    def run(self, *arguments, **options):
        """Start the program and wait for its end, whatever it leaves; return it, with .status set."""
        where = "log_path=%s" % self._reports
        environment = {**os.environ, "ASAN_OPTIONS": where, "UBSAN_OPTIONS": where}
        program = self._chapter.start(*arguments, **{"env": environment, **options})
        wait_until(lambda: not program.is_running(), what="the started process to end")
        program.status = program.wait(limit=1)  # what is left may still have its stdout: a short wait
        return program

    def left(self):
        """The process ids of what has been left running by programs that have ended."""
        started = {program.pid for program in self._chapter.started}
        found = set(children(os.getpid())) - self._others - started
        for pid in list(found):
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                found.remove(pid)
        return sorted(found)

    def only_one_left(self):
        """Wait for one process to be left, the daemon; return its process id."""
        with contextlib.suppress(AssertionError):  # a daemon may have children
            # But if one is left that has a child, it may as well be the process in between, late to end.
            wait_until(lambda: not any(children(pid) for pid in self.left()), limit=3)
        wait_until(lambda: len(self.left()) == 1, what="one process, the daemon, to be left")
        return self.left()[0]

    def none_left(self):
        """Wait for the end of all that was started."""
        wait_until(lambda: not self.left(), what="the end of all that was started")

    def end(self):
        """End all that runs."""
        self._end_what_is_left()
        for program in self._chapter.started:
            program.kill()
        self._end_what_is_left()
        reports = [path.read_text() for path in self._reports.parent.glob(self._reports.name + ".*")]
        assert not reports, "\n".join(reports)

    def _end_what_is_left(self):
        while self.left():  # and then what those leave, and so on
            for pid in self.left():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
