"""Where a program listens: what it says of that, and what the kernel says."""

import contextlib
import glob
import ipaddress
import os
import re
import sys

from harness.contain import as_owner

LINE = r"^listening on (\S+) port (\d+)$"
# Such as `Listening on 127.0.0.1:7890.`; the line as it should be is one, too.
NEARLY = (r"(?i)^[^\w\n]*listen\w*[^\d\n]*?\[?(\d+(?:\.\d+){3}|[\da-f:]*::[\da-f:]*)\]?"
          r"[^\w\n]+(?:port[^\w\n]*)?(\d+)\b.*$")
LISTENS = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}  # the state in /proc/net/tcp and so on, see proc(5)


def proc(pid):
    """The folder that tells of a process: its own in /proc. Once its first thread has ended before the others,
    as by pthread_exit() in main(), that tells little, and the folder of another one does."""
    own = "/proc/%d" % pid
    if any(line.rpartition(")")[2].split()[:1] == ["Z"] for line in lines_of(own + "/stat")):
        return next((task for task in glob.glob(own + "/task/*") if not task.endswith("/%d" % pid)), own)
    return own


def _links(pid):
    """What a process's descriptors lead to, as far as that can be seen."""
    found = set()
    for path in glob.glob(proc(pid) + "/fd/*"):
        with contextlib.suppress(OSError):  # it has just been closed, or is not for us to see
            found.add(os.readlink(path))
    return found


def sockets_of(pid):
    """The inodes of a process's sockets, as texts."""
    links = _links(pid)
    with contextlib.suppress(OSError), as_owner(proc(pid) + "/fd"):
        links = links or _links(pid)
    return {link[len("socket:["):-1] for link in links if link.startswith("socket:[")}


def lines_of(path):
    """The lines of one of the kernel's files, as they are wanted; none where it is not there."""
    try:
        with open(path) as file:
            yield from file
    except OSError:
        pass  # not Linux, or the process has ended


def address_of(text):
    """An address of /proc/net/tcp and the like: words of four bytes, each in hex as this machine would store it."""
    words = [int(text[i:i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return str(getattr(address, "ipv4_mapped", None) or address)


def family(pid):
    """The ids of a process, its children, their children and so on; of itself alone where that cannot be seen."""
    children = [int(child) for path in glob.glob("/proc/%d/task/*/children" % pid) for line in lines_of(path)
                for child in line.split()]
    return [pid] + [member for child in children for member in family(child)]


def _listens(pid):
    """The places where a process takes connections, and datagrams from anybody."""
    sockets = sockets_of(pid)
    for name in LISTENS if sockets else ():
        for row in map(str.split, lines_of("%s/net/%s" % (proc(pid), name))):
            if row[3] not in (LISTENS[name], "st") and name.startswith("tcp"):
                break  # those that listen come first
            if row[3] == LISTENS[name] and row[9] in sockets:
                address, _, port = row[1].partition(":")
                yield address_of(address), int(port, 16)


def kernel(pid):
    """The kernel's word on where a process listens, or else its children do: pairs of an address and a port.
    None of them where it cannot be seen: not on Linux, or of a program that is not ours to look at."""
    return list(_listens(pid)) or [place for child in family(pid)[1:] for place in _listens(child)]


def place(match, pid):
    """Where a process listens, an address and a port: where the line says, a match of NEARLY or None, unless the
    kernel says something else; None if neither says a place."""
    places = kernel(pid)
    try:
        said = str(ipaddress.ip_address(match.group(1))), int(match.group(2))
    except (AttributeError, ValueError):
        said = None
    if places and said not in places:
        return places[0]
    return said if said and 0 < said[1] < 65536 else None
