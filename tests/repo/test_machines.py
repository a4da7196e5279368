"""Machines of every kind: our own programs earn all points on each, or one line says what the machine lacks. A
verdict that depends on the machine would be a learner's loss."""

import os
import re
import shutil
import subprocess

import pytest

from harness.program import Program, wait_until
from harness.users import PublicFolder
from repo import repository
from repo.repository import ENVIRONMENT, path

pytestmark = pytest.mark.strict  # a part of make check: each takes about ten seconds
CHAPTERS = "01-socket", "02-bind-listen", "06-dns-lookup", "09-daemon"  # between them they ask for all that a machine can refuse
PODMAN = ("+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+sys_chroot,+setfcap")


def capabilities(kept):
    """The words that leave root these capabilities only."""
    return ["setpriv", "--bounding-set=-all," + kept if kept else "--bounding-set=-all", "--inh-caps=-all"]


def arguments(pid):
    """What a process was started with."""
    with open("/proc/%d/cmdline" % pid, "rb") as file:
        return file.read().split(b"\0")


def shell(script, *before):
    """The words that run a script, and the command in it as "$@". Its $0 is a folder to spoil."""
    return [*before, "sh", "-c", script + ' && exec "$@"', "PLACE"]


NOEXEC = 'mkdir -p "$0/noexec" && mount -t tmpfs -o noexec,mode=1777 none "$0/noexec"'
MACHINES = {  # what it is: what makes it so, and the line that is expected where it is not all points
    "as it is": ([], None),
    "a folder for temporary files that is root's alone": (
        shell('mkdir -m 700 "$0/private" && export TMPDIR="$0/private"'), None),
    "a folder for temporary files from which nothing can be executed": (
        shell(NOEXEC + ' && export TMPDIR="$0/noexec"', "unshare", "--mount"), None),
    "no folder from which anything can be executed": (
        shell('export TMPDIR=/tmp; for place in /tmp /var/tmp; do mount --bind $place $place'
              ' && mount -o remount,bind,noexec $place || exit; done', "unshare", "--mount"), "TMPDIR="),
    "a clone that others may not enter": (shell('chmod 700 "$0"'), None),
    "an ordinary user": (
        shell('chown -R nobody "$0" && export HOME="$0" && exec setpriv --reuid nobody --regid nogroup --clear-groups "$@"'), None),
    "root in a container of Podman's": (capabilities(PODMAN), None),
    "root who may do nothing": (capabilities(""), None),
    "no network": (["unshare", "--net"], "loopback interface is down"),
    "few descriptors": (shell("ulimit -n 100"), "ulimit -n"),
    "few processes": (["prlimit", "--nproc=100"], "ulimit -u"),
    "a umask that hides everything": (shell("umask 077"), None),
    "variables that are for others": (
        ["env", "PYTEST_PLUGINS=missing", "PYTEST_ADDOPTS=--missing", "PYTHONOPTIMIZE=2", "PYTHONSAFEPATH=1",
         "ARGS=surplus", "CFLAGS=-missing", "LC_ALL=tr_TR.UTF-8", "POSIXLY_CORRECT=1"], None),
}


@pytest.fixture
def clone():
    """A copy of the repository whose path every tool has its own ideas of, with what is to be graded in mine/."""
    with PublicFolder() as public:
        place = repository.clone(public.path / "[CS101] a::b $HOME \u00fc")
        for chapter in CHAPTERS:
            shutil.copytree(path(chapter), os.path.join(place, "mine", chapter))
        yield place


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make machines of other kinds")
@pytest.mark.parametrize("machine", MACHINES)
def test_no_learner_pays_for_the_machine(machine, clone):
    before, line = MACHINES[machine]
    words = [clone if word == "PLACE" else word for word in before]
    graded = subprocess.run([*words, "make", "grade", "DIR=mine"], cwd=clone, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [each for each in graded.stdout.splitlines() if each and not each.startswith("make: ***")]
    if line:
        assert len(lines) == 1 and lines[0].startswith("make: ") and line in lines[0], graded.stdout
    else:
        assert graded.returncode == 0, graded.stdout
        assert "grader error" not in graded.stdout, graded.stdout
        for chapter in CHAPTERS:
            assert re.search(r"%s .*\b100\b.*\b100\b" % chapter, graded.stdout), graded.stdout


def test_what_was_printed_has_come_also_where_its_reader_had_no_turn_yet(monkeypatch):
    monkeypatch.setattr(Program, "_read", lambda program, name: None)
    program = Program(["sh", "-c", "echo a line; echo an error >&2; exec sleep 60"])
    try:
        wait_until(lambda: arguments(program.pid)[0] == b"sleep")
        assert (program.output, program.stderr) == ("a line\n", "an error\n")
    finally:
        program.kill()
