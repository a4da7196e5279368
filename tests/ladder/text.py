"""Drawing a ladder as text: columns of equal lines, of which one is for the arrows."""

import re
import textwrap

from ladder.calls import STRING
from ladder.words import DATA_LENGTH, data

WIDTH, GAP, LEAST, LEAST_DATA = 100, 2, 12, 4
INDENT = "    "
HAS_DATA = re.compile("send|recv|read|write")
FIXED = re.compile(STRING + r"| = \S+")  # not to be broken at its spaces


def layout(ladder):
    """Lay out a ladder: the widths of its columns, and its rows. A row has one text for each column; the
    arrows' column has texts such as `<ACK` and `FIN>`."""
    widths = _column_widths(ladder)
    rows, waiting = [list(ladder.columns)], set()
    for step in ladder.steps:
        waiting -= set(step.cells)
        rows += _rows(ladder, step, widths, waiting)
        waiting |= {step.column} if step.waits else set()
    return widths, rows


def _column_widths(ladder):
    """As wide as the longest text, but where that is too wide for all of them, those are cut first that
    are widest."""
    widths = [max([len(name)] + [len(text + result) for step in ladder.steps
                                 for text, result in step.cells.values() if step.column == column])
              for column, name in enumerate(ladder.columns)]
    if ladder.arrows is not None:
        widths[ladder.arrows] = 18 if len(widths) < 4 else 14
    while sum(widths) + GAP * (len(widths) - 1) > WIDTH:
        widest = max((width, -number) for number, width in enumerate(widths) if number != ladder.arrows)
        if widest[0] <= LEAST:
            break
        widths[-widest[1]] -= 1
    return widths


def _rows(ladder, step, widths, waiting):
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
    taken = set(step.cells) | waiting | {ladder.arrows, len(widths)}
    end = min(other for other in taken if other is not None and other > column)
    return sum(widths[column:end]) + GAP * (end - column - 1)


def _break(text, result, width, arrows):
    """Break a call and its result into lines. The data in it is cut if that makes them fewer. Where there
    are several arrows, the result comes with the last."""
    if arrows > 1:
        lines = _wrap(text, width)
        return lines + [""] * (arrows - 1 - len(lines)) + [INDENT + result.strip()]
    lengths = range(DATA_LENGTH, LEAST_DATA, -1) if HAS_DATA.match(text) else ()
    cuts = [re.sub(STRING, lambda match: data(match.group(), length), text) for length in lengths]
    ways = [_wrap(cut + result, width, break_long_words=False) for cut in cuts or [text]]
    fitting = [lines for lines in ways if max(map(len, lines)) <= width]
    return min(fitting, key=len) if fitting else _wrap(text + result, width)


def _wrap(text, width, **options):
    """Break a text into lines, but not within data or a result."""
    fixed = FIXED.sub(lambda match: match.group().replace(" ", "\0").replace("\0=", " ="), text)
    lines = textwrap.wrap(fixed, width, subsequent_indent=INDENT, break_on_hyphens=False, **options)
    return [line.replace("\0", " ") for line in lines]


def draw_arrow(text, width):
    """`FIN>` as -------- FIN ------->"""
    label = " %s " % text.strip("<>")
    line = label.center(width - 1, "-")
    return "<" + line if text.startswith("<") else line + ">"


def draw_text(ladder):
    """The ladder as lines of text."""
    widths, rows = layout(ladder)
    lines = []
    for number, row in enumerate(rows):
        cells = [draw_arrow(cell, widths[column]) if column == ladder.arrows and cell else cell
                 for column, cell in enumerate(row)]
        lines.append((" " * GAP).join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())
        lines += [""] if number == 0 else []
    return "\n".join(lines) + "\n"
