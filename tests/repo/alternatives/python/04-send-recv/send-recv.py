"""The echo server with nothing but Python's own library."""

import errno
import ipaddress
import os
import re
import signal
import socket
import sys
import time

PIECE = 16384


class Wrong(Exception):
    """The command line is."""


def shout(error, what):
    print("send-recv: %s: %s (%s)" % (what, os.strerror(error.errno), errno.errorcode.get(error.errno)),
          file=sys.stderr, flush=True)


def rows(piece):
    for offset in range(0, len(piece), 16):
        row = piece[offset:offset + 16]
        numbers = row[:8].hex(" ") + "  " + row[8:].hex(" ") if len(row) > 8 else row.hex(" ")
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7f else "." for byte in row)
        yield f"{offset:08x}  {numbers:<48}  |{letters}|\n"


def serve(client, number):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(b"Hello, world! You are visitor %d.\n" % number)
    while piece := client.recv(PIECE):
        sys.stdout.write("bytes received: %d\n" % len(piece))
        sys.stdout.writelines(rows(piece))
        sys.stdout.flush()
        client.sendall(piece)


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
        listener = listen(*understand(*sys.argv[1:]))
    except Wrong as wrong:
        print("send-recv: %s\nusage: send-recv [PORT [ADDRESS]]" % wrong, file=sys.stderr)
        sys.exit(2)
    print("listening on %s port %d" % listener.getsockname()[:2], flush=True)
    number = 0
    while True:
        client, peer = next_client(listener)
        number += 1
        print("connection %d from %s port %d" % (number, *peer[:2]), flush=True)
        with client:
            try:
                serve(client, number)
            except OSError as error:
                shout(error, "talk to %s port %d" % peer[:2])


main()
