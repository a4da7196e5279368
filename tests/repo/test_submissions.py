"""What learners hand in: its chapters are found under whatever name, and what was assumed is told."""

import os
import shutil
import tarfile
import time
import zipfile

import pytest

from grade import growth, submissions, unpack
from harness.build import build
from repo.repository import path

CHAPTER = "04-send-recv"
MAIN = '#include "address.h"\n\nint main(void)\n{\n    return 0;\n}\n'


def lay(place, *files, text=MAIN):
    """Write files below a folder: their paths from there. Returns the folder."""
    for file in files:
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text(text)
    return place


def received(tmp_path, *places, wanted=(CHAPTER,)):
    """What becomes of submissions that one learner handed in, one after the other: the chapters' folders, a dictionary,
    and the remarks as one text."""
    target = tmp_path / "received"
    shutil.rmtree(target, ignore_errors=True)
    found, remarks = submissions.receive([[(str(place), "")] for place in places], str(target), wanted)
    return found, "; ".join(remarks)


def archive(kind, folder, file):
    """Make an archive of a folder's content, of a kind that shutil knows."""
    return os.rename(shutil.make_archive(str(file) + ".new", kind, str(folder)), file) or file


@pytest.mark.parametrize("name", ["chapter4", "Chapter 4", "ch04", "04_send_recv", "send-recv", "SendRecv", "4", "04",
                                  "04-send-recv (1)", "04-send-recv-1", "04-send-recv - Copy", "04-send-recv 2"])
@pytest.mark.parametrize("above", ["", "homework/ada/"])
def test_a_chapter_is_found_under_any_name(tmp_path, above, name):
    lay(tmp_path / "ada", above + name + "/main.c", above + "03-accept/accept.c", above + "notes/draft.c")
    found, remarks = received(tmp_path, tmp_path / "ada")
    assert sorted(found) == ["03-accept", CHAPTER] and os.listdir(found[CHAPTER]).count("main.c") == 1
    assert remarks.startswith("04-send-recv is taken from " + above + name)


@pytest.mark.parametrize("name", ["4b-datagram", "4b", "Exercise 4b", "datagram", "04-send-recv/4b-datagram", "04b_datagram"])
def test_so_is_an_exercise(tmp_path, name):
    lay(tmp_path / "ada", name + "/datagram.c", "04-send-recv/send-recv.c")
    shutil.copy(path("4b-datagram", "Makefile"), tmp_path / "ada" / name)
    found, remarks = received(tmp_path, tmp_path / "ada", wanted=(CHAPTER, "4b-datagram"))
    assert sorted(found) == [CHAPTER, "4b-datagram"] and "Makefile" not in remarks
    assert build(found["4b-datagram"], str(tmp_path / "4b-datagram"))


@pytest.mark.parametrize("file, chapter", [("send-recv.c", CHAPTER), ("hw/send_recv.c", CHAPTER), ("src/send-recv.c", CHAPTER),
                                           ("04-send-recv/src/main.c", CHAPTER), ("homework/server.c", CHAPTER),
                                           ("chapter4/a/b/main.c", CHAPTER), ("datagram.c", "4b-datagram"),
                                           ("04-send-recv/Send-Recv.c", CHAPTER)])
def test_one_file_is_enough(tmp_path, file, chapter):
    """The files that were given are added, but what the learner has handed in stays."""
    lay(tmp_path / "ada", file)
    found, remarks = received(tmp_path, tmp_path / "ada", wanted=(chapter,))
    assert "lacked given files, which were added: address.c, address.h" in remarks
    assert build(found[chapter], str(tmp_path / chapter))


def test_what_is_handed_in_stays_and_what_is_not_included_is_not_added(tmp_path):
    lay(tmp_path / "ada", CHAPTER + "/send-recv.c", CHAPTER + "/address.c")
    found, _ = received(tmp_path, tmp_path / "ada")
    with open(os.path.join(found[CHAPTER], "address.c")) as file:
        assert file.read() == MAIN
    assert sorted(os.listdir(found[CHAPTER])) == ["Makefile", "address.c", "address.h", "send-recv.c"]
    lay(tmp_path / "bob", CHAPTER + "/all-in-one.c", text="int main(void) { return 0; }\n")
    assert received(tmp_path, tmp_path / "bob")[1] == ""


def test_sources_in_folders_of_their_own(tmp_path):
    lay(tmp_path / "ada", CHAPTER + "/src/send-recv.c", CHAPTER + "/include/address.h", CHAPTER + "/report.pdf")
    (tmp_path / "ada" / CHAPTER / "Makefile").write_text(growth.makefile(CHAPTER))
    found, remarks = received(tmp_path, tmp_path / "ada")
    assert "has its sources in include, src" in remarks
    assert {"send-recv.c", "address.h"} <= set(os.listdir(found[CHAPTER]))
    (tmp_path / "ada" / CHAPTER / "Makefile").write_text("send-recv: src/send-recv.c\n\tcc -o $@ $^\n")
    found, remarks = received(tmp_path, tmp_path / "ada")
    assert "send-recv.c" not in os.listdir(found[CHAPTER]) and remarks == CHAPTER + " has a Makefile of its own"


def test_so_are_those_beside_an_include(tmp_path):
    lay(tmp_path / "ada", "hw/src/main.c", "hw/include/address.h")
    assert "has its sources in include, src" in received(tmp_path, tmp_path / "ada")[1]


def test_a_folder_in_an_archive_with_the_chapters_name_is_that_chapter(tmp_path):
    lay(tmp_path / "ada", "hw/Makefile", "hw/main.rs", text="send-recv: main.rs\n")
    found, _ = received(tmp_path, archive("zip", tmp_path / "ada", lay(tmp_path / "outer", "x") / "send-recv.zip").parent)
    assert "main.rs" in os.listdir(found[CHAPTER])


def test_what_lies_in_a_program_is_no_other(tmp_path):
    lay(tmp_path / "ada", CHAPTER + "/send-recv.c", CHAPTER + "/client/main.c", ".history/05-client/client.c",
        "06-dns-lookup.txt", "range.c", "tests/08-fork-server/main.c")
    assert list(received(tmp_path, tmp_path / "ada")[0]) == [CHAPTER]


def test_a_helper_that_is_called_as_an_exercise_stays(tmp_path):
    lay(tmp_path / "ada", "send-recv.c", "range.c")
    assert "range.c" in os.listdir(received(tmp_path, tmp_path / "ada")[0][CHAPTER])


def test_in_a_handout_work_counts_first(tmp_path):
    lay(tmp_path / "ada", "work/04-send-recv/mine.c", "04-send-recv/old.c", "03-accept/accept.c")
    lay(tmp_path / "ada", "tests/handout", text="4 4\n")
    found, remarks = received(tmp_path, tmp_path / "ada")
    assert list(found) == [CHAPTER] and found[CHAPTER].endswith("work/04-send-recv")
    assert "04-send-recv is not taken from 04-send-recv" in remarks


def test_flat_files_of_two_chapters_are_told_apart(tmp_path):
    lay(tmp_path / "ada", "send-recv.c", "client.c", "address.c", "address.h", "05-client/notes.md")
    found, remarks = received(tmp_path, tmp_path / "ada", wanted=(CHAPTER, "05-client", "2a-address"))
    assert sorted(file for file in os.listdir(found[CHAPTER])) == ["Makefile", "address.c", "address.h", "send-recv.c"]
    assert "client.c" in os.listdir(found["05-client"]) and "2a-address" not in found
    assert "04-send-recv is taken from the files at the top without client.c" in remarks


@pytest.mark.parametrize("files, wanted, words", [
    (["hw1/main.c", "hw2/main.c"], [CHAPTER], "which chapter is it? move hw1 or hw2 to 04-send-recv"),
    (["hw1/send-recv.c", "hw2/send-recv.c"], [CHAPTER], "which chapter is it? move hw1 or hw2 to 04-send-recv"),
    (["accept.c"], [CHAPTER], "which chapter is it? move the files at the top to 04-send-recv"),
    (["hw/main.c"], [CHAPTER, "05-client"],
     "which chapter is it? move hw to a folder that is named as its chapter, such as 04-send-recv"),
    (["03-accept/accept.c"], [CHAPTER], "only 03-accept was handed in"),
    (["homework.rar"], [CHAPTER], "homework.rar cannot be unpacked: hand in a .zip"),
    (["report.pdf"], [CHAPTER], submissions.NOTHING + ": only report.pdf"),
    ([".DS_Store", "__MACOSX/._x.c"], [CHAPTER], submissions.NOTHING + ": it is empty")])
def test_what_cannot_be_told_is_one_line(tmp_path, files, wanted, words):
    lay(tmp_path / "ada", *files)
    found, remarks = received(tmp_path, tmp_path / "ada", wanted=wanted)
    assert not set(found) & set(wanted) and remarks == words


@pytest.mark.parametrize("kind, ending", [("zip", ".zip"), ("tar", ".tar"), ("gztar", ".tar.gz"), ("gztar", ".tgz"),
                                          ("bztar", ".tar.bz2"), ("xztar", ".tar.xz"), ("xztar", ".TXZ"),
                                          ("gztar", ".zip")])
def test_archives_of_all_kinds_also_in_one_another(tmp_path, kind, ending):
    lay(tmp_path / "ada", CHAPTER + "/main.c")
    outer = tmp_path / "outer"
    outer.mkdir()
    file = archive(kind, tmp_path / "ada", outer / ("my homework" + ending))
    assert list(received(tmp_path, file)[0]) == [CHAPTER]
    again = archive("zip", outer, tmp_path / "again.zip")
    found, remarks = received(tmp_path, again)
    assert list(found) == [CHAPTER] and "taken" not in remarks and "left out" not in remarks


def test_the_inner_archive_may_have_the_chapters_name(tmp_path):
    (tmp_path / "outer").mkdir()
    archive("zip", lay(tmp_path / "ada", "main.c"), tmp_path / "outer" / "send_recv.zip")
    found, remarks = received(tmp_path, archive("zip", tmp_path / "outer", tmp_path / "outer.zip"))
    assert list(found) == [CHAPTER] and "is taken from send_recv.zip" in remarks


def test_an_archive_beside_a_program_is_that_programs(tmp_path):
    lay(tmp_path / "ada", CHAPTER + "/main.c")
    archive("zip", lay(tmp_path / "old", "main.c"), tmp_path / "ada" / CHAPTER / "old.zip")
    found, remarks = received(tmp_path, tmp_path / "ada")
    assert os.path.isfile(os.path.join(found[CHAPTER], "old.zip"))
    assert "04-send-recv brings what is no source: old.zip" in remarks


def test_hostile_archives_in_archives_stay_within_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "BYTES", 1 << 20)
    for name, member, content in (("bomb", "x", bytes(2 << 20)), ("outside", "../../../../outside", b"x"),
                                  ("broken", "x", None)):
        (tmp_path / name).mkdir()
        with zipfile.ZipFile(tmp_path / name / "inner.zip", "w", zipfile.ZIP_DEFLATED) as inner:
            inner.writestr(member, content or b"x")
        if content is None:
            (tmp_path / name / "inner.zip").write_bytes(b"PK nonsense")
        lay(tmp_path / name, CHAPTER + "/main.c", text="int main(void) { return 0; }\n")
    assert received(tmp_path, tmp_path / "bomb") == ({}, "it is larger than 1 MiB")
    assert received(tmp_path, tmp_path / "outside")[1] == "left out: inner.zip/../../../../outside"
    assert received(tmp_path, tmp_path / "broken")[1] == "left out: inner.zip (%s)" % unpack.DAMAGED
    assert not list(tmp_path.parent.glob("**/outside/x")) and not (tmp_path / "outside" / "outside").exists()
    nested = tmp_path / "nested"
    lay(nested, "main.c")
    for number in range(6):
        file = archive("tar", nested, tmp_path / "n.tar")
        shutil.rmtree(nested)
        nested.mkdir()
        os.rename(file, nested / "n.tar")
    assert received(tmp_path, nested)[0] == {}
    with tarfile.open(tmp_path / "links.tar.xz", "w:xz") as links:
        for name, kind in (("chapter4", tarfile.SYMTYPE), ("send-recv.c", tarfile.LNKTYPE), ("x.zip", tarfile.SYMTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "/etc/passwd"
            links.addfile(link)
    assert received(tmp_path, tmp_path / "links.tar.xz")[1].startswith("left out: chapter4, send-recv.c, x.zip")


def test_why_an_archive_in_a_folder_is_left_out(tmp_path):
    """As all of Moodle's are."""
    folder = lay(tmp_path / "ada", "notes.txt")
    with zipfile.ZipFile(folder / "locked.zip", "w") as locked:
        locked.writestr("send-recv.c", MAIN)
    content = bytearray((folder / "locked.zip").read_bytes())
    for place in content.index(b"PK\3\4") + 6, content.index(b"PK\1\2") + 8:
        content[place] |= 1  # it is encrypted, says the header
    (folder / "locked.zip").write_bytes(content)
    assert "left out: locked.zip (cannot be read: it is locked with a password)" in received(tmp_path, folder)[1]
    (folder / "notes.txt").unlink()
    assert received(tmp_path, folder)[1].endswith("; " + submissions.NOTHING)
    (folder / "locked.zip").write_bytes(b"")
    assert "left out: locked.zip (cannot be read: it is empty)" in received(tmp_path, folder)[1]


@pytest.mark.parametrize("name, words", [
    ("ada.rar", "it cannot be unpacked: hand in a .zip"), ("ada.7z", "it cannot be unpacked: hand in a .zip"),
    ("ada.zip", "it cannot be read: it is empty"), ("ada.c", "neither a folder nor an archive: move it to a folder of its own")])
def test_a_file_that_is_no_archive_is_one_line(tmp_path, name, words):
    lay(tmp_path, name, text="")
    assert words in received(tmp_path, tmp_path / name)[1]


def test_the_latest_counts(tmp_path):
    lay(tmp_path / "first", CHAPTER + "/old.c", "05-client/client.c")
    lay(tmp_path / "second", "chapter4/new.c")
    found, remarks = received(tmp_path, tmp_path / "first", tmp_path / "second")
    assert sorted(found) == [CHAPTER, "05-client"] and "new.c" in os.listdir(found[CHAPTER])
    assert "04-send-recv counts as it was handed in last" in remarks


def test_of_two_folders_one_counts_and_is_named(tmp_path):
    lay(tmp_path / "ada", CHAPTER + "/main.c", "04-send-recv (1)/main.c", "old/04-send-recv/main.c")
    found, remarks = received(tmp_path, tmp_path / "ada")
    assert found[CHAPTER].endswith("/0/04-send-recv")
    assert "04-send-recv is not taken from old/04-send-recv, 04-send-recv (1)" in remarks


def test_makefiles_and_binaries_that_are_not_ours(tmp_path):
    folder = lay(tmp_path / "ada", CHAPTER + "/main.c") / CHAPTER
    (folder / "send-recv.dSYM").mkdir()
    for name in ("send-recv", "io.o", "send-recv.dSYM/send-recv"):
        (folder / name).write_bytes(b"\x7fELF")
    assert "what is no source" not in received(tmp_path, tmp_path / "ada")[1]
    (folder / "GNUmakefile").write_text("send-recv: answer.xz\n\txzcat $< > $@\n")
    (folder / "answer.xz").write_bytes(b"\xfd7zXZ\0")
    remarks = received(tmp_path, tmp_path / "ada")[1]
    assert CHAPTER + " has a Makefile of its own" in remarks
    assert CHAPTER + " brings what is no source: answer.xz" in remarks


def test_our_makefile_with_the_line_ends_of_windows_is_ours(tmp_path):
    folder = lay(tmp_path / "ada", CHAPTER + "/main.c", text="int main(void) { return 0; }\n") / CHAPTER
    (folder / "Makefile").write_bytes(growth.makefile(CHAPTER).replace("\n", "\r\n").encode())
    found, remarks = received(tmp_path, tmp_path / "ada")
    assert remarks == "" and build(found[CHAPTER], str(tmp_path / CHAPTER))


@pytest.mark.parametrize("folder", ["Makefile", "address.c", "address.h", "main.c", "notes"])
def test_a_folder_in_a_files_place_stops_nothing(tmp_path, folder):
    lay(tmp_path / "ada", CHAPTER + "/send-recv.c", CHAPTER + "/" + folder + "/x.c")
    (tmp_path / "ada" / CHAPTER / "send-recv.c").write_bytes(b"/* \xff */\n" + MAIN.encode())
    assert list(received(tmp_path, tmp_path / "ada")[0]) == [CHAPTER]


def test_thousands_of_folders_take_no_minutes_and_no_pages(tmp_path):
    with zipfile.ZipFile(tmp_path / "ada.zip", "w") as many:
        for number in range(1000):
            many.writestr("d%03d/x.c" % number, "")
    began = time.process_time()
    found, remarks = received(tmp_path, tmp_path / "ada.zip")
    assert not found and remarks == "which chapter is it? move d000 or d001 or d002 or d003 or d004 or ... to 04-send-recv"
    assert time.process_time() - began < 3


@pytest.mark.parametrize("line", ["\n", " ", '#include "', '"\\', "/*", '#include "h%d.h"\n'])
def test_a_large_file_of_whatever_lines_is_looked_through_at_once(tmp_path, line):
    folder = tmp_path / "01-socket"
    folder.mkdir()
    (folder / "socket.c").write_text("".join(line % number if "%" in line else line for number in range(100000)))
    begin = time.process_time()
    submissions.receive([[(str(tmp_path), "")]], str(tmp_path) + ".in", ["01-socket"])
    assert time.process_time() - begin < 5
