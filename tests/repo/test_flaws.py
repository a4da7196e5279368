"""Each lesson ends with what is still wrong. It is: here the flaw shows in that chapter's program, and
the same test of the chapter that mends it shows that it is gone."""

import contextlib
import fcntl
import os
import select
import signal
import socket
import termios

import pytest

from harness import checks
from harness.compare import identical
from harness.concurrency import begin, make_webroot
from harness.daemon import configure
from harness.program import seconds, wait_until
from harness.talk import (connect, connect_with_small_buffers, echo, exchange, get, receive_all,
                          send_until_stuck, serving)
from harness.webservers import answering

PORT_0 = {"01-socket": [], "07-tinyweb": ["-p", "0"], "08-fork-server": ["-p", "0"]}


def serve(chapter):
    """Start a chapter's program on a port that the kernel chooses."""
    return chapter.serve(*PORT_0.get(os.path.basename(chapter.folder), ["0"]))


def is_silent(client, patience):
    """Neither a byte nor an end comes to the client."""
    return not select.select([client], [], [], seconds(patience))[0]


# The flaws. Each returns whether the chapter has it; `patience` is how long to wait for what should come.

def nobody_can_call(chapter, patience):
    with contextlib.suppress(AssertionError):  # it ends without a line `listening`
        connect(serve(chapter)).close()
        return False
    return True


def nobody_is_taken_from_the_queue(chapter, patience):
    with connect(serve(chapter)) as client:
        return is_silent(client, patience)


def hangs_up_on_people_who_speak(chapter, patience):
    """What they say is still unread when it hangs up, so they get a reset."""
    server = serve(chapter)
    with checks.stopped(server):
        client = connect(server)
        client.sendall(b"hello\n")
        client.shutdown(socket.SHUT_WR)
    try:
        return b"hello\n" not in receive_all(client)
    except ConnectionResetError:
        return True


def a_silent_client_makes_others_wait(chapter, patience):
    server = serve(chapter)
    with connect(server), connect(server) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return is_silent(client, patience) or b" 503 " in client.recv(100)


def wants_numbers(chapter, patience):
    with serving(answering(b"Server: found\n"), at_least=0) as server:
        chapter.run("localhost", str(server.port), input=b"HEAD / HTTP/1.0\r\n\r\n")
    return server.connections == 0


def takes_any_text_for_http(chapter, patience):
    text = b"Server: a teapot\n\n"
    if chapter.folder.endswith("07-tinyweb"):  # there it is the other side that may speak nonsense
        return not exchange(serve(chapter), text).startswith(b"HTTP/1.0 400 ")
    with serving(answering(text)) as server:
        return chapter.run("127.0.0.1", str(server.port)).output.endswith("is a teapot\n")


@pytest.mark.parametrize("flaw,flawed,mended", [
    (nobody_can_call, "01-socket", "02-bind-listen"),
    (nobody_is_taken_from_the_queue, "02-bind-listen", "03-accept"),
    (hangs_up_on_people_who_speak, "03-accept", "04-send-recv"),
    (a_silent_client_makes_others_wait, "04-send-recv", "08-fork-server"),
    (wants_numbers, "05-client", "06-dns-lookup"),
    (takes_any_text_for_http, "06-dns-lookup", "07-tinyweb"),
    (a_silent_client_makes_others_wait, "07-tinyweb", "08-fork-server"),
])
def test_the_flaw_is_there_and_then_it_is_gone(other, flaw, flawed, mended):
    assert flaw(other(flawed), patience=0.5), "%s is not as wrong as its lesson says" % flawed
    assert not flaw(other(mended), patience=5), "%s does not mend it" % mended


def test_who_sends_and_does_not_read_is_stuck_until_chapter_5_does_both(other):
    data = bytes(20000000)
    with connect_with_small_buffers(serve(other("04-send-recv"))) as client:
        assert send_until_stuck(client, data), "it took all of it"
    with serving(echo, limit=20) as server:
        both = other("05-client").run("127.0.0.1", str(server.port), input=data, limit=20)
    assert both.status == 0
    identical(both.stdout, data)


@pytest.fixture
def terminal():
    """What subprocess.Popen needs for a program to have a terminal of its own, and a function that
    closes it, as with the mouse."""
    screen, end = os.openpty()

    def close():
        os.close(end)
        os.close(screen)

    yield {"pass_fds": [end], "preexec_fn": lambda: fcntl.ioctl(end, termios.TIOCSCTTY, 0)}, close


def test_chapter_8_ends_with_its_terminal(other, terminal):
    options, close = terminal
    server = other("08-fork-server").serve("-p", "0", **options)
    close()
    assert server.wait() == -signal.SIGHUP


def test_chapter_9_lives_on_without_its_terminal(other, terminal, tmp_path):
    make_webroot(tmp_path / "webroot")
    options, close = terminal
    daemon = other("09-daemon").serve("-c", configure(tmp_path, pidfile="daemon.pid"), **options)
    wait_until(lambda: not daemon.is_running(), what="the daemon to detach")
    close()
    try:
        assert get(daemon, "/").status == 200
    finally:
        os.kill(int((tmp_path / "daemon.pid").read_text()), signal.SIGTERM)


def test_chapter_9_has_256_places_and_silent_clients_take_them(other, tmp_path):
    make_webroot(tmp_path / "webroot")
    server = other("09-daemon").serve("-n", "-c", configure(tmp_path))
    with contextlib.ExitStack() as held:
        for _ in range(256):
            held.enter_context(begin(server))
        assert get(server, "/").status == 503
    wait_until(lambda: get(server, "/").status == 200, what="room for another")
