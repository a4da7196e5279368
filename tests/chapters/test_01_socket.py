"""01-socket: one socket, and the table of what the kernel knows of it."""

import errno
import os
import socket

import pytest

from harness import checks

CHAPTER = "01-socket"

FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "unix": socket.AF_UNIX}
TYPES = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM, "raw": socket.SOCK_RAW,
         "seqpacket": socket.SOCK_SEQPACKET}
PROTOCOLS = {0: "default", socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}


def table(descriptor, family, type, protocol):
    return ("descriptor  %d\nfamily      %s\ntype        %s\nprotocol    %s\n"
            "local       none yet\nremote      none yet\n" % (descriptor, family, type, protocol))


def name_of(number, names):
    """The name that a dictionary of names has for a number, or else "other"."""
    return next((name for name, value in names.items() if value == number), "other")


@pytest.mark.parametrize("arguments,family,type,protocol", [
    ([], "inet", "stream", "tcp"),
    (["inet"], "inet", "stream", "tcp"),
    (["inet", "stream"], "inet", "stream", "tcp"),
    (["inet", "dgram"], "inet", "dgram", "udp"),
    (["unix"], "unix", "stream", "default"),
    (["unix", "dgram"], "unix", "dgram", "default"),
])
def test_prints_the_table(chapter, arguments, family, type, protocol):
    if not hasattr(socket, "SO_PROTOCOL"):
        protocol = "default"  # macOS does not tell
    program = chapter.run(*arguments)
    assert (program.status, program.stderr) == (0, "")
    assert program.output == table(3, family, type, protocol)


def test_inet6_is_a_stream_too(chapter):
    checks.needs_ipv6()
    program = chapter.run("inet6")
    assert program.status == 0
    assert "family      inet6\ntype        stream\n" in program.output


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_kernel_decides(chapter, family, type):
    """For each family and type: the table that the kernel's answers give, or the kernel's error."""
    try:
        with socket.socket(FAMILIES[family], TYPES[type], 0) as ours:
            error = None
            real_type = name_of(ours.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), TYPES)
            protocol = 0  # where the system does not tell
            if hasattr(socket, "SO_PROTOCOL"):
                protocol = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
    except OSError as failure:
        error = failure.errno
    program = chapter.run(family, type)
    if error:
        checks.is_failure(chapter, program, errno.errorcode[error])
    else:
        assert (program.status, program.stderr) == (0, "")
        assert program.output == table(3, family, real_type, PROTOCOLS.get(protocol, "other"))


def test_the_descriptor_is_the_kernels(chapter):
    """With 3 to 5 taken, the lowest free descriptor is 6."""
    take_three = ["sh", "-c", 'exec "$0" "$@" 3</dev/null 4</dev/null 5</dev/null']
    program = chapter.run(under=take_three)
    assert program.output.startswith("descriptor  6\n"), program.output


@pytest.mark.parametrize("symbol", ["EMFILE", "ENFILE", "ENOBUFS", "EACCES"])
def test_names_the_error(chapter, faults, symbol):
    checks.is_failure(chapter, chapter.run("inet", "stream", under=faults("socket:error=" + symbol)), symbol)


def test_full_disk(chapter):
    """Output that got lost is a failure, though it is noticed only when the buffer is written."""
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    program = chapter.run(under=["sh", "-c", 'exec "$0" "$@" > /dev/full'])
    checks.is_failure(chapter, program, "ENOSPC")


@pytest.mark.parametrize("arguments,bad", [
    (["inet4"], "inet4"), (["INET"], "INET"), (["ine"], "ine"), (["stream"], "stream"), ([""], ""),
    (["inet", "tcp"], "tcp"), (["inet", "streams"], "streams"), (["unix", ""], ""),
    (["inet", "stream", "tcp"], "tcp"), (["inet", "inet6"], "inet6"),
])
def test_wrong_usage(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments), bad)
