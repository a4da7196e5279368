"""03-accept: takes each client from the accept queue, says who it is, hangs up."""

import contextlib
import re

import pytest

from harness import checks
from harness.grading import graded
from harness.talk import connect, exchange, receive_all, shows_byte_order

CHAPTER = "03-accept"


PYTHON_RESETS = ("python3 -c \"import socket, struct; c = socket.create_connection(('127.0.0.1', 7890)); "
                 "c.setsockopt(1, 13, struct.pack('ii', 1, 0))\"")


def says_who(server, client, number=r"\d+"):
    """The line for this client comes."""
    server.wait_for_output(r"^connection %s from %s port %s$" % (
        number, *map(re.escape, map(str, client.getsockname()[:2]))))


@graded(15, "Starts, and says who connects",
        cause="No line: it stays in stdout's buffer. An address that is not the client's: accept() was given no "
              "room for it (`length` not set before the call), it is your own (getsockname()), or its port "
              "lacks ntohs().",
        read="The program",
        by_hand=("./accept 7890 | cat",
                 "sleep 0.2; nc -d -p 7891 127.0.0.1 7890; sleep 0.2"))
def test_says_who_connects(chapter):
    for _ in range(2):
        server = chapter.serve("0")
        with connect(server) as client:
            says_who(server, client)
            if shows_byte_order(client.getsockname()[1]):
                break


@graded(10, "Hangs up on each client at once",
        cause="The descriptor that accept() returned is not closed (in `client = accept(...) < 0` without inner "
              "parentheses, client is 0), or something is awaited from the client first.",
        read="The program",
        by_hand=("./accept 7890",
                 "timeout 0.5 nc -d 127.0.0.1 7890; echo exit status $?"))
def test_hangs_up(chapter):
    with connect(chapter.serve("0")) as client:
        assert receive_all(client) == b""


@graded(8, "Prints one line for each client, counted from 1",
        cause="The counter starts at 0 or stands inside the loop; if the server has ended, there is no loop "
              "around accept(), or close() was given the listener.",
        read="The program",
        by_hand=("./accept 7890",
                 "for i in 1 2 3; do nc -N 127.0.0.1 7890 < /dev/null; done; sleep 0.1"),
        needs=["test_hangs_up"])
def test_counts_its_clients(chapter):
    server = chapter.serve("0")
    for _ in range(3):
        with connect(server) as client:
            says_who(server, client)
    assert re.findall("^connection .* from", server.output, re.MULTILINE) == [
        "connection %d from" % number for number in (1, 2, 3)]


@graded(8, "Takes the clients that waited in the queue, in their order",
        cause="The backlog, the number that listen() is given, is too small: clients that come while the "
              "program is busy are lost.",
        read="The idea",
        by_hand=("./accept 7890",
                 "ss -tln"),
        needs=["test_counts_its_clients"])
def test_takes_clients_in_their_order(chapter):
    """Also those that came while it was busy with others, and waited in the queue."""
    server = chapter.serve("0")
    with contextlib.ExitStack() as stack:
        with checks.stopped(server):
            clients = [stack.enter_context(connect(server)) for _ in range(64)]
        for client in reversed(clients):
            assert receive_all(client) == b""
        server.wait_for_output("^connection 64 ")
        assert re.findall(r"^connection (\d+) from \S+ port (\d+)$", server.output, re.MULTILINE) == [
            (str(number), str(client.getsockname()[1])) for number, client in enumerate(clients, 1)]


def test_hangs_up_on_clients_that_speak(chapter):
    server = chapter.serve("0")
    for _ in range(20):
        with connect(server) as client, contextlib.suppress(ConnectionError):  # it did not listen
            client.sendall(b"hello?\n")
            assert receive_all(client) == b""
    server.wait_for_output("^connection 20 ")


@graded(6, "Prints the address of IPv6 clients, too",
        cause="There is room for an IPv4 address only, and not a struct sockaddr_storage; or an IPv6 address "
              "is not made into text.",
        read="The program",
        by_hand=("./accept 7890 ::1",
                 "nc -N ::1 7890 < /dev/null; sleep 0.1"))
def test_ipv6(chapter):
    checks.needs_ipv6()
    server = chapter.serve("0", "::1")
    assert server.address == "::1"
    with connect(server) as client:
        says_who(server, client)


@pytest.mark.parametrize("name,command", [("nc", ["-N"]), ("telnet", [])])
def test_real_clients(chapter, tool, name, command):
    server = chapter.serve("0")
    client = chapter.start_other([tool(name), *command, server.address, str(server.port)])
    server.wait_for_output(r"^connection 1 from")
    client.wait()


@graded(8, "Survives clients that were gone before it came to them",
        cause="A call on such a client's socket fails, as getpeername() does with ENOTCONN, and the program "
              "ends for that.",
        read="What can go wrong",
        by_hand=("./accept 7890 & sleep 0.3; kill -STOP $!; " + PYTHON_RESETS + "; kill -CONT $!; "
                 "sleep 0.3; nc -z 127.0.0.1 7890; sleep 0.1; kill $!",),
        needs=["test_takes_clients_in_their_order"])
def test_survives_clients_that_reset_at_once(chapter):
    server = chapter.serve("0")
    for _ in range(3):
        with checks.stopped(server):
            connect(server).reset()
    for _ in range(100):
        connect(server).reset()
    with connect(server) as client:
        says_who(server, client)


@graded(10, "Goes on when accept() fails, and counts only real clients",
        cause="The client was counted before the result of accept() was looked at (-1 is no client), or an "
              "error that passes (EINTR, ECONNABORTED) ended the program.",
        read="The program",
        by_hand=("for error in EINTR ECONNABORTED; do timeout 1 strace -qq -o /dev/null "
                 "-e inject=accept,accept4:error=$error:when=1 ./accept 7890 & "
                 "sleep 0.5; nc -d 127.0.0.1 7890; wait; done",),
        needs=["test_counts_its_clients"])
def test_random_faults(chapter, random_faults):
    server = random_faults(chapter.serve, "0")
    for number in range(1, 21):
        with connect(server) as client:
            assert receive_all(client) == b""
            says_who(server, client, number)


@pytest.mark.parametrize("symbol", ["EINTR", "ECONNABORTED"])
def test_survives_what_accept_may_return(chapter, faults, symbol):
    server = chapter.serve("0", under=faults("?accept,?accept4:error=%s:when=1+2" % symbol))
    for number in (1, 2, 3):
        with connect(server) as client:
            assert receive_all(client) == b""
        server.wait_for_output("^connection %d " % number)


@graded(8, "Leaks no descriptor",
        cause="shutdown() says goodbye, but only close() gives the descriptor back.",
        read="The program",
        by_hand=("./accept 7890 & sleep 0.3; for i in 1 2 3; do nc -N 127.0.0.1 7890 < /dev/null; done; "
                 "sleep 0.1; ls -l /proc/$!/fd | grep -c socket; kill $!",),
        needs=["test_counts_its_clients"])
def test_leaks_no_descriptor(chapter):
    server = chapter.serve("0")
    checks.no_descriptor_leaks(server, lambda: exchange(server, b""), visitors=300)


def test_leaks_nothing(chapter):
    checks.no_leaks(chapter.serve("0"), b"")


@graded(5, "Waits for clients without using the CPU",
        cause="It asks again and again without waiting: accept() waits by itself unless its socket is "
              "non-blocking.",
        read="Look underneath",
        by_hand=("./accept 7890 & sleep 0.5; ps -o stat= -p $!; kill $!  # R: it spins",))
def test_waits_without_spinning(chapter):
    checks.waits_without_spinning(chapter.serve("0").pid)


@graded(8, "Out of descriptors, waits without using the CPU, then goes on",
        cause="With no descriptor free accept() does not wait, but fails at once (EMFILE), and so does the "
              "next: report it, rest for a moment, and go on.",
        read="The program",
        by_hand=("(echo $BASHPID > pid; ulimit -n 4; exec ./accept 7890) 2>&1 | stdbuf -oL uniq",
                 "sleep 1.5; for i in 1 2 3; do ps -o state= -p $(cat pid); sleep 0.1; done; rm pid  # R: it spins"),
        needs=["test_random_faults"])
def test_lack_of_descriptors_is_survived_without_spinning(chapter):
    checks.survives_lack_of_descriptors(chapter.serve("0"))


@graded(3, "Listens on 127.0.0.1 port 7890 only, unless told otherwise",
        cause="INADDR_ANY, which is 0.0.0.0, opens the port to everybody on the network; or the port to use "
              "without an argument is another one.",
        read="Your turn",
        by_hand=("./accept",
                 "ss -tln"))
def test_listens_on_loopback_only(chapter):
    checks.listens_on_loopback_only(chapter.serve("0"))
    checks.default_port(chapter, 7890)


@graded(4, "Can be started again at once on the same port",
        cause="SO_REUSEADDR is not set before bind(), so connections in TIME_WAIT keep the port.",
        read="Your turn",
        by_hand=("timeout 1 ./accept 7890 & sleep 0.5; nc -d 127.0.0.1 7890; wait; timeout 0.5 ./accept 7890",))
def test_starts_beside_an_old_connection(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)


def test_restart_at_once(chapter):
    checks.restart_at_once(chapter, checks.positional, receive_all)


@graded(3, "Ends with exit status 1 if it cannot start",
        cause="It says that bind() has failed, and then goes on, or main() returns 0.",
        read="Your turn",
        by_hand=("./accept 7890",
                 "timeout 0.5 ./accept 7890 2>&1 | head; echo exit status ${PIPESTATUS[0]}"),
        needs=["test_starts_beside_an_old_connection"])
def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)


@graded(4, "Refuses what is no port or no address, with a usage line",
        cause="atoi() and strtol() take 80x for 80 and an empty string for 0; inet_pton() and argc were not "
              "looked at.",
        read="Your turn",
        by_hand=("timeout 0.5 ./accept ''; for words in 99999 80x '0 127.0.0.256' '0 ::1 surplus'; do "
                 "timeout 0.5 ./accept $words; done",))
@pytest.mark.parametrize("arguments", checks.WRONG_PORTS + checks.WRONG_ADDRESSES)
def test_wrong_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])
