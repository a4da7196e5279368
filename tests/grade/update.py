"""make handout N OUT=... or UPDATE=...: lay out a handout, or bring one of last week up to chapter N.

tests/handout in it says which chapter the class is about to write, which one it began with, and then, line by line,
the digest and the path of each file: so an update knows what is as it was written, and may be changed.
"""

import contextlib
import os
import re
import shutil
import sys

from grade import names
from grade.files import HANDOUT, digest, new_place, read, weeks, write
from grade.handout import contents
from grade.names import chapters
from grade.run import REPOSITORY


def written(place):
    """What a handout says that it wrote: a dictionary from path to digest."""
    return {path: digest for digest, path in re.findall(r"^([0-9a-f]{64})  (.+)$", read(place, HANDOUT), re.MULTILINE)}


def lay_out(place, made, before):
    """Make the files in the folder `place` what they are in `made`, as far as they are what this handout wrote
    `before`. Returns the paths of the others, which stay as they are: somebody has changed them by hand."""
    kept = []
    for path in sorted({*made, *before}):
        target, new = os.path.join(place, path), digest(made[path]) if path in made else None
        found = None
        if os.path.lexists(target):
            with contextlib.suppress(OSError), open(target, "rb") as file:
                found = digest(file.read())
            found = found or "no file"
        if found not in (before.get(path), new):
            kept.append(path)
        elif new is None and found:
            os.remove(target)
            with contextlib.suppress(OSError):
                os.removedirs(os.path.dirname(target))
        elif found != new:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            write(target, made[path])
            shutil.copymode(os.path.join(REPOSITORY, path), target)
    return kept


def to_update(number):
    """The path that UPDATE=... names, of a handout that can be brought on to chapter `number`; else this ends with a
    clear line."""
    name = os.environ["UPDATE"]
    place = os.path.abspath(os.path.expanduser(name))
    at = weeks(place)[0]
    if os.environ.get("OUT"):
        sys.exit("make handout: UPDATE brings a handout up to date, OUT makes a new one: say one of them")
    if not at or not written(place):
        sys.exit("make handout: UPDATE=%s: this is no handout, or an old one; OUT=... makes a new one" % name)
    if at > number:
        sys.exit("make handout: UPDATE=%s: its class is at chapter %d already, and would lose what it was given" % (name, at))
    return place


def handout(chapter):
    """Make the handout for a class that is about to write this chapter, in the folder that OUT=... names, or bring the
    one that UPDATE=... names up to date."""
    chapter, dot, step = chapter.partition(".")
    if names.is_exercise(chapter) or dot:
        number = names.number(chapter)
        sys.exit("make handout %s: a class begins with a chapter, as in: make handout %s" % (number + dot + step, number[0]))
    first, number, is_new = chapter[:2], int(chapter[:2]), not os.environ.get("UPDATE")
    place = new_place(os.environ.get("OUT"), "handout") if is_new else to_update(number)
    began, before = (number, {}) if is_new else (weeks(place)[1], written(place))
    made = contents(first)
    kept = lay_out(place, made, before)
    write(os.path.join(place, HANDOUT), "%d %d\n" % (number, began) + "".join(
        "%s  %s\n" % (digest(content), path) for path, content in made.items()))
    complete = ", ".join(name for name in chapters() if name[:2] < first)
    print("%s is for a class that %s chapter %d. Complete in it: %s." % (
        place, "begins with" if is_new else "is at", number, complete or "no program"))
    if kept:
        print("Changed there by hand, and left so: %s. What they are in a new handout, OUT=... shows." % ", ".join(kept))
    print("There, `make start %d` and `make grade %d` work at once." % (number, number) if is_new else
          "Commit it, and your class gets it with `git pull`.")
    return 0
