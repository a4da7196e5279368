"""summary.html and summary.txt: what a class has earned and missed, for the lesson after. Both say the same: a list of
sections, each a heading and blocks. What comes from submissions is escaped, and names are told only if they are asked for.
"""

import collections
import html
import os
import statistics
import textwrap

from grade import results as model
from grade.failure import printable
from grade.files import write

BAR = 40  # characters of the longest
WIDTH = 80
# What may be told of a remark where names may not: these words of ours.
KINDS = ("LATE", "not in the roster", "of this name", "the same one in the roster", "not all graded yet",
         "grader error", "could not be graded", "could not be looked through", "left out", "cannot be read",
         "cannot be unpacked", "neither a folder nor an archive", "which chapter is it?", "no program of the learner's",
         "counts as it was handed in last", "and not in single files", "was handed in", "together with",
         "is not taken from", "is taken from", "lacked given files", "has its sources in", "has a Makefile of its own",
         "brings what is no source", "has the points from before", "nearly identical")
OTHER = "something else"


class Section:
    """A heading, and what stands below it: each of these may be empty."""

    def __init__(self, heading, sentence=""):
        self.heading, self.sentence = heading, sentence
        self.bars = []  # pairs of a label and a number
        self.caption = ""  # a sentence on the items
        self.items = []  # triples of what stands in front, a line, and what explains it


def clean(text):
    """A text of anybody's in one line that everything can show."""
    return printable(" ".join(text.encode(errors="backslashreplace").decode().split()))


def histogram(points, full):
    """How many have 0 to 9, 10 to 19 ... percent of the points, and how many all."""
    tenths = collections.Counter(10 * value // full for value in points)
    return [("%d-%d" % (10 * tenth, 10 * tenth + 9) if tenth < 10 else "100", tenths[tenth]) for tenth in range(10, -1, -1)]


def missed(everything):
    """The checks of a chapter that somebody has failed, the most failed first, and the cause most often told. What could
    not be checked only follows from these."""
    checks = [check for results in everything for check in results["checks"]]
    failed = collections.Counter(check["title"] for check in checks if check["verdict"] == model.FAILED)
    for title, times in failed.most_common():
        mine = [check for check in checks if check["title"] == title]
        causes = collections.Counter(check["cause"] for check in mine if check["cause"])
        unchecked = sum(check["verdict"] == model.NOT_CHECKED for check in mine)
        words = [("%d times: " % count if count < times else "") + cause for cause, count in causes.most_common(1)]
        words += ["(%d more could not be checked.)" % unchecked] * bool(unchecked)
        yield "%d of %d" % (times, len(everything)), title, " ".join(words)


def chapter(program, people):
    """The section of one program."""
    everything = [learner.results[program] for learner in people if program in learner.results]
    everything = [results for results in everything if model.total(results)]
    section = Section("%s: begun by %d of %d" % (program, len(everything), len(people)))
    if everything:
        points, full = list(map(model.earned, everything)), model.total(everything[0])
        section.sentence = "Of %d points the median is %g, and the mean %.1f." % (
            full, statistics.median(points), statistics.mean(points))
        section.bars, section.items = histogram(points, full), list(missed(everything))
        section.caption = "What most have failed, with the cause that was told most often:" * bool(section.items)
    return section


def remarks(people, names):
    """The section of the remarks: each learner's, or how many have each kind of them."""
    section = Section("Remarks", "How many learners have one with these words; scores.csv has them in full." * (not names))
    if names:
        section.items = [("", learner.name, "; ".join(learner.said())) for learner in people if learner.said()]
    else:
        kinds = collections.Counter(words for learner in people for words in {
            next((words for words in KINDS if words in remark), OTHER) for remark in learner.said()})
        section.items = [(str(count), words, "") for words, count in kinds.most_common()]
    return section if section.items else Section("Remarks", "There are none.")


def have(number):
    """So many people have, or one has."""
    return "%d %s" % (number, "has" if number == 1 else "have")


def sections(people, absent, programs, has_roster, names):
    """All that is told of these people, who have handed in, and those who have not."""
    late = sum(map(bool, (learner.late for learner in people)))
    count = "%s handed in%s" % (have(len(people)), ", %d of them late" % late if late else "")
    nothing = "of the roster, %s handed in nothing" % have(len(absent)) if has_roster else \
        "who has handed in nothing, only a roster tells"
    first = Section("The class", "%s; %s." % (count, nothing))
    first.items = [("", learner.name, "") for learner in absent if names]
    return [first, *(chapter(program, people) for program in programs), remarks(people, names)]


# ---- As text, and as a page

def text(everything):
    """The sections as text."""
    lines = []
    for section in everything:
        most = max([number for _, number in section.bars], default=0) or 1
        bars = ["%9s  %s %d" % (label, "#" * round(BAR * number / most), number) for label, number in section.bars]
        lines += [section.heading, "-" * len(section.heading)]
        for part in (wrapped(section.sentence), bars, wrapped(section.caption), sum(map(item, section.items), [])):
            lines += [""] * bool(part) + part
        lines.append("")
    return "\n".join(lines)


def wrapped(line, first="", rest=""):
    """The lines of one that may be too long."""
    return textwrap.wrap(clean(line), WIDTH, initial_indent=first, subsequent_indent=rest)


def item(count_line_words):
    """The lines of an item."""
    count, line, words = count_line_words
    indent = "%9s  " % count if count else "  "
    below = " " * (len(indent) if count else 4)
    return wrapped(line, indent, below) + wrapped(words, below, below)


STYLE = """
body { max-width: 44em; margin: 1em auto; padding: 0 1em; font: 16px/1.4 sans-serif; color: #111; overflow-wrap: anywhere }
h2 { font-size: 1.2em; margin: 1.5em 0 0.3em; border-bottom: 1px solid #999 }
table { border-collapse: collapse; width: 100% }
th, td { padding: 0.1em 0.5em 0.1em 0; text-align: left; vertical-align: top; font-weight: normal }
th { white-space: nowrap; width: 1%; text-align: right; font-variant-numeric: tabular-nums }
small { display: block; color: #444; margin-bottom: 0.4em }
.bar span { display: inline-block; border-top: 0.8em solid #36c; margin-right: 0.4em }
tr, .bars { break-inside: avoid } h2, p { break-after: avoid }
@page { margin: 15mm }
@media print { body { font-size: 11pt; margin: 0; padding: 0; max-width: none } small { color: #000 } }
"""


def page(everything):
    """The sections as a page of HTML that needs nothing else. Bars are borders: these are printed, backgrounds are not."""
    def escaped(words):
        return html.escape(clean(words))

    parts = ["""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Results of the class</title>
<style>%s</style>
<h1>Results of the class</h1>""" % STYLE]
    for section in everything:
        parts += ["<h2>%s</h2>" % escaped(section.heading), "<p>%s</p>" % escaped(section.sentence)]
        most = max([number for _, number in section.bars], default=0) or 1
        rows = ['<tr><th>%s</th><td class="bar"><span style="width: %d%%"></span>%d</td></tr>' % (
            label, round(85 * number / most), number) for label, number in section.bars]
        parts += ['<table class="bars">', *rows, "</table>"] if rows else []
        rows = ["<tr>%s<td>%s%s</td></tr>" % ("<th>%s</th>" % count if count else "", escaped(line),
                                              "<small>%s</small>" % escaped(words) if words else "")
                for count, line, words in section.items]
        parts += ["<p>%s</p>" % escaped(section.caption), "<table>", *rows, "</table>"] if rows else []
    return "\n".join(parts) + "\n</html>\n"


def write_summary(out, *what):
    """Write summary.html and summary.txt into the folder `out`; the rest is as for sections()."""
    everything = sections(*what)
    write(os.path.join(out, "summary.html"), page(everything))
    write(os.path.join(out, "summary.txt"), text(everything))
