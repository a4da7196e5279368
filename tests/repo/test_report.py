"""Reports: one thing at a time, in words, on one screen."""

import io
import os
import re
import shutil
import sys
import tempfile

import pytest

from grade import failure, formats, report, run
from grade import results as model
from grade.progress import progress
from harness import compare
from harness.build import BuildError, build
from harness.contain import Containment, a_user
from harness.program import wait_until
from repo.repository import path

TITLES = ["A greeting", "An echo", "All of it"]


def check(step, verdict, title, points=5):
    made = {"name": title, "title": title, "step": step, "points": points, "seconds": 0.1, "message": "no answer to %s" % title,
            "steps": ["start ./send-recv 0", *("send line %d" % number for number in range(20))], "crash": "",
            "cause": "It does not.", "read": ["4.%d %s" % (step, TITLES[step - 1])], "by_hand": ["./send-recv"]}
    model.decide(made, verdict, "there is no strace" if verdict == model.NOT_POSSIBLE else "")
    return made


def results(*checks):
    return {**model.unknown("04-send-recv"), "complete": True, "titles": TITLES, "checks": list(checks)}


HALFWAY = results(
    check(1, model.PASSED, "Starts", 20), check(1, model.NOT_POSSIBLE, "Takes signals"),
    check(2, model.PASSED, "Speaks"), check(2, model.FAILED, "Listens", 8), check(2, model.FAILED, "Laughs"),
    check(2, model.NOT_CHECKED, "Sings"), check(3, model.PASSED, "Sleeps"), check(3, model.FAILED, "Wakes"))


@pytest.mark.parametrize("error, words", [
    ("int more = ;", "send-recv.c:%d:12: error: expected expression before"),
    ('#include "none.h"', "send-recv.c:%d:10: fatal error: none.h: No such file or directory"),
    ("int main(void) { return none(); }", "undefined reference to")])
@pytest.mark.parametrize("warnings", [0, 2, 400])
def test_the_first_error_of_a_build_is_told_whatever_stands_before_it(tmp_path, warnings, error, words):
    (tmp_path / "04-send-recv").mkdir()
    shutil.copy(path("04-send-recv", "Makefile"), tmp_path / "04-send-recv")
    (tmp_path / "04-send-recv" / "send-recv.c").write_text(
        "#warning no: error: here\n" * warnings + error + "\nstatic int last\n" * ("none()" not in error))
    with pytest.raises(BuildError) as failed:
        build(str(tmp_path / "04-send-recv"), str(tmp_path / "built" / "04-send-recv"))
    words = words % (warnings + 1) if "%d" in words else words
    assert words in str(failed.value)
    made = {**check(1, model.FAILED, "Starts"), "steps": [], "message": str(failed.value), "by_hand": []}
    told = failure.failure(made, "04-send-recv", most=(3, 7))
    assert words in told and len(told.splitlines()) < 12
    assert words in formats.said(made, "04-send-recv")


def test_no_folder_of_the_graders_is_in_what_a_build_says(monkeypatch):
    """The linker names files that the compiler has made where there is room for them."""
    monkeypatch.setattr("tempfile.tempdir", None)
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        source, run_in = os.path.join(place, "04-send-recv"), os.path.join(place, "run")
        os.makedirs(run_in)
        os.mkdir(source)
        shutil.copy(path("04-send-recv", "Makefile"), source)
        with open(os.path.join(source, "send-recv.c"), "w") as file:
            file.write("int none(void);\nint main(void) { return none(); }\n")
        with pytest.raises(BuildError, match="undefined reference to") as failed:
            build(source, os.path.join(run_in, "04-send-recv"), containment=Containment(run_in, a_user(run_in)))
        assert place not in str(failed.value)


def test_a_report_tells_one_thing_at_a_time():
    told = report.tell(HALFWAY, folder="work/04-send-recv", colours=False)
    lines = told.splitlines()
    assert lines[:6] == ["04-send-recv: 35 of 58 points, in step 2 of 3: An echo", "",
                         "  ok           25/25  4.1 A greeting", "  not possible here   5/5   Takes signals",
                         "    there is no strace", ""]
    assert lines[6:9] == ["  4.2 An echo", "  ok            5/5   Speaks", "  FAILED        0/8   Listens"]
    assert told.count("likely:") == 1 and "no answer to Listens" in told and "by hand, in work/04-send-recv" in told
    assert lines[-6:] == ["  FAILED        0/5   Laughs", "  not checked   0/5   Sings", "",
                          "  Later: step 3, 5 points more; 1 of 2 checks pass already.", "",
                          'Next: mend "Listens", for 8 points more, then make grade 4 again.']
    assert "Wakes" not in told
    last = results(check(1, model.PASSED, "Starts", 98), check(1, model.FAILED, "Speaks", 1), check(2, model.FAILED, "Sleeps", 1))
    told = report.tell(last, colours=False)
    assert "Later: step 2, 1 point more;" in told and 'mend "Speaks", for 1 point more' in told


def test_a_report_of_everything_leaves_nothing_out():
    told = report.tell(HALFWAY, everything=True, colours=False)
    for one in HALFWAY["checks"]:
        assert " %s\n" % one["title"] in told
        assert ("no answer to %s" % one["title"] in told) == (one["verdict"] == model.FAILED)
    assert told.count("send line 9") == 3 and "..." not in told


@pytest.mark.parametrize("verdicts,compare,words", [
    ([model.FAILED, model.NOT_CHECKED], True, "write step 4.1, as 04-send-recv/README.md tells it under that title, then"),
    ([model.PASSED, model.FAILED], True, "write step 4.2, as 04-send-recv/README.md tells it under that title, then"),
    ([model.PASSED, model.PASSED], True, "make compare 4 shows your program beside ours, file by file; then make start 5."),
    ([model.PASSED, model.PASSED], False, "make start 5."),
    ([model.PASSED, model.GRADER_ERROR], True, "make grade 4 again."),
    ([], True, "make grade 4 again.")])
def test_the_last_line_says_what_to_do_next(verdicts, compare, words):
    told = report.tell(results(*(check(step, verdict, "x") for step, verdict in enumerate(verdicts, 1))), compare=compare)
    assert ("Next: " + words) in " ".join(told.rpartition("\n\n")[2].split())


def test_a_grader_error_is_told_in_whatever_step_it_is():
    broken = {**check(3, model.GRADER_ERROR, "Sleeps"), "reason": "OSError: no space"}
    told = report.tell(results(check(1, model.FAILED, "Starts"), broken))
    assert "not your fault" in told and "    Sleeps: OSError: no space\n" in told


def test_a_program_that_does_not_build_is_to_be_mended_first():
    broken = {**check(1, model.FAILED, "Starts"), "by_hand": []}
    assert report.tell(results(broken)).endswith("Next: mend that, then make grade 4 again.")


def test_a_report_is_the_same_on_every_terminal_and_cuts_no_line_of_a_program(monkeypatch):
    line = "00000000  " + 16 * "68 " + " |" + 16 * "h" + "|  " + 40 * "wide "
    check = {"steps": ["it prints: " + "word " * 30], "message": "expected: %r\ngot:      %r\n%s" % (line, line + "x", line),
             "crash": "", "cause": "word " * 30, "read": ["Try it"], "by_hand": ["./program"]}
    monkeypatch.setattr(failure, "right", lambda: {"04": [{"by_hand": ["./program"], "shows": [line + "\n"]}]})
    words = failure.failure(check, "04")
    for columns in "60", "200":
        monkeypatch.setenv("COLUMNS", columns)
        assert failure.failure(check, "04") == words
    assert words.count(line) == 4
    assert all(len(text) <= 80 or line in text for text in words.split("\n"))


def test_a_first_report_fits_a_screen(tmp_path):
    tmp_path.chmod(0o755)
    folder = tmp_path / "01-socket"
    shutil.copytree(run.REPOSITORY + "/01-socket", folder)
    (folder / "socket.c").write_text("int main(void) { return 0; }\n")
    told = report.tell(run.grade_chapter(sys.executable, folder.name, str(folder), str(tmp_path / "results.json"), 1))
    assert len(told.splitlines()) <= 40, told
    assert told.startswith("01-socket: 0 of 100 points, in step 1 of ")


def test_a_terminal_shows_how_far_the_grading_is(tmp_path, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    model.save(str(tmp_path / "04-send-recv.json"), results(
        check(1, model.PASSED, "Starts"), check(1, model.RUNNING, "Speaks"), check(2, model.WAITING, "Listens")))
    with progress(str(tmp_path), ["04-send-recv", "05-client"]):
        wait_until(lambda: "\r\033[K1 of 3 checks  Speaks" in terminal.getvalue(), 10)
    assert terminal.getvalue().endswith("\r\033[K")


def test_what_came_and_what_was_expected_are_told_from_where_they_differ():
    lines = ["line %d" % number for number in range(30)]
    message = "\n".join(compare.difference([*lines[:8], "another", *lines[9:]], lines))
    failed = {**check(1, model.FAILED, "Prints all"), "message": message}
    told = report.tell(results(failed, check(2, model.FAILED, "Sleeps")), colours=False)
    expected, got = re.search(r"    expected: (.*)    got:(.*?)    likely:", told, re.DOTALL).groups()
    assert expected.startswith("(from line 9 on)\n          'line 8'\n          'line 9'\n") and "another" not in expected
    assert got.split()[:6] == ["(from", "line", "9", "on)", "'another'", "'line"] and told.count("\n") < report.SCREEN


def test_an_end_that_comes_too_early_is_told():
    message = "\n".join(compare.difference(["a", "b"], ["a", "b", "c"]))
    assert message.split() == "expected: (from line 3 on) 'c' got: (from line 3 on) no more".split()
