"""make meet: one learner's client and another's server, and whose fault it is where they do not understand each other."""

import os
import shutil
import subprocess
import sys

import pytest

from grade import growth
from harness import contain, landlock
from repo.repository import ENVIRONMENT, make, path

pytestmark = pytest.mark.strict  # takes long, and is for whoever changes the grader

UNDERSTOOD = "They understand each other: both keep to the contract here."
WRONG_ECHO = "send_all(client, buffer, (size_t)received)", "(buffer[0] ^= 1, send_all(client, buffer, (size_t)received))"
NOT = "They do not understand each other: "
SCRIPT = "%s: main.py\n\t{ echo '#!/usr/bin/python3'; cat $<; } > $@ && chmod 755 $@\n"
IMPATIENT = """
import os, select, socket, sys
server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
inputs = [0, server]
while inputs:
    ready = select.select(inputs, [], [], 1)[0]
    for one in ready:
        data = os.read(one if one == 0 else one.fileno(), 4096)
        if one == 0 and data:
            server.sendall(data)
        elif data:
            os.write(1, data)
        else:
            inputs.remove(one)
            if one == 0:
                server.shutdown(socket.SHUT_WR)
            else:
                inputs = []
    if not ready:
        sys.exit("no answer for a second")
"""


@pytest.fixture
def program(tmp_path):
    """program("ada", "05-client", OLD, NEW) is the path of a folder with this program of ours, in which NEW is in OLD's
    place; program("ada", "05-client", script=TEXT) has a program in Python."""
    def lay_out(whose, chapter, old="", new="", script=None):
        folder = tmp_path / whose / chapter
        folder.mkdir(parents=True)
        name = chapter.partition("-")[2]
        if script is None:
            growth.lay_out(chapter, growth.program_in(growth.ours(chapter)), str(folder))
            source = (folder / (name + ".c")).read_text()
            assert old in source
            (folder / (name + ".c")).write_text(source.replace(old, new) if old else source)
        else:
            (folder / "Makefile").write_text(SCRIPT % name)
            (folder / "main.py").write_text(script)
        return str(folder)

    return lay_out


def meet(a, b, lab=path("tests", "lab.py"), **variables):
    """Run the command to its end; return its status, what it printed, and the verdict in lines, the last of that."""
    done = subprocess.run([sys.executable, lab, "meet"], env={**ENVIRONMENT, "A": a, "B": b, **variables}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout, done.stdout.rpartition("\n\n")[2].splitlines()


def test_a_right_pair_in_either_order_with_its_ladder(program):
    for a, b in (program("ada", "05-client"), path("04-send-recv")), (path("04-send-recv"), path("05-client")):
        status, told, verdict = meet(a, b)
        assert (status, verdict) == (0, [UNDERSTOOD])
        assert shutil.which("strace") is None or "connect(3, 127.0.0.1 port 7890)" in told


@pytest.mark.parametrize("client,server", [
    ("06-dns-lookup", "09-daemon"), ("05-client", "07-tinyweb"), ("05-client", "03-accept"), ("05-client", "02-bind-listen"),
    ("4b-datagram", "4b-datagram")])
def test_ours_understand_each_other(client, server):
    assert meet(path(client), path(server))[::2] == (0, [UNDERSTOOD])


def test_a_client_that_never_half_closes(program):
    ada = program("ada", "05-client", "if (shutdown(server, SHUT_WR) < 0 && errno != ENOTCONN)", "if (server < 0)")
    status, _, verdict = meet(ada, path("04-send-recv"))
    assert status == 1 and verdict[0].startswith(NOT + "the client does not end within ")
    assert verdict[1:] == ["It is the client in A=%s: it fails with our server, too" % ada,
                           "The server in B=%s works with our client." % path("04-send-recv")]


def test_a_client_that_half_closes_and_listens_no_more(program):
    """Each time, though it depends on who is faster: ours alone would pass now and then."""
    ada = program("ada", "05-client", "shutdown(server, SHUT_WR)", "shutdown(server, SHUT_RDWR)")
    status, _, verdict = meet(ada, path("04-send-recv"))
    assert status == 1 and verdict[0] == NOT + ("'half a line' is typed as the last, and the client does not print "
                                                "'half a line'; it prints nothing and has ended, exit status 0")
    assert verdict[1] == "It is the client in A=%s: it fails with our server, too" % ada


def test_a_server_that_echoes_wrong(program):
    bob = program("bob", "04-send-recv", *WRONG_ECHO)
    status, _, verdict = meet(path("05-client"), bob)
    assert status == 1 and verdict == [
        NOT + r"'one\n' is typed, and the client does not print 'one\n'; it prints 'nne\n'",
        "The client in A=%s works with our server." % path("05-client"),
        "It is the server in B=%s: it fails with our client, too" % bob]


def test_each_works_with_ours_but_not_together(program):
    ada = program("ada", "05-client", script=IMPATIENT)
    bob = program("bob", "04-send-recv", "ssize_t received = recv(", "ssize_t received = (sleep(2), 0) + recv(")
    status, _, verdict = meet(ada, bob)
    assert status == 1 and verdict[0].startswith(NOT) and "no answer for a second" in "\n".join(verdict)
    assert verdict[-1] == "Each works with ours, but not together."


def test_what_is_no_server_and_does_not_build_is_told_by_its_name(program):
    silent = program("eve", "04-send-recv", "print_listening(listener) < 0", "0")
    status, _, verdict = meet(path("05-client"), silent)
    assert status == 1 and verdict[0].startswith(NOT + "the server does not say `listening on ADDRESS port PORT`")
    assert "It is the server in B=%s: it fails with our client, too" % silent in verdict
    broken = program("joe", "05-client", "int main(", "int main[")
    status, told, _ = meet(broken, silent)
    assert status == 1 and told.startswith("A=%s does not build:\nclient.c:" % broken)


def test_where_ours_is_withheld_it_says_so(program, clone, tmp_path):
    copy = shutil.copytree(clone, tmp_path / "handout", ignore=shutil.ignore_patterns("mutants", "work"))
    for source in (copy / "04-send-recv").glob("*.c"):
        source.unlink()
    bob = program("bob", "04-send-recv", *WRONG_ECHO)
    ada = program("ada", "05-client")
    status, _, verdict = meet(ada, bob, lab=str(copy / "tests" / "lab.py"))
    assert status == 1 and verdict[1:] == [
        "Whether the client in A=%s works with our server cannot be seen here: this copy has no finished %s." % (
            ada, "04-send-recv"),
        "It is the server in B=%s: it fails with our client, too" % bob]


def test_without_strace_there_is_a_verdict(tmp_path):
    for tool in ("cc", "make", "as", "ld", "sh", "unshare", "kill", "sleep", "true", "rm"):
        os.symlink(shutil.which(tool), tmp_path / tool)
    status, told, verdict = meet(path("05-client"), path("04-send-recv"), PATH=str(tmp_path))
    assert (status, verdict) == (0, [UNDERSTOOD]) and "No ladder: it needs strace: `sudo apt-get install strace`" in told


def test_they_are_contained(program, tmp_path):
    """The build of one has no way to the other's sources."""
    if contain.a_user(str(tmp_path)) is None and landlock.version() < 1:
        pytest.skip("needs root or Landlock")
    bob = program("bob", "04-send-recv")
    ada = program("ada", "05-client", script="")
    with open(os.path.join(ada, "Makefile"), "w", encoding="utf-8") as file:
        file.write("client:\n\t{ echo '#!/bin/cat'; grep -oh 'visitor %%.*' %s/*.c ../../B/*/*.c ../../b/*/*.c; } > client; "
                   "chmod 755 client\n" % bob)
    status, told, verdict = meet(ada, bob)
    assert status == 1 and "#!/bin/cat" in verdict[0] and "visitor %" not in told, "it has read the other's source"


@pytest.mark.parametrize("words,told", [
    ([], "who meets whom?"), (["4"], "it takes no chapter"), (["A=nowhere", "B=05-client"], "A=nowhere: there is no such folder"),
    (["A=05-client", "B=01-socket"], "A is 05-client, and B is 01-socket: these have nothing to say to each other. 5 talks to 2"),
    (["A=05-client", "B=tests"], "B=tests: there is no client and no server in it"),
    (["A=03-accept", "B=04-send-recv"], "A is 03-accept, and B is 04-send-recv: these have nothing to say to each other")])
def test_wrong_usage_gets_one_clear_line(clone, words, told):
    done = make(clone, "meet", *words)
    lines = [line for line in done.stderr.splitlines() if " Error 2" not in line]
    assert done.returncode == 2 and done.stdout == "" and len(lines) == 1 and lines[0].startswith("make meet: " + told)


def test_make_ends_with_the_status_and_no_error_of_its_own(clone, program):
    bob = program("bob", "04-send-recv", *WRONG_ECHO)
    done = make(clone, "meet", "A=05-client", "B=" + bob)
    assert (done.returncode, done.stderr) == (1, "")
