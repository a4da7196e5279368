"""What can go wrong in exercise 4d: sockets with a path."""

import os
import signal
import socket

import pytest

from harness import checks
from harness.unix_sockets import NAME, connect, exchange, leave_stale, serve
from harness.users import PublicFolder, ordinary_user

row = pytest.mark.row


def is_refused(chapter, folder, symbol, name=NAME, run=None):
    """A start at this name fails with this error of bind(), and what is there stays."""
    before = os.lstat(folder / name).st_ino if os.path.lexists(folder / name) else None
    program = (run or chapter.run)(name, cwd=str(folder))
    checks.is_failure(chapter, program, symbol)
    assert program.stderr.startswith("unix-socket: bind %s: " % name)
    assert before is None or os.lstat(folder / name).st_ino == before


@row("4d-unix-socket", "bind", "EADDRINUSE")
def test_another_one_listens_there(chapter, tmp_path):
    server = serve(chapter, tmp_path)
    is_refused(chapter, tmp_path, "EADDRINUSE")
    assert exchange(server, b"hello").endswith(b"hello")


@row("4d-unix-socket", "bind", "ENOTSOCK")
def test_another_file_is_there(chapter, tmp_path):
    (tmp_path / "Makefile").write_text("all:\n")
    is_refused(chapter, tmp_path, "ENOTSOCK", "Makefile")


@row("4d-unix-socket", "bind", "EACCES")
def test_the_folder_is_not_ours(run_by_a_user):
    program = run_by_a_user("/etc/echo.socket")
    assert program.status == 1 and "unix-socket: bind /etc/echo.socket: Permission denied (EACCES)\n" == program.stderr


@row("4d-unix-socket", "open", "ENOENT")
def test_no_such_folder(chapter):
    program = chapter.run("nowhere/echo.socket")
    checks.is_failure(chapter, program, "ENOENT")
    assert program.stderr.startswith("unix-socket: open nowhere: ")


@row("4d-unix-socket", "connect", "ECONNREFUSED")
def test_nobody_listens_any_more(chapter, tmp_path):
    server = serve(chapter, tmp_path)
    server.signal(signal.SIGKILL)
    server.wait()
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    assert exchange(serve(chapter, tmp_path), b"hello").endswith(b"hello")


@row("4d-unix-socket", "connect", "EACCES")
def test_another_users_socket(chapter):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with PublicFolder() as folder:  # it is root's, and so is the socket
        leave_stale(str(folder.path / NAME))
        chapter.program = folder.copy(chapter.program)
        program = chapter.run(str(folder.path / NAME), **ordinary_user())
        checks.is_failure(chapter, program, "EACCES")
        assert os.path.exists(folder.path / NAME)


@row("4d-unix-socket", "connect", "EPROTOTYPE")
def test_a_socket_of_datagrams(chapter, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / NAME))
        is_refused(chapter, tmp_path, "EPROTOTYPE")


@row("4d-unix-socket", "send", "EPIPE")
def test_a_client_that_has_left(chapter, tmp_path):
    server = serve(chapter, tmp_path)
    with connect(server) as first:
        first.sendall(b"x")
        connect(server).close()
    server.wait_for_error(r"^unix-socket: send to process %d: Broken pipe \(EPIPE\)$" % os.getpid())
    assert exchange(server, b"hello").endswith(b"hello")
