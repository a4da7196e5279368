"""Giving a program a bad day: its system calls are interrupted, do a part, or fail. A library is loaded before
it, see faults.c and gaps.c; into a program that lets none in, strace reaches."""

import contextlib
import functools
import os
import pathlib
import shutil
import subprocess

import pytest

from harness import steps
from harness.inspect import look, state
from harness.listening import family, proc
from harness.program import wait_until

# What strace does in place of faults.c and gaps.c, which can do more. The first word is one of their variables.
BY_STRACE = {
    "LAB_FAULTS": ["?accept,?accept4:error=ECONNABORTED:when=1+2",
                   "?recvfrom,?recvmsg,?sendto,?sendmsg,?poll,?ppoll,?select,?pselect6:error=EINTR:when=2+3"],
    "LAB_FAULTS_AT_START": ["%s:error=ENOBUFS"],
    "LAB_SLOW_OPEN": ["?open,?openat,?openat2:delay_enter=%s000"]}
CONTROL = "#include <sys/socket.h>\nint main(void) { return listen(socket(AF_UNIX, SOCK_STREAM, 0), 1) == 0; }\n"


def with_strace(strace, *injections):
    """A command that runs a program, and has its system calls fail."""
    command = [strace, "-f", "--seccomp-bpf", "-qq", "-o", os.devnull,
               "-E", "ASAN_OPTIONS=detect_leaks=0",  # the leak check needs ptrace(2) itself
               "-e", "trace=" + ",".join(text.partition(":")[0] for text in injections)]
    return command + [word for text in injections for word in ("-e", "inject=" + text)]


@functools.lru_cache()
def can_tamper(strace):
    """Whether that is possible here: kill() can be made to fail."""
    proof = [*with_strace(strace, "kill:error=EPERM"), "sh", "-c", "! kill -0 $$"]
    return subprocess.run(proof, stderr=subprocess.DEVNULL).returncode == 0


@functools.lru_cache()
def knows(strace, *injections):
    """Whether this strace has all of these ways of tampering: before 5.11 there was no poke_exit."""
    return subprocess.run([*with_strace(strace, *injections), "true"], stderr=subprocess.DEVNULL).returncode == 0


class Libraries:
    """The libraries that can be loaded before a program, built in a folder when they are first asked for."""

    def __init__(self, folder):
        self._folder = folder

    @functools.lru_cache()
    def __call__(self, name):
        """The path of a library, such as faults.so."""
        source = os.path.join(os.path.dirname(__file__), name + ".c")
        library = str(self._folder / (name + ".so"))
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
        return library

    def environment(self, name, **variables):
        """An environment in which a program has this library loaded before it."""
        return {"PATH": os.environ.get("PATH", ""), "LD_PRELOAD": self(name),
                "ASAN_OPTIONS": "verify_asan_link_order=0",  # or a learner's -fsanitize=address would not start
                **{variable: str(value) for variable, value in variables.items()}}

    @functools.lru_cache()
    def control(self):
        """The path of a program that lets libraries in."""
        program = str(self._folder / "control")
        subprocess.run(["cc", "-xc", "-", "-o", program], input=CONTROL.encode(), check=True)
        return program


def has_loaded(program, library):
    """Whether all processes of a running program have this library: one that was executed anew may not."""
    for pid in family(program.pid):
        try:
            mapped = look(pid, pathlib.Path(proc(pid) + "/maps").read_text)
        except FileNotFoundError:
            continue  # it has just ended
        except AssertionError:
            return False  # it has seen to it that nobody looks
        if mapped and os.path.basename(library) not in mapped:
            return False
    return True


def is_static(program):
    """Whether a program is running that has no library: it sleeps, and so it has begun."""
    with contextlib.suppress(AssertionError, OSError):
        maps = look(program.pid, pathlib.Path(proc(program.pid) + "/maps").read_text)
        return "[stack]" in maps and ".so" not in maps and state(program.pid) == "S"
    return False


class Preloading:
    """Starts programs with libraries that are loaded before them."""

    def __init__(self, libraries, folder, control):
        """`control(**options)` starts the control program."""
        self._libraries, self._control = libraries, control
        self._called, self._given = folder / "called", folder / "given"

    def __call__(self, how, variables, *arguments, **options):
        """Start a program with faults.c."""
        return self.start(how, "faults", variables, *arguments, **options)

    def start(self, how, name, variables, *arguments, **options):
        """Start a program by how(..., env=...), with a library; return it if it has the library, or None. Where
        that is the program's own doing the check fails, unless there is another way: by strace."""
        program = self._start(how, name, variables, *arguments, **options)
        if self._is_in(program, name):
            return program
        injections = BY_STRACE.get(next(iter(variables)))
        strace = shutil.which("strace")
        if injections and strace and can_tamper(strace):
            program.kill()
            self._given.touch()  # for all that is known
            value = next(iter(variables.values()))
            return how(*arguments, **options, under=with_strace(
                strace, *[text % value if "%s" in text else text for text in injections]))
        if self._is_in(self._start(self._control, name, {}), name):
            raise AssertionError("this program lets no library be preloaded, and so this check cannot be made")
        pytest.skip("a library cannot be preloaded here")

    def hurry(self, how, *arguments, **options):
        """Start a program whose limits of time pass a hundred times as fast. Return it, and the seconds in which one that
        is not patient gives up; these are a few real ones, if it lets no library in."""
        steps.step("for this check its limits of time pass a hundred times as fast:")
        program = self._start(how, "faults", {"LAB_FAULTS_HURRY": 100}, *arguments, **options)
        if self._is_in(program, "faults"):
            return program, 1.3
        steps.step("or as ever, for no library can be loaded into it")
        return program, 7

    def _start(self, how, name, variables, *arguments, **options):
        for path in (self._called, self._given):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        return how(*arguments, **options, env=self._libraries.environment(
            name, LAB_CALLED=self._called, LAB_GIVEN=self._given, **variables))

    def _is_in(self, program, name):
        with contextlib.suppress(AssertionError):
            # Not longer than needed: a server of the test's own is as patient as this is, and no more.
            wait_until(lambda: self._called.exists() or not program.is_running() or is_static(program))
        return self._called.exists() and (not program.is_running() or has_loaded(program, self._libraries(name)))

    def was_given(self, limit=2):
        """Whether the last program has met what it was to meet; waits for that."""
        with contextlib.suppress(AssertionError):
            wait_until(self._given.exists, limit)
        return self._given.exists()
