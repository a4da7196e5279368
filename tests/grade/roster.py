"""ROSTER=FILE of make class: who is in the class, as Canvas or Moodle exports it.

Canvas, the gradebook: Student ("Doe, Jane"), ID, SIS User ID, SIS Login ID, Section, and then assignments, such as
"Chapter 4 (8812)". A line of the points possible comes before the learners, and perhaps one of words on what is hidden.
Moodle, the grades or the participants: First name, Last name (Surname in older ones), ID number, Email address, Username.
Moodle, the grading worksheet of an assignment: Identifier ("Participant 1234567", the number that downloads have), Full
name, Grade, Maximum grade, and the time of the last change, by which the import sees that nobody else has graded.
"""

import csv
import io
import re
import sys
import unicodedata
from typing import NamedTuple

NAMES = ("student",), ("firstname", "lastname"), ("first name", "last name"), ("first name", "surname"), ("full name",), \
    ("identifier",)  # where Moodle tells no names
IDS = "id", "sis user id", "sis login id", "id number", "email address", "username"  # these are a learner's alone
KEPT = {*sum(NAMES, ()), *IDS, "integration id", "root account", "section", "identifier"}
WORKSHEET = {"identifier", "grade", "last modified (grade)"}
POSSIBLE, TEST = "Points Possible", "Student, Test"  # rows of Canvas' that are no learner's


class Entry(NamedTuple):
    """A learner in the roster."""
    name: str
    cells: dict  # from column, in small letters, to text
    who: tuple  # the system, and the number there, as in downloads.HandIn
    keys: set  # what a folder of the learner's may be called, see key()


def words(text):
    """The words of a text, without accents, in small letters."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return re.findall(r"[^\W_]+", letters.casefold())


def key(name):
    """What stays the same in a name, whatever order its words have."""
    return " ".join(sorted(words(name)))


def entry(cells):
    """The Entry for a row."""
    columns = next(columns for columns in NAMES if columns[0] in cells and columns[-1] in cells)
    name = " ".join(cells[column].strip() for column in columns)
    last, comma, first = name.partition(",") if len(columns) == 1 else (cells[columns[-1]], "", cells[columns[0]])
    if columns[0] == "lastname":
        last, first = first, last
    elif len(columns) == 1 and not comma:
        first, _, last = name.rpartition(" ")
    one_word = ["".join(words(first) + words(last)), "".join(words(last) + words(first))]  # Canvas: doejane
    ids = [cells[column] for column in IDS if cells.get(column)]
    number = re.sub(r"\D", "", cells.get("identifier", ""))
    keys = {key(name), *one_word, *map(key, ids), *(key(each.partition("@")[0]) for each in ids)} - {""}
    return Entry(name, cells, ("Moodle", number) if number else ("Canvas", cells.get("id", "").strip()), keys)


def rows(path):
    """The rows of a CSV file whose first one names columns that we know, whatever separates them, and however it is
    encoded."""
    with open(path, "rb") as file:
        content = file.read()
    codes = ["utf-16"] if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
    for delimiter in ",;\t:":
        for code in codes:
            try:
                found = list(csv.reader(io.StringIO(content.decode(code), newline=""), delimiter=delimiter))
            except (UnicodeDecodeError, csv.Error):
                continue
            header = [cell.strip().lower() for cell in found[0]] if found else []
            if any(set(columns).issubset(header) for columns in NAMES):
                return found
            break
    raise ValueError("its first line has neither Student, as from Canvas, nor First name and Last name, or Full name, "
                     "as from Moodle")


class Roster:
    """All learners of a class, as their course system knows them."""

    def __init__(self, path):
        try:
            titles, *others = rows(path)
        except (OSError, ValueError) as error:
            sys.exit("make class: ROSTER=%s: %s" % (path, getattr(error, "strerror", None) or error))
        names = [title.strip().lower() for title in titles]
        cells = [dict(zip(names, row + [""] * len(names))) for row in others]
        name = next(columns[0] for columns in NAMES if set(columns).issubset(names))
        self.is_worksheet, self.is_canvas = WORKSHEET.issubset(names), {"id", "section"}.issubset(names)
        self.columns = {name: title.strip() for name, title in zip(names, titles) if name in KEPT or self.is_worksheet}
        self.assignments = {name: title.strip() for name, title in zip(names, titles) if re.search(r". \(\d+\)$", name)}
        self.possible = next((row for row in cells if row[name].strip() == POSSIBLE), {})
        self.entries = [entry(row) for row in cells if row[name].strip() not in ("", POSSIBLE, TEST)]
        if not self.entries:
            sys.exit("make class: ROSTER=%s: nobody is in it" % path)

    def find(self, told):
        """The entries of the learner of a downloads.HandIn: the one with that number, where the roster has such numbers;
        else those of that name."""
        if any(each.who[0] == told.who[0] and each.who[1] for each in self.entries):
            return [each for each in self.entries if each.who == told.who]
        return [each for each in self.entries if key(told.name) in each.keys]

    def match(self, learners):
        """Give each learner the entry, and those of the others in a group. Who has none, or may have another's, gets a
        note. Returns the entries of those who have handed in nothing."""
        found = {learner: self.find(learner.told) for learner in learners}
        for learner, mine in found.items():
            same = [other.name for other in found if other is not learner and mine and found[other] == mine]
            if not mine:
                learner.notes.append("not in the roster")
            elif len(mine) > 1:
                learner.notes.append("the roster has %d of this name" % len(mine))
            elif same:
                learner.notes.append("the same one in the roster as " + ", ".join(same))
            else:
                learner.entry = mine[0]
            for name in learner.told.group:
                others = self.find(learner.told._replace(name=name))
                learner.others += others if len(others) == 1 else []
                learner.notes += [] if others else [name + " is not in the roster"]
        named = {id(each) for learner, mine in found.items() for each in mine + learner.others}
        return [each for each in self.entries if id(each) not in named]
