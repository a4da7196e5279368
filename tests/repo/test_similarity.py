"""Programs that are alike: copies are found however they are disguised, and who wrote alone is in no list."""

import itertools
import os
import random
import re
import shutil
import time

import pytest

from grade import classroom, growth, names, similarity
from grade.people import Learner
from harness.build import program_name
from mutants.run import make, table
from repo.repository import path

pytestmark = pytest.mark.strict  # for whoever changes the grader
FOUR, FIVE = "04-send-recv", "05-client"


@pytest.fixture
def hand_in(tmp_path):
    """hand_in("ada", CHAPTER, SOURCES) is a Learner who has handed in this program, a dictionary from name to text."""
    def write(name, chapter, sources):
        learner = Learner(name)
        learner.folders[chapter] = str(tmp_path / name / chapter)
        os.makedirs(learner.folders[chapter])
        for file, text in sources.items():
            (tmp_path / name / chapter / file).write_bytes(text if isinstance(text, bytes) else text.encode())
        return learner

    return write


def ours(chapter):
    return similarity.texts(growth.program_in(growth.ours(chapter)))


def other(chapter, language="poll"):
    """The program of somebody else."""
    folder = path("tests", "repo", "alternatives", language, chapter)
    files = [name for name in os.listdir(folder) if name.endswith((".c", ".h", ".py"))]
    return {name: open(os.path.join(folder, name), encoding="utf-8").read() for name in files}


def disguised(text, seed=1):
    """A source with other names, spaces, comments and literals, its functions in another order, and a line more in six."""
    chance = random.Random(seed)
    own = {name for name in re.findall(r"\b[a-z_]\w+\b", text) if text.count(name) > 2} - similarity.KEYWORDS
    called = set(re.findall(r"\b(\w+)\(", text)) - set(re.findall(r"^\w[\w *]*?\b(\w+)\(", text, re.MULTILINE))
    text = re.sub(r"\b[a-z_]\w+\b", lambda match: match.group() + "x" * (match.group() in own - called - {"include"}), text)
    text = re.sub(r"/\*.*?\*/", "/* mine */", text, flags=re.DOTALL).replace("    ", "\t").replace("1", "2")
    head, *functions = re.split(r"\n(?=(?:static|int|bool|void) [^;\n]*\n?\{)", text)
    chance.shuffle(functions)
    lines = "\n".join([head, *functions]).split("\n")
    return "\n".join(line + "\n\terrno = 0;" * (line.endswith(";") and chance.random() < 1 / 6) for line in lines)


def similar(out, *learners):
    """What similar.txt says of these, without its head."""
    similarity.write_similar(learners, str(out))
    return (out / "similar.txt").read_text().replace(similarity.HEAD, "").strip()


def part(told):
    """The first percentage that similar.txt has."""
    return int(re.search(r"(\d+) %$", told, re.MULTILINE).group(1))


@pytest.mark.parametrize("chapter", [FOUR, "07-tinyweb"])
def test_a_disguised_copy_is_found_and_a_program_of_ones_own_is_not(hand_in, tmp_path, chapter):
    ada = hand_in("ada", chapter, other(chapter))
    bob = hand_in("bob", chapter, {"b" + name: disguised(text) for name, text in other(chapter).items()})
    assert similar(tmp_path, ada) == "No two are alike."
    told, main = similar(tmp_path, ada, bob), program_name(chapter) + ".c"
    assert told.startswith("ada and bob, %s: " % chapter) and part(told) >= 75
    for passage in r"^    ada: .*\b%s \d+-\d+", r"^    bob: .*\bb%s \d+-\d+":
        assert re.search(passage % main, told, re.MULTILINE)
    assert "ours" not in told


def test_what_is_ours_is_told_and_pointed_to(hand_in, tmp_path):
    ada = hand_in("ada", FOUR, other(FOUR))
    bob = hand_in("bob", FOUR, {name: disguised(text) for name, text in ours(FOUR).items()})
    eve = hand_in("eve", FOUR, ours(FOUR))
    told = similar(tmp_path, ada, bob, eve)
    assert told.startswith("eve and ours, 04-send-recv: 100 %\n    eve: io.c ") and "\nbob and ours, 04-send-recv: " in told
    assert "bob and eve" not in told, "what both have is ours"
    assert ada.notes == [] and eve.notes == ["04-send-recv is nearly identical to ours, see similar.txt"]


def test_where_most_follow_the_lesson_it_is_one_line(hand_in, tmp_path):
    people = [hand_in(str(number), FIVE, ours(FIVE)) for number in range(3)]
    people.append(hand_in("ada", FIVE, {"client.c": other(FOUR)["send-recv.c"]}))
    assert similar(tmp_path, *people) == \
        "05-client: 3 of 4 are near ours, as whoever follows the lesson's steps is.\n\nNo two are alike."
    assert not any(learner.notes for learner in people)


def test_what_two_have_beside_ours_is_found(hand_in, tmp_path):
    ada, bob = (hand_in(name, FIVE, {**ours(FIVE), "more.c": text}) for name, text in (
        ("ada", other(FOUR)["send-recv.c"]), ("bob", disguised(other(FOUR)["send-recv.c"]))))
    told = similar(tmp_path, ada, bob)
    assert "ada and ours, 05-client: 100 %\n" in told and "ada and bob, 05-client: " in told
    assert ada.notes == ["05-client is nearly identical to ours, see similar.txt"], "the first of them"


@pytest.mark.parametrize("chapter", names.chapters())
def test_what_was_given_counts_for_nothing(hand_in, tmp_path, chapter):
    given = similarity.texts(growth.beginning(chapter))
    main = program_name(chapter) + ".c"
    ada = hand_in("ada", chapter, {**given, main: given[main] + "\nvoid more(void)\n{\n    puts(\"more\");\n}\n"})
    bob = hand_in("bob", chapter, {**given, main: given[main] + "\nint less(int size)\n{\n    return size - 1;\n}\n"})
    assert similar(tmp_path, ada, bob) == "No two are alike."


def test_wrong_programs_of_ours_are_near_ours(hand_in, tmp_path):
    for number, mutant in enumerate(table(FOUR)[:10]):
        (tmp_path / ("made%d" % number)).mkdir()
        folder = make(mutant, FOUR, str(tmp_path / ("made%d" % number)))
        learner = hand_in("m%d" % number, FOUR, similarity.texts(growth.program_in(folder)))
        assert part(similar(tmp_path, learner)) >= 80


def test_programs_in_other_languages_are_compared_with_each_other(hand_in, tmp_path):
    text = other(FOUR, "python")["send-recv.py"]
    ada = hand_in("ada", FOUR, {"send-recv.py": text})
    bob = hand_in("bob", FOUR, {"main.py": text.replace("client", "peer") + "# mine\n"})
    eve = hand_in("eve", FOUR, {"main.py": other("5b-poll-server", "python")["poll-server.py"]})
    told = similar(tmp_path, ada, bob, eve)
    assert told.startswith("ada and bob, 04-send-recv: ") and "eve" not in told


def test_what_an_exercise_takes_from_its_chapter_was_given_too(hand_in, tmp_path):
    """A webroot is larger than many a program, and in no language that is looked at otherwise."""
    chapter = "8c-tftp"
    ada = hand_in("ada", chapter, {"tftp.py": other(FOUR, "python")["send-recv.py"]})
    bob = hand_in("bob", chapter, {"tftp.py": other("5b-poll-server", "python")["poll-server.py"]})
    for learner in (ada, bob):
        shutil.copytree(path("08-fork-server", "webroot"), os.path.join(learner.folders[chapter], "webroot"))
    assert similar(tmp_path, ada, bob) == "No two are alike."


def test_winnowing_finds_each_passage_that_is_long_enough():
    chance = random.Random(1)

    def numbers(size):
        return [chance.randrange(50).to_bytes(2, "big") for _ in range(size)]

    for _ in range(200):
        passage = numbers(similarity.GRAM + similarity.WINDOW - 1)
        one, two = (b"".join([*numbers(chance.randrange(60)), *passage, *numbers(chance.randrange(60))]) for _ in range(2))
        assert {number for number, _ in similarity.winnow(one)} & {number for number, _ in similarity.winnow(two)}


@pytest.mark.parametrize("unit", [
    b"/*", b"/* ", b'"', b"'", b"\\", b" ", b"\t#", b"#include", b"{", b"a(", b"\n", b"\0", b"\xff\xfe", b"1.", b"if (a) b();"])
def test_hostile_sources_take_no_time(hand_in, tmp_path, unit):
    sources = {"send-recv.c": unit * (4 << 20), "b\udcff\x1b.c": b"int main(void)"}
    ada, bob = (hand_in(name, FOUR, sources) for name in ("ada", "bob"))
    begin = time.process_time()
    similarity.write_similar([ada, bob], str(tmp_path))
    assert time.process_time() - begin < 10
    assert "\x1b" not in (tmp_path / "similar.txt").read_text()


def test_a_class_of_many_takes_seconds(hand_in, tmp_path):
    people = []
    for number, chapter in itertools.product(range(40), names.chapters()):
        text = {name: disguised(text, number) for name, text in ours(chapter).items()}
        people.append(hand_in("%d-%s" % (number, chapter), chapter, text))
    begin = time.process_time()
    similarity.write_similar(people, str(tmp_path))
    assert time.process_time() - begin < 20


def test_make_class_hands_over_what_was_handed_in(tmp_path):
    (tmp_path / "ada" / FOUR).mkdir(parents=True)
    (tmp_path / "ada" / FOUR / "send-recv.c").write_text(ours(FOUR)["send-recv.c"])
    learner = Learner("ada", handed_in=[[(str(tmp_path / "ada"), "")]], label="ada")
    assert len(classroom.prepare(learner, str(tmp_path / "received"), str(tmp_path / "out"), {FOUR: ""})) == 1
    assert part(similar(tmp_path, learner)) >= 90
    assert "similar.txt" in "".join(learner.said()) and "similar.txt" not in learner.report()
