"""What makes a test a graded check: its points, and what a learner is told when it fails."""

import collections
import re

TOTAL = 100  # the points of each chapter

# title: what is checked, word for word a line of the contract in the chapter's README.md
# symptoms: what is told of a failure, by what was seen of it; see choose()
# step: the step of the chapter that brings it: 3 for 7.3
# read: the section of the chapter's README.md that helps
# needs: the names of the checks that must have passed, or this one means nothing
# limit: seconds in which it must be over
Graded = collections.namedtuple("Graded", "points title symptoms read needs limit step")

# seen: a regular expression for what the failed check has told: its steps, its message, where it crashed
# cause: the likely cause of that, in a sentence or two that name the call
# by_hand: commands that show it, one for each terminal; the first starts the program. None: the check's
Symptom = collections.namedtuple("Symptom", "seen cause by_hand", defaults=[None])


def graded(points, title, cause, read, by_hand, needs=None, limit=30, step=1):
    """Make a test function a graded check; see Graded. `cause` is a text or, where one check sees more than
    one symptom, a list of Symptoms, the last of which may be a text: it stands for all others. Unless `needs`
    says something else, a check needs the first one of its chapter that has no `needs` either."""
    causes = [cause] if isinstance(cause, str) else cause
    symptoms = [Symptom("", each, by_hand) if isinstance(each, str) else each._replace(by_hand=each.by_hand or by_hand)
                for each in causes]

    def mark(function):
        function.graded = Graded(points, title, symptoms, read, needs, limit, step)
        return function

    return mark


def choose(graded, told, general=()):
    """The symptom of a check that fits what it has told: one of its own, else one of the general ones; else its
    last, which stands for all others."""
    default = graded.symptoms[-1]
    for symptom in [*graded.symptoms, *general]:
        if symptom.seen and re.search(symptom.seen, told, re.MULTILINE):
            return symptom._replace(by_hand=symptom.by_hand or default.by_hand)
    return default
