"""Checks that several chapters share. Each takes the chapter and how its program is told a port:
`port` is a function that turns a port (a string) into the program's arguments."""

import contextlib
import errno
import os
import re
import resource
import select
import signal
import socket
import subprocess
import time

import pytest

from harness import steps
from harness.compare import identical
from harness.grading import Symptom
from harness.inspect import busy_time, descriptors, memory, room_for, state, waits
from harness.listening import kernel, sockets_of
from harness.program import how_it_ended, last_lines, wait_until
from harness.talk import connect, ends_its_side, exchange, receive_all, see_the_end
from harness.users import set_limit

# The last two are 80 to a number that has 32 or 64 bits.
BAD_PORTS = ["99999", "65536", "80x", "-1", "", " 80", "+80", "0x50", "8 0", "80 ", "80.5", "http", "4294967376",
             "18446744073709551696"]
BAD_ADDRESSES = ["127.0.0.256", "127.0.0.1x", "::1::", "localhost", ""]
# For the programs that take [PORT [ADDRESS]]; the last argument is the wrong one.
WRONG_PORTS = [*([port] for port in BAD_PORTS), ["0", "127.0.0.1", "surplus"]]
WRONG_ADDRESSES = [["0", address] for address in BAD_ADDRESSES]

TEXTS_OF_MUSL = {  # where another libc's strerror() differs
    "EADDRINUSE": "address in use", "EADDRNOTAVAIL": "address not available", "ECONNABORTED": "connection aborted",
    "EHOSTUNREACH": "host is unreachable", "EIO": "i/o error", "EISCONN": "socket is connected",
    "ELOOP": "symbolic link loop", "EMFILE": "no file descriptors available", "EMSGSIZE": "message too large",
    "ENAMETOOLONG": "filename too long", "ENETUNREACH": "network unreachable", "ENOMEM": "out of memory",
    "ENOTCONN": "socket not connected", "ENOTSOCK": "not a socket", "ETIMEDOUT": "operation timed out"}


def positional(port):
    """The arguments of the programs that take [PORT [ADDRESS]]."""
    return [port]


def option(port):
    """The arguments of the programs that take -p PORT."""
    return ["-p", port]


def says_where_it_listens(server):
    """The program's first line of stdout is `listening on ADDRESS port PORT`, with where it really listens.

    All other checks find a Server without that line, too (see Server.find()), so that a wrong letter in it costs
    the points of this one: a chapter asks for it in a check of its own, on which no other depends. The chapter's
    first check, which the others need unless they say `needs=[...]`, asks only for what they mean nothing
    without: that the program starts, and that a client can connect to it.
    """
    expected = "listening on %s port %d" % (server.address, server.port)
    with contextlib.suppress(AssertionError):  # what came is told below
        wait_until(lambda: "\n" in server.output or not server.is_running(), limit=1)
    assert server.output, "it listens on %s port %d, and has not said so: nothing has come on stdout" % (
        server.address, server.port)
    identical(server.output.partition("\n")[0], expected)
    assert "\n" in server.output, "its line has no end, \\n"


def is_usage_error(program, bad):
    """The program has ended with status 2, and its stderr names the bad input and the usage. An option
    may be named as getopt(3) does it: invalid option -- 'z'; of --help it names the second dash."""
    assert program.status == 2, "%s, not exit status 2; stderr:\n%s" % (
        how_it_ended(program.status), program.stderr)
    assert re.search("^usage: .", program.stderr, re.MULTILINE), (
        "no line usage: ... on stderr:\n" + (program.stderr or "(nothing)"))
    by_getopt = re.fullmatch("-[a-z]|--[a-z]+", bad) and re.search(r"option\b.*\W%s\W" % bad[1], program.stderr)
    assert bad in program.stderr or by_getopt, (
        "stderr does not repeat what is wrong, %r:\n%s" % (bad, program.stderr))
    has_nothing_on_stdout(program)


def usage_symptoms(correct, bad_port, surplus, name, too_large, too_few=None):
    """What is told of a program that takes wrong arguments. `correct` is a command, the others are what follows its
    name: with a port that is none, with one argument too many, with a name for an address, with a port that would
    be right if a number of 32 bits wrapped around, and with one argument too few, where they are all needed."""
    program = correct.split()[0]

    def by_hand(arguments, more=""):
        return ("timeout 1 %s %s%s; echo exit status $?" % (program, arguments, more),)

    return [
        Symptom("no line usage", "A line that begins with `usage: ` belongs on stderr: fprintf(stderr, ...).",
                by_hand(bad_port, " > /dev/null")),
        Symptom("it prints on stdout", "Nothing goes to stdout, which is for results: fprintf(stderr, ...).",
                by_hand(bad_port, " 2> /dev/null")),
        Symptom("does not repeat", "The message is to repeat the argument that is wrong.", by_hand(bad_port)),
        Symptom(r"exit status \d+, not exit status 2; stderr:\n(.*\n)*.*usage: ",
                "Wrong usage is exit status 2; 1 is for a call that failed.", by_hand(bad_port)),
        *([Symptom(r"start \./\w+( 127\.0\.0\.1)?\n", "An argument is missing: look at argc, which counts the program's "
                   "name, before you use argv.", by_hand(too_few))] if too_few else []),
        Symptom(r"start .*\bsurplus\b", "The number of arguments is not looked at: argc counts the program's name, too.",
                by_hand(surplus)),
        Symptom(r"start .*\blocalhost\b", "A name is no address: inet_pton() takes numbers only, getaddrinfo() needs "
                "AI_NUMERICHOST for that.", by_hand(name)),
        Symptom(r"start .*\b(4294967376|18446744073709551696)\b",
                "The number grows beyond what its type can hold, and wraps around: stop as soon as it is greater than "
                "65535. strtol() says ERANGE in errno, and a long may not fit an int.", by_hand(too_large)),
        Symptom(r"start .*(127\.0\.0\.(256|1x)|::1::)", "What inet_pton() returned is not looked at: 1 is an address, 0 "
                "is none.", by_hand(name.replace("localhost", "127.0.0.256"))),
        Symptom("not exit status 2|did not end", "atoi() and strtol() take 80x for 80 and an empty string for 0: look at where the number ended, and "
                "take digits only, up to 65535.", by_hand(bad_port))]


def has_nothing_on_stdout(program):
    assert program.output == "", "it prints on stdout, where nothing belongs now; what is wrong belongs on stderr:\n" + \
        last_lines(program.output, 400)


def complains_of_clients_only(program):
    """If there is anything on stderr, these are reports, in the form that all have, of clients that left."""
    left = r"ECONNRESET|EPIPE|ENOTCONN|ETIMEDOUT|EAGAIN|EWOULDBLOCK|ECONNABORTED"
    for line in program.stderr.splitlines():
        assert re.fullmatch(r"[^:]+: .+: .+ \((%s)\)" % left, line), (
            "stderr should have lines `program: what failed: strerror text (ESYMBOL)`, and has:\n"
            + program.stderr[-2000:])


def is_failure(chapter, program, symbol):
    """The program has ended with status 1, and with one line on stderr that names the error."""
    name = os.path.basename(chapter.program)
    assert program.status == 1, "%s, not exit status 1; stderr:\n%s" % (
        how_it_ended(program.status), program.stderr)
    line = re.match(r"%s: .+: (.+) \(%s\)\n\Z" % (re.escape(name), symbol), program.stderr)
    assert line, "stderr should be one line `%s: what failed: strerror text (%s)`, and is:\n%s" % (
        name, "ESYMBOL" if symbol == r"\w+" else symbol, program.stderr or "(nothing)")
    if hasattr(errno, symbol):
        text = os.strerror(getattr(errno, symbol))
        assert line.group(1).casefold() in (text.casefold(), TEXTS_OF_MUSL.get(symbol)), (
            "stderr should say strerror()'s text, `%s`, before (%s), and is:\n%s" % (text, symbol, program.stderr))
    has_nothing_on_stdout(program)


def full_disk(chapter, *arguments):
    """The program fails if its output cannot be written."""
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    to_full = ["sh", "-c", 'exec "$0" "$@" > /dev/full']
    steps.step("with stdout to /dev/full, a disk that is full:")
    is_failure(chapter, chapter.run(*arguments, under=to_full, limit=5), "ENOSPC")


def closed_stdout(chapter, *arguments):
    """The program fails if there is no stdout, though its socket gets that number. Whether it sees that (EBADF)
    or has written to the socket (EPIPE, ENOTCONN) is up to it."""
    without = ["sh", "-c", 'exec "$0" "$@" >&-']
    steps.step("with its stdout closed, as `>&-` does it:")
    is_failure(chapter, chapter.run(*arguments, under=without, limit=5), r"\w+")


def default_port(chapter, port, *arguments):
    """With these arguments, or none, the program asks for `port`: it listens there, or says that others do."""
    program = chapter.start(*arguments, stdin=subprocess.PIPE)  # open and silent, as a terminal
    wanted = (r"\Alistening on \S+ port %d$"
              r"|\A[^:]*: bind \S+ port %d: .*\(EADDRINUSE\)$" % (port, port))

    def is_tried():
        return (re.search(wanted, program.output + program.stderr, re.MULTILINE)
                or port in [place[1] for place in kernel(program.pid)])

    with contextlib.suppress(AssertionError):  # what it does instead is told below
        wait_until(lambda: is_tried() or not program.is_running())
    if not program.is_running():
        program.wait()  # until all that it said has come
    assert is_tried(), "waited in vain for port %d to be tried; it says: %s" % (
        port, (program.output + program.stderr).strip() or "(nothing)")


def has_ipv6():
    """Whether the machine has ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def takes_ipv6(chapter):
    """With ::1 as its second argument the program listens there, where the machine has it."""
    if has_ipv6():
        address = chapter.serve("0", "::1").address
        assert address == "::1", "with the address ::1 it listens on " + address


def needs_ipv6():
    """Skip the test where the machine has no ::1."""
    if not has_ipv6():
        pytest.skip("needs IPv6")


def needs_a_long_queue(clients=64):
    """Skip the test where the system keeps the accept queue shorter than for so many clients."""
    longest = "/proc/sys/net/core/somaxconn"
    if os.path.exists(longest):
        with open(longest) as file:
            if int(file.read()) < clients:
                pytest.skip("this system lets no more than a few clients wait, see net.core.somaxconn")


def needs_privileged_ports():
    """Skip the test where ports below 1024 are not for root only."""
    first_free = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
    if os.path.exists(first_free):
        with open(first_free) as file:
            if int(file.read()) >= 1024:
                return
    pytest.skip("every user may bind every port here")


def port_in_use(chapter, port, says_where=False):
    """A second instance on the same port ends with status 1 and names EADDRINUSE; and says where, if the contract wants it."""
    first = chapter.serve(*port("0"))
    second = chapter.run(*port(str(first.port)), limit=5)
    is_failure(chapter, second, "EADDRINUSE")
    where = "bind %s port %d: " % (first.address, first.port)
    assert where in second.stderr or not says_where, "stderr does not say `%s`:\n%s" % (where, second.stderr)


def restart_at_once(chapter, port, finish):
    """Right after a client was served, and the server killed, the port can be had again.
    `finish` is called with the connected client and returns when the server has closed."""
    server = chapter.serve(*port("0"))
    with connect(server) as client:
        finish(client)
    server.signal(signal.SIGKILL)
    server.wait()
    assert chapter.serve(*port(str(server.port))).port == server.port


def starts_beside_an_old_connection(chapter, port):
    """A connection that is left of an earlier server does not keep the port from the next one.
    What is left is mostly in TIME_WAIT; one that is still open stands for it here, since a busy
    system does without TIME_WAIT."""
    with socket.create_server(("127.0.0.1", 0)) as earlier:  # which sets SO_REUSEADDR
        number = earlier.getsockname()[1]
        client = connect(number)
        connection = earlier.accept()[0]
    with client, connection:
        with socket.socket() as careless, pytest.raises(OSError):
            careless.bind(("127.0.0.1", number))
        assert chapter.serve(*port(str(number))).port == number


def more_descriptors(server, before):
    """How many descriptors it has more than before. A client sees its end a moment before the server has closed all."""
    with contextlib.suppress(AssertionError):
        wait_until(lambda: len(descriptors(server.pid)) <= before, limit=3)
    return len(descriptors(server.pid)) - before


def no_descriptor_leaks(server, visit, visitors=2000):
    """`visit` is called for each visitor and must leave the server with no more descriptors."""
    visit()
    before = len(descriptors(server.pid))
    for _ in range(visitors):
        visit()
    wait_until(lambda: len(descriptors(server.pid)) <= before, what="no more descriptors than before")


def survives_lack_of_descriptors(server, refusal=None):
    """With no descriptor free a client waits in the queue, and so does the server; then it goes on. A
    server that has kept a descriptor for that may answer, if its answer begins with `refusal`."""
    before = len(sockets_of(server.pid))
    with connect(server) as client:  # so that it has all that it needs
        ends_its_side(client)
        see_the_end(client)
    with contextlib.suppress(AssertionError):  # whoever waits for a child, which has served this client, closes it then
        wait_until(lambda: len(sockets_of(server.pid)) <= before, limit=3)
    steps.step("let it have no more descriptors than it has")
    set_limit(server.pid, resource.RLIMIT_NOFILE, room_for(0, server.pid))
    # The first may be lucky: an accept() that waits has a descriptor for it already.
    with connect(server) as first, connect(server) as second:
        ends_its_side(first)
        server.wait_for_error(r"^.+: .+ \(EMFILE\)$")
        reports = server.stderr.count("\n")
        waits_without_spinning(server.pid)
        reports = server.stderr.count("\n") - reports
        assert reports < 300, "it spins instead of waiting: it reports that %d times in a moment" % reports
        if select.select([second], [], [], 0)[0]:
            answer = second.recv(100, socket.MSG_PEEK)
            assert refusal and answer.startswith(refusal), "it did not leave the client in the queue"
        steps.step("let it have more again")
        set_limit(server.pid, resource.RLIMIT_NOFILE, None)
        ends_its_side(second)
        see_the_end(first)
        see_the_end(second)


def no_leaks(server, data):
    """Thousands of visitors, who send data and end their side, cost no descriptors and no memory."""
    for _ in range(100):
        exchange(server, data)
    before = memory(server.pid)
    no_descriptor_leaks(server, lambda: exchange(server, data))
    grown = memory(server.pid) - before
    assert grown < 100 * 1024, "its memory has grown by %d KiB" % (grown // 1024)


def listens_on_loopback_only(server):
    """The kernel's table has the server listen on 127.0.0.1 and on nothing else."""
    if not os.path.exists("/proc/net/tcp"):
        pytest.skip("needs Linux's /proc")
    addresses = sorted(address for address, port in kernel(server.pid))
    assert addresses == ["127.0.0.1"], "the kernel says that it listens on %s, not on 127.0.0.1 only" % (
        " and ".join(addresses) or "no IPv4 address")


def waits_without_spinning(*pids):
    """The processes, which have nothing to do now, use no CPU time, and do not queue for any. One that spins
    is busy all of the time; one that wakes now and then may have to queue, but not long each time."""
    for _ in range(5):
        before = sum(map(busy_time, pids))
        time.sleep(0.3)  # not a wait for anything: it is what is measured
        if sum(map(busy_time, pids)) - before < 0.15:
            return
    raise AssertionError("it spins instead of waiting")


def sleeps_until_woken(pid):
    """The process, which has nothing to do now, waits for what comes, and does not wake up to look for it."""
    for _ in range(3):
        before = waits(pid)
        time.sleep(0.3)  # not a wait for anything: it is what is measured
        woken = waits(pid) - before
        if woken < 20:
            return
    raise AssertionError("it wakes up %d times in 0.3 s, though nothing has come" % woken)


@contextlib.contextmanager
def stopped(program):
    """The program is stopped, as by Ctrl-Z, and the kernel alone answers for it; then it goes on."""
    program.signal(signal.SIGSTOP)
    wait_until(lambda: state(program.pid) == "T", what="the program to stop")
    yield
    program.signal(signal.SIGCONT)


def is_not_disturbed_by_stopping(program):
    """Stop and continue the program, as Ctrl-Z and fg do: some calls it waits in end with EINTR."""
    wait_until(lambda: state(program.pid) == "S", what="the program to wait")
    with stopped(program):
        pass
    wait_until(lambda: state(program.pid) == "S", what="the program to wait again")
