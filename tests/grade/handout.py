"""What is in a handout: the repository for a class that is about to write a chapter.

The chapters before it are complete. From it on only lessons and contracts are left, without the programs, their
steps, and the excerpts that give them away: of these stays what is to be written, how long ours is, and the shape of
a new call, if the lesson has that in a comment, `<!-- shape: ... -->`. The same Makefile and grader work in it.
"""

import os
import re

from excerpts import sections
from grade import growth, names
from grade.files import files, read
from grade.names import chapters
from grade.run import REPOSITORY

SHAPED = re.compile(r"^((?:<!-- shape: .* -->\n+)*)```c (\S+)\n((?:.*\n)*?)```$", re.MULTILINE)
FIRST = """
*(This one is yours to write: read The idea and The program, do Your turn to its first points, then Try it.)*
"""
INSTEAD = """
*(There is no program here before yours: what a terminal shows below is what ours shows, after the same step. Wherever
you read `make chapter {number}`, type `(cd work/{chapter} && make && ./{name}{arguments})`; what stands before it, such as
`strace`, belongs before `./{name}`, and what its `ARGS="..."` has, behind. For `{place}` in a command type
`work/{chapter}`. `make trace {number} DIR=work/{chapter}` draws its ladder.)*
"""
OWN = """
*(`make start {number}` lays out your own program of chapter {before}. Before the first step make it this:
{words})*
"""
ARGUMENTS = {  # what a chapter's program runs with when no ARGS are given; the others need none
    "2a-address": ["127.0.0.1"],
    "4d-unix-socket": ["~/echo.socket"],
    "05-client": ["127.0.0.1", "7890"],
    "5a-port-scan": ["127.0.0.1", "1-65535"],
    "5c-syn-scan": ["127.0.0.1", "7890"],
    "06-dns-lookup": ["www.example.org"],
    "6b-dig": ["www.example.org"],
    "7a-listing": ["."],
    "09-daemon": ["-n"],
    "9a-socket-activation": ["-n"],
    "9b-tls-termination": ["-n"],
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
GONE = re.compile(r"^\| `make (check|bench|mutants|hunt|handout|class|gradescope|classroom50)\b.*\n", re.MULTILINE)


def functions(lines):
    """The functions of a C file, in our style: rows (name, its first line, the line behind it), counted from 0."""
    for begin in (number for number, line in enumerate(lines) if line == "{\n"):
        first = next(number for number in range(begin - 1, -1, -1) if re.match(r"\w", lines[number]))
        name = re.search(r"(\w+)\(", lines[first])
        yield name.group(1) if name else "?", first, lines.index("}\n", begin) + 1


def in_its_place(file, excerpt, shapes, lines):
    """What a lesson says in place of an excerpt of a file, of which these are the lines: whose piece it is, how long
    that is, and the shapes of new calls."""
    before = "".join(lines).partition(excerpt)[0].count("\n")
    behind = before + excerpt.count("\n")
    found = [(name, end - first) for name, first, end in functions(lines) if first < behind and end > before]
    words = "a piece of `%s`" % file
    if found:
        words = "%s in `%s`; ours %s %s lines" % (
            " and ".join("`%s()`" % name for name, _ in found), file, "has" if len(found) == 1 else "have",
            " and ".join(str(length) for _, length in found))
    new = " The new call%s: %s" % ("s" if len(shapes) > 1 else "", " and ".join("`%s`" % shape for shape in shapes))
    return "*(Yours to write: %s.%s)*" % (words, new if shapes else "")


def withheld(chapter, lesson):
    """The lesson of a chapter that is to be written: without its excerpts."""
    states, parts = [*growth.states(chapter), growth.program_in(growth.ours(chapter))], []
    for step, text in sections(lesson):
        parts.append(SHAPED.sub(lambda match: in_its_place(
            match.group(2), match.group(3), re.findall("<!-- shape: (.*) -->", match.group(1)),
            states[step].get(match.group(2), [])), text))
    return "".join(parts)


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
        return re.sub(r"^/(?=0)", "**/", text.replace("/work/\n", "/work/.results/\n"), flags=re.MULTILINE)
    chapter = os.path.basename(os.path.dirname(path)) if is_withheld else next(
        name for name in chapters() if name.startswith(first))
    words = {"chapter": chapter, "number": names.number(chapter), "name": chapter[3:], "place": names.place(chapter),
             "arguments": "".join(" " + word for word in ARGUMENTS.get(chapter, []))}
    if not is_withheld:
        return BEGINNING.sub(lambda _: BEGIN.format(**words) + "\n", GONE.sub("", text))
    before, cut = growth.given(chapter)[0] or "", growth.first_cut(growth.ours(chapter))
    own = OWN.format(before=names.number(before), words=read(cut).split("\n\n")[1], **words) \
        if cut and before[:2] >= first else ""
    return withheld(chapter, text).replace("\n", "\n" + FIRST, 1).replace(
        "\n## The program\n", "\n## The program\n" + INSTEAD.format(**words) + own)


def is_an_answer(path, first):
    """Whether a file gives a program away that is the class's to write, from the chapter `first` on. What a chapter
    takes away before its first step does not, if that is a program which the class has."""
    before = growth.given(path.split("/")[-3])[0] if re.match("0[1-9]-.*/steps/0-", path) else None
    return bool(re.match("0[1-9]-.*[.](c|h|patch)$", path)) and path[:2] >= first and not (before and before[:2] < first)


def contents(first):
    """The files of the handout for a class that is about to write the chapter `first`, such as 04: a dictionary from
    path to bytes."""
    made = {}
    for path in files():
        if not is_an_answer(path, first):
            text = adapted(path, first)
            with open(os.path.join(REPOSITORY, path), "rb") as file:
                made[path] = file.read() if text is None else text.encode()
    return made
