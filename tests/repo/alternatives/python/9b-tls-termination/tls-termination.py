"""tls-termination -n [-c FILE]: a web server of threads, which reads all of a header's bytes before it looks at them."""

import getopt
import ipaddress
import os
import re
import select
import signal
import socket
import sys
import threading
import time

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
STATUSES = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout"}
LINE = re.compile(rb"PROXY (?:UNKNOWN(?: .*)?|(TCP[46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4}))", re.DOTALL)


class Wrong(Exception):
    """There is no header, or no request."""


class Client:
    """One connection, and all that it has sent."""

    def __init__(self, connection):
        self.connection, self.data, self.end = connection, b"", time.monotonic() + 8

    def more(self):
        left = self.end - time.monotonic()
        self.connection.settimeout(max(left, 0.001))
        data = self.connection.recv(65536)
        if not data:
            raise Wrong
        self.data += data

    def take(self, size):
        while len(self.data) < size:
            self.more()
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def line(self, limit, ending):
        while ending not in self.data[:limit]:
            if len(self.data) >= limit:
                raise Wrong
            self.more()
        line, _, self.data = self.data.partition(ending)
        return line


def version_1(client):
    match = LINE.fullmatch(client.line(107, b"\r\n"))
    if not match or b"\0" in match.group():
        raise Wrong
    kind, host, server, port, other = match.groups()
    if kind is None:
        return None
    family = ipaddress.IPv4Address if kind == b"TCP4" else ipaddress.IPv6Address
    try:
        found = family(host.decode()), int(port)
        family(server.decode())
    except ValueError:
        raise Wrong
    if max(int(port), int(other)) > 65535:
        raise Wrong
    return found


def version_2(client):
    head = client.take(16)
    command, kind, length = head[12], head[13], int.from_bytes(head[14:], "big")
    if not head.startswith(SIGNATURE) or command not in (0x20, 0x21) or command == 0x21 and (kind >> 4 > 3 or kind & 15 > 2):
        raise Wrong
    size = {0x11: 4, 0x21: 16}.get(kind) if command == 0x21 else None
    if size and length < 2 * size + 4:
        raise Wrong
    block = client.take(length)
    if not size:
        return None
    return ipaddress.ip_address(block[:size]), int.from_bytes(block[2 * size:2 * size + 2], "big")


def header(client):
    """Whom the proxy names, or None."""
    while not client.data.startswith((b"PROXY ", SIGNATURE)):
        if not (b"PROXY ".startswith(client.data) or SIGNATURE.startswith(client.data)):
            raise Wrong
        client.more()
    if client.data[:6] == b"PROXY ":
        return version_1(client)
    return version_2(client)


def answer(webroot, line):
    words = line.split(" ")
    if len(words) != 3 or not re.fullmatch(r"HTTP/1\.\d", words[2]) or not words[1].startswith("/"):
        return 400, b""
    if words[0] not in ("GET", "HEAD"):
        return 405, b""
    path = words[1].partition("?")[0]
    if ".." in path.split("/"):
        return 403, b""
    try:
        with open(webroot + path + ("index.html" if path.endswith("/") else ""), "rb") as file:
            return 200, file.read()
    except OSError:
        return 404, b""


class Server:
    def __init__(self, path):
        self.path, self.listener, self.address, self.threads = path, None, None, []
        self.reload()

    def reload(self):
        keys = {"address": "127.0.0.1", "port": "8080", "webroot": "webroot", "proxy": None}
        with open(self.path) as file:
            for number, line in enumerate(file, 1):
                key, equals, value = (part.strip() for part in re.sub(r"(^|\s)#.*", "", line).strip().partition("="))
                if key and (not value or key not in keys and key not in ("max-children", "pidfile", "user")):
                    raise ValueError("%s:%d: %s: not so" % (self.path, number, key))
                if key in ("proxy", "address"):
                    try:
                        ipaddress.ip_address(value)
                    except ValueError as error:
                        raise ValueError("%s:%d: %s" % (self.path, number, error))
                if key:
                    keys[key] = value
        self.webroot = os.path.join(os.path.dirname(self.path), keys["webroot"])
        self.proxy = keys["proxy"] and plain(keys["proxy"])
        address = keys["address"], int(keys["port"])
        if address != self.address:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            self.listener, self.address = socket.create_server(address, family=family, backlog=4096), address

    def serve(self, connection, peer):
        client, who, line, status, body = Client(connection), "%s port %d" % peer[:2], "", 408, b""
        proxy, webroot = self.proxy, self.webroot
        with connection:
            try:
                if proxy == plain(peer[0]):
                    named = header(client)
                    who = "%s port %d" % named if named else who
            except (Wrong, OSError):
                print("tls-termination: no PROXY header from " + who, file=sys.stderr, flush=True)
                return
            try:
                line = client.line(8000, b"\n").decode("latin-1").strip()
                if line == "" or len(line.split(" ")) != 3:
                    raise Wrong
                while client.line(8000, b"\n").strip():
                    pass
                status, body = answer(webroot, line)
            except Wrong:
                status = 400
            except OSError:
                pass
            head = "HTTP/1.0 %d %s\r\nContent-Length: %d\r\n\r\n" % (status, STATUSES[status], len(body))
            body = b"" if line.startswith("HEAD ") else body
            connection.settimeout(60)
            try:
                connection.sendall(head.encode() + body)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(1)
                while status != 200 and connection.recv(65536):
                    pass
            except OSError:
                pass
        line = re.sub(r'[^ -~]|["\\]', lambda match: "\\x%02x" % ord(match.group()), line)
        print('%s "%s" %d %d' % (who, line, status, len(body)), flush=True)

    def run(self):
        wake, woken = socket.socketpair()
        woken.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, frame: None)
        print("listening on %s port %d" % self.listener.getsockname()[:2], flush=True)
        print("started", flush=True)
        stop = False
        while not stop or select.select([self.listener], [], [], 0)[0]:
            ready = select.select([self.listener, wake], [], [])[0] if not stop else [self.listener]
            if self.listener in ready:
                self.threads.append(threading.Thread(target=self.serve, args=self.listener.accept()))
                self.threads[-1].start()
            for number in wake.recv(100) if wake in ready else b"":
                stop = stop or number == signal.SIGTERM
                if number == signal.SIGHUP:
                    try:
                        self.reload()
                        print("configuration changed", flush=True)
                    except (OSError, ValueError) as error:
                        print("tls-termination: %s" % error, file=sys.stderr, flush=True)
        self.listener.close()
        for thread in self.threads:
            thread.join()
        print("stopped", flush=True)


def plain(text):
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def main():
    file = "daemon.conf"
    for option, value in getopt.getopt(sys.argv[1:], "nc:")[0]:
        file = value if option == "-c" else file
    try:
        Server(os.path.realpath(file)).run()
    except (OSError, ValueError) as error:
        sys.exit("tls-termination: %s" % error)


main()
