"""The repository's files, of which a handout and an autograder are made; and writing files for others."""

import contextlib
import functools
import glob
import hashlib
import os
import sys

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What belongs to the course, said without git, and to a handout. Whatever else lies here (the class's submissions, an
# older handout, answers of all kinds) does not; nor does the workshop, in which the course is made.
BELONGS = [
    ".clang-format", ".devcontainer/*", ".editorconfig", ".gitignore", "LICENSE", "Makefile", "README.md",
    *(folder + name for folder in ("0[1-9]-*/", "0[1-9]-*/[1-9][a-z]-*/") for name in (
        "Makefile", "README.md", "*.[ch]", "*.conf", "*.service", "webroot/*", "webroot/*/*", "steps/*.patch")),
    "tests/README.md", "tests/pytest.ini", "tests/*.py", "tests/chapters/*.py", "tests/grade/*.py",
    "tests/grade/*.json", "tests/grade/Containerfile", "tests/grade/classroom50/*", "tests/grade/gradescope/*",
    "tests/harness/*.[ch]", "tests/harness/*.py", "tests/ladder/*.py", "tests/packages/*",
]

HANDOUT = "tests/handout"  # is in a handout only, and says for whom it is, and what it wrote; see update.py


@functools.lru_cache(maxsize=None)
def files():
    """The paths of the files that belong to the course, from the repository's top."""
    found = [path for pattern in BELONGS for path in glob.glob(os.path.join(glob.escape(REPOSITORY), pattern))]
    return sorted(os.path.relpath(path, REPOSITORY) for path in found if os.path.isfile(path))


def read(*parts):
    """The text of a file, whose path is in parts."""
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def weeks(place=REPOSITORY):
    """Of the handout that lies in `place`, the numbers of two chapters: the one that its class is about to write, and
    the one that it began with; (0, 0) if that is none."""
    with contextlib.suppress(OSError, ValueError, IndexError), open(os.path.join(place, HANDOUT), "rb") as file:
        numbers = [int(word) for word in file.readline(8).split()]
        return numbers[0], numbers[-1]
    return 0, 0


def digest(content):
    """A hash of some bytes, as a text."""
    return hashlib.sha256(content).hexdigest()


def has_program(folder):
    """Whether a chapter's folder has a program's sources, and not only the lesson."""
    return bool(glob.glob(os.path.join(glob.escape(folder), "*.c")))


def new_place(name, command):
    """The path that OUT=... asks for, where there must be nothing yet; else this ends with a clear line."""
    if not name:
        sys.exit("make %s: where to? Say it with OUT=..." % command)
    place = os.path.abspath(os.path.expanduser(name))
    if os.path.lexists(place) and not (os.path.isdir(place) and not os.listdir(place)):
        sys.exit("make %s: %s exists already; choose another OUT, or remove it%s" % (
            command, name, ". UPDATE=%s brings it up to date" % name if weeks(place)[0] else ""))
    return place


def our_own(path):
    """The descriptor of our standard output or error, if that is where the path leads to; else None."""
    with contextlib.suppress(OSError):
        return next((number for number in (1, 2) if os.path.samestat(os.stat(path), os.fstat(number))), None)


def flows(path):
    """Whether no new file may take the place of this one, for what is written there is gone at once: a device, a
    pipe, or where our own output goes, such as /dev/stdout."""
    return os.path.exists(path) and (not os.path.isfile(path) or our_own(path) is not None)


def write(path, content):
    """Write text or bytes to a file so that a reader, and a crash, see the old or the new one and no half. A link
    stays one, and so does what is no file."""
    content = content.encode() if isinstance(content, str) else content
    if flows(path):
        sys.stdout.flush()
        number = our_own(path)
        with open(path if number is None else os.dup(number), "wb") as file:
            file.write(content)
        return
    path = os.path.realpath(path)
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.replace(path + ".new", path)
