"""Results for other programs: complete at every moment, and readable whatever a program prints."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
import zipfile

import pytest

from grade import formats
from grade import results as model
from harness.grading import TOTAL
from harness.program import wait_until
from repo import repository
from repo.repository import REPOSITORY, make, path, sources

pytestmark = pytest.mark.strict  # takes long, and is for whoever changes the grader

CHAPTER = "04-send-recv"
PACKAGES = repository.read("tests", "packages", "grade")
HOSTILE = "".join(map(chr, range(256))) + "\ud800\udcff\ufffe\u2028 ]]> &amp; <b>\n  ::notice::{}\n a ##[error]b"


def check(verdict, points=10, message=HOSTILE):
    made = {"name": "c", "title": "Does it", "points": points, "seconds": 0.25, "steps": ["start ./x"],
            "message": message, "crash": "", "cause": "It does not.", "read": ["The idea"],
            "by_hand": ["./x"]}
    model.decide(made, verdict, "for a reason" if verdict != model.FAILED else "")
    return made


def results(*verdicts, complete=True):
    return {"chapter": CHAPTER, "complete": complete, "log": "", "checks": list(map(check, verdicts))}


ALL = results(model.PASSED, model.FAILED, model.NOT_CHECKED, model.NOT_POSSIBLE, model.GRADER_ERROR,
              model.WAITING, model.RUNNING, complete=False)


def is_clean(text):
    """Whether a text has nothing that a strict reader refuses, or that a terminal obeys."""
    return all(char in "\t\n" or (" " <= char != "\x7f" and not "\x80" <= char < "\xa0"
                                  and not "\ud800" <= char < "\ue000" and char not in "\ufffe\uffff")
               for char in text)


def test_gradescope():
    made = json.loads(formats.gradescope([ALL]))
    tests = made["tests"]
    assert [test["score"] for test in tests] == [10, 0, 0, 10, 10, 0, 0]
    assert [test["status"] for test in tests] == ["passed", "failed", "failed", "passed", "passed", "failed",
                                                  "failed"]
    assert {test["max_score"] for test in tests} == {10}
    assert [test["number"] for test in tests][:2] == ["4.1", "4.2"]
    assert made["stdout_visibility"] == "hidden" and made["visibility"] == "visible"
    assert made["test_output_format"] == "text" and made["execution_time"] == 7 * 0.25 and made["leaderboard"] == []
    assert "likely:  It does not." in tests[1]["output"] and "\\xdcff" in tests[1]["output"]
    assert all(is_clean(test["output"]) for test in tests)


IDENTITY = {"CLASSROOM": "networks", "ASSIGNMENT": "chapter-1", "ASSIGNMENT_TYPE": "individual", "OWNER": "ada",
            "SUBMISSION_TAG": "submit/2026-11-29T14-00-00Z-abcdef0", "COMMIT_URL": "https://c", "RELEASE_URL": "https://r",
            "REVIEW_URL": "https://v"}


def keeps_classroom50s_schema(text):
    """Whether this is what its result-v1.schema.json demands, and the rules that stand there as words."""
    made = json.loads(text)
    assert set(made) == {"schema", "classroom", "assignment", "assignment_type", "owner", "submission", "commit", "release",
                         "review", "datetime", "score", "max-score", "tests"}
    assert made["schema"] == "classroom50/result/v1"
    for name, value in IDENTITY.items():
        assert made[re.sub("_(url|tag)$", "", name.lower())] == value
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", made["datetime"])
    for each in (made, *made["tests"]):
        assert type(each["score"]) is type(each["max-score"]) is int and 0 <= each["score"] <= each["max-score"]
    for test in made["tests"]:
        assert test["test-name"] and type(test["passed"]) is bool
    return made


def test_classroom50(monkeypatch):
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    made = keeps_classroom50s_schema(formats.classroom50([ALL, model.unknown("05-client")]))
    assert (made["score"], made["max-score"]) == (30, 70 + TOTAL)
    assert [test["passed"] for test in made["tests"]] == [True, False, False, True, True, False, False, False]


def test_a_release_has_every_failure_as_code_and_is_not_too_long():
    told = formats.release([ALL])
    assert "### 04-send-recv: 30 of 70 points\n" in told and told.count("| 0 of 10 | Does it |") == 4
    assert told.count("**Does it**") == 1 and is_clean(told) and re.search(r"^     +::notice::", told, re.MULTILINE)
    assert all(line.startswith(("    ", "|", "#", "**")) for line in told.splitlines() if line)
    assert "\n    not checked: for a reason\n" in formats.release([results(model.NOT_CHECKED)])
    failed = [{**results(), "checks": [check(model.FAILED, message="\u20ac\n" * 20000)] * 12}] * 9
    assert 100000 < len(formats.release(failed)) < 125000, "GitHub's limit"


def test_junit():
    suites = xml.fromstring(formats.junit([ALL, model.unknown("05-client")]).encode())
    suite = suites[0]
    assert [case[0].tag if len(case) else "passed" for case in suite.iter("testcase")] == [
        "passed", "failure", "skipped", "skipped", "error", "error", "error"]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "7", "failures": "1", "errors": "3", "skipped": "2", "time": "1.750"}
    cases = suite.findall("testcase")
    assert is_clean(cases[1][0].text) and "]]> &amp; <b>" in cases[1][0].text
    assert suites[1].get("tests") == "1"
    assert is_clean(cases[1][0].get("message")) and cases[1][0].get("message").startswith("\\x00\\x01")
    assert cases[2][0].get("message") == "for a reason"


def test_junit_keeps_the_schema_of_ant():
    """What its JUnit.xsd demands and Jenkins' does not."""
    for number, suite in enumerate(xml.fromstring(formats.junit([ALL, model.unknown("05-client")]).encode())):
        assert suite.get("id") == str(number) and suite.get("package") and suite.get("hostname")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))
        tags = [child.tag for child in suite]
        assert tags == ["properties", *["testcase"] * (len(tags) - 3), "system-out", "system-err"]
        for told in suite.iter():
            assert told.tag not in ("failure", "error") or told.get("type")


def read(file):
    return json.loads(file.read_text())["tests"]


def test_the_files_are_there_from_the_start_and_renewed_after_each_check(tmp_path):
    file, place = tmp_path / "results.json", tmp_path / "place"
    place.mkdir()
    with pytest.raises(KeyboardInterrupt):
        with formats.kept(str(place), [CHAPTER], {"GRADESCOPE": str(file)}):
            assert [(test["score"], test["max_score"]) for test in read(file)] == [(0, TOTAL)]
            model.save(str(place / (CHAPTER + ".json")), results(model.PASSED, model.RUNNING))
            wait_until(lambda: [test["score"] for test in read(file)] == [10, 0])
            model.save(str(place / (CHAPTER + ".json")), results(model.PASSED, model.PASSED))
            raise KeyboardInterrupt
    assert [test["score"] for test in read(file)] == [10, 10]
    assert sorted(os.listdir(tmp_path)) == ["place", "results.json"]


def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path):
    with pytest.raises(SystemExit, match="JUNIT=/none/here.xml cannot be written: No such file"):
        with formats.kept(str(tmp_path), [CHAPTER], {"JUNIT": "/none/here.xml"}):
            pass


def test_a_link_stays_a_link_and_a_pipe_gets_the_results_once(tmp_path):
    (tmp_path / "place").mkdir()
    os.symlink("results.xml", tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with formats.kept(str(tmp_path / "place"), [CHAPTER], {name: str(tmp_path / path) for name, path in (
            ("JUNIT", "link"), ("GRADESCOPE", "pipe"))}):
        model.save(str(tmp_path / "place" / (CHAPTER + ".json")), results(model.PASSED))
    assert os.path.islink(tmp_path / "link") and "Does it" in (tmp_path / "results.xml").read_text()
    assert [test["score"] for test in json.loads(os.read(reader, 65536))["tests"]] == [10]
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe", "place", "results.xml"]


@pytest.mark.parametrize("where", ["a file", "a pipe"])
def test_standard_output_gets_the_results_and_is_not_replaced(tmp_path, where):
    script = "import sys; from grade import files; print('before'); files.write('/dev/stdout', 'results\\n'); print('after')"
    with open(tmp_path / "out", "w+") as file:
        done = subprocess.run([sys.executable, "-c", script], cwd=path("tests"), text=True, check=True,
                              stdout=file if where == "a file" else subprocess.PIPE)
        file.seek(0)
        assert (done.stdout or file.read()) == "before\nresults\nafter\n"
    assert os.listdir(tmp_path) == ["out"]


def test_a_full_device_stays_one_and_is_named(tmp_path):
    os.symlink("/dev/full", tmp_path / "full.zip")  # were it replaced, it would be the link
    done = make(REPOSITORY, "gradescope", "OUT=%s/full.zip" % tmp_path)
    assert done.returncode == 2 and "No space left on device" in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["full.zip"] and os.readlink(tmp_path / "full.zip") == "/dev/full"


@pytest.fixture(scope="module")
def autograder():
    """What Gradescope has below /autograder, here in a folder that everybody may look into. It was
    built for chapter 4."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        file = os.path.join(place, "autograder.zip")
        subprocess.run(["make", "gradescope", "OUT=" + file, "CHAPTERS=4"], cwd=REPOSITORY, check=True,
                       env=environment, stdout=subprocess.DEVNULL)
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():  # extractall() forgets who may run a file
                target = archive.extract(member, os.path.join(place, "source"))
                os.chmod(target, stat.S_IMODE(member.external_attr >> 16) or 0o644)
        yield place


def test_the_autograder_has_what_it_needs_and_no_wrong_answers(autograder):
    source = os.path.join(autograder, "source")
    assert sorted(os.listdir(source)) == ["chapters", "run_autograder", "setup.sh", "sockets"]
    tests = os.listdir(os.path.join(source, "sockets", "tests"))
    assert {"chapters", "grade", "harness", "lab.py"} <= set(tests)
    assert not {"mutants", "repo", "bench"} & set(tests)
    for script in ("run_autograder", "setup.sh"):
        assert os.access(os.path.join(source, script), os.X_OK)
        subprocess.run(["bash", "-n", os.path.join(source, script)], check=True)


def test_the_autograders_image_has_what_grading_takes(autograder, tmp_path):
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho $@\n")
    (tmp_path / "apt-get").chmod(0o755)
    done = subprocess.run([os.path.join(autograder, "source", "setup.sh")], cwd="/", text=True, check=True,
                          env={"PATH": "%s:%s" % (tmp_path, os.environ["PATH"])}, stdout=subprocess.PIPE)
    assert done.stdout.splitlines() == ["update", "install -y --no-install-recommends " + PACKAGES.strip()]


@pytest.mark.parametrize("folder, score", [(CHAPTER, 100), ("", 0), ("05-client", 0)],
                         ids=["in its folder", "flat, and does not build", "another chapter"])
def test_the_autograder_grades_a_submission(autograder, folder, score):
    submission = os.path.join(autograder, "submission")
    shutil.rmtree(submission, ignore_errors=True)
    os.makedirs(os.path.join(submission, folder))
    for name in sources(CHAPTER):
        shutil.copy(path(CHAPTER, name), os.path.join(submission, folder))
    if not folder:
        os.remove(os.path.join(submission, "io.c"))
    done = subprocess.run([os.path.join(autograder, "source", "run_autograder")], cwd="/", text=True,
                          env={**os.environ, "AUTOGRADER": autograder}, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    with open(os.path.join(autograder, "results", "results.json")) as file:
        tests = json.load(file)["tests"]
    assert (sum(test["score"] for test in tests), sum(test["max_score"] for test in tests)) == (score, 100)
    assert folder or "send_all" in tests[0]["output"], "the compiler's words"
    assert folder != "05-client" or "has no folder " + CHAPTER in tests[0]["output"]


@pytest.mark.parametrize("handed_in", [True, False])
def test_classroom50s_autograder_grades_the_clone_in_which_it_runs(tmp_path, handed_in):
    """As its runner does it: with a bundle that it has unpacked elsewhere, and all it knows in the environment."""
    bundle, learner = tmp_path / "runtime" / "chapter-1", tmp_path / "learner"
    done = make(REPOSITORY, "classroom50", "OUT=%s" % bundle, "CHAPTERS=1")
    assert done.returncode == 0 and "CLASSROOM/autograders/ASSIGNMENT/" in done.stdout, done.stderr
    assert sorted(os.listdir(bundle)) == ["autograder.py", "chapters", "runtime.json", "sockets"]
    assert json.loads((bundle / "runtime.json").read_text()) == {"runs-on": "ubuntu-latest", "apt": PACKAGES.split()}
    assert not [*bundle.glob("sockets/0*/*.c"), *bundle.glob("sockets/0*/steps/*")], "GitHub Pages publishes it"
    (learner / ".git").mkdir(parents=True)
    if handed_in:
        shutil.copytree(path("01-socket"), learner / "work" / "01-socket")
    done = subprocess.run([sys.executable, str(bundle / "autograder.py")], cwd=learner, env={**os.environ, **IDENTITY},
                          text=True, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    made, told = keeps_classroom50s_schema((learner / "result.json").read_text()), (learner / "release-body.md").read_text()
    points = TOTAL if handed_in else 0
    assert (made["score"], made["max-score"]) == (points, TOTAL) and "01-socket: %d of %d points" % (points, TOTAL) in told
    assert handed_in or "no folder 01-socket with a program in it" in told
