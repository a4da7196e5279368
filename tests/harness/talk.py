"""Clients: polite ones, slow ones and rude ones; and servers, for programs that are clients.
All over loopback, all with time limits."""

import contextlib
import errno
import os
import re
import select
import socket
import struct
import sys
import threading
import time

from harness import steps
from harness.program import seconds


class Connection(socket.socket):
    """A connected socket that notes all it does as steps of the check."""

    def __init__(self, name, limit, **options):
        """`name` is what the steps call this side; every call is limited to `limit` seconds."""
        super().__init__(**options)
        self.name = name
        self.settimeout(seconds(limit))
        self._early_reset = None

    def _try(self, what, call, *arguments):
        """Make a call, which waits for `what`. A network error is noted: it tells of the program, and not of
        the check."""
        try:
            return call(*arguments)
        except OSError as error:
            if isinstance(error, socket.timeout):
                error.args = ("timed out after %g s" % self.gettimeout(),)
            steps.note_error(error, self.name, what)
            raise

    def connect(self, address):
        steps.step("connects to %s port %d" % address[:2], self.name)
        self._try("the connection", self._connect, address)

    def _connect(self, address):
        """Connect. Who is reset before it has looked was connected all the same: recv() tells of it."""
        try:
            super().connect(address)
        except ConnectionResetError as error:
            self._early_reset = error

    def _receive(self, size, flags):
        if self._early_reset:
            raise self._early_reset
        return super().recv(size, flags)

    def sendall(self, data):
        if data:
            steps.step("sends", self.name, data)
        self._try("the program to receive", super().sendall, data)

    def send(self, data):
        sent = self._try("the program to receive", super().send, data)
        steps.step("sends", self.name, data[:sent])
        return sent

    def recv(self, size, flags=0):
        data = self._try("what the program should send", self._receive, size, flags)
        if not flags & socket.MSG_PEEK:
            steps.step("receives" if data else "sees the end of the other side", self.name, data)
        return data

    def echo(self, size=65536):
        """Send everything back as it comes, until the other side ends."""
        for data in iter(lambda: self._try("what the program should send", super(Connection, self).recv, size), b""):
            steps.step("receives, and sends back,", self.name, data)
            self._try("the program to receive", super().sendall, data)
        steps.step("sees the end of the other side", self.name)

    def shutdown(self, how):
        steps.step("will send no more (half-close)", self.name)
        self._try("its end", super().shutdown, how)

    def reset(self):
        """Close so that the peer gets a reset (RST) instead of an orderly end."""
        steps.step("resets the connection", self.name)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def connect(server, limit=5, receive_buffer=None, segment=None, source=None):
    """Connect to a Server (or a port on 127.0.0.1); every later call on the socket is limited too.
    `receive_buffer` and `segment` are sizes in bytes for a client that takes little at a time; `source` is the
    client's own address, where this machine has it."""
    host, port = ("127.0.0.1", server) if isinstance(server, int) else (server.address, server.port)
    client = Connection(steps.name_client(), limit,
                        family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if segment:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        if source:
            with contextlib.suppress(OSError):  # Linux has all of 127.0.0.0/8
                client.bind((source, 0))
        client.connect((host, port))
    except BaseException:
        client.close()
        raise
    return client


class Received(bytes):
    """All that came, and to which .client."""

    def __new__(cls, data, client):
        received = super().__new__(cls, data)
        received.client = client
        return received


def receive_all(client, limit=512 << 20):
    """Receive until the peer has ended its side; fails if that is more than `limit` bytes."""
    data = bytearray()
    while True:
        part = client.recv(65536)
        if not part:
            return Received(data, client.name)
        data += part
        assert len(data) <= limit, "the peer sends more than %d MiB, and no end" % (limit >> 20)


def ends_its_side(client):
    """A client that says no more, if the connection has not been reset already."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_WR)


def see_the_end(client):
    """Receive until the peer has ended the connection, in whatever way."""
    with contextlib.suppress(ConnectionError):
        receive_all(client)


def what_comes(client):
    """All that comes until the peer has ended its side, or has reset the connection."""
    data = bytearray()
    with contextlib.suppress(ConnectionError):
        for part in iter(lambda: client.recv(65536), b""):
            data += part
    return bytes(data)


def receive_until(client, ending):
    """Receive until `ending` has come; fails if the peer ends its side before."""
    data = bytearray()
    while not data.endswith(ending):
        part = client.recv(1)
        assert part, "the peer ended its side after %r, before %r" % (bytes(data[-200:]), ending)
        data += part
    return bytes(data)


def receive(client, size):
    """Receive so many bytes; fails if the peer ends its side before."""
    data = bytearray()
    while len(data) < size:
        part = client.recv(size - len(data))
        assert part, "the peer ended its side after %d bytes of %d" % (len(data), size)
        data += part
    return bytes(data)


def exchange(server, request, limit=15):
    """Send bytes, end our side, and return all that comes back."""
    with connect(server, limit) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return receive_all(client)


def new_address():
    """A loopback address that the kernel has no memories of: what it has learned from earlier connections with one makes the
    buffers of later ones larger (see `ip tcp_metrics`). Linux has all of 127.0.0.0/8."""
    return "127.%d.%d.1" % tuple(os.urandom(2)) if sys.platform == "linux" else "127.0.0.1"


def connect_with_small_buffers(server):
    """Connect as a client whose kernel takes so little that the server soon has to wait, and we too; the segments
    of an Ethernet, not of loopback, keep the server's send buffer small as well."""
    client = connect(server, receive_buffer=4096, segment=1448, source=new_address())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return client


def send_until_stuck(client, data):
    """Send until nothing more is taken, since the server waits for us to receive; return the rest."""
    rest = memoryview(data)
    while rest and select.select([], [client], [], seconds(0.05))[1]:
        rest = rest[client.send(rest):]
    return rest


class Headers(dict):
    """The headers of a response, by their names in small letters; to ask for one that is missing fails."""

    def __missing__(self, name):
        raise AssertionError("the answer has no header %s" % name.title())


class Response:
    """An HTTP response taken apart; fails on one that is malformed."""

    def __init__(self, data):
        assert data, "there is no answer%s: the connection was closed without a byte" % (
            " for " + data.client if hasattr(data, "client") else "")
        head, separator, self.body = data.partition(b"\r\n\r\n")
        assert separator, "no empty line ends the head of %r" % data[:200]
        lines = head.decode("latin-1").split("\r\n")
        status_line = re.fullmatch(r"HTTP/1\.[01] (\d{3}) ([^\r\n]*)", lines[0])
        assert status_line, "not a status line such as HTTP/1.0 200 OK: %r" % lines[0]
        self.status_line = lines[0]
        self.status, self.reason = int(status_line.group(1)), status_line.group(2)
        self.headers = Headers()
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name == name.strip(), "not a header: %r" % line
            self.headers[name.lower()] = value.strip()


def request(server, text, limit=15):
    """Send a request as it stands (str or bytes), without ending our side; return the Response."""
    data = text.encode("latin-1") if isinstance(text, str) else text
    with connect(server, limit) as client:
        client.sendall(data)
        return Response(receive_all(client))


def get(server, target, method="GET", limit=15):
    """Ask for a target with HTTP/1.0; return the Response."""
    return request(server, "%s %s HTTP/1.0\r\n\r\n" % (method, target), limit)


def feed(program, data):
    """Write data to the stdin of a Program that was started with stdin=PIPE, and end it. In the
    background: a program that does not read must not stop the test."""

    def write():
        try:
            program.process.stdin.write(data)
            program.process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass  # it ended, or was ended, without reading all of it

    if data:
        steps.step("type", None, data)
        steps.step("end its stdin")
    threading.Thread(target=write, daemon=True).start()


def type_line(program, line):
    """Write a line to the stdin of a Program that was started with stdin=PIPE, and leave it open."""
    steps.step("type", None, line)
    try:
        program.process.stdin.write(line)
        program.process.stdin.flush()
    except BrokenPipeError:
        raise AssertionError("it has ended, or closed its stdin, before it read %r; stderr:\n%s" % (
            line.decode(), program.stderr))


def write_until_stuck(descriptor, does="type", limit=64 * 1024 * 1024):
    """Write lines until no more is taken, which must happen before `limit`: what nobody reads at the
    other end must not be hoarded on the way. The step is told with the words of `does`."""
    os.set_blocking(descriptor, False)
    written = 0
    while select.select([], [descriptor], [], 0.1)[1]:
        try:
            written += os.write(descriptor, b"a line that nobody reads\n" * 1000)
        except (BrokenPipeError, ConnectionResetError):
            raise AssertionError("it has ended, or closed this direction, after %d bytes" % written)
        assert written < limit, "it takes ever more, though nobody reads what it passes on"
    steps.step("{} {:,} bytes, until no more are taken".format(does, written))


def shows_byte_order(port):
    """Do the two bytes of a port differ, so that htons() and ntohs() matter?"""
    return port >> 8 != port & 0xff


def _listen(address, port):
    """A socket that listens on this port; on one that shows the byte order if it is 0."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        listener = socket.create_server((address, port), family=family)
        if port or shows_byte_order(listener.getsockname()[1]):
            return listener
        listener.close()


class Listener:
    """A server that the test itself plays, see serving()."""

    def __init__(self, serve, address, port, limit, small):
        self._socket = _listen(address, port)
        if small:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
        self._serve, self._limit = serve, limit
        self._stop, self._stopped = socket.socketpair()
        self._open = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.address, self.port = self._socket.getsockname()[:2]
        self.connections = 0
        self.failures = []
        self._threads[0].start()

    def _accept(self):
        while self._socket in select.select([self._socket, self._stopped], [], [])[0]:
            accepted = self._socket.accept()[0]
            connection = Connection("the test's server", self._limit, fileno=accepted.detach())
            steps.step("accepts a connection", connection.name)
            self.connections += 1
            self._open.append(connection)
            self._threads.append(threading.Thread(target=self._run, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _run(self, connection):
        with connection:  # a failure is noted before the close, which may end the program and so the check
            try:
                self._serve(connection)
                if connection.fileno() >= 0:
                    steps.step("closes the connection", connection.name)
            except BaseException as failure:  # pytest's own failures are no Exceptions
                self.failures.append(failure)

    def close(self, at_once=False):
        """Stop listening and wait for what is under way; with at_once it is cut short."""
        self._stop.close()
        self._threads[0].join(seconds(self._limit))
        for connection in self._open if at_once else []:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        end = time.monotonic() + seconds(self._limit) + 1
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))
            if thread.is_alive():
                self.failures.append(AssertionError("the test's own server did not come to an end"))
        self._socket.close()
        self._stopped.close()


_left_open = []  # the servers of a check that failed


def close_left_open():
    """End the servers that a failed check has left."""
    while _left_open:
        _left_open.pop().close(at_once=True)


@contextlib.contextmanager
def serving(serve, address="127.0.0.1", port=0, limit=5, at_least=1, small=False):
    """Listen on a port (0: any), and call serve(connection) in a thread for each client that connects.

    Yields an object with .address, .port and .connections (how many came). Every call on a
    connection is limited to `limit` seconds. With `small` the kernels keep so little for the server that
    a client soon has to wait with more to send. At the end it waits for the threads; what failed in
    one fails the test, and so does it if fewer than `at_least` clients came. After a failure the
    connections stay open until close_left_open(): to close them would change what the program does, while
    that is told.
    """
    listener = Listener(serve, address, port, limit, small)
    try:
        yield listener
    except BaseException:
        steps.end()
        # But not what tells only that the program has gone.
        failures = [failure for failure in listener.failures if not steps.network_error(failure)]
        _left_open.append(listener)
        if failures:
            raise failures[0]
        raise
    listener.close()
    if listener.failures:
        raise listener.failures[0]
    assert listener.connections >= at_least, "%d of %d clients connected" % (listener.connections, at_least)


def _take(port, address):
    """Bind a socket to a port, without listening; None if the port is in use there."""
    nobody = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    nobody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        nobody.bind((address, port))
    except OSError as error:
        nobody.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return nobody


@contextlib.contextmanager
def reserved_port(address="127.0.0.1", *others):
    """A port where nobody listens on any of these addresses: it is taken, and so nobody else gets it but
    one who asks for this very port, with SO_REUSEADDR (on Linux)."""
    with contextlib.ExitStack() as taken:
        while True:  # until a port is free on all of them
            first = taken.enter_context(_take(0, address))
            port = first.getsockname()[1]
            sockets = [_take(port, other) for other in others]
            for nobody in filter(None, sockets):
                taken.enter_context(nobody)
            if all(sockets):
                break
        yield port


def echo(connection):
    """A server for serving(): sends everything back as it comes."""
    connection.echo()
