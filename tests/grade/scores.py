"""scores.csv: a row for each learner of a class, with the points of each chapter, and of each of its checks."""

import csv
import io
import os
import re

from grade import names
from grade import results as model
from grade.failure import printable
from grade.files import write
from grade.roster import KEPT

NUMBER = re.compile(r"-|[+-]?\d+([.,]\d+)?")  # or none, as Moodle writes it


def harmless(text):
    """A cell that no spreadsheet takes for a formula, and no terminal obeys."""
    text = printable(text)
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) and not NUMBER.fullmatch(text) else text


def table(rows):
    """Rows of cells as CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerows([harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()


def checks(everyone):
    """The checks that have been made, in order: pairs of a program and the check's title."""
    return list(dict.fromkeys((program, check["title"]) for program in names.programs() for learner in everyone
                              if program in learner.results for check in learner.results[program]["checks"]))


def rows(everyone, wanted, weights, ids):
    """The rows of scores.csv. All chapters have their column, those exercises that are wanted, the `ids` of the roster, a
    dictionary from its column to the title, and what was checked. What was not begun has an empty cell."""
    columns = [name for name in names.programs() if name in wanted or not names.is_exercise(name)]
    titles = checks(everyone)
    yield ["name", *columns, "total", "remark", *ids.values(), *map(": ".join, titles)]
    for learner in everyone:
        points = {program: model.earned(results) for program, results in learner.results.items()}
        earned = {(program, check["title"]): check["earned"] for program, results in learner.results.items()
                  for check in results["checks"]}
        yield [learner.name, *(points.get(program, "") for program in columns), weights.total(learner),
               "; ".join(learner.said()), *(learner.entry.cells[name] if learner.entry else "" for name in ids),
               *(earned.get(title, "") for title in titles)]


def write_scores(everyone, out, wanted, weights, roster):
    """Write scores.csv into the folder `out`; `roster` may be None."""
    ids = {name: title for name, title in roster.columns.items() if name in KEPT} if roster else {}
    write(os.path.join(out, "scores.csv"), table(rows(everyone, wanted, weights, ids)))
