"""What the lessons show of terminals is typed there, with the real tools, and has to be printed so."""

import pytest

from harness.transcripts import blocks
from repo.repository import LESSONS, read

pytestmark = pytest.mark.strict  # a part of make check: there is one for each lesson, and it builds its program many times


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_is_typed_prints_what_the_lesson_shows(lesson, plays, tool):
    status = plays[lesson].wait(400)
    assert status == 0, plays[lesson].output + plays[lesson].stderr
    for block in blocks(read(lesson)):  # it was played up to the first that lacks a tool
        for name in block.tools:
            tool(name)
