"""The Makefile as a learner meets it, in a copy of the repository whose path has a space."""

import os
import pathlib
import signal
import socket

import pytest

from harness.build import program_name
from harness.inspect import children
from harness.program import Program, wait_until
from harness.talk import connect
from repo.repository import CHAPTERS, ENVIRONMENT, make


def test_make_builds_all_nine_and_clean_removes_them(clone):
    done = make(clone, "-j4")
    assert (done.returncode, done.stderr) == (0, "")
    programs = [os.path.join(clone, chapter, program_name(chapter)) for chapter in CHAPTERS]
    assert all(os.access(program, os.X_OK) for program in programs)
    assert make(clone, "clean").returncode == 0
    assert not any(os.path.exists(program) for program in programs)


def test_help_fits_a_screen_and_names_every_command(clone):
    done = make(clone, "help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) <= 24
    for command in ("chapter N", "diff N", "trace N", "test", "check", "bench", "clean"):
        assert "make " + command in done.stdout


@pytest.mark.parametrize("words", [["chapter", "12"], ["chapter", "x"], ["chapter"], ["chapter", "0"],
                                   ["chapter", "3", "4"], ["diff", "10"], ["diff"],
                                   ["trace", "x"], ["trace"]])
def test_a_chapter_that_is_none_gets_one_clear_line(clone, words):
    done = make(clone, *words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "make %s" % " ".join(words) in done.stderr and "1 to 9" in done.stderr
    assert done.stdout == ""


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


@pytest.mark.parametrize("name,words", [("DIR", ["diff", "2"]), ("DIR", ["chapter", "1"]), ("ARGS", ["diff", "2"])])
def test_what_has_no_meaning_here_is_said(clone, name, words):
    done = make(clone, *words, name + "=02-bind-listen" if name == "DIR" else name + "=x")
    assert "make %s takes no %s" % (words[0], name) in done.stderr


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_diff_shows_what_is_new(clone, chapter):
    done = make(clone, "diff", str(int(chapter[:2])))
    assert done.returncode == 0
    assert "+++ b/%s.c" % program_name(chapter) in done.stdout
    assert "lines added" in done.stdout.splitlines()[-1] + done.stdout.splitlines()[-2]
