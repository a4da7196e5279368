"""The Makefile as a learner meets it, in a copy of the repository whose path has a space."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

from grade.names import number, place
from harness.build import program_name
from harness.inspect import children
from harness.program import Program, wait_until
from harness.talk import connect
from harness.users import PublicFolder, ordinary_user
from repo.repository import ENVIRONMENT, PROGRAMS, exercises_strict, make, path
from repo.repository import clone as clone_repository


def test_make_builds_all_programs_and_clean_removes_them(clone):
    done = make(clone, "-j4", "CFLAGS=-O0")
    assert (done.returncode, done.stderr) == (0, "")
    programs = [os.path.join(clone, place(chapter), program_name(chapter)) for chapter in PROGRAMS]
    assert all(os.access(program, os.X_OK) for program in programs)
    assert make(clone, "clean").returncode == 0
    assert not any(os.path.exists(program) for program in programs)


def test_help_fits_a_screen_and_names_every_command(clone):
    done = make(clone, "help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) <= 24
    for command in ("chapter N", "diff N", "compare N", "trace N", "test", "check", "bench", "clean"):
        assert "make " + command in done.stdout


@pytest.mark.parametrize("words", [["chapter", "12"], ["chapter", "x"], ["chapter"], ["chapter", "0"],
                                   ["chapter", "3", "4"], ["diff", "10"], ["diff"],
                                   ["trace", "x"], ["trace"], ["handout"]])
def test_a_chapter_that_is_none_gets_one_clear_line(clone, words):
    done = make(clone, *words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "make %s" % " ".join(words) in done.stderr and "1 to 9" in done.stderr
    assert ("or an exercise, such as 4b" in done.stderr) == (words[0] != "handout")
    assert done.stdout == ""


@pytest.mark.parametrize("words", [["chapter", "7.14"], ["start", "7.0"], ["diff", "7.x"], ["compare", "7."], ["trace", "7.1x"]])
def test_a_step_that_is_none_gets_one_clear_line(clone, words):
    done = make(clone, *words)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "make %s: which step? 7.1 to 7.13" % " ".join(words) in done.stderr


@pytest.mark.parametrize("command", ["class", "gradescope", "classroom50"])
def test_chapters_that_are_named_otherwise_get_one_clear_line(clone, command):
    """Before anything is graded or written."""
    done = make(clone, command, "4", "DIR=.", "OUT=/dev/null/x")
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "make %s 4: which chapters, CHAPTERS says" % command in done.stderr
    done = make(clone, command, "CHAPTER=4", "DIR=.", "OUT=/dev/null/x")
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "make %s takes no CHAPTER:" % command in done.stderr


@pytest.mark.parametrize("words", [["chapter", "3"], ["chapter", "03"], ["chapter", "N=3"]])
def test_chapter_runs_the_program_until_interrupted(clone, words):
    program = Program(["make", *words, "ARGS=0"], cwd=clone, env=ENVIRONMENT)
    try:
        match = program.wait_for_output(r"^listening on 127\.0\.0\.1 port (\d+)$", 20)
        assert "accept queue" in " ".join(program.output.split()), "the goal from the lesson"
        assert "    nc 127.0.0.1 PORT\n" in program.output, "the commands from the lesson"
        with connect(int(match.group(1))):
            program.wait_for_output(r"^connection 1 from")
        os.killpg(program.pid, signal.SIGINT)  # as the terminal does on Ctrl-C
        program.wait()
        wait_until(lambda: not children(program.pid))
    finally:
        program.kill()


def test_a_port_in_use_is_explained(clone):
    first = Program(["make", "chapter", "4", "ARGS=0"], cwd=clone, env=ENVIRONMENT)
    try:
        port = first.wait_for_output(r"^listening on 127\.0\.0\.1 port (\d+)$", 20).group(1)
        second = make(clone, "chapter", "4", "ARGS=" + port)
        assert second.returncode == 2
        assert "(EADDRINUSE)" in second.stderr
        assert 'make chapter 4 ARGS="' in second.stderr
    finally:
        first.kill()


def test_chapter_9_names_the_file_that_has_the_port(clone):
    file = pathlib.Path(clone, "09-daemon", "daemon.conf")
    ours = file.read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file.write_text("port = %d\nwebroot = webroot\n" % taken.getsockname()[1])
        done = make(clone, "chapter", "9")
    file.write_text(ours)
    assert done.returncode == 2
    assert "`port` in 09-daemon/daemon.conf" in done.stderr


def test_lost_points_end_with_1_and_wrong_usage_with_2_and_make_adds_nothing(clone, tmp_path):
    """The word `Error` is for what went wrong."""
    tmp_path.chmod(0o755)
    shutil.copytree(path("01-socket"), tmp_path / "full")
    shutil.copytree(path("01-socket"), tmp_path / "lost")
    (tmp_path / "lost" / "socket.c").write_text("int main(void) { return 0; }\n")
    for words, status in ((["1", "DIR=%s/full" % tmp_path], 0), (["1", "DIR=%s/lost" % tmp_path], 1),
                          (["1", "DIR=%s/none" % tmp_path], 2), (["12"], 2)):
        done = make(clone, "grade", *words)
        assert done.returncode == status, done.stdout + done.stderr
        assert ("Error" in done.stderr) == (words[-1].endswith("none")) and "Traceback" not in done.stderr
        assert (": %d of 100 points" % {0: 100, 1: 0}[status] in done.stdout) if status < 2 else not done.stdout


def test_the_end_of_make_alone_ends_the_program_too(clone):
    command = Program(["make", "chapter", "4", "ARGS=0"], cwd=clone, env=ENVIRONMENT)
    try:
        command.wait_for_output(r"^listening on 127\.0\.0\.1 port (\d+)$", 20)
        family = [pid for child in children(command.pid) for pid in [child, *children(child)]]
        assert len(family) == 2
        os.kill(command.pid, signal.SIGTERM)
        wait_until(lambda: not any(os.path.exists("/proc/%d" % pid) for pid in family), limit=20, what="the end of all of them")
    finally:
        command.kill()


def test_what_stands_in_the_way_is_one_clear_line(clone):
    """A program that may not be executed, as on a file system that is mounted so, and a place that is none."""
    program = pathlib.Path(clone, "01-socket", "socket")
    program.write_text("not for execution")
    for words, named in ((["chapter", "1"], "./socket: Permission denied"),
                         (["class", "DIR=.", "OUT=/dev/null"], "/dev/null"),
                         (["class", "DIR=/nonexistent"], "DIR=/nonexistent: there is no such folder"),
                         (["handout", "4", "OUT=/dev/null/x"], "Not a directory"),
                         (["handout", "4b", "OUT=x"], "make handout 4b: a class begins with a chapter, as in: make handout 4"),
                         (["handout", "4.2", "OUT=x"], "make handout 4.2: a class begins with a chapter, as in: make handout 4")):
        done = make(clone, *words)
        assert done.returncode == 2 and named in done.stderr and "Traceback" not in done.stderr, done.stderr
    program.unlink()


def test_somebody_elses_checkout_is_one_clear_line():
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    with PublicFolder() as place:
        copy = clone_repository(place.path / "theirs")
        os.makedirs(os.path.join(copy, "work", "01-socket"))
        subprocess.run(["chmod", "-R", "a+rX,go-w", copy], check=True)
        for command in ("start", "grade"):
            done = subprocess.run(["make", command, "1" if command == "grade" else "2"], cwd=copy, env=ENVIRONMENT,
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **ordinary_user())
            assert done.returncode == 2 and "Permission denied" in done.stderr, done.stderr
            assert "/work" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name,words", [("DIR", ["diff", "2"]), ("DIR", ["chapter", "1"]), ("ARGS", ["diff", "2"])])
def test_what_has_no_meaning_here_is_said(clone, name, words):
    done = make(clone, *words, name + "=02-bind-listen" if name == "DIR" else name + "=x")
    assert "make %s takes no %s" % (words[0], name) in done.stderr


@pytest.mark.parametrize("chapter", exercises_strict(PROGRAMS))
def test_diff_shows_what_is_new(clone, chapter):
    done = make(clone, "diff", number(chapter))
    assert done.returncode == 0
    assert "+++ b/%s.c" % program_name(chapter) in done.stdout
    assert "lines added" in done.stdout.splitlines()[-1] + done.stdout.splitlines()[-2]
    assert "make: " not in done.stdout + done.stderr, "a word of make's own"
