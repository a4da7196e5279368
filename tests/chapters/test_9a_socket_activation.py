"""9a-socket-activation: chapter 9's server, for whom somebody else opens the port, or has accepted the connection."""

import contextlib
import fcntl
import getpass
import os
import pathlib
import pwd
import re
import select
import signal
import socket
import struct
import subprocess

import pytest

from harness import checks
from harness.activation import QUEUE, as_inetd, given, listener, notified
from harness.concurrency import LARGE, Load, answers_in_reverse_order, begin, finish, is_refused, make_webroot
from harness.daemon import PIDFILE, configure, pid_in, reload
from harness.grading import Symptom, graded
from harness.inspect import at_rest, children, leads_to, living, look, status
from harness.listening import kernel
from harness.program import how_it_ended, wait_until
from harness.steps import step
from harness.syslog import DAEMON, ERROR, INFORMATION, Log, log_socket
from harness.talk import Response, connect, get, receive_all, reserved_port

CHAPTER = "9a-socket-activation"
PAGE, OTHER = b"the page\n", b"the other page\n"
REQUEST = b"GET / HTTP/1.0\r\n\r\n"

CONFIGURED = "printf 'port = 8081\\n' > my.conf; "
GIVES = ("python3 -c \"import os, socket, sys; l = socket.create_server(('127.0.0.1', 8080)); os.dup2(l.fileno(), 3); os.set_inheritable(3, True); "
         "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); os.execv(sys.argv[1], sys.argv[1:])\" ./socket-activation ")
ASKS = "curl -sSI -m 1 http://127.0.0.1:8080/ | head -1"
WRONG = "timeout 3 bash -c 'export LISTEN_PID=$$ LISTEN_FDS=%s; exec ./socket-activation -n -c my.conf 3%s'; echo exit status $?"
RESTART = ("timeout 9 python3 -c \"import os, signal, socket, subprocess, time; l = socket.create_server(('127.0.0.1', 8080)); os.dup2(l.fileno(), 3); "
           "run = lambda conf: subprocess.Popen(['sh', '-c', 'export LISTEN_PID=\\$\\$ LISTEN_FDS=1; exec ./socket-activation -n -c ' + conf], pass_fds=[3]); "
           "one = run('my.conf'); time.sleep(0.5); one.send_signal(signal.SIGSTOP); time.sleep(0.1); c = [socket.create_connection(('127.0.0.1', 8080), 3) for _ in range(3)]; "
           "[x.send(b'GET / HTTP/1.0\\r\\n\\r\\n') for x in c]; one.send_signal(signal.SIGTERM); one.send_signal(signal.SIGCONT); s = one.wait(); two = run('other.conf'); "
           "print('exit status', s, [x.makefile('rb').read()[-5:] for x in c][1:]); two.terminate()\" > out 2>&1; grep status out")
TWO = ("timeout 9 python3 -c \"import os, signal, socket, subprocess, time; l = socket.create_server(('127.0.0.1', 8080)); os.dup2(l.fileno(), 3); "
       "p = [subprocess.Popen(['sh', '-c', 'export LISTEN_PID=\\$\\$ LISTEN_FDS=1; exec strace -D -qq -o /dev/null -e inject=accept:delay_enter=100000 "
       "./socket-activation -n -c my.conf'], pass_fds=[3], stdout=-3) for _ in '12']; time.sleep(1); c = socket.create_connection(('127.0.0.1', 8080), 3); "
       "c.send(b'GET / HTTP/1.0\\r\\n\\r\\n'); c.makefile('rb').read(); time.sleep(0.3); print([x.poll() for x in p]); [x.terminate() for x in p]; time.sleep(0.5); "
       "print([x.poll() for x in p]); [x.kill() for x in p]\" 2>&1 | tail -n 2")
HEARS = ("python3 -c \"import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(%s); s.settimeout(5); print('listening'); print(s.recv(99))\" 2>&1 "
         "| tail -n 1 & sleep 1; NOTIFY_SOCKET=%s timeout 1 ./socket-activation -n -c my.conf > /dev/null; wait")
INETD = ("python3 -c \"import socket, subprocess; l = socket.create_server(('127.0.0.1', 8080)); print('listening', flush=True); "
         "[print('status', subprocess.call(['./socket-activation', '-i', '-c', 'my.conf'], stdin=c, stdout=c, stderr=c), flush=True) or c.close() "
         "for c, a in iter(l.accept, None)]\"")
NO_CONNECTION = "timeout 2 ./socket-activation -i -c my.conf < /dev/null; echo exit status $?"


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.html").write_bytes(OTHER)
    return tmp_path


@pytest.fixture
def port():
    """A port where nobody listens, for a configuration: it is not to be used."""
    with reserved_port() as port:
        yield port


@pytest.fixture
def queue():
    """The listener of whoever starts the server."""
    with listener() as one:
        yield one


# ---- 9a.1: descriptor 3

@graded(10, "Serves the clients of descriptor 3",
        cause=[
            Symptom("stderr: .*descriptor 3", "What getsockopt() says of descriptor 3 with SO_ACCEPTCONN is 1, in an int, if it "
                    "listens; and there is nothing to bind() any more."),
            "With LISTEN_PID as its own id and LISTEN_FDS=1 the listener is descriptor 3. Chapter 9 closes all from 3 on first, and "
            "then opens its own: here 3 stays, and nothing is opened."],
        read="The idea", by_hand=(CONFIGURED + GIVES + "-n -c my.conf", ASKS))
def test_serves_the_clients_of_descriptor_3(chapter, folder, queue, port):
    server = chapter.start("-n", "-c", configure(folder, port=port), under=given(), stdin=queue)
    with connect(queue) as client:
        client.sendall(REQUEST)
        assert Response(receive_all(client)).body == PAGE
    assert get(queue, "/missing").status == 404
    assert server.is_running(), "it has ended"


@graded(5, "Opens no other port, and says where it listens",
        cause=[
            Symptom("close-on-exec", "fcntl(3, F_SETFD, FD_CLOEXEC): no program that it may start is to have the listener.",
                    (CONFIGURED + GIVES + "-n -c my.conf", "grep flags /proc/$(pgrep -n socket-activ)/fdinfo/3")),
            Symptom("the queue had room", "listen() once more sets a new length for the queue: that is the starter's to choose.",
                    (CONFIGURED + GIVES + "-n -c my.conf", "ss -Hltn | awk '{print $3, $4}'")),
            Symptom("the kernel says", "socket(), bind() and listen() are for a start without a given listener: the port of the "
                    "configuration stays closed.", (CONFIGURED + GIVES + "-n -c my.conf", "ss -Hltn | awk '{print $4}'")),
            "The line `listening on ADDRESS port PORT` is about the given listener: getsockname() tells, not the configuration."],
        read="The program", by_hand=(CONFIGURED + "timeout 3 " + GIVES + "-n -c my.conf",))
def test_opens_no_other_port(chapter, folder, queue, port):
    server = chapter.serve("-n", "-c", configure(folder, port=port), under=given(), stdin=queue)
    places = sorted(kernel(server.pid))
    assert places == [(queue.address, queue.port)], "the kernel says that it listens on %s" % (
        " and ".join("%s port %d" % place for place in places) or "nothing")
    checks.says_where_it_listens(server)
    length = struct.unpack_from("I", queue.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32), 28)[0]  # tcpi_sacked
    assert length == QUEUE, "the queue had room for %d clients, and has for %d" % (QUEUE, length)
    for number in numbers_of(queue, server.pid):
        info = look(server.pid, pathlib.Path("/proc/%d/fdinfo/%d" % (server.pid, number)).read_text)
        flags = int(re.search(r"^flags:\s*([0-7]+)", info, re.MULTILINE).group(1), 8)
        assert flags & os.O_CLOEXEC, "the listener is not close-on-exec"


def numbers_of(queue, pid):
    """The descriptors of a process that are the listener `queue`."""
    inode = os.fstat(queue.fileno()).st_ino
    return [number for number, place in leads_to(at_rest(pid)).items() if place == "socket:[%d]" % inode]


@graded(10, "A LISTEN_PID of somebody else counts for nothing",
        cause=[
            Symptom("is still open", "What was meant for another process is closed, as all else that was open at the start.",
                    (CONFIGURED + "LISTEN_PID=1 LISTEN_FDS=1 ./socket-activation -n -c my.conf 3< my.conf",
                     "readlink /proc/$(pgrep -n socket-activ)/fd/3 | grep -c my.conf")),
            Symptom(r"LISTEN_PID=(\$\$x|''|\$\()", "What is no number, or too large for an int, is nobody's process id: compare all of the text.",
                    (CONFIGURED + GIVES.replace("str(os.getpid())", "str(os.getpid()) + 'x'") + "-n -c my.conf", ASKS)),
            "The environment goes on to children and their children, but the descriptor is for one process: compare LISTEN_PID with "
            "getpid(), and open the port of the configuration if they differ."],
        read="The idea", by_hand=(CONFIGURED + "LISTEN_PID=1 LISTEN_FDS=1 ./socket-activation -n -c my.conf 3< my.conf",
                                  "curl -sSI -m 1 http://127.0.0.1:8081/ | head -1"), needs=[])
@pytest.mark.parametrize("pid", ["1", "$$0", "$PPID", "''", "$$x", "$(($$ + 4294967296))"])
def test_a_listen_pid_of_somebody_else(chapter, folder, queue, pid):
    server = chapter.serve("-n", "-c", configure(folder), under=given(pid=pid), stdin=queue)
    assert server.port != queue.port, "it takes the listener of somebody else"
    assert get(server, "/").body == PAGE
    assert not numbers_of(queue, server.pid), "the listener of somebody else is still open"


@graded(10, "Goes to the background with descriptor 3, too",
        cause="LISTEN_PID is to be compared before the first fork(), for after it getpid() is another; and descriptor 3 stays open in "
              "the last process.",
        read="The program", by_hand=(CONFIGURED + GIVES + "-c my.conf; sleep 0.3; " + ASKS,))
def test_goes_to_the_background_with_it(daemons, folder, queue, port):
    daemon = daemons.start("-c", configure(folder, port=port, **PIDFILE), under=given(), stdin=queue)
    assert kernel(daemon.pid) == [(queue.address, queue.port)], "the daemon does not have the given listener"
    assert get(queue, "/").body == PAGE
    assert pid_in(folder / "daemon.pid") == daemon.pid
    daemon.signal(signal.SIGTERM)
    daemon.wait()


@contextlib.contextmanager
def no_listener(kind):
    """A descriptor that is no listening TCP socket."""
    with contextlib.ExitStack() as stack:
        if kind == "a file":
            yield stack.enter_context(open("/dev/null"))
        elif kind == "a socket of AF_UNIX that listens":
            one = stack.enter_context(socket.socket(socket.AF_UNIX))
            one.bind("")  # the kernel finds a name
            one.listen(1)
            yield one
        elif kind == "a connection":
            queue = stack.enter_context(listener())
            stack.enter_context(connect(queue))
            yield stack.enter_context(queue.accept()[0])
        else:
            kind = socket.SOCK_DGRAM if kind == "a socket of UDP" else socket.SOCK_STREAM
            one = stack.enter_context(socket.socket(socket.AF_INET, kind))
            one.bind(("127.0.0.1", 0))
            yield one


def runs(chapter, *arguments, limit=4, **options):
    """Start the program and wait for its end; return it, with .status set."""
    program = chapter.start(*arguments, **options)
    program.status = program.wait(limit)
    return program


def is_refused_start(program, about):
    """The program has ended with status 1, and its message is about this."""
    assert program.status == 1, "it ends with %s; stderr: %s" % (how_it_ended(program.status), program.stderr or "(nothing)")
    assert re.match("socket-activation: .*" + about, program.stderr), "no message about %s on stderr, but: %r" % (about, program.stderr)
    checks.has_nothing_on_stdout(program)


@graded(10, "Refuses what is no listening TCP socket, and any other number of them",
        cause=[
            Symptom("LISTEN_FDS=(?!1;)", "LISTEN_FDS is to be 1, and nothing else: who gives two expects two to be served."),
            Symptom("AF_UNIX", "A socket of AF_UNIX listens, too, but has no port: getsockname() tells the family.", (CONFIGURED + "timeout 3 "
                    + GIVES.replace("socket.create_server(('127.0.0.1', 8080))", "socket.socket(socket.AF_UNIX); l.bind(''); l.listen()")
                    + "-n -c my.conf; echo exit status $?",)),
            "getsockopt() with SOL_SOCKET and SO_ACCEPTCONN tells whether descriptor 3 is a socket that listens: ask, look at what "
            "comes back, say `descriptor 3` on stderr if it does not, and exit 1."],
        read="What can go wrong", by_hand=(CONFIGURED + WRONG % ("2", "< my.conf") + "; " + WRONG % ("1x", "< my.conf") + "; " + WRONG % ("1", "< my.conf") + "; " + WRONG % ("1", "<&-") + "; "
                                           + WRONG % ("1", "<> /dev/udp/127.0.0.1/8080"),))
@pytest.mark.parametrize("kind", ["a file", "a socket of UDP", "a socket that does not listen", "a connection",
                                  "a socket of AF_UNIX that listens", "closed", "two of them", "none of them", "no number of them"])
def test_refuses_what_is_no_listener(chapter, folder, queue, kind):
    conf, counts = configure(folder), {"two of them": "2", "none of them": "0", "no number of them": "1x"}
    if kind in counts:
        program = runs(chapter, "-n", "-c", conf, under=given(count=counts[kind]), stdin=queue)
        is_refused_start(program, "LISTEN_FDS")
        return
    step("descriptor 3 is %s:" % kind)
    with contextlib.nullcontext(queue) if kind == "closed" else no_listener(kind) as stdin:
        program = runs(chapter, "-n", "-c", conf, under=given("3>&-" if kind == "closed" else "3<&0"), stdin=stdin)
    is_refused_start(program, "descriptor 3")


@graded(10, "A restart loses nobody who waits",
        cause=[
            Symptom(r"the next one[\s\S]*(has ended|meets an error)", "shutdown() ends the listener for all who have it open, and resets who waits: it is not ours. "
                    "close() gives up our descriptor alone."),
            Symptom("served by the first", "At SIGTERM take nobody any more: the queue is the listener's, which whoever started it keeps "
                    "open, and the next one serves it."),
            "A given listener stays open with whoever has given it, and with it the queue: at SIGTERM finish who is being served, close(), "
            "and exit 0."],
        read="The program", by_hand=("mkdir -p a b; echo page1 > a/index.html; echo page2 > b/index.html; echo webroot = a > my.conf; echo webroot = b > other.conf; " + RESTART,))
def test_a_restart_loses_nobody(chapter, folder, queue):
    first = chapter.serve("-n", "-c", configure(folder), under=given(), stdin=queue)
    asking = begin(queue)
    wait_until(lambda: children(first.pid), what="a child")
    with checks.stopped(first):
        clients = [connect(queue) for _ in range(40)]
        for client in clients:
            client.sendall(REQUEST)
        first.signal(signal.SIGTERM)
    assert finish(asking).body == PAGE
    ended = first.wait()
    assert ended == 0, "after SIGTERM it ends with %s" % how_it_ended(ended)
    step("start the next one, with another webroot:")
    chapter.serve("-n", "-c", configure(folder, webroot="other"), under=given(), stdin=queue)
    answers = [Response(receive_all(client)) for client in clients]
    assert {answer.status for answer in answers} == {200}
    early = sum(answer.body == PAGE for answer in answers)  # a few, where a thread of its own hears the signal
    assert early < 40, "all who waited were served by the first one, after SIGTERM"


@graded(5, "SIGHUP keeps the given listener, and says that address and port are not used",
        cause=[
            Symptom("on stderr|each SIGHUP", "Each SIGHUP brings the warning `address and port are not used: the listener was given`, on stderr with -n, whatever has changed in the file."),
            "A reload with a new port opens that port and leaves the old one, in chapter 9. A given listener stays, whatever the file says; "
            "all else is taken over."],
        read="The program", by_hand=(CONFIGURED + GIVES + "-n -c my.conf", "mkdir -p other; echo the other page > other/index.html; "
                                     "printf 'port = 8082\\nwebroot = other\\n' > my.conf; kill -HUP $(pgrep -n socket-activ); sleep 0.3; kill -HUP $(pgrep -n socket-activ); sleep 0.3; "
                                     "curl -sS -m 1 http://127.0.0.1:8080/; curl -sS -m 1 http://127.0.0.1:8082/ | head -1"))
def test_sighup_keeps_it(chapter, folder, queue, port):
    server = chapter.serve("-n", "-c", configure(folder), under=given(), stdin=queue)
    assert get(queue, "/").body == PAGE
    reload(server, folder, port=port, webroot="other")
    server.wait_for_output("^configuration changed$")
    assert get(queue, "/").body == OTHER
    assert is_refused(port), "it listens on the port of the configuration"
    server.wait_for_error("^socket-activation: address and port are not used: the listener was given$", limit=2)
    step("SIGHUP again, and the file is the same:")
    server.signal(signal.SIGHUP)
    wait_until(lambda: server.output.count("configuration changed") == 2, what="the second `configuration changed`")
    wait_until(lambda: server.stderr.count("the listener was given") == 2, limit=2, what="the warning about the listener for each SIGHUP")


@graded(5, "Several take clients from one listener, and each ends at SIGTERM",
        cause=[
            Symptom("did not end", "All wake up for one client, one gets it, and accept() of the others waits for the next, deaf to SIGTERM: "
                    "fcntl(3, F_SETFL, O_NONBLOCK), for who gives a listener may not have done it."),
            "Others may have the same listener open: accept() may find that the client has gone to another, which is no reason to end."],
        read="The program", by_hand=("echo > my.conf; " + TWO,))
def test_several_take_turns(chapter, folder, queue, faults):
    slowly = faults("?accept,?accept4:delay_enter=100000")
    servers = [chapter.serve("-n", "-c", configure(folder), under=[*slowly, *given()], stdin=queue) for _ in range(3)]
    for _ in range(3):
        assert get(queue, "/").body == PAGE
    for server in servers:
        for program in living(server.pid):  # strace's child
            os.kill(program, signal.SIGTERM)
    step("send them all SIGTERM")
    for server in servers:
        ended = server.wait(3)
        assert ended == 0, "after SIGTERM it ends with %s" % how_it_ended(ended)


@graded(5, "Without all that it serves as chapter 9 does",
        cause=[
            Symptom("no pid file|start ./socket-activation -c", "Without -n it goes to the background, and its pid file tells its process id.",
                    ("echo port = 8081 > my.conf; timeout 2 ./socket-activation -c my.conf; echo exit status $?",)),
            "Without LISTEN_PID the port of the configuration is opened; something of chapter 9 was lost on the way."],
        read="Your turn", needs=[],
        by_hand=("printf 'port = 8080\\nmax-children = 1\\n' > my.conf; ./socket-activation -n -c my.conf; echo exit status $?",
                 "sleep 1 | nc 127.0.0.1 8080 & sleep 0.2; " + ASKS + "; wait; sleep 0.2; " + ASKS + "; kill $(pgrep -xo socket-activati)"))
def test_serves_as_chapter_9_does(chapter, daemons, folder):
    server = chapter.serve("-n", "-c", configure(folder, max_children=3))
    checks.says_where_it_listens(server)
    answers_in_reverse_order(server, 3)
    wait_until(lambda: not children(server.pid), what="the end of all children")
    held = [begin(server) for _ in range(3)]
    wait_until(lambda: len(children(server.pid)) == 3, what="three children")
    assert get(server, "/").status == 503, "max-children is 3, and four are served"
    reload(server, folder, webroot="other")
    server.wait_for_output("^configuration changed$")
    server.signal(signal.SIGTERM)
    for client in held:
        assert finish(client).body == PAGE
    ended = server.wait()
    assert ended == 0, "after SIGTERM it ends with %s" % how_it_ended(ended)
    for arguments in ["-x"], ["-n", "x"]:
        checks.is_usage_error(runs(chapter, *arguments), arguments[-1])
    daemon = daemons.start("-c", configure(folder, **PIDFILE))
    assert pid_in(folder / "daemon.pid") == daemon.pid
    assert get(daemon, "/").body == PAGE


# ---- 9a.2: NOTIFY_SOCKET

@graded(10, "Says READY=1 to NOTIFY_SOCKET once it serves, and only then",
        cause=[
            Symptom("and without -n:", "In the background, too, the daemon says so: the last process, once the one that was started may end.",
                    ("rm -f my.socket; " + CONFIGURED + (HEARS % ("'my.socket'", "$PWD/my.socket")).replace("-n -c", "-c"),)),
            Symptom("the start has failed|listens nowhere yet", "READY=1 is for a start that has worked: send it when the port is open, and nothing can fail any more.",
                    ("rm -f my.socket; python3 -c \"import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('my.socket'); s.settimeout(2); l = socket.create_server(('127.0.0.1', 8081)); "
                     "print('listening', flush=True); print(s.recv(99))\" 2>&1 | tail -n 1 & sleep 0.3; " + CONFIGURED + "NOTIFY_SOCKET=$PWD/my.socket timeout 1 ./socket-activation -n -c my.conf > /dev/null; wait",)),
            Symptom("NOTIFY_SOCKET=@[\\s\\S]*(within|ESYMBOL|nothing came)", "A name with @ in front is an abstract one: sun_path begins with a NUL byte in its place, and the length "
                    "that sendto() gets ends with the name, without a NUL behind it.",
                    (CONFIGURED + HEARS % ("chr(0) + 'my'", "@my"),)),
            Symptom("READY=1.x00", "READY=1 are 7 bytes: strlen() says so, and sizeof counts the NUL, too."),
            "socket(AF_UNIX, SOCK_DGRAM, 0), and sendto() with READY=1 to the address that NOTIFY_SOCKET names."],
        read="The program", needs=[], step=2,
        by_hand=("rm -f my.socket; " + CONFIGURED + HEARS % ("'my.socket'", "$PWD/my.socket"),))
@pytest.mark.parametrize("is_abstract", [False, True], ids=["path", "abstract"])
def test_says_ready(chapter, daemons, folder, is_abstract):
    with notified(is_abstract) as starter:
        environment = {**os.environ, "NOTIFY_SOCKET": starter.name}
        step("with NOTIFY_SOCKET=%s:" % ("@..." if is_abstract else "the path of a socket"))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            runs(chapter, "-n", "-c", configure(folder, port=taken.getsockname()[1]), env=environment)
        assert not select.select([starter], [], [], 0)[0], "the start has failed, and all the same NOTIFY_SOCKET gets %r" % starter.hears()
        server = chapter.start("-n", "-c", configure(folder), env=environment)
        said = starter.hears()
        assert "READY=1" in said, "NOTIFY_SOCKET gets %r, without READY=1" % said
        places = kernel(server.pid)
        assert places, "it says READY=1, and listens nowhere yet"
        assert get(places[0][1], "/").body == PAGE
        step("SIGHUP:")
        server.signal(signal.SIGHUP)
        server.wait_for_output("^configuration changed$")
        get(places[0][1], "/")
        assert not select.select([starter], [], [], 0)[0] or "READY=1" not in starter.hears(), "it says READY=1 twice"
        server.kill()
        step("and without -n:")
        daemons.start("-c", configure(folder), env=environment)
        assert "READY=1" in starter.hears(), "the daemon does not say READY=1"


# ---- 9a.3: inetd

@graded(8, "-i: serves the connection on descriptors 0 and 1, and exits 0",
        cause=[
            Symptom("with O_NONBLOCK", "The connection may come with O_NONBLOCK: recv() and send() then fail with EAGAIN in place of waiting. "
                    "fcntl(0, F_SETFL, 0) takes it back.", (CONFIGURED + INETD.replace("[print(", "[c.setblocking(False) or print("),
                                                            "(sleep 0.5; printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 0.5) | nc 127.0.0.1 8080 | head -1")),
            Symptom("LISTEN_PID", "systemd gives a connection as descriptor 3, too, with LISTEN_FDS: with -i it counts for nothing.",
                    (CONFIGURED + INETD.replace("['./socket-activation', '-i', '-c', 'my.conf']", "['sh', '-c', 'export LISTEN_PID=\\$\\$ LISTEN_FDS=1; exec ./socket-activation -i -c my.conf 3<&0']"),
                     ASKS + "; sleep 0.2")),
            Symptom("has ended: exit status 1", "Something has failed, and only syslog knows what. With -i no port is opened, and no pid file "
                    "is locked: many of them run at once.", ("echo port = 8080 > my.conf; " + INETD, ASKS + "; sleep 0.2")),
            Symptom("it ends with", "When the one client is served, or has gone without a word, all is well: exit 0."),
            "Descriptor 0 is the connection, which somebody else has accepted: serve it as a child of chapter 8 does, with the peer that "
            "getpeername() tells, and end."],
        read="The idea", needs=[], step=3, by_hand=(CONFIGURED + INETD, ASKS + "; sleep 0.2"))
@pytest.mark.parametrize("case", ["GET", "HEAD", "silent", "with O_NONBLOCK", "LISTEN_PID"])
def test_serves_one_connection(chapter, folder, case):
    how = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" "$@" >&0 3<&0' if case == "LISTEN_PID" else 'exec "$0" "$@" >&0'
    with socket.create_server(("127.0.0.1", 0)) as taken, open(str(folder / "taken.pid"), "w") as pid_file:
        fcntl.lockf(pid_file, fcntl.LOCK_EX)  # as the daemon's is, which runs beside it
        conf = configure(folder, port=taken.getsockname()[1], pidfile=folder / "taken.pid")
        if case == "with O_NONBLOCK":
            step("with O_NONBLOCK:")
        client, program = as_inetd(chapter, "-c", conf, blocking=case != "with O_NONBLOCK", how=how)
        with client:
            if case == "silent":
                client.shutdown(socket.SHUT_WR)
                assert receive_all(client) == b"", "a client that says nothing gets something"
            elif case == "with O_NONBLOCK":
                client.sendall(b"GET /large.bin HTTP/1.0\r\n")
                at_rest(program.pid)
                client.sendall(b"\r\n")
                assert Response(receive_all(client)).body == LARGE, "not all of the file came"
            else:
                client.sendall(REQUEST.replace(b"GET", case.encode()) if case == "HEAD" else REQUEST)
                answer = Response(receive_all(client))
                assert (answer.status, answer.body) == (200, b"" if case == "HEAD" else PAGE)
    program.status = program.wait(4)
    assert program.status == 0, "it ends with %s; stderr: %s" % (how_it_ended(program.status), program.stderr or "(nothing)")


@graded(2, "-i: becomes the user of FILE, or ends where it may not",
        cause="Of FILE counts `user`, too: become_user() before anything is read from the client, and exit 1 where that fails.",
        read="Your turn", needs=["test_serves_one_connection"], step=3,
        by_hand=("printf 'port = 8081\\nuser = nobody\\n' > my.conf; " + INETD + "  # as root",
                 "sleep 1 | nc -N 127.0.0.1 8080 & sleep 0.5; ps -o user= -p $(pgrep -n socket-activ); wait"))
def test_becomes_the_user(chapter, folder):
    uid = str(pwd.getpwnam("nobody").pw_uid)
    client, program = as_inetd(chapter, "-c", configure(folder, user="nobody"))
    with client:
        client.sendall(b"GET / HTTP/1.0\r\n")
        wait_until(lambda: not program.is_running() or status(program.pid, "Uid").split()[1] == uid,
                   what="it to become nobody, or to end where it may not")
        if not program.is_running():
            ended = program.wait(1)
            assert ended == 1, "it ends with %s" % how_it_ended(ended)


@pytest.fixture
def place(folder):
    """Where /dev/log is to be, and the words to put before a command for which it is there."""
    with log_socket(folder) as place:
        yield place


@graded(5, "-i: stderr is silent, and all messages go to syslog",
        cause=[
            Symptom("not all of what came|Content-Length|not an HTTP|the client gets", "What is printed on stdout or stderr goes to the client: "
                    "0, 1 and 2 are the same connection. dup() it first, and have the three lead to /dev/null."),
            Symptom("in the log|has the priority", "openlog() before the configuration is read, and syslog() for all messages from then on, errors included."),
            "Nothing may come on stderr once descriptor 0 is known for a connection: who would read it is the client."],
        read="The program", needs=["test_serves_one_connection"], step=3,
        by_hand=("echo prot = 1 > my.conf; strace -f -qq -o log -s 300 -e trace=connect,sendto -e inject=connect:retval=0 " + INETD,
                 "curl -sSI -m 1 http://127.0.0.1:8080/ 2>&1 | head -1; sleep 0.2; grep -c 'no such key' log"))
def test_its_log(chapter, folder, place):
    with Log(place[0]) as log:
        client, program = as_inetd(chapter, "-c", configure(folder), before=place[1])
        with client:
            port = client.getsockname()[1]
            client.sendall(REQUEST)
            answer = Response(receive_all(client))
        assert answer.body == PAGE, "the client gets more than the answer, or less: %r" % answer.body
        program.wait(4)
        assert program.stderr == "", "stderr is not silent: " + program.stderr
        assert program.output == "", "stdout is not silent: " + program.output
        message = log.wait_for(r'127\.0\.0\.1 port %d "GET / HTTP/1\.0" 200 9' % port)
        assert (message.program, message.facility, message.priority) == ("socket-activation", DAEMON, INFORMATION)
        step("and now with a mistake in the configuration:")
        client, program = as_inetd(chapter, "-c", configure(folder, prot=1), how='exec "$0" "$@" >&0 2>&0', before=place[1])
        with client:
            data = receive_all(client)
        assert data == b"", "the client gets %r, which is for the log" % bytes(data)
        ended = program.wait(4)
        assert ended == 1, "it ends with %s" % how_it_ended(ended)
        message = log.wait_for(".*daemon.conf:3: .*")
        assert message.priority == ERROR, "%s has the priority %d" % (message.text, message.priority)


@graded(5, "-i: refuses what is no connection",
        cause=[
            Symptom("a socket of UDP", "A socket of UDP may have a peer, and yet no connection: getsockopt() with SO_TYPE is to say SOCK_STREAM.",
                    (CONFIGURED + "timeout 2 python3 -c \"import os, socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9)); os.dup2(s.fileno(), 0); "
                     "os.execv('./socket-activation', ['./socket-activation', '-i', '-c', 'my.conf'])\"; echo exit status $?",)),
            Symptom("did not end", "It reads from what is no connection, and waits: look first."),
            "getsockopt() with SOL_SOCKET and SO_TYPE, and getpeername(), tell whether descriptor 0 is a connection (SOCK_STREAM, with a peer). "
            "If not, `socket-activation: descriptor 0: ...` on stderr, and exit 1."],
        read="What can go wrong", needs=[], step=3, by_hand=(CONFIGURED + NO_CONNECTION,))
@pytest.mark.parametrize("kind", ["a file", "a pipe", "a socket that listens", "a socket of UDP that is connected"])
def test_refuses_what_is_no_connection(chapter, folder, queue, kind):
    step("descriptor 0 is %s:" % kind)
    with contextlib.ExitStack() as stack:
        if kind == "a file":
            stdin = stack.enter_context(open("/dev/null"))
        elif kind == "a pipe":
            stdin = subprocess.PIPE
        elif kind == "a socket that listens":
            stdin = queue
        else:
            stdin = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            stdin.connect(("127.0.0.1", 9))
        program = runs(chapter, "-i", "-c", configure(folder), stdin=stdin)
    is_refused_start(program, "descriptor 0")


# ---- With what people use

def answers_at(port, program):
    """Whether the server that `program` is, or starts, answers on this port of 127.0.0.1."""
    assert program.is_running(), program.stderr
    return not is_refused(port) and get(port, "/").body == PAGE


@pytest.mark.parametrize("options", [[], ["--inetd", "-a"]], ids=["LISTEN_FDS", "inetd"])
def test_systemd_socket_activate(chapter, folder, tool, port, options):
    starter = chapter.start_other([tool("systemd-socket-activate"), *options, "-l", "127.0.0.1:%d" % port, chapter.program,
                                   *(["-i"] if options else ["-n"]), "-c", configure(folder)])
    wait_until(lambda: not is_refused(port) or not starter.is_running(), what="systemd-socket-activate to listen")
    for _ in range(3):
        assert get(port, "/").body == PAGE
    if not options:  # it has become our program
        starter.signal(signal.SIGTERM)
        assert starter.wait() == 0


def test_xinetd(chapter, folder, tool, port):
    (folder / "web.conf").write_text("""service web
{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    port = %d
    bind = 127.0.0.1
    user = %s
    wait = no
    cps = 10000 1
    instances = UNLIMITED
    server = %s
    server_args = -i -c %s
}
""" % (port, getpass.getuser(), chapter.program, configure(folder)))
    starter = chapter.start_other([tool("xinetd"), "-dontfork", "-f", str(folder / "web.conf"),
                                   "-pidfile", str(folder / "pid"), "-filelog", str(folder / "log")])
    wait_until(lambda: answers_at(port, starter), what="xinetd to serve")
    with Load(port) as load:
        wait_until(lambda: load.answers > 50)
    assert not load.failures
    with connect(port) as silent:
        assert get(port, "/").body == PAGE
        silent.reset()


@pytest.mark.parametrize("options", ["", ",nofork"], ids=["a pair of sockets", "the connection itself"])
def test_socat(chapter, folder, tool, port, options):
    starter = chapter.start_other([tool("socat"), "TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork" % port,
                                   "EXEC:%s -i -c %s%s" % (chapter.program, configure(folder), options)])
    wait_until(lambda: answers_at(port, starter), what="socat to serve")
    assert get(port, "/large.bin").body == LARGE
