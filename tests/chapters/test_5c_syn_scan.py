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
from harness.loopback import ACK, CLOSED, FIRST_LIE, LIAR, LIES, ODD, OPEN, RST, SILENT, SYN, Segment
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
EACH = "for i in 1 2 3 4; do " + SENT + " | cut -c %s; done | sort -u | wc -l"
NUMBERS = " | sed -E 's/(port|sequence|acknowledgement) [0-9]{5,}/\\1 NUMBER/g'"
ALONE = "unshare -rn sh -c 'ip link set lo up; ./syn-scan %s'" + NUMBERS
LISTENS = ("unshare -rn sh -c 'ip link set lo up; python3 -m http.server --bind 127.0.0.1 7001 2> /dev/null > /dev/null & until ss -tln | grep -q :7001; do sleep .1; done; "
           "%s; kill $!'" + NUMBERS)


# The kernel is silent there, for the accept queue is full; and this answers, with what stands in place of %s
FORGED = ("unshare -rn sh -c 'ip link set lo up; timeout 9 python3 -c \"import socket as s, struct, time; "
          "l = s.create_server((\\\"127.0.0.1\\\", 7003), backlog=0); c = s.create_connection((\\\"127.0.0.1\\\", 7003)); "
          "r = s.socket(2, 3, 6); w = s.socket(2, 3, 255); n = lambda data: int.from_bytes(data, \\\"big\\\"); "
          "p = next(p for p in iter(lambda: r.recv(99), 0) if p[33] == 2 and n(p[22:24]) == 7003); "
          "q = n(p[24:28]); t = n(p[20:22]); a = p[12:16]; b = bytes((127, 0, 0, 3)); "
          "send = lambda port, to, number, ack, flags, window, source=a, target=a, options=b\\\"\\\", size=99: w.sendto((bytes((69 + len(options) // 4,)) "
          "+ p[1:12] + source + target + options + struct.pack(\\\"!HHLLBBHHH\\\", port, to, number, ack %% 2**32, 80, flags, window, 0, 0))[:size], "
          "(s.inet_ntoa(target), 0)); %s\" & until ss -tn | grep -q :7003; do sleep .1; done; timeout 4 ./syn-scan 127.0.0.1 7003; echo exit status $?; kill $!'" + NUMBERS)
LYING = ("[(time.sleep(.2), send(7003, t, 7, q, 18, 9), send(7003, t, 7, q + 2, 20, 9), send(7001, t, 7, q + 1, 18, 9), "
         "send(7003, t, 7, q + 1, 18, 9, source=b), send(7003, 1, 7, q + 1, 18, 9), send(7003, t, 7, q + 1, 18, 9, target=b), "
         "send(7003, t, 7, q + 1, 16, 9), send(7003, t, 7, q + 1, 4, 9), send(7003, t, 7, q + 1, 2, 9), "
         "send(7001, t, 7, q + 1, 18, 9), send(7003, t, 7, q + 1, 18, 9, size=24)) for i in range(40)]")
RAW_AND_ON = "import os, socket, sys; socket.socket(17, socket.SOCK_DGRAM); os.execvp(sys.argv[1], sys.argv[1:])"


class Scan:
    """What came of running the program: how it ended, its lines, and the segments that were seen."""

    def __init__(self, program, folder):
        self.program, self.lines = program, program.output.splitlines()
        with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, "seen.json")) as file:
            told = json.load(file)
            self.segments, self.queue = [Segment(bytes.fromhex(packet)) for packet in told["segments"]], told["queue"]
            self.kept, self.took, self.slept = told["kept"], told["took"], told["slept"]

    def syn(self, port):
        """The one SYN that went to this port; to a closed one also the one segment, for there the kernel adds none."""
        syns = self.syns(port)
        assert len(syns) == 1, "one SYN should go to port %d, and %d do; stderr: %s" % (
            port, len(syns), self.program.stderr or "(nothing)")
        there = sum(segment.destination_port == port for segment in self.segments)
        assert port != CLOSED or there == 1, "one segment should go to port %d, and %d do" % (port, there)
        return syns[0]

    def syns(self, port):
        """All SYNs that went to this port."""
        for segment in self.segments:
            steps.step("%s port %d sends %s to port %d" % (
                segment.source, segment.source_port, flags(segment), segment.destination_port))
        return [segment for segment in self.segments if segment.destination_port == port and segment.flags & SYN]

    def answer(self, syn):
        """The first segment that came back."""
        answers = [segment for segment in self.segments if segment.destination_port == syn.source_port]
        assert answers, "the kernel has answered nothing"
        return answers[0]


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
    """scan(port) runs the program in a network of its own, in which it may do all, once or more; it is a Scan. `through`
    are the words of a command that starts it there."""
    words, python = network
    script = shutil.copy(loopback.__file__, tmp_path)  # where its user can read it

    def run(port, address="127.0.0.1", times=1, through=()):
        under = [*words, python, "-S", "-E", script, str(tmp_path), str(times), *through]
        return Scan(chapter.run(address, str(port), under=under, limit=8), tmp_path)

    return run


def unsigned(line):
    """A line whose numbers may have a sign. Half of all numbers have one with %d: one check looks for that, not by luck."""
    return re.sub(r"(sequence|acknowledgement|window) (-\d+)", lambda found: "%s %d" % (
        found.group(1), int(found.group(2)) % 2**(16 if found.group(1) == "window" else 32)), line)


def says(scan, number, what, segment, signs=True):
    """Line `number` tells of this segment; its numbers may have a sign if `signs`."""
    assert len(scan.lines) > number, "there is no line %d on stdout; it says:\n%s" % (
        number + 1, scan.program.output or "(nothing)")
    identical(unsigned(scan.lines[number]) if signs else scan.lines[number], "%s %s from %s port %d, sequence %d, acknowledgement %d, window %d" % (
        what, flags(segment), segment.source, segment.source_port, segment.sequence, segment.acknowledgement, segment.window))


def tells(scan, port, state):
    """Its last line says what state the port is in, and it has ended well."""
    assert scan.program.status == 0, "exit status %d, not exit status 0; stderr: %s" % (scan.program.status, scan.program.stderr)
    identical(scan.lines[-1] if scan.lines else "", "port %d is %s" % (port, state))


@graded(16, "Sends one SYN to the port, in a packet of its own making",
        cause=[
            Symptom("header's length", "The length of TCP's header stands in the upper half of its byte 12, in words of 32 "
                    "bits: 5 << 4."),
            Symptom("it comes from", "The SYN goes from ADDRESS to ADDRESS, which may be 127.0.0.2, too: the answer goes "
                    "where the SYN says that it came from.",
                    (SENT.replace("127.0.0.1", "127.0.0.2") + " | cut -c 49-79",)),
            Symptom("(?s)it ends, exit status 1.*and 0 do", "A call has failed: its message names it. EINVAL of sendto() "
                    "means that IP's header is longer than what is sent, EAFNOSUPPORT that sin_family is not AF_INET."),
            Symptom("(?s)it ends, exit status 0.*and 0 do", "No SYN was seen: the header's first byte is 0x45, the "
                    "protocol in byte 9 is 6, ports go high byte first, SYN is 0x02 in byte 13 of TCP's header; without "
                    "IP_HDRINCL the kernel puts one more header before yours."),
            Symptom("(one SYN|one segment) should go to port \\d+, and [1-9]|its flags are", "One SYN is enough: connect() "
                    "sends its own, a loop sends more, and the reset that forgets it is the kernel's."),
        ],
        read="The program", by_hand=(BYTES,))
def test_sends_a_syn(scan):
    for address in "127.0.0.1", "127.0.0.2":
        syn = scan(CLOSED, address).syn(CLOSED)
        assert syn.flags == SYN, "its flags are %s, and not only SYN" % flags(syn)
        assert syn.source == address, "it comes from %s, and not from %s" % (syn.source, address)
        assert syn.tcp[12] >> 4 == len(syn.tcp) // 4, "its header's length is %d words, and %d bytes were sent" % (
            syn.tcp[12] >> 4, len(syn.tcp))


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


@graded(4, "Reports a packet that could not be sent, and exits 1",
        cause="sendto() returns -1 when the packet cannot leave, as here, where the loopback interface is down: report "
              "it, and return 1 from main().",
        read="What can go wrong", by_hand=("unshare -rn ./syn-scan 127.0.0.1 7004; echo exit status $?",))
def test_cannot_send(chapter, network):
    words, _ = network
    checks.is_failure(chapter, chapter.run("127.0.0.1", "7", under=words), "[A-Z]+")


@graded(5, "Refuses what is no port, with a usage line and exit status 2",
        cause=[Symptom("not exit status 2|did not end", "atoi() and strtol() take 80x for 80 and an empty string for 0; argc counts "
                       "the program's name, too; port 0 is none.")],
        read="Your turn", by_hand=("for words in '127.0.0.1 0' '127.0.0.1 80x' '127.0.0.1' '127.0.0.1 80 surplus'; do "
                                   "./syn-scan $words; echo exit status $?; done",), needs=[])
@pytest.mark.parametrize("arguments", [*(["127.0.0.1", port] for port in [*checks.BAD_PORTS, "0"]), ["127.0.0.1", "80", "surplus"]])
def test_wrong_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])


@graded(5, "Refuses all addresses but those of this machine, 127.x.x.x",
        cause=[
            Symptom(r"syn-scan 127\.1 80", "127.1 is no address of four numbers: inet_aton() and inet_addr() take it for "
                    "127.0.0.1, inet_pton() does not."),
            Symptom("not exit status 2|did not end", "Raw packets to other machines are not to leave this one by accident: "
                    "look at the first byte of the address, which is the highest of ntohl().")],
        read="Your turn", by_hand=("for address in 192.0.2.1 128.0.0.1 1.0.0.127 127.1 ::1 localhost; do "
                                   "./syn-scan $address 80; echo exit status $?; done",), needs=[])
@pytest.mark.parametrize("address", ["192.0.2.1", "128.0.0.1", "1.0.0.127", "127.1", "::1", "::ffff:127.0.0.1", "localhost", ""])
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
            Symptom("sequence numbers", "The sequence number is not another one each time, so an old answer may pass for a "
                    "new one: take some bits of a clock that goes faster than seconds.", (EACH % "96-111",)),
            "The port is the same each time: a socket that is bound to port 0, and stays open, keeps a free one."],
        read="The program", by_hand=(EACH % "80-87" + " | sed 's/[234]/several/'",), step=2)
def test_another_each_time(scan):
    syns = scan(CLOSED, times=4).syns(CLOSED)
    assert len(syns) == 4, "four SYNs should go to port %d, one each time, and %d do" % (CLOSED, len(syns))
    numbers = [syn.sequence for syn in syns]
    assert len(set(numbers)) == 4, "four SYNs have these sequence numbers: %s" % ", ".join(map(str, numbers))
    assert len({syn.source_port for syn in syns}) > 1, "four SYNs come from the same port, %d" % syns[0].source_port


@graded(4, "Prints the segment that it has sent",
        cause="The line is `sent SYN from ADDRESS port PORT, sequence NUMBER, acknowledgement NUMBER, window NUMBER`, with "
              "what really stands in the header.",
        read="Your turn", by_hand=(ALONE % "127.0.0.1 7004 | head -n 1",), step=3)
def test_prints_what_it_sends(scan):
    found = scan(CLOSED)
    says(found, 0, "sent", found.syn(CLOSED))


@graded(6, "Tells an open port, and the answer taken apart",
        cause=[
            Symptom("got: +'port \\d+ is silent'", "No answer is seen: a raw socket of IPPROTO_TCP gets a copy of each "
                    "segment, our own SYN first, with the header of IP before it; yours is the one that acknowledges "
                    "your sequence number plus 1."),
            Symptom("got: +'received SYN from", "A raw socket gets a copy of our own SYN, too: that is no answer."),
            Symptom("got: +'received (ACK|RST)", "The flags are told in this order: SYN, RST, ACK."),
            Symptom("got: +'port \\d+ is closed'", "The answer has SYN set: somebody listens, the port is open."),
            "What is printed of the answer differs from what came: each number is high byte first, and the header of IP has "
            "the length that its first byte says."],
        read="The program", by_hand=(LISTENS % "./syn-scan 127.0.0.1 7001",), needs=["test_checksum"], step=3)
def test_open(scan):
    found = scan(OPEN)
    says(found, 1, "received", found.answer(found.syn(OPEN)))
    tells(found, OPEN, "open")


@graded(4, "Takes apart an answer with high numbers, more flags and options, too",
        cause=[
            Symptom("got: +'port \\d+ is silent'", "An answer is passed over whose header of IP has options: its length is the "
                    "lower half of its first byte, in words of 4 bytes."),
            Symptom("got: +'.*(sequence|acknowledgement|window) -", "A number that is printed below 0 has a sign: it is "
                    "uint32_t with %u, or uint16_t."),
            Symptom("got: +'received .*(FIN|PSH|URG|ECE|CWR)", "The contract tells SYN, RST and ACK; no other flag."),
            "What is printed of the answer differs from what came: its sequence number is nearly 2 to the power of 32, its "
            "window 65535, beside SYN and ACK it has PSH and ECE, and the header of IP has 24 bytes."],
        read="The program", by_hand=(FORGED % "send(7003, t, 2**32 - 2, q + 1, 90, 65535, options=bytes((1, 1, 1, 0)))",),
        needs=["test_open"], step=3)
def test_odd_answer(scan):
    found = scan(ODD)
    says(found, 1, "received", found.answer(found.syn(ODD)), signs=False)
    tells(found, ODD, "open")


@graded(4, "Tells a closed port",
        cause=[
            Symptom("syn-scan 127.0.0.1 65535", "Ports go up to 65535, which is one: an int holds it, a short does not.",
                    (ALONE % "127.0.0.1 65535",)),
            "The answer of a closed port has RST set, and ACK: it is not open."],
        read="The idea", by_hand=(ALONE % "127.0.0.1 7004",), needs=["test_checksum"], step=3)
def test_closed(scan):
    for address, port in ("127.0.0.1", CLOSED), ("127.0.0.2", CLOSED), ("127.0.0.1", 65535):
        found = scan(port, address)
        says(found, 1, "received", found.answer(found.syn(port)))
        tells(found, port, "closed")


@graded(2, "Ends with exit status 1 if it cannot print",
        cause="What printf() has kept goes out at the end: fflush(stdout), and look at what it returns, too.",
        read="Your turn", by_hand=("unshare -rn sh -c 'ip link set lo up; timeout 3 ./syn-scan 127.0.0.1 7004 > /dev/full; echo exit status $?'",),
        needs=["test_closed"], step=3)
def test_full_disk(chapter, scan):
    steps.step("with stdout to /dev/full, a disk that is full:")
    checks.is_failure(chapter, scan(CLOSED, through=("sh", "-c", 'exec "$0" "$@" > /dev/full')).program, "ENOSPC")


@graded(6, "Tells a silent port, after a second",
        cause=[
            Symptom("did not end", "It waits for ever: recv() does, unless poll() with a limit comes before it."),
            Symptom("it took only", "The answer may come at any time within a second: poll() wants milliseconds."),
            Symptom("and waits on", "A second is enough: poll() gets what is left of 1000 milliseconds, and no more."),
            "A port that does not answer within a second is silent, and that is no error."],
        read="The program", by_hand=(
            "unshare -rn sh -c \"ip link set lo up; python3 -c 'import socket, time; s = socket.create_server((\\\"127.0.0.1\\\", "
            "7002), backlog=0); c = socket.create_connection((\\\"127.0.0.1\\\", 7002)); time.sleep(4)' & until ss -tn | grep -q :7002; do sleep .1; done; "
            "timeout 4 bash -c 'time -p ./syn-scan 127.0.0.1 7002' 2>&1 | grep -Ev 'user|sys' | cut -d . -f 1; "
            "echo exit status \\${PIPESTATUS[0]}\"" + NUMBERS,), step=3)
def test_silent(scan):
    found = scan(SILENT)
    found.syn(SILENT)
    tells(found, SILENT, "silent")
    assert len(found.lines) == 2, "nothing has come back, and it prints:\n" + found.program.output
    assert found.took > 0.95, "it took only %.2f s in all" % found.took
    # Load adds nothing to that: it is the time for which it slept and was not ready to run. A right one sleeps a second.
    assert found.slept < 2, "it has waited for %.1f s in vain, and waits on" % found.slept


@graded(2, "Keeps its port to itself, as long as it waits",
        cause="Somebody else can take the port that the SYN came from, and would get the answer, or the other way round: "
              "bind() a socket to it (port 0 asks for a free one), and close() that one after the answer has come.",
        read="The program", by_hand=(
            "unshare -rn sh -c \"ip link set lo up; python3 -c 'import socket, time; s = socket.create_server((\\\"127.0.0.1\\\", "
            "7002), backlog=0); c = socket.create_connection((\\\"127.0.0.1\\\", 7002)); time.sleep(4)' & until ss -tn | grep -q :7002; do sleep .1; done; "
            "strace -qq -e trace=bind,close,sendto ./syn-scan 127.0.0.1 7002 2>&1 > /dev/null | sed '1,/bind/d; s/(.*//'\"",),
        needs=["test_silent"], step=3)
def test_keeps_its_port(scan):
    found = scan(SILENT)
    port = found.syn(SILENT).source_port
    assert found.kept is not False, "while it waits, another socket can be bound to its port, %d" % port


@graded(5, "Passes over segments that are no answer to its SYN",
        cause=[
            Symptom("did not end", "Each segment that comes begins the wait anew, and somebody may send them without an end: "
                    "the second is counted from the SYN on."),
            Symptom("that ends within", "It looks at more than recv() has returned: behind the end there is still what came "
                    "before."),
            Symptom("that (comes|goes)", "A raw socket gets what others get, too: the answer comes from the address and port "
                    "that were asked, to the address and port that asked."),
            Symptom("that has", "The answer has ACK set, and SYN or RST."),
            "The answer acknowledges your sequence number plus 1, and no other number."],
        read="The program", by_hand=(FORGED % LYING,), needs=["test_silent"], step=3)
def test_liar(scan):
    found = scan(LIAR)
    found.syn(LIAR)
    for line in found.lines:
        lie = re.match(r"received .*, sequence (\d+),", line)
        if lie and 0 <= int(lie.group(1)) - FIRST_LIE < len(LIES):
            wrong, _ = LIES[int(lie.group(1)) - FIRST_LIE]
            pytest.fail("it takes for the answer a segment that %s, and prints:\n%s" % (wrong, found.program.output))
    tells(found, LIAR, "silent")


@graded(2, "A signal ends nothing, nor does a recv() that finds nothing",
        cause=[
            Symptom("EINTR", "A signal interrupts the wait: poll() or recv() fails with EINTR, and is to be called again."),
            "poll() has told of a segment, and recv() fails with EAGAIN: nothing is there after all. That is no error; wait on."],
        read="What can go wrong",
        by_hand=("unshare -rn sh -c 'ip link set lo up; for error in EINTR EAGAIN; do strace -o /dev/null -e "
                 "inject=recvfrom,recvmsg:error=$error:when=1 ./syn-scan 127.0.0.1 7004; echo exit status $?; done'" + NUMBERS,),
        needs=["test_closed"], step=3)
@pytest.mark.parametrize("calls,symbol", [
    ("?recvfrom,?recvmsg", "EAGAIN"), ("?recvfrom,?recvmsg,?poll,?ppoll,?select,?pselect6,?epoll_wait,?epoll_pwait", "EINTR")],
    ids=["EAGAIN", "EINTR"])
def test_nothing_there_after_all(scan, faults, calls, symbol):
    found = scan(CLOSED, through=faults("%s:error=%s:when=1" % (calls, symbol)))
    found.syn(CLOSED)
    # EAGAIN may be how it is told that the second is over: SO_RCVTIMEO. So may EINTR, by an alarm.
    tells(found, CLOSED, "silent" if "silent" in found.program.output else "closed")


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
