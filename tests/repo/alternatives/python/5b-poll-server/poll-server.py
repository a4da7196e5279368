"""poll-server [PORT [ADDRESS]]: greets each client, and sends back what it sends, with selectors."""

import errno
import ipaddress
import selectors
import socket
import sys
import time

ROOM = 65536
RETRY = 0.3  # seconds without accept(), when descriptors lack
LACK = errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM


def complain(what, error):
    print("poll-server: %s: %s (%s)" % (what, error.strerror, errno.errorcode.get(error.errno, "unlisted")), file=sys.stderr, flush=True)


def misused(bad, why):
    sys.stderr.write("poll-server: %s: '%s'\nusage: poll-server [PORT [ADDRESS]]\n" % (why, bad))
    sys.exit(2)


def place(words):
    """The address and the port that the arguments name."""
    if len(words) > 2:
        misused(words[2], "too many arguments")
    port, host = [*words, *["7890", "127.0.0.1"][len(words):]]
    if not (port.isascii() and port.isdigit() and len(port) < 9 and int(port) <= 65535):
        misused(port, "not a port")
    try:
        return ipaddress.ip_address(host), int(port)
    except ValueError:
        misused(host, "not an address")


class Server:
    def __init__(self, listener):
        self.listener, self.waiting = listener, selectors.DefaultSelector()
        self.visitors, self.retry = 0, None
        self.due = {}  # of each client what is to go back to it
        self.ended = set()
        self.waiting.register(listener, selectors.EVENT_READ)

    def welcome(self):
        try:
            client, address = self.listener.accept()
        except OSError as error:
            if error.errno in LACK:
                complain("accept", error)
                self.waiting.unregister(self.listener)
                self.retry = time.monotonic() + RETRY
            return
        self.visitors += 1
        print("connection %d from %s port %d" % (self.visitors, *address[:2]), flush=True)
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due[client] = bytearray(b"Hello, world! You are visitor %d.\n" % self.visitors)
        self.waiting.register(client, selectors.EVENT_WRITE)

    def serve(self, client, events):
        due = self.due[client]
        try:
            if events & selectors.EVENT_READ:
                data = client.recv(ROOM - len(due))
                due += data
                if not data:
                    self.ended.add(client)
            del due[:client.send(due) if due else 0]
        except BlockingIOError:
            pass
        except OSError as error:
            complain("a client", error)
            due.clear()
            self.ended.add(client)
        reads = client not in self.ended and len(due) < ROOM
        wanted = (selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if due else 0)
        if wanted:
            self.waiting.modify(client, wanted)
        else:
            self.waiting.unregister(client)
            del self.due[client]
            self.ended.discard(client)
            client.close()

    def serve_all(self):
        for key, events in self.waiting.select(None if self.retry is None else max(0, self.retry - time.monotonic())):
            if key.fileobj is self.listener:
                self.welcome()
            else:
                self.serve(key.fileobj, events)
        if self.retry is not None and time.monotonic() >= self.retry:
            self.retry = None
            self.waiting.register(self.listener, selectors.EVENT_READ)


def main():
    host, port = place(sys.argv[1:])
    listener = socket.socket(socket.AF_INET if host.version == 4 else socket.AF_INET6)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((str(host), port))
        listener.listen(4096)
    except OSError as error:
        complain("bind %s port %d" % (host, port), error)
        sys.exit(1)
    listener.setblocking(False)
    print("listening on %s port %d" % listener.getsockname()[:2], flush=True)
    server = Server(listener)
    while True:
        server.serve_all()


main()
