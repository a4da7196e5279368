"""grades.conf, beside the submissions of a class: how much each program counts, and what being late costs.

    04-send-recv = 2    # counts twice; what is not named counts once
    5b = 0.5
    late = 10           # percent of the points
"""

import os
import re
import sys

from grade import results as model
from grade.names import meant

FILE = "grades.conf"


class Weights:
    """What the points of a program count, by its name, and what is left of those of a learner who is late."""

    def __init__(self, of=None, late=0):
        self.of, self.late = of or {}, late

    def left(self, learner):
        """The part of the points that a learner keeps."""
        return 1 - self.late / 100 if learner.late else 1

    def tell(self, learners):
        """Add to the remark on those who are late what that costs."""
        for learner in learners:
            learner.remarks = ["LATE: %g percent less" % self.late if remark == "LATE" and self.late else remark
                               for remark in learner.remarks]

    def total(self, learner):
        """All points of a learner; whole numbers stay so."""
        points = sum(model.earned(results) * self.of.get(program, 1) for program, results in learner.results.items())
        return rounded(points * self.left(learner))


def rounded(points):
    """Points, to two decimal places at most."""
    points = round(points, 2)
    return int(points) if points == int(points) else points


def read(*folders):
    """The Weights in the first of these folders of submissions that has some. What is wrong there ends this with a line
    that says where."""
    path = next(filter(os.path.exists, (os.path.join(folder, FILE) for folder in folders)), None)
    if not path:
        return Weights()
    found = {}
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        lines = [line.partition("#")[0].strip() for line in file]
    for number, line in enumerate(lines, 1):
        name, equals, value = (word.strip() for word in line.partition("="))
        key = "late" if name == "late" else meant(name)
        percent = key == "late" and value.endswith("%")
        try:
            if not line:
                continue
            if not equals:
                raise ValueError("a name, = and a number, as in 04-send-recv = 2")
            if not key:
                raise ValueError("which chapter is %s? 1 to 9, or an exercise, such as 4b, or late" % name)
            if not re.fullmatch(r"\d{1,6}(\.\d+)?", value[:-1].strip() if percent else value):
                raise ValueError("%s is no number, such as 2 or 0.5" % (value or "nothing"))
            if key in found:
                raise ValueError("%s has its number already" % key)
            found[key] = float(value.rstrip("% "))
            if key == "late" and found[key] > 100:
                raise ValueError("late takes 100 percent at most")
        except ValueError as error:
            sys.exit("make class: %s, line %d: %s" % (path, number, error))
    return Weights(found, found.pop("late", 0))
