"""The lessons: the same form in every chapter, and nothing in them that the code does not say."""

import os
import re

import pytest

from repo.repository import CHAPTERS, path, read

HEADINGS = ["The idea", "The program", "Try it", "Look underneath", "What can go wrong",
            "What is still wrong", "Your turn", "Read on"]


def fences(text):
    """The fenced blocks of a Markdown text: pairs of what stands behind the fence, and the content."""
    return re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_same_form_in_every_lesson(chapter):
    text = read(chapter, "README.md")
    assert text.startswith("# Chapter %d: " % int(chapter[:2]))
    assert re.search(r"^\*\*Know first:\*\* ", text, re.MULTILINE)
    assert re.search(r"^\*\*Goal:\*\* ", text, re.MULTILINE)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert "Terminal 2:\n\n```console\n$ " in text.partition("## Try it")[2]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_excerpts_are_the_source(chapter):
    excerpts = [(kind, block) for kind, block in fences(read(chapter, "README.md"))
                if kind.startswith("c ") or kind == "c"]
    assert excerpts
    for kind, block in excerpts:
        assert kind != "c", "an excerpt must name its file:\n" + block
        file = kind.split()[1]
        assert block in read(chapter, file), "not in %s/%s:\n%s" % (chapter, file, block)


@pytest.mark.parametrize("readme", ["README.md", "tests/README.md"] + [c + "/README.md" for c in CHAPTERS])
def test_no_link_inside_the_repository_is_dead(readme):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", read(readme)):
        if not re.match(r"[a-z]+:", target):
            assert os.path.exists(path(os.path.dirname(readme), target)), target


def test_every_chapter_is_in_the_table_of_the_top_readme():
    for chapter in CHAPTERS:
        assert "(%s/README.md)" % chapter in read("README.md")
