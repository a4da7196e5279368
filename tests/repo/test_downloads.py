"""Downloads from Canvas and Moodle: each learner is one, the latest counts, and late is marked as they mark it."""

import pathlib
import zipfile

import pytest

from grade import classroom, downloads, people, submissions

CHAPTER = "04-send-recv"


@pytest.fixture
def hand_in(tmp_path):
    """hand_in(name, ...) puts a program's file or archive that says its name, into the class's folder."""
    def write(*names):
        for name in names:
            place = tmp_path / "class" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith(".zip"):
                with zipfile.ZipFile(place, "w") as archive:
                    archive.writestr("main.c", name)
            else:
                place.write_text(name)
    return write


@pytest.fixture
def received(tmp_path):
    """received() is what becomes of all that: a dictionary from learner to the text of all C files, and remarks."""
    def receive():
        everyone = {}
        for learner in people.learners(str(tmp_path / "class"), str(tmp_path / "out")):
            jobs = classroom.prepare(learner, str(tmp_path / "received" / learner.label), str(tmp_path / "out"), {CHAPTER: ""})
            folders = [pathlib.Path(folder) for _, _, folder, _, _ in jobs]
            texts = [file.read_text() for folder in folders for file in sorted(folder.glob("*.[ch]"))]
            assert learner.name not in everyone
            everyone[learner.name] = texts, "; ".join(learner.remarks)
        return everyone
    return receive


def test_canvas(hand_in, received):
    hand_in("doejane_12345_67890_send-recv.zip", "müllerjörg_LATE_12346_67891_x.zip", "anon_Ab3xZ_67892_x.zip",
            "LATE_anon_Yb3xZ_67893_x.zip", "roejohn_12347_67894_send-recv.c", "poejim_12348_text.html",
            "ada.zip", "lab_4.zip")
    everyone = received()
    assert set(everyone) == {"doejane", "müllerjörg", "anon_Ab3xZ", "anon_Yb3xZ", "roejohn", "poejim", "ada", "lab_4"}
    assert {name for name, (_, remarks) in everyone.items() if remarks.startswith("LATE")} == {"müllerjörg", "anon_Yb3xZ"}
    assert {name for name, (texts, _) in everyone.items() if not texts} == {"poejim"}
    assert everyone["doejane"][1] == "04-send-recv is taken from send-recv.zip"
    assert everyone["poejim"][1] == submissions.NOTHING + ": only poejim_12348_text.html"


def test_canvas_keeps_the_letters_of_every_language(hand_in, received):
    """It removes what is none, but marks are letters' parts, and macOS unpacks them as marks."""
    hand_in("नीताquy_12345_67890_x.zip", "mu\u0308llerjo\u0308rg_LATE_12346_67891_x.zip", "x_yxi_12347_67892_x.zip")
    assert set(received()) == {"नीताquy", "mu\u0308llerjo\u0308rg", "x_yxi"}


def test_of_several_on_canvas_the_latest_counts(hand_in, received):
    """The number of the file tells, and not the name; the mark is that of the latest."""
    hand_in("doejane_LATE_12345_1000_send-recv-1.zip", "doejane_12345_999_send-recv.zip",
            "roejohn_LATE_12347_999_a.zip", "roejohn_12347_1000_b.zip",
            "poejim_12348_1001_send-recv.c", "poejim_12348_1002_x.zip")
    everyone = received()
    assert everyone["doejane"][0] == ["doejane_LATE_12345_1000_send-recv-1.zip"]
    assert everyone["doejane"][1].startswith("LATE; ") and "04-send-recv counts as it was handed in last" in everyone["doejane"][1]
    assert everyone["poejim"][0] == ["poejim_12348_1002_x.zip"]
    assert everyone["roejohn"][0] == ["roejohn_12347_1000_b.zip"] and "LATE" not in everyone["roejohn"][1]


def test_single_files_are_one_program_under_their_own_names(hand_in, received):
    hand_in("doejane_12345_10_send-recv-1.c", "doejane_12345_11_own-1.h", "doejane_12345_12_Makefile-1",
            "doejane_12345_9_send-recv.c", "roejohn_1_7_chapter-4.c",
            "Jane Roe_7_assignsubmission_file_send-recv.c", "Jane Roe_7_assignsubmission_file_own.h",
            "Jane Roe_7_assignsubmission_onlinetext_onlinetext.html")
    everyone = received()
    assert everyone["doejane"][0] == ["doejane_12345_11_own-1.h", "doejane_12345_10_send-recv-1.c"]
    assert "send-recv.c counts as it was handed in last" in everyone["doejane"][1]
    assert "has a Makefile of its own" in everyone["doejane"][1]
    assert everyone["roejohn"][0] == ["roejohn_1_7_chapter-4.c"]
    assert len(everyone["Jane Roe"][0]) == 2


def test_an_archive_counts_before_single_files_beside_it(hand_in, received):
    """They were handed in together, and in the archive the program is whole."""
    hand_in("doejane_1_10_x.zip", "doejane_1_11_Makefile", "Jo Li_7_assignsubmission_file_x.zip",
            "Jo Li_7_assignsubmission_file_send-recv.c", "Al Roe_8_assignsubmission_file/x.zip",
            "Al Roe_8_assignsubmission_file/send-recv.c", "Ed Poe_9_assignsubmission_file/src/main.c",
            "Ed Poe_9_assignsubmission_file/Makefile")
    everyone = received()
    assert everyone["doejane"][0] == ["doejane_1_10_x.zip"]
    assert everyone["Jo Li"][0] == ["Jo Li_7_assignsubmission_file_x.zip"]
    assert everyone["Al Roe"][0] == ["Al Roe_8_assignsubmission_file/x.zip"]
    assert "04-send-recv counts as it is in x.zip, and not in single files" in everyone["Al Roe"][1]
    assert everyone["Ed Poe"] == ([], "04-send-recv is taken from the files at the top; 04-send-recv has a Makefile of its own")
    assert "04-send-recv counts as it is in Jo Li_7_assignsubmission_file_x.zip, and not in single files" in everyone["Jo Li"][1]


def test_moodle(hand_in, received):
    hand_in("Jane Doe_1234567_assignsubmission_file_/hw/main.c", "José d'Arc-Li_1234568_assignsubmission_file/04-send-recv.zip",
            "Jo Li_1234569_assignsubmission_file_x.zip", "Jo Li_1234569_assignsubmission_onlinetext_/onlinetext.html",
            "Group A_12_assignsubmission_file_/send-recv.c", "Participant 1_13_assignsubmission_file_x.zip",
            "Default team_assignsubmission_file_x.zip", "Al Text_14_assignsubmission_onlinetext_onlinetext.html")
    everyone = received()
    assert set(everyone) == {"Jane Doe", "José d'Arc-Li", "Jo Li", "Group A", "Participant 1", "Default team", "Al Text"}
    assert [name for name, (texts, _) in everyone.items() if not texts] == ["Al Text"]
    assert everyone["Al Text"][1].startswith(submissions.NOTHING)


def test_two_of_the_same_name_are_two(hand_in, received):
    hand_in("doejane_12345_67890_x.zip", "doejane_12346_67891_x.zip", "Jane Doe_1_assignsubmission_file_x.zip",
            "Jane Doe_2_assignsubmission_file_x.zip")
    assert set(received()) == {"doejane_12345", "doejane_12346", "Jane Doe_1", "Jane Doe_2"}


def test_one_that_cannot_be_read_is_named_and_the_one_before_counts(hand_in, received, tmp_path):
    hand_in("doejane_1_10_x.zip", "doejane_1_11_x-1.zip")
    (tmp_path / "class" / "doejane_1_11_x-1.zip").write_text("PK nonsense")
    texts, remarks = received()["doejane"]
    assert texts == ["doejane_1_10_x.zip"] and "doejane_1_11_x-1.zip cannot be read" in remarks


def test_a_header_that_has_always_had_a_number_keeps_it(hand_in, received, tmp_path):
    hand_in("doejane_1_10_proto-2.h", "doejane_1_11_send-recv.c")
    (tmp_path / "class" / "doejane_1_11_send-recv.c").write_text('#include "proto-2.h"\n')
    assert len(received()["doejane"][0]) == 3


@pytest.mark.parametrize("file, before", [
    ("send-recv-1.c", "send-recv.c"), ("04-send-recv-12.zip", "04-send-recv.zip"), ("x-2.tar.gz", "x.tar.gz"), ("Makefile-1", "Makefile"), ("io (1).h", "io.h"),
    ("chapter-4.c", "chapter-4.c"), ("04-send-recv.zip", "04-send-recv.zip"), ("send-recv.c", "send-recv.c")])
def test_a_file_gets_the_name_back_that_it_had(file, before):
    assert downloads.original(file) == before


def test_gradescope(hand_in, received, tmp_path):
    hand_in("submission_7/send-recv.c", "submission_8/04-send-recv/main.c", "submission_9/main.c")
    (tmp_path / "class" / "submission_metadata.yml").write_text(
        "submission_7:\n  :submitters:\n  - :name: Jane Doe\n    :sid: '1'\n  :score: 2.0\n"
        "submission_8:\n  :submitters:\n  - :name: \"Zo\u00eb O'Li\"\n    :sid: '2'\n  - :name: Jo Li\n")
    everyone = received()
    assert set(everyone) == {"Jane Doe", "Zo\u00eb O'Li", "submission_9"}
    assert all(len(texts) == 1 for texts, _ in everyone.values())
    assert "together with Jo Li" in everyone["Zo\u00eb O'Li"][1] and "together" not in everyone["Jane Doe"][1]


@pytest.mark.parametrize("name", ["doejane_1_10_x.zip", "Jane Doe_1234567_assignsubmission_file_/x.zip", "submission_7/main.c"])
@pytest.mark.parametrize("wrapper", ["", "submissions/", "lab 4/submissions/"])
def test_a_download_may_have_been_unpacked_into_a_folder(hand_in, tmp_path, name, wrapper):
    (tmp_path / "class" / wrapper).mkdir(parents=True)
    (tmp_path / "class" / wrapper / downloads.GRADESCOPE).write_text("submission_7:\n  :submitters:\n  - :name: Jane Doe\n")
    hand_in(wrapper + name)
    (tmp_path / "class" / "grades.conf").touch()
    assert people.inside(str(tmp_path / "class")) == str(tmp_path / "class" / wrapper).rstrip("/")


@pytest.mark.parametrize("name", ["ada/04-send-recv/main.c", "ada/x.zip", "ada/doejane_1_10_x/a.c", "doejane_1_10_x/a_1_10_b.zip"])
def test_a_learners_folder_is_no_such(hand_in, tmp_path, name):
    hand_in(name, *["ada/y.zip"] * name.startswith("ada/doe"))
    assert people.inside(str(tmp_path / "class")) == str(tmp_path / "class")
