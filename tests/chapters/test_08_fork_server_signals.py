"""08-fork-server and signals: SIGCHLD leaves no zombie, SIGTERM ends the server in good order."""

import collections
import contextlib
import os
import resource
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import checks
from harness.concurrency import (answers_in_reverse_order, begin, begin_download, finish, finish_download,
                                 is_refused, is_whole, make_webroot, no_child_remains)
from harness.grading import Symptom, graded
from harness.inspect import Ended, children, is_pending, living, room_for, slow_down
from harness.program import wait_until
from harness.steps import step
from harness.talk import Response, connect, get, receive, receive_all
from harness.users import set_limit

CHAPTER = "08-fork-server"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture(scope="module")
def webroot(tmp_path_factory):
    return make_webroot(tmp_path_factory.mktemp("files") / "webroot")


@pytest.fixture
def server(chapter, webroot):
    return chapter.serve("-p", "0", webroot)


@graded(7, "No zombie stays when many children end at once", step=4,
        cause=[
            Symptom("at once", "Standard signals do not queue: one SIGCHLD may stand for "
                    "many children, and one waitpid() for it is too few: call it until it returns 0 or "
                    "less."),
            Symptom("the end of one", "Its end wakes nobody: SIGCHLD has no handler, or is blocked "
                    "while the server waits; or waitpid() is called only when the next client has come.",
                    ("./fork-server > /dev/null & server=$!; sleep 0.2; curl -so /dev/null http://127.0.0.1:8080/; sleep 0.3; ps -o stat=,comm= --ppid $server; kill $server",)),
            "Children are to be fetched with waitpid() when they have ended."],
        read="The program", needs=["test_each_connection_has_a_child"],
        by_hand=("./fork-server > /dev/null & server=$!; sleep 0.2; for i in 1 2 3 4 5; do sleep 0.3 | nc -N 127.0.0.1 8080 & done; sleep 0.2; kill -STOP $server; sleep 0.3; kill -CONT $server; sleep 0.3; ps -o stat=,comm= --ppid $server; kill $server",))
def test_no_zombie_remains_after_a_burst(server):
    assert get(server, "/").status == 200
    wait_until(lambda: not children(server.pid), limit=3, what="the end of one child, its zombie included")
    clients = [begin(server) for _ in range(30)]
    wait_until(lambda: len(children(server.pid)) == 30, what="30 children")
    with checks.stopped(server):
        for client in clients:
            client.sendall(b"\r\n")
        for client in clients:
            receive_all(client)
            client.close()
        wait_until(lambda: not living(server.pid), what="the end of the children")
    wait_until(lambda: not children(server.pid), what="the end of 30 children at once, zombies included")


@graded(4, "SIGTERM ends an idle server at once, with exit status 0", step=4,
        cause=[
            Symptom("killed by", "Without a handler SIGTERM kills: sigaction() installs one before the "
                    "line `listening` is printed, and at the end main() returns 0."),
            Symptom("did not end", "The handler has taken its note, and the server waits on: accept() does "
                    "so with SA_RESTART, and a wait that was interrupted (EINTR) must not begin anew "
                    "without a look at the note."),
            "After SIGTERM main() returns 0, and has said nothing on stderr: nothing has failed."],
        read="The program",
        by_hand=("./fork-server > /dev/null & sleep 0.3; kill $!; sleep 0.3; jobs",))
def test_sigterm_ends_a_server_that_has_just_started(chapter, webroot):
    for _ in range(20):
        server = chapter.serve("-p", "0", webroot)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert server.stderr == ""


@graded(3, "SIGTERM is noticed at any moment, also right before the server waits", step=5,
        cause=[
            Symptom("right before it blocks.*\n(?!it ends)", "The note is looked at before sigprocmask() blocks the signal, and not again: "
                    "first block it, then look, then wait with pselect().",
                    ("timeout 5 gdb -q -batch -ex 'handle SIGTERM nostop' -ex 'tb listen' -ex r -ex 'b sigprocmask' -ex c -ex delete -ex 'signal SIGTERM' ./fork-server 2>&1 | grep -o 'exited.*'",)),
            Symptom("right before it", "The signal comes after the look at the note and before the wait, "
                    "which then lasts for ever: sigprocmask() blocks it before the look, and pselect() "
                    "lets it in and waits in one step."),
            "At the end the queue is to be emptied, and accept() fails for ever (EMFILE): after some "
            "failures in a row, give up."],
        read="The program",
        needs=["test_sigterm_ends_a_server_that_has_just_started"],
        by_hand=("timeout 5 gdb -q -batch -ex 'handle SIGTERM nostop' -ex start -ex 'b select' -ex 'b pselect' -ex 'b poll' -ex 'b accept' -ex c -ex delete -ex 'signal SIGTERM' ./fork-server 2>&1 | grep -o 'exited.*'; (ulimit -n 5; exec ./fork-server) > /dev/null 2>&1 & server=$!; sleep 0.3; sleep 6 | nc 127.0.0.1 8080 & sleep 0.3; kill $server; sleep 3; jobs %1; kill -KILL $server 2> /dev/null",))
def test_sigterm_right_before_the_wait_is_noticed(chapter, server, webroot, signal_in_the_gap,
                                                  signal_before_the_block):
    set_limit(server.pid, resource.RLIMIT_NOFILE, room_for(0, server.pid))
    with connect(server):
        wait_until(lambda: "(EMFILE)\n" in server.stderr or children(server.pid), what="a report that accept() fails (EMFILE)")
        server.signal(signal.SIGTERM)
        # Whoever waits with a descriptor of its own for that, such as epoll's, has room for this client after all.
        if not children(server.pid):
            assert server.wait() == 0
    assert server.wait() == 0
    server = signal_before_the_block(signal.SIGTERM, chapter.serve, "-p", "0", webroot)
    if server:
        assert server.wait(limit=3) == 0
    server = signal_in_the_gap(signal.SIGTERM, chapter.start, "-p", "0", webroot, stdin=subprocess.PIPE)
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


@graded(7, "SIGTERM: refuses new clients, finishes the requests under way, exits 0", step=4,
        cause=[
            Symptom("another SIGTERM[\\s\\S]*ended", "A second SIGTERM kills, or has interrupted waitpid() "
                    "(EINTR): the handler is to stay (no SA_RESETHAND), and waitpid() is called until no "
                    "child is left."),
            Symptom("to be refused", "The listener is still open, in the parent or in a child that serves: "
                    "the parent closes it before it waits for its children, and each child right after "
                    "fork()."),
            Symptom("spins", "The parent asks for its children again and again: without WNOHANG waitpid() "
                    "waits."),
            Symptom("server and children", "A child dies of a SIGTERM of its own, or gives up its client: "
                    "to it, too, the signal is but a note."),
            "The parent ends before its children, or ends them: it is to wait for all of them with "
            "waitpid(), and then to return 0."],
        read="The program",
        needs=["test_sigterm_ends_a_server_that_has_just_started", "test_each_connection_has_a_child"],
        by_hand=(r"./fork-server > /dev/null & server=$!; sleep 0.2; for i in 1 3; do (printf 'HEAD / HTTP/1.0\r\n'; sleep $i; printf '\r\n') | nc 127.0.0.1 8080 | head -1 & done; sleep 0.3; kill $server $(pgrep -P $server); sleep 0.2; nc -zv 127.0.0.1 8080; sleep 1; kill $server; for i in 1 2 3; do ps -o stat= -p $server; sleep 0.1; done; sleep 2; jobs %1",))
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
        step("send it another SIGTERM")
        os.kill(server.pid, signal.SIGTERM)
        checks.waits_without_spinning(server.pid)
    assert server.is_running(), "it ended before its child, which serves a client"
    assert finish(asking).status == 200
    assert server.wait() == 0


@graded(3, "SIGTERM: waits for a client that is slow, for as long as it may take", step=4,
        cause=[
            Symptom("timed out", "A child waits for ever for a client that says nothing, and the parent for that "
                    "child: after 8 seconds the client gets 408 (SO_RCVTIMEO), as in chapter 7."),
            Symptom(r"\b408\b", "A SIGTERM that comes to a child, too, has it give up its client without an answer: "
                    "to it the signal is but a note, and after 8 seconds there is the 408."),
            "The parent gives up its children after some seconds: alarm(), or a loop that counts, has no "
            "place here. waitpid() waits for as long as they have to do."],
        read="The program", needs=["test_sigterm_finishes_the_requests_under_way"],
        by_hand=("./fork-server > /dev/null & server=$!; sleep 0.2; sleep 14 | nc 127.0.0.1 8080 > said & sleep 0.3; kill $server $(pgrep -P $server); sleep 6.5; ps -o comm= -p $server; sleep 2; head -1 said; jobs %1; pkill -KILL -P $server; kill -KILL $server 2> /dev/null",))
def test_sigterm_waits_for_slow_clients(server):
    with connect(server, limit=12) as silent, begin_download(server) as downloading:
        wait_until(lambda: len(children(server.pid)) == 2, what="two children")
        step("send SIGTERM to the server and its children")
        os.killpg(server.pid, signal.SIGTERM)
        wait_until(lambda: is_refused(server), what="new connections to be refused")
        step("one of two clients says nothing, the other reads a little each second")
        for _ in range(6):
            time.sleep(1)  # not a wait for anything: it is how slow that client is
            assert server.is_running(), "it ended before its children, which serve two clients"
            receive(downloading, 100000)
        step("the silent one is to get 408, after its 8 seconds")
        assert receive_all(silent)[:12] == b"HTTP/1.0 408"
    assert server.wait() == 0



@graded(4, "SIGTERM: who is in the accept queue already gets an answer", step=6,
        cause=[
            Symptom("MAX is 1", "MAX holds to the end: whoever is in the queue when all its children run "
                    "gets 503.",
                    ("./fork-server -c 1 > /dev/null & server=$!; sleep 0.2; sleep 2 | nc -N 127.0.0.1 8080 & sleep 0.2; kill -STOP $server; curl -sSI http://127.0.0.1:8080/ | head -1 & sleep 0.3; kill $server; kill -CONT $server; wait",)),
            Symptom("timed out", "The accept queue has no room for a hundred clients: listen() takes "
                    "SOMAXCONN."),
            "The listener is closed as soon as the signal is seen, and the kernel resets all who wait in "
            "its queue: accept() them before, for as long as poll() says that somebody is there."],
        read="The program",
        needs=["test_sigterm_ends_a_server_that_has_just_started", "test_answers_503_at_the_maximum"],
        by_hand=("./fork-server > /dev/null & server=$!; sleep 0.2; kill -STOP $server; for i in 1 2 3; do curl -sSI http://127.0.0.1:8080/ | head -1 & done; sleep 0.3; kill $server; kill -CONT $server; wait",))
def test_sigterm_answers_who_is_in_the_accept_queue(chapter, server, webroot):
    with checks.stopped(server):
        clients = [connect(server) for _ in range(100)]
        for client in clients:
            client.sendall(REQUEST)
        server.signal(signal.SIGTERM)
    answers = [is_whole(Response(receive_all(client))).status for client in clients]
    assert answers == [200] * 100, "256 may be served at a time, and of 100 only %d got a page" % answers.count(200)
    assert server.wait() == 0
    server = chapter.serve("-c", "1", "-p", "0", webroot)
    held = begin(server)
    with checks.stopped(server):
        client = connect(server)
        client.sendall(REQUEST)
        server.signal(signal.SIGTERM)
    status = is_whole(Response(receive_all(client))).status
    assert status == 503, "MAX is 1, and a second one in the queue got %d, not 503" % status
    assert finish(held).status == 200


@graded(4, "Signals are noticed while clients come without a pause, too", step=6,
        cause=[
            Symptom("nobody else got a page", "pselect() returns at once where a client is there already, "
                    "and lets no SIGCHLD in: ask waitpid(), with WNOHANG, before each fork() all the same."),
            "pselect() returns at once where a client is there already, and lets no SIGTERM in: leave it "
            "unblocked outside of the wait, and look at the note before each accept()."],
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
        wait_until(lambda: not living(server.pid), what="the end of the children")
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
    others = set(statuses(clients[9:] + more)) - {200, 503}
    assert not others, "there are answers with other statuses than 200 and 503: %s" % sorted(others)
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


@graded(4, "Once a child has ended, there is room for the next client", step=4,
        cause=[
            Symptom("expected: 503", "More children are counted out than have ended: each waitpid() that "
                    "returns a child counts one."),
            "Children are counted when they start, but not when they have ended: where waitpid() returns "
            "one, there is room for another."],
        read="Your turn",
        needs=["test_answers_503_at_the_maximum", "test_no_zombie_remains_after_a_burst"],
        by_hand=("./fork-server -c 2",
                 "sleep 3 | nc 127.0.0.1 8080 & sleep 0.1 | nc -N 127.0.0.1 8080; sleep 0.1; sleep 3 | nc 127.0.0.1 8080 & sleep 0.3 | nc -N 127.0.0.1 8080; sleep 0.1; curl -sSI http://127.0.0.1:8080/ | head -1"))
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


@graded(2, "A child that is killed takes only its own client with it", step=4,
        cause=[
            Symptom("has ended:", "The server ends because a child was killed: whatever waitpid() says of "
                    "how a child ended is no reason to."),
            "Only children that called exit() are counted out: one that a signal has ended (WIFSIGNALED) is "
            "no more, either."],
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


def test_does_not_depend_on_who_started_it(chapter, webroot):
    def start():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD])
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    step("whoever starts it has blocked SIGTERM and SIGCHLD, and ignores SIGCHLD")
    server = chapter.serve("-c", "1", "-p", "0", webroot, preexec_fn=start)
    for _ in range(3):
        assert get(server, "/").status == 200
        no_child_remains(server)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
