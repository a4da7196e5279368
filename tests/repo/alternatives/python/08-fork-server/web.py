"""HTTP with nothing but Python's own library, and without http.server: one client, from request to end."""

import email.utils
import errno
import html
import os
import re
import socket
import stat
import string
import sys
import time

REASONS = {
    200: "OK", 301: "Moved Permanently", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 414: "URI Too Long",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable", 505: "HTTP Version Not Supported",
}
TYPES = {
    "html htm": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8", "txt": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8", "json": "application/json", "xml": "application/xml",
    "pdf": "application/pdf", "wasm": "application/wasm", "svg": "image/svg+xml", "png": "image/png",
    "jpg jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "ico": "image/x-icon",
    "mp3": "audio/mpeg", "mp4": "video/mp4", "woff2": "font/woff2",
}
TYPE_OF = {ending.encode(): kind for endings, kind in TYPES.items() for ending in endings.split()}
TOKEN = rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
REQUEST_LINE = re.compile(rb"(%b) ([^ ]+) HTTP/([0-9])\.([0-9])" % TOKEN)
TARGET = re.compile(rb"(?:[Hh][Tt][Tt][Pp]://[^/?]+(?=[/?]|\Z)|(?=/))([^?]*)(\?.*)?", re.DOTALL)
HEADER = re.compile(rb"(%b):[ \t]*(.*?)[ \t]*" % TOKEN, re.DOTALL)
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
LINE_LIMIT, HEADER_LIMIT, PIECE = 8191, 100, 32768
STATUS_OF = {errno.ENOENT: 404, errno.ENOTDIR: 404, errno.ENAMETOOLONG: 404, errno.EACCES: 403,
             errno.EPERM: 403, errno.ELOOP: 403, errno.ENXIO: 403, errno.EMFILE: 503,
             errno.ENFILE: 503, errno.ENOMEM: 503}


class Gone(Exception):
    """The client is, and expects no answer."""


class Refusal(Exception):
    """The request is answered with a status other than 200."""

    def __init__(self, status, *headers):
        super().__init__(status)
        self.status, self.headers = status, headers


def shout(error, what):
    program = os.path.basename(sys.argv[0])
    print("%s: %s: %s (%s)" % (program, what, os.strerror(error.errno), errno.errorcode[error.errno]),
          file=sys.stderr, flush=True)


class Conversation:
    """One client: its request, and our answer."""

    def __init__(self, client):
        self.client = client
        self.deadline = time.monotonic() + 8
        self.unread = bytearray()
        self.line = b""
        self.begun = False
        self.sent = 0

    def receive(self):
        try:
            self.client.settimeout(max(self.deadline - time.monotonic(), 0.001))
            data = self.client.recv(PIECE)
        except socket.timeout:
            raise Refusal(408)
        except ConnectionError:
            raise Gone
        if not data:
            raise Refusal(400) if self.begun else Gone
        self.begun = True
        self.unread += data
        if time.monotonic() > self.deadline:
            raise Refusal(408)

    def read_line(self, status_if_long):
        while (end := self.unread.find(b"\n", 0, LINE_LIMIT)) < 0:
            if len(self.unread) >= LINE_LIMIT:
                raise Refusal(status_if_long)
            self.receive()
        line = bytes(self.unread[:end])
        del self.unread[:end + 1]
        return line[:-1] if line.endswith(b"\r") else line

    def read_request_line(self):
        try:
            self.line = self.read_line(414) or self.read_line(414)
        except Refusal:
            self.line = bytes(self.unread[:LINE_LIMIT])
            raise
        parts = REQUEST_LINE.fullmatch(self.line)
        if not parts:
            raise Refusal(400)
        method, target, major, minor = parts.groups()
        if major != b"1":
            raise Refusal(505)
        return method, target, minor

    def read_headers(self, host_needed):
        seen = {b"host": [], b"content-length": [], b"transfer-encoding": []}
        count = 0
        while line := self.read_line(431):
            count += 1
            if count > HEADER_LIMIT:
                raise Refusal(431)
            header = HEADER.fullmatch(line)
            if not header or CONTROL.search(line):
                raise Refusal(400)
            name, value = header.groups()
            if name.lower() in seen:
                seen[name.lower()].append(value)
        hosts, lengths, encodings = seen.values()
        if len(hosts) > 1 or not hosts and host_needed:
            raise Refusal(400)
        if hosts and re.search(rb"[ \t/?#@]", hosts[0]):
            raise Refusal(400)
        if lengths and (len(lengths) > 1 or encodings or not re.fullmatch(rb"[0-9]+", lengths[0])):
            raise Refusal(400)

    def send(self, data):
        self.client.settimeout(60)
        rest = memoryview(data)
        while rest:
            count = self.client.send(rest)
            self.sent += count
            rest = rest[count:]

    def drain(self):
        """Closing with something unread would be a reset, which may destroy our answer."""
        self.client.shutdown(socket.SHUT_WR)
        end, room = time.monotonic() + 1, 64 << 20
        while room > 0 and time.monotonic() < end:
            self.client.settimeout(max(end - time.monotonic(), 0.001))
            size = len(self.client.recv(PIECE))
            if size == 0:
                return
            room -= size


def judge_method(method):
    if method in (b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"):
        raise Refusal(405, b"Allow: GET, HEAD")
    if method not in (b"GET", b"HEAD"):
        raise Refusal(501)


def decode(text):
    """The bytes that a percent-encoded path stands for."""
    first, *others = text.split(b"%")
    for other in others:
        if len(other) < 2 or not all(chr(byte) in string.hexdigits for byte in other[:2]):
            raise Refusal(400)
    path = first + b"".join(bytes([int(other[:2], 16)]) + other[2:] for other in others)
    if b"\0" in path:
        raise Refusal(400)
    return path


def find(root, target):
    """Open the file that the target means; return it, and its type."""
    parts = TARGET.fullmatch(target)
    if not parts or CONTROL.search(target) or b"\t" in target:
        raise Refusal(400)
    path = decode(parts[1] or b"/")
    if b".." in path.split(b"/"):
        raise Refusal(403)
    if path.endswith(b"/"):
        path += b"index.html"
    real = os.path.realpath(root + path)
    if real != root and not real.startswith(root.rstrip(b"/") + b"/"):
        raise Refusal(403)
    try:
        file = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Refusal(STATUS_OF.get(error.errno, 500))
    lies = os.readlink(b"/proc/self/fd/%d" % file)  # what was checked may have been changed before the open()
    if lies != root and not lies.startswith(root.rstrip(b"/") + b"/"):
        os.close(file)
        raise Refusal(403)
    found = os.fstat(file)
    if stat.S_ISREG(found.st_mode):
        name = path.rpartition(b"/")[2]
        ending = name.rpartition(b".")[2].lower() if b"." in name else b""
        return file, found, TYPE_OF.get(ending, "application/octet-stream")
    os.close(file)
    if stat.S_ISDIR(found.st_mode):
        where = b"/" + (parts[1] or b"/").lstrip(b"/") + b"/" + (parts[2] or b"")
        raise Refusal(301, b"Location: " + where)
    raise Refusal(403)


def head_of(status, kind, length, *headers):
    lines = ["HTTP/1.0 %d %s" % (status, REASONS[status]),
             "Date: " + email.utils.formatdate(usegmt=True), "Server: Tiny webserver",
             "Connection: close", "Content-Type: " + kind, "Content-Length: %d" % length]
    return b"\r\n".join([line.encode() for line in lines] + [*headers, b"", b""])


def send_file(talk, file, found, kind, with_body):
    modified = email.utils.formatdate(found.st_mtime, usegmt=True).encode()
    head = head_of(200, kind, found.st_size, b"Last-Modified: " + modified)
    left = found.st_size if with_body else 0
    piece = head
    try:
        while piece:
            more = os.read(file, min(left, PIECE)) if left else b""
            talk.send(piece + more if piece is head else more)
            left -= len(more)
            piece = more
    finally:
        talk.sent = max(talk.sent - len(head), 0)


def refuse(talk, refusal, with_body):
    title = html.escape("%d %s" % (refusal.status, REASONS[refusal.status]))
    page = ("<!DOCTYPE html>\n<title>%s</title>\n<p>%s\n" % (title, title)).encode()
    head = head_of(refusal.status, "text/html; charset=utf-8", len(page), *refusal.headers)
    try:
        talk.send(head + page if with_body else head)
    finally:
        talk.sent = max(talk.sent - len(head), 0)


def log(talk, peer, status):
    line = "".join(chr(byte) if 0x20 <= byte < 0x7f and byte not in b'"\\' else "\\x%02x" % byte
                   for byte in talk.line[:1000])
    os.write(1, b'%s port %d "%s" %d %d\n' % (peer[0].encode(), peer[1], line.encode(), status, talk.sent))


def answer(talk, root, peer):
    """Read a request and answer it. The log has it, also if the client leaves half-way."""
    status = 200
    file = None
    try:
        try:
            method, target, minor = talk.read_request_line()
            talk.read_headers(minor != b"0")
            judge_method(method)
            file, *about = find(root, target)
            send_file(talk, file, *about, not talk.line.startswith(b"HEAD "))
        except Refusal as refusal:
            status = refusal.status
            refuse(talk, refusal, not talk.line.startswith(b"HEAD "))
    finally:
        if file is not None:
            os.close(file)
        if sys.exc_info()[0] is not Gone:
            log(talk, peer, status)
    talk.drain()


def serve_client(client, peer, root):
    try:
        answer(Conversation(client), root, peer)
    except (Gone, socket.timeout):
        pass
    except OSError as error:
        shout(error, "talk to %s port %d" % peer[:2])
