"""The container, which .ci/systems builds: that its parts find each other, and are not written twice."""

import json
import os

from grade.files import files
from repo.repository import path, read

PACKAGES = {name: read("tests", "packages", name).split() for name in ("grade", "test")}
INSTALL = ".ci/run", ".ci/systems", "tests/grade/Containerfile", "tests/grade/gradescope/setup.sh", "tests/grade/autograder.py"


def test_no_package_is_listed_twice():
    everything = PACKAGES["grade"] + PACKAGES["test"]
    assert len(everything) == len(set(everything))
    for script in INSTALL:
        assert "packages" in read(script) and not set(everything) & set(read(script).split()), script


def test_a_dev_container_is_built_as_the_container_is_and_a_handout_has_it():
    build = json.loads(read(".devcontainer", "devcontainer.json"))["build"]
    assert os.path.samefile(path(".devcontainer", build["dockerfile"]), path("tests", "grade", "Containerfile"))
    assert os.path.samefile(path(".devcontainer", build["context"]), path("tests", "packages"))
    assert {".devcontainer/devcontainer.json", "tests/grade/Containerfile", "tests/packages/grade",
            "tests/packages/test"} <= set(files())
