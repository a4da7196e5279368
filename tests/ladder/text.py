"""Drawing a ladder as text: columns of equal lines, of which one is for the arrows."""

import textwrap

WIDTH, GAP, ARROW, LEAST = 100, 2, 18, 12


def layout(ladder):
    """Lay out a ladder: the widths of its columns, and its rows. A row has one text for each column; the
    arrows' column has texts such as `<ACK` and `FIN>`."""
    widths = [max([len(name)] + [len(text + result) for step in ladder.steps
                                 for text, result in step.cells.values() if step.column == column])
              for column, name in enumerate(ladder.columns)]
    if ladder.arrows is not None:
        widths[ladder.arrows] = ARROW
    while sum(widths) + GAP * (len(widths) - 1) > WIDTH:
        widest = max((width, -number) for number, width in enumerate(widths) if number != ladder.arrows)
        if widest[0] <= LEAST:
            break
        widths[-widest[1]] -= 1
    rows, waiting = [list(ladder.columns)], set()
    for step in ladder.steps:
        waiting -= set(step.cells)
        rows += _rows(ladder, step, widths, waiting)
        waiting |= {step.column} if step.waits else set()
    return widths, rows


def _rows(ladder, step, widths, waiting):
    """The rows of one step."""
    cells = {}
    for column, (text, result) in step.cells.items():
        lines = textwrap.wrap(text, widths[column], subsequent_indent="    ", break_long_words=True)
        if len(step.arrows) > 1 or len(lines[-1] + result) > widths[column]:
            lines += [""] * (len(step.arrows) - 1 - len(lines))
            lines += textwrap.wrap(result.strip(), widths[column], initial_indent="    ",
                                   subsequent_indent="    ") if result else []
        else:
            lines[-1] += result
        cells[column] = lines
    if step.arrows:
        cells[ladder.arrows] = step.arrows
    for number in range(max(map(len, cells.values()))):
        row = ["    ." if column in waiting else "" for column in range(len(widths))]
        for column, lines in cells.items():
            row[column] = lines[number] if number < len(lines) else ""
        yield row


def draw_arrow(text, width=ARROW):
    """`FIN>` as -------- FIN ------->"""
    label = " %s " % text.strip("<>")
    line = label.center(width - 1, "-")
    return "<" + line if text.startswith("<") else line + ">"


def draw_text(ladder):
    """The ladder as lines of text."""
    widths, rows = layout(ladder)
    lines = []
    for number, row in enumerate(rows):
        cells = [draw_arrow(cell) if column == ladder.arrows and cell else cell
                 for column, cell in enumerate(row)]
        lines.append((" " * GAP).join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())
        lines += [""] if number == 0 else []
    return "\n".join(lines) + "\n"
