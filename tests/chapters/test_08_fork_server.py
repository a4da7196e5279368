"""08-fork-server: a child process for each connection, so that a slow client delays nobody. What it
does about signals, and about the children's ends, is in test_08_fork_server_signals.py."""

import resource
import select

import pytest

from harness import checks
from harness.concurrency import (answers_in_reverse_order, begin, begin_download, finish, finish_download,
                                 is_whole, make_webroot, no_child_remains)
from harness.inspect import children, descriptors
from harness.program import wait_until
from harness.talk import Response, connect, get, receive_all
from harness.users import PublicFolder, ordinary_user, set_limit

CHAPTER = "08-fork-server"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture(scope="module")
def webroot(tmp_path_factory):
    return make_webroot(tmp_path_factory.mktemp("files") / "webroot")


@pytest.fixture
def server(chapter, webroot):
    return chapter.serve("-p", "0", webroot)


def test_serves_files_and_nothing_outside_the_webroot(server):
    assert get(server, "/").body == b"the page\n"
    head = get(server, "/", method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "9")
    assert get(server, "/missing").status == 404
    for outside in ("/../files", "/%2e%2e/files", "/..%2f..%2f..%2f..%2f..%2fetc/passwd"):
        assert get(server, outside).status in (400, 403, 404)


def test_ipv6(chapter, webroot):
    checks.needs_ipv6()
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
    wait_until(lambda: server_for_three.output.count('"" 503 ') == 200, what="200 lines in the log")


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
        set_limit(server.pid, resource.RLIMIT_NPROC, 0)
        for _ in range(20):
            assert is_whole(get(server, "/")).status == 503
        server.wait_for_error(r"^fork-server: fork: .*\(EAGAIN\)$")
        set_limit(server.pid, resource.RLIMIT_NPROC, None)
        assert get(server, "/").status == 200


def test_waiting_takes_no_time_of_the_processor(server):
    with begin(server):
        assert get(server, "/").status == 200
        checks.waits_without_spinning(server.pid)


def test_lack_of_descriptors_is_survived_without_spinning(server):
    checks.survives_lack_of_descriptors(server, b"HTTP/1.0 503 ")
    assert server.stderr.count("EMFILE") < 100, "it tried again, and again, and again"


def test_parent_holds_no_connection(server):
    before = descriptors(server.pid)
    clients = [begin(server) for _ in range(3)]
    wait_until(lambda: len(children(server.pid)) == 3, what="three children")
    wait_until(lambda: descriptors(server.pid) == before, what="the descriptors of before")
    for client in clients:
        assert finish(client).status == 200


def test_survives_resets(server):
    before = descriptors(server.pid)
    for number in range(300):
        [connect, begin, begin_download][number % 3](server).reset()
    no_child_remains(server)
    assert descriptors(server.pid) == before
    assert get(server, "/").status == 200


def test_thousands_of_clients_leave_nothing_behind(server):
    checks.no_leaks(server, REQUEST)
    no_child_remains(server)
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


def test_default_port(chapter):
    checks.default_port(chapter, 8080)


@pytest.mark.parametrize("bad", checks.BAD_ADDRESSES)
def test_bad_address(chapter, bad):
    checks.is_usage_error(chapter.run("-a", bad), bad)


@pytest.mark.parametrize("bad", ["0", "-1", "10001", "x", "3x", "", " 3", "99999999999"])
def test_bad_maximum(chapter, bad):
    checks.is_usage_error(chapter.run("-c", bad), bad)


def test_missing_webroot(chapter, tmp_path):
    checks.is_failure(chapter, chapter.run("-p", "0", str(tmp_path / "missing")), "ENOENT")


@pytest.mark.parametrize("arguments", [["-c"], ["-z"], ["one", "two"]])
def test_bad_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), arguments[-1])
