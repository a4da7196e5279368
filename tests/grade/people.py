"""Who is in a class: each learner, with what was handed in and what came of it."""

import contextlib
import glob
import hashlib
import os
import re
import sys

from grade import downloads, names, report, weights
from grade import results as model
from grade.failure import printable
from grade.roster import key
from grade.unpack import is_archive, stem


class Learner:
    """What one learner has handed in, and what came of it."""

    def __init__(self, name, told=None, handed_in=(), label="", late=False):
        self.name, self.told, self.entry, self.others = name, told, None, []  # see downloads.HandIn, roster.Entry
        self.handed_in, self.label, self.late = handed_in, label, late  # see submissions.receive()
        self.remarks, self.notes, self.results = [], [], {}  # notes are remarks for the instructor alone
        self.waiting = set()  # the chapters that are still to be graded
        self.folders = {}  # of the chapters that were handed in

    @classmethod
    def absent(cls, entry):
        """Who is in the roster and has handed in nothing."""
        learner = cls(entry.name)
        learner.entry, learner.notes = entry, ["handed in nothing"]
        return learner

    def said(self):
        """All that the instructor should know of it, a list of remarks."""
        troubled = sorted(chapter for chapter, results in self.results.items() if model.had_trouble(results))
        return [*self.remarks, *self.notes, *["not all graded yet"] * bool(self.waiting),
                *("grader error in " + chapter for chapter in troubled)]

    def report(self):
        """All that the learner should read, as text."""
        everything = [self.results[chapter] for chapter in sorted(self.results)]
        parts = [self.name, *self.remarks, report.scoreboard(everything),
                 *(report.tell(results, bool(os.environ.get("ALL")), colours=False) for results in everything)]
        return printable("\n\n".join(part for part in parts if part) + "\n")


def entries(folder, *others):
    """What is in the class's folder, in order. The `others`, such as the results, are none of it, nor is a folder that they
    lie in."""
    return sorted(entry for entry in os.listdir(folder)
                  if not entry.startswith((".", "__MACOSX", downloads.GRADESCOPE)) and entry != weights.FILE
                  and not any((other + os.sep).startswith(os.path.join(folder, entry, "")) for other in others))


def inside(folder, *others):
    """The class's folder; or, where a download was unpacked into one that is all there is in it, that one."""
    there = entries(folder, *others)
    below = os.path.join(folder, there[0]) if len(there) == 1 and not downloads.is_from(folder, there) else ""
    if not os.path.isdir(below):
        return folder
    last = inside(below, *others)
    return last if last != below or downloads.is_from(below, entries(below, *others)) else folder


def may_be_a_class(folder):
    """Whether what looks like a learner's folder may be one of several learners: nothing in it is a chapter's."""
    there = entries(folder) if os.path.isdir(folder) else []
    return len(there) > 1 and all((os.path.isdir(os.path.join(folder, entry)) or is_archive(entry)) and not names.meant(stem(entry))
                                  for entry in there)


def learners(folder, *others):
    """A Learner for each folder and file in the class's folder, in order, but for the `others`."""
    people, submitters = {}, downloads.submitters(folder)
    for entry in entries(folder, *others):
        told = downloads.told(entry, submitters)
        people.setdefault(told.who, []).append((entry, told))
    called = [handed_in[0][1].name for handed_in in people.values()]
    found = []
    for who, handed_in in people.items():
        name = handed_in[0][1].name
        if called.count(name) > 1:
            name = "%s_%s" % (name, who[1]) if who[0] else who[1]
        label = re.sub(r"[^\w .@+-]", "_", name)[:60]
        if label != name:  # and two of them must not become one
            label += "-" + hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
        groups, late = downloads.together(folder, handed_in)
        found.append(Learner(name, handed_in[0][1], groups, label, late))
    return found


def meant_by(only, everyone):
    """The learners that ONLY=... names, by a name or several with commas between them; all if it is empty. Capitals,
    accents and the order of a name's words do not matter."""
    called = [{key(learner.name), key(learner.label)} for learner in everyone]
    words = [only] if any(key(only) in each for each in called) else [word.strip() for word in only.split(",")]
    for word in filter(None, words):
        if not any(key(word) in each for each in called):
            sys.exit("make class: ONLY=%s: who is %s? Names are as in scores.csv, with commas between" % (only, word))
    return [learner for learner, each in zip(everyone, called) if not only or each.intersection(map(key, words))]


def remove_others(everyone, out):
    """Remove the results of those who are not in the class any more; nothing else that may lie in the folder `out`."""
    for label in set(os.listdir(os.path.join(out, "json"))).difference(learner.label for learner in everyone):
        place = os.path.join(out, "json", label)
        with contextlib.suppress(OSError):  # it is something else
            for program in names.programs():
                for path in glob.glob(os.path.join(glob.escape(place), program + ".json*")):
                    os.remove(path)
            os.rmdir(place)
            os.remove(os.path.join(out, "reports", label + ".txt"))
