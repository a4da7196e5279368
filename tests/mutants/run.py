"""make mutants: every classic wrong program is caught, by the check and for the reason that it should.

    run.py PYTHON [CHAPTER [WORDS OF A TITLE]]
"""

import collections
import concurrent.futures
import functools
import importlib
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from grade import results as model  # noqa: E402
from grade import growth, names, run  # noqa: E402
from mutants import by_hand  # noqa: E402

# Words that no learner has to know: Python's, or a regular expression
OF_PYTHON = re.compile(r" object at 0x|<function|Traceback|\(\?[:!=<i]|\[\^|\.[*+](?=\W|$)|\\[dSswAZ]\b|\bRLIMIT_|\bLAB_")
CAUGHT, ESCAPED, NOT_POSSIBLE = "caught", "ESCAPED", "not possible here"
SAME_BY_HAND = "by hand there is no difference to the right program"


def table(chapter):
    """The mutants of a chapter."""
    return importlib.import_module("mutants.chapter_" + chapter[:2]).MUTANTS


def copy(chapter, parent):
    """Lay out our own program in the folder `parent`; return its folder there, which builds by itself."""
    folder = os.path.join(parent, chapter)
    os.mkdir(folder)
    growth.lay_out(chapter, growth.program_in(growth.ours(chapter)), folder)
    return folder


def make(mutant, chapter, parent):
    """Make the mutant's folder in `parent`; return its path."""
    folder = copy(chapter, parent)
    path = os.path.join(folder, mutant.file)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert text.count(mutant.old) == 1, "%s: in %s %d times: %s" % (
        mutant.title, mutant.file, text.count(mutant.old), mutant.old)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(mutant.old, mutant.new))
    return folder


def shown(commands, folder):
    """What a check's commands by hand print with the program in this folder, which is built here."""
    subprocess.run(["make", "-s", "-C", folder], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return by_hand.show(commands, folder)


@functools.lru_cache(maxsize=None)
def shown_when_right(chapter, commands, runs):
    """What the commands by hand print with our own program: for each terminal a list, of the text of each
    run."""
    with tempfile.TemporaryDirectory(prefix="right-") as parent:
        folder = copy(chapter, parent)
        return list(zip(*[shown(commands, folder) for _ in range(runs)]))


def expected_by_hand(chapter, commands):
    """What the commands by hand print with our own program: for each terminal the text that came twice, or
    None. What differs from run to run proves nothing."""
    terminals = shown_when_right(chapter, commands, 2)
    if any(once != again for once, again in terminals):
        terminals = shown_when_right(chapter, commands, 3)
    counted = [collections.Counter(texts).most_common(1)[0] for texts in terminals]
    return [text if times > 1 else None for text, times in counted]


def trouble(mutant, chapter, python):
    """What is wrong with the grading of this mutant, empty if it is caught as it should be; and the cause that
    is named."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as parent:
        os.chmod(parent, 0o755)
        folder = make(mutant, chapter, parent)
        results = run.grade_chapter(python, chapter, folder, os.path.join(parent, "results"), 1,
                                    only=[mutant.caught_by])
        checks = {check["name"]: check for check in results["checks"]}
        if mutant.caught_by not in checks:
            return "there is no check %s; %s" % (mutant.caught_by, results["log"][-300:]), ""
        check = checks[mutant.caught_by]
        if check["verdict"] == model.NOT_POSSIBLE:
            return "%s: %s" % (NOT_POSSIBLE, check["reason"]), ""
        if check["verdict"] != model.FAILED:
            return "%s: %s %s" % (check["name"], check["verdict"], check["reason"]), ""
        cause, told = check["cause"], "\n".join([*check["steps"], check["message"], check["crash"], check["cause"]])
        if mutant.says not in cause and mutant.says not in check["crash"]:
            return "its cause does not say %r:\n%s" % (mutant.says, told), cause
        if OF_PYTHON.search(told):
            return "its message is about Python, not about the program:\n" + told, cause
        if by_hand.own_network() is None:
            return "", cause
        expected = expected_by_hand(chapter, tuple(check["by_hand"]))
        got = shown(check["by_hand"], folder)
        if all(right in (None, text) for text, right in zip(got, expected)):
            return SAME_BY_HAND + ":\n%s\n%s" % (
                "\n".join(check["by_hand"]),
                "\n".join("(not the same each time)" if right is None else right[-400:] for right in expected)), cause
        return "", cause


def outcome(mutant, chapter, python):
    """What became of this mutant, why, and the cause that was named."""
    what, cause = trouble(mutant, chapter, python)
    if what.startswith(NOT_POSSIBLE):
        return NOT_POSSIBLE, what[len(NOT_POSSIBLE) + 2:], cause
    return (ESCAPED, what, cause) if what else (CAUGHT, "", cause)


def graded_checks(chapter):
    """The graded checks of a chapter, in the order of its steps: a dictionary from name to Graded."""
    modules = [importlib.import_module("chapters." + os.path.basename(path)[:-3])
               for path in run.check_files(chapter)]
    graded = {name: value.graded for module in modules for name, value in vars(module).items()
              if hasattr(value, "graded")}
    return dict(sorted(graded.items(), key=lambda item: item[1].step))


def all_by_hand(chapter):
    """All commands by hand of a chapter's graded checks, each once: a list of tuples."""
    return list(dict.fromkeys(tuple(symptom.by_hand) for graded in graded_checks(chapter).values()
                              for symptom in graded.symptoms))


def uncaught_checks(chapter):
    """The names of the chapter's graded checks that no mutant proves."""
    caught = {mutant.caught_by for mutant in table(chapter)}
    return [name for name in graded_checks(chapter) if name not in caught]


def main(python, wanted="", *words):
    chapters = [chapter for chapter in names.programs() if chapter.startswith(wanted)]
    jobs = [(mutant, chapter) for chapter in chapters for mutant in table(chapter)
            if " ".join(words) in mutant.title]
    if not jobs:
        print("mutants: there is none of chapter %s with the title %s; chapters are 01 to 09, and exercises such as 4b"
              % (wanted or "any", " ".join(words) or "any"), file=sys.stderr)
        return 2
    outcomes, escaped, named = collections.Counter(), [], set()
    with concurrent.futures.ThreadPoolExecutor(max_workers=4 * os.cpu_count()) as pool:
        done = pool.map(lambda job: outcome(*job, python), jobs)
        for (mutant, chapter), (what, why, cause) in zip(jobs, done):
            outcomes[what] += 1
            named.add((chapter, mutant.caught_by, cause))
            line = "%-7s %-15s %s%s" % (what, chapter, mutant.title,
                                        "\n        " + why.replace("\n", "\n        ") if why else "")
            print(line, flush=True)
            if what == ESCAPED:
                escaped.append((line, mutant, chapter))
    # The commands by hand sleep for fixed times, as a person would: what they show counts alone on the machine.
    for line, mutant, chapter in [job for job in escaped if SAME_BY_HAND in job[0]]:
        if outcome(mutant, chapter, python)[0] == CAUGHT:
            print("caught, alone on the machine: %s" % mutant.title, flush=True)
            escaped.remove((line, mutant, chapter))
            outcomes.update({CAUGHT: 1, ESCAPED: -1})
    unproved = [] if words else [(chapter, name) for chapter in chapters for name in uncaught_checks(chapter)]
    for chapter, name in unproved:
        print("no mutant is caught by %s of %s" % (name, chapter))
    unnamed = [] if words else [
        (chapter, name, symptom.cause) for chapter in chapters for name, graded in graded_checks(chapter).items()
        for symptom in graded.symptoms if symptom.seen and (chapter, name, symptom.cause) not in named]
    for chapter, name, cause in unnamed:
        print("no mutant of %s in %s is told: %s" % (name, chapter, cause))
    if escaped:
        print("\nOnce more, what has escaped:\n" + "\n".join(line for line, _, _ in escaped))
    possible = len(jobs) - outcomes[NOT_POSSIBLE]
    print("%d of %d mutants caught (%d%%), %d checks unproved%s" % (
        outcomes[CAUGHT], possible, 100 * outcomes[CAUGHT] // max(1, possible), len(unproved),
        ", %d more not possible here" % outcomes[NOT_POSSIBLE] if outcomes[NOT_POSSIBLE] else ""))
    return 1 if outcomes[ESCAPED] or unproved or unnamed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
