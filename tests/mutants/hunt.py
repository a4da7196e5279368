"""make hunt N: a wrong program of chapter N beside the right one, and whether a command tells them apart.

    hunt.py CHAPTER      with TRY, the command, and SEED in the environment
"""

import difflib
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from grade import names  # noqa: E402
from grade.failure import printable  # noqa: E402
from grade.files import digest, read  # noqa: E402
from harness.build import program_name  # noqa: E402
from mutants import by_hand  # noqa: E402
from mutants.run import copy, make, table  # noqa: E402

ROUNDS = 4  # a command that shows one of two things by chance tells them apart in 1 of 128 hunts
LINES = 30  # of what was shown
NOT_ENDED = "(it did not end)"
SCREEN = """In {shown}/ are two programs, without their sources:
right/{name} is ours, and in wrong/{name} one thing is wrong. What? It breaks the contract,
which is in {place}/README.md, under "Your turn".

You have found it when a command shows something else with the wrong one:

    make hunt {number} TRY='./{name} ...'

runs it with both, in turns, and says whether it does. It has ports and processes of its own.
What goes on for ever, such as a server, belongs in the background, and its words in a file:
./{name} ... > log & sleep 0.5; ...; cat log
What may wait for ever gets a bound, as in timeout 2 nc ...; a longer script goes into
{shown}/, and is run by TRY='sh my-script'.

make hunt {number} SEED={seed} brings this one back. Without SEED there is another one.
"""


def end(words):
    """Say what is in the way, and end with the status for that."""
    print(words, file=sys.stderr)
    sys.exit(2)


def build(chapter, seed, parent):
    """Build our program and the wrong one that the seed stands for, as right/ and wrong/ in the folder `parent`."""
    mutants = table(chapter)
    mutant = mutants[int(digest(("%s %s" % (chapter, seed)).encode()), 16) % len(mutants)]
    for whose in "right", "wrong":
        with tempfile.TemporaryDirectory(prefix="hunt-") as place:
            try:
                folder = make(mutant, chapter, place) if whose == "wrong" else copy(chapter, place)
                subprocess.run(["make", "-s", "-C", folder, "LDFLAGS=-s"], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            except (AssertionError, subprocess.CalledProcessError):
                end("make hunt: %s is not as it was: the wrong programs are made from it" % names.place(chapter))
            for name in os.listdir(folder):
                if name.endswith((".c", ".h")) or name == "Makefile":
                    os.remove(os.path.join(folder, name))
            shutil.rmtree(os.path.join(parent, whose), ignore_errors=True)
            shutil.copytree(folder, os.path.join(parent, whose))


def shows(command, program, scripts):
    """What the command shows in a copy of the folder `program`, with the files in `scripts`: lines of text."""
    with tempfile.TemporaryDirectory(prefix="hunt-") as place:
        folder = shutil.copytree(program, os.path.join(place, "program"), copy_function=shutil.copy)
        for entry in os.scandir(scripts):
            if entry.is_file() and not os.path.lexists(os.path.join(folder, entry.name)):
                shutil.copy(entry.path, folder)
        bounded = "(ulimit -f 65536; exec bash -c %s); printf '\\n(exit status %%d)\\n' $?" % shlex.quote(command)
        text = by_hand.show([bounded], folder)[-1].replace("\nexit status 0\n", "")  # which is printf's
        text = re.sub(r"exit status 124\n\Z", NOT_ENDED, text)
        return printable(text).strip("\n").split("\n")


def tell(title, lines):
    """Print lines that were shown, the first ones."""
    print("\n    ".join([title, *lines[:LINES], *["..."] * (len(lines) > LINES)]))


def differences(one, other, first, second):
    """The lines of two texts, where they differ: - stands before those of `first`, + before those of `second`."""
    return ["- %s, + %s" % (first, second), *list(difflib.unified_diff(one, other, n=2, lineterm=""))[2:]]


def verdict(command, programs, scripts):
    """Say whether a command tells the programs in two folders apart, and return the exit status."""
    right, wrong = None, None
    for number in range(ROUNDS):
        before, right = right, shows(command, programs["right"], scripts)
        if right[-1] == NOT_ENDED:
            tell("the right program has not ended after %d seconds: what goes on needs an & or a bound. So far:"
                 % by_hand.SECONDS, right)
            return 1
        if before not in (None, right):
            tell("the right program itself shows something else each time: do two print at once, or is it the clock?",
                 differences(before, right, "once", "again"))
            return 1
        wrong = shows(command, programs["wrong"], scripts)
        if wrong == right:
            tell("both show the same%s:" % (", though not each time" if number else ""), right)
            return 1
    tell("it tells them apart:", differences(right, wrong, "right", "wrong"))
    return 0


def main(chapter):
    chapter, step = os.path.splitext(chapter)
    number, place = names.number(chapter), os.path.join(names.REPOSITORY, "work", "hunt", chapter)
    seed, command = os.environ.get("SEED"), os.environ.get("TRY", "")
    if step:
        end("make hunt %s%s: it takes no step, as in: make hunt %s" % (number, step, number))
    if command and not seed and not os.path.exists(os.path.join(place, "seed")):
        end("make hunt %s: there is nothing to try it on yet: make hunt %s lays it out" % (number, number))
    if command and not by_hand.own_network():
        end("make hunt: TRY needs Linux, and the permission to make namespaces there (unshare)")
    if seed or not command:
        seed = seed or secrets.token_hex(3)
        os.makedirs(place, exist_ok=True)
        build(chapter, seed, place)
        with open(os.path.join(place, "seed"), "w", encoding="utf-8") as file:
            file.write(seed)
    if not command:
        print(SCREEN.format(shown=os.path.relpath(place, names.REPOSITORY), name=program_name(chapter), number=number,
                            place=names.place(chapter), seed=shlex.quote(seed)), end="")
        return 0
    with tempfile.TemporaryDirectory(prefix="hunt-") as parent:  # what lies in work/ may have been run, and changed
        build(chapter, read(place, "seed"), parent)
        return verdict(command, {whose: os.path.join(parent, whose) for whose in ("right", "wrong")}, place)


if __name__ == "__main__":
    # Ctrl-C: a KeyboardInterrupt would leave the command a moment to end, and lab.py leaves us no longer than that.
    signal.signal(signal.SIGINT, lambda number, frame: sys.exit(130))
    sys.exit(main(*sys.argv[1:]))
