"""The folders that chapter 7's program serves."""

import pytest

from harness import http_checks


@pytest.fixture
def root(tmp_path):
    """A webroot of its own, for a program that is told which."""
    return http_checks.fill_webroot(tmp_path / "webroot")


@pytest.fixture
def webroot(chapter):
    """The folder `webroot` beside the program, filled for this test."""
    with http_checks.filled_beside(chapter.program) as folder:
        yield folder


@pytest.fixture
def home(chapter, webroot):
    """A server of the folder beside it, started there: a first small version finds no other."""
    return chapter.serve("-p", "0", cwd=chapter.folder)
