"""Running one program contained: its output caught, its waits bounded, nothing left behind."""

import contextlib
import errno
import os
import pty
import re
import select
import signal
import subprocess
import termios
import threading
import time

from harness import listening, steps

OUTPUT_LIMIT = 256 * 1024 * 1024  # bytes; whoever prints more is ended
CRASHES = signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL


def seconds(value):
    """Scale a time limit for slow machines: LAB_TIME_SCALE=3 makes every wait three times as long."""
    return value * float(os.environ.get("LAB_TIME_SCALE", "1"))


def wait_until(condition, limit=5, what="the condition"):
    """Return condition()'s first true value; fail the test if none comes within `limit` seconds."""
    end = time.monotonic() + seconds(limit)
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "waited %g s in vain for %s" % (seconds(limit), what)
        time.sleep(0.005)


def how_it_ended(status):
    """An exit status of subprocess's as words."""
    if status >= 0:
        return "exit status %d" % status
    names = {number: number.name for number in signal.Signals}
    return "killed by %s" % names.get(-status, "signal %d" % -status)  # some have none, such as 40


def last_lines(text, size):
    """The end of a text, of at most `size` characters: whole lines, where these are not longer."""
    text = text.strip()
    return text if len(text) <= size else text[-size:].partition("\n")[2] or text[-size:]


def readable(pattern):
    """A regular expression for a line, as a person would write that line."""
    if pattern == listening.LINE:
        return "listening on ADDRESS port PORT"
    for code, word in (("(?i)", ""), (r"\A", ""), (r"\Z", ""), (r"\b", ""), ("\r?", ""), ("[^:]+", "PROGRAM"), (r"\S+", "WORD"),
                       (r"[1-9]\d*", "N"), (r"\d+", "N"), (".+", "..."), (".*", "...")):
        pattern = pattern.replace(code, word)
    pattern = re.sub(r"(?<!\\)\((\?:)?|(?<!\\)\)", "", pattern.strip("^$\n")).replace("|", " or ")
    return re.sub(r"\\(.)", r"\1", pattern)


def terminal():
    """A terminal that shows what is written to it as it is: its two ends, ours to read and the program's."""
    ours, its = pty.openpty()
    settings = termios.tcgetattr(its)
    settings[1] &= ~termios.OPOST  # which would make \r\n of \n
    termios.tcsetattr(its, termios.TCSANOW, settings)
    return open(ours, "rb", buffering=0), its


def ready(stream):
    """What polls whether there is something to read, or the end."""
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    return poll


class Program:
    """A running program. Its stdout and stderr are read all the time."""

    def __init__(self, command, stdin=subprocess.DEVNULL, popen=subprocess.Popen, on_terminal=False, **options):
        """Start `command`; `options` are those of subprocess.Popen, such as cwd, env, preexec_fn. Instead of
        that, `popen` may start it. Its stdout is a pipe, or a terminal, into which stdio sends each line at once."""
        self.command = [str(word) for word in command]
        self.name = os.path.basename(self.command[0])
        self.was_told_to_end = False
        screen, stdout = terminal() if on_terminal else (None, subprocess.PIPE)
        try:
            self.process = popen(
                self.command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, start_new_session=True, **options)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EACCES, errno.ENOEXEC):
                raise AssertionError("%s cannot be started: %s" % (self.name, error.strerror))
            raise
        finally:
            if on_terminal:
                os.close(stdout)
        self.process.stdout = screen or self.process.stdout
        self._caught = {"stdout": bytearray(), "stderr": bytearray()}
        self._open = set(self._caught)  # those whose end has not come
        self._changed = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True)
                         for name in self._caught]
        for reader in self._readers:
            reader.start()

    def _read(self, name):
        waiting = ready(getattr(self.process, name))
        while name in self._open:
            waiting.poll()
            self._take(name)

    def _take(self, name):
        """Take what waits on stdout or stderr: a pipe holds no more than one read() takes."""
        with self._changed:
            stream = getattr(self.process, name)
            if name in self._open and ready(stream).poll(0):
                try:
                    data = os.read(stream.fileno(), 65536)
                except OSError:  # a terminal's end: nobody has it open any more
                    data = b""
                self._caught[name] += data
                if len(self._caught[name]) > OUTPUT_LIMIT:
                    steps.step("end it, for it printed more than %d MiB" % (OUTPUT_LIMIT >> 20))
                    self.process.kill()
                    data = b""
                if not data:
                    self._open.remove(name)
                self._changed.notify_all()

    def _all(self, name):
        """All that has come on stdout or stderr, as bytes."""
        self._take(name)
        with self._changed:
            return bytes(self._caught[name])

    @property
    def pid(self):
        return self.process.pid

    @property
    def stdout(self):
        """All of stdout so far, as bytes."""
        return self._all("stdout")

    @property
    def stderr(self):
        """All of stderr so far, as text."""
        return self._all("stderr").decode(errors="backslashreplace")

    @property
    def output(self):
        """All of stdout so far, as text."""
        return self.stdout.decode(errors="backslashreplace")

    def wait_for_output(self, pattern, limit=5):
        """Wait for a line of stdout that matches; return the match. Fails if the program ends first."""
        return self._wait_for("stdout", pattern, limit)

    def wait_for_error(self, pattern, limit=5):
        """Wait for a line of stderr that matches; return the match. Fails if the program ends first."""
        return self._wait_for("stderr", pattern, limit)

    def _wait_for(self, name, pattern, limit):
        match = self._look(name, pattern, limit)
        if match:
            return match
        when = "before it ended" if not self._open else "within %g s" % seconds(limit)
        raise AssertionError("this line did not come on %s %s: %s\nstdout: %s\nstderr: %s" % (
            name, when, readable(pattern), last_lines(self.output, 1000) or "(nothing)",
            last_lines(self.stderr, 1000) or "(nothing)"))

    def _look(self, name, pattern, limit):
        """Wait for a line that matches; return the match, None if it does not come."""
        end = time.monotonic() + seconds(limit)
        with self._changed:
            while True:
                text = self._caught[name].decode(errors="backslashreplace")
                match = re.search(pattern, text, re.MULTILINE)
                if match and pattern.endswith("$") and match.end() == len(text) and self._open:
                    match = None  # the rest of the line may yet come
                if match:
                    where = " on stderr" if name == "stderr" else ""
                    line = text[text.rfind("\n", 0, match.start()) + 1:].partition("\n")[0]
                    steps.step("it prints%s: %s" % (where, repr(line)[1:-1][:200]))
                    return match
                left = end - time.monotonic()
                if left <= 0 or not self._open:
                    return None
                self._changed.wait(left)

    def wait(self, limit=5):
        """Wait for the program's end and return its exit status (-N: killed by signal N)."""
        try:
            status = self.process.wait(seconds(limit))
        except subprocess.TimeoutExpired:
            raise AssertionError("%s did not end within %g s" % (self.name, round(seconds(limit), 1)))
        steps.step("it ends, %s" % how_it_ended(status))
        with self._changed:
            self._changed.wait_for(lambda: not self._open, seconds(limit))
        return status

    def is_running(self):
        return self.process.poll() is None

    def crashed(self):
        """Has it been ended by a signal that stands for a mistake in the program?"""
        return self.process.poll() in [-number for number in CRASHES]

    def signal(self, number):
        """Send a signal to the program, but not to its children."""
        steps.note_signal(number)
        self.was_told_to_end = self.was_told_to_end or number not in (signal.SIGSTOP, signal.SIGCONT)
        self.process.send_signal(number)

    def kill(self):
        """End the program and its process group, whatever state they are in."""
        self.was_told_to_end = self.was_told_to_end or self.is_running()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for reader in self._readers:
            reader.join(seconds(1))
        with self._changed:
            self._open.clear()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass


class Server(Program):
    """A program that listens, on .address and .port once find() has returned."""

    def find(self):
        """Wait until it listens. Its `listening` line says where; a program that says it a little differently,
        wrongly or not at all is found all the same, so that this is one failure and not all of them: what
        looks at the line is checks.says_where_it_listens()."""
        listens = False
        for _ in range(10):  # half seconds
            match = self._look("stdout", listening.NEARLY, 0.5)
            if match or listens or not self._open:
                break
            listens = listening.kernel(self.pid)  # and half a second more for the line
        place = listening.place(match, self.pid)
        if not place:
            assert not match, "no ADDRESS port PORT that a client could use: " + match.group()
            if not self._open:  # it has closed its output, so it is about to end
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(seconds(1))
            raise AssertionError("%s\nstdout: %s" % (
                "it listens nowhere, %g s after its start" % seconds(5) if self.is_running() else
                "it has ended before it listened", last_lines(self.output, 1000) or "(nothing)"))
        self.address, self.port = place
        if not match:
            steps.step("it listens on %s port %d, as the system says" % place)
