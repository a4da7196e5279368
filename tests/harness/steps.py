"""What a check has done so far. A failure is told as this numbered list of steps."""

import errno
import itertools
import threading

SHOWN = 60  # so many bytes of what is sent or received are shown
FIRST, LAST = 6, 9  # so many steps are told of a check that took more

_lock = threading.Lock()
_steps = []
_names = itertools.count(1)
_errors = []
_over = False


class Step:
    """One thing done. What follows in the same way is added to it."""

    def __init__(self, verb, who, data):
        self.verb, self.who, self.times = verb, who, 1
        self.data, self.size = bytearray(data[:SHOWN]), len(data)

    def add(self, data):
        self.data += data[:SHOWN - len(self.data)]
        self.size += len(data)
        self.times += not data

    def tell(self):
        text = "%s %s" % (self.who, self.verb) if self.who else self.verb
        if self.size:
            text += " " + show(self.data, self.size)
        return text + (", %d times" % self.times if self.times > 1 else "")


def show(data, size=None):
    """Bytes as text with the unprintable ones escaped; long ones cut, with their number (or size)."""
    size = len(data) if size is None else size
    if size <= SHOWN:
        return repr(bytes(data))[1:]
    part = bytes(data[:SHOWN])
    while len(repr(part)) > SHOWN + 3:  # of bytes that have to be escaped, fewer
        part = part[:-1]
    return "{:,} bytes: {}...".format(size, repr(part)[1:])


def begin():
    """A new check begins."""
    global _names, _over
    with _lock:
        _over = False
        _steps.clear()
        _errors.clear()
        _names = itertools.count(1)


def end():
    """The check is decided: what is still done is no part of it."""
    global _over
    _over = True


def name_client():
    """A name for one more client of this check."""
    return "client %d" % next(_names)


def step(verb, who=None, data=b""):
    """Note a step: what was done, by which client or server, with which bytes."""
    with _lock:
        if _over:
            return
        last = _steps[-1] if _steps else None
        if last and (last.verb, last.who) == (verb, who) and bool(last.size) == bool(data):
            last.add(data)
            return
        _steps.append(Step(verb, who, data))
        if len(_steps) > 4 * (FIRST + LAST):  # of thousands, only the first and the last are told
            del _steps[FIRST + 1:-2 * LAST]


def words(error):
    """An error of the system's in the words of a learner's program: its text and its name."""
    if getattr(error, "errno", None) in errno.errorcode:
        return "%s (%s)" % (error.strerror, errno.errorcode[error.errno])
    return str(error)


def note_error(error, who):
    """Note a network error that a client of this check met."""
    text = words(error)
    step("waits in vain" if text.startswith("timed out") else "meets an error: " + text, who)
    with _lock:
        _errors.append(error)


def is_network_error(error):
    """Was this exception noted as one that tells of the program, and not of the check?"""
    return any(error is noted for noted in _errors)


def told():
    """The steps so far, as a list of lines."""
    with _lock:
        steps = list(_steps)
    if len(steps) > FIRST + LAST + 1:
        steps = [*steps[:FIRST], Step("...", None, b""), *steps[-LAST:]]
    return [step.tell() for step in steps]
