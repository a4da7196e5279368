"""make class: what it writes of a class, and what it grades anew."""

import csv
import os
import shutil

import pytest

from grade import run
from grade.scores import table
from repo.classes import CHAPTER, program

pytestmark = pytest.mark.strict  # takes a while, and is for whoever changes the grader


@pytest.fixture
def scores(graded, tmp_path):
    """scores() grades the class; the rows of scores.csv: dictionaries from column to cell, by the learner's name."""
    def read():
        graded()
        with open(tmp_path / "out" / "scores.csv", newline="", encoding="utf-8") as file:
            return {row["name"]: row for row in csv.DictReader(file)}
    return read


def test_each_check_has_a_column_after_the_chapters(scores, tmp_path, monkeypatch):
    program(program(tmp_path / "class" / "ann", text="earns 10 3"), "05-client", "earns 8")
    program(tmp_path / "class" / "bob", text="earns 0 10")
    (tmp_path / "class" / "eve").mkdir()
    rows = scores()
    assert list(rows["ann"])[10:] == ["total", "remark", "04-send-recv: A", "04-send-recv: B", "05-client: A"]
    assert list(rows["ann"].values())[12:] == ["10", "3", "8"]
    assert list(rows["bob"].values())[12:] == ["0", "10", ""]
    assert list(rows["eve"].values())[12:] == ["", "", ""]
    monkeypatch.setenv("CHAPTERS", "4")
    assert list(scores()["ann"])[12:] == ["04-send-recv: A", "04-send-recv: B"]


@pytest.fixture
def tests(tmp_path, monkeypatch):
    """A copy of the tests, which can be changed, with which the grader grades."""
    folder = shutil.copytree(run.TESTS, tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(run, "TESTS", str(folder))
    return folder


@pytest.mark.parametrize("changed, again", [
    ("chapters/test_05_client_errors.py", ["05-client"]), ("chapters/test_6b_dig.py", []),
    ("mutants/chapter_04.py", []), ("repo/test_scores.py", []), ("grade/right.json", []),
    ("harness/talk.py", [CHAPTER, "05-client"]), ("harness/faults.c", [CHAPTER, "05-client"]),
    ("chapters/conftest.py", [CHAPTER, "05-client"])])
def test_a_change_of_the_tests_grades_anew_only_what_it_can_touch(graded, tmp_path, tests, changed, again):
    program(program(tmp_path / "class" / "ann"), "05-client")
    assert len(graded()[0]) == 2 and graded()[0] == []
    with open(tests / changed, "a") as file:
        file.write("\n")
    assert [chapter for _, chapter in graded()[0]] == again
    assert graded()[0] == []


def test_only_grades_these_anew_and_the_others_keep_their_points(graded, tmp_path, monkeypatch, tests):
    for name in ("ann", "bob", "Doe, Jane"):
        program(tmp_path / "class" / name, text="earns 1")
    graded()
    for name in ("ann", "bob"):
        (tmp_path / "class" / name / CHAPTER / "mine.c").write_text("earns 2 " + "0" * len(name))
    program(tmp_path / "class" / "new", text="earns 2")
    (tests / "chapters" / "test_04_send_recv.py").write_text("# changed\n")
    monkeypatch.setenv("ONLY", "ann")
    asked, rows = graded()
    assert asked == [("earns 2 000", CHAPTER)] and rows["ann"][-2:] == ["2", ""]
    assert rows["bob"][-2:] == rows["Doe, Jane"][-2:] == ["1", "04-send-recv has the points from before"]
    assert rows["new"][-2:] == ["0", "not all graded yet"]
    assert len(graded()[0]) == 1, "graded anew, for that is what was asked for"
    monkeypatch.setenv("ONLY", "Doe, Jane")
    assert graded()[0] == [("earns 1", CHAPTER)]
    monkeypatch.setenv("ONLY", "bob, new")
    assert len(graded()[0]) == 2
    monkeypatch.setenv("ONLY", "Bob, Jane Doe,")
    assert len(graded()[0]) == 2
    monkeypatch.setenv("ONLY", "bob, joe")
    with pytest.raises(SystemExit, match="who is joe"):
        graded()
    monkeypatch.delenv("ONLY")
    asked, rows = graded()
    assert asked == [] and {row[-1] for name, row in rows.items() if name != "name"} == {""}


def test_who_is_gone_leaves_nothing_behind_but_what_is_not_ours_stays(graded, tmp_path):
    for name in ("ann", "b*b", "bob"):
        program(tmp_path / "class" / name)
    graded()
    out = tmp_path / "out"
    kept = [out / "json" / "notes.txt", out / "json" / "other" / "package.json", out / "reports" / "letter.txt"]
    kept[1].parent.mkdir()
    for path in kept:
        path.write_text("{}")
    shutil.rmtree(tmp_path / "class" / "b*b")
    assert "b*b" not in graded()[1]
    assert all(path.exists() for path in kept)
    assert sorted(os.listdir(out / "json")) == ["ann", "bob", "notes.txt", "other"]
    assert sorted(os.listdir(out / "reports")) == ["ann.txt", "bob.txt", "letter.txt"]


def test_without_a_file_each_chapter_counts_once(scores, tmp_path):
    program(program(tmp_path / "class" / "doejane_LATE_1_2_x", text="earns 10 3"), "05-client", "earns 8")
    assert scores()["doejane"]["total"] == "21"


def test_grades_conf_says_what_counts_and_what_being_late_costs(scores, tmp_path):
    program(program(tmp_path / "class" / "doejane_LATE_1_2_x", text="earns 10 3"), "05-client", "earns 8")
    program(program(tmp_path / "class" / "ann", text="earns 10 3"), "05-client", "earns 7")
    for text, ann, late in (("04-send-recv = 2\n", "33", "34"), ("# all once\n\n", "20", "21"),
                            ("late = 10 # percent\n", "20", "18.9"), ("chapter 4 = 0.333", "11.33", "12.33"),
                            ("\ufefflate=100%\r\nsend-recv=0.5\r\n 5 = 0\r\n", "6.5", "0")):
        (tmp_path / "class" / "grades.conf").write_text(text, encoding="utf-8")
        rows = scores()
        assert set(rows) == {"ann", "doejane"} and rows["ann"][CHAPTER] == rows["doejane"][CHAPTER] == "13"
        assert (rows["ann"]["total"], rows["doejane"]["total"]) == (ann, late), text
    (tmp_path / "class" / "grades.conf").write_text("late = 7.5")
    assert scores()["doejane"]["remark"] == "LATE: 7.5 percent less" and scores()["ann"]["remark"] == ""
    assert "LATE: 7.5 percent less" in (tmp_path / "out" / "reports" / "doejane.txt").read_text()


@pytest.mark.parametrize("line, words", [
    ("4 2", "a name, = and a number"), ("12 = 2", "which chapter is 12"), ("= 3", "which chapter is"),
    ("4 = two", "two is no number"), ("4 =", "nothing is no number"), ("4 = -1", "-1 is no number"),
    ("4 = 10%", "10% is no number"), ("late = 101", "100 percent at most"),
    ("send-recv = 3", "04-send-recv has its number already"), ("4 = 1e9", "is no number")])
def test_what_is_wrong_in_grades_conf_is_named_with_its_line(graded, tmp_path, line, words):
    program(tmp_path / "class" / "ann")
    (tmp_path / "class" / "grades.conf").write_text("# of this term\n4 = 1\n" + line + "\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"^make class: \S*/class/grades\.conf, line 3: [^\n]*" + words):
        graded()
    assert not (tmp_path / "out").exists()


def test_no_cell_is_obeyed_by_a_spreadsheet_or_a_terminal():
    text = table([["=1+1", "\x1b]0;x\x07", "\udcff", "-", "-2,5", "J\xfcrgen, \u4f60", 7]])
    assert text == "'=1+1,\\x1b]0;x\\x07,\\xdcff,-,\"-2,5\",\"J\xfcrgen, \u4f60\",7\r\n"
