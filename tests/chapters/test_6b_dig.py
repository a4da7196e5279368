"""6b-dig: asks a name server in the DNS's own words, and prints the records that it answers."""

import contextlib
import os
import random
import re
import socket
import struct
import subprocess
import time

import pytest

from harness import checks, dns, steps
from harness.compare import identical
from harness.datagrams import Datagrams
from harness.dns import TO_NAME, answer, encoded, question, record
from harness.grading import Symptom, graded
from harness.namespaces import own_resolver
from harness.program import how_it_ended, seconds
from harness.talk import receive, serving

CHAPTER = "6b-dig"
HOST = bytes([192, 0, 2, 80])
NAME = "www.example.org"
ASK = "timeout 3 ./dig -s 127.0.0.1 -p 7890 "
LISTENS = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 7890)); "
           "print('listening', flush=True); ")
SHOWS = 'timeout 4 python3 -c "' + LISTENS + "print(s.recv(999)[2:].hex(' '))\""


def by_hand(records, count=1, flags="8180", before=""):
    """The command for a server that answers one question with these records, in hexadecimal digits."""
    return ('timeout 9 python3 -c "%sq, who = s.recvfrom(999); %ss.sendto(q[:2] + bytes.fromhex(\'%s 0001 %04x 00000000\') + q[12:] '
            '+ bytes.fromhex(\'%s\'), who)"' % (LISTENS, before, flags, count, records))


def ended(program, status):
    assert program.status == status, "%s, not exit status %d; stderr:\n%s" % (
        how_it_ended(program.status), status, program.stderr or "(nothing)")


def prints(chapter, records, lines, *words, **options):
    """Of an answer with these records the program prints these lines."""
    program = dns.run(chapter, lambda query: answer(query, *records), *(words or [NAME]), **options)
    identical(program.output, "".join(line + "\n" for line in lines))
    ended(program, 0)


def asks(chapter, *words, address="127.0.0.1"):
    """What the program sends to its server."""
    with Datagrams("the name server", address) as server:
        chapter.start("-s", server.address, "-p", str(server.port), *words)
        return server.receive(what="a question")[0]


@graded(10, "Sends a question to the server that -s and -p name",
        cause=[
            Symptom("dig -s ::1", "SERVER may be an address of IPv6, too: socket() gets its family, and connect() its length.",
                    (SHOWS.replace("AF_INET", "AF_INET6").replace("127.0.0.1", "::1"), ASK.replace("127.0.0.1", "::1") + NAME)),
            "No datagram comes: socket() of kind SOCK_DGRAM, then connect() and send(), or sendto(), to the address of -s and "
            "the port of -p."],
        read="The program", by_hand=(SHOWS, ASK + NAME))
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_sends_a_question(chapter, address):
    if address == "::1":
        checks.needs_ipv6()
    assert len(asks(chapter, NAME, address=address)) >= 12, "it is too short for a header of 12 bytes"


@graded(10, "Asks as RFC 1035 has it: header, name, type and class",
        cause=[
            Symptom("the header is not", "Behind the id, the header is 01 00 (\"ask others, too\") and four counts of 16 bits: 1, 0, 0, 0. The "
                    "high byte comes first."),
            Symptom(r"the name is not|start .*\. NS$", "A name is its labels, each with its length in one byte before it, and a byte of 0 at its "
                    "end. The dots are not sent, nor does a dot at the end make another label.",
                    (SHOWS, ASK + "www.example.org."),),
            Symptom(r"start .* aaaa$", "TYPE may be in small letters, too: strcasecmp() does not mind.", (SHOWS, ASK + NAME + " aaaa")),
            Symptom(r"254 characters\)[\s\S]*has ended: exit status 2", "NAME may have 253 bytes, and a dot at its end besides.",
                    (SHOWS, "x=$(printf '%063d' 0); " + ASK + "$x.$x.$x.${x:2}.")),
            "Behind the name come its type, such as 15 for MX, and the class, 1, each of 16 bits with the high byte first; and no "
            "more."],
        read="The program", by_hand=(SHOWS, ASK + NAME + " MX"))
@pytest.mark.parametrize("name,kind", [
    (NAME, "A"), (NAME, "AAAA"), ("example.org", "MX"), ("example.org.", "NS"), ("80.2.0.192.in-addr.arpa", "PTR"), ("a", "CNAME"),
    ("example.org", "aaaa"), (".".join(["x" * 63] * 3 + ["y" * 61]), "A"), (".".join(["x" * 63] * 3 + ["y" * 61, ""]), "A")])
def test_the_question(chapter, name, kind):
    query = asks(chapter, name, *[kind] * (kind != "A"))
    assert query[2:12] == bytes.fromhex("0100 0001 0000 0000 0000"), "the header is not right: %s" % query[:12].hex(" ")
    assert query[12:].startswith(encoded(name)), "the name is not right: %s, and should be %s" % (
        query[12:].hex(" "), encoded(name).hex(" "))
    identical(query[12 + len(encoded(name)):], struct.pack("!HH", dns.TYPES[kind.upper()], 1))


@graded(5, "Tells of a code other than 0, and exits 1",
        cause=[Symptom("stderr should be", "The code is the low four bits of the header's fourth byte. One line on stderr tells it: "
                       "`dig: NAME: code CODE`."),
               "An answer whose code is not 0 is no success: the exit status is 1."],
        read="Your turn", by_hand=(by_hand("", 0, "8183"), ASK + NAME))
@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 9, 15])
def test_a_code(chapter, code):
    program = dns.run(chapter, lambda query: answer(query, code=code), NAME)
    assert re.match(r"dig: %s: code %d\b.*\n\Z" % (re.escape(NAME), code), program.stderr), (
        "stderr should be one line `dig: %s: code %d ...`, and is:\n%s" % (NAME, code, program.stderr or "(nothing)"))
    ended(program, 1)
    checks.has_nothing_on_stdout(program)


@graded(10, "Prints each record as NAME TTL TYPE DATA",
        cause=[
            Symptom(r"4294967295|\b100000\b", "The TTL is a number of 32 bits without a sign, the high byte first.",
                    (by_hand("c00c 0001 0001 ffffffff 0004 c0000250"), ASK + NAME)),
            Symptom(r"2001:", "The data of AAAA are 16 bytes: inet_ntop() with AF_INET6 makes the text.",
                    (by_hand("c00c 001c 0001 0000012c 0010 20010db8000000000000000000000080"), ASK + NAME + " AAAA")),
            Symptom(r"\? \?", "Of a record of another type or class you know its length: go on behind its data. It is shown "
                    "as `?` for TYPE and for DATA.",
                    (by_hand("c00c 0040 0001 0000012c 0002 0102 c00c 0001 0003 0000012c 0004 c0000250 c00c 0001 0001 0000012c 0004 c0000250", 3),
                     ASK + NAME)),
            Symptom(r"got: +'.*\bNS\b", "Behind the records of the answer come others, of who knows more: only as many are the answer's as "
                    "the first count behind that of the questions says.",
                    (by_hand("c00c 0001 0001 0000012c 0004 c0000250 c010 0002 0001 0000012c 0002 c00c").replace(" 00000000'", " 00010000'"),
                     ASK + NAME)),
            "A line is the name with a dot at its end, the TTL, the type and the data, with one space between them. "
            "The header says how many records there are."],
        read="The program", by_hand=(by_hand("c00c 0001 0001 0000012c 0004 c0000250 c00c 0001 0001 0000012c 0004 c0000251", 2),
                                     ASK + NAME), step=2)
@pytest.mark.parametrize("case", ["one", "two", "a large TTL", "AAAA", "other types", "other sections"])
def test_records(chapter, case):
    whole = record("A", HOST, encoded(NAME))
    line = NAME + ". 300 A 192.0.2.80"
    if case == "one":
        prints(chapter, [whole], [line])
    elif case == "two":
        prints(chapter, [whole, record("A", b"\x7f\0\0\1")], [line, NAME + ". 300 A 127.0.0.1"])
    elif case == "a large TTL":
        prints(chapter, [record("A", HOST, seconds=100000), record("A", HOST, seconds=0xffffffff)],
               [NAME + ". 100000 A 192.0.2.80", NAME + ". 4294967295 A 192.0.2.80"])
    elif case == "AAAA":
        prints(chapter, [record("AAAA", bytes.fromhex("20010db8000000000000000000000080"))], [NAME + ". 300 AAAA 2001:db8::80"],
               NAME, "AAAA")
    elif case == "other sections":
        program = dns.run(chapter, lambda query: answer(query, whole, record("NS", encoded("ns.example.org")), authority=1), NAME)
        identical(program.output, line + "\n")
    else:
        prints(chapter, [record(64, b"\1\2\3"), whole, record("A", HOST, internet=3)], [NAME + ". 300 ? ?", line, NAME + ". 300 ? ?"])


@graded(10, "Reads names with pointers, and names in data",
        cause=[
            Symptom("MX", "The data of MX are a number of 16 bits without a sign, the preference, and a name.",
                    (by_hand("c00c 000f 0001 0000012c 0009 000a 046d61696c c00c c00c 000f 0001 0000012c 0003 ffff 00", 2), ASK + "example.org MX")),
            Symptom(r"(?s)expected: .*(CNAME|NS|PTR) ", "The data of CNAME, NS and PTR are a name, in which there may be a pointer, too; "
                    "and behind a name one goes on where its first pointer ends.",
                    (by_hand("c00c 0005 0001 0000012c 0006 03777777 c010 c00c 0005 0001 0000012c 0006 03777777 c010", 2),
                     ASK + NAME + " CNAME")),
            "A length of 192 or more is the first byte of a pointer: the low 14 bits of two bytes say where in the message the "
            "rest of the name stands."],
        read="The program", by_hand=(
            by_hand("03646e73 c010 0001 0001 0000012c 0004 c0000250 c021 0001 0001 0000012c 0004 c0000251", 2), ASK + NAME), step=2)
@pytest.mark.parametrize("case", ["a label and a pointer", "pointers to pointers", "CNAME", "NS", "PTR", "MX", "255 bytes", "the root"])
def test_pointers(chapter, case):
    to_example = b"\xc0\x10"  # behind "www" of the question
    if case == "a label and a pointer":
        prints(chapter, [record("A", HOST, b"\3dns" + to_example)] * 2, ["dns.example.org. 300 A 192.0.2.80"] * 2)
    elif case == "pointers to pointers":
        first = 12 + len(encoded(NAME)) + 4
        second = first + 6 + 10 + 4
        owners = b"\3dns" + to_example, b"\1a" + struct.pack("!H", 0xc000 | first), struct.pack("!H", 0xc000 | second)
        prints(chapter, [record("A", HOST[:3] + bytes([number]), owner) for number, owner in enumerate(owners)],
               ["%s.example.org. 300 A 192.0.2.%d" % (name, number) for number, name in enumerate(("dns", "a.dns", "a.dns"))])
    elif case == "MX":
        prints(chapter, [record("MX", b"\1\3\4mail" + TO_NAME), record("MX", b"\xff\xff\0")],
               ["example.org. 300 MX 259 mail.example.org.", "example.org. 300 MX 65535 ."], "example.org", "MX")
    elif case == "255 bytes":
        labels = [b"a" * 63] * 3 + [b"b" * 61]
        prints(chapter, [record("A", HOST, b"".join(bytes([len(one)]) + one for one in labels) + b"\0")],
               [b".".join(labels).decode() + ". 300 A 192.0.2.80"])
    elif case == "the root":
        prints(chapter, [record("NS", b"\1a\0", b"\0")], [". 300 NS a."], "org", "NS")
    else:
        prints(chapter, [record(case, b"\3dns" + to_example), record(case, TO_NAME)],
               [NAME + ". 300 %s dns.example.org." % case, NAME + ". 300 %s %s." % (case, NAME)], NAME, case)


@graded(5, "Shows what is no letter, digit, - or _ of a label as \\DDD",
        cause="A name may have any bytes, also those that steer a terminal, and a dot inside a label. Each that is no letter, digit, "
              "- or _ comes out as \\ and three decimal digits; isalnum() takes an unsigned char.",
        read="The program", by_hand=(by_hand("04 1b5b336d 00 0001 0001 0000012c 0004 c0000250"), ASK + NAME + " | cat -v"), step=2)
def test_hostile_names(chapter):
    label = b"\x1b[3m.\\%s \0\xc3\xa4\x7f9Az_-"
    shown = r"\027\0913m\046\092\037s\032\000\195\164\1279Az_-."
    prints(chapter, [record("CNAME", bytes([len(label)]) + label + b"\0")], [NAME + ". 300 CNAME " + shown])


@graded(5, "Names the code, and tells of an answer without records",
        cause=[Symptom(r"NODATA[^\n]*\n *got: +''", "Code 0 and no record: the name is there, but has nothing of this type. That is told as "
                       "`code 0 (NODATA)`, with exit status 1.", (by_hand("", 0), ASK + NAME)),
               Symptom(r"got: +''", "A code is told also where there are records: an alias may lead to a name that there is not.",
                       (by_hand("c00c 0005 0001 0000012c 0005 026e6f c00c", 1, "8183"), ASK + NAME + "; echo exit status $?")),
               "The codes 1 to 5 are FORMERR, SERVFAIL, NXDOMAIN, NOTIMP and REFUSED; the name stands behind the number, in "
               "brackets."],
        read="Your turn", by_hand=(by_hand("", 0, "8185"), ASK + NAME), step=2)
@pytest.mark.parametrize("code,symbol", enumerate(["NODATA", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]))
def test_names_of_codes(chapter, code, symbol):
    alias = [record("CNAME", b"\2no" + TO_NAME)] * (code == 3)  # which leads to a name that there is not
    program = dns.run(chapter, lambda query: answer(query, *alias, code=code), NAME)
    identical(program.stderr, "dig: %s: code %d (%s)\n" % (NAME, code, symbol))
    ended(program, 1)


def owned(owner):
    return [record("A", HOST, owner)]


HERE = 12 + len(encoded(NAME)) + 4  # where the answer's first record stands
NONSENSE = {
    "a pointer to itself": owned(struct.pack("!H", 0xc000 | HERE)),
    "a loop of a label": owned(b"\1a" + struct.pack("!H", 0xc000 | HERE)),
    "two pointers to each other": owned(struct.pack("!HH", 0xc000 | HERE + 2, 0xc000 | HERE)),
    "a pointer forward": [record("A", HOST, struct.pack("!H", 0xc000 | HERE + 16)), record("A", HOST)],
    "a pointer beyond the end": owned(b"\xff\xff"),
    "a label of 64 bytes": owned(b"\x40" + b"a" * 64 + b"\0"),
    "a name of 256 bytes": owned((b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0"),
    "a name without an end": [b"\3www"],
    "a record without data": [TO_NAME + b"\0\1\0\1"],
    "data beyond the end": [record("A", HOST, size=400)],
    "data beyond the end, of another type": [record(64, HOST, size=400)],
    "an address of 3 bytes": [record("A", HOST[:3]), record("A", HOST)],
    "an address of 5 bytes": [record("A", HOST + b"\0"), record("A", HOST)],
    "an IPv6 address of 4 bytes": [record("AAAA", HOST), record("A", HOST)],
    "a name that leaves its record": [record("CNAME", b"\3www\0", size=3)],
    "data behind a name": [record("CNAME", b"\3www\0..")],
    "a preference of one byte": [record("MX", b"\1")],
}


@graded(10, "Reports an answer that makes no sense, whatever it is",
        cause=[
            Symptom("did not end", "A pointer may lead to itself, or two to each other: accept only those that lead further back than "
                    "where the name began, and than the last pointer.",
                    (by_hand("0161 c021 0001 0001 0000012c 0004 c0000250"), ASK + NAME + " | head -c 300")),
            Symptom("more records than there are", "The count of records is what the server says, and may lie: at the end of what has "
                    "come there is no more to read.", (by_hand("c00c 0001 0001 0000012c 0004 c0000250", 0xffff), ASK + NAME + " | head -n 1")),
            Symptom("of a label of", "A label has up to 63 bytes. Lengths from 64 to 191 mean nothing.",
                    (by_hand("40" + "61" * 64 + "00 0001 0001 0000012c 0004 c0000250"), ASK + NAME)),
            Symptom("of a name of", "A name has up to 255 bytes, with the lengths of its labels and the 0 at its end; with pointers, too.",
                    (by_hand("3f" + "61" * 63 + ("3f" + "61" * 63) * 3 + "00 0001 0001 0000012c 0004 c0000250"), ASK + NAME)),
            Symptom("of (a record|data|an|a preference|a name)", "Each length is what a stranger says. Look before you read: data end in the "
                    "message, and are just as long as their type wants it.",
                    (by_hand("c00c 0001 0001 0000012c 0003 c00002 c00c 0001 0001 0000012c 0004 c0000250", 2), ASK + NAME)),
            "Only a pointer back is one: what stands further on was not there yet. Anything else is reported as `dig: answer: Bad "
            "message (EBADMSG)`, with exit status 1."],
        read="The program", by_hand=(
            by_hand("c00c 0005 0001 0000012c 0006 03777777 c041 c00c 0001 0001 0000012c 0003 c00002 c00c 0001 0001 0000012c 0004 c0000250", 3),
            ASK + NAME), step=2)
@pytest.mark.parametrize("case", [*NONSENSE, "more records than there are"])
def test_nonsense(chapter, case):
    records = NONSENSE.get(case, owned(TO_NAME))
    program = dns.run(chapter, lambda query: answer(query, *records, count=None if case in NONSENSE else 65535), NAME)
    assert re.match(r"dig: .+: .+ \(EBADMSG\)\n\Z", program.stderr), "of %s it says on stderr:\n%s" % (case, program.stderr or "(nothing)")
    ended(program, 1)


USAGE = ("for words in '-p 0 a' '-p 80x a' '-s 127.0.0.256 a' '-x a' 'a..b' 'a A surplus' 'a MXX'; do timeout 0.5 ./dig $words; "
         "echo exit status $?; done; timeout 0.5 ./dig ''; timeout 0.5 ./dig")


@graded(5, "Refuses wrong arguments, with a usage line",
        cause=[Symptom(r"did not end|\(E[A-Z]+\)", "It asks all the same. NAME has labels of 1 to 63 bytes, and 253 bytes at most "
                       "without a last dot; a port is a whole number from 1 to 65535; inet_pton() says what is an address.")],
        read="Your turn", by_hand=(USAGE,), needs=[], step=3)
@pytest.mark.parametrize("words", [
    [""], ["."], ["a..b"], [".a"], ["x" * 64], [".".join(["x" * 63] * 3 + ["y" * 62])], ["a", "MXX"], ["a", ""],
    ["a", "A", "surplus"], ["-p", "0", "a"], ["-p", "65536", "a"], ["-p", "80x", "a"], ["-s", "127.0.0.256", "a"], ["-s", "localhost", "a"],
    ["-x", "a"], []])
def test_wrong_usage(chapter, words):
    bad = words[1] if words[:1] in (["-p"], ["-s"]) or words[1:] in (["MXX"], [""]) else words[2] if len(words) > 2 else words[0] if words else ""
    checks.is_usage_error(chapter.run(*words, limit=3), bad)


@graded(10, "Asks again after 1 and 3 seconds, and gives up after 7",
        cause=[
            Symptom("asks again with", "To ask again is to send the same bytes again, over the same socket: an answer to the first is "
                    "still an answer."),
            Symptom("not after", "The waits are 1, 2 and 4 seconds: SO_RCVTIMEO, or poll(), before each."),
            Symptom("did not end", "A datagram that is no answer does not begin the wait anew: each recv() waits for no more than what is left "
                    "of it.", ('timeout 12 python3 -c "' + LISTENS + "import time; q, who = s.recvfrom(999)\nwhile True: s.sendto(b'lie', who); "
                               'time.sleep(0.3)"', "timeout 9 ./dig -s 127.0.0.1 -p 7890 a; echo exit status $?")),
            Symptom("stderr should", "When the last wait is over, that is told as `dig: recv: Connection timed out (ETIMEDOUT)`: errno "
                    "is EAGAIN then."),
            "A datagram gets lost, and so does an answer: after 1 second of silence the question is sent again, then after 2 more; "
            "4 seconds after the third it is over, with exit status 1."],
        read="The program", by_hand=(
            'timeout 12 python3 -c "' + LISTENS + "import time; begin = time.time(); s.settimeout(8); qs = []\nwhile True: "
            "qs.append(s.recv(999)); print(round(time.time() - begin), qs[-1] == qs[0])\"", "timeout 12 ./dig -s 127.0.0.1 -p 7890 a; echo exit status $?"), step=3)
def test_asks_again(chapter):
    with Datagrams("the name server") as server:
        program = chapter.start("-s", server.address, "-p", str(server.port), NAME)
        first, sender = server.receive(what="a question")
        begin = time.monotonic()
        for when in 1, 3:
            again = server.receive(4, what="the same question once more")
            took = time.monotonic() - begin
            assert when - 0.2 < took < when + seconds(0.8), "it asks again not after %d s, but after %.1f s" % (when, took)
            assert again == (first, sender), "it asks again with another question, or over another socket"
        lie = LIES["another id"](first)
        steps.step("the name server sends datagrams with another id, one after the other: %s" % steps.show(lie))
        while program.is_running() and time.monotonic() - begin < 7.5 + seconds(1):
            with contextlib.suppress(ConnectionError):
                server.sendto(lie, sender)
            time.sleep(0.3)
        program.status = program.wait(1)
        took = time.monotonic() - begin
    checks.is_failure(chapter, program, "ETIMEDOUT")
    assert 6.5 < took < 7.5 + seconds(1), "it gives up not after 7 s, but after %.1f s" % took


FORGED = record("A", bytes([192, 0, 2, 66]))
LIES = {
    "another id": lambda query: bytes([query[0] ^ 1]) + answer(query, FORGED)[1:],
    "a question": lambda query: query[:2] + b"\1" + answer(query, FORGED)[3:],
    "another name": lambda query: answer(query, FORGED, asked=question(query).replace(b"example", b"exbmple")),
    "another type": lambda query: answer(query, FORGED, asked=question(query)[:-4] + b"\0\x1c\0\1"),
    "no question": lambda query: query[:2] + b"\x81\x80" + struct.pack("!HHHH", 0, 1, 0, 0) + FORGED,
    "a count of no questions": lambda query: query[:2] + b"\x81\x80" + struct.pack("!HHHH", 0, 1, 0, 0) + question(query) + FORGED,
    "two questions": lambda query: query[:2] + b"\x81\x80" + struct.pack("!HHHH", 2, 1, 0, 0) + question(query) * 2 + FORGED,
    "a piece": lambda query: answer(query)[:20],
    "three bytes": lambda query: query[:2] + b"\x81",
    "nothing": lambda query: b"",
}


@graded(10, "Passes over what does not answer its question",
        cause=[
            Symptom("the same id", "The id is to be one that nobody guesses, another each time: getentropy(), or two bytes of "
                    "/dev/urandom.", ('timeout 6 python3 -c "' + LISTENS + "s.settimeout(3); print([s.recv(999)[:2] for i in range(3)][0] == s.recv(999)[:2])\"",
                                      "for i in 1 2 3 4; do timeout 0.3 ./dig -s 127.0.0.1 -p 7890 a; done")),
            Symptom("ids go up", "Somebody who has seen one id can guess the next: neither getpid() nor a counter, but getentropy(), or two "
                    "bytes of /dev/urandom.", ('timeout 6 python3 -c "' + LISTENS + "n = [int.from_bytes(s.recv(999)[:2], 'big') for i in range(4)]; "
                    "print('far' if max(n) - min(n) > 1000 else 'near')\"", "for i in 1 2 3 4; do timeout 0.6 ./dig -s 127.0.0.1 -p 7890 a; done")),
            Symptom("a stranger", "Anybody may send to your port: connect() has the kernel take datagrams from the server alone, or compare "
                    "what recvfrom() says.",
                    (by_hand("c00c 0001 0001 0000012c 0004 c0000250", before="t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); t.sendto(q[:2] + "
                             "bytes.fromhex('8180 0001 0001 00000000') + q[12:] + bytes.fromhex('c00c 0001 0001 0000012c 0004 c0000242'), who); "), ASK + NAME)),
            "An answer has the id of the question, the bit that says \"answer\" (the highest of byte 2), one question, and that "
            "is the same. Whatever else comes: wait on."],
        read="The program", by_hand=(
            by_hand("c00c 0001 0001 0000012c 0004 c0000250", before="lie = bytes.fromhex('8180 0001 0001 00000000'), bytes.fromhex('c00c 0001 "
                    "0001 0000012c 0004 c0000242'); s.sendto(bytes([q[0] ^ 1]) + q[1:2] + lie[0] + q[12:] + lie[1], who); s.sendto(q, who); "
                    "s.sendto(q[:2] + bytes.fromhex('8180 0000 0001 00000000') + q[12:] + lie[1], who); "
                    "s.sendto(q[:2] + lie[0] + q[12:].replace(b'x', b'y') + lie[1], who); "), ASK + NAME), step=3)
@pytest.mark.parametrize("lie", [*LIES, "a stranger", "ids"])
def test_lies(chapter, lie):
    if lie == "ids":
        ids = [asks(chapter, NAME)[:2] for _ in range(5)]
        assert len(set(ids)) > 2, "five questions, and most have the same id"
        near = [abs(int.from_bytes(one, order) - int.from_bytes(other, order)) for order in ("big", "little")
                for one, other in zip(ids, ids[1:])]
        assert max(near[:4]) > 1000 and max(near[4:]) > 1000, (
            "five questions, and their ids go up by little: %s" % ", ".join(one.hex(" ") for one in ids))
        return
    with Datagrams("a stranger") as stranger:
        def reply(query):
            if lie == "a stranger":
                stranger.send_to(asking[-1], answer(query, FORGED))
                return [answer(query, record("A", HOST))]
            return [LIES[lie](query), answer(query, record("A", HOST))]
        asking = []
        with Datagrams("the name server") as server:
            program = chapter.start("-s", server.address, "-p", str(server.port), NAME)
            query, sender = server.receive(what="a question")
            asking.append(sender)
            for data in reply(query):
                server.send_to(sender, data)
            program.status = program.wait(6)
    identical(program.output, NAME + ". 300 A 192.0.2.80\n")


@contextlib.contextmanager
def server_of_both(talk):
    """A name server that has one port for UDP and for TCP, where talk(connection) answers."""
    with contextlib.ExitStack() as stack:
        while True:
            server = Datagrams("the name server")
            try:
                listener = stack.enter_context(serving(talk, port=server.port, limit=15, at_least=0))
                break
            except OSError:
                server.close()
        yield stack.enter_context(server), lambda: listener.connections


def by_tcp(chapter, talk, limit=5):
    """Run the program, whose question's answer is cut off; then talk(connection, question) answers by TCP."""
    asked = []

    def answers(connection):
        size = struct.unpack("!H", receive(connection, 2))[0]
        again = receive(connection, size)
        assert again[2:] == asked[0][2:], "by TCP it asks something else: %s" % again.hex(" ")
        with contextlib.suppress(OSError):
            talk(connection, again)

    with server_of_both(answers) as (server, connections):
        program = chapter.start("-s", server.address, "-p", str(server.port), NAME)
        query, sender = server.receive(what="a question")
        asked.append(query)
        server.send_to(sender, answer(query, FORGED, cut=True))
        program.status = program.wait(limit)
        assert connections(), "it does not connect by TCP"
    return program


def by_tcp_in_vain(chapter):
    """Run the program, whose question's answer is cut off, and whose connection is not answered."""
    with contextlib.ExitStack() as stack:
        while True:
            server = Datagrams("the name server")
            try:
                stack.enter_context(socket.create_server((server.address, server.port), backlog=0))
                break
            except OSError:
                server.close()
        for _ in range(2):  # the second fills what room the queue may have left
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex((server.address, server.port))
        program = chapter.start("-s", stack.enter_context(server).address, "-p", str(server.port), NAME)
        query, sender = server.receive(what="a question")
        server.send_to(sender, answer(query, FORGED, cut=True))
        program.status = program.wait(12)
    return program


def in_pieces(connection, data):
    """Send the first bytes one by one, and the rest at once."""
    for place in range(30):
        connection.sendall(data[place:place + 1])
        time.sleep(0.002)  # so that each is a segment of its own
    connection.sendall(data[30:])


def drip(connection, over=15):
    """A byte now and then, of 65535, for longer than anybody is to wait."""
    end = time.monotonic() + seconds(over)
    while time.monotonic() < end:
        connection.sendall(b"\xff")
        time.sleep(0.2)


BOTH = ('timeout 9 python3 -c "' + LISTENS + "t = socket.create_server(('127.0.0.1', 7890)); q, who = s.recvfrom(999); "
        "s.sendto(q[:2] + bytes.fromhex('8380 0001 000000000000') + q[12:], who); c = t.accept()[0]; q = c.recv(999); "
        "a = q[2:4] + bytes.fromhex('8180 0001 0001 00000000') + q[14:] + bytes.fromhex('c00c 0001 0001 0000012c 0004 c0000250'); %s\"")


NO_TCP = ('timeout 15 python3 -c "' + LISTENS + "t = socket.create_server(('127.0.0.1', 7890), backlog=0); "
          "o = socket.create_connection(('127.0.0.1', 7890)); q, who = s.recvfrom(999); "
          "s.sendto(q[:2] + bytes.fromhex('8380 0001 000000000000') + q[12:], who); import time; time.sleep(14)\"")


@graded(5, "Asks by TCP when the answer was cut off (TC)",
        cause=[
            Symptom("it asks something else|ended its side after", "By TCP the length stands before the question, two bytes, the high one first; it is the same "
                    "question."),
            Symptom("got: +401", "What the datagram had does not count, where TC is set: print what comes by TCP, and no more.",
                    (BOTH.replace("8380 0001 000000000000') + q[12:]", "8380 0001 000100000000') + q[12:] + bytes.fromhex('c00c 0001 0001 0000012c 0004 c0000242')")
                     % "c.sendall(bytes([0, len(a)]) + a)", ASK + NAME)),
            Symptom("expected: +(400|'www)", "TCP has no messages: recv() may bring one byte. Go on until all that the length says has come.",
                    (BOTH % "import time; c.sendall(bytes([0])); time.sleep(0.2); c.sendall(bytes([len(a)]) + a[:30]); time.sleep(0.2); c.sendall(a[30:])",
                     ASK + NAME)),
            Symptom(r"(?s)is silent by TCP.*did not end", "connect() itself waits for minutes where nothing answers: SO_SNDTIMEO, set "
                    "before it, bounds it, or O_NONBLOCK and poll(). Ten seconds are enough.", (NO_TCP, "timeout 12 ./dig -s 127.0.0.1 "
                    "-p 7890 a; echo exit status $?")),
            Symptom("did not end", "One byte may come now and then: give up within ten seconds in all, with exit status 1.",
                    (BOTH.replace("timeout 9", "timeout 14") % "import time; [(time.sleep(0.5), c.send(bytes([255]))) for _ in range(26)]" + " 2> /dev/null",
                     "timeout 12 ./dig -s 127.0.0.1 -p 7890 a; echo exit status $?")),
            Symptom("to another question", "By TCP, too, an answer has the id of the question, and the same question.",
                    (BOTH % "c.sendall(bytes([0, len(a)]) + bytes([a[0] ^ 1]) + a[1:]); c.close()", ASK + NAME)),
            Symptom("comes by TCP, and ends too early|comes by TCP in ten seconds", "The end may come before all of the answer: report that, with "
                    "exit status 1.", (BOTH % "c.sendall(bytes([0, 200]) + a); c.close()", ASK + NAME)),
            "The bit TC (2 in byte 2 of the header) says that the answer did not fit into a datagram: connect() by TCP, "
            "to the same port, and ask again; what the datagram had does not count."],
        read="The program", by_hand=(BOTH % "c.sendall(bytes([0, len(a)]) + a)", ASK + NAME), step=3)
@pytest.mark.parametrize("case", ["at once", "in pieces", "too early", "ten seconds", "another id", "silent"])
def test_tcp(chapter, case):
    records = [record("A", bytes([192, 0, 2, number % 256])) for number in range(400)]
    if case == "silent":
        steps.step("the name server is silent by TCP")
        checks.is_failure(chapter, by_tcp_in_vain(chapter), r"\w+")
        return
    steps.step("the answer comes by TCP%s" % {"in pieces": " in pieces", "too early": ", and ends too early", "at once": "",
                                              "ten seconds": " in ten seconds and more", "another id": ", to another question"}[case])

    def talk(connection, query):
        data = answer(query, *records)
        data = struct.pack("!H", len(data)) + data
        {"at once": lambda: connection.sendall(data), "in pieces": lambda: in_pieces(connection, data),
         "too early": lambda: connection.sendall(data[:-1]), "ten seconds": lambda: drip(connection),
         "another id": lambda: connection.sendall(data[:2] + bytes([data[2] ^ 1]) + data[3:])}[case]()

    program = by_tcp(chapter, talk, 12)
    if case in ("too early", "ten seconds", "another id"):
        checks.is_failure(chapter, program, r"\w+")
    else:
        identical(program.output.count("\n"), 400)
        identical(program.output.splitlines()[399], NAME + ". 300 A 192.0.2.143")
        ended(program, 0)


@graded(5, "Asks the first name server of /etc/resolv.conf",
        cause="Without -s the server is the address behind the first word `nameserver` that begins a line of "
              "/etc/resolv.conf; if there is none, 127.0.0.1.",
        read="Your turn", by_hand=(
            SHOWS.replace("127.0.0.1", "127.0.0.2"),
            "printf 'search example.org\\n# nameserver 127.0.0.3\\nnameserver 127.0.0.2\\nnameserver 127.0.0.1\\n' > resolver; "
            "unshare -rm sh -c 'mount --bind resolver /etc/resolv.conf; timeout 3 ./dig -p 7890 a'; rm resolver"), step=3)
@pytest.mark.parametrize("address,lines", [
    ("127.0.0.2", "search example.org\n# nameserver 127.0.0.3\noptions edns0\nnameserver\t127.0.0.2\nnameserver 127.0.0.3\n"),
    ("127.0.0.1", "search example.org\n")], ids=["the first", "none"])
def test_resolv_conf(chapter, tmp_path, address, lines):
    with Datagrams("the name server", address) as server:
        program = chapter.start("-p", str(server.port), NAME, under=own_resolver(tmp_path, lines))
        query, sender = server.receive(what="a question")
        server.send_to(sender, answer(query, record("A", HOST)))
        program.status = program.wait()
    identical(program.output, NAME + ". 300 A 192.0.2.80\n")


# ---- With what people use

ZONE = ["--host-record=www.example.org,192.0.2.80,2001:db8::80", "--cname=web.example.org,www.example.org",
        "--mx-host=example.org,mail.example.org,10", "--mx-host=example.org,backup.example.org,20",
        "--ptr-record=80.2.0.192.in-addr.arpa,www.example.org", "--txt-record=example.org,hello", "--local=/example.org/",
        *("--host-record=many.example.org,192.0.2.%d" % number for number in range(100))]


def free_port():
    """A port that nobody has, neither by UDP nor, as a client whose connection is over, by TCP."""
    while True:
        with Datagrams("a free port") as taken, socket.socket() as by_tcp, contextlib.suppress(OSError):
            by_tcp.bind(("127.0.0.1", taken.port))
            return taken.port


@pytest.fixture
def dnsmasq(chapter, tool, tmp_path):
    """The port of a dnsmasq that knows the ZONE."""
    path, port = tool("dnsmasq"), free_port()
    user = subprocess.run(["id", "-un"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    program = chapter.start_other([path, "-k", "--conf-file=/dev/null", "-p", str(port), "-a", "127.0.0.1", "-z", "-R", "-h", "-u", user,
                                   "-x", str(tmp_path / "pid"), "--log-facility=-", "--max-ttl=0", *ZONE])
    program.wait_for_error("cleared cache|started", 10)
    return port


QUESTIONS = ["www.example.org", "www.example.org AAAA", "web.example.org", "WEB.Example.org AAAA", "example.org MX",
             "80.2.0.192.in-addr.arpa PTR", "many.example.org"]


def lines_of(output):
    return sorted(re.sub(r"[ \t]+", " ", line) for line in output.splitlines() if line and not line.startswith(";"))


@pytest.mark.parametrize("words", QUESTIONS)
def test_as_dig_prints_it(chapter, dnsmasq, tool, words):
    theirs = subprocess.run([tool("dig"), "@127.0.0.1", "-p", str(dnsmasq), "+noall", "+answer", "+noclass", "+noedns", *words.split()],
                            stdout=subprocess.PIPE, text=True, check=True, timeout=20)
    ours = chapter.run("-s", "127.0.0.1", "-p", str(dnsmasq), *words.split())
    assert lines_of(ours.output) == lines_of(theirs.stdout) and ours.output
    assert (ours.status, ours.stderr) == (0, "")


@pytest.mark.parametrize("words,symbol", [("no.example.org", "NXDOMAIN"), ("www.example.org MX", "NODATA"), ("example.net", "REFUSED")])
def test_what_dnsmasq_does_not_have(chapter, dnsmasq, words, symbol):
    program = chapter.run("-s", "127.0.0.1", "-p", str(dnsmasq), *words.split())
    assert program.status == 1 and program.stderr.endswith("(%s)\n" % symbol)


# ---- And with whom nobody wants

def mutated(chance, data):
    """A message with some bytes changed, cut off, or repeated; what makes it an answer to the question stays."""
    data, first = bytearray(data), 12 + len(encoded(NAME)) + 4
    for _ in range(chance.randrange(1, 8)):
        place = chance.choice([6, 7, *[chance.randrange(first, len(data))] * 6])
        data[place] = chance.choice([0, 1, 12, 63, 64, 192, 255, chance.randrange(256)])
    if chance.random() < 0.2:
        del data[chance.randrange(first, len(data)):]
    if chance.random() < 0.1:
        data += chance.randbytes(chance.randrange(300))
    return bytes(data)


def test_answers_changed_at_random(chapter):
    """Whatever a server says, the program ends soon, and by itself, and prints nothing but ASCII."""
    chance = random.Random(os.environ.get("LAB_SEED", "6b"))
    records = [record("CNAME", b"\3dns\xc0\x10"), record("A", HOST, b"\1a\xc0\x2d"), record("MX", b"\0\1\1b\xc0\x10"),
               record("AAAA", bytes(16)), record("NS", TO_NAME), record(64, b"\1\2\3"), record("PTR", b"\3\xff\0\x1b\0")]
    for _ in range(300):
        chance.shuffle(records)
        program = dns.run(chapter, lambda query: mutated(chance, answer(query, *records)), NAME)
        assert program.status in (0, 1), how_it_ended(program.status)
        assert re.fullmatch(r"[ -~\n]*", program.output) and len(program.output) < 20000
        assert (program.stderr == "") == (program.status == 0)


def test_an_answer_that_grows(chapter):
    """64 KiB of records of long names with pointers come out as megabytes, in bounded time."""
    long = (b"\x3f" + b"\xff" * 63) * 3 + b"\x3d" + b"\xff" * 61 + b"\0"

    def talk(connection, query):
        first = record("A", HOST, long)
        pointer = struct.pack("!H", 0xc000 | 12 + len(encoded(NAME)) + 4)
        data = answer(query, first, *[record("CNAME", pointer, pointer)] * 4500)
        connection.sendall(struct.pack("!H", len(data)) + data)

    program = by_tcp(chapter, talk, 20)
    assert program.status == 0 and program.output.count("\n") == 4501


def test_a_server_that_sends_only_lies(chapter):
    """They come without an end, and do not make the program wait longer."""
    with Datagrams("the name server") as server:
        program = chapter.start("-s", server.address, "-p", str(server.port), NAME)
        query, sender = server.receive(what="a question")
        end = time.monotonic() + seconds(9)
        while program.is_running() and time.monotonic() < end:
            for lie in LIES.values():
                with contextlib.suppress(ConnectionError):
                    server.sendto(lie(query), sender)
            time.sleep(0.01)
        program.status = program.wait(1)
    checks.is_failure(chapter, program, "ETIMEDOUT")


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", b"\0\5hello", b"\xff\xff" + b"x" * 65535, b"\0\x30" + b"\0" * 400000],
                         ids=["nothing", "one byte", "no message", "five bytes", "65535 bytes", "more than it says"])
def test_nonsense_by_tcp(chapter, data):
    program = by_tcp(chapter, lambda connection, query: connection.sendall(data), 12)
    checks.is_failure(chapter, program, r"\w+")


def test_output_that_cannot_be_written(chapter):
    program = dns.run(chapter, lambda query: answer(query, record("A", HOST)), NAME, under=["sh", "-c", 'exec "$0" "$@" > /dev/full'])
    checks.is_failure(chapter, program, "ENOSPC")
