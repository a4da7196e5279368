"""make test: runs the checks of our programs and of the repository side by side, and tells how they go."""

import collections
import contextlib
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from find_python import find_python
from grade import growth, learner, names, run
from grade.files import has_program
from harness.contain import adopt_orphans, end_descendants

GROUPS = 7  # of files of checks, side by side: most of their time is waiting
OURS = "lessons, grader"  # stands in the table for the checks that are no chapter's: those of tests/repo


def pytest_command(*arguments):
    """The command that runs pytest on this repository."""
    return [find_python(), "-m", "pytest", "-c", "tests/pytest.ini", "--rootdir", "tests", *arguments]


def run_pytest(*arguments):
    """Run pytest from the repository's folder; return its exit status."""
    return subprocess.call(pytest_command(*arguments), cwd=run.REPOSITORY)


# ---- Telling how the checks go

class Table:
    """What has been checked: a line for each chapter as it is done, and on a terminal one that changes."""

    def __init__(self, runs):
        self._unknown = runs  # so many runs of pytest have not said yet what they will check
        self._expected, self._left = collections.Counter(), collections.Counter()
        self._verdicts = collections.defaultdict(collections.Counter)
        self.failed, self.not_checked = [], collections.Counter()
        self._lock = threading.Lock()

    def listen(self, descriptor):
        """Take what one run of pytest tells, to its end."""
        with open(descriptor, encoding="utf-8") as lines:
            for line in lines:
                with self._lock:
                    self._take(json.loads(line))

    def _take(self, told):
        if "files" in told:
            self._unknown -= 1
            for file, number in told["files"].items():
                self._expected[part(file)] += number
                self._left[part(file)] += number
        else:
            self._left[part(told["file"])] -= 1
            self._verdicts[part(told["file"])][told["verdict"]] += 1
            self.failed += [told] if told["verdict"] == "failed" else []
            self.not_checked.update([told["why"]] if told["verdict"] == "skipped" else [])
        self._show()

    def _show(self):
        """Print the line of each part that is done."""
        is_terminal = sys.stdout.isatty()
        for name in sorted(self._left) if not self._unknown else ():
            if self._left[name] <= 0:
                del self._left[name]
                print("%s%s" % ("\r\033[K" if is_terminal else "", self._line(name)), flush=True)
        if is_terminal:
            done = sum(sum(verdicts.values()) for verdicts in self._verdicts.values())
            print("\r\033[K  %d of %d checks" % (done, sum(self._expected.values())), end="", flush=True)

    def _line(self, name):
        verdicts = self._verdicts[name]
        words = ["%d FAILED" % verdicts["failed"] if verdicts["failed"] else "ok"]
        words += ["%d could not be checked here" % verdicts["skipped"]] if verdicts["skipped"] else []
        return "  %-20s %4d checks   %s" % (name, sum(verdicts.values()), ", ".join(words))

    def end(self):
        """Take the changing line away; tell what was cut off, and all that failed. Returns whether all is
        well so far."""
        if sys.stdout.isatty():
            print("\r\033[K", end="")
        for name, number in sorted(self._left.items()):
            print("  %-20s was cut off: %d of %d checks were not made" % (name, number, self._expected[name]))
        for told in self.failed:
            print("\nFAILED  tests/%s\n%s" % (told["name"].replace("tests/", ""), told["why"]))
        passed = sum(verdicts["passed"] for verdicts in self._verdicts.values())
        print("\n%d passed, %d failed" % (passed, len(self.failed)))
        for why, number in sorted(self.not_checked.items()):
            print("%d could not be checked here: %s" % (number, why))
        return not self.failed and not self._left and not self._unknown and passed > 0


def part(file):
    """The chapter that a file of checks belongs to; else OURS."""
    return next((name for name in names.programs() if file.startswith("test_%s_" % name[:2])), OURS)


# ---- make test

def groups():
    """The files of checks, in groups that take about as long as each other; none without a finished program."""
    finished = [path for name in names.programs() if has_program(growth.ours(name))
                for path in run.check_files(name)]
    everything = finished and [*finished, *sorted(glob.glob(os.path.join(glob.escape(run.TESTS), "repo", "test_*.py")))]
    mixed = [everything[first::GROUPS] for first in range(GROUPS)]
    # By their paths from here: pytest has its own ideas of a [, a :: or a $HOME in the clone's.
    return [[os.path.relpath(path, run.REPOSITORY) for path in paths] for paths in mixed if paths]


def test(*arguments):
    """Check the finished programs and the repository itself; with arguments, as pytest does with these."""
    if any(os.path.exists(word.split("::")[0]) for word in arguments if word.startswith("tests/")):
        return run_pytest(*arguments)
    if not groups():
        print("There is no finished program here yet: begin with make start 1")
        return 0
    if arguments:
        return run_pytest(*arguments, *(path for paths in groups() for path in paths))
    command = pytest_command("-p", "harness.telling")
    ours = os.path.isdir(os.path.join(run.TESTS, "repo"))
    print("Checking the finished programs over loopback%s. This takes a minute or two:\n" % (
        ", the lessons and the grader" if ours else ""), flush=True)
    if not side_by_side(command, groups()):
        print("\nSomething is wrong: see above. To check one thing again: make test ARGS=tests/FILE::NAME")
        return 1
    following = learner.to_begin()
    print("\nAll is well. Next: " + (
        "make chapter 1 runs the first program; its lesson is 01-socket/README.md." if has_program(
            os.path.join(run.REPOSITORY, names.chapters()[0])) else "make start %s" % names.number(following)))
    return 0


def side_by_side(command, groups):
    """Run pytest on each group of files, and tell how it goes. Returns whether all is well."""
    table, runs, listeners = Table(len(groups)), [], []
    with tempfile.TemporaryFile() as log:
        try:
            for paths in groups:
                ours, theirs = os.pipe()
                path = os.pathsep.join(filter(None, [run.TESTS, os.environ.get("PYTHONPATH")]))
                runs.append(subprocess.Popen(  # Ctrl-C is for us alone
                    command + paths, cwd=run.REPOSITORY, env={**os.environ, "LAB_TELL": str(theirs), "PYTHONPATH": path},
                    pass_fds=[theirs], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))
                os.close(theirs)
                listeners.append(threading.Thread(target=table.listen, args=[ours], daemon=True))
                listeners[-1].start()
            statuses = [process.wait() for process in runs]
        except KeyboardInterrupt:
            stop(runs)
            raise
        for listener in listeners:
            listener.join()
        is_well = table.end()
        if not set(statuses) <= {0, 1, 5}:  # 1: a check has failed; 5: there was none
            log.seek(0)
            sys.stdout.buffer.write(log.read())
    return is_well and set(statuses) <= {0, 5}


def stop(runs):
    """End the runs of pytest, and all that they have started, within a second: politely first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans(True)
    end = time.monotonic() + 0.5
    for process in runs:
        process.send_signal(signal.SIGINT)
    for process in runs:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0, end - time.monotonic()))
    for process in runs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    end_descendants()
