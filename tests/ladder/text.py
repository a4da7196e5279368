"""Drawing a ladder as text: columns of equal lines, of which one is for the arrows."""

import functools
import re
import textwrap

from ladder.calls import STRING
from ladder.words import DATA_LENGTH, data

WIDTH, GAP, LEAST, LEAST_DATA = 80, 2, 12, 4
INDENT, HANG = "    ", "  "
HAS_DATA = re.compile("send|recv|read|write")
STRINGS = re.compile(STRING)
FIXED = re.compile(STRING + r"| = [^,]*")  # not to be broken at its spaces


def layout(ladder, most=WIDTH):
    """Lay out a ladder in at most so many characters: the widths of its columns, and its rows. A row has one
    text for each column; the arrows' column has texts such as `<ACK` and `FIN>`."""
    widths, *limits = _bounds(ladder)
    for least in limits:
        while sum(widths) + GAP * (len(widths) - 1) > most:
            ways = [widths[:column] + [width - 1] + widths[column + 1:]
                    for column, width in enumerate(widths) if width > least[column]]
            if not ways:
                break
            widths = min(ways, key=lambda way: (*_cost(ladder, way), max(way)))
    return widths, [list(ladder.columns), *_rows(ladder, widths)]


def _bounds(ladder):
    """The widths of the columns if there is room for all; the least so that no word is broken; and the least
    where nothing else helps."""
    texts = [[name] + [text + result for step in ladder.steps for other, (text, result) in step.cells.items()
                       if other == column] for column, name in enumerate(ladder.columns)]
    widths = [max(map(len, column)) for column in texts]
    words = [max(map(_longest_word, column)) for column in texts]
    parts = [min(LEAST, width) for width in words]
    if ladder.arrows is not None:
        longest = max((len(label) for step in ladder.steps for label in step.arrows), default=0)
        widths[ladder.arrows], words[ladder.arrows], parts[ladder.arrows] = longest + 9, longest + 5, longest + 5
    return widths, words, parts


def _cost(ladder, widths):
    """What these widths cost: the number of rows, and the data that is cut."""
    rows = list(_rows(ladder, widths))
    return len(rows), -sum(len(cell) for row in rows for cell in row)


def _rows(ladder, widths):
    """The rows of all steps."""
    waiting = set()
    for step in ladder.steps:
        waiting -= set(step.cells) if not step.rests else set()
        yield from _rows_of_step(ladder, step, widths, waiting)
        waiting |= {step.column} if step.waits else set()


def _rows_of_step(ladder, step, widths, waiting):
    """The rows of one step."""
    cells = {column: _break(text, result, _room(ladder, step, widths, waiting, column), len(step.arrows))
             for column, (text, result) in step.cells.items()}
    if step.arrows:
        cells[ladder.arrows] = step.arrows
    for number in range(max(map(len, cells.values()))):
        row = [INDENT + "." if column in waiting else "" for column in range(len(widths))]
        for column, lines in cells.items():
            row[column] = lines[number] if number < len(lines) else ""
        yield row


def _room(ladder, step, widths, waiting, column):
    """The width for a text: also that of the columns to its right, as far as they are empty."""
    taken = set(step.cells) | waiting | {len(widths)} | ({ladder.arrows} if step.arrows else set())
    end = min(other for other in taken if other > column)
    return sum(widths[column:end]) + GAP * (end - column - 1)


@functools.lru_cache(maxsize=None)
def _break(text, result, width, arrows):
    """Break a call and its result into lines. The data in it is cut if that makes them fewer. Where there
    are several arrows, the result comes with the last."""
    if arrows > 1:
        lines = _wrap(text, width)
        return lines + [""] * (arrows - 1 - len(lines)) + [HANG + result.strip()]
    lengths = range(DATA_LENGTH, LEAST_DATA - 1, -1) if HAS_DATA.match(text) else ()
    ways = [_wrap(_cut(text, length) + result, width, break_long_words=False) for length in lengths]
    ways = ways or [_wrap(text + result, width, break_long_words=False)]
    fitting = [lines for lines in ways if max(map(len, lines)) <= width]
    return min(fitting, key=len) if fitting else _wrap(text + result, width)


def _cut(text, length):
    """The call with so many characters of its data."""
    return STRINGS.sub(lambda match: data(match.group(), length), text)


def _fix(text):
    """The call and its result with other spaces where it is not to be broken."""
    return FIXED.sub(lambda match: match.group().replace(" ", "\0").replace("\0=", " ="), text)


def _longest_word(text):
    """How wide a column must be, so that no word of this is broken."""
    first, *others = _fix(_cut(text, LEAST_DATA) if HAS_DATA.match(text) else text).split(" ")
    return max([len(first), *(len(HANG + word) for word in others)])


def _wrap(text, width, **options):
    """Break a text into lines, but not within data or a result."""
    lines = textwrap.wrap(_fix(text), width, subsequent_indent=HANG, break_on_hyphens=False, **options)
    return [line.replace("\0", " ") for line in lines]


def draw_arrow(text, width):
    """`FIN>` as -------- FIN ------->"""
    label = " %s " % text.strip("<>")
    line = label.center(width - 1, "-")
    return "<" + line if text.startswith("<") else line + ">"


def draw_text(ladder, most=WIDTH):
    """The ladder as lines of text."""
    widths, rows = layout(ladder, most)
    lines = []
    for number, row in enumerate(rows):
        line = ""
        for column, cell in enumerate(row):
            line = line.ljust(sum(widths[:column]) + GAP * column) if cell else line
            line += draw_arrow(cell, widths[column]) if column == ladder.arrows and cell else cell
        lines += [line, ""] if number == 0 else [line]
    return "\n".join(lines) + "\n"
