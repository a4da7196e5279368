"""What the system says of a process. Linux only: elsewhere every function skips its test."""

import contextlib
import glob
import itertools
import os
import re
import socket
import struct

import pytest

from harness.contain import as_owner
from harness.listening import address_of, family, lines_of, proc
from harness.program import wait_until


class Ended(AssertionError, FileNotFoundError):
    """The process is no more."""


def _read(path):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs Linux's /proc")
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        raise Ended("the program has ended, and should not have") from None


def _stat(folder):
    """The fields of the file stat in a folder of /proc from the third (state) on, see proc(5)."""
    return _read(folder + "/stat").rpartition(")")[2].split()


def look(pid, ask):
    """What ask(), which looks into /proc/PID, returns. What is not shown to root, where that lacks
    CAP_SYS_PTRACE as in most containers, is shown to the process's own user. A program that has itself
    shown to nobody fails its check."""
    try:
        return ask()
    except PermissionError:
        uid = int(status(pid, "Uid").split()[1])
    assert os.stat(proc(pid) + "/fd").st_uid == uid, \
        "nobody may look at this process: prctl(PR_SET_DUMPABLE), or a program file that cannot be read"
    with as_owner(proc(pid) + "/fd"):
        return ask()


def descriptors(pid):
    """The numbers of a process's open descriptors."""
    _read("/proc/%d/stat" % pid)
    return sorted(map(int, look(pid, lambda: os.listdir(proc(pid) + "/fd"))))


def leads_to(pid):
    """What a process's open descriptors lead to, by their numbers."""
    found = {}
    for number in descriptors(pid):
        with contextlib.suppress(FileNotFoundError):  # it was open for a moment only
            found[number] = look(pid, lambda: os.readlink("%s/fd/%d" % (proc(pid), number)))
    return found


def folder(pid):
    """The folder that a process is in."""
    return look(pid, lambda: os.readlink(proc(pid) + "/cwd"))


def at_rest(pid):
    """A process id, once that process waits for something: one that goes on may open more descriptors."""
    with contextlib.suppress(AssertionError):
        wait_until(lambda: state(pid) == "S", limit=1)
    return pid


def room_for(more, pid):
    """The RLIMIT_NOFILE that leaves a process room for so many more descriptors: each gets the lowest number
    that is free, and all are below the limit."""
    used = descriptors(at_rest(pid))
    limit = next(itertools.islice((number for number in itertools.count() if number not in used), more, None))
    # With so low a limit poll() fails, and whoever does that would have to be passed unseen.
    assert limit >= 3, "it has closed its descriptor %d, so that it cannot be left without a free one" % (
        min(set(range(3)).difference(used)))
    return limit


def memory(pid):
    """Resident memory of a process, in bytes, without the pages of files, which come as they are used."""
    sizes = re.findall(r"^(?:VmRSS|RssAnon):\s*(\d+)", _read(proc(pid) + "/status"), re.MULTILINE)
    return int(sizes[-1]) * 1024 if sizes else 0  # Linux before 4.5 has VmRSS only; a process that ends, neither


def cpu_time(pid):
    """The CPU time that a process has used itself, in seconds."""
    fields = _stat("/proc/%d" % pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_time(pid):
    """The seconds that a process, all its threads together, has run, or waited for a processor to run on: on a busy
    machine, too, one that spins is busy all the time."""
    _read("/proc/%d/stat" % pid)
    times = [time for path in glob.glob("/proc/%d/task/*/schedstat" % pid)
             for line in lines_of(path) for time in line.split()[:2]]
    return sum(map(int, times)) / 1e9 if times else cpu_time(pid)  # the kernel may keep no such statistics


def waits(pid):
    """How often a process has waited for something, all its threads together."""
    _read("/proc/%d/stat" % pid)
    return sum(int(line.split()[1]) for path in glob.glob("/proc/%d/task/*/status" % pid) for line in lines_of(path)
               if line.startswith("voluntary_ctxt_switches:"))


def state(pid):
    """A process's state: R running, S sleeping, Z zombie, ..."""
    return _stat(proc(pid))[0]


def all_sleep(pid):
    """Whether a process, its children and all their threads wait for something. What has anything to do is ready to run,
    however long a busy machine lets it wait for that."""
    paths = [path for member in family(pid) for path in glob.glob("/proc/%d/task/*/stat" % member)]
    return {line.rpartition(")")[2].split()[0] for path in paths for line in lines_of(path)} == {"S"}


def status(pid, name):
    """A line of /proc/PID/status, see proc(5)."""
    return re.search(r"^%s:[ \t]*(.*?)[ \t]*$" % name, _read(proc(pid) + "/status"), re.MULTILINE).group(1)


def parent(pid):
    """The process id of a process's parent."""
    return int(_stat("/proc/%d" % pid)[1])


def children(pid):
    """The process ids of a process's children, zombies included."""
    _read("/proc/self/stat")
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if parent(int(name)) == pid:
                    found.append(int(name))
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has just ended
    return found


def living(pid):
    """The process ids of a process's children that have not ended."""
    found = []
    for child in children(pid):
        with contextlib.suppress(Ended):
            if state(child) != "Z":
                found.append(child)
    return found


def is_pending(pid, signal):
    """Has a signal been sent to a process that has not let it in?"""
    return int(status(pid, "ShdPnd"), 16) >> (signal - 1) & 1 == 1


def is_listening(port, host=None):
    """Does anybody listen on this TCP port, at this address or at any?"""
    rows = [line.split() for name in ("tcp", "tcp6") for line in _read("/proc/net/" + name).splitlines()]
    places = [row[1].split(":") for row in rows if row[3] == "0A"]
    return any(int(number, 16) == port and (host is None or address_of(address) in (host, "0.0.0.0", "::"))
               for address, number in places)


def slow_down(pid):
    """Leave a process, and the children it will have, one processor together."""
    _read("/proc/%d/stat" % pid)
    os.sched_setaffinity(pid, list(os.sched_getaffinity(pid))[:1])


def unread(connection):
    """How many bytes that came over this connection (a socket of IPv4) the program at its other end has not
    received yet: see sock_diag(7)."""
    (here, port), (there, its_port) = connection.getsockname(), connection.getpeername()
    socket_id = struct.pack("!HH4s12x4s12xI", its_port, port, socket.inet_aton(there), socket.inet_aton(here), 0)
    request = struct.pack("=BBxxI40sq", socket.AF_INET, socket.IPPROTO_TCP, 0xffffffff, socket_id, -1)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:  # NETLINK_SOCK_DIAG
            kernel.settimeout(5)
            kernel.sendall(struct.pack("=IHHII", 16 + len(request), 20, 1, 0, 0) + request)
            answer = kernel.recv(8192)
    except (AttributeError, OSError):
        pytest.skip("needs Linux's sock_diag")
    is_there = struct.unpack_from("=H", answer, 4)[0] == 20  # or it is an error: the program has closed
    return struct.unpack_from("=I", answer, 72)[0] if is_there else 0
