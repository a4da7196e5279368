"""The suite's options, and the fixtures that hand each test its chapter's program."""

import collections
import contextlib
import functools
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from grade import growth, names  # noqa: E402
from grade.files import has_program  # noqa: E402
from harness.build import ADDRESS_SANITIZER, SANITIZERS, BuildError, build  # noqa: E402
from harness import steps  # noqa: E402
from harness.contain import Containment, a_user, adopt_orphans, end_as_by_ctrl_c  # noqa: E402
from harness.daemon import Daemons  # noqa: E402
from harness.inspect import at_rest  # noqa: E402
from harness.program import Program, Server  # noqa: E402
from harness.talk import close_left_open, feed, get  # noqa: E402
from harness.tampering import Libraries, Preloading, can_tamper, knows, with_strace  # noqa: E402

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def pytest_configure(config):
    """Have pytest tell all of what came, as it does in CI: elsewhere it cuts it after eight lines.
    And whoever starts the tests in the background has them ignore these signals, which all programs would
    inherit."""
    if not os.path.isdir(config.getoption("--chapters")):
        raise pytest.UsageError("--chapters %s: no such folder" % config.getoption("--chapters"))
    os.environ.setdefault("CI", "no")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    end_as_by_ctrl_c()


def pytest_addoption(parser):
    group = parser.getgroup("sockets in nine chapters")
    group.addoption("--chapters", metavar="DIR", default=REPOSITORY,
                    help="test the chapters in this folder (default: this repository's)")
    group.addoption("--sanitize", action="store_const", const=SANITIZERS,
                    help="build with AddressSanitizer and UndefinedBehaviorSanitizer")
    group.addoption("--sanitize-addresses", dest="sanitize", action="store_const", const=ADDRESS_SANITIZER,
                    help="build with AddressSanitizer")
    group.addoption("--need-tools", action="store_true",
                    help="fail, not skip, where a tool such as telnet is not installed")
    group.addoption("--contain", action="store_true",
                    help="keep the programs within bounds: they are not ours")


@pytest.fixture(scope="session", autouse=True)
def containment(request, tmp_path_factory):
    """The bounds that the programs run in; None where they are trusted."""
    if not request.config.getoption("--contain"):
        return None
    bounds = Containment(tmp_path_factory.getbasetemp(), a_user(tmp_path_factory.getbasetemp()))
    bounds.watch(steps.step)
    make = tmp_path_factory.mktemp

    def make_and_hand_over(*arguments, **options):
        folder = make(*arguments, **options)
        bounds.hand_over(folder)
        return folder

    tmp_path_factory.mktemp = make_and_hand_over  # tmp_path comes from it, too
    return bounds


@pytest.fixture(scope="session")
def builds(request, tmp_path_factory, containment):
    """Builds each chapter when it is first asked for: builds(chapter) is the program's path."""
    folder = os.path.abspath(request.config.getoption("--chapters"))
    flags = request.config.getoption("--sanitize")
    done = {}

    def build_once(chapter, is_under_test=False):
        source = os.path.join(folder, chapter if folder != REPOSITORY else names.place(chapter))
        if is_under_test and not os.path.isdir(source):
            pytest.skip("there is no %s in %s" % (chapter, folder))
        if chapter not in done:
            parent = tmp_path_factory.mktemp("build")
            if not os.path.isdir(source):  # a chapter that is not under test may help with one that is
                source = growth.ours(chapter)
                if not has_program(source):
                    pytest.skip("needs the finished program of %s, which is not in this copy" % chapter)
            source = growth.whole(chapter, source, tmp_path_factory.mktemp("whole"))
            try:
                done[chapter] = build(source, str(parent / chapter), flags, containment)
            except BuildError as error:
                done[chapter] = error
        if isinstance(done[chapter], Exception):
            raise done[chapter]
        return done[chapter]

    return build_once


class Chapter:
    """The program of one chapter, for one test; what it starts is ended with the test."""

    def __init__(self, program, containment=None):
        self.program = program
        self.folder = os.path.dirname(program)
        self.started = []
        self._containment = containment

    def start(self, *arguments, under=(), **options):
        """Start the program; return a Program. `under` is a command that runs it, such as faults()."""
        return self._begin(Program, under, arguments, options)

    def serve(self, *arguments, under=(), **options):
        """Start the program and wait until it listens; return a Server, see Server.find(). Its stdin is open and
        silent, as a terminal's is."""
        options.setdefault("stdin", subprocess.PIPE)
        server = self._begin(Server, under, arguments, options)
        server.find()
        return server

    def run(self, *arguments, input=b"", limit=10, **options):
        """Run the program to its end with `input` (bytes) on stdin; return it, with .status set."""
        program = self.start(*arguments, stdin=subprocess.PIPE, **options)
        feed(program, input)
        program.status = program.wait(limit)
        return program

    def start_other(self, command, **options):
        """Start another program, such as nc; return a Program."""
        steps.step("start " + steps.command([os.path.basename(command[0]), *command[1:]]))
        self.started.append(Program(command, **options))
        return self.started[-1]

    def _begin(self, kind, under, arguments, options):
        stdin = options.get("stdin")
        source = "/dev/null" if stdin == subprocess.DEVNULL else os.path.basename(getattr(stdin, "name", ""))
        steps.step("start " + steps.circumstances(under, ["./" + os.path.basename(self.program), *arguments])
                   + (" < %s" % source if source else ""))
        if self._containment:
            takes_more = under and under[0] in ("unshare", "nsenter")  # than the bounds allow
            options["popen"] = functools.partial(self._containment.start, outside=len(under) if takes_more else 0)
        self.started.append(kind([*under, self.program, *arguments], **options))
        self.started[-1].name = os.path.basename(self.program)  # and not that of what it is under
        return self.started[-1]


@pytest.fixture
def chapter(request, builds, containment):
    """The program of the test module's CHAPTER."""
    chapter = Chapter(builds(request.module.CHAPTER, is_under_test=True), containment)
    yield chapter
    for started in chapter.started:
        started.kill()
    close_left_open()
    for started in chapter.started:
        for mark in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            assert mark not in started.stderr, started.stderr


@pytest.fixture
def daemons(chapter, tmp_path):
    """Starts the chapter's program as a daemon: daemons.start("-c", FILE) is a Daemon."""
    adopt_orphans(True)
    daemons = Daemons(chapter, tmp_path)
    yield daemons
    daemons.end()


@pytest.fixture
def other(builds, containment):
    """Programs of other chapters: other("04-send-recv") is a Chapter."""
    made = []

    def make(name):
        made.append(Chapter(builds(name), containment))
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


@pytest.fixture
def faults(tool):
    """faults("bind:error=ENOBUFS", ...) is a command that runs a program and has its system calls
    fail or tarry, see "Tampering" in strace(1). For `start`, `serve` and `run`, as their `under`."""
    strace = tool("strace")
    if not can_tamper(strace):
        pytest.skip("strace cannot tamper with system calls here")

    def command(*injections):
        if not knows(strace, *injections):
            pytest.skip("this strace cannot do %s" % " and ".join(injections))
        return with_strace(strace, *injections)

    return command


@pytest.fixture(scope="session")
def libraries(request, tmp_path_factory):
    """libraries("faults") is the path of faults.so, built from harness/faults.c, to be preloaded."""
    if sys.platform != "linux" or request.config.getoption("--sanitize"):
        pytest.skip("preloading needs Linux, and a program without sanitizers")
    return Libraries(tmp_path_factory.mktemp("libraries"))


@pytest.fixture
def gaps(libraries):
    """gaps(LAB_SLOW_FORK=50, ...) is an environment in which a program's gaps are wide, see
    harness/gaps.c."""
    return functools.partial(libraries.environment, "gaps")


@pytest.fixture
def hurry(request):
    """An environment in which a program's limits of time pass six times as fast, see harness/faults.c. Where
    nothing can be preloaded it is empty, and some programs do not heed it: they take their time."""
    try:
        return request.getfixturevalue("libraries").environment("faults", LAB_FAULTS_HURRY=6)
    except pytest.skip.Exception:
        return {}


@pytest.fixture
def preloaded(libraries, tmp_path, containment):
    """preloaded(start, {"LAB_FAULTS...": ...}, ...) calls start(..., env=ENVIRONMENT), which is to start the
    program with harness/faults.c and these variables of it; see Preloading."""

    def control(**options):
        if containment:
            options["popen"] = containment.start
        return Program([libraries.control()], **options)

    return Preloading(libraries, tmp_path, control)


@pytest.fixture
def signal_in_the_gap(preloaded):
    """signal_in_the_gap(number, start, ...) calls start(..., env=ENVIRONMENT), which is to start a server, and
    returns what that does. The server gets the signal between its last look for signals and its first wait;
    where it waits in another way than harness/gaps.c knows, such as in sigwait(), as it waits."""

    def start(number, how, *arguments, **options):
        program = preloaded.start(how, "gaps", {"LAB_SIGNAL": int(number)}, *arguments, **options)
        if preloaded.was_given():
            steps.step("it gets %s, right before it waits for a client" % number.name)
        elif program.is_running():
            at_rest(program.pid)
            program.signal(number)
        return program

    return start


@pytest.fixture
def signal_before_the_block(preloaded):
    """signal_before_the_block(number, serve, ...) calls serve(..., env=ENVIRONMENT), and has the server serve a
    client. After that, when it is about to block the signal, the server gets it: between its last look for
    signals and the block. Returns the server; None if it blocks nothing at that moment, and has no such gap."""

    def start(number, serve, *arguments, **options):
        variables = {"LAB_SIGNAL": int(number), "LAB_SIGNAL_BEFORE_BLOCK": 1}
        server = preloaded.start(serve, "gaps", variables, *arguments, **options)
        get(server, "/")
        if not preloaded.was_given(limit=1):
            return None
        steps.step("it gets %s, right before it blocks that signal" % number.name)
        return server

    return start


@pytest.fixture
def random_faults(preloaded):
    """random_faults(start, ...) calls start(..., env=ENVIRONMENT), which is to start the program: it
    then meets short counts, EINTR, and failing accept() and fork(), see harness/faults.c. Each further
    start has the next seed; LAB_SEED repeats a run."""
    seeds = itertools.count(int(os.environ.get("LAB_SEED") or random.randrange(1000000)))

    def start(how, *arguments, **options):
        seed = next(seeds)
        steps.step("at random, calls are interrupted, do a part, or fail (seed %d):" % seed)
        return preloaded(how, {"LAB_FAULTS": seed}, *arguments, **options)

    return start


def pytest_terminal_summary(terminalreporter):
    """One line a chapter: how many checks passed, failed, and were not made. Then a line for each reason
    why some were not."""
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
        words = ["%-20s %3d passed" % (name, row["passed"])]
        words += ["%d failed" % row["failed"]] if row["failed"] else []
        words += ["%d not checked" % row["skipped"]] if row["skipped"] else []
        terminalreporter.write_line("%-52s %5.1f s" % (", ".join(words), row["seconds"]),
                                    red=bool(row["failed"]), green=not row["failed"])
    missing = collections.defaultdict(collections.Counter)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        missing[reason.replace("Skipped: ", "")][report.nodeid.split("::")[-1].partition("[")[0]] += 1
    for reason, checks in sorted(missing.items()):
        names = [name if count == 1 else "%s (%d)" % (name, count) for name, count in checks.items()]
        terminalreporter.write_line("not checked: %s: %s" % (reason, ", ".join(names)))
