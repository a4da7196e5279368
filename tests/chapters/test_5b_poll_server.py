"""5b-poll-server: chapter 4's echo for many clients in one process, none of which delays another."""

import contextlib
import itertools
import os
import random
import re
import resource
import select
import signal
import socket
import subprocess
import time

import pytest

from harness import checks, steps
from harness.compare import identical
from harness.echo_checks import EVERY_BYTE, GREETING, MEBIBYTE, echoes, greeted, take_greeting
from harness.grading import Symptom, graded
from harness.inspect import at_rest, children, memory, room_for, state
from harness.listening import lines_of
from harness.program import seconds, wait_until
from harness.talk import connect, connect_with_small_buffers, ends_its_side, exchange, receive, receive_all, send_until_stuck
from harness.users import set_limit

CHAPTER = "5b-poll-server"
STARTS = "./poll-server 7890"
KIB = 1024
ROOM = 64 * KIB  # for what a client does not read
MORE = 2048 * KIB  # and for what else they all cost
EVER_MORE = 64 * 1024 * KIB  # who takes so much has no end
THREE = ("for i in 1 2 3; do exec {c[i]}<> /dev/tcp/127.0.0.1/7890; done; for i in 3 1 2; do echo $i >&${c[i]}; "
         "timeout 0.5 head -n 2 <&${c[i]}; done")
MANY = ("python3 -c \"import socket; c = [socket.create_connection(('127.0.0.1', 7890), 1) for _ in range(800)]; "
        "print(all(x.recv(99) for x in reversed(c)))\" 2>&1 | tail -n 1")
SENDS = "timeout 3 head -c 30000000 /dev/zero > /dev/tcp/127.0.0.1/7890"  # and reads nothing
ENDS = ("python3 -c \"import socket, time\nfor size in range(30000, 900000, 30000):\n    c = socket.socket(); "
        "c.setsockopt(1, socket.SO_RCVBUF, 4096); c.setsockopt(6, socket.TCP_MAXSEG, 1448)\n    c.connect(('127.0.0.1', 7890)); "
        "c.sendall(bytes(size)); c.shutdown(1); globals()[size] = c\ntime.sleep(3)\" &")
TURNS = ("python3 -c \"import os, socket, time; a, b, c = [socket.create_connection(('127.0.0.1', 7890)) for _ in '123']; time.sleep(0.3); "
         "os.system('kill -STOP $(pgrep -n poll-server)'); time.sleep(0.1); a.sendall(b'A' * 200000); b.send(b'B'); c.sendall(b'C' * 200000); "
         "time.sleep(0.1); os.system('kill -CONT $(pgrep -n poll-server)'); time.sleep(0.5)\"")
READS_LATER = ("timeout 6 python3 -c \"import socket, threading, time; c = socket.create_connection(('127.0.0.1', 7890)); "
               "d = b'0123456789' * 3000000; threading.Thread(target=lambda: (c.sendall(d), c.shutdown(1)), daemon=True).start(); "
               "time.sleep(1); f = c.makefile('rb'); f.readline(); print('all of it' if f.read() == d else 'not all of it')\"")


@graded(10, "Starts, greets a client, and sends back what it sends",
        cause=[
            Symptom(r"connects to .*\n.*waits in vain|before its greeting", "Each client is greeted first, with `Hello, world! You are visitor "
                    "N.` and a line end."),
            "accept() when poll() finds the listener ready, recv() when it finds a client's socket so; what recv() returned goes back, "
            "and is no string."],
        read="The program", by_hand=(STARTS, "(echo hello; sleep 0.2; printf 'a\\0b') | timeout 1 nc -N 127.0.0.1 7890 | od -c | head -n 5"))
def test_echoes(chapter):
    server = chapter.serve("0", on_terminal=True)
    with greeted(server) as client:
        for data in b"hello\n", b"no line end", b"\0", EVERY_BYTE * 4:
            client.sendall(data)
            identical(receive(client, len(data)), data)


@graded(5, "Says where it listens, at once, also into a pipe",
        cause="The first line is `listening on ADDRESS port PORT`, with the port that the kernel gave, which "
              "getsockname() tells; setvbuf() or fflush(stdout) sends it at once.",
        read="Your turn", by_hand=("timeout 1 ./poll-server 0 | cat",), needs=[])
def test_says_where_it_listens(chapter):
    checks.says_where_it_listens(chapter.serve("0"))


@graded(5, "Counts its clients, in a line for each and in the greeting",
        cause="`connection N from ADDRESS port PORT`, with what accept() says of the client and ntohs(), and the same N in the greeting.",
        read="Your turn", by_hand=(STARTS, "for i in 1 2 3; do timeout 1 nc -N -p 4000$i 127.0.0.1 7890 < /dev/null; done; sleep 0.1"))
def test_counts(chapter):
    server = chapter.serve("0", on_terminal=True)
    for number in 1, 2, 3:
        with connect(server, source="127.0.0.%d" % (number + 1)) as client:
            identical(take_greeting(client), b"Hello, world! You are visitor %d.\n" % number)
            line = "connection %d from %s port %d" % (number, *client.getsockname()[:2])
            with contextlib.suppress(AssertionError):  # what came is told below
                wait_until(lambda: server.output.count("\n") > number, limit=2)
            identical((server.output.split("\n")[number:] or [""])[0], line)


@graded(15, "Serves 800 clients at the same time, in random order",
        cause=[
            Symptom("has ended|killed by|smashing|overflow", "More clients came than its array has room for. A set of select() has room for "
                    "descriptors up to 1023, too, and one more is written behind it; poll() has no such limit.", (STARTS, MANY)),
            "While one client is silent, another one waits in vain: one poll() waits for the listener and for all clients together, and no "
            "other call waits. And 800 of them need room."],
        read="The program", by_hand=(STARTS, THREE + "; " + MANY), limit=60)
def test_many_clients(chapter):
    server, chance = chapter.serve("0"), random.Random(os.environ.get("LAB_SEED", "5b"))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(800)]
        for last in False, True:
            chance.shuffle(clients)
            for client in clients:
                if not last:
                    take_greeting(client)
                data = chance.randbytes(chance.randrange(1, 3000))
                client.sendall(data)
                identical(receive(client, len(data)), data)
                if last:
                    client.close()


@graded(10, "Answers all of it after a half-close, then closes",
        cause=[
            Symptom("ECONNRESET", "close() while something that came is still unread makes the kernel send a reset, and that throws "
                    "away what was on its way to the client: read until recv() returns 0, and close() then."),
            Symptom("still open", "recv() returns 0 when the client has ended its side: once all is sent back, close() comes."),
            "What came before the client's end is to go back first: at the 0 of recv() there may be something in the buffer still."],
        read="The program",
        by_hand=("./poll-server 7890 > /dev/null & sleep 0.3; seq 20000 | timeout 2 nc -N 127.0.0.1 7890 > /dev/null || echo it did not close\n"
                 "python3 -c \"import socket, time\n"
                 "def lost(size):\n"
                 "    c = socket.socket(); c.setsockopt(1, socket.SO_RCVBUF, 4096); c.setsockopt(6, socket.TCP_MAXSEG, 1448)\n"
                 "    c.settimeout(1); c.connect(('127.0.0.1', 7890)); c.sendall(bytes(size)); c.shutdown(1); time.sleep(0.1)\n"
                 "    return 33 + size - len(c.makefile('rb').read())\n"
                 "print('all came' if max(map(lost, range(30000, 900000, 30000))) <= 0 else 'something is lost')\"; kill $!",))
def test_half_close(chapter):
    server = chapter.serve("0")
    with greeted(server) as client:
        with checks.stopped(server):
            client.sendall(b"last words")
            client.shutdown(socket.SHUT_WR)
        identical(receive(client, 10), b"last words")
        assert select.select([client], [], [], seconds(2))[0], "the connection is still open 2 s later"
        assert client.recv(1) == b"", "more comes than was sent"
    with connect_with_small_buffers(server) as client:
        take_greeting(client)
        data = fill_its_buffer(client, server)
        client.shutdown(socket.SHUT_WR)
        at_rest(server.pid)
        identical(bytes(receive_all(client)), data)


def queues(client, server):
    """How many bytes wait in the kernel: to be read by the server, and on the way from it to the client or from it."""
    ports = re.compile(r"[0-9A-F]+:(....) [0-9A-F]+:(....) .. ([0-9A-F]+):([0-9A-F]+)")
    lines = itertools.chain(lines_of("/proc/net/tcp"), lines_of("/proc/net/tcp6"))  # a socket of IPv6 may serve IPv4, too
    found = {tuple(numbers[:2]): numbers[2:] for numbers in (
        [int(number, 16) for number in place.groups()] for place in map(ports.search, lines) if place)}
    theirs = client.getsockname()[1]
    to_client, unread = found[server.port, theirs]
    return unread, to_client + sum(found[theirs, server.port])


def fill_its_buffer(client, server):
    """Have a client that reads nothing send until the server holds a good part of ROOM, which it cannot send back,
    and has left nothing unread in its kernel. Returns what was sent."""
    data, sent, piece = MEBIBYTE * 8, 0, ROOM * 3 // 8
    while sent < len(data):
        socket.socket.sendall(client, data[sent:sent + piece])  # without a step for each
        sent += piece
        at_rest(server.pid)
        unread, on_the_way = queues(client, server)
        if unread > 0 or sent - on_the_way > ROOM // 4:
            break
    steps.step("sends", client.name, data[:sent])
    return data[:sent]


@graded(5, "Survives clients that reset the connection",
        cause=[
            Symptom("SIGPIPE", "Sending to a client that has gone raises SIGPIPE, which ends a process that does not ignore it: sigaction() with "
                    "SIG_IGN."),
            "A recv() or send() that fails with ECONNRESET or EPIPE tells of one client, which has gone: report it, close() its socket, "
            "and go on."],
        read="What can go wrong",
        by_hand=("./poll-server 7890 & sleep 0.2; exec 3<> /dev/tcp/127.0.0.1/7890; sleep 0.2; exec 3>&-  # unread bytes: a reset\n"
                 "kill -STOP $!; echo hello | timeout 0.3 nc 127.0.0.1 7890; for i in 1 2 3; do python3 -c \"import socket; "
                 "c = socket.create_connection(('127.0.0.1', 7890)); c.send(b'hello'); c.shutdown(1); "
                 "c.setsockopt(1, socket.SO_LINGER, bytes([1] + [0] * 7))\"; done\n"
                 "kill -CONT $!; sleep 0.2; echo hello | timeout 1 nc -N 127.0.0.1 7890; kill $!",))
def test_resets(chapter):
    server = chapter.serve("0")
    with greeted(server) as staying:
        greeted(server).reset()
        client = greeted(server)
        with checks.stopped(server):
            for half_close in True, False:
                with connect(server) as early:
                    for rude in client, early:
                        if rude.fileno() >= 0:
                            rude.sendall(MEBIBYTE[:20000])
                            if half_close:
                                rude.shutdown(socket.SHUT_WR)
                            rude.reset()
        echoes(server)
        staying.sendall(b"still here")
        identical(receive(staying, 10), b"still here")
        checks.complains_of_clients_only(server)


@graded(5, "Listens on 127.0.0.1 port 7890 only, unless told otherwise",
        cause=[
            Symptom("poll-server 0 ::1", "ADDRESS may be one of IPv6, too: socket() gets its family, and bind() its length.",
                    ("timeout 1 ./poll-server 7890 ::1",)),
            "INADDR_ANY, which is 0.0.0.0, lets the network in; or the port to use without an argument is another one."],
        read="Your turn", by_hand=("timeout 1 ./poll-server & sleep 0.3; ss -Hltn; wait",), needs=[])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_listens_on_loopback_only(chapter, address):
    if address == "::1":
        checks.needs_ipv6()
        greeted(chapter.serve("0", address)).close()
        return
    checks.listens_on_loopback_only(chapter.serve("0"))
    checks.default_port(chapter, 7890)


@graded(5, "Ends with exit status 1 if it cannot start",
        cause="What bind() and listen() return is not looked at, or main() returns 0.", read="What can go wrong",
        by_hand=(STARTS, "timeout 0.5 ./poll-server 7890 2>&1 | head; echo exit status ${PIPESTATUS[0]}"))
def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)


@graded(5, "Refuses what is no port or no address, with a usage line",
        cause="atoi() and strtol() take 80x for 80 and an empty string for 0; inet_pton() and argc were not looked at.",
        read="Your turn", needs=[],
        by_hand=("timeout 0.5 ./poll-server ''; for words in 99999 80x '0 127.0.0.256' '0 ::1 surplus'; do "
                 "timeout 0.5 ./poll-server $words; done; echo exit status $?",))
@pytest.mark.parametrize("arguments", checks.WRONG_PORTS + checks.WRONG_ADDRESSES)
def test_wrong_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])


@graded(10, "Is not delayed by a client that does not read", step=2,
        cause=[
            Symptom("first difference|got: ", "What a short send() has left, or send() with EAGAIN, is to go out later: keep it, with how far it "
                    "has gone.", (STARTS, READS_LATER)),
            "send() waits where the client's kernel takes no more, and with it all others: O_NONBLOCK for each socket, and what "
            "is left stays in a buffer of that client until poll() finds the socket ready to write (POLLOUT)."],
        read="The program", by_hand=(STARTS, SENDS + " & sleep 1; echo hello | timeout 1 nc -N 127.0.0.1 7890"))
def test_delayed_by_nobody(chapter):
    server, data = chapter.serve("0"), MEBIBYTE * 32
    with greeted(server) as before, connect_with_small_buffers(server) as lazy:
        take_greeting(lazy)
        left = send_until_stuck(lazy, data)
        steps.step("this client has {:,} bytes due to it, and reads nothing".format(len(data) - len(left)))
        before.sendall(b"hello?")
        identical(receive(before, 6), b"hello?")
        echoes(server, MEBIBYTE[:100000])
        lazy.shutdown(socket.SHUT_WR)
        identical(bytes(receive_all(lazy)), data[:len(data) - len(left)])


@graded(5, "Keeps 64 KiB of what a client does not read, and reads no more from it", step=2,
        cause=[
            Symptom("ever more", "It reads on, though what it has read does not go away: without POLLIN in `events` poll() does not tell of what a "
                    "client sends, and so that waits in the client's kernel."),
            "A buffer of 64 KiB for each client is enough; while it is full, that client is not read from."],
        read="The program", needs=["test_delayed_by_nobody"],
        by_hand=("./poll-server 7890 > /dev/null & p=$!; sleep 0.2; for i in $(seq 40); do " + SENDS + " 2> /dev/null & done; sleep 2; "
                 "awk '/RssAnon/ {print ($2 > 4000 ? \"more than\" : \"about\"), \"64 KiB each\"}' /proc/$p/status; kill $p",))
def test_flow_control(chapter):
    server = chapter.serve("0")
    echoes(server, MEBIBYTE[:ROOM])
    before, clients = memory(server.pid), 40  # twice the room for so many is more than there is with MORE
    with contextlib.ExitStack() as stack:
        rests = {stack.enter_context(connect_with_small_buffers(server)): memoryview(MEBIBYTE * 16) for _ in range(clients)}
        steps.step("all of them send, and read nothing")
        while True:
            ready = select.select([], rests, [], seconds(0.05))[1]
            if not ready:
                break
            for client in ready:
                rests[client] = rests[client][client.send(rests[client]):]
            assert all(rests.values()) and memory(server.pid) < before + EVER_MORE, (
                "it takes ever more, though nobody reads what it sends back")
        grown = memory(server.pid) - before
        assert grown < clients * ROOM + MORE, "%d clients that do not read cost %d KiB" % (clients, grown // KIB)


@graded(5, "Takes turns: one recv() for each client that has sent something", step=2,
        cause="A loop of recv() until there is no more (EAGAIN) goes on as long as one client sends, and all others wait: once for each client "
              "that is ready, and poll() again.",
        read="The program",
        by_hand=("strace -qq -s 1 -e trace=recvfrom,recvmsg,read ./poll-server 7890 2>&1 | grep --line-buffered -o 'listening\\|\"[ABC]' | "
                 "head -n 4  # each of A, B and C comes before one comes again", TURNS))
def test_turns(chapter, tool, tmp_path):
    path = tmp_path / "calls"
    server = chapter.serve("0", under=[tool("strace"), "-f", "-qq", "-s", "1", "-o", str(path), "-E", "ASAN_OPTIONS=detect_leaks=0",
                                       "-e", "trace=recvfrom,recvmsg,read,readv"])
    pid = children(server.pid)[0]
    said = [b"A" * 200000, b"B", b"C", b"D" * 200000]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(greeted(server)) for _ in said]
        at_rest(pid)
        steps.step("pause it, as Ctrl-Z does")
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: state(pid) in "Tt", what="the program to stop")
        for client, data in zip(clients, said):
            client.sendall(data)
        steps.step("let it go on")
        os.kill(pid, signal.SIGCONT)
        for client, data in zip(clients, said):
            identical(receive(client, len(data)), data)
    read = "".join(re.findall(r'"([ABCD])', path.read_text(errors="replace")))
    for letter, client in ("A", clients[0]), ("D", clients[3]):
        times = read[:max(read.find(other) for other in "ABCD".replace(letter, ""))].count(letter)
        assert times <= 1, "it reads from %s %d times before all others, which had sent something, too, had their turn" % (
            client.name, times)


@graded(5, "Costs no CPU time while nothing can be done", step=2,
        cause=[
            Symptom("wakes up", "It looks again and again whether there is something to do: poll() with a time of -1 sleeps until there is.",
                    ("./poll-server 7890 > /dev/null & p=$!; sleep 0.2; sleep 2 | nc 127.0.0.1 7890 > /dev/null & sleep 1\n"
                     "awk '/^voluntary/ {print ($2 > 40 ? \"many\" : \"few\"), \"waits\"}' /proc/$p/status; kill $p",)),
            Symptom(r"(?s)half-close.*it spins", "After a client's end its socket is always ready to read, and recv() returns 0 "
                    "each time: do not ask for POLLIN any more while something is still due to it.", ("./poll-server 7890 > /dev/null & "
                    "p=$!; sleep 0.2; " + ENDS + "\nsleep 1; before=$(awk '{print $14 + $15}' /proc/$p/stat); sleep 1; awk -v b=$before '{print ($14 + $15 - b > 5 ? \"much\" : \"little\"), \"CPU time\"}' "
                    "/proc/$p/stat; kill $p",)),
            "poll() returns at once for what can always be done: ask for POLLOUT only while there is something to send, and for POLLIN only "
            "while there is room."],
        read="The program", needs=["test_delayed_by_nobody"],
        by_hand=("./poll-server 7890 > /dev/null & p=$!; sleep 0.2; sleep 3 | nc 127.0.0.1 7890 > /dev/null & " + SENDS + " &\n"
                 "sleep 2; ps -o stat= -p $p; kill $p  # R: it spins",))
def test_sleeps(chapter):
    server = chapter.serve("0")
    with greeted(server), connect_with_small_buffers(server) as lazy:
        checks.waits_without_spinning(server.pid)
        checks.sleeps_until_woken(server.pid)
        send_until_stuck(lazy, MEBIBYTE * 32)
        steps.step("this client reads nothing")
        checks.waits_without_spinning(server.pid)
    with connect_with_small_buffers(server) as lazy:
        take_greeting(lazy)
        fill_its_buffer(lazy, server)
        lazy.shutdown(socket.SHUT_WR)
        checks.waits_without_spinning(server.pid)


@graded(10, "Without a free descriptor it waits, and serves the others meanwhile", step=3,
        cause=[
            Symptom("spins", "accept() fails with EMFILE, and poll() tells of that client again at once: do not ask for the listener until a "
                    "client has left, or a moment is over."),
            Symptom("longer", "It sleeps before it tries again, and all others sleep with it: give poll() that time as its limit instead."),
            Symptom("did not come on stderr", "It is to be reported as all errors are, with the symbol EMFILE."),
            "That accept() fails with EMFILE is no reason to end, nor for more than a moment's wait: then try again."],
        read="What can go wrong",
        by_hand=("(ulimit -n 5; exec ./poll-server 7890) 2> errors & p=$!; sleep 0.2; exec 3<> /dev/tcp/127.0.0.1/7890 4<> /dev/tcp/127.0.0.1/7890\n"
                 "sleep 0.3; ps -o stat= -p $p; read -r line <&3; SECONDS=0; for i in $(seq 40); do echo $i >&3; read -r -t 1 line <&3; done; "
                 "[ $SECONDS -lt 3 ] && echo fast || echo slow\n"
                 "head -n 1 errors; exec 3>&-; timeout 1.5 head -n 1 <&4; kill $p",))
def test_lack_of_descriptors(chapter):
    server = chapter.serve("0")
    checks.survives_lack_of_descriptors(server)
    with greeted(server) as client:
        usual = a_hundred(client)
        set_limit(server.pid, resource.RLIMIT_NOFILE, room_for(0, server.pid))
        steps.step("let it have no more descriptors than it has")
        with connect(server) as waiting:
            took = a_hundred(client)
            assert took < 5 * usual + 3, "a hundred answers take %.1f s, and %.1f s with a client in the queue: much longer" % (usual, took)
            client.close()  # there is a descriptor again
            ends_its_side(waiting)
            greeting = receive_all(waiting)
            assert re.fullmatch(GREETING, greeting), "who has waited is not greeted: %s" % steps.show(greeting)
        set_limit(server.pid, resource.RLIMIT_NOFILE, None)


def a_hundred(client):
    """How long it takes to have a hundred small answers, one after the other."""
    begin = time.monotonic()
    for _ in range(100):
        client.sendall(b"hello")
        receive(client, 5)
    return time.monotonic() - begin


# ---- What no points are given for

@pytest.mark.parametrize("command", [["nc", "-N"], ["socat", "-t", "5", "-", "TCP4:{}:{}"]], ids=["nc", "socat"])
def test_real_clients(chapter, tool, command):
    server = chapter.serve("0")
    tool(command[0])
    words = [word.format(server.address, server.port) for word in command]
    words += [server.address, str(server.port)] if command[0] == "nc" else []
    done = subprocess.run(words, input=EVERY_BYTE * 400, stdout=subprocess.PIPE, timeout=20)
    identical(done.stdout, b"Hello, world! You are visitor 1.\n" + EVERY_BYTE * 400)


def test_load(chapter):
    """As a course of CMU tries its students' first servers: many connections at a time, of which some at random send so many bytes at
    random, and all comes back; and some leave, and others come."""
    server, chance = chapter.serve("0"), random.Random(os.environ.get("LAB_SEED", "5b"))
    with contextlib.ExitStack() as stack:
        clients = [greeted(server) for _ in range(100)]
        for _ in range(20):
            chosen = chance.sample(range(100), 40)
            said = {number: chance.randbytes(chance.randrange(1, 20000)) for number in chosen}
            for number, data in said.items():
                clients[number].sendall(data)
            for number, data in said.items():
                identical(receive(clients[number], len(data)), data)
            for number in chance.sample(range(100), 5):
                chance.choice((clients[number].close, clients[number].reset))()
                clients[number] = greeted(server)
        for client in clients:
            stack.callback(client.close)


def test_more_than_1024_descriptors(chapter):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4000:
        pytest.skip("needs 4000 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4000, hard))
    try:
        server = chapter.serve("0")
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(greeted(server)) for _ in range(1200)]
            for client in reversed(clients):
                client.sendall(b"hello")
                assert receive(client, 5) == b"hello"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_random_faults(chapter, random_faults):
    server = random_faults(chapter.serve, "0")
    for _ in range(5):
        answer = exchange(server, MEBIBYTE[:30000], limit=5)
        identical(answer[len(re.match(GREETING, answer).group()):], MEBIBYTE[:30000])


def test_leaks_nothing(chapter):
    """AddressSanitizer is not to keep what is freed."""
    checks.no_leaks(chapter.serve("0", env={**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=1"}), b"hello\n")


def test_starts_beside_an_old_connection(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)


def test_ipv6(chapter):
    checks.needs_ipv6()
    echoes(chapter.serve("0", "::1"))
