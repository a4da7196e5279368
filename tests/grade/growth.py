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

from grade import names
from grade.files import read
from grade.names import chapters
from harness.build import program_name

GIVEN = {  # the chapter whose program this one begins as (None: with an empty main()), and what is given besides
    "01-socket": (None, []),
    "02-bind-listen": (None, ["errors"]),
    "03-accept": ("02-bind-listen", []),
    "04-send-recv": ("03-accept", []),
    "05-client": (None, ["address", "errors"]),
    "4a-framing": ("04-send-recv", []),
    "4c-urgent": ("04-send-recv", []),
    "5b-poll-server": ("04-send-recv", []),
    "06-dns-lookup": (None, ["address", "connect", "errors", "io"]),
    "07-tinyweb": ("04-send-recv", ["reader"]),
    "7a-listing": ("07-tinyweb", []),
    "7b-range": ("07-tinyweb", []),
    "08-fork-server": ("07-tinyweb", []),
    "8a-cgi": ("08-fork-server", []),
    "8b-keep-alive": ("08-fork-server", []),
    "8c-tftp": ("08-fork-server", []),
    "09-daemon": ("08-fork-server", []),
    "9a-socket-activation": ("09-daemon", []),
    "9b-tls-termination": ("09-daemon", []),
    # An exercise that is not here begins with an empty main(), and the files that its Makefile takes from elsewhere.
}
TAKEN = re.compile(r"(?:\.\./)+(?:0\d-[\w-]+/)?(\w+)\.c\b")  # such as ../errors.c, in an exercise's Makefile
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


def taken(folder):
    """The files that the Makefile of an exercise's folder takes from elsewhere: a dictionary from their names to their
    paths. It is empty for a folder that has all of its program."""
    makefile = os.path.join(folder, "Makefile")
    found = TAKEN.finditer(read(makefile)) if os.path.isfile(makefile) else ()
    paths = [os.path.join(folder, match.group()[:-1] + end) for match in found for end in "ch"]
    for name in sources(folder) if paths else ():  # a changed file has a header, which may be unchanged
        if '#include "%sh"' % name[:-1] in read(folder, name) and name[:-1] + "h" not in sources(folder):
            paths.append(os.path.join(folder, "..", name[:-1] + "h"))
    return {os.path.basename(path): os.path.normpath(path) for path in paths if os.path.isfile(path)}


def program_in(folder):
    """The program whose C files lie in a folder, with those that an exercise takes from elsewhere."""
    paths = {**taken(folder), **{name: os.path.join(folder, name) for name in sources(folder)}}
    return {name: read(paths[name]).splitlines(True) for name in sorted(paths)}


def renamed(text, old, new):
    """A program's main file under its new name, where the name stands for the program."""
    text = re.sub(r'\A/\* %s\b' % re.escape(old), "/* " + new, text)
    text = text.replace('program[] = "%s"' % old, 'program[] = "%s"' % new)
    return text.replace('"usage: %s' % old, '"usage: %s' % new)


def ours(chapter):
    """The folder of a program in this copy."""
    return os.path.join(names.REPOSITORY, names.place(chapter))


def given(chapter):
    """What a program begins with, see GIVEN."""
    helpers = TAKEN.findall(read(ours(chapter), "Makefile")) if chapter not in GIVEN else []
    return GIVEN.get(chapter, (None, helpers))


def grown_from(chapter, folder_of=ours):
    """The program of earlier chapters that a chapter's grows from. `folder_of` tells the folder of a finished
    program; what is given besides, but is in none of them under its name, is left out."""
    (before, helpers), main = given(chapter), program_name(chapter)
    if before:
        old = program_name(before)
        program = program_in(folder_of(before))
        text = renamed("".join(program.pop(old + ".c", [])), old, main)
    else:
        program = {}
        text = EMPTY.format(main, WITH_ERRORS.format(main, "errors.h") if helpers else "")
    program[main + ".c"] = text.splitlines(True)
    for helper in helpers:
        until = names.chapter_of(chapter)  # the last one that an exercise takes files from; a chapter has its own
        earlier = (folder_of(name) for name in reversed(chapters()) if name < chapter and name <= until)
        latest = next((folder for folder in earlier if helper + ".h" in sources(folder)), None)
        for name in (helper + ".c", helper + ".h") if latest else ():
            program[name] = read(latest, name).splitlines(True)
    return program


def makefile(chapter):
    """The Makefile of a program's folder that has all of it. That of an exercise here takes files from elsewhere; so it
    is like its chapter's."""
    lies_in = names.chapter_of(chapter)
    return re.sub(r"(-o |^PROGRAM = )%s$" % re.escape(program_name(lies_in)), r"\g<1>" + program_name(chapter),
                  read(names.REPOSITORY, lies_in, "Makefile"), flags=re.MULTILINE)


def lay_out(chapter, program, folder):
    """Fill a folder with a program and what else belongs to its chapter: the Makefile, the files it serves. An
    exercise serves those of the chapter that it lies in."""
    for name, lines in program.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write("".join(lines))
    with open(os.path.join(folder, "Makefile"), "w", encoding="utf-8") as file:
        file.write(makefile(chapter))
    for place in dict.fromkeys([names.chapter_of(chapter), chapter]):
        for name in sorted(os.listdir(ours(place))):
            path = os.path.join(ours(place), name)
            if os.path.isdir(path) and name != "steps" and not name.endswith(".dSYM") and not names.is_exercise(name):
                shutil.copytree(path, os.path.join(folder, name), dirs_exist_ok=True)
            elif name.endswith((".conf", ".service")):
                shutil.copy(path, folder)


def whole(chapter, folder, place):
    """A folder that has all of the program in `folder`: that one, but for an exercise of ours, which takes files from
    elsewhere; it is laid out in the folder `place`."""
    if not (names.is_exercise(chapter) and taken(folder)):
        return folder
    complete = os.path.join(place, chapter)
    os.mkdir(complete)
    lay_out(chapter, program_in(folder), complete)
    return complete


# ---- Patches

class Mismatch(Exception):
    """A patch does not fit; the text says which, and where."""


def titles(chapter):
    """The titles of a chapter's steps, in order: its patches have them, and, where these are withheld, its lesson."""
    return [read(path).partition("\n")[0] for path in patches(ours(chapter))] or re.findall(
        r"^### %s\.\d+ (.*)$" % names.number(chapter), read(ours(chapter), "README.md"), re.MULTILINE)


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
    for old, new, hunks in re.findall(r"^--- (\S+)\n\+\+\+ (\S+)\n((?:[@ +-].*\n)*?)(?=^--- a?/|\Z)", patch, re.MULTILINE):
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
    """The unified diff between two programs, as a text. Of a file that is gone it has the name alone."""
    parts = []
    for file in sorted({*old, *new}):
        if file not in new:
            parts += ["--- a/" + file, "+++ /dev/null"]
            continue
        parts += difflib.unified_diff(old.get(file, []), new[file], "a/" + file if file in old else "/dev/null", "b/" + file)
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
        number = names.number(chapter)
        sys.exit("make: %s.%s: which step? %s.1 to %s.%d" % (number, step, number, number, len(titles(chapter))))
    return chapter, int(step or 0)


def words(chapter, step):
    """What the patch of a step says before its diff."""
    return read(patches(ours(chapter))[step - 1]).partition("\n--- ")[0]


def state(chapter, step):
    """The program of a chapter as it is after a step. Ends with a clear line where this copy does not have it."""
    if not patches(ours(chapter)):
        sys.exit("make: the steps of %s are yours to write: they are not in this copy" % chapter)
    return states(chapter)[step]
