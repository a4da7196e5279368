"""The contracts in the lessons: each names every graded check of its chapter, with its points."""

import importlib
import os
import re

import pytest

from grade.run import check_files
from harness.grading import TOTAL
from repo.repository import CHAPTERS, read


def checks(chapter):
    """The graded checks of a chapter, in the order in which they are made."""
    found = []
    for path in check_files(chapter):
        module = importlib.import_module("chapters." + os.path.basename(path)[:-3])
        found += [value.graded for value in vars(module).values() if hasattr(value, "graded")]
    return found


def headings(chapter):
    return re.findall(r"^## (.*)$", read(chapter, "README.md"), re.MULTILINE)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_contract_names_every_graded_check(chapter):
    contract = read(chapter, "README.md").partition("## Your turn")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", contract, re.MULTILINE)
    assert rows == [(str(check.points), check.title) for check in checks(chapter)]
    assert "make start %d" % int(chapter[:2]) in contract
    assert "make grade %d" % int(chapter[:2]) in contract


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_has_the_same_sum(chapter):
    assert sum(check.points for check in checks(chapter)) == TOTAL


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_failure_points_to_a_section_that_exists(chapter):
    for check in checks(chapter):
        assert check.read in headings(chapter), check.title
        assert check.cause.endswith("."), check.title
        assert check.by_hand and not isinstance(check.by_hand, str), check.title
