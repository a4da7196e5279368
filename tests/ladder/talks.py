"""What a client and a server say to each other when they meet: who talks to whom, what is typed, and what is right then."""

import contextlib
import dataclasses
import os
import re
import signal
import subprocess

from harness.listening import LINE
from harness.program import Program, how_it_ended, last_lines, seconds, wait_until
from harness.steps import show
from ladder.watch import status

LIMIT = 5  # seconds for each turn
SHORT = 1  # second, in which nothing must happen
PAGE = b"<p>They meet.</p>\n"
CONFIGURATION = b"port = 0\nwebroot = .\n"


@dataclasses.dataclass
class Turn:
    """What is typed into the client, and what it prints then: bytes, or, where not every byte of it is promised, a regular
    expression and words for it. If its stdin `ends` with that, the server comes to it after the end: a client that has
    half-closed goes on listening."""

    typed: bytes
    answer: object = b""
    words: str = ""
    ends: bool = False

    def heard(self, printed):
        """How many of these bytes are the answer; None if they are none, or not yet all of it."""
        match = re.match(re.escape(self.answer) if isinstance(self.answer, bytes) else self.answer, printed)
        return match and match.end()

    def may_become(self, printed):
        """Whether more may come that makes these bytes the answer."""
        return not isinstance(self.answer, bytes) or self.answer.startswith(printed)


@dataclasses.dataclass
class Talk:
    """How a client and a server are started, and their turns. {port} is the server's, {folder} has PAGE as its
    index.html, and CONFIGURATION."""

    server: list
    turns: list
    client: list = ("127.0.0.1", "{port}")
    says: str = ""            # what a line of the server's stdout says at the end, a regular expression
    waits: bool = False       # the client then waits, and the server is ended: an error for the client
    datagrams: bool = False


CONNECTION = r"^connection 1 from 127\.0\.0\.1 port \d+$"
ECHO = Talk(["0"], [Turn(b"", b"Hello, world! You are visitor 1.\n"), Turn(b"one\n", b"one\n"),
                    Turn(b"half a line", b"half a line", ends=True)], says=CONNECTION)
WEB = [Turn(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
            re.compile(rb"HTTP/1\.\d 200 [^\n]*\n(?:[^\r\n]+\r?\n)*\r?\n" + re.escape(PAGE)),
            "the page, behind a status 200 and headers")]
HEAD = [Turn(b"", re.compile(rb"address 1: 127\.0\.0\.1 port \d+\nThe web server for 127\.0\.0\.1 is [^\n]*\n"),
             "the address, and which web server it is")]
WEB_SERVERS = {**dict.fromkeys(["7", "7a", "7b", "8", "8a", "8b"], ["-p", "0", "{folder}"]),
               **dict.fromkeys(["9", "9b"], ["-n", "-c", "{folder}/meet.conf"])}
TALKS = {  # by the numbers of the client and of the server
    ("5", "2"): Talk(["0"], [Turn(b"hello\n", ends=True)], waits=True),
    ("5", "3"): Talk(["0"], [Turn(b"")], says=CONNECTION),
    ("5", "4"): ECHO,
    ("5", "4a"): Talk(["0"], [Turn(b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n", b"$2\r\nhi\r\n"),
                              Turn(b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n", ends=True)]),
    ("5", "4c"): Talk(["0"], [Turn(b"hello\n", ends=True)], says=r"^\d+ bytes: .*\.$"),
    ("5", "5b"): ECHO,
    ("4b", "4b"): Talk(["0"], [Turn(b"", b"one\n\ntwo words\n")], ["-c", "127.0.0.1", "{port}", "one", "", "two words"],
                       says=r"^9 bytes from 127\.0\.0\.1 port \d+$", datagrams=True),
    ("4c", "4c"): Talk(["0"], [Turn(b"")], ["-c", "127.0.0.1", "{port}", "hello", "!", "world"], says="^urgent: 0x21$"),
    **{("5", number): Talk(words, WEB) for number, words in WEB_SERVERS.items()},
    **{("6", number): Talk(words, HEAD) for number, words in WEB_SERVERS.items()},
}
CLIENTS, SERVERS = ({pair[side] for pair in TALKS} for side in (0, 1))


# ---- What they say to each other

class Fault(Exception):
    """They do not understand each other; the text is what was seen."""


def meet(client, server):
    """Have a client and a server talk. Raises Fault."""
    talk, running = TALKS[client.number, server.number], []

    def begin(side, arguments, port=None):
        running.append(Program(side.words(arguments, port), stdin=subprocess.PIPE, popen=side.start,
                               cwd=os.path.dirname(side.program)))
        return running[-1]

    try:
        listening = begin(server, talk.server)
        try:
            port = listening.wait_for_output(LINE, LIMIT).group(2)
        except AssertionError:
            raise Fault("the server does not say `listening on ADDRESS port PORT`; it says %s" % show(listening.stdout))
        talking = begin(client, talk.client, port)
        converse(talk, talking, listening)
    except AssertionError as error:  # such as an interpreter that is lacking
        raise Fault(str(error))
    except Fault as fault:
        errors = [(name, last_lines(one.stderr, 200).rpartition("\n")[2])
                  for name, one in zip(("server", "client"), running)]
        raise Fault("\n".join([str(fault), *("the %s's stderr: %s" % error for error in errors if error[1])]))
    finally:
        for one in running:
            one.kill()


def converse(talk, client, server):
    """Take the turns of a talk. Raises Fault."""
    printed = 0
    for turn in talk.turns:
        type_into(client, turn, server)
        printed += answer_to(turn, client, printed, server)
    if talk.waits:
        with contextlib.suppress(AssertionError):
            client.wait(SHORT)
            raise Fault("the client does not wait for the server: it ends, %s" % how_it_ended(client.process.poll()))
        server.kill()
    try:
        status = client.wait(LIMIT)
    except AssertionError:
        raise Fault("the client does not end within %g s after %s" % (seconds(LIMIT), moment(talk)))
    if client.stdout[printed:]:
        raise Fault("the client prints more than it should: " + show(client.stdout[printed:]))
    if status != int(talk.waits):
        raise Fault("the client ends, %s, and not with exit status %d" % (how_it_ended(status), talk.waits))
    if not talk.waits and not server.is_running():
        raise Fault("the server ends, %s" % how_it_ended(server.process.poll()))
    try:
        server.wait_for_output(talk.says, LIMIT)
    except AssertionError:
        raise Fault("the server does not print what it should of this client; it prints %s" % show(server.stdout))


def moment(talk):
    """After what the client is to end."""
    if talk.waits:
        return "the server's end"
    return "its stdin's end, which is to end its side" if talk.turns[-1].ends else "the server has ended its side"


def type_into(client, turn, server):
    """Write what is typed in a turn to the client's stdin."""
    stdin = client.process.stdin
    if turn.ends:
        server.process.send_signal(signal.SIGSTOP)
    with contextlib.suppress(BrokenPipeError):  # it has ended
        stdin.write(turn.typed)
        stdin.flush()
        if turn.ends:
            stdin.close()
    if turn.ends:
        with contextlib.suppress(AssertionError):
            wait_until(lambda: (status(client.pid, "State") or "gone")[0] != "R", SHORT)
        server.process.send_signal(signal.SIGCONT)


def answer_to(turn, client, printed, server):
    """Wait for the client to print the answer of a turn behind what it has printed; return how many bytes it is.
    Raises Fault."""
    def settled():
        new = client.stdout[printed:]
        return turn.heard(new) is not None or not turn.may_become(new) or not client.is_running()

    with contextlib.suppress(AssertionError):
        wait_until(settled, LIMIT)
    ended = "" if client.is_running() else " and has ended, " + how_it_ended(client.wait(LIMIT))
    new = client.stdout[printed:]
    size = turn.heard(new)
    if size is None:
        what = "%s is typed%s, and the client" % (show(turn.typed), " as the last" * turn.ends) if turn.typed else "the client"
        ended += "" if server.is_running() else "; the server has ended, " + how_it_ended(server.process.poll())
        raise Fault("%s does not print %s; it prints %s%s" % (
            what, turn.words or show(turn.answer), show(new) if new else "nothing", ended))
    return size
