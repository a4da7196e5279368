"""A loopback of its own for one program, that is root there: with a port that is open, one that is silent, and one that
lies; and all segments that pass are looked at.

As a program: loopback.py FOLDER COMMAND ... runs the command there, and writes what it saw to FOLDER/seen.json. It needs
nothing but the standard library."""

import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading

OPEN, SILENT, LIAR, CLOSED = 7001, 7002, 7003, 7004
FIN, SYN, RST, ACK = 1, 2, 4, 16
SIOCSIFFLAGS = 0x8914
OUTGOING = 4  # PACKET_OUTGOING of packet(7): else each is seen twice


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
        """Whether its checksum is right, see RFC 9293, section 3.1."""
        data = self.packet[12:20] + struct.pack("!HH", socket.IPPROTO_TCP, len(self.tcp)) + self.tcp
        total = sum(struct.unpack("!%dH" % ((len(data) + 1) // 2), data + b"\0" * (len(data) % 2)))
        while total > 0xffff:
            total = (total & 0xffff) + (total >> 16)
        return total == 0xffff


def forged(syn, flags, acknowledgement, port=None):
    """A segment that seems to answer a SYN, but with this acknowledgement, or from this port."""
    tcp = struct.pack("!HHLLBBHHH", port or syn.destination_port, syn.source_port, 77, acknowledgement, 5 << 4, flags, 512, 0, 0)
    return struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0) + socket.inet_aton(
        syn.destination) + socket.inet_aton(syn.source) + tcp


def watch(packets, raw, seen, over):
    """Note each segment, until all is over; answer a SYN to the liar's port with what is no answer."""
    while select.select([packets], [], [], 0.2)[0] or not over.is_set():
        if not select.select([packets], [], [], 0)[0]:
            continue
        packet, where = packets.recvfrom(65536)
        if where[2] != OUTGOING or packet[9] != socket.IPPROTO_TCP:
            continue
        segment = Segment(packet)
        seen.append(packet.hex())
        if segment.flags == SYN and segment.destination_port == LIAR:
            for lie in (forged(segment, SYN | ACK, segment.sequence), forged(segment, RST | ACK, segment.sequence + 2),
                        forged(segment, SYN | ACK, segment.sequence + 1, OPEN), forged(segment, ACK, segment.sequence + 1)):
                raw.sendto(lie, (segment.source, 0))


def full(port):
    """A listener whose accept queue is full: the kernel answers no SYN any more. Returns its sockets."""
    return socket.create_server(("127.0.0.1", port), backlog=0), socket.create_connection(("127.0.0.1", port))


def main(folder, *command):
    names = [int(name) for name in os.listdir("/proc/self/fd")]
    inherited = [number for number in names if number > 2 and os.path.exists("/proc/self/fd/%d" % number)]
    with socket.socket() as any_socket:  # see netdevice(7): the loopback interface is up, and running
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH", b"lo", 0x41).ljust(40, b"\0"))
    with socket.create_server(("127.0.0.1", OPEN)) as listener:
        silent = full(SILENT), full(LIAR)  # these sockets are to stay open
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        seen, over = [], threading.Event()
        watcher = threading.Thread(target=watch, args=(packets, raw, seen, over))
        watcher.start()
        program = subprocess.Popen(command, close_fds=False)
        for descriptor in inherited:  # they are the program's: who began this waits for their end
            os.close(descriptor)
        status = program.wait()
        over.set()
        watcher.join()
        listener.setblocking(False)
        try:
            listener.accept()
            queue = 1
        except BlockingIOError:
            queue = 0
        del silent
    with open(os.path.join(folder, "seen.json"), "w") as file:
        json.dump({"segments": seen, "queue": queue}, file)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
