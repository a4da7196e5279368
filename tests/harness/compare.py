"""Telling how what came differs from what should have come."""

import os

from harness.steps import show


def character(data, offset):
    """The byte at this offset, in hex and as text; or that there is none."""
    if offset >= len(data):
        return "the end"
    return "0x%02x %s" % (data[offset], repr(bytes(data[offset:offset + 1]))[1:])


def first_difference(got, expected):
    """Where two unequal bytes objects part, and what stands there in each, in context."""
    same, differ = 0, min(len(got), len(expected)) + 1
    while same + 1 < differ:  # the first `same` bytes are the same, the first `differ` are not
        middle = (same + differ) // 2
        same, differ = (middle, differ) if got[:middle] == expected[:middle] else (same, middle)
    after = " after %s" % show(got[max(0, same - 16):same]) if same else ""
    return "at offset %d%s there is %s instead of %s; %d bytes came, %d should have" % (
        same, after, character(got, same), character(expected, same), len(got), len(expected))


def is_lines(value):
    """Whether a value is a list of lines."""
    return isinstance(value, list) and bool(value) and all(isinstance(line, str) for line in value)


def describe(value):
    """A value as a short text."""
    if isinstance(value, (bytes, bytearray)):
        return show(value)
    if is_lines(value):
        text = "".join("\n      " + repr(line) for line in value)
    else:
        text = repr(value)
    return text if len(text) <= 600 else text[:300] + " ... " + text[-300:]


def difference(got, expected):
    """The lines that tell of two unequal values."""
    where = ""
    if is_lines(got) and is_lines(expected):
        same = len(os.path.commonprefix([got, expected]))
        if same > 1:
            where, got, expected = "(from line %d on)" % (same + 1), got[same:], expected[same:]
    lines = ("expected: %s%s\ngot:      %s%s" % (
        where, describe(expected) if expected or not where else " no more", where,
        describe(got) if got or not where else " no more")).split("\n")
    if isinstance(got, str) and isinstance(expected, str):
        got, expected = got.encode(), expected.encode()
    if isinstance(got, (bytes, bytearray)) and isinstance(expected, (bytes, bytearray)):
        if len(got) > 16 or len(expected) > 16:
            lines.append("first difference: " + first_difference(got, expected))
    return lines


def identical(got, expected):
    """The same bytes have come. A short report however long they are."""
    if got != expected:
        raise AssertionError("\n".join(difference(got, expected)))
