"""A loopback of its own for one program, that is root there: with a port that is open, one that is silent, one that lies,
and one whose answer is no usual one; and all segments that pass are looked at.

As a program: loopback.py FOLDER TIMES COMMAND ... runs the command there, so many times one after the other, and writes
what it saw to FOLDER/seen.json. It needs nothing but the standard library."""

import contextlib
import errno
import fcntl
import json
import os
import select
import socket
import stat
import struct
import subprocess
import sys
import threading
import time

OPEN, SILENT, LIAR, CLOSED, ODD = 7001, 7002, 7003, 7004, 7005
FIN, SYN, RST, PSH, ACK, ECE = 1, 2, 4, 8, 16, 64
SIOCSIFFLAGS = 0x8914
OUTGOING = 4  # PACKET_OUTGOING of packet(7): else each is seen twice
LIE = b"LI"  # the identification in a lie's IP header: the kernel keeps it, and lies are not noted
FIRST_LIE = 1000  # the sequence number of the first lie; each has one of its own, by which it is known again

# What is wrong with each, and how it differs from the answer, see forged(). The last is cut behind its ports: in a
# buffer that was not emptied the rest of the lie before it stands behind them.
LIES = [
    ("acknowledges the SYN's sequence number itself", {"more": 0}),
    ("acknowledges the SYN's sequence number plus 2", {"more": 2, "flags": RST | ACK}),
    ("comes from another port", {"source_port": OPEN}),
    ("comes from another address", {"source": "127.0.0.3"}),
    ("goes to another port", {"destination_port": 1}),
    ("goes to another address", {"destination": "127.0.0.4"}),
    ("has neither SYN nor RST", {"flags": ACK}),
    ("has no ACK", {"flags": RST}),
    ("has no ACK", {"flags": SYN}),
    ("ends within TCP's header", {"source_port": OPEN}),
    ("ends within TCP's header", {"size": 24}),
]


class Segment:
    """A TCP segment that was seen, as the bytes of its IPv4 packet."""

    def __init__(self, packet):
        self.packet = packet
        header = (packet[0] & 15) * 4
        self.source, self.destination = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        self.source_port, self.destination_port, self.sequence, self.acknowledgement = struct.unpack(
            "!HHLL", packet[header:header + 12])
        self.flags, self.window = packet[header + 13], struct.unpack("!H", packet[header + 14:header + 16])[0]
        self.tcp = packet[header:]

    def is_intact(self):
        """Whether its checksum is right."""
        return checksum(self.packet[12:20], self.tcp) == 0


def checksum(addresses, tcp):
    """TCP's checksum of a segment whose own is 0; 0 if it has the right one. See RFC 9293, section 3.1."""
    data = addresses + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp)) + tcp
    total = sum(struct.unpack("!%dH" % ((len(data) + 1) // 2), data + b"\0" * (len(data) % 2)))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff - total


def forged(syn, sequence, flags=SYN | ACK, more=1, source=None, destination=None, source_port=None,
           destination_port=None, window=512, options=b"", size=None, lie=True):
    """The packet of an answer to a SYN, or of what seems to be one. It acknowledges the SYN's sequence number plus
    `more`, `options` are those of IP, and only `size` bytes of it are sent. The kernel drops a lie: no checksum."""
    addresses = socket.inet_aton(source or syn.destination) + socket.inet_aton(destination or syn.source)
    ports = source_port or syn.destination_port, destination_port or syn.source_port
    tcp = struct.pack("!HHLLBBH", *ports, sequence, (syn.sequence + more) % 2**32, 5 << 4, flags, window)
    tcp += struct.pack("!HH", 0 if lie else checksum(addresses, tcp + bytes(4)), 0)
    header = struct.pack("!BBH2sHBBH", 0x45 + len(options) // 4, 0, 0, LIE if lie else bytes(2), 0, 64, socket.IPPROTO_TCP, 0)
    return (header + addresses + options + tcp)[:size]


def lies(syn):
    """What the liar answers to a SYN."""
    return [forged(syn, number, **difference) for number, (_, difference) in enumerate(LIES, FIRST_LIE)]


def odd(syn):
    """An answer that is right, and no usual one: with high numbers, more flags, and options in the header of IP."""
    return forged(syn, 2**32 - 2, SYN | ACK | PSH | ECE, window=65535, options=b"\1\1\1\0", lie=False)


def keeps(program, segment):
    """Whether nobody else can take the port that its SYN came from. None: it has ended too soon to tell."""
    try:
        with socket.socket() as other:
            other.bind((segment.source, segment.source_port))
        return False if os.listdir("/proc/%d/fd" % program.pid) else None
    except OSError as error:
        return True if error.errno == errno.EADDRINUSE else None


def busy(program):
    """The seconds for which a program that sleeps has run before, or waited for a processor to run on. OSError if it does
    not sleep, has ended, or the kernel does not tell."""
    total = 0
    for task in os.listdir("/proc/%d/task" % program.pid):
        with open("/proc/%d/task/%s/stat" % (program.pid, task)) as file:
            state = file.read().rpartition(")")[2].split()[0]
        with open("/proc/%d/task/%s/schedstat" % (program.pid, task)) as file:
            nanoseconds = sum(map(int, file.read().split()[:2]))
        if state != "S" or nanoseconds == 0:
            raise OSError
        total += nanoseconds / 1e9
    return total


class Watcher(threading.Thread):
    """Notes each segment, until all is over, and answers a SYN where the kernel is to be silent."""

    def __init__(self):
        super().__init__()
        self.packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.seen, self.kept, self.lied_to = [], None, None
        self.program, self.over = None, threading.Event()
        self.asked, self.slept = None, 0

    def run(self):
        while self.is_readable(0.2) or not self.over.is_set():
            self.look_at_the_program()
            if self.is_readable(0):
                self.look(*self.packets.recvfrom(65536))
            elif self.lied_to and not self.over.is_set():
                self.send(lies(self.lied_to))  # liars do not stop

    def is_readable(self, seconds):
        return bool(select.select([self.packets], [], [], seconds)[0])

    def look(self, packet, where):
        """Note this packet, and answer it."""
        whole = len(packet) >= 40 and len(packet) >= (packet[0] & 15) * 4 + 20
        if where[2] != OUTGOING or not whole or packet[9] != socket.IPPROTO_TCP or packet[4:6] == LIE:
            return
        self.seen.append(packet.hex())
        segment = Segment(packet)
        if segment.flags == SYN and segment.destination_port == LIAR:
            self.lied_to = segment
            self.send(lies(segment))
        elif segment.flags == SYN and segment.destination_port == ODD:
            self.send([odd(segment)])
        elif segment.flags == SYN and segment.destination_port == SILENT:
            self.kept = keeps(self.program, segment)
            self.asked = time.monotonic()

    def look_at_the_program(self):
        """Note how long it has slept, at least, since it asked the silent port: the time that a busy machine takes from it
        does not count."""
        if self.asked:
            now = time.monotonic()
            with contextlib.suppress(OSError):
                self.slept = max(self.slept, now - self.asked - busy(self.program))

    def send(self, packets):
        for packet in packets:
            self.raw.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))


def full(port):
    """A listener whose accept queue is full: the kernel answers no SYN any more. Returns its sockets."""
    return socket.create_server(("127.0.0.1", port), backlog=0), socket.create_connection(("127.0.0.1", port))


def main(folder, times, *command):
    names = [int(name) for name in os.listdir("/proc/self/fd")]
    names = [number for number in names if number > 2 and os.path.exists("/proc/self/fd/%d" % number)]
    pipes = [number for number in names if stat.S_ISFIFO(os.stat("/proc/self/fd/%d" % number).st_mode)]
    with socket.socket() as any_socket:  # see netdevice(7): the loopback interface is up, and running
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH", b"lo", 0x41).ljust(40, b"\0"))
    with socket.create_server(("127.0.0.1", OPEN)) as listener:
        silent = full(SILENT), full(LIAR), full(ODD)  # these sockets are to stay open
        watcher = Watcher()
        watcher.start()
        nothing = os.open("/dev/null", os.O_RDWR)
        for _ in range(int(times)):
            begin = time.monotonic()
            watcher.program = subprocess.Popen(command, close_fds=False)
            for descriptor in pipes:  # they are the first program's alone: who began this waits for their end
                os.dup2(nothing, descriptor)
            status = watcher.program.wait()
            took = time.monotonic() - begin
            time.sleep(0.01)  # a clock of milliseconds has gone on when the next one begins
        watcher.over.set()
        watcher.join()
        listener.setblocking(False)
        try:
            listener.accept()
            queue = 1
        except BlockingIOError:
            queue = 0
        del silent
    with open(os.path.join(folder, "seen.json"), "w") as file:
        json.dump({"segments": watcher.seen, "queue": queue, "kept": watcher.kept, "took": took,
                   "slept": watcher.slept}, file)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
