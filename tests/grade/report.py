"""Telling the results of a grading to a person."""

import functools
import json
import os
import re
import shutil
import sys
import textwrap
import time

from grade import results as model

MARKS = {model.PASSED: "ok", model.FAILED: "FAILED", model.NOT_CHECKED: "not checked",
         model.NOT_POSSIBLE: "not possible here", model.GRADER_ERROR: "grader error"}
COLOURS = {model.PASSED: 32, model.FAILED: 31, model.GRADER_ERROR: 35}
RIGHT = os.path.join(os.path.dirname(__file__), "right.json")  # written by mutants/right.py
WIDTH = 80  # of what goes into a file, whoever has it written
# A space may be the mistake, and the last column: what a program printed, such as a dump, is not wrapped.
AS_IT_IS = re.compile(r"expected: |got: | |[0-9a-f]{8}\b|.*\S  +\S")


def terminal_width():
    """The width of what is told on the terminal, if stdout is one."""
    return max(40, min(100, shutil.get_terminal_size().columns)) if sys.stdout.isatty() else WIDTH


def paint(text, verdict, colours):
    """The text in the verdict's colour, where colours are wanted."""
    return "\033[%dm%s\033[0m" % (COLOURS[verdict], text) if colours and verdict in COLOURS else text


def printable(text):
    """Text without what terminals, XML and JSON readers do not take, such as control characters and
    bytes that were no UTF-8: these are shown as \\xNN."""
    return re.sub("[^\t\n -~\xa0-\u2027\u2030-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
                  lambda match: "\\x%02x" % ord(match.group()), text)


def indent(text, first, width):
    """Text that a terminal can show, wrapped and indented; its own line breaks stay."""
    rest = " " * len(first)
    lines = []
    for line in printable(text).rstrip("\n").split("\n"):
        before = rest if lines else first
        lines += [before + line] if AS_IT_IS.match(line) else textwrap.wrap(
            line, width, initial_indent=before, subsequent_indent=rest + "  ",
            break_on_hyphens=False) or [rest.rstrip()]
    return "\n".join(lines)


@functools.lru_cache()
def right():
    """What commands by hand show with a right program: {chapter: [{"by_hand", "shows"}]}."""
    with open(RIGHT, encoding="utf-8") as file:
        return json.load(file)


def right_output(check, chapter):
    """Lines that tell what the check's commands show with a right program, for each terminal in which
    there is more to see than that it listens."""
    shows = next((known["shows"] for known in right().get(chapter, []) if known["by_hand"] == check["by_hand"]), [])
    lines = []
    for number, text in enumerate(shows, 1):
        shown = text.rstrip("\n").split("\n") if text else []
        if not shown or (len(shown) == 1 and shown[0].startswith("listening on ")):
            continue
        terminal = "in terminal %d " % number if len(shows) > 1 else ""
        lines.append("    right:   %sone sees" % terminal)
        lines += ["               " + printable(line) for line in shown]
    return lines


def failure(check, chapter, width=WIDTH):
    """The lesson that a failed check is: what was done, what came of it, why, and how to see it."""
    parts = [indent(step, "    %2d. " % number, width) for number, step in enumerate(check["steps"], 1)]
    parts.append(indent(check["message"], "    ", width))
    if check["crash"]:
        parts.append(indent(check["crash"], "    where:   ", width))
    parts.append(indent(check["cause"], "    likely:  ", width))
    parts.append(indent('%s/README.md, "%s"' % (chapter, check["read"]), "    read:    ", width))
    if check["by_hand"]:
        parts.append("    by hand, in your program's folder, after make:")
    for number, command in enumerate(check["by_hand"], 1):
        terminal = "terminal %d: " % number if len(check["by_hand"]) > 1 else ""
        parts.append("             " + terminal + command.replace("\n", "\n" + " " * (13 + len(terminal))))
    return "\n".join(parts + right_output(check, chapter))


def tell(results, colours=None, where="", width=WIDTH):
    """All of a chapter's grading as text; `where`, such as " (work/04-send-recv)", follows the points."""
    colours = sys.stdout.isatty() if colours is None else colours
    chapter = results["chapter"]
    lines = ["%s: %d of %d points%s" % (chapter, model.earned(results), model.total(results), where), ""]
    waiting = [check for check in results["checks"] if check["verdict"] == model.NOT_CHECKED]
    for check in results["checks"]:
        if check in waiting:
            continue
        mark = paint("%-11s" % MARKS[check["verdict"]], check["verdict"], colours)
        lines.append("  %s %3d/%-3d %s" % (mark, check["earned"], check["points"], check["title"]))
        if check["verdict"] == model.FAILED:
            lines += [failure(check, chapter, width), ""]
        elif check["reason"]:
            lines.append(indent(check["reason"], "    ", width))
    if waiting:
        lines.append("  %-11s %3d/%-3d %d more, which wait for what failed above" % (
            MARKS[model.NOT_CHECKED], 0, sum(check["points"] for check in waiting), len(waiting)))
    if model.had_trouble(results):
        lines.append("  A grader error is not your fault, and costs no points. Please report it:")
        lines.append(indent(results["log"], "    ", width))
    if any("random" in check["name"] and check["verdict"] == model.FAILED for check in results["checks"]):
        lines.append("  Random faults had the seed %s: LAB_SEED=%s repeats them."
                     % (results["seed"], results["seed"]))
    return "\n".join(lines)


def progress(count):
    """A function that notes each chapter as it is done, on a terminal; else one that is silent."""
    done = []

    def note(results):
        done.append(results)
        if count > 1 and sys.stderr.isatty():
            end = "\n" if len(done) == count else ""
            sys.stderr.write("\r\033[Kgraded %d of %d: %s%s" % (len(done), count, results["chapter"], end))
            sys.stderr.flush()

    return note


def clear():
    """What takes away all that a terminal shows; elsewhere an empty line."""
    return "\033[H\033[2J" if sys.stdout.isatty() else "\n"


def first_things_first(results):
    """The points, and the first thing to mend, on a screen of its own."""
    trouble = first_trouble(results)
    lines = ["%s: %d of %d points, %s" % (results["chapter"], model.earned(results), model.total(results),
                                          time.strftime("%H:%M:%S")), ""]
    if trouble:
        failures = sum(check["verdict"] == model.FAILED for check in results["checks"])
        lines += ["  FAILED %s" % trouble["title"], failure(trouble, results["chapter"], terminal_width()), ""]
        lines += ["  (and %d more after that)" % (failures - 1), ""] if failures > 1 else []
    elif model.is_full(results):
        lines += ["  Everything is as it should be.", ""]
    else:
        lines += [tell(results, width=terminal_width()), ""]
    lines.append("  Waiting for the next save. Ctrl-C ends it.")
    return clear() + "\n".join(lines)


def first_trouble(results):
    """The first check that has failed; None if all is well."""
    return next((check for check in results["checks"] if check["verdict"] == model.FAILED), None)


def scoreboard(everything):
    """One line a chapter: points, and what to do next."""
    lines = []
    for results in everything:
        trouble = first_trouble(results)
        points, total = model.earned(results), model.total(results)
        bar = "#" * (20 * points // total if total else 0)
        lines.append("  %-15s %3d of %3d  %-20s  %s" % (
            results["chapter"], points, total, bar, 'next: "%s"' % trouble["title"] if trouble else
            "could not be graded" if not total else "with grader errors: please report them"
            if model.had_trouble(results) else "complete"))
    return "\n".join(lines)
