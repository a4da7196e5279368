"""What the programs are called, and where they are: nine chapters, and exercises beside them."""

import functools
import glob
import os
import re
import sys

from grade.files import REPOSITORY


def chapters():
    """The names of all chapters, in order."""
    return sorted(os.path.basename(os.path.dirname(path))
                  for path in glob.glob(os.path.join(glob.escape(REPOSITORY), "0[1-9]-*", "")))


def programs():
    """The names of all programs, in order: the chapters, and after each its exercises, such as 4b-datagram."""
    exercises = glob.glob(os.path.join(glob.escape(REPOSITORY), "0[1-9]-*", "[1-9][a-z]-*", ""))
    return sorted([*chapters(), *(os.path.basename(os.path.dirname(path)) for path in exercises)],
                  key=lambda name: name.lstrip("0"))


def number(name):
    """What a program is called in a command: 4 for 04-send-recv, 4b for 4b-datagram."""
    return name[:2].lstrip("0")


def is_exercise(name):
    """Whether this is the name of an exercise, and not of a chapter."""
    return bool(re.match("[1-9][a-z]-", name))


def chapter_of(name):
    """The chapter that an exercise lies in; of a chapter itself its own name."""
    return next((chapter for chapter in chapters() if is_exercise(name) and chapter[1] == name[0]), name)


def place(name):
    """A program's folder, from the repository's top: 04-send-recv/4b-datagram."""
    return os.path.join(chapter_of(name), name) if is_exercise(name) else name


def wanted(numbers):
    """The programs of these numbers or names, such as "4 4b 05-client", also with commas; all chapters if there are none."""
    words = numbers.replace(",", " ").split()
    for word in words:
        if not meant(word):
            sys.exit("make: CHAPTERS=\"%s\": which chapter is %s? 1 to 9, or an exercise, such as 4b" % (numbers, word))
    return [name for name in programs() if name in map(meant, words)] or chapters()


@functools.lru_cache(maxsize=None)
def spellings(repository):
    """All that a program in this repository may be called, in small letters and digits: a dictionary to its name."""
    return {before + zero + number(name) + after: name for name in programs() for title in [letters(name[2:])]
            for before in ("", "chapter", "chap", "ch", "exercise") for zero in ("", "0") for after in ("", title)
            } | {letters(name[2:]): name for name in programs()}


def letters(name):
    """The small letters and digits of a name."""
    return re.sub(r"[\W_]", "", name.lower())


def meant(name):
    """The program that a folder's or file's name means, without its ending: chapter4, 04_send_recv, send-recv, 4 and
    copies such as "04-send-recv (1)" are 04-send-recv. None where it means none."""
    copied = re.sub(r"( ?\(\d+\)|[ _-]+copy( \d+)?|[ _-]\d)$", "", name, flags=re.IGNORECASE)
    known = spellings(REPOSITORY)
    return known.get(letters(name)) or known.get(letters(copied))
