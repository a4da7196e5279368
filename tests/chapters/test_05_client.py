"""05-client: stdin to the server and the server to stdout, both at the same time, as nc does."""

import os
import re
import select
import socket
import subprocess
import threading

import pytest

from harness import checks, steps
from harness.compare import identical
from harness.grading import graded
from harness.inspect import is_listening, state
from harness.namespaces import empty_network
from harness.program import how_it_ended, seconds, wait_until
from harness.talk import (echo, feed, receive, receive_all, receive_until, reserved_port, serving, type_line,
                          write_until_stuck)

CHAPTER = "05-client"
PIPE = subprocess.PIPE
LARGE = 16 * 1024 * 1024  # far more than the kernel keeps for a peer that does not read


def a_server(does, first=""):
    """The command for a terminal with a server that does this, in Python, with its one connection c, and
    something first with its socket s."""
    return ("python3 -c \"import socket, time; s = socket.create_server(('127.0.0.1', 7890)); %s"
            "print('listening', flush=True); c = s.accept()[0]; %s\"" % (first and first + "; ", does))


AN_ECHO_SERVER = a_server("[c.sendall(data) for data in iter(lambda: c.recv(65536), b'')]",
                          first="s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)")


def start(chapter, server, **options):
    return chapter.start(server.address, str(server.port), **options)


def ends_well(program, limit=5):
    status = program.wait(limit)
    assert status == 0 and program.stderr == "", "%s, though nothing was wrong; stderr:\n%s" % (
        how_it_ended(status), program.stderr or "(nothing)")


def ends_with_error(program, symbol):
    status = program.wait()
    assert status == 1, "%s, not exit status 1; stderr:\n%s" % (
        how_it_ended(status), program.stderr or "(nothing)")
    assert re.fullmatch(r"client: .+: .+ \((%s)\)\n" % symbol, program.stderr), (
        "stderr should be one line `client: what failed: strerror text (%s)`, and is:\n%s" % (
            symbol.replace("|", " or "), program.stderr or "(nothing)"))


def happens(event, what, limit=6):
    """The other half of the test goes on; it is the first to fail if it waits in vain for the program."""
    assert event.wait(seconds(limit)), "waited in vain until " + what


TIME = b"Thu Jan  1 00:00:00 1970\r\n"


def speak(connection):
    """Say what time it is, as a daytime server does."""
    connection.sendall(TIME)


@graded(10, "Connects, and prints what the server says at once",
        cause="The port is not in network byte order (htons); connect() did not wait (EINPROGRESS: set "
              "O_NONBLOCK after it); or what has come stays in stdio's buffer, which a program that waits in "
              "poll() does not flush: write().",
        read="The program",
        by_hand=("echo hello | nc -lvn 127.0.0.1 7890",
                 "sleep 1 | timeout 0.5 ./client 127.0.0.1 7890 | cat  # should print hello"))
def test_prints_what_the_server_says(chapter):
    end = threading.Event()

    def serve(connection):
        speak(connection)
        happens(end, "the line was printed")

    with serving(serve) as server:  # one with stdin open, one with it ended: the first step may be either
        programs = [start(chapter, server, stdin=stdin) for stdin in (PIPE, subprocess.DEVNULL)]
        wait_until(lambda: any(program.stdout == TIME for program in programs)
                   or not any(program.is_running() for program in programs),
                   what="the program to print the server's line")
        end.set()
        got = max(program.stdout for program in programs)
        assert got == TIME, "it ended, and had printed: %s\nstderr: %s" % (
            got.decode(errors="backslashreplace") or "(nothing)", programs[0].stderr or "(nothing)")


@graded(10, "Speaks and listens at the same time",
        cause="It reads all of stdin before it looks at the server, or waits in one of read(stdin) and "
              "recv() while the other has something: poll() waits for both. Or stdio (fgets, printf) keeps "
              "what poll() then cannot see: a second line, or one without its end.",
        read="The idea",
        by_hand=(AN_ECHO_SERVER,
                 "(printf 'one\\ntwo\\nthree'; sleep 1) | timeout 0.5 ./client 127.0.0.1 7890  "
                 "# all come back"))
def test_a_line_comes_back_before_stdin_ends(chapter):
    with serving(echo) as server:
        program = start(chapter, server, stdin=PIPE)
        for text in ("hello\n", "two\nlines\n", "no line end"):
            type_line(program, text.encode())
            program.wait_for_output("^%s" % text.splitlines()[-1])
        program.kill()


@graded(10, "Half-closes at the end of stdin, and prints the answer",
        cause="The end of stdin has to reach the server: shutdown(SHUT_WR), and not close(), which ends both "
              "directions; and the program goes on reading until the server has ended its side. Or stdin's "
              "end came as POLLHUP, and the program looks for POLLIN only.",
        read="The program",
        by_hand=(a_server("print(c.makefile().read()); c.send(b'answer\\n')"),
                 "echo question | timeout 1 ./client 127.0.0.1 7890; echo exit status $?"))
def test_end_of_stdin_half_closes_and_the_answer_still_comes(chapter):
    printed = threading.Event()

    def serve(connection):
        assert receive_all(connection) == b"question\n"
        connection.sendall(b"one\n")
        happens(printed, "the first line of the answer was printed")
        connection.sendall(b"two\n")

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)
        feed(program, b"question\n")
        program.wait_for_output("^one$")
        printed.set()
        ends_well(program)
    assert program.stdout == b"one\ntwo\n"


@graded(6, "Ends with the server, though stdin is open and silent",
        cause="When the server has ended its side there is nothing more to come, and it is no use to wait "
              "for a person to type more.",
        read="The program",
        by_hand=("echo goodbye | nc -lvnN 127.0.0.1 7890",
                 "timeout 0.5 ./client 127.0.0.1 7890 < <(sleep 1); echo exit status $?  # 124: it waited"))
def test_ends_when_a_server_that_speaks_first_closes(chapter):
    with serving(speak) as server:
        program = start(chapter, server, stdin=PIPE)  # which stays open
        ends_well(program)
    assert program.stdout == TIME


@graded(6, "Passes every byte unchanged, over IPv4 and IPv6",
        cause="The bytes were treated as a string, which ends at a zero byte; or inet_pton() was not asked "
              "for an IPv6 address.",
        read="Your turn",
        by_hand=("nc -lvn ::1 7890 | od -c",
                 "printf 'a\\0b\\n' | timeout 0.5 ./client ::1 7890; sleep 0.2"),
        needs=["test_end_of_stdin_half_closes_and_the_answer_still_comes"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_every_byte_value_passes_unchanged(chapter, address):
    if address == "::1":
        checks.needs_ipv6()
    data = bytes(range(256)) + b"\r\n\0\n\r no newline at the end"
    with serving(echo, address) as server:
        program = start(chapter, server, stdin=PIPE)
        feed(program, data)
        ends_well(program)
    assert program.stdout == data


def echo_with_small_buffers(connection):
    """Echo, as a server that does not take much before it wants to be rid of it."""
    for size in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        connection.setsockopt(socket.SOL_SOCKET, size, 65536)
    echo(connection)


@graded(9, "Any amount comes back from an echo server, without a deadlock",
        cause="While it sends, it does not receive: each side waits for the other to read. The socket has to "
              "be non-blocking; and what write() did not take has to be kept for later.",
        read="The program",
        by_hand=(AN_ECHO_SERVER,
                 "head -c 100000000 /dev/zero | timeout 5 ./client 127.0.0.1 7890 | wc -c"),
        needs=["test_a_line_comes_back_before_stdin_ends",
               "test_end_of_stdin_half_closes_and_the_answer_still_comes"])
def test_a_large_echo_comes_back_identical(chapter, tmp_path):
    data = os.urandom(3 * LARGE // 2)
    (tmp_path / "large").write_bytes(data)
    with serving(echo_with_small_buffers, limit=8) as server, open(tmp_path / "large", "rb") as file:
        program = start(chapter, server, stdin=file)
        ends_well(program, limit=8)
    identical(program.stdout, data)


def test_100_megabytes_come_back_identical(chapter):
    data = os.urandom(100 * 1000 * 1000)
    with serving(echo, limit=30) as server:
        program = start(chapter, server, stdin=PIPE)
        feed(program, data)
        ends_well(program, limit=30)
    identical(program.stdout, data)


@graded(4, "Prints all of a large answer when the server has closed",
        cause="It ends before all has come, or before all that came is printed: go on until recv() returns "
              "0 and nothing is left to print. No flag of poll(), POLLHUP included, says that.",
        read="Your turn",
        by_hand=(a_server("c.sendall(bytes(120000))"),
                 "timeout 2 ./client 127.0.0.1 7890 < /dev/null | (sleep 0.5; wc -c)  # should be 120000"),
        needs=["test_end_of_stdin_half_closes_and_the_answer_still_comes",
               "test_ends_when_a_server_that_speaks_first_closes"])
@pytest.mark.parametrize("stdin", [subprocess.DEVNULL, PIPE], ids=["ended", "open"])
def test_all_of_a_large_answer_is_printed_after_the_server_has_closed(chapter, stdin):
    data = os.urandom(LARGE)
    with serving(lambda connection: connection.sendall(data)) as server:
        program = start(chapter, server, stdin=stdin)
        ends_well(program)
    identical(program.stdout, data)


@graded(5, "Sends all of a file, also when the server ends its side first",
        cause="A server that has ended its side may still read: what stdin has ready is sent before the "
              "program ends.",
        read="Your turn",
        by_hand=("echo go on | nc -lvnN 127.0.0.1 7890 | wc -c",
                 "head -c 5000000 /dev/zero > file; timeout 1 ./client 127.0.0.1 7890 < file; sleep 0.2"),
        needs=["test_end_of_stdin_half_closes_and_the_answer_still_comes"])
def test_a_server_that_ends_its_side_first_still_gets_all_of_a_file(chapter, tmp_path):
    data = os.urandom(LARGE)
    (tmp_path / "large").write_bytes(data)

    def serve(connection):
        connection.sendall(b"go on\n")
        connection.shutdown(socket.SHUT_WR)
        identical(receive_all(connection), data)

    with serving(serve) as server, open(tmp_path / "large", "rb") as file:
        program = start(chapter, server, stdin=file)
        ends_well(program)
    assert program.stdout == b"go on\n"


@graded(4, "Prints what the server has said, also when sending fails",
        cause="A send that fails ends one direction only: what the server said before is still to be "
              "received and printed. Then exit 1.",
        read="What can go wrong",
        by_hand=(a_server("time.sleep(0.4); c.send(b'too large\\n')") + "  # and a reset: it has not read",
                 "yes | ./client 127.0.0.1 7890 2> errors & sleep 0.2; kill -STOP $!; sleep 0.4\n"
                 "kill -CONT $!; sleep 0.4; kill $! 2> /dev/null; wait $!; echo exit status $?\n"
                 "head -3 errors  # should print 'too large', 1, and one error"))
def test_an_answer_is_not_lost_when_the_server_stops_reading(chapter):
    stopped, answered = threading.Event(), threading.Event()

    def serve(connection):
        happens(stopped, "the program was stopped")
        connection.sendall(b"413 too large\n")
        connection.reset()
        answered.set()

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)
        write_until_stuck(program.process.stdin.fileno())
        with checks.stopped(program):  # so that it meets the answer and the reset together
            stopped.set()
            happens(answered, "the test's server had answered")
        ends_with_error(program, "ECONNRESET|EPIPE")
    assert program.stdout == b"413 too large\n"


@graded(3, "A reset is an error, and a stdin that cannot be read: exit status 1",
        cause="ECONNRESET is not the end of a file: something may be lost, and a script has to see that in "
              "the exit status, also after stdin's end. Or read() fails, and that is taken for the end.",
        read="What can go wrong",
        by_hand=(a_server("time.sleep(0.2); c.setsockopt(1, socket.SO_LINGER, bytes([1] + [0] * 7))")
                 + "  # a reset",
                 "timeout 1 ./client 127.0.0.1 7890 < <(sleep 2); echo exit status $?; (echo hello | timeout 2 nc "
                 "-lN 127.0.0.1 7891) & sleep 0.2; timeout 1 ./client 127.0.0.1 7891 < /; echo exit status $?"))
@pytest.mark.parametrize("options,symbol", [
    ({"stdin": PIPE}, "ECONNRESET"), ({"stdin": subprocess.DEVNULL}, "ECONNRESET"),
    ({"under": ["sh", "-c", 'exec "$0" "$@" < /usr']}, "EISDIR")], ids=["open", "ended", "a folder"])
def test_a_reset_is_an_error(chapter, options, symbol):
    printed = threading.Event()

    def serve(connection):
        connection.sendall(b"hello\n")
        happens(printed, "the server's line was printed")
        if symbol == "ECONNRESET":
            connection.reset()

    with serving(serve) as server:
        program = start(chapter, server, **options)
        program.wait_for_output("^hello$")
        printed.set()
        ends_with_error(program, symbol)


@graded(3, "Says to which address it could not connect, and exits 1",
        cause="The message is not the contract's, goes to stdout, or the program goes on without a "
              "connection.",
        read="Your turn",
        by_hand=("./client 127.0.0.1 7890; echo exit status $?",))
def test_refused(chapter):
    with reserved_port("127.0.0.1") as port:
        program = chapter.run("127.0.0.1", str(port))
    checks.is_failure(chapter, program, "ECONNREFUSED")
    assert program.stderr == (
        "client: connect 127.0.0.1 port %d: Connection refused (ECONNREFUSED)\n" % port)


def test_unreachable(chapter):
    program = chapter.start_other([*empty_network(), chapter.program, "192.0.2.1", "80"])
    assert program.wait() == 1
    assert program.stderr == (
        "client: connect 192.0.2.1 port 80: Network is unreachable (ENETUNREACH)\n")


def test_chapter_4s_server(chapter, other):
    server = other("04-send-recv").serve("0")
    program = start(chapter, server, stdin=PIPE)
    program.wait_for_output(r"^Hello, world! You are visitor 1\.$")
    data = os.urandom(100000)
    feed(program, data)
    ends_well(program)
    identical(program.stdout.partition(b"\n")[2], data)


def test_nc_as_the_server(chapter, tool):
    with reserved_port("127.0.0.1") as port:
        pass  # from here on it is free
    nc = chapter.start_other([tool("nc"), "-l", "127.0.0.1", str(port)], stdin=PIPE)
    wait_until(lambda: is_listening(port), what="nc to listen")
    program = chapter.start("127.0.0.1", str(port), stdin=PIPE)
    type_line(program, b"to nc\n")
    nc.wait_for_output("^to nc$")
    type_line(nc, b"from nc\n")
    program.wait_for_output("^from nc$")
    program.process.stdin.close()
    nc.process.stdin.close()
    ends_well(program)
    assert nc.wait() == 0


def start_with_stdout(chapter, server, descriptor):
    return start(chapter, server, stdin=PIPE, preexec_fn=lambda: os.dup2(descriptor, 1))


@graded(3, "A stdout that takes nothing any more is an error, and no SIGPIPE",
        cause="The result of the write to stdout is not looked at; or SIGPIPE, which is not ignored, ends "
              "the program without a word.",
        read="What can go wrong",
        by_hand=("for i in 1 2; do (sleep 0.3; echo hello) | nc -lvnN 127.0.0.1 7890; done",
                 "(timeout 1 ./client 127.0.0.1 7890 < <(sleep 2); echo exit status $? >&2) | true"
                 "  # 141: SIGPIPE; 124: it went on\n"
                 "sleep 0.3; timeout 1 ./client 127.0.0.1 7890 > /dev/full; echo exit status $?"))
@pytest.mark.parametrize("symbol", ["EPIPE", "ENOSPC"])
def test_a_stdout_that_is_closed_early_is_an_error(chapter, symbol):
    if symbol == "EPIPE":
        reader, writer = os.pipe()
        os.close(reader)
    elif os.path.exists("/dev/full"):
        writer = os.open("/dev/full", os.O_WRONLY)
    else:
        pytest.skip("needs /dev/full")
    with serving(speak) as server, open(writer, "wb"):
        steps.step("with a stdout on which write() says %s:" % symbol)
        ends_with_error(start_with_stdout(chapter, server, writer), symbol)


@graded(5, "Costs no CPU time while nothing is to be done",
        cause="poll() is asked for what is always there: the end of stdin once it has been seen, or room to "
              "send when there is nothing to send.",
        read="The program",
        by_hand=(a_server("time.sleep(1)"),
                 "sleep 1 | ./client 127.0.0.1 7890 & first=$!; ./client 127.0.0.1 7890 < /dev/null &\n"
                 "sleep 0.2; ps -o stat,cmd -p $first,$!  # R: it spins"),
        needs=["test_end_of_stdin_half_closes_and_the_answer_still_comes"])
def test_waits_without_spinning(chapter):
    """Neither with stdin open nor after its end."""
    end = threading.Event()

    def serve(connection):
        connection.sendall(b"connected\n")
        happens(end, "the programs were seen to wait")

    with serving(serve) as server:
        programs = [start(chapter, server, stdin=stdin) for stdin in (PIPE, subprocess.DEVNULL)]
        for program in programs:
            program.wait_for_output("^connected$")
        checks.waits_without_spinning(*[program.pid for program in programs])
        end.set()


@graded(6, "A server that does not read delays only what it is sent",
        cause="A call that sends waits until there is room for all of it, and what the server says is not "
              "read in the meantime: set O_NONBLOCK on the socket. If it spins: ask poll() for stdin only "
              "while there is room for what it brings.",
        read="The program",
        by_hand=(a_server("time.sleep(0.5); c.send(b'hello\\n'); time.sleep(1)",
                          first="s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096); "
                                "s.setsockopt(6, socket.TCP_MAXSEG, 1448)") + "  # it does not read",
                 "(head -c 25000 /dev/zero; sleep 0.1; cat /dev/zero) | ./client 127.0.0.1 7890 & sleep 0.9; "
                 "ps -o stat,cmd -p $!  # no hello: a send waits; R: it spins"),
        needs=["test_a_large_echo_comes_back_identical", "test_waits_without_spinning"])
def test_a_server_that_does_not_read_delays_only_what_it_is_sent(chapter):
    stuck, end = threading.Semaphore(0), threading.Event()
    words = ["word %d" % number for number in range(1, 9)]

    def serve(connection):
        for word in words:
            assert stuck.acquire(timeout=seconds(10)), "the test did not come to the next word"
            connection.sendall(word.encode() + b"\n")
            receive(connection, 8192)  # room for a little, not for a large write()
        happens(end, "the program was seen to wait")
        receive_all(connection)

    with serving(serve, small=True) as server:
        program = start(chapter, server, stdin=PIPE)
        write_until_stuck(program.process.stdin.fileno())
        for word in words:
            stuck.release()
            program.wait_for_output("^%s$" % word)
        write_until_stuck(program.process.stdin.fileno())
        checks.waits_without_spinning(program.pid)
        end.set()
        program.process.stdin.close()
        ends_well(program)


@graded(3, "A stdout that nobody reads delays only what is printed",
        cause="A pipe that poll() found ready has room for PIPE_BUF bytes: write() waits when it is given "
              "more, and what is typed is not sent in the meantime.",
        read="The program",
        by_hand=(a_server("c.setblocking(False); c.send(bytes(5000000)); time.sleep(0.7); print(c.recv(99))"),
                 "(sleep 0.4; echo still here; sleep 1) | timeout 1 ./client 127.0.0.1 7890 | "
                 "(head -c 5000 > /dev/null; sleep 1)"),
        needs=["test_a_line_comes_back_before_stdin_ends", "test_waits_without_spinning"])
def test_a_stdout_that_nobody_reads_delays_only_what_is_printed(chapter):
    stuck, arrived = threading.Event(), threading.Semaphore(0)
    rounds = 5  # a large write() may happen to end with what is read, but not each time

    def serve(connection):
        write_until_stuck(connection.fileno(), connection.name + " sends")
        stuck.set()
        connection.settimeout(seconds(10))
        for _ in range(rounds):
            assert receive_until(connection, b"\n") == b"still here\n"
            arrived.release()

    reader, writer = os.pipe()
    with open(reader, "rb"), open(writer, "wb"), serving(serve) as server:
        program = start_with_stdout(chapter, server, writer)
        happens(stuck, "the test's server could send no more", limit=10)
        assert select.select([reader], [], [], seconds(5))[0], "nothing was printed"
        checks.waits_without_spinning(program.pid)
        for _ in range(rounds):
            steps.step("read a little of what it prints")
            os.read(reader, 4096)
            wait_until(lambda: state(program.pid) == "S", what="the program to wait")
            type_line(program, b"still here\n")
            assert arrived.acquire(timeout=seconds(2)), "the line did not come to the server within 2 s"


@graded(3, "A signal during connect() ends nothing",
        cause="After EINTR the kernel goes on with the handshake. Asked again, connect() succeeds, or says "
              "EALREADY (wait with poll(), and ask again) or EISCONN (it is done).",
        read="The program",
        by_hand=("nc -lkvn 127.0.0.1 7890",
                 "for error in EINTR EALREADY EISCONN; do strace -o /dev/null "
                 "-e inject=connect:error=$error:when=1 ./client 127.0.0.1 7890 < /dev/null; done  "
                 "# after EISCONN, which is made up, recv() fails with ENOTCONN"),
        needs=["test_prints_what_the_server_says",
               "test_end_of_stdin_half_closes_and_the_answer_still_comes"])
@pytest.mark.parametrize("then", ["success", "EALREADY", "EISCONN"])
def test_a_signal_during_connect_ends_nothing(chapter, preloaded, then):
    with serving(speak) as server:
        steps.step("with a signal during connect(); the next one answers %s:" % then)
        program = preloaded(chapter.start, {"LAB_FAULTS_AT_CONNECT": then}, server.address, str(server.port))
        ends_well(program)
    assert program.stdout == TIME


@graded(7, "Loses no byte to short counts, EINTR and Ctrl-Z",
        cause="A call that did a part has to be made again for the rest; and one that was interrupted "
              "(EINTR), poll() included, has to be made again.",
        read="What can go wrong",
        by_hand=("nc -lvn 127.0.0.1 7890 | cksum; nc -lvn 127.0.0.1 7890",
                 "seq 10000 | strace -o /dev/null -e inject=read,write,recvfrom,sendto,?poll,?ppoll,?select,"
                 "?pselect6:error=EINTR:when=3+2 ./client 127.0.0.1 7890; sleep 0.1; seq 10000 | cksum\n"
                 "echo hello | strace -o /dev/null -e inject=write,sendto:retval=3:when=1 "
                 "./client 127.0.0.1 7890; sleep 0.1  # it is told that 'hel' is sent: 'lo' comes"),
        needs=["test_a_large_echo_comes_back_identical", "test_waits_without_spinning"])
def test_random_faults(chapter, random_faults):
    data = os.urandom(200000)
    with serving(echo) as server:
        program = random_faults(chapter.start, server.address, str(server.port), stdin=PIPE)
        type_line(program, b"before\n")
        program.wait_for_output("^before$")
        checks.is_not_disturbed_by_stopping(program)
        feed(program, data)
        ends_well(program)
    identical(program.stdout, b"before\n" + data)


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_needs_stdin_stdout_and_stderr(chapter, closed):
    with serving(echo, at_least=0) as server:
        program = start(chapter, server, preexec_fn=lambda: os.close(closed))
        assert program.wait() == 1 and server.connections == 0
        assert closed == 2 or "(EBADF)" in program.stderr


def test_is_not_disturbed_by_stopping(chapter):
    with serving(echo) as server:
        program = start(chapter, server, stdin=PIPE)
        type_line(program, b"before\n")
        program.wait_for_output("^before$")
        checks.is_not_disturbed_by_stopping(program)
        type_line(program, b"after\n")
        program.wait_for_output("^after$")
        program.process.stdin.close()
        ends_well(program)


WRONG = [["127.0.0.1", bad] for bad in checks.BAD_PORTS] + [[bad, "80"] for bad in checks.BAD_ADDRESSES]


@graded(3, "Refuses wrong arguments, with a usage line and exit status 2",
        cause="The number of arguments is not looked at; or atoi() and strtol() take 80x for 80 and an empty "
              "string for 0: look at where the number ended.",
        read="Your turn",
        by_hand=("./client 127.0.0.1; echo exit status $?; ./client 127.0.0.1 7890x; echo exit status $?",),
        needs=[])
@pytest.mark.parametrize("arguments,bad", [
    ([], ""), (["127.0.0.1"], ""), (["127.0.0.1", "80", "surplus"], "surplus"),
    *[(arguments, "".join(set(arguments) - {"127.0.0.1", "80"})) for arguments in WRONG]])
def test_wrong_arguments(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments), bad)
