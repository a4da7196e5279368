"""08-fork-server and signals: SIGCHLD leaves no zombie, SIGTERM ends the server in good order."""

import collections
import contextlib
import os
import resource
import select
import signal
import socket
import threading

import pytest

from harness import checks
from harness.concurrency import (answers_in_reverse_order, begin, begin_download, finish, finish_download,
                                 is_refused, is_whole, make_webroot, no_child_remains)
from harness.grading import graded
from harness.inspect import Ended, children, is_pending, room_for, slow_down, state
from harness.program import wait_until
from harness.steps import step
from harness.talk import Response, connect, get, receive_all
from harness.users import set_limit

CHAPTER = "08-fork-server"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture(scope="module")
def webroot(tmp_path_factory):
    return make_webroot(tmp_path_factory.mktemp("files") / "webroot")


@pytest.fixture
def server(chapter, webroot):
    return chapter.serve("-p", "0", webroot)


@graded(7, "No zombie stays when many children end at once",
        cause="Standard signals do not queue: one SIGCHLD may stand for many children, so one waitpid() for each is too few; or they are only fetched when the next client comes, such as without a handler for SIGCHLD, which then wakes nobody.",
        read="The program",
        by_hand=("./fork-server > /dev/null & server=$!; sleep 0.2; for i in 1 2 3 4 5; do sleep 0.3 | nc -N 127.0.0.1 8080 & done; sleep 0.2; kill -STOP $server; sleep 0.3; kill -CONT $server; sleep 0.3; ps -o stat=,comm= --ppid $server; kill $server",))
def test_no_zombie_remains_after_a_burst(server):
    clients = [begin(server) for _ in range(200)]
    wait_until(lambda: len(children(server.pid)) == 200, what="200 children")
    for client in clients:
        client.sendall(b"\r\n")  # now all of them end at once
    for client in clients:
        receive_all(client)
        client.close()
    no_child_remains(server)


@graded(4, "SIGTERM ends an idle server at once, with exit status 0",
        cause="accept() goes on waiting after the handler has taken its note (SA_RESTART), or SIGTERM came between the look at the note and the wait, or before the handler was installed.",
        read="The program",
        by_hand=("./fork-server > /dev/null & sleep 0.3; kill $!; sleep 0.3; jobs",))
def test_sigterm_ends_a_server_that_has_just_started(chapter, webroot):
    for _ in range(20):
        server = chapter.serve("-p", "0", webroot)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert server.stderr == ""


@graded(3, "SIGTERM is noticed at any moment, also right before the server waits",
        cause="The signal comes after the look at the flag and before the wait, which then lasts for ever: block it before the look, and let pselect() let it in and wait in one step. Or the queue is to be emptied at the end, and accept() fails for ever (EMFILE).",
        read="The program",
        needs=["test_sigterm_ends_a_server_that_has_just_started"],
        by_hand=("timeout 5 gdb -q -batch -ex 'handle SIGTERM nostop' -ex start -ex 'b select' -ex 'b pselect' -ex 'b poll' -ex 'b accept' -ex c -ex delete -ex 'signal SIGTERM' ./fork-server 2>&1 | grep -o 'exited.*'; (ulimit -n 5; exec ./fork-server) > /dev/null 2>&1 & server=$!; sleep 0.3; sleep 6 | nc 127.0.0.1 8080 & sleep 0.3; kill $server; sleep 3; jobs %1; kill -KILL $server 2> /dev/null",))
def test_sigterm_right_before_the_wait_is_noticed(chapter, server, webroot, signal_in_the_gap):
    set_limit(server.pid, resource.RLIMIT_NOFILE, room_for(0, server.pid))
    with connect(server):
        server.wait_for_error(r"\(EMFILE\)$")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    server = signal_in_the_gap(signal.SIGTERM, chapter.start, "-p", "0", webroot)
    assert server.wait(limit=3) == 0


def test_accept_as_it_is_on_bsd_and_macos(chapter, webroot, gaps):
    server = chapter.serve("-p", "0", webroot, env=gaps(LAB_ACCEPT_OF_BSD=1))
    with connect(server) as has_left:
        assert has_left.recv(1) == b""
    with connect(server) as client:
        wait_until(lambda: children(server.pid), what="a child")
        client.sendall(REQUEST)
        assert client.recv(12) == b"HTTP/1.0 200"
    server = chapter.serve("-p", "0", webroot, env=gaps(LAB_ACCEPT_OF_BSD=1))
    with connect(server) as has_left:
        assert has_left.recv(1) == b""
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_sigterm_ends_a_server_that_was_started_with_it_blocked(chapter, webroot):
    blocked = [signal.SIGTERM, signal.SIGCHLD]
    server = chapter.serve("-p", "0", webroot, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, blocked))
    assert get(server, "/").status == 200
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


@graded(9, "SIGTERM: refuses new clients, finishes the requests under way, exits 0",
        cause="The listener stays open in the parent or in a child, the parent does not wait for all of its children, or asks for them again and again (WNOHANG), or these die of a SIGTERM themselves.",
        read="The program",
        by_hand=(r"./fork-server > /dev/null & server=$!; sleep 0.2; for i in 1 3; do (printf 'HEAD / HTTP/1.0\r\n'; sleep $i; printf '\r\n') | nc 127.0.0.1 8080 | head -1 & done; sleep 0.3; kill $server $(pgrep -P $server); sleep 0.2; nc -zv 127.0.0.1 8080; sleep 1; for i in 1 2 3; do ps -o stat= -p $server; sleep 0.1; done; sleep 2; jobs %1",))
@pytest.mark.parametrize("receiver", ["server", "server and children"])
def test_sigterm_finishes_the_requests_under_way(server, receiver):
    asking = begin(server)
    downloading = begin_download(server)
    wait_until(lambda: len(children(server.pid)) == 2, what="two children")
    step("send SIGTERM to the " + receiver)
    (os.kill if receiver == "server" else os.killpg)(server.pid, signal.SIGTERM)
    wait_until(lambda: is_refused(server), what="new connections to be refused")
    assert server.is_running(), "it ended before its children, which serve two clients"
    finish_download(downloading)
    if receiver == "server":
        checks.waits_without_spinning(server.pid)
    assert server.is_running(), "it ended before its child, which serves a client"
    assert finish(asking).status == 200
    assert server.wait() == 0


@graded(5, "SIGTERM: who is in the accept queue already gets an answer",
        cause="The listener is closed as soon as the signal is seen, and the kernel resets all who wait in its queue.",
        read="The program",
        needs=["test_sigterm_ends_a_server_that_has_just_started", "test_no_zombie_remains_after_a_burst"],
        by_hand=("./fork-server > /dev/null & server=$!; sleep 0.2; kill -STOP $server; for i in 1 2 3; do curl -sSI http://127.0.0.1:8080/ | head -1 & done; sleep 0.3; kill $server; kill -CONT $server; wait",))
def test_sigterm_answers_who_is_in_the_accept_queue(server):
    with checks.stopped(server):
        clients = [connect(server) for _ in range(300)]
        for client in clients:
            client.sendall(REQUEST)
        server.signal(signal.SIGTERM)
    answers = [is_whole(Response(receive_all(client))).status for client in clients]
    others = set(answers) - {200, 503}
    assert not others, "there are answers with the status %s" % others
    assert answers.count(200) >= 256, "so many may be served at a time, and only %d got a page" % (
        answers.count(200))
    assert server.wait() == 0


def have_all_ended(processes):
    """Are the processes zombies, or gone?"""
    for process in processes:
        with contextlib.suppress(Ended):
            if state(process) != "Z":
                return False
    return True


@graded(4, "Signals are noticed while clients come without a pause, too",
        cause="pselect() returns at once where a client is there already, and lets no signal in: ask waitpid(WNOHANG) before each fork(), and leave SIGTERM unblocked outside of the wait.",
        read="The program",
        needs=["test_sigterm_answers_who_is_in_the_accept_queue", "test_serves_again_when_one_of_the_maximum_has_left"],
        by_hand=("strace -f -qq -o /dev/null -e inject=accept:delay_exit=200000 ./fork-server -c 2 > /dev/null & sleep 0.5; server=$(pgrep -P $!); for i in 1 2 3 4 5 6 7 8 9; do curl -sSI http://127.0.0.1:8080/ | head -1 & done; sleep 1; kill $server; sleep 0.3; pending=$(grep -c 'ShdPnd.*[4-7c-f]...$' /proc/$server/status); wait; echo SIGTERM pending: $pending",))
def test_signals_are_noticed_while_clients_never_cease(chapter, webroot, gaps):
    def ask():
        client = connect(server)
        client.sendall(REQUEST)
        return client

    def statuses(some):
        return [is_whole(Response(receive_all(client))).status for client in some]

    server = chapter.serve("-c", "2", "-p", "0", webroot, env=gaps(LAB_SLOW_FORK=10))
    with checks.stopped(server):
        clients = [ask() for _ in range(6)]
    wait_until(lambda: server.output.count(" 200 ") >= 2, what="2 answers")
    with checks.stopped(server):
        step("its children end")
        wait_until(lambda: have_all_ended(children(server.pid)), what="the end of the children")
        clients += [ask() for _ in range(6)]
    pages = statuses(clients[:9]).count(200)
    assert pages > 2, "its children have ended, and nobody else got a page while others waited"
    with checks.stopped(server):
        more = [ask() for _ in range(8)]
        server.signal(signal.SIGTERM)
        lines = server.output.count("\n")
    # Two children, and the client whose turn it was, may have been under way.
    wait_until(lambda: server.output.count("\n") >= lines + 6, what="6 answers")
    with contextlib.suppress(Ended):
        assert not is_pending(server.pid, signal.SIGTERM), "SIGTERM waits outside, and 6 clients were let in"
    assert set(statuses(clients[9:] + more)) <= {200, 503}
    assert server.wait() == 0


def test_sigterm_is_noticed_though_the_accept_queue_is_never_empty(server):
    def ask():
        client = socket.create_connection((server.address, server.port))  # limits would make us slower
        client.send(REQUEST)
        return client

    def keep_the_queue_filled():
        with contextlib.suppress(ConnectionError):  # refused: the server has ended
            while True:
                clients.popleft().recv(1024)
                clients.append(ask())

    slow_down(server.pid)
    load = threading.Thread(target=keep_the_queue_filled)
    with checks.stopped(server):
        clients = collections.deque(ask() for _ in range(400))
    load.start()
    try:
        wait_until(lambda: server.output.count("\n") > 100, what="100 answers")
        server.signal(signal.SIGTERM)
        assert server.wait(limit=30) == 0
    finally:
        server.kill()
        load.join()


@graded(5, "Once a child has ended, there is room for the next client",
        cause="Children are counted when they start, but not when they have ended.",
        read="Your turn",
        needs=["test_answers_503_at_the_maximum", "test_no_zombie_remains_after_a_burst"],
        by_hand=("./fork-server -c 1",
                 "sleep 0.1 | nc -N 127.0.0.1 8080; sleep 0.1; curl -sSI http://127.0.0.1:8080/ | head -1"))
def test_serves_again_when_one_of_the_maximum_has_left(chapter, webroot):
    server = chapter.serve("-c", "3", "-p", "0", webroot)
    held = [begin(server) for _ in range(3)]
    for _ in range(5):
        assert get(server, "/").status == 503
        assert finish(held.pop()).status == 200
        wait_until(lambda: len(children(server.pid)) == 2, what="the child's end")
        assert get(server, "/").status == 200
        wait_until(lambda: len(children(server.pid)) == 2, what="the child's end")
        held.append(begin(server))
    for client in held:
        assert finish(client).status == 200


def test_no_zombie_remains_after_one_client(server):
    for _ in range(200):
        get(server, "/")
        no_child_remains(server)


def test_no_zombie_remains_when_a_child_ends_while_another_client_is_refused(chapter, webroot):
    server = chapter.serve("-c", "3", "-p", "0", webroot)
    held = [begin(server) for _ in range(3)]
    for _ in range(10):
        with connect(server) as refused:
            select.select([refused], [], [], 1)  # the server is about to finish with this one
            assert finish(held.pop()).status == 200
            wait_until(lambda: len(children(server.pid)) == 2, what="the child's end")
        held.append(begin(server))
    for client in held:
        assert finish(client).status == 200


def test_children_do_not_hold_the_listener(chapter, server, webroot):
    client = begin(server)
    wait_until(lambda: children(server.pid), what="a child")
    server.signal(signal.SIGKILL)
    server.process.wait()  # Server.wait() waits for the ends of stdout and stderr, which the child has, too
    assert get(chapter.serve("-p", str(server.port), webroot), "/").status == 200
    assert finish(client).status == 200  # the orphan still serves


@graded(4, "A child that is killed takes only its own client with it",
        cause="Only children that called exit() are counted out, or the death of a child is taken for a reason to end.",
        read="Your turn",
        needs=["test_serves_again_when_one_of_the_maximum_has_left"],
        by_hand=("./fork-server -c 1 > /dev/null & server=$!; sleep 0.2; sleep 2 | nc 127.0.0.1 8080 & sleep 0.2; pkill -KILL -P $server; sleep 0.2; curl -sSI http://127.0.0.1:8080/ | head -1; kill $server",))
def test_survives_a_killed_child(chapter, webroot):
    server = chapter.serve("-c", "1", "-p", "0", webroot)
    for _ in range(3):
        with begin(server) as client:
            child = wait_until(lambda: children(server.pid), what="a child")[0]
            step("kill the child")
            os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ConnectionResetError):
                assert receive_all(client) == b""
        no_child_remains(server)
    assert get(server, "/").status == 200


def test_signals_do_not_disturb_anyone(server):
    asking = [begin(server) for _ in range(3)]
    downloading = [begin_download(server) for _ in range(3)]
    wait_until(lambda: len(children(server.pid)) == 6, what="six children")
    processes = [server.pid, *children(server.pid)]
    done = threading.Event()

    def interrupt():
        while not done.wait(0.001):
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCHLD)

    storm = threading.Thread(target=interrupt)
    storm.start()
    try:
        for client in downloading:
            finish_download(client)
        for client in asking:
            assert finish(client).status == 200
        answers_in_reverse_order(server)
    finally:
        done.set()
        storm.join()
