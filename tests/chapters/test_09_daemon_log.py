"""09-daemon: what it writes to the system's log, which the test plays, or a real rsyslogd."""

import os
import re
import signal

import pytest

from harness.concurrency import make_webroot
from harness.daemon import configure, reload
from harness.grading import Symptom, graded
from harness.http_checks import LOG_LINE
from harness.program import wait_until
from harness.syslog import DAEMON, ERROR, INFORMATION, NOTICE, WARNING, Log, log_socket
from harness.talk import exchange, get

CHAPTER = "09-daemon"


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot", large=b"")
    return tmp_path


@pytest.fixture
def place(folder):
    """Where /dev/log is to be, and the words to put before a command for which it is there."""
    with log_socket(folder) as place:
        yield place


@pytest.fixture
def log(place):
    with Log(place[0]) as log:
        yield log


@pytest.fixture
def daemon(daemons, folder, place, log):
    return daemons.start("-c", configure(folder), under=place[1])


@graded(3, "Logs start, requests and end to syslog, with their priorities", step=9,
        cause=[
            Symptom("has the priority", "A message has another priority than the contract's: LOG_INFO for "
                    "answers, LOG_NOTICE for `started` and `stopped`."),
            Symptom("not a message|comes from|facility", "openlog(\"daemon\", LOG_PID, LOG_DAEMON): the "
                    "name, the process id and the facility of each message come from there."),
            "What is logged goes to stdout or stderr still, which lead to /dev/null, and not through "
            "syslog(): all of it, also what chapter 8 reports."],
        read="The program", needs=["test_answers_once_the_started_process_has_ended"],
        by_hand=("printf 'port = 8080\\n' > my.conf; strace -f -o log -s 99 -e trace=connect,sendto -e inject=connect:retval=0 ./daemon -c my.conf",
                 "pid=$(pgrep -xn daemon); curl -so /dev/null http://127.0.0.1:8080/; sleep 0.2; kill $pid; sleep 0.3; grep -o '<[0-9]*>' log | sort | uniq -c; grep -c 'daemon\\[' log"))
def test_start_requests_and_end_are_logged(daemon, log, folder):
    assert get(daemon, "/").status == 200
    assert get(daemon, "/missing").status == 404
    expected = {r'127\.0\.0\.1 port \d+ "GET / HTTP/1\.0" 200 9': INFORMATION,
                r'127\.0\.0\.1 port \d+ "GET /missing HTTP/1\.0" 404 \d+': INFORMATION,
                "started": NOTICE, "stopped": NOTICE}
    daemon.signal(signal.SIGTERM)
    daemon.wait()
    has_the_priorities(log, daemon, expected)


def has_the_priorities(log, daemon, expected):
    """The messages have come, from the daemon or, of requests, one of its children. `expected` is a dictionary from a
    message to its priority."""
    for text, priority in expected.items():
        message = log.wait_for(text, limit=2)
        assert message.priority == priority, "`%s` has the priority %d, not %d" % (message.text, message.priority, priority)
        assert priority == INFORMATION or message.pid == daemon.pid, "`%s` comes from another process" % message.text
    for message in log.messages:
        assert message.program == "daemon", "`%s` comes from %s, not daemon" % (message.text, message.program)
        assert message.facility == DAEMON, "`%s` has the facility %d, not LOG_DAEMON" % (message.text, message.facility)


FORGERIES = [
    b"GET /%n%s%x%999999s HTTP/1.0", b"GET /%0a<3>daemon[1]:%20forged HTTP/1.0", b'GET /" 200 9 HTTP/1.0',
    b"GET /\r<3>daemon[1]: forged HTTP/1.0", b"GET /\x1b[2J\x07\x7f\x9b HTTP/1.0",
]


@graded(2, "No request can forge or spoil a message of the log", step=9,
        cause=[
            Symptom("message for a request|printf", "What the client sent is passed to syslog() as the format, and a % "
                    "in it is obeyed: syslog(priority, \"%s\", line)."),
            "Control characters, quotes and backslashes of the request line become \\xHH, in syslog's "
            "messages, too."],
        read="The program", needs=["test_start_requests_and_end_are_logged"],
        by_hand=("strace -f -o log -s 99 -e trace=connect,sendto -e inject=connect:retval=0 ./daemon",
                 "printf 'GET /%%x\\\"\\033[2J HTTP/1.0\\r\\n\\r\\n' | nc -N 127.0.0.1 8080 | head -1; sleep 0.2; grep -o 'GET /.*HTTP' log; kill $(cat daemon.pid)"))
def test_no_request_can_forge_a_message(daemon, log):
    def of_requests():
        return [message.text for message in log.messages if message.priority == INFORMATION]

    for number, line in enumerate(FORGERIES):
        exchange(daemon, line + b"\r\n\r\n")
        wait_until(lambda: len(of_requests()) > 2 * number, what="a message for a request")
        get(daemon, "/the-end-%d" % number)
        log.wait_for(r'.* "GET /the-end-%d HTTP/1\.0" .*' % number)
        messages = of_requests()
        assert len(messages) == 2 * number + 2, "not one message for each request: %r" % messages
        logged = LOG_LINE.fullmatch(messages[-2])
        assert logged and logged.group("status") in ("400", "404"), "not a line of the log: %r" % messages[-2]
        assert re.fullmatch("[ -~]*", messages[-2]), "there is what is not plain text in %r" % messages[-2]
        if line.startswith(b"GET /%"):  # plain text, which means something only to printf(3)
            assert logged.group("line").encode() == line, "printf(3) has obeyed it: %r" % messages[-2]


@graded(2, "With -n it logs to stdout", step=9,
        cause="With -n the log goes to stdout, each line at once: `started`, a line for each answer as in chapter 7, "
              "`stopped`; only without -n to syslog().",
        read="The program", needs=["test_serves_in_the_foreground"],
        by_hand=("printf 'port = 8080\\n' > my.conf; ./daemon -n -c my.conf",
                 "curl -sSI -m 1 http://127.0.0.1:8080/ | head -1; sleep 0.2; kill $(pgrep -xn daemon)"))
def test_logs_to_stdout_in_the_foreground(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder))
    assert get(server, "/").status == 200
    server.wait_for_output(r'^127\.0\.0\.1 port \d+ "GET / HTTP/1\.0" 200 9$', limit=2)
    server.signal(signal.SIGTERM)
    server.wait()
    assert re.fullmatch(r"listening on .*\nstarted\n127.*\nstopped\n", server.output), (
        "stdout is not `listening`, `started`, the request, `stopped`:\n" + server.output)
    assert server.stderr == "", "nothing has failed, and stderr says: " + server.stderr


@graded(1, "SIGHUP: reloads and errors go to syslog, with their priorities", step=11,
        cause="A message has another priority than the contract's: LOG_NOTICE for `configuration changed`, LOG_WARNING "
              "for the warning, LOG_ERR for errors and `configuration not changed`.",
        read="Your turn", needs=["test_start_requests_and_end_are_logged", "test_a_daemon_finds_its_configuration_again"],
        by_hand=("printf 'port = 8080\\n' > my.conf; strace -f -o log -s 99 -e trace=connect,sendto -e inject=connect:retval=0 ./daemon -c my.conf",
                 "pid=$(pgrep -xn daemon); echo pidfile = my.pid >> my.conf; kill -HUP $pid; sleep 0.2; echo prot = 1 >> my.conf; kill -HUP $pid; sleep 0.2; kill $pid; sleep 0.3; grep -o '<[0-9]*>' log | sort | uniq -c; grep -c 'daemon\\[' log"))
def test_reloads_are_logged(daemon, log, folder):
    reload(daemon, folder, pidfile="other.pid")
    log.wait_for("configuration changed", limit=3)
    reload(daemon, folder, port="none")
    log.wait_for("configuration not changed", limit=3)
    has_the_priorities(log, daemon, {
        "configuration changed": NOTICE, "user and pidfile take effect at the next start": WARNING,
        "configuration not changed": ERROR, re.escape(str(folder)) + r"/daemon\.conf:1: .+": ERROR})


def test_in_the_foreground_it_writes_to_its_standard_output(chapter, folder, place, log):
    server = chapter.serve("-n", "-c", configure(folder), under=place[1])
    assert get(server, "/").status == 200
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert server.output.endswith("stopped\n")
    assert log.messages == []


def test_serves_without_a_log(daemons, folder, place):
    daemon = daemons.start("-c", configure(folder), under=place[1])  # nobody is at /dev/log
    for _ in range(10):
        assert get(daemon, "/").status == 200


RSYSLOGD = """
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{socket}")
template(name="plain" type="string" string="%syslogfacility-text%.%syslogseverity-text% %syslogtag%%msg%\\n")
action(type="omfile" file="{folder}/messages" template="plain")
"""


def test_a_real_syslog_daemon_understands_it(daemons, chapter, folder, place, tool):
    (folder / "rsyslog.conf").write_text(RSYSLOGD.format(socket=place[0], folder=folder))
    collector = chapter.start_other([tool("rsyslogd"), "-n", "-f", str(folder / "rsyslog.conf"),
                                     "-i", str(folder / "rsyslogd.pid")])
    wait_until(lambda: os.path.exists(place[0]) or not collector.is_running(), what="rsyslogd's socket")
    if not collector.is_running():
        pytest.skip("rsyslogd may not run here: " + collector.stderr)
    daemon = daemons.start("-c", configure(folder), under=place[1])
    assert get(daemon, "/").status == 200
    daemon.signal(signal.SIGTERM)
    messages = folder / "messages"
    wait_until(lambda: messages.exists() and "stopped" in messages.read_text(), what="the last message")
    lines = [line for line in messages.read_text().splitlines() if " rsyslogd: " not in line]
    assert lines[0] == "daemon.notice daemon[%d]: started" % daemon.pid
    assert re.fullmatch(r'daemon\.info daemon\[\d+\]: 127\.0\.0\.1 port \d+ "GET / HTTP/1\.0" 200 9', lines[1])
    assert lines[2:] == ["daemon.notice daemon[%d]: stopped" % daemon.pid]
