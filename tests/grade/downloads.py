"""What Canvas, Moodle and Gradescope call the submissions that an instructor downloads, and who has handed in what.

Canvas: doejane_LATE_12345_67890_send-recv-1.zip, with the learner's number, the file's, which grows with time, and the
name that the file had; a -1 in it came when an older one had that name. Without names: anon_Ab3xZ_67890_send-recv.zip.
Moodle: Jane Doe_1234567_assignsubmission_file_, a folder, or at the beginning of each file's name.
Gradescope: submission_409194023, a folder; whose it is, one learner's or a group's, submission_metadata.yml says.

What a learner has here was handed in together: the older attempts are not in a download."""

import contextlib
import os
import re
from typing import NamedTuple

from grade.names import meant
from grade.unpack import is_archive, stem

CANVAS = re.compile(r"(?:(?P<name>[^\s.()-]+?)_)??(?:(?P<late>LATE)_)?(?P<user>\d+|anon_\w+?)_(?:(?P<number>\d+)_(?P<file>.+)"
                    r"|(?:text|link)\.html)", re.DOTALL)
MOODLE = re.compile(r"(?P<name>[^_]+)(?:_(?P<user>\d+))?_assignsubmission_(?P<kind>[a-z]+)_?(?P<file>.*)", re.DOTALL)
VERSION = re.compile(r"(-\d+| ?\(\d+\))(?=(\.[A-Za-z0-9]+)*$)")

GRADESCOPE = "submission_metadata.yml"
GROUP = re.compile(r"^(submission_\w+):\n  :submitters:\n((?:(?:  - |    ).*\n)+)", re.MULTILINE)
SUBMITTER = re.compile(r"""^  - :name: ["']?(.*?)["']?$""", re.MULTILINE)


class HandIn(NamedTuple):
    """A file or folder that a learner has handed in."""
    who: tuple  # the system, and the number there
    name: str
    late: bool
    number: int  # grows with time
    file: str  # the name that it had; "" for a folder
    group: tuple = ()  # the names of others whose it is, too


def submitters(folder):
    """The names of the learners in a folder from Gradescope: a dictionary from their folders' names to lists."""
    with contextlib.suppress(OSError), open(os.path.join(folder, GRADESCOPE), encoding="utf-8", errors="replace") as file:
        return {folder: SUBMITTER.findall(group) for folder, group in GROUP.findall(file.read() + "\n")}
    return {}


def told(entry, names):
    """What the name of a file or folder tells, a HandIn. `names` are those from Gradescope."""
    canvas, moodle = CANVAS.fullmatch(entry), MOODLE.fullmatch(entry)
    if canvas and (canvas["name"] or canvas["user"].startswith("anon")):
        return HandIn(("Canvas", canvas["user"]), canvas["name"] or canvas["user"], bool(canvas["late"]),
                      int(canvas["number"] or 0), original(canvas["file"] or entry))
    if moodle:
        file = moodle["file"] or "" if moodle["kind"] == "file" else entry
        return HandIn(("Moodle", moodle["user"] or moodle["name"]), moodle["name"], False, 0, file)
    first, *group = names.get(entry) or [stem(entry)]
    return HandIn(("", entry), first, False, 0, "", tuple(group))


def is_from(folder, entries):
    """Whether all these entries of a folder, and there are some, come from a download of such a system."""
    names = submitters(folder)
    return bool(entries) and all(entry in names or told(entry, names).who[0] for entry in entries)


def original(file):
    """The name that a file had before Canvas told it from an older one: send-recv-1.c was send-recv.c, but chapter-4.c
    is no fourth chapter.c."""
    before = VERSION.sub("", file, 1)
    means, meant_before = (meant(name.partition(".")[0]) for name in (file, before))
    return before if means in (None, meant_before) else file


def uploaded(folder, entry, hand_in):
    """What an entry is of, pairs as it is one itself: in Moodle's folder with archives each thing was uploaded by itself."""
    path, there = os.path.join(folder, entry), []
    if hand_in.who[0] == "Moodle":
        with contextlib.suppress(OSError):  # it is a file
            there = sorted(os.listdir(path))
    parts = [(os.path.join(entry, name), hand_in._replace(file=name)) for name in there]
    return parts if any(map(is_archive, there)) else [(entry, hand_in)]


def together(folder, handed_in):
    """What one learner has handed in, pairs of an entry and a HandIn, as receive() wants it, and whether the latest was
    late. An archive or a folder counts by itself, and before single files, which are one program together."""
    handed_in = sorted((part for pair in handed_in for part in uploaded(folder, *pair)), key=lambda pair: pair[1].number)
    single = [pair for pair in handed_in if pair[1].file and not is_archive(pair[0])
              and not os.path.isdir(os.path.join(folder, pair[0]))]
    groups = [single] * bool(single) + [[pair] for pair in handed_in if pair not in single]
    return [[(os.path.join(folder, entry), each.file) for entry, each in group] for group in groups], handed_in[-1][1].late
