"""08-fork-server and signals: SIGCHLD leaves no zombie, SIGTERM ends the server in good order."""

import collections
import contextlib
import os
import select
import signal
import socket
import threading

import pytest

from harness import checks
from harness.concurrency import (answers_in_reverse_order, begin, begin_download, finish, finish_download,
                                 is_refused, is_whole, make_webroot, no_child_remains)
from harness.inspect import children, slow_down
from harness.program import wait_until
from harness.talk import Response, connect, get, receive_all

CHAPTER = "08-fork-server"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture(scope="module")
def webroot(tmp_path_factory):
    return make_webroot(tmp_path_factory.mktemp("files") / "webroot")


@pytest.fixture
def server(chapter, webroot):
    return chapter.serve("-p", "0", webroot)


def test_sigterm_ends_a_server_that_has_just_started(chapter, webroot):
    for _ in range(20):
        server = chapter.serve("-p", "0", webroot)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert server.stderr == ""


@pytest.mark.parametrize("receiver", ["server", "server and children"])
def test_sigterm_finishes_the_requests_under_way(server, receiver):
    asking = begin(server)
    downloading = begin_download(server)
    wait_until(lambda: len(children(server.pid)) == 2, what="two children")
    (os.kill if receiver == "server" else os.killpg)(server.pid, signal.SIGTERM)
    wait_until(lambda: is_refused(server), what="new connections to be refused")
    assert server.is_running()
    finish_download(downloading)
    assert server.is_running()
    assert finish(asking).status == 200
    assert server.wait() == 0


def test_sigterm_answers_who_is_in_the_accept_queue(server):
    with checks.stopped(server):
        clients = [connect(server) for _ in range(400)]
        for client in clients:
            client.sendall(REQUEST)
        server.signal(signal.SIGTERM)
    answers = [is_whole(Response(receive_all(client))).status for client in clients]
    assert set(answers) <= {200, 503}
    assert answers.count(200) >= 256, "so many may be served at a time, and more if some end soon enough"
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


def test_no_zombie_remains_after_a_burst(server):
    clients = [begin(server) for _ in range(200)]
    wait_until(lambda: len(children(server.pid)) == 200, what="200 children")
    for client in clients:
        client.sendall(b"\r\n")  # now all of them end at once
    for client in clients:
        receive_all(client)
        client.close()
    no_child_remains(server)


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


def test_survives_a_killed_child(chapter, webroot):
    server = chapter.serve("-c", "1", "-p", "0", webroot)
    for _ in range(3):
        with begin(server) as client:
            child = wait_until(lambda: children(server.pid), what="a child")[0]
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
        while not done.is_set():
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
