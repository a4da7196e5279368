"""05-client: stdin to the server and the server to stdout, both at the same time, as nc does."""

import os
import re
import select
import socket
import subprocess
import threading

import pytest

from harness import checks
from harness.compare import identical
from harness.compare import identical
from harness.inspect import is_listening
from harness.namespaces import empty_network
from harness.program import seconds, wait_until
from harness.talk import (echo, feed, receive_all, refusing, serving, type_line,
                          write_until_stuck)

CHAPTER = "05-client"
PIPE = subprocess.PIPE
LARGE = 16 * 1024 * 1024  # far more than the kernel keeps for a peer that does not read


def start(chapter, server, **options):
    return chapter.start(server.address, str(server.port), **options)


def ends_well(program, limit=5):
    assert program.wait(limit) == 0, program.stderr
    assert program.stderr == ""


def ends_with_error(program, symbol):
    assert program.wait() == 1, program.stderr
    assert re.fullmatch(r"client: .+: .+ \((%s)\)\n" % symbol, program.stderr), program.stderr


def speak(connection):
    """Say what time it is, as a daytime server does."""
    connection.sendall(b"Thu Jan  1 00:00:00 1970\r\n")


def test_ends_when_a_server_that_speaks_first_closes(chapter):
    with serving(speak) as server:
        program = start(chapter, server, stdin=PIPE)  # which stays open
        ends_well(program)
    assert program.stdout == b"Thu Jan  1 00:00:00 1970\r\n"


def test_a_line_comes_back_before_stdin_ends(chapter):
    with serving(echo) as server:
        program = start(chapter, server, stdin=PIPE)
        for line in ("hello", "hello again"):
            type_line(program, line.encode() + b"\n")
            program.wait_for_output("^%s$" % line)
        program.process.stdin.close()
        ends_well(program)
    assert program.stdout == b"hello\nhello again\n"


def test_end_of_stdin_half_closes_and_the_answer_still_comes(chapter):
    printed = threading.Event()

    def serve(connection):
        assert receive_all(connection) == b"question\n"
        connection.sendall(b"one\n")
        assert printed.wait(seconds(5))
        connection.sendall(b"two\n")

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)
        feed(program, b"question\n")
        program.wait_for_output("^one$")
        printed.set()
        ends_well(program)
    assert program.stdout == b"one\ntwo\n"


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


def test_100_megabytes_come_back_identical(chapter):
    data = os.urandom(100 * 1000 * 1000)
    with serving(echo, limit=30) as server:
        program = start(chapter, server, stdin=PIPE)
        feed(program, data)
        ends_well(program, limit=30)
    identical(program.stdout, data)


def test_all_of_a_large_answer_is_printed_after_the_server_has_closed(chapter):
    data = os.urandom(LARGE)
    with serving(lambda connection: connection.sendall(data)) as server:
        program = start(chapter, server, stdin=PIPE)
        ends_well(program)
    identical(program.stdout, data)


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


def test_an_answer_is_not_lost_when_the_server_stops_reading(chapter):
    stopped, answered = threading.Event(), threading.Event()

    def serve(connection):
        assert stopped.wait(seconds(5))
        connection.sendall(b"413 too large\n")
        connection.reset()
        answered.set()

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)
        write_until_stuck(program.process.stdin.fileno())
        with checks.stopped(program):  # so that it meets the answer and the reset together
            stopped.set()
            assert answered.wait(seconds(5))
        ends_with_error(program, "ECONNRESET|EPIPE")
    assert program.stdout == b"413 too large\n"


def test_a_reset_is_an_error(chapter):
    printed = threading.Event()

    def serve(connection):
        connection.sendall(b"hello\n")
        assert printed.wait(seconds(5))
        connection.reset()

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)
        program.wait_for_output("^hello$")
        printed.set()
        ends_with_error(program, "ECONNRESET")


def test_refused(chapter):
    with refusing("127.0.0.1") as port:
        program = chapter.run("127.0.0.1", str(port))
    assert program.status == 1
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
    with refusing("127.0.0.1") as port:
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


def test_a_full_stdout_is_an_error(chapter):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with serving(speak) as server, open("/dev/full", "wb") as full:
        ends_with_error(start_with_stdout(chapter, server, full.fileno()), "ENOSPC")


def test_a_stdout_that_is_closed_early_is_an_error(chapter):
    reader, writer = os.pipe()
    os.close(reader)
    with serving(speak) as server, open(writer, "wb"):
        ends_with_error(start_with_stdout(chapter, server, writer), "EPIPE")


def test_a_server_that_does_not_read_delays_only_what_it_is_sent(chapter):
    stuck, end = threading.Semaphore(0), threading.Event()

    def serve(connection):
        for word in (b"once\n", b"twice\n"):
            assert stuck.acquire(timeout=seconds(10))
            connection.sendall(word)
        assert end.wait(seconds(5))
        receive_all(connection)

    with serving(serve) as server:
        program = start(chapter, server, stdin=PIPE)
        for word in ("once", "twice"):  # what comes in makes the kernel take a little more of what goes out
            write_until_stuck(program.process.stdin.fileno())
            stuck.release()
            program.wait_for_output("^%s$" % word)
        checks.waits_without_spinning(program.pid)
        end.set()
        program.process.stdin.close()
        ends_well(program)


def test_a_stdout_that_nobody_reads_delays_only_what_is_printed(chapter):
    stuck = threading.Event()

    def serve(connection):
        write_until_stuck(connection.fileno())
        stuck.set()
        connection.settimeout(seconds(5))
        assert connection.recv(100) == b"still here\n"

    reader, writer = os.pipe()
    with open(reader, "rb"), open(writer, "wb"), serving(serve) as server:
        program = start_with_stdout(chapter, server, writer)
        assert stuck.wait(seconds(10))
        assert select.select([reader], [], [], seconds(5))[0], "nothing was printed"
        os.read(reader, 4096)  # room for a little, not for a large write()
        checks.waits_without_spinning(program.pid)
        type_line(program, b"still here\n")


@pytest.mark.parametrize("stdin", [PIPE, subprocess.DEVNULL], ids=["open", "ended"])
def test_waits_without_spinning(chapter, stdin):
    end = threading.Event()

    def serve(connection):
        connection.sendall(b"connected\n")
        assert end.wait(seconds(5))

    with serving(serve) as server:
        program = start(chapter, server, stdin=stdin)
        program.wait_for_output("^connected$")
        checks.waits_without_spinning(program.pid)
        end.set()
        ends_well(program)


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


@pytest.mark.parametrize("arguments,bad", [
    ([], ""), (["127.0.0.1"], ""), (["127.0.0.1", "80", "extra"], "extra"),
    *[([address, "80"], address) for address in checks.BAD_ADDRESSES]])
def test_bad_usage(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments), bad)


@pytest.mark.parametrize("bad", checks.BAD_PORTS)
def test_bad_port(chapter, bad):
    checks.is_usage_error(chapter.run("127.0.0.1", bad), bad)
