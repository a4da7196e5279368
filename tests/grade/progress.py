"""Showing how far a grading is: of one learner on the terminal, of a class line by line."""

import contextlib
import os
import shutil
import sys
import threading
import time

from grade import results as model
from grade.failure import printable


@contextlib.contextmanager
def progress(place, chapters):
    """While this lasts, the terminal shows how many checks have been made. The results of these chapters are in the
    folder `place`."""
    over = threading.Event()

    def show():
        while not over.wait(0.3):
            everything = [model.load(os.path.join(place, chapter + ".json")) for chapter in chapters]
            checks = [check for results in everything if results for check in results["checks"]]
            made = [check for check in checks if check["verdict"] not in (model.WAITING, model.RUNNING)]
            now = next((check["title"] for check in checks if check["verdict"] == model.RUNNING), "")
            line = "%d of %d checks  %s" % (len(made), len(checks), now)
            sys.stderr.write("\r\033[K" + line[:shutil.get_terminal_size().columns - 1] * bool(checks))
            sys.stderr.flush()
        sys.stderr.write("\r\033[K")

    if not sys.stderr.isatty():
        yield
        return
    shower = threading.Thread(target=show)
    shower.start()
    try:
        yield
    finally:
        over.set()
        shower.join()


class Progress:
    """Tells how far the grading of a class is: a line for each learner, and on a terminal one that changes."""

    def __init__(self, chapters, people, jobs):
        self._chapters, self._people, self._jobs = chapters, people, jobs
        self._begin, self._graded, self._finished = time.monotonic(), 0, 0
        self._changes = sys.stdout.isatty()

    def _left(self):
        begun = min(self._jobs, self._chapters - self._graded)
        done = self._graded + begun / 2  # what is under way is half done, more or less
        minutes = (time.monotonic() - self._begin) / done * (self._chapters - done) / 60
        return "about %d min left" % round(minutes) if minutes >= 1 else "less than a minute left"

    def graded(self):
        self._graded += 1
        if self._changes:
            print("\r\033[K%d of %d chapters graded, %s" % (self._graded, self._chapters, self._left()),
                  end="", flush=True)

    def finished(self, learner):
        self._finished += 1
        points = ["%d of %d points" % (sum(map(model.earned, learner.results.values())),
                                       sum(map(model.total, learner.results.values())))]
        words = "; ".join(points * bool(learner.results) + learner.said())
        if 0 < self._graded < self._chapters and not self._changes:
            words += ", " + self._left()
        line = printable("%s: %s" % (learner.name, words)).replace("\n", "\\n")
        print("%s%3d of %d  %s" % ("\r\033[K" if self._changes else "", self._finished, self._people, line),
              flush=True)
