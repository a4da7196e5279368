"""Rows of ports that a program looks at: closed, open, or silent."""

import contextlib
import random
import select
import socket

from harness import steps

MOST_ROUNDS = 20  # connections until an accept queue is full: on Linux one, with a backlog of 0


class Ports:
    """Consecutive ports of 127.0.0.1 or ::1, all bound, so that nobody else has them, and closed at first."""

    def __init__(self, count, address="127.0.0.1"):
        self.address = address
        self._kept = contextlib.ExitStack()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for _ in range(1000):
            self.first = random.randrange(10000, 30000)  # below those that the kernel gives to clients
            self._sockets = []
            try:
                for number in range(count):
                    self._sockets.append(self._kept.enter_context(socket.socket(family)))
                    self._sockets[-1].bind((address, self.first + number))
                break
            except OSError:
                self._kept.close()
        self.last = self.first + count - 1

    @property
    def words(self):
        """FIRST-LAST, as the program takes them."""
        return "%d-%d" % (self.first, self.last)

    def open(self, *numbers):
        """Listen on these, counted from 0; return the ports."""
        for number in numbers:
            self._sockets[number].listen(16)
            steps.step("listen on %s port %d" % (self.address, self.first + number))
        return [self.first + number for number in numbers]

    def silence(self, *numbers):
        """Have these not answer: each listens, and its accept queue is full. Return the ports."""
        for number in numbers:
            self._sockets[number].listen(0)
        filled = list(numbers)
        for _ in range(MOST_ROUNDS):
            trying = {}
            for number in filled:
                client = socket.socket(self._sockets[number].family)
                client.setblocking(False)
                client.connect_ex((self.address, self.first + number))
                trying[client.fileno()] = client, number
            poll = select.poll()
            for descriptor in trying:
                poll.register(descriptor, select.POLLOUT)
            taken = [descriptor for descriptor, _ in poll.poll(200)]
            filled = [trying[descriptor][1] for descriptor in taken]
            for descriptor, (client, _) in trying.items():
                if descriptor in taken:
                    self._kept.enter_context(client)
                else:
                    client.close()
            if not filled:
                break
        which = ", ".join(str(self.first + number) for number in numbers[:3]) + (" ..." if len(numbers) > 3 else "")
        steps.step("listen on %d port%s, and fill the accept queue, so that no more is answered: %s" % (
            len(numbers), "s"[len(numbers) == 1:], which))
        return [self.first + number for number in numbers]

    def relieve(self, number):
        """Empty the accept queue of a silent one: who asks once more, as kernels do after 1 s and 3 s, is answered."""
        self._sockets[number].setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._kept.enter_context(self._sockets[number].accept()[0])
        steps.step("port %d has room in its accept queue again" % (self.first + number))

    def is_asked(self, number, limit):
        """Whether somebody has been connected to this one, within so many seconds."""
        return bool(select.select([self._sockets[number]], [], [], limit)[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._kept.close()
