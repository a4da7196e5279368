"""From the calls of a chapter's processes to the ladder's columns and steps."""

import dataclasses
import re

from ladder.calls import ACCEPTS, FORKS, RECEIVES, SENDS, WAITS
from ladder.causes import find_causes, makes_thread
from ladder.replay import replay
from ladder.words import PROCESS, Words

MOST_COLUMNS = 6  # where there are more, those that do nothing but wait are left out
ALWAYS = PROCESS | FORKS | WAITS | ACCEPTS | {"socket", "openlog", "syslog", "execve"}


@dataclasses.dataclass
class Step:
    """One step of the ladder: what stands in which columns (a text and a result each), and the arrows."""

    column: int
    cells: dict
    arrows: list = dataclasses.field(default_factory=list)
    waits: bool = False
    rests: bool = False  # tells of states, while all processes rest


@dataclasses.dataclass
class Ladder:
    """Columns by their names, the number of the one for the arrows (or None), and the steps."""

    columns: list
    arrows: int
    steps: list


def build_ladder(scene, server, client, port, folders, states=()):
    """Build the ladder from the calls of the server's and the client's processes: two dictionaries from
    pid to Calls, of which one may be empty. `port` is the server's, and `folders` are the program's; `states` are
    those of the sockets, see states.look()."""
    calls = [call for side in (server, client) for of_one in side.values() for call in of_one]
    calls = name_logging(calls) if scene.datagrams or scene.path else without_noise(name_logging(calls))
    births = find_causes(calls, port)
    for call in calls if scene.path else []:  # these words are TCP's
        call.arrows = [{"FIN": "the end", "RST": "a reset"}.get(label, label) for label in call.arrows]
    scripted = client if scene.client else server if isinstance(scene.server, str) else {}
    begun = min((call.start for call in calls if scene.starter and call.name == "execve"), default=0)  # before it runs a starter of ours
    shown = {call for call in calls if (
        is_scripted_call(call) if call.pid in scripted else
        is_scripted_call(call) or call.name in WAITS if call.start < begun else
        is_shown(call, scene.files, scene.standard and call.pid in (client or server), folders))}

    acting = {call.pid for call in shown}
    if len(acting) > MOST_COLUMNS:
        acting = {call.pid for call in shown if call.end is not None}
    sides = [in_birth_order(acting.intersection(side), births) for side in (server, client)]
    names = {**name_processes(sides[0], scene.names, births), **name_processes(sides[1], ["client"], births)}
    columns, arrows = list(names.values()), None
    numbers = {pid: number for number, pid in enumerate(names)}
    if all(sides):
        arrows = len(sides[0])
        columns.insert(arrows, "")
        numbers.update({pid: numbers[pid] + 1 for pid in sides[1]})

    words = Words(port, scene.port, folders, names)
    order = replay([call for call in calls if call in shown or call.typed], births, list(names))
    order = [(call, waits) for call, waits in order if call in shown]
    steps = [draw_step(call, waits, words, numbers, births, arrows) for call, waits in order]
    if arrows is not None:
        insert_states(steps, order, states, (0, arrows + 1))
    return Ladder(columns, arrows, without_repetition(steps))


def insert_states(steps, order, states, columns):
    """Insert a step for each change of the states, behind all calls of the moments before. `columns` are the two in which
    they stand."""
    moments = [call.start if waits or call.end is None else call.end for call, waits in order]
    changes = [row for before, row in zip([None, *states], states) if before is None or before[1:] != row[1:]]
    for moment, *texts in reversed(changes):
        behind = max((number for number, other in enumerate(moments, 1) if other <= moment), default=0)
        steps.insert(behind, Step(columns[0], {column: ("-- " + text, "") for column, text in zip(columns, texts)}, rests=True))


def name_logging(calls):
    """Put openlog() and syslog() in place of what they do: they try a socket that may not exist."""
    sockets, opened = set(), False
    for call in sorted(calls, key=lambda call: call.start):
        if call.name == "connect" and "/dev/log" in call.arguments[1]:
            sockets.add(call.object)
            call.name, call.arguments, call.result = "syslog" if opened else "openlog", [], ""
            opened = True
        elif call.name in SENDS and call.object in sockets:
            call.name, call.arguments, call.result = "syslog", [], ""
    return calls


def without_noise(calls):
    """Leave out sockets that are not TCP, such as those that the C library looks up names with."""
    noise = {call.made for call in calls if call.name == "socket"
             and (not call.arguments[0].startswith("AF_INET") or "SOCK_DGRAM" in call.arguments[1])} - {None}
    return [call for call in calls if call.object not in noise and call.made not in noise]


def is_scripted_call(call):
    """Whether a call is one that a script of ours asks for, and not Python, which asks each socket that it
    accepts for its name."""
    return call.name == "socket" or (call.object or "").startswith("socket:") and call.name != "getsockname"


def is_shown(call, files, standard, folders):
    """Whether a call of a chapter's program belongs into the ladder: with `files` those on its files, with
    `standard` those on its standard input and output."""
    target, name = call.object or "", call.name
    if name == "fcntl":
        return "SETLK" in call.arguments[1] or "O_NONBLOCK" in "".join(call.arguments)
    if name in SENDS | RECEIVES and re.match(r"[012]<", call.arguments[0]):
        return standard
    if name in ("open", "openat", "unlink"):
        path = "".join(call.arguments[:2])
        below = re.match(r"\d+<(.*?)>", path)  # the folder that openat() begins in
        target = call.made or (below.group(1) if below else path.partition('"')[2])
    if target == "/dev/null" or target.startswith(tuple(folders)):
        return files
    return target.startswith(("socket:", "pipe:")) or name in ALWAYS


def in_birth_order(side, births):
    """The pids of one side, a parent before its children."""
    return sorted(side, key=lambda pid: births[pid].start if pid in births else 0)


def name_processes(pids, given, births):
    """Name the processes of one side as given, and further ones child 1, thread 2, ..."""
    names = dict(zip(pids, given))
    for number, pid in enumerate(pids[len(given):], 1):
        names[pid] = "%s %d" % ("thread" if makes_thread(births[pid]) else "child", number)
    return names


def draw_step(call, waits, words, numbers, births, arrows):
    """Put a call into words, or its begin if it waits. `numbers` are those of the processes' columns, and
    `arrows` is that of the arrows."""
    column = numbers[call.pid]
    if waits:
        return Step(column, {column: (words.waits(call), "")}, waits=True)
    cells = {column: words.done(call)}
    if births.get(call.value) is call and call.value in numbers:
        cells[numbers[call.value]] = ("starts", "") if makes_thread(call) else (cells[column][0], " = 0")
    if arrows is None:
        return Step(column, cells)
    labels = ["bytes" if words.tells_pid(call) and label.endswith("bytes") else label for label in call.arrows]
    return Step(column, cells, [turn(label, column < arrows) for label in labels])


def turn(label, is_left):
    """Give an arrow its direction, `<ACK` or `ACK>`. Until now a < means: towards the one who calls."""
    bare = label.strip("<")
    return bare + ">" if is_left == (bare == label) else "<" + bare


def without_repetition(steps):
    """Cut short what a process does again and again, such as one that spins."""
    kept, run, before = [], 0, None
    for step in steps:
        run = run + 1 if before and before.cells == step.cells and not step.arrows else 0
        if run < 2:
            kept.append(step)
        elif run == 2:
            kept.append(Step(step.column, {step.column: ("... again and again", "")}))
        before = step
    return kept
