"""The table of wrong programs fits the programs that it edits; `make mutants` runs it."""

import re

import pytest

from grade.failure import right
from mutants.run import all_by_hand, graded_checks, table, uncaught_checks
from repo.repository import PROGRAMS, read


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_each_wrong_program_is_one_edit_of_ours(chapter):
    for mutant in table(chapter):
        assert read(chapter, mutant.file).count(mutant.old) == 1, "%s: %s" % (mutant.title, mutant.old)
        assert mutant.new != mutant.old


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_each_graded_check_catches_one(chapter):
    assert not uncaught_checks(chapter)


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_what_a_right_program_shows_by_hand_is_known(chapter):
    known = [tuple(shown["by_hand"]) for shown in right().get(chapter, [])]
    assert known == all_by_hand(chapter), "renew it: /usr/bin/python3 tests/mutants/right.py " + chapter[:2]


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_no_cause_depends_on_a_port(chapter):
    """A 400 in what was seen is a status, and not a part of port 34005."""
    chosen = "\n".join("connects to 127.0.0.1 port %d" % port for port in range(32768, 61000))
    for name, graded in graded_checks(chapter).items():
        for symptom in graded.symptoms:
            assert not (symptom.seen and re.search(symptom.seen, chosen)), (name, symptom.seen)
