"""Servers for chapter 5's client, and what they expect of it."""

import os
import re
import select
import subprocess

from harness.inspect import state
from harness.program import how_it_ended, seconds, wait_until
from harness.talk import write_until_stuck

PIPE = subprocess.PIPE
LARGE = 16 * 1024 * 1024  # far more than the kernel keeps for a peer that does not read
TIME = b"Thu Jan  1 00:00:00 1970\r\n"


def a_server(does, first=""):
    """The command for a terminal with a server that does this, in Python, with its one connection c, and
    something first with its socket s."""
    return ("python3 -c \"import socket, time; s = socket.create_server(('127.0.0.1', 7890)); %s"
            "print('listening', flush=True); c = s.accept()[0]; %s\"" % (first and first + "; ", does))


AN_ECHO_SERVER = a_server("[c.sendall(data) for data in iter(lambda: c.recv(65536), b'')]",
                          first="s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)")

own_words = {"stdout": [b"", b""], "stderr": ""}  # what this program says itself: see test_says_nothing_of_its_own


def start(chapter, server, **options):
    return chapter.start(server.address, str(server.port), **options)


def printed(program):
    """What a program that has ended has printed, without words of its own: these are the failure of one check."""
    first, last = own_words["stdout"]
    data = program.stdout
    data = data[len(first):] if first and data.startswith(first) else data
    return data[:-len(last)] if last and data.endswith(last) else data


def errors(program):
    """What a program that has ended has said on stderr, in the same way."""
    for line in own_words["stderr"].splitlines(True):
        if line in program.stderr:
            return program.stderr.replace(line, "", 1)
    return program.stderr


def ends_well(program, limit=5):
    status = program.wait(limit)
    assert status == 0 and errors(program) == "", "%s, though nothing was wrong; stderr:\n%s" % (
        how_it_ended(status), program.stderr or "(nothing)")


def ends_with_error(program, symbol):
    status = program.wait()
    assert status == 1, "%s, not exit status 1; stderr:\n%s" % (
        how_it_ended(status), program.stderr or "(nothing)")
    assert errors(program), "no line on stderr says what went wrong"
    assert len(errors(program).splitlines()) == 1, "more than one line on stderr:\n" + errors(program)
    assert re.fullmatch(r"client: .+: .+ \((%s)\)\n" % symbol, errors(program)), (
        "stderr should be one line `client: what failed: strerror text (%s)`, and is:\n%s" % (
            symbol.replace("|", " or "), program.stderr))


IN_THE_FORM = ("should be one line",
               "An error has the form `client: what failed: strerror text (ESYMBOL)`: report() of errors.c prints it. "
               "perror() knows no symbols.")
IN_ONE_LINE = ("more than one line", "One error is one line: whoever reports it is the only one to do so.")


def type_until_stuck(program):
    """Type until no more is taken, and the program waits: on a busy machine it may only not have come to it."""
    stdin = program.process.stdin.fileno()
    write_until_stuck(stdin)
    while wait_until(lambda: state(program.pid) == "S", what="it to wait; it spins") and select.select([], [stdin], [], 0.1)[1]:
        write_until_stuck(stdin)


def happens(event, what, limit=6):
    """The other half of the test goes on; it is the first to fail if it waits in vain for the program."""
    assert event.wait(seconds(limit)), "waited in vain until " + what


def speak(connection):
    """Say what time it is, as a daytime server does."""
    connection.sendall(TIME)


def start_with_stdout(chapter, server, descriptor, stdin=PIPE):
    return start(chapter, server, stdin=stdin, preexec_fn=lambda: os.dup2(descriptor, 1))
