"""The lessons: the same form in every chapter, and nothing in them that the code does not say."""

import os
import re
import subprocess
import sys

import pytest

from excerpts import EXCERPT, difference, drifted
from grade import growth
from grade.names import is_exercise, number, place
from lab import read_lesson
from repo.repository import LESSONS, PROGRAMS, clone, path, read

HEADINGS = ["The idea", "The program", "Try it", "Look underneath", "What can go wrong",
            "What is still wrong", "Your turn", "Read on"]


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_same_form_in_every_lesson(chapter):
    text = read(chapter, "README.md")
    assert text.startswith("# %s %s: " % ("Exercise" if is_exercise(chapter) else "Chapter", number(chapter)))
    assert re.search(r"^\*\*Know first:\*\* ", text, re.MULTILINE)
    assert re.search(r"^\*\*Goal:\*\* ", text, re.MULTILINE)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert "Terminal 2:\n\n```console\n$ " in text.partition("## Try it")[2]


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_excerpts_are_the_source(chapter):
    assert EXCERPT.search(read(chapter, "README.md"))
    found = [difference(chapter, *row) for row in drifted(chapter)]
    assert not found, "renew it with `python3 tests/lab.py excerpts`:\n" + "\n".join(found)


def added(lines):
    """Lines as a patch has them that adds them."""
    return "".join("+" + line for line in lines.splitlines(True))


@pytest.mark.parametrize("old,new", [
    ("    case EINTR:        /* a signal woke us */\n", "    case EINTR:        /* a signal came */\n"),
    ("    switch (errno) {\n", "    /* Why not? */\n    switch (errno) {\n"),
    ("    if (client >= 0)\n", "    if (client > -1)\n"),
    ("        break;\n", "        return -1;\n"),
], ids=["changed", "one line more", "its first line", "its last line"])
def test_an_excerpt_that_has_drifted_is_shown_and_can_be_renewed(tmp_path, old, new):
    copy = clone(tmp_path / "sockets")
    chapter = os.path.join(copy, "03-accept")
    patch = growth.patches(chapter)[-1]
    text = read(patch)
    assert added(old) in text
    with open(patch, "w") as file:
        file.write(text.replace(added(old), added(new)))
    there = lambda name: os.path.join(copy, name)  # noqa: E731
    shown = difference("03-accept", *next(drifted("03-accept", there)))
    assert shown.startswith("--- 03-accept/README.md\n+++ 03-accept/connection.c\n")
    assert re.search(r"^\+.*" + re.escape(new.splitlines()[0]), shown, re.MULTILINE), shown
    subprocess.run([sys.executable, os.path.join(copy, "tests", "lab.py"), "excerpts"], check=True,
                   stdout=subprocess.DEVNULL)
    assert not list(drifted("03-accept", there))
    lesson = read("03-accept", "README.md")
    with open(os.path.join(chapter, "README.md")) as file:
        assert file.read() == lesson.replace(old, new)


def anchors(text):
    """The anchors that GitHub gives to the headings of a Markdown text."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_link_inside_the_repository_is_dead(lesson):
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", read(lesson)):
        if not re.match(r"[a-z]+:", target):
            file = os.path.join(os.path.dirname(lesson), target) if target else lesson
            assert os.path.exists(path(file)), target
            assert not anchor or anchor in anchors(read(file)), "%s#%s" % (target, anchor)


def test_every_program_is_in_a_table_of_the_top_readme():
    for name in PROGRAMS:
        assert "(%s/README.md)" % place(name) in read("README.md")


def test_what_make_chapter_says_to_try_fits_the_arguments_that_it_runs_with():
    assert "nc 127.0.0.1 7890" in read_lesson("04-send-recv")[2]
    assert read_lesson("8a-cgi")[2] == [], "they need the folder that Terminal 1 makes"
