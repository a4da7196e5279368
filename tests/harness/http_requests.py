"""Requests as they stand on the wire, and the status that answers each; what chapters 7 to 9 share."""


def lines(*text):
    """A request of these lines, with the empty line at its end, as bytes."""
    return "\r\n".join(text + ("", "")).encode("latin-1")


def with_headers(*headers):
    """A GET request with these header lines, and Host."""
    return lines("GET / HTTP/1.1", "Host: localhost", *headers)


def padded(size, before, after):
    """`before` and `after` with so many bytes between them that it makes `size`, two for the line's end."""
    return before + "x" * (size - len(before) - len(after) - 2) + after


def of_size(size):
    """A request of so many bytes."""
    room = size - len(with_headers())
    count = room // 4000 + 1
    return with_headers(*[padded(room // count + (number < room % count), "X: ", "") for number in range(count)])


SECRET = b"This lies outside the webroot."

# What is asked for: (status, request). A webroot of http_checks.fill_webroot() is served.
ACCEPTED = {
    "HTTP/1.0": (200, lines("GET / HTTP/1.0")),
    "HTTP/1.0 with Host": (200, lines("GET / HTTP/1.0", "Host: localhost")),
    "HTTP/1.1": (200, with_headers()),
    "a minor version to come": (200, lines("GET / HTTP/1.9", "Host: localhost")),
    "lines end with a bare LF": (200, b"GET / HTTP/1.1\nHost: localhost\n\n"),
    "some lines end with a bare LF": (200, b"GET / HTTP/1.1\r\nHost: localhost\nAccept: */*\r\n\n"),
    "an empty line first": (200, b"\r\n" + with_headers()),
    "a bare LF first": (200, b"\n" + with_headers()),
    "the URL of a proxy's request": (200, lines("GET http://localhost/ HTTP/1.1", "Host: localhost")),
    "a URL without a path": (200, lines("GET HTTP://localhost HTTP/1.1", "Host: localhost")),
    "a query": (200, lines("GET /?name=value HTTP/1.0")),
    "a query that is no file name": (200, lines("GET /index.html?/../%zz%00?/ HTTP/1.0")),
    "a request line of 8190 bytes": (200, lines(padded(8190, "GET /?", " HTTP/1.0"))),
    "headers in any case": (200, lines("GET / HTTP/1.1", "hOsT: localhost")),
    **{"Host: " + host: (200, lines("GET / HTTP/1.1", "Host: " + host))
       for host in ("", "a:", "a.example-1.org:80", "127.0.0.1:8080", "[::1]", "[::ffff:1.2.3.4]:80", "a_b~c")},
    "headers without a space": (200, lines("GET / HTTP/1.1", "Host:localhost", "Accept:")),
    "tabs in headers": (200, with_headers("Accept:\ttext/html,\t*/*\t")),
    "high bytes in headers": (200, with_headers("X-Name: " + "".join(map(chr, range(128, 256))))),
    "a header of 8190 bytes": (200, with_headers(padded(8190, "X: ", ""))),
    "100 headers": (200, with_headers(*["X-%d: x" % number for number in range(99)])),
    "an empty body": (200, with_headers("Content-Length: 0")),
}

REFUSED = {
    "garbage": (400, bytes(range(256)) * 4 + b"\r\n\r\n"),
    "words": (400, lines("Is anybody there?")),
    "a TLS client": (400, bytes.fromhex("16030100c8010000c40303") + b"\xfc" * 180 + b"\r\n\r\n"),
    "no version": (400, lines("GET /")),
    "no target": (400, lines("GET HTTP/1.0")),
    "an empty target": (400, lines("GET  HTTP/1.0")),
    "no method": (400, lines(" / HTTP/1.0")),
    "a space first": (400, lines(" GET / HTTP/1.0")),
    "a space at the end": (400, lines("GET / HTTP/1.0 ")),
    "two spaces": (400, lines("GET  / HTTP/1.0")),
    "a space in the target": (400, lines("GET /a b.txt HTTP/1.0")),
    "a tab in the target": (400, lines("GET /a\tb HTTP/1.0")),
    "a tab for a space": (400, lines("GET\t/\tHTTP/1.0")),
    "ESC in the target": (400, lines("GET /\x1b[31m HTTP/1.0")),
    "DEL in the target": (400, lines("GET /\x7f HTTP/1.0")),
    "CR in the target": (400, lines("GET /\rindex.html HTTP/1.0")),
    "two CR at the end": (400, lines("GET / HTTP/1.0\r")),
    "NUL in the target": (400, lines("GET /index.html\0 HTTP/1.0")),
    "NUL after the version": (400, lines("GET / HTTP/1.0\0")),
    "NUL in a header": (400, with_headers("X-Name: a\0b")),
    "a target without a slash": (400, lines("GET index.html HTTP/1.0")),
    "a URL without a host": (400, lines("GET http:///index.html HTTP/1.1", "Host: localhost")),
    "an asterisk for the target": (400, lines("GET * HTTP/1.0")),
    "small letters in the version": (400, lines("GET / http/1.0")),
    "a version without a minor one": (400, lines("GET / HTTP/1")),
    "a version that ends in a dot": (400, lines("GET / HTTP/1.")),
    "a version that goes on": (400, lines("GET / HTTP/1.0x")),
    "a version of letters": (400, lines("GET / HTTP/a.b")),
    "a method that is no token": (400, lines("G@T / HTTP/1.0")),
    "%00": (400, lines("GET /index.html%00 HTTP/1.0")),
    "%00 before more": (400, lines("GET /index.html%00.txt HTTP/1.0")),
    "a bad escape": (400, lines("GET /%zz HTTP/1.0")),
    "a bad second digit": (400, lines("GET /%6g HTTP/1.0")),
    "an escape with a sign": (400, lines("GET /%+6 HTTP/1.0")),
    "an escape cut short": (400, lines("GET /%6 HTTP/1.0")),
    "an escape cut off": (400, lines("GET /% HTTP/1.0")),
    "an escape cut off by a query": (400, lines("GET /%6?1 HTTP/1.0")),
    "an escaped percent sign too few": (400, lines("GET /%%36%31 HTTP/1.0")),
    "HTTP/1.1 without Host": (400, lines("GET / HTTP/1.1")),
    "two Hosts": (400, with_headers("Host: localhost")),
    "two Hosts that differ": (400, with_headers("Host: example.org")),
    "a header without a colon": (400, with_headers("Nonsense")),
    "a header without a name": (400, with_headers(": value")),
    "a space before the colon": (400, with_headers("X-Name : value")),
    "a space in the name": (400, with_headers("X Name: value")),
    "a folded header": (400, with_headers("X-Name: value", " goes on")),
    "a space before the first header": (400, lines("GET / HTTP/1.1", " Host: localhost")),
    "CR in a header": (400, with_headers("X-Name: a\rb")),
    "ESC in a header": (400, with_headers("X-Name: \x1b[31m")),
    "a Content-Length of letters": (400, with_headers("Content-Length: ten")),
    "a Content-Length below 0": (400, with_headers("content-length: -1")),
    "a Content-Length with a sign": (400, with_headers("Content-Length: +5") + b"12345"),
    "a Content-Length with a space": (400, with_headers("Content-Length: 1 0") + b"1"),
    "an empty Content-Length": (400, with_headers("Content-Length:")),
    "two Content-Lengths": (400, with_headers("Content-Length: 5", "Content-Length: 6") + b"123456"),
    "a Content-Length and chunks": (400, with_headers("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "chunks and a Content-Length": (400, with_headers("Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n"),
    "a Host with a space": (400, lines("GET / HTTP/1.1", "Host: local host")),
    "a Host with a path": (400, lines("GET / HTTP/1.1", "Host: localhost/")),
    "a Host with a user": (400, lines("GET / HTTP/1.1", "Host: me@localhost")),
    "POST without Host": (400, lines("POST / HTTP/1.1")),
    "POST with two lengths": (400, lines("POST / HTTP/1.0", "Content-Length: 1", "Content-Length: 1")),
    "POST with a folded header": (400, lines("POST / HTTP/1.0", "X-Name: value", " goes on")),
    "an unknown method without Host": (400, lines("BREW / HTTP/1.1")),
    "no such file": (404, lines("GET /missing.html HTTP/1.0")),
    "no such folder": (404, lines("GET /missing/ HTTP/1.0")),
    "a file taken for a folder": (404, lines("GET /index.html/ HTTP/1.0")),
    "something in a file": (404, lines("GET /index.html/more HTTP/1.0")),
    "small and capital letters differ": (404, lines("GET /empty.TXT HTTP/1.0")),
    "a name too long for a file": (404, lines("GET /%s HTTP/1.0" % ("x" * 1000))),
    "a path too long for a file": ((404, 414), lines("GET %s HTTP/1.0" % ("/sub" * 1500))),
    "no such file, with high bytes": ((400, 404), lines("GET /\xff\xfe HTTP/1.0")),
    "POST": (405, lines("POST / HTTP/1.0", "Content-Length: 5") + b"a=b&c"),
    "POST without a length": (405, lines("POST / HTTP/1.0")),
    "PUT": (405, lines("PUT /new.html HTTP/1.0", "Content-Length: 5") + b"hello"),
    "PATCH": (405, lines("PATCH / HTTP/1.0")),
    "DELETE": (405, lines("DELETE /index.html HTTP/1.0")),
    "OPTIONS": (405, lines("OPTIONS / HTTP/1.0")),
    "TRACE": (405, lines("TRACE / HTTP/1.0")),
    "CONNECT": (405, lines("CONNECT localhost:80 HTTP/1.1", "Host: localhost:80")),
    "a line of 100,000 bytes": (414, lines("GET /%s HTTP/1.0" % ("x" * 100000))),
    "a line without an end": (414, b"x" * 100000),
    "a query of 100,000 bytes": (414, lines("GET /?%s HTTP/1.0" % ("x" * 100000))),
    "a header of 100,000 bytes": (431, with_headers("X: " + "x" * 100000)),
    "a header without an end": (431, lines("GET / HTTP/1.0")[:-2] + b"x" * 100000),
    "101 headers": (431, with_headers(*["X-%d: x" % number for number in range(100)])),
    "100,000 headers": (431, with_headers(*["X: x"] * 100000)),
    "an unknown method": (501, lines("BREW / HTTP/1.0")),
    "a method in small letters": (501, lines("get / HTTP/1.0")),
    "a method that begins like one": (501, lines("GETS / HTTP/1.0")),
    "a method that begins like POST": (501, lines("POSTS / HTTP/1.0")),
    "the beginning of a method": (501, lines("G / HTTP/1.0")),
    "a method that goes on": (400, lines("POST@/ HTTP/1.0")),
    "HTTP/2.0": (505, lines("GET / HTTP/2.0")),
    "HTTP/0.9": (505, lines("GET / HTTP/0.9")),
    "HTTP/9.9": (505, lines("GET / HTTP/9.9")),
    "HTTP/2.0, and POST": (505, lines("POST / HTTP/2.0")),
    "HTTP/2.0, and an unknown method": (505, lines("PRI * HTTP/2.0", "", "SM")),
}

# What the RFCs ask for beyond the contract: RFC 9110, 4.2 (URLs) and 7.2 (Host), RFC 9112, 3 and 6.3.
REFUSED_BY_STRICT_READERS = {
    "gzip, and POST": lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: gzip"),
    "no target, and POST": lines("POST  HTTP/1.0"),
    "two spaces, and an unknown method": lines("BREW  / HTTP/1.0"),
    "two spaces, and HTTP/2.0": lines("GET  / HTTP/2.0"),
    "a URL with a port and no host": lines("GET http://:80/ HTTP/1.1", "Host: localhost"),
    "a URL with a user": lines("GET http://me@localhost/ HTTP/1.1", "Host: localhost"),
    **{"Host: " + host: lines("GET / HTTP/1.1", "Host: " + host)
       for host in ("a:b", "a:80:80", "[::1", "[::1]x", "[a/b]", '"a"', "<a>", "a\\b", "a b", "a^b", "a\x80")},
    **{"Transfer-Encoding: " + coding: with_headers("Transfer-Encoding: " + coding)
       for coding in ("", "gzip", "chunked, gzip", "xchunked", "identity", "chunked;")},
}

# What one reader takes for one request and another for two. Each must have one answer, or none.
AMBIGUOUS = {
    "a length and chunks": with_headers("Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks": with_headers("Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
    "chunks, spelt oddly": with_headers("Transfer-Encoding:\tx, Chunked") + b"0\r\n\r\n",
    "a request in a body": with_headers("Content-Length: 27") + lines("GET /sub/ HTTP/1.0"),
    "a request behind POST": lines("POST / HTTP/1.1", "Host: a", "Content-Length: 0"),
    "two lengths": with_headers("Content-Length: 0", "Content-Length: 22"),
    "a list of lengths": with_headers("Content-Length: 0, 22"),
    "a length that overflows": with_headers("Content-Length: 18446744073709551616"),
    "a length in a folded line": with_headers("X: y", " Content-Length: 22"),
    "a space before a length's colon": with_headers("Content-Length : 22"),
    "a bare CR for the end of a line": with_headers("X: y\rContent-Length: 22"),
    "an end of the headers without CR": b"GET / HTTP/1.1\nHost: a\n\n",
    "a connection to be kept": with_headers("Connection: keep-alive"),
    "a body to be asked for": with_headers("Expect: 100-continue", "Content-Length: 22"),
    "a change of protocol": with_headers("Connection: Upgrade", "Upgrade: websocket"),
}

# Ways to the files SECRET beside the webroot, and to /etc/passwd. Their form is not always a path's.
OUTSIDE = [
    "/..", "/../", "/../secret.txt", "/../../secret.txt", "/sub/../../secret.txt", "//../secret.txt",
    "/./../secret.txt", "/..//secret.txt", "/sub/deep/../../../secret.txt", "/sub/..", "/../webroot/index.html",
    "/%2e%2e/secret.txt", "/%2E%2E/secret.txt", "/.%2e/secret.txt", "/%2E./secret.txt", "/%2e%2e/",
    "/..%2fsecret.txt", "/..%2Fsecret.txt", "/%2e%2e%2fsecret.txt", "/sub%2f..%2f..%2fsecret.txt",
    "/%2f..%2fsecret.txt", "/%252e%252e/secret.txt", "/..%252fsecret.txt", "/%25252e%25252e/secret.txt",
    "/%%32%65%%32%65/secret.txt", "/..\\secret.txt", "/..%5csecret.txt", "/\\../secret.txt",
    "/%c0%ae%c0%ae/secret.txt", "/..%c0%afsecret.txt", "/%e0%80%ae%e0%80%ae/secret.txt",
    "/%u002e%u002e/secret.txt", "/..%00/secret.txt", "/..;/secret.txt", "/../secret.txt?",
    "/../secret.txt?/index.html", "/index.html/../../secret.txt", "/missing/../../secret.txt",
    "/sub/deep/%2e%2e/%2e%2e/%2e%2e/secret.txt", "../secret.txt", "..", "secret.txt", "",
    "http://localhost/../secret.txt", "http://localhost/%2e%2e/secret.txt", "http://localhost/..%2fsecret.txt",
    "http://../secret.txt", "http:///../secret.txt", "http://localhost/sub/../../secret.txt",
    "http:/../secret.txt", "file:///etc/passwd", "file:///../secret.txt", "//etc/passwd", "///etc/passwd",
    "/%2fetc%2fpasswd", "/etc/passwd", "/" + "../" * 40 + "etc/passwd", "/" + "%2e%2e/" * 40 + "etc/passwd",
    "/" + "..%2f" * 40 + "etc%2fpasswd", "/" + "sub/../" * 1000 + "../secret.txt",
    "/" + "./" * 1000 + "../secret.txt", "/" + "/" * 4000 + "../secret.txt",
]

# Symbolic links out of the webroot: (link, where it leads, a target that would follow it). The
# server's working directory is the one with the SECRET, {outside}.
LINKS_OUTSIDE = [
    ("link", "{outside}/secret.txt", "/link"), ("link", "../secret.txt", "/link"),
    ("sub/link", "../../secret.txt", "/sub/link"), ("no-index/index.html", "../../secret.txt", "/no-index/"),
    ("folder", "{outside}", "/folder/secret.txt"), ("folder", "..", "/folder/secret.txt"),
    ("folder", "..", "/folder/"), ("folder", "..", "/folder"), ("folder", "..", "/folder/webroot-twin/secret.txt"),
    ("twin", "../webroot-twin", "/twin/secret.txt"), ("twin", "../webroot-twin", "/twin/"),
    ("slash", "/", "/slash/etc/passwd"), ("slash", "//", "/slash/{outside}/secret.txt"),
    ("process", "/proc/self/cwd", "/process/secret.txt"), ("process", "/proc/self/root", "/process/etc/passwd"),
]
