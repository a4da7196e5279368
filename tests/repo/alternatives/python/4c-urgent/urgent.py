"""Out of band, with the byte left in its place: all up to the mark is read before anything is printed."""

import errno
import fcntl
import ipaddress
import os
import re
import select
import signal
import socket
import struct
import sys
import termios
import time

SIOCATMARK = 0x8905


class Wrong(Exception):
    """The command line is."""


def shout(error, what):
    print("urgent: %s: %s (%s)" % (what, os.strerror(error.errno), errno.errorcode.get(error.errno)),
          file=sys.stderr, flush=True)


def at_mark(client):
    return struct.unpack("i", fcntl.ioctl(client, SIOCATMARK, bytes(4)))[0]


def show(piece):
    print("%d bytes: %s" % (len(piece), "".join(chr(byte) if 0x20 <= byte < 0x7f else "." for byte in piece)), flush=True)


def serve(client):
    """Print what comes. `before` counts ordinary bytes."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    before = 0
    while True:
        is_urgent = select.select([client], [], [client])[2]
        if not is_urgent:
            piece = client.recv(4096)
            if not piece:
                return
            show(piece)
            before += len(piece)
            continue
        ahead = []
        while not at_mark(client):
            ahead.append(client.recv(4096))
        byte = client.recv(1)
        print("urgent: 0x" + byte.hex(), flush=True)
        for piece in ahead:
            show(piece)
        before += sum(map(len, ahead))
        print("mark: after %d bytes" % before, flush=True)


def send(family, address, port, texts):
    server = socket.socket(family)
    try:
        server.connect((address, port))
        server.sendall(texts[0])
        server.send(texts[1], socket.MSG_OOB)
        server.sendall(texts[2])
    except OSError as error:
        shout(error, "talk to %s port %d" % (address, port))
        sys.exit(1)


def next_client(listener):
    while True:
        try:
            return listener.accept()
        except OSError as error:
            if error.errno != errno.ECONNABORTED:
                shout(error, "accept")
                time.sleep(0.1)


def understand(port="7890", address="127.0.0.1", *surplus):
    if surplus:
        raise Wrong("too many arguments: " + surplus[0])
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise Wrong("no port: " + port)
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        raise Wrong("no address: " + address)
    return socket.AF_INET if version == 4 else socket.AF_INET6, address, int(port)


def listen(family, address, port):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(socket.SOMAXCONN)
    except OSError as error:
        shout(error, "bind %s port %d" % (address, port))
        sys.exit(1)
    return listener


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        if sys.argv[1:2] == ["-c"]:
            if len(sys.argv) != 7 or not sys.argv[5]:
                raise Wrong("-c ADDRESS PORT BEFORE URGENT AFTER")
            send(*understand(sys.argv[3], sys.argv[2]), list(map(os.fsencode, sys.argv[4:])))
            return
        listener = listen(*understand(*sys.argv[1:]))
    except Wrong as wrong:
        print("urgent: %s\nusage: urgent [PORT [ADDRESS]]\n       urgent -c ADDRESS PORT BEFORE URGENT AFTER" % wrong, file=sys.stderr)
        sys.exit(2)
    print("listening on %s port %d" % listener.getsockname()[:2], flush=True)
    while True:
        client, peer = next_client(listener)
        with client:
            try:
                serve(client)
            except OSError as error:
                shout(error, "talk to %s port %d" % peer[:2])


main()
