"""Where things are in the repository, for its own checks."""

import glob
import os

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHAPTERS = sorted(os.path.basename(path.rstrip(os.sep))
                  for path in glob.glob(os.path.join(glob.escape(REPOSITORY), "0[1-9]-*" + os.sep)))
FLAGS = "-std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -O2"


def path(*parts):
    return os.path.join(REPOSITORY, *parts)


def read(*parts):
    with open(path(*parts), encoding="utf-8") as file:
        return file.read()


def sources(chapter):
    """The names of a chapter's C files."""
    return sorted(name for name in os.listdir(path(chapter)) if name.endswith((".c", ".h")))
