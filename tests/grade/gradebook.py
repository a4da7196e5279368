"""import.csv: the points of a class, as the course system of its roster takes them back.

It has the roster's own columns that say who is who, and a column for each program: in Canvas' that of the assignment
which is called so, "Chapter 4 (8812)". In the grading worksheet of Moodle it is the column Grade. Who has no points
keeps what is there. Whoever is not in the roster is not in it: Moodle would take nothing at all.
"""

import os
import re

from grade import results as model
from grade.files import write
from grade.names import meant
from grade.scores import table
from grade.weights import rounded
from harness.grading import TOTAL


def own(roster, program):
    """The roster's column for a program: its name in small letters, and the title; a new one, if none or several are
    called as the program is."""
    found = [(name, title) for name, title in roster.assignments.items() if meant(title.rpartition(" ")[0]) == program]
    return found[0] if roster.is_canvas and len(found) == 1 else (program, program)


def scaled(points, full, most):
    """These points of `full`, where there are `most`; that is a text, and perhaps no number, or none."""
    is_number = re.fullmatch(r"\d+([.,]\d+)?", most.strip())
    most = float(most.replace(",", ".")) if is_number else 0
    return rounded(points * most / full) if most and full else points


def points(learner, programs, weights):
    """What a learner has earned, by program and as a total; not what was not begun, nor a total that may still grow."""
    earned = {program: rounded(model.earned(learner.results[program]) * weights.left(learner))
              for program in programs if program in learner.results}
    return {**earned, **({"total": weights.total(learner)} if earned and not learner.waiting else {})}


def rows(roster, everyone, programs, weights):
    """The rows of import.csv, for these programs."""
    full = dict.fromkeys(programs, TOTAL)
    full["total"] = rounded(sum(TOTAL * weights.of.get(program, 1) for program in programs))
    if roster.is_worksheet:
        columns = {"total": ("grade", roster.columns["grade"])}
    else:
        columns = {program: own(roster, program) for program in programs}
        columns.update({"total": ("total", "total")} if len(programs) > 1 else {})
    titles = {**roster.columns, **dict(columns.values())}
    yield list(titles.values())
    new = {name: str(full[what]) for what, (name, _) in columns.items()}
    if roster.possible:
        possible = {**new, **roster.possible}
        yield [possible.get(name, "") for name in titles]
    whose = {id(each): learner for learner in everyone for each in (learner.entry, *learner.others) if each}
    for entry in roster.entries:
        earned = points(whose[id(entry)], programs, weights) if id(entry) in whose else {}
        most = entry.cells.get("maximum grade", "")
        cells = {name: scaled(earned[what], full[what], most or roster.possible.get(name, ""))
                 for what, (name, _) in columns.items() if what in earned}
        yield [{**entry.cells, **cells}.get(name, "") for name in titles]


def write_import(roster, everyone, out, programs, weights):
    """Write import.csv into the folder `out`."""
    write(os.path.join(out, "import.csv"), table(rows(roster, everyone, programs, weights)))
