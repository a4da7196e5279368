"""No false alarm, and no gift: right programs in any style earn full points, starting points do not."""

import concurrent.futures
import glob
import os
import sys

import pytest

from grade import learner, run
from grade import results as model
from repo.repository import CHAPTERS, REPOSITORY

ALTERNATIVES = sorted(
    os.path.dirname(makefile)
    for makefile in glob.glob(os.path.join(glob.escape(REPOSITORY), "tests/repo/alternatives/*/*/Makefile")))


def grade_all(place, folders):
    """Grade (chapter, folder) pairs, a few at a time; return their results in order."""
    place.chmod(0o755)
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda job: run.grade_chapter(
            sys.executable, job[1][0], job[1][1], str(place / ("%d.json" % job[0])), 1), enumerate(folders)))


@pytest.fixture(scope="module")
def of_alternatives(tmp_path_factory):
    """The results of the independent implementations, by folder."""
    jobs = [(os.path.basename(folder), folder) for folder in ALTERNATIVES]
    return dict(zip(ALTERNATIVES, grade_all(tmp_path_factory.mktemp("alternatives"), jobs)))


@pytest.fixture(scope="module")
def of_starting_points(tmp_path_factory):
    """The results of what `make start` lays out, by chapter."""
    place = tmp_path_factory.mktemp("start")
    jobs = []
    for chapter in CHAPTERS:
        folder = place / chapter
        folder.mkdir()
        learner.lay_out(chapter, str(folder))
        jobs.append((chapter, str(folder)))
    return dict(zip(CHAPTERS, grade_all(place, jobs)))


@pytest.mark.parametrize("folder", ALTERNATIVES, ids=lambda path: os.sep.join(path.split(os.sep)[-2:]))
def test_another_right_program_earns_all_points(of_alternatives, folder):
    results = of_alternatives[folder]
    trouble = [check for check in results["checks"] if check["verdict"] not in (model.PASSED, model.NOT_POSSIBLE)]
    assert not trouble and model.earned(results) == 100, (trouble, results["log"])


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_starting_point_fails_and_is_told_the_first_thing_to_do(of_starting_points, chapter):
    results = of_starting_points[chapter]
    first = results["checks"][0]
    assert first["verdict"] == model.FAILED, first
    assert first["steps"] and first["message"], first
    assert "does not build" not in first["message"]
    assert model.GRADER_ERROR not in {check["verdict"] for check in results["checks"]}
    assert model.earned(results) <= 20, results
