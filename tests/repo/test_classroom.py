"""make class: every submission gets its row, whatever it is made of."""

import gzip
import os
import pathlib
import shutil
import signal
import sys
import tarfile
import tempfile
import zipfile

import pytest

from grade import classroom, names, people, progress, submissions, unpack
from grade import results as model
from harness.inspect import children
from harness.program import Program, wait_until
from repo.classes import CHAPTER, program
from repo.repository import CHAPTERS, REPOSITORY, make, path

def test_every_form_of_submission_is_found(graded, tmp_path):
    place = tmp_path / "class"
    program(place / "directly")
    program(program(place / "two" / "levels" / "down"), "01-socket")
    program(place / "with work", text="not this one")
    program(place / "with work" / "work")
    for kind, suffix in (("zip", ".zip"), ("gztar", ".tar.gz"), ("tar", ".tar")):
        shutil.make_archive(str(place / kind), kind, str(place / "two"))
        assert (place / (kind + suffix)).exists()
    os.rename(shutil.make_archive(str(place / "x"), "gztar", str(place / "two")), place / "Zoë, \n=1.tgz")
    (place / "nested").mkdir()
    shutil.copy(place / "zip.zip", place / "nested" / "homework.zip")
    asked, rows = graded()
    assert len(asked) == 6 * 2 + 2 and "not this one" not in dict(asked)
    assert rows.pop("name") == [*CHAPTERS, "total", "remark"]
    for name in ("two", "zip", "gztar", "tar", "nested", "Zoë, \n=1"):
        assert rows.pop(name) == ["7", "", "", "7", "", "", "", "", "", "14", ""]
    assert set(rows) == {"directly", "with work"}


def hostile(place):
    """Submissions that mean no good."""
    with zipfile.ZipFile(place / "outside.zip", "w") as archive:
        archive.writestr("../../outside", "x")
        archive.writestr("/tmp/outside", "x")
        archive.writestr(CHAPTER + "/mine.c", "good")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc")
    with zipfile.ZipFile(place / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(2 << 20))
    with zipfile.ZipFile(place / "many.zip", "w") as archive:
        for number in range(60):
            archive.writestr(str(number), "")
    with zipfile.ZipFile(place / "deep.zip", "w") as archive:
        archive.writestr("a/" * 990 + "f", "")
    with gzip.open(place / "bomb.tgz", "wb") as file:
        file.write(bytes(3 << 20))
    with tarfile.open(place / "links.tar", "w") as archive:
        link = tarfile.TarInfo(CHAPTER)
        link.type, link.linkname = tarfile.SYMTYPE, REPOSITORY + "/" + CHAPTER
        archive.addfile(link)
    (place / "broken.zip").write_bytes(b"PK nonsense")
    (place / "cut off.tar.gz").write_bytes(gzip.compress(os.urandom(5000))[:4000])
    (place / "notes.txt").write_text("hello")
    (place / "empty").mkdir()
    (place / "fifo").mkdir()
    os.mkfifo(place / "fifo" / "mine.c")
    os.symlink("/etc", place / "fifo" / CHAPTER)
    program(place / "-1+1", text="raise")


def test_no_submission_stops_it_or_gets_out(graded, tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "BYTES", 1 << 20)
    monkeypatch.setattr(unpack, "FILES", 50)
    hostile(tmp_path / "class")
    program(tmp_path / "class" / "ann")
    asked, rows = graded()
    assert [source for source, _ in asked if source == "good"] == ["good"]
    assert rows["ann"][-2:] == ["7", ""]
    assert rows["outside"][-2:] == ["7", "left out: ../../outside, /tmp/outside, link"]
    assert "no more disk" in rows["'-1+1"][-1]
    for name, words in (("bomb.zip", "larger"), ("bomb.tgz", "larger"), ("many", "50 files"), ("deep", "one in the other"),
                        ("broken", "it is damaged, or no archive"), ("cut off", "it is damaged, or no archive"),
                        ("notes.txt", "neither"), ("empty", "no program"), ("fifo", "left out"),
                        ("links", "left out: " + CHAPTER)):
        assert rows[name][:-1] == [""] * 9 + ["0"] and words in rows[name][-1], name
    assert not os.path.exists("/tmp/outside")
    report = (tmp_path / "out" / "reports" / "ann.txt").read_text()
    assert "7 of 10 points" in report and "\\x1b[2J got nothing" in report and "likely:  Why." in report


def test_what_has_not_changed_is_not_graded_again(graded, tmp_path):
    place = tmp_path / "class"
    program(place / "ann")
    program(program(place / "bob"), "01-socket")
    assert len(graded()[0]) == 3
    assert graded()[0] == []
    (place / "bob" / CHAPTER / "mine.c").write_text("better")
    shutil.rmtree(place / "bob" / "01-socket")
    asked, rows = graded()
    assert asked == [("better", CHAPTER)]
    assert rows["bob"][:4] == ["", "", "", "7"]
    assert os.listdir(tmp_path / "out" / "json" / "bob") == [CHAPTER + ".json"]
    file = tmp_path / "out" / "json" / "ann" / (CHAPTER + ".json")
    file.write_text(file.read_text()[:50])  # as by a crash
    assert len(graded()[0]) == 1
    file.write_text(file.read_text().replace('"%s"' % model.FAILED, '"%s"' % model.GRADER_ERROR))
    assert len(graded()[0]) == 1


def test_only_what_the_class_was_asked_to_write_counts(graded, tmp_path, monkeypatch):
    """An untouched handout earns nothing; solved in its own folder or in work/, it earns that chapter's points."""
    place = tmp_path / "class"
    handout = tmp_path / "handout"
    assert make(REPOSITORY, "handout", "4", "OUT=%s" % handout).returncode == 0
    shutil.copytree(handout, place / "untouched")
    for name, folder in (("in its folder", "."), ("in work", "work")):
        shutil.copytree(handout, place / name)
        (place / name / folder / CHAPTER).mkdir(parents=True, exist_ok=True)
        (place / name / folder / CHAPTER / "mine.c").write_text(name)
    (place / "in work" / "05-client" / "mine.c").write_text("and 5 beside it")
    program(program(place / "alone"), "01-socket")
    asked, rows = graded()
    assert rows["untouched"][-2:] == ["0", submissions.NOTHING]
    assert {chapter for text, chapter in asked if text.startswith("in ")} == {CHAPTER}
    assert rows["in its folder"][-2:] == ["7", ""] and rows["in work"][-2:] == ["14", ""]
    assert rows["alone"][-2:] == ["14", ""]
    monkeypatch.setenv("CHAPTERS", "4")
    rows = graded()[1]
    assert {row[-2] for name, row in rows.items() if name not in ("name", "untouched")} == {"7"}
    assert rows["untouched"][-2:] == ["0", submissions.NOTHING]
    for word in ("44", "4c-datagram", "send-receive"):
        monkeypatch.setenv("CHAPTERS", "4 " + word)
        with pytest.raises(SystemExit, match="which chapter is " + word):
            graded()


@pytest.mark.parametrize("chapters", ["4 4b 5", "4,4b,5", "5, 04-send-recv 4B", "chapter4 datagram client"])
def test_chapters_are_named_as_people_do(chapters):
    assert names.wanted(chapters) == ["04-send-recv", "4b-datagram", "05-client"]


def test_a_program_in_any_language_is_found(graded, tmp_path):
    place = tmp_path / "class"
    for name, file in (("python", "send-recv.py"), ("in src", "src/main.rs"), ("only ours", "Makefile")):
        (place / name / CHAPTER / file).parent.mkdir(parents=True)
        (place / name / CHAPTER / file).write_text("all: ;\n")
        (place / name / CHAPTER / "README.md").write_text("the lesson")
    found = {learner.name: submissions.receive(learner.handed_in, str(tmp_path / learner.name), names.chapters())[0]
             for learner in people.learners(str(place), str(tmp_path / "out"))}
    assert {name: list(chapters) for name, chapters in found.items()} == {
        "python": [CHAPTER], "in src": [CHAPTER], "only ours": []}


def test_a_makefile_of_its_own_and_binaries_get_a_remark(graded, tmp_path):
    for name in ("honest", "other"):
        folder = program(tmp_path / "class" / name) / CHAPTER
        shutil.copy(path(CHAPTER, "Makefile"), folder)
        (folder / "send-recv").write_bytes(b"\x7fELF: was built here, and is built anew")
        (folder / "io.o").write_bytes(b"\x7fELF")
    (folder / "Makefile").write_text("send-recv:\n\tcp answer send-recv\n")
    (folder / "answer").write_bytes(b"\x7fELF")
    rows = graded()[1]
    assert rows["honest"][-1] == ""
    assert rows["other"][-1] == CHAPTER + " has a Makefile of its own; " + CHAPTER + " brings what is no source: answer"


def test_the_results_are_nobodys_work_and_a_wrong_place_is_named(graded, tmp_path, monkeypatch):
    program(tmp_path / "class" / "ann")
    monkeypatch.setenv("OUT", str(tmp_path / "class" / "deep" / "results"))
    (tmp_path / "class" / "deep").mkdir()
    assert classroom.grade_class("python") == 0
    assert os.listdir(tmp_path / "class" / "deep" / "results" / "json") == ["ann"]
    for name, value, words in (("OUT", tmp_path / "class", "same folder"), ("DIR", "/nonexistent", "DIR=/nonexistent: there is no such folder"),
                               ("DIR", tmp_path / "x.zip", "x.zip: it is a file: unpack it, and say the folder")):
        (tmp_path / "x.zip").touch()
        monkeypatch.setenv(name, str(value))
        with pytest.raises(SystemExit, match=words):
            classroom.grade_class("python")


def test_what_is_under_way_counts_for_how_long_it_will_take(monkeypatch, capsys):
    """Eight at a time, of which the first is graded after 32 s: the others are nearly there."""
    now = [100]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    told = progress.Progress(60, 60, 8)
    now[0] += 32
    told.graded()
    told.finished(people.Learner("ann"))
    assert "about 6 min left" in capsys.readouterr().out


def test_two_learners_never_share_a_report(tmp_path):
    for name in ("a/b", "ann", "ann.zip", "a?b", "a*b", "x" * 70, "x" * 71, ".hidden"):
        (tmp_path / name.replace("/", ":")).mkdir()
    labels = [learner.label for learner in people.learners(str(tmp_path), str(tmp_path / "out"))]
    assert len(set(labels)) == len(labels) == 7


def test_a_class_in_a_folder_of_its_own_is_found_or_pointed_to(graded, tmp_path, capsys):
    program(tmp_path / "class" / "lab 4" / "doejane_LATE_1_10_x")
    (tmp_path / "class" / "grades.conf").write_text("late = 50\n")
    assert graded()[1]["doejane"][-2:] == ["3.5", "LATE: 50 percent less"] and "DIR=" not in capsys.readouterr().err
    os.rename(tmp_path / "class" / "lab 4" / "doejane_LATE_1_10_x", tmp_path / "class" / "lab 4" / "ada")
    program(tmp_path / "class" / "lab 4" / "bob")
    assert list(graded()[1]) == ["name", "lab 4"]
    assert "make class: only lab 4 is there. If that is a class: DIR=\"%s/class/lab 4\"\n" % tmp_path in capsys.readouterr().err


@pytest.fixture
def place():
    """A folder that everybody may look into, as a program in containment has to."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        os.mkdir(os.path.join(name, "tmp"))
        yield pathlib.Path(name)


def start(place):
    environment = {**os.environ, "DIR": str(place / "class"), "OUT": str(place / "out"),
                   "TMPDIR": str(place / "tmp"), "LAB_TIME_SCALE": "20"}  # so no check gives up by itself
    return Program([sys.executable, path("tests", "lab.py"), "class"], env=environment)


@pytest.mark.strict
def test_interrupted_it_leaves_nothing_behind_and_goes_on(place):
    """For real, with a program that first hangs, and then does not build."""
    source = place / "class" / "ann"
    for name in ("ann", "bob"):
        program(place / "class" / name,
                text="#include <unistd.h>\nint main(void) { setsid(); for (;;) pause(); }\n")
    first, file = start(place), str(place / "out" / "json" / "ann" / (CHAPTER + ".json"))
    wait_until(lambda: list(commands(first.pid).values()).count("send-recv\n") == 2, 30)
    family = commands(first.pid)
    users = {os.stat("/proc/%d" % pid).st_uid for pid, name in family.items() if name == "send-recv\n"}
    assert len(users) == 2 or os.geteuid() != 0, "one learner's program could end the other's"
    first.signal(signal.SIGINT)
    assert first.wait(10) == 130
    assert "goes on from here" in first.stderr
    wait_until(lambda: not any(os.path.exists("/proc/%d" % pid) for pid in family))
    assert "digest" not in model.load(file)
    assert os.listdir(place / "tmp") == []

    shutil.rmtree(place / "class" / "bob")
    (source / CHAPTER / "mine.c").write_text("this is no C\n")
    second = start(place)
    assert second.wait(30) == 0, second.stderr
    assert "0 of 100 points" in second.output
    third = start(place)
    assert third.wait(30) == 0, third.stderr
    assert third.output.startswith("1 learner, 0 chapters to grade, 1 graded already\n")


def read_comm(pid):
    try:
        with open("/proc/%d/comm" % pid) as file:
            return file.read()
    except OSError:
        return ""  # it has just ended


def commands(pid):
    """The processes that come from this one: a dictionary to their names."""
    found, parents = {}, {pid}
    while parents:
        parents = {child for parent in parents for child in children(parent)}
        found.update({child: read_comm(child) for child in parents})
    return found
