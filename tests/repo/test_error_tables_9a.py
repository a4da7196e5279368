"""What can go wrong in exercise 9a: a port that somebody else opens."""

import os
import socket

import pytest

from harness.activation import given, listener, notified
from harness.concurrency import make_webroot
from harness.daemon import configure
from harness.talk import get

row = pytest.mark.row
EXERCISE = "9a-socket-activation"


@pytest.fixture
def conf(tmp_path):
    make_webroot(tmp_path / "webroot", large=b"")
    return configure(tmp_path)


def fails(chapter, message, *arguments, **options):
    """It ends with status 1, and these words on stderr."""
    program = chapter.start(*arguments, **options)
    assert (program.wait(), program.output, program.stderr) == (1, "", "socket-activation: %s\n" % message)


@row(EXERCISE, "getsockopt", "ENOTSOCK")
def test_no_socket(chapter, conf):
    with open("/dev/null") as null:
        fails(chapter, "descriptor 0: Socket operation on non-socket (ENOTSOCK)", "-i", "-c", conf, stdin=null)
        fails(chapter, "descriptor 3: Socket operation on non-socket (ENOTSOCK)", "-n", "-c", conf, under=given(), stdin=null)


@row(EXERCISE, "getsockopt", "EBADF")
def test_no_descriptor(chapter, conf):
    fails(chapter, "descriptor 3: Bad file descriptor (EBADF)", "-n", "-c", conf, under=given("3<&-"))


@row(EXERCISE, "getpeername", "ENOTCONN")
def test_a_listener_in_place_of_a_connection(chapter, conf):
    with listener() as queue:
        fails(chapter, "descriptor 0: Transport endpoint is not connected (ENOTCONN)", "-i", "-c", conf, stdin=queue)


@row(EXERCISE, "none", "`not a listening TCP socket`")
def test_of_another_family(chapter, conf):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind("")  # the kernel finds a name
        other.listen()
        fails(chapter, "descriptor 3: not a listening TCP socket", "-n", "-c", conf, under=given(), stdin=other)


@row(EXERCISE, "none", "`LISTEN_FDS: 2: not 1`")
def test_two_ports(chapter, conf):
    with listener() as queue:
        fails(chapter, "LISTEN_FDS: 2: not 1", "-n", "-c", conf, under=given(count="2"), stdin=queue)


@row(EXERCISE, "accept", "EAGAIN")
def test_another_was_faster(chapter, conf, faults):
    with listener() as queue:
        server = chapter.start("-n", "-c", conf, under=[*faults("accept:error=EAGAIN:when=1"), *given()], stdin=queue)
        assert get(queue, "/").status == 200 and server.stderr == ""


@row(EXERCISE, "sendto", "ECONNREFUSED")
def test_who_listened_has_ended(chapter, conf):
    with notified(is_abstract=False) as starter:
        starter.close()
        server = chapter.serve("-n", "-c", conf, env={**os.environ, "NOTIFY_SOCKET": starter.name})
        server.wait_for_error(r"^socket-activation: NOTIFY_SOCKET %s: Connection refused \(ECONNREFUSED\)$" % starter.name)
        assert get(server, "/").status == 200
