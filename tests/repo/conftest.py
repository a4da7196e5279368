"""Fixtures for the checks of the repository. Those of the error tables take their chapter from their
mark `row`."""

import contextlib
import csv
import io
import os
import shutil
import signal
import sys

import pytest

from grade import classroom, names, run
from grade import results as model
from harness import internet
from harness.build import build
from harness.namespaces import own_machine
from harness.program import Program
from harness.transcripts import blocks
from harness.users import PublicFolder, ordinary_user
from repo import repository
from repo.classes import results
from repo.repository import LESSONS, path, read


def stop(lesson):
    """The number of the first transcript of a lesson that needs a tool which is not installed."""
    return next((block.number for block in blocks(read(lesson))
                 if not all(map(shutil.which, block.tools))), sys.maxsize)


def pytest_itemcollected(item):
    """The rows of the exercises' tables are `make check`'s, as the lessons' transcripts are."""
    row = item.get_closest_marker("row")
    if row and names.is_exercise(row.args[0]):
        item.add_marker(pytest.mark.strict)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the repository without what was built, whose path has a space."""
    return repository.clone(tmp_path_factory.mktemp("make") / "my sockets")


@pytest.fixture(scope="session")
def plays(request, tmp_path_factory):
    """The lessons that are to be checked, being played side by side: from lesson to Program."""
    started = {}
    checked = {item.callspec.params.get("lesson") for item in request.session.items if hasattr(item, "callspec")}
    for lesson in filter(checked.__contains__, LESSONS):
        folder = tmp_path_factory.mktemp("lesson")
        command = [sys.executable, "-m", "harness.play", lesson, repository.clone(folder / "sockets"), stop(lesson)]
        if "www.example.org" in read(lesson):
            command = [sys.executable, internet.__file__, *command]
        started[lesson] = Program([*own_machine(folder), *command], cwd=path("tests"))
    yield started
    for program in started.values():
        program.kill()


@pytest.fixture(scope="session", autouse=True)
def early_plays(request):
    """The lessons are played while other tests run, for most of it is waiting."""
    if any("plays" in getattr(item, "fixturenames", ()) for item in request.session.items):
        with contextlib.suppress(pytest.skip.Exception):
            request.getfixturevalue("plays")


@pytest.fixture
def name(request):
    """The chapter of the test's row."""
    if sys.platform != "linux":
        pytest.skip("the tables say what Linux does")
    return request.node.get_closest_marker("row").args[0]


@pytest.fixture
def chapter(name, other):
    """The program of that chapter."""
    return other(name)


@pytest.fixture
def changed(chapter, name, tmp_path):
    """changed("listener.c", OLD, NEW, ...) is the chapter with its source changed, as a row tells to."""

    def change(file, *changes):
        (tmp_path / "whole").mkdir()
        folder = shutil.copytree(repository.whole(name, tmp_path / "whole"), str(tmp_path / "changed" / name))
        with open(os.path.join(folder, file), "r+", encoding="utf-8") as source:
            text = source.read()
            for old, new in zip(changes[::2], changes[1::2]):
                assert old in text, "%s has no %s" % (file, old)
                text = text.replace(old, new)
            source.seek(0)
            source.write(text)
            source.truncate()
        chapter.program = build(folder, str(tmp_path / "built" / name))
        return chapter

    return change


@pytest.fixture
def run_by_a_user(chapter):
    """run_by_a_user("80") runs the program to its end, and not as root."""
    with PublicFolder() as folder:

        def run(*arguments):
            chapter.program = folder.copy(chapter.program)
            return chapter.run(*arguments, **ordinary_user())

        yield run


@pytest.fixture
def graded(monkeypatch, tmp_path):
    """graded() grades tmp_path/class without grading, which takes its time: it returns what was asked for, as pairs of
    learner's source and chapter, and the rows of scores.csv up to the remark. A program "earns 10 3" 13 points."""
    asked = []

    def grade_chapter(python, chapter, folder, file, seed):
        with open(os.path.join(folder, "mine.c")) as source:
            text = source.read()
        asked.append((text, chapter))
        if "raise" in text:
            raise OSError("no more disk")
        made = results(chapter, *(map(int, text.split()[1:]) if text.startswith("earns") else [7]))
        model.save(file, made)
        return made

    def grade():
        asked.clear()
        assert classroom.grade_class("python") == 0
        with open(tmp_path / "out" / "scores.csv", newline="", encoding="utf-8") as file:
            text = file.read()
        rows = list(csv.reader(io.StringIO(text)))
        assert text.count("\r\n") == len(rows)
        return sorted(asked), {row[0]: row[1:12] for row in rows}

    monkeypatch.setattr(run, "grade_chapter", grade_chapter)
    monkeypatch.setattr(classroom, "adopt_orphans", lambda on: None)
    monkeypatch.setattr(signal, "signal", lambda number, action: None)
    monkeypatch.setenv("DIR", str(tmp_path / "class"))
    monkeypatch.setenv("OUT", str(tmp_path / "out"))
    (tmp_path / "class").mkdir()
    return grade
