"""make handout: the repository for a class that is about to write a chapter.

The chapters before it are complete. From it on only lessons and contracts are left, without the programs
and without the excerpts that give them away. The same Makefile and the same grader work in it.
"""

import os
import re
import shutil

from grade.files import HANDOUT, files, new_place
from grade.run import REPOSITORY, chapters

EXCERPT = re.compile(r"^```c (\S+)\n.*?^```$", re.MULTILINE | re.DOTALL)
IN_ITS_PLACE = r"*(Here the lesson shows a piece of `\1`. It is yours to write.)*"
INSTEAD = """
*(There is no program here before yours. Wherever you read `make chapter {number}`, type
`(cd work/{chapter} && make && ./{name}{arguments})`; for `{chapter}` in a command type `work/{chapter}`.
`make trace {number} DIR=work/{chapter}` draws its ladder.)*
"""
ARGUMENTS = {  # what a chapter's program runs with when no ARGS are given; the others need none
    "05-client": ["127.0.0.1", "7890"],
    "06-dns-lookup": ["www.example.org"],
    "09-daemon": ["-n"],
}
BEGIN = """## Begin

You need a C compiler, `make` and Python 3. Chapter {number} is yours to write: read
[its lesson]({chapter}/README.md), then

    make start {number}

lays out `work/{chapter}/`. Write `{name}.c` there, and

    make grade {number}

says what works and what does not. `make start`, without a number, says what comes next.
"""
BEGINNING = re.compile(r"^## Begin\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
GONE = re.compile(r"^\| `make (check|bench|mutants|handout|class|gradescope)\b.*\n", re.MULTILINE)


def adapted(path, first):
    """What a file of the handout says, or None where that is what it says here; `first` is the first
    chapter that is the class's to write, such as 04."""
    is_withheld = path[:2] >= first and re.match("0[1-9]-", path)
    is_lesson = path.endswith("README.md")
    if not (is_withheld and is_lesson) and path not in ("README.md", ".gitignore"):
        return None
    with open(os.path.join(REPOSITORY, path), encoding="utf-8") as file:
        text = file.read()
    if path == ".gitignore":  # a class hands in its work with git, but not what make builds there
        return re.sub(r"^/(?=0)", "**/", text.replace("/work/\n", ""), flags=re.MULTILINE)
    chapter = path.partition("/")[0] if is_withheld else next(
        name for name in chapters() if name.startswith(first))
    names = {"chapter": chapter, "number": int(chapter[:2]), "name": chapter[3:],
             "arguments": "".join(" " + word for word in ARGUMENTS.get(chapter, []))}
    if not is_withheld:
        return BEGINNING.sub(lambda _: BEGIN.format(**names) + "\n", GONE.sub("", text))
    return EXCERPT.sub(IN_ITS_PLACE, text).replace("\n## Try it\n", "\n## Try it\n" + INSTEAD.format(**names))


def handout(chapter):
    """Make the handout for a class that begins with this chapter, in the folder that OUT=... names."""
    out = new_place(os.environ.get("OUT"), "handout")
    first, number = chapter[:2], int(chapter[:2])
    for path in files():
        if re.match("0[1-9]-", path) and path[:2] >= first and path.endswith((".c", ".h", ".patch")) \
                and "/steps/0-" not in path:
            continue
        target = os.path.join(out, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(os.path.join(REPOSITORY, path), target)
        text = adapted(path, first)
        if text is not None:
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
    with open(os.path.join(out, HANDOUT), "w", encoding="utf-8") as file:
        file.write("%d\n" % number)
    complete = ", ".join(name for name in chapters() if name[:2] < first)
    print("%s is for a class that begins with chapter %d. Complete in it: %s.\n"
          "There, `make start %d` and `make grade %d` work at once." % (
              out, number, complete or "no program", number, number))
    return 0
