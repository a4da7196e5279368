"""What can go wrong in chapters 1 to 3: a socket, its address, and taking clients."""

import errno
import socket
import subprocess

import pytest

from harness import checks
from harness.talk import connect, receive_all

row = pytest.mark.row


# ---- Chapter 1

def limited(descriptors):
    """A command that runs a program with so many descriptors."""
    return ["sh", "-c", 'ulimit -n %d; exec "$0" "$@"' % descriptors]


@row("01-socket", "socket", "ESOCKTNOSUPPORT")
def test_no_such_type_in_the_family(chapter):
    checks.is_failure(chapter, chapter.run("inet", "seqpacket"), "ESOCKTNOSUPPORT")


@row("01-socket", "socket", "EPROTONOSUPPORT")
def test_no_usual_protocol(chapter):
    checks.is_failure(chapter, chapter.run("inet", "raw"), "EPROTONOSUPPORT")


@row("01-socket", "socket", "EAFNOSUPPORT")
def test_no_such_family(changed):
    chapter = changed("socket.c", "AF_UNIX", "99")
    checks.is_failure(chapter, chapter.run("unix"), "EAFNOSUPPORT")


@row("01-socket", "socket", "EAFNOSUPPORT")
def test_a_family_of_the_past(chapter):
    with pytest.raises(OSError) as error:
        socket.socket(socket.AF_IPX)
    assert error.value.errno == errno.EAFNOSUPPORT
    checks.is_usage_error(chapter.run("ipx"), "ipx")


@row("01-socket", "socket", "EINVAL")
def test_no_type_of_this_number(changed):
    chapter = changed("socket.c", "SOCK_SEQPACKET", "12")
    checks.is_failure(chapter, chapter.run("inet", "seqpacket"), "EINVAL")


@row("01-socket", "socket", "EPERM (EACCES in POSIX)")
def test_raw_sockets_are_for_root(changed, run_by_a_user):
    chapter = changed("socket.c", "type->number, 0)", "type->number, IPPROTO_ICMP)")
    checks.is_failure(chapter, run_by_a_user("inet", "raw"), "(EPERM|EACCES)")


@row("01-socket", "socket", "EMFILE")
def test_no_free_descriptor_for_a_socket(chapter, tmp_path):
    chapter.program = str(tmp_path / "socket")
    built = subprocess.run("cc -static *.c -o " + chapter.program, shell=True, cwd=chapter.folder,
                           stderr=subprocess.DEVNULL)
    if built.returncode != 0:
        pytest.skip("needs a static libc")
    checks.is_failure(chapter, chapter.run(under=limited(3)), "EMFILE")


@row("01-socket", "getpeername", "ENOTCONN")
def test_no_other_end(chapter):
    program = chapter.run()
    assert program.status == 0
    assert program.output.endswith("\nremote      none yet\n")


@row("01-socket", "fflush", "ENOSPC")
def test_full_disk(chapter):
    checks.full_disk(chapter)


# ---- Chapter 2

@row("02-bind-listen", "bind", "EADDRINUSE")
def test_somebody_listens_there(chapter):
    checks.port_in_use(chapter, checks.positional)


@row("02-bind-listen", "bind", "EADDRINUSE")
def test_an_old_connection_is_there(chapter, changed):
    checks.starts_beside_an_old_connection(chapter, checks.positional)
    careless = changed("listener.c", "setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)", "on")
    with pytest.raises(AssertionError, match="before it listened|listens nowhere"):
        checks.starts_beside_an_old_connection(careless, checks.positional)
    assert "(EADDRINUSE)" in careless.started[-1].stderr


@row("02-bind-listen", "bind", "EACCES")
def test_a_port_for_root(chapter, run_by_a_user):
    checks.needs_privileged_ports()
    checks.is_failure(chapter, run_by_a_user("80"), "EACCES")


@row("02-bind-listen", "bind", "EADDRNOTAVAIL")
def test_an_address_of_another_machine(chapter):
    checks.is_failure(chapter, chapter.run("0", "192.0.2.1"), "EADDRNOTAVAIL")


BIND = "bind(listener, address, length) < 0"


@row("02-bind-listen", "bind", "EINVAL")
def test_bind_twice(changed):
    chapter = changed("listener.c", BIND, BIND + " || " + BIND)
    checks.is_failure(chapter, chapter.run("0"), "EINVAL")


@row("02-bind-listen", "bind", "EBADF")
def test_bind_no_descriptor(changed):
    chapter = changed("listener.c", "bind(listener,", "bind(-1,")
    checks.is_failure(chapter, chapter.run("0"), "EBADF")


@row("02-bind-listen", "bind", "ENOTSOCK")
def test_bind_what_is_no_socket(changed):
    chapter = changed("listener.c", "bind(listener,", "bind(0,")
    checks.is_failure(chapter, chapter.run("0"), "ENOTSOCK")


@row("02-bind-listen", "listen", "EADDRINUSE")
def test_somebody_has_listened_in_between(chapter, faults):
    """Both are bound before either listens. The system does not tell of a socket that is only bound: so it is made up."""
    program = chapter.run("0", under=faults("listen:error=EADDRINUSE"))
    checks.is_failure(chapter, program, "EADDRINUSE")
    assert program.stderr.startswith("bind-listen: listen on 127.0.0.1 port 0: ")


@row("02-bind-listen", "listen", "EOPNOTSUPP")
def test_listen_for_datagrams(changed):
    chapter = changed("listener.c", "SOCK_STREAM", "SOCK_DGRAM")
    checks.is_failure(chapter, chapter.run("0"), "EOPNOTSUPP")


# ---- Chapter 3

@row("03-accept", "accept", "EINTR")
@row("03-accept", "accept", "ECONNABORTED")
@row("03-accept", "accept", "EAGAIN")
@pytest.mark.parametrize("symbol", ["EINTR", "ECONNABORTED", "EAGAIN"])
def test_no_client_this_time(chapter, faults, symbol):
    server = chapter.serve("0", under=faults("?accept,?accept4:error=%s:when=1+2" % symbol))
    for number in (1, 2):
        receive_all(connect(server))
        server.wait_for_output("^connection %d " % number)
    assert server.stderr == ""


@row("03-accept", "accept", "EMFILE")
def test_no_free_descriptor_for_a_client(chapter):
    checks.survives_lack_of_descriptors(chapter.serve("0"))


@row("03-accept", "accept", "ENFILE")
@row("03-accept", "accept", "EPERM")
@row("03-accept", "accept", "EPROTO, ENETDOWN ...")
@pytest.mark.parametrize("symbol", ["ENFILE", "EPERM", "EPROTO", "ENETDOWN"])
def test_it_may_pass_by_itself(chapter, faults, symbol):
    server = chapter.serve("0", under=faults("?accept,?accept4:error=%s:when=1..3" % symbol))
    server.wait_for_error(r"\A(?:accept: accept: .* \(%s\)\n){3}" % symbol)
    receive_all(connect(server))
    server.wait_for_output("^connection 1 ")


def ends_with(server, symbol):
    """The server, which did start, ends with status 1, and names the error of accept()."""
    assert server.wait() == 1
    assert server.stderr.startswith("accept: accept: ") and server.stderr.endswith("(%s)\n" % symbol)


@row("03-accept", "accept", "EINVAL")
def test_accept_without_listen(changed):
    chapter = changed("listener.c", "listen(listener, SOMAXCONN) < 0", "listener < 0")
    ends_with(chapter.serve("0"), "EINVAL")


@row("03-accept", "accept", "EOPNOTSUPP")
def test_accept_for_datagrams(changed):
    chapter = changed("listener.c", "SOCK_STREAM", "SOCK_DGRAM", "listen(listener, SOMAXCONN) < 0", "listener < 0")
    server = chapter.serve("0")
    server.wait_for_error(r"\A(?:accept: accept: .* \((EOPNOTSUPP|ENOTSUP|unlisted)\)\n){3}")


@row("03-accept", "accept", "EBADF")
def test_accept_from_no_descriptor(changed):
    chapter = changed("accept.c", "    for (unsigned long", "    close(listener);\n    for (unsigned long")
    ends_with(chapter.serve("0"), "EBADF")
