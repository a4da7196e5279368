"""The suite's options, and the fixtures that hand each test its chapter's program."""

import collections
import functools
import os
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from harness.build import SANITIZERS, BuildError, build  # noqa: E402
from harness.daemon import Daemons, adopt_orphans  # noqa: E402
from harness.program import Program, Server  # noqa: E402
from harness.talk import feed  # noqa: E402

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def pytest_addoption(parser):
    group = parser.getgroup("sockets in nine chapters")
    group.addoption("--chapters", metavar="DIR", default=REPOSITORY,
                    help="test the chapters in this folder (default: this repository's)")
    group.addoption("--sanitize", action="store_true",
                    help="build with AddressSanitizer and UndefinedBehaviorSanitizer")
    group.addoption("--need-tools", action="store_true",
                    help="fail, not skip, where a tool such as telnet is not installed")


@pytest.fixture(scope="session")
def builds(request, tmp_path_factory):
    """Builds each chapter when it is first asked for: builds(chapter) is the program's path."""
    folder = os.path.abspath(request.config.getoption("--chapters"))
    flags = SANITIZERS if request.config.getoption("--sanitize") else None
    done = {}

    def build_once(chapter):
        if chapter not in done:
            target = str(tmp_path_factory.mktemp("build") / chapter)
            try:
                done[chapter] = build(os.path.join(folder, chapter), target, flags)
            except (BuildError, OSError) as error:
                done[chapter] = error
        if isinstance(done[chapter], Exception):
            pytest.fail("%s does not build:\n%s" % (chapter, done[chapter]), pytrace=False)
        return done[chapter]

    return build_once


class Chapter:
    """The program of one chapter, for one test; what it starts is ended with the test."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.started = []

    def start(self, *arguments, under=(), **options):
        """Start the program; return a Program. `under` is a command that runs it, such as faults()."""
        return self._keep(Program([*under, self.program, *arguments], **options))

    def serve(self, *arguments, under=(), **options):
        """Start the program and wait for its `listening` line; return a Server."""
        return self._keep(Server([*under, self.program, *arguments], **options))

    def run(self, *arguments, input=b"", limit=10, **options):
        """Run the program to its end with `input` (bytes) on stdin; return it, with .status set."""
        program = self.start(*arguments, stdin=subprocess.PIPE, **options)
        feed(program, input)
        program.status = program.wait(limit)
        return program

    def start_other(self, command, **options):
        """Start another program, such as nc; return a Program."""
        return self._keep(Program(command, **options))

    def _keep(self, program):
        self.started.append(program)
        return program


@pytest.fixture
def chapter(request, builds):
    """The program of the test module's CHAPTER."""
    program = builds(request.module.CHAPTER)
    chapter = Chapter(program, os.path.dirname(program))
    yield chapter
    for started in chapter.started:
        started.kill()
    for started in chapter.started:
        for mark in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            assert mark not in started.stderr, started.stderr


@pytest.fixture
def daemons(chapter, tmp_path):
    """Starts the chapter's program as a daemon: daemons.start("-c", FILE) is a Daemon."""
    adopt_orphans(True)
    try:
        daemons = Daemons(chapter, tmp_path)
        yield daemons
        daemons.end()
    finally:
        adopt_orphans(False)


@pytest.fixture
def other(builds, request):
    """Programs of other chapters: other("04-send-recv") is a Chapter."""
    made = []

    def make(name):
        program = builds(name)
        made.append(Chapter(program, os.path.dirname(program)))
        return made[-1]

    yield make
    for chapter in made:
        for started in chapter.started:
            started.kill()


@pytest.fixture
def tool(request):
    """tool("telnet") is the path of an installed program; without it the test is skipped."""

    def find(name):
        path = shutil.which(name)
        if path is None and request.config.getoption("--need-tools"):
            pytest.fail("%s is not installed" % name, pytrace=False)
        if path is None:
            pytest.skip("%s is not installed" % name)
        return path

    return find


def tampering(strace, log, *injections):
    """A command that runs a program, and has its system calls fail."""
    command = [strace, "-f", "--seccomp-bpf", "-qq", "-o", log,
               "-E", "ASAN_OPTIONS=detect_leaks=0",  # the leak check needs ptrace(2) itself
               "-e", "trace=" + ",".join(text.partition(":")[0] for text in injections)]
    return command + [word for text in injections for word in ("-e", "inject=" + text)]


@functools.lru_cache()
def can_tamper(strace):
    """Whether that is possible here: kill() can be made to fail."""
    proof = [*tampering(strace, os.devnull, "kill:error=EPERM"), "sh", "-c", "! kill -0 $$"]
    return subprocess.run(proof, stderr=subprocess.DEVNULL).returncode == 0


@pytest.fixture
def faults(tool, tmp_path):
    """faults("bind:error=ENOBUFS", ...) is a command that runs a program and has its system calls
    fail or tarry, see "Tampering" in strace(1). For `start`, `serve` and `run`, as their `under`."""
    strace = tool("strace")
    if not can_tamper(strace):
        pytest.skip("strace cannot tamper with system calls here")
    return lambda *injections: tampering(strace, str(tmp_path / "strace"), *injections)


def pytest_terminal_summary(terminalreporter):
    """One line a chapter: how many checks passed, failed, and were not made."""
    table = collections.OrderedDict()
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            name = os.path.basename(report.nodeid.split("::")[0])
            if name.startswith("test_"):
                row = table.setdefault(name[5:-3].replace("_", "-"), collections.Counter())
                row["failed" if outcome == "error" else outcome] += 1
                row["seconds"] += getattr(report, "duration", 0)
    terminalreporter.write_sep("=", "what was checked")
    for name in sorted(table):
        row = table[name]
        words = ["%-16s %3d passed" % (name, row["passed"])]
        words += ["%d failed" % row["failed"]] if row["failed"] else []
        words += ["%d not checked" % row["skipped"]] if row["skipped"] else []
        terminalreporter.write_line("%-52s %5.1f s" % (", ".join(words), row["seconds"]),
                                    red=bool(row["failed"]), green=not row["failed"])
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line("not checked: %s: %s" % (report.nodeid.split("::")[-1], reason))
