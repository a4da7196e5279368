"""make gradescope OUT=autograder.zip, make classroom50 OUT=DIR, both with CHAPTERS="4 5": autograders, and what they run.

In either: its scripts, the names of the chapters to grade, and in sockets/ the repository without its workshop. What
Classroom 50 gets, it publishes: that has no program which the class is to write.
"""

import io
import json
import os
import tempfile
import zipfile

from grade import formats, names, report, run, submissions
from grade import results as model
from grade.files import files, new_place, read, write
from grade.handout import contents
from grade.update import lay_out
from harness.grading import TOTAL

SCRIPTS = os.path.join(run.TESTS, "grade")


def gradescope():
    """Make the zip. OUT and CHAPTERS are in the environment."""
    chapters = names.wanted(os.environ.get("CHAPTERS", ""))
    out = os.path.abspath(os.path.expanduser(os.environ.get("OUT") or "autograder.zip"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("run_autograder", "setup.sh"):
            archive.write(os.path.join(SCRIPTS, "gradescope", name), name)
        archive.writestr("chapters", "\n".join(chapters) + "\n")
        for path in files():
            archive.write(os.path.join(run.REPOSITORY, path), "sockets/" + path)
    write(out, packed.getvalue())
    print("%s grades %s. Upload it to Gradescope as it is." % (out, ", ".join(chapters)))
    return 0


def classroom50():
    """Make the folder. OUT and CHAPTERS are in the environment."""
    chapters = names.wanted(os.environ.get("CHAPTERS", ""))
    out = new_place(os.environ.get("OUT"), "classroom50")
    lay_out(os.path.join(out, "sockets"), contents(min(map(names.chapter_of, chapters))[:2]), {})
    write(os.path.join(out, "chapters"), "\n".join(chapters) + "\n")
    write(os.path.join(out, "autograder.py"), read(SCRIPTS, "classroom50", "autograder.py"))
    runtime = {"runs-on": "ubuntu-latest", "apt": read(run.TESTS, "packages", "grade").split()}
    write(os.path.join(out, "runtime.json"), json.dumps(runtime, indent=2) + "\n")
    print("%s grades %s. Make it CLASSROOM/autograders/ASSIGNMENT/ in your classroom50 repository, and\n"
          "give the assignment its runtime.json." % (out, ", ".join(chapters)))
    return 0


def not_handed_in(chapter, remarks):
    """The results of a chapter that a submission lacks."""
    check = {"name": "handed_in", "title": "Is handed in", "points": TOTAL, "seconds": 0}
    model.decide(check, model.NOT_CHECKED, "; ".join(
        ["the submission has no folder %s with a program in it" % chapter, *remarks]))
    return {"chapter": chapter, "complete": True, "log": "", "checks": [check]}


def autograde(python, place=None):
    """Grade a submission; what comes of it is kept in the files that its service reads. On Gradescope it lies in the
    folder `place`; on Classroom 50 it is the working directory."""
    chapters = read(os.path.dirname(run.REPOSITORY), "chapters").split()
    submission, wanted = os.getcwd(), {"CLASSROOM50": "result.json", "RELEASE": "release-body.md"}
    if place:
        submission, wanted = os.path.join(place, "submission"), {"GRADESCOPE": os.path.join(place, "results", "results.json")}
        os.makedirs(os.path.join(place, "results"), exist_ok=True)
    with tempfile.TemporaryDirectory() as results:
        found, remarks = submissions.receive([[(submission, "")]], os.path.join(results, "submission"), chapters)
        found = {chapter: folder for chapter, folder in found.items() if chapter in chapters}
        for chapter in set(chapters) - set(found):
            model.save(os.path.join(results, chapter + ".json"), not_handed_in(chapter, remarks))
        with formats.kept(results, chapters, wanted):  # from here on: these files are no part of what is handed in
            everything = run.grade(python, found, results, run.seed())
        if place:  # Gradescope shows it to the instructor; on GitHub a program's words could be taken for commands
            print("\n\n".join(report.tell(chapter, everything=True) for chapter in everything))
    return 0
