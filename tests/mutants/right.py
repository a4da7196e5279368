#!/usr/bin/env python3
"""Write grade/right.json: what the commands by hand of each graded check show with our own programs, so
that a report can say what a right program would have shown.

    /usr/bin/python3 tests/mutants/right.py [NN]

brings all of it, or chapter NN, up to date: commands that are new are run, and what is known of the others stays. It
needs the Python that has pytest, and a machine that is quiet. Run it when such commands have changed.
"""

import concurrent.futures
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from grade import failure, names  # noqa: E402
from mutants.run import all_by_hand, shown_when_right  # noqa: E402

RUNS = 5
LINES = 9  # of what a terminal shows


def shortened(lines):
    """The beginning and the end of these lines, as a text."""
    return "".join(lines if len(lines) <= LINES else [*lines[:3], "...\n", *lines[4 - LINES:]])


def shows(chapter, by_hand):
    """What each terminal shows: a list of texts, empty where it differs from run to run."""
    terminals = shown_when_right(chapter, by_hand, RUNS)
    texts = [texts[0] if len(set(texts)) == 1 else "" for texts in terminals]
    texts[-1] = re.sub(r"exit status \d+\n\Z", "", texts[-1])  # which by_hand.show() has added
    return [shortened(text.splitlines(True)) for text in texts]


def main():
    everything = dict(failure.right())
    for chapter in names.programs():
        if chapter.startswith(sys.argv[1] if len(sys.argv) > 1 else ""):
            known = {tuple(entry["by_hand"]): entry["shows"] for entry in everything.get(chapter, [])}
            new = [by_hand for by_hand in all_by_hand(chapter) if by_hand not in known]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                known.update(zip(new, pool.map(lambda by_hand: shows(chapter, by_hand), new)))
            everything[chapter] = [{"by_hand": list(by_hand), "shows": known[by_hand]} for by_hand in all_by_hand(chapter)]
            print(chapter, len(new))
    with open(failure.RIGHT, "w", encoding="utf-8") as file:
        json.dump(everything, file, indent=1, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
