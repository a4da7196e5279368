"""Several clients at once: requests held open half-way, slow downloads, and continuous load."""

import contextlib
import os
import signal
import socket
import threading
import time

from harness.compare import identical
from harness.inspect import children, is_listening, living
from harness.program import seconds, wait_until
from harness.steps import step
from harness.talk import Response, connect, get, receive_all, receive_until

LARGE = bytes(range(256)) * 65536  # 16 MiB: more than the kernel keeps for a client that does not read


def make_webroot(folder, page=b"the page\n", large=LARGE):
    """Fill a folder (a pathlib.Path) with a page and a large file; return its path as a string."""
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_bytes(page)
    (folder / "large.bin").write_bytes(large)
    return str(folder)


def begin(server, target="/"):
    """Connect and send a request but for its last line; return the client."""
    client = connect(server)
    client.sendall(b"GET %s HTTP/1.0\r\n" % target.encode())
    return client


def finish(client):
    """Send what begin() has left out; return the Response."""
    client.sendall(b"\r\n")
    with client:
        return is_whole(Response(receive_all(client)))


def is_whole(response):
    """Return the Response to a GET; fails if a part of its body is missing."""
    length = response.headers.get("content-length", "")
    assert length == str(len(response.body)), "Content-Length is %r, and the body has %d bytes" % (
        length, len(response.body))
    return response


def hold_children(server, count):
    """Have the server serve so many clients at the same time, or refuse some of them; return the clients. The
    children are stopped as they come, or on a busy machine the first client's time is over before the last one
    has its child."""
    clients = [begin(server) for _ in range(count)]

    def are_there():
        held = living(server.pid)
        for child in held:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGSTOP)
        return len(held) >= count or " 503 " in server.output

    with contextlib.suppress(AssertionError):  # there are fewer
        wait_until(are_there, limit=15)
    return clients


def answer_on_a_bad_day(server):
    """The Response to a request, which is a page or, where fork() failed, 503. What the server has not
    read on such a day may reset the connection, but not before all of the answer has come."""
    data = bytearray()
    with connect(server) as client, contextlib.suppress(ConnectionResetError):
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        for part in iter(lambda: client.recv(65536), b""):
            data += part
            assert len(data) < 1 << 20, "its answer has no end"
    response = is_whole(Response(bytes(data)))
    assert response.status in (200, 503), "the status is %d" % response.status
    return response


def begin_download(server, target="/large.bin"):
    """Ask for a large file, and read no more than the status line; return the client."""
    client = connect(server, receive_buffer=65536)  # the server soon has to wait
    client.sendall(b"GET %s HTTP/1.0\r\n\r\n" % target.encode())
    assert receive_until(client, b"\r\n")[:13] == b"HTTP/1.0 200 "
    return client


def finish_download(client):
    """Read what begin_download() has left; fails unless it is all of the file."""
    with client:
        body = receive_all(client).partition(b"\r\n\r\n")[2]
    identical(body, LARGE)


def answers_in_reverse_order(server, count=3):
    """Each of several requests, begun in order, is answered while those begun before it still wait."""
    clients = [begin(server) for _ in range(count)]
    for client in reversed(clients):
        assert finish(client).status == 200


def no_child_remains(server):
    """All children have ended and are reaped, without another connection that wakes the server."""
    wait_until(lambda: not children(server.pid), what="the end of all children, zombies included")


def is_refused(server):
    """Does nobody listen any more where a Server did, or on a port of 127.0.0.1? Where the kernel tells, it is
    asked: to try again and again would fill the accept queue of one that is about to empty it."""
    host, port = ("127.0.0.1", server) if isinstance(server, int) else (server.address, server.port)
    if os.path.exists("/proc/net/tcp"):
        return not is_listening(port, host)
    try:
        connect(server).close()
        return False
    except ConnectionError:  # or reset, if it was in the queue of a listener that closed
        return True


class Load:
    """Clients that ask for a target again and again, from `with` to its end. Afterwards .answers has
    the number of answers with status 200, and .failures everything else that happened."""

    def __init__(self, server, target="/", clients=4):
        self.answers, self.failures = 0, []
        self._server, self._target = server, target
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def _ask(self):
        while not self._end.is_set():
            try:
                response = is_whole(get(self._server, self._target))
                failure = None if response.status == 200 else "status %d" % response.status
            except (OSError, AssertionError) as error:
                failure = repr(error)
            with self._lock:
                if failure:
                    self.failures.append(failure)
                    time.sleep(0.001)  # a server that is gone answers fast
                else:
                    self.answers += 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def flood(server, data=b"x" * 1000, every=0):
    """A client that sends this data every so many seconds, and does not stop, until the server has closed."""
    end = threading.Event()
    step("a client sends and sends, %d bytes at a time, and reads nothing" % len(data))

    def send():
        with contextlib.suppress(OSError):
            while not end.wait(every):
                client.send(data)

    with socket.create_connection((server.address, server.port), seconds(2)) as client:
        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield
        finally:
            end.set()
            sender.join()
