"""A small web server: one client after another."""

import errno
import getopt
import ipaddress
import os
import re
import signal
import socket
import sys
import time

from web import serve_client, shout


def understand(words):
    address, port = "127.0.0.1", "8080"
    try:
        options, operands = getopt.getopt(words, "a:p:")
    except getopt.GetoptError as error:
        raise ValueError(str(error))
    for option, value in options:
        address, port = (value, port) if option == "-a" else (address, value)
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("not a port: '%s'" % port)
    if len(operands) > 1:
        raise ValueError("too many arguments: '%s'" % operands[1])
    version = ipaddress.ip_address(address).version  # also raises ValueError, with the address
    own = os.path.join(os.path.dirname(os.path.realpath(__file__)), "webroot")
    return version, address, int(port), operands[0] if operands else own


def start(version, address, port, root):
    doing = "open the webroot '%s'" % root
    try:
        os.close(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
        doing = "bind %s port %d" % (address, port)
        listener = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(socket.SOMAXCONN)
    except OSError as error:
        shout(error, doing)
        sys.exit(1)
    return listener, os.path.realpath(os.fsencode(root))


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        listener, root = start(*understand(sys.argv[1:]))
    except ValueError as error:
        print("tinyweb: %s\nusage: tinyweb [-a ADDRESS] [-p PORT] [WEBROOT]" % error, file=sys.stderr)
        sys.exit(2)
    print("listening on %s port %d" % listener.getsockname()[:2], flush=True)
    while True:
        try:
            client, peer = listener.accept()
        except OSError as error:
            if error.errno != errno.ECONNABORTED:
                shout(error, "accept")
                time.sleep(0.2)
            continue
        with client:
            serve_client(client, peer, root)


main()
