"""Where things are in the repository, for its own checks."""

import glob
import os
import shutil
import subprocess

from harness.build import program_name

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHAPTERS = sorted(os.path.basename(path.rstrip(os.sep))
                  for path in glob.glob(os.path.join(glob.escape(REPOSITORY), "0[1-9]-*" + os.sep)))
LESSONS = ["README.md", "tests/README.md"] + [chapter + "/README.md" for chapter in CHAPTERS]
ENVIRONMENT = {name: value for name, value in os.environ.items()  # free of the make that began these tests
               if not name.startswith("MAKE") and name not in ("ARGS", "N")}
FLAGS = "-std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -O2"


def path(*parts):
    """The path of a file or folder of the repository."""
    return os.path.join(REPOSITORY, *parts)


def read(*parts):
    """The text of a file of the repository."""
    with open(path(*parts), encoding="utf-8") as file:
        return file.read()


def sources(chapter):
    """The names of a chapter's C files."""
    return sorted(name for name in os.listdir(path(chapter)) if name.endswith((".c", ".h")))


def make(folder, *words):
    """Run make in a folder to its end; return it, with what it printed as text."""
    return subprocess.run(["make", *words], cwd=folder, env=ENVIRONMENT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


def clone(target):
    """Copy the repository without what was built; return the path of the copy."""
    return str(shutil.copytree(REPOSITORY, target, ignore=shutil.ignore_patterns(
        ".git", ".venv", "work", "__pycache__", "*.pid", "trace.txt", "trace.[0-9]*", *map(program_name, CHAPTERS))))
