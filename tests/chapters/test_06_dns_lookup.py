"""06-dns-lookup: finds the addresses of a name, connects to the first that answers, and asks which
web server runs there."""

import contextlib
import errno
import os
import re
import sys
import threading
import time

import pytest

from harness import checks
from harness.namespaces import empty_network, getaddrinfo, own_hosts
from harness.program import Program, seconds
from harness.talk import receive_until, refusing, serving
from harness.webservers import answering, endless, hold, is_bounded, silent, trickling

CHAPTER = "06-dns-lookup"


def start(chapter, host, port, namespace=()):
    return chapter.start_other([*namespace, chapter.program, host, str(port)])


def addresses(program):
    """The `ADDRESS port PORT` of each address that was printed; fails if they are not numbered."""
    rows = re.findall(r"^address (\d+): (.+)$", program.output, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    return [address for _, address in rows]


def ask(chapter, serve, limit=5):
    """Run the program with the server that serve() plays; return it, with .status set."""
    with serving(serve) as server:
        program = start(chapter, "127.0.0.1", server.port)
        program.status = program.wait(limit)
    return program


def found(program, host="127.0.0.1"):
    """What the program says of the web server of a host; fails if it is not its last word."""
    assert program.wait() == 0, program.stderr
    lines = program.output.splitlines()
    assert lines[-1].startswith("The web server for %s is " % host), program.output
    return lines[-1].partition(" is ")[2]


def fails(program, error):
    """The program has ended with status 1 and said this on stderr, and has found no web server."""
    assert program.wait() == 1, program.stderr
    assert program.stderr == "dns-lookup: %s\n" % error
    assert "The web server" not in program.output


def failed(call, number):
    """What the program says when a call has failed with this errno."""
    return "%s: %s (%s)" % (call, os.strerror(number), errno.errorcode[number])


def test_asks_with_head_and_host(chapter):
    asked = []

    def serve(connection):
        asked.append(receive_until(connection, b"\r\n\r\n"))
        connection.sendall(b"HTTP/1.0 200 OK\r\nServer: Example/1.0 (old)\r\n\r\n")

    with serving(serve) as server:
        program = start(chapter, "127.0.0.1", server.port)
        assert program.wait() == 0
    assert asked[0].startswith(b"HEAD / HTTP/1.0\r\n")
    assert re.findall(rb"^Host: (.*)\r$", asked[0], re.MULTILINE) == [b"127.0.0.1"]
    assert program.output == ("address 1: 127.0.0.1 port %d\n"
                              "The web server for 127.0.0.1 is Example/1.0 (old)\n" % server.port)
    assert program.stderr == ""


def test_prints_the_addresses_before_it_is_answered(chapter):
    printed = threading.Event()

    def serve(connection):
        assert printed.wait(seconds(5))
        answering(b"HTTP/1.0 200 OK\r\nServer: late\r\n\r\n")(connection)

    with serving(serve) as server:
        program = start(chapter, "127.0.0.1", server.port)
        program.wait_for_output(r"^address 1: 127\.0\.0\.1 port %d$" % server.port)
        printed.set()
        assert found(program) == "late"


@pytest.mark.parametrize("words", [[], ["telnet"]], ids=["http", "telnet"])
def test_the_service_is_http_unless_another_is_named(chapter, words):
    expected = getaddrinfo("127.0.0.1", (words or ["http"])[0])[0]
    if "EAI_" in expected:
        pytest.skip("this machine has no list of services")
    chapter.start("127.0.0.1", *words).wait_for_output("^address 1: %s$" % expected)


def refusals(rows):
    """What the program says when nobody listens at these rows `ADDRESS port PORT`."""
    return "".join("dns-lookup: %s\n" % failed("connect " + row, errno.ECONNREFUSED) for row in rows)


def test_refused(chapter):
    with refusing("127.0.0.1") as port:
        program = chapter.run("127.0.0.1", str(port))
    assert program.status == 1
    assert addresses(program) == ["127.0.0.1 port %d" % port]
    assert program.stderr == refusals(addresses(program))


def test_refused_by_every_address(chapter, tmp_path):
    checks.needs_ipv6()
    namespace = own_hosts(tmp_path, "127.0.0.3 many\n127.0.0.2 many\n::1 many\n")
    with refusing("127.0.0.3", "127.0.0.2", "::1") as port:
        expected = getaddrinfo("many", port, namespace)
        assert len(expected) == 3
        program = start(chapter, "many", port, namespace)
        assert program.wait() == 1
    assert addresses(program) == expected
    assert program.stderr == refusals(expected)


def test_goes_on_to_the_next_address_when_one_refuses(chapter, tmp_path):
    namespace = own_hosts(tmp_path, "".join("127.0.0.%d several\n" % last for last in (2, 3, 4)))
    first, second, third = [row.split()[0] for row in getaddrinfo("several", 80, namespace)]
    serve = answering(b"HTTP/1.0 200 OK\r\nServer: the second\r\n\r\n")
    with refusing(first, second, third) as port, serving(serve, second, port), \
            serving(silent, third, port, at_least=0) as other:
        program = start(chapter, "several", port, namespace)
        assert found(program, "several") == "the second"
        assert program.stderr == refusals(["%s port %d" % (first, port)])
    assert other.connections == 0, "one server is enough"


@pytest.mark.parametrize("host,name", [("::1", b"[::1]"), ("six", b"six")])
def test_only_ipv6(chapter, tmp_path, host, name):
    def serve(connection):
        assert b"\r\nHost: %s\r\n" % name in receive_until(connection, b"\r\n\r\n")
        connection.sendall(b"HTTP/1.0 200 OK\r\nServer: Six\r\n\r\n")

    checks.needs_ipv6()
    namespace = own_hosts(tmp_path, "::1 six\n") if host == "six" else ()
    with serving(serve, address="::1") as server:
        program = start(chapter, host, server.port, namespace)
        assert found(program, host) == "Six"
    assert addresses(program) == ["::1 port %d" % server.port]


@pytest.mark.parametrize("world", ["without the name", "without a network"])
def test_a_name_that_cannot_be_found(chapter, tmp_path, world):
    if world == "without a network":
        namespace = empty_network()
    else:
        namespace = own_hosts(tmp_path, "127.0.0.1 localhost\n") if sys.platform == "linux" else ()
    expected = getaddrinfo("no-such-host.invalid", "http", namespace)[0]
    fails(start(chapter, "no-such-host.invalid", "http", namespace),
          "getaddrinfo no-such-host.invalid http: " + expected)


@pytest.mark.parametrize("service", ["no-such-service", "80x"])
def test_a_service_that_does_not_exist(chapter, service):
    expected = getaddrinfo("127.0.0.1", service)[0]
    fails(chapter.run("127.0.0.1", service), "getaddrinfo 127.0.0.1 %s: %s" % (service, expected))


@pytest.mark.parametrize("bad", ["99999", "65536", "", "-1", "+80", " 80", "8 0"])
def test_bad_port(chapter, bad):
    checks.is_usage_error(chapter.run("127.0.0.1", bad), bad)


@pytest.mark.parametrize("arguments,bad", [([], ""), (["127.0.0.1", "80", "extra"], "extra")])
def test_bad_usage(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments), bad)


@pytest.mark.parametrize("head,value", [
    (b"Server: Tiny\r\n", "Tiny"),
    (b"Server:Tiny\r\n", "Tiny"),
    (b"server: Tiny\r\n", "Tiny"),
    (b"SERVER:\t Tiny\r\n", "Tiny"),
    (b"Server: a, b: (c) d\r\nServer: second\r\n", "a, b: (c) d"),
    (b"Server-Timing: 1\r\nX-Server: 2\r\nVia: Server: 3\r\nServer: 4\r\n", "4"),
    (b"Set-Cookie: %s\r\n" % (b"x" * 4000) + b"X: y\r\n" * 100 + b"Server: far down\r\n", "far down"),
], ids=["usual", "no blank", "lower case", "upper case", "two", "names like it", "long head"])
@pytest.mark.parametrize("form", ["whole", "single bytes", "bare LF"])
def test_finds_the_server_line(chapter, form, head, value):
    answer = b"HTTP/1.0 404 Not Found\r\n" + head + b"Date: today\r\n\r\n"
    if form == "bare LF":
        answer = answer.replace(b"\r\n", b"\n")
    parts = [answer[i:i + 1] for i in range(len(answer))] if form == "single bytes" else [answer]
    assert found(ask(chapter, answering(*parts))) == value


@pytest.mark.parametrize("answer", [
    b"HTTP/1.0 200 OK\r\nDate: today\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nServer: only the body says so\r\n\r\n",
    b"HTTP/1.0 200 OK\n\nServer: only the body says so\n\n",
    b"HTTP/1.0 200 OK\r\nX-Server: no\r\nServers: no\r\n\r\n",
    b""], ids=["head without it", "after the head", "after the head, bare LF", "names like it", "nothing"])
def test_no_server_line(chapter, answer):
    program = ask(chapter, answering(answer))
    assert program.status == 1
    assert re.fullmatch("dns-lookup: .+\n", program.stderr), program.stderr
    assert len(program.output.splitlines()) == 1, "nothing but the address"


@pytest.mark.parametrize("head,status", [(b"Server: Tiny\r\n", 0), (b"Server: Tiny\r\n\r\n", 0), (b"\r\n", 1)])
def test_does_not_wait_for_more_than_it_needs(chapter, head, status):
    def serve(connection):
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n" + head)(connection)
        hold(connection)

    assert ask(chapter, serve).status == status


def test_control_characters_do_not_reach_the_terminal(chapter):
    value = b"x" + bytes(set(range(1, 32)) - set(b"\n")) + b"\x1b[2J\x7fy"
    program = ask(chapter, answering(b"HTTP/1.0 200 OK\r\nServer: %s\r\n\r\n" % value))
    assert found(program) == "x" + 30 * "?" + "?[2J?y"


def test_a_line_of_8191_bytes_is_taken_and_a_longer_one_is_not(chapter):
    value = "x" * (8191 - len("Server: \r\n"))
    assert found(ask(chapter, answering(b"HTTP/1.0 200 OK\r\nServer: %s\r\n\r\n" % value.encode()))) == value
    program = ask(chapter, answering(b"HTTP/1.0 200 OK\r\nServer: %sx\r\n\r\n" % value.encode()))
    fails(program, failed("recv", errno.EMSGSIZE))


@pytest.mark.parametrize("line", [b"a\0b\r\n", b"Server: a\0b\r\n"])
def test_a_line_with_a_nul_byte_is_an_error(chapter, line):
    program = ask(chapter, answering(b"HTTP/1.0 200 OK\r\n" + line + b"Server: Tiny\r\n\r\n"))
    fails(program, failed("recv", errno.EBADMSG))


@pytest.mark.parametrize("begin", [lambda connection: None, answering(b"HTTP/1.0 200 OK\r\nSer")],
                         ids=["before the request", "in the answer"])
def test_a_reset_is_an_error(chapter, begin):
    def serve(connection):
        begin(connection)
        connection.reset()

    program = ask(chapter, serve)
    assert program.status == 1
    assert re.fullmatch(r"dns-lookup: (send|recv): .+ \(ECONNRESET\)\n", program.stderr), program.stderr


def test_is_not_disturbed_by_stopping(chapter):
    asked, stopped = threading.Event(), threading.Event()

    def serve(connection):
        receive_until(connection, b"\r\n\r\n")
        asked.set()
        assert stopped.wait(seconds(5))
        connection.sendall(b"HTTP/1.0 200 OK\r\nServer: patient\r\n\r\n")

    with serving(serve) as server:
        program = start(chapter, "127.0.0.1", server.port)
        assert asked.wait(seconds(5))
        checks.is_not_disturbed_by_stopping(program)
        stopped.set()
        assert found(program) == "patient"


def test_a_very_long_host_is_sent_as_it_is_or_not_at_all(chapter):
    host = "127.0.0." + "0" * 3000 + "1"  # an address, for some
    asked = []

    def serve(connection):
        with contextlib.suppress(AssertionError):
            asked.append(receive_until(connection, b"\r\n\r\n"))

    with serving(serve, at_least=0) as server:
        assert start(chapter, host, server.port).wait() == 1
    assert asked == [] or host.encode() in asked[0]


def test_chapter_7s_server(chapter, other):
    server = other("07-tinyweb").serve("-p", "0")
    assert found(start(chapter, "127.0.0.1", server.port)) == "Tiny webserver"


def test_pythons_server(chapter, tmp_path):
    server = chapter.start_other(
        [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"], cwd=tmp_path)
    port = server.wait_for_output(r"port (\d+)").group(1)
    assert found(start(chapter, "127.0.0.1", port)).startswith("SimpleHTTP/")


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.0 200 OK\r\nServer: "], ids=["first", "Server"])
def test_an_endless_line_is_given_up(chapter, beginning):
    serve, sent = endless(beginning, b"x")
    with serving(serve, limit=15) as server:
        program = start(chapter, "127.0.0.1", server.port)
        is_bounded(program, sent)
        program.wait(15)
    fails(program, failed("recv", errno.EMSGSIZE))


@pytest.fixture(scope="module", autouse=True)
def patience(builds):
    """Started before the first test, since it takes 10 seconds; used by the last."""
    program = builds(CHAPTER)
    headers, sent = endless(b"", b"X: y\r\n")
    with contextlib.ExitStack() as running:
        started, programs = time.monotonic(), []
        for serve in (silent, trickling, headers):
            server = running.enter_context(serving(serve, limit=20))
            programs.append(Program([program, server.address, str(server.port)]))
            running.callback(programs[-1].kill)
        yield started, programs, sent


def test_a_server_that_keeps_it_waiting_is_given_up_after_ten_seconds(patience):
    started, programs, sent = patience
    is_bounded(programs[2], sent)
    for program in programs:
        program.wait(max(0.5, started + 13 - time.monotonic()))
        assert time.monotonic() > started + 9.9
        fails(program, failed("recv", errno.ETIMEDOUT))
