"""The repository's files, of which a handout and an autograder are made."""

import fnmatch
import functools
import glob
import os
import shutil
import subprocess
import sys

from grade.run import REPOSITORY, chapters
from harness.build import program_name

# What is needed to make the course, but not to take it or to grade it: the answers to the grader's
# own tests above all.
WORKSHOP = "tests/mutants/", "tests/repo/", "tests/bench/", ".ci/", ".github/"

BUILD_PRODUCTS = [".git", ".venv", "work", "results", "__pycache__", ".pytest_cache", "*.pyc", "*.o",
                  "*.dSYM", "*.pid", *map(program_name, chapters())]


@functools.lru_cache(maxsize=None)
def files():
    """The paths of the repository's own files, from its top: those that git tracks, or where there is
    no git all but build products. The workshop's are left out."""
    found = []
    if os.path.exists(REPOSITORY + "/.git") and shutil.which("git"):
        git = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        found = os.fsdecode(git.stdout).split("\0")
    for folder, folders, names in os.walk(REPOSITORY) if not any(found) else ():
        folders[:] = filter(is_source, folders)
        found += [os.path.relpath(os.path.join(folder, name), REPOSITORY)
                  for name in names if is_source(name)]
    return sorted(path for path in found if os.path.isfile(os.path.join(REPOSITORY, path))
                  and not path.startswith(WORKSHOP))


def read(*parts):
    """The text of a file, whose path is in parts."""
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def is_source(name):
    """Whether a file or folder of this name belongs to the repository where there is no git."""
    return not any(fnmatch.fnmatch(name, pattern) for pattern in BUILD_PRODUCTS)


def has_program(folder):
    """Whether a chapter's folder has a program's sources, and not only the lesson."""
    return bool(glob.glob(os.path.join(glob.escape(folder), "*.c")))


def new_place(name, command):
    """The path that OUT=... asks for, where there must be nothing yet; else this ends with a clear line."""
    if not name:
        sys.exit("make %s: where to? Say it with OUT=..." % command)
    place = os.path.abspath(os.path.expanduser(name))
    if os.path.lexists(place) and not (os.path.isdir(place) and not os.listdir(place)):
        sys.exit("make %s: %s exists already; choose another OUT, or remove it" % (command, name))
    return place
