"""02-bind-listen: an address of its own, and a queue that the kernel fills with clients."""

import contextlib
import pathlib
import select
import signal
import socket

import pytest

from harness import checks, steps
from harness.grading import graded
from harness.inspect import at_rest, descriptors
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


@graded(15, "Starts, says where it listens, and clients can connect",
        cause="No line: it is in stdout's buffer still, or bind() got a wrong address (sin_family, "
              "htonl()). A line, but refused: listen() is missing, or the port is not getsockname()'s after "
              "ntohs().",
        read="The program",
        by_hand=("./bind-listen 7890 | cat",
                 "nc -zv 127.0.0.1 7890; ss -tln"))
def test_says_where_it_listens(chapter):
    server = chapter.serve("0")
    connect(server).close()
    if not shows_byte_order(server.port):
        connect(chapter.serve("0")).close()


@graded(9, "Listens on the PORT that it is given, and for 0 on a free one",
        cause="The port goes into sin_port without htons(), so its two bytes are swapped; or PORT 0 means the "
              "default, or 65535 is refused.",
        read="The program",
        by_hand=("./bind-listen 7891",
                 "nc -zv 127.0.0.1 7891; timeout 1 ./bind-listen 0 & timeout 0.5 ./bind-listen 0; wait; "
                 "timeout 0.5 ./bind-listen 65535"))
def test_listens_on_the_port_it_is_given(chapter):
    wanted = free_port()
    server = chapter.serve(str(wanted))
    assert server.port == wanted
    connect(server).close()
    for _ in range(2):
        chapter.serve("0")
    last = chapter.start("65535")
    wait_until(lambda: last.output or not last.is_running(), what="a line or its end")
    assert last.output or last.wait() == 1, "65535 is a port, though it may be taken:\n" + last.stderr


@graded(3, "Says so only once clients can connect",
        cause="The line is printed before listen() has returned.",
        read="The program",
        by_hand=("timeout 2 strace -qq -o /dev/null -e inject=listen:delay_enter=1500000 "
                 "./bind-listen 7890 & sleep 0.8; nc -zv 127.0.0.1 7890; wait",))
def test_says_so_only_once_clients_can_connect(chapter, faults):
    server = chapter.serve("0", under=faults("listen:delay_enter=100000"))  # microseconds
    connect(server).close()


@graded(5, "Listens on 127.0.0.1 only, unless told otherwise",
        cause="INADDR_ANY, which is 0.0.0.0, opens the port to everybody on the network.",
        read="The program",
        by_hand=("./bind-listen 7890",
                 "ss -tln"))
def test_listens_on_loopback_only(chapter):
    checks.listens_on_loopback_only(chapter.serve("0"))


@graded(3, "Listens on port 7890, unless told otherwise",
        cause="The port to use without an argument is another one, or the argument is required.",
        read="Your turn",
        by_hand=("./bind-listen",
                 "nc -zv 127.0.0.1 7890"),
        needs=["test_listens_on_the_port_it_is_given"])
def test_default_port(chapter):
    checks.default_port(chapter, 7890)


@graded(6, "Binds the ADDRESS that it is given, and refuses what is none",
        cause="The second argument is not looked at, or the result of inet_pton() is not: 1 is success, 0 "
              "is no address, and no name is one.",
        read="Your turn",
        by_hand=("./bind-listen 7890 0.0.0.0",
                 "ss -tln; timeout 0.5 ./bind-listen 0 127.0.0.256; timeout 0.5 ./bind-listen 0 localhost"))
def test_address(chapter):
    for arguments in [*checks.WRONG_ADDRESSES, ["0", "localhost"]]:
        checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])
    server = chapter.serve("0", "0.0.0.0")
    assert server.address == "0.0.0.0"
    connect(server.port).close()


@graded(5, "Binds an IPv6 address, too",
        cause="The family of the socket, the length for bind(), or the text that is printed is that of IPv4 "
              "in any case; or sin6_port lacks htons() or ntohs().",
        read="Your turn",
        by_hand=("./bind-listen 7890 ::1",
                 "nc -zv ::1 7890"),
        needs=["test_address"])
def test_ipv6(chapter):
    checks.needs_ipv6()
    wanted = free_port("::1")
    server = chapter.serve(str(wanted), "::1")
    assert (server.address, server.port) == ("::1", wanted)
    connect(server).close()


@graded(8, "Starts though an old connection is left on its port",
        cause="SO_REUSEADDR is not set, or only after bind(), so connections in TIME_WAIT keep the port.",
        read="The program",
        by_hand=("nc -lN 7890 < /dev/null & sleep 0.5; nc -d 127.0.0.1 7890; wait; "
                 "timeout 0.5 ./bind-listen 7890",),
        needs=["test_listens_on_the_port_it_is_given"])
def test_starts_beside_an_old_connection(chapter):
    checks.starts_beside_an_old_connection(chapter, checks.positional)


@graded(6, "Has room for 64 clients in its queue",
        cause="The backlog, the number that listen() is given, is too small: SOMAXCONN is the longest there "
              "is.",
        read="The idea",
        by_hand=("./bind-listen 7890",
                 "ss -tln"))
def test_has_room_for_many_clients(chapter):
    server = chapter.serve("0")
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(connect(server, limit=3))


@graded(8, "Leaves its clients in the queue: no answer, no end, no output",
        cause="It calls accept(), closes something, or prints more than its one line: later chapters do.",
        read="Look underneath",
        by_hand=("./bind-listen 7890",
                 "nc -d 127.0.0.1 7890 & sleep 0.2; ss -tln; kill %1"),
        needs=["test_has_room_for_many_clients"])
def test_connects_clients_though_nobody_accepts_them(chapter):
    server = chapter.serve("0")
    before = descriptors(at_rest(server.pid))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(2)]
        for client in reversed(clients):
            client.sendall(b"is anybody there?\n" * 100)
        ready = select.select(clients, [], [], 0.2)[0]
        assert not ready, "%s got an answer or an end" % ready[0].name
        assert server.output == "listening on %s port %d\n" % (server.address, server.port)
        assert descriptors(server.pid) == before, "it has more descriptors: it accepted a client"


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


@graded(4, "Waits without using the CPU",
        cause="An empty loop asks the processor to do nothing as fast as it can: pause() waits.",
        read="Try it",
        by_hand=("./bind-listen 7890 & sleep 0.5; ps -o stat= -p $!; kill $!  # R: it spins",))
def test_waits_without_spinning(chapter):
    checks.waits_without_spinning(chapter.serve("0").pid)


@graded(3, "Runs until a signal such as Ctrl-C's ends it",
        cause="It waits for input, which may be at its end from the start, or for anything else than a "
              "signal.",
        read="Your turn",
        by_hand=("./bind-listen 7890 < /dev/null",
                 "sleep 0.2; nc -zv 127.0.0.1 7890"))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runs_until_a_signal_ends_it(chapter, number):
    # A shell may have had this test ignore SIGINT, and the program would inherit that.
    server = chapter.serve("0", preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    with connect(server):
        assert server.is_running(), "it has ended before the signal"
        server.signal(number)
        status = server.wait()
        assert not server.crashed(), "%s came of it" % how_it_ended(status)


def test_restart_at_once(chapter):
    checks.restart_at_once(chapter, checks.positional, lambda client: client.sendall(b"hello\n"))


@graded(5, "Says what failed, where and why, and exits 1",
        cause="The result of bind() was not looked at; or the message lacks the symbol EADDRNOTAVAIL, as "
              "perror()'s do, or the address and port.",
        read="Your turn",
        by_hand=("./bind-listen 7890 192.0.2.1; echo exit status $?",),
        needs=["test_listens_on_the_port_it_is_given", "test_address"])
def test_says_what_failed_and_where(chapter, address="192.0.2.1"):
    program = chapter.run("0", address, limit=5)
    checks.is_failure(chapter, program, "EADDRNOTAVAIL")
    assert "bind %s port 0: " % address in program.stderr, "it does not say where:\n" + program.stderr


def test_says_what_failed_with_ipv6(chapter):
    checks.needs_ipv6()
    test_says_what_failed_and_where(chapter, "2001:db8::1")


@graded(4, "Ends if another one listens on its port",
        cause="SO_REUSEPORT, which comes in with `SO_REUSEADDR | SO_REUSEPORT`, lets two servers share a "
              "port.",
        read="What can go wrong",
        by_hand=("./bind-listen 7890",
                 "timeout 0.5 ./bind-listen 7890"),
        needs=["test_starts_beside_an_old_connection", "test_says_what_failed_and_where"])
def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.positional)


@graded(7, "Whichever call fails: names it, and exits 1",
        cause="The result of socket(), setsockopt(), bind(), listen() or getsockname() was not looked at.",
        read="The program",
        by_hand=("for call in socket setsockopt bind listen getsockname; do echo $call; timeout 0.5 "
                 "strace -qq -o /dev/null -e inject=$call:error=ENOBUFS ./bind-listen 7890; done",),
        needs=["test_says_what_failed_and_where"])
@pytest.mark.parametrize("call", CALLS)
def test_names_the_call_that_fails(chapter, preloaded, call):
    steps.step("with %s() failing, ENOBUFS:" % call)
    program = preloaded(chapter.start, {"LAB_FAULTS_AT_START": call}, "0")
    wait_until(lambda: "\n" in program.output or not program.is_running(), what="a line or its end")
    if not preloaded.was_given(limit=0):
        return  # it does without this call: if that is a mistake, it is another check's
    assert not program.output, "%s() has failed, and it says: %s" % (call, program.output)
    program.status = program.wait()
    checks.is_failure(chapter, program, "ENOBUFS")
    assert call in program.stderr.partition(": ")[2], "it does not name %s():\n%s" % (call, program.stderr)


@graded(3, "Fails if its line cannot be written",
        cause="The result of printf(), or of fflush(stdout) where that writes the line, is not looked at.",
        read="The program",
        by_hand=("timeout 0.5 ./bind-listen 7890 > /dev/full; echo exit status $?",),
        needs=["test_says_what_failed_and_where"])
def test_full_disk(chapter):
    checks.full_disk(chapter, "0")


def test_closed_stdout(chapter):
    checks.closed_stdout(chapter, "0")


def test_privileged_port(chapter):
    first_free = pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not first_free.exists() or int(first_free.read_text()) < 2:
        pytest.skip("every user may bind every port here")
    with PublicFolder() as folder:
        chapter.program = folder.copy(chapter.program)
        program = chapter.run("1", **ordinary_user())
    assert "bind 127.0.0.1 port 1: " in program.stderr
    checks.is_failure(chapter, program, "EACCES")


@graded(6, "Refuses what is no port, and a third argument, with a usage line",
        cause="atoi() and strtol() take 80x, ' 80' and +80 for 80 and an empty string for 0; argc is not "
              "looked at; or the message does not repeat the argument.",
        read="Your turn",
        by_hand=("for port in '' 99999 80x -1 ' 80' +80; do timeout 0.5 ./bind-listen \"$port\"; done; "
                 "timeout 0.5 ./bind-listen 0 ::1 surplus",))
@pytest.mark.parametrize("arguments", checks.WRONG_PORTS)
def test_wrong_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])
