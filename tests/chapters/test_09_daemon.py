"""09-daemon: its command line, and what it does in the foreground, with -n. How it becomes a daemon is in
test_09_daemon_background.py, its files are in _configuration.py and _pidfile.py, SIGHUP in _hangup.py, and its
log in _log.py."""

import signal
import sys

import pytest

from harness import checks
from harness.concurrency import (answer_on_a_bad_day, answers_in_reverse_order, begin, begin_download, finish,
                                 finish_download, hold_children, is_refused, make_webroot)
from harness.daemon import configure
from harness.grading import Symptom, graded
from harness.inspect import children, living
from harness.program import how_it_ended, wait_until
from harness.steps import step
from harness.talk import get

CHAPTER = "09-daemon"
SERVES = ["test_serves_in_the_foreground"]  # what most others need


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot")
    return tmp_path


# ---- Its command line

@graded(2, "Exits 2 on wrong usage", step=1, needs=[],
        cause=[
            Symptom("did not end|exit status 0,", "It starts all the same: getopt() returns '?' for what is no option, and for an option "
                    "without its value; and what optind leaves of the arguments is one too many."),
            "What is no option, an option without its value, or an argument too many is wrong usage: repeat it on "
            "stderr, with a line `usage: ...`, and exit 2."],
        read="Your turn",
        by_hand=("for words in -z -c 'my.conf' '-n x'; do timeout 0.5 ./daemon $words; echo exit status $?; done",))
def test_knows_its_usage(chapter, folder):
    for arguments in ["-c"], ["-x"], ["--help"], ["daemon.conf"], ["-n", "x"]:
        checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])


@graded(2, "Reports a configuration that is not there, and exits 1", step=1, needs=[],
        cause=[
            Symptom("did not end|EADDRINUSE", "It starts without the file, and does not say so: whoever mistypes the name would get the "
                    "defaults."),
            "Without the file that -c names it exits 1, and says on stderr `daemon: ...FILE: strerror text (ENOENT)`."],
        read="Your turn",
        by_hand=("timeout 0.5 ./daemon -n -c no-such-file; echo exit status $?",))
def test_configuration_that_is_not_there(chapter, folder):
    program = chapter.run("-n", "-c", str(folder / "daemon.conf"), limit=3)
    checks.is_failure(chapter, program, "ENOENT")
    assert "daemon.conf" in program.stderr, "stderr does not name it: " + program.stderr


# ---- In the foreground

@graded(5, "With -n serves in the foreground, as its configuration says", step=2, needs=[],
        cause=[
            Symptom("in the background", "It detaches although -n is there: fork() and setsid() are for a "
                    "start without -n."),
            "What the configuration says of port and webroot does not arrive where the listener and the "
            "webroot are opened; or something of chapter 8 was lost on the way."],
        read="Your turn",
        by_hand=("mkdir -p my; echo my page > my/index.html; printf 'port=8081\\nwebroot=my\\n' > my.conf; ./daemon -n -c my.conf; echo exit status $?",
                 "curl -sS -m 1 http://127.0.0.1:8081/"))
def test_serves_in_the_foreground(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder))
    assert get(server, "/", limit=5).body == b"the page\n"
    assert server.is_running(), "the process that was started has ended: it serves in the background"


@graded(2, "Its first line says where it listens", step=2,
        cause=[
            Symptom("has not said so|got: +.started", "printf() into a pipe keeps the line in stdio's buffer: "
                    "setvbuf(stdout, NULL, _IOLBF, BUFSIZ) before it, or fflush(stdout) behind it."),
            Symptom("without these keys", "Without the key `address` it is 127.0.0.1, and without `port` 8080."),
            "The line is `listening on ADDRESS port PORT`, word for word, with what getsockname() says; "
            "bind() takes what the key `address` has."],
        read="Your turn", needs=[],
        by_hand=("printf 'address=127.0.0.2\\nport=8080\\n' > my.conf; ./daemon -n -c my.conf > out & sleep 0.3; cat out; kill $!; wait; echo > my.conf; ./daemon -n -c my.conf > out & sleep 0.3; cat out; kill $!",))
def test_says_where_it_listens(chapter, folder):
    address = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"  # elsewhere there is one alone
    server = chapter.serve("-n", "-c", configure(folder, address=address))
    checks.says_where_it_listens(server)
    assert server.address == address
    step("and without these keys:")
    server = chapter.serve("-n", "-c", configure(folder))
    assert server.address == "127.0.0.1"
    checks.default_port(chapter, 8080, "-n", "-c", configure(folder, port=None))


@graded(3, "Serves as chapter 8 does", step=2, needs=SERVES,
        cause=[
            Symptom("timed out", "The parent serves the client itself, or waits for the child that does, "
                    "and all others wait with it."),
            "Something of the chapters before was lost on the way, as their lessons have it."],
        read="Your turn",
        by_hand=("printf 'port=8080\\n' > my.conf; ./daemon -n -c my.conf",
                 "printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | nc 127.0.0.1 8080; sleep 2 | nc 127.0.0.1 8080 & sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill $(pgrep -xo daemon)"))
def test_serves_as_chapter_8_does(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder))
    assert get(server, "/", method="HEAD").body == b""
    assert get(server, "/missing").status == 404
    outside = get(server, "/../daemon.conf").status
    assert outside in (400, 403, 404), "/../daemon.conf leads out of the webroot, and got %d" % outside
    answers_in_reverse_order(server, 3)
    wait_until(lambda: not children(server.pid), what="the end of all children, zombies included")


@graded(3, "Answers under short counts, EINTR and failing calls", step=2, needs=SERVES,
        cause=[
            Symptom("has ended", "A fork() or accept() that fails, with EINTR or ECONNABORTED, is no "
                    "reason to end: the next one may not."),
            "A recv() or send() that was interrupted (EINTR), or did a part, has to be called again for the "
            "rest."],
        read="What can go wrong",
        by_hand=("echo port=8080 > my.conf; strace -f -qq -o /dev/null -e inject=accept,recvfrom,sendto:error=EINTR:when=1+2 ./daemon -n -c my.conf",
                 "for i in 1 2 3; do curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; done"))
def test_random_faults(chapter, folder, random_faults):
    server = random_faults(chapter.serve, "-n", "-c", configure(folder))
    answers = [answer_on_a_bad_day(server).status for _ in range(20)]
    assert 200 in answers, "of 20 answers none has the status 200"


@graded(3, "SIGTERM: finishes what is under way, and exits 0", step=2, needs=SERVES,
        cause=[
            Symptom("to be refused", "The listener is still open, in the parent or in a child that serves: "
                    "the parent closes it before it waits for its children, and each child right after "
                    "fork()."),
            Symptom("ended before", "The server does not wait for its children, or SIGTERM has no handler "
                    "and kills: it is a note for the main loop, as in chapter 8."),
            "After the last child the server ends by itself, with exit status 0."],
        read="Your turn",
        by_hand=("printf 'port=8080\\n' > my.conf; ./daemon -n -c my.conf; echo exit status $?",
                 "pid=$(pgrep -xn daemon); (printf 'HEAD / HTTP/1.0\\r\\n'; sleep 1.5; printf '\\r\\n') | nc 127.0.0.1 8080 | head -1 & sleep 0.3; kill $pid; sleep 0.2; ps -o stat= -p $pid; nc -zv 127.0.0.1 8080; wait; sleep 0.1; pgrep -x daemon"))
def test_sigterm_finishes_the_requests_under_way(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder))
    asking = begin(server)
    downloading = begin_download(server)
    wait_until(lambda: len(children(server.pid)) == 2, what="two children")
    server.signal(signal.SIGTERM)
    wait_until(lambda: is_refused(server) or not server.is_running(), what="new connections to be refused")
    finish_download(downloading)
    assert server.is_running(), "it ended before its child, which serves a client"
    assert finish(asking).status == 200
    ended = server.wait()
    assert ended == 0, "after SIGTERM it ends with %s" % how_it_ended(ended)


@graded(3, "max-children is the limit, and 256 without it", step=4, needs=SERVES,
        cause=[
            Symptom("without the key", "Without the key max-children there may be 256 "
                    "children.",
                    ("echo port=8081 > my.conf; ./daemon -n -c my.conf > /dev/null & sleep 0.3; for more in 200 56; do for i in $(seq $more); do sleep 7 | nc -N 127.0.0.1 8081 > /dev/null & done; sleep 2.5; curl -sSI -m 1 http://127.0.0.1:8081/ | head -1; done; kill $!",)),
            "max-children does not arrive where children are counted, before fork()."],
        read="Your turn",
        by_hand=("printf 'port=8080\\nmax-children=1\\n' > my.conf; ./daemon -n -c my.conf",
                 "sleep 2 | nc 127.0.0.1 8080 & sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill $(pgrep -xo daemon)"))
def test_max_children_is_the_limit(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder, max_children=4))
    held = [begin(server) for _ in range(4)]
    assert get(server, "/").status == 503
    for client in reversed(held):
        assert finish(client).status == 200
    server = chapter.serve("-n", "-c", configure(folder))
    held = hold_children(server, 256)
    count = len(living(server.pid))
    assert count == len(held), "without the key max-children there may be 256 children, and there are %d" % count
    assert get(server, "/").status == 503, "without the key max-children 256 are served, and not one more"
