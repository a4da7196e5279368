"""05-client when something goes wrong: what it says, what it still does, and how it ends."""

import contextlib
import os
import re
import subprocess
import threading

import pytest

from harness import checks, steps
from harness.client_checks import (AN_ECHO_SERVER, IN_ONE_LINE, IN_THE_FORM, PIPE, TIME, a_server, ends_well,
                                   ends_with_error, happens, printed, speak, start, start_with_stdout,
                                   type_until_stuck)
from harness.compare import identical
from harness.grading import Symptom, graded
from harness.namespaces import empty_network
from harness.program import how_it_ended, wait_until
from harness.talk import echo, feed, reserved_port, serving, type_line

CHAPTER = "05-client"


@graded(4, "Prints what the server has said, also when sending fails", step=6,
        cause=[
            Symptom("exit status 0, not",
                    "When sending has failed, the exit status is 1 in the end: something did not arrive."),
            Symptom("no line on stderr", "That sending failed is an error, to be reported as all are: report()."),
            Symptom(*IN_ONE_LINE), Symptom(*IN_THE_FORM),
            "A send that fails ends one direction only: what the server said before is still to be received and printed. "
            "Then exit 1."],
        read="What can go wrong",
        by_hand=(a_server("time.sleep(0.4); c.send(b'too large\\n')") + "  # and a reset: it has not read",
                 "yes | ./client 127.0.0.1 7890 2> errors & sleep 0.2; kill -STOP $!; sleep 0.4\n"
                 "kill -CONT $!; sleep 0.4; kill $! 2> /dev/null; wait $!; echo exit status $?\n"
                 "head -3 errors  # should print 'too large', 1, and one error"),
        needs=["test_prints_what_the_server_says", "test_a_server_that_does_not_read_delays_only_what_it_is_sent"])
def test_an_answer_is_not_lost_when_the_server_stops_reading(chapter):
    stopped, answered = threading.Event(), threading.Event()

    def serve(connection):
        happens(stopped, "the program was stopped")
        connection.sendall(b"413 too large\n")
        connection.reset()
        answered.set()

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)
        type_until_stuck(program)
        with checks.stopped(program):  # so that it meets the answer and the reset together
            stopped.set()
            happens(answered, "the test's server had answered")
        ends_with_error(program, "ECONNRESET|EPIPE")
    assert printed(program) == b"413 too large\n"


@graded(3, "A reset is an error: exit status 1", step=4,
        cause=[
            Symptom("exit status 0, not",
                    "read() fails with ECONNRESET, -1, which is not the 0 of an orderly end: something may be lost, and a "
                    "script has to see that in the exit status, also after stdin's end."),
            Symptom("(exit status|killed by) .*, not exit status 1", "An error is exit status 1: return 1 from main()."),
            Symptom("no line on stderr", "A reset is an error, to be reported as all are: report()."),
            Symptom(*IN_ONE_LINE), Symptom(*IN_THE_FORM),
            "After a read() that fails nothing more will come: report it, and end."],
        read="What can go wrong",
        by_hand=(a_server("time.sleep(0.2); c.setsockopt(1, socket.SO_LINGER, bytes([1] + [0] * 7))")
                 + "  # a reset",
                 "timeout 1 ./client 127.0.0.1 7890 < <(sleep 2); echo exit status $?"))
@pytest.mark.parametrize("stdin", [PIPE, subprocess.DEVNULL], ids=["open", "ended"])
def test_a_reset_is_an_error(chapter, stdin):
    hello_printed = threading.Event()

    def serve(connection):
        connection.sendall(b"hello\n")
        happens(hello_printed, "the server's line was printed")
        connection.reset()

    with serving(serve) as server:
        program = start(chapter, server, stdin=stdin)
        program.wait_for_output("^hello$")
        hello_printed.set()
        ends_with_error(program, "ECONNRESET")


@graded(2, "A stdin that cannot be read is an error, and the server is still heard", step=6,
        cause=[
            Symptom("did not come on stdout",
                    "It ends with the error: go on, as after stdin's end, until the server has ended its side. Then "
                    "exit 1."),
            Symptom("did not end|spins", "It tries again to read what cannot be read: EBADF will not go away."),
            Symptom("exit status 0, not", "read() fails, and that is taken for stdin's end. -1 is not 0."),
            Symptom(*IN_ONE_LINE), Symptom(*IN_THE_FORM),
            "read() of stdin fails: that is to be reported, and the exit status is 1 in the end."],
        read="Your turn",
        by_hand=(a_server("c.send(b'one\\n'); time.sleep(0.3); c.send(b'two\\n')"),
                 "timeout 1 ./client 127.0.0.1 7890 0> /dev/null; echo exit status $?"),
        needs=["test_end_of_stdin_half_closes_and_the_answer_still_comes", "test_a_reset_is_an_error"])
def test_a_stdin_that_cannot_be_read_is_an_error(chapter):
    """It is open for writing only. (A folder will not do: Python ends at once with that.)"""
    one_printed = threading.Event()

    def serve(connection):
        connection.sendall(b"one\n")
        happens(one_printed, "the server's line was printed")
        connection.sendall(b"two\n")

    with serving(serve) as server:
        steps.step("with a stdin that is open for writing only (0> /dev/null):")
        with open(os.devnull, "wb") as unreadable:
            program = start(chapter, server, stdin=unreadable)
        program.wait_for_output("^one$")
        one_printed.set()
        program.wait_for_output("^two$")
        ends_with_error(program, "EBADF")


@graded(3, "Says to which address it could not connect, and exits 1",
        cause=[
            Symptom("did not end within", "A connect() that is refused is the end: report it, and exit 1."),
            Symptom("usage: ", "0 and 65535 are ports, too, though nobody listens there.",
                    ("for port in 0 65535; do timeout 1 ./client 127.0.0.1 $port; echo exit status $?; done",)),
            Symptom("ENOTCONN|EPIPE|EBADF|EDESTADDRREQ", "It goes on without a connection: look at what connect() returned."),
            Symptom("(exit status|killed by) .*, not exit status 1", "A connect() that fails is exit status 1."),
            Symptom("it prints on stdout", "stdout is for what the server says: the error goes to stderr.",
                    ("./client 127.0.0.1 7890 2> /dev/null",)),
            Symptom("and is:\\n\\(nothing\\)", "What went wrong has to be said, on stderr."),
            "The message is `client: connect ADDRESS port PORT: strerror text (ESYMBOL)`, in one line, with the address "
            "that was given: report() of errors.c prints it. perror() knows no symbols."],
        read="Your turn",
        by_hand=("timeout 1 ./client 127.0.0.1 7890; echo exit status $?; timeout 1 ./client ::1 65535; echo exit status $?",),
        needs=[])
@pytest.mark.parametrize("address,port", [("127.0.0.1", None), ("::1", None), ("127.0.0.1", 0)], ids=["IPv4", "IPv6", "0"])
def test_refused(chapter, address, port):
    if address == "::1":
        checks.needs_ipv6()
    last = chapter.start("127.0.0.1", "65535")  # where somebody may listen
    with contextlib.suppress(AssertionError):
        wait_until(lambda: not last.is_running(), limit=1)
    assert not last.stderr.count("usage: "), "it takes 65535 for no port:\n" + last.stderr
    with reserved_port(address) as free:
        port = free if port is None else port
        program = chapter.run(address, str(port))
    checks.is_failure(chapter, program, "ECONNREFUSED")
    assert program.stderr == (
        "client: connect %s port %d: Connection refused (ECONNREFUSED)\n" % (address, port))


def test_unreachable(chapter):
    program = chapter.start_other([*empty_network(), chapter.program, "192.0.2.1", "80"])
    assert program.wait() == 1
    assert program.stderr == (
        "client: connect 192.0.2.1 port 80: Network is unreachable (ENETUNREACH)\n")


@graded(3, "A stdout that takes nothing any more is an error, and no SIGPIPE", step=4,
        cause=[
            Symptom("SIGPIPE",
                    "SIGPIPE, which is not ignored, ends the program without a word: sigaction() with SIG_IGN, and write() "
                    "fails with EPIPE instead."),
            Symptom(*IN_ONE_LINE), Symptom(*IN_THE_FORM),
            Symptom("no line on stderr", "What write() to stdout says is an error, to be reported as all are: report()."),
            "The result of the write to stdout is not looked at: after an error there (a full disk, a reader that has "
            "gone) comes a report, and exit 1."],
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


@graded(2, "Does not connect without stdin, stdout or stderr", step=6,
        cause="If the shell has closed one of the three, the socket gets its number: what is meant for the terminal goes "
              "to the server. Ask with fcntl(descriptor, F_GETFD), before socket(), whether 0, 1 and 2 are open.",
        read="The program",
        by_hand=(AN_ECHO_SERVER, "timeout 1 ./client 127.0.0.1 7890 < <(sleep 1) >&-; echo exit status $?"),
        needs=["test_prints_what_the_server_says"])
@pytest.mark.parametrize("closed", [0, 1, 2], ids=["<&-", ">&-", "2>&-"])
def test_needs_stdin_stdout_and_stderr(chapter, closed):
    with serving(speak, at_least=0) as server:
        steps.step("with %s closed:" % ["stdin", "stdout", "stderr"][closed])
        program = start(chapter, server, preexec_fn=lambda: os.close(closed))
        status = program.wait()
        assert server.connections == 0, "it connects, and its socket may have the number %d" % closed
        assert status == 1, "%s, not exit status 1; stderr:\n%s" % (how_it_ended(status), program.stderr or "(nothing)")
        assert closed == 2 or re.fullmatch(r"client: .+: .+ \(EBADF\)\n", program.stderr), (
            "stderr should be one line `client: what failed: strerror text (EBADF)`, and is:\n" + program.stderr)


@graded(2, "Leaves stdin and stdout as it found them", step=5,
        cause="O_NONBLOCK belongs to the open file description, which the shell and its other programs share: they find it "
              "set. Set it on the socket alone; poll() says when stdin and stdout are ready.",
        read="The program",
        by_hand=("echo hello | nc -lvnN 127.0.0.1 7890",
                 "(sleep 0.5) | (./client 127.0.0.1 7890; python3 -c 'import os; print(*map(os.get_blocking, (0, 1)))') | cat"),
        needs=["test_ends_when_a_server_that_speaks_first_closes"])
def test_leaves_stdin_and_stdout_as_they_were(chapter):
    typed, keyboard, shown, screen = [*os.pipe(), *reversed(os.pipe())]
    with contextlib.ExitStack() as stack, serving(speak) as server:
        for descriptor in typed, keyboard, shown, screen:
            stack.callback(os.close, descriptor)
        ends_well(start_with_stdout(chapter, server, shown, stdin=typed))
        for descriptor, name in (typed, "stdin"), (shown, "stdout"):
            assert os.get_blocking(descriptor), "after it has ended, O_NONBLOCK is set on what was its " + name


@graded(3, "A signal during connect() ends nothing", step=6,
        cause=[
            Symptom("EALREADY\\)", "After EINTR the kernel goes on with the handshake, and connect() says EALREADY meanwhile: "
                    "wait with poll() for POLLOUT, and ask again."),
            Symptom("EISCONN\\)", "Asked again after EINTR, connect() may say EISCONN: the handshake is done, all is well."),
            "After EINTR the kernel goes on with the handshake. Asked again, connect() succeeds, or says EALREADY (wait with "
            "poll(), and ask again) or EISCONN (it is done)."],
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
    assert printed(program) == TIME


@graded(6, "Loses no byte to short counts, EINTR and Ctrl-Z", step=6,
        cause=[
            Symptom("EINTR\\)|Interrupted",
                    "A call that a signal has interrupted fails with EINTR, poll() included: that is no error. Make it "
                    "again."),
            Symptom("did not end|waited|did not come",
                    "A call that a signal has interrupted (EINTR, poll() included, as by Ctrl-Z and fg) has to be made "
                    "again, and what a short count left has to be sent."),
            "A call that did a part has to be made again for the rest; and one that was interrupted (EINTR) is neither "
            "the end nor has it taken anything: make it again."],
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
    identical(printed(program), b"before\n" + data)


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


@graded(3, "Refuses wrong arguments, with a usage line and exit status 2", step=4,
        cause=checks.usage_symptoms("./client 127.0.0.1 7890", "127.0.0.1 7890x", "127.0.0.1 7890 surplus",
                                    "localhost 7890", "127.0.0.1 4294975186", too_few="127.0.0.1"),
        read="Your turn",
        by_hand=("timeout 1 ./client 127.0.0.1 7890x; echo exit status $?",),
        needs=[])
@pytest.mark.parametrize("arguments,bad", [
    ([], ""), (["127.0.0.1"], ""), (["127.0.0.1", "80", "surplus"], "surplus"),
    *[(arguments, "".join(set(arguments) - {"127.0.0.1", "80"})) for arguments in WRONG]])
def test_wrong_arguments(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments), bad)
