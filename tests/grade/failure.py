"""Telling one failed check to a person."""

import functools
import json
import os
import re
import textwrap

from grade.names import place
from harness.build import ERROR

RIGHT = os.path.join(os.path.dirname(__file__), "right.json")  # written by mutants/right.py
WIDTH = 80  # of what goes into a file, whoever has it written
# A space may be the mistake, and the last column: what a program printed, such as a dump, is not wrapped.
AS_IT_IS = re.compile(r"expected: |got: | |[0-9a-f]{8}\b|.*\S  +\S")


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
    there is more to see than that it listens: one list for each."""
    shows = next((known["shows"] for known in right().get(chapter, []) if known["by_hand"] == check["by_hand"]), [])
    for number, text in enumerate(shows, 1):
        shown = text.rstrip("\n").split("\n") if text else []
        if not shown or (len(shown) == 1 and shown[0].startswith("listening on ")):
            continue
        terminal = "in terminal %d " % number if len(shows) > 1 else ""
        yield ["    right:   %sone sees" % terminal, *("               " + printable(shorter(line)) for line in shown)]


def shorter(line):
    """A line; of one that fills half a screen the middle is left out."""
    return line if len(line) <= 600 else line[:120] + " ... " + line[-60:]


def few(text, most, last=True):
    """The lines of a text; where they are more than `most`, the first and, if `last`, the last of them."""
    lines = text.split("\n")
    if not most or len(lines) <= most:
        return lines
    first = most // 2 if last else most - 1
    gap = " " * (len(lines[first]) - len(lines[first].lstrip())) + "..."
    return [*lines[:first], gap, *lines[len(lines) - (most - 1 - first):]]


def few_of_each(message, most):
    """The same of a message, in which what was expected and what came begin with the first difference."""
    return [line for part in re.split(r"\n(?=    (?:expected|got|first difference|stderr):)", message)
            for line in few(part, most, last=not part.startswith(("    expected:", "    got:")))]


def from_the_error(message, most):
    """What make has said; where `most` lines of it would lack the first error, it begins there."""
    lines = message.split("\n")
    first = next((number for number, line in enumerate(lines) if ERROR.match(line)), 0)
    return "\n".join(["    ...", *lines[first:]]) if most and len(lines) > most and first >= most // 2 else message


def failure(check, chapter, width=WIDTH, folder="your program's folder", most=(None, None)):
    """The lesson that a failed check is: what was done, what came of it, why, and how to see it. `most` limits the lines
    of the steps, and of each of the other parts; of more, some are told."""
    steps = [indent(step, "    %2d. " % number, width) for number, step in enumerate(check["steps"], 1)]
    lines = few("\n".join(steps), most[0]) if steps else []
    message = indent(check["message"], "    ", width)
    lines += few_of_each(message if check["by_hand"] else from_the_error(message, most[1]), most[1])
    if check["crash"]:
        lines.append(indent(check["crash"], "    where:   ", width))
    lines.append(indent(check["cause"], "    likely:  ", width))
    sections = " and ".join('"%s"' % section for section in check["read"])
    lines.append(indent("%s/README.md, %s" % (place(chapter), sections), "    read:    ", width))
    if check["by_hand"]:
        lines.append("    by hand, in %s, after make:" % folder)
    for number, command in enumerate(check["by_hand"], 1):
        terminal = "terminal %d: " % number if len(check["by_hand"]) > 1 else ""
        lines.append("             " + terminal + command.replace("\n", "\n" + " " * (13 + len(terminal))))
    for shown in right_output(check, chapter):
        lines += few("\n".join(shown), most[1])
    return "\n".join(lines)
