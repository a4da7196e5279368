"""5c-syn-scan: one SYN, made by hand, and what its answer tells of a port."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from harness import checks, loopback, namespaces, steps
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.loopback import ACK, CLOSED, LIAR, OPEN, RST, SILENT, SYN, Segment
from harness.users import PublicFolder, ordinary_user

CHAPTER = "5c-syn-scan"
# What is printed here of the packet: its beginning, the port it goes to, the length of TCP's header and its flags
SENT = ("unshare -rn sh -c 'ip link set lo up; strace -qq -xx -s 60 -e trace=sendto,sendmsg ./syn-scan 127.0.0.1 7004 "
        "> /dev/null' 2>&1 | grep -o 'x45[^\"]*'")
BYTES = ("unshare -rn sh -c 'ip link set lo up; strace -qq -e trace=socket,setsockopt ./syn-scan 127.0.0.1 7004 > /dev/null'; "
         + SENT + " | cut -c 1-39,88-95,128-135")
SUM = SENT + (" | python3 -c \"import re, sys; b = bytes(int(x, 16) for x in re.findall('x(..)', sys.stdin.read())); "
              "b = b[12:20] + b'\\0\\6\\0\\x14' + b[20:40]; print('checksum', 'right' if sum(b[::2]) * 256 + sum(b[1::2]) and "
              "(sum(b[::2]) * 256 + sum(b[1::2])) % 65535 == 0 else 'wrong')\"")
EACH = "for i in 1 2 3 4; do " + SENT + " | cut -c %s; done | sort -u | wc -l | sed 's/[234]/several/'"
NUMBERS = " | sed -E 's/(port|sequence|acknowledgement) [0-9]{5,}/\\1 NUMBER/g'"
ALONE = "unshare -rn sh -c 'ip link set lo up; ./syn-scan %s'" + NUMBERS
LISTENS = ("unshare -rn sh -c 'ip link set lo up; python3 -m http.server --bind 127.0.0.1 7001 2> /dev/null > /dev/null & sleep 1; "
           "%s; kill $!'" + NUMBERS)


# One whose accept queue is full, so that the kernel is silent; and what it sends then are no answers
LIES = ("unshare -rn sh -c 'ip link set lo up; python3 -c \"import socket as s, struct; l = s.create_server((\\\"127.0.0.1\\\", 7003), "
        "backlog=0); c = s.create_connection((\\\"127.0.0.1\\\", 7003)); r = s.socket(2, 3, 6); w = s.socket(2, 3, 255); "
        "number = lambda data: int.from_bytes(data, \\\"big\\\"); "
        "p = next(p for p in iter(lambda: r.recv(99), 0) if p[33] == 2 and number(p[22:24]) == 7003); q = number(p[24:28]); "
        "[w.sendto(p[:12] + p[16:20] + p[12:16] + struct.pack(\\\"!HHLLBBHHH\\\", port, number(p[20:22]), 7, ack, 80, flags, 9, 0, 0), "
        "(\\\"127.0.0.1\\\", 0)) for port, flags, ack in ((7003, 18, q), (7003, 20, q + 2), (7001, 18, q + 1), (7003, 16, q + 1))]\" & "
        "sleep 1; ./syn-scan 127.0.0.1 7003 | tail -n 1'")
RAW_AND_ON = "import os, socket, sys; socket.socket(17, socket.SOCK_DGRAM); os.execvp(sys.argv[1], sys.argv[1:])"


class Scan:
    """What came of running the program: how it ended, its lines, and the segments that were seen."""

    def __init__(self, program, folder):
        self.program, self.lines = program, program.output.splitlines()
        with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, "seen.json")) as file:
            told = json.load(file)
            self.segments, self.queue = [Segment(bytes.fromhex(packet)) for packet in told["segments"]], told["queue"]

    def syn(self, port):
        """The one SYN that went to this port."""
        for segment in self.segments:
            steps.step("%s port %d sends %s to port %d" % (segment.source, segment.source_port, flags(segment), segment.destination_port))
        syns = [segment for segment in self.segments if segment.destination_port == port and segment.flags & SYN]
        assert len(syns) == 1, "one SYN should go to port %d, and %d do; stderr: %s" % (port, len(syns), self.program.stderr or "(nothing)")
        return syns[0]

    def answer(self, syn):
        """The first segment that came back."""
        return next(segment for segment in self.segments if segment.destination_port == syn.source_port)


def flags(segment):
    """A segment's flags as the program names them."""
    return " ".join(name for bit, name in ((SYN, "SYN"), (RST, "RST"), (ACK, "ACK")) if segment.flags & bit) or "no flag"


@pytest.fixture(scope="module")
def network(containment):
    """The words to put before a command so that it is root in a network of its own; and a Python that can be run there."""
    start = containment.start if containment else subprocess.Popen
    words = ["unshare", "--map-root-user", "--net"]
    for python in [sys.executable, "/usr/bin/python3", shutil.which("python3") or ""]:
        probe = [*words, python, "-S", "-E", "-c", RAW_AND_ON, "true"]
        options = {"outside": len(probe) - 1} if containment else {}
        with contextlib.suppress(OSError, RuntimeError):
            if start(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options).wait(30) == 0:
                return words, python
    pytest.skip("needs a namespace in which the program may have a raw socket")


@pytest.fixture
def scan(chapter, network, tmp_path):
    """scan(port) runs the program in a network of its own, in which it may do all; it is a Scan."""
    words, python = network
    script = shutil.copy(loopback.__file__, tmp_path)  # where its user can read it

    def run(port, address="127.0.0.1"):
        under = [*words, python, "-S", "-E", script, str(tmp_path)]
        return Scan(chapter.run(address, str(port), under=under, limit=15), tmp_path)

    return run


def says(scan, number, what, segment):
    """Line `number` tells of this segment."""
    assert len(scan.lines) > number, "there is no line %d on stdout; it says:\n%s" % (number + 1, scan.program.output or "(nothing)")
    identical(scan.lines[number], "%s %s from %s port %d, sequence %d, acknowledgement %d, window %d" % (
        what, flags(segment), segment.source, segment.source_port, segment.sequence, segment.acknowledgement, segment.window))


def tells(scan, port, state):
    """Its last line says what state the port is in, and it has ended well."""
    assert scan.program.status == 0, "exit status %d, not exit status 0; stderr: %s" % (scan.program.status, scan.program.stderr)
    identical(scan.lines[-1] if scan.lines else "", "port %d is %s" % (port, state))


@graded(20, "Sends one SYN to the port, in a packet of its own making",
        cause=[
            Symptom("header's length", "The length of TCP's header stands in the upper half of its byte 12, in words of 32 bits: 5 << 4."),
            Symptom("and 0 do", "No SYN was seen: the header's first byte is 0x45, the protocol in byte 9 is 6, ports go high byte "
                    "first, SYN is 0x02 in byte 13 of TCP's header; without IP_HDRINCL the kernel puts one more header before yours."),
            "One SYN is enough: connect() sends its own, and so does a loop."],
        read="The program", by_hand=(BYTES,))
def test_sends_a_syn(scan):
    syn = scan(CLOSED).syn(CLOSED)
    assert syn.flags == SYN, "its flags are %s, and not only SYN" % flags(syn)
    assert syn.source == "127.0.0.1", "it comes from %s, and not from 127.0.0.1" % syn.source
    assert syn.tcp[12] >> 4 == len(syn.tcp) // 4, "its header's length is %d words, and %d bytes were sent" % (syn.tcp[12] >> 4, len(syn.tcp))


@graded(5, "Takes no connection: nobody stands in the accept queue",
        cause="connect() finishes the handshake, and then somebody has to accept the connection. A raw SYN is all that is to "
              "be sent: the kernel answers the SYN, ACK with a reset by itself.",
        read="The idea", by_hand=(LISTENS % "strace -qq -e trace=connect ./syn-scan 127.0.0.1 7001",))
def test_takes_no_connection(scan):
    found = scan(OPEN)
    found.syn(OPEN)
    assert found.queue == 0, "a connection was finished, and waits in the accept queue"


@graded(5, "Without the right to, it says EPERM and exits 1",
        cause="socket() returns -1 with EPERM then: report it, and return 1 from main().",
        read="What can go wrong", by_hand=("unshare -rn setpriv --bounding-set=-net_raw --inh-caps=-all ./syn-scan 127.0.0.1 7004; "
                                           "echo exit status $?",), needs=[])
def test_without_the_right(chapter):
    with PublicFolder() as folder:
        if os.geteuid() == 0:
            chapter.program = folder.copy(chapter.program)
        program = chapter.run("127.0.0.1", "7", **ordinary_user())
    assert program.status != 0 or "is " not in program.output, "it may send raw packets here"
    checks.is_failure(chapter, program, "(EPERM|EACCES)")


@graded(5, "Refuses what is no port, with a usage line and exit status 2",
        cause=[Symptom("not exit status 2|did not end", "atoi() and strtol() take 80x for 80 and an empty string for 0; argc counts "
                       "the program's name, too; port 0 is none.")],
        read="Your turn", by_hand=("for words in '127.0.0.1 0' '127.0.0.1 80x' '127.0.0.1' '127.0.0.1 80 surplus'; do "
                                   "./syn-scan $words; echo exit status $?; done",), needs=[])
@pytest.mark.parametrize("arguments", [*(["127.0.0.1", port] for port in [*checks.BAD_PORTS, "0"]), ["127.0.0.1", "80", "surplus"]])
def test_wrong_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])


@graded(5, "Refuses all addresses but those of this machine, 127.x.x.x",
        cause=[Symptom("not exit status 2|did not end", "Raw packets to other machines are not to leave this one by accident: look "
                       "at the first byte of the address, which is the highest of ntohl().")],
        read="Your turn", by_hand=("for address in 192.0.2.1 128.0.0.1 1.0.0.127 ::1 localhost; do ./syn-scan $address 80; "
                                   "echo exit status $?; done",), needs=[])
@pytest.mark.parametrize("address", ["192.0.2.1", "128.0.0.1", "1.0.0.127", "::1", "::ffff:127.0.0.1", "localhost", ""])
def test_other_addresses(chapter, address):
    checks.is_usage_error(chapter.run(address, "80", limit=3), address)


@graded(15, "The SYN's checksum is right",
        cause=[
            Symptom("checksum is 0,", "TCP's checksum is not filled in, bytes 16 and 17 of its header."),
            "TCP's checksum covers the pseudo header, too: both addresses, the protocol (6) and the length of the segment, in words "
            "of 16 bits; what is carried beyond 16 bits is added again, and all bits are turned. While it is computed, its "
            "own field is 0."],
        read="The program", by_hand=(SUM,), step=2)
def test_checksum(scan):
    for _ in range(2):
        syn = scan(CLOSED).syn(CLOSED)
        field = int.from_bytes(syn.tcp[16:18], "big")
        assert syn.is_intact(), "the SYN's checksum is %s, which is wrong" % (hex(field) if field else "0")


@graded(10, "Has another port and another sequence number each time",
        cause=[
            Symptom("sequence numbers", "The sequence number is the same each time, so an old answer may pass for a new one: "
                    "take some bits of the clock.", (EACH % "96-111",)),
            "The port is the same each time: a socket that is bound to port 0, and stays open, keeps a free one."],
        read="The program", by_hand=(EACH % "80-87",), step=2)
def test_another_each_time(scan):
    syns = [scan(CLOSED).syn(CLOSED) for _ in range(4)]
    assert len({syn.sequence for syn in syns}) > 1, "four SYNs have the same sequence numbers, %d" % syns[0].sequence
    assert len({syn.source_port for syn in syns}) > 1, "four SYNs come from the same port, %d" % syns[0].source_port


@graded(5, "Prints the segment that it has sent",
        cause="The line is `sent SYN from ADDRESS port PORT, sequence NUMBER, acknowledgement NUMBER, window NUMBER`, with "
              "what really stands in the header.",
        read="Your turn", by_hand=(ALONE % "127.0.0.1 7004 | head -n 1",), step=3)
def test_prints_what_it_sends(scan):
    found = scan(CLOSED)
    says(found, 0, "sent", found.syn(CLOSED))


@graded(10, "Tells an open port, and the answer taken apart",
        cause=[
            Symptom("got: +'port \\d+ is silent'", "No answer is seen: a raw socket of IPPROTO_TCP gets a copy of each segment, with the header of "
                    "IP before it; yours is the one that acknowledges your sequence number plus 1."),
            Symptom("got: +'received SYN from", "A raw socket gets a copy of our own SYN, too: that is no answer."),
            "What is printed of the answer differs from what came: each number is high byte first, and the header of IP has "
            "the length that its first byte says."],
        read="The program", by_hand=(LISTENS % "./syn-scan 127.0.0.1 7001",), step=3)
def test_open(scan):
    found = scan(OPEN)
    says(found, 1, "received", found.answer(found.syn(OPEN)))
    tells(found, OPEN, "open")


@graded(7, "Tells a closed port",
        cause="The answer of a closed port has RST set, and ACK: it is not open.",
        read="The idea", by_hand=(ALONE % "127.0.0.1 7004",), step=3)
def test_closed(scan):
    for address in "127.0.0.1", "127.0.0.2":
        found = scan(CLOSED, address)
        says(found, 1, "received", found.answer(found.syn(CLOSED)))
        tells(found, CLOSED, "closed")


@graded(8, "Tells a silent port, after a second",
        cause=[
            Symptom("did not end", "It waits for ever: a wait in poll() has a limit, and what other segments come does not begin it anew."),
            "A port that does not answer within a second is silent, and that is no error."],
        read="The program", by_hand=(
            "unshare -rn sh -c \"ip link set lo up; python3 -c 'import socket, time; s = socket.create_server((\\\"127.0.0.1\\\", 7002), "
            "backlog=0); c = socket.create_connection((\\\"127.0.0.1\\\", 7002)); time.sleep(4)' & sleep 1; "
            "timeout 3 ./syn-scan 127.0.0.1 7002; echo exit status \\$?\"" + NUMBERS,), step=3)
def test_silent(scan):
    found = scan(SILENT)
    found.syn(SILENT)
    tells(found, SILENT, "silent")
    assert len(found.lines) == 2, "nothing has come back, and it prints:\n" + found.program.output


@graded(5, "Passes over segments that are no answer to its SYN",
        cause="Anybody may send a segment. The answer comes from the address and port that were asked, to the port that asked, "
              "with SYN or RST beside ACK, and acknowledges the sequence number plus 1.",
        read="The program", by_hand=(LIES,),
        needs=["test_silent"], step=3)
def test_liar(scan):
    found = scan(LIAR)
    found.syn(LIAR)
    tells(found, LIAR, "silent")


# ---- With what people use

def test_nmap_says_the_same(chapter, tool, tmp_path):
    tool("nmap")
    script = ("ip link set lo up; python3 -c 'import socket, time; s = socket.create_server((\"127.0.0.1\", 7001)); print(1, flush=True); "
              "time.sleep(60)' | (read line; for port in 7001 7004; do nmap -sS -n -Pn -p $port 127.0.0.1 | grep ^700; "
              "$0 127.0.0.1 $port | tail -n 1; done)")
    program = chapter.start_other(["unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, chapter.program])
    program.wait_for_output(r"^7004/tcp closed", limit=30)
    program.wait_for_output(r"^port 7004 is closed$", limit=30)
    assert re.search(r"(?m)^7001/tcp open .*\nport 7001 is open$", program.output), program.output


def test_tcpdump_calls_the_checksum_correct(chapter, tool):
    tool("tcpdump")
    if os.geteuid() != 0:
        pytest.skip("tcpdump needs root")
    script = ("ip link set lo up; tcpdump -Z root -i lo -nvvl -c 1 tcp 2> \"$1\" | cat & "
              "while ! grep -q listening \"$1\"; do sleep 0.1; done; $0 127.0.0.1 7004; wait")
    with PublicFolder() as folder:
        program = chapter.start_other([*namespaces.empty_network(), "sh", "-c", script, chapter.program,
                                       os.path.join(folder.path, "said")])
        program.wait_for_output(r"Flags \[S\], cksum 0x[0-9a-f]+ \(correct\)", limit=20)
