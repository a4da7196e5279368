"""What a check has done so far. A failure is told as this numbered list of steps."""

import errno
import itertools
import shlex
import signal
import threading

SHOWN = 60  # so many bytes of what is sent or received are shown
FIRST, LAST = 6, 9  # so many steps are told of a check that took more

_lock = threading.Lock()
_steps = []
_names = itertools.count(1)
_errors = []  # the network errors of this check, and how each was told
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
    """Bytes as text with the unprintable ones escaped; long ones cut, with their number (or size), and told
    by it alone where they are no text."""
    size = len(data) if size is None else size
    part = bytes(data[:SHOWN])
    if size <= SHOWN:
        return repr(part)[1:]
    if len(set(part)) == 1:
        return "{:,} times {}".format(size, repr(part[:1])[1:])
    if len(repr(part)) > 2 * SHOWN:
        return "{:,} bytes that are no text".format(size)
    while len(repr(part)) > SHOWN + 3:  # of bytes that have to be escaped, fewer
        part = part[:-1]
    return "{:,} bytes: {}...".format(size, repr(part)[1:])


def command(words):
    """A command as it is typed; of a word that is longer than a line, its beginning and its length."""
    return " ".join(shlex.quote(word) if len(word) <= SHOWN else
                    "{}... ({:,} characters)".format(shlex.quote(word[:SHOWN // 3]), len(word)) for word in map(str, words))


def circumstances(under, words):
    """A command as it is typed that runs another one, `words`, in circumstances of its own."""
    under, shown = list(map(str, under)), command(words)
    if under[:1] in (["sh"], ["bash"]) and len(under) == 3:
        return under[2].replace('exec "$0" "$@"', shown)
    injections = [word for word in under if word.startswith("inject=")]
    if injections:
        return "strace %s %s" % (" ".join("-e " + word for word in injections), shown)
    if under[:1] == ["unshare"] and "--net" in under and "--mount" not in under:
        return shown + ", in a network of its own"
    return shown + (", under " + under[0].rpartition("/")[2] if under else "")


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


def note_signal(number, whom="it"):
    """Note that a program is sent a signal."""
    words = {signal.SIGSTOP: "pause %s, as Ctrl-Z does", signal.SIGCONT: "let %s go on"}
    step(words.get(number, "send %%s %s" % signal.Signals(number).name) % whom)


def note_error(error, who, what):
    """Note a network error that a client of this check met as it wanted `what`, such as "an answer"."""
    text = words(error)
    text = "waits in vain for %s: %s" % (what, text) if text.startswith("timed out") else "meets an error: " + text
    step(text, who)
    with _lock:
        _errors.append((error, "%s %s" % (who, text)))


def network_error(error):
    """How this exception was told, if it was noted as one that tells of the program, and not of the check;
    else None."""
    return next((text for noted, text in _errors if noted is error), None)


def told():
    """The steps so far, as a list of lines."""
    with _lock:
        steps = list(_steps)
    if len(steps) > FIRST + LAST + 1:
        steps = [*steps[:FIRST], Step("...", None, b""), *steps[-LAST:]]
    return [step.tell() for step in steps]
