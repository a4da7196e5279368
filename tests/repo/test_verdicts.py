"""No false alarm, and no gift: right programs in any style earn full points, starting points do not."""

import concurrent.futures
import glob
import os
import sys

import pytest

from grade import learner, report, run
from grade import results as model
from repo.repository import PROGRAMS, REPOSITORY, path

pytestmark = pytest.mark.strict  # a part of make check: it grades two dozen programs
RIGHT = [path(chapter) for chapter in PROGRAMS] + sorted(
    os.path.dirname(makefile)
    for makefile in glob.glob(os.path.join(glob.escape(REPOSITORY), "tests/repo/alternatives/*/*/Makefile")))


def grade_all(place, folders):
    """Grade (chapter, folder) pairs, a few at a time; return their results in order."""
    place.chmod(0o755)
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda job: run.grade_chapter(
            sys.executable, job[1][0], job[1][1], str(place / ("%d.json" % job[0])), 1), enumerate(folders)))


@pytest.fixture(scope="module")
def of_right_programs(tmp_path_factory):
    """The results of our programs and of the independent ones, by folder."""
    jobs = [(os.path.basename(folder), folder) for folder in RIGHT]
    return dict(zip(RIGHT, grade_all(tmp_path_factory.mktemp("right"), jobs)))


@pytest.fixture(scope="module")
def of_starting_points(tmp_path_factory):
    """The results of what `make start` lays out, by chapter."""
    place = tmp_path_factory.mktemp("start")
    jobs = []
    for chapter in PROGRAMS:
        folder = place / chapter
        folder.mkdir()
        learner.lay_out(chapter, str(folder))
        jobs.append((chapter, str(folder)))
    return dict(zip(PROGRAMS, grade_all(place, jobs)))


@pytest.mark.parametrize("folder", RIGHT, ids=lambda folder: os.sep.join(folder.split(os.sep)[-2:]))
def test_a_right_program_earns_all_points(of_right_programs, folder):
    results = of_right_programs[folder]
    trouble = [check for check in results["checks"] if check["verdict"] not in (model.PASSED, model.NOT_POSSIBLE)]
    assert not trouble and model.earned(results) == 100, report.tell(results, everything=True, colours=False)


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_a_starting_point_fails_and_is_told_the_first_thing_to_do(of_starting_points, chapter):
    results = of_starting_points[chapter]
    first = report.first_trouble(results)
    assert first["steps"] and first["message"], first
    told = report.tell(results, compare=True, colours=False)
    assert len(told.splitlines()) <= 40, told
    assert model.GRADER_ERROR not in {check["verdict"] for check in results["checks"]}
    assert model.earned(results) <= {"08-fork-server": 60}.get(chapter, 20), report.tell(results, colours=False)
