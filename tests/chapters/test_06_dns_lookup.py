"""06-dns-lookup: finds the addresses of a name, connects to the first that answers, and asks which
web server runs there."""

import contextlib
import ctypes
import errno
import functools
import os
import re
import socket
import sys
import threading
import time

import pytest

from harness import checks, steps
from harness.grading import Symptom, graded
from harness.namespaces import empty_network, getaddrinfo, own_hosts
from harness.program import how_it_ended, seconds, wait_until
from harness.talk import receive_until, reserved_port, serving, what_comes
from harness.webservers import answering, endless, hold, is_bounded, sending, silent, trickling

CHAPTER = "06-dns-lookup"

# By hand: a server that answers with a header, one that is asked before it answers, and asking it. (A shell's own
# printf would send line by line.)
SERVER = "printf 'HTTP/1.0 200 OK\\r\\n%s\\r\\n\\r\\n' | nc -vnNl 127.0.0.1 7890"
LATE = "(sleep 0.3; env printf 'HTTP/1.0 200 OK\\r\\nServer: teapot\\r\\n\\r\\n') | nc -vnNl %s 7890"
ASK = "./dns-lookup 127.0.0.1 7890"
ASK_THREE = ("printf '%%s three\\n' %s > hosts; unshare -rm sh -c 'mount --bind hosts /etc/hosts; ./dns-lookup three "
             "7890; echo exit status $?'; rm hosts")

NOBODY = "127.255.255.254"  # an address where nobody listens
ANSWER = b"HTTP/1.0 200 OK\r\nServer: Example/1.0\r\n\r\n"
SERVER_LINE = ["test_prints_what_the_server_says"]  # what all checks need that look for the server's line


def start(chapter, host, port, namespace=()):
    return chapter.start(host, str(port), under=namespace)


def ask(chapter, serve, limit=5, how=None):
    """Run the program with the server that serve() plays; return it, with .status set. `how` starts it,
    if not chapter.start()."""
    with serving(serve, limit=max(limit, 5)) as server:
        program = (how or chapter.start)("127.0.0.1", str(server.port))
        program.status = program.wait(limit)
    return program


def ended(program, status, limit=5):
    """The program ends with this exit status."""
    got = program.wait(limit)
    assert got == status, "exit status %d, not %d; stderr:\n%s" % (got, status, program.stderr)


def has_connected(program, server):
    """The program, which has ended, had connected to this server, which has closed."""
    status = program.process.poll()
    assert status in (0, 1), how_it_ended(status)
    assert server.connections, "it has not connected to %s; %s, stderr:\n%s" % (
        server.address, how_it_ended(status), program.stderr)


def found(program, host="127.0.0.1"):
    """What the program says of the web server of a host, in its last line. How that line begins is for
    test_the_words_of_the_line alone."""
    ended(program, 0)
    last = program.output.rstrip("\n").rpartition("\n")[2]
    beginning = "The web server for %s is " % host
    if last.startswith(beginning):
        return last[len(beginning):]
    return last.partition(" is ")[2] if " is " in last else last


def without_name(program):
    """What the program says on stderr, without its name in front: whether that is there is for test_refused alone."""
    return program.stderr.partition("dns-lookup: ")[2] or program.stderr


def fails(program, error):
    """The program has ended with status 1 and said this on stderr, and has found no web server. That (ESYMBOL) stands
    behind it is for test_refused alone; if it does, it is the right one."""
    ended(program, 1)
    said = without_name(program)
    if said == error.rpartition(" ")[0] + "\n":
        said = error + "\n"
    assert said == error + "\n"
    assert "The web server" not in program.output, "it tells a web server all the same:\n" + program.output


def failed(call, number):
    """What the program says when a call has failed with this errno."""
    return "%s: %s (%s)" % (call, os.strerror(number), errno.errorcode[number])


def answering_who_asks(connection):
    """A server that answers if it is asked; to connect is enough."""
    with contextlib.suppress(AssertionError):
        answering(ANSWER)(connection)


def gai_strerror(number):
    """The text of an error of getaddrinfo()."""
    text = ctypes.CDLL(None).gai_strerror
    text.restype = ctypes.c_char_p
    return text(number).decode()


@graded(6, "Prints all addresses of HOST, with the port, counted from 1",
        cause=[
            Symptom("it prints port", "The port is in the address in network order: ntohs() makes the number of it."),
            Symptom("HOST has 1 address", "Without SOCK_STREAM in the hints getaddrinfo() gives each address several times, "
                    "once for each type of socket."),
            Symptom("HOST has 3 addresses", "All addresses of the list are printed, along ai_next, before the first "
                    "connect(): also those that it will not need."),
            Symptom("'address 0: ", "N is counted from 1: address 1 is the first."),
            "The lines differ from the contract's by a character: `address N: ADDRESS port PORT` for each address, in the "
            "order of getaddrinfo(), before all else."],
        read="Your turn",
        by_hand=(LATE % "127.0.0.2", "./dns-lookup 127.2 7890; " + ASK_THREE % "127.0.0.1 127.0.0.2 127.0.0.3"))
@pytest.mark.parametrize("count", [1, 3])
def test_prints_the_addresses(chapter, tmp_path, count):
    host, namespace = "127.1", ()
    if count > 1:
        host, namespace = "three", own_hosts(tmp_path, "".join("127.0.0.%d three\n" % last for last in (2, 3, 4)))
    first = getaddrinfo(host, 80, namespace)[0].split()[0]
    with serving(answering_who_asks, first, at_least=0) as server:
        program = start(chapter, host, server.port, namespace)
        program.wait()
    rows = getaddrinfo(host, server.port, namespace)
    printed = re.findall(r"^address.* port (\d+)$", program.output, re.MULTILINE)
    for port in printed:
        assert int(port) == server.port, "it prints port %s, and was asked for port %d" % (port, server.port)
    assert len(printed) in (0, count), "it prints %d addresses, and HOST has %d address%s:\n%s" % (
        len(printed), count, "es" if count > 1 else "", program.output)
    lines = ["address %d: %s" % row for row in enumerate(rows, 1)]
    assert program.output.splitlines()[:count] == lines


@pytest.mark.parametrize("words", [[], ["telnet"]], ids=["http", "telnet"])
def test_the_service_is_http_unless_another_is_named(chapter, words):
    expected = getaddrinfo("127.0.0.1", (words or ["http"])[0])[0]
    if "EAI_" in expected:
        pytest.skip("this machine has no list of services")
    chapter.start("127.0.0.1", *words).wait_for_output("^address 1: %s$" % expected)


@graded(6, "Says why a name is not found, with gai_strerror()'s text",
        cause=[
            Symptom("EAI_SYSTEM|EMFILE", "EAI_SYSTEM, and no other, means: look at errno, for the text and the name of the error.",
                    by_hand=("printf '#include <errno.h>\\nint getaddrinfo() { errno = EMFILE; return -11; }\\n' | cc -shared "
                             "-fPIC -w -x c - -o lookup.so; LD_PRELOAD=./lookup.so ./dns-lookup localhost; rm lookup.so",)),
            Symptom("got: .*no-such-host.invalid (?!http)", "Where no SERVICE is named it is http: the word, not its number."),
            Symptom("got: .*(Success|Unknown error|Invalid argument|No such)", "getaddrinfo() returns its error and leaves errno "
                    "alone: gai_strerror() has its text, and strerror() and perror() do not know it."),
            Symptom("expected: .*(SERVICE|FAIL|MEMORY)", "No function gives the name of such an error: make a table of the "
                    "EAI_... in its manual page, with EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_NONAME and EAI_SERVICE.",
                    by_hand=("./dns-lookup 127.0.0.1 no-such-service; printf 'int getaddrinfo() { return -4; }\\n' | cc -shared "
                             "-fPIC -w -x c - -o lookup.so; LD_PRELOAD=./lookup.so ./dns-lookup localhost; rm lookup.so",)),
            "getaddrinfo() returns 0, or an error. Then one line goes to stderr, `dns-lookup: getaddrinfo HOST SERVICE: text "
            "(EAI_NAME)`, and the exit status is 1."],
        read="The program", needs=[], step=2,
        by_hand=("./dns-lookup 127.0.0.1 no-such-service; unshare -rn ./dns-lookup no-such-host.invalid; echo "
                 "exit status $?",))
@pytest.mark.parametrize("world", ["no name", "no network", "no service", "EAI_FAIL", "EAI_MEMORY", "EAI_SYSTEM"])
def test_a_name_that_cannot_be_found(request, chapter, tmp_path, world):
    host, service, namespace = "no-such-host.invalid", "http", ()
    if world.startswith("EAI_"):
        number = getattr(socket, world)
        expected = "%s (%s)" % ((os.strerror(errno.EMFILE), "EMFILE") if world == "EAI_SYSTEM" else (gai_strerror(number), world))
        steps.step("have getaddrinfo() fail with %s%s" % (world, ", and EMFILE in errno" * (world == "EAI_SYSTEM")))
        program = request.getfixturevalue("preloaded")(chapter.start, {"LAB_FAULTS_AT_LOOKUP": str(number)}, host)
    else:
        if world == "no service":
            host, service = "127.0.0.1", "no-such-service"
        elif world == "no network":
            namespace = empty_network()
        elif sys.platform == "linux":
            namespace = own_hosts(tmp_path, "127.0.0.1 localhost\n")
        expected = getaddrinfo(host, service, namespace)[0]
        program = chapter.start(host, *[service] * (service != "http"), under=namespace)
    error = "getaddrinfo %s %s: %s" % (host, service, expected)
    if world == "EAI_SYSTEM":
        return fails(program, error)
    ended(program, 1)
    assert without_name(program) == error + "\n"


def test_no_error_is_told_as_success(chapter, faults):
    """glibc answers EAI_SYSTEM here, and leaves errno 0."""
    program = chapter.run("no-such-host.invalid", under=faults("socket:error=EMFILE"))
    assert program.status == 1
    assert re.fullmatch(r"dns-lookup: getaddrinfo no-such-host.invalid http: .* \((E[A-Z_]+)\)\n", program.stderr)


@pytest.mark.parametrize("service", ["80x"])
def test_a_service_that_does_not_exist(chapter, service):
    expected = getaddrinfo("127.0.0.1", service)[0]
    fails(chapter.run("127.0.0.1", service), "getaddrinfo 127.0.0.1 %s: %s" % (service, expected))


@graded(3, "Refuses too few and too many arguments, with a usage line",
        cause=[
            Symptom(r"not exit status 2; stderr:\n(.*\n)*usage: ", "Wrong arguments have an exit status of their own, 2: with 1 it says "
                    "that a call has failed."),
            Symptom("repeat|no line usage|belongs on stderr", "The message on stderr repeats the argument that is wrong, a line "
                    "`usage: ...` stands below it, and stdout stays empty."),
            Symptom(r"start ./dns-lookup$", "Without an argument there is no HOST in argv[1]: look at argc first.",
                    by_hand=("./dns-lookup; echo exit status $?",)),
            Symptom("surplus", "HOST and SERVICE are all: argc above 3 is wrong usage."),
            "Arguments are looked at before anything is looked up."],
        read="Your turn", needs=[], step=2,
        by_hand=("./dns-lookup 127.0.0.1 1 surplus; echo exit status $?",))
@pytest.mark.parametrize("arguments", [[], ["127.0.0.1", "80", "surplus"]], ids=repr)
def test_wrong_arguments(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), "".join(arguments[2:]))


def addresses(program):
    """The `ADDRESS port PORT` of each address that was printed; fails if they are not numbered."""
    rows = re.findall(r"^address (\S+): (.+)$", program.output, re.MULTILINE)
    assert [number for number, _ in rows] == [str(number + 1) for number in range(len(rows))]
    return [address for _, address in rows]


def refusals(rows):
    """What the program says when nobody listens at these rows `ADDRESS port PORT`."""
    return "".join("dns-lookup: %s\n" % failed("connect " + row, errno.ECONNREFUSED) for row in rows)


@graded(4, "Reports each address that refuses, and exits 1 if none is left",
        cause=[
            Symptom("exit status 0, not 1", "connect() returns -1 when nobody listens. If that happens with each address "
                    "there is no server: exit status 1."),
            Symptom(r"got: +(''|\[\])", "Each failed connect() is reported on stderr, also when more addresses are to come."),
            Symptom(r"Connection refused'", "The name of the error is missing: strerror() gives the text, and "
                    "(ECONNREFUSED) comes from a table of your own, as in chapter 1."),
            "Each failed connect() is reported on stderr, in one line: `dns-lookup: connect ADDRESS port PORT: text "
            "(ESYMBOL)`. Nothing else may change errno before."],
        read="What can go wrong", needs=[], step=3,
        by_hand=("./dns-lookup 127.0.0.1 1; echo exit status $?; " + ASK_THREE % "127.0.0.1 127.0.0.2 127.0.0.3",))
@pytest.mark.parametrize("count", [1, 3])
def test_refused(chapter, tmp_path, count):
    host, namespace = "127.0.0.1", ()
    if count > 1:
        host, namespace = "many", own_hosts(tmp_path, "".join("127.0.0.%d many\n" % last for last in (2, 3, 4)))
    with reserved_port(*[row.split()[0] for row in getaddrinfo(host, 80, namespace)]) as port:
        rows = getaddrinfo(host, port, namespace)
        program = start(chapter, host, port, namespace)
        ended(program, 1)
    assert program.stderr.splitlines() == refusals(rows).splitlines()


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


@graded(6, "Goes on to the next address when one refuses, until one accepts",
        cause=[
            Symptom("connected once more|accepts a connection, 2 times", "One server is enough: leave the list when connect() has returned 0."),
            Symptom("EAFNOSUPPORT|EBADF|EISCONN|EINVAL", "A socket is of one family: make a new one for each address, with its ai_family, and "
                    "close() the one that was refused."),
            Symptom("crashed|killed by", "The addresses lie in the list: freeaddrinfo() comes after the last of them was tried, "
                    "and once."),
            "After a connect() that fails comes the next address of the list, ai_next, with a socket of its own, and not the "
            "end."],
        read="The program", needs=[], step=3,
        by_hand=(LATE % "127.0.0.2", ASK_THREE % "::1 127.0.0.2 127.0.0.3"))
@pytest.mark.parametrize("first", ["127.0.0.2", "::1"])
def test_goes_on_to_the_next_address_when_one_refuses(chapter, tmp_path, first):
    if first == "::1":
        checks.needs_ipv6()
    namespace = own_hosts(tmp_path, "".join("%s several\n" % each for each in (first, "127.0.0.3", "127.0.0.4")))
    first, second, third = [row.split()[0] for row in getaddrinfo("several", 80, namespace)]  # in its order
    with reserved_port(first, second, third) as port, serving(answering_who_asks, second, port, at_least=0) as server, \
            serving(answering_who_asks, third, port, at_least=0) as other:
        program = start(chapter, "several", port, namespace)
        program.wait()
    has_connected(program, server)
    assert other.connections == 0, "it connected once more, though one server is enough"


@graded(3, "Reaches an IPv6 address, and prints it",
        cause=[
            Symptom("EINVAL", "An IPv6 address is longer: the length for connect() is ai_addrlen."),
            Symptom("getaddrinfo", "With AF_INET in the hints IPv6 is not asked for: ai_family is AF_UNSPEC."),
            Symptom("expected: *\n *'::1 port", "To print an IPv6 address: AF_INET6 and sin6_addr for inet_ntop(), and "
                    "ntohs(sin6_port)."),
            "For an IPv6 address all is as for IPv4: ai_family for socket(), ai_addr and ai_addrlen for connect()."],
        read="The program", needs=[], step=3,
        by_hand=(LATE % "::1", "timeout 3 ./dns-lookup ::1 7890; echo exit status $?"))
@pytest.mark.parametrize("host", ["::1", "six"])
def test_only_ipv6(chapter, tmp_path, host):
    checks.needs_ipv6()
    namespace = own_hosts(tmp_path, "::1 six\n") if host == "six" else ()
    with serving(answering_who_asks, address="::1", at_least=0) as server:
        program = start(chapter, host, server.port, namespace)
        program.wait()
    has_connected(program, server)
    assert "::1 port %d\n" % server.port in program.output, "expected: \n  '::1 port %d'\ngot:\n%s" % (
        server.port, program.output)


@graded(5, "Asks with HEAD, Host and an empty line, and nothing else",
        cause=[
            Symptom(r"got: +'HEAD / HTTP/1\.0\\r\\nHost: 127\.0\.0\.1", "Host is the HOST that was typed, not the address that "
                    "was found for it: one address may serve many sites."),
            Symptom(r"got: +'HEAD / HTTP/1\.0\\r\\nHost: 127\.1:", "Host is HOST alone in this contract, without a port."),
            Symptom(r"got: +'HEAD / HTTP/1\.0\\r\\n(\\r|')", "There is no line Host: HOST in the request that snprintf() makes."),
            Symptom(r"got: +'\w+ \S+ [^\s\\]+\\n", r"Each line of the request ends with \r\n: with \n alone it is not HTTP."),
            Symptom(r"got: +'HEAD / HTTP/1\.0\\r\\nHost: 127\.1\\r\\n\\r\\n[^']", "Bytes are sent behind the empty line that ends "
                    "the request. The size for send() is what strlen() says, without the final zero."),
            r"The request is three lines: HEAD / HTTP/1.0, then Host: HOST, then an empty one, with \r\n at the end of "
            r"each, and no other header."],
        read="Your turn", needs=[], step=4,
        by_hand=("(sleep 0.3; printf 'HTTP/1.0 200 OK\\r\\nServer: teapot\\r\\n\\r\\n') | nc -nNl 127.0.0.1 7890 | od -An -c",
                 "sleep 0.1; timeout 3 ./dns-lookup 127.1 7890; sleep 0.2"))
def test_asks_with_head_and_host(chapter):
    asked = bytearray()

    def serve(connection):
        while not asked.endswith((b"\r\n\r\n", b"\n\n")):
            asked.extend(receive_until(connection, b"\n"))
        connection.sendall(ANSWER)
        with contextlib.suppress(OSError):  # it may have left without a look at the last bytes
            connection.shutdown(socket.SHUT_WR)
            asked.extend(what_comes(connection))

    with serving(serve) as server:
        start(chapter, "127.1", server.port).wait()
    assert asked.decode("latin-1") == "HEAD / HTTP/1.0\r\nHost: 127.1\r\n\r\n"


@graded(3, "Prints each line at once, also into a pipe",
        cause="Into a pipe stdout is buffered in full: setvbuf() makes it go out line by line.",
        read="Your turn", needs=[], step=4,
        by_hand=("nc -vnl 127.0.0.1 7890", "timeout 0.5 %s | cat" % ASK))
def test_prints_the_addresses_before_it_is_answered(chapter):
    printed = threading.Event()

    def serve(connection):
        assert printed.wait(seconds(5)), "the address was not printed before the answer came"
        answering_who_asks(connection)

    with serving(serve) as server:
        program = start(chapter, "127.0.0.1", server.port)
        program.wait_for_output(r"^address 1: 127\.0\.0\.1 port %d$" % server.port, limit=3)
        printed.set()
        program.wait()


@graded(3, "Asks for a HOST of 255 characters, and says so if one is too long",
        cause=[
            Symptom("is not asked for", "A name may have 255 characters, and the request more: a buffer of NI_MAXHOST and some "
                    "bytes has room for both.",
                    by_hand=(LATE % "127.0.0.1", "timeout 3 ./dns-lookup $(printf %063d.%063d.%063d.%063d 177 0 0 1) 7890 | tail -c 30; echo exit "
                             "status $?")),
            Symptom("crashed|killed by", "sprintf() and strcat() write on behind the buffer's end: snprintf() does not, and tells "
                    "how long the whole would be."),
            "snprintf() tells how long the whole would be: if that is more than the buffer holds, what is there "
            "is a part of a request. Say so on stderr, send nothing, exit 1."],
        read="Your turn", needs=["test_asks_with_head_and_host"], step=4,
        by_hand=("nc -vnl 127.0.0.1 7890 | wc -c",
                 "timeout 3 ./dns-lookup 127.0.0.$(printf %09000d 1) 7890 > /dev/null; echo exit status $?"))
@pytest.mark.parametrize("host", [  # 127.0.0.1; the first in octal, since no part of a name may be longer
    ".".join(part.zfill(63) for part in ("177", "0", "0", "1")), "127.0.0." + "1".zfill(100000)],
    ids=["255 characters", "100,008 characters"])
def test_a_host_too_long_for_the_buffer(chapter, host):
    asked = bytearray()

    def serve(connection):
        for data in iter(lambda: connection.recv(65536), b""):
            asked.extend(data)
            if asked.endswith(b"\r\n\r\n"):
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                break

    with serving(serve, limit=15, at_least=0) as server:
        program = start(chapter, host, server.port)
        status = program.wait(15)
    if b"\r\nHost: %s\r\n" % host.encode() in asked:
        return  # who has a larger buffer may send a long one, too
    assert len(host) > 255, "a HOST of 255 characters is not asked for; stderr:\n" + program.stderr[-300:]
    assert not asked, "it sends %d bytes, a part of its request, when the whole does not fit into its buffer" % len(asked)
    assert status == 1, "%s, not 1" % how_it_ended(status)
    assert program.stderr, "nothing on stderr"


@graded(5, "Prints what the Server line of the answer says",
        cause=[
            Symptom("did not end within", r"It waits for what does not come. recv() often brings several lines at once: those "
                    r"behind the first are for you, too, and will not come again. Or the server still waits: a request "
                    r"ends with an empty line."),
            r"Each address goes to connect() as it is, ai_addr and ai_addrlen; of what recv() brings, the line that "
            r"begins with Server: is printed on stdout, and the exit status is 0. Many lines may come with one recv()."],
        read="The program", needs=[], step=5,
        by_hand=(LATE % "127.0.0.1", "timeout 3 %s; echo exit status $?" % ASK))
def test_prints_what_the_server_says(chapter):
    assert found(ask(chapter, answering(ANSWER))) == "Example/1.0"


@graded(2, "Prints it as `The web server for HOST is VALUE`, and nothing on stderr",
        cause=[
            Symptom("^nothing should come on stderr", "stderr is for errors, and nothing has failed."),
            "The line differs from the contract's by a character: `The web server for HOST is VALUE`, with the HOST that "
            "was typed."],
        read="Your turn", needs=SERVER_LINE, step=5,
        by_hand=(LATE % "127.0.0.1", "./dns-lookup 127.1 7890"))
def test_the_words_of_the_line(chapter):
    with serving(answering(ANSWER)) as server:
        program = start(chapter, "127.1", server.port)
        program.wait()
    assert [line for line in program.output.splitlines() if not line.startswith("address ")] == [
        "The web server for 127.1 is Example/1.0"]
    assert program.stderr == "", "nothing should come on stderr, and it says:\n" + program.stderr


HEADS = [
    (b"Server: Tiny\r\n", "Tiny"),
    (b"Server:Tiny\r\n", "Tiny"),
    (b"server: Tiny\r\n", "Tiny"),
    (b"SERVER:\t Tiny \t\r\n", "Tiny"),
    (b"Server: a, b: (c) d\r\nServer: second\r\n", "a, b: (c) d"),
    (b"Server-Timing: 1\r\nX-Server: 2\r\nVia: Server: 3\r\nServer: 4\r\n", "4"),
    (b"Server:\r\nServer: second\r\n", ""),
    (b"Server: \t \r\n", ""),
]
LONG_HEAD = b"Set-Cookie: %s\r\n" % (b"x" * 4000) + b"X: y\r\n" * 100 + b"Server: far down\r\n"
LONGER_HEAD = b"X: %s\r\n" % (b"y" * 1000) * 200 + LONG_HEAD


def answer_with(head):
    """An answer with these header lines and one more."""
    return b"HTTP/1.0 404 Not Found\r\n" + head + b"Date: today\r\n\r\n"


@graded(7, "Finds the Server line, in capitals or not, ended by CR LF or LF",
        cause=[
            Symptom(r"expected: ''", "The first Server line counts, also one that says nothing: its VALUE is empty."),
            Symptom(r"expected: '4'", "The name ends at its colon and begins with the line: Server-Timing, X-Server and a Server: "
                    "in the middle of another line are not it."),
            Symptom(r"got: +'second'", "The first Server line counts; it exits once it has printed that."),
            Symptom(r"\?|got: +'.*\s'|got: +'\s", "Cut what is around the value: spaces and tabs on both sides, and the line's end, "
                    "which is \\r\\n or \\n alone."),
            Symptom(r"got: +'(iny|Tin|ny|a, b: .c. )'", "A byte of the value is lost: no blank need follow the colon, and a line may "
                    "end with \\n alone, without \\r."),
            Symptom("exit status 1", "The name may have capitals or not (strncasecmp()), no blank need follow its colon, lines "
                    "may end with \\n alone, and what recv() fetched behind one line is the next."),
            "The value is all that follows the first colon of the Server line, without the blanks around it."],
        read="The program", needs=SERVER_LINE, step=5,
        by_hand=("for v in 'tea: pot' 'teapot \\t'; do printf \"HTTP/1.0 200 OK\\nServer-Timing: 1\\nX-Server: "
                 "2\\nSERVER:$v\\nserver: second\\n\\n\" | nc -vnNl 127.0.0.1 7890; done; printf 'HTTP/1.0 200 OK\\r\\nServer: "
                 "\\r\\nServer: 2\\r\\n\\r\\n' | nc -vnNl 127.0.0.1 7890",
                 "for i in 1 2 3; do %s | cat -A; sleep 0.3; done" % ASK))
@pytest.mark.parametrize("head,value", HEADS)
@pytest.mark.parametrize("form", ["CR LF", "bare LF"])
def test_finds_the_server_line(chapter, form, head, value):
    answer = answer_with(head)
    if form == "bare LF":
        answer = answer.replace(b"\r\n", b"\n")
    assert found(ask(chapter, answering(answer))) == value


@graded(6, "Reads lines that come in pieces",
        cause=[
            Symptom(r"\?'|\\r'", "The end of a line, \\r\\n, came in two pieces: look for the \\r once the line is whole.",
                    by_hand=("(sleep 0.4; printf 'HTTP/1.0 200 OK\\r\\nServer: teapot\\r'; sleep 0.2; printf '\\n\\r\\n') | nc "
                             "-Nl 127.0.0.1 7890 > /dev/null & sleep 0.2; " + ASK,)),
            Symptom("head of more than", "A line is bounded, and not the whole head: only one line needs to be in memory at a "
                    "time.",
                    by_hand=("(sleep 0.4; echo HTTP/1.0 200 OK; yes X: y | head -70000; echo Server: teapot; echo) | nc "
                             "-Nl 127.0.0.1 7890 > /dev/null & sleep 0.2; " + ASK,)),
            "One recv() is taken for one line, or for the whole answer: TCP has no lines. Go on until the line's end has "
            "come, and keep what is behind it."],
        read="The program", needs=SERVER_LINE, step=5,
        by_hand=("(sleep 0.4; printf 'HTTP/1.0 200 OK\\r\\nSer'; sleep 0.2; printf 'ver: "
                 "teapot\\r\\n\\r\\n') | nc -Nl 127.0.0.1 7890 > /dev/null & sleep 0.2; " + ASK,))
@pytest.mark.parametrize("size", [0, 1, 7, 100000])
def test_reads_lines_that_come_in_pieces(chapter, size):
    if size == 0:  # in pieces that come one after the other, for certain
        pieces = b"HTTP/1.0 404 Not Found\r", b"\nSer", b"ver: far ", b"down\r", b"\n", b"\r", b"\n"
        assert found(ask(chapter, answering(*pieces, apart=True))) == "far down"
        return
    answer = answer_with(LONG_HEAD if size < 1000 else LONGER_HEAD)
    if size > 1000:
        steps.step("the answer has a head of more than 200,000 bytes")
    pieces = [answer[start:start + size] for start in range(0, len(answer), size)]
    assert found(ask(chapter, answering(*pieces))) == "far down"


@graded(4, "Loses nothing to short counts and EINTR",
        cause=[
            Symptom("recv.*EINTR", "A signal interrupted recv() before it did anything: ask again."),
            Symptom("EINTR", "A signal interrupted a call, send() or poll(), before it did anything: ask again."),
            Symptom("did not end|no Server line", "send() returns how many bytes it took, and that may be a part of them: send the rest.",
                    by_hand=("nc -vnl 127.0.0.1 7890", "timeout 1 strace -o /dev/null -e inject=sendto:retval=5:when=1 " + ASK)),
            "recv() may bring fewer bytes than there is room for: only so many are there."],
        read="The program", step=5,
        by_hand=(SERVER % "Server: teapot",
                 "strace -o /dev/null -e inject=sendto,recvfrom:error=EINTR:when=1+2 " + ASK),
        needs=["test_reads_lines_that_come_in_pieces"])
def test_random_faults(chapter, random_faults):
    for number in range(20):
        head = b"X: %s\r\n" % (b"x" * 400 * number) + b"X: y\r\n" * 100 + b"Server: number %d\r\n" % number
        program = ask(chapter, answering(answer_with(head)),
                      how=functools.partial(random_faults, chapter.start))
        assert found(program) == "number %d" % number


@graded(4, "Says so, and exits 1, if there is no Server line",
        cause=[
            Symptom("nothing on stderr", "What is missing is told on stderr, in your words."),
            Symptom("did not end within", "recv() returns 0 at the end of the answer: then no more will come."),
            Symptom("more than the addresses", "What is missing is told on stderr: stdout is for results."),
            Symptom("body says", "The empty line ends the head: what comes behind it is the page, whatever it says."),
            Symptom(r"X-Server", "The name of a header goes up to its colon: X-Server and Servers are others."),
            "An answer without a Server line before its empty line or its end is a failure: a line on stderr, and exit "
            "status 1."],
        read="Your turn", needs=SERVER_LINE, step=5,
        by_hand=("for body in '\\r\\nServer: body\\r\\n' 'X-Server: no\\r\\nServers: no\\r\\n'; do printf \"HTTP/1.0 200 OK\\r\\n$body\" | nc "
                 "-vnNl 127.0.0.1 7890; done", "for i in 1 2; do timeout 2 %s; echo exit status $?; sleep 0.3; done" % ASK))
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
    others = [line for line in program.output.splitlines() if not line.startswith("address ")]
    assert not others, "more than the addresses on stdout:\n" + program.output


@graded(3, "Does not wait for more than it needs",
        cause="It reads to the end of the answer, though it knows enough after the Server line, or after "
              "the empty line.",
        read="Your turn", needs=SERVER_LINE, step=5,
        by_hand=("for l in 'Server: teapot' ''; do (printf \"HTTP/1.0 200 OK\\r\\n$l\\r\\n\"; sleep 1) | nc "
                 "-vnNl 127.0.0.1 7890; done", "timeout 0.5 %s; echo exit status $?; sleep 1; timeout 0.5 %s; echo exit status $?"
                 % (ASK, ASK)))
@pytest.mark.parametrize("head", [b"Server: Tiny\r\n", b"Server: Tiny\r\n\r\n", b"\r\n"])
def test_does_not_wait_for_more_than_it_needs(chapter, head):
    def serve(connection):
        receive_until(connection, b"\r\n\r\n")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n" + head)
        hold(connection)

    ask(chapter, serve, limit=3)


@pytest.mark.parametrize("begin", [lambda connection: None, sending(b"HTTP/1.0 200 OK\r\nSer")],
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


def test_chapter_7s_server(chapter, other):
    server = other("07-tinyweb").serve("-p", "0")
    assert found(start(chapter, "127.0.0.1", server.port)) == "Tiny webserver"


def test_pythons_server(chapter, tmp_path):
    server = chapter.start_other(
        [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"], cwd=tmp_path)
    port = server.wait_for_output(r"port (\d+)").group(1)
    assert found(start(chapter, "127.0.0.1", port)).startswith("SimpleHTTP/")


def too_long(chapter, serve):
    """The program gives up an answer with a line that is too long."""
    with serving(serve) as server:
        fails(start(chapter, "127.0.0.1", server.port), failed("recv", errno.EMSGSIZE))


@graded(3, "Takes a line of 8,191 bytes, and none of 8,192",
        cause=[
            Symptom(r"EMSGSIZE\)(?s:.)*exit status 1, not 0|exit status 1, not 0(?s:.)*EMSGSIZE", "A line that may come is refused: 8,191 bytes "
                    "with the line's end, and a final zero, are 8,192 in memory."),
            Symptom("expected: 'x", "The value does not come out whole: all of it goes from one buffer into the next, and each "
                    "must have room for a line."),
            Symptom("X: x", "A line of 8,192 bytes is too long also where it is not the Server line: report EMSGSIZE, and do not "
                    "skip it.",
                    by_hand=("printf 'HTTP/1.0 200 OK\\r\\nX: %09000d\\r\\nServer: teapot\\r\\n\\r\\n' 0 | nc -vnNl 127.0.0.1 7890",
                             "%s | wc -c" % ASK)),
            Symptom("exit status 0, not 1", "A line of 8,192 bytes is one too many, and an error: the bound is off by one, or what does "
                    "not fit is cut in silence."),
            "The bound is off by one: with its end, \\r\\n, a line has 8,191 bytes at the most, and all of them count."],
        read="The program", step=6,
        by_hand=("for n in 8181 8182; do printf \"HTTP/1.0 200 OK\\r\\nServer: %0${n}d\\r\\n\\r\\n\" 0 | nc -vnNl 127.0.0.1 7890; "
                 "done; printf 'HTTP/1.0 200 OK\\nServer: %08182d\\n\\n' 0 | nc -vnNl 127.0.0.1 7890",
                 "for i in 1 2 3; do %s | wc -c; sleep 0.3; done" % ASK),
        needs=["test_reads_lines_that_come_in_pieces"])
def test_a_line_of_8191_bytes_is_taken_and_a_longer_one_is_not(chapter):
    for end in (b"\r\n", b"\n"):
        value = b"x" * (8191 - len(b"Server: " + end))
        assert found(ask(chapter, answering(b"HTTP/1.0 200 OK\r\nServer: " + value + end + b"\r\n"))) == value.decode()
    too_long(chapter, answering(b"HTTP/1.0 200 OK\r\nServer: %s\r\n\r\n" % value))
    too_long(chapter, answering(b"HTTP/1.0 200 OK\r\nX: %s\r\nServer: Tiny\r\n\r\n" % (b"x" * 8187)))


@graded(4, "Gives up a line without an end, and keeps no more than its bound",
        cause=[
            Symptom("crashed|killed by", "What comes is stored behind the end of the buffer: look at the bound before you store."),
            Symptom("keeps all", "The line is kept in memory that grows with it: a stranger decides how much you use. A line has "
                    "8,191 bytes at the most."),
            "A line of more than 8,191 bytes is an error, EMSGSIZE, at once: whoever waits for its end may wait for ever."],
        read="The program", needs=[], step=6,
        by_hand=("(sleep 0.3; printf 'HTTP/1.0 200 OK\\r\\nServer: '; head -c 60000000 /dev/zero | tr '\\0' x; sleep 5) | nc -vnNl "
                 "127.0.0.1 7890", "timeout 4 %s > out; echo exit status $?; wc -c < out; rm out" % ASK))
@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.0 200 OK\r\nServer: "], ids=["first", "Server"])
def test_an_endless_line_is_given_up(chapter, beginning):
    serve, sent = endless(beginning, b"x")
    with serving(serve, limit=15) as server:
        program = start(chapter, "127.0.0.1", server.port)
        is_bounded(program, sent)
        program.wait(min(5, 8 / seconds(1)))  # before its ten seconds are over, also on a slow machine
    fails(program, failed("recv", errno.EMSGSIZE))


@graded(3, "Refuses a line with a NUL byte",
        cause=[
            Symptom(r"exit status 0", "Behind a NUL byte a string is over: what was received is longer than strlen() says. Where it "
                    "comes first, the line even looks like the empty one."),
            "A NUL byte anywhere in a line is an error of the answer, EBADMSG, reported as recv's."],
        read="The program", needs=SERVER_LINE, step=6,
        by_hand=("for l in 'Server: tea\\0pot' '\\0\\r\\nServer: teapot'; do printf \"HTTP/1.0 200 OK\\r\\n$l\\r\\n\\r\\n\" | nc -vnNl "
                 "127.0.0.1 7890; done", "for i in 1 2; do %s; sleep 0.3; done" % ASK))
@pytest.mark.parametrize("line", [b"a\0b\r\n", b"Server: a\0b\r\n", b"\0\r\n", b"Server: a\0\r\n"])
def test_a_line_with_a_nul_byte_is_an_error(chapter, line):
    program = ask(chapter, answering(b"HTTP/1.0 200 OK\r\n" + line + b"Server: Tiny\r\n\r\n"))
    fails(program, failed("recv", errno.EBADMSG))


@graded(4, "Reads a head of 8 MB with less than a second of CPU time",
        cause=[
            Symptom("killed by SIGKILL", "Each recv() is a trip into the kernel, and it makes one for each byte, or for a few. Let one "
                    "recv() fetch what is there, thousands of bytes, into a buffer, and take the lines from that."),
            "A line is bounded, and their number is not: what has been looked at makes room for what comes next."],
        read="The program", needs=["test_reads_lines_that_come_in_pieces"], step=7,
        by_hand=("(printf 'HTTP/1.0 200 OK\\r\\n'; yes X: $(printf %0996d 0) | head -8000; printf 'Server: teapot\\r\\n\\r\\n') | "
                 "nc -vnNl 127.0.0.1 7890", "(ulimit -t 1; %s); echo exit status $?" % ASK))
def test_a_long_head_in_little_time(chapter):
    head = b"X: %s\r\n" % (b"y" * 995) * 8000 + b"Server: far down\r\n"
    little_time = ("sh", "-c", 'ulimit -t 1; exec "$0" "$@"')
    program = ask(chapter, answering(answer_with(head)), limit=20, how=functools.partial(chapter.start, under=little_time))
    assert found(program) == "far down"


@graded(6, "Gives up a server after ten seconds in all",
        cause=[
            Symptom("it gave up a server", "A server that is slow, and still there, gets ten seconds from the request on. See the unit "
                    "of the limit: tv_usec are millionths of a second, and poll() takes thousandths.",
                    by_hand=("nc -vnl 127.0.0.1 7890", "timeout 8 %s; echo exit status $?" % ASK)),
            Symptom("still waits for a server that says nothing", "recv() waits for ever, unless SO_RCVTIMEO or a poll() before it "
                    "sets an end.", by_hand=("nc -vnl 127.0.0.1 7890", "timeout 12 %s; echo exit status $?" % ASK)),
            Symptom("still waits", "SO_RCVTIMEO limits one recv(), not all of them: before each, set what is left of the ten "
                    "seconds, in tv_sec and tv_usec; where both are 0 it waits for ever."),
            Symptom("keeps all", "What the server sends is kept in memory that grows with it: only one line needs to be there.",
                    by_hand=("(echo HTTP/1.0 200 OK; yes X: y | head -c 60000000; sleep 12) | nc -vnl 127.0.0.1 7890",
                             "(ulimit -v 40000; timeout 12 %s; echo exit status $?)" % ASK)),
            Symptom("got: .*(EAGAIN|EWOULDBLOCK|Success)", "When the time of SO_RCVTIMEO is over recv() fails with EAGAIN, and poll() "
                    "returns 0 without a word in errno: report ETIMEDOUT."),
            "When the ten seconds are over it reports `dns-lookup: recv: Connection timed out (ETIMEDOUT)` and exits 1. A signal "
            "such as SIGALRM, without a handler, would end it without a word."],
        read="The program", needs=[], step=8,
        by_hand=("(for i in $(seq 14); do sleep 0.69; printf x; done; sleep 8) | nc -vnl 127.0.0.1 7890",
                 "timeout 12 %s; echo exit status $?" % ASK))
def test_a_server_that_keeps_it_waiting_is_given_up_after_ten_seconds(chapter):
    headers, sent = endless(b"", b"X: y\r\n")
    with contextlib.ExitStack() as running:
        begin, programs = time.monotonic(), {}
        for what, serve in (("says nothing", silent), ("sends a byte now and then", trickling()),
                            ("sends some bytes, and then says nothing", trickling(9.65)),
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


def test_a_limit_that_cannot_be_set_is_not_told_as_recv(chapter, faults):
    with serving(silent) as server:
        program = chapter.run("127.0.0.1", str(server.port), under=faults("setsockopt:error=ENOBUFS"))
    assert (program.status, program.stderr.count("\n")) == (1, 1)
    assert program.stderr.startswith("dns-lookup: setsockopt SO_RCVTIMEO: ")


@graded(4, "Shows a hostile value with ? for control characters, and % as it is",
        cause=[
            Symptom("expected: '[^?]*%", "The value is the format of a printf(): it belongs behind one, printf(\"%s\", value). With %n "
                    "a stranger writes into your memory.",
                    by_hand=(SERVER % "Server: 100%%%%, %%%%d", ASK)),
            Symptom(r"got: +'x\\x01", "The value is printed as it came, and control characters steer a terminal: only what isprint() "
                    "lets pass is harmless."),
            Symptom(r"\[2J\\x7f", "DEL, 0x7f, is a control character, too: let only pass what isprint() lets pass."),
            Symptom(r"\[2J\?\\", "Some terminals obey bytes above 127, too: only what isprint() lets pass, of an unsigned char, is "
                    "harmless."),
            "Each byte that is no printable ASCII comes out as ?, one for one."],
        read="The program", needs=SERVER_LINE, step=9,
        by_hand=(SERVER % "Server: \\033[31mred\\177\\233", ASK + " | cat -v"))
@pytest.mark.parametrize("value,shown", [
    (b"100%, 2%d %%", "100%, 2%d %%"),
    (b"x" + bytes(set(range(1, 32)) - set(b"\n")) + b"\x1b[2J\x7f\x9bJy", "x" + 30 * "?" + "?[2J??Jy")],
    ids=["percent signs", "control characters"])
def test_a_hostile_value_is_shown_as_text(chapter, value, shown):
    assert found(ask(chapter, answering(b"HTTP/1.0 200 OK\r\nServer: %s\r\n\r\n" % value))) == shown


@graded(3, "Puts an IPv6 address into brackets for Host, and nothing else",
        cause=[
            Symptom(r"^Host: \[?::1%1", "A zone, such as the %eth0 of fe80::1%eth0, means something on this machine only: "
                    "it does not belong into Host.", (LATE % "::1", "./dns-lookup ::1%1 7890")),
            Symptom("Host is not six", "Brackets are for an address: a name stands in Host as it is, also where it has an IPv6 "
                    "address.", by_hand=(LATE % "::1", ASK_THREE % "::1")),
            "An IPv6 address as HOST goes into brackets: Host: [::1]. Its colons would look like the one before a port."],
        read="The program", needs=["test_asks_with_head_and_host", "test_only_ipv6"], step=9,
        by_hand=(LATE % "::1", "timeout 3 ./dns-lookup ::1 7890; echo exit status $?"))
@pytest.mark.parametrize("host,name", [("::1", "[::1]"), ("six", "six"), ("::1%1", "[::1]")])
def test_brackets(chapter, tmp_path, host, name):
    def serve(connection):
        request = receive_until(connection, b"\r\n\r\n").decode("latin-1")
        assert "\r\nHost: %s\r\n" % name in request, "Host is not %s:\n%s" % (name, request)
        connection.sendall(ANSWER)

    checks.needs_ipv6()
    if "%" in host and "EAI_" in getaddrinfo(host, "80")[0]:
        return  # on this system only a link's own addresses have zones
    namespace = own_hosts(tmp_path, "::1 six\n") if host == "six" else ()
    with serving(serve, address="::1") as server:
        start(chapter, host, server.port, namespace).wait()


@graded(3, "Takes a port from 0 to 65535, and refuses any other number",
        cause=[
            Symptom("are ports, too", "0 and 65535 are ports, too: getaddrinfo() takes them, and then nobody listens there.",
                    by_hand=("for s in 0 65535; do ./dns-lookup 127.255.255.254 $s; echo exit status $?; done",)),
            Symptom(r"start .* \d{5,}$", "A port beyond 65535 is no port, and has to be refused before getaddrinfo(), which takes "
                    "99999 for 34463. Where 32 bits wrap, 4294967376 becomes 80."),
            "A SERVICE that is empty, or of digits, signs and spaces alone, has to be a port from beginning to end. atoi() and "
            "strtol() take ' 80', '+80', '-1' and '8 0', too."],
        read="Your turn", needs=[], step=9,
        by_hand=("for s in 99999 4294967376 '' ' 80' +80 -1 '8 0'; do ./dns-lookup 127.0.0.1 \"$s\"; echo exit status $?; "
                 "done",))
@pytest.mark.parametrize("service,is_port", [*((bad, False) for bad in (
    "99999", "65536", "4294967376", "18446744073709551696", "", "-1", "+80", " 80", "8 0", "80 ", "+", "--")),
    ("0", True), ("65535", True)])
def test_ports(chapter, service, is_port):
    program = chapter.run(NOBODY, service)
    is_refused = program.status == 2 or "usage" in program.stderr
    told = "%s for port %s; stderr:\n%s" % (how_it_ended(program.status), service, program.stderr)
    if is_port:
        assert not is_refused, "%s\n0 and 65535 are ports, too" % told
        return
    assert is_refused, told
    assert not program.output, "it prints on stdout what belongs on stderr:\n" + program.output


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_needs_stdin_stdout_and_stderr(chapter, closed):
    with serving(lambda connection: None, at_least=0) as server:
        program = chapter.start("127.0.0.1", str(server.port), preexec_fn=lambda: os.close(closed))
        ended(program, 1)
        assert server.connections == 0
