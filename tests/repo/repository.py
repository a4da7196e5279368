"""Where things are in the repository, for its own checks."""

import os
import shutil
import subprocess

import pytest

from grade import growth, names
from harness.build import program_name

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHAPTERS = names.chapters()
PROGRAMS = names.programs()  # the chapters and their exercises
EXERCISES = [name for name in PROGRAMS if names.is_exercise(name)]
LESSONS = ["README.md", "tests/README.md"] + [names.place(name) + "/README.md" for name in PROGRAMS]
ENVIRONMENT = {name: value for name, value in os.environ.items()  # free of the make that began these tests
               if not name.startswith("MAKE") and name not in ("ARGS", "N")}
FLAGS = "-std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -O2"


def path(first="", *parts):
    """The path of a file or folder of the repository; the first part may be an exercise's name, such as 4b-datagram."""
    return os.path.join(REPOSITORY, names.place(first), *parts)


def read(*parts):
    """The text of a file of the repository."""
    with open(path(*parts), encoding="utf-8") as file:
        return file.read()


def exercises_strict(values):
    """Parameters for a test that takes seconds for each program: of the exercises' only `make check` makes it."""
    return [pytest.param(value, marks=pytest.mark.strict) if names.is_exercise(value) else value for value in values]


def sources(chapter):
    """The names of the C files in a program's own folder."""
    return sorted(name for name in os.listdir(path(chapter)) if name.endswith((".c", ".h")))


def whole(chapter, place):
    """The path of a folder that has all of a program: its own, or, for an exercise, one in the folder `place`."""
    return growth.whole(chapter, path(chapter), str(place))


def make(folder, *words):
    """Run make in a folder to its end; return it, with what it printed as text."""
    return subprocess.run(["make", *words], cwd=folder, env=ENVIRONMENT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


def clone(target):
    """Copy the repository without what was built; return the path of the copy."""
    return str(shutil.copytree(REPOSITORY, target, ignore=shutil.ignore_patterns(
        ".git", ".venv", "work", "__pycache__", "*.pid", "trace.txt", "trace.[0-9]*", *map(program_name, PROGRAMS))))
