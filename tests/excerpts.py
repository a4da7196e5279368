"""The excerpts of the source in the lessons (```c file.c): finding those that have drifted from it, and
renewing them. In the section of a step they are lines of the program as it is after that step. Needs Python 3.9
and nothing else."""

import difflib
import os
import re

from grade import growth
from grade.files import read

EXCERPT = re.compile(r"^```c\b ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def nearest(excerpt, source):
    """The lines of the source that are most like the excerpt, as a string; empty if none are like it."""
    lines, height = source.splitlines(True), len(excerpt.splitlines())
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(excerpt)
    best, found = 0.6, ""
    for size in sorted(range(max(1, height - 6), height + 7), key=lambda size: abs(size - height)):
        for start in range(len(lines) - size + 1):
            matcher.set_seq1("".join(lines[start:start + size]))
            if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and matcher.ratio() > best:
                best, found = matcher.ratio(), "".join(lines[start:start + size])
    return found


def drifted(name, folder_of=growth.ours):
    """The excerpts of a program's lesson that are not in the source: rows (excerpt, file, nearest lines). `folder_of`
    tells the folder of a program."""
    folder = folder_of(name)
    states = [*growth.states(name, folder_of), growth.program_in(folder)]
    for step, text in sections(read(folder, "README.md")):
        for file, excerpt in EXCERPT.findall(text):
            source = "".join(states[step].get(file, []))
            if excerpt not in source:
                yield excerpt, file, nearest(excerpt, source)


def sections(lesson):
    """The parts of a lesson, and of which step each tells: pairs (step, text); -1 stands for the finished program."""
    for part in re.split(r"^(?=##+ )", lesson, flags=re.MULTILINE):
        step = re.match(r"### \d[a-z]?\.(\d+) ", part)
        yield int(step.group(1)) if step else -1, part


def difference(name, excerpt, file, lines):
    """What an excerpt that has drifted says, and what the source does, for people."""
    names = os.path.join(name, "README.md"), os.path.join(name, file)
    return "".join(difflib.unified_diff(excerpt.splitlines(True), lines.splitlines(True), *names, n=100))


def renew(name):
    """Write the nearest lines in place of each excerpt of a lesson that has drifted, and print what has changed.
    Return how many there are that nothing in their file is like: those need a person."""
    lesson = os.path.join(growth.ours(name), "README.md")
    text, left = read(lesson), 0
    for excerpt, file, lines in drifted(name):
        fence = "```c %s\n" % file
        if lines:
            text = text.replace(fence + excerpt, fence + lines)
            print(difference(name, excerpt, file, lines))
        else:
            print("%s/README.md: nothing in %s is like this:\n%s" % (name, file or "any file", excerpt))
            left += 1
    with open(lesson, "w", encoding="utf-8") as file:
        file.write(text)
    return left
