"""make class DIR=submissions [OUT=results] [CHAPTERS="4 5"] [ONLY=NAME]: grade what a whole class has handed in.

DIR holds one folder or archive for each learner. OUT gets scores.csv, a report for each learner in
reports/, and the results of each chapter in json/. What is in json/ already, for the same submission and
the same checks, is not graded again: so a run that was interrupted goes on where it stopped.
"""

import concurrent.futures
import contextlib
import glob
import hashlib
import os
import re
import sys
import tempfile

from grade import complete, downloads, names, report, run, submissions
from grade import results as model
from grade.failure import printable
from grade.files import write
from grade.progress import Progress
from grade.scores import write_scores
from harness import machine
from harness.contain import adopt_orphans

JOBS = 4 * (os.cpu_count() or 1)  # most of a grading is waiting


class Learner:
    """What one learner has handed in, and what came of it."""

    def __init__(self, handed_in, name, label, late):
        self.handed_in, self.name, self.label = handed_in, name, label  # see submissions.receive()
        self.late, self.remarks, self.results = late, [], {}
        self.waiting = set()  # the chapters that are still to be graded

    def said(self):
        """All that an instructor should know of it, a list of remarks."""
        troubled = sorted(chapter for chapter, results in self.results.items() if model.had_trouble(results))
        return [*self.remarks, *["not all graded yet"] * bool(self.waiting),
                *("grader error in " + chapter for chapter in troubled)]

    def report(self):
        """All that the learner should read, as text."""
        everything = [self.results[chapter] for chapter in sorted(self.results)]
        parts = [self.name, *self.remarks, report.scoreboard(everything),
                 *(report.tell(results, bool(os.environ.get("ALL")), colours=False) for results in everything)]
        return printable("\n\n".join(part for part in parts if part) + "\n")


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


def prepare(learner, target, out, graders, chosen=None):
    """Copy a learner's submission to the folder `target`. Returns what is to be graded of it, of the chapters that
    are wanted, a list of (learner, chapter, folder, path of the results, hash); what was graded before becomes its
    results. `graders` has the hashes of these chapters' checks. A learner who is `chosen` is graded anew; if that is
    False, others are, and what was graded before counts for the moment."""
    jobs = []
    try:
        found, remarks = submissions.receive(learner.handed_in, target, list(graders))
    except Exception as error:  # whatever it is, the others are graded
        found, remarks = {}, ["could not be looked through: %s" % error]
    learner.remarks = ["LATE"] * learner.late + remarks
    place = os.path.join(out, "json", learner.label)
    os.makedirs(place, exist_ok=True)
    for chapter in sorted(set(found).intersection(graders)):
        path, digest = os.path.join(place, chapter + ".json"), graders[chapter] + complete.digest(found[chapter])
        before = model.load(path) or {}
        if before.get("digest") == digest and not model.had_trouble(before) and not chosen:
            learner.results[chapter] = before
        elif chosen is False and "digest" in before:
            learner.results[chapter] = before
            learner.remarks.append(chapter + " has the points from before")
        else:
            learner.waiting.add(chapter)
            jobs.append((learner, chapter, found[chapter], path, digest))
    for path in glob.glob(os.path.join(glob.escape(place), "*.json")):
        if os.path.basename(path)[:-5] not in found:
            os.remove(path)
    return jobs


def meant_by(only, everyone):
    """The learners that ONLY=... names, by a name or several with commas between them; all if it is empty."""
    words = [only] if only in [learner.name for learner in everyone] else [word.strip() for word in only.split(",")]
    for word in filter(None, words):
        if not any(word in (learner.name, learner.label) for learner in everyone):
            sys.exit("make class: ONLY=%s: who is %s? Names are as in scores.csv, with commas between several" % (only, word))
    return [learner for learner in everyone if not only or {learner.name, learner.label}.intersection(words)]


def remove_others(everyone, out):
    """Remove the results of those who are not in the class any more; nothing else that may lie in the folder `out`."""
    for label in set(os.listdir(os.path.join(out, "json"))).difference(learner.label for learner in everyone):
        place = os.path.join(out, "json", label)
        with contextlib.suppress(OSError):  # it is something else
            for program in names.programs():
                for path in glob.glob(os.path.join(glob.escape(place), program + ".json*")):
                    os.remove(path)
            os.rmdir(place)
            os.remove(os.path.join(out, "reports", label + ".txt"))


def grade_all(python, people, jobs, out, tell_all):
    """Grade what is to be graded of these people, and write each one's report as they come; after each tell_all() is
    called. Returns whether it came to its end."""
    progress = Progress(len(jobs), len(people))

    def finish(learner):
        write(os.path.join(out, "reports", learner.label + ".txt"), learner.report())
        progress.finished(learner)

    for learner in people:
        if not learner.waiting:
            finish(learner)
    tell_all()
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
                tell_all()
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
    chosen = meant_by(os.environ.get("ONLY", ""), everyone)
    graders = {chapter: run.digest(chapter) for chapter in wanted}
    with tempfile.TemporaryDirectory(prefix="class-") as place:
        jobs = [job for number, learner in enumerate(everyone)
                for job in prepare(learner, os.path.join(place, str(number)), out, graders,
                                   learner in chosen if os.environ.get("ONLY") else None)]
        jobs = [job for job in jobs if job[0] in chosen]
        remove_others(everyone, out)
        print("%d learners, %d chapters to grade, %d are graded already" % (
            len(chosen), len(jobs), sum(len(learner.results) for learner in chosen)), flush=True)
        if not grade_all(python, chosen, jobs, out, lambda: write_scores(everyone, out, wanted)):
            print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
            return 130
    print("%s/scores.csv has the points, %s/reports/ what to tell each learner." % (out, out))
    return 0
