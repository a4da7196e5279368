"""Programs that are alike: a list for the instructor's eyes, and never a verdict. make class writes it as OUT/similar.txt.

A program becomes a text of tokens, in which all names but those of the library and the language are the same. Of that the
fingerprints are kept that winnowing chooses (Schleimer, Wilkerson and Aiken, "Winnowing", 2003; MOSS does so): a passage
of GRAM + WINDOW - 1 tokens that two programs have in common is found for certain, whatever stands around it.
"""

import collections
import itertools
import os
import re
import zlib

from grade import complete, growth
from grade.failure import printable
from grade.files import has_program, write
from grade.names import chapter_of
from grade.unpack import in_folder

GRAM, WINDOW = 12, 8
BYTES = 256 * 1024  # of one program
LEAST = 30  # fingerprints: what has fewer of its own is too short to be judged
# Measured, of our programs, those in repo/alternatives and a hundred more in four languages: two that were written apart
# share up to 0.16, and a copy with other names, in another order, and with every third line changed, 0.67 and more.
ALIKE = 0.5  # the share of the shorter one from which on two are listed
NEARLY = 0.8  # and scores.csv points to the list
SHOWN = 10  # so many files, and so many passages of each
OURS = "ours"
HEAD = """Programs that are alike by their tokens, whatever their names, spaces and comments are. It is a list for your
eyes, and no verdict. Two learners are compared in what was not given and is not ours; the percentage is that
of the shorter one.
"""

TOKEN = r"""|\s+)|(?P<text>[LuU]?8?"(?:\\.|[^"\\\n])*"?|[LuU]?'(?:\\.|[^'\\\n])*'?)
              |(?P<number>\.?\d[\w.]*)|(?P<name>[^\W\d]\w*)|[-+&|<>=*/%^!]=|->|\+\+|--|&&|\|\||<<|>>|."""
IN_C = re.compile(r"(?P<no>/\*(?:.*?\*/|.*)|//[^\n]*|[ \t]*\#[ \t]*include[^\n]*" + TOKEN, re.DOTALL | re.VERBOSE)
ELSEWHERE = re.compile(r"(?P<no>\#[^\n]*" + TOKEN, re.DOTALL | re.VERBOSE)
KEYWORDS = set("""auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    def elif except finally from import in is lambda not and or pass raise try with yield""".split())


def scan(text, pattern):
    """The tokens of a source: a list of (kind, text, line)."""
    found, line = [], 1
    for match in pattern.finditer(text):
        if match.lastgroup != "no":
            found.append((match.lastgroup or "", match.group(), line))
        line += match.group().count("\n")
    return found


def defined(found):
    """The functions that a source defines or declares: names before a parenthesis that are in no braces."""
    depth = 0
    for (kind, word, _), (_, after, _) in zip(found, found[1:]):
        depth += (word == "{") - (word == "}")
        if kind == "name" and after == "(" and depth <= 0:
            yield word


def plain(found, own):
    """The tokens with nothing in them that is a matter of taste, two bytes for each."""
    for (kind, word, _), (_, after, _) in zip(found, [*found[1:], ("", "", 0)]):
        if kind == "name" and word not in KEYWORDS and (after != "(" or word in own):
            word = "a name"
        yield (zlib.crc32((kind if kind in ("text", "number") else word).encode()) & 0xffff).to_bytes(2, "big")


def winnow(code):
    """The fingerprints of such tokens: pairs of a number and the place of its first token."""
    grams = [zlib.crc32(code[place:place + 2 * GRAM]) for place in range(0, len(code) - 2 * GRAM + 2, 2)]
    chosen = -1
    for start in range(max(1, len(grams) - WINDOW + 1) if grams else 0):
        window = grams[start:start + WINDOW]
        if chosen < start or grams[chosen] >= window[-1]:
            least = min(window)
            chosen = start + max(place for place, gram in enumerate(window) if gram == least)
            yield grams[chosen], chosen


def fingerprints(sources, pattern=IN_C, given=()):
    """The fingerprints of a program, a dictionary from file name to text: from each number to the places where it stands,
    (name, first line, last line). Functions that are `given` are none of the library's."""
    scanned = {name: scan(text, pattern) for name, text in sources.items()}
    own = {*given, *(name for found in scanned.values() for name in defined(found) if pattern is IN_C)}
    prints = {}
    for name, found in scanned.items():
        for number, place in winnow(b"".join(plain(found, own))):
            prints.setdefault(number, []).append((name, found[place][2], found[place + GRAM - 1][2]))
    return prints


# ---- The programs of a class

def sources(folder, chapter):
    """The sources of a program that was handed in, a dictionary from file name to text, and the pattern of their tokens:
    C, or, where there is none, whatever text was not given."""
    others = {"Makefile", *complete.given(chapter), *complete.given(chapter_of(chapter))}
    in_c, found, left = growth.sources(folder), {}, BYTES
    for path, _, opens in sorted(in_folder(folder), key=lambda entry: (entry[1], entry[0])):  # what is too large comes last
        if opens and (path in in_c if in_c else path not in others and not path.endswith((".md", ".txt"))):
            with opens() as file:
                content = file.read(left)
            if in_c or b"\0" not in content:  # compilers pass over it
                found[path], left = content.replace(b"\0", b"").decode(errors="replace"), left - len(content)
    return found, IN_C if in_c else ELSEWHERE


def texts(program):
    """A program of growth's as a dictionary from file name to text."""
    return {name: "".join(lines) for name, lines in program.items()}


class Given:
    """What those who write a chapter have in common: the texts of the `files` that they are given, the `functions` in
    these, and the fingerprints of what is `begun` with that and of `ours`."""

    def __init__(self, chapter):
        self.files = texts(growth.beginning(chapter))
        self.functions = {name for text in self.files.values() for name in defined(scan(text, IN_C))}
        self.begun = fingerprints(self.files)
        folder = growth.ours(chapter)
        self.ours = self.fingerprints(texts(growth.program_in(folder)) if has_program(folder) else {})

    def fingerprints(self, found, pattern=IN_C):
        """The fingerprints of a program, without the files that were given as they are."""
        changed = {name: text for name, text in found.items() if text != self.files.get(name)}
        return fingerprints(changed, pattern, self.functions)


def share(one, other):
    """What two sets of fingerprints have in common, and its share of the smaller one; 0 where that is too small."""
    smaller = min(len(one), len(other))
    return one & other, len(one & other) / smaller if smaller >= LEAST else 0


def passages(prints, common):
    """Where these numbers stand in a program, as text: names of files, and lines."""
    lines = collections.defaultdict(set)
    for name, first, last in itertools.chain.from_iterable(prints[number] for number in common):
        lines[name].update(range(first, last + 1))
    found = []
    for name in sorted(lines):
        ends = [line for line in sorted(lines[name]) if line + 1 not in lines[name]]
        starts = [line for line in sorted(lines[name]) if line - 1 not in lines[name]]
        words = ["%d-%d" % passage for passage in zip(starts, ends)]
        found.append("%s %s" % (name, ", ".join(words[:SHOWN] + ["..."] * (len(words) > SHOWN))))
    return "; ".join(found[:SHOWN] + ["..."] * (len(found) > SHOWN))


def compare(chapter, programs):
    """The pairs of programs of a chapter that are alike: a list of (share, name, other name, chapter, passages of each).
    `programs` is a dictionary from a learner's name to a folder."""
    known, prints = Given(chapter), {}
    for name, folder in programs.items():
        prints[name] = known.fingerprints(*sources(folder, chapter))
    written = {name: found.keys() - known.begun.keys() for name, found in prints.items()}
    pairs = []

    def look(one, other, places, *numbers):
        common, part = share(*numbers)
        if part >= ALIKE:
            pairs.append((part, one, other, chapter, passages(prints[one], common), passages(places, common)))

    for name in prints:
        look(name, OURS, known.ours, written[name], known.ours.keys() - known.begun.keys())
    mine = {name: numbers - known.ours.keys() for name, numbers in written.items()}
    for one, other in itertools.combinations(sorted(prints), 2):
        look(one, other, prints[other], mine[one], mine[other])
    return pairs


def write_similar(people, out):
    """Write OUT/similar.txt, and point to it in the notes of the learners whom it names."""
    lines, pairs = [HEAD], []
    for chapter in sorted({chapter for learner in people for chapter in learner.folders}):
        programs = {learner.name: learner.folders[chapter] for learner in people if chapter in learner.folders}
        alike = compare(chapter, programs)
        near = [pair for pair in alike if pair[2] == OURS]
        if len(near) > max(2, len(programs) / 2):
            lines.append("%s: %d of %d are near ours, as whoever follows the lesson's steps is.\n" % (
                chapter, len(near), len(programs)))
            alike = [pair for pair in alike if pair[2] != OURS]
        pairs += alike
    noted = set()
    for part, one, other, chapter, *places in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:4])):
        lines.append("%s and %s, %s: %d %%" % (one, other, chapter, 100 * part))
        lines += ["    %s: %s" % each for each in zip((one, other), places)]
        for learner in people if part >= NEARLY else ():
            if learner.name in (one, other) and (learner, chapter) not in noted:
                noted.add((learner, chapter))
                another = other if learner.name == one else one
                learner.notes.append("%s is nearly identical to %s, see similar.txt" % (
                    chapter, another + "'s" * (another != OURS)))
    write(os.path.join(out, "similar.txt"), printable("\n".join(lines if pairs else [*lines, "No two are alike."]) + "\n"))
