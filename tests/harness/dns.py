"""Messages of the DNS, for checks: name servers that answer a program, well or badly. See RFC 1035, section 4."""

import struct

from harness.datagrams import Datagrams

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
TO_NAME = b"\xc0\x0c"  # a pointer to the question's name, which stands behind the header


def encoded(name):
    """A name as a message has it, without pointers."""
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(query):
    """The question of a query: the bytes behind its header, up to the class. Fails if it is cut off."""
    end = 12
    while end < len(query) and query[end]:
        end += 1 + query[end]
    assert end + 5 <= len(query), "there is no whole question in these %d bytes: %s" % (len(query), query.hex(" "))
    return query[12:end + 5]


def record(kind, data, owner=TO_NAME, seconds=300, size=None, internet=1):
    """A record: whose it is (encoded), the type, how long it may be kept, and the data; with a size that may lie."""
    return owner + struct.pack("!HHIH", TYPES.get(kind, kind), internet, seconds, len(data) if size is None else size) + data


def answer(query, *records, code=0, count=None, authority=0, cut=False, asked=None):
    """The answer to a query, with a code, these records, a count of them that may lie, and perhaps cut off (TC). The last
    `authority` records are those of the section behind the answer's."""
    count = len(records) - authority if count is None else count
    header = struct.pack("!HHHHH", 0x8180 | cut << 9 | code, 1, count, authority, 0)
    return query[:2] + header + (asked or question(query)) + b"".join(records)


def run(chapter, reply, *words, limit=5, **options):
    """Run a program that asks a server of ours; reply(query) is its answer, or a list of them."""
    with Datagrams("the name server") as server:
        program = chapter.start("-s", server.address, "-p", str(server.port), *words, **options)
        query, sender = server.receive(what="a question")
        replies = reply(query)
        for data in [replies] if isinstance(replies, bytes) else replies:
            server.send_to(sender, data)
        program.status = program.wait(limit)
    return program
