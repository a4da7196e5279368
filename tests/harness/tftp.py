"""TFTP's other side, for checks: a client that does what it is told, mistakes too. See RFC 1350. And a way on which
packets get lost. All over loopback, all with limits."""

import contextlib
import select
import socket
import struct
import threading
import time

from harness import steps
from harness.datagrams import Datagrams

RRQ, WRQ, DATA, ACK, ERROR = 1, 2, 3, 4, 5
BLOCK = 512


def request(name, mode=b"octet", opcode=RRQ, more=b""):
    """A request for a file; `more` stands behind it, such as options of RFC 2347."""
    return struct.pack("!H", opcode) + name + b"\0" + mode + b"\0" + more


def ack(block):
    return struct.pack("!HH", ACK, block)


def error(number, text=b"no"):
    return struct.pack("!HH", ERROR, number) + text + b"\0"


class Client(Datagrams):
    """One client of a server, with one transfer; .place is where the transfer's packets come from."""

    def __init__(self, server, address=None):
        super().__init__(steps.name_client(), address or ("::1" if ":" in server.address else "127.0.0.1"))
        self.server, self.place = server, None
        self.came = None  # when the last DATA did, on time.monotonic()'s clock

    def ask(self, *arguments, **options):
        """Ask for a file, see request(); return the client."""
        self.send_to(self.server, request(*arguments, **options))
        return self

    def data(self, block, limit=3):
        """The bytes of the next packet, which has to be DATA with this number, from where the transfer's come. Where
        this client was slow, the block before it may come again first."""
        packet, place = self.receive(limit, "DATA %d" % block)
        while self.is_late() and packet[:4] == struct.pack("!HH", DATA, (block - 1) % 65536):
            packet, place = self.receive(limit, "DATA %d" % block)
        assert len(packet) >= 4 and struct.unpack("!H", packet[:2])[0] in (DATA, ERROR), \
            "it gets neither DATA nor ERROR: %s" % steps.show(packet)
        opcode, number = struct.unpack("!HH", packet[:4])
        assert opcode == DATA, "it gets ERROR %d, and not DATA %d: %s" % (number, block, steps.show(packet[4:]))
        assert number == block, "it gets DATA %d, and not DATA %d" % (number, block)
        self.place = self.place or place
        assert place == self.place, "DATA %d comes from port %d, those before it from port %d" % (block, place[1], self.place[1])
        assert len(packet) <= 4 + BLOCK, "DATA %d has %d bytes, more than 512" % (block, len(packet) - 4)
        self.came = time.monotonic()
        return packet[4:]

    def is_late(self):
        """Whether a block that was not acknowledged may have been sent again by now."""
        return self.came is not None and time.monotonic() - self.came > 0.5

    def stays_quiet(self, limit=0.3):
        """Nothing comes, unless it is time for a block to come again."""
        try:
            self.gets_nothing(limit)
        except AssertionError:
            if not self.is_late():
                raise

    def acknowledge(self, block):
        self.send_to(self.place, ack(block))

    def refused(self, limit=3):
        """The number of the ERROR that comes, in the form of RFC 1350."""
        packet, _ = self.receive(limit, "an ERROR")
        assert packet[:2] == b"\0\5", "it gets no ERROR, but %s" % steps.show(packet)
        assert len(packet) > 4 and packet.endswith(b"\0") and packet.count(b"\0", 4) == 1, \
            "an ERROR is its number, a text, and a NUL, and this is %s" % steps.show(packet)
        return struct.unpack("!H", packet[2:4])[0]

    def rest(self, first=1):
        """All that follows, from this block on, acknowledged."""
        got, block = b"", first
        while True:
            data = self.data(block % 65536)
            self.acknowledge(block % 65536)
            got, block = got + data, block + 1
            if len(data) < BLOCK:
                return got


def fetch(server, name, address=None, **options):
    """A client asks for a file, and gets all of it."""
    with Client(server, address) as client:
        return client.ask(name, **options).rest()


def refusal(server, packet):
    """A client sends a request; the number of the ERROR that it gets."""
    with Client(server) as client:
        client.send_to(server, packet)
        return client.refused()


@contextlib.contextmanager
def bad_way(server, every=10):
    """The port of a way to the server on which of each `every` packets, in both directions, one is lost and the one
    after it comes twice."""
    count, ways, over = [0], {}, threading.Event()

    def carry(sender, data, place):
        count[0] += 1
        for _ in range({0: 0, 1: 2}.get(count[0] % every, 1)):
            sender.sendto(data, place)

    def run():
        while not over.is_set():
            for ready in select.select([front, *ways], [], [], 0.05)[0]:
                data, place = ready.recvfrom(65536)
                if ready is front:
                    here, there = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
                    for end in here, there:
                        end.bind(("127.0.0.1", 0))
                    ways[here], ways[there] = [there, place], [here, (server.address, server.port)]
                    carry(there, data, ways[there][1])
                else:
                    if ways[ready][1] != place:  # the transfer's own port
                        ways[ready][1] = place
                    other = ways[ready][0]
                    carry(other, data, ways[other][1])

    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield front.getsockname()[1]
    over.set()
    thread.join()
    for end in [front, *ways]:
        end.close()
