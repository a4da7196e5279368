"""The chapters as folders: standalone, and carrying code on unchanged."""

import os
import re
import shutil
import subprocess

import pytest

from grade import growth, names
from harness.build import program_name
from repo.repository import CHAPTERS, EXERCISES, PROGRAMS, make, path, read, sources, whole

# What a chapter changes in a file that it takes over, because the change is its lesson.
CHANGED = {
    "07-tinyweb": {"io.c", "io.h"},
    "08-fork-server": {"listener.c", "listener.h"},
    "09-daemon": {"children.c", "children.h", "errors.c", "errors.h", "log.c", "log.h", "signals.c", "signals.h"},
}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_carried_code_is_carried_byte_for_byte(chapter):
    for file in sources(chapter):
        earlier = [name for name in CHAPTERS if name < chapter and file in sources(name)]
        if earlier and file not in CHANGED.get(chapter, ()):
            assert read(chapter, file) == read(earlier[-1], file), \
                "%s differs from the one in %s" % (file, earlier[-1])


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_exercise_holds_only_what_is_new_or_changed(exercise):
    for file in sources(exercise):
        assert file not in growth.taken(path(exercise))
        for chapter in CHAPTERS:
            assert file not in sources(chapter) or read(exercise, file) != read(chapter, file), file
    states = growth.states(exercise)
    new = len(re.findall(r"^\+(?!\+\+ )", growth.difference(states[0], states[-1]), re.MULTILINE))
    assert new <= 250, "%d new lines of C" % new


@pytest.mark.strict
@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_exercise_builds_where_it_lies_without_a_word(exercise, clone):
    done = make(os.path.join(clone, names.place(exercise)), "-s")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_webroot_is_carried_too():
    for name in sorted(os.listdir(path("07-tinyweb", "webroot"))):
        for chapter in ("08-fork-server", "09-daemon"):
            assert read("07-tinyweb", "webroot", name) == read(chapter, "webroot", name)


@pytest.mark.strict
@pytest.mark.parametrize("how", ["make", "one line"])
@pytest.mark.parametrize("chapter", PROGRAMS)
def test_a_copy_of_the_folder_builds_elsewhere_without_a_word(chapter, how, tmp_path):
    copy = tmp_path / "a copy, with spaces"
    shutil.copytree(whole(chapter, tmp_path), copy, ignore=shutil.ignore_patterns(program_name(chapter)))
    command = ["make", "-s"] if how == "make" else "cc *.c -o " + program_name(chapter)
    done = subprocess.run(command, cwd=copy, shell=isinstance(command, str), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""
    assert os.access(copy / program_name(chapter), os.X_OK)


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_files_fit_into_a_head(chapter):
    for file in sources(chapter):
        lines = read(chapter, file).splitlines()
        assert len(lines) <= 200, "%s has %d lines" % (file, len(lines))
        assert max(map(len, lines)) <= 100, "%s has lines longer than 100" % file
