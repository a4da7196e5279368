"""How a chapter's program grows: from what `make start N` lays out, by one patch a step.

NN-name/steps/3-title.patch is step 3 of chapter NN: a title, a few lines that say what one sees now, and a
unified diff. A patch with the number 0 is no step: it takes away what is of no use in the new program. A program
is a dictionary from file name to a list of lines here.
"""

import difflib
import glob
import os
import re
import shutil
import sys

from grade import run
from grade.files import read
from grade.run import chapters
from harness.build import program_name

GIVEN = {  # the chapter whose program this one begins as (None: with an empty main()), and what is given besides
    "01-socket": (None, []),
    "02-bind-listen": (None, ["errors"]),
    "03-accept": ("02-bind-listen", []),
    "04-send-recv": ("03-accept", []),
    "05-client": (None, ["address", "errors"]),
    "06-dns-lookup": (None, ["address", "connect", "errors", "io"]),
    "07-tinyweb": ("04-send-recv", ["reader"]),
    "08-fork-server": ("07-tinyweb", []),
    "09-daemon": ("08-fork-server", []),
}
EMPTY = """/* {0}: what it is to do stands in CONTRACT.md. */
{1}
int main(void)
{{
    return 0;
}}
"""
WITH_ERRORS = """
#include "{1}"

const char program[] = "{0}";
"""


def sources(folder):
    """The names of a folder's C files, in order; none if there is no such folder."""
    try:
        return sorted(file for file in os.listdir(folder) if file.endswith((".c", ".h")))
    except OSError:
        return []


def program_in(folder):
    """The program whose C files lie in a folder."""
    return {name: read(folder, name).splitlines(True) for name in sources(folder)}


def renamed(text, old, new):
    """A program's main file under its new name, where the name stands for the program."""
    text = re.sub(r'\A/\* %s\b' % re.escape(old), "/* " + new, text)
    text = text.replace('program[] = "%s"' % old, 'program[] = "%s"' % new)
    return text.replace('"usage: %s' % old, '"usage: %s' % new)


def ours(chapter):
    """The folder of a chapter in this copy."""
    return os.path.join(run.REPOSITORY, chapter)


def grown_from(chapter, folder_of=ours):
    """The program of earlier chapters that a chapter's grows from. `folder_of` tells the folder of a finished
    program; what is given besides, but is in none of them under its name, is left out."""
    (before, helpers), main = GIVEN[chapter], program_name(chapter)
    if before:
        old = program_name(before)
        program = program_in(folder_of(before))
        text = renamed("".join(program.pop(old + ".c", [])), old, main)
    else:
        program = {}
        text = EMPTY.format(main, WITH_ERRORS.format(main, "errors.h") if helpers else "")
    program[main + ".c"] = text.splitlines(True)
    for helper in helpers:
        earlier = (folder_of(name) for name in reversed(chapters()) if name < chapter)
        latest = next((folder for folder in earlier if helper + ".h" in sources(folder)), None)
        for name in (helper + ".c", helper + ".h") if latest else ():
            program[name] = read(latest, name).splitlines(True)
    return program


def lay_out(chapter, program, folder):
    """Fill a folder with a program and what else belongs to its chapter: the Makefile, the files it serves."""
    for name, lines in program.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write("".join(lines))
    for name in sorted(os.listdir(ours(chapter))):
        path = os.path.join(ours(chapter), name)
        if os.path.isdir(path) and name != "steps" and not name.endswith(".dSYM"):
            shutil.copytree(path, os.path.join(folder, name))
        elif name == "Makefile" or name.endswith((".conf", ".service")):
            shutil.copy(path, folder)


# ---- Patches

class Mismatch(Exception):
    """A patch does not fit; the text says which, and where."""


def titles(chapter):
    """The titles of a chapter's steps, in order: its patches have them, and, where these are withheld, its lesson."""
    return [read(path).partition("\n")[0] for path in patches(ours(chapter))] or re.findall(
        r"^### %d\.\d+ (.*)$" % int(chapter[:2]), read(run.REPOSITORY, chapter, "README.md"), re.MULTILINE)


def patches(folder):
    """The paths of the steps' patches in a chapter's folder, in order; none where they are withheld."""
    paths = glob.glob(os.path.join(glob.escape(folder), "steps", "[1-9]*.patch"))
    return sorted(paths, key=lambda path: int(os.path.basename(path).partition("-")[0]))


def first_cut(folder):
    """The path of the patch with the number 0 in a chapter's folder; None where there is none."""
    return next(iter(glob.glob(os.path.join(glob.escape(folder), "steps", "0-*.patch"))), None)


def beginning(chapter, folder_of=ours):
    """The program that `make start` lays out: what it grows from, less what is of no use in it. A learner's own
    program, which the first cut does not fit, stays whole."""
    program, cut = grown_from(chapter, folder_of), first_cut(ours(chapter))
    try:
        return apply(program, read(cut)) if cut else program
    except Mismatch:
        return program


def apply(program, patch, name="the patch"):
    """The program after a patch, a text. Raises Mismatch: every line has to be where the patch says."""
    result = dict(program)
    for old, new, hunks in re.findall(r"^--- (\S+)\n\+\+\+ (\S+)\n((?:[@ +-].*\n)+?)(?=^--- a?/|\Z)", patch, re.MULTILINE):
        file = (new if old == "/dev/null" else old).partition("/")[2]
        lines, at, done = result.pop(file, []), 0, []
        for start, length, body in re.findall(r"^@@ -(\d+)(?:,(\d+))? .*\n((?:[ +-].*\n)*)", hunks, re.MULTILINE):
            body = body.splitlines(True)
            first = int(start) - (length != "0")  # a hunk that takes nothing away names the line before it
            before = [line[1:] for line in body if line[0] in " -"]
            if first < at or lines[first:first + len(before)] != before:
                raise Mismatch("%s does not fit %s, line %s" % (name, file, start))
            done += lines[at:first] + [line[1:] for line in body if line[0] in " +"]
            at = first + len(before)
        if new != "/dev/null":
            result[file] = done + lines[at:]
    return result


def difference(old, new):
    """The unified diff between two programs, as a text."""
    parts = []
    for file in sorted({*old, *new}):
        parts += difflib.unified_diff(old.get(file, []), new.get(file, []), "a/" + file if file in old else "/dev/null",
                                      "b/" + file if file in new else "/dev/null")
    return "".join(line if line.endswith("\n") else line + "\n" for line in parts)


def states(chapter, folder_of=ours):
    """The program of a chapter after each of its steps; before them stands what `make start` lays out."""
    programs = [grown_from(chapter, folder_of)]
    cut = first_cut(folder_of(chapter))
    if cut:
        programs = [apply(programs[0], read(cut), os.path.join(chapter, "steps", os.path.basename(cut)))]
    for path in patches(folder_of(chapter)):
        programs.append(apply(programs[-1], read(path), os.path.join(chapter, "steps", os.path.basename(path))))
    return programs


def split(name):
    """A chapter's name and the number of a step, from such as 07-tinyweb.3; without one the number is 0."""
    chapter, dot, step = name.partition(".")
    if dot and not (step.isdigit() and 0 < int(step) <= len(titles(chapter))):
        number = int(chapter[:2])
        sys.exit("make: %d.%s: which step? %d.1 to %d.%d" % (number, step, number, number, len(titles(chapter))))
    return chapter, int(step or 0)


def words(chapter, step):
    """What the patch of a step says before its diff."""
    return read(patches(ours(chapter))[step - 1]).partition("\n--- ")[0]


def state(chapter, step):
    """The program of a chapter as it is after a step. Ends with a clear line where this copy does not have it."""
    if not patches(ours(chapter)):
        sys.exit("make: the steps of %s are yours to write: they are not in this copy" % chapter)
    return states(chapter)[step]
