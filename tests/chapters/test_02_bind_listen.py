"""02-bind-listen: an address of its own, and a queue that the kernel fills with clients."""

import contextlib
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys

import pytest

from harness import checks, steps
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.inspect import at_rest
from harness.listening import kernel
from harness.program import how_it_ended, wait_until
from harness.talk import connect, shows_byte_order
from harness.users import PublicFolder, ordinary_user

CHAPTER = "02-bind-listen"

CALLS = "socket", "setsockopt", "bind", "listen", "getsockname"


def free_port(address="127.0.0.1"):
    """A port that nobody uses now, and that shows the byte order."""
    while True:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as nobody:
            nobody.bind((address, 0))
            port = nobody.getsockname()[1]
        if shows_byte_order(port):
            return port


@graded(5, "Says `listening on ADDRESS port PORT`, in one line that comes at once",
        cause=[
            Symptom(r"nothing has come on stdout\nstderr: listening", "The line is on stderr, and belongs on stdout."),
            Symptom("nothing has come on stdout",
                    "The line is in stdout's buffer still, or there is none: into a pipe it takes setvbuf(), before it is "
                    "printed, or fflush(stdout)."),
            Symptom("no end", "The line lacks its \\n."),
            Symptom("one line, and nothing else", "It prints more than its one line."),
            "It is to be `listening on ADDRESS port PORT`, to the letter."],
        read="The program",
        by_hand=("timeout 1 ./bind-listen 7890 | cat -A; timeout 1 ./bind-listen 7890 2> /dev/null | cut -c 1-36",),
        needs=[])
def test_says_its_line(chapter):
    """Whether it listens there is another question."""
    program = chapter.start("0", stdin=subprocess.PIPE)
    with contextlib.suppress(AssertionError):  # what came is told below
        wait_until(lambda: "\n" in program.output or not program.is_running(), limit=2)
    if program.is_running():
        at_rest(program.pid)
    else:
        program.wait()
    assert program.output, "nothing has come on stdout"
    line, end, more = program.output.partition("\n")
    words = re.fullmatch(r"listening on ([\d.]+) port (\d+)", line)
    identical(line, "listening on %s port %s" % (words.groups() if words else ("127.0.0.1", "7890")))
    assert end, "its line has no end, \\n"
    assert not more + program.stderr, "it is to print one line, and nothing else; it prints:\n" + program.output + program.stderr


@graded(10, "Starts, and clients can connect",
        cause=[
            Symptom("has ended: exit status 0",
                    "main() comes to its end, and with the program the kernel closes its socket: after listen() it has to "
                    "wait for a signal, with pause().", ("timeout 1 ./bind-listen 7890; echo exit status $?",)),
            Symptom("has ended: exit status 2",
                    "PORT 0 was refused: it is a port for bind(), to which the kernel finds a free one.",
                    ("timeout 1 ./bind-listen 0 > /dev/null; echo exit status $?",)),
            Symptom("EADDRNOTAVAIL|EAFNOSUPPORT|EINVAL",
                    "bind() got a wrong address: sin_family, sin_addr as inet_pton() or htonl() makes it, and the size of "
                    "the struct as length.", ("timeout 1 ./bind-listen 7890",)),
            Symptom("listens nowhere|refused",
                    "The socket does not listen: listen() is missing, or comes before bind() or after the wait.")],
        read="The program",
        by_hand=("./bind-listen 7890",
                 "nc -zv 127.0.0.1 7890"))
def test_clients_can_connect(chapter):
    connect(chapter.serve("0")).close()


@graded(3, "Says so only once clients can connect",
        cause="The line is printed before listen() has returned.",
        read="The program",
        by_hand=("timeout 2 strace -qq -o /dev/null -e inject=listen:delay_enter=1500000 "
                 "./bind-listen 7890 & sleep 0.8; nc -zv 127.0.0.1 7890; wait",))
def test_says_so_only_once_clients_can_connect(chapter, faults):
    connect(chapter.serve("0", under=faults("listen:delay_enter=500000"))).close()  # microseconds


@graded(4, "Listens on 127.0.0.1 only, unless told otherwise",
        cause="INADDR_ANY, which is 0.0.0.0, and in6addr_any, which is ::, open the port to everybody on the network.",
        read="The program",
        by_hand=("./bind-listen 7890",
                 "ss -tln"))
def test_listens_on_loopback_only(chapter):
    checks.listens_on_loopback_only(chapter.serve("0"))


@graded(5, "Has room for 64 clients in its queue",
        cause="The backlog, the number that listen() is given, is too small: SOMAXCONN is the longest there is.",
        read="The idea",
        by_hand=("./bind-listen 7890",
                 "ss -tln"))
def test_has_room_for_many_clients(chapter):
    checks.needs_a_long_queue()
    server = chapter.serve("0")
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(connect(server, limit=3))


def waiting(port):
    """How many clients wait in the accept queue of who listens on 127.0.0.1 and this port; None if nobody does."""
    with open("/proc/net/tcp") as table:  # see proc(5): the length of the queue is in the place of rx_queue
        rows = [line.split() for line in table][1:]
    return next((int(row[4].partition(":")[2], 16) for row in rows
                 if row[3] == "0A" and row[1] == "0100007F:%04X" % port), None)


@graded(8, "Leaves its clients in the queue: no answer, no end, no output",
        cause=[
            Symptom("server has ended", "A client has ended the program: pause() waits for signals only, and not for clients."),
            Symptom("got an answer or an end", "A client was accepted, or the listening socket closed: later chapters do so."),
            Symptom("wait in the queue", "It calls accept(), which takes a client out of the queue: later chapters do so."),
            "It prints more than its one line: nobody is to notice the clients."],
        read="Look underneath",
        by_hand=("./bind-listen 7890",
                 "nc -d 127.0.0.1 7890 & sleep 0.2; ss -tln; kill %1"),
        needs=["test_has_room_for_many_clients"])
def test_connects_clients_though_nobody_accepts_them(chapter):
    if not os.path.exists("/proc/net/tcp"):
        pytest.skip("needs Linux's /proc")
    server = chapter.serve("0")
    before = server.output
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(3)]
        for client in reversed(clients):
            client.sendall(b"is anybody there?\n" * 100)
        ready = select.select(clients, [], [], 0.2)[0]
        assert not ready, "%s got an answer or an end" % ready[0].name
        with contextlib.suppress(AssertionError):  # told below
            wait_until(lambda: sys.byteorder == "big" or waiting(server.port) in (3, None), limit=1)
        assert sys.byteorder == "big" or waiting(server.port) in (3, None), "3 clients have come, and %s wait in the queue" % (
            waiting(server.port))
        clients[0].reset()
        clients[1].shutdown(socket.SHUT_WR)
        assert server.output == before
        assert server.is_running(), "it has ended"


@graded(4, "Waits without using the CPU",
        cause=[
            Symptom("wakes up", "It looks again and again, with a little sleep between: pause() sleeps until a signal comes.",
                    ("timeout 1 strace ./bind-listen 7890 2>&1 | tail -5 | grep -c -e sleep -e poll -e select",)),
            "An empty loop asks the processor to do nothing as fast as it can: pause() waits."],
        read="Try it",
        by_hand=("./bind-listen 7890 & sleep 0.5; ps -o stat= -p $!; kill $!  # R: it spins",))
def test_waits_without_spinning(chapter):
    server = chapter.serve("0")
    checks.waits_without_spinning(server.pid)
    checks.sleeps_until_woken(server.pid)


@graded(3, "Runs until a signal such as Ctrl-C's ends it, without a word more",
        cause=[
            Symptom("prints on stdout at its end", "A handler of its own says goodbye. No handler is needed: the signal ends "
                    "the program.", ("timeout -s INT 1 ./bind-listen 7890",)),
            Symptom("sleep", "It sleeps for a while, and then comes to its end: pause() waits for a signal.",
                    ("timeout 2 strace -qq -o /dev/null -e inject=clock_nanosleep:retval=0 ./bind-listen 7890; "
                     "echo exit status $?",)),
            Symptom("did not end within", "The signal is ignored, or its handler returns, and the program goes on: without a "
                    "handler it would end.", ("for signal in INT TERM; do timeout -k 1 -s $signal 1 ./bind-listen 7890; echo exit status $?; done",)),
            "It waits for input, as getchar() does, and its input is at its end from the start; or for anything else than a "
            "signal."],
        read="Your turn",
        by_hand=("timeout 1 ./bind-listen 7890 < /dev/null; echo exit status $?",))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, None])
def test_runs_until_a_signal_ends_it(chapter, request, number):
    if number is None:
        under = request.getfixturevalue("faults")("?nanosleep,?clock_nanosleep:retval=0")
        steps.step("with any sleep() over at once:")
        server = chapter.serve("0", under=under)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not server.is_running(), limit=0.3)
        assert server.is_running(), "it has ended before a signal came"
        return
    # A shell may have had this test ignore SIGINT, and the program would inherit that.
    server = chapter.serve("0", stdin=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    with connect(server):
        assert server.is_running(), "it has ended before a signal came"
        before = server.output
        at_rest(server.pid)
        server.signal(number)
        status = server.wait()
        assert not server.crashed(), "%s came of it" % how_it_ended(status)
        assert server.output == before, "it prints on stdout at its end:\n" + server.output


@graded(6, "Whichever call fails: names it, and exits 1",
        cause=[
            Symptom(r"and is:\n.+\n.", "It is to be one line on stderr: what failed, why, and the error's symbol."),
            Symptom(r"and is:\n(?!.*\(\w+\)$)", "The message lacks the symbol, such as ENOBUFS: perror() gives none."),
            Symptom("exit status 0", "The message came, and then main() returned 0: a failure is exit status 1."),
            Symptom("does not name", "The message has to name the call that failed: socket, setsockopt, bind, listen or "
                    "getsockname."),
            "The result of the call is not looked at: each of socket(), setsockopt(), bind(), listen() and getsockname() "
            "returns -1 if it fails, and then the program ends with exit status 1."],
        read="The program",
        by_hand=("for call in socket setsockopt bind listen getsockname; do echo $call; timeout 0.5 "
                 "strace -qq -o /dev/null -e inject=$call:error=ENOBUFS ./bind-listen 7890; done",),
        needs=["test_clients_can_connect", "test_says_so_only_once_clients_can_connect"])
@pytest.mark.parametrize("call", CALLS)
def test_names_the_call_that_fails(chapter, preloaded, call):
    steps.step("with %s() failing, ENOBUFS:" % call)
    program = preloaded(chapter.start, {"LAB_FAULTS_AT_START": call}, "0", stdin=subprocess.PIPE)
    wait_until(lambda: "\n" in program.output or not program.is_running(), what="a line or its end")
    if not preloaded.was_given(limit=0):
        return  # it does without this call: if that is a mistake, it is another check's
    assert not program.output, "%s() has failed, and it says: %s" % (call, program.output)
    program.status = program.wait()
    checks.is_failure(chapter, program, r"\w+")
    assert call in program.stderr.partition(": ")[2], "it does not name %s():\n%s" % (call, program.stderr)


@graded(3, "Fails if its line cannot be written",
        cause="The result of printf(), or of fflush(stdout) where that writes the line, is not looked at.",
        read="The program",
        by_hand=("timeout 0.5 ./bind-listen 7890 > /dev/full; echo exit status $?",),
        needs=["test_names_the_call_that_fails", "test_says_its_line"])
def test_full_disk(chapter):
    checks.full_disk(chapter, "0")


@graded(5, "Listens on the PORT that it is given, and for 0 on a free one",
        cause=[
            Symptom("65535 is a port", "65535 is refused: it is the greatest port, and one of them.",
                    ("timeout 0.5 ./bind-listen 65535",)),
            Symptom("EADDRINUSE", "PORT 0 means the default, or another port of its own: bind() is to get the 0, and the "
                    "kernel then finds a free one.", ("timeout 1 ./bind-listen 0 & timeout 0.5 ./bind-listen 0; wait",)),
            Symptom("other bytes", "The port goes into sin_port without htons(), so its two bytes are swapped."),
            "The first argument is not looked at, or not used."],
        read="The program",
        by_hand=("./bind-listen 7891",
                 "ss -tln"),
        step=2)
def test_listens_on_the_port_it_is_given(chapter):
    wanted = free_port()
    server = chapter.serve(str(wanted))
    assert server.port != socket.htons(wanted), "it listens on port %d, which is %d with its other bytes first" % (
        server.port, wanted)
    assert server.port == wanted
    connect(server).close()
    for _ in range(2):
        chapter.serve("0")
    last = chapter.start("65535", stdin=subprocess.PIPE)
    wait_until(lambda: last.output or kernel(last.pid) or not last.is_running(), what="a line or its end")
    assert last.is_running() or last.wait() == 1, "65535 is a port, though it may be taken:\n" + last.stderr


@graded(6, "Says where it really listens",
        cause="The line does not say what getsockname() tells, called after bind(), the port after ntohs().",
        read="The program",
        by_hand=("timeout 1 ./bind-listen 7890; timeout 1 ./bind-listen 0 | cut -c 1-29",),
        needs=["test_clients_can_connect", "test_says_its_line"], step=2)
def test_says_where_it_listens(chapter):
    server = chapter.serve("0")
    checks.says_where_it_listens(server)
    if not shows_byte_order(server.port):
        checks.says_where_it_listens(chapter.serve("0"))


@graded(3, "Listens on port 7890, unless told otherwise",
        cause="The port to use without an argument is another one, or the argument is required.",
        read="Your turn",
        by_hand=("./bind-listen",
                 "nc -zv 127.0.0.1 7890"),
        needs=["test_listens_on_the_port_it_is_given"], step=2)
def test_default_port(chapter):
    checks.default_port(chapter, 7890)


@graded(4, "Binds the ADDRESS that it is given",
        cause="The second argument is not looked at, or not what bind() gets.",
        read="Your turn",
        by_hand=("./bind-listen 7890 0.0.0.0",
                 "ss -tln"),
        step=3)
def test_address(chapter):
    server = chapter.serve("0", "0.0.0.0")
    assert server.address == "0.0.0.0"
    connect(server.port).close()


@graded(4, "Binds an IPv6 address, too",
        cause=[
            Symptom("before it listened", "The family of the socket, or the length for bind(), is that of IPv4 in any case; "
                    "or inet_pton() was not asked with AF_INET6."),
            Symptom("got: +'listening on 0:0", "The line repeats the argument: getsockname() tells the address, and "
                    "inet_ntop() makes it into text, as short as may be.", ("timeout 1 ./bind-listen 7890 0:0:0:0:0:0:0:1",)),
            Symptom("^expected: [0-9]", "The port goes into sin6_port without htons().", ("./bind-listen 7890 ::1", "ss -tln")),
            "The line for an IPv6 address is made of what lies where IPv4 has its address, or sin6_port was printed without "
            "ntohs()."],
        read="Your turn",
        by_hand=("timeout 1 ./bind-listen 7890 ::1",),
        needs=["test_address", "test_says_where_it_listens", "test_listens_on_the_port_it_is_given"], step=3)
def test_ipv6(chapter):
    checks.needs_ipv6()
    wanted = free_port("::1")
    server = chapter.serve(str(wanted), "0:0:0:0:0:0:0:1")
    assert server.port == wanted
    checks.says_where_it_listens(server)
    connect(server).close()


@graded(4, "Says where bind() has failed",
        cause=[
            Symptom("does not say where", "The message about bind() lacks the address and the port."),
            "The error is not that of bind(): errno was changed before it was told, or the symbol is not in the table."],
        read="Your turn",
        by_hand=("timeout 1 ./bind-listen 7890 192.0.2.1; echo exit status $?",),
        needs=["test_address", "test_names_the_call_that_fails"], step=3)
def test_says_what_failed_and_where(chapter, address="192.0.2.1"):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as ours, \
            contextlib.suppress(OSError):
        ours.bind((address, 0))
        pytest.skip("this machine lets addresses be bound that it does not have")
    program = chapter.run("0", address, limit=5)
    checks.is_failure(chapter, program, "EADDRNOTAVAIL")
    assert "bind %s port 0: " % address in program.stderr, "it does not say where:\n" + program.stderr


def test_says_what_failed_with_ipv6(chapter):
    checks.needs_ipv6()
    test_says_what_failed_and_where(chapter, "2001:db8::1")


@graded(7, "Starts though an old connection is left on its port",
        cause=[
            Symptom("EADDRINUSE", "SO_REUSEADDR is not set, or only after bind(), or on another socket, so connections in "
                    "TIME_WAIT keep the port. `SO_REUSEADDR | SO_REUSEPORT` is not both, but SO_REUSEPORT alone.")],
        read="The program",
        by_hand=("nc -lN 7890 < /dev/null & sleep 0.5; nc -d 127.0.0.1 7890; wait; "
                 "timeout 0.5 ./bind-listen 7890",),
        needs=["test_listens_on_the_port_it_is_given"], step=4)
def test_starts_beside_an_old_connection(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)


@graded(3, "Ends if another one listens on its port",
        cause="SO_REUSEPORT, which comes in with `SO_REUSEADDR | SO_REUSEPORT`, lets two servers share a "
              "port.",
        read="What can go wrong",
        by_hand=("./bind-listen 7890",
                 "timeout 0.5 ./bind-listen 7890"),
        needs=["test_starts_beside_an_old_connection", "test_says_what_failed_and_where"], step=4)
def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional, says_where=True)


@graded(5, "Refuses what is no port, with a usage line and exit status 2",
        cause=[
            Symptom(r"start .*(4294967376|18446744073709551696)",
                    "The number grows beyond what its type can hold, and wraps around: stop as soon as it is greater than "
                    "65535.", ("for port in 4294967376 18446744073709551696; do timeout 0.5 ./bind-listen $port; done",)),
            Symptom(r"did not end|\(E[A-Z]+\)", "It was taken for a port: atoi() and strtol() take 80x, ' 80' and +80 for 80 "
                    "and an empty string for 0; take digits only, up to 65535.")],
        read="Your turn",
        by_hand=("for port in '' 99999 80x -1 ' 80' +80; do timeout 0.5 ./bind-listen \"$port\"; done",),
        needs=[], step=5)
@pytest.mark.parametrize("port", checks.BAD_PORTS)
def test_wrong_port(chapter, port):
    checks.is_usage_error(chapter.run(port, limit=3), port)


@graded(2, "Refuses a third argument",
        cause="argc is not looked at, so whatever comes after ADDRESS is passed over in silence.",
        read="Your turn",
        by_hand=("timeout 0.5 ./bind-listen 0 ::1 surplus; echo exit status $?",),
        needs=["test_wrong_port"], step=5)
def test_third_argument(chapter):
    checks.is_usage_error(chapter.run("0", "127.0.0.1", "surplus", limit=3), "surplus")


@graded(3, "Refuses what is no address, with a usage line",
        cause=[
            Symptom("localhost", "A name is no address: inet_pton() takes numbers only; getaddrinfo() asks for a name's "
                    "unless it gets AI_NUMERICHOST.", ("timeout 0.5 ./bind-listen 0 localhost",)),
            Symptom(r"127\.0\.0\.1 '", "inet_addr() and inet_aton() let a space and more pass behind an address: "
                    "inet_pton() does not.", ("timeout 0.5 ./bind-listen 0 '127.0.0.1 '",)),
            Symptom(r"did not end|\(E[A-Z]+\)", "It was taken for an address: the result of inet_pton() is not looked at, 1 is "
                    "success, 0 is no address.")],
        read="Your turn",
        by_hand=("timeout 0.5 ./bind-listen 0 127.0.0.256; echo exit status $?",),
        needs=["test_wrong_port"], step=5)
@pytest.mark.parametrize("address", [*checks.BAD_ADDRESSES, "127.0.0.1 "])
def test_wrong_address(chapter, address):
    checks.is_usage_error(chapter.run("0", address, limit=3), address)


@graded(3, "Fails if there is no stdout",
        cause=[Symptom("stdout closed", "With stdout closed the socket gets its number, 1, and the line would go there. If "
                                        "socket() returns 1, there is no stdout: a failure.")],
        read="The program",
        by_hand=("timeout 0.5 ./bind-listen 7890 >&-; echo exit status $?",),
        needs=["test_full_disk"], step=6)
def test_closed_stdout(chapter):
    checks.closed_stdout(chapter, "0")


@pytest.mark.parametrize("name,command,pattern", [
    ("nc", ["-v"], "succeeded|open|Connected to"), ("telnet", [], "Connected to")])
def test_real_clients(chapter, tool, name, command, pattern):
    server = chapter.serve("0")
    client = chapter.start_other([tool(name), *command, server.address, str(server.port)])
    (client.wait_for_error if name == "nc" else client.wait_for_output)(pattern)
    assert server.is_running()


def test_survives_clients_that_come_and_go(chapter):
    server = chapter.serve("0")
    for _ in range(5):
        connect(server).reset()
        with connect(server) as client:
            client.sendall(b"hello\n")
    connect(server).close()
    assert server.stderr == ""


def test_restart_at_once(chapter):
    checks.restart_at_once(chapter, checks.positional, lambda client: client.sendall(b"hello\n"))


def test_privileged_port(chapter):
    first_free = pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not first_free.exists() or int(first_free.read_text()) < 2:
        pytest.skip("every user may bind every port here")
    with PublicFolder() as folder:
        chapter.program = folder.copy(chapter.program)
        program = chapter.run("1", **ordinary_user())
    assert "bind 127.0.0.1 port 1: " in program.stderr
    checks.is_failure(chapter, program, "EACCES")
