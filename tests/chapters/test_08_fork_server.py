"""08-fork-server: a child process for each connection, so that a slow client delays nobody."""

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
from harness.concurrency import (answers_in_reverse_order, begin, begin_download, finish,
                                 finish_download, is_refused, is_whole, make_webroot)
from harness.inspect import children, cpu_time, descriptors, memory, slow_down
from harness.program import seconds, wait_until
from harness.talk import Response, connect, get, receive_all, reset
from harness.users import PublicFolder, ordinary_user, set_process_limit

CHAPTER = "08-fork-server"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture(scope="module")
def webroot(tmp_path_factory):
    return make_webroot(tmp_path_factory.mktemp("files") / "webroot")


@pytest.fixture
def server(chapter, webroot):
    return chapter.serve("-p", "0", webroot)


def no_child_remains(server):
    """All children have ended and are reaped, without another connection that wakes the server."""
    wait_until(lambda: not children(server.pid), what="the end of all children, zombies included")


def test_serves_files_and_nothing_outside_the_webroot(server):
    assert get(server, "/").body == b"the page\n"
    head = get(server, "/", method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "9")
    assert get(server, "/missing").status == 404
    for outside in ("/../files", "/%2e%2e/files", "/..%2f..%2f..%2f..%2f..%2fetc/passwd"):
        assert get(server, outside).status in (400, 403, 404)


def test_ipv6(chapter, webroot):
    assert get(chapter.serve("-a", "::1", "-p", "0", webroot), "/").status == 200


@pytest.mark.parametrize("name,options", [("curl", ["-sS"]), ("wget", ["-qO-"])])
def test_real_clients(chapter, server, tool, name, options):
    clients = [chapter.start_other([tool(name), *options, "http://127.0.0.1:%d/" % server.port])
               for _ in range(3)]
    for client in clients:
        assert client.wait() == 0
        assert client.output == "the page\n"


def test_connections_finish_in_reverse_order(server):
    answers_in_reverse_order(server, 5)


def test_200_idle_connections_do_not_stop_the_next(server):
    idle = [connect(server) for _ in range(200)]
    answers_in_reverse_order(server)
    for client in reversed(idle):
        client.sendall(REQUEST)
        with client:
            assert is_whole(Response(receive_all(client))).status == 200


def test_clients_that_do_not_read_delay_nobody(server):
    downloads = [begin_download(server) for _ in range(3)]
    answers_in_reverse_order(server)
    for client in reversed(downloads):
        finish_download(client)


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


@pytest.fixture
def server_for_three(chapter, webroot):
    return chapter.serve("-c", "3", "-p", "0", webroot)


def test_never_has_more_children_than_the_maximum(server_for_three):
    clients = [begin(server_for_three) for _ in range(10)]
    for client in clients[3:]:
        assert Response(receive_all(client)).status == 503
        client.close()
    assert len(children(server_for_three.pid)) == 3
    for client in reversed(clients[:3]):
        assert finish(client).status == 200


def test_answers_503_at_the_maximum(server_for_three):
    held = [begin(server_for_three) for _ in range(3)]
    for number in range(200):
        with connect(server_for_three) as client:
            if number % 2:  # a client that asks late: perhaps after the answer has come
                select.select([client], [], [], 0.05)
            client.sendall(REQUEST)
            assert is_whole(Response(receive_all(client))).status == 503
    for client in held:
        assert finish(client).status == 200


def test_no_zombie_remains_when_a_child_ends_while_another_client_is_refused(server_for_three):
    server = server_for_three
    held = [begin(server) for _ in range(3)]
    for _ in range(10):
        with connect(server) as refused:
            select.select([refused], [], [], 1)  # the server is about to finish with this one
            assert finish(held.pop()).status == 200
            wait_until(lambda: len(children(server.pid)) == 2, what="the child's end")
        held.append(begin(server))
    for client in held:
        assert finish(client).status == 200


def test_serves_again_when_one_of_the_maximum_has_left(server_for_three):
    server = server_for_three
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


def test_failing_fork_is_survived_with_503(chapter, webroot):
    with PublicFolder() as folder:
        user = ordinary_user()
        make_webroot(folder.path / "webroot")
        chapter.program = folder.copy(chapter.program)
        server = chapter.serve("-p", "0", str(folder.path / "webroot"), **user)
        assert get(server, "/").status == 200
        no_child_remains(server)
        set_process_limit(server.pid, user, 0)
        for _ in range(20):
            assert is_whole(get(server, "/")).status == 503
        server.wait_for_error(r"^fork-server: .*\(EAGAIN\)$")
        set_process_limit(server.pid, user, None)
        assert get(server, "/").status == 200


def test_lack_of_descriptors_is_survived_without_spinning(server):
    free = len(descriptors(server.pid))
    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (free, hard))
    with connect(server), begin(server) as client:
        server.wait_for_error(r"^fork-server: .*\(EMFILE\)$")
        before = cpu_time(server.pid)
        assert select.select([client], [], [], 0.5)[0] == []
        assert cpu_time(server.pid) - before < 0.1
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        assert finish(client).status == 200


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
    server.signal(signal.SIGSTOP)
    clients = [connect(server) for _ in range(400)]
    for client in clients:
        client.sendall(REQUEST)
    server.signal(signal.SIGTERM)
    server.signal(signal.SIGCONT)
    answers = [is_whole(Response(receive_all(client))).status for client in clients]
    assert set(answers) <= {200, 503}
    assert answers.count(200) > 256, "256 at a time, but then there is room again"
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
    server.signal(signal.SIGSTOP)
    clients = collections.deque(ask() for _ in range(400))
    load = threading.Thread(target=keep_the_queue_filled)
    load.start()
    try:
        server.signal(signal.SIGCONT)
        wait_until(lambda: server.output.count("\n") > 100, what="100 answers")
        server.signal(signal.SIGTERM)
        assert server.wait(limit=20) == 0
    finally:
        server.kill()
        load.join()


def test_children_do_not_hold_the_listener(chapter, server, webroot):
    client = begin(server)
    wait_until(lambda: children(server.pid), what="a child")
    server.signal(signal.SIGKILL)
    server.process.wait()  # Server.wait() waits for the ends of stdout and stderr, which the child has, too
    assert get(chapter.serve("-p", str(server.port), webroot), "/").status == 200
    assert finish(client).status == 200  # the orphan still serves


def test_parent_holds_no_connection(server):
    before = descriptors(server.pid)
    clients = [begin(server) for _ in range(3)]
    wait_until(lambda: len(children(server.pid)) == 3, what="three children")
    wait_until(lambda: descriptors(server.pid) == before, what="the descriptors of before")
    for client in clients:
        assert finish(client).status == 200


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


def test_survives_resets(server):
    before = descriptors(server.pid)
    for number in range(300):
        reset([connect, begin, begin_download][number % 3](server))
    no_child_remains(server)
    assert descriptors(server.pid) == before
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


def test_2000_connections_leave_nothing_behind(server):
    for _ in range(100):
        get(server, "/")
    before = memory(server.pid)
    checks.no_descriptor_leaks(server, lambda: get(server, "/"))
    no_child_remains(server)
    assert memory(server.pid) - before < 256 * 1024
    assert server.stderr == ""


def test_log_lines_of_concurrent_children_do_not_mix(server):
    targets = ["/%03d-%s-end" % (number, "x" * 300) for number in range(200)]
    clients = [begin(server, target) for target in targets]
    for client in clients:
        client.sendall(b"\r\n")
    for client in clients:
        receive_all(client)
        client.close()
    no_child_remains(server)
    wait_until(lambda: server.output.count("-end") >= len(targets), what="a line for each request")
    lines = server.output.splitlines()
    assert len(lines) == 1 + len(targets), "one line says `listening`, each of the others is one request"
    for target in targets:
        assert sum(target in line for line in lines) == 1


def test_restart_at_once(chapter):
    def finish(client):
        client.sendall(REQUEST)
        receive_all(client)

    checks.restart_at_once(chapter, checks.option, finish)


def test_port_in_use(chapter):
    checks.port_in_use(chapter, checks.option)


@pytest.mark.parametrize("bad", checks.BAD_PORTS)
def test_bad_port(chapter, bad):
    checks.is_usage_error(chapter.run("-p", bad), bad)


@pytest.mark.parametrize("bad", ["0", "-1", "x", "3x", "", " 3", "99999999999"])
def test_bad_maximum(chapter, bad):
    checks.is_usage_error(chapter.run("-c", bad), bad)


@pytest.mark.parametrize("arguments", [["-c"], ["-z"], ["one", "two"]])
def test_bad_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), arguments[-1])
