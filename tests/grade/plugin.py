"""The pytest plugin that grades: it runs the graded checks of a chapter, in order, and writes the
results after each. Used as `pytest -p grade.plugin --results FILE`."""

import contextlib
import glob
import os
import re
import resource
import signal
import subprocess
import sys

import pytest

from grade import growth
from grade import results as model
from grade.causes import BUILD, GENERAL
from grade.names import number
from grade.run import TESTS
from harness import compare, steps
from harness.build import LIMIT as BUILD_LIMIT
from harness.build import BuildError
from harness.contain import end_descendants, end_with_parent
from harness.grading import choose
from harness.program import Server, how_it_ended, last_lines, seconds


class TooSlow(AssertionError):
    """A check has taken longer than it may."""


def pytest_addoption(parser):
    group = parser.getgroup("grading")
    group.addoption("--results", metavar="FILE", help="where the results go")
    group.addoption("--checks", metavar="NAMES", default="", help="only these checks, separated by commas")


def pytest_configure(config):
    if config.getoption("--results"):
        end_with_parent()
        os.umask(0o022)  # what checks write is for the programs to read, which another user may run
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError):  # more than may be
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1024), hard))
        config.pluginmanager.register(Grader(config), "grader")


def pytest_assertrepr_compare(op, left, right):
    """Tell `assert got == expected` in the words of a lesson."""
    return compare.difference(left, right) if op == "==" else None


def without_code(message):
    """A message of a failed assert, without the line of Python that failed, if it says more than that."""
    words = re.sub(r"\nassert .*", "", message, flags=re.DOTALL)
    words = re.sub(r"^assert (?=expected: )", "", words).replace("\n  ", "\n").strip()
    return "\n".join(map(cut, words.split("\n")))


def cut(line):
    """A line of a message, without its middle if it is very long. What was compared is told whole."""
    if len(line) <= 400 or line.startswith(("expected: ", "got: ")):
        return line
    return "{} ... ({:,} characters) ... {}".format(line[:200], len(line), line[-100:])


def sections(graded, chapter, titles):
    """The sections of the lesson that help with a check: its step's, and the one that it names."""
    step = ["%s.%d %s" % (number(chapter), graded.step, titles[graded.step - 1])] if titles else []
    return step if step and graded.read == "The program" else step + [graded.read]


class Grader:
    """Runs the checks one after the other; see the hooks of pytest."""

    def __init__(self, config):
        self._path = config.getoption("--results")
        self._chapters = config.getoption("--chapters")
        self._sanitized = config.getoption("--sanitize")
        self._results = model.load(self._path) or model.unknown("")
        self._items = {}  # of each check: the test items that are its cases
        self._graded = {}
        self._builds = True

    # ---- Which checks there are

    def pytest_collection_modifyitems(self, config, items):
        only = config.getoption("--checks").split(",")
        chosen = [item for item in items if hasattr(item.function, "graded")
                  and (only == [""] or item.function.__name__ in only)]
        for item in chosen:
            self._items.setdefault(item.function.__name__, []).append(item)
            self._graded[item.function.__name__] = item.function.graded
        self._graded = dict(sorted(self._graded.items(), key=lambda item: item[1].step))
        items[:] = [item for name in self._graded for item in self._items[name]]
        titles = self._results["titles"] = growth.titles(self._results["chapter"])
        if not self._results["checks"]:  # or an earlier run was cut off, and this one goes on with it
            self._results["checks"] = [
                {"name": name, "title": graded.title, "step": graded.step, "points": graded.points, "verdict": model.WAITING,
                 "earned": 0, "seconds": 0.0, "reason": "", "steps": [], "message": "", "crash": "",
                 "cause": "", "read": sections(graded, self._results["chapter"], titles), "by_hand": []}
                for name, graded in self._graded.items()]
        self._checks = {check["name"]: check for check in self._results["checks"]}
        for name, times in model.cut_off(self._results).items():
            if times > 1 and name in self._checks:  # once may be chance
                model.decide(self._checks[name], model.FAILED)
                self._checks[name]["message"] = "the grader itself was killed while this check ran, twice"
                self._checks[name]["cause"] = "The program sends a signal to a process that is not its own, such as kill(-1)."
        self._save()

    def _save(self):
        model.save(self._path, self._results)

    # ---- One check

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item, nextitem):
        name = item.function.__name__
        check = self._checks[name]
        if self._items[name][0] is item and check["verdict"] == model.WAITING:
            check["verdict"] = self._why_not(name, check) or model.RUNNING
            self._save()
        outcome = yield
        if outcome.excinfo:
            return  # the grader was interrupted: nothing is decided
        if self._items[name][-1] is item and check["verdict"] == model.RUNNING:
            possible = check.pop("possible", False)
            model.decide(check, model.PASSED if possible else model.NOT_POSSIBLE, check["reason"])
            check["steps"] = []
        if self._items[name][-1] is item:
            self._save()

    def _why_not(self, name, check):
        """Decide that a check cannot be made, because one that it needs has not passed."""
        if not self._builds:
            model.decide(check, model.NOT_CHECKED, "first the program has to build")
            return model.NOT_CHECKED
        first = next((each for each in self._graded if self._graded[each].needs is None), name)
        needs = self._graded[name].needs
        for needed in [first] if needs is None and name != first else needs or []:
            other = self._checks.get(needed)
            if other and other["verdict"] in (model.FAILED, model.NOT_CHECKED):
                model.decide(check, model.NOT_CHECKED, 'first comes "%s"' % other["title"])
                return model.NOT_CHECKED
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        if self._checks[item.function.__name__]["verdict"] != model.RUNNING:
            pytest.skip("decided")
        steps.begin()
        self._give_time(item.function.graded.limit + BUILD_LIMIT)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item):
        self._give_time(item.function.graded.limit)

    def _give_time(self, limit):
        """From now on the check has so many seconds."""

        def stop(*_):
            raise TooSlow("the check was not over within %g s" % seconds(limit))

        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, seconds(limit))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        report = outcome.get_result()
        check = self._checks[item.function.__name__]
        if call.when == "teardown":
            signal.setitimer(signal.ITIMER_REAL, 0)
            end_descendants()
        if check["verdict"] != model.RUNNING:
            return
        check["seconds"] = round(check["seconds"] + report.duration, 3)
        if report.skipped:
            check["reason"] = report.longrepr[2].replace("Skipped: ", "")
        elif report.failed:
            self._judge(item, check, call.excinfo.value)
        elif call.when == "call":
            check["possible"] = True

    def _judge(self, item, check, error):
        """A check has raised an exception: is it the program's fault, or the grader's?"""
        signal.setitimer(signal.ITIMER_REAL, 0)  # what follows is on no check's time
        network_error = steps.network_error(error)
        check.pop("possible", None)
        check["steps"] = steps.told()
        if not network_error and not isinstance(error, (AssertionError, BuildError, pytest.fail.Exception)):
            model.decide(check, model.GRADER_ERROR, "%s: %s" % (type(error).__name__, error))
            return
        model.decide(check, model.FAILED)
        check["message"] = network_error or without_code(getattr(error, "msg", None) or str(error))
        check["steps"] = [step for step in check["steps"] if step != network_error]  # it is told once
        chapter = item.funcargs.get("chapter")
        own = [program for program in chapter.started if chapter.program in program.command] if chapter else []
        if any(program.crashed() for program in own):
            check["crash"] = self._where(item)
        for program in own:
            tell_more(check, program)
        told = "\n".join([*check["steps"], check["message"], check["crash"]])
        self._builds = not isinstance(error, BuildError)
        if self._builds:
            symptom = choose(self._graded[check["name"]], told, GENERAL)
            check["cause"], check["by_hand"] = symptom.cause, list(symptom.by_hand)
        else:
            check["cause"] = next(symptom.cause for symptom in BUILD if re.search(symptom.seen, told))

    def _where(self, item):
        """Run a check once more with the sanitizers in the program: the report of where it crashed."""
        if self._sanitized:
            return ""
        folder = str(item.config._tmp_path_factory.mktemp("crash"))
        source = os.path.join(self._chapters, item.module.CHAPTER)
        names = {name for _, _, files in os.walk(source) for name in files}
        command = [sys.executable, "-m", "pytest", "-q", "--sanitize-addresses", "--contain",
                   "--chapters=" + self._chapters, "--basetemp=" + folder + "/again", item.nodeid]
        where = "log_path=%s/again/report" % folder
        environment = {**os.environ, "ASAN_OPTIONS": where + ":detect_leaks=0:handle_abort=1"}
        with contextlib.suppress(subprocess.SubprocessError):
            subprocess.run(command, cwd=TESTS, env=environment, timeout=seconds(60),
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for path in sorted(glob.glob(folder + "/again/report*")):
            with open(path, errors="backslashreplace") as file:
                return shorten(file.read(), names)
        return ""

    def pytest_sessionfinish(self):
        end_descendants()
        decided = all(check["verdict"] not in (model.WAITING, model.RUNNING)
                      for check in self._results["checks"])
        self._results["complete"] = decided and bool(self._results["checks"])
        self._save()


def tell_more(check, program):
    """Add to a check's message what it does not say yet: that the program has ended though nobody told it
    to, which comes first, and what it has said on stderr."""
    status = None if program.was_told_to_end else program.process.poll()
    errors = last_lines(program.stderr, 400)
    is_server, is_told = isinstance(program, Server), errors in check["message"]
    if program.crashed() or status is not None and " did not end within " not in check["message"] and (
            is_server or status != 0 and not any(
                how_it_ended(status) in text for text in [*check["steps"], check["message"]])):
        check["message"] = "The %s %s: %s%s\n%s" % (
            "server" if is_server else "program", "crashed" if program.crashed() else "has ended", how_it_ended(status),
            "" if errors and is_told else "; stderr: " + (errors or "(nothing)"), check["message"])
    elif not is_told:
        check["message"] += "\nstderr: " + errors


def shorten(report, files):
    """Of a sanitizer's report: what happened, and where in the learner's source, which is in files of these names."""
    what = re.search(r"(?:ERROR: \w+: |runtime error: )(.*?)(?: on (?:unknown )?address| \(|$)", report, re.MULTILINE)
    frames = re.findall(r"^ *#\d+ 0x[0-9a-f]+ in (\w+) (?:.*/)?([^/\s:]+):(\d+)", report, re.MULTILINE)
    own = ["%s() at %s:%s" % frame for frame in frames if frame[1] in files]
    return "%s in %s" % (what.group(1), ", called from ".join(own[:3])) if what and own else report[:600]
