"""The TCP states of the two ends, as the kernel tells them in /proc/net/tcp while all processes rest; ss shows the same."""

import time

# Of include/net/tcp_states.h, by the names that ss gives them; see RFC 9293, section 3.3.2
NAMES = {1: "ESTAB", 2: "SYN-SENT", 3: "SYN-RECV", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT", 7: "UNCONN",
         8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING"}
PASSING = {"SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "LAST-ACK", "CLOSING"}  # until the other kernel has answered
SHORT = 0.5  # seconds, longer than an acknowledgement is delayed


def rows():
    """The sockets of TCP: rows (local port, remote port, state). None where there is no /proc/net/tcp."""
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(path) as file:
                lines = file.read().splitlines()[1:]
        except OSError:
            continue
        for local, remote, state in (line.split()[1:4] for line in lines):
            yield int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16), NAMES[int(state, 16)]


def left_over(port):
    """The connections of whoever had this port before, which are over but for their TIME-WAIT: pairs of ports."""
    return {row[:2] for row in rows() if port in row[:2] and row[2] == "TIME-WAIT"}


def look(port, earlier=()):
    """The states of the sockets at a server's port, and of its clients': (moment, the server's, the clients'), two
    texts. A socket that belongs to no process any more has a state, too, such as TIME-WAIT; those that are `earlier`
    do not count. While one is in a state that ends by itself, this waits for a moment."""
    end = time.monotonic() + SHORT
    while True:
        found = [row for row in rows() if port in row[:2] and row[:2] not in earlier]
        if time.monotonic() > end or not PASSING.intersection(state for _, _, state in found):
            break
        time.sleep(SHORT / 50)
    server = [state for local, _, state in found if local == port]
    client = [state for _, remote, state in found if remote == port]
    order = list(NAMES.values())[::-1].index  # LISTEN first
    return time.time(), *(", ".join(sorted(states, key=order)) or "none" for states in (server, client))
