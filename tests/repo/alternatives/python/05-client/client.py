"""client ADDRESS PORT: copies stdin to a server, and what the server says to stdout, both at the same time."""

import errno
import ipaddress
import os
import select
import socket
import sys

PIECE = 50000


def report(what, error):
    os.write(2, ("client: %s: %s (%s)\n" % (what, os.strerror(error.errno), errno.errorcode[error.errno])).encode())


def usage(problem):
    os.write(2, ("%s\nusage: client ADDRESS PORT\n" % problem).encode())
    sys.exit(2)


def arguments():
    if len(sys.argv) != 3:
        usage("two arguments are needed, and not %s" % sys.argv[1:])
    try:
        address = ipaddress.ip_address(sys.argv[1])
    except ValueError as error:
        usage(str(error))
    if not (sys.argv[2].isascii() and sys.argv[2].isdigit() and int(sys.argv[2]) <= 65535):
        usage("%s is no port" % sys.argv[2])
    return address, int(sys.argv[2])


def attempt(call, *words):
    """What a call returns, or None if it cannot be made just now."""
    try:
        return call(*words)
    except BlockingIOError:
        return None


class Talk:
    """What was read and not yet written, up to the server and down from it."""

    def __init__(self, server):
        self.server, self.up, self.down = server, b"", b""
        self.reads, self.sends, self.server_ended, self.status = True, True, False, 0

    def wanted(self):
        to_server = (select.POLLOUT if self.up else 0) | (0 if self.server_ended or self.down else select.POLLIN)
        wanted = {0: select.POLLIN if self.reads and not self.up else 0, 1: select.POLLOUT if self.down else 0,
                  self.server.fileno(): to_server}
        return {descriptor: events for descriptor, events in wanted.items() if events}

    def is_over(self, ready):
        return self.server_ended and not self.up and not self.down and not (self.reads and 0 in ready)

    def send(self):
        try:
            self.up = self.up[attempt(self.server.send, self.up) or 0:]
        except OSError as error:
            report("send", error)
            self.status, self.up, self.reads, self.sends = 1, b"", False, False

    def read(self):
        try:
            self.up = attempt(os.read, 0, PIECE)
            self.reads, self.up = self.up != b"", self.up or b""
        except OSError as error:
            report("stdin", error)
            self.status, self.reads = 1, False

    def receive(self):
        data = attempt(self.server.recv, PIECE)
        self.server_ended, self.down = data == b"", data or b""

    def go_on(self):
        """Wait until something can be done, and do it. False once all is over."""
        if self.sends and not self.reads and not self.up:
            self.sends = False
            self.server.shutdown(socket.SHUT_WR)
        poll = select.poll()
        for descriptor, events in self.wanted().items():
            poll.register(descriptor, events)
        only_look = self.server_ended and not self.up and not self.down  # stdin may have more, or not
        ready = dict(poll.poll(0 if only_look else None))
        if self.is_over(ready):
            return False
        if self.server.fileno() in ready:
            if self.up:
                self.send()
            if not self.server_ended and not self.down:
                self.receive()
        if 1 in ready:
            self.down = self.down[attempt(os.write, 1, self.down[:select.PIPE_BUF]) or 0:]
        if 0 in ready and not self.up and self.reads:
            self.read()
        return True


def main():
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError as error:
            report(name, error)
            return 1
    address, port = arguments()
    server = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
    try:
        server.connect((str(address), port))
    except OSError as error:
        report("connect %s port %d" % (address, port), error)
        return 1
    server.setblocking(False)
    talk = Talk(server)
    try:
        while talk.go_on():
            pass
    except OSError as error:
        report("talk", error)
        return 1
    return talk.status


if __name__ == "__main__":
    os._exit(main())
