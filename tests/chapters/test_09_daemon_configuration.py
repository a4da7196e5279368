"""09-daemon: what its configuration file may hold, and where it is looked for."""

import os
import re
import shutil

import pytest

from harness import checks
from harness.concurrency import make_webroot
from harness.daemon import configure
from harness.grading import Symptom, graded
from harness.program import how_it_ended
from harness.steps import step
from harness.talk import get

CHAPTER = "09-daemon"
SERVES = ["test_serves_in_the_foreground"]  # what all need


@pytest.fixture
def folder(tmp_path):
    make_webroot(tmp_path / "webroot", large=b"")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.html").write_bytes(b"the other page\n")
    (tmp_path / "other").rename(tmp_path / "a#b")
    shutil.copytree(str(tmp_path / "a#b"), str(tmp_path / "other"))
    return tmp_path


# ---- What the file may hold, and where it is

@graded(4, "Reads comments, spaces and line ends of all sorts", step=3, needs=SERVES,
        cause=[
            Symptom("has lines that end with CR LF", "The carriage return of a line that ends with CR LF "
                    "is taken for a part of the value, or of a blank line."),
            Symptom("# in a word", "A # inside a word begins no comment: only one at the start of the "
                    "line, or after a space or tab."),
            Symptom("long comment", "A line may have 4,000 characters: the buffer for it is too "
                    "short, or its rest is taken for another line."),
            Symptom("a key twice", "The last line for a key wins: what an earlier one has said is written "
                    "over."),
            Symptom("comments and spaces", "Spaces and tabs around key and value do not matter, blank "
                    "lines are skipped, and a comment may stand alone or behind a value."),
            Symptom("nothing behind the last line", "The last line may have no LF: at the end of the file "
                    "what is in the buffer is a line, too."),
            Symptom("an absolute path", "A path may be relative, from the file's folder, or absolute: what begins with / is "
                    "taken as it is.",
                    ("mkdir -p my; echo my page > my/index.html; echo port = 8081 > my.conf; echo webroot = $PWD/my >> my.conf; ./daemon -n -c my.conf",
                     "curl -sS -m 1 http://127.0.0.1:8081/; kill $(pgrep -xn daemon)")),
            "A path that does not begin with / starts from the file's folder."],
        read="Your turn",
        by_hand=("mkdir -p my web#root; echo my page | tee web#root/index.html > my/index.html; printf '# %3000s\\n\\n port =\\t8083\\r\\nport=8081 # mine\\nwebroot = my' x > my.conf; ./daemon -n -c my.conf",
                 "curl -sS -m 1 http://127.0.0.1:8081/; kill $(pgrep -xn daemon); sleep 0.2; printf 'port = 8082\\nwebroot = web#root\\n' > my.conf; timeout 0.5 ./daemon -n -c my.conf & sleep 0.3; curl -sS -m 1 http://127.0.0.1:8082/"))
@pytest.mark.parametrize("what,text", [
    ("no spaces, and nothing behind the last line", "port=0\nwebroot=other"),
    ("comments and spaces", "\n# a comment\n\n   # another\n  port  =\t0  \n\twebroot = other\t# a third\n\n"),
    ("lines that end with CR LF", "port = 0\r\nwebroot = other\r\n# a comment\r\n\r\n"),
    ("a key twice", "webroot = webroot\nport = 99\nport = 0\nwebroot = other\n"),
    ("an absolute path", "webroot = {folder}/other\nport = 0\naddress = 127.0.0.1\n"),
    ("a long comment", "port = 0\nwebroot = other # " + 3970 * "x"),
    ("a # in a word", "port = 0\nwebroot = a#b # a # inside a word begins no comment\n"),
], ids=lambda value: value if value[0] in "acnl" else "")
def test_reads(chapter, folder, what, text):
    (folder / "daemon.conf").write_bytes(text.replace("{folder}", str(folder)).encode())
    step("write a daemon.conf that has " + what)
    server = chapter.serve("-n", "-c", str(folder / "daemon.conf"), cwd="/")
    assert server.port != 99, "the first line for a key has won"
    assert get(server, "/").body == b"the other page\n"


@graded(2, "Finds daemon.conf beside it from anywhere", step=3, needs=SERVES,
        cause=[
            Symptom("the page beside it", "Without the key `webroot` it is the folder `webroot` beside the "
                    "configuration.",
                    ("printf 'port = 8081\\n' > my.conf; ./daemon -n -c my.conf",
                     "curl -sSI -m 1 http://127.0.0.1:8081/ | head -1; kill $(pgrep -xn daemon)")),
            Symptom("before it listened|listens nowhere", "daemon.conf lies beside the program, not in the folder where it is started: argv[0] up to its last "
                    "slash says where."),
            "It is found, and something in it is not heeded."],
        read="Your turn",
        by_hand=("cp daemon.conf before; printf 'port = 8081\\n' > daemon.conf; here=$PWD; (cd /; timeout 0.5 $here/daemon -n; echo exit status $?); mv before daemon.conf",))
def test_finds_its_configuration(chapter, folder, tmp_path_factory):
    beside = folder / "beside"
    shutil.copytree(chapter.folder, str(beside))
    chapter.program = str(beside / os.path.basename(chapter.program))
    make_webroot(beside / "webroot", page=b"the page beside it\n", large=b"")
    configure(beside, webroot=None)
    elsewhere = str(tmp_path_factory.mktemp("elsewhere"))
    assert get(chapter.serve("-n", cwd=elsewhere), "/").body == b"the page beside it\n"


def test_paths_start_from_the_folder_of_the_file(chapter, folder, tmp_path_factory):
    configure(folder, webroot="../%s/other" % folder.name, pidfile="daemon.pid")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    server = chapter.serve("-n", "-c", os.path.relpath(str(folder / "daemon.conf"), str(elsewhere)),
                           cwd=str(elsewhere))
    assert get(server, "/").body == b"the other page\n"
    assert (folder / "daemon.pid").exists()


def test_without_a_key_there_is_its_default(chapter, folder):
    server = chapter.serve("-n", "-c", configure(folder, webroot=None))
    assert server.address == "127.0.0.1"
    assert get(server, "/").body == b"the page\n"
    assert not (folder / "daemon.pid").exists()


def test_ipv6(chapter, folder):
    checks.needs_ipv6()
    server = chapter.serve("-n", "-c", configure(folder, address="::1"))
    assert server.address == "::1"
    assert get(server, "/").status == 200


# ---- What is wrong with it

@graded(4, "Refuses a wrong configuration, and names file and line", step=4, needs=SERVES,
        cause=[
            Symptom("webroot = .|user = |address = ", "A value that cannot be used is an error of its line: "
                    "look at the folder with stat(), at the user with getpwnam(), at the address with "
                    "inet_pton(), when the line is read."),
            Symptom("not `daemon: ", "The message is `daemon: FILE:LINE: what and why`, with FILE as an "
                    "absolute path (realpath()); lines count from 1, blank ones and comments, too."),
            Symptom(r"(port|max-children) = \S+;", "atoi() takes 80x for 80, and what is no number for 0: have "
                    "digits alone, and look at the range."),
            Symptom("colour", "A key that is not known is an error: whoever mistypes one would never learn of "
                    "it."),
            "A line without a =, or with nothing before or behind it, is an error, also where a later one "
            "replaces it."],
        read="Your turn",
        by_hand=("for line in 'prot = 81' 'port = 81x' 'port =' 'max-children = 0' 'webroot = missing' 'user = no-such-user' 'address = localhost.'; do printf \"\\n$line\\nport = 8081\\n\" > my.conf; timeout 0.3 ./daemon -n -c my.conf; echo exit status $?; done",))
@pytest.mark.parametrize("text,line", [
    ("\n# a comment\n\ncolour = blue\n", 4), ("port 80\n", 1), ("= 0\n", 1), ("port = # 80\n", 1), ("webroot =\n", 1),
    ("pidfile =\n", 1), ("port = 80x\n", 1),
    ("port = 99999\n", 1), ("port = -1\n", 1), ("port = 4294967296\n", 1), ("address = 127.0.0.256\n", 1), ("max-children = 0\n", 1),
    ("max-children = 10001\n", 1), ("webroot = missing\n", 1), ("webroot = daemon.conf\n", 1), ("user = no-such-user\n", 1),
], ids=lambda value: repr(value)[1:30])
def test_refuses(chapter, folder, text, line):
    step("write daemon.conf: " + "; ".join((text + "port = 0").split("\n")))
    is_refused_at(chapter, folder, text + "port = 0\n", line)


@pytest.mark.parametrize("text,line", [
    ("Port = 0\n", 1), ("port\n", 1), ("= 0\n", 1), ("port =\n", 1), ("port = 0\nwebroot = \n", 2),
    ("port = -1\n", 1), ("port = +80\n", 1), ("port = 8 0\n", 1),
    ("address = localhost.\n", 1), ("address = 127.0.0.1 x\n", 1),
    ("max-children = 10001\n", 1), ("max-children = many\n", 1), ("webroot = daemon.conf\n", 1),
    ("port = 0\nwebroot = %s\n" % ("x" * 100000), 2), ("port = 0\0\nwebroot = webroot\n", 1),
    ("webroot = webroot\nport = 0\0001", 2), ("port = 0\nnonsense", 2), ("\ufeffport = 0\n", 1),
], ids=lambda value: repr(value)[1:30])
def test_refuses_what_is_only_nearly_right(chapter, folder, text, line):
    is_refused_at(chapter, folder, text, line)


def is_refused_at(chapter, folder, text, line):
    """The program does not start with this text as its configuration, and names the line."""
    (folder / "daemon.conf").write_bytes(text.encode())
    program = chapter.run("-n", "-c", "daemon.conf", cwd=str(folder), limit=3)
    assert program.status == 1, "%s, not exit status 1" % how_it_ended(program.status)
    assert re.match(r"daemon: %s/daemon\.conf:%d: .+\n\Z" % (re.escape(str(folder)), line), program.stderr), (
        "stderr is not `daemon: %s/daemon.conf:%d: what and why`, but:\n%s" % (folder, line, program.stderr[:500]))
    assert program.output == "", "what is wrong belongs on stderr"


@graded(1, "Refuses a FIFO as its configuration", step=6, needs=SERVES,
        cause=[
            Symptom("did not end", "open() of a FIFO waits for whoever will write: open with O_NONBLOCK, and "
                    "fstat() tells what it is."),
            "What is no file is refused, with its name on stderr, and exit status 1."],
        read="The program",
        by_hand=("mkfifo fifo; timeout 0.5 ./daemon -n -c fifo; echo exit status $?; rm fifo",))
def test_refuses_a_fifo(chapter, folder):
    step("daemon.conf is a FIFO")
    os.mkfifo(str(folder / "daemon.conf"))
    program = chapter.run("-n", "-c", str(folder / "daemon.conf"), limit=3)
    assert program.status == 1, "%s, not exit status 1" % how_it_ended(program.status)
    assert re.match("daemon: .*daemon.conf", program.stderr), "stderr does not name it: " + program.stderr
    assert program.output == "", "what is wrong belongs on stderr"


@pytest.mark.parametrize("name,symbol", [("missing", "ENOENT"), ("webroot", "EISDIR"), ("daemon.conf/x", "ENOTDIR")])
def test_refuses_what_is_no_file(chapter, folder, name, symbol):
    configure(folder)
    program = chapter.run("-c", str(folder / name))
    checks.is_failure(chapter, program, symbol)
    assert str(folder / name) in program.stderr
