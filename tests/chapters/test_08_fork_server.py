"""08-fork-server: a child process for each connection, so that a slow client delays nobody. What it
does about signals, and about the children's ends, is in test_08_fork_server_signals.py."""

import contextlib
import re
import resource
import select
import socket

import pytest

from harness import checks
from harness.concurrency import (answer_on_a_bad_day, answers_in_reverse_order, begin, begin_download, finish,
                                 finish_download, flood, is_whole, make_webroot, no_child_remains)
from harness.grading import graded
from harness.inspect import at_rest, children, descriptors
from harness.program import wait_until
from harness.steps import step
from harness.talk import Response, connect, exchange, get, receive_all
from harness.users import PublicFolder, ordinary_user, set_limit

CHAPTER = "08-fork-server"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture(scope="module")
def webroot(tmp_path_factory):
    return make_webroot(tmp_path_factory.mktemp("files") / "webroot")


@pytest.fixture
def server(chapter, webroot):
    return chapter.serve("-p", "0", webroot)


@graded(7, "Serves files as chapter 7 does, and nothing outside the webroot",
        cause="The parent has not closed its copy of the client's descriptor, so the client waits for an end that never comes; or something of chapter 7 was lost on the way.",
        read="The idea",
        by_hand=("./fork-server",
                 "for path in / /../io.c; do printf \"HEAD $path HTTP/1.0\\r\\n\\r\\n\" | timeout 1 nc 127.0.0.1 8080; echo exit status $?; done"))
def test_serves_files_and_nothing_outside_the_webroot(server):
    assert get(server, "/", limit=5).body == b"the page\n"
    head = get(server, "/", method="HEAD")
    assert (head.status, head.body, head.headers.get("content-length")) == (200, b"", "9")
    assert get(server, "/missing").status == 404
    for outside in ("/../files", "/%2e%2e/files", "/..%2f..%2f..%2f..%2f..%2fetc/passwd"):
        status = get(server, outside).status
        assert status in (400, 403, 404), "GET %s leads out of the webroot, and got %d" % (outside, status)


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


@graded(11, "Clients that are silent or slow delay nobody",
        cause="The parent serves the client itself, or waits for the child that does, perhaps when another has ended (waitpid() without WNOHANG), and all others wait with it.",
        read="The idea",
        by_hand=("./fork-server",
                 "sleep 3 | nc 127.0.0.1 8080 & sleep 0.2; for i in 1 2; do curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; sleep 0.1; done"))
def test_connections_finish_in_reverse_order(server):
    answers_in_reverse_order(server, 5)
    with begin(server):
        for _ in range(20):  # while one is silent, children end
            assert get(server, "/", limit=5).status == 200


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


@graded(8, "With MAX children it answers 503 at once, and no reset cuts that off",
        cause="Children are not counted, or one too many is let in; or the 503 is sent and the client closed with its request unread, which resets the connection.",
        read="The program",
        by_hand=("strace -f -qq -o /dev/null -e inject=accept:delay_exit=100000 ./fork-server -c 1",
                 "sleep 2 | nc 127.0.0.1 8080 & sleep 0.3; exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; sleep 0.3; cat <&3"))
def test_answers_503_at_the_maximum(server_for_three):
    held = [begin(server_for_three) for _ in range(3)]
    for number in range(200):
        with connect(server_for_three) as client:
            if number % 2:  # a client that asks late: perhaps after the answer has come
                select.select([client], [], [], 0.05)
            client.sendall(REQUEST)
            response = is_whole(Response(receive_all(client)))
            assert response.status == 503
    for client in held:
        assert finish(client).status == 200
    line = '"" 503 %d\n' % len(response.body)
    wait_until(lambda: server_for_three.output.count(line) == 200, what="200 lines in the log that end in " + line)


def test_the_maximum_is_256_by_default(server):
    held = [begin(server) for _ in range(256)]
    wait_until(lambda: len(children(server.pid)) == 256, what="256 children")
    assert get(server, "/").status == 503
    assert finish(held[0]).status == 200


@graded(3, "A refused client that says nothing, or does not stop, holds up nobody",
        cause="The parent reads from the client that it refuses until that one ends, or for a second, as drain() does, or dies of SIGPIPE: a few hundredths of a second in all must do.",
        read="The program", needs=["test_answers_503_at_the_maximum"],
        by_hand=("./fork-server -c 1 > /dev/null & server=$!; sleep 0.2; for i in 1 2 3; do sleep 3 | nc 127.0.0.1 8080 > /dev/null & sleep 0.1; done; yes > /dev/tcp/127.0.0.1/8080 2> /dev/null & sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill -PIPE $server; kill $server; sleep 0.1; jobs %1",))
def test_a_refused_client_holds_up_nobody(server_for_three):
    held = [begin(server_for_three) for _ in range(3)]
    with contextlib.ExitStack() as refused:
        for _ in range(3):
            refused.enter_context(connect(server_for_three))
        assert get(server_for_three, "/", limit=2).status == 503
    with checks.stopped(server_for_three), connect(server_for_three) as client:
        client.shutdown(socket.SHUT_WR)
        client.reset()  # to answer this one means EPIPE
    assert get(server_for_three, "/", limit=2).status == 503
    for flooding in [{}, {"data": b"x", "every": 0.01}]:
        with flood(server_for_three, **flooding):
            assert get(server_for_three, "/", limit=2).status == 503
    for client in held:
        assert finish(client).status == 200


@graded(6, "Answers 503 where fork() fails, and goes on",
        cause="fork() returns -1, and there is no child then: to be reported, and not taken for a child, counted, or a reason to end; and the client is to be answered and closed. Or a child goes on in the main loop: _exit().",
        read="What can go wrong", needs=["test_answers_503_at_the_maximum"],
        by_hand=("strace -f -qq -o /dev/null -e inject=clone,clone3:error=EAGAIN:when=1+2 ./fork-server -c 1 > /dev/null & sleep 0.5; for i in 1 2 3 4; do curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; sleep 0.1; done; ls /proc/$(pgrep -P $!)/fd | wc -l; kill $(pgrep -P $!)",))
def test_failing_fork_is_survived_with_503(chapter, webroot):
    with PublicFolder() as folder:
        user = ordinary_user()
        make_webroot(folder.path / "webroot")
        chapter.program = folder.copy(chapter.program)
        server = chapter.serve("-c", "3", "-p", "0", str(folder.path / "webroot"), **user)
        assert get(server, "/").status == 200
        before = len(descriptors(at_rest(server.pid)))
        step("from now on the server may have no more processes")
        set_limit(server.pid, resource.RLIMIT_NPROC, 0)
        for _ in range(20):
            assert is_whole(get(server, "/")).status == 503
        server.wait_for_error(r"^fork-server: fork: .*\(EAGAIN\)$")
        wait_until(lambda: len(descriptors(server.pid)) <= before, what="no more descriptors than before")
        set_limit(server.pid, resource.RLIMIT_NPROC, None)
        assert get(server, "/").status == 200


@graded(8, "Answers all the same under short counts, EINTR and failing calls",
        cause="A call that did a part, or was interrupted (EINTR), has to be made again for the rest; an accept() that fails is no reason to end.",
        read="What can go wrong",
        needs=["test_serves_files_and_nothing_outside_the_webroot", "test_failing_fork_is_survived_with_503"],
        by_hand=("strace -f -qq -o /dev/null -e inject=accept,recvfrom,sendto:error=EINTR:when=1+2 ./fork-server",
                 "for i in 1 2 3; do curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; done"))
def test_random_faults(chapter, webroot, random_faults):
    server = random_faults(chapter.serve, "-p", "0", webroot)
    assert 200 in [answer_on_a_bad_day(server).status for _ in range(20)]


@graded(4, "Costs no CPU time while there is nothing to do",
        cause="The parent asks again and again, such as with WNOHANG and no wait, or pselect() with a timeout of 0.",
        read="The program",
        by_hand=("./fork-server & sleep 0.5; ps -o stat=,comm= -p $!; kill $!  # R: it spins",))
def test_waiting_takes_no_time_of_the_processor(server):
    with begin(server):
        assert get(server, "/").status == 200
        checks.waits_without_spinning(server.pid)


def test_lack_of_descriptors_is_survived_without_spinning(server):
    checks.survives_lack_of_descriptors(server, b"HTTP/1.0 503 ")
    assert server.stderr.count("EMFILE") < 100, "it tried again, and again, and again"


def test_parent_holds_no_connection(server):
    before = descriptors(at_rest(server.pid))
    clients = [begin(server) for _ in range(3)]
    wait_until(lambda: len(children(server.pid)) == 3, what="three children")
    wait_until(lambda: descriptors(server.pid) == before, what="the descriptors of before")
    for client in clients:
        assert finish(client).status == 200


def test_survives_resets(server):
    before = descriptors(at_rest(server.pid))
    for number in range(300):
        [connect, begin, begin_download][number % 3](server).reset()
    no_child_remains(server)
    assert descriptors(server.pid) == before
    assert get(server, "/").status == 200


def test_thousands_of_clients_leave_nothing_behind(server):
    checks.no_leaks(server, REQUEST)
    no_child_remains(server)
    assert server.stderr == ""


def refused(server):
    """A client that gets a 503, or a reset: the parent has no time for one that is slow to ask."""
    try:
        exchange(server, REQUEST)
    except socket.timeout:
        raise
    except OSError:
        pass


@graded(4, "Hundreds of clients leave no descriptor open",
        cause="Something is opened for each client in the parent, or passed through it, and stays open there, perhaps only that of a client who got 503.",
        read="The idea",
        needs=["test_serves_files_and_nothing_outside_the_webroot", "test_a_refused_client_holds_up_nobody"],
        by_hand=("./fork-server -c 1 > /dev/null & server=$!; sleep 0.2; curl -so /dev/null http://127.0.0.1:8080/; sleep 0.2; sleep 2 | nc 127.0.0.1 8080 & sleep 0.2; for i in 1 2 3 4 5; do curl -so /dev/null http://127.0.0.1:8080/; done; sleep 0.2; ls /proc/$server/fd | wc -l; kill $server",))
def test_hundreds_of_clients_leave_no_descriptor(chapter, server, webroot):
    checks.no_descriptor_leaks(server, lambda: exchange(server, REQUEST), visitors=200)
    server = chapter.serve("-c", "1", "-p", "0", webroot)
    with begin(server):
        step("from now on all are refused")
        checks.no_descriptor_leaks(server, lambda: refused(server), visitors=100)


@graded(5, "The log has one whole line for each request, however many children write",
        cause="A line goes out in several pieces, and another child's get in between; or what is still in stdio's buffer is lost at _exit(); or a child comes back to the main loop in place of its end.",
        read="Your turn",
        by_hand=("strace -f -qq -o trace -e trace=write,writev ./fork-server",
                 "for i in 1 2 3; do curl -so /dev/null http://127.0.0.1:8080/; done; sleep 0.3; grep -c write trace"))
def test_log_lines_of_concurrent_children_do_not_mix(server):
    targets = ["/%03d-%s-end" % (number, "x" * 300) for number in range(200)]
    clients = [begin(server, target) for target in targets]
    for client in clients:
        client.sendall(b"\r\n")
    for client in clients:
        receive_all(client)
        client.close()
    wait_until(lambda: server.output.count("\n") > len(targets), what="a line for each request")
    lines = server.output.splitlines()[1:]  # the first says `listening`
    for line in lines:
        assert re.fullmatch(r'127\.0\.0\.1 port \d+ "GET /\d{3}-x{300}-end HTTP/1\.0" 404 \d+', line), \
            "a line of the log is not one request: %s" % line[:1000]
    assert len(set(lines)) == len(lines) == len(targets), "%d lines for %d requests" % (len(lines), len(targets))
    assert server.stderr == "", "no call should have failed, and stderr says:\n" + server.stderr[-1000:]


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


@graded(3, "Refuses a MAX that is none, with a usage line and exit status 2",
        cause="atoi() and strtol() take 3x for 3 and an empty string for 0: look at where the number ended, and at its range.",
        read="Your turn",
        by_hand=("for max in 3x 10000 10001; do timeout 0.5 ./fork-server -c $max; echo exit status $?; done",))
@pytest.mark.parametrize("bad", ["0", "-1", "10001", "x", "3x", "", " 3", "99999999999"])
def test_bad_maximum(chapter, webroot, bad):
    chapter.serve("-p", "0", "-c", "10000", webroot)  # the largest there is
    checks.is_usage_error(chapter.run("-p", "0", "-c", bad, limit=5), bad)


def test_missing_webroot(chapter, tmp_path):
    checks.is_failure(chapter, chapter.run("-p", "0", str(tmp_path / "missing")), "ENOENT")


@pytest.mark.parametrize("arguments", [["-c"], ["-z"], ["--help"], ["one", "two"]])
def test_bad_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), arguments[-1])
