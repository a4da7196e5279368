"""make class: summary.html and summary.txt tell what a class has missed, and of nobody by name unless that is asked for."""

import html.parser
import os
import re

from grade import people, summary
from grade import results as model
from repo.classes import CHAPTER, program, results

HOSTILE = "<script>alert(1)</script>&\"'\n\x1b[2J\udcff\u202e" + "n" * 300


def learner(name, *earned, late=False, chapter=CHAPTER):
    made = people.Learner(name, late=late)
    made.results = {chapter: results(chapter, *earned)} if earned else {}
    made.remarks = ["LATE"] * late
    return made


def told(*learners, absent=(), programs=(CHAPTER,), has_roster=True, names=False):
    """summary.txt and summary.html of these."""
    everything = summary.sections(list(learners), [learner(name) for name in absent], programs, has_roster, names)
    return summary.text(everything), summary.page(everything)


class Reader(html.parser.HTMLParser):
    """What a browser makes of a page: its elements, and its text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data + " "


def test_both_say_the_same(tmp_path):
    text, page = told(learner("ann", 10, 0), learner("bob", 3, 10, late=True), learner("eve"), absent=["joe"])
    assert "3 have handed in, 1 of them late; of the roster, 1 has handed in nothing." in text
    assert "04-send-recv: begun by 2 of 3" in text and "Of 20 points the median is 11.5, and the mean 11.5" in text
    assert re.search(r"^ +60-69  #+ 1$", text, re.MULTILINE) and re.search(r"^ +100   0$", text, re.MULTILINE)
    words = re.compile(r"[A-Za-z.0-9]+")
    assert set(words.findall(text)) <= set(words.findall(Reader(page).text))


def test_one_is_no_plural_and_each_remark_is_of_its_kind():
    ann = learner("ann", 10, 0, late=True)
    ann.remarks += ["04-send-recv counts as it was handed in last", "ann.rar cannot be unpacked: hand in a .zip"]
    text = told(ann)[0]
    assert "1 has handed in, 1 of them late" in text and summary.OTHER not in text
    assert "1  counts as it was handed in last" in text and "1  cannot be unpacked" in text


def test_the_histogram_counts_everybody_once():
    bars = dict(summary.histogram([0, 9, 10, 19, 55, 99, 100, 100], 100))
    assert {label: number for label, number in bars.items() if number} == {
        "100": 2, "90-99": 1, "50-59": 1, "10-19": 2, "0-9": 2} and len(bars) == 11
    assert dict(summary.histogram([4, 5], 5))["100"] == 1 and dict(summary.histogram([4, 5], 5))["80-89"] == 1


def test_the_most_missed_check_comes_first_with_the_cause_most_often_told():
    several = [learner(str(number), 10, 0, 0) for number in range(4)]
    for each, cause in zip(several, ("This.", "That.", "That.", "")):
        each.results[CHAPTER]["checks"][1]["cause"] = cause
    model.decide(several[3].results[CHAPTER]["checks"][1], model.NOT_CHECKED)
    model.decide(several[0].results[CHAPTER]["checks"][2], model.GRADER_ERROR)
    missed = list(summary.missed([each.results[CHAPTER] for each in several]))
    assert missed == [("3 of 4", "B", "2 times: That. (1 more could not be checked.)"), ("3 of 4", "C", "Why.")]


def test_names_are_told_only_if_they_are_asked_for():
    eve = learner("eve", 10)
    eve.remarks = ["left out: eve/passwd", "04-send-recv is taken from eve_s-homework", "the same one in the roster as eve"]
    new = learner("evelyn")
    new.remarks = ["eve writes remarks of her own"]
    for output in told(eve, new, absent=["evert"]):
        assert "eve" not in output.replace("seven", "")
        assert all(words in output for words in ("left out", "is taken from", "the same one in the roster", summary.OTHER))
    for output in told(eve, new, absent=["evert"], names=True):
        assert "evert" in output and "left out: eve/passwd" in output and "evelyn" in output


def test_what_comes_from_submissions_is_escaped():
    hostile = learner(HOSTILE, 3)
    hostile.remarks = [HOSTILE]
    hostile.results[CHAPTER]["checks"][0].update(title=HOSTILE, cause=HOSTILE)
    text, page = told(hostile, absent=[HOSTILE], names=True)
    page.encode()
    ours = "html meta title style h1 h2 p table tr th td span small"
    assert {tag for tag, _ in Reader(page).elements} <= set(ours.split())
    assert not re.search(r"\x1b|\u202e|https?:|src=|href=|url\(", text + page)
    assert max(map(len, text.splitlines())) <= summary.WIDTH


def test_an_empty_class_is_no_error():
    for output in told(learner("ann"), has_roster=False):
        assert "begun by 0 of 1" in output and "only a roster tells" in output
    told(programs=())


def test_it_is_written_with_the_scores_and_holds_back_names(graded, tmp_path, monkeypatch):
    for name in ("anna", "berta"):
        program(tmp_path / "class" / name, text="earns 10 3")
    (tmp_path / "roster.csv").write_text("First name,Surname,Username\nAnna,Doe,anna\nCleo,Roe,cleo\n")
    monkeypatch.setenv("ROSTER", str(tmp_path / "roster.csv"))
    for wanted in ("", "0", "1"):
        monkeypatch.setenv("NAMES", wanted)
        graded()
        for name in ("summary.html", "summary.txt"):
            told = (tmp_path / "out" / name).read_text(encoding="utf-8")
            assert "04-send-recv: begun by 2 of 2" in told and "05-client" not in told
            assert ("Cleo" in told, "berta" in told) == (wanted == "1",) * 2
    assert sorted(os.listdir(tmp_path / "out")) == [
        "import.csv", "json", "reports", "scores.csv", "similar.txt", "summary.html", "summary.txt"]
