"""Every row of the lessons' tables "What can go wrong" has a test, marked row(CHAPTER, CALL, ERROR), that
makes it happen and sees our program do what the row says; and every such test has its row."""

import collections
import importlib
import os
import re

from repo.repository import PROGRAMS, path, read

# What a lesson has to name, at the least, if not the last: it is what people meet.
NEEDED = {
    "socket": "EPERM EAFNOSUPPORT EPROTONOSUPPORT EINVAL EMFILE",
    "bind": "EADDRINUSE EACCES EADDRNOTAVAIL EINVAL EBADF ENOTSOCK",
    "listen": "EADDRINUSE EOPNOTSUPP",
    "accept": "ECONNABORTED EINTR EAGAIN EMFILE ENFILE EPERM EPROTO EOPNOTSUPP EINVAL EBADF",
    "connect": "ECONNREFUSED ETIMEDOUT ENETUNREACH EINTR EALREADY EINPROGRESS EISCONN EADDRNOTAVAIL EADDRINUSE EAFNOSUPPORT "
               "EPERM EACCES",
    "recv": "ECONNRESET EINTR EAGAIN ENOTCONN ETIMEDOUT ECONNREFUSED",
    "send": "ECONNRESET EPIPE ENOTCONN EINTR EAGAIN ETIMEDOUT EMSGSIZE EOPNOTSUPP",
    "sendto": "EISCONN",
    "write": "EDESTADDRREQ",
    "any": "EBADF EFAULT ENOMEM ENOBUFS",
    "any on sockets": "ENOTSOCK",
    "getaddrinfo": "EAI_NONAME EAI_AGAIN EAI_SERVICE",
}


def rows():
    """The rows of all tables, as (chapter, call, error)."""
    for chapter in PROGRAMS:
        section = read(chapter, "README.md").partition("## What can go wrong")[2].partition("\n## ")[0]
        tables = [part.partition("\n\n")[0].splitlines()[2:] for part in section.split("| call |")[1:]]
        for line in sum(tables, []):
            call, error, *others = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            assert len(others) == 3 and all(others), "%s: %s" % (chapter, line)
            yield chapter, call, error


def marked():
    """The rows that tests are marked with."""
    for file in sorted(os.listdir(path("tests", "repo"))):
        if file.startswith(("test_error_tables_", "test_surroundings")):
            for function in vars(importlib.import_module("repo." + file[:-3])).values():
                for mark in getattr(function, "pytestmark", []):
                    if mark.name == "row":
                        yield mark.args


def test_every_row_has_a_test_and_every_test_a_row():
    in_lessons, in_tests = collections.Counter(rows()), collections.Counter(marked())
    assert not in_lessons - in_tests, "rows without a test"
    assert not in_tests - in_lessons, "tests without a row"


def test_the_errors_that_people_meet_are_there():
    named = {(one, symbol) for _, call, error in rows()
             for one in call.split(", ") for symbol in re.findall(r"\bE[A-Z_]+", error)}
    assert not {(call, symbol) for call in NEEDED for symbol in NEEDED[call].split()} - named
