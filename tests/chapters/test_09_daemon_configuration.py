"""09-daemon: what its configuration file may hold, and what SIGHUP, which makes it read the file again,
changes and does not."""

import contextlib
import os
import re
import shutil
import signal
import socket

import pytest

from harness import checks
from harness.concurrency import (Load, begin, begin_download, finish, finish_download, is_refused, is_whole,
                                 make_webroot)
from harness.daemon import configure, pid_in
from harness.grading import graded
from harness.inspect import at_rest, children, descriptors
from harness.program import wait_until
from harness.steps import step
from harness.talk import Response, connect, get, receive_all, reserved_port

CHAPTER = "09-daemon"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


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


# ---- What the file may hold

@graded(5, "Reads keys and values, comments, spaces and line ends of all sorts",
        cause="Spaces, a comment behind a value, a # inside it, a carriage return or a long line are not taken for what the contract says.",
        read="Your turn", needs=["test_stays_in_the_foreground_with_n"],
        by_hand=("printf '# %3000s\\n\\n port=8081\\r\\nwebroot = web#root # mine\\n' x > my.conf; cp -r webroot web#root; ./daemon -n -c my.conf",
                 "curl -sSI -m 1 http://127.0.0.1:8081/ | head -1"))
@pytest.mark.parametrize("text", [
    "port=0\nwebroot=other",
    "\n# a comment\n\n   # another\n  port  =\t0  \n\twebroot = other\t# a third\n\n",
    "port = 0\r\nwebroot = other\r\n# a comment\r\n\r\n",
    "webroot = webroot\nport = 99\nport = 0\nwebroot = other\n",
    "webroot = {folder}/other\nport = 0\naddress = 127.0.0.1\nmax-children = 10000\n",
    "port = 0\nwebroot = other # " + 3000 * "x",
    "port = 0\nwebroot = a#b # a # inside a word begins no comment\n",
], ids=["shortest", "comments and spaces", "CRLF", "last line wins", "absolute path", "long comment", "a#b"])
def test_reads(chapter, folder, text):
    (folder / "daemon.conf").write_bytes(text.replace("{folder}", str(folder)).encode())
    server = chapter.serve("-n", "-c", "daemon.conf", cwd=str(folder))
    assert server.port != 99, "the first line for a key has won"
    assert get(server, "/").body == b"the other page\n"


def test_paths_start_from_the_folder_of_the_file(chapter, folder, tmp_path_factory):
    configure(folder, webroot="../%s/other" % folder.name)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    server = chapter.serve("-n", "-c", os.path.relpath(str(folder / "daemon.conf"), str(elsewhere)),
                           cwd=str(elsewhere))
    assert get(server, "/").body == b"the other page\n"
    assert (folder / "daemon.pid").exists()


def test_without_a_key_there_is_its_default(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder, webroot=None, pidfile=None))
    assert server.address == "127.0.0.1"
    assert get(server, "/").body == b"the page\n"
    assert not (folder / "daemon.pid").exists()


def test_ipv6(chapter, folder):
    checks.needs_ipv6()
    server = chapter.serve("-n", "-c", configure(folder, address="::1"))
    assert server.address == "::1"
    assert get(server, "/").status == 200


@graded(5, "Refuses a wrong configuration: exit status 1, and it names file and line",
        cause="An unknown key is skipped, atoi() takes 80x for 80, lines are counted wrong, such as from 0 or without the blank ones, or FILE is told as it was typed, and not as an absolute path.",
        read="Your turn", needs=[],
        by_hand=("for line in 'prot = 81' 'port = 81x'; do printf \"\\n$line\\n\" > my.conf; timeout 0.3 ./daemon -n -c my.conf; echo exit status $?; done",))
@pytest.mark.parametrize("text,line", [
    ("\n# a comment\n\ncolour = blue\n", 4), ("port 80\n", 1), ("port = # 80\n", 1), ("port = 80x\n", 1),
    ("port = 99999\n", 1), ("address = 127.0.0.256\n", 1), ("max-children = 0\n", 1),
    ("webroot = missing\n", 1), ("user = no-such-user\n", 1),
], ids=lambda value: repr(value)[1:30])
def test_refuses(daemons, folder, text, line):
    is_refused_at(daemons, folder, text + "port = 0\n", line)


@pytest.mark.parametrize("text,line", [
    ("Port = 0\n", 1), ("port\n", 1), ("= 0\n", 1), ("port =\n", 1), ("port = 0\nwebroot = \n", 2),
    ("port = -1\n", 1), ("port = +80\n", 1), ("port = 8 0\n", 1), 
    ("address = localhost.\n", 1), ("address = 127.0.0.1 x\n", 1),
    ("max-children = 10001\n", 1), ("max-children = many\n", 1), ("webroot = daemon.conf\n", 1),
    ("port = 0\nwebroot = %s\n" % ("x" * 100000), 2), ("port = 0\0\nwebroot = webroot\n", 1),
    ("webroot = webroot\nport = 0\0001", 2), ("port = 0\nnonsense", 2), ("\ufeffport = 0\n", 1),
], ids=lambda value: repr(value)[1:30])
def test_refuses_what_is_only_nearly_right(daemons, folder, text, line):
    is_refused_at(daemons, folder, text, line)


def is_refused_at(daemons, folder, text, line):
    """The program does not start with this text as its configuration, and names the line."""
    (folder / "daemon.conf").write_bytes(text.encode())
    program = daemons.run("-c", "daemon.conf", cwd=str(folder))
    assert program.status == 1, "exit status %d, not 1" % program.status
    assert re.match(r"daemon: %s/daemon\.conf:%d: .+\n\Z" % (re.escape(str(folder)), line), program.stderr), (
        "stderr is not `daemon: %s/daemon.conf:%d: what and why`, but:\n%s" % (folder, line, program.stderr[:500]))
    assert program.output == ""
    daemons.none_left()


@pytest.mark.parametrize("name,symbol", [("missing", "ENOENT"), ("webroot", "EISDIR"), ("daemon.conf/x", "ENOTDIR")])
def test_refuses_what_is_no_file(chapter, folder, name, symbol):
    configure(folder)
    program = chapter.run("-c", str(folder / name))
    checks.is_failure(chapter, program, symbol)
    assert str(folder / name) in program.stderr


# ---- What SIGHUP changes

def reload(server, folder, **keys):
    """Write another configuration, and have the server read it."""
    configure(folder, **keys)
    server.signal(signal.SIGHUP)


def test_a_fifo_in_place_of_the_file_changes_nothing(server, folder):
    (folder / "daemon.conf").unlink()
    os.mkfifo(str(folder / "daemon.conf"))
    server.signal(signal.SIGHUP)
    server.wait_for_error("^daemon: .*/daemon.conf: not a file\n")
    assert get(server, "/").body == b"the page\n"


def test_new_webroot(server, folder):
    reload(server, folder, webroot="other")
    wait_until(lambda: get(server, "/").body == b"the other page\n", what="the other page")
    reload(server, folder)
    wait_until(lambda: get(server, "/").body == b"the page\n", what="the page of before")


def test_new_port(server, folder):
    with reserved_port() as port:
        reload(server, folder, port=port)
        wait_until(lambda: not is_refused(port), what="the new port")
        assert get(port, "/").status == 200
        wait_until(lambda: is_refused(server), what="the old port to be left")


def test_new_address(server, folder):
    checks.needs_ipv6()
    with reserved_port("::1") as port:
        reload(server, folder, address="::1", port=port)
        wait_until(lambda: is_refused(server), what="the old address to be left")
        server.address, server.port = "::1", port
        assert get(server, "/").status == 200


def test_new_maximum(server, folder):
    held = [begin(server) for _ in range(3)]
    wait_until(lambda: len(children(server.pid)) == 3, what="three children")
    reload(server, folder, max_children=3)
    wait_until(lambda: get(server, "/").status == 503, what="the new maximum")
    reload(server, folder, max_children=4)
    wait_until(lambda: get(server, "/").status == 200, what="the next new maximum")
    for client in held:
        assert finish(client).status == 200


@graded(6, "SIGHUP: reads the file again, for new connections",
        cause="SIGHUP ends a process that does not catch it; or the file's name is relative, and the daemon is in / by now; or what was read is not taken over, or too little of it, or too much (pidfile and user stay); or what was open for the old one (files, folders, the listener) is not closed.",
        read="The program",
        by_hand=("cp daemon.conf my.conf; ./daemon -c my.conf; pid=$(cat daemon.pid); ls /proc/$pid/fd | wc -l; mkdir -p other; echo the other page > other/index.html; printf 'webroot = other\\nmax-children = 1\\npidfile = other.pid\\n' >> my.conf; kill -HUP $pid; sleep 0.2; curl -sS -m 1 http://127.0.0.1:8080/; ls /proc/$pid/fd | wc -l; sleep 1 | nc -N 127.0.0.1 8080 > first & sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill $pid; sleep 1.5; ls daemon.pid",))
def test_a_daemon_finds_its_configuration_again(daemons, folder):
    configure(folder)
    daemon = daemons.start("-c", "daemon.conf", cwd=str(folder))
    assert get(daemon, "/").status == 200  # by now it has all that it needs
    before = len(descriptors(at_rest(daemon.pid)))
    reload(daemon, folder, webroot="other", max_children=1, pidfile="other.pid")
    wait_until(lambda: get(daemon, "/").body == b"the other page\n", what="the other page")
    wait_until(lambda: not children(daemon.pid), what="the end of all children")
    with begin(daemon):
        assert get(daemon, "/").status == 503, "max-children is 1 now, and two are served"
    wait_until(lambda: len(descriptors(daemon.pid)) <= before, what="no more descriptors than before")
    assert pid_in(folder / "daemon.pid") == daemon.pid
    daemon.signal(signal.SIGTERM)
    daemon.wait()
    assert not (folder / "daemon.pid").exists(), "the pid file that it began with is still there"


@graded(3, "SIGHUP, like SIGTERM, is noticed at any moment",
        cause="The signal comes after the look at the flag and before the wait: block all the signals that you note before the look, and let pselect() let them in.",
        read="Your turn",
        needs=["test_stays_in_the_foreground_with_n", "test_a_daemon_finds_its_configuration_again"],
        by_hand=("for name in HUP TERM; do timeout 5 gdb -q -batch -ex \"handle SIG$name nostop\" -ex 'set args -n' -ex start -ex 'b select' -ex 'b pselect' -ex 'b poll' -ex 'b accept' -ex c -ex delete -ex \"signal SIG$name\" ./daemon 2>&1 | grep -E 'changed|stopped'; done",))
@pytest.mark.parametrize("number,line", [(signal.SIGHUP, "configuration changed"), (signal.SIGTERM, "stopped")],
                         ids=["SIGHUP", "SIGTERM"])
def test_signals_right_before_the_wait_are_noticed(chapter, folder, signal_in_the_gap, number, line):
    server = signal_in_the_gap(number, chapter.start, "-n", "-c", configure(folder))
    server.wait_for_output("^%s$" % line, limit=3)


def test_user_and_pid_file_stay(server, folder):
    reload(server, folder, pidfile="other.pid", webroot="other")
    server.wait_for_error(r"^daemon: user and pidfile take effect at the next start$")
    wait_until(lambda: get(server, "/").body == b"the other page\n", what="the other page")
    assert not (folder / "other.pid").exists()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert not (folder / "daemon.pid").exists()


# ---- Whom SIGHUP does not disturb

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


def test_those_in_the_accept_queue_of_the_old_port_get_the_old_webroot(server, folder):
    with reserved_port() as port:
        with checks.stopped(server):
            client = connect(server)
            client.sendall(REQUEST)
            reload(server, folder, port=port, webroot="other")
        assert Response(receive_all(client)).body == b"the page\n"
        wait_until(lambda: not is_refused(port), what="the new port")
        assert get(port, "/").body == b"the other page\n"


def test_a_configuration_with_nothing_new_counts_as_changed(server, folder):
    reload(server, folder)
    server.wait_for_output(r"^configuration changed$")


@graded(4, "SIGHUP: a new port is open, and who waits at the old one is served",
        cause="The old listener is closed before those in its queue are served, perhaps also where address and port are the same; or it stays open for ever, or the new one is not opened; or a child that serves who waited keeps the new one.",
        read="Your turn",
        needs=["test_stays_in_the_foreground_with_n", "test_a_daemon_finds_its_configuration_again"],
        by_hand=("cp daemon.conf my.conf; ./daemon -n -c my.conf",
                 "pid=$(cat daemon.pid); kill -STOP $pid; for i in 1 2 3; do curl -sSI -m 1 http://127.0.0.1:8080/ | head -1 & done; sleep 0.3; sleep 4 | nc 127.0.0.1 8080 & sleep 0.3; echo port = 8081 >> my.conf; kill -HUP $pid; kill -CONT $pid; sleep 1; curl -sSI -m 1 http://127.0.0.1:8081/ | head -1; nc -zv 127.0.0.1 8080; kill $pid; sleep 0.2; nc -zv 127.0.0.1 8081"))
def test_those_in_the_accept_queue_of_the_old_port_are_served(server, folder):
    with reserved_port() as port, contextlib.ExitStack() as silent:
        for keys in {"webroot": "other"}, {"port": port}:
            with checks.stopped(server):
                clients = [connect(server) for _ in range(20)]
                for client in clients:
                    client.sendall(REQUEST)
                silent.enter_context(connect(server))
                reload(server, folder, **keys)
            for client in clients:
                assert is_whole(Response(receive_all(client))).status == 200
        wait_until(lambda: is_refused(server), what="the old port to be left")
        assert get(port, "/").status == 200
        step("two silent clients from the old queue still have their children")
        server.signal(signal.SIGTERM)
        wait_until(lambda: is_refused(port), limit=3, what="the new port to be left, by these children, too")


def test_no_request_is_lost_over_20_reloads(server, folder):
    with Load(server) as load:
        for number in range(20):
            webroot, page = [("other", b"the other page\n"), ("webroot", b"the page\n")][number % 2]
            reload(server, folder, webroot=webroot)
            wait_until(lambda: get(server, "/").body == page, what="the next page")
    assert not load.failures
    assert load.answers > 20


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


def test_a_sighup_that_comes_while_the_file_is_read_counts_too(server, folder):
    configuration = folder / "daemon.conf"
    first, second = folder / "first", folder / "second"
    for _ in range(10):
        for path, webroot in [(first, "webroot"), (second, "other")]:
            configure(folder, webroot=webroot)
            configuration.rename(path)
            with open(str(path), "a") as file:
                file.write("# a long comment\n" * 50000)  # it takes a moment to read
        first.rename(configuration)
        server.signal(signal.SIGHUP)
        second.rename(configuration)
        server.signal(signal.SIGHUP)
        wait_until(lambda: get(server, "/").body == b"the other page\n", what="the other page")
        reload(server, folder)
        wait_until(lambda: get(server, "/").body == b"the page\n", what="the page of before")


# ---- What does not change at all

@graded(4, "SIGHUP: a broken configuration is reported, and all of the old stays",
        cause="The new configuration is read over the old one, or a mistake in it ends the daemon as at the start, or leaves the file open.",
        read="The program",
        needs=["test_stays_in_the_foreground_with_n", "test_a_daemon_finds_its_configuration_again"],
        by_hand=("cp daemon.conf my.conf; ./daemon -n -c my.conf",
                 "mkdir -p other; printf 'webroot = other\\nprot = 1\\n' >> my.conf; pid=$(cat daemon.pid); ls /proc/$pid/fd | wc -l; kill -HUP $pid; sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; ls /proc/$pid/fd | wc -l"))
@pytest.mark.parametrize("keys,line", [
    ({"port": "x"}, 1), ({"webroot": "missing"}, 2), ({"pidfile": ""}, 3), ({"max_children": 0}, 4), ({"colour": "blue"}, 4),
])
def test_with_a_broken_configuration_the_old_one_stays(server, folder, keys, line):
    assert get(server, "/").status == 200  # by now it has all that it needs
    before = len(descriptors(at_rest(server.pid)))
    reload(server, folder, **{"webroot": "other", **keys})
    server.wait_for_error(r"^daemon: %s/daemon\.conf:%d: .+$" % (re.escape(str(folder)), line))
    server.wait_for_error(r"^daemon: configuration not changed$")
    assert get(server, "/").body == b"the page\n"
    wait_until(lambda: len(descriptors(server.pid)) <= before, what="no more descriptors than before")
    reload(server, folder, webroot="other")
    server.wait_for_output(r"^configuration changed$")
    assert get(server, "/").body == b"the other page\n"


def test_where_the_new_port_is_in_use_all_of_the_old_configuration_stays(server, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        reload(server, folder, webroot="other", max_children=1, port=taken.getsockname()[1])
        server.wait_for_error(r"^daemon: bind 127\.0\.0\.1 port %d: .* \(EADDRINUSE\)$" % taken.getsockname()[1])
        server.wait_for_error(r"^daemon: configuration not changed$")
    with contextlib.closing(begin(server)):
        assert get(server, "/").body == b"the page\n"


def test_without_its_file_the_old_configuration_stays(server, folder):
    (folder / "daemon.conf").unlink()
    server.signal(signal.SIGHUP)
    server.wait_for_error("^daemon: configuration not changed$")
    assert get(server, "/").body == b"the page\n"
