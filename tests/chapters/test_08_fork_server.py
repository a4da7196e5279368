"""08-fork-server: a child process for each connection, so that a slow client delays nobody. What it
does about signals, and about the children's ends, is in test_08_fork_server_signals.py."""

import contextlib
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys

import pytest

from harness import checks
from harness.concurrency import (answer_on_a_bad_day, answers_in_reverse_order, begin, begin_download, finish,
                                 finish_download, flood, hold_children, is_whole, make_webroot,
                                 no_child_remains)
from harness.grading import Symptom, graded
from harness.http_checks import is_well_formed
from harness.inspect import at_rest, children, descriptors, living
from harness.program import seconds, wait_until
from harness.steps import step
from harness.talk import Response, connect, exchange, get, receive_all
from harness.users import PublicFolder, ordinary_user, set_limit

CHAPTER = "08-fork-server"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture(scope="module")
def webroot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "secret").write_text("this lies beside the webroot\n")
    return make_webroot(folder / "webroot")


@pytest.fixture
def server(chapter, webroot):
    return chapter.serve("-p", "0", webroot)


@graded(5, "Starts, and brings a page", step=1,
        cause=[
            Symptom("timed out", "The parent has not closed its copy of the client's descriptor: "
                    "close(client) after fork(), in the parent, too, or the client waits for an end that "
                    "never comes."),
            "Something of chapter 7 was lost on the way, such as -p PORT, WEBROOT, or serve_client() in the "
            "child."],
        read="The idea",
        by_hand=("mkdir -p my; echo my page > my/index.html; ./fork-server -p 8081 my",
                 "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 1 nc 127.0.0.1 8081 | tail -n 1; echo exit status ${PIPESTATUS[1]}"))
def test_starts_and_brings_a_page(server):
    assert get(server, "/", limit=5).body == b"the page\n"


@graded(2, "Its first line says where it listens, as -a and -p ask", step=1,
        cause=[
            Symptom("has not said so", "printf() into a pipe keeps the line in stdio's buffer: "
                    "setvbuf(stdout, NULL, _IOLBF, BUFSIZ) before it, or fflush(stdout) behind it."),
            "The line is `listening on ADDRESS port PORT`, word for word, with what getsockname() says; "
            "bind() takes the address that -a names."],
        read="Your turn", needs=[],
        by_hand=("./fork-server -a 127.0.0.2 > out & sleep 0.3; cat out; kill $!",))
def test_says_where_it_listens(chapter, webroot):
    address = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"  # elsewhere there is one alone
    server = chapter.serve("-a", address, "-p", "0", webroot)
    checks.says_where_it_listens(server)
    assert server.address == address


@graded(3, "Refuses a MAX that is none, with a usage line and exit status 2", step=2,
        cause=[
            Symptom("is right", "1 and 10000 may be asked for: only what is less, or more than that, is wrong."),
            Symptom("-c [0-9]{11}", "A number that is too large wraps around where it is cut to an int: "
                    "strtol() tells it with errno ERANGE, and its range is to be looked at before that."),
            Symptom("-c -?[0-9]+\n", "MAX is from 1 to 10000: look at the range, also of what strtol() "
                    "took for a number."),
            "atoi() and strtol() take 3x for 3, an empty string for 0, and spaces and a + before a number: "
            "have digits alone, and look where the number ended. What is wrong is told on stderr, with a "
            "line `usage: ...`, and exits 2."],
        read="Your turn",
        by_hand=("for max in 3x +3 0 10000 10001 4294967297; do timeout 0.5 ./fork-server -c $max; echo exit status $?; done",))
def test_bad_maximum(chapter, webroot):
    for good in "1", "10000":
        server = chapter.start("-p", "0", "-c", good, webroot, stdin=subprocess.PIPE)
        wait_until(lambda: server.output or not server.is_running(), what="the start, or an end")
        assert server.is_running(), "-c %s is right, and the server has not started" % good
    for bad in ["3x", "x", "", " 3", "+3", "0x10", "1e3", "3 ", "0", "-1", "10001", "99999999999", "4294967297",
                "18446744073709551617"]:
        checks.is_usage_error(chapter.run("-p", "0", "-c", bad, limit=2), bad)


@graded(4, "Serves files as chapter 7 does, and nothing outside the webroot", step=1,
        cause=[
            Symptom("leads out of the webroot", "A path with `..` is opened as it came: chapter 7's "
                    "open_beneath() refuses it."),
            "Something of chapter 7 was lost on the way: HEAD has no body, what is not there is 404, POST "
            "is 405."],
        read="Your turn",
        by_hand=("./fork-server",
                 "for line in 'HEAD /' 'HEAD /../io.c' 'GET /missing' 'POST /'; do printf \"$line HTTP/1.0\\r\\n\\r\\n\" | timeout 1 nc 127.0.0.1 8080 | tr -d '\\r' | sed -n '1p;/^$/,$p'; done"))
def test_serves_files_and_nothing_outside_the_webroot(server):
    head = get(server, "/", method="HEAD")
    assert (head.status, head.body, head.headers.get("content-length")) == (200, b"", "9")
    assert get(server, "/missing").status == 404
    assert get(server, "/", method="POST").status == 405
    for outside in ("/../secret", "/%2e%2e/secret", "/..%2fsecret"):
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


@graded(9, "Clients that are silent or slow delay nobody", step=1,
        cause=[
            Symptom("a child has ended", "waitpid() waits for the children that still run, perhaps in the "
                    "handler for SIGCHLD: with WNOHANG it only asks."),
            "The parent reads from the client before fork(), serves it itself, or waits for its child with "
            "waitpid(), and all others wait with it: after fork() it is to go back to accept()."],
        read="The idea",
        by_hand=("./fork-server",
                 "sleep 3 | nc 127.0.0.1 8080 & sleep 0.2; for i in 1 2; do curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; sleep 0.1; done"))
def test_silent_and_slow_clients_delay_nobody(server):
    with connect(server):
        step("that client says nothing at all")
        assert get(server, "/", limit=5).status == 200
        step("a child has ended, and the one of the silent client has not")
        for _ in range(5):
            assert get(server, "/", limit=5).status == 200
    step("what follows is said by halves")
    answers_in_reverse_order(server, 5)
    with begin_download(server):
        answers_in_reverse_order(server)


@graded(3, "Each connection has a child of its own, which ends with it", step=1,
        cause=[
            Symptom("three children", "There is to be one fork() for each connection, right after its "
                    "accept(): no thread, and no child made in advance or by another child."),
            "A child that has served its client goes on, perhaps in the main loop: _exit(0) ends it."],
        read="The program",
        needs=["test_silent_and_slow_clients_delay_nobody"],
        by_hand=("./fork-server > /dev/null 2>&1 & server=$!; sleep 0.2; for i in 1 2 3; do sleep 1 | nc -N 127.0.0.1 8080 & done; sleep 0.5; pgrep -cP $server; sleep 1; pgrep -cP $server; pkill -KILL -P $server; kill $server",))
def test_each_connection_has_a_child(server):
    clients = [begin(server) for _ in range(3)]
    wait_until(lambda: len(living(server.pid)) == 3, limit=3, what="three children, for three clients")
    for client in clients:
        assert finish(client).status == 200
    wait_until(lambda: not living(server.pid), limit=3, what="the end of the children, whose clients have been served")


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


def answer_or_reset(server):
    """What comes to a request before the end, or before a reset, which is another check's matter."""
    answer = bytearray()
    with connect(server) as client:
        with contextlib.suppress(ConnectionError):  # perhaps it is too late to ask
            client.sendall(REQUEST)
        with contextlib.suppress(ConnectionError):
            for part in iter(lambda: client.recv(65536), b""):
                answer += part
    return bytes(answer)


@graded(6, "While MAX children run the next client gets 503, at once", step=3,
        cause=[
            Symptom("256 children", "Without -c MAX is 256.",
                    ("./fork-server > /dev/null & server=$!; sleep 0.2; for i in $(seq 257); do sleep 6 | nc 127.0.0.1 8080 > /dev/null & done; sleep 3; pgrep -cP $server; kill $server",)),
            Symptom("without a byte", "The client is closed without an answer: send_status(client, NULL, "
                    "503) comes before close()."),
            Symptom("timed out", "The parent waits until there is room, or does not accept() the client: "
                    "it is to be answered at once."),
            Symptom("expected: 503", "Children are not counted, or one too many is let in: look at the "
                    "count before fork()."),
            "The 503 has the form of the other errors: send_status() gives it its reason, its headers and "
            "its page."],
        read="The program",
        needs=["test_each_connection_has_a_child"],
        by_hand=("./fork-server -c 1",
                 "sleep 2 | nc 127.0.0.1 8080 & sleep 0.3; timeout 1 nc -d 127.0.0.1 8080"))
def test_answers_503_at_the_maximum(server_for_three, server):
    held = [begin(server_for_three) for _ in range(3)]
    for _ in range(5):
        answer = answer_or_reset(server_for_three)
        assert Response(answer).status == 503
        assert is_well_formed(answer).status_line == "HTTP/1.0 503 Service Unavailable"
    for client in held:
        assert finish(client).status == 200
    step("and without -c:")
    held = hold_children(server, 256)
    count = len(living(server.pid))
    assert count == len(held), "without -c there may be 256 children, and there are %d" % count
    status = Response(answer_or_reset(server)).status
    assert status == 503, "without -c there may be 256 children, and the next client got %d" % status


@graded(4, "No reset cuts the 503 off", step=3,
        cause="The client is closed with its request unread, and then close() sends a reset, which destroys "
              "the 503: first shutdown(client, SHUT_WR), then recv() what is there, then close().",
        read="The program", needs=["test_answers_503_at_the_maximum"],
        by_hand=("strace -f -qq -o /dev/null -e inject=accept:delay_exit=100000 ./fork-server -c 1",
                 "sleep 2 | nc 127.0.0.1 8080 & sleep 0.3; exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; sleep 0.3; cat <&3"))
def test_no_reset_cuts_the_503_off(server_for_three):
    held = [begin(server_for_three) for _ in range(3)]
    with checks.stopped(server_for_three):
        clients = [connect(server_for_three) for _ in range(20)]
        for client in clients:
            client.sendall(REQUEST)
    for client in clients:
        with client:
            assert is_whole(Response(receive_all(client))).status == 503
    for client in held:
        client.close()


@graded(3, "A refused client that says nothing, or does not stop, holds up nobody", step=3,
        cause=[
            Symptom("SIGPIPE", "The parent, too, sends: without sigaction(SIGPIPE) and SIG_IGN it dies "
                    "when a client has left."),
            Symptom("sends and sends", "The parent reads from the client that it refuses for as long as "
                    "that one sends: a few recv() in all, and a few hundredths of a second, must do."),
            "The parent waits for the client that it refuses, as drain() does, for a second or more: poll() "
            "with a few milliseconds must do."],
        read="The program", needs=["test_answers_503_at_the_maximum"],
        by_hand=("./fork-server -c 1 > /dev/null & server=$!; sleep 0.2; for i in 1 2 3; do sleep 3 | nc 127.0.0.1 8080 > /dev/null & sleep 0.1; done; yes > /dev/tcp/127.0.0.1/8080 2> /dev/null & sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill -PIPE $server; kill $server; sleep 0.1; jobs %1",))
def test_a_refused_client_holds_up_nobody(server_for_three):
    held = [begin(server_for_three) for _ in range(3)]
    with contextlib.ExitStack() as refused:
        for _ in range(6):
            refused.enter_context(connect(server_for_three))
        assert get(server_for_three, "/", limit=4).status == 503
    with checks.stopped(server_for_three), connect(server_for_three) as client:
        client.shutdown(socket.SHUT_WR)
        client.reset()  # to answer this one means EPIPE
    assert get(server_for_three, "/", limit=4).status == 503
    for flooding in [{}, {"data": b"x", "every": 0.002}]:
        with flood(server_for_three, **flooding):
            assert get(server_for_three, "/", limit=2).status == 503
    for client in held:
        assert finish(client).status == 200


@graded(5, "Answers 503 where fork() fails, and goes on", step=3,
        cause=[
            Symptom("has ended", "fork() returns -1, and that is no child, as `if (child <= 0)` has it, "
                    "nor a reason for the server to end."),
            Symptom(r"goes on:[\s\S]*expected: 200", "A child that was never born is counted: count only "
                    "where fork() returns more than 0."),
            Symptom("no more descriptors", "The client's descriptor stays open where fork() has failed: "
                    "close() it there, too."),
            Symptom("did not come on stderr", "That fork() has failed is to be reported: report(\"fork\")."),
            "fork() has failed, and the client is to get a 503, from the parent, at once: no other answer, "
            "none from a parent that serves it itself, and no fork() again and again."],
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
        step("it may have processes again, and goes on:")
        assert get(server, "/").status == 200


@graded(7, "Answers all the same under short counts, EINTR and failing calls", step=3,
        cause=[
            Symptom("has ended", "An accept() that fails, with EINTR or ECONNABORTED, is no reason to end: "
                    "the next one may not."),
            "A recv() or send() that was interrupted (EINTR), or did a part, has to be called again for the "
            "rest."],
        read="What can go wrong", needs=["test_failing_fork_is_survived_with_503"],
        by_hand=("strace -f -qq -o /dev/null -e inject=accept,recvfrom,sendto:error=EINTR:when=1+2 ./fork-server",
                 "for i in 1 2 3; do curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; done"))
def test_random_faults(chapter, webroot, random_faults):
    server = random_faults(chapter.serve, "-p", "0", webroot)
    answers = [answer_on_a_bad_day(server).status for _ in range(20)]
    assert 200 in answers, "of 20 answers none has the status 200"


@graded(3, "Costs no CPU time while there is nothing to do", step=1,
        cause=[
            Symptom("wakes up", "It wakes up again and again to look whether something has come: pselect() without a limit of "
                    "time (NULL) waits until then.",
                    ("./fork-server > /dev/null & server=$!; sleep 0.5; before=$(grep ^vol /proc/$server/status | cut -f 2); sleep 1; echo woken $(($(grep ^vol /proc/$server/status | cut -f 2) - before)) times; kill $server",)),
            "It asks again and again in place of waiting, such as pselect() with a timeout of 0, or "
            "accept() or recv() that may not wait (O_NONBLOCK)."],
        read="The program", needs=["test_silent_and_slow_clients_delay_nobody"],
        by_hand=("./fork-server > /dev/null & server=$!; sleep 0.3; sleep 2 | nc 127.0.0.1 8080 & sleep 0.3; ps -o stat=,comm= -p $server --ppid $server; kill $server  # R: it spins",))
def test_waiting_takes_no_time_of_the_processor(server):
    with begin(server):
        assert get(server, "/").status == 200
        checks.waits_without_spinning(server.pid, *living(server.pid)[:1])
        checks.sleeps_until_woken(server.pid)


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


@graded(4, "Hundreds of clients leave no descriptor open", step=3,
        cause=[
            Symptom("who were refused", "The descriptor of a client who got 503 stays open in "
                    "the parent: it has no child, and is to be closed all the same."),
            "Something is opened in the parent for each client, and not closed there: what only the child "
            "needs, it is to open itself."],
        read="The idea",
        needs=["test_each_connection_has_a_child", "test_a_refused_client_holds_up_nobody"],
        by_hand=("./fork-server -c 1 > /dev/null & server=$!; sleep 0.2; curl -so /dev/null http://127.0.0.1:8080/; sleep 0.2; sleep 2 | nc 127.0.0.1 8080 & sleep 0.2; for i in 1 2 3 4 5; do curl -so /dev/null http://127.0.0.1:8080/; done; sleep 0.2; ls /proc/$server/fd | wc -l; kill $server",))
def test_hundreds_of_clients_leave_no_descriptor(chapter, server, webroot):
    checks.no_descriptor_leaks(server, lambda: exchange(server, REQUEST), visitors=200)
    server = chapter.serve("-c", "1", "-p", "0", webroot)
    with begin(server):
        refused(server)
        before = len(descriptors(server.pid))
        for _ in range(100):
            refused(server)
        wait_until(lambda: len(descriptors(server.pid)) <= before,
                   what="the descriptors of clients who were refused to be closed")


@graded(4, "The log has one whole line for each answer, however many children write", step=3,
        cause=[
            Symptom("of a refused client", "Who gets the 503 has a line, too: `\"\" 503` and the bytes of "
                    "its page, also if it has said nothing."),
            Symptom("line for each request", "A line is still in stdio's buffer when _exit() ends the "
                    "child, and lost with it: write() it, or fflush()."),
            Symptom("pieces", "A line goes out in several pieces, and another child's get in between: put "
                    "it together with snprintf(), and write() it once."),
            Symptom("what is no answer's line", "stdout has the line `listening` and one line for each answer, and at its "
                    "end, too, nothing else: no goodbye.",
                    ("./fork-server & sleep 0.3; kill $!; wait",)),
            "stdout has the line `listening` and one line for each answer, in the form of chapter 7, and "
            "nothing else; and where no call fails, stderr has nothing."],
        read="Your turn", needs=["test_each_connection_has_a_child", "test_answers_503_at_the_maximum"],
        by_hand=("strace -f -qq -o trace -e trace=write,writev ./fork-server -c 1",
                 "for i in 1 2 3; do curl -so /dev/null http://127.0.0.1:8080/; sleep 0.1; done; sleep 1 | nc 127.0.0.1 8080 & sleep 0.2; nc -d 127.0.0.1 8080 > /dev/null; sleep 0.3; grep -c write trace"))
def test_log_has_one_whole_line_for_each_answer(chapter, server, webroot):
    targets = ["/%03d-%s-end" % (number, "x" * 300) for number in range(100)]
    clients = [begin(server, target) for target in targets]
    for client in clients:
        client.sendall(b"\r\n")
    for client in clients:
        receive_all(client)
        client.close()
    wait_until(lambda: server.output.count("\n") > len(targets), what="a line for each request in the log")
    lines = server.output.splitlines()[1:]  # the first says `listening`
    for line in lines:
        assert re.fullmatch(r'127\.0\.0\.1 port \d+ "GET /\d{3}-x{300}-end HTTP/1\.0" 404 \d+', line), (
            "a line of the log is not one request, but perhaps pieces of several: %s" % line[:1000])
    assert len(set(lines)) == len(lines) == len(targets), "%d lines for %d requests" % (len(lines), len(targets))
    server.signal(signal.SIGTERM)
    server.wait()
    last = server.output.splitlines()[1 + len(lines):]
    assert not last, "stdout has what is no answer's line: " + "\n".join(last)
    assert server.stderr == "", "no call should have failed, and stderr says:\n" + server.stderr[-1000:]
    server = chapter.serve("-c", "1", "-p", "0", webroot)
    with begin(server):
        with connect(server) as client:
            page, port = Response(receive_all(client)).body, client.getsockname()[1]
        line = '127.0.0.1 port %d "" 503 %d\n' % (port, len(page))
        wait_until(lambda: line in server.output, limit=3, what="the line of a refused client in the log: " + line)
    pieces = pieces_of_a_line(chapter, webroot)
    assert len(pieces) <= 1, "the line of one request goes out in %d pieces: %s" % (len(pieces), pieces)


def pieces_of_a_line(chapter, webroot):
    """What the server hands to each write() for one line of the log; nothing where there are no pipes that keep
    this apart, as O_DIRECT of pipe(2) does."""
    if sys.platform != "linux":
        return []
    reading, writing = os.pipe2(os.O_DIRECT)
    with open(reading, "rb", buffering=0) as log:

        def next_line():
            pieces = []
            while select.select([log], [], [], seconds(2))[0]:
                pieces.append(log.read(65536))
                if pieces[-1][-1:] in (b"\n", b""):  # or the end of it
                    break
            return pieces

        with open(writing, "wb", buffering=0):
            server = chapter.serve("-p", "0", webroot, preexec_fn=lambda: os.dup2(writing, 1))
        next_line()  # it says `listening`
        assert get(server, "/missing").status == 404
        return next_line()


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


def test_missing_webroot(chapter, tmp_path):
    checks.is_failure(chapter, chapter.run("-p", "0", str(tmp_path / "missing")), "ENOENT")


@pytest.mark.parametrize("arguments", [["-c"], ["-z"], ["--help"], ["one", "two"]])
def test_bad_usage(chapter, arguments):
    checks.is_usage_error(chapter.run(*arguments), arguments[-1])
