"""5a-port-scan: which ports of this machine are open, closed, or silent."""

import contextlib
import os
import random
import re
import resource
import socket
import subprocess
import sys
import time

import pytest

from harness import checks, steps
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.inspect import Ended, children, leads_to
from harness.namespaces import prefix
from harness.ports import Ports
from harness.program import how_it_ended, seconds, wait_until

CHAPTER = "5a-port-scan"
MOST = 256  # connections under way
SYN_SENT = "02"  # in /proc/net/tcp, see proc(5)
LISTENS = "nc -lkvn 127.0.0.1 7890"
SCANS = "./port-scan 127.0.0.1 7881-7899"
FULL = ("python3 -c \"import socket, time; s = socket.create_server(('127.0.0.1', 7890), backlog=0); "
        "c = socket.create_connection(('127.0.0.1', 7890)); print('listening', flush=True); time.sleep(9)\"")
MANY = ("python3 -c \"import socket, time; s = [socket.create_server(('127.0.0.1', p), backlog=0) for p in range(7000, 7300)]; "
        "c = [socket.create_connection(x.getsockname()) for x in s]; print('listening', flush=True); time.sleep(9)\"")
# One answers after a second, one would after three
LATE = ("python3 -c \"import socket, time; s = [socket.create_server(('127.0.0.1', p), backlog=0) for p in (7890, 7891, 7892)]\n"
        "c = [socket.create_connection(x.getsockname()) for x in s]\n"
        "while ' 02 ' not in open('/proc/net/tcp').read(): time.sleep(.05)\n"
        "d = s[0].accept(), s[0].accept(), s[1].accept(); time.sleep(9)\" & until ss -tn | grep -q :7892; do sleep .1; done\n"
        "timeout 4 ./port-scan 127.0.0.1 7889-7892 -t 2500; echo exit status $?; kill $!")
# The kernel has only this port for clients: who asks for it meets itself
ITSELF = 'ip link set lo up; echo 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range; exec "$0" "$@"'
MEETS_ITSELF = """
import socket
client = socket.socket()
client.connect(("127.0.0.1", 40000))
print(client.getsockname() == client.getpeername())
"""


def scan(chapter, ports, *more, limit=10, **options):
    """Scan ports, and return what is printed. Nothing goes wrong."""
    program = chapter.run(ports.address, ports.words, *more, limit=limit, **options)
    assert program.status == 0, "%s, not exit status 0; stderr:\n%s" % (
        how_it_ended(program.status), program.stderr or "(nothing)")
    return program.output


def listed(output, *states):
    """The lines of ports in these states, without the names of services."""
    return "".join("%s %s\n" % row for row in re.findall(r"^(\d+) (%s)\b" % "|".join(states), output, re.MULTILINE))


@graded(15, "Says which ports are open",
        cause=[
            Symptom(r"::1 [\s\S]*(not exit status 0|got: )", "IPv6 has a family of its own, AF_INET6, for socket() and for the "
                    "address: parse_address() of address.c fills either.",
                    ("nc -lkvn ::1 7890", "./port-scan ::1 7881-7899; echo exit status $?")),
            Symptom(r"got: +(''|\"\")", "A connect() that returns 0 has found somebody who listens: its line is `PORT open`. "
                    "Each port needs htons(), and each connect() a new socket."),
            Symptom("not exit status 0", "A port at which nobody listens is no error: connect() fails with ECONNREFUSED, and "
                    "that is what a scan wants to know.", ("./port-scan 127.0.0.1 7881-7899; echo exit status $?",)),
            "Each port from FIRST to LAST is asked once, both ends included, and each with a socket of its own: after a connect() "
            "that failed a socket is of no more use."],
        read="The program", by_hand=(LISTENS, "./port-scan 127.0.0.1 7890-7890; ./port-scan 127.0.0.1 7881-7890; " + SCANS))
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_open(chapter, address):
    if address == "::1":
        checks.needs_ipv6()
    with Ports(9, address) as ports:
        expected = "".join("%d open\n" % port for port in ports.open(0, 3, 4, 8))
        identical(listed(scan(chapter, ports), "open"), expected)


@graded(10, "Counts those that are closed, in the last line",
        cause=[
            Symptom(r"got: +'\d+ closed|got: +'closed \d", "The last line is `closed: N`, to the letter."),
            Symptom("65531-65535", "Ports go up to 65535, which is one.",
                    ("timeout 3 ./port-scan 127.0.0.1 65531-65535; echo exit status $?",)),
            "Closed are those that refuse (ECONNREFUSED); they have no line of their own, and the last line says how many."],
        read="Your turn", by_hand=(LISTENS, SCANS + "; ./port-scan 127.0.0.1 7891-7891"))
def test_closed(chapter):
    for number, opened in (9, (0, 8)), (1, ()), (2, (0, 1)):
        with Ports(number) as ports:
            ports.open(*opened)
            lines = scan(chapter, ports).splitlines()
            identical(lines[-1] if lines else "", "closed: %d" % (number - len(opened)))
            assert len(lines) == len(opened) + 1, "there are %d lines, not one for each open port and the last:\n%s" % (
                len(lines), "\n".join(lines))
    program = chapter.run("127.0.0.1", "65531-65535", limit=10)  # somebody may listen there
    assert program.status == 0 and re.search(r"^closed: \d\n\Z", program.output, re.MULTILINE), (
        "%s, and not one line for each open port, and the last; stderr:\n%s" % (how_it_ended(program.status), program.stderr or "(nothing)"))


def services(protocol):
    """Ports that a service of this name is known for, with that protocol only, and that every user may have."""
    other = {"tcp": "udp", "udp": "tcp"}[protocol]

    def name(port, kind):
        with contextlib.suppress(OSError):
            return socket.getservbyport(port, kind)
        return None

    return [(port, name(port, protocol)) for port in range(1024, 7000) if name(port, protocol) and not name(port, other)]


@graded(10, "Says the name of an open port's service",
        cause=[
            Symptom(r"got: +'\d+ open '", "Where getservbyport() knows no name, the line ends behind `open`, without a blank."),
            Symptom(r"expected: '\d+ open'", "That is a service of UDP: getservbyport() needs \"tcp\" as its second argument."),
            "getservbyport() wants the port in network byte order, htons(), and returns NULL where it knows none."],
        read="The program", by_hand=("nc -lkvn 127.0.0.1 3690", "nc -lk 127.0.0.1 5353 & nc -lk 127.0.0.1 4500 & sleep 0.2; "
                                     "./port-scan 127.0.0.1 3690-3690; ./port-scan 127.0.0.1 4500-4500; "
                                     "./port-scan 127.0.0.1 5353-5353; kill $(jobs -p)"))
def test_names(chapter):
    known, others = services("tcp"), services("udp")
    if not known or not others:
        pytest.skip("needs an /etc/services (Debian: netbase)")
    for rows in known, others:
        for port, name in rows:
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
                steps.step("listen on 127.0.0.1 port %d" % port)
                output = chapter.run("127.0.0.1", "%d-%d" % (port, port)).output
                identical(output.partition("\n")[0], "%d open%s" % (port, " " + name if rows is known else ""))
                break


@graded(10, "Scans this machine only",
        cause=[
            Symptom(r"start \./\S+ (127|::1)", "All of 127.0.0.0/8 is this machine, and ::1: the first byte of an IPv4 address decides.",
                    ("./port-scan 127.200.3.4 7881-7899; echo exit status $?",)),
            "Loopback addresses are 127.0.0.0/8 and ::1: all others are refused, as wrong usage, before the first connect()."],
        read="Your turn", needs=[],
        by_hand=("for address in 0.0.0.0 128.0.0.1 10.0.0.127 :: ::ffff:7f00:1 ::2; do timeout 1 ./port-scan $address 7890-7891; "
                 "echo exit status $?; done",))
@pytest.mark.parametrize("address", ["127.255.3.4", "0.0.0.0", "126.255.255.255", "128.0.0.1", "10.0.0.127", "192.0.2.1", "::",
                                     "::2", "::ffff:192.0.2.1", "fe80::1"])
def test_loopback_only(chapter, address):
    if address.startswith("127."):
        program = chapter.run(address, "30001-30003")
        assert program.status == 0, "%s, not exit status 0; stderr:\n%s" % (how_it_ended(program.status), program.stderr or "(nothing)")
    else:
        checks.is_usage_error(chapter.run(address, "30001-30001", limit=3), address)


@graded(5, "Refuses what is no address and no range of ports, with a usage line",
        cause=[
            Symptom(r"start \./\S+( 127\.0\.0\.1)?\n", "An argument is missing: look at argc before you use argv.",
                    ("./port-scan; echo exit status $?; ./port-scan 127.0.0.1; echo exit status $?",)),
            "A range is two whole numbers from 1 to 65535 with a - between, the first not above the second: look at "
            "where each number ended, and at argc."],
        read="Your turn", needs=[],
        by_hand=("for ports in 80 0-9 9-8 1-65536 1- 1-9x 1-2-3 '1-2 surplus' 4294967297-4294967299; do "
                 "timeout 1 ./port-scan 127.0.0.1 $ports; echo exit status $?; done",))
@pytest.mark.parametrize("arguments,bad", [
    ([], ""), (["127.0.0.1"], ""), (["127.0.0.1", "1-2", "surplus"], "surplus"), (["localhost", "1-2"], "localhost"),
    *[(["127.0.0.1", bad], bad) for bad in ("80", "0-80", "80-79", "1-65536", "1-", "a-b", "1-2-3", "1--2", " 1-2", "1-2x", "1+2", "",
                                            "4294967297-4294967299", "1-00000000000000000000000000000000000000009x")]])
def test_wrong_usage(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments, limit=3), bad)


@graded(5, "Ends with exit status 1 if it cannot scan, or cannot print",
        cause=[
            Symptom("to /dev/full", "What printf() has kept goes out at the end: fflush(stdout), and look at what it returns, too.",
                    ("timeout 1 ./port-scan 127.0.0.1 7881-7899 > /dev/full; echo exit status $?",)),
            Symptom("ENETUNREACH", "Only ECONNREFUSED says that a port is closed. With any other error connect() has learned nothing "
                    "of it, and the scan ends: report it.",
                    ("timeout 3 strace -qq -o /dev/null -e inject=connect:error=ENETUNREACH ./port-scan 127.0.0.1 7881-7899; "
                     "echo exit status $?",)),
            "Only ECONNREFUSED says that a port is closed. A socket() that fails, without one that others have open, and any "
            "other error of connect() ends the scan: report it."],
        read="What can go wrong",
        by_hand=("timeout 3 strace -qq -o /dev/null -e inject=socket:error=ENOBUFS ./port-scan 127.0.0.1 7881-7899; echo exit status $?",))
def test_cannot(chapter, faults):
    with Ports(3) as ports:
        checks.is_failure(chapter, chapter.run(ports.address, ports.words, under=faults("socket:error=ENOBUFS")), "ENOBUFS")
        program = chapter.run(ports.address, ports.words, under=faults("connect:error=ENETUNREACH"))
        checks.is_failure(chapter, program, "ENETUNREACH")
        identical(program.output, "")
        checks.full_disk(chapter, ports.address, ports.words)


@graded(10, "Has up to 256 connections under way, and no more", step=2,
        cause=[
            Symptom("at most 256", "Not all at once: each needs a descriptor, and whoever is asked has work with it. When 256 are "
                    "under way, wait with poll() until one is over."),
            "O_NONBLOCK, set with fcntl() before connect(), makes that return at once, with EINPROGRESS; begin 256 before "
            "poll() waits for all of them together."],
        read="The program",
        by_hand=(MANY, "timeout 3 ./port-scan 127.0.0.1 7000-7299 > /dev/null & sleep 0.6; "
                 "ss -Htn state syn-sent | wc -l; kill $!"))
def test_many(chapter):
    with Ports(MOST + 34) as ports:
        ports.silence(*range(MOST + 34))
        for more in ["-t", "9000"], []:  # of the second step the program does not know -t yet, and waits for minutes
            program = chapter.start(ports.address, ports.words, *more)
            with contextlib.suppress(AssertionError):  # what there is instead is told below
                wait_until(lambda: not program.is_running() or under_way(program) >= MOST, limit=4)
            if program.is_running():
                break
        most = max(under_way(program) for _ in range(10))
        assert most <= MOST, "at most %d should be under way, and %d are" % (MOST, most)
        assert most >= MOST, "of %d ports that do not answer, %d are asked at the same time" % (MOST + 34, most)


def under_way(program):
    """How many connections a program and its children have begun, and not yet heard of."""
    found = set()
    for pid in [program.pid, *children(program.pid)]:
        with contextlib.suppress(Ended):
            found.update(re.findall(r"socket:\[(\d+)\]", " ".join(leads_to(pid).values())))
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file][1:]  # a row may come twice where others come or go meanwhile
    return len(found.intersection(row[9] for row in rows if row[3] == SYN_SENT))


@graded(5, "Goes on with fewer where descriptors are few", step=2,
        cause=[
            Symptom("EINVAL", "poll() fails with EINVAL where it is given more descriptors than the process may have: give it those "
                    "that are under way, and not all of the array."),
            "Without a free descriptor (EMFILE) the port has to wait until another one is done. That is no error as long as "
            "there is one under way."],
        read="What can go wrong", by_hand=(LISTENS, "(ulimit -n 12; " + SCANS + "; echo exit status $?)"))
def test_few_descriptors(chapter):
    with Ports(40) as ports:
        expected = "".join("%d open\n" % port for port in ports.open(0, 20, 39))
        steps.step("let it have 12 descriptors only")
        output = scan(chapter, ports, under=["sh", "-c", 'ulimit -n 12; exec "$0" "$@"'])
        identical(listed(output, "open"), expected)


@graded(15, "Says which ports are silent, after MS milliseconds", step=3,
        cause=[
            Symptom("one after the other", "Each connection may take MS milliseconds from its own beginning, not from that of the scan.",
                    (MANY, "timeout 1.5 ./port-scan 127.0.0.1 7000-7299 | tail -n 1; echo exit status ${PIPESTATUS[0]}")),
            Symptom("answered meanwhile", "Each answer begins the wait for all others anew: a deadline is set once, when connect() begins, "
                    "and poll() is given what is left until the first of them.", (LATE,)),
            Symptom("after its time", "It has waited for longer than MS milliseconds: these go to poll() as they are, and nobody waits twice.",
                    (FULL, "timeout 2 ./port-scan 127.0.0.1 7889-7891 -t 1200; echo exit status $?")),
            Symptom("did not end", "It waits for an answer that does not come. connect() and poll() need a deadline: poll()'s last argument "
                    "is the time that is left."),
            Symptom("before its time", "It has not waited for MS milliseconds: after each poll() that returns early, count again what is "
                    "left. The default is 1000."),
            Symptom(r"expected: '[\d]+ silent", "Who has not answered in time is `PORT silent`, neither open nor closed: SO_ERROR is 0 "
                    "as long as the handshake is under way. poll() says when it is over."),
            "A deadline for each port: now + MS when its connect() begins, on CLOCK_MONOTONIC."],
        read="The program", by_hand=(FULL, "timeout 0.9 ./port-scan 127.0.0.1 7889-7891 -t 300; echo exit status $?; "
                                     "timeout 0.9 ./port-scan 127.0.0.1 7889-7891; echo exit status $?"))
@pytest.mark.parametrize("more", [[], ["-t", "1600"], ["-t", "100"], None, "late"],
                         ids=["default", "1600 ms", "100 ms", "two rounds", "others are late"])
def test_silent(chapter, more):
    if more == "late":
        silent_while_others_answer(chapter)
        return
    if more is None:
        with Ports(MOST + 34) as ports:
            ports.silence(*range(MOST + 34))
            begin = time.monotonic()
            output = scan(chapter, ports, "-t", "400")
            took = time.monotonic() - begin
        identical(output.count(" silent\n"), MOST + 34)
        assert took > 0.75, "%d silent ports, %d at a time, 400 ms each one after the other, take %.2f s" % (MOST + 34, MOST, took)
        return
    with Ports(5) as ports:
        ports.open(1)
        silent, begin = ports.silence(3), time.monotonic()
        output = scan(chapter, ports, *more, limit=5)
        took = time.monotonic() - begin
        identical(listed(output, "silent"), "%d silent\n" % silent[0])
        identical(listed(output, "open"), "%d open\n" % (ports.first + 1))
        limit = int(more[1]) / 1000 if more else 1
        assert took > 0.97 * limit, "it has ended after %.2f s, before its time" % took
        assert took < limit + seconds(1.2), "it has ended after %.2f s, long after its time" % took


def silent_while_others_answer(chapter):
    """Of three silent ports one answers after a second, and one would after three."""
    with Ports(5) as ports:
        silent, begin = ports.silence(0, 2, 4), time.monotonic()
        program = chapter.start(ports.address, ports.words, "-t", "2500")
        with contextlib.suppress(AssertionError):  # what there is instead is told below
            wait_until(lambda: under_way(program) == 3, limit=2)
            ports.relieve(0)
            if ports.is_asked(0, seconds(2)):
                ports.relieve(2)
        program.status = program.wait(10)
        took = time.monotonic() - begin
        identical(listed(program.output, "silent").splitlines()[-1:], ["%d silent" % silent[-1]])
        assert took < 2.5 + seconds(1.2), "it has ended after %.2f s: another port has answered meanwhile" % took


@graded(5, "Refuses what is no number of milliseconds", step=3,
        cause="MS is a whole number from 1 to 60000, and nothing follows it.", read="Your turn", needs=[],
        by_hand=("for words in -t '-t 0' '-t 60000' '-t 60001' '-t 5x' '-x 5' '-t 5 surplus'; do timeout 1 ./port-scan 127.0.0.1 7890-7891 $words; "
                 "echo exit status $?; done",))
@pytest.mark.parametrize("words", [["-t"], ["-t", "0"], ["-t", "60001"], ["-t", "5x"], ["-t", ""], ["-x", "5"], ["-t", "5", "surplus"]])
def test_wrong_time(chapter, words):
    if words == ["-t", "60001"]:
        with Ports(2) as ports:
            identical(scan(chapter, ports, "-t", "60000"), "closed: 2\n")
    checks.is_usage_error(chapter.run("127.0.0.1", "30001-30002", *words, limit=3), words[0] if len(words) == 1 or words[0] == "-x"
                          else words[-1])


@graded(5, "Prints them in the order of the ports", step=3,
        cause=[
            Symptom("closed: ' there is", "Silent ports have lines of their own: the last line counts all others that are not open."),
            "Their answers come in another order than the ports': keep what becomes of each, and print it at the end."],
        read="Your turn", needs=["test_silent"], by_hand=(FULL, "nc -lk 127.0.0.1 7895 & sleep 0.2; timeout 3 ./port-scan 127.0.0.1 7881-7899 -t 500; kill $!"))
def test_order(chapter):
    with Ports(9) as ports:
        silent = ports.silence(1, 4, 8)
        opened = ports.open(0, 2, 5)
        rows = sorted([*[(port, "silent") for port in silent], *[(port, "open") for port in opened]])
        output = re.sub(r"(?m)^(\d+ open) \S+$", r"\1", scan(chapter, ports, "-t", "300"))
        identical(output, "".join("%d %s\n" % row for row in rows) + "closed: 3\n")


def in_its_own_way():
    """The words to put before a command so that whoever asks for port 40000 of 127.0.0.1 meets itself."""
    words = prefix("--net", "sh", "-c", ITSELF)
    if words is None:
        pytest.skip("needs the permission to make a Linux namespace")
    if subprocess.run([*words, sys.executable, "-S", "-E", "-c", MEETS_ITSELF], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                      timeout=20).stdout != b"True\n":
        pytest.skip("needs to choose which ports the kernel gives to clients")
    return words


@graded(5, "Does not take itself for a service", step=3,
        cause="Where nobody listens, and the kernel gives our end the very port that we ask for, TCP connects the socket with itself: "
              "getsockname() and getpeername() are the same then. That port is closed.",
        read="The program",
        by_hand=("unshare -rn sh -c 'ip link set lo up; echo 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range; "
                 "timeout 5 ./port-scan 127.0.0.1 39999-40001'",))
def test_itself(chapter):
    words = in_its_own_way()
    steps.step("where the kernel has only port 40000 to give to clients:")
    program = chapter.run("127.0.0.1", "39998-40002", under=words)
    identical(program.output, "closed: 5\n")


# ---- What no points are given for

@pytest.mark.parametrize("call", ["poll", "connect"])
def test_a_signal(chapter, faults, call):
    """poll() is called again, and the deadline stays."""
    calls = "?poll,?ppoll,?select,?pselect6,?epoll_wait,?epoll_pwait" if call == "poll" else "connect"
    with Ports(5) as ports:
        ports.open(1)
        ports.silence(3)
        output = scan(chapter, ports, "-t", "500", under=faults(calls + ":error=EINTR:when=1"))
        identical(listed(output, "open", "silent"), "%d open\n%d silent\n" % (ports.first + 1, ports.first + 3))


def test_many_silent_ones_do_not_take_many_times_as_long(chapter):
    with Ports(270) as ports:
        ports.silence(*range(270))
        begin = time.monotonic()
        output = scan(chapter, ports, "-t", "400", limit=20)
        assert output.count(" silent\n") == 270 and 0.75 < time.monotonic() - begin < 10


def test_who_hangs_up_at_once_was_there(chapter):
    """A reset that is faster than the look at SO_ERROR."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code = ("import socket, struct\ns = socket.socket(fileno=%d)\nwhile True:\n    c = s.accept()[0]\n"
                "    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\n    c.close()\n" % listener.fileno())
        with subprocess.Popen([sys.executable, "-S", "-E", "-c", code], pass_fds=[listener.fileno()]) as rude:
            try:
                for _ in range(100):
                    assert chapter.run("127.0.0.1", "%d-%d" % (port, port)).output.startswith("%d open" % port)
            finally:
                rude.kill()


def test_half_of_all_ports(chapter):
    with Ports(1) as ports:
        port = ports.open(0)[0]
        program = chapter.run("127.0.0.1", "1-32767", limit=60)
        assert program.status == 0 and re.search(r"^%d open\b" % port, program.output, re.MULTILINE)
        assert len(program.output.splitlines()) - 1 + int(program.output.split()[-1]) == 32767


def test_as_nmap_says(chapter, tool):
    """A random row of ports, as nmap -sT sees it."""
    chance = random.Random(os.environ.get("LAB_SEED", "5a"))
    with Ports(60) as ports:
        ports.open(*chance.sample(range(30), 10))
        ports.silence(*chance.sample(range(30, 60), 5))
        said = subprocess.run([tool("nmap"), "-sT", "-n", "-Pn", "-p", ports.words, "--open", "-oG", "-", "127.0.0.1"],
                              stdout=subprocess.PIPE, text=True, timeout=60).stdout
        output = scan(chapter, ports, "-t", "300")
        assert re.findall(r"^(\d+) open", output, re.MULTILINE) == re.findall(r"(\d+)/open/tcp", said)
        assert output.count(" silent\n") == 5 and output.endswith("\nclosed: 45\n")


def test_as_nc_says(chapter, tool):
    with Ports(10) as ports:
        ports.open(2, 7)
        said = subprocess.run([tool("nc"), "-zvn", "127.0.0.1", ports.words], stderr=subprocess.PIPE, text=True, timeout=60).stderr
        assert re.findall(r"^(\d+) open", scan(chapter, ports), re.MULTILINE) == re.findall(r"(\d+) port .*succeeded", said)


def test_no_descriptor_is_left_open_for_what_is_over(chapter):
    """3000 ports with 300 descriptors."""
    program = chapter.run("127.0.0.1", "2000-5000", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300)))
    assert program.status == 0 and program.stderr == ""
