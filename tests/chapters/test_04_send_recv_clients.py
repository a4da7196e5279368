"""04-send-recv and its clients: slow ones, silent ones and rude ones, and what a signal interrupts."""

import contextlib
import re
import select
import socket
import time

import pytest

from harness import checks, steps
from harness.compare import identical
from harness.echo_checks import EVERY_BYTE, MEBIBYTE, echoes, greeted, greets_with, number, take_greeting
from harness.grading import Symptom, graded
from harness.inspect import memory, state, waits
from harness.program import seconds, wait_until
from harness.talk import connect, connect_with_small_buffers, exchange, receive, send_until_stuck

CHAPTER = "04-send-recv"

ENDED_BY_SIGPIPE = Symptom(
    "SIGPIPE",
    "Sending to a client that has gone raises SIGPIPE, which ends a process that does not ignore it: "
    "sigaction() with SIG_IGN, before the loop.")


@graded(6, "Echoes pieces of every size without a change", step=2,
        cause=[
            Symptom("0x00",
                    "A '\\0' is written behind what came, and where the buffer is full that is over its last byte. "
                    "Bytes with a length need none."),
            Symptom("smashing|buffer overflow|buffer-overflow|EFAULT",
                    "It writes behind the end of its buffer, into memory that is not its own: recv() may return as many "
                    "bytes as it is told that there is room for, and the dump of so many needs its room, too."),
            Symptom(r"(?s)\A(?!.*killed by SIG).*ended its side",
                    "It ends the connection after a large piece, or after many: a recv() that fills the buffer is no "
                    "error, and a client may send for ever."),
            "A piece that is as large as the buffer, or larger, comes back cut or changed: the size for send() is what "
            "recv() returned, each time."],
        read="The program",
        by_hand=("./send-recv",
                 "seq 300000 | nc -N 127.0.0.1 7890 | tail -n +2 | cksum; seq 300000 | cksum"),
        needs=["test_answers_while_the_client_still_speaks"])
def test_a_mebibyte_in_pieces(chapter):
    rest = MEBIBYTE
    with greeted(chapter.serve("0")) as client:
        for size in (1, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097, 65535, 65536, 300000, len(rest)):
            piece, rest = rest[:size], rest[size:]
            client.sendall(piece)
            identical(receive(client, len(piece)), piece)


@graded(7, "Loses nothing when the client reads slowly", step=4,
        cause=[
            Symptom("waits in vain|ended its side",
                    "send() took only a part, and the rest was never sent: look at what it returned, and send the rest."),
            "After a send() that took only a part, go on behind that part: neither from the beginning again, nor "
            "with the next piece."],
        read="The program",
        by_hand=("strace -e trace=sendto -e inject=sendto:retval=3:when=2 ./send-recv  # it says: 3 are sent",
                 "echo hello | nc -N 127.0.0.1 7890  # so 'lo', the rest, is right"),
        needs=["test_a_mebibyte_in_pieces"])
@pytest.mark.parametrize("when_stuck", [lambda server: None, checks.is_not_disturbed_by_stopping],
                         ids=["slow", "stopped and continued"])
def test_a_mebibyte_to_a_slow_reader(chapter, when_stuck):
    """The server has to wait in mid-send; if it is stopped there, send() returns a short count."""
    server = chapter.serve("0")
    received = b""
    with connect_with_small_buffers(server) as client:
        take_greeting(client)
        rest = send_until_stuck(client, MEBIBYTE)
        steps.step("{:,} bytes are due to it".format(len(MEBIBYTE)))
        while rest:
            when_stuck(server)
            received += receive(client, 65536)
            rest = send_until_stuck(client, rest)
        received += receive(client, len(MEBIBYTE) - len(received))
    identical(received, MEBIBYTE)


def grows_by_less(server, before, limit):
    """The server's memory has grown by less than `limit` bytes."""
    grown = memory(server.pid) - before
    assert grown < limit, "its memory has grown by %d KiB" % (grown // 1024)


@graded(4, "Keeps no more of what it is sent than one piece", step=4,
        cause=[
            Symptom("reads nothing",
                    "While the client does not read, send() has to wait, and recv() with it: what came must not be "
                    "collected in a buffer that grows.",
                    ("./send-recv > /dev/null & sleep 0.2\n"
                     "head -c 9000000 /dev/zero | timeout 1 nc 127.0.0.1 7890 | sleep 1\n"
                     "awk '/VmRSS/ {print int($2 / 8192) * 8 \" MiB\"}' /proc/$!/status; kill $!",)),
            "It keeps what it has sent back already: once a piece is sent, its buffer is there for the next one."],
        read="What is still wrong",
        by_hand=("./send-recv > /dev/null & sleep 0.2\n"
                 "head -c 3000000 /dev/zero | nc -N 127.0.0.1 7890 > /dev/null\n"
                 "awk '/VmRSS/ {print int($2 / 2048) * 2 \" MiB\"}' /proc/$!/status; kill $!",),
        needs=["test_one_client_after_another", "test_a_mebibyte_in_pieces"])
def test_takes_no_more_than_it_can_send_back(chapter):
    """A piece may have 256 KiB, and its dump takes five times as many: 4 MiB are room enough for that."""
    server = chapter.serve("0")
    with greeted(server) as client:
        checks_in(client, MEBIBYTE)
        before = memory(server.pid)
        for _ in range(6):
            checks_in(client, MEBIBYTE)
        grows_by_less(server, before, 4 << 20)
    with connect_with_small_buffers(server) as client:
        steps.step("this client reads nothing")
        for _ in range(100):
            so_far = waits(server.pid)
            is_stuck = send_until_stuck(client, MEBIBYTE)
            grows_by_less(server, before, 4 << 20)
            if is_stuck and state(server.pid) == "S" and waits(server.pid) == so_far:
                break  # it waits all the time, and not only until its stdout has room again


def checks_in(client, data):
    """Send data, a little at a time, and receive it again."""
    for start in range(0, len(data), 65536):
        client.sendall(data[start:start + 65536])
        receive(client, len(data[start:start + 65536]))


def test_one_byte_at_a_time(chapter):
    with greeted(chapter.serve("0")) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in EVERY_BYTE:
            client.sendall(bytes([byte]))
            assert client.recv(2) == bytes([byte])


@pytest.mark.parametrize("symbol", ["EINTR", "ECONNABORTED"])
def test_survives_what_accept_may_return(chapter, faults, symbol):
    server = chapter.serve("0", under=faults("?accept,?accept4:error=%s:when=1+2" % symbol))
    echoes(server)
    echoes(server)


def test_survives_interrupted_calls(chapter, faults):
    """Every second call to send or receive is interrupted by a signal before it did anything."""
    calls = "?recvfrom,?recvmsg,?sendto,?sendmsg,?poll,?ppoll,?select,?pselect6"
    server = chapter.serve("0", under=faults(calls + ":error=EINTR:when=1+2"))
    echoes(server, MEBIBYTE[:100000])
    echoes(server)


@graded(7, "Loses no byte to short counts, EINTR and failing accept()", step=4,
        cause=[
            Symptom("The server has ended",
                    "A call that fails with EINTR, or an accept() that fails with EINTR or ECONNABORTED, is no reason "
                    "to end: call it again.",
                    ("strace -o /dev/null -e trace=network -e inject=recvfrom,sendto:error=EINTR:when=1+2"
                     " -e inject=accept,accept4:error=ECONNABORTED:when=1+2 ./send-recv || echo it has ended",
                     "for i in 1 2; do head -c 9000 /dev/zero | timeout 2 nc -N 127.0.0.1 7890 | wc -c; done")),
            Symptom("counts more clients",
                    "An accept() that has failed brought no client: it is not counted, and nothing is printed.",
                    ("strace -o /dev/null -e inject=accept,accept4:error=ECONNABORTED:when=1+2 ./send-recv",
                     "for i in 1 2 3; do timeout 2 nc -N 127.0.0.1 7890 < /dev/null; done")),
            "A call that was interrupted (EINTR) has to be made again, and one that did a part for the rest of it: "
            "recv(), each send(), the greeting's too."],
        read="The program",
        by_hand=("strace -o /dev/null -e trace=network -e inject=recvfrom,sendto:error=EINTR:when=1+2 ./send-recv",
                 "for i in 1 2; do head -c 9000 /dev/zero | timeout 2 nc -N 127.0.0.1 7890 | wc -c; done"),
        needs=["test_one_client_after_another", "test_a_mebibyte_to_a_slow_reader"])
def test_random_faults(chapter, random_faults):
    server, numbers = random_faults(chapter.serve, "0"), []
    for _ in range(7):
        answer = exchange(server, MEBIBYTE[:30000], limit=5)
        greeting = re.match(greets_with[0], answer)
        assert greeting, "the answer does not begin with the greeting: %r" % answer[:200]
        identical(answer[greeting.end():], MEBIBYTE[:30000])
        numbers.append(number(greeting.group()) or 0)
    assert numbers[-1] - numbers[0] <= 6, "it counts more clients than there were: the seventh is visitor %d" % numbers[-1]


@graded(3, "Costs no CPU time while a client is silent", step=2,
        cause=[
            Symptom("wakes up",
                    "It looks again and again whether something has come, and sleeps in between. A recv() on a socket "
                    "that blocks, as every new socket does, waits by itself; so does poll() with a time of -1.",
                    ("./send-recv & sleep 0.1; (sleep 1 | nc 127.0.0.1 7890 > /dev/null) & sleep 0.6\n"
                     "awk -v ORS=' ' '/^voluntary/ {print ($2 > 25 ? \"many\" : \"few\"), \"waits\"}' "
                     "/proc/$(pgrep -n send-recv)/status; kill $(pgrep -n send-recv)",)),
            "It asks again and again without waiting: a non-blocking socket, or a loop around recv() that never waits."],
        read="The program",
        by_hand=("./send-recv & p=$!; sleep 0.2; sleep 1 | nc -N 127.0.0.1 7890 &\n"
                 "sleep 0.4; ps -o stat,cmd -p $p; kill $p  # R: it spins",),
        needs=["test_answers_while_the_client_still_speaks"])
def test_a_silent_client_costs_no_cpu_time(chapter):
    server = chapter.serve("0")
    with greeted(server):
        checks.waits_without_spinning(server.pid)
        checks.sleeps_until_woken(server.pid)


@graded(2, "Is patient with a silent client", step=2,
        cause="It gives up who says nothing for some seconds: SO_RCVTIMEO, a time for poll() or select(), or alarm(). "
              "That a client is silent is no error, however long.",
        read="Your turn",
        by_hand=("./send-recv", "(sleep 7; echo at last) | nc -N 127.0.0.1 7890"))
def test_is_patient_with_a_silent_client(chapter, preloaded):
    server, patience = preloaded.hurry(chapter.serve, "0")
    with greeted(server) as client:
        given_up = select.select([client], [], [], seconds(patience))[0]
        assert not given_up, "it gives up the silent client"
        client.sendall(b"at last")
        assert receive(client, 7) == b"at last"


def test_survives_resets_before_the_greeting(chapter):
    server = chapter.serve("0")
    with checks.stopped(server):
        for half_close in (True, False, True, False):
            client = connect(server)
            client.sendall(b"hello\n")
            if half_close:  # both in this order make the server's send() raise SIGPIPE
                client.shutdown(socket.SHUT_WR)
            client.reset()
    assert exchange(server, b"hello\n", limit=5).endswith(b"\nhello\n")


@graded(4, "Survives clients that reset the connection", step=5,
        cause=[
            ENDED_BY_SIGPIPE,
            Symptom("The server has ended: exit",
                    "A recv() or send() that fails with ECONNRESET or EPIPE tells of one client, which has gone: close() "
                    "its socket, and accept() the next."),
            "After a reset the next client is not served: a recv() that fails with ECONNRESET, or a send() with EPIPE, "
            "is the end of that client: close() and accept() the next."],
        read="The program",
        by_hand=("./send-recv & sleep 0.2\n"
                 "exec 3<> /dev/tcp/127.0.0.1/7890; sleep 0.2; exec 3>&-  # unread bytes: a reset\n"
                 "kill -STOP $!; echo hello | timeout 0.3 nc 127.0.0.1 7890  # it has gone\n"
                 "python3 -c \"import socket; c = socket.create_connection(('127.0.0.1', 7890)); "
                 "c.shutdown(1); c.setsockopt(1, socket.SO_LINGER, bytes([1] + [0] * 7))\"  # a reset, early\n"
                 "kill -CONT $!; sleep 0.2; timeout 1 nc -N 127.0.0.1 7890 < /dev/null; kill $!",),
        needs=["test_one_client_after_another"])
@pytest.mark.parametrize("half_close", [True, False], ids=["half-closed", "open"])
def test_survives_a_reset_before_the_echo(chapter, half_close):
    server = chapter.serve("0")
    greeted(server).reset()  # the server waits in recv() for this one
    client = greeted(server)
    with checks.stopped(server):
        with connect(server) as early:  # and one that has gone before the greeting
            for rude in client, early:
                rude.sendall(MEBIBYTE[:20000])
                if half_close:
                    rude.shutdown(socket.SHUT_WR)
                rude.reset()
    echoes(server)


@graded(3, "Reports a reset in one line, and nothing else", step=5,
        cause=[
            Symptom("which is no error",
                    "That a client ends its side is no error: recv() returns 0, and sets no errno. stderr is for errors."),
            Symptom("should have lines",
                    "The line has the form of all errors, `send-recv: what failed: strerror text (ESYMBOL)`: report() of "
                    "errors.c prints it. perror() names neither the program nor the symbol."),
            Symptom("more than one line",
                    "One line for each client that has gone is enough: return after the report."),
            Symptom("while it waited in recv",
                    "recv() fails with ECONNRESET: it is less than 0, which is not the 0 of an orderly end. That goes to "
                    "stderr."),
            "send() fails, too, with EPIPE or ECONNRESET, to a client that has gone: that is to be reported."],
        read="What can go wrong",
        by_hand=("./send-recv > /dev/null & sleep 0.2; nc -N 127.0.0.1 7890 < /dev/null > /dev/null\n"
                 "exec 3<> /dev/tcp/127.0.0.1/7890; sleep 0.2; exec 3>&-  # unread bytes: a reset\n"
                 "kill -STOP $!; echo hello | timeout 0.3 nc 127.0.0.1 7890  # it has gone\n"
                 "kill -CONT $!; sleep 0.2; kill $!",),
        needs=["test_survives_a_reset_before_the_echo"])
def test_reports_a_reset(chapter):
    server = chapter.serve("0")

    def complaints():
        """The lines of stderr but for those of other checks, which belong on stdout."""
        return [line for line in server.stderr.split("\n")[:-1] if not re.match(r"listening on|connection \d", line)]

    def reports(count, when):
        """So many lines have come on stderr, of clients that have gone, and no more."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: len(complaints()) >= count, limit=2)
        echoes(server)
        assert len(complaints()) >= count, "a reset %s is not reported on stderr" % when
        for line in complaints():
            assert re.fullmatch(r"send-recv: .+: .+ \((ECONNRESET|EPIPE|ENOTCONN)\)", line), (
                "stderr should have lines `send-recv: what failed: strerror text (ECONNRESET)`, and has:\n" + line)
        assert len(complaints()) == count, "more than one line for each client that has gone:\n" + "\n".join(complaints())

    echoes(server)
    echoes(server)  # and so what became of the first is known
    assert not complaints(), "a client has ended its side, which is no error, and on stderr comes:\n" + "\n".join(complaints())
    greeted(server).reset()
    reports(1, "while it waited in recv()")
    client = greeted(server)
    with checks.stopped(server):
        client.sendall(b"hello\n")
        client.reset()
    reports(2, "while it had something to send")


@graded(3, "Leaks no descriptor and no memory", step=5,
        cause=[
            Symptom("its memory has grown",
                    "Something is allocated for each client and never freed: a buffer (free()), a FILE (fclose())."),
            Symptom("resets the connection",
                    "The client's socket is not closed on every way out: after an error of recv() or send(), too, close() "
                    "comes, and shutdown() does not stand for it."),
            "The client's socket is not closed, or something else is opened for each client, such as by dup()."],
        read="The program",
        by_hand=("./send-recv > /dev/null 2>&1 & sleep 0.2\n"
                 "for i in $(seq 500); do : > /dev/tcp/127.0.0.1/7890; done\n"
                 "for i in $(seq 20); do exec 3<> /dev/tcp/127.0.0.1/7890; sleep 0.02; exec 3>&-; done\n"
                 "kill -STOP $!; echo hello | timeout 0.2 nc 127.0.0.1 7890  # it has gone\n"
                 "kill -CONT $!; timeout 1 nc -N 127.0.0.1 7890 < /dev/null; ls /proc/$!/fd | wc -l\n"
                 "awk '/VmRSS/ {print int($2 / 2048) * 2 \" MiB\"}' /proc/$!/status; kill $!",),
        needs=["test_one_client_after_another", "test_survives_a_reset_before_the_echo"])
def test_leaks_nothing(chapter):
    """Neither to polite clients nor to rude ones."""
    server = chapter.serve("0")

    def visit():
        echoes(server, b"hello\n")

    def reset_while_it_waits():
        greeted(server).reset()

    def reset_before_the_echo():
        client = greeted(server)
        with checks.stopped(server):
            client.sendall(b"hello\n")
            client.reset()

    for kind in visit, reset_while_it_waits, reset_before_the_echo:
        for _ in range(20):
            kind()
    before = memory(server.pid)
    checks.no_descriptor_leaks(server, visit, visitors=1500)
    checks.no_descriptor_leaks(server, reset_while_it_waits, visitors=300)
    checks.no_descriptor_leaks(server, reset_before_the_echo, visitors=20)
    grows_by_less(server, before, 100 * 1024)


def test_leaks_nothing_over_thousands_of_clients(chapter):
    checks.no_leaks(chapter.serve("0"), b"hello\n")


@graded(3, "Waits when it has no descriptor left, and then goes on", step=2,
        cause=[
            Symptom("spins",
                    "accept() fails with EMFILE as long as no descriptor is free: who asks again at once never waits. "
                    "Sleep for a moment, with nanosleep(), before the next try."),
            Symptom("The server has ended",
                    "An accept() that fails with EMFILE is no reason to end: wait for a moment, and try again."),
            Symptom("did not come on stderr",
                    "It is to be reported as all errors are, with the symbol EMFILE: report() right after accept(), "
                    "before another call changes errno.",
                    ("(ulimit -n 4; exec timeout 0.6 ./send-recv) & sleep 0.2\n"
                     "timeout 0.3 nc -d 127.0.0.1 7890; wait",)),
            "It does not go on when there are descriptors again: it waits too long, or has closed its listening socket."],
        read="Your turn",
        by_hand=("(ulimit -n 4; exec ./send-recv) 2> /dev/null & sleep 0.2\n"
                 "timeout 0.3 nc -d 127.0.0.1 7890; ps -o stat,cmd -p $!  # R: it spins\n"
                 "prlimit --nofile=64 --pid $!; timeout 1 nc -N 127.0.0.1 7890 < /dev/null; kill $!",),
        needs=["test_one_client_after_another", "test_a_silent_client_costs_no_cpu_time"])
def test_lack_of_descriptors_is_survived_without_spinning(chapter):
    checks.survives_lack_of_descriptors(chapter.serve("0"))


@graded(2, "Answers at once, though what it sent before is not acknowledged", step=6,
        cause="Its kernel holds a small piece back while the one before it (here the greeting) is not acknowledged, and "
              "the client's may take 40 ms for that. setsockopt() with TCP_NODELAY, right after accept(), turns it off.",
        read="The program",
        by_hand=("./send-recv > /dev/null & sleep 0.2\n"
                 "python3 -c \"import socket, time\n"
                 "def is_late():\n"
                 "    first, c = [socket.create_connection(('127.0.0.1', 7890)) for _ in range(2)]\n"
                 "    c.setsockopt(6, socket.TCP_QUICKACK, 0)\n"
                 "    c.send(b'hello'); first.recv(99); start = time.time(); first.close()  # now it is c's turn\n"
                 "    while not c.recv(99).endswith(b'hello'): pass\n"
                 "    return time.time() - start > 0.03\n"
                 "print('each time late' if all(is_late() for _ in range(9)) else 'at once')\"; kill $!",),
        needs=["test_one_client_after_another"])
def test_waits_for_no_acknowledgement(chapter):
    """The client's kernel is told to wait, with what it has to acknowledge, for a word of the client's: then the
    piece that is held back comes 40 ms late each time. Anything else is late now and then."""
    if not hasattr(socket, "TCP_QUICKACK"):
        pytest.skip("needs Linux's TCP_QUICKACK")
    server, delays = chapter.serve("0"), []
    while min(delays, default=1) > 0.03 and len(delays) < 10:
        with greeted(server) as first, connect(server) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            client.sendall(b"hello\n")
            first.shutdown(socket.SHUT_WR)
            turn = time.monotonic()
            take_greeting(client)
            assert receive(client, 6) == b"hello\n"
            delays.append(time.monotonic() - turn)
    assert min(delays) <= 0.03, "each time the echo came late, after %d ms and more" % (1000 * min(delays))
