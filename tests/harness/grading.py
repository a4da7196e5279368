"""What makes a test a graded check: its points, and what a learner is told when it fails."""

import collections

TOTAL = 100  # the points of each chapter

# title: what is checked, word for word a line of the contract in the chapter's README.md
# cause: the likely cause of a failure, one sentence
# read: the section of the chapter's README.md that helps
# by_hand: commands that show it, one for each terminal; the first starts the program
# needs: the names of the checks that must have passed, or this one means nothing
# limit: seconds in which it must be over
Graded = collections.namedtuple("Graded", "points title cause read by_hand needs limit")


def graded(points, title, cause, read, by_hand, needs=None, limit=30):
    """Make a test function a graded check; see Graded. Unless `needs` says something else, a check needs
    the first one of its chapter."""

    def mark(function):
        function.graded = Graded(points, title, cause, read, by_hand, needs, limit)
        return function

    return mark
