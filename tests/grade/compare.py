"""make compare N: a learner's program beside ours, file by file."""

import difflib
import os

from grade import growth
from grade.failure import printable

ALIKE = 0.3  # the share of a file's lines from which on it stands where another one does


def alike(one, other):
    """How much two lists of lines have in common, from 0 to 1; indentation and empty lines say nothing."""
    return difflib.SequenceMatcher(None, *([line.strip() for line in lines if line.strip()] for lines in (one, other)),
                                   autojunk=False).ratio()


def pairs(yours, ours):
    """The files that stand in the same place of two programs, a dictionary from our name to yours: those of the same
    name, and then those that are most alike."""
    found = {name: name for name in ours if name in yours}
    left = sorted(((alike(yours[name], ours[place]), place, name) for place in ours if place not in found
                   for name in yours if name not in found and name[-2:] == place[-2:]), reverse=True)
    for likeness, place, name in left:
        if likeness >= ALIKE and place not in found and name not in found.values():
            found[place] = name
    return found


def named(names, program):
    """File names with the number of their lines, as one text."""
    return ", ".join("%s (%d %s)" % (name, len(program[name]), "line" if len(program[name]) == 1 else "lines") for name in names)


def compare(chapter, folder, ours, whose="ours"):
    """Compare the program in a folder with `ours`, of this chapter; yields lines of text: - is yours, + is ours."""
    yours = growth.program_in(folder)
    beside, same = pairs(yours, ours), []
    for place, name in sorted(beside.items()):
        if yours[name] == ours[place]:
            same.append(place if name == place else "%s (your %s)" % (place, name))
            continue
        if name != place:
            yield "Your %s stands where ours has %s:" % (name, place)
        for line in difflib.unified_diff(yours[name], ours[place], "%s/%s (yours)" % (os.path.relpath(folder), name),
                                         "%s/%s (%s)" % (chapter, place, whose), lineterm=""):
            yield printable(line.rstrip("\n"))
        yield ""
    only_yours = [name for name in sorted(yours) if name not in beside.values()]
    only_ours = [name for name in sorted(ours) if name not in beside]
    if same:
        yield "The same in both: %s." % ", ".join(same)
    if only_yours:
        yield "Only yours has %s." % named(only_yours, yours)
    if only_ours:
        yield "Only ours has %s." % named(only_ours, ours)
