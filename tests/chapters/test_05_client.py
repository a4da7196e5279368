"""05-client: stdin to the server and the server to stdout, both at the same time, as nc does."""

import contextlib
import os
import select
import socket
import subprocess
import threading

import pytest

from harness import checks, steps
from harness.client_checks import (AN_ECHO_SERVER, LARGE, PIPE, TIME, a_server, ends_well, happens,
                                   own_words, printed, speak, start, start_with_stdout, type_until_stuck)
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.inspect import all_sleep, is_listening, state
from harness.program import seconds, wait_until
from harness.talk import (echo, feed, new_address, receive, receive_all, receive_until, reserved_port, serving,
                          type_line, write_until_stuck)

CHAPTER = "05-client"


@graded(8, "Connects, and prints what the server says at once",
        cause=[
            Symptom("usage: |exit status 2",
                    "Right arguments are refused: the ADDRESS comes first, then the PORT."),
            Symptom("ECONNREFUSED|clients connected",
                    "It connects to another port: the port has to be in network byte order, htons()."),
            Symptom("EINPROGRESS|ENOTCONN|EAGAIN",
                    "connect() did not wait until the handshake was done: set O_NONBLOCK after it, not before."),
            Symptom("waited .* in vain",
                    "It waits for more than has come (stdin's end, a full buffer), or what it prints stays in stdio's "
                    "buffer, which a program that waits in poll() does not flush: write() what each read() has brought."),
            "It ends, or prints something else, before the server's words have come."],
        read="The program",
        by_hand=("echo hello | nc -lvn 127.0.0.1 7890",
                 "sleep 1 | timeout 0.5 ./client 127.0.0.1 7890 | cat  # should print hello"))
def test_prints_what_the_server_says(chapter):
    """Whatever it says itself before that."""
    end = threading.Event()

    def serve(connection):
        speak(connection)
        happens(end, "the line was printed")

    with serving(serve) as server:  # one with stdin open, one with it ended: the first step may be either
        programs = [start(chapter, server, stdin=stdin) for stdin in (PIPE, subprocess.DEVNULL)]
        wait_until(lambda: any(TIME in program.stdout for program in programs)
                   or not any(program.is_running() for program in programs),
                   what="the program to print the server's line")
        end.set()
        assert any(TIME in program.stdout for program in programs), "it ended, and had printed: %s\nstderr: %s" % (
            programs[0].output or "(nothing)", programs[0].stderr or "(nothing)")


@graded(3, "Says nothing of its own",
        cause=[
            Symptom("on stderr",
                    "stderr is for errors alone, and neither a connection nor its end is one."),
            "stdout is for what the server says, and for nothing else: no word about the connection or its end, no "
            "prompt. Who pipes it into a file wants the server's bytes."],
        read="Your turn",
        by_hand=("echo hello | nc -lvnN 127.0.0.1 7890",
                 "timeout 1 ./client 127.0.0.1 7890 < <(sleep 0.3) | od -c"))
def test_says_nothing_of_its_own(chapter):
    """What it says before and after the server's words, the other checks do without."""
    accepted, end = threading.Event(), threading.Event()

    def serve(connection):
        accepted.set()
        happens(end, "the program was seen to say nothing")
        connection.sendall(TIME)

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)
        happens(accepted, "the program had connected")
        with contextlib.suppress(AssertionError):
            wait_until(lambda: program.stdout or program.stderr, limit=0.2)
        end.set()
        program.wait_for_output("^Thu Jan  1")
        program.process.stdin.close()
        with contextlib.suppress(AssertionError):
            program.wait(2)
    before, time, after = program.stdout.partition(TIME)
    own_words["stdout"] = [before, after] if time else [b"", b""]
    own_words["stderr"] = program.stderr
    assert program.stderr == "", "it says on stderr: " + program.stderr
    assert program.stdout == TIME


@graded(8, "Speaks and listens at the same time", step=2,
        cause=[
            Symptom("the peer ended its side",
                    "Neither a word nor a byte ends it, only stdin's end: of Ctrl-D the terminal makes that, and no byte "
                    "comes.",
                    ("timeout 3 nc -lvn 127.0.0.1 7890 | od -c",
                     "(sleep 0.2; printf 'quit\\n'; sleep 0.2; printf '\\004'; sleep 0.2; echo more; sleep 1) | "
                     "timeout 1 ./client 127.0.0.1 7890; sleep 0.1")),
            Symptom("^expected: ",
                    "What comes to the server is not what was typed: the bytes go on as they are, without a '\\r' before "
                    "the '\\n', which only telnet adds.",
                    ("timeout 3 nc -lvn 127.0.0.1 7890 | od -c", "echo hello | timeout 0.5 ./client 127.0.0.1 7890; sleep 0.1")),
            Symptom("^stdout: .+hello$",
                    "It prints something of its own, such as a prompt, between the server's words."),
            Symptom("'hello\\\\n', which was typed",
                    "It waits for the server, in recv(), while stdin has something: poll() waits for both at once.",
                    ("timeout 3 nc -lvn 127.0.0.1 7890", "(echo one; sleep 1) | timeout 0.8 ./client 127.0.0.1 7890; sleep 0.1")),
            Symptom("which was typed",
                    "What was typed is not sent at once: it waits for an answer before it reads on, for a line's end, or "
                    "stdio (fgets, getline) has read more than it hands out, which poll() cannot see. read() knows no "
                    "lines, and keeps nothing.",
                    ("timeout 3 nc -lvn 127.0.0.1 7890",
                     "(printf 'one\\ntwo\\n'; sleep 0.2; printf three; sleep 1) | timeout 0.8 ./client 127.0.0.1 7890; "
                     "sleep 0.1")),
            Symptom("^this line did not come on stdout .*: no line end",
                    "What has no line end yet stays in stdio's buffer: write() what came, as it is."),
            "While it waits in read(stdin), or reads all of it first, it does not see that the server speaks: poll() "
            "waits for both at once."],
        read="The idea",
        by_hand=(AN_ECHO_SERVER,
                 "(printf 'one\\ntwo\\nthree'; sleep 1) | timeout 0.5 ./client 127.0.0.1 7890  "
                 "# all come back"))
def test_speaks_and_listens_at_the_same_time(chapter):
    """Neither side waits for the other's answer."""
    arrived, told = threading.Semaphore(0), threading.Semaphore(0)
    texts = b"hello\n", b"two\nlines\n", b"no line end"
    typed = b"hello\n", b"quit\n", b"\4", b"two\nlines\n", b"no line end"

    def serve(connection):
        for text in typed:
            assert receive(connection, len(text)) == text
            arrived.release()
        for text in texts:
            connection.sendall(text)
            assert told.acquire(timeout=seconds(10)), "the test did not come to the next text"

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)
        for text in typed:
            type_line(program, text)
            assert arrived.acquire(timeout=seconds(4)), "%r, which was typed, did not come to the server" % text.decode()
        for text in texts:
            program.wait_for_output("^%s" % text.decode().splitlines()[-1])
            told.release()
        program.kill()


@graded(8, "Half-closes at the end of stdin, and prints the answer", step=3,
        cause=[
            Symptom("waits in vain",
                    "The end of stdin does not reach the server: shutdown(SHUT_WR) says that no more will come. poll() may "
                    "tell it as POLLHUP, without POLLIN: any answer means that read() will not wait, and read() says what "
                    "it is."),
            Symptom("Broken pipe|Connection reset|before it ended|has ended: exit status 0",
                    "The end of stdin is not the end: shutdown(SHUT_WR) ends one direction, close() and SHUT_RDWR both; "
                    "and the program goes on reading until the server has ended its side."),
            "After stdin's end it goes on reading, and ends well when the server has ended its side: read() returns 0."],
        read="The program",
        by_hand=(a_server("print(c.makefile().read()); c.send(b'answer\\n')"),
                 "echo question | timeout 1 ./client 127.0.0.1 7890; echo exit status $?"))
def test_end_of_stdin_half_closes_and_the_answer_still_comes(chapter):
    one_printed = threading.Event()

    def serve(connection):
        assert receive_all(connection) == b"question\n"
        connection.sendall(b"one\n")
        happens(one_printed, "the first line of the answer was printed")
        connection.sendall(b"two\n")

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)
        feed(program, b"question\n")
        program.wait_for_output("^one$", limit=6)  # or it is the server that has waited in vain, for 5
        one_printed.set()
        ends_well(program)
    assert printed(program) == b"one\ntwo\n"


@graded(6, "Ends with the server, though stdin is open and silent",
        cause=[
            Symptom("still there",
                    "A second process of it goes on, and takes what is typed from whatever the shell runs next: end it, "
                    "too. One process that waits in poll() needs no second one.",
                    ("echo goodbye | nc -lvnN 127.0.0.1 7890",
                     "./client 127.0.0.1 7890 < <(sleep 1); sleep 0.1; pgrep -x client > /dev/null && echo one is still there")),
            Symptom("though nothing was wrong",
                    "That the server ends its side is no error: exit status 0, and not a word on stderr."),
            "When the server has ended its side there is nothing more to come, and it is no use to wait for a person to "
            "type more."],
        read="The program",
        by_hand=("echo goodbye | nc -lvnN 127.0.0.1 7890",
                 "timeout 0.5 ./client 127.0.0.1 7890 < <(sleep 1); echo exit status $?  # 124: it waited"))
def test_ends_when_a_server_that_speaks_first_closes(chapter):
    over = threading.Event()

    def serve(connection):
        speak(connection)
        connection.shutdown(socket.SHUT_WR)
        over.set()

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)  # which stays open
        happens(over, "the test's server had ended its side")
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.process.wait(2)
        assert not all_sleep(program.pid), "2 s after the server's end it still waits"
        ends_well(program)
    assert printed(program) == TIME
    with contextlib.suppress(BrokenPipeError):  # nobody is there to read
        os.write(program.process.stdin.fileno(), b"?")
        raise AssertionError("it has ended, and a process of it is still there, which could read stdin")


@graded(5, "Passes every byte unchanged, over IPv4 and IPv6", step=3,
        cause=[
            Symptom("start ./client ::1",
                    "IPv6 does not work: inet_pton() with AF_INET6, a socket of that family, and htons() for its port, too."),
            "The bytes are treated as a string, which ends at a zero byte, as characters, of which 0xff is taken for "
            "EOF, or as lines. They have a length, which read() returned, and no other end."],
        read="Your turn",
        by_hand=("timeout 3 nc -lvn ::1 7890 | od -c; timeout 3 nc -lvn 127.0.0.1 7891 | od -c",
                 "printf 'a\\0b\\n' | timeout 0.5 ./client ::1 7890; sleep 0.2; "
                 "printf 'a\\0b\\r\\377c\\n\\004' | timeout 0.5 ./client 127.0.0.1 7891; sleep 0.2"),
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
    identical(printed(program), data)


def echo_with_small_buffers(connection):
    """Echo, as a server that does not take much before it wants to be rid of it."""
    for size in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        connection.setsockopt(socket.SOL_SOCKET, size, 65536)
    echo(connection)


@graded(7, "Any amount comes back from an echo server, without a deadlock", step=5,
        cause=[
            Symptom("did not end within",
                    "While it sends, it does not receive: each side waits for the other to read. The socket has to be "
                    "non-blocking, and read() and write() take turns as poll() says."),
            "What write() did not take has to be kept, and sent later: look at what it returned. EAGAIN means: nothing "
            "was taken just now."],
        read="The program",
        by_hand=(AN_ECHO_SERVER,
                 "head -c 100000000 /dev/zero | timeout 5 ./client 127.0.0.1 7890 | wc -c"),
        needs=["test_speaks_and_listens_at_the_same_time",
               "test_end_of_stdin_half_closes_and_the_answer_still_comes"])
def test_a_large_echo_comes_back_identical(chapter, tmp_path):
    data = os.urandom(3 * LARGE // 2)
    (tmp_path / "large").write_bytes(data)
    with serving(echo_with_small_buffers, limit=8) as server, open(tmp_path / "large", "rb") as file:
        program = start(chapter, server, stdin=file)
        ends_well(program, limit=8)
    identical(printed(program), data)


def test_100_megabytes_come_back_identical(chapter):
    data = os.urandom(100 * 1000 * 1000)
    with serving(echo, limit=30) as server:
        program = start(chapter, server, stdin=PIPE)
        feed(program, data)
        ends_well(program, limit=30)
    identical(program.stdout, data)


@graded(4, "Costs no CPU time while nothing is to be done", step=3,
        cause=[
            Symptom("wakes up",
                    "It looks again and again whether something has come, and sleeps in between: poll() with a time of -1 "
                    "waits by itself for as long as it takes.",
                    (a_server("time.sleep(2)"),
                     "sleep 1 | ./client 127.0.0.1 7890 & sleep 0.5\n"
                     "awk '/^voluntary/ {print ($2 > 40 ? \"many\" : \"few\"), \"waits\"}' "
                     "/proc/$(pgrep -nx client)/status")),
            "poll() is asked for what is always there: the end of stdin once it has been seen, or room to send when there "
            "is nothing to send. Or the socket is non-blocking, and nothing waits."],
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
        for program in programs:
            checks.sleeps_until_woken(program.pid)
        end.set()


@graded(2, "Is patient with a silent server", step=3,
        cause="It gives up a server that says nothing for some seconds: SO_RCVTIMEO, a time for poll() or select(), or "
              "alarm(). That a server is silent is no error, however long.",
        read="Your turn",
        by_hand=(a_server("time.sleep(7); c.send(b'at last\\n')"), "./client 127.0.0.1 7890 < /dev/null; echo exit status $?"),
        needs=["test_end_of_stdin_half_closes_and_the_answer_still_comes"])
def test_is_patient_with_a_silent_server(chapter, preloaded):
    end = threading.Event()

    def serve(connection):
        happens(end, "the programs were seen to wait", limit=12)
        connection.sendall(b"at last\n")

    with serving(serve) as server:
        programs, patience = zip(*[preloaded.hurry(start, chapter, server, stdin=stdin) for stdin in (PIPE, subprocess.DEVNULL)])
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not all(program.is_running() for program in programs), limit=max(patience))
        end.set()
        for program in programs:
            program.wait_for_output("^at last$")


@graded(6, "A server that does not read delays only what it is sent", step=5,
        cause=[
            Symptom("takes ever more",
                    "It keeps all that stdin brings, in a buffer that grows: read more of stdin only when what was read "
                    "before has been sent.",
                    (a_server("time.sleep(1.5)", first="s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)"),
                     "head -c 50000000 /dev/zero | ./client 127.0.0.1 7890 & sleep 1\n"
                     "awk '/VmRSS/ {print int($2 / 8192) * 8 \" MiB\"}' /proc/$(pgrep -nx client)/status")),
            Symptom("spins",
                    "It asks poll() for stdin though it has no room for what that brings, or tries again and again to "
                    "send: ask for POLLOUT on the socket, and for stdin only when all of it is sent."),
            "A call that sends waits until there is room for all of it, and what the server says is not read in the "
            "meantime: set O_NONBLOCK on the socket, and ask poll() for POLLOUT while something is left to send."],
        read="The program",
        by_hand=(a_server("time.sleep(0.5); c.send(b'hello\\n'); time.sleep(1)",
                          first="s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096); "
                                "s.setsockopt(6, socket.TCP_MAXSEG, 1448)") + "  # it does not read",
                 "(head -c 25000 /dev/zero; sleep 0.1; cat /dev/zero) | ./client 127.0.0.1 7890 & sleep 0.9; "
                 "ps -o stat,cmd -p $!  # no hello: a send waits; R: it spins"),
        needs=["test_a_large_echo_comes_back_identical", "test_waits_without_spinning"])
def test_a_server_that_does_not_read_delays_only_what_it_is_sent(chapter):
    """It speaks, and speaks again, before it reads a little."""
    stuck, end = threading.Semaphore(0), threading.Event()
    words = ["word %d" % number for number in range(1, 9)]

    def serve(connection):
        for number, word in enumerate(words):
            assert stuck.acquire(timeout=seconds(10)), "the test did not come to the next word"
            connection.sendall(word.encode() + b"\n")
            if number % 2:
                receive(connection, 8192)  # room for a little, not for a large write()
        happens(end, "the program was seen to wait")
        receive_all(connection)

    with serving(serve, address=new_address(), small=True) as server:
        program = start(chapter, server, stdin=PIPE)
        for word in words:
            type_until_stuck(program)
            stuck.release()
            program.wait_for_output("^%s$" % word)
        type_until_stuck(program)
        checks.waits_without_spinning(program.pid)
        end.set()
        program.process.stdin.close()
        ends_well(program)


@graded(3, "A stdout that nobody reads delays only what is printed", step=5,
        cause=[
            Symptom("takes ever more",
                    "It keeps all that the server says, in a buffer that grows: read more of it only when what was read "
                    "before has been printed.",
                    (a_server("time.sleep(0.3); c.settimeout(1); c.sendall(bytes(90000000))"),
                     "./client 127.0.0.1 7890 < <(sleep 3) | sleep 2 & sleep 1.6\n"
                     "awk '/VmRSS/ {print int($2 / 8192) * 8 \" MiB\"}' /proc/$(pgrep -nx client)/status")),
            Symptom("spins",
                    "It tries again and again to print what nobody reads: ask poll() for POLLOUT on stdout, and wait.",
                    (a_server("time.sleep(0.3); c.settimeout(1); c.sendall(bytes(9000000))"),
                     "./client 127.0.0.1 7890 < <(sleep 3) | sleep 2 & sleep 1.2\n"
                     "ps -o stat,cmd -p $(pgrep -nx client)  # R: it spins")),
            "A pipe that poll() found ready has room for PIPE_BUF bytes: write() waits when it is given more, and what is "
            "typed is not sent in the meantime."],
        read="The program",
        by_hand=(a_server("c.setblocking(False); c.send(bytes(5000000)); time.sleep(0.7); print(c.recv(99))"),
                 "(sleep 0.4; echo still here; sleep 1) | timeout 1 ./client 127.0.0.1 7890 | "
                 "(head -c 5000 > /dev/null; sleep 1)"),
        needs=["test_speaks_and_listens_at_the_same_time", "test_waits_without_spinning"])
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


@graded(4, "Prints all of a large answer when the server has closed", step=3,
        cause=[
            Symptom("did not end within",
                    "It does not end when all is printed: read() of the socket returns 0, and nothing is left.",
                    (a_server("c.sendall(bytes(120000))"),
                     "timeout 2 ./client 127.0.0.1 7890 < <(sleep 3) | wc -c; echo exit status ${PIPESTATUS[0]}  # 124: it waits")),
            "It ends before all has come, or before all that came is printed: go on until read() returns 0 and nothing is "
            "left to print. No flag of poll(), POLLHUP included, says that."],
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
    identical(printed(program), data)


@graded(5, "Sends all of a file, also when the server ends its side first", step=6,
        cause=[
            Symptom("though nothing was wrong|EAGAIN|temporarily unavailable",
                    "That the server has ended its side is no error, and it may still read: EAGAIN means that there is no "
                    "room just now, so wait in poll() for POLLOUT.",
                    (a_server("c.shutdown(1); time.sleep(0.5); print(sum(map(len, iter(lambda: c.recv(65536), b''))))"),
                     "head -c 20000000 /dev/zero > file; timeout 3 ./client 127.0.0.1 7890 < file; echo exit status $?; "
                     "sleep 0.2")),
            "A server that has ended its side may still read: what stdin has ready is sent, all of it, before the program "
            "ends. Only for a stdin that has nothing just now it does not wait."],
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
    assert printed(program) == b"go on\n"


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
