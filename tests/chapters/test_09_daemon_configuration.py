"""09-daemon: what its configuration file may hold, and what SIGHUP, which makes it read the file again,
changes and does not."""

import contextlib
import os
import re
import shutil
import signal
import socket
import sys

import pytest

from harness import checks
from harness.concurrency import (Load, begin, begin_download, finish, finish_download, is_refused, is_whole,
                                 make_webroot)
from harness.daemon import configure
from harness.grading import Symptom, graded
from harness.inspect import at_rest, children, descriptors, leads_to
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

@graded(4, "Reads keys and values, comments, spaces and line ends of all sorts",
        cause=[
            Symptom("has lines that end with CR LF", "The carriage return of a line that ends with CR LF "
                    "is taken for a part of the value, or of a blank line."),
            Symptom("# in a word", "A # inside a word begins no comment: only one at the start of the "
                    "line, or after a space or tab."),
            Symptom("long comment", "A line may have 4,000 characters: the buffer for it is too "
                    "short, or its rest is taken for another line."),
            Symptom("a key twice", "The last line for a key wins: what an earlier one has said is written "
                    "over."),
            Symptom("comments and spaces", "Spaces and tabs around key and value do not matter, blank "
                    "lines are skipped, and a comment may stand alone or behind a value."),
            Symptom("nothing behind the last line", "The last line may have no LF: at the end of the file "
                    "what is in the buffer is a line, too."),
            "A path may be relative, from the file's folder, or absolute, and each key has a value of its "
            "own."],
        read="Your turn",
        by_hand=("mkdir -p my web#root; echo my page | tee web#root/index.html > my/index.html; printf '# %3000s\\n\\n port =\\t8080\\r\\nport=8081 # mine\\nwebroot = my' x > my.conf; ./daemon -n -c my.conf",
                 "curl -sS -m 1 http://127.0.0.1:8081/; kill $(pgrep -xn daemon); sleep 0.2; printf 'port = 8082\\nwebroot = web#root\\n' > my.conf; timeout 0.5 ./daemon -n -c my.conf & sleep 0.3; curl -sS -m 1 http://127.0.0.1:8082/"))
@pytest.mark.parametrize("what,text", [
    ("no spaces, and nothing behind the last line", "port=0\nwebroot=other"),
    ("comments and spaces", "\n# a comment\n\n   # another\n  port  =\t0  \n\twebroot = other\t# a third\n\n"),
    ("lines that end with CR LF", "port = 0\r\nwebroot = other\r\n# a comment\r\n\r\n"),
    ("a key twice", "webroot = webroot\nport = 99\nport = 0\nwebroot = other\n"),
    ("all keys that need no root", "webroot = {folder}/other\nport = 0\naddress = 127.0.0.1\nmax-children = 10000\npidfile = my.pid\n"),
    ("a long comment", "port = 0\nwebroot = other # " + 3970 * "x"),
    ("a # in a word", "port = 0\nwebroot = a#b # a # inside a word begins no comment\n"),
], ids=lambda value: value if value[0] in "acnl" else "")
def test_reads(chapter, folder, what, text):
    (folder / "daemon.conf").write_bytes(text.replace("{folder}", str(folder)).encode())
    step("write a daemon.conf that has " + what)
    server = chapter.serve("-n", "-c", str(folder / "daemon.conf"), cwd="/")
    assert server.port != 99, "the first line for a key has won"
    assert get(server, "/").body == b"the other page\n"


@graded(2, "Finds daemon.conf beside it from anywhere, and exits 2 on wrong usage",
        cause=[
            Symptom("usage|exit status 2|did not end|what is wrong", "What is no option, an option without "
                    "its value, or an argument too many is wrong usage: repeat it on stderr, with a line "
                    "`usage: ...`, and exit 2."),
            "daemon.conf lies beside the program, not in the folder where it is started: argv[0] up to its last "
            "slash says where. Without the key `webroot` there is the folder `webroot` beside it."],
        read="Your turn",
        by_hand=("cp daemon.conf before; printf 'port = 8081\\n' > daemon.conf; here=$PWD; (cd /; timeout 0.5 $here/daemon -n; echo exit status $?); mv before daemon.conf; timeout 0.5 ./daemon -n x; echo exit status $?; timeout 0.5 ./daemon -z; echo exit status $?",))
def test_finds_its_configuration_and_knows_its_usage(chapter, folder, tmp_path_factory):
    beside = folder / "beside"
    shutil.copytree(chapter.folder, str(beside))
    chapter.program = str(beside / os.path.basename(chapter.program))
    make_webroot(beside / "webroot", page=b"the page beside it\n", large=b"")
    configure(beside, webroot=None)
    elsewhere = str(tmp_path_factory.mktemp("elsewhere"))
    assert get(chapter.serve("-n", cwd=elsewhere), "/").body == b"the page beside it\n"
    for arguments in ["-c"], ["-x"], ["--help"], ["daemon.conf"], ["-n", "x"]:
        checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])


def test_paths_start_from_the_folder_of_the_file(chapter, folder, tmp_path_factory):
    configure(folder, webroot="../%s/other" % folder.name, pidfile="daemon.pid")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    server = chapter.serve("-n", "-c", os.path.relpath(str(folder / "daemon.conf"), str(elsewhere)),
                           cwd=str(elsewhere))
    assert get(server, "/").body == b"the other page\n"
    assert (folder / "daemon.pid").exists()


def test_without_a_key_there_is_its_default(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder, webroot=None))
    assert server.address == "127.0.0.1"
    assert get(server, "/").body == b"the page\n"
    assert not (folder / "daemon.pid").exists()


def test_ipv6(chapter, folder):
    checks.needs_ipv6()
    server = chapter.serve("-n", "-c", configure(folder, address="::1"))
    assert server.address == "::1"
    assert get(server, "/").status == 200


@graded(4, "Refuses a wrong configuration: exit status 1, and it names file and line",
        cause=[
            Symptom("webroot = .|user = |address = ", "A value that cannot be used is an error of its line: "
                    "look at the folder with stat(), at the user with getpwnam(), at the address with "
                    "inet_pton(), when the line is read."),
            Symptom("not `daemon: ", "The message is `daemon: FILE:LINE: what and why`, with FILE as an "
                    "absolute path (realpath() before chdir()); lines count from 1, blank ones and "
                    "comments, too."),
            Symptom("(port|max-children) = ", "atoi() takes 80x for 80, and what is no number for 0: have "
                    "digits alone, and look at the range."),
            Symptom("colour", "A key that is not known is an error: whoever mistypes one would never learn of "
                    "it."),
            Symptom("a FIFO", "open() of a FIFO waits for whoever will write: open with O_NONBLOCK, and "
                    "fstat() tells what it is."),
            Symptom("no file of that name", "A file that cannot be read is reported with its ESYMBOL, and "
                    "exits 1: it does not mean the defaults."),
            "A line without a =, or with nothing before or behind it, is an error, also where a later one "
            "replaces it."],
        read="Your turn", needs=[],
        by_hand=("for line in 'prot = 81' 'port = 81x' 'port =' 'max-children = 0' 'webroot = missing' 'user = no-such-user' 'address = localhost.'; do printf \"\\n$line\\nport = 8081\\n\" > my.conf; timeout 0.3 ./daemon -n -c my.conf; echo exit status $?; done; mkfifo fifo; for file in fifo missing; do timeout 0.3 ./daemon -n -c $file; echo exit status $?; done; rm fifo",))
@pytest.mark.parametrize("text,line", [
    ("\n# a comment\n\ncolour = blue\n", 4), ("port 80\n", 1), ("= 0\n", 1), ("port = # 80\n", 1), ("webroot =\n", 1),
    ("pidfile =\n", 1), ("port = 80x\n", 1),
    ("port = 99999\n", 1), ("port = -1\n", 1), ("port = 4294967296\n", 1), ("address = 127.0.0.256\n", 1), ("max-children = 0\n", 1),
    ("max-children = 10001\n", 1), ("webroot = missing\n", 1), ("webroot = daemon.conf\n", 1), ("user = no-such-user\n", 1),
    ("a FIFO", None), ("no file of that name", None),
], ids=lambda value: repr(value)[1:30])
def test_refuses(daemons, folder, text, line):
    if line:
        step("write daemon.conf: " + "; ".join((text + "port = 0").split("\n")))
        is_refused_at(daemons, folder, text + "port = 0\n", line)
        return
    step("daemon.conf is " + text)
    if text == "a FIFO":
        os.mkfifo(str(folder / "daemon.conf"))
    program = daemons.run("-c", str(folder / "daemon.conf"))
    assert program.status == 1, "exit status %d, not 1" % program.status
    assert re.match("daemon: .*daemon.conf", program.stderr), "stderr does not name it: " + program.stderr
    assert program.output == "", "what is wrong belongs on stderr"
    assert text == "a FIFO" or "(ENOENT)" in program.stderr, "stderr does not say ENOENT: " + program.stderr


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


def test_new_address_of_ipv6(server, folder):
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


@graded(5, "SIGHUP: reads the file again, for new connections",
        cause=[
            Symptom("has ended|daemon's end", "SIGHUP ends a process that does not catch it: sigaction() "
                    "for it, too, and a note for the main loop."),
            Symptom("the other page", "The file's name is relative, and the daemon is in / by now: "
                    "realpath() at the start. Or what was read is not taken over for new connections."),
            Symptom("max-children is", "The new max-children is read, but does not arrive where children "
                    "are counted."),
            "What was open for the old configuration stays open: close() the old webroot, the file itself, "
            "and a listener that is left, once the new ones are in use."],
        read="The program", needs=["test_answers_once_the_started_process_has_ended"],
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


@graded(2, "SIGHUP: warns that user and pidfile need a new start",
        cause=[
            Symptom("the line `configuration changed`", "Each SIGHUP that succeeds is told with `configuration "
                    "changed`, also where nothing in the file is new."),
            Symptom("there is an other|file is gone|still there", "A new pidfile is no matter of a reload: the old one "
                    "keeps its lock and its name until the end, and is removed then."),
            "While user or pidfile in the file differ from what runs, each SIGHUP brings the warning `user "
            "and pidfile take effect at the next start`, on stderr with -n; and no SIGHUP else."],
        read="Your turn", needs=["test_a_daemon_finds_its_configuration_again", "test_pid_file_tells_the_daemon"],
        by_hand=("printf 'port = 8080\\npidfile = my.pid\\n' > my.conf; ./daemon -n -c my.conf",
                 "pid=$(pgrep -xn daemon); kill -HUP $pid; sleep 0.2; echo pidfile = other.pid >> my.conf; for i in 1 2; do kill -HUP $pid; sleep 0.2; done; ls my.pid other.pid; kill $pid; sleep 0.3; ls my.pid other.pid"))
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
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert warnings() == 2, "of 4 SIGHUP 2 were to bring the warning, and %d have" % warnings()
    assert not (folder / "daemon.pid").exists(), "the pid file that it began with is still there"


@graded(3, "SIGHUP, like SIGTERM, is noticed at any moment",
        cause=[
            Symptom("came while the other", "The note of SIGHUP is taken back after the reload, and a "
                    "SIGHUP that came meanwhile is lost with it: take it back before the file is read.",
                    ("printf 'port = 8080\\n' > my.conf; mkdir -p my; cp my.conf both; echo webroot = my >> both; (yes '# a comment' | head -n 2000000) >> my.conf; ./daemon -n -c my.conf > /dev/null & sleep 1; kill -HUP $!; sleep 0.05; mv both my.conf; kill -HUP $!; sleep 1; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; kill $!",)),
            "The signal comes after the look at the note and before the wait: sigprocmask() blocks all the "
            "signals that you note before the look, and pselect() lets them in and waits in one step."],
        read="Your turn",
        needs=["test_a_daemon_finds_its_configuration_again"],
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
    server = signal_in_the_gap(number, chapter.start, "-n", "-c", configure(folder))
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


@graded(4, "SIGHUP: a new address or port is open, and who waits at the old one is served",
        cause=[
            Symptom("from the new webroot", "Those in the old port's queue came for what was there: they are served "
                    "before the new webroot is taken over."),
            Symptom("by these children, too", "A child that serves somebody of the old queue keeps the new "
                    "listener: it has two to close."),
            Symptom("the new address", "A new address on the same port is a new place, too: compare both, "
                    "address and port."),
            Symptom("the old port to be left|the old address to be left", "The old listener stays open: "
                    "once the new one is, and those in its queue are served, close() it."),
            Symptom("the new port", "The new port is read, but no listener is opened there."),
            "The old listener is closed before those in its queue are served, perhaps also where address "
            "and port are the same: accept() them first, for as long as poll() says that somebody is there."],
        read="Your turn",
        needs=["test_a_daemon_finds_its_configuration_again"],
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
        assert all(from_the_old), "who waited at the old port is served from the new webroot"
        wait_until(lambda: not is_refused(port), limit=3, what="the new port to answer")
        wait_until(lambda: is_refused(server), limit=3, what="the old port to be left")
        assert get(port, "/").status == 200
        server.port = port
        if sys.platform == "linux":  # where there is a second address to be had
            moves_to_another_address(server, folder)
        step("two silent clients from the old queue still have their children")
        server.signal(signal.SIGTERM)
        wait_until(lambda: is_refused(server), limit=3, what="the port to be left, by these children, too")


def moves_to_another_address(server, folder):
    """SIGHUP has the server move to 127.0.0.2, on the port that it has."""
    reload(server, folder, port=server.port, address="127.0.0.2")
    wait_until(lambda: is_refused(server), limit=3, what="the new address, on the same port, to take the old one's place")
    server.address = "127.0.0.2"
    assert get(server, "/").status == 200


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


# ---- What does not change at all

@graded(4, "SIGHUP: a broken configuration is reported, and all of the old stays",
        cause=[
            Symptom("has ended|before it ended", "A mistake in the file ends the daemon, as it does at the start: now it "
                    "is to be reported, and the daemon goes on."),
            Symptom("no more descriptors", "The file, or a folder, stays open where the reload fails: "
                    "close() what is open on that way out, too."),
            Symptom("the (other )?page", "What stands before the mistake, or was opened before something "
                    "failed, is in use already: read all into a second struct, open all, and only then "
                    "take it over."),
            "It is reported on stderr with -n, as at the start, and then `configuration not changed`."],
        read="The program", needs=["test_a_daemon_finds_its_configuration_again", "test_refuses"],
        by_hand=("printf 'port = 8080\\n' > my.conf; ./daemon -n -c my.conf",
                 "curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; mkdir -p other; cp my.conf good; printf 'webroot = other\\nprot = 1\\n' >> my.conf; pid=$(pgrep -xn daemon); ls /proc/$pid/fd | wc -l; kill -HUP $pid; sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; ls /proc/$pid/fd | wc -l; nc -l 127.0.0.1 8081 & sleep 0.2; (cat good; printf 'port = 8081\\nwebroot = other\\n') > my.conf; kill -HUP $pid; sleep 0.2; curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; ls /proc/$pid/fd | wc -l"))
@pytest.mark.parametrize("keys,line", [
    ({"port": "x"}, 1), ({"webroot": "missing"}, 2), ({"user": ""}, 3), ({"max_children": 0}, 3), ({"colour": "blue"}, 3),
    ("the port is in use", None),
])
def test_with_a_broken_configuration_the_old_one_stays(server, folder, keys, line):
    assert get(server, "/").status == 200  # by now it has all that it needs
    before = len(descriptors(at_rest(server.pid)))
    if line:
        reload(server, folder, **{"webroot": "other", **keys})
        server.wait_for_error(r"^daemon: %s/daemon\.conf:%d: .+$" % (re.escape(str(folder)), line))
    else:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            reload(server, folder, webroot="other", max_children=1, port=port)
            server.wait_for_error(r"^daemon: bind 127\.0\.0\.1 port %d: .* \(EADDRINUSE\)$" % port)
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
