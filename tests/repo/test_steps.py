"""The steps of each chapter: small, in order, and each a program that works."""

import concurrent.futures
import os
import re
import statistics
import subprocess
import sys

import pytest

from grade import growth, report, run
from grade import results as model
from grade.names import is_exercise, number
from mutants.run import graded_checks
from repo.repository import CHAPTERS, FLAGS, PROGRAMS, clone, path, read

STEPS = [(chapter, step) for chapter in PROGRAMS for step in range(1, 1 + len(growth.patches(path(chapter))))]
each_step = pytest.mark.parametrize("chapter,step", STEPS, ids=lambda value: str(value)[:2])


def changed_lines(patch):
    """How many lines a patch adds or takes away."""
    return len(re.findall(r"^[+-](?!-- a/|-- /dev/null$|\+\+ b/|\+\+ /dev/null$)", patch, re.MULTILINE))


def patches(chapter):
    """The texts of a chapter's patches, in order."""
    return [growth.read(name) for name in growth.patches(path(chapter))]


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_the_steps_make_the_program_to_the_byte(chapter):
    assert growth.states(chapter)[-1] == growth.program_in(path(chapter)), "python3 tests/lab.py steps mends it"


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_each_step_is_named_alike_in_its_patch_and_in_the_lesson(chapter):
    headings = re.findall(r"^### (%s\.\d+ .*)$" % number(chapter), read(chapter, "README.md"), re.MULTILINE)
    assert headings == ["%s.%d %s" % (number(chapter), *step) for step in enumerate(growth.titles(chapter), 1)]
    for step, name in enumerate(growth.patches(path(chapter)), 1):
        assert os.path.basename(name).startswith("%d-" % step)


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_each_step_is_small_and_says_what_one_sees_now(chapter):
    assert 2 <= len(patches(chapter)) <= (3 if is_exercise(chapter) else 13)
    for patch in patches(chapter):
        title, words = re.match(r"(.*)\n\n((?:.+\n){1,3})\n--- ", patch).groups()
        assert 0 < changed_lines(patch) <= 100, title
        assert max(map(len, [title, *words.splitlines()])) <= 80, title


def test_half_of_the_chapters_steps_have_sixty_lines_at_most():
    assert statistics.median(changed_lines(patch) for chapter in CHAPTERS for patch in patches(chapter)) <= 60


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_each_step_earns_points(chapter):
    earned = {graded.step for graded in graded_checks(chapter).values()}
    assert earned == set(range(1, 1 + len(patches(chapter))))


def with_headers(file, program):
    """The names of a C file and of the headers that it includes, and these include."""
    names = [file]
    for name in names:  # which grows
        included = re.findall(r'^#include "(.*)"', "".join(program[name]), re.MULTILINE)
        names += [each for each in included if each not in names]
    return names


def different_files():
    """Each C file of the steps that differs from those before, itself or in its headers: pairs (of which step, a
    dictionary from file name to text, of which the first is the file)."""
    seen = {}
    for chapter, step in STEPS:
        program = growth.state(chapter, step)
        for file in filter(lambda name: name.endswith(".c"), program):
            texts = tuple((name, "".join(program[name])) for name in with_headers(file, program))
            seen.setdefault(texts, "%s.%d" % (chapter, step))
    return [(step, dict(texts)) for texts, step in seen.items()]


@pytest.mark.strict
@pytest.mark.parametrize("compiler", ["gcc", "clang", "musl-gcc"])
def test_each_step_compiles_without_a_warning(compiler, tool, tmp_path):

    def said(number, texts):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text)
        return subprocess.run([tool(compiler), *FLAGS.split(), "-Werror", "-c", next(iter(texts))], cwd=folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    files = different_files()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(said, range(len(files)), [texts for _, texts in files]))
    assert [(step, words) for (step, _), words in zip(files, found) if words] == []


def grade_step(chapter, step, place):
    """Grade a step by its own checks, those of the steps before it and of the next one."""
    folder = os.path.join(place, "%s.%d" % (chapter, step), chapter)
    os.makedirs(folder)
    growth.lay_out(chapter, growth.state(chapter, step), folder)
    only = [name for name, graded in graded_checks(chapter).items() if graded.step <= step + 1]
    return run.grade_chapter(sys.executable, chapter, folder, os.path.join(place, "%s.%d.json" % (chapter, step)), 1, only)


@pytest.fixture(scope="module")
def graded_steps(request, tmp_path_factory):
    """The results of the steps that are to be checked, by chapter and step. Most of a grading is waiting."""
    place = tmp_path_factory.mktemp("steps")
    place.chmod(0o755)
    wanted = sorted({(item.callspec.params["chapter"], item.callspec.params["step"]) for item in request.session.items
                     if "graded_steps" in item.fixturenames}, reverse=True)  # the longest first
    with concurrent.futures.ThreadPoolExecutor(3 * os.cpu_count()) as pool:
        return dict(zip(wanted, pool.map(lambda step: grade_step(*step, str(place)), wanted)))


@pytest.mark.strict
@each_step
def test_each_step_passes_its_checks_and_not_yet_the_next(graded_steps, chapter, step):
    results = graded_steps[chapter, step]
    trouble = [check for check in results["checks"] if check["verdict"] not in (model.PASSED, model.NOT_POSSIBLE)]
    assert results["checks"] and not results["log"], results["log"]
    assert not [check for check in trouble if check["step"] <= step], report.tell(results, colours=False)
    assert trouble or step == len(patches(chapter)), "all checks of step %d pass already" % (step + 1)


@pytest.mark.strict
@each_step
def test_the_report_of_each_step_fits_a_screen(graded_steps, chapter, step):
    told = report.tell(graded_steps[chapter, step], compare=True, colours=False)
    assert len(told.splitlines()) <= 40, told


@pytest.fixture
def repository(tmp_path):
    """A copy of the repository, all of it committed, and a function that runs lab.py steps there."""
    copy = clone(tmp_path / "sockets")
    for command in ("init -q", "add -A", "-c user.name=x -c user.email=x@y commit -qm x"):
        subprocess.run(["git", *command.split()], cwd=copy, check=True)

    def carry(*words):
        return subprocess.run([sys.executable, os.path.join(copy, "tests", "lab.py"), "steps", *words], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    return copy, carry


def edit(copy, file, old, new):
    """Replace one piece of a file in the copy."""
    text = read(file)
    assert text.count(old) == 1, "%s: %s" % (file, old)
    with open(os.path.join(copy, file), "w", encoding="utf-8") as target:
        target.write(text.replace(old, new))


def fits(copy, chapter):
    """In the copy the steps of a chapter make its program."""
    folder = lambda name: os.path.join(copy, name)  # noqa: E731
    return growth.states(chapter, folder)[-1] == growth.program_in(folder(chapter))


def test_a_change_of_a_carried_line_goes_on_to_all_chapters(repository):
    copy, carry = repository
    edit(copy, "02-bind-listen/address.c", "int number = 0;", "int number = 0; /* so far */")
    assert carry().returncode == 0
    for chapter in CHAPTERS[1:]:
        assert "/* so far */" in "".join(growth.program_in(os.path.join(copy, chapter))["address.c"])
        assert fits(copy, chapter)
    assert carry().stdout == ""
    status = subprocess.run(["git", "status", "--porcelain"], cwd=copy, text=True, stdout=subprocess.PIPE, check=True)
    assert "??" not in status.stdout, "an exercise has only what is new:\n" + status.stdout


def test_a_change_of_the_program_goes_into_the_step_that_brought_the_line(repository):
    copy, carry = repository
    edit(copy, "03-accept/connection.h", "from the accept queue", "out of the accept queue")
    assert carry().returncode == 0
    assert fits(copy, "03-accept") and fits(copy, "04-send-recv")
    first = growth.states("03-accept", lambda name: os.path.join(copy, name))[1]
    assert "out of the accept queue" in first["connection.h"][0]


def test_a_step_can_be_changed_in_a_folder_of_its_own(repository, tmp_path):
    copy, carry = repository
    program = growth.state("07-tinyweb", 3)
    assert "the client wants no body" in "".join(program["request.h"])
    program["request.h"] = "".join(program["request.h"]).replace("the client wants no body", "no body is wanted").splitlines(True)
    growth.lay_out("07-tinyweb", program, str(tmp_path))
    assert carry("7.3", str(tmp_path)).returncode == 0
    states = growth.states("07-tinyweb", lambda name: os.path.join(copy, name))
    assert states[3] == program and fits(copy, "07-tinyweb") and fits(copy, "09-daemon")
    for state in (states[-1], growth.program_in(os.path.join(copy, "09-daemon"))):
        assert "no body is wanted" in "".join(state["request.h"])


def test_a_change_that_belongs_elsewhere_is_refused_and_nothing_is_lost(repository):
    copy, carry = repository
    edit(copy, "05-client/address.c", "int number = 0;", "int number = 1;")
    done = carry()
    assert done.returncode == 2 and "05-client/address.c is an earlier chapter's" in done.stdout
    assert "int number = 1;" in "".join(growth.program_in(os.path.join(copy, "05-client"))["address.c"])
