"""Servers that are started in odd surroundings keep their promises: with a standard descriptor closed, with a
limit for the size of files, with children of somebody else's, and as process 1."""

import itertools
import os
import re
import signal

import pytest

from harness.concurrency import begin, finish
from harness.daemon import configure
from harness.inspect import children, leads_to
from harness.namespaces import prefix
from harness.program import wait_until
from harness.talk import connect, exchange, get

WEB_SERVERS = ["07-tinyweb", "08-fork-server", "09-daemon"]
LISTENING = re.compile(r"^listening on 127\.0\.0\.1 port (\d+)$", re.MULTILINE)
PAGE = b"<h1>here</h1>\n"


@pytest.fixture
def words(tmp_path):
    """words("07-tinyweb", "-c", "1") are arguments for a server on a port that the kernel chooses, with PAGE."""
    root = tmp_path / "webroot"
    root.mkdir()
    (root / "index.html").write_bytes(PAGE)

    def make(name, *more):
        if name == "09-daemon":
            return ["-n", "-c", configure(tmp_path, pidfile=None)]
        return ["-p", "0", *more, root] if name in WEB_SERVERS else ["0"]

    return make


@pytest.mark.parametrize("closed", [numbers for count in (1, 2, 3)
                                    for numbers in itertools.combinations(range(3), count)], ids=str)
@pytest.mark.parametrize("name", ["02-bind-listen", "03-accept", "04-send-recv", *WEB_SERVERS[:2]])
def test_no_client_gets_what_is_meant_for_a_closed_terminal(other, words, name, closed):
    """9 opens all that are closed; its own tests tell."""
    server = other(name).start(*words(name), preexec_fn=lambda: list(map(os.close, closed)))
    wait_until(lambda: LISTENING.search(server.output) or not server.is_running(), what="the start, or an end")
    if server.is_running():
        with connect(int(LISTENING.search(server.output).group(1))):
            assert not any(leads_to(server.pid).get(number, "").startswith("socket:") for number in range(3))
    else:
        assert server.wait() == 1
        assert 2 in closed or server.stderr.endswith("(EBADF)\n")


@pytest.mark.row("04-send-recv", "write (in `printf()`)", "EFBIG, and SIGXFSZ")
@pytest.mark.row("07-tinyweb", "write", "EFBIG, and SIGXFSZ")
@pytest.mark.parametrize("name", ["04-send-recv", *WEB_SERVERS])
def test_a_log_that_may_grow_no_more_ends_nothing(other, words, tmp_path, name):
    log = tmp_path / "log"
    server = other(name).start(*words(name), under=["sh", "-c", 'ulimit -f 1; exec "$0" "$@" > %s' % log])
    port = int(wait_until(lambda: log.exists() and LISTENING.search(log.read_text())).group(1))
    for _ in range(30):
        assert exchange(port, b"GET / HTTP/1.0\r\n\r\n").endswith(PAGE if name in WEB_SERVERS else b"\r\n\r\n")
    server.wait_for_error(r"\(EFBIG\)$")
    assert server.is_running()


@pytest.mark.parametrize("name,more", [("08-fork-server", ["-c", "1"]), ("09-daemon", [])])
def test_children_of_somebody_else_are_not_counted(other, words, tmp_path, name, more):
    ended = tmp_path / "ended"
    server = other(name).serve(*words(name, *more), under=["sh", "-c", '(: > %s) & exec "$0" "$@"' % ended])
    with begin(server) as client:
        wait_until(lambda: ended.exists() and len(children(server.pid)) == 1, what="the end of somebody's child")
        if more:
            assert get(server, "/").status == 503
        server.signal(signal.SIGTERM)
        assert server.is_running()
        assert finish(client).body == PAGE
    assert server.wait() == 0


@pytest.mark.parametrize("name", WEB_SERVERS)
def test_as_process_1_it_leaves_no_orphan_a_zombie(other, words, tmp_path, name):
    new = prefix("--pid", "--fork", "--kill-child", "--mount-proc")
    if new is None:
        pytest.skip("needs the permission to make a Linux namespace")
    unshare = other(name).serve(*words(name), under=[*new, "sh", "-c", '((sleep 0.3) & :); exec "$0" "$@"'])
    server, = children(unshare.pid)
    wait_until(lambda: not children(server), what="the end of an orphan, zombies included")
    assert get(unshare, "/").body == PAGE
