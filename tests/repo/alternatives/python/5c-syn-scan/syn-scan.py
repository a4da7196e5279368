"""One SYN with nothing but Python's own library: the header of IP is the kernel's, and TCP's has an option."""

import errno
import os
import re
import secrets
import socket
import struct
import sys
import time

NAMES = {2: "SYN", 4: "RST", 16: "ACK"}


def refuse(why):
    print("syn-scan: %s\nusage: syn-scan ADDRESS PORT" % why, file=sys.stderr)
    sys.exit(2)


def show(what, flags, address, port, *numbers):
    names = " ".join(name for bit, name in NAMES.items() if flags & bit)
    print("%s %s from %s port %d, sequence %d, acknowledgement %d, window %d" % (what, names, address, port, *numbers))


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total >> 16) + total % 65536
    return 65535 - total


def syn(address, own, port, sequence):
    end = socket.inet_aton(address)
    options = bytes([2, 4, 5, 180])  # the largest segment that it takes: 1460 bytes
    header = struct.pack("!HHLLBBH", own, port, sequence, 0, (20 + len(options)) // 4 << 4, 2, 512)
    pseudo = end + end + struct.pack("!HH", 6, 20 + len(options))
    return header + struct.pack("!HH", checksum(pseudo + header + bytes(4) + options), 0) + options


def main(words):
    if len(words) != 2:
        refuse(words[2] + ": too many" if len(words) > 2 else "ADDRESS and PORT are missing")
    address, port = words
    if not re.fullmatch(r"127(\.[0-9]{1,3}){3}", address) or any(int(part) > 255 for part in address.split(".")):
        refuse("%s: no address of this machine" % address)
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        refuse("%s: no port" % port)
    port = int(port)
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    raw.bind((address, 0))  # where its packets come from
    holder = socket.socket()
    holder.bind((address, 0))
    own, sequence = holder.getsockname()[1], secrets.randbits(32)
    raw.sendto(syn(address, own, port, sequence), (address, 0))
    show("sent", 2, address, own, sequence, 0, 512)
    end = time.monotonic() + 1
    while (left := end - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            packet, sender = raw.recvfrom(65535)
        except socket.timeout:
            break
        tcp = packet[packet[0] % 16 * 4:]
        if len(tcp) < 20:
            continue
        theirs, to, number, acknowledged, _, flags, window = struct.unpack("!HHLLBBH", tcp[:16])
        if (sender[0], theirs, to, acknowledged) == (address, port, own, (sequence + 1) % 2**32) and flags & 16 and flags & 6:
            show("received", flags, address, port, number, acknowledged, window)
            print("port %d is %s" % (port, "closed" if flags & 4 else "open"))
            return
    print("port %d is silent" % port)


try:
    main(sys.argv[1:])
    sys.stdout.flush()
except OSError as error:
    print("syn-scan: scan: %s (%s)" % (os.strerror(error.errno), errno.errorcode.get(error.errno)), file=sys.stderr, flush=True)
    os._exit(1)  # without another try to print what is left
