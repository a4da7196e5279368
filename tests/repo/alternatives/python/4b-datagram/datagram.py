"""The echo of datagrams with nothing but Python's own library: it waits in select(), and receives with recvmsg()."""

import errno
import getopt
import ipaddress
import os
import re
import select
import signal
import socket
import sys
import time


class Wrong(Exception):
    """The command line is."""


def shout(error, what):
    print("datagram: %s: %s (%s)" % (what, os.strerror(error.errno), errno.errorcode.get(error.errno)), file=sys.stderr, flush=True)


def number(text, least, most, what):
    if not re.fullmatch("[0-9]{1,5}", text) or not least <= int(text) <= most:
        raise Wrong("%s: no %s" % (text, what))
    return int(text)


def place(host, port):
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        raise Wrong("%s: no address" % host)
    return socket.AF_INET if version == 4 else socket.AF_INET6, (host, number(port, 0, 65535, "port"))


def serve(endpoint, room):
    print("listening on %s port %d" % endpoint.getsockname()[:2], flush=True)
    while True:
        select.select([endpoint], [], [])
        try:
            data, _, _, sender = endpoint.recvmsg(65535)
        except OSError as error:
            shout(error, "recvmsg")
            time.sleep(0.05)
            continue
        is_cut = len(data) > room
        print("%d bytes from %s port %d%s" % (len(data), *sender[:2], ", cut" * is_cut), flush=True)
        if not is_cut:
            try:
                endpoint.sendto(data, sender)
            except OSError as error:
                shout(error, "sendto")


def ask(endpoint, texts):
    endpoint.settimeout(1)
    for text in texts:
        endpoint.send(os.fsencode(text))
        try:
            sys.stdout.buffer.write(endpoint.recv(65535) + b"\n")
        except socket.timeout:
            raise OSError(errno.ETIMEDOUT, "")
        sys.stdout.flush()


def main(words):
    options, words = getopt.getopt(words, "b:c")
    options = dict(options)
    room = number(options.get("-b", "65535"), 1, 65535, "number of bytes")
    is_client = "-c" in options
    if is_client and len(words) < 3:
        raise Wrong("-c: takes ADDRESS, PORT and TEXT")
    if not is_client and len(words) > 2:
        raise Wrong("%s: too many" % words[2])
    host, port = words[:2] if is_client else (words[1:2] or ["127.0.0.1"])[0:1] + (words[0:1] or ["7890"])
    family, address = place(host, port)
    with socket.socket(family, socket.SOCK_DGRAM) as endpoint:
        what = "connect"
        try:
            if is_client:
                endpoint.connect(address)
                what = "talk to %s port %d" % address
                ask(endpoint, words[2:])
            else:
                what = "bind %s port %d" % address
                endpoint.bind(address)
                serve(endpoint, room)
        except OSError as error:
            shout(error, what)
            return 1
    return 0


try:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sys.exit(main(sys.argv[1:]))
except (Wrong, getopt.GetoptError) as error:
    print("datagram: %s\nusage: datagram [-b BYTES] [PORT [ADDRESS]]\n       datagram -c ADDRESS PORT TEXT..." % error, file=sys.stderr)
    sys.exit(2)
