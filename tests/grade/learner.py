"""A learner's own programs: laying them out in work/, grading them, and grading again at each save."""

import contextlib
import os
import re
import shlex
import sys
import tempfile
import textwrap
import time

from grade import growth, names, report, run
from grade import results as model
from grade.files import has_program, read, weeks
from grade.progress import progress
from grade.names import number
from harness.build import program_name

WORK = os.path.join(names.REPOSITORY, "work")
RESULTS = os.path.join(WORK, ".results")


OTHERS = {  # files that are given, and no C
    "webroot": "the folder to serve: a page, its style, its pictures",
    "daemon.conf": "the configuration to read",
    "daemon.service": "how systemd starts the daemon",
}


def write(text, *parts):
    """Make a text the file whose path is in parts."""
    with open(os.path.join(*parts), "w", encoding="utf-8") as file:
        file.write(text)


def contract(chapter):
    """What the lesson says under "Your turn", as a text of its own."""
    lesson = read(growth.ours(chapter), "README.md")
    section = lesson.partition("\n## Your turn\n")[2].partition("\n## ")[0]
    section = re.sub(r"\n`make start \d[a-z]?` lays out [^;:]*?(?:[;.]|, and)\s(?=`make grade)", "\n", section)
    home = "../../"  # the repository, as seen from work/NN-name/

    def from_there(link):
        target = link.group(1)
        if re.match(r"[a-z]+:", target):
            return link.group()
        return "](%s%s" % (home, os.path.normpath(os.path.join(names.place(chapter), target)) if target else names.place(chapter))

    return "# The contract of %s\n%s" % (chapter, re.sub(r"\]\(([^)#]*)", from_there, section))


# ---- make start N

def finished_program(chapter):
    """The folder of a chapter's finished program: ours, or where that is withheld the learner's own."""
    for folder in (growth.ours(chapter), os.path.join(WORK, chapter)):
        if growth.sources(folder):
            return folder
    sys.exit("make: this grows from %s, which is yours to write first: make start %s"
             % (chapter, number(chapter)))


def lay_out(chapter, folder, step=1):
    """Fill an empty folder with what a chapter's program starts from, or a later step of it."""
    program = growth.beginning(chapter, finished_program) if step == 1 else growth.state(chapter, step - 1)
    growth.lay_out(chapter, program, folder)
    write(contract(chapter), folder, "CONTRACT.md")


def purposes(folder, main):
    """Lines that tell what the files are good for that a chapter's folder has beside its program."""
    for name in sorted(os.listdir(folder)):
        if name.endswith(".h"):
            purpose = re.match(r"/\* %s - (.*?)[.,:]?( \*/)?\n" % re.escape(name), read(folder, name))
            yield "%-20s %s" % (name[:-1] + "c, .h", purpose.group(1) if purpose else "")
        elif name in OTHERS:
            yield "%-20s %s" % (name, OTHERS[name])
        elif name not in ("CONTRACT.md", "Makefile", main) and name[:-1] + "h" not in os.listdir(folder):
            yield name


def start(chapter=None):
    """Lay out work/NN-name/, ready to grow into the chapter's program, or as it is when a step such as
    07-tinyweb.4 begins; without a chapter, say where the learner stands."""
    if chapter is None:
        return where_you_stand()
    chapter, step = growth.split(chapter)
    step = step or 1
    folder = os.path.join(WORK, chapter)
    shown = os.path.relpath(folder, names.REPOSITORY)
    if os.path.lexists(folder):
        print("%s is there already, and stays as it is. To set it aside and begin anew:\n\n"
              "    mv %s %s\n    make start %s" % (shown, shown, shown + "." + time.strftime("%Y%m%d-%H%M%S"),
                                                   number(chapter) + (".%d" % step if step > 1 else "")))
        return 1
    os.makedirs(WORK, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK, prefix=".start-") as place:
        new = os.path.join(place, chapter)
        os.makedirs(new)
        lay_out(chapter, new, step)
        os.rename(new, folder)
    main, before = program_name(chapter) + ".c", growth.given(chapter)[0]
    print("%s/ is yours now. In it:\n" % shown)
    print("    %-20s what your program is to do" % "CONTRACT.md")
    print("    %-20s the program to write%s\n" % (main, ", as it is after step %d" % (step - 1) if step > 1 else
                                                 ": it is chapter %s's still" % number(before) if before else ""))
    for line in purposes(folder, main):
        print(textwrap.fill(line, 79, initial_indent="    ", subsequent_indent=" " * 25))
    print("\nThe lesson is %s/README.md. Build with make, in that folder; check with:\n\n    make grade %s"
          % (names.place(chapter), number(chapter)))
    return 0


def to_begin():
    """The chapter to begin next, or None. In a handout that is the first whose program is withheld."""
    left = [chapter for chapter in names.chapters() if not os.path.isdir(os.path.join(WORK, chapter))]
    return min(left, key=lambda chapter: (has_program(os.path.join(names.REPOSITORY, chapter)), chapter), default=None)


def where_you_stand():
    """One line a chapter: begun or not, and the points of the last grading."""
    begun = [name for name in names.programs() if os.path.isdir(os.path.join(WORK, name))]
    for chapter in [name for name in names.programs() if name in begun or not names.is_exercise(name)]:
        results = model.load(os.path.join(RESULTS, chapter + ".json"))
        state = "given complete" if int(names.chapter_of(chapter)[:2]) < weeks()[0] else "not begun"
        if chapter in begun:
            state = "%d of %d points when last graded" % (model.earned(results), model.total(results)) \
                if results and results["complete"] else "begun, not graded yet"
        print("  %-15s %s" % (chapter, state))
    following = to_begin()
    if following:
        print("\nmake start %s lays out the next one, in work/%s/." % (number(following), following))
    return 0


# ---- make grade N

def submission(folder, chapter):
    """Where in `folder` this chapter's program is: in a folder of the chapter's name, or at its top."""
    inner = os.path.join(folder, chapter)
    return inner if os.path.isdir(inner) else folder


def to_grade(chapter):
    """A dictionary from chapter to folder of what is to be graded, by $DIR or else from work/; ends with a
    clear message where there is nothing."""
    given = os.environ.get("DIR")
    wanted = [chapter] if chapter else names.programs()
    if given and not os.path.isdir(given):
        sys.exit("make: DIR=%s: there is no such folder" % given)
    if given and chapter:
        return {chapter: submission(given, chapter)}
    place = given or WORK
    found = {each: os.path.join(place, each) for each in wanted if os.path.isdir(os.path.join(place, each))}
    if found:
        return found
    if given:
        sys.exit("make: DIR=%s: there is no chapter's folder in it, such as 04-send-recv; or say which chapter"
                 " it is: make grade 4 DIR=%s" % (given, shlex.quote(given)))
    if chapter:
        sys.exit("There is no work/%s yet. To lay it out: make start %s" % (chapter, number(chapter)))
    print("There is nothing to grade yet: your own programs will be in work/. To begin with the first:\n\n"
          "    make start %s\n\nTo grade programs that are elsewhere: make grade DIR=path" % number(to_begin()))
    sys.exit(0)


@contextlib.contextmanager
def results_folder():
    """Where the results go: to work/, or, of what is elsewhere ($DIR), to a folder for the moment."""
    if not os.environ.get("DIR"):
        yield RESULTS
    else:
        with tempfile.TemporaryDirectory(prefix="results-") as place:
            yield place


def told(results, folder):
    """What a learner reads of a grading of the chapter in `folder`."""
    return report.tell(results, everything=bool(os.environ.get("ALL")), folder=os.path.relpath(folder),
                       compare=has_program(growth.ours(results["chapter"])))


def grade(python, chapter=None):
    """Grade one chapter, or all there are and tell the scoreboard, too. Returns 0 if every point was earned."""
    folders = to_grade(chapter)
    with results_folder() as place, progress(place, folders):
        everything = run.grade(python, folders, place, run.seed())
    for results in everything:
        if chapter or model.earned(results) < model.total(results):
            print(told(results, folders[results["chapter"]]) + "\n" * (not chapter))
    if not chapter:
        print(report.scoreboard(everything))
    return 0 if all(model.is_full(results) for results in everything) else 1


# ---- make watch N

def saved(folder):
    """When what was last saved: something that differs after each save of a source."""
    states = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for file in files:
            if file.endswith((".c", ".h", ".conf")) or file == "Makefile":
                try:
                    status = os.stat(os.path.join(parent, file))
                except OSError:
                    continue  # an editor is just putting a new one in its place
                states.append((os.path.join(parent, file), status.st_mtime_ns, status.st_size))
    return sorted(states)


def watch(python, chapter):
    """Grade again at each save, until Ctrl-C; tell how it is now, on a screen of its own."""
    folder = next(iter(to_grade(chapter).values()))
    before = None
    try:
        while True:
            now = saved(folder)
            if now == before:
                time.sleep(0.5)  # polling works on every file system, those of WSL and networks too
                continue
            before = now
            print(report.clear() + "%s: grading ..." % chapter, flush=True)  # the old report is no longer true
            with results_folder() as place, progress(place, [chapter]):
                results = run.grade(python, {chapter: folder}, place, run.seed())[0]
            if saved(folder) == now:
                print("%s%s\n\n%s: waiting for the next save. Ctrl-C ends it." % (
                    report.clear(), told(results, folder), time.strftime("%H:%M:%S")), flush=True)
    except KeyboardInterrupt:
        print()
        return 0
