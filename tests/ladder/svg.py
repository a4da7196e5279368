"""Drawing a ladder as an SVG picture, for light and dark surroundings."""

from xml.sax.saxutils import escape

from ladder.text import GAP, layout

LETTER, LINE, MARGIN, SIZE = 7.8, 20, 16, 13
STYLE = """
  text { font: %dpx ui-monospace, Menlo, Consolas, monospace; fill: #1f2328; white-space: pre }
  .name { font-weight: bold }
  .label { text-anchor: middle; font-size: 11px; fill: #0550ae }
  line { stroke: #0550ae; stroke-width: 1.5 }
  .waits { stroke: #8c959f; stroke-dasharray: 1.5 4 }
  path { fill: #0550ae }
  .paper { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 }
    text { fill: #e6edf3 }
    .label, path { fill: #79c0ff }
    line { stroke: #79c0ff }
    .waits { stroke: #6e7681 }
  }""" % SIZE


def draw_svg(ladder, title):
    """The ladder as the text of an SVG file."""
    widths, rows = layout(ladder)
    lefts = [MARGIN + LETTER * (sum(widths[:column]) + GAP * column) for column in range(len(widths))]
    width = lefts[-1] + LETTER * widths[-1] + MARGIN
    height = 2 * MARGIN + LINE * (len(rows) + 0.5)
    parts = []
    for number, row in enumerate(rows):
        y = MARGIN + LINE * (number + (1.5 if number else 1)) - 6
        for column, cell in enumerate(row):
            if cell and column == ladder.arrows:
                parts += _arrow(cell, lefts[column], lefts[column] + LETTER * widths[column], y - 4)
            elif cell.strip() == ".":
                x = lefts[column] + LETTER * 2
                parts.append(_line(x, y - LINE + 6, x, y + 4, ' class="waits"'))
            elif cell:
                kind = ' class="name"' if number == 0 else ""
                parts.append('<text x="%.1f" y="%.1f"%s>%s</text>' % (
                    lefts[column], y, kind, escape(cell)))
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img">\n'
            '<title>%s: the calls of both sides</title>\n<style>%s\n</style>\n'
            '<rect class="paper" width="100%%" height="100%%" rx="6"/>\n%s\n</svg>\n'
            % (width, height, escape(title), STYLE, "\n".join(parts)))


def _line(x1, y1, x2, y2, kind=""):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"%s/>' % (x1, y1, x2, y2, kind)


def _arrow(label, left, right, y):
    """An arrow with its label above it."""
    tip, back = (left, left + 7) if label.startswith("<") else (right, right - 7)
    return ['<text class="label" x="%.1f" y="%.1f">%s</text>' % (
                (left + right) / 2, y - 3, escape(label.strip("<>"))),
            _line(left, y, right, y),
            '<path d="M%.1f %.1f L%.1f %.1f L%.1f %.1f z"/>' % (tip, y, back, y - 4, back, y + 4)]
