"""make test tells how the checks go, in a learner's words, and ends at once."""

import os
import re
import signal
import sys
import time

import pytest

import suite
from harness.inspect import children
from harness.program import Program, seconds, wait_until
from repo.repository import path

@pytest.fixture(autouse=True)
def no_options_of_ours(monkeypatch):
    """The pytest that these tests run knows none of ours."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


CHECKS = """
import subprocess, pytest
def test_good(): pass
def test_bad(): assert 1 == 2, "this is wrong"
def test_not_here(): pytest.skip("telnet is not installed")
def test_long():
    with subprocess.Popen(["sleep", "1000"]) as process:
        process.wait()
"""


@pytest.fixture
def checked(tmp_path, capsys):
    """checked({file: names of CHECKS}) is whether all was well with them, and what was told."""

    def run(files, *more):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "harness.telling", *more]
        groups = []
        for file, names in files.items():
            (tmp_path / file).write_text(CHECKS)
            groups.append(["%s::test_%s" % (tmp_path / file, name) for name in names.split()])
        return suite.side_by_side(command, groups), capsys.readouterr().out

    return run


def test_each_chapter_has_a_line_and_what_failed_is_told(checked):
    is_well, said = checked({"test_04_a.py": "good bad", "test_04_b.py": "good", "test_05_c.py": "good not_here",
                             "test_x.py": "good"})
    assert not is_well
    for line in ("04-send-recv            3 checks   1 FAILED", "05-client               2 checks   ok, 1 could not be checked here",
                 "lessons, grader         1 checks   ok", "4 passed, 1 failed", "1 could not be checked here: telnet is not installed"):
        assert re.search("^ *%s$" % line, said, re.MULTILINE), said
    assert "test_04_a.py::test_bad" in said and "this is wrong" in said
    assert "deselected" not in said and "=====" not in said


def test_all_is_well_only_where_something_was_checked_to_its_end(checked):
    assert checked({"test_04_a.py": "good", "test_05_c.py": "good not_here"})[0]
    assert not checked({"test_05_c.py": "not_here"})[0]
    is_well, said = checked({"test_04_a.py": "good", "test_05_c.py": "good"}, "--no-such-option")
    assert not is_well and "no-such-option" in said


def test_checks_that_were_cut_off_are_not_well(capsys):
    table = suite.Table(1)
    ours, theirs = os.pipe()
    os.write(theirs, b'{"files": {"test_04_a.py": 2}}\n'
                     b'{"file": "test_04_a.py", "verdict": "passed", "name": "a", "why": ""}\n')
    os.close(theirs)
    table.listen(ours)
    assert not table.end()
    assert "04-send-recv         was cut off: 1 of 2 checks were not made" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="finds its processes in /proc")
def test_ctrl_c_gives_the_prompt_back_and_leaves_nothing(tmp_path):
    (tmp_path / "test_04_a.py").write_text(CHECKS)
    script = ("import suite, sys; suite.side_by_side([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider',"
              " '-p', 'harness.telling'], [[%r]])" % (str(tmp_path / "test_04_a.py") + "::test_long"))
    testing = Program([sys.executable, "-c", script], cwd=path("tests"))
    try:
        def family():
            return [pid for child in children(testing.pid) for pid in [child, *children(child)]]

        wait_until(lambda: len(family()) == 2, 20)  # pytest, and its sleep
        pids = family()
        begin = time.monotonic()
        testing.signal(signal.SIGINT)
        testing.wait(5)
        assert time.monotonic() - begin < seconds(1)
        assert not any(os.path.exists("/proc/%d" % pid) for pid in pids)
    finally:
        testing.kill()
