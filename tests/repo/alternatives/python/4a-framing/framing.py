"""Redis' PING and ECHO, read into a buffer of its own."""

import errno
import ipaddress
import os
import re
import signal
import socket
import sys
import time


class Wrong(Exception):
    """The command line is."""


def shout(error, what):
    print("framing: %s: %s (%s)" % (what, os.strerror(error.errno), errno.errorcode.get(error.errno)),
          file=sys.stderr, flush=True)


class Nonsense(Exception):
    """What came is no request."""


def number(line, kind, most):
    """The count in a line of this kind."""
    found = re.fullmatch(rb"([0-9]{1,13})\r\n", line[1:])
    if line[:1] != kind or not found or int(found.group(1)) > most:
        raise Nonsense
    return int(found.group(1))


def requests(client):
    """The requests of a client, each a list of words."""
    data = bytearray()

    def take(size):
        """The next bytes: so many, or a line, if that is None."""
        while len(data) < size if size else b"\n" not in data[:16]:
            if not size and len(data) >= 16:
                raise Nonsense
            piece = client.recv(8192)
            if not piece:
                raise EOFError
            data.extend(piece)
        size = size or data.index(b"\n") + 1
        taken = bytes(data[:size])
        del data[:size]
        return taken

    while True:
        room, words = 65536, []
        for _ in range(number(take(None), b"*", 64) or nonsense()):
            size = number(take(None), b"$", room)
            room -= size
            word = take(size + 2)
            if word[size:] != b"\r\n":
                raise Nonsense
            words.append(word[:size])
        yield words


def nonsense():
    raise Nonsense


def answer(words):
    name = words[0].upper()
    if name == b"PING" and len(words) == 1:
        return b"+PONG\r\n"
    if name in (b"PING", b"ECHO"):
        return b"$%d\r\n%s\r\n" % (len(words[1]), words[1]) if len(words) == 2 else b"-ERR arguments\r\n"
    return b"-ERR I know PING and ECHO\r\n"


def serve(client):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for words in requests(client):
            client.sendall(answer(words))
    except EOFError:
        return
    except Nonsense:
        client.sendall(b"-ERR that is no request\r\n")
        client.shutdown(socket.SHUT_WR)
        client.settimeout(1)
        try:
            while client.recv(65536):
                pass
        except socket.timeout:
            pass


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
        print("framing: %s\nusage: framing [PORT [ADDRESS]]" % wrong, file=sys.stderr)
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
