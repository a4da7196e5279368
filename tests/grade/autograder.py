"""make gradescope OUT=autograder.zip [CHAPTERS="4 5"]: an autograder for Gradescope, and what it runs.

In the zip: setup.sh, run_autograder, the names of the chapters to grade, and in sockets/ the repository
without its workshop.
"""

import io
import os
import tempfile
import zipfile

from grade import formats, names, report, run, submissions
from grade import results as model
from grade.files import files, write
from harness.grading import TOTAL

SCRIPTS = os.path.join(run.TESTS, "grade", "gradescope")


def gradescope():
    """Make the zip. OUT and CHAPTERS are in the environment."""
    chapters = names.wanted(os.environ.get("CHAPTERS", ""))
    out = os.path.abspath(os.path.expanduser(os.environ.get("OUT") or "autograder.zip"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(os.listdir(SCRIPTS)):
            archive.write(os.path.join(SCRIPTS, name), name)
        archive.writestr("chapters", "\n".join(chapters) + "\n")
        for path in files():
            archive.write(os.path.join(run.REPOSITORY, path), "sockets/" + path)
    write(out, packed.getvalue())
    print("%s grades %s. Upload it to Gradescope as it is." % (out, ", ".join(chapters)))
    return 0


def not_handed_in(chapter, remarks):
    """The results of a chapter that a submission lacks."""
    check = {"name": "handed_in", "title": "Is handed in", "points": TOTAL, "seconds": 0}
    model.decide(check, model.NOT_CHECKED, "; ".join(
        ["the submission has no folder %s with a program in it" % chapter, *remarks]))
    return {"chapter": chapter, "complete": True, "log": "", "checks": [check]}


def autograde(python, place):
    """Grade place/submission; what comes of it is in place/results/results.json, from the start."""
    with open(os.path.join(place, "source", "chapters"), encoding="utf-8") as file:
        chapters = file.read().split()
    output = os.path.join(place, "results", "results.json")
    os.makedirs(os.path.dirname(output), exist_ok=True)
    with tempfile.TemporaryDirectory() as results, \
            formats.kept(results, chapters, {"GRADESCOPE": output}):
        found, remarks = submissions.receive([[(os.path.join(place, "submission"), "")]],
                                             os.path.join(results, "submission"), chapters)
        found = {chapter: folder for chapter, folder in found.items() if chapter in chapters}
        for chapter in set(chapters) - set(found):
            model.save(os.path.join(results, chapter + ".json"), not_handed_in(chapter, remarks))
        everything = run.grade(python, found, results, run.seed())
        print("\n\n".join(report.tell(chapter, everything=True) for chapter in everything))  # for the instructor
    return 0
