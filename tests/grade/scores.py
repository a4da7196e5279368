"""scores.csv: a row for each learner of a class, with the points of each chapter, and of each of its checks."""

import csv
import io
import os

from grade import names
from grade import results as model
from grade.files import write


def harmless(text):
    """A cell that no spreadsheet takes for a formula, and no writer stumbles over."""
    text = text.encode(errors="backslashreplace").decode()
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def table(rows):
    """Rows of cells as CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerows([harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()


def checks(everyone):
    """The checks that have been made, in order: pairs of a program and the check's title."""
    return list(dict.fromkeys((program, check["title"]) for program in names.programs() for learner in everyone
                              if program in learner.results for check in learner.results[program]["checks"]))


def rows(everyone, wanted):
    """The rows of scores.csv. All chapters have their column, those exercises that are wanted, and what was checked of
    these. What was not begun has an empty cell."""
    columns = [name for name in names.programs() if name in wanted or not names.is_exercise(name)]
    titles = checks(everyone)
    yield ["name", *columns, "total", "remark", *map(": ".join, titles)]
    for learner in everyone:
        points = {program: model.earned(results) for program, results in learner.results.items()}
        earned = {(program, check["title"]): check["earned"] for program, results in learner.results.items()
                  for check in results["checks"]}
        yield [learner.name, *(points.get(program, "") for program in columns), sum(points.values()),
               "; ".join(learner.said()), *(earned.get(title, "") for title in titles)]


def write_scores(everyone, out, wanted):
    """Write scores.csv into the folder `out`."""
    write(os.path.join(out, "scores.csv"), table(rows(everyone, wanted)))
