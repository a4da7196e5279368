"""The results of a grading for other programs: Gradescope, Classroom 50, and whoever reads JUnit XML.

`make grade 4 JUNIT=FILE GRADESCOPE=FILE` writes them, and so do the autograders. The files are there from the start and
are renewed after each check, so what was earned is kept if the grading is cut off.
"""

import contextlib
import json
import os
import platform
import sys
import threading
import time
import xml.etree.ElementTree as xml

from grade import names, report
from grade import results as model
from grade.failure import failure, printable
from grade.files import flows, write
from harness.grading import TOTAL

OUTPUT = 10000  # characters of one check's words
LINE = 300  # and of one line of them
RELEASE = 120000  # and of all of them on the page of a release: GitHub takes 125000
BEGIN = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
KINDS = {model.PASSED: "passed", model.FAILED: "failure", model.NOT_CHECKED: "skipped",
         model.NOT_POSSIBLE: "skipped"}  # in JUnit's words; what else there is, is an "error"


# ---- What a check says

def said(check, chapter):
    """What a person reads of a check."""
    if check["verdict"] == model.FAILED:
        words = failure(check, chapter)
    else:
        words = report.MARKS.get(check["verdict"], "not graded")
        words += ": " + check["reason"] if check["reason"] else ""
    words = printable(words)
    return words if len(words) <= OUTPUT else words[:OUTPUT] + "\n... (and more)"


def message(check):
    """The same in one line."""
    words = check["message"] if check["verdict"] == model.FAILED else check["reason"] or check["verdict"]
    return printable(" ".join(words.split()))[:LINE]


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
        "visibility": "visible", "stdout_visibility": "hidden", "leaderboard": [],
        "execution_time": round(sum(check["seconds"] for _, _, check in flat(everything)), 3),
        "tests": [{"name": "%s: %s" % (chapter, check["title"]), "name_format": "text",
                   "number": "%s.%d" % (names.number(chapter), number),
                   "score": check["earned"], "max_score": check["points"],
                   "status": "passed" if has_passed(check) else "failed",
                   "output": said(check, chapter), "output_format": "text", "visibility": "visible"}
                  for chapter, number, check in flat(everything)]}, indent=1) + "\n"


def classroom50(everything):
    """result.json, see https://github.com/foundation50/classroom50/blob/main/schemas/result-v1.schema.json"""
    tests = [{"test-name": "%s: %s" % (chapter, check["title"]), "passed": has_passed(check),
              "score": check["earned"], "max-score": check["points"]} for chapter, _, check in flat(everything)]
    whose = {name.lower(): os.environ.get(name, "") for name in ("CLASSROOM", "ASSIGNMENT", "ASSIGNMENT_TYPE", "OWNER")}
    links = {name: os.environ.get(name.upper() + "_URL", "") for name in ("commit", "release", "review")}
    return json.dumps({
        "schema": "classroom50/result/v1", **whose, **links, "submission": os.environ.get("SUBMISSION_TAG", ""),
        "datetime": BEGIN + "Z", "score": sum(test["score"] for test in tests),
        "max-score": sum(test["max-score"] for test in tests), "tests": tests}, indent=1) + "\n"


def release(everything):
    """release-body.md, which Classroom 50 publishes with it. What a program has printed is code in this Markdown, and
    is obeyed by nobody. Of what did not earn its points only failures are told, if there are any."""
    lines, tell = [], {results["chapter"]: [check for check in checks(results) if check["verdict"] == model.FAILED] or [
        check for check in checks(results) if not has_passed(check)] for results in everything}
    share = RELEASE // max(1, sum(map(len, tell.values())))
    for results in everything:
        lines += ["### %s: %d of %d points" % (results["chapter"], *(sum(check[of] for check in checks(results))
                                                                     for of in ("earned", "points"))),
                  "", "| points | check |", "|---|---|",
                  *("| %d of %d | %s |" % (check["earned"], check["points"], check["title"]) for check in checks(results)), ""]
        for check in tell[results["chapter"]]:
            lines += ["**%s**" % check["title"], "",
                      *("    " + line for line in said(check, results["chapter"])[:share].splitlines()), ""]
    return "\n".join(lines)[:RELEASE]


def junit(everything):
    """JUnit XML, by the schemas of both Ant (JUnit.xsd) and Jenkins."""
    suites = xml.Element("testsuites")
    for number, results in enumerate(everything):
        tests = checks(results)
        kinds = [KINDS.get(check["verdict"], "error") for check in tests]
        suite = xml.SubElement(
            suites, "testsuite", name=results["chapter"], package="sockets", id=str(number), timestamp=BEGIN,
            hostname=platform.node() or "localhost", tests=str(len(tests)), failures=str(kinds.count("failure")),
            errors=str(kinds.count("error")), skipped=str(kinds.count("skipped")),
            time="%.3f" % sum(check["seconds"] for check in tests))
        properties = xml.SubElement(suite, "properties")
        for name, value in (("points", sum(check["earned"] for check in tests)), ("seed", results.get("seed", 0))):
            xml.SubElement(properties, "property", name=name, value=str(value))
        for check, kind in zip(tests, kinds):
            case = xml.SubElement(suite, "testcase", classname=results["chapter"], name=check["title"],
                                  time="%.3f" % check["seconds"])
            if kind != "passed":
                told = xml.SubElement(case, kind, message=message(check))
                told.text = said(check, results["chapter"])
                told.attrib.update({"type": check["verdict"]} if kind != "skipped" else {})
        for name in ("system-out", "system-err"):
            xml.SubElement(suite, name)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + xml.tostring(suites, "unicode") + "\n"


FORMATS = {"GRADESCOPE": gradescope, "JUNIT": junit, "CLASSROOM50": classroom50, "RELEASE": release}


# ---- Writing them while the grading goes on

@contextlib.contextmanager
def kept(place, chapters, wanted=os.environ):
    """While this lasts, and once more at its end, the files are kept up to date that are `wanted`, such
    as {"JUNIT": path}, from the results in the folder `place`. What is no file is written to at the end only."""
    paths = {name: os.path.abspath(wanted[name]) for name in FORMATS if wanted.get(name)}
    over = threading.Event()
    last = None

    def renew(is_over=False):
        nonlocal last
        everything = [model.load(os.path.join(place, chapter + ".json")) or model.unknown(chapter)
                      for chapter in sorted(chapters)]
        try:
            for name, path in paths.items() if everything != last or is_over else ():
                if is_over or not flows(path):
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
        renew(is_over=True)
