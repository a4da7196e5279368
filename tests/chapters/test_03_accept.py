"""03-accept: takes each client from the accept queue, says who it is, hangs up."""

import contextlib
import re
import select

import pytest

from harness import checks
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.inspect import at_rest, descriptors
from harness.program import wait_until
from harness.talk import connect, ends_its_side, receive_all, see_the_end, shows_byte_order

CHAPTER = "03-accept"


PYTHON_RESETS = ("python3 -c \"import socket, struct; c = socket.create_connection(('127.0.0.1', 7890)); "
                 "c.setsockopt(1, 13, struct.pack('ii', 1, 0))\"")


def told(server):
    """The lines about clients so far, as pairs of texts, a number and the last word, which is the port, however
    they are spelt: what looks at that is a check of its own."""
    return re.findall(r"^\W*connection\W*(\d+)\b(?:.*\b(\w+))?", server.output, re.MULTILINE | re.IGNORECASE)


def visit(server):
    """A client that says nothing, ends its side, and stays until it has been hung up on."""
    with connect(server, limit=15) as client:
        ends_its_side(client)
        see_the_end(client)


def takes_a_client(server):
    """A client comes, and is taken from the queue: there is a line about it, or the connection ends."""
    before = lines(server)
    with connect(server) as client:
        wait_until(lambda: lines(server) > before or select.select([client], [], [], 0)[0],
                   what="a line about the client, or the end of the connection")


def lines(server):
    """How many lines it has printed so far, wherever they belong."""
    return (server.output + server.stderr).count("\n")


def counts_right(server):
    """The lines so far are numbered from 1."""
    for number, (said, _) in enumerate(told(server), 1):
        assert said == str(number), "the line of client %d says connection %s" % (number, said)


def says_who(server, client):
    """The line for this client comes, and says all of the contract's."""
    with contextlib.suppress(AssertionError):  # what came is told below
        wait_until(lambda: server.output.count("\n") > 1 or not server.is_running())
    line = server.output.partition("\n")[2].rstrip("\n").rpartition("\n")[2]
    assert line, "there is no line about %s; stdout:\n%s" % (client.name, server.output or "(nothing)")
    number = (re.findall(r"\d+", line) or ["1"])[0]
    identical(line, "connection %s from %s port %d" % (number, *client.getsockname()[:2]))


@graded(5, "Starts, and takes a client from the queue",
        cause="It does not come to accept(): another call waits before it, such as pause(), or there is none.",
        read="The idea",
        by_hand=("timeout 1 ./accept 7890; echo exit status $?",
                 "sleep 0.2; nc -d 127.0.0.1 7890; ss -tn"))
def test_takes_a_client(chapter):
    takes_a_client(chapter.serve("0", on_terminal=True))


@graded(10, "Hangs up on each client at once",
        cause=[
            Symptom("reset by peer", "SO_LINGER with a time of 0 makes close() a reset: the client is to see an orderly end.",
                    ("./accept 7890", "python3 -c \"import socket; "
                     "print(socket.create_connection(('127.0.0.1', 7890)).recv(1))\" 2>&1 | tail -n 1")),
            Symptom("got: +b?'.", "It sends something first: only close() is asked for."),
            Symptom("hung up on all", "It waits for each client, with a limit of time: it is to hang up at once."),
            "The descriptor that accept() returned is not closed (in `client = accept(...) < 0` without inner "
            "parentheses, client is 0), or something is awaited from the client first."],
        read="The program",
        by_hand=("./accept 7890",
                 "timeout 0.2 nc -d 127.0.0.1 7890; echo exit status $?"))
def test_hangs_up(chapter):
    server = chapter.serve("0")
    with connect(server) as client:
        identical(receive_all(client), b"")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(30)]
        with contextlib.suppress(AssertionError):  # told below
            wait_until(lambda: len(select.select(clients, [], [], 0)[0]) == 30)
        ended = len(select.select(clients, [], [], 0)[0])
        assert ended == 30, "30 silent clients came, and after 5 s it has hung up on %d, not hung up on all" % ended


@graded(6, "Prints one line for each client, counted from 1",
        cause=[
            Symptom("has ended", "There is no loop around accept(), or close() was given the listener."),
            "The counter starts at 0, or stands inside the loop; or a client has two lines."],
        read="The program",
        by_hand=("./accept 7890",
                 "for i in 1 2 3; do nc -N 127.0.0.1 7890 < /dev/null; done; sleep 0.1"))
def test_counts_its_clients(chapter):
    counts(chapter.serve("0", on_terminal=True), 3)


def counts(server, visitors):
    """So many clients come, and each has one line, with its number."""
    while len(told(server)) < visitors:
        before = len(told(server))
        with connect(server) as client:
            ends_its_side(client)
            wait_until(lambda: len(told(server)) > before, what="a line about the client")
    counts_right(server)


@graded(2, "Goes on counting: hundreds are no limit",
        cause="The counter's type is too small: it is to count thousands.",
        read="The program",
        by_hand=("timeout 9 ./accept 7890 > lines & sleep 0.5; for i in $(seq 257); do nc -N 127.0.0.1 7890 < /dev/null; "
                 "done; tail -n 1 lines | cut -c 1-14; kill %1; rm lines",),
        needs=["test_counts_its_clients", "test_hangs_up"])
def test_goes_on_counting(chapter):
    counts(chapter.serve("0", on_terminal=True), 300)  # more than a byte can count


@graded(4, "Prints its lines at once, also into a pipe",
        cause=[
            Symptom("about the client", "The first line comes, and no line about a client: each printf() after setvbuf(), or "
                    "fflush(stdout) after each."),
            "The lines are in stdout's buffer still: into a pipe it takes setvbuf(), before the first is printed, or "
            "fflush(stdout) after each."],
        read="Your turn",
        by_hand=("timeout 2 ./accept 7890 | cat",
                 "sleep 0.2; nc -d -p 7891 127.0.0.1 7890; sleep 0.2"))
def test_lines_come_at_once(chapter):
    server = chapter.serve("0")
    with contextlib.suppress(AssertionError):  # told below
        wait_until(lambda: lines(server), limit=1)
    assert lines(server), "it listens, and nothing has come on stdout, which is a pipe"
    before = lines(server)
    with connect(server):
        wait_until(lambda: lines(server) > before, limit=2, what="a line about the client")


@graded(8, "Survives clients that were gone before it came to them",
        cause="A call on such a client's socket fails, as getpeername() does with ENOTCONN, and the program "
              "ends for that.",
        read="What can go wrong",
        by_hand=("./accept 7890 & sleep 0.3; kill -STOP $!; " + PYTHON_RESETS + "; kill -CONT $!; "
                 "sleep 0.3; nc -z 127.0.0.1 7890; sleep 0.1; kill $!",))
def test_survives_clients_that_reset_at_once(chapter):
    server = chapter.serve("0", on_terminal=True)
    for _ in range(3):
        with checks.stopped(server):
            connect(server).reset()
    for _ in range(20):
        connect(server).reset()
    for _ in range(5):
        with connect(server) as client, contextlib.suppress(ConnectionError):  # it did not listen
            client.sendall(b"hello?\n")
    takes_a_client(server)
    connect(server).close()  # what has ended refuses it


@graded(6, "Leaks no descriptor",
        cause=[
            Symptom("that were gone", "A client that was gone already is left out without a close(): each descriptor of "
                    "accept()'s needs one, whatever happens.",
                    ("./accept 7890 & sleep 0.3; kill -STOP $!; " + PYTHON_RESETS + "; kill -CONT $!; sleep 0.3; "
                     "ls -l /proc/$!/fd | grep -c socket; kill $!",)),
            "shutdown() says goodbye, but only close() gives the descriptor back."],
        read="The program",
        by_hand=("./accept 7890 & sleep 0.3; for i in 1 2 3; do nc -N 127.0.0.1 7890 < /dev/null; done; "
                 "sleep 0.1; ls -l /proc/$!/fd | grep -c socket; kill $!",),
        needs=["test_survives_clients_that_reset_at_once"])
def test_leaks_no_descriptor(chapter):
    server = chapter.serve("0", on_terminal=True)
    checks.no_descriptor_leaks(server, lambda: visit(server), visitors=30)
    before = len(descriptors(at_rest(server.pid)))
    with checks.stopped(server):
        for _ in range(20):
            connect(server).reset()
    visit(server)
    more = checks.more_descriptors(server, before)
    assert more <= 0, "after 20 clients that were gone before it took them it has %d more descriptors" % more


@graded(4, "Waits for clients without using the CPU",
        cause="It asks again and again without waiting: accept() waits by itself unless its socket is "
              "non-blocking.",
        read="Look underneath",
        by_hand=("./accept 7890 & sleep 0.5; ps -o stat= -p $!; kill $!  # R: it spins",))
def test_waits_without_spinning(chapter):
    server = chapter.serve("0", on_terminal=True)
    checks.waits_without_spinning(server.pid)
    checks.sleeps_until_woken(server.pid)


@graded(3, "Says where it listens, once clients can connect",
        cause=[
            Symptom("refused", "The line is printed before listen() has returned.",
                    ("timeout 2 strace -qq -o /dev/null -e inject=listen:delay_enter=1500000 "
                     "./accept 7890 & sleep 0.8; nc -zv 127.0.0.1 7890; wait",)),
            "It is to be `listening on ADDRESS port PORT`, as in chapter 2."],
        read="Your turn",
        by_hand=("timeout 1 ./accept 7890",),
        needs=[])
@pytest.mark.parametrize("is_slow", [False, True])
def test_says_where_it_listens(chapter, request, is_slow):
    under = request.getfixturevalue("faults")("listen:delay_enter=500000") if is_slow else ()  # microseconds
    server = chapter.serve("0", under=under, on_terminal=True)
    connect(server).close()
    checks.says_where_it_listens(server)


@graded(3, "Listens on 127.0.0.1 port 7890 only, unless told otherwise",
        cause="INADDR_ANY, which is 0.0.0.0, opens the port to everybody on the network; or the port to use "
              "without an argument is another one.",
        read="Your turn",
        by_hand=("./accept",
                 "ss -tln"),
        needs=[])
def test_listens_on_loopback_only(chapter):
    checks.listens_on_loopback_only(chapter.serve("0"))
    checks.default_port(chapter, 7890)


@graded(3, "Can be started again at once on the same port",
        cause=[Symptom("EADDRINUSE", "SO_REUSEADDR is not set before bind(), so connections in TIME_WAIT keep the port.")],
        read="Your turn",
        by_hand=("timeout 1 ./accept 7890 & sleep 0.5; nc -d 127.0.0.1 7890; wait; timeout 0.5 ./accept 7890",),
        needs=[])
def test_starts_beside_an_old_connection(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)


@graded(3, "Ends with exit status 1 if it cannot start",
        cause=[
            Symptom(r"and is:\n.+\n.+", "It says that bind() has failed, and then goes on."),
            "It says that bind() has failed, and then main() returns 0."],
        read="Your turn",
        by_hand=("./accept 7890",
                 "timeout 0.5 ./accept 7890 2>&1 | head; echo exit status ${PIPESTATUS[0]}"),
        needs=["test_starts_beside_an_old_connection"])
def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)


@graded(3, "Refuses what is no port or no address, with a usage line",
        cause=[
            Symptom(r"did not end|\(E[A-Z]+\)", "atoi() and strtol() take 80x for 80 and an empty string for 0; "
                    "inet_pton() and argc were not looked at.")],
        read="Your turn",
        by_hand=("timeout 0.5 ./accept ''; for words in 99999 80x '0 127.0.0.256' '0 ::1 surplus'; do "
                 "timeout 0.5 ./accept $words; done",),
        needs=[])
@pytest.mark.parametrize("arguments", checks.WRONG_PORTS + checks.WRONG_ADDRESSES)
def test_wrong_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])


@graded(8, "Says who connects",
        cause=[
            Symptom(r"no line about[\s\S]*stderr: .*connection", "The line is on stderr, and belongs on stdout.",
                    ("timeout 2 ./accept 7890 2> /dev/null | cat", "sleep 0.2; nc -d -p 7891 127.0.0.1 7890; sleep 0.2")),
            Symptom("no line about", "No line comes while the client is silent: print it as soon as accept() has returned."),
            Symptom(r"got: +'connection \d+ from \S+ port -?\d+'",
                    "The address is not the client's: accept() was given no room for it (`length` not set before each call), "
                    "it is your own (getsockname()), or its port lacks ntohs()."),
            "The line is to be `connection N from ADDRESS port PORT`, to the letter."],
        read="The program",
        by_hand=("timeout 2 ./accept 7890",
                 "sleep 0.2; nc -d -p 7891 -s 127.0.0.2 127.0.0.1 7890; sleep 0.2"),
        step=2)
def test_says_who_connects(chapter):
    for source in "", "127.0.0.2":  # which is this machine, too, on Linux
        server = chapter.serve("0", on_terminal=True)
        with connect(server, source=source) as client:
            says_who(server, client)


@graded(6, "Takes the clients that waited in the queue, in their order",
        cause="The backlog, the number that listen() is given, is too small: clients that come while the "
              "program is busy are lost; or several threads take them, and tell of them in another order.",
        read="The idea",
        by_hand=("./accept 7890",
                 "ss -tln"),
        needs=["test_says_who_connects"], step=2)
def test_takes_clients_in_their_order(chapter):
    """Also those that came while it was busy with others, and waited in the queue."""
    checks.needs_a_long_queue()
    server = chapter.serve("0", on_terminal=True)
    with contextlib.ExitStack() as stack:
        with checks.stopped(server):
            clients = [stack.enter_context(connect(server)) for _ in range(64)]
        for client in clients:
            ends_its_side(client)
        wait_until(lambda: len(told(server)) >= 64, limit=20, what="a line about each client")
        for number, ((_, port), client) in enumerate(zip(told(server), clients), 1):
            ours = client.getsockname()[1]
            assert port == str(ours), "line %d should tell of client %d, port %d, and tells of port %s" % (
                number, number, ours, port)


@graded(6, "Prints the address of IPv6 clients, too",
        cause=[
            Symptom("got: +'connection .*::1 port", "The port of an IPv6 client, sin6_port, was printed without ntohs()."),
            "There is room for an IPv4 address only, and not a struct sockaddr_storage; or an IPv6 address "
            "is not made into text."],
        read="The program",
        by_hand=("./accept 7890 ::1",
                 "nc -d -p 7891 ::1 7890; sleep 0.1"),
        needs=["test_says_who_connects"], step=2)
def test_ipv6(chapter):
    checks.needs_ipv6()
    for _ in range(2):
        server = chapter.serve("0", "::1", on_terminal=True)
        with connect(server) as client:
            says_who(server, client)
            if shows_byte_order(client.getsockname()[1]):
                break


@graded(10, "Goes on when accept() fails, and counts only real clients",
        cause="The client was counted before the result of accept() was looked at (-1 is no client), or an "
              "error that passes (EINTR, ECONNABORTED) ended the program.",
        read="The program",
        by_hand=("for error in EINTR ECONNABORTED; do timeout 1 strace -qq -o /dev/null "
                 "-e inject=accept,accept4:error=$error:when=1 ./accept 7890 & "
                 "sleep 0.5; nc -d 127.0.0.1 7890; wait; done",),
        needs=["test_counts_its_clients"], step=3)
def test_random_faults(chapter, random_faults):
    server = random_faults(chapter.serve, "0", on_terminal=True)
    for number in range(1, 21):
        with connect(server) as client:
            ends_its_side(client)
            wait_until(lambda: len(told(server)) >= number, what="a line about the client")
    at_rest(server.pid)
    counts_right(server)
    assert len(told(server)) == 20, "20 clients have come, and it tells of %d" % len(told(server))


@graded(10, "Out of descriptors, waits without using the CPU, then goes on",
        cause="With no descriptor free accept() does not wait, but fails at once (EMFILE), and so does the "
              "next: report it, rest for a moment, and go on.",
        read="The program",
        by_hand=("(echo $BASHPID > pid; ulimit -n 4; exec ./accept 7890) 2>&1 | stdbuf -oL uniq",
                 "sleep 1.5; for i in 1 2 3; do ps -o state= -p $(cat pid); sleep 0.1; done; rm pid  # R: it spins"),
        needs=["test_waits_without_spinning"], step=3)
def test_lack_of_descriptors_is_survived_without_spinning(chapter):
    checks.survives_lack_of_descriptors(chapter.serve("0", on_terminal=True))


@pytest.mark.parametrize("symbol", ["EINTR", "ECONNABORTED"])
def test_survives_what_accept_may_return(chapter, faults, symbol):
    server = chapter.serve("0", under=faults("?accept,?accept4:error=%s:when=1+2" % symbol))
    for number in (1, 2, 3):
        with connect(server) as client:
            assert receive_all(client) == b""
        server.wait_for_output("^connection %d " % number)


@pytest.mark.parametrize("name,command", [("nc", ["-N"]), ("telnet", [])])
def test_real_clients(chapter, tool, name, command):
    server = chapter.serve("0")
    client = chapter.start_other([tool(name), *command, server.address, str(server.port)])
    server.wait_for_output(r"^connection 1 from")
    client.wait()


def test_leaks_nothing(chapter):
    checks.no_leaks(chapter.serve("0"), b"")


def test_restart_at_once(chapter):
    checks.restart_at_once(chapter, checks.positional, receive_all)
