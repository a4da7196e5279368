"""make class ROSTER=FILE: the learners in a course system's export, and the points as it takes them back."""

import csv
import re

import pytest

from repo.classes import CHAPTER, program

pytestmark = pytest.mark.strict  # takes a while, and is for whoever changes the grader

CANVAS = '''\
Student,ID,SIS User ID,SIS Login ID,Section,Quiz 1 (77),Chapter 4: send-recv (8812),Final Score
,,,,,,Manual Posting,
    Points Possible,,,,,10.00,50.00,(read only)
"Doe, Jane",12345,S1,jane,CS 1,9,,70.00
"Müller, Jörg",12346,S2,joerg@uni.example,CS 1,,,70.00
"Roe, Ann Mary",12347,S3,annroe,"CS 1, CS 2",,25,70.00
"=cmd()|, Eve",12348,S4,eve,CS 1,,,
"Student, Test",12399,,5f2,CS 1,,,
'''
GRADES = '''\
"First name","Last name","ID number",Institution,"Email address","Assignment: Chapter 4 (Real)","Last downloaded from this course"
Jane,Doe,S1,,jane@uni.example,-,1700000000
Jörg,Müller,S2,,joerg@uni.example,-,1700000000
Ann Mary,Roe,,,ann.roe@uni.example,-,1700000000
'''
WORKSHEET = '''\
Identifier,"Full name","Email address",Status,Grade,"Maximum grade","Grade can be changed","Last modified (grade)","Feedback comments"
"Participant 901","Jane Doe",jane@uni.example,Submitted,,"20,00",Yes,"Monday, 5 October 2026, 9:00 AM",
"Participant 902","Jane Doe",jane2@uni.example,Submitted,5.00,"20,00",Yes,-,Well
"Participant 903","Ann Roe",ann@uni.example,"No submission",,"20,00",Yes,-,
'''


@pytest.fixture
def matched(graded, tmp_path, monkeypatch):
    """matched(roster) grades the class; returns the rows of scores.csv, by name, and those of import.csv."""
    def match(roster, encoding="utf-8"):
        (tmp_path / "roster.csv").write_bytes(roster.encode(encoding))
        monkeypatch.setenv("ROSTER", str(tmp_path / "roster.csv"))
        graded()
        with open(tmp_path / "out" / "scores.csv", newline="", encoding="utf-8") as file:
            scores = {row["name"]: row for row in csv.DictReader(file)}
        with open(tmp_path / "out" / "import.csv", newline="", encoding="utf-8") as file:
            return scores, list(csv.reader(file))
    return match


@pytest.fixture
def hand_in(tmp_path):
    """hand_in(name, text) is a folder in the class's, with a program of chapter 4."""
    return lambda name, text="earns 10 3": program(tmp_path / "class" / name, text=text)


def test_canvas_takes_back_what_it_has_given(matched, hand_in):
    """The assignment that is called as the chapter gets the points, of 50 in place of 100; nothing else is in there."""
    hand_in("doejane_12345_1_x", "earns 10 7")
    hand_in("annroe")
    scores, rows = matched(CANVAS)
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Chapter 4: send-recv (8812)"],
        ["    Points Possible", "", "", "", "", "50.00"],
        ["Doe, Jane", "12345", "S1", "jane", "CS 1", "8.5"],
        ["Müller, Jörg", "12346", "S2", "joerg@uni.example", "CS 1", ""],
        ["Roe, Ann Mary", "12347", "S3", "annroe", "CS 1, CS 2", "6.5"],
        ["'=cmd()|, Eve", "12348", "S4", "eve", "CS 1", ""]]
    assert scores["doejane"]["SIS User ID"] == "S1" and scores["doejane"]["remark"] == ""
    assert list(scores["annroe"].values())[11:] == ["", "Roe, Ann Mary", "12347", "S3", "annroe", "CS 1, CS 2", "10", "3"]
    assert {name: row["remark"] for name, row in scores.items() if row["total"] == "0"} == {
        "Müller, Jörg": "handed in nothing", "'=cmd()|, Eve": "handed in nothing"}


def test_a_program_without_an_assignment_gets_a_new_one(matched, hand_in, tmp_path, monkeypatch):
    monkeypatch.setenv("CHAPTERS", "4 5")
    (tmp_path / "class").joinpath("grades.conf").write_text("late = 50\n5 = 2\n")
    program(hand_in("doejane_LATE_12345_1_x", "earns 10"), "05-client", "earns 4")
    rows = matched(CANVAS.replace("Chapter 4: send-recv", "Homework"))[1]
    assert [row[5:] for row in rows[:4]] == [
        [CHAPTER, "05-client", "total"], ["100", "100", "300"], ["5", "2", "9"], ["", "", ""]]
    assert matched(CANVAS.replace("50.00", "0"))[1][2][5] == "5", "of an assignment without points"
    rows = matched(CANVAS.replace("Quiz 1", "chapter4"))[1]
    assert rows[0][5] == CHAPTER, "of two that are called so nobody knows which"


def test_a_total_that_may_still_grow_is_not_imported(matched, hand_in, monkeypatch):
    monkeypatch.setenv("CHAPTERS", "4 5")
    hand_in("annroe")
    jane = hand_in("jane")
    assert [row[5:] for row in matched(CANVAS)[1][2:5]] == [["6.5", "", "13"], ["", "", ""], ["6.5", "", "13"]]
    program(jane, "05-client", "earns 4")
    monkeypatch.setenv("ONLY", "annroe")
    assert [row[5:] for row in matched(CANVAS)[1][2:5]] == [["6.5", "", ""], ["", "", ""], ["6.5", "", "13"]]


def test_moodle_takes_back_its_grades(matched, hand_in):
    for name in ("Jane Doe_901_assignsubmission_file_", "joerg@uni.example", "Roe_Ann Mary"):
        hand_in(name)
    assert matched(GRADES)[1] == [
        ["First name", "Last name", "ID number", "Email address", CHAPTER],
        ["Jane", "Doe", "S1", "jane@uni.example", "13"], ["Jörg", "Müller", "S2", "joerg@uni.example", "13"],
        ["Ann Mary", "Roe", "", "ann.roe@uni.example", "13"]]
    assert matched(GRADES.replace("Last name", "Surname"))[1][1][:2] == ["Jane", "Doe"]


def test_moodle_takes_back_its_worksheet(matched, hand_in, monkeypatch):
    """By the number in a download's name, so two may have the same one; who has no points keeps the grade."""
    hand_in("Jane Doe_901_assignsubmission_file_")
    monkeypatch.setenv("CHAPTERS", "4")
    scores, rows = matched(WORKSHEET)
    given = list(csv.reader(WORKSHEET.splitlines()))
    assert rows[0] == given[0] and rows[2:] == given[2:]
    assert rows[1] == ["Participant 901", "Jane Doe", "jane@uni.example", "Submitted", "2.6", *given[1][5:]]
    assert scores["Jane Doe"]["Identifier"] == "Participant 902", "the other one, who has handed in nothing"


def test_a_worksheet_without_names_has_numbers(matched, hand_in):
    hand_in("Participant_903_assignsubmission_file_")
    worksheet = "\n".join(re.sub(',("Full name"|"[A-Z][a-z]+ [DR]oe"),[^,]*', "", line) for line in WORKSHEET.splitlines())
    assert [row[:3] for row in matched(worksheet)[1]] == [
        ["Identifier", "Status", "Grade"], ["Participant 901", "Submitted", ""], ["Participant 902", "Submitted", "5.00"],
        ["Participant 903", "No submission", "2.6"]]


def test_canvas_may_write_names_in_two_columns_and_no_points(matched, hand_in):
    hand_in("doejane_12345_1_x")
    hand_in("Roe Ann")
    assert matched("LastName,FirstName,ID,SIS Login ID,Section\nDoe,Jane,12345,jane,1\nRoe,Ann,12346,ann,1\n")[1] == [
        ["LastName", "FirstName", "ID", "SIS Login ID", "Section", CHAPTER],
        ["Doe", "Jane", "12345", "jane", "1", "13"], ["Roe", "Ann", "12346", "ann", "1", "13"]]


@pytest.mark.parametrize("name", ["jane", "S1", "12345", "Jane Doe", "doe_jane", "DOE-JANE", "doejane", "JaneDoe"])
def test_a_folder_may_be_called_in_many_ways(matched, hand_in, name):
    hand_in(name)
    assert matched(CANVAS)[0][name]["ID"] == "12345"


@pytest.mark.parametrize("name", ["joerg", "Jo\u0308rg Mu\u0308ller", "muller jorg", "müllerjörg"])
def test_accents_do_not_matter(matched, hand_in, name):
    hand_in(name)
    assert matched(CANVAS)[0][name]["ID"] == "12346"


def test_each_of_a_gradescope_group_gets_the_points(matched, hand_in, tmp_path):
    hand_in("submission_7")
    (tmp_path / "class" / "submission_metadata.yml").write_text(
        "submission_7:\n  :submitters:\n  - :name: Jane Doe\n    :sid: '1'\n  - :name: Jörg Müller\n  - :name: Eve X\n")
    scores, rows = matched(CANVAS)
    assert {row[0]: row[5] for row in rows[2:5]} == {"Doe, Jane": "6.5", "Müller, Jörg": "6.5", "Roe, Ann Mary": "25"}
    assert scores["Jane Doe"]["remark"].endswith("together with Jörg Müller, Eve X; Eve X is not in the roster")
    assert "Müller, Jörg" not in scores, "who has handed in"


def test_nobody_is_guessed(matched, hand_in, tmp_path):
    """Two that may be the same one, one that may be two, and one with a number that the roster does not have."""
    for name in ("jane", "Jane Doe", "Ann Roe", "roeann_777_1_x", "stranger"):
        hand_in(name)
    scores, rows = matched(CANVAS.replace("Ann Mary", "Ann") + '"Roe, Ann",12360,S9,ann9,CS 1,,,\n')
    assert {name: row["remark"] for name, row in scores.items() if row["remark"] != "handed in nothing"} == {
        "jane": "the same one in the roster as Jane Doe", "Jane Doe": "the same one in the roster as jane",
        "Ann Roe": "the roster has 2 of this name", "roeann": "not in the roster", "stranger": "not in the roster"}
    assert not any(row[5] for row in rows[2:] if row[0] != "Roe, Ann" or row[1] != "12347")
    assert not any(row["ID"] for name, row in scores.items() if row["remark"] != "handed in nothing")
    report = (tmp_path / "out" / "reports" / "jane.txt").read_text()
    assert "Jane Doe" not in report and "roster" not in report, "that is not for the learner"
    assert "Roe, Ann" not in scores and "Doe, Jane" not in scores, "they have handed in, whoever of them it was"


@pytest.mark.parametrize("encoding, delimiter", [
    ("utf-8-sig", ","), ("cp1252", ";"), ("utf-16", "\t"), ("utf-8", "\t"), ("utf-8", ":"), ("utf-8-sig", ";")])
def test_however_it_has_been_saved(matched, hand_in, encoding, delimiter):
    hand_in("joerg")
    rows = matched(GRADES.replace(",", delimiter).replace("\n", "\r\n"), encoding)[1]
    assert rows[2] == ["Jörg", "Müller", "S2", "joerg@uni.example", "13"]


@pytest.mark.parametrize("content", [
    b"", b"\n\n", b"name,points\njane,1\n", b"\0\0\0", b"\xff\xfe\0", b"PK\3\4 a spreadsheet", b'"Student', b"Student,ID\n"])
def test_what_is_no_roster_is_one_line(graded, hand_in, tmp_path, monkeypatch, content):
    hand_in("jane")
    (tmp_path / "class" / "roster.csv").write_bytes(content)
    for name in ("roster.csv", "none.csv", ""):
        monkeypatch.setenv("ROSTER", str(tmp_path / "class" / name))
        with pytest.raises(SystemExit, match="^make class: ROSTER=[^\n]*$"):
            graded()


def test_a_roster_beside_the_submissions_is_nobodys(graded, hand_in, tmp_path, monkeypatch):
    hand_in("jane")
    (tmp_path / "class" / "roster.csv").write_text(CANVAS)
    monkeypatch.setenv("ROSTER", str(tmp_path / "class" / "roster.csv"))
    assert "roster.csv" not in graded()[1]
