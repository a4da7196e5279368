"""The contracts in the lessons: each names every graded check of its chapter, with its points."""

import re

import pytest

from grade.names import number
from harness.grading import TOTAL
from mutants.run import graded_checks
from repo.repository import PROGRAMS, read


def checks(chapter):
    """The graded checks of a chapter, in the order in which they are made."""
    return list(graded_checks(chapter).values())


def headings(chapter):
    return re.findall(r"^## (.*)$", read(chapter, "README.md"), re.MULTILINE)


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_the_contract_names_every_graded_check(chapter):
    contract = read(chapter, "README.md").partition("## Your turn")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d[a-z]?\.\d+) \| (\d+) \| (.*) \|$", contract, re.MULTILINE)
    assert rows == [("%s.%d" % (number(chapter), check.step), str(check.points), check.title) for check in checks(chapter)]
    assert "\n| step | points | what is checked |\n" in contract
    for command in ("start", "grade", "watch"):
        assert "make %s %s" % (command, number(chapter)) in contract


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_a_check_needs_none_that_comes_after_it(chapter):
    names = list(graded_checks(chapter))
    for name, check in graded_checks(chapter).items():
        for needed in check.needs or []:
            assert names.index(needed) < names.index(name), (name, needed)


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_every_chapter_has_the_same_sum(chapter):
    assert sum(check.points for check in checks(chapter)) == TOTAL


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_a_failure_points_to_a_section_that_exists(chapter):
    for check in checks(chapter):
        assert check.read in headings(chapter), check.title
        for symptom in check.symptoms:
            assert symptom.cause.endswith("."), check.title
            assert symptom.by_hand and not isinstance(symptom.by_hand, str), check.title
