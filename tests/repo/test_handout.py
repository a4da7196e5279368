"""make handout: a class gets what it needs to write a chapter, and no answer."""

import glob
import os
import re
import subprocess
import zipfile

import pytest

import excerpts
from grade import files, growth, names, submissions
from grade.handout import in_its_place
from repo.repository import CHAPTERS, ENVIRONMENT, PROGRAMS, REPOSITORY, clone, make, read

pytestmark = pytest.mark.strict  # takes long, and is for whoever changes the grader


@pytest.fixture(scope="module", params=[1, 4, 7, 9])
def handout(request, tmp_path_factory):
    """A handout: its number, and the path of its folder, which has a space."""
    out = tmp_path_factory.mktemp("handout") / ("for chapter %d" % request.param)
    done = make(REPOSITORY, "handout", str(request.param), "OUT=%s" % out)
    assert done.returncode == 0, done.stderr
    return request.param, str(out)


def everything(folder):
    """All files of a handout, as text: a dictionary from path to text."""
    found = {}
    for path in glob.glob(os.path.join(folder, "**"), recursive=True):
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def code(programs):
    """The lines of these programs, stripped."""
    return {line.strip() for program in programs for lines in program.values() for line in lines}


def leaks(text, secrets, known):
    """The secret lines in a text: whole lines of 12 characters and more, or, from 25 on, parts of its
    lines. What is shorter says nothing, nor does what the earlier programs `known` contain."""
    lines = {line.strip() for line in text.splitlines()}
    return [secret for secret in secrets if (len(secret) >= 12 and secret in lines)
            or (len(secret) >= 25 and secret in text and secret not in known)]


def test_no_line_of_a_program_leaks(handout):
    number, folder = handout
    states = {name: growth.states(name) for name in PROGRAMS}
    withheld = [name for name in PROGRAMS if names.chapter_of(name) >= CHAPTERS[number - 1]]
    given = [name for name in withheld if (growth.given(name)[0] or "9") < CHAPTERS[number - 1]]
    earlier = code([*(program for name in set(PROGRAMS) - set(withheld) for program in states[name]),
                    *(states[name][0] for name in given)]) | set(growth.EMPTY.splitlines())  # `make start` lays it out
    secrets = code(program for name in withheld for program in states[name]) - earlier
    known = "\n".join(earlier)
    texts = everything(folder)
    found = {path: leaks(text, secrets, known) for path, text in texts.items()
             if not re.match(r"tests/harness/\w+\.c$", path)}  # they are the grader's, with the same #includes
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_a_leak_would_be_seen():
    secret = "while ((received = recv(client, buffer, sizeof buffer, 0)) > 0) {"
    assert leaks("say `%s`, and so on" % secret, {secret}, "") == [secret]
    assert leaks("    return client;\n", {"return client;"}, "") == ["return client;"]
    assert leaks("say `return client;`", {"return client;"}, "") == []


def test_an_excerpt_leaves_what_is_to_be_written_how_long_ours_is_and_the_shape_of_the_new_call():
    lines = read("03-accept", "connection.c").splitlines(True)
    excerpt = next(line for line in lines if " accept(" in line)
    words = in_its_place("connection.c", excerpt, ["int new = accept(listener, whose, &size);"], lines)
    assert re.fullmatch(r"\*\(Yours to write: `accept_connection\(\)` in `connection.c`; ours has \d\d lines. "
                        r"The new call: `int new = accept\(listener, whose, &size\);`\)\*", words), words
    header = read("03-accept", "connection.h").splitlines(True)
    assert in_its_place("connection.h", header[0], [], header) == "*(Yours to write: a piece of `connection.h`.)*"


def test_a_lesson_that_is_to_be_written_says_how_to_read_it(handout):
    number, folder = handout
    lesson = excerpts.read(folder, CHAPTERS[number - 1], "README.md")
    assert "read The idea and The program, do Your turn to its first points, then Try it" in lesson.partition("**Know first")[0]
    assert "*(Yours to write: " in lesson and "```c " not in lesson and "<!-- shape" not in lesson
    patches = [*glob.glob(os.path.join(folder, "*", "steps", "[1-9]*")), *glob.glob(os.path.join(folder, "*", "*", "steps", "*"))]
    assert {os.path.relpath(patch, folder)[:2] for patch in patches} == {name[:2] for name in CHAPTERS[:number - 1]}


def test_a_program_that_grows_from_the_learners_own_begins_with_what_that_is_to_lose(handout):
    number, folder = handout
    for name in ("07-tinyweb", "4a-framing", "4c-urgent", "09-daemon"):
        grows_from = growth.given(name)[0]
        withheld = names.chapter_of(name) >= CHAPTERS[number - 1]
        lesson = excerpts.read(folder, names.place(name), "README.md")
        words = "lays out your own program of chapter %s. Before the first step make it this:\nChapter %s's server, without" % (
            names.number(grows_from), names.number(grows_from))
        assert (words in lesson) == (withheld and grows_from >= CHAPTERS[number - 1]), name


def test_nothing_of_the_workshop_is_in_it(handout):
    number, folder = handout
    for name in ("tests/mutants", "tests/repo", "tests/bench", ".ci", ".github", ".git"):
        assert not os.path.exists(os.path.join(folder, name))
    for name in CHAPTERS[number - 1:]:
        assert {"README.md", "Makefile"} <= set(os.listdir(os.path.join(folder, name)))
    assert os.path.exists(os.path.join(folder, "07-tinyweb", "webroot", "index.html"))


def test_no_link_is_dead(handout):
    for path, text in everything(handout[1]).items():
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if path.endswith(".md") else ():
            if not re.match(r"[a-z]+:", target):
                assert os.path.exists(os.path.join(handout[1], os.path.dirname(path), target)), target


def test_the_earlier_chapters_build_and_the_others_are_the_learners(handout):
    number, folder = handout
    done = make(folder, "-j4", "CFLAGS=-O0")
    assert (done.returncode, done.stderr) == (0, "")
    for name in PROGRAMS:
        assert os.path.exists(os.path.join(folder, names.place(name), name[3:])) == (
            names.chapter_of(name) < CHAPTERS[number - 1])
    for command in ("chapter", "diff"):
        done = make(folder, command, str(number))
        assert "is yours to write: make start %d" % number in done.stderr
        assert done.returncode == 2 and "Traceback" not in done.stderr
    for command in ("start", "grade"):
        assert "make start %d" % number in make(folder, command).stdout
    state = dict(re.findall(r"^  (0\S+) +(.*)$", make(folder, "start").stdout, re.MULTILINE))
    assert {name: words for name, words in state.items() if words == "given complete"} == dict.fromkeys(
        CHAPTERS[:number - 1], "given complete"), state
    assert number > 6 or "./dns-lookup www.example.org)" in make(folder, "chapter", "6").stderr
    begin = excerpts.read(folder, "README.md").partition("## Begin")[2].partition("\n## ")[0]
    assert "make start %d" % number in begin and "make chapter" not in begin and "make test" not in begin
    help = make(folder, "help").stdout
    assert "make test" in help and "handout" not in help and "bench" not in help
    assert make(folder, "clean").returncode == 0


def test_what_belongs_to_the_course_is_what_git_tracks(tool):
    git = subprocess.run([tool("git"), "ls-files"], cwd=REPOSITORY, text=True, stdout=subprocess.PIPE)
    if git.returncode != 0:
        pytest.skip("this copy is no clone")
    workshop = "tests/mutants/", "tests/repo/", "tests/bench/", ".ci/", ".github/"
    assert files.files() == sorted(path for path in git.stdout.splitlines() if not path.startswith(workshop))


def test_without_git_nothing_of_a_class_is_handed_out_or_packed(tmp_path):
    """A clone that was downloaded, in which a class has been taught: its answers stay where they are."""
    copy = clone(tmp_path / "downloaded")
    places = ["submissions/ada/04-send-recv/send-recv.c", "handout/work/04-send-recv/a.c", "04-send-recv/answer/a.c",
              "work/04-send-recv/a.c", "04-send-recv/send-recv", "solutions.tar.gz", "tests/grade/answers/a.c"]
    for place in places:
        os.makedirs(os.path.dirname(os.path.join(copy, place)), exist_ok=True)
        with open(os.path.join(copy, place), "w") as file:
            file.write("the answer")
    assert make(copy, "handout", "4", "OUT=next").returncode == 0
    assert "the answer" not in everything(os.path.join(copy, "next")).values()
    assert make(copy, "gradescope", "OUT=autograder.zip").returncode == 0
    with zipfile.ZipFile(os.path.join(copy, "autograder.zip")) as packed:
        assert not {"sockets/" + place for place in places} & set(packed.namelist())
        assert not [name for name in packed.namelist() if ".zip" in name or "next/" in name]


def test_without_a_place_or_onto_something_it_says_so(tmp_path):
    (tmp_path / "mine").write_text("kept")
    for words in (["OUT="], [], ["OUT=%s" % tmp_path]):
        done = make(REPOSITORY, "handout", "4", *words)
        assert done.returncode == 2 and "OUT" in done.stderr and "Traceback" not in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def git(folder, *words):
    """Run git in a folder as somebody who has set up nothing; return what it printed."""
    somebody = {"GIT_%s_%s" % (who, what): "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(["git", *words], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**ENVIRONMENT, **somebody, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"})
    assert done.returncode == 0, done.stdout
    return done.stdout


def commit(folder, words):
    """Commit whatever has changed in a folder."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", words)


def update(number, course, *words):
    return make(REPOSITORY, "handout", str(number), "UPDATE=%s" % course, *words)


@pytest.fixture
def course(tool, tmp_path):
    """A handout for chapter 4 that its teacher has committed."""
    tool("git")
    place = tmp_path / "course"
    assert make(REPOSITORY, "handout", "4", "OUT=%s" % place).returncode == 0
    git(place, "init", "-q")
    commit(place, "Chapter 4")
    return place


def test_three_weeks_of_a_term_reach_the_learners_and_leave_their_work(course, tmp_path):
    """One of them keeps the work to themselves, the other commits it. The teacher has a word to say, too."""
    ada, bob = tmp_path / "ada", tmp_path / "bob"
    for learner in (ada, bob):
        git(tmp_path, "clone", "-q", str(course), learner.name)
    for before, number in ((4, 5), (5, 7)):
        for learner in (ada, bob):
            assert make(learner, "start", str(before)).returncode == 0
            (learner / "work" / CHAPTERS[before - 1] / "mine.c").write_text(learner.name)
            (learner / "work" / ".results").mkdir(exist_ok=True)
            (learner / "work" / ".results" / "points.json").write_text("")
            assert ".results" not in git(learner, "status", "--porcelain", "-uall")
        commit(bob, "My chapter")
        if number == 7:
            (course / "README.md").write_text("We meet on Mondays.\n")
        done = update(number, course)
        assert done.returncode == 0 and ("left so: README.md." in done.stdout) == (number == 7), done.stdout + done.stderr
        commit(course, "Chapter %d" % number)
        git(ada, "pull", "-q")
        git(bob, "pull", "-q", "--no-rebase", "--no-edit")
        for learner in (ada, bob):
            assert (learner / "work" / CHAPTERS[before - 1] / "mine.c").read_text() == learner.name
            assert (learner / "04-send-recv" / "send-recv.c").read_text() == read("04-send-recv", "send-recv.c")
            assert not (learner / CHAPTERS[number - 1] / "steps" / "1.patch").exists()
            assert [line for line in git(learner, "status", "--porcelain").splitlines() if line != "?? work/"] == []
            begin = make(learner, "start").stdout
            assert "make start %d lays out the next one" % number in begin, begin
            assert make(learner, "start", str(number)).returncode == 0
            assert set(submissions.find(str(learner), CHAPTERS)[0]) == {
                name for name in CHAPTERS if (learner / "work" / name).exists()}, "what was asked since week 1"
            subprocess.run(["rm", "-r", str(learner / "work" / CHAPTERS[number - 1])], check=True)
    assert make(REPOSITORY, "handout", "7", "OUT=%s" % (tmp_path / "new")).returncode == 0
    now, new = (everything(place) for place in (course, tmp_path / "new"))
    differs = {path for path in {*now, *new} if now.get(path) != new.get(path)}
    assert differs == {"README.md", "tests/handout"} and (course / "README.md").read_text() == "We meet on Mondays.\n"


def test_an_update_takes_away_what_is_of_the_past_and_leaves_what_is_the_teachers(course):
    record = course / "tests" / "handout"
    for name in ("gone", "changed"):
        (course / "old" / name).mkdir(parents=True)
        (course / "old" / name / "file").write_text(name)
        record.write_text(record.read_text() + "%s  old/%s/file\n" % (files.digest(name.encode()), name))
    (course / "old" / "changed" / "file").write_text("by hand")
    (course / "LICENSE").unlink()
    (course / "Makefile").unlink()
    (course / "Makefile").mkdir()
    (course / "04-send-recv" / "io.c").write_text("the teacher's own solution")
    (course / "work").mkdir()
    (course / "work" / "notes").write_text("")
    for _ in range(2):  # the second one has nothing to do
        done = update(5, course)
        assert "left so: 04-send-recv/io.c, LICENSE, Makefile%s." % ("" if _ else ", old/changed/file") in done.stdout
        assert not (course / "old" / "gone").exists() and (course / "old" / "changed" / "file").read_text() == "by hand"
        assert not (course / "LICENSE").exists() and list((course / "Makefile").iterdir()) == []
        assert (course / "04-send-recv" / "io.c").read_text() == "the teacher's own solution"
        assert (course / "04-send-recv" / "io.h").exists() and (course / "work" / "notes").exists()
    assert os.access(course / "tests" / "grade" / "gradescope" / "setup.sh", os.X_OK)


def test_what_cannot_be_updated_is_one_clear_line(course, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    assert update(6, course).returncode == 0
    before = everything(course)
    for number, place, words, said in (
            (5, course, [], "its class is at chapter 6 already, and would lose"), (7, course, ["OUT=x"], "say one of them"),
            (7, tmp_path / "other", [], "this is no handout"), (7, tmp_path / "none", [], "this is no handout"),
            (7, REPOSITORY, [], "this is no handout")):
        done = update(number, place, *words)
        assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert everything(course) == before and os.listdir(tmp_path / "other") == ["file"]
    assert "UPDATE=%s brings it up to date" % course in make(REPOSITORY, "handout", "7", "OUT=%s" % course).stderr
