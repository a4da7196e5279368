"""make class DIR=submissions [OUT=results] [CHAPTERS="4 5"] [ONLY=NAME] [ROSTER=FILE]: grade what a class has handed in.

DIR holds one folder or archive for each learner. OUT gets scores.csv, summary.html, summary.txt, similar.txt, with a roster
import.csv, a report for each learner in reports/, and the results of each chapter in json/. What is in json/ already, for
the same submission and the same checks, is not graded again: so a run that was interrupted goes on where it stopped.
"""

import concurrent.futures
import glob
import os
import sys
import tempfile

from grade import complete, names, run, submissions, weights
from grade import results as model
from grade.files import write
from grade.gradebook import write_import
from grade.people import Learner, inside, learners, may_be_a_class, meant_by, remove_others
from grade.progress import Progress
from grade.report import counted
from grade.roster import Roster
from grade.scores import write_scores
from grade.similarity import write_similar
from grade.summary import write_summary
from harness import machine
from harness.contain import adopt_orphans

JOBS = 4 * (os.cpu_count() or 1)  # most of a grading is waiting


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
    group = learner.told.group if learner.told else ()
    learner.remarks = ["LATE"] * learner.late + remarks + ["together with " + ", ".join(group)] * bool(group)
    learner.folders = {chapter: found[chapter] for chapter in found if chapter in graders}
    place = os.path.join(out, "json", learner.label)
    os.makedirs(place, exist_ok=True)
    for chapter in sorted(set(found).intersection(graders)):
        path, digest = os.path.join(place, chapter + ".json"), graders[chapter] + complete.digest(found[chapter])
        before = model.load(path) or {}
        if before.get("digest") == digest and not model.had_trouble(before) and not chosen:
            learner.results[chapter] = before
        elif chosen is False and "digest" in before:
            learner.results[chapter] = before
            learner.notes.append(chapter + " has the points from before")
        else:
            learner.waiting.add(chapter)
            jobs.append((learner, chapter, found[chapter], path, digest))
    for path in glob.glob(os.path.join(glob.escape(place), "*.json")):
        if os.path.basename(path)[:-5] not in found:
            os.remove(path)
    return jobs


def grade_all(python, people, jobs, out, tell_all):
    """Grade what is to be graded of these people, and write each one's report as they come; after each tell_all() is
    called. Returns whether it came to its end."""
    progress = Progress(len(jobs), len(people), JOBS)

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


def places():
    """The folders of the submissions and of the results, and the file of the roster, "" for none, as make was told."""
    given = os.environ.get("DIR")
    if not given:
        sys.exit("make class: whose work? Say DIR=..., a folder with one folder or archive for each learner")
    folder, out, listed = (name and os.path.realpath(os.path.expanduser(name)) for name in (
        given, os.environ.get("OUT") or "results", os.environ.get("ROSTER", "")))
    if not os.path.isdir(folder):
        sys.exit("make class: DIR=%s: %s" % (given, "it is a file: unpack it, and say the folder" if os.path.exists(folder)
                                             else "there is no such folder"))
    if out == folder:
        sys.exit("make class: OUT and DIR are the same folder; the results need one of their own")
    return folder, out, listed


def grade_class(python):
    """The command: DIR, OUT, CHAPTERS, ONLY, ROSTER and NAMES are in the environment. Returns the exit status."""
    given, out, listed = places()
    folder = inside(given, out, listed)
    wanted, only = names.wanted(os.environ.get("CHAPTERS", "")), os.environ.get("ONLY", "")
    people = learners(folder, out, listed)
    if not people:
        sys.exit("make class: DIR=%s: nobody has handed in anything there" % os.environ["DIR"])
    chosen, counts, roster = meant_by(only, people), weights.read(given, folder), Roster(listed) if listed else None
    adopt_orphans(True)
    os.makedirs(os.path.join(out, "reports"), exist_ok=True)
    if len(people) == 1 and may_be_a_class(people[0].handed_in[0][0][0]):
        print('make class: only %s is there. If that is a class: DIR="%s"' % (
            people[0].name, people[0].handed_in[0][0][0]), file=sys.stderr)
    for sentence in machine.weaknesses():
        print(sentence, file=sys.stderr)
    graders = {chapter: run.digest(chapter) for chapter in wanted}
    with tempfile.TemporaryDirectory(prefix="class-") as place:
        jobs = [job for number, learner in enumerate(people)
                for job in prepare(learner, os.path.join(place, str(number)), out, graders,
                                   learner in chosen if only else None)]
        jobs = [job for job in jobs if job[0] in chosen]
        remove_others(people, out)
        write_similar(people, out)
        counts.tell(people)
        absent = list(map(Learner.absent, roster.match(people))) if roster else []

        def tell_all():
            begun = [program for program in wanted if os.environ.get("CHAPTERS") or any(
                program in learner.results for learner in people)]
            write_scores(people + absent, out, wanted, counts, roster)
            write_summary(out, people, absent, begun, bool(roster), os.environ.get("NAMES") == "1")
            if roster:
                write_import(roster, people, out, begun, counts)

        print("%s, %s to grade, %d graded already" % (counted(len(chosen), "learner"), counted(len(jobs), "chapter"),
                                                     sum(len(learner.results) for learner in chosen)), flush=True)
        if not grade_all(python, chosen, jobs, out, tell_all):
            print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
            return 130
    print("%s has the points in scores.csv, what to tell each learner in reports/, and the class in summary.html." % out)
    return 0
