"""What the lessons show of terminals is typed there, with the real tools, and has to be printed so."""

import shutil
import sys

import pytest

from harness.namespaces import own_machine
from harness.program import Program
from harness.transcripts import blocks
from repo.repository import LESSONS, clone, path, read

TOOLS = {name: name for name in ("bash", "curl", "nc", "pgrep", "ps", "ss", "strace", "telnet", "timeout")}
TOOLS["syslog"] = "rsyslogd"

NOT_RUN = [pytest.param(block.not_run, id="%s:%d" % (lesson, block.line))
           for lesson in LESSONS for block in blocks(read(lesson)) if block.not_run]


def missing(lesson):
    """The first transcript of a lesson that needs a tool which is not installed, and that tool."""
    for block in blocks(read(lesson)):
        for name in sorted(block.words & set(TOOLS)):
            if not block.not_run and not shutil.which(TOOLS[name]):
                return block.number, TOOLS[name]
    return sys.maxsize, None


@pytest.fixture(scope="module")
def plays(tmp_path_factory):
    """All lessons, being played side by side: most of that is waiting. From lesson to Program."""
    started = {}
    for lesson in LESSONS:
        folder = tmp_path_factory.mktemp("lesson")
        command = [sys.executable, "-m", "harness.play", lesson, clone(folder / "sockets"), missing(lesson)[0]]
        started[lesson] = Program([*own_machine(folder), *command], cwd=path("tests"))
    yield started
    for program in started.values():
        program.kill()


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_is_typed_prints_what_the_lesson_shows(lesson, plays, tool):
    status = plays[lesson].wait(120)
    assert status == 0, plays[lesson].output + plays[lesson].stderr
    if missing(lesson)[1]:  # it was played up to there
        tool(missing(lesson)[1])


@pytest.mark.parametrize("reason", NOT_RUN)
def test_not_run(reason):
    pytest.skip(reason)
