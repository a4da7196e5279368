"""What can go wrong in exercise 2a: addresses."""

import pytest

from harness import checks

row = pytest.mark.row


def is_no_address(chapter, text):
    """The text is said to be no address, and without the name of an error."""
    program = chapter.run(text)
    checks.is_usage_error(program, text)
    assert program.stderr.startswith("address: %s: not an IPv4 or IPv6 address\n" % text)


@row("2a-address", "inet_pton", "returns 0")
def test_no_address(chapter):
    is_no_address(chapter, "127.0.0.256")


@row("2a-address", "inet_pton", "EAFNOSUPPORT")
def test_a_family_that_inet_pton_does_not_know(changed):
    is_no_address(changed("address.c", "inet_pton(AF_INET6", "inet_pton(AF_UNIX"), "::1")


@row("2a-address", "inet_aton", "returns 0")
def test_no_octal_digit(chapter):
    is_no_address(chapter, "08.0.0.1")


@row("2a-address", "inet_ntop", "ENOSPC")
def test_too_little_room(changed):
    chapter = changed("address.c", "text[INET6_ADDRSTRLEN]", "text[8]")
    checks.is_failure(chapter, chapter.run("127.0.0.1"), "ENOSPC")


@row("2a-address", "fflush", "ENOSPC")
def test_the_disk_is_full(chapter):
    checks.full_disk(chapter, "::1")


@row("2a-address", "fflush", "EBADF")
def test_no_stdout(chapter):
    program = chapter.run("::1", under=["sh", "-c", 'exec "$0" "$@" >&-'])
    checks.is_failure(chapter, program, "EBADF")
