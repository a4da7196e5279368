"""The chapters in what a learner has handed in: found under whatever name, and made ready to be graded."""

import os
import re
import shutil

from grade.complete import complete, given, peculiar
from grade.files import weeks
from grade.names import chapter_of, is_exercise, meant
from grade.unpack import NOT_HERE, Bad, Intake, in_folder, is_archive, is_source, stem

NOTHING = "no program of the learner's in a chapter's folder, such as 04-send-recv"
FEW = 5  # files are named in a remark
PASSED_BY = {"tests", "steps", "webroot"}  # folders that we gave


def own(folder, chapter):
    """The entries of a folder that we did not give for the chapter: a program, in whatever language."""
    known = {path.partition("/")[0] for path in given(chapter)} | {"README.md", "CONTRACT.md", "steps"}
    other = re.compile(r"\.|\d[a-z]-|.*\.(md|txt|pdf)$")  # 6b-dig: an exercise; texts
    return [entry for entry in os.scandir(folder) if entry.name not in known and not other.match(entry.name)]


def look(folder, chapter=None):
    """Yield what may be a program, in a folder and below: pairs of a path, and the chapter that the folder's name means;
    None where it means none. What lies in a chapter's folder is its program's, but for exercises."""
    entries = sorted((entry for entry in os.scandir(folder) if entry.name[0] != "."), key=lambda entry: entry.name)
    folders = [(entry.path, meant(stem(entry.name))) for entry in entries
               if entry.is_dir() and entry.name not in PASSED_BY]
    begun = chapter and any(entry.is_file() for entry in own(folder, chapter))
    if begun:
        folders = [(path, name) for path, name in folders if name and is_exercise(name) and name != chapter]
    below = [each for path, name in folders for each in look(path, name)]
    yield from (each for each in below if each[1])
    if chapter:
        if begun or own(folder, chapter) and chapter not in dict(map(reversed, below)):
            yield (folder if begun else innermost(folder)), chapter
    elif mains(folder) or not any(name for _, name in folders) and any(
            entry.name == "src" or entry.is_file() and is_source(entry.name) for entry in entries):
        yield folder, None
    else:
        yield from (each for each in below if not each[1])


def innermost(folder):
    """The folder, or the one in it that has all there is: 04-send-recv/src."""
    entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    return innermost(entries[0].path) if len(entries) == 1 and entries[0].is_dir() else folder


def mains(folder, wanted=()):
    """The C files in a folder, or in its src/, that are called as a chapter or a wanted exercise is: a dictionary from
    that to the name. One that has a header is none: daemon.c beside daemon.h, address.c."""
    names = os.listdir(folder)
    if not any(name.endswith(".c") for name in names) and os.path.isdir(os.path.join(folder, "src")):
        names = os.listdir(os.path.join(folder, "src"))
    known = {meant(name[:-2]): name for name in sorted(names) if name.endswith(".c") and name[:-1] + "h" not in names}
    return {program: name for program, name in known.items()
            if program in wanted or program and not is_exercise(program)}


def candidates(folder):
    """What may be a program in a submission: a dictionary from chapter to the folders that are called so, and a list of
    others. What lies in a folder work/ is the learner's own, and what else there is, too, unless it was given complete:
    in a handout that is the chapters before the one that the class is at, and in work/ those before the one that it
    began with; elsewhere, if there is a folder work/, all of them. Of several, the first one counts."""
    at, began = max(weeks(place) for place, _, _ in os.walk(folder))
    named, loose = {}, []

    def at_work(path):
        return "work" in os.path.relpath(path, folder).split(os.sep)

    for path, chapter in look(folder):
        if chapter is None:
            loose.append(path)
        elif int(chapter_of(chapter)[:2]) >= (began if at_work(path) else at):
            named.setdefault(chapter, []).append(path)
    if not at and any(at_work(path) for paths in named.values() for path in paths):
        named = {chapter: list(filter(at_work, paths)) for chapter, paths in named.items() if any(map(at_work, paths))}
    for chapter, paths in named.items():
        paths.sort(key=lambda path: (not at_work(path), os.path.basename(path) != chapter, path.count(os.sep), path))
    return named, loose


def find(folder, wanted):
    """The chapters in a submission: a dictionary from chapter to its folder, remarks on what was assumed of those that
    are wanted, and the folders that may be one of these, but nobody can tell."""
    named, loose = candidates(folder)
    found, remarks = {chapter: paths[0] for chapter, paths in named.items()}, []

    def shown(path):
        return os.path.relpath(path, folder) if path != folder else "the files at the top"

    known = {path: mains(path, wanted) for path in loose}
    for chapter in wanted:
        likely = [path for path in loose if chapter in known[path]] or [
            path for path in loose if not known[path] and len(wanted) == 1]
        if chapter not in found and len(likely) == 1:
            others = [name for program, name in known[likely[0]].items() if program != chapter]
            found[chapter] = apart(likely[0], others, os.path.join(folder + ".apart", chapter))
            without = " without " * bool(others) + ", ".join(others)
            remarks.append("%s is taken from %s%s" % (chapter, shown(likely[0]), without))
        elif chapter in named and os.path.basename(found[chapter]) != chapter:
            remarks.append("%s is taken from %s" % (chapter, shown(found[chapter])))
        others = list(map(shown, named.get(chapter, [])[1:]))
        remarks += ["%s is not taken from %s" % (chapter, some(others))] * bool(others)
    return found, remarks, list(map(shown, loose))


def apart(folder, others, place):
    """A folder without these files, and without the folders of other chapters; if there are any, it is a copy in the
    folder `place`."""
    others = {*others, *(entry.name for entry in os.scandir(folder)
                         if entry.is_dir() and (meant(stem(entry.name)) or entry.name in ("tests", "work")))}
    if not others:
        return folder
    shutil.copytree(folder, place, ignore=lambda _, names: others.intersection(names))
    return place


def receive(handed_in, target, wanted):
    """Copy what a learner has handed in, to the new folder `target`, and make its chapters ready to be graded. It is a
    list, the latest last, of what was handed in together: pairs of a path and the name that it shall have, "" for what
    is in it. Returns a dictionary from chapter to folder, and a list of remarks."""
    found, remarks, loose, broken, single = {}, [], [], False, set()
    for number, together in enumerate(handed_in):
        intake = Intake(os.path.join(target, str(number)))
        try:
            for path, name in together:
                intake.add(path, name)
        except Bad as error:
            remarks.append("%s %s" % (os.path.basename(path) if len(handed_in) > 1 else "it", error))
            broken = True
            continue
        names, left_out = [name for _, name in together if name], intake.left_out
        remarks += ["left out: " + some(left_out)] if left_out else []
        these, assumed, unclear = find(intake.target, wanted)
        twice = {name for name in names if names.count(name) > 1} | set(these).intersection(found, wanted)
        instead = "is in %s, and not in single files" % os.path.basename(path)
        remarks += assumed + ["%s counts as it %s" % (name, instead if name in single else "was handed in last")
                              for name in sorted(twice)]
        loose += unclear
        single = set(these) if names and not is_archive(path) else set()
        found.update(these)
    for chapter in sorted(set(found).intersection(wanted)):
        try:
            said = [*peculiar(found[chapter], chapter), *complete(found[chapter], chapter)]
        except OSError as error:  # such as a folder that is called Makefile
            said = ["is no program: %s: %s" % (os.path.basename(error.filename or ""), error.strerror)]
        remarks += ["%s %s" % (chapter, words) for words in said]
    if not broken and not set(found).intersection(wanted):
        remarks.append(missing(target, found, loose, wanted, not remarks))
    return found, remarks


def some(paths, between=", "):
    """The first of these paths, as text."""
    return between.join(paths[:FEW] + ["..."] * (len(paths) > FEW))


def missing(target, found, loose, wanted, is_all):
    """Why there is nothing to grade, and what the learner, or the instructor, is to do. `is_all`: nothing was left out."""
    there = [path.partition("/")[2] for path, _, _ in in_folder(target) if not os.path.basename(path).startswith(".")]
    packed = [path for path in there if path.lower().endswith(NOT_HERE)]
    if loose:
        name = wanted[0] if len(wanted) == 1 else "a folder that is named as its chapter, such as " + wanted[0]
        return "which chapter is it? move %s to %s" % (some(loose, " or "), name)
    if found:
        return "only %s was handed in" % ", ".join(sorted(found))
    if packed:
        return "%s cannot be unpacked: hand in a .zip" % os.path.basename(packed[0])
    few = ": only " + ", ".join(there) if there else ": it is empty" * is_all
    return NOTHING + few * (len(there) <= FEW)
