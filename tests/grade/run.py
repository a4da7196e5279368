"""Running the graded checks of chapters, each in a process of its own."""

import concurrent.futures
import contextlib
import glob
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading

from grade import formats, growth
from grade import results as model
from grade.files import REPOSITORY
from harness.machine import own_processes
from harness.program import seconds

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHAPTER_SECONDS = 300  # for one chapter, scaled by LAB_TIME_SCALE
ATTEMPTS = 6  # so often a run that was cut off goes on where it was
SEEDS = 1000000

_running = set()
_stopping, _by_hand = threading.Event(), threading.Event()


def check_files(chapter):
    """The files of a chapter's checks."""
    return sorted(glob.glob(os.path.join(glob.escape(TESTS), "chapters", "test_%s_*.py" % chapter[:2])))


def digest(chapter):
    """A hash of all that decides how a chapter is graded: its own checks, and what all of them share."""
    shared = [path for pattern in ("pytest.ini", "conftest.py", "chapters/conftest.py", "harness/*.[pch]*", "grade/*.py")
              for path in sorted(glob.glob(os.path.join(glob.escape(TESTS), pattern)))]
    total = hashlib.sha256()
    for path in shared + check_files(chapter):
        with open(path, "rb") as file:
            total.update(os.fsencode(os.path.basename(path)) + hashlib.sha256(file.read()).digest())
    return total.hexdigest()


def seed(default=None):
    """The seed for random faults: $LAB_SEED, a whole number; else the default, or a random one."""
    given = os.environ.get("LAB_SEED", "")
    if given and not given.isdigit():
        sys.exit("make: LAB_SEED=%s: not a whole number" % given)
    return int(given or default or random.randrange(1, SEEDS))


def begin(chapter, folder, path, seed):
    """Write, and return, the results of a chapter of which nothing is known yet, but how often it has ended its
    grader: a program may end this process, too, and whatever else its user runs."""
    results, before = model.unknown(chapter, folder, seed), model.load(path)
    if before and not before["complete"]:
        results["cut off"] = model.cut_off(before)
    model.save(path, results)
    return results


def grade_chapter(python, chapter, folder, path, seed, only=()):
    """Grade the program in `folder` as this chapter's; return the results, which are in the file `path`
    from the start. `python` is one with pytest; `only` are names of checks, if not all are wanted."""
    results = begin(chapter, folder, path, seed)
    with tempfile.TemporaryDirectory(prefix="grade-") as place:
        os.chmod(place, 0o755)
        os.makedirs(os.path.join(place, "chapters"))
        os.symlink(os.path.abspath(growth.whole(chapter, folder, place)), os.path.join(place, "chapters", chapter))
        # No path of this clone's: pytest has its own ideas of [, :: and $HOME in one. It runs in tests/.
        command = [python, "-B", "-m", "pytest", "-q", "-c", "pytest.ini", "--rootdir=.",
                   "-p", "no:cacheprovider", "-p", "grade.plugin", "--contain", "--results=" + os.path.abspath(path),
                   "--chapters=" + os.path.join(place, "chapters"),
                   "--basetemp=" + os.path.join(place, "run"), "--checks=" + ",".join(only),
                   *(os.path.relpath(path, TESTS) for path in check_files(chapter))]
        secrets = [os.path.dirname(os.path.abspath(each)) for each in (folder, path)] + [
            tempfile.gettempdir(), *(os.path.abspath(os.environ[name]) for name in ("DIR", "OUT", "ROSTER")
                                     if os.environ.get(name))]
        # Nothing that somebody has set up for Python or pytest elsewhere is to change a verdict.
        environment = {**{name: value for name, value in os.environ.items() if name in ("PYTHONPATH", "PYTHONHOME")
                          or not name.startswith(("PYTEST", "PYTHON"))},
                       "LAB_SEED": str(seed), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TMPDIR": place,
                       "LAB_HIDDEN": "\n".join(secrets)}
        log = ""
        for _ in range(ATTEMPTS):
            log = run_bounded(command, environment, os.path.join(place, "log"))
            results = model.load(path) or results
            if results["complete"] or _stopping.is_set():
                break
        if _by_hand.is_set():
            model.cut_off(results, counts=False)
            model.save(path, results)
        return results if _stopping.is_set() else finish(results, path, log)


def run_bounded(command, environment, log):
    """Run the grader's process, with an end to it; return the end of what it said."""
    with open(log, "wb") as said:
        process = subprocess.Popen([*own_processes(), *command], env=environment, stdin=subprocess.DEVNULL, stdout=said,
                                   stderr=said, cwd=TESTS, start_new_session=True)
    _running.add(process)
    if _stopping.is_set():  # stop() may have looked a moment before
        end(process)
    try:
        process.wait(seconds(CHAPTER_SECONDS))
    except subprocess.TimeoutExpired:
        end(process)
    finally:
        _running.discard(process)
    with open(log, errors="backslashreplace") as said:
        return said.read()[-4000:]


def end(process):
    """End the grader's process: politely, so that it ends what it runs, and then for sure."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds(10))
            return


def stop(why):
    """End all gradings that are under way, because of an exception. What they have decided stays in their files;
    and what they were at, unless it was Ctrl-C that ended them: it may have been that program."""
    if isinstance(why, KeyboardInterrupt) and not why.args:
        _by_hand.set()
    _stopping.set()
    for process in list(_running):
        end(process)


def finish(results, path, log):
    """The run is over: what has no verdict now is the grader's error. Returns the results."""
    if not results["complete"] or not results["checks"]:
        results["log"] = log or "the grader's process ended without a word"
    is_killer = any(times > 1 for times in results.get("cut off", {}).values())
    for check in results["checks"]:
        if check["verdict"] in (model.WAITING, model.RUNNING):
            model.decide(check, model.NOT_CHECKED if is_killer else model.GRADER_ERROR,
                         "the grader's process ended too early")
    results["complete"] = True
    model.save(path, results)
    return results


def grade(python, folders, place, seed):
    """Grade several chapters, a few at a time; `folders` is a dictionary from chapter to folder. The
    results are files in the folder `place`, and in other formats where these are asked for, see
    formats.py. Returns all of them in order."""
    os.makedirs(place, exist_ok=True)
    for chapter, folder in folders.items():
        begin(chapter, folder, os.path.join(place, chapter + ".json"), seed)
    everything = {}
    # Most of a grading is waiting, so there may be more of them than processors.
    with formats.kept(place, folders), \
            concurrent.futures.ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1)) as pool:
        running = {pool.submit(grade_chapter, python, chapter, folder,
                               os.path.join(place, chapter + ".json"), seed): chapter
                   for chapter, folder in sorted(folders.items(), reverse=True)}  # the longest first
        try:
            for future in concurrent.futures.as_completed(running):
                everything[running[future]] = future.result()
        except BaseException as why:
            pool.shutdown(wait=False, cancel_futures=True)
            stop(why)
            raise
    return [everything[chapter] for chapter in sorted(everything)]
