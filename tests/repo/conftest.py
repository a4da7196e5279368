"""What several checks of the repository need."""

import shutil

import pytest

from harness.build import program_name
from repo.repository import CHAPTERS, REPOSITORY


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the repository without what was built, whose path has a space."""
    copy = tmp_path_factory.mktemp("make") / "my sockets"
    shutil.copytree(REPOSITORY, copy, ignore=shutil.ignore_patterns(
        ".git", ".venv", "work", "__pycache__", "*.pid", *map(program_name, CHAPTERS)))
    return str(copy)
