"""make hunt: a wrong program whose fault is to be found, and the verdict on a command that shows it."""

import os
import shutil

import pytest

from grade.files import digest
from mutants import by_hand, hunt
from mutants.run import table
from repo.repository import make, path

pytestmark = pytest.mark.strict  # takes long, and is for whoever changes the grader

CHAPTER, RIGHT_AND_WRONG = "04-send-recv", ("right", "wrong")


@pytest.fixture
def programs(tmp_path):
    """programs(RIGHT, WRONG) are the folders of two programs that are scripts, as verdict() takes them."""
    if by_hand.own_network() is None:
        pytest.skip("needs the permission to make a Linux namespace")

    def write(*scripts):
        for whose, script in zip(RIGHT_AND_WRONG, scripts):
            (tmp_path / whose).mkdir()
            (tmp_path / whose / "program").write_text("#!/bin/sh\n%s\n" % script)
            (tmp_path / whose / "program").chmod(0o755)
        return {whose: str(tmp_path / whose) for whose in RIGHT_AND_WRONG}

    return write


def test_a_command_that_tells_them_apart(programs, tmp_path, capsys):
    (tmp_path / "my-script").write_text("./program two\necho last\n")
    assert hunt.verdict("sh my-script", programs('echo "one $1"', 'echo "one"'), str(tmp_path)) == 0
    told = capsys.readouterr().out
    assert told.startswith("it tells them apart:") and "\n    -one two\n    +one\n" in told


def test_an_exit_status_and_an_endless_wrong_program_are_differences(programs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(by_hand, "SECONDS", 1)
    both = programs('echo x', 'echo x; test $# = 0 || exec sleep 100; exit 3')
    assert hunt.verdict("./program", both, str(tmp_path)) == 0
    assert "-(exit status 0)\n    +(exit status 3)" in capsys.readouterr().out
    assert hunt.verdict("./program 1", both, str(tmp_path)) == 0
    assert "+" + hunt.NOT_ENDED in capsys.readouterr().out


@pytest.mark.parametrize("command,told", [
    ("./program | head -1; no-such-command", "both show the same:\n    first\n"),
    ("./program 'unbalanced; echo \"", "both show the same:"),
    ("date +%N; ./program", "the right program itself shows something else each time: "),
    ("./program & sleep 100", "the right program has not ended after 1 seconds"),
    ("trap '' TERM; ./program; while :; do :; done", "the right program has not ended after 1 seconds"),
    ("yes", "both show the same:\n    y\n"),
])
def test_a_command_that_does_not(programs, tmp_path, capsys, monkeypatch, command, told):
    monkeypatch.setattr(by_hand, "SECONDS", 1)
    assert hunt.verdict(command, programs("echo first; echo 2", "echo first; echo 3"), str(tmp_path)) == 1
    said = capsys.readouterr().out
    assert said.startswith(told) and len(said.splitlines()) <= hunt.LINES + 2


def test_what_differs_by_chance_is_no_difference(programs, tmp_path):
    """The wrong program alone shows something else now and then, as a machine under load makes both do."""
    count = tmp_path / "count"
    both = programs("echo a", 'echo >> "%s"; test $(wc -l < "%s") -ge 2 && echo a || echo b' % (count, count))
    assert hunt.verdict("./program", both, str(tmp_path)) == 1


def test_a_seed_is_the_same_program_and_another_seed_another(tmp_path):
    built = []
    for number, seed in enumerate(["a class", "a class", "another"]):
        hunt.build("01-socket", seed, str(tmp_path / str(number)))
        built.append([digest((tmp_path / str(number) / whose / "socket").read_bytes()) for whose in RIGHT_AND_WRONG])
    assert built[0] == built[1] and built[0][0] == built[2][0] and len({*built[0], *built[2]}) == 3


def test_it_is_laid_out_without_its_sources_and_tells_nothing(clone):
    done = make(clone, "hunt", "4")
    assert (done.returncode, done.stderr) == (0, "") and len(done.stdout.splitlines()) <= 24
    place = os.path.join(clone, "work", "hunt", CHAPTER)
    assert [os.listdir(os.path.join(place, whose)) for whose in RIGHT_AND_WRONG] == [["send-recv"]] * 2
    assert sorted(os.listdir(place)) == ["right", "seed", "wrong"]
    assert not any(mutant.title in done.stdout for mutant in table(CHAPTER))
    if by_hand.own_network():
        done = make(clone, "hunt", "4", "TRY=for i in 1 2; do echo \"$i#\"; done")
        assert (done.returncode, done.stderr) == (1, "") and "    1#\n    2#\n" in done.stdout, "what make knows is left to the shell"
        assert make(clone, "hunt", "4b", "SEED=1", "TRY=cksum datagram").returncode == 0


@pytest.mark.parametrize("words,told", [
    (["5", "TRY=true"], "make hunt 5: there is nothing to try it on yet"), (["4.2"], "make hunt 4.2: it takes no step"),
    (["4", "Try=true"], "make hunt takes no Try: what it takes, make help tells"),  # another hunt would begin
    ([], "which chapter?"), (["12"], "which chapter?"), (["4", "5"], "which chapter?")])
def test_wrong_usage_gets_one_clear_line(clone, words, told):
    done = make(clone, "hunt", *words)
    lines = [line for line in done.stderr.splitlines() if " Error 2" not in line]
    assert done.returncode == 2 and done.stdout == "" and len(lines) == 1 and told in lines[0]


def test_a_handout_has_none(clone, tmp_path):
    copy = shutil.copytree(clone, tmp_path / "handout", ignore=shutil.ignore_patterns("mutants", "work"))
    done = make(copy, "hunt", "4")
    assert done.returncode == 2 and "make hunt: this copy has no wrong programs" in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr and not os.path.exists(os.path.join(copy, "work"))
