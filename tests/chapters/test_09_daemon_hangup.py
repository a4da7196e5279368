"""09-daemon: SIGHUP, which makes it read its file again: what that changes and what it does not."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from harness import checks
from harness.concurrency import (Load, begin, begin_download, finish, finish_download, is_refused, is_whole,
                                 make_webroot)
from harness.daemon import configure, is_locked, reload
from harness.grading import Symptom, graded
from harness.inspect import at_rest, children, descriptors, leads_to, living
from harness.listening import kernel
from harness.program import wait_until
from harness.steps import step
from harness.talk import Response, connect, get, receive_all, reserved_port

CHAPTER = "09-daemon"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
RELOADS = ["test_a_daemon_finds_its_configuration_again"]  # what all others need


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot", large=b"")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.html").write_bytes(b"the other page\n")
    (tmp_path / "other").rename(tmp_path / "a#b")
    shutil.copytree(str(tmp_path / "a#b"), str(tmp_path / "other"))
    return tmp_path


@pytest.fixture
def server(chapter, folder):
    """A server in the foreground: what it says on stderr can be read here."""
    return chapter.serve("-n", "-c", configure(folder))


# ---- A new file

@graded(4, "SIGHUP: reads the file again, for new connections", step=11,
        cause=[
            Symptom("has ended|daemon's end|meets an error", "SIGHUP ends a process that does not catch it: sigaction() "
                    "for it, too, and a note for the main loop."),
            Symptom("the other page", "The file's name is relative, and the daemon is in / by now: "
                    "realpath() at the start. Or what was read is not taken over for new connections."),
            Symptom("max-children is", "The new max-children is read, but does not arrive where children "
                    "are counted."),
            "What was open for the old configuration stays open: close() the old webroot, the file itself, "
            "and a listener that is left, once the new ones are in use."],
        read="The program", needs=["test_leaves_its_session_folder_and_umask"],
        by_hand=("printf 'port = 8080\\n' > my.conf; ./daemon -c my.conf; pid=$(pgrep -xn daemon); ls /proc/$pid/fd | wc -l; mkdir -p other; echo the other page > other/index.html; printf 'webroot = other\\nmax-children = 1\\n' >> my.conf; kill -HUP $pid; sleep 0.3; curl -sS -m 1 http://127.0.0.1:8080/; ls /proc/$pid/fd | wc -l; sleep 1 | nc -N 127.0.0.1 8080 > first & sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill $pid",))
def test_a_daemon_finds_its_configuration_again(daemons, folder):
    configure(folder)
    daemon = daemons.start("-c", "daemon.conf", cwd=str(folder))
    assert get(daemon, "/").status == 200  # by now it has all that it needs
    before = len(descriptors(at_rest(daemon.pid)))
    reload(daemon, folder, webroot="other", max_children=1)
    wait_until(lambda: not daemon.is_running() or get(daemon, "/").body == b"the other page\n", what="the other page")
    assert daemon.is_running(), "the daemon has ended, where it should read the file again"
    wait_until(lambda: not children(daemon.pid), what="the end of all children")
    with begin(daemon):
        assert get(daemon, "/").status == 503, "max-children is 1 now, and two are served"
    wait_until(lambda: len(descriptors(daemon.pid)) <= before, what="no more descriptors than before")


def test_new_webroot(server, folder):
    reload(server, folder, webroot="other")
    wait_until(lambda: get(server, "/").body == b"the other page\n", what="the other page")
    reload(server, folder)
    wait_until(lambda: get(server, "/").body == b"the page\n", what="the page of before")


def test_new_maximum(server, folder):
    held = [begin(server) for _ in range(3)]
    wait_until(lambda: len(children(server.pid)) == 3, what="three children")
    reload(server, folder, max_children=3)
    wait_until(lambda: get(server, "/").status == 503, what="the new maximum")
    reload(server, folder, max_children=4)
    wait_until(lambda: get(server, "/").status == 200, what="the next new maximum")
    for client in held:
        assert finish(client).status == 200


def test_a_configuration_with_nothing_new_counts_as_changed(server, folder):
    reload(server, folder)
    server.wait_for_output(r"^configuration changed$")


@graded(2, "SIGHUP: warns that user and pidfile need a new start", step=11,
        cause=[
            Symptom("the line `configuration changed`", "Each SIGHUP that succeeds is told with `configuration "
                    "changed`, also where nothing in the file is new."),
            Symptom("nobody holds", "The lock was lost in the reload: close() of any descriptor of "
                    "the pid file gives it up, also of one that was opened only to look. Leave that file "
                    "alone."),
            Symptom("there is an other|file is gone|still there", "A new pidfile is no matter of a reload: the old one "
                    "keeps its lock and its name until the end, and is removed then."),
            "While user or pidfile in the file differ from what runs, each SIGHUP brings the warning `user "
            "and pidfile take effect at the next start`, on stderr with -n; and no SIGHUP else."],
        read="Your turn", needs=[*RELOADS, "test_only_one_holds_the_pid_file"],
        by_hand=("printf 'port = 8080\\npidfile = my.pid\\n' > my.conf; ./daemon -n -c my.conf",
                 "pid=$(pgrep -xn daemon); kill -HUP $pid; sleep 0.2; echo pidfile = other.pid >> my.conf; for i in 1 2; do kill -HUP $pid; sleep 0.2; done; (echo port = 0; echo pidfile = my.pid) > second.conf; timeout 1 ./daemon -n -c second.conf 2>&1 | grep -c 'already running'; ls my.pid other.pid; kill $pid; sleep 0.3; ls my.pid other.pid"))
def test_user_and_pid_file_stay(chapter, folder):
    def warnings():
        return server.stderr.count("daemon: user and pidfile take effect at the next start\n")

    server = chapter.serve("-n", "-c", configure(folder, pidfile="daemon.pid"))
    for number, (pidfile, least) in enumerate([("daemon.pid", 0), ("other.pid", 1), ("other.pid", 2),
                                               ("daemon.pid", 2)], 1):
        reload(server, folder, pidfile=pidfile)
        wait_until(lambda: server.output.count("configuration changed\n") == number,
                   what="the line `configuration changed`")
        wait_until(lambda: warnings() >= least, limit=2, what="%d warnings after %d SIGHUP" % (least, number))
    assert not (folder / "other.pid").exists(), "there is an other.pid"
    assert (folder / "daemon.pid").exists(), "the pid file is gone"
    assert is_locked(folder / "daemon.pid"), "nobody holds a lock of fcntl() on the pid file any more"
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert warnings() == 2, "of 4 SIGHUP 2 were to bring the warning, and %d have" % warnings()
    assert not (folder / "daemon.pid").exists(), "the pid file that it began with is still there"


@graded(3, "SIGHUP and SIGTERM are noticed at any moment", step=11,
        cause=[
            Symptom("came while the other", "The note of SIGHUP is taken back after the reload, and a "
                    "SIGHUP that came meanwhile is lost with it: take it back before the file is read.",
                    ("printf 'port = 8080\\n' > my.conf; mkdir -p my; cp my.conf both; echo webroot = my >> both; (yes '# a comment' | head -n 2000000) >> my.conf; ./daemon -n -c my.conf > /dev/null & sleep 1; kill -HUP $!; sleep 0.05; mv both my.conf; kill -HUP $!; sleep 1; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill $!",)),
            "The signal comes after the look at the note and before the wait: sigprocmask() blocks all the "
            "signals that you note before the look, and pselect() lets them in and waits in one step."],
        read="Your turn", needs=RELOADS,
        by_hand=("printf 'port = 8080\\n' > my.conf; for name in HUP TERM; do timeout 5 gdb -q -batch -ex \"handle SIG$name nostop\" -ex 'set args -n -c my.conf' -ex start -ex 'b select' -ex 'b pselect' -ex 'b poll' -ex 'b accept' -ex c -ex delete -ex \"signal SIG$name\" ./daemon 2>&1 | grep -E 'changed|stopped'; done",))
@pytest.mark.parametrize("number,line", [(signal.SIGHUP, "configuration changed"), (signal.SIGTERM, "stopped")],
                         ids=["SIGHUP", "SIGTERM"])
def test_signals_right_before_the_wait_are_noticed(chapter, folder, signal_in_the_gap, signal_before_the_block,
                                                   number, line):
    server = signal_before_the_block(number, chapter.serve, "-n", "-c", configure(folder))
    if server:
        server.wait_for_output("^%s$" % line, limit=3)
    if number == signal.SIGHUP:
        reads_again_what_changed_meanwhile(chapter.serve("-n", "-c", configure(folder)), folder)
    server = signal_in_the_gap(number, chapter.start, "-n", "-c", configure(folder), stdin=subprocess.PIPE)
    server.wait_for_output("^%s$" % line, limit=3)


def reads_again_what_changed_meanwhile(server, folder):
    """While the server reads a long configuration another one takes its place, and SIGHUP comes once more."""
    new = folder / "new"
    configure(folder, webroot="other")
    (folder / "daemon.conf").rename(new)
    configure(folder)
    with open(str(folder / "daemon.conf"), "a") as file:
        file.write("# a comment\n" * 500000)  # it takes a moment to read
    server.signal(signal.SIGHUP)
    with contextlib.suppress(AssertionError):  # it may read faster than we look
        wait_until(lambda: "daemon.conf" in str(leads_to(server.pid)), limit=1)
    step("while the file is read, the one with the other webroot takes its place")
    new.rename(folder / "daemon.conf")
    server.signal(signal.SIGHUP)
    wait_until(lambda: get(server, "/").body == b"the other page\n", limit=3,
               what="the page of the file that came while the other was read")


def test_a_storm_of_sighup_is_survived(server, folder):
    assert get(server, "/").status == 200  # by now it has all that it needs
    before = len(descriptors(at_rest(server.pid)))
    with Load(server) as load:
        for _ in range(500):
            server.signal(signal.SIGHUP)
        reload(server, folder, webroot="other")
        wait_until(lambda: get(server, "/").body == b"the other page\n", what="the other page")
    assert not load.failures
    wait_until(lambda: len(descriptors(server.pid)) == before, what="no more descriptors than before")


def test_no_request_is_lost_over_20_reloads(server, folder):
    with Load(server) as load:
        for number in range(20):
            webroot, page = [("other", b"the other page\n"), ("webroot", b"the page\n")][number % 2]
            reload(server, folder, webroot=webroot)
            wait_until(lambda: get(server, "/").body == page, what="the next page")
    assert not load.failures
    assert load.answers > 20


def test_requests_and_downloads_under_way_go_on(server, folder):
    make_webroot(folder / "webroot")
    asking = begin(server)
    downloading = begin_download(server)
    wait_until(lambda: len(children(server.pid)) == 2, what="two children")
    with reserved_port() as port:
        reload(server, folder, port=port, webroot="other", max_children=1)
        wait_until(lambda: is_refused(server), what="the old port to be left")
        finish_download(downloading)
        assert finish(asking).body == b"the page\n"


# ---- What does not change at all

@graded(3, "SIGHUP: reports a broken configuration, and keeps the old", step=11,
        cause=[
            Symptom("has ended|before it ended", "A mistake in the file ends the daemon, as it does at the start: now it "
                    "is to be reported, and the daemon goes on."),
            Symptom("no more descriptors", "The file, or a folder, stays open where the reload fails: "
                    "close() what is open on that way out, too."),
            Symptom("the (other )?page", "What stands before the mistake, or was opened before something "
                    "failed, is in use already: read all into a second struct, open all, and only then "
                    "take it over."),
            "It is reported on stderr with -n, as at the start, and then `configuration not changed`."],
        read="The program", needs=[*RELOADS, "test_refuses"],
        by_hand=("printf 'port = 8080\\n' > my.conf; ./daemon -n -c my.conf",
                 "curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; mkdir -p other; printf 'webroot = other\\nprot = 1\\n' >> my.conf; pid=$(pgrep -xn daemon); ls /proc/$pid/fd | wc -l; kill -HUP $pid; sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; ls /proc/$pid/fd | wc -l"))
@pytest.mark.parametrize("keys,line", [
    ({"port": "x"}, 1), ({"webroot": "missing"}, 2), ({"user": ""}, 3), ({"max_children": 0}, 3), ({"colour": "blue"}, 3),
])
def test_with_a_broken_configuration_the_old_one_stays(server, folder, keys, line):
    assert get(server, "/").status == 200  # by now it has all that it needs
    before = len(descriptors(at_rest(server.pid)))
    reload(server, folder, **{"webroot": "other", **keys})
    server.wait_for_error(r"^daemon: %s/daemon\.conf:%d: .+$" % (re.escape(str(folder)), line))
    nothing_has_changed(server, folder, before)


def nothing_has_changed(server, folder, before):
    """It says so, serves as before, has no more descriptors open than `before`, and can be reloaded still."""
    server.wait_for_error(r"^daemon: configuration not changed$")
    with begin(server):
        assert get(server, "/").body == b"the page\n"
    wait_until(lambda: not children(server.pid), what="the end of all children")
    wait_until(lambda: len(descriptors(server.pid)) <= before, what="no more descriptors than before")
    reload(server, folder, webroot="other")
    server.wait_for_output(r"^configuration changed$")
    assert get(server, "/").body == b"the other page\n"


def test_without_its_file_the_old_configuration_stays(server, folder):
    (folder / "daemon.conf").unlink()
    server.signal(signal.SIGHUP)
    server.wait_for_error("^daemon: configuration not changed$")
    assert get(server, "/").body == b"the page\n"


def test_a_fifo_in_place_of_the_file_changes_nothing(server, folder):
    (folder / "daemon.conf").unlink()
    os.mkfifo(str(folder / "daemon.conf"))
    server.signal(signal.SIGHUP)
    server.wait_for_error("^daemon: .*/daemon.conf: not a file\n")
    assert get(server, "/").body == b"the page\n"


# ---- A new port

@graded(4, "SIGHUP: moves to a new port, and serves who waits at the old", step=12,
        cause=[
            Symptom("from the new webroot", "Those in the old port's queue came for what was there: they are served "
                    "before the new webroot is taken over.",
                    ("printf 'port = 8080\\n' > my.conf; ./daemon -n -c my.conf",
                     "mkdir -p other; echo the other page > other/index.html; pid=$(pgrep -xn daemon); kill -STOP $pid; curl -sS -m 2 http://127.0.0.1:8080/ | head -1 & sleep 0.3; printf 'port = 8081\\nwebroot = other\\n' > my.conf; kill -HUP $pid; kill -CONT $pid; sleep 1; kill $pid")),
            Symptom("keeps a listener open", "A child that serves somebody of the old queue keeps the new "
                    "listener: it has two to close.",
                    ("printf 'port = 8080\\n' > my.conf; ./daemon -n -c my.conf",
                     "pid=$(pgrep -xn daemon); kill -STOP $pid; sleep 4 | nc 127.0.0.1 8080 & sleep 0.3; echo port = 8081 > my.conf; kill -HUP $pid; kill -CONT $pid; sleep 0.5; ls -l /proc/$(pgrep -P $pid)/fd | grep -c socket; kill $pid")),
            Symptom("the new address", "A new address on the same port is a new place, too: compare both, "
                    "address and port."),
            Symptom("the old port to be left|the old address to be left", "The old listener stays open: "
                    "once the new one is, and those in its queue are served, close() it."),
            Symptom("the new port", "The new port is read, but no listener is opened there."),
            "The old listener is closed before those in its queue are served, perhaps also where address "
            "and port are the same: accept() them first, for as long as poll() says that somebody is there."],
        read="The program", needs=RELOADS,
        by_hand=("printf 'port = 8080\\n' > my.conf; ./daemon -n -c my.conf",
                 "pid=$(pgrep -xn daemon); kill -STOP $pid; for i in 1 2 3; do curl -sSI -m 1 http://127.0.0.1:8080/ | head -1 & done; sleep 0.3; sleep 4 | nc 127.0.0.1 8080 & sleep 0.3; echo port = 8081 >> my.conf; kill -HUP $pid; kill -CONT $pid; sleep 1; curl -sSI -m 1 http://127.0.0.1:8081/ | head -1; nc -zv 127.0.0.1 8080; echo address = 127.0.0.2 >> my.conf; kill -HUP $pid; sleep 0.5; nc -zv 127.0.0.2 8081; kill $pid; sleep 0.2; nc -zv 127.0.0.2 8081"))
def test_those_in_the_accept_queue_of_the_old_port_are_served(server, folder):
    with reserved_port() as port, contextlib.ExitStack() as silent:
        for keys in {"webroot": "other"}, {"port": port}:
            with checks.stopped(server):
                clients = [connect(server) for _ in range(20)]
                for client in clients:
                    client.sendall(REQUEST)
                silent.enter_context(connect(server))
                reload(server, folder, **keys)
            answers = [is_whole(Response(receive_all(client))) for client in clients]
            assert [answer.status for answer in answers] == [200] * 20
        from_the_old = [answer.body == b"the other page\n" for answer in answers]
        wait_until(lambda: not is_refused(port), limit=3, what="the new port to answer")
        assert all(from_the_old), "who waited at the old port is served from the new webroot"
        wait_until(lambda: is_refused(server), limit=3, what="the old port to be left")
        assert get(port, "/").status == 200
        step("two silent clients from the old queue still have their children")
        for child in living(server.pid):
            assert not kernel(at_rest(child)), "a child that serves somebody of the old queue keeps a listener open"
        server.port = port
        if sys.platform == "linux":  # where there is a second address to be had
            moves_to_another_address(server, folder)


def moves_to_another_address(server, folder):
    """SIGHUP has the server move to 127.0.0.2, on the port that it has."""
    reload(server, folder, port=server.port, address="127.0.0.2")
    wait_until(lambda: is_refused(server), limit=3, what="the new address, on the same port, to take the old one's place")
    server.address = "127.0.0.2"
    assert get(server, "/").status == 200


def test_those_in_the_accept_queue_of_the_old_port_get_the_old_webroot(server, folder):
    with reserved_port() as port:
        with checks.stopped(server):
            client = connect(server)
            client.sendall(REQUEST)
            reload(server, folder, port=port, webroot="other")
        assert Response(receive_all(client)).body == b"the page\n"
        wait_until(lambda: not is_refused(port), what="the new port")
        assert get(port, "/").body == b"the other page\n"


def test_new_port(server, folder):
    with reserved_port() as port:
        reload(server, folder, port=port)
        wait_until(lambda: not is_refused(port), what="the new port")
        assert get(port, "/").status == 200
        wait_until(lambda: is_refused(server), what="the old port to be left")


def test_new_address_of_ipv6(server, folder):
    checks.needs_ipv6()
    with reserved_port("::1") as port:
        reload(server, folder, address="::1", port=port)
        wait_until(lambda: is_refused(server), what="the old address to be left")
        server.address, server.port = "::1", port
        assert get(server, "/").status == 200


@graded(2, "SIGHUP: reports a port in use, and keeps the old", step=12,
        cause=[
            Symptom("has ended|before it ended", "A port that cannot be had ends the daemon, as it does at the start: now it "
                    "is to be reported, and the daemon goes on."),
            Symptom("no more descriptors", "The new webroot stays open where the new listener cannot be had: close() it on "
                    "that way out, too."),
            Symptom("expected: 200|the (other )?page", "The new max-children or webroot is in use before the new listener is "
                    "open: take all over when all is open.",
                    ("printf 'port = 8080\\n' > my.conf; ./daemon -n -c my.conf",
                     "pid=$(pgrep -xn daemon); nc -l 127.0.0.1 8081 & sleep 0.2; mkdir -p other; printf 'port = 8081\\nwebroot = other\\nmax-children = 1\\n' > my.conf; kill -HUP $pid; sleep 0.2; sleep 2 | nc 127.0.0.1 8080 > first & sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill $pid")),
            "The message is on stderr with -n, as at the start: `daemon: what failed: ... (EADDRINUSE)`, and then "
            "`configuration not changed`."],
        read="The program", needs=RELOADS,
        by_hand=("printf 'port = 8080\\n' > my.conf; ./daemon -n -c my.conf",
                 "curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; mkdir -p other; pid=$(pgrep -xn daemon); ls /proc/$pid/fd | wc -l; nc -l 127.0.0.1 8081 & sleep 0.2; printf 'port = 8081\\nwebroot = other\\n' > my.conf; kill -HUP $pid; sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; ls /proc/$pid/fd | wc -l"))
def test_with_a_port_in_use_the_old_one_stays(server, folder):
    assert get(server, "/").status == 200  # by now it has all that it needs
    before = len(descriptors(at_rest(server.pid)))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        reload(server, folder, webroot="other", max_children=1, port=taken.getsockname()[1])
        server.wait_for_error(r"^daemon: .+: .+ \(EADDRINUSE\)$")
    nothing_has_changed(server, folder, before)
