"""6a-services: echo, discard, daytime, chargen and time, each by UDP and by TCP at once, in one process."""

import calendar
import contextlib
import getpass
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from harness import checks
from harness.compare import identical
from harness.datagrams import Datagrams
from harness.grading import Symptom, graded
from harness.inspect import memory
from harness.namespaces import own_loopback, own_services
from harness.program import wait_until
from harness.talk import connect, receive, receive_all, send_until_stuck

CHAPTER = "6a-services"
SERVICES = "daytime", "time", "echo", "discard", "chargen"
START = "timeout 4 ./services"
EMPTY = ("; python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1); s.sendto(b'', ('127.0.0.1', %d)); "
         "print(len(s.recv(99)))\" 2>&1 | tail -n 1")
SINCE_1970 = 2208988800  # so many seconds after 1900
BEHIND = 0.1  # the clock that time() reads may be so many seconds behind the one of time.time()
ONCE = "The time is read once, and goes on: time() is to be called when a client comes."
STILL = ("first=$(nc -N 127.0.0.1 70%d < /dev/null | od -An -tx1); sleep 1.5; "
         "[ \"$(nc -N 127.0.0.1 70%d < /dev/null | od -An -tx1)\" = \"$first\" ] && echo it stands still || echo it goes on")
LOW_PORT = """
import socket, subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True, close_fds=False)
ports = {}
while len(ports) < 4:
    line = server.stdout.readline()
    if not line:
        sys.exit("it ends, or does not name its sockets")
    name, protocol, address, word, port = (line.split() + [""] * 5)[:5]
    if protocol == "udp" and name != "discard":
        ports[name] = int(port)
for name, port in sorted(ports.items()):
    for own in 0, 7, 1023, 1024:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2 if own in (7, 1023) else 5)
            client.bind(("127.0.0.1", own))
            client.sendto(b"hello", ("127.0.0.1", port))
            try:
                client.recv(999)
                print(name, "answers", "port %d" % own if own else "others")
            except OSError as error:
                print(name, "does not answer", "port %d" % own if own else "others")
                if own not in (7, 1023):
                    sys.exit(server.kill())
server.kill()
"""


def port_of(server, name, protocol):
    """Where a service is, as its line says."""
    return int(server.wait_for_output(r"^%s %s \S+ port (\d+)$" % (name, protocol)).group(1))


def call(server, name):
    """A client of a service, by TCP."""
    return connect(port_of(server, name, "tcp"))


def ask(server, name, data=b"hello"):
    """The answer of a service to a datagram."""
    with Datagrams("a client", server.address) as client:
        client.send_to((server.address, port_of(server, name, "udp")), data)
        return client.receive()[0]


def later():
    """A moment in another second than that in which this was called: who has read the time before says another one."""
    begin = int(time.time())
    wait_until(lambda: time.time() > begin + 1 + BEHIND, limit=3)
    return time.time()


def is_later(said, begin):
    """It was said, in seconds since 1970, after this moment."""
    assert said >= int(begin - BEHIND), "what it says was over %d s before the client came" % (int(begin) - said)


def is_now(text, begin):
    """The text is what daytime says of a moment since `begin`."""
    match = re.fullmatch(rb"(\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d) UTC\r\n", text)
    assert match, "daytime should be of the form '09 Nov 2026 10:07:59 UTC' and CR LF, and is %r" % text
    said = calendar.timegm(time.strptime(match.group(1).decode(), "%d %b %Y %H:%M:%S"))
    assert begin - 600 < said <= time.time() + 1, "the time is wrong: it says %s, and it is %s UTC" % (
        match.group(1).decode(), time.strftime("%d %b %Y %H:%M:%S", time.gmtime()))
    is_later(said, begin)


def is_number_of_now(data, begin):
    """The data are what the service time says of a moment since `begin`."""
    assert len(data) == 4, "time says %d bytes, and not 4: %r" % (len(data), data)
    said = struct.unpack("!I", data)[0] - SINCE_1970
    assert begin - 600 < said <= time.time() + 1, "the number is wrong: %s is %d s away from now" % (
        data.hex(" "), said - time.time())
    is_later(said, begin)


def is_pattern(data):
    """The data are whole lines of chargen's pattern, or its beginning, in order."""
    characters = bytes(range(32, 127))
    lines = data.split(b"\r\n")
    first = characters.find(lines[0][:1])
    assert first >= 0, "its first line begins with %r" % lines[0][:1]
    for number, line in enumerate(lines[:-1] or lines, first):
        expected = bytes(characters[(number + place) % 95] for place in range(72))
        identical(line, expected)


@graded(10, "Starts, and tells the time by TCP",
        cause="Nothing comes: one socket for each service, poll() that says at which of them a client waits, accept(), send(), and an end, "
              "close() or shutdown().",
        read="The program", by_hand=(START, "nc -N 127.0.0.1 7013 < /dev/null | wc -c"))
def test_tells_the_time(chapter):
    server = chapter.serve("0", on_terminal=True)
    for _ in range(3):
        with call(server, "daytime") as client:
            assert receive_all(client), "daytime ends the connection without a word"


@graded(5, "Says where each service listens, at once, also into a pipe",
        cause=[Symptom("first line", "The first line is `listening on ADDRESS port PORT`, with the port of the service in the line after it."),
               "Below it, each socket has a line such as `daytime tcp 127.0.0.1 port 7013`, with the port that getsockname() tells; "
               "fflush(stdout) sends them at once."],
        read="Your turn", by_hand=("timeout 1 ./services | cat",), needs=[])
def test_says_where(chapter):
    server = chapter.serve("0")
    ports = [port_of(server, name, "tcp") for name in SERVICES[:2]]
    first, second = server.output.splitlines()[:2]
    assert re.fullmatch(r"listening on 127\.0\.0\.1 port \d+", first) and first.split()[-1] == second.split()[-1], (
        "the first line is %r, the second %r" % (first, second))
    for port in ports:
        connect(port).close()


@graded(5, "daytime says the day and the time, in UTC",
        cause=[Symptom("was over", ONCE, (START, STILL % (13, 13))),
               Symptom("the time is wrong", "gmtime() gives the time of UTC; localtime() that of the place where the computer believes to be.",
                       ("TZ=Asia/Tokyo timeout 4 ./services", "[ $(nc -N 127.0.0.1 7013 < /dev/null | cut -c 13-14) = $(date -u +%H) ] && echo the same hour || echo another hour")),
               "strftime() writes it, with %d %b %Y %H:%M:%S, UTC and CR LF behind it."],
        read="The program", by_hand=(START, "nc -N 127.0.0.1 7013 < /dev/null | tr '0-9' 9 | cat -A"))
def test_daytime(chapter):
    server = chapter.serve("0", env={**os.environ, "TZ": "Asia/Tokyo"})
    with call(server, "daytime") as client:
        is_now(receive_all(client), time.time())
    begin = later()
    with call(server, "daytime") as client:
        is_now(receive_all(client), begin)


@graded(10, "time says the seconds since 1900 in four bytes, the high one first",
        cause=[Symptom("was over", ONCE, (START, STILL % (37, 37))),
               Symptom("not 4", "A time_t has eight bytes; the protocol has four: an uint32_t."),
               "time() counts from 1970; 1900 was 2,208,988,800 seconds before. htonl() puts the high byte first."],
        read="The program", by_hand=(START, "nc -N 127.0.0.1 7037 < /dev/null | head -c 9 | od -An -tx1 | cut -c 1-3; "
                                     "nc -N 127.0.0.1 7037 < /dev/null | wc -c"))
def test_time(chapter):
    server = chapter.serve("0")
    with call(server, "time") as client:
        is_number_of_now(receive_all(client), time.time())
    begin = later()
    with call(server, "time") as client:
        is_number_of_now(receive_all(client), begin)


TABLE = "".join("%s %d/%s # where else?\n" % (name, number + (protocol == "udp") * 100, protocol)
                for number, name in enumerate(SERVICES, 1101) for protocol in ("tcp", "udp"))


@graded(10, "Has each service at its well-known port plus BASE, 7000 if there is none",
        cause=[
            Symptom("no word of it", "A service that /etc/services does not have is an error: getservbyname() returns NULL. Report it, and end with exit status 1.",
                    ("grep -v '^daytime' /etc/services > services.txt; unshare -rm sh -c 'mount --bind services.txt /etc/services; timeout 1 ./services; "
                     "echo exit status $?'; rm services.txt",)),
            "getservbyname(\"daytime\", \"tcp\") finds the port in /etc/services. s_port is in network order: ntohs(), and BASE is added "
            "to the number."],
        read="The program", by_hand=("printf 'daytime 1113/tcp\\ntime 1137/tcp\\necho 1107/udp\\n' > services.txt; cat /etc/services >> services.txt; unshare -rm sh -c "
                                     "'mount --bind services.txt /etc/services; timeout 1 ./services'; rm services.txt",), needs=[])
@pytest.mark.parametrize("base", [None, 20000, "missing"])
def test_ports(chapter, tmp_path, base):
    if base == "missing":
        lines = TABLE.replace("daytime", "nighttime")
        program = chapter.start("7000", under=own_services(tmp_path, lines))
        with contextlib.suppress(AssertionError):  # told below
            program.status = program.wait(3)
        assert program.process.poll() == 1 and "daytime" in program.stderr, (
            "daytime is not in /etc/services, and there is no word of it, with exit status 1; stderr:\n%s" % (program.stderr or "(nothing)"))
        return
    program = chapter.start(*[str(base)] * (base is not None), under=own_services(tmp_path, TABLE))
    for name, port in ("daytime", 1101), ("time", 1102):
        program.wait_for_output(r"^%s tcp 127\.0\.0\.1 port %d$" % (name, port + (base or 7000)))


@graded(5, "Ends with exit status 1 if a port is in use",
        cause="What bind() returns is not looked at, or main() returns 0.",
        read="What can go wrong", by_hand=(START, "timeout 1 ./services 2>&1 > /dev/null | head -n 1; timeout 1 ./services > /dev/null 2>&1; echo exit status $?"))
def test_port_in_use(chapter):
    while True:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            base = taken.getsockname()[1] - socket.getservbyname("daytime", "tcp")
            if base <= 60000:
                checks.is_failure(chapter, chapter.run(str(base), limit=5), "EADDRINUSE")
                return


@graded(5, "Refuses what is no BASE or no address, with a usage line",
        cause=[Symptom(r"did not end|\(E[A-Z]+\)", "atoi() and strtol() take 80x for 80 and an empty string for 0; "
                       "inet_pton() and argc were not looked at. BASE is 60000 at most.")],
        read="Your turn", by_hand=("for words in 99999 60001 80x '0 127.0.0.256' '0 ::1 surplus'; do timeout 0.5 ./services $words; echo exit status $?; done",), needs=[])
@pytest.mark.parametrize("arguments", [["60001"], *checks.WRONG_PORTS, *checks.WRONG_ADDRESSES])
def test_wrong_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])


@graded(10, "Answers datagrams at echo, and none at discard",
        cause=[
            Symptom("services 0 ::1", "ADDRESS may be one of IPv6, too: socket() gets its family, bind() its length, and recvfrom() "
                    "room for its sender's.", (START + " 7000 ::1", "echo hello | nc -u -w 1 ::1 7007")),
            Symptom("gets an answer", "discard throws away what comes: it has no answer.",
                    (START, "echo hello | nc -u -w 1 127.0.0.1 7009")),
            Symptom(r"of 0 bytes\n.*waits in vain", "An empty datagram is one, too: recvfrom() returns 0, and that is no end.",
                    (START, "echo hello | nc -u -w 1 127.0.0.1 7007" + EMPTY % 7007)),
            Symptom("got: ", "What comes back is not what was sent, all of it: its size is what recvfrom() has returned, 0 to 65,507 bytes.",
                    (START, "head -c 9000 /dev/zero | nc -u -w 1 127.0.0.1 7007 | wc -c")),
            "For UDP each service has a socket of kind SOCK_DGRAM, bound and in poll()'s list; recvfrom() says whom sendto() answers."],
        read="The program", by_hand=(START, "echo hello | nc -u -w 1 127.0.0.1 7007" + EMPTY % 7007), step=2)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_echo_by_udp(chapter, address):
    if address == "::1":
        checks.needs_ipv6()
        identical(ask(chapter.serve("0", address), "echo"), b"hello")
        return
    server = chapter.serve("0")
    for data in b"hello", b"", b"\0\xff" * 700, b"x" * 20000:
        identical(ask(server, "echo", data), data)
    with Datagrams("a client") as client:
        client.send_to((server.address, port_of(server, "discard", "udp")), b"hello")
        client.gets_nothing()


@graded(5, "Says the time, and a line of the pattern, for a datagram",
        cause=[
            Symptom("chargen", "chargen answers a datagram with one line of its pattern, 72 characters, CR and LF.",
                    (START, "echo hello | nc -u -w 1 127.0.0.1 7019 | tail -n 1 | wc -c")),
            "Any datagram, also an empty one, is answered with the time: daytime's text, time's four bytes."],
        read="The program", by_hand=(START, "echo hello | nc -u -w 1 127.0.0.1 7013 | wc -c; echo hello | nc -u -w 1 127.0.0.1 7037 | wc -c" + EMPTY % 7013),
        step=2)
def test_time_by_udp(chapter):
    server = chapter.serve("0")
    begin = time.time()
    for data in b"", b"hello":
        is_now(ask(server, "daytime", data), begin)
        is_number_of_now(ask(server, "time", data), begin)
    line = ask(server, "chargen", b"")
    assert len(line) == 74 and line.endswith(b"\r\n"), "chargen answers with %r" % line
    is_pattern(line)


@graded(5, "Answers no datagram from a port below 1024",
        cause=[Symptom("(?s)does not answer others|not answer port 7.*not answer port 1024", "Ports from 1024 on are those of clients: they are answered.",
                       (START, "echo hello | nc -u -w 1 -p 1024 127.0.0.1 7007")),
               "Whoever sends from port 7, or pretends to, is an echo service, too: the two would answer each other for ever. recvfrom() "
               "says the port, in network order."],
        read="The program", by_hand=(START, "echo hello | nc -u -w 1 -p 1023 127.0.0.1 7007 | wc -l; echo hello | nc -u -w 1 -p 2000 127.0.0.1 7007"), step=2)
def test_low_ports(chapter):
    program = chapter.start("0", under=[*own_loopback(), sys.executable, "-S", "-E", "-c", LOW_PORT])
    assert program.wait(10) == 0, program.stderr
    lines = program.output.splitlines()
    assert lines == ["%s %s %s" % (name, "does not answer" if own in ("port 7", "port 1023") else "answers", own)
                     for name in sorted(set(SERVICES) - {"discard"}) for own in ("others", "port 7", "port 1023", "port 1024")], program.output


@graded(10, "Echoes by TCP, to many clients at once, to the end",
        cause=[
            Symptom("first difference|got: ", "Other bytes come back than were sent. What send() did not take has to wait in the client's buffer, "
                    "and nothing more is read until it is sent.", (START, "head -c 3000000 /dev/zero | nc -N 127.0.0.1 7007 | wc -c")),
            "Each client has a place in poll()'s list and a buffer of its own: recv() and send() once for each that is ready, with "
            "MSG_DONTWAIT. At its end (recv() is 0) it is closed."],
        read="The program", by_hand=(START, "for i in {1..99}; do exec {c}<> /dev/tcp/127.0.0.1/7007; done; echo hello | timeout 2 nc -N 127.0.0.1 7007"), step=3)
def test_echo_by_tcp(chapter):
    server = chapter.serve("0")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(call(server, "echo")) for _ in range(100)]
        for number, client in reversed(list(enumerate(clients))):
            client.sendall(b"client %d" % number)
            identical(receive(client, len(b"client %d" % number)), b"client %d" % number)
        for number, client in reversed(list(enumerate(clients))):
            client.sendall(b"the end of %d" % number)
            client.shutdown(socket.SHUT_WR)
            identical(bytes(receive_all(client)), b"the end of %d" % number)
    data = random.Random(6).randbytes(20 << 20)
    with call(server, "echo") as client:
        rest = send_until_stuck(client, data)  # now it waits with what send() did not take
        sending = threading.Thread(target=lambda: client.sendall(rest) or client.shutdown(socket.SHUT_WR), daemon=True)
        sending.start()
        identical(bytes(receive_all(client)), data)
        sending.join()


@graded(5, "Takes all at discard, and says nothing",
        cause="What comes is received and thrown away, until recv() returns 0; then the connection is closed. Nothing is sent.",
        read="The idea", by_hand=(START, "head -c 3000000 /dev/zero | timeout 2 nc -N 127.0.0.1 7009 | wc -c; echo exit status ${PIPESTATUS[1]}"), step=3)
def test_discard_by_tcp(chapter):
    server = chapter.serve("0")
    with call(server, "discard") as client:
        client.sendall(b"x" * (20 << 20))
        client.shutdown(socket.SHUT_WR)
        identical(bytes(receive_all(client)), b"")


@graded(5, "Sends chargen's pattern for as long as a client reads",
        cause=[Symptom("(?s)resets the connection.*SIGPIPE", "A client that ends its side, and then goes, has send() raise SIGPIPE, which ends all: "
                       "MSG_NOSIGNAL, or ignore it by sigaction().",
                       (START, "python3 -c \"import socket, time; c = socket.create_connection(('127.0.0.1', 7019)); c.recv(99); c.shutdown(1); "
                        "time.sleep(0.3)\"; sleep 0.3; echo hello | timeout 1 nc -N 127.0.0.1 7007")),
               Symptom(r"(?s)half-close.*ended its side", "Who has ended its side still reads: what chargen hears, an end, too, is thrown "
                       "away, and it goes on until the client has gone, which send() tells.",
                       (START, "timeout 2 nc -N 127.0.0.1 7019 < /dev/null | head -n 90000 | wc -l")),
               Symptom("ended its side", "The pattern has no end: it goes on until the client has gone.",
                       (START, "timeout 2 nc 127.0.0.1 7019 < /dev/null | head -n 9000 | wc -l")),
               "A line is 72 of the 95 characters from the blank to ~, CR and LF. Each begins one character later than the last, and "
               "behind ~ comes the blank."],
        read="The program", by_hand=(START, "timeout 1 nc 127.0.0.1 7019 < /dev/null | head -n 100 | tail -n 3"), step=3)
def test_chargen_by_tcp(chapter):
    server = chapter.serve("0")
    with call(server, "chargen") as client, call(server, "chargen") as another:
        receive(another, 74)
        data = receive(client, 74 * 2000)
        is_pattern(data)
        identical(data[-2:], b"\r\n")
        client.shutdown(socket.SHUT_WR)
        receive(client, 12 << 20)  # more than there may be on the way
        client.reset()
        receive(another, 12 << 20)


@graded(5, "Lets no client delay the others",
        cause=[Symptom("spins", "It spins: ask poll() for POLLOUT only while there is something to send, and for POLLIN only while there is room.",
                       ("./services > /dev/null & p=$!; sleep 0.3; exec 3<>/dev/tcp/127.0.0.1/7007; timeout 3 python3 -c \"import socket, time; "
                        "c = socket.create_connection(('127.0.0.1', 7019)); c.shutdown(1); time.sleep(2.5)\" &\n"
                        "sleep 2; awk '{print ($14 + $15 > 50 ? \"busy\" : \"idle\")}' /proc/$p/stat; kill $p",)),
               "A client that does not read lets send() wait, and one that says nothing recv(): MSG_DONTWAIT has both return at once, with EAGAIN."],
        read="The idea", by_hand=(START, "exec 3<>/dev/tcp/127.0.0.1/7019; sleep 0.5; echo hello | timeout 2 nc -N 127.0.0.1 7007; echo exit status $?"), step=3)
def test_a_client_that_does_not_read(chapter):
    server = chapter.serve("0")
    with call(server, "chargen") as deaf, call(server, "echo") as full, call(server, "discard"), call(server, "echo"):
        send_until_stuck(full, b"x" * (64 << 20))
        receive(deaf, 74)
        deaf.shutdown(socket.SHUT_WR)
        with call(server, "echo") as client:
            client.sendall(b"hello")
            identical(receive(client, 5), b"hello")
        identical(ask(server, "echo"), b"hello")
        checks.waits_without_spinning(server.pid)


@graded(5, "Says the time also to who has said something",
        cause="If what a client has sent was not read, close() sends a reset (RST), and the answer may be lost. shutdown(SHUT_WR) says that this "
              "was all; then receive, and throw it away, until the client ends its side.",
        read="The program", by_hand=(START, "python3 -c \"import socket, time; c = socket.create_connection(('127.0.0.1', 7037)); c.send(b'hello'); print(len(c.recv(99))); "
                                     "c.send(b'and now?'); time.sleep(0.3); c.send(b'and now?'); print(len(c.recv(99)))\""), step=3)
def test_who_has_said_something(chapter):
    server = chapter.serve("0")
    for name, size in ("time", 4), ("daytime", 26):
        for _ in range(5):
            with call(server, name) as client:
                client.sendall(b"what time is it?")
                wait_until(lambda: client.recv(1, socket.MSG_PEEK), what="an answer")
                client.sendall(b"and now?")
                assert len(receive_all(client)) == size


# ---- With what people use

XINETD = """service {name}
{{
    type = INTERNAL UNLISTED
    id = {name}-{kind}
    socket_type = {kind}
    protocol = {protocol}
    port = {port}
    bind = 127.0.0.1
    user = {user}
    wait = {wait}
}}
"""


@pytest.fixture
def xinetd(chapter, tool, tmp_path):
    """The ports of xinetd's own services, by their name and protocol."""
    path, ports, lines = tool("xinetd"), {}, ""
    with contextlib.ExitStack() as stack:
        for name in SERVICES:
            for kind, protocol, wait in ("dgram", "udp", "yes"), ("stream", "tcp", "no"):
                taken = stack.enter_context(Datagrams("a free port") if protocol == "udp" else socket.socket())
                if protocol == "tcp":
                    taken.bind(("127.0.0.1", 0))
                ports[name, protocol] = taken.getsockname()[1]
                lines += XINETD.format(name=name, kind=kind, protocol=protocol, port=ports[name, protocol],
                                       user=getpass.getuser(), wait=wait)
    (tmp_path / "xinetd.conf").write_text(lines)
    chapter.start_other([path, "-dontfork", "-f", str(tmp_path / "xinetd.conf"), "-pidfile", str(tmp_path / "pid"),
                         "-filelog", str(tmp_path / "log")], env={**os.environ, "TZ": "UTC"})

    def listens():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", ports["time", "tcp"])):
            return True

    wait_until(listens, what="xinetd to listen")
    return ports


def test_like_xinetd(chapter, xinetd):
    server = chapter.serve("0")
    for name in "daytime", "time":
        with connect(xinetd[name, "tcp"]) as theirs, call(server, name) as ours:
            said, expected = receive_all(ours), receive_all(theirs)
            if name == "time":
                assert abs(struct.unpack("!I", said)[0] - struct.unpack("!I", expected)[0]) <= 1
            else:
                assert len(said) == len(expected) and said[:11].upper() == expected[:11].upper() and said[-6:] == expected[-6:]
    with connect(xinetd["chargen", "tcp"]) as theirs:
        lines = receive(theirs, 74 * 3).split(b"\r\n")  # it leaves out the blank and ~, as ours does not
        assert [len(line) for line in lines] == [72, 72, 72, 0] and lines[0][2:] == lines[1][1:-1] == lines[2][:-2]
    with connect(xinetd["echo", "tcp"]) as theirs, call(server, "echo") as ours:
        for client in theirs, ours:
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"


@pytest.mark.parametrize("protocol", [[], ["-u"]], ids=["tcp", "udp"])
def test_rdate(chapter, tool, protocol):
    server = chapter.serve("0")
    port = port_of(server, "time", "udp" if protocol else "tcp")
    done = subprocess.run([tool("rdate"), "-4", "-p", *protocol, "-o", str(port), "127.0.0.1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=20, env={**os.environ, "TZ": "UTC", "LC_ALL": "C"})
    assert time.strftime("%a %b ", time.gmtime()) in done.stdout and time.strftime("%Y", time.gmtime()) in done.stdout, done.stdout


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_other_addresses(chapter, address):
    if address == "::1":
        checks.needs_ipv6()
    server = chapter.serve("0", address)
    for name in SERVICES:
        assert re.search("^%s udp %s port" % (name, address), server.output, re.MULTILINE)
    with Datagrams("a client", address) as client:
        client.send_to((address, port_of(server, "echo", "udp")), b"hello")
        assert client.receive()[0] == b"hello"


# ---- And with whom nobody wants

def test_a_flood_of_everything(chapter):
    """Datagrams and clients that come and go in any order, some of them by a reset."""
    server = chapter.serve("0")
    chance = random.Random(os.environ.get("LAB_SEED", "6a"))
    ports = {(name, protocol): port_of(server, name, protocol) for name in SERVICES for protocol in ("tcp", "udp")}
    open_ones = []
    before = memory(server.pid)
    with Datagrams("a client") as flooding:
        for number in range(3000):
            name = chance.choice(SERVICES)
            flooding.sendto(b"x" * chance.randrange(2000), ("127.0.0.1", ports[name, "udp"]))
            if number % 4 == 0:
                open_ones.append(connect(ports[name, "tcp"]))
            for client in chance.sample(open_ones, min(len(open_ones), 2)):
                with contextlib.suppress(OSError):
                    client.setblocking(False)
                    chance.choice((lambda: client.send(b"y" * chance.randrange(1, 5000)), lambda: client.recv(chance.randrange(1, 5000)),
                                   lambda: client.shutdown(socket.SHUT_WR)))()
            if len(open_ones) > 250:  # more than it has room for
                for client in open_ones:
                    client.reset() if chance.random() < 0.5 else client.close()
                open_ones = []
    for client in open_ones:
        client.close()
    with call(server, "echo") as client:
        client.sendall(b"hello")
        assert receive(client, 5) == b"hello"
    assert memory(server.pid) - before < 4 << 20
    checks.complains_of_clients_only(server) if server.stderr else None


def test_no_descriptor_is_left(chapter):
    server = chapter.serve("0")

    def visit():
        for name in "daytime", "echo":
            with call(server, name) as client:
                client.shutdown(socket.SHUT_WR)
                receive_all(client)

    checks.no_descriptor_leaks(server, visit, 300)
