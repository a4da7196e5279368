"""python3 tests/lab.py steps: carries a change on, to wherever the same code stands.

A change of a chapter's program goes into the step that brought those lines; a change of what a later chapter
is given goes through its steps into its program. git tells what was there before: in the last commit all fits.
"""

import difflib
import os
import re
import subprocess
import sys
import tempfile

from grade import growth
from grade.files import read
from grade.names import number, place, programs
from grade.run import REPOSITORY


class CannotTell(Exception):
    """It is not clear where a change belongs; the text says which change."""


def carried(old, new, other, name, own_stays):
    """The lines `other`, with what was changed from `old` to `new`. A change of lines that `other` does not have
    is left out if `own_stays`, for they are not its own, and where `other` has nothing in their place. Raises
    CannotTell where it has only some of them, or else."""
    twin, gone = {}, set()  # of a line of old: the same line of other; lines that are just not there
    for kind, start, end, there, _ in difflib.SequenceMatcher(None, old, other, False).get_opcodes():
        if kind == "equal":
            twin.update(zip(range(start, end), range(there, there + end - start)))
        elif kind == "delete":
            gone.update(range(start, end))
    result = list(other)
    for kind, i, end, j, to in reversed(difflib.SequenceMatcher(None, old, new, False).get_opcodes()):
        if kind == "equal":
            continue
        if i == end:  # new lines, between two old ones
            before, after = twin.get(i - 1, -1 if i == 0 else None), twin.get(i, len(other) if i == len(old) else None)
            at = before + 1 if before is not None and (after == before + 1 or not own_stays) else \
                after if after is not None and not own_stays else None
            place = None if at is None else slice(at, at)
        else:
            there = [twin.get(line) for line in range(i, end)]
            known = [line for line in there if line is not None]
            if known and (len(known) < len(there) or known[-1] - known[0] != len(known) - 1):
                raise CannotTell("%s has only a part of these lines: change them one after the other\n\n%s"
                                 % (name, "".join(old[i:end])))
            place = slice(known[0], known[-1] + 1) if known else None
        if place is not None:
            result[place] = new[j:to]
        elif not own_stays and not gone.issuperset(range(i, end) or [i - 1, i]):
            raise CannotTell("%s has changed these lines, too: bring the change into its patch by hand, and do this"
                             " again\n\n%s" % (name, "".join(new[j:to] or old[i:end])))
    return result


def merged(old, new, other, name, own_stays):
    """The program `other`, that of the step `name`, with what was changed from the program `old` to `new`."""
    result = {file: lines for file, lines in other.items() if file not in old or file in new}
    for file in new:
        if new[file] in (old.get(file), other.get(file)):
            continue
        if file in other and file in old:
            result[file] = carried(old[file], new[file], other[file], "%s of %s" % (file, name), own_stays)
        elif file not in old and not own_stays:
            result[file] = new[file]
    return result


def last_commit(place):
    """Lay out the last commit in the folder `place`."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=REPOSITORY, stdout=subprocess.PIPE)
    if archive.returncode != 0 or subprocess.run(["tar", "-x", "-C", place], input=archive.stdout).returncode != 0:
        sys.exit("lab.py steps: needs git, which tells what was there before")


def carry_chapter(chapter, before, changed):
    """The states of a chapter into which all changes are carried, the last of which is its program. `before`
    tells the folder of a chapter as it was; `changed` is None, or a pair: a step, and its new program."""
    old, wanted = growth.states(chapter, before), growth.program_in(growth.ours(chapter))
    if old[-1] != growth.program_in(before(chapter)):
        raise CannotTell("in the last commit the steps of %s do not make its program: mend that first" % chapter)
    if [*map(read, growth.patches(growth.ours(chapter)))] != [*map(read, growth.patches(before(chapter)))]:
        by_hand = growth.states(chapter)
        if changed or by_hand[-1] != wanted:
            raise CannotTell("the steps of %s were changed by hand, and do not make its program" % chapter)
        return by_hand
    given = growth.grown_from(chapter)

    def name(step):
        return "step %s.%d" % (number(chapter), step)

    for file in set(given) & set(wanted):
        if old[0].get(file) == old[-1][file] == given[file] != wanted[file]:
            raise CannotTell("%s/%s is an earlier chapter's: change it there" % (chapter, file))
    on = [merged(growth.grown_from(chapter, before), given, old[0], name(0), own_stays=False)]
    for step in range(1, len(old)):
        on.append(changed[1] if changed and changed[0] == step else
                  merged(old[step - 1], on[-1], old[step], name(step), own_stays=False))
    states = [merged(old[-1], wanted, on[-1], chapter, own_stays=False)]
    for step in reversed(range(len(on) - 1)):
        states.insert(0, merged(on[step + 1], states[0], on[step], name(step), own_stays=True))
    return [on[0], *states[1:]]


def write(chapter, states):
    """Write the patches that make these states, and the chapter's program, the last of them. Returns what the files
    said that this has changed: a dictionary from path to text."""
    texts, folder = {}, growth.ours(chapter)
    paths = growth.patches(folder)
    if growth.first_cut(folder):
        paths, states = [growth.first_cut(folder), *paths], [growth.grown_from(chapter), *states]
    for path, old, new in zip(paths, states, states[1:]):
        texts[path] = re.sub(r"^--- .*", "", read(path), flags=re.MULTILINE | re.DOTALL) + growth.difference(old, new)
    for file in states[-1].keys() - growth.taken(folder):
        texts[os.path.join(folder, file)] = "".join(states[-1][file])
    before = {path: read(path) if os.path.exists(path) else None for path in texts}
    before = {path: text for path, text in before.items() if text != texts[path]}
    fill({path: texts[path] for path in before})
    return before


def fill(files):
    """Write files: a dictionary from path to text, or to None for no file."""
    for path, text in files.items():
        if text is None:
            os.remove(path)
            continue
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def steps(step=None, folder=None):
    """Carry all changes on, since the last commit; or, where that cannot be, change nothing. With a step, such as
    7.3, and a folder: the folder has the program as it is to be after that step."""
    if step and not (folder and re.fullmatch(r"[1-9][a-z]?\.[1-9]\d*", step) and growth.sources(folder)):
        sys.exit("usage: lab.py steps [STEP FOLDER], as in: lab.py steps 7.3 work/07-tinyweb")
    changed_program, _, changed_step = (step or "0.0").partition(".")
    before = {}
    with tempfile.TemporaryDirectory() as commit:
        last_commit(commit)
        try:
            for chapter in programs():
                changed = (int(changed_step), growth.program_in(folder)) if number(chapter) == changed_program else None
                before.update(write(chapter, carry_chapter(chapter, lambda name: os.path.join(commit, place(name)), changed)))
        except (CannotTell, growth.Mismatch) as error:
            fill(before)
            sys.exit("lab.py steps: %s" % error)
    for path in before:
        print("changed: " + os.path.relpath(path, REPOSITORY))
    return 0
