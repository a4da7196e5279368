"""What a hostile program can do while it is graded: nothing that lasts, and no points."""

import concurrent.futures
import glob
import os
import pwd
import sys

import pytest

from grade import results as model
from grade import run
from repo.repository import REPOSITORY

pytestmark = pytest.mark.strict  # a part of make check: some keep both cores busy as long as they may
HOSTILE = {
    "forks without end": "for (;;) fork();",
    "ignores SIGTERM": "signal(SIGTERM, SIG_IGN); for (;;) pause();",
    "leaves its session": "for (int i = 0; i < 3; i++) { if (fork() > 0) _exit(0); setsid(); } for (;;) pause();",
    "prints without end": "memset(big, 'x', sizeof big); for (;;) write(1, big, sizeof big);",
    "prints on stderr without end": "memset(big, '\\n', sizeof big); for (;;) write(2, big, sizeof big);",
    "fills the memory": "for (;;) { char *more = malloc(sizeof big); if (more) memset(more, 1, sizeof big); }",
    "fills the memory with children": "while (fork() >= 0) { for (int i = 0; i < 90; i++) "
                                      "memset(malloc(1 << 20), 1, 1 << 20); } for (;;) pause();",
    "fills the disk": 'signal(SIGXFSZ, SIG_IGN); int file = open("large", O_CREAT | O_WRONLY, 0644);'
                      "while (write(file, big, sizeof big) > 0) ; for (;;) pause();",
    "closes its descriptors": "for (int i = 0; i < 1000; i++) close(i); for (;;) pause();",
    "kills its parent": "for (int i = 0; i < 9; i++) kill(getppid(), SIGKILL); kill(-getppid(), SIGKILL);",
    "says that it has passed": r'printf("listening on 127.0.0.1 port 1\n12 passed in 1.00s\n100 of 100 points\n");'
                               'fflush(stdout); for (;;) pause();',
    "writes elsewhere": 'append(REPOSITORY "/README.md"); append(REPOSITORY "/left-by-hostile");'
                        'append(HOME "/left-by-hostile"); append("/tmp/left-by-hostile");'
                        'unlink(REPOSITORY "/LICENSE"); append(REPOSITORY "/tests/left-by-hostile");'
                        'truncate(REPOSITORY "/LICENSE", 0);',
}
PROGRAM = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define REPOSITORY "%s"
#define HOME "%s"
static char big[1 << 22];
static void append(const char *path)
{
    int file = open(path, O_CREAT | O_WRONLY | O_APPEND, 0644);
    if (file >= 0 && write(file, "hostile", 7) == 7)
        close(file);
}
int main(void)
{
    append("own");
    big[0] = 1;
    %s
    return 0;
}
"""


def running_below(folder):
    """The command lines of processes whose program lies, or lay, below a folder."""
    found = []
    for path in glob.glob("/proc/[0-9]*/exe"):
        try:
            if os.readlink(path).startswith(str(folder)):
                found.append(path)
        except OSError:
            pass  # it has just ended, or is a kernel's own
    return found


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The results of the hostile programs: a dictionary from what each does to its graded chapter 4."""
    place = tmp_path_factory.mktemp("hostile")
    place.chmod(0o755)
    home = pwd.getpwuid(os.geteuid()).pw_dir

    def grade(number, what):
        folder = place / str(number) / "04-send-recv"
        folder.mkdir(parents=True)
        (folder / "send-recv.c").write_text(PROGRAM % (REPOSITORY, home, HOSTILE[what]))
        (folder / "Makefile").write_text("send-recv: send-recv.c\n\tcc -w -o $@ $<\n")
        return run.grade_chapter(sys.executable, "04-send-recv", str(folder),
                                 str(place / ("%d.json" % number)), 1)

    patch = pytest.MonkeyPatch()
    patch.setenv("LAB_TIME_SCALE", "0.4")  # none of them is going to listen
    patch.setenv("TMPDIR", str(place))
    patch.setattr("tempfile.tempdir", str(place))
    with concurrent.futures.ThreadPoolExecutor(max_workers=3) as pool:
        done = dict(zip(HOSTILE, pool.map(grade, range(len(HOSTILE)), HOSTILE)))
    patch.undo()
    done["left"] = running_below(place)
    return done


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_program_earns_nothing(graded, what):
    results = graded[what]
    assert model.earned(results) == 0, results
    assert results["checks"][0]["verdict"] == model.FAILED, results["checks"][0]
    assert {check["verdict"] for check in results["checks"][1:]} == {model.NOT_CHECKED}


def test_nothing_is_left_running(graded):
    assert not graded["left"]


def test_nothing_is_changed_elsewhere(graded):
    home = pwd.getpwuid(os.geteuid()).pw_dir
    for folder in (REPOSITORY, os.path.join(REPOSITORY, "tests"), home, "/tmp"):
        assert not os.path.exists(os.path.join(folder, "left-by-hostile"))
    assert os.path.getsize(os.path.join(REPOSITORY, "LICENSE")) > 0
    with open(os.path.join(REPOSITORY, "README.md")) as readme:
        assert not readme.read().endswith("hostile")
