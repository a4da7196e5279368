"""make class DIR=submissions [OUT=results] [CHAPTERS="4 5"]: grade what a whole class has handed in.

DIR holds one folder or archive for each learner. OUT gets scores.csv, a report for each learner in
reports/, and the results of each chapter in json/. What is in json/ already, for the same submission and
the same grader, is not graded again: so a run that was interrupted goes on where it stopped.
"""

import concurrent.futures
import csv
import glob
import hashlib
import io
import os
import re
import sys
import tempfile
import time

from grade import complete, downloads, names, report, run, submissions
from grade import results as model
from grade.failure import printable
from grade.files import write
from harness import machine
from harness.contain import adopt_orphans

JOBS = 4 * (os.cpu_count() or 1)  # most of a grading is waiting


class Learner:
    """What one learner has handed in, and what came of it."""

    def __init__(self, handed_in, name, label, late):
        self.handed_in, self.name, self.label = handed_in, name, label  # see submissions.receive()
        self.late, self.remarks, self.results = late, [], {}
        self.waiting = set()  # the chapters that are still to be graded

    def row(self, columns):
        """The learner's row of scores.csv, with these programs as columns. What was not begun has an empty cell."""
        points = {chapter: model.earned(results) for chapter, results in self.results.items()}
        troubled = [chapter for chapter, results in self.results.items() if model.had_trouble(results)]
        remarks = self.remarks + ["not all graded yet"] * bool(self.waiting) + [
            "grader error in " + chapter for chapter in sorted(troubled)]
        return [harmless(self.name), *(points.get(chapter, "") for chapter in columns),
                sum(points.values()), harmless("; ".join(remarks))]

    def report(self):
        """All that the learner should read, as text."""
        everything = [self.results[chapter] for chapter in sorted(self.results)]
        parts = [self.name, *self.remarks, report.scoreboard(everything),
                 *(report.tell(results, bool(os.environ.get("ALL")), colours=False) for results in everything)]
        return printable("\n\n".join(part for part in parts if part) + "\n")


def harmless(text):
    """A cell that no spreadsheet takes for a formula, and no writer stumbles over."""
    text = text.encode(errors="backslashreplace").decode()
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def learners(folder, out):
    """A Learner for each folder and file in the class's folder, in order; the results in `out` are none."""
    entries = sorted(entry for entry in os.listdir(folder) if not entry.startswith((".", "__MACOSX", downloads.GRADESCOPE))
                     and not (out + os.sep).startswith(os.path.join(folder, entry, "")))
    people, submitters = {}, downloads.submitters(folder)
    for entry in entries:
        told = downloads.told(entry, submitters)
        people.setdefault(told.who, []).append((entry, told))
    called = [handed_in[0][1].name for handed_in in people.values()]
    found = []
    for who, handed_in in people.items():
        name = handed_in[0][1].name
        if called.count(name) > 1:
            name = "%s_%s" % (name, who[1]) if who[0] else who[1]
        label = re.sub(r"[^\w .@+-]", "_", name)[:60]
        if label != name:  # and two of them must not become one
            label += "-" + hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
        groups, late = downloads.together(folder, handed_in)
        found.append(Learner(groups, name, label, late))
    return found


def prepare(learner, target, out, grader, wanted):
    """Copy a learner's submission to the folder `target`. Returns what is to be graded of it, of the chapters that
    are wanted, a list of (learner, chapter, folder, path of the results, hash); what was graded before becomes its
    results."""
    jobs = []
    try:
        found, remarks = submissions.receive(learner.handed_in, target, wanted)
    except Exception as error:  # whatever it is, the others are graded
        found, remarks = {}, ["could not be looked through: %s" % error]
    learner.remarks = ["LATE"] * learner.late + remarks
    place = os.path.join(out, "json", learner.label)
    os.makedirs(place, exist_ok=True)
    for chapter, folder in sorted(found.items()):
        if chapter not in wanted:
            continue
        path, digest = os.path.join(place, chapter + ".json"), grader + complete.digest(folder)
        before = model.load(path)
        if before and before.get("digest") == digest and not model.had_trouble(before):
            learner.results[chapter] = before
        else:
            learner.waiting.add(chapter)
            jobs.append((learner, chapter, folder, path, digest))
    for path in glob.glob(os.path.join(glob.escape(place), "*.json")):
        if os.path.basename(path)[:-5] not in found:
            os.remove(path)
    return jobs


def write_scores(everyone, out, wanted):
    """Write scores.csv (RFC 4180). All chapters have their column, and those exercises that are wanted."""
    table, columns = io.StringIO(), [name for name in names.programs() if name in wanted or not names.is_exercise(name)]
    csv.writer(table).writerows([["name", *columns, "total", "remark"],
                                 *(learner.row(columns) for learner in everyone)])
    write(os.path.join(out, "scores.csv"), table.getvalue())


class Progress:
    """Tells how far the grading is: a line for each learner, and on a terminal one that changes."""

    def __init__(self, chapters, people):
        self._chapters, self._people = chapters, people
        self._begin, self._graded, self._finished = time.monotonic(), 0, 0
        self._changes = sys.stdout.isatty()

    def _left(self):
        seconds_each = (time.monotonic() - self._begin) / self._graded
        minutes = seconds_each * (self._chapters - self._graded) / 60
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
        words = "; ".join(points * bool(learner.results) + learner.remarks)
        if 0 < self._graded < self._chapters and not self._changes:
            words += ", " + self._left()
        line = printable("%s: %s" % (learner.name, words)).replace("\n", "\\n")
        print("%s%3d of %d  %s" % ("\r\033[K" if self._changes else "", self._finished, self._people, line),
              flush=True)


def grade_all(python, everyone, jobs, out, wanted):
    """Grade what is to be graded, and write scores.csv and each learner's report as they come. Returns
    whether it came to its end."""
    progress = Progress(len(jobs), len(everyone))

    def finish(learner):
        write(os.path.join(out, "reports", learner.label + ".txt"), learner.report())
        write_scores(everyone, out, wanted)
        progress.finished(learner)

    for learner in everyone:
        if not learner.waiting:
            finish(learner)
    seed = run.seed(1)  # the same random faults for all
    pool = concurrent.futures.ThreadPoolExecutor(JOBS)
    running = {pool.submit(run.grade_chapter, python, chapter, folder, path, seed):
               (learner, chapter, path, digest) for learner, chapter, folder, path, digest in jobs}
    try:
        for future in concurrent.futures.as_completed(running):
            learner, chapter, path, digest = running[future]
            try:
                learner.results[chapter] = {**future.result(), "digest": digest}
                model.save(path, learner.results[chapter])
            except Exception as error:  # whatever it is, the others are graded
                learner.remarks.append("%s could not be graded: %s" % (chapter, error))
            learner.waiting.remove(chapter)
            progress.graded()
            if not learner.waiting:
                finish(learner)
    except KeyboardInterrupt as why:
        run.stop(why)
        pool.shutdown(cancel_futures=True)
        return False
    return True


def grade_class(python):
    """The command: DIR, OUT and CHAPTERS are in the environment. Returns the exit status."""
    given = os.environ.get("DIR")
    if not given:
        sys.exit("make class: whose work? Say DIR=..., a folder with one folder or archive for each learner")
    folder, out = (os.path.realpath(os.path.expanduser(name)) for name in (given, os.environ.get("OUT") or "results"))
    wanted = names.wanted(os.environ.get("CHAPTERS", ""))
    if not os.path.isdir(folder):
        sys.exit("make class: DIR=%s: there is no such folder" % given)
    if out == folder:
        sys.exit("make class: OUT and DIR are the same folder; the results need one of their own")
    everyone = learners(folder, out)
    if not everyone:
        sys.exit("make class: DIR=%s: nobody has handed in anything there" % given)
    adopt_orphans(True)
    os.makedirs(os.path.join(out, "reports"), exist_ok=True)
    for sentence in machine.weaknesses():
        print(sentence, file=sys.stderr)
    grader = complete.digest(run.TESTS)
    with tempfile.TemporaryDirectory(prefix="class-") as place:
        jobs = [job for number, learner in enumerate(everyone)
                for job in prepare(learner, os.path.join(place, str(number)), out, grader, wanted)]
        print("%d learners, %d chapters to grade, %d are graded already" % (
            len(everyone), len(jobs), sum(len(learner.results) for learner in everyone)), flush=True)
        if not grade_all(python, everyone, jobs, out, wanted):
            print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
            return 130
    print("%s/scores.csv has the points, %s/reports/ what to tell each learner." % (out, out))
    return 0
