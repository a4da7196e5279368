"""Reading what `strace -ff -ttt -T -y` writes: one file for each process, one line for each call."""

import dataclasses
import re

CALL = re.compile(r"([\d.]+) (\w+)\((.*)\) += (.+?)(?: <([\d.]+)>)?")
WAITING = re.compile(r"([\d.]+) (\w+)\((.*?)(?:,? ?<unfinished \.\.\.>.*|<detached \.\.\.>)?")
KILLED = re.compile(r"([\d.]+) \+\+\+ killed by (\w+).* \+\+\+")
STRING = r'"(?:\\.|[^"\\])*"(?:\.\.\.)?'
TOKEN = re.compile(STRING + r"|<[^<>]*>|=>|[\[{(]|[\]})]|,|.", re.DOTALL)
DESCRIPTOR = re.compile(r"(-?\d+|AT_FDCWD)(?:<(.*)>)?(?: \(.*\))?")

SENDS = {"sendto", "sendmsg", "write", "writev", "sendfile"}
RECEIVES = {"recvfrom", "recvmsg", "read", "readv"}
ACCEPTS = {"accept", "accept4"}
FORKS = {"fork", "vfork", "clone", "clone3"}
WAITS = {"poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2",
         "pause", "rt_sigsuspend", "nanosleep", "clock_nanosleep"}
ENDS = {"exit_group", "killed"}


@dataclasses.dataclass(eq=False)
class Call:
    """One system call. `end` is None if it has not returned."""

    pid: int
    name: str
    arguments: list
    result: str
    start: float
    end: float
    process: int = 0                                       # the same for all threads of a process
    after: list = dataclasses.field(default_factory=list)  # the calls without which it would wait
    typed: bool = False                                    # waits for what is typed, see causes.py
    arrows: list = dataclasses.field(default_factory=list)

    @property
    def value(self):
        """The result as a number: -1 for an error, None if there is none."""
        match = re.match(r"-?\d+", self.result)
        return int(match.group()) if match else None

    @property
    def error(self):
        """The symbol of its error, such as ECONNREFUSED, or None."""
        match = re.match(r"(?:-1|\?) (E\w+)", self.result)
        return match and match.group(1).replace("ERESTARTNOHAND", "EINTR")

    @property
    def is_interrupted(self):
        """Whether a signal came first, after which the kernel begins the call anew."""
        return self.result.startswith(("? ERESTARTSYS", "? ERESTARTNOINTR"))

    @property
    def object(self):
        """What the call's first descriptor leads to, such as socket:[4711]; None if it has none."""
        return descriptor(self.arguments[0])[1] if self.arguments else None

    @property
    def made(self):
        """What the descriptor that it returns leads to, or None."""
        return descriptor(self.result)[1]


def descriptor(text):
    """Take `4<socket:[4711]>` apart: its number as text, and what it leads to; else two Nones."""
    match = DESCRIPTOR.fullmatch(text)
    return match.groups() if match else (None, None)


def split_arguments(text):
    """Split a call's arguments at the commas that are in no string, list or structure."""
    arguments, depth = [""], 0
    for token in TOKEN.findall(text):
        depth += (token in ("[", "{", "(")) - (token in ("]", "}", ")"))
        if token == "," and depth == 0:
            arguments.append("")
        else:
            arguments[-1] += token
    return [argument.strip() for argument in arguments if argument.strip()]


def parse(line, pid):
    """The Call that a line describes; None for a signal, for an orderly end, and for what is not a call."""
    match = KILLED.fullmatch(line)
    if match:
        return Call(pid, "killed", [match.group(2)], "", float(match.group(1)), float(match.group(1)))
    match = CALL.fullmatch(line)
    if match and match.group(4) != "?":
        start, name, arguments, result, duration = match.groups()
        return Call(pid, name, split_arguments(arguments), result,
                    float(start), float(start) + float(duration or 0))
    match = WAITING.fullmatch(line)
    if not match:
        return None
    start, name, arguments = match.groups()
    if name in ("exit_group", "exit"):
        return Call(pid, name, split_arguments(arguments.partition(")")[0]), "", float(start), float(start))
    return Call(pid, name, split_arguments(arguments), "", float(start), None)


def read_calls(path, pid, moment, limit=3000):
    """The calls that strace wrote to a file for a process, up to a moment; without those that were only
    interrupted by a signal that the program has not caught."""
    calls = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            call = parse(line.rstrip("\n"), pid)
            if call is None or call.start > moment or call.name == "execve" and not calls:  # by strace itself
                continue
            if calls and calls[-1].is_interrupted and calls[-1].name == call.name:
                calls.pop()
            if call.end is not None and call.end > moment:
                call.result, call.end = "", None
            calls.append(call)
            if len(calls) == limit:
                break
    return calls
