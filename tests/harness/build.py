"""Building a chapter's program, the way a learner's Makefile does it."""

import errno
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile

from harness.landlock import is_within
from harness.program import seconds

LIMIT = 120  # seconds, for one build: C++ takes as long where others use the processors, too
WORDS = 8000  # characters of what make says; where there are more, they begin with the first error
ERROR = re.compile(r" *(?!.*: warning:)[^ |\n][^|\n]*: (fatal error|error|undefined reference|multiple definition|undefined symbol)\b")
SANITIZERS = "-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined"
# A crash is told by this one alone: gcc's other one tells it first, and on stderr in any case.
ADDRESS_SANITIZER = "-g -O1 -fno-omit-frame-pointer -fsanitize=address"
KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a device", stat.S_IFCHR: "a device"}


class BuildError(Exception):
    """The chapter does not build; the text is what make and the compiler said."""


def program_name(chapter):
    """The program's name in a chapter's: 04-send-recv builds send-recv."""
    return chapter.split("-", 1)[1]


def why_not(path):
    """Why a file cannot be copied to where it is built; None if it can."""
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None if os.access(path, os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)) else "cannot be read"
    return None if stat.S_ISLNK(mode) else KINDS.get(stat.S_IFMT(mode), "no file")


def copy(source, target):
    """Copy a chapter's folder to be built; returns what was left out of it, and why, as words."""
    left_out = []

    def ignore(folder, names):
        skipped = set(shutil.ignore_patterns("*.o", ".git")(folder, names))
        for name in set(names) - skipped:
            path = os.path.join(folder, name)
            why = why_not(path)
            if why:
                skipped.add(name)
            elif os.path.islink(path) and not is_within(os.path.realpath(path), os.path.realpath(source)):
                why = "a link that leads out of the folder"
            if why:
                left_out.append("%s (%s)" % (os.path.relpath(path, source), why))
        return skipped

    shutil.copytree(source, target, symlinks=True, ignore=ignore)
    return left_out


def excerpt(words):
    """What make has said; of much, the warnings before the first error are left out, and the end."""
    first = len(words) > WORDS and re.search("^" + ERROR.pattern, words, re.MULTILINE)
    return words[first.start() if first else 0:][:WORDS]


def failure(target, words, left_out=()):
    """A BuildError; but where the disk is full an OSError, for that is not the chapter's fault."""
    if shutil.disk_usage(os.path.dirname(target)).free < 1 << 20:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    spaced = [name for name in sorted(os.listdir(target)) if name.endswith((".c", ".h")) and " " in name]
    if spaced:
        return BuildError("%sa file's name with a space in it: %s" % (words, ", ".join(spaced)))
    return BuildError(words + ("not to be had here: " + ", ".join(sorted(left_out)) if left_out else ""))


def build(source, target, flags=None, containment=None):
    """Build a copy of the chapter folder `source` in the folder `target`; return the program's path.

    The copy keeps the source folder as it was. With `flags` they replace the Makefile's CFLAGS; with a
    Containment the build is contained. Raises BuildError with the compiler's words, or OSError where the
    disk is full.
    """
    name = program_name(os.path.basename(target))
    program = os.path.join(target, name)
    try:
        left_out = copy(source, target)
        for folder, _, files in os.walk(target) if containment else ():
            for path in (folder, *(os.path.join(folder, file) for file in files)):
                if not os.path.islink(path):
                    containment.hand_over(path)
        if os.path.lexists(program) and not os.path.isdir(program):
            os.remove(program)
    except (OSError, RecursionError) as error:
        why = error.args[0][0][2] if isinstance(error, shutil.Error) else error
        os.makedirs(target, exist_ok=True)
        raise failure(target, "the folder cannot be copied: %s" % why)
    command = ["make", "-s", "-C", target] + (["CFLAGS=" + flags] if flags else [])
    start = containment.start if containment else subprocess.Popen
    with tempfile.TemporaryFile() as said:
        process = start(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
        try:
            status = process.wait(seconds(LIMIT))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise BuildError("the build did not end within %g s" % seconds(LIMIT))
        said.seek(0)
        words = said.read(100 * WORDS).decode(errors="backslashreplace").replace(target + "/", "")
        words = excerpt(words.replace(containment.home + "/", "") if containment else words)
    if status != 0:
        raise failure(target, words, left_out)
    if not os.path.isfile(program) or not os.access(program, os.X_OK):
        raise BuildError("%smake has ended well, but there is no program %s" % (words, name))
    if containment:
        try:
            containment.admit(program)
        except OSError as error:
            raise BuildError("the program cannot be read: %s" % error.strerror)
    return program
