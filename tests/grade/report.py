"""Telling the results of a grading to a person."""

import shutil
import sys
import textwrap

from grade import results as model
from grade.failure import WIDTH, failure, indent
from grade.names import is_exercise, number, place

MARKS = {model.PASSED: "ok", model.FAILED: "FAILED", model.NOT_CHECKED: "not checked",
         model.NOT_POSSIBLE: "not possible here", model.GRADER_ERROR: "grader error"}
SCREEN = 40  # lines of a report, in the usual case
# Lines of a failed check's steps, and of each other part of it: the first of these with which the report fits.
MOST = (9, 9), (6, 9), (4, 9), (4, 7), (3, 7), (3, 5), (3, 4), (3, 3)
COLOURS = {model.PASSED: 32, model.FAILED: 31, model.GRADER_ERROR: 35}


def terminal_width():
    """The width of what is told on the terminal, if stdout is one."""
    return max(40, min(100, shutil.get_terminal_size().columns)) if sys.stdout.isatty() else WIDTH


def paint(text, verdict, colours):
    """The text in the verdict's colour, where colours are wanted."""
    return "\033[%dm%s\033[0m" % (COLOURS[verdict], text) if colours and verdict in COLOURS else text


# ---- A chapter, step by step

def step_name(results, step):
    """A step as the lesson calls it: 7.3 and its title."""
    title = results["titles"][step - 1:step]
    return " ".join(["%s.%d" % (number(results["chapter"]), step), *title])


def step_now(results):
    """The step that one is in: the first with points that are not earned yet; None if all are."""
    return next((check["step"] for check in results["checks"] if check["earned"] < check["points"]), None)


def headline(results):
    """The points, and how far that is."""
    words = "%s: %d of %d points" % (results["chapter"], model.earned(results), model.total(results))
    step, titles = step_now(results), results["titles"]
    if step is None or not titles:
        return words + (", all %d steps" % len(titles) if results["checks"] and titles else "")
    return "%s, in step %d of %d: %s" % (words, step, len(titles), titles[step - 1])


def one_line(verdict, checks, title, colours):
    """One line for a check, or for several: their verdict, the points, and what they are called."""
    return "  %s %3d/%-3d %s" % (paint("%-11s" % MARKS[verdict], verdict, colours), sum(check["earned"] for check in checks),
                                 sum(check["points"] for check in checks), title)


def tell_checks(checks, results, most, colours, **where):
    """The checks of one step as text: each in a line, and the first that failed in full; or all of these, if there is
    no limit to the lines."""
    lines, told = [], False
    for check in checks:
        lines.append(one_line(check["verdict"], [check], check["title"], colours))
        if check["verdict"] == model.FAILED and not (any(most) and told):
            lines.append(failure(check, results["chapter"], most=most, **where))
            if "random" in check["name"]:
                lines.append("    Random faults had the seed {0}: LAB_SEED={0} repeats them.".format(results["seed"]))
            lines.append("")
            told = True
        elif check["reason"] and check["verdict"] != model.NOT_CHECKED:
            lines.append(indent(check["reason"], "    ", where["width"]))
    return "\n".join(lines).rstrip("\n")


def counted(number, noun):
    """So many of something: 1 point, 2 points."""
    return "%d %s%s" % (number, noun, "s" * (number != 1))


def tell_later(steps):
    """One line for the steps that come later, a dictionary from step to checks."""
    checks = sum(steps.values(), [])
    return "  Later: %s, %s more; %d of %d checks pass already." % (
        "steps %d to %d" % (min(steps), max(steps)) if len(steps) > 1 else "step %d" % min(steps),
        counted(sum(check["points"] - check["earned"] for check in checks), "point"),
        sum(check["verdict"] == model.PASSED for check in checks), len(checks))


def what_next(results, compare):
    """What to do next, in words; `compare`: this copy has a finished program of ours."""
    chapter, step = results["chapter"], step_now(results)
    name, trouble = number(chapter), first_trouble(results)
    if step is None and results["checks"] and not model.had_trouble(results):
        words = ["make compare %s shows your program beside ours, file by file" % name] * compare
        if is_exercise(chapter):
            words.append("make start says where you stand")
        elif name != "9":
            words.append("make start %d" % (int(name) + 1))
        return "; then ".join(words or ["nothing: this was the last chapter"])
    if not trouble:
        return "make grade %s again" % name
    if not trouble["by_hand"]:  # it does not build
        return "mend that, then make grade %s again" % name
    if any(check["earned"] for check in results["checks"] if check["step"] == step):
        return 'mend "%s", for %s more, then make grade %s again' % (
            trouble["title"], counted(trouble["points"], "point"), name)
    return "write step %s.%d, as %s/README.md tells it under that title, then make grade %s again" % (
        name, step, place(chapter), name)


def tell(results, everything=False, compare=False, folder="your program's folder", colours=None):
    """A chapter's grading as text: the finished steps in a line each, the step that one is in with its first
    failure, and what comes next. Or `everything`."""
    colours = sys.stdout.isatty() if colours is None else colours
    where = {"width": terminal_width() if colours else WIDTH, "folder": folder}
    for most in [(None, None)] if everything else MOST:
        told = tell_steps(results, most, compare, colours, **where)
        if told.count("\n") < SCREEN:
            break
    return told


def tell_steps(results, most, compare, colours, **where):
    """The same, with a limit to the lines that a failed check tells at length; None stands for no limit."""
    now, steps = step_now(results), {}
    for check in results["checks"]:
        steps.setdefault(check["step"], []).append(check)
    done, parts, later = [], [], {}
    for step, checks in steps.items():
        if step == now or not any(most):
            parts.append("  %s\n%s" % (step_name(results, step), tell_checks(checks, results, most, colours, **where)))
        elif now is None or step < now:
            odd = [check for check in checks if check["verdict"] == model.NOT_POSSIBLE]
            done += [one_line(model.PASSED, checks, step_name(results, step), colours),
                     *[tell_checks(odd, results, most, colours, **where)] * bool(odd)]
        else:
            later[step] = checks
    parts = [headline(results), "\n".join(done), *parts, tell_later(later) if later else ""]
    if model.had_trouble(results):
        errors = [check["title"] + ": " + check["reason"] for check in results["checks"]
                  if check["verdict"] == model.GRADER_ERROR]
        parts.append("  A grader error is not your fault, and costs no points. Please report it:\n%s"
                     % indent("\n".join([*errors, results["log"]]), "    ", where["width"]))
    parts.append("\n".join(textwrap.wrap("Next: %s." % what_next(results, compare), where["width"], break_on_hyphens=False)))
    return "\n\n".join(filter(None, parts))


def clear():
    """What takes away all that a terminal shows; elsewhere an empty line."""
    return "\033[H\033[2J" if sys.stdout.isatty() else "\n"


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
