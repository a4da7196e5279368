"""port-scan ADDRESS FIRST-LAST [-t MS]: which ports are open, silent or closed, with selectors."""

import errno
import ipaddress
import os
import selectors
import socket
import sys
import time

MOST = 256
HUNG_UP = errno.ECONNRESET, errno.EPIPE  # it was connected, and is no more


def fail(what, number):
    print("port-scan: %s: %s (%s)" % (what, os.strerror(number), errno.errorcode[number]), file=sys.stderr)
    sys.stderr.flush()
    os._exit(1)  # without another try to print what is left


def misused(bad, why):
    sys.stderr.write("port-scan: %s: '%s'\nusage: port-scan ADDRESS FIRST-LAST [-t MS]\n" % (why, bad))
    sys.exit(2)


def number(text, most, why, whole):
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= most):
        misused(whole, why)
    return int(text)


def wanted(words):
    """The address, the ports, and the seconds that each of them has."""
    if len(words) not in (2, 4):
        misused(words[-1] if words else "", "too few arguments, or too many")
    try:
        host = ipaddress.ip_address(words[0])
    except ValueError:
        misused(words[0], "not an address")
    if not host.is_loopback or host.version == 6 and host.ipv4_mapped:
        misused(words[0], "not a loopback address")
    first, last = [number(text, 65535, "not a range of ports", words[1]) for text in (words[1].partition("-")[::2])]
    if first > last:
        misused(words[1], "not a range of ports")
    if words[2:] and words[2] != "-t":
        misused(words[2], "no such option")
    patience = number(words[3], 60000, "not a time", words[3]) if words[2:] else 1000
    return host, range(first, last + 1), patience / 1000


def begin(host, port):
    """A socket on its way to a port; None if there is no descriptor for it."""
    try:
        client = socket.socket(socket.AF_INET if host.version == 4 else socket.AF_INET6)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return None
        fail("socket", error.errno)
    client.setblocking(False)
    result = client.connect_ex((str(host), port))
    if result not in (0, errno.EINPROGRESS):
        fail("connect %s port %d" % (host, port), result)
    return client


def outcome(client):
    """What has become of a connection whose socket is ready."""
    result = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    try:
        meets_itself = not result and client.getsockname() == client.getpeername()
    except OSError:
        meets_itself = False
    if result == errno.ECONNREFUSED or meets_itself:
        return "closed"
    return "open" if result == 0 or result in HUNG_UP else "silent"


def scan(host, ports, patience):
    """A dictionary from each port to what it is."""
    results, left, deadlines = {}, list(reversed(ports)), {}
    with selectors.DefaultSelector() as waiting:
        while left or deadlines:
            while left and len(deadlines) < MOST:
                client = begin(host, left[-1])
                if client is None and not deadlines:
                    fail("socket", errno.EMFILE)
                if client is None:
                    break
                deadlines[client] = time.monotonic() + patience
                waiting.register(client, selectors.EVENT_WRITE, left.pop())
            ready = [key.fileobj for key, _ in waiting.select(max(0, min(deadlines.values()) - time.monotonic()))]
            late = [client for client, end in deadlines.items() if client not in ready and end <= time.monotonic()]
            for client in ready + late:
                results[waiting.unregister(client).data] = outcome(client) if client in ready else "silent"
                del deadlines[client]
                client.close()
    return results


def name(port):
    try:
        return " " + socket.getservbyport(port, "tcp")
    except OSError:
        return ""


def main():
    results = scan(*wanted(sys.argv[1:]))
    for port, result in sorted(results.items()):
        if result != "closed":
            print("%d %s%s" % (port, result, name(port) if result == "open" else ""))
    print("closed: %d" % list(results.values()).count("closed"))
    try:
        sys.stdout.flush()
    except OSError as error:
        fail("stdout", error.errno)


main()
