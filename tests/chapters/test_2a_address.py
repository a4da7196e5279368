"""2a-address: one address, its many spellings, its bytes, and the network that it lies in."""

import ipaddress
import os
import random
import re
import socket
import subprocess
import sys

import pytest

from harness import checks
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.program import how_it_ended

CHAPTER = "2a-address"
ROWS = ["address", "bytes", "number", "in memory", "kind", "read by", "mask", "first", "last", "count"]
BOTH, ATON, PTON = "inet_pton and inet_aton", "inet_aton only", "inet_pton only"
NO_ROW = Symptom("there is no row", "A row is missing: each is a name and a value, `printf(\"%-12s%s\\n\", name, "
                 "value)`.")


def blocks(chapter, *arguments):
    """What the program prints for its arguments: for each one a dictionary from a row's name to its value, however they
    are spaced: what looks at that is a check of its own."""
    program = chapter.run(*arguments)
    assert program.status == 0, "it did not print the address, but ended with %s; stderr:\n%s" % (
        how_it_ended(program.status), program.stderr or "(nothing)")
    found = []
    for name, value in re.findall(r"^[ \t]*(%s)[ \t]*:?[ \t]+(.*?)[ \t]*$" % "|".join(ROWS), program.output,
                                  re.M | re.I):
        if name.lower() == "address" or not found:
            found.append({})
        found[-1][name.lower()] = value
    assert len(found) == len(arguments), "there should be one row `address` for each TEXT, which is %d, and there are %d; stdout:\n%s" % (
        len(arguments), len(found), program.output or "(nothing)")
    return found


def says(chapter, text, **values):
    """For this text the rows have these values; `_` in a row's name stands for a space."""
    rows = blocks(chapter, text)[0]
    for name, value in values.items():
        name = name.replace("_", " ")
        assert name in rows, "there is no row %s for %s" % (name, text)
        if rows[name] != value:
            raise AssertionError("the row %s of %s is wrong\nexpected: %r\ngot:      %r" % (name, text, value,
                                                                                            rows[name]))


def spaced(data):
    """Bytes as the program prints them."""
    return " ".join("%02x" % byte for byte in data)


@graded(5, "Takes an address, and prints it",
        cause=[
            Symptom("did not print the address", "127.0.0.1 is an address: inet_pton(AF_INET, text, bytes) returns 1 "
                    "for it. Then main() returns 0."),
            "There is no row `address` yet, or it has not what inet_ntop() makes of the bytes."],
        read="The program",
        by_hand=("./address 127.0.0.1 | grep address; echo exit status ${PIPESTATUS[0]}",))
def test_takes_an_address(chapter):
    says(chapter, "127.0.0.1", address="127.0.0.1")


@graded(10, "Prints the bytes of an IPv4 address in network order",
        cause=[
            NO_ROW,
            Symptom("(?i)expected: '(..) (..) (..) (..)'\ngot: +'\\4 \\3 \\2 \\1'", "The bytes are in the order in "
                    "which this machine keeps numbers: what inet_pton() has written is in network order already."),
            Symptom("expected: '.*[89a-f]. .*'\ngot: .*ffffff", "A byte above 7f is taken for a negative number, and "
                    "printed as one: use unsigned char."),
            Symptom("got: +'[^']*\\b[0-9a-f]( |')", "Each byte has two hexadecimal digits: %02x."),
            Symptom("expected: '(.+)'\ngot: +'(?i:\\1)'", "The digits a to f are small: %02x, and not %02X."),
            "inet_pton(AF_INET, text, bytes) writes four bytes: print these, in their order."],
        read="The program",
        by_hand=("./address 127.0.0.1 | grep bytes; ./address 192.168.10.200 | grep bytes",))
@pytest.mark.parametrize("text", ["127.0.0.1", "192.168.10.200", "0.0.0.0", "255.254.253.252"])
def test_bytes(chapter, text):
    says(chapter, text, bytes=spaced(socket.inet_aton(text)))


@graded(10, "Prints the number, and how it lies in this host's memory",
        cause=[
            NO_ROW,
            Symptom("number of .*\nexpected: '4.*\ngot: +'-", "The number has no sign: uint32_t, and %u or %lu."),
            Symptom("row number", "ntohl() makes the number of the four bytes; %d of something smaller, or without "
                    "it, is another one."),
            "This row has the bytes of the number as they lie in memory, after ntohl(): on most machines the low one "
            "first."],
        read="The program",
        by_hand=("for text in 127.0.0.1 255.254.253.252; do ./address $text | grep -e number -e memory; done",))
@pytest.mark.parametrize("text", ["127.0.0.1", "10.1.2.3", "255.254.253.252"])
def test_number(chapter, text):
    number = int(ipaddress.ip_address(text))
    says(chapter, text, number=str(number), in_memory=spaced(number.to_bytes(4, sys.byteorder)))


@graded(10, "Reads IPv6, too, and prints it in its usual text",
        cause=[
            Symptom("did not print the address", "IPv6 is another family, and needs a second inet_pton(), with "
                    "AF_INET6 and room for 16 bytes.",
                    ("./address ::1 | grep address; echo exit status ${PIPESTATUS[0]}",)),
            Symptom("row address", "inet_ntop() makes the usual text of the bytes: small letters, no leading zeros, "
                    "and the longest row of zeros as ::."),
            "An IPv6 address has 16 bytes, all of them in one row; number and in memory are for IPv4 only."],
        read="The program", by_hand=("./address ::1 2001:DB8:0:0:0:0:0:1 | grep -v -e kind -e read.by",))
@pytest.mark.parametrize("text,usual", [("::1", "::1"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("::", "::"),
                                        ("fe80:0000::00ab:0:0:9", "fe80::ab:0:0:9"),
                                        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8")])
def test_ipv6(chapter, text, usual):
    says(chapter, text, address=usual, bytes=spaced(socket.inet_pton(socket.AF_INET6, text)))
    rows = blocks(chapter, text)[0]
    assert "number" not in rows and "in memory" not in rows, "an IPv6 address has a row of IPv4's: %s" % ", ".join(rows)


@graded(5, "Prints the rows in their order, names padded to 12 columns, and nothing else",
        cause=[
            Symptom("stderr should be empty", "Something is printed on stderr though nothing has failed."),
            Symptom("one empty line", "Between two addresses there is one empty line, and none elsewhere."),
            "Each row is a name padded to 12 columns, and the value: printf(\"%-12s%s\\n\", name, value). Nothing "
            "else is printed."],
        read="Your turn", by_hand=("./address 127.0.0.1 ::1 | grep -v -e kind -e read.by | cat -A",))
@pytest.mark.parametrize("texts", [["127.0.0.1"], ["::1"], ["10.0.0.1", "::1", "127.0.0.1"]], ids=" ".join)
def test_prints_the_rows_in_order(chapter, texts):
    program = chapter.run(*texts)
    parts = program.output.split("\n\n")
    assert len(parts) == len(texts), "between two addresses there should be one empty line; stdout:\n" + program.output
    for row, part in zip(blocks(chapter, *texts), parts):
        identical(part.splitlines(), ["%-12s%s" % (name, row[name]) for name in ROWS if name in row])
    assert program.output.endswith("\n"), "the last line has no end, \\n"
    assert program.stderr == "", "stderr should be empty, and has:\n" + program.stderr


WRONG = ["127.0.0.256", "127.0.0.1x", "1.2.3.4.5", "1..2", "", "localhost", "::1::", "12345::", "fe80::1%lo",
         "08.0.0.1", "127.0.0.1 x", "127.0.0.1\tx", "127.0.0.1\n", "-1"]


@graded(10, "Refuses what is no address, with a usage line, and prints nothing on stdout",
        cause=[
            Symptom("it prints on stdout", "Read all the arguments before you print the first: nothing is to be on "
                    "stdout then.",
                    ("./address 127.0.0.1 nonsense 2> /dev/null",)),
            Symptom(r"start \./address '127.0.0.1 x'(.|\n)*not exit status 2", "glibc's inet_aton() takes anything "
                    "behind a space: look at the letters first.", ("./address '127.0.0.1 x'; echo exit status $?",)),
            Symptom(r"start \./address '127.0.0.1(\t|\n)(.|\n)*not exit status 2", "A space is not the "
                    "only one: a tab or a line's end will do for glibc's inet_aton(), too. Look for what "
                    "may be there, not for what may not.",
                    ("for text in $'127.0.0.1\\tx' $'127.0.0.1\\n'; do ./address \"$text\"; echo exit "
                     "status $?; done",)),
            Symptom("exit status 1", "Wrong usage is exit status 2; 1 is for a call that failed."),
            Symptom("no line usage", "A line that begins with `usage: ` belongs on stderr: fprintf(stderr, ...)."),
            Symptom("does not repeat", "The message is to repeat the argument that is wrong."),
            Symptom(r"start \./address\n", "An argument is missing: look at argc.",
                    ("./address; echo exit status $?",)),
            "inet_pton() returns 1 for an address, and 0 for what is none: look at it."],
        read="Your turn", by_hand=("for text in 127.0.0.256 localhost ''; do ./address \"$text\"; echo exit status "
                                   "$?; done",), needs=[])
@pytest.mark.parametrize("arguments", [[], ["127.0.0.1", "nonsense"], *([text] for text in WRONG)],
                         ids=lambda words: " ".join(words) or "nothing")
def test_wrong_text(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), re.split("[\t\n]", arguments[-1])[0] if arguments else "")


@graded(5, "Fails if its output cannot be written",
        cause="printf() only fills a buffer: fflush(stdout), at the end, tells whether it was written.",
        read="What can go wrong", by_hand=("./address 127.0.0.1 > /dev/full; echo exit status $?",))
@pytest.mark.parametrize("how", [checks.full_disk, checks.closed_stdout], ids=lambda how: how.__name__)
def test_output_that_never_came_out(chapter, how):
    how(chapter, "127.0.0.1")


KINDS = {
    "unspecified": "0.0.0.0", "loopback": "127.0.0.1 127.255.255.255",
    "private": "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.1 192.168.255.255",
    "link-local": "169.254.0.1 169.254.255.255", "shared": "100.64.0.0 100.127.255.255",
    "documentation": "192.0.2.1 198.51.100.7 203.0.113.255", "multicast": "224.0.0.1 239.255.255.255",
    "broadcast": "255.255.255.255", "special": "0.0.0.1 192.0.0.1 198.18.0.1 198.19.255.255 240.0.0.1 255.255.255.254",
    "public": "1.0.0.0 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.1.1 "
              "172.15.255.255 172.32.0.0 192.0.1.1 192.167.1.1 192.169.0.1 198.17.1.1 198.20.0.0 203.0.112.1 "
              "223.255.255.255"}
KINDS_OF_IPV6 = {
    "unspecified": "::", "loopback": "::1", "mapped": "::ffff:127.0.0.1 ::ffff:808:808",
    "link-local": "fe80::1 febf::1", "private": "fc00::1 fdff::1", "multicast": "ff02::1 ffff::1",
    "documentation": "2001:db8::1 2001:db8:ffff::1 3fff:fff::1", "special": "2001:1ff::1 64:ff9b::1 4000::1 fec0::1 ::2",
    "public": "2001:200::1 2000::1 2600::1 3fff:1000::1 2001:db9::1"}


def of_each_kind(kinds):
    return [pytest.param(kind, texts.split(), id=kind) for kind, texts in kinds.items()]


@graded(10, "Says what kind an IPv4 address is",
        cause=[
            NO_ROW,
            Symptom(r"kind of (172\.(15|31|32)|100\.(63|127|128)|198\.(17|19|20))\.|"
                    r"kind of 198\.51\..*\n.*\ngot: +'special'",
                    "A network need not end where a byte does: 172.16.0.0/12 is "
                    "172.16.0.0 to 172.31.255.255. Compare bits: address & mask, with the first address.",
                    ("./address 172.16.0.1 172.31.0.1 172.32.0.1 100.64.0.1 100.128.0.1 | grep kind",)),
            Symptom("kind of (0\\.0\\.0\\.0|255\\.255\\.255\\.255) ", "A single address comes before the network that "
                    "it lies in: 0.0.0.0 before 0.0.0.0/8.", ("./address 0.0.0.0 255.255.255.255 | grep kind",)),
            "The table of the contract has a row for it: the first network that an address lies in tells its "
            "kind."],
        read="The program",
        by_hand=("./address 10.0.0.1 172.16.0.1 192.168.0.1 100.64.0.1 127.0.0.1 169.254.0.1 192.0.2.1 "
                 "198.51.100.1 203.0.113.1 224.0.0.1 192.0.0.1 198.18.0.1 240.0.0.1 8.8.8.8 | grep kind | "
                 "uniq",),
        step=2)
@pytest.mark.parametrize("kind,texts", of_each_kind(KINDS))
def test_kind(chapter, kind, texts):
    for text in texts:
        says(chapter, text, kind=kind)


@graded(5, "Says what kind an IPv6 address is",
        cause=[
            Symptom("kind of 2001:(db8|1ff|200|db9):", "2001::/23 and 2001:db8::/32 lie in 2000::/3: the smaller "
                    "network comes first.",
                    ("./address 2001:db8::1 2001:1ff::1 2001:200::1 | grep kind",)),
            "The table of the contract: 16 bytes are compared with fe80::/10 as four are with 10.0.0.0/8."],
        read="The program", by_hand=("./address :: ::1 fe80::1 febf::1 fd00::1 ff02::1 ::ffff:1.2.3.4 2600::1 4000::1 "
                                     "| grep kind",),
        needs=["test_ipv6"], step=2)
@pytest.mark.parametrize("kind,texts", of_each_kind(KINDS_OF_IPV6))
def test_kind_of_ipv6(chapter, kind, texts):
    for text in texts:
        says(chapter, text, kind=kind)


@graded(10, "Takes what inet_aton() takes, and says which function takes a text",
        cause=[
            NO_ROW,
            Symptom(r"start \./address (0xffffffff|0377\.0xff\.65535)\n(.|\n)*did not print",
                    "255.255.255.255 is an address. inet_addr() returns the same number where it fails; "
                    "inet_aton() has a result apart.",
                    ("./address 0xffffffff; echo exit status $?",)),
            Symptom("did not print the address", "inet_aton() takes what inet_pton() refuses: a leading 0 is octal, "
                    "0x hexadecimal, and the last "
                    "part fills all the bytes that are left. It returns 0 for what is no address."),
            Symptom("row read by", "`read by` is one of `inet_pton and inet_aton`, `inet_aton only` and `inet_pton "
                    "only`: ask both; of IPv6 "
                    "inet_aton() knows nothing.", ("./address 127.0.0.1 127.1 ::1 | grep read",)),
            "A leading 0 is octal, 0x hexadecimal, and the last part fills all the bytes that are left: so 127.1 is "
            "127.0.0.1."],
        read="The program", by_hand=("./address 010.0.0.1 127.1 0x7f.1 2130706433 10.1.515; echo exit status $?",),
        step=2)
@pytest.mark.parametrize("text,usual,by", [
    ("127.0.0.1", "127.0.0.1", BOTH), ("010.0.0.1", "8.0.0.1", ATON), ("127.1", "127.0.0.1", ATON),
    ("2130706433", "127.0.0.1", ATON), ("0x7f.1", "127.0.0.1", ATON), ("0X7F000001", "127.0.0.1", ATON),
    ("0", "0.0.0.0", ATON),
    ("10.1.515", "10.1.2.3", ATON), ("0377.0xff.255.0", "255.255.255.0", ATON),
    ("0xffffffff", "255.255.255.255", ATON), ("0377.0xff.65535", "255.255.255.255", ATON),
    ("::1", "::1", PTON)])
def test_read_by(chapter, text, usual, by):
    says(chapter, text, address=usual, bytes=spaced(ipaddress.ip_address(usual).packed), read_by=by)


def network(text):
    """The rows that the prefix of a text adds, as the ipaddress module has them."""
    net = ipaddress.ip_network(text, strict=False)
    size = net.max_prefixlen - net.prefixlen
    return {"mask": str(net.netmask), "first": str(net[0]), "last": str(net[-1]),
            "count": str(1 << size) if net.version == 4 else "2^%d" % size}


@graded(5, "Tells mask, first, last and count of a prefix",
        cause=[
            Symptom("did not print the address", "The slash and what follows are no part of the address: cut the text "
                    "there, and then read it."),
            NO_ROW,
            Symptom("(mask|first|last|count) of [^ ]*/0 ", "Of a prefix of 0 the mask is all zeros, and of C's shifts "
                    "the one by 32 is not defined; 2 to the 32 needs 64 bits.", ("./address 1.2.3.4/0",)),
            Symptom("row mask", "The mask has as many ones as PREFIX says, from the left, and then zeros; a prefix "
                    "need not end where a byte does."),
            Symptom("row first", "The first address is the address & mask."),
            Symptom("row last", "The last address is the first | ~mask."),
            "There are 2 to the power of the bits that are left: 32 - PREFIX of them."],
        read="The program", by_hand=("./address 10.1.2.3/8 10.1.2.3/20 10.1.2.3/32; echo exit status $?",), step=3)
@pytest.mark.parametrize("text", ["10.1.2.3/8", "192.0.2.77/26", "172.31.9.9/12", "1.2.3.4/0", "1.2.3.4/32",
                                  "1.2.3.4/31"])
def test_network(chapter, text):
    says(chapter, text, address=text.partition("/")[0], **network(text))


@graded(5, "Tells the same of an IPv6 prefix, with a power of two",
        cause=[
            Symptom("row count", "`count` is 2^N, for most of these numbers fit into no integer of C."),
            "All 16 bytes are masked, of which 128 - PREFIX bits are left."],
        read="The program", by_hand=("./address 2001:db8::1/64 2001:db8:1234::1/29 ::1/128 fe80::1/0",),
        needs=["test_network", "test_ipv6"], step=3)
@pytest.mark.parametrize("text", ["2001:db8::1/64", "2001:db8:ffff::1/33", "::1/128", "fe80::1/0", "2001:db8::1/127"])
def test_network_of_ipv6(chapter, text):
    says(chapter, text, **network(text))


def refused(*texts):
    """Commands that show how each of these is refused."""
    return ("for text in %s; do ./address \"$text\"; echo exit status $?; done" % " ".join(texts),)


@graded(5, "Refuses what is no prefix",
        cause=[
            Symptom(r"start \./address (1.2.3.4/33|::1/129)\n(.|\n)*exit status 0,", "An IPv4 address has 32 bits, "
                    "and one of IPv6 128: look at how large the number is, and at the family.",
                    refused("1.2.3.4/33", "::1/129")),
            Symptom(r"start \./address 1.2.3.4/8(.|\n)*exit status 0,", "strtol() and atoi() take /8x for /8: look "
                    "at where the number ended. Only '\\0' may stand there."),
            Symptom(r"start \./address 1.2.3.4/\n(.|\n)*exit status 0,", "No digit is no number, though strtol() "
                    "and atoi() return 0 for it.", refused("1.2.3.4/")),
            Symptom(r"start \./address '?1.2.3.4/[-+\s](.|\n)*exit status 0,", "strtol() takes white space and a "
                    "sign before the number: the first character has to be a digit.",
                    refused("1.2.3.4/-1", "'1.2.3.4/ 8'", "1.2.3.4/+8")),
            Symptom(r"start \./address 1.2.3.4/\d{10}(.|\n)*exit status 0,", "An int keeps only a part of a number "
                    "that is too large. strtol() returns a long, at its limit where even that is too "
                    "small: compare this one.", refused("1.2.3.4/4294967304", "1.2.3.4/18446744073709551624")),
            "Before the slash there has to be an address: look at what inet_pton() returns, with a prefix, "
            "too."],
        read="Your turn", by_hand=refused("1.2.3.4/8x", "1.2.3.4/8/8", "x/8"), needs=["test_network"], step=3)
@pytest.mark.parametrize("text", ["1.2.3.4/33", "::1/129", "1.2.3.4/8x", "1.2.3.4/8/8", "1.2.3.4/", "1.2.3.4/-1",
                                  "1.2.3.4/ 8", "1.2.3.4/\t8", "1.2.3.4/+8", "1.2.3.4/4294967304",
                                  "1.2.3.4/18446744073709551624", "/8", "x/8"])
def test_wrong_prefix(chapter, text):
    checks.is_usage_error(chapter.run(text), text.split("\t")[0])


@graded(5, "Prints all ten rows in their order",
        cause=[NO_ROW, "The rows of a prefix come last, in the order mask, first, last, count, and look like the "
               "others."],
        read="Try it", by_hand=("./address 127.0.0.1/8 | cat -A",),
        needs=["test_prints_the_rows_in_order", "test_network"], step=3)
def test_all_rows(chapter):
    rows = blocks(chapter, "127.0.0.1/8")[0]
    missing = [name for name in ROWS if name not in rows]
    assert not missing, "there is no row " + ", ".join(missing)
    identical(chapter.run("127.0.0.1/8").output.splitlines(), ["%-12s%s" % (name, rows[name]) for name in ROWS])


# ---- With what people use

@pytest.fixture
def chance():
    return random.Random(os.environ.get("LAB_SEED", "2a"))


def many(chapter, texts):
    """The blocks of many texts, of one run."""
    return zip(texts, blocks(chapter, *texts))


def test_random_addresses_are_what_python_makes_of_them(chapter, chance):
    texts = ["%s/%d" % (ipaddress.IPv4Address(chance.getrandbits(32)), chance.randrange(33)) for _ in range(1000)]
    for text, rows in many(chapter, texts):
        address = ipaddress.ip_address(text.partition("/")[0])
        assert (rows["address"], rows["bytes"], rows["number"]) == (str(address), spaced(address.packed),
                                                                    str(int(address)))
        assert {name: rows[name] for name in ROWS[6:]} == network(text)
        kind = rows["kind"]
        assert address.is_loopback == (kind == "loopback") and address.is_multicast == (kind == "multicast"), text
        assert address.is_link_local == (kind == "link-local") and (kind != "public" or address.is_global), text
        assert kind != "private" or address.is_private, text


def test_random_addresses_of_ipv6(chapter, chance):
    texts = []
    for _ in range(1000):
        number = chance.getrandbits(128) & (-1 << chance.randrange(128)) | chance.getrandbits(1) << 125
        texts.append("%s/%d" % (ipaddress.IPv6Address(number), chance.randrange(129)))
    for text, rows in many(chapter, texts):
        address = ipaddress.ip_address(text.partition("/")[0])
        # Libraries differ in how they shorten a single zero, and what ends like IPv4.
        assert ipaddress.ip_address(rows["address"]) == address and rows["bytes"] == spaced(address.packed)
        for name in ROWS[6:9]:
            assert ipaddress.ip_address(rows[name]) == ipaddress.ip_address(network(text)[name]), text
        assert rows["count"] == network(text)["count"]
        assert address.is_multicast == (rows["kind"] == "multicast"), text
        assert rows["kind"] != "public" or address.is_global or rows["address"].startswith("2002:"), text


def test_random_spellings_are_what_inet_aton_makes_of_them(chapter, chance):
    texts = []
    for _ in range(500):
        parts = chance.randrange(1, 5)
        numbers = [chance.choice((0, 7, chance.randrange(256))) for _ in range(parts - 1)]
        numbers.append(chance.randrange(1 << 8 * (5 - parts)))
        texts.append(".".join(chance.choice(("%d", "0%o", "0x%x", "0X%X", "%d")) % number for number in numbers))
    for text, rows in many(chapter, texts):
        assert rows["bytes"] == spaced(socket.inet_aton(text)), text
        try:
            socket.inet_pton(socket.AF_INET, text)
            assert rows["read by"] == BOTH, text
        except OSError:
            assert rows["read by"] == ATON, text


@pytest.mark.parametrize("text", ["10.1.2.3/20", "192.0.2.77/26", "172.31.9.9/12", "8.8.8.8/24"])
def test_ipcalc(chapter, tool, text):
    said = subprocess.run([tool("ipcalc"), "-n", "-b", text], stdout=subprocess.PIPE, text=True).stdout
    found = dict(re.findall(r"^(\w+): +(\S+)", said, re.MULTILINE))
    if "Broadcast" not in found:
        pytest.skip("this is another ipcalc than Debian's")
    rows = blocks(chapter, text)[0]
    assert rows["mask"] == found["Netmask"] and rows["first"] == found["Network"].partition("/")[0]
    assert rows["last"] == found["Broadcast"] and int(rows["count"]) == int(re.search(r"Hosts/Net: +(\d+)",
                                                                                      said).group(1)) + 2
    assert (rows["kind"] == "private") == ("Private" in said)


def test_hostile_text(chapter):
    for text in ("1" * 100000, "0x" + "f" * 100, ":" * 5000, "1.2.3.4/" + "8" * 5000, "%s%n", "/", "//", "0x.1",
                 "1.2.3.4\n", "\xff\xfe",
                 "0.0.0.0x100000000", "4294967296"):
        program = chapter.run(text)
        assert program.status == 2 and program.output == "", text
