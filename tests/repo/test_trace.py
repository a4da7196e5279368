"""The ladders of `make trace`: what strace writes is understood, and what is drawn is right."""

import os
import re
import socket
import xml.etree.ElementTree

import pytest

from ladder import states
from ladder.calls import parse, split_arguments
from ladder.text import WIDTH
from ladder.trace import trace
from repo.repository import PROGRAMS, exercises_strict, path
from repo.test_makefile import make

# What each ladder has to show, in this order.
HANDSHAKE = ["connect(", "SYN", "SYN, ACK", "ACK"]
LISTEN = ["socket(AF_INET, SOCK_STREAM)", "bind(", "listen("]
EXPECTED = {
    "01-socket": ["socket(AF_INET, SOCK_STREAM) = 3", "getsockname(3)", "getpeername(3) = -1 ENOTCONN",
                  "close(3)"],
    "02-bind-listen": [*LISTEN, "waits", *HANDSHAKE, "6 bytes", "FIN"],
    "2a-address": ['write(1, "address     10.1.2.3', "exit(0)"],
    "03-accept": [*LISTEN, "accept(3) waits", *HANDSHAKE, "accept(3) = 4", "close(4) = 0", "FIN",
                  "accept(3) waits", 'recv(3, "") = 0'],
    "04-send-recv": [*LISTEN, "accept(3) waits", *HANDSHAKE, "accept(3) = 4", "33 bytes", "recv(4) waits",
                     'send(3, "one\\n")', 'recv(4, "one\\n") = 4', "4 bytes", "shutdown(3, SHUT_WR)",
                     'recv(4, "") = 0', "FIN", 'recv(3, "") = 0'],
    "4a-framing": [*LISTEN, *HANDSHAKE, "19 bytes", "MSG_PEEK) = 16", "MSG_WAITALL) = 4",
                   "recv(4) waits", "3 bytes", 'recv(4, "hi\\r\\n", MSG_WAITALL) = 4', "MSG_MORE) = 4",
                   'send(4, "hi\\r\\n") = 4', "FIN", "MSG_PEEK) = 0", "FIN"],
    "4b-datagram": ["bind(3, 127.0.0.1 port 7890)", "recvfrom(3) waits", "connect(", "<- 3 bytes --", 'recvfrom(3, "one"',
                    'sendto(3, "one"', "- 3 bytes -->", "recvfrom(3) waits", 'recv(3, "one")', "<- 0 bytes --",
                    "- 0 bytes -->", 'recv(3, "") = 0'],
    "4c-urgent": [*LISTEN, *HANDSHAKE, "poll(4) waits", 'recv(4, "hello") = 5', 'send(3, "!", MSG_OOB)', "1 byte",
                  'recv(4, "!", MSG_OOB) = 1', "SIOCATMARK, [1]", 'recv(4, "world") = 5', "FIN"],
    "4d-unix-socket": ["socket(AF_UNIX, SOCK_STREAM)", "umask(0177)", 'bind(3, "echo.socket")', "listen(", "accept(3) waits",
                       'connect(3, "echo.socket")', "accept(3) = 4", "SO_PEERCRED, {PID, UID, GID}", "- bytes --",
                       'recv(3, "Hello, process PID', "<- 4 bytes --", 'recv(4, "one\\n")', "the end", "the end"],
    "05-client": [*LISTEN, *HANDSHAKE, "poll(0, 3) waits", "accept(3) = 4", "33 bytes",
                  'read(0, "hello\\n")', "6 bytes", 'read(0, "") = 0', "FIN", 'recv(4, "") = 0', "FIN",
                  'read(3, "") = 0', "exit(0)"],
    "5a-port-scan": [*LISTEN, "pause() waits", "F_SETFL, O_NONBLOCK", *HANDSHAKE, "-1 EINPROGRESS", "poll(3) = 1: 3",
                     "getsockopt(3, SO_ERROR, [0])", "getpeername(3)", "FIN", "exit(0)"],
    "5b-poll-server": [*LISTEN, "poll(3) waits", *HANDSHAKE, "accept(3) = 4", "poll(3, 4) waits", "accept(3) = 5",
                       "poll(3, 4, 5) waits", 'recv(5, "two\\n")', 'send(5, "two\\n")', 'recv(4, "one\\n")', "close(4) = 0"],
    "5c-syn-scan": ["listen(3,", "socket(AF_INET, SOCK_RAW) = 3", "setsockopt(3, IP_HDRINCL) = 0", "bind(4, 127.0.0.1 port 0)",
                    "sendto(3, ", "127.0.0.1 port 7890) = 40", "recv(3, ", "= 40", "recv(3, ", "= 44", "exit(0)"],
    "06-dns-lookup": [*LISTEN, *HANDSHAKE, 'send(3, "HEAD / HTTP/1.0', "recv(3) waits", "FIN", "exit(0)"],
    "6a-services": ["socket(AF_INET, SOCK_DGRAM)", "bind(3, 127.0.0.1 port 7037)", "bind(4, 127.0.0.1 port 0)", "listen(",
                    "waits", "connect(", "0 bytes", "recvfrom(3, ", "sendto(3, ...", "4 bytes", "recv(3, ...) = 4"],
    "6b-dig": ["recvfrom(3) waits", "connect(3, 127.0.0.1 port 53)", "33 bytes -", "recv(3) waits", "- 49 bytes -", "recv(3, ...) = 49",
               "close(3) = 0", "exit(0)"],
    "07-tinyweb": ['open("webroot")', *LISTEN, *HANDSHAKE, 'send(3, "GET /style',
                   'openat(3, "style.css") = 6', "read(6, ", 'send(5, "HTTP', "close(5) = 0",
                   "FIN"],
    "7a-listing": ['open(".") = 3', *LISTEN, *HANDSHAKE, 'send(3, "GET /d/', 'openat(6, "index.html") = -1 ENOENT', 'openat(6, "a:b") = 8', "close(8) = 0",
                   "close(7) = 0", 'send(5, "HTTP', "close(5) = 0", "FIN"],
    "7b-range": ['open("webroot")', *LISTEN, *HANDSHAKE, 'send(3, "GET /style', 'openat(3, "style.css") = 6',
                 "lseek(6, ", "read(6, ", "= 20", 'send(5, "HTTP', "close(5) = 0", "FIN"],
    "08-fork-server": [*LISTEN, "pselect(4) waits", *HANDSHAKE, "fork() = child 1", "recv(5) waits",
                       *HANDSHAKE, "fork() = child 2", "recv(5) waits", "recv(5, ", "FIN", "exit(0)",
                       "= child 2", "recv(5, ", "FIN", "exit(0)", "= child 1"],
    "8b-keep-alive": [*LISTEN, "pselect(6) waits", *HANDSHAKE, "fork() = child 1", "recv(7) waits", "28 bytes", 'send(7, "HTTP', "poll(7, 4) waits",
                      "recv(7, ", 'send(7, "HTTP', "poll(7, 4) waits", "FIN", 'recv(7, "", MSG_DONTWAIT) = 0', "exit(0)", "= child 1"],
    "8c-tftp": ["bind(4, 127.0.0.1 port 6969)", "pselect(4) waits", "<-- 18 bytes --", "fork() = child 1", "bind(4, 127.0.0.1 port 0)",
                "- 516 bytes -->", "poll(4) waits", "<-- 4 bytes ---", "- 516 bytes -->", "<-- 11 bytes --", "exit(0)", "= child 1"],
    "8a-cgi": [*LISTEN, "pselect(4) waits", *HANDSHAKE, "fork() = child 1", 'recv(5, "GET /cgi-bin/hello?t"', "fork()", "= child 2",
               'recv(7, "Content-Type: text/p"', "bytes -->", "SIGKILL) = 0", "FIN"],
    "09-daemon": ["pipe() = 0: 3, 4", "fork() = first child", "read(3) waits", "setsid()",
                  "fork() = daemon", "exit(0)", "umask(022)", 'chdir("/")', 'open("daemon.pid")',
                  "F_SETLK, F_WRLCK", 'write(5, "PID\\n")', "listen(", 'open("/dev/null")', "dup2(7, 0)",
                  "dup2(7, 2)", "write(4, ", "openlog()", "syslog()", "pselect(6) waits",
                  'read(3, "\\0") = 1', "exit(0)"],
    "9a-socket-activation": ["bind(3, 127.0.0.1 port 8080)", "listen(3", "select(3) waits", *HANDSHAKE, 'execve("./socket-activation")',
                             "getsockopt(3, SO_ACCEPTCONN, [1])", "pselect(3) = 1", "accept(3)", "fork() = child", "19 bytes", "FIN"],
    "9b-tls-termination": [*LISTEN, "pselect(4) waits", *HANDSHAKE, "fork() = child 1", "SO_RCVTIMEO", "recv(5) waits", "24 bytes",
                           "SO_RCVTIMEO", "28 bytes", "SO_RCVTIMEO", "12 bytes", "send(5,", "FIN", "exit(0)"],
}

POLLING_SERVER = r"""
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct pollfd ends[2] = {{.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN},
                             {.fd = -1, .events = POLLIN}};
    char buffer[100];

    bind(ends[0].fd, (struct sockaddr *)&address, length);
    listen(ends[0].fd, 5);
    getsockname(ends[0].fd, (struct sockaddr *)&address, &length);
    printf("listening on 127.0.0.1 port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (poll(ends, 2, -1) > 0) {
        if (ends[0].revents) {
            ends[1].fd = accept(ends[0].fd, NULL, NULL);
            write(ends[1].fd, "Hello\n", 6);
        } else {
            ssize_t size = read(ends[1].fd, buffer, sizeof buffer);
            if (size > 0) {
                REPLY
            } else {
                close(ends[1].fd);
                ends[1].fd = -1;
            }
        }
    }
}
"""


@pytest.fixture
def ladder(tool, clone, capsys):
    """ladder(chapter, ...) runs `make trace` without make; its exit status, output and errors."""
    tool("strace")

    def run(chapter, *arguments):
        status = trace(chapter, clone, *arguments)
        return (status, *capsys.readouterr())

    return run


@pytest.fixture
def polling(tmp_path):
    """polling(reply) is the folder of an echo server in another style, which does `reply`."""
    def write(reply):
        (tmp_path / "server.c").write_text(POLLING_SERVER.replace("REPLY", reply))
        (tmp_path / "Makefile").write_text("send-recv: server.c\n\t$(CC) -o $@ server.c\n")
        return str(tmp_path)

    return write


def test_a_call_is_taken_apart():
    line = ('1795240868.593593 accept(3<socket:[65317844]>, {sa_family=AF_INET, sin_port=htons(50334), '
            'sin_addr=inet_addr("127.0.0.1")}, [128 => 16]) = 4<socket:[65317846]> <0.250000>')
    call = parse(line, 7)
    assert (call.pid, call.name, call.value, call.error) == (7, "accept", 4, None)
    assert (call.object, call.made) == ("socket:[65317844]", "socket:[65317846]")
    assert call.arguments[2] == "[128 => 16]" and len(call.arguments) == 3
    assert call.end - call.start == pytest.approx(0.25)


def test_arguments_are_split_outside_of_strings_and_lists():
    assert split_arguments(r'1<pipe:[5]>, "a, \"b) = 1\"\n"..., [3, 4], {x=1, y=2}, 0') \
        == ["1<pipe:[5]>", r'"a, \"b) = 1\"\n"...', "[3, 4]", "{x=1, y=2}", "0"]


@pytest.mark.parametrize("line", [
    "1795240868.593830 accept(3<socket:[65317844]>, ",
    "1795240868.593830 accept(3<socket:[65317844]>,  <unfinished ...>) = ?",
    "1795240868.593830 accept(3<socket:[65317844]>, <unfinished ...>",
    "1795240868.593830 accept(3<socket:[65317844]>,  <detached ...>",
])
def test_a_call_that_has_not_returned_waits(line):
    call = parse(line, 7)
    assert (call.name, call.end, call.object) == ("accept", None, "socket:[65317844]")


def test_errors_have_their_names():
    line = "1.5 connect(3<socket:[1]>, {}, 16) = -1 ECONNREFUSED (Connection refused) <0.000006>"
    assert parse(line, 7).error == "ECONNREFUSED"
    line = "1.5 pselect6(5, [4<socket:[1]>], NULL) = ? ERESTARTNOHAND (To be restarted if no handler) <0.1>"
    assert parse(line, 7).error == "EINTR"
    line = "1.5 accept(3<socket:[1]>, NULL, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)"
    assert parse(line, 7).is_interrupted


def test_what_is_no_call_is_passed_over_and_ends_are_ends():
    assert parse("1.5 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=8} ---", 7) is None
    assert parse("1.5 +++ exited with 0 +++", 7) is None
    assert parse("1.5 exit_group(0)         = ?", 7).end == 1.5
    assert parse("1.5 +++ killed by SIGSEGV (core dumped) +++", 7).arguments == ["SIGSEGV"]


@pytest.mark.parametrize("chapter", exercises_strict(PROGRAMS))
def test_a_ladder_shows_what_it_must_and_is_the_same_every_time(ladder, chapter):
    if chapter == "5c-syn-scan" and os.geteuid() != 0:
        pytest.skip("needs root, for a raw socket")
    status, output, errors = ladder(chapter)
    assert (status, errors) == (0, "")
    lines, number = output.splitlines(), 0
    for words in EXPECTED[chapter]:
        later = [other for other in range(number, len(lines)) if words in lines[other]]
        assert later, "%r is missing, or comes too early:\n%s" % (words, output)
        number = later[0]
    assert max(map(len, lines)) <= WIDTH
    assert ladder(chapter) == (0, output, "")


@pytest.mark.parametrize("chapter,shown", [
    ("02-bind-listen", ["LISTEN none", "LISTEN, ESTAB ESTAB", "LISTEN, CLOSE-WAIT FIN-WAIT-2"]),
    ("03-accept", ["LISTEN none", "LISTEN, FIN-WAIT-2 CLOSE-WAIT", "LISTEN, TIME-WAIT none"]),
    ("05-client", ["LISTEN none", "LISTEN, ESTAB ESTAB", "LISTEN TIME-WAIT"])])
def test_a_ladder_with_the_states_of_both_ends(ladder, chapter, shown):
    output = ladder(chapter, "", "", True)[1]
    rows = [line for line in output.splitlines(True) if line.startswith("-- ")]
    assert [" ".join(row.replace("-- ", "").split()) for row in rows] == shown
    assert "".join(line for line in output.splitlines(True) if line not in rows) == ladder(chapter)[1]


def test_what_earlier_connections_have_left_at_a_port_is_not_shown():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            listener.accept()[0].close()
            client.recv(1)
        assert "TIME-WAIT" in states.look(port)[1]
        assert states.look(port, states.left_over(port))[1:] == ("LISTEN", "none")


def test_a_ladder_is_as_wide_as_a_terminal_that_is_wider_than_80(ladder, monkeypatch):
    narrow = ladder("04-send-recv")[1].splitlines()
    assert max(map(len, narrow)) <= WIDTH == 80
    monkeypatch.setattr("ladder.trace.columns", lambda: 120)
    wide = ladder("04-send-recv")[1].splitlines()
    assert 80 < max(map(len, wide)) <= 120 and 'send(4, "Hello, world! You ar"...) = 33' in "\n".join(wide)
    assert len(wide) <= len(narrow)


@pytest.mark.parametrize("chapter", ["01-socket", "04-send-recv", "08-fork-server"])
def test_the_picture_is_svg_and_says_the_same(ladder, chapter, tmp_path):
    _, output, _ = ladder(chapter, "", str(tmp_path / "ladder.svg"))
    root = xml.etree.ElementTree.parse(tmp_path / "ladder.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = {element.text.strip() for element in root.iter("{http://www.w3.org/2000/svg}text")}
    cells = set(re.split(r" {2,}|\n *", output)) - {"", "."}
    assert texts == {re.sub(r"^<?-+ (.*) -+>?$", r"\1", cell) for cell in cells}


def test_a_picture_that_cannot_be_written_is_reported(ladder, tmp_path):
    status, output, errors = ladder("01-socket", "", str(tmp_path / "nowhere" / "ladder.svg"))
    assert status == 1 and "socket(" in output
    assert len(errors.splitlines()) == 1 and "ladder.svg" in errors


def test_a_program_in_another_style(ladder, polling):
    status, output, errors = ladder("04-send-recv", polling("write(ends[1].fd, buffer, size);"))
    assert (status, errors) == (0, "")
    for words in ("poll(3) waits", "poll(3, 4) = 1: 4", r'read(4, "one\n") = 4', r'write(4, "one\n") = 4',
                  "6 bytes", 'read(4, "") = 0', "FIN"):
        assert words in output


@pytest.mark.parametrize("reply, problem, last", [
    ("raise(SIGTERM);", "the server was killed by SIGTERM", "killed by SIGTERM"),
    ("continue;", "the client waits in vain", "recv(3) waits"),
    ("return 0;", "the server ended with status 0", "exit(0)"),
])
def test_a_program_that_does_not_serve_shows_how_far_it_gets(ladder, polling, reply, problem, last):
    status, output, errors = ladder("04-send-recv", polling(reply))
    assert status == 1 and problem in errors
    assert r'read(4, "one\n") = 4' in output and last in output


def test_a_program_that_does_not_build(ladder, polling):
    status, output, errors = ladder("04-send-recv", polling("no C at all"))
    assert (status, output) == (1, "")
    assert errors.startswith("make trace: ./send-recv does not build:") and "server.c" in errors


def test_make_passes_the_folder_and_the_picture_on(tool, clone, polling, tmp_path):
    tool("strace")
    folder = polling("write(ends[1].fd, buffer, size);")
    done = make(clone, "trace", "4", "DIR=" + folder, "SVG=%s/ladder.svg" % tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "poll(3, 4) waits" in done.stdout and (tmp_path / "ladder.svg").exists()


@pytest.mark.parametrize("chapter", ["05-client", "06-dns-lookup"])
def test_in_a_handout_a_client_has_its_server(ladder, clone, tmp_path, chapter):
    handout, number = str(tmp_path / "for a class"), str(int(chapter[:2]))
    assert make(clone, "handout", number, "OUT=" + handout).returncode == 0
    done = make(handout, "trace", number, "DIR=" + os.path.join(clone, chapter))
    assert (done.returncode, done.stdout, done.stderr) == ladder(chapter)


@pytest.mark.parametrize("strace, hint", [(None, "apt-get install strace"), ("exit 1", "SYS_PTRACE")])
def test_without_strace_there_is_one_line(strace, hint, tmp_path, monkeypatch, capsys):
    if strace:
        (tmp_path / "strace").write_text("#!/bin/sh\n%s\n" % strace)
        (tmp_path / "strace").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert trace("03-accept", path()) == 1
    output, errors = capsys.readouterr()
    assert output == "" and len(errors.splitlines()) == 1 and hint in errors
