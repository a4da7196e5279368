"""make start, make grade and make watch: a learner's work is laid out, never lost, and graded."""

import os
import re
import shutil
import subprocess
import sys

import pytest

import lab
from grade import learner, names
from harness.build import program_name
from harness.program import Program
from repo.repository import CHAPTERS, PROGRAMS, exercises_strict, path


@pytest.fixture
def work(tmp_path, monkeypatch):
    """An empty folder in place of work/."""
    tmp_path.chmod(0o755)
    monkeypatch.setattr(learner, "WORK", str(tmp_path / "work"))
    monkeypatch.setattr(learner, "RESULTS", str(tmp_path / "work" / ".results"))
    monkeypatch.delenv("DIR", raising=False)
    return tmp_path / "work"


@pytest.mark.parametrize("chapter", exercises_strict(PROGRAMS))
def test_start_lays_out_a_program_that_builds(work, chapter):
    assert learner.start(chapter) == 0
    assert subprocess.run(["make", "-s", "-C", str(work / chapter)]).returncode == 0
    assert os.access(str(work / chapter / program_name(chapter)), os.X_OK)
    assert "Your turn" not in (work / chapter / "CONTRACT.md").read_text()
    for target in re.findall(r"\]\((\.[^)#]+)", (work / chapter / "CONTRACT.md").read_text()):
        assert os.path.exists(os.path.normpath(path("work", chapter, target))), target
    assert not list(work.glob(".start-*"))


def test_start_never_overwrites_work(work, capsys):
    learner.start("04-send-recv")
    (work / "04-send-recv" / "send-recv.c").write_text("mine")
    assert learner.start("04-send-recv") == 1
    assert (work / "04-send-recv" / "send-recv.c").read_text() == "mine"
    assert "mv " in capsys.readouterr().out


def test_a_chapter_that_is_withheld_grows_from_the_learners_own(work, monkeypatch, tmp_path):
    copy = tmp_path / "handout"
    for chapter in CHAPTERS:
        shutil.copytree(path(chapter), copy / chapter)
    for file in (copy / "03-accept").glob("*.[ch]"):
        file.unlink()
    monkeypatch.setattr(names, "REPOSITORY", str(copy))
    with pytest.raises(SystemExit, match="make start 3"):
        learner.start("04-send-recv")
    learner.start("03-accept")
    (work / "03-accept" / "mine.h").write_text("")
    learner.start("04-send-recv")
    assert (work / "04-send-recv" / "mine.h").exists()
    assert (work / "04-send-recv" / "send-recv.c").exists() and not (work / "04-send-recv" / "accept.c").exists()


def test_grade_without_work_says_kindly_what_to_do(work, capsys):
    with pytest.raises(SystemExit) as end:
        learner.grade(sys.executable)
    assert end.value.code == 0
    assert "make start 1" in capsys.readouterr().out


def test_grade_says_that_a_chapter_is_not_begun(work):
    with pytest.raises(SystemExit, match="make start 4"):
        learner.grade(sys.executable, "04-send-recv")


def test_grade_prints_the_points_and_a_scoreboard(work, capsys):
    for chapter in ("01-socket", "02-bind-listen"):
        shutil.copytree(path(chapter), work / chapter)
    (work / "01-socket" / "socket.c").write_text("int main(void) { return 0; }\n")
    assert learner.grade(sys.executable) == 1
    said = capsys.readouterr().out
    assert re.search(r"^  02-bind-listen +100 of 100 .*complete$", said, re.MULTILINE), said
    assert re.search(r"^  01-socket +0 of 100 .*next: ", said, re.MULTILINE), said
    assert learner.start() == 0
    assert "100 of 100 points when last graded" in capsys.readouterr().out


def test_watch_grades_again_at_each_save(tmp_path):
    folder = tmp_path / "02-bind-listen"
    shutil.copytree(path("02-bind-listen"), folder)
    tmp_path.chmod(0o755)
    source = folder / "bind-listen.c"
    right = source.read_text()
    source.write_text("int main(void) { return 0; }\n")
    watch = Program([sys.executable, path("tests", "lab.py"), "watch", "02-bind-listen"],
                    env={**os.environ, "DIR": str(tmp_path)})
    try:
        watch.wait_for_output(r"^02-bind-listen: grading \.\.\.$", limit=30)
        watch.wait_for_output(r"^02-bind-listen: 0 of 100 points", limit=30)
        source.write_text(right)
        watch.wait_for_output(r"(?s) of 100 points.*^02-bind-listen: grading \.\.\.$", limit=30)
        watch.wait_for_output(r"^02-bind-listen: 100 of 100 points", limit=30)
        watch.signal(2)
        assert watch.wait() == 0
    finally:
        watch.kill()


def compare(capsys, *words):
    """What make compare prints, and its exit status."""
    status = lab.compare(*words)
    return status, "".join(capsys.readouterr())


def test_compare_shows_a_program_beside_ours_file_by_file(work, capsys):
    folder = shutil.copytree(path("04-send-recv"), work / "04-send-recv")
    (folder / "io.c").write_text((folder / "io.c").read_text().replace("sent", "gone"))
    (folder / "listener.c").rename(folder / "listen.c")
    (folder / "address.c").rename(folder / "text.c")
    (folder / "listen.c").write_text((folder / "listen.c").read_text().replace("listener", "waiter"))
    (folder / "send-recv.c").write_text((folder / "send-recv.c").read_text().replace("visitor", "guest"))
    (folder / "connection.c").unlink()
    (folder / "mine.c").write_text("int mine;\n")
    status, said = compare(capsys, "04-send-recv")
    assert status == 0
    assert re.search(r"^--- .*04-send-recv/io.c \(yours\)\n\+\+\+ 04-send-recv/io.c \(ours\)\n@@", said, re.MULTILINE)
    assert re.search(r"^-.*gone.*\n(-.*\n)*\+.*sent", said, re.MULTILINE)
    assert "Your listen.c stands where ours has listener.c:\n--- " in said
    assert "The same in both: address.c (your text.c), address.h, " in said
    assert "Only yours has mine.c (1 line)." in said and "Only ours has connection.c (" in said
    status, said = compare(capsys, "04-send-recv.1")
    assert status == 0 and "+++ 04-send-recv/send-recv.c (ours after step 1)" in said


def test_compare_says_what_is_missing(work, capsys, monkeypatch, tmp_path):
    (work / "04-send-recv").mkdir(parents=True)
    status, said = compare(capsys, "04-send-recv")
    assert status == 2 and "there is no C file in " in said
    (tmp_path / "handout" / "04-send-recv").mkdir(parents=True)
    monkeypatch.setattr(names, "REPOSITORY", str(tmp_path / "handout"))
    status, said = compare(capsys, "04-send-recv")
    assert status == 2 and "no finished program of chapter 4" in said
