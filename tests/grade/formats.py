"""The results of a grading for other programs: Gradescope, GitHub Classroom, and whoever reads JUnit XML.

`make grade 4 JUNIT=FILE GRADESCOPE=FILE GITHUB=FILE` writes them. The files are there from the start and
are renewed after each check, so what was earned is kept if the grading is cut off.
"""

import base64
import contextlib
import json
import os
import sys
import threading
import xml.etree.ElementTree as xml

from grade import report
from grade import results as model
from harness.grading import TOTAL

OUTPUT = 10000  # characters of one check's words
GITHUB_OUTPUT = 60000  # bytes of all of them, for they travel in one environment variable


# ---- What a check says

def said(check, chapter):
    """What a person reads of a check."""
    if check["verdict"] == model.FAILED:
        words = report.failure(check, chapter)
    else:
        words = report.MARKS.get(check["verdict"], "not graded")
        words += ": " + check["reason"] if check["reason"] else ""
    words = report.printable(words)
    return words if len(words) <= OUTPUT else words[:OUTPUT] + "\n... (and more)"


def has_passed(check):
    """Has it earned its points? What could not be checked has, too."""
    return check["verdict"] in model.EARNS


def checks(results):
    """A chapter's checks; before it is known which there are, one that stands for all."""
    return results["checks"] or [
        {"name": "graded", "title": "Is graded", "points": TOTAL, "earned": 0, "verdict": model.WAITING,
         "seconds": 0, "reason": results["log"]}]


def flat(everything):
    """All checks of all chapters: (chapter, number, check)."""
    return [(results["chapter"], number, check) for results in everything
            for number, check in enumerate(checks(results), 1)]


# ---- The formats: each makes text of a list of chapters' results

def gradescope(everything):
    """results.json, see https://gradescope-autograders.readthedocs.io/en/latest/specs/"""
    return json.dumps({
        "output": "Each check's output tells what was done, what came of it, and how to see it by hand.",
        "output_format": "text", "test_output_format": "text", "test_name_format": "text",
        "visibility": "visible", "stdout_visibility": "hidden",
        "execution_time": round(sum(check["seconds"] for _, _, check in flat(everything)), 3),
        "tests": [{"name": "%s: %s" % (chapter, check["title"]), "name_format": "text",
                   "number": "%d.%d" % (int(chapter[:2]), number),
                   "score": check["earned"], "max_score": check["points"],
                   "status": "passed" if has_passed(check) else "failed",
                   "output": said(check, chapter), "output_format": "text", "visibility": "visible"}
                  for chapter, number, check in flat(everything)]}, indent=1) + "\n"


def github(everything):
    """What classroom-resources/autograding-grading-reporter takes from a variable ..._RESULTS."""
    tests = flat(everything)
    is_over = all(results["complete"] for results in everything)
    all_passed = all(has_passed(check) for _, _, check in tests)
    words = json.dumps({
        "version": 1, "status": "pass" if all_passed else "fail" if is_over else "error",
        "max_score": sum(check["points"] for _, _, check in tests),
        "tests": [{"name": "%s: %s" % (chapter, check["title"]),
                   "status": "pass" if has_passed(check) else "fail",
                   "score": check["earned"], "message": no_command(said(check, chapter), len(tests)),
                   "test_code": "make grade %d" % int(chapter[:2]), "filename": "", "line_no": 0,
                   "execution_time": "%.3fs" % check["seconds"]}
                  for chapter, _, check in tests]}, ensure_ascii=False)
    return base64.b64encode(words.encode()).decode() + "\n"


def no_command(text, number):
    """A message, cut to its share, that GitHub's runner prints and does not obey: it takes lines that
    begin with :: for commands, and ##[ anywhere."""
    text = text.encode()[:GITHUB_OUTPUT // number].decode(errors="ignore").replace("##[", "# #[")
    return "".join("| %s\n" % line for line in text.splitlines())


def junit(everything):
    """JUnit XML, as most systems for continuous integration read it."""
    suites = xml.Element("testsuites")
    for results in everything:
        suite = xml.SubElement(suites, "testsuite", name=results["chapter"])
        kinds = []
        for check in checks(results):
            case = xml.SubElement(suite, "testcase", classname=results["chapter"], name=check["title"],
                                  time="%.3f" % check["seconds"])
            kinds.append({model.PASSED: "passed", model.FAILED: "failure", model.NOT_CHECKED: "skipped",
                          model.NOT_POSSIBLE: "skipped"}.get(check["verdict"], "error"))
            if kinds[-1] != "passed":
                words = said(check, results["chapter"])
                xml.SubElement(case, kinds[-1], message="%d of %d points" % (
                    check["earned"], check["points"])).text = words
        suite.attrib.update(tests=str(len(kinds)), failures=str(kinds.count("failure")),
                            errors=str(kinds.count("error")), skipped=str(kinds.count("skipped")),
                            time="%.3f" % sum(check["seconds"] for check in checks(results)))
    return "<?xml version='1.0' encoding='utf-8'?>\n" + xml.tostring(suites, "unicode") + "\n"


FORMATS = {"GRADESCOPE": gradescope, "GITHUB": github, "JUNIT": junit}


# ---- Writing them while the grading goes on

def write(path, text):
    """Write a file so that a reader, and a crash, see the old or the new one and no half."""
    with open(path + ".new", "w", encoding="utf-8", newline="") as file:
        file.write(text)
    os.replace(path + ".new", path)


@contextlib.contextmanager
def kept(place, chapters, wanted=os.environ):
    """While this lasts, and once more at its end, the files are kept up to date that are `wanted`, such
    as {"JUNIT": path}, from the results in the folder `place`."""
    paths = {name: os.path.abspath(wanted[name]) for name in FORMATS if wanted.get(name)}
    over = threading.Event()
    last = None

    def renew():
        nonlocal last
        everything = [model.load(os.path.join(place, chapter + ".json")) or model.unknown(chapter)
                      for chapter in sorted(chapters)]
        try:
            for name, path in paths.items() if everything != last else ():
                write(path, FORMATS[name](everything))
        except OSError as error:
            sys.exit("%s=%s cannot be written: %s" % (name, path, error.strerror))
        last = everything

    def keep():
        while not over.wait(0.2):
            renew()

    if not paths:
        yield
        return
    renew()
    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
        renew()
