"""What a hostile program can do while it is graded: nothing that lasts, and no points."""

import concurrent.futures
import glob
import os
import pwd
import signal
import subprocess
import sys
import tempfile

import pytest

from grade import results as model
from grade import run
from harness import contain, landlock, machine, shared
from harness.inspect import descriptors
from harness.program import wait_until
from harness.users import ordinary_user
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
    **({"leaves shared memory": 'creat("/dev/shm/left-by-hostile", 0644);'} if os.geteuid() == 0 else {}),
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


def test_the_disk_is_not_filled(tmp_path, monkeypatch):
    monkeypatch.setattr(contain, "DISK_IN_ALL", 200 << 20)
    monkeypatch.setattr("tempfile.tempdir", None)
    bounds, told = contain.Containment(tmp_path, None), []
    bounds.watch(told.append)
    fill = "for i in $(seq 900); do head -c 10000000 /dev/zero > large$i; [ $((i % 2)) = 0 ] || rm large$i; done"
    with bounds.start(["bash", "-c", fill], cwd=str(tmp_path), start_new_session=True) as filler:
        assert filler.wait(300) == -signal.SIGKILL
    assert told and "of the disk" in told[0]
    assert contain.disk_used(str(tmp_path)) < 2000 << 20


MAKE = 'echo x > /dev/shm/left-by-hostile && ipcmk -M 9000000 -S 1 -Q >/dev/null && mkdir -p /dev/shm/left/by && ' \
       'head -c 9000000 /dev/zero > /dev/shm/left/by/hostile && %s'


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for users of their own")
def test_shared_memory_is_counted_and_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", None)
    tmp_path.chmod(0o755)
    bounds = contain.Containment(tmp_path, contain.a_user(tmp_path))
    objects = [open("/proc/sysvipc/" + kind).read() for kind in ("shm", "msg", "sem")]
    assert bounds.start(["sh", "-c", MAKE % "true"]).wait() == 0
    assert shared.used(bounds.user) > 9000000
    bounds.clear()
    assert shared.used(bounds.user) == 0 and not glob.glob("/dev/shm/left*")
    assert objects == [open("/proc/sysvipc/" + kind).read() for kind in ("shm", "msg", "sem")]


QUEUE = """
#include <fcntl.h>
#include <mqueue.h>
int main(void)
{
    return mq_open("/left-by-hostile", O_CREAT | O_RDWR, 0600, 0) == (mqd_t)-1 ? 1 : mq_unlink("/left-by-hostile");
}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a limit on them")
def test_no_message_queue_can_be_left(monkeypatch):
    """POSIX's are in a file system of their own, which need not be mounted; nor is there Landlock everywhere."""
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(landlock, "rules", lambda *folders: None)
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        program = os.path.join(place, "queue")
        subprocess.run(["cc", "-o", program, "-x", "c", "-", "-lrt"], input=QUEUE, text=True, check=True)
        if subprocess.run([program]).returncode != 0:
            pytest.skip("needs a kernel with POSIX's message queues")
        assert contain.Containment(place, contain.a_user(place)).start([program]).wait() == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for users of their own")
def test_what_fills_the_memory_by_shared_memory_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", None)
    tmp_path.chmod(0o755)
    bounds, told = contain.Containment(tmp_path, contain.a_user(tmp_path)), []
    monkeypatch.setattr(contain, "MEMORY_IN_ALL", 5000000)
    bounds.watch(told.append)
    assert bounds.start(["sh", "-c", MAKE % "sleep 60"], start_new_session=True).wait(30) == -signal.SIGKILL
    wait_until(lambda: not glob.glob("/dev/shm/left*"))
    assert "of memory" in told[0]


def test_programs_without_a_user_of_their_own_have_shared_memory_of_their_own(monkeypatch):
    monkeypatch.setattr(machine, "a_user", lambda folder: None)
    words = machine.own_processes.__wrapped__()
    if not words:
        pytest.skip("needs the permission to make a Linux namespace")
    assert subprocess.run([*words, "sh", "-c", MAKE % "true"]).returncode == 0
    assert not glob.glob("/dev/shm/left*")


def test_a_grading_leaves_no_shared_memory(graded):
    assert not glob.glob("/dev/shm/left*")


READS = {
    "our own program": "cp %s/*.c %s/*.h . && cc -o send-recv *.c",
    "our own program, by way of the grader's processes": "for p in /proc/[0-9]*; do cp $$p/root%s/*.c $$p/root%s/*.h .;"
                                                         " done; cc -o send-recv *.c",
}


@pytest.mark.parametrize("what", READS)
def test_a_makefile_finds_no_answers(tmp_path, what):
    if landlock.version() < 1:
        pytest.skip("needs Linux's Landlock")
    tmp_path.chmod(0o755)
    folder = tmp_path / "04-send-recv"
    folder.mkdir()
    ours = os.path.join(REPOSITORY, "04-send-recv")
    (folder / "Makefile").write_text("send-recv:\n\t" + READS[what] % (ours, ours) + "\n")
    results = run.grade_chapter(sys.executable, "04-send-recv", str(folder), str(tmp_path / "results.json"), 1,
                                ["test_takes_a_client"])
    assert results["checks"] and model.earned(results) == 0 and not model.had_trouble(results), results


def test_what_lets_nobody_look_at_it_fails():
    """Root sees it all the same; this is for graders who are not."""
    hide = "import ctypes, time; ctypes.CDLL(None).prctl(4, 0); print('hidden', flush=True); time.sleep(60)"
    with subprocess.Popen(["/usr/bin/env", "python3", "-c", hide], stdout=subprocess.PIPE, **ordinary_user()) as program:
        try:
            assert program.stdout.readline() == b"hidden\n"
            looker = os.fork()
            if looker == 0:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setgid(ordinary_user()["group"])
                    os.setuid(ordinary_user()["user"])
                try:
                    descriptors(program.pid)
                except AssertionError as error:
                    os._exit(7 if "nobody may look" in str(error) else 1)
                finally:
                    os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(looker, 0)[1]) == 7
        finally:
            program.kill()


def test_nothing_is_left_running(graded):
    assert not graded["left"]


def test_nothing_is_changed_elsewhere(graded):
    home = pwd.getpwuid(os.geteuid()).pw_dir
    for folder in (REPOSITORY, os.path.join(REPOSITORY, "tests"), home, "/tmp"):
        assert not os.path.exists(os.path.join(folder, "left-by-hostile"))
    assert os.path.getsize(os.path.join(REPOSITORY, "LICENSE")) > 0
    with open(os.path.join(REPOSITORY, "README.md")) as readme:
        assert not readme.read().endswith("hostile")
