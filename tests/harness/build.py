"""Building a chapter's program, the way a learner's Makefile does it."""

import os
import shutil
import subprocess

SANITIZERS = "-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined"


class BuildError(Exception):
    """The chapter does not build; the text is what make and the compiler said."""


def program_name(chapter):
    """The program's name in a chapter's: 04-send-recv builds send-recv."""
    return chapter.split("-", 1)[1]


def build(source, target, flags=None):
    """Build a copy of the chapter folder `source` in the folder `target`; return the program's path.

    The copy keeps the source folder as it was. With `flags` they replace the Makefile's CFLAGS.
    Raises BuildError with the compiler's words.
    """
    name = program_name(os.path.basename(source))
    shutil.copytree(source, target)
    program = os.path.join(target, name)
    if os.path.exists(program):
        os.remove(program)
    command = ["make", "-s", "-C", target] + (["CFLAGS=" + flags] if flags else [])
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0 or not os.path.exists(program):
        raise BuildError("%s\n%s" % (" ".join(command), done.stdout))
    return program
