"""Clients and servers of UDP, for checks: their sockets note what they do as steps. All over loopback, all with limits."""

import contextlib
import select
import socket

from harness import steps
from harness.program import seconds

LARGEST = 65507  # bytes in one datagram of IPv4: 65535, less the headers of IP and UDP


class Datagrams(socket.socket):
    """A UDP socket that notes all it does as steps of the check."""

    def __init__(self, name, address="127.0.0.1", port=0):
        """`name` is what the steps call this side; it is bound to this address and port (0: any)."""
        super().__init__(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.name = name
        self.bind((address, port))
        self.address, self.port = self.getsockname()[:2]
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def send_to(self, place, data):
        """Send one datagram to a place: an address and a port, or what has .address and .port."""
        place = place if isinstance(place, tuple) else (place.address, place.port)
        self.sendto(data, place)
        steps.step("sends a datagram" + (" of 0 bytes" if not data else ":"), self.name, data)

    def receive(self, limit=5, what="an answer"):
        """The next datagram, and the address and port it comes from. Fails if none comes within `limit` seconds."""
        if not select.select([self], [], [], seconds(limit))[0]:
            raise AssertionError("%s waits in vain for %s: none came within %g s" % (self.name, what, seconds(limit)))
        data, sender = self.recvfrom(65536)
        steps.step("receives a datagram" + (" of 0 bytes" if not data else ":"), self.name, data)
        return data, sender[:2]

    def gets_nothing(self, limit=0.3):
        """No datagram comes. The time is no wait: to see that nothing comes takes one."""
        if select.select([self], [], [], limit)[0]:
            raise AssertionError("%s gets an answer, and should not: %s" % (
                self.name, steps.show(self.recvfrom(65536)[0])))


def client(server, address=None):
    """A client of a server, or of whatever has .address; bound to an address of its own, if one is given."""
    return Datagrams(steps.name_client(), address or ("::1" if ":" in server.address else "127.0.0.1"))


def ask(server, data, limit=5, address=None):
    """A client sends one datagram, and returns the answer."""
    with client(server, address) as asking:
        asking.send_to(server, data)
        return asking.receive(limit)[0]


@contextlib.contextmanager
def nobody():
    """A port of 127.0.0.1 at which nobody receives: it is taken, and its socket wants datagrams of another one alone."""
    with Datagrams("nobody") as taken, Datagrams("another") as another:
        taken.connect((another.address, another.port))
        yield taken.port
