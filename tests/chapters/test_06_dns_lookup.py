"""06-dns-lookup: finds the addresses of a name, connects to the first that answers, and asks which
web server runs there."""

import contextlib
import errno
import functools
import os
import re
import sys
import threading
import time

import pytest

from harness import checks
from harness.grading import Symptom, graded
from harness.namespaces import empty_network, getaddrinfo, own_hosts
from harness.program import seconds, wait_until
from harness.talk import receive_until, reserved_port, serving
from harness.webservers import answering, endless, hold, is_bounded, silent, trickling

CHAPTER = "06-dns-lookup"

# By hand: a server that answers with a header, one that is asked before it answers, and asking it.
SERVER = "printf 'HTTP/1.0 200 OK\\r\\n%s\\r\\n\\r\\n' | nc -vnNl 127.0.0.1 7890"
LATE = "(sleep 0.3; printf 'HTTP/1.0 200 OK\\r\\nServer: teapot\\r\\n\\r\\n') | nc -vnNl %s 7890"
ASK = "./dns-lookup 127.0.0.1 7890"


def start(chapter, host, port, namespace=()):
    return chapter.start(host, str(port), under=namespace)


def addresses(program):
    """The `ADDRESS port PORT` of each address that was printed; fails if they are not numbered."""
    rows = re.findall(r"^address (\S+): (.+)$", program.output, re.MULTILINE)
    assert [number for number, _ in rows] == [str(number + 1) for number in range(len(rows))]
    return [address for _, address in rows]


def ask(chapter, serve, limit=5, how=None):
    """Run the program with the server that serve() plays; return it, with .status set. `how` starts it,
    if not chapter.start()."""
    with serving(serve) as server:
        program = (how or chapter.start)("127.0.0.1", str(server.port))
        program.status = program.wait(limit)
    return program


def ended(program, status, limit=5):
    """The program ends with this exit status."""
    got = program.wait(limit)
    assert got == status, "exit status %d, not %d; stderr:\n%s" % (got, status, program.stderr)


def found(program, host="127.0.0.1"):
    """What the program says of the web server of a host; fails if it is not its last word."""
    ended(program, 0)
    *_, last = ["", *program.output.splitlines()]
    beginning = "The web server for %s is " % host
    assert last.startswith(beginning), "the last line is not %s...:\n%s" % (beginning, program.output)
    return last[len(beginning):]


def fails(program, error):
    """The program has ended with status 1 and said this on stderr, and has found no web server."""
    ended(program, 1)
    assert program.stderr == "dns-lookup: %s\n" % error
    assert "The web server" not in program.output, "it tells a web server all the same:\n" + program.output


def failed(call, number):
    """What the program says when a call has failed with this errno."""
    return "%s: %s (%s)" % (call, os.strerror(number), errno.errorcode[number])


@graded(8, "Asks a server with HEAD, and prints what its Server line says",
        cause="The request or the output differs from the contract's by a character; \\r\\n ends each line "
              "of the request, and an empty line ends it all. Without SOCK_STREAM in the hints each address "
              "comes three times. Or one recv() brings several lines, and those behind the first are lost.",
        read="The program",
        by_hand=(LATE % "127.0.0.1" + " | cat -A", ASK))
def test_asks_with_head_and_host(chapter):
    asked = []

    def serve(connection):
        asked.append(receive_until(connection, b"\r\n\r\n"))
        connection.sendall(b"HTTP/1.0 200 OK\r\nServer: Example/1.0 (old)\r\n\r\n")

    with serving(serve) as server:
        program = start(chapter, "127.0.0.1", server.port)
        ended(program, 0)
    request = asked[0].decode("latin-1")
    assert request.startswith("HEAD / HTTP/1.0\r\n"), "the request is not HEAD / HTTP/1.0:\n" + request
    hosts = re.findall("^(Host:.*)$", request, re.MULTILINE)
    assert hosts == ["Host: 127.0.0.1\r"], "not one line Host: 127.0.0.1 in the request:\n" + request
    assert program.output == ("address 1: 127.0.0.1 port %d\n"
                              "The web server for 127.0.0.1 is Example/1.0 (old)\n" % server.port)
    assert program.stderr == ""


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_needs_stdin_stdout_and_stderr(chapter, closed):
    with serving(lambda connection: None, at_least=0) as server:
        program = chapter.start("127.0.0.1", str(server.port), preexec_fn=lambda: os.close(closed))
        ended(program, 1)
        assert server.connections == 0


@graded(4, "Prints each line at once, also into a pipe",
        cause="Into a pipe stdout is buffered in full: setvbuf() makes it go out line by line.",
        read="Your turn",
        by_hand=("nc -vnl 127.0.0.1 7890", "timeout 0.5 %s | cat" % ASK))
def test_prints_the_addresses_before_it_is_answered(chapter):
    printed = threading.Event()

    def serve(connection):
        assert printed.wait(seconds(5)), "the address was not printed before the answer came"
        answering(b"HTTP/1.0 200 OK\r\nServer: late\r\n\r\n")(connection)

    with serving(serve) as server:
        program = start(chapter, "127.0.0.1", server.port)
        program.wait_for_output(r"^address 1: 127\.0\.0\.1 port %d$" % server.port, limit=3)
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


@graded(4, "Reports an address that refuses, and exits 1 if none is left",
        cause="The result of connect() is not checked, its error is not named, or the exit status is not 1.",
        read="What can go wrong",
        by_hand=("./dns-lookup 127.0.0.1 1; echo exit status $?",))
def test_refused(chapter):
    with reserved_port("127.0.0.1") as port:
        program = start(chapter, "127.0.0.1", port)
        ended(program, 1)
    assert addresses(program) == ["127.0.0.1 port %d" % port]
    assert program.stderr == refusals(addresses(program))


def test_refused_by_every_address(chapter, tmp_path):
    checks.needs_ipv6()
    namespace = own_hosts(tmp_path, "127.0.0.3 many\n127.0.0.2 many\n::1 many\n")
    with reserved_port("127.0.0.3", "127.0.0.2", "::1") as port:
        expected = getaddrinfo("many", port, namespace)
        assert len(expected) == 3
        program = start(chapter, "many", port, namespace)
        ended(program, 1)
    assert addresses(program) == expected
    assert program.stderr == refusals(expected)


@graded(10, "Goes on to the next address when one refuses, until one accepts",
        cause="Only the first address of the list is tried, or printed (print them all before the first "
              "connect()); it is not left when one has accepted; or freeaddrinfo() comes before its end.",
        read="The program",
        by_hand=(LATE % "127.0.0.2",
                 "printf '127.0.0.%d three\\n' 1 2 3 > hosts; unshare -rm sh -c 'mount --bind hosts "
                 "/etc/hosts; ./dns-lookup three 7890'"))
def test_goes_on_to_the_next_address_when_one_refuses(chapter, tmp_path):
    namespace = own_hosts(tmp_path, "".join("127.0.0.%d several\n" % last for last in (2, 3, 4)))
    first, second, third = [row.split()[0] for row in getaddrinfo("several", 80, namespace)]  # in its order
    serve = answering(b"HTTP/1.0 200 OK\r\nServer: the second\r\n\r\n")
    with reserved_port(first, second, third) as port, serving(serve, second, port), \
            serving(silent, third, port, at_least=0) as other:
        program = start(chapter, "several", port, namespace)
        assert found(program, "several") == "the second"
        assert program.stderr == refusals(["%s port %d" % (first, port)])
        assert addresses(program) == ["%s port %d" % (each, port) for each in (first, second, third)]
    assert other.connections == 0, "it connected once more, though one server is enough"


@graded(6, "Reaches an IPv6 address, and puts it in brackets for Host",
        cause=[
            Symptom(r"^Host: \[?::1%1", "A zone, such as the %eth0 of fe80::1%eth0, means something on this machine only: "
                                       "it does not belong into Host.", (LATE % "::1", "./dns-lookup ::1%1 7890")),
            "The hints ask for AF_INET only, the length of the address is not ai_addrlen, or the brackets of Host: "
            "[::1] are missing."],
        read="The program",
        by_hand=(LATE % "::1", "./dns-lookup ::1 7890"))
@pytest.mark.parametrize("host,name", [("::1", "[::1]"), ("six", "six"), ("::1%1", "[::1]")])
def test_only_ipv6(chapter, tmp_path, host, name):
    def serve(connection):
        request = receive_until(connection, b"\r\n\r\n").decode("latin-1")
        assert "\r\nHost: %s\r\n" % name in request, "Host is not %s:\n%s" % (name, request)
        connection.sendall(b"HTTP/1.0 200 OK\r\nServer: Six\r\n\r\n")

    checks.needs_ipv6()
    if "%" in host and "EAI_" in getaddrinfo(host, "80")[0]:
        return  # on this system only a link's own addresses have zones
    namespace = own_hosts(tmp_path, "::1 six\n") if host == "six" else ()
    with serving(serve, address="::1") as server:
        program = start(chapter, host, server.port, namespace)
        assert found(program, host) == "Six"
    assert addresses(program) == ["::1 port %d" % server.port]


@graded(7, "Says why a name is not found, with gai_strerror()'s text",
        cause="getaddrinfo() returns its error and leaves errno alone: strerror() and perror() do not know "
              "it. Where no SERVICE is named, it is http.",
        read="The program",
        by_hand=("./dns-lookup 127.0.0.1 no-such-service; unshare -rn ./dns-lookup no-such-host.invalid; echo "
                 "exit status $?",))
@pytest.mark.parametrize("world", ["without the name", "without a network"])
def test_a_name_that_cannot_be_found(chapter, tmp_path, world):
    if world == "without a network":
        namespace = empty_network()
    else:
        namespace = own_hosts(tmp_path, "127.0.0.1 localhost\n") if sys.platform == "linux" else ()
    expected = getaddrinfo("no-such-host.invalid", "http", namespace)[0]
    service = ["http"] if world == "without a network" else []
    fails(chapter.start("no-such-host.invalid", *service, under=namespace),
          "getaddrinfo no-such-host.invalid http: " + expected)


def test_no_error_is_told_as_success(chapter, faults):
    """glibc answers EAI_SYSTEM here, and leaves errno 0."""
    program = chapter.run("no-such-host.invalid", under=faults("socket:error=EMFILE"))
    assert program.status == 1
    assert re.fullmatch(r"dns-lookup: getaddrinfo no-such-host.invalid http: .* \((E[A-Z_]+)\)\n", program.stderr)


def test_a_limit_that_cannot_be_set_is_not_told_as_recv(chapter, faults):
    with serving(silent) as server:
        program = chapter.run("127.0.0.1", str(server.port), under=faults("setsockopt:error=ENOBUFS"))
    assert (program.status, program.stderr.count("\n")) == (1, 1)
    assert program.stderr.startswith("dns-lookup: setsockopt SO_RCVTIMEO: ")


@pytest.mark.parametrize("service", ["no-such-service", "80x"])
def test_a_service_that_does_not_exist(chapter, service):
    expected = getaddrinfo("127.0.0.1", service)[0]
    fails(chapter.run("127.0.0.1", service), "getaddrinfo 127.0.0.1 %s: %s" % (service, expected))


@graded(4, "Refuses what is no port, with a usage line and exit status 2",
        cause="getaddrinfo() takes 99999 for 34463: a service that looks like a number, or is empty, or of "
              "digits, signs and spaces, has to be checked before.",
        read="Your turn",
        by_hand=("for s in 99999 '' ' 80' +80 -1; do ./dns-lookup 127.0.0.1 \"$s\"; echo exit status $?; "
                 "done",))
@pytest.mark.parametrize("bad", ["99999", "65536", "", "-1", "+80", " 80", "8 0"])
def test_bad_port(chapter, bad):
    checks.is_usage_error(chapter.run("127.0.0.1", bad), bad)


@pytest.mark.parametrize("arguments,bad", [([], ""), (["127.0.0.1", "80", "extra"], "extra")])
def test_bad_usage(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments), bad)


HEADS = [
    (b"Server: Tiny\r\n", "Tiny"),
    (b"Server:Tiny\r\n", "Tiny"),
    (b"server: Tiny\r\n", "Tiny"),
    (b"SERVER:\t Tiny \t\r\n", "Tiny"),
    (b"Server: a, b: (c) d\r\nServer: second\r\n", "a, b: (c) d"),
    (b"Server-Timing: 1\r\nX-Server: 2\r\nVia: Server: 3\r\nServer: 4\r\n", "4"),
]
LONG_HEAD = b"Set-Cookie: %s\r\n" % (b"x" * 4000) + b"X: y\r\n" * 100 + b"Server: far down\r\n"


def answer_with(head):
    """An answer with these header lines and one more."""
    return b"HTTP/1.0 404 Not Found\r\n" + head + b"Date: today\r\n\r\n"


@graded(8, "Finds the Server line, in capitals or not, ended by CR LF or LF",
        cause="The name is compared with its case, or not up to its colon; the blanks or the line end are "
              "cut wrongly; or what recv() fetched behind one line is lost.",
        read="The program",
        by_hand=("for v in 'tea pot' 'teapot \\t'; do printf \"HTTP/1.0 200 OK\\nServer-Timing: "
                 "1\\nX-Server: 2\\nSERVER:$v\\n\\n\" | nc -vnNl 127.0.0.1 7890; done", "%s; sleep 0.3; %s | cat -A" % (ASK, ASK)))
@pytest.mark.parametrize("head,value", HEADS)
@pytest.mark.parametrize("form", ["CR LF", "bare LF"])
def test_finds_the_server_line(chapter, form, head, value):
    answer = answer_with(head)
    if form == "bare LF":
        answer = answer.replace(b"\r\n", b"\n")
    assert found(ask(chapter, answering(answer))) == value


@graded(8, "Reads lines that come in pieces",
        cause="One recv() is taken for one line, or for the whole answer: TCP has no lines.",
        read="The program",
        by_hand=("(sleep 0.4; printf 'HTTP/1.0 200 OK\\r\\nSer'; sleep 0.2; printf 'ver: "
                 "teapot\\r\\n\\r\\n') | nc -Nl 127.0.0.1 7890 > /dev/null & sleep 0.2; " + ASK,))
@pytest.mark.parametrize("size", [1, 7, 100000])
def test_reads_lines_that_come_in_pieces(chapter, size):
    answer = answer_with(LONG_HEAD)
    pieces = [answer[start:start + size] for start in range(0, len(answer), size)]
    assert found(ask(chapter, answering(*pieces))) == "far down"


@graded(7, "Loses nothing to short counts and EINTR",
        cause="send() and recv() may do a part, or be interrupted (EINTR) before they did anything: ask "
              "again.",
        read="The program",
        by_hand=(SERVER % "Server: teapot",
                 "strace -o /dev/null -e inject=sendto,recvfrom:error=EINTR:when=1+2 " + ASK),
        needs=["test_reads_lines_that_come_in_pieces"])
def test_random_faults(chapter, random_faults):
    for number in range(20):
        head = b"X: %s\r\n" % (b"x" * 400 * number) + b"X: y\r\n" * 100 + b"Server: number %d\r\n" % number
        program = ask(chapter, answering(answer_with(head)),
                      how=functools.partial(random_faults, chapter.start))
        assert found(program) == "number %d" % number


@graded(5, "Says so, and exits 1, if there is no Server line",
        cause="It reads on behind the empty line that ends the head, takes the end of the answer for a "
              "success, or does not compare the name up to its colon.",
        read="Your turn",
        by_hand=("for body in '\\r\\nServer: body\\r\\n' 'X-Server: no\\r\\n'; do printf \"HTTP/1.0 200 OK\\r\\n$body\" | nc "
                 "-vnNl 127.0.0.1 7890; done", "%s; echo exit status $?; sleep 0.3; timeout 2 %s; echo exit status $?"
                 % (ASK, ASK)))
@pytest.mark.parametrize("answer", [
    b"HTTP/1.0 200 OK\r\nDate: today\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nServer: only the body says so\r\n\r\n",
    b"HTTP/1.0 200 OK\n\nServer: only the body says so\n\n",
    b"HTTP/1.0 200 OK\r\nX-Server: no\r\nServers: no\r\n\r\n",
    b""], ids=["head without it", "after the head", "after the head, bare LF", "names like it", "nothing"])
def test_no_server_line(chapter, answer):
    program = ask(chapter, answering(answer))
    ended(program, 1)
    assert program.stderr, "nothing on stderr"
    assert len(program.output.splitlines()) == 1, "more than the address on stdout:\n" + program.output


@graded(4, "Does not wait for more than it needs",
        cause="It reads to the end of the answer, though it knows enough after the Server line, or after "
              "the empty line.",
        read="Your turn",
        by_hand=("for l in 'Server: teapot' ''; do (printf \"HTTP/1.0 200 OK\\r\\n$l\\r\\n\"; sleep 1) | nc "
                 "-vnNl 127.0.0.1 7890; done", "timeout 0.5 %s; echo exit status $?; sleep 1; timeout 0.5 %s; echo exit status $?"
                 % (ASK, ASK)))
@pytest.mark.parametrize("head,status", [(b"Server: Tiny\r\n", 0), (b"Server: Tiny\r\n\r\n", 0), (b"\r\n", 1)])
def test_does_not_wait_for_more_than_it_needs(chapter, head, status):
    def serve(connection):
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n" + head)(connection)
        hold(connection)

    ended(ask(chapter, serve, limit=3), status)


@graded(4, "Lets no control character reach the terminal",
        cause="The value is printed as it came: only what isprint() lets pass is harmless to a terminal.",
        read="The program",
        by_hand=(SERVER % "Server: \\033[31mred\\177\\233", ASK + " | cat -v"))
def test_control_characters_do_not_reach_the_terminal(chapter):
    value = b"x" + bytes(set(range(1, 32)) - set(b"\n")) + b"\x1b[2J\x7f\x9bJy"
    program = ask(chapter, answering(b"HTTP/1.0 200 OK\r\nServer: %s\r\n\r\n" % value))
    printed = re.search(r"[^ -~\n]", program.output)
    assert not printed, "a control character was printed: %r" % printed.group()
    assert found(program) == "x" + 30 * "?" + "?[2J??Jy"


@graded(7, "Takes a line of 8,191 bytes, and no longer one",
        cause="The buffer has no bound, or the bound is off by one: the line end and the final zero need "
              "room, too.",
        read="The program",
        by_hand=("for n in 8181 8182; do printf \"HTTP/1.0 200 OK\\r\\nServer: %0${n}d\\r\\n\\r\\n\" 0 | nc "
                 "-vnNl 127.0.0.1 7890; done", "%s | wc -c; sleep 0.3; %s | wc -c" % (ASK, ASK)),
        needs=["test_reads_lines_that_come_in_pieces"])
def test_a_line_of_8191_bytes_is_taken_and_a_longer_one_is_not(chapter):
    value = "x" * (8191 - len("Server: \r\n"))
    took = found(ask(chapter, answering(b"HTTP/1.0 200 OK\r\nServer: %s\r\n\r\n" % value.encode())))
    assert took == value
    program = ask(chapter, answering(b"HTTP/1.0 200 OK\r\nServer: %sx\r\n\r\n" % value.encode()))
    fails(program, failed("recv", errno.EMSGSIZE))


@graded(3, "Refuses a line with a NUL byte",
        cause="Behind a NUL byte a string is over: what was received is longer than strlen() says.",
        read="The program",
        by_hand=(SERVER % "Server: tea\\0pot", ASK))
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
        assert stopped.wait(seconds(5)), "the program was not paused in time"
        connection.sendall(b"HTTP/1.0 200 OK\r\nServer: patient\r\n\r\n")

    with serving(serve) as server:
        program = start(chapter, "127.0.0.1", server.port)
        assert asked.wait(seconds(5))
        checks.is_not_disturbed_by_stopping(program)
        stopped.set()
        assert found(program) == "patient"


@graded(3, "Says so, and exits 1, if HOST is too long for its buffer",
        cause="snprintf() tells how long the whole would be: if that is more than the buffer holds, what is there "
              "is a part of a request. sprintf() writes on behind the buffer's end.",
        read="Your turn",
        by_hand=("nc -vnl 127.0.0.1 7890 | wc -c",
                 "timeout 3 ./dns-lookup 127.0.0.$(printf %09000d 1) 7890; echo exit status $?"))
def test_a_host_too_long_for_the_buffer(chapter):
    host = "127.0.0." + "0" * 100000 + "1"  # who has no such buffer may send it
    request = bytearray()

    def serve(connection):
        for data in iter(lambda: connection.recv(65536), b""):
            request.extend(data)
            if request.endswith(b"\r\n\r\n"):
                break

    with serving(serve, limit=15, at_least=0) as server:
        program = start(chapter, host, server.port)
        ended(program, 1, limit=15)
    assert program.stderr, "nothing on stderr"
    assert not request or b"\r\nHost: %s\r\n" % host.encode() in request, \
        "it sends %d bytes, a part of its request, when the whole does not fit into its buffer" % len(request)


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


@graded(8, "Gives up a server that keeps it waiting, after ten seconds in all",
        cause="SO_RCVTIMEO limits one recv(), not all of them: before each, set what is left of the ten "
              "seconds, in tv_sec and tv_usec; where both are 0 it waits for ever. recv() then fails with "
              "EAGAIN: report ETIMEDOUT.",
        read="The program",
        by_hand=("(for i in $(seq 14); do sleep 0.69; printf x; done; sleep 8) | nc -vnl 127.0.0.1 7890",
                 "timeout 12 %s; echo exit status $?" % ASK),
        needs=["test_reads_lines_that_come_in_pieces"])
def test_a_server_that_keeps_it_waiting_is_given_up_after_ten_seconds(chapter):
    headers, sent = endless(b"", b"X: y\r\n")
    with contextlib.ExitStack() as running:
        begin, programs = time.monotonic(), {}
        for what, serve in (("says nothing", silent), ("sends a byte now and then", trickling),
                            ("sends 64 MB of headers, and no end", headers)):
            server = running.enter_context(serving(serve, limit=20))
            programs[what] = start(chapter, server.address, server.port)
        is_bounded(programs["sends 64 MB of headers, and no end"], sent)
        after = {}

        def have_ended():
            for what, program in programs.items():
                if not program.is_running():
                    after.setdefault(what, time.monotonic() - begin)
            return len(after) == len(programs) or time.monotonic() > begin + seconds(13)

        wait_until(have_ended, limit=30)
        for what, program in programs.items():
            assert what in after, "after 13 seconds it still waits for a server that %s" % what
            assert after[what] > 9.9, "it gave up a server that %s after %.1f seconds" % (what, after[what])
            fails(program, failed("recv", errno.ETIMEDOUT))
