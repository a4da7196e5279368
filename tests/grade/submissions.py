"""What learners hand in, folders and archives of every kind: copied within bounds, and looked through."""

import contextlib
import gzip
import hashlib
import os
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib

from grade import growth
from grade.files import files, weeks, write
from grade.names import chapter_of, is_exercise, place, programs
from grade.run import REPOSITORY
from harness.build import program_name

ARCHIVES = ".zip", ".tar.gz", ".tgz", ".tar"
FILES = 5000  # so many files and folders, and
BYTES = 64 * 1024 * 1024  # so many bytes, of one submission,
DEPTH = 30  # and so many folders one in the other
SKIPPED = {".git", ".venv", "node_modules", "__pycache__", "__MACOSX"}
NOTHING = "no program of the learner's in a chapter's folder, such as 04-send-recv"
BINARY = b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"!<arch>\n"  # programs, and libraries
DAMAGE = (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zlib.error,
          zipfile.BadZipFile, tarfile.TarError)


class Bad(Exception):
    """This cannot be graded; the text says why."""


def stem(name):
    """A submission's name without what makes it an archive's."""
    ending = next((ending for ending in ARCHIVES if name.lower().endswith(ending)), "")
    return name[:len(name) - len(ending)] or name


def is_archive(name):
    """Is this the name of an archive that can be unpacked here?"""
    return stem(name) != name


# ---- The files of a folder or an archive: (path, size, a function that opens it), None for no file

def in_folder(folder):
    """The files below a folder. Raises OSError where it cannot be read."""
    def fail(error):
        raise error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if name not in SKIPPED]
        for name in names:
            path = os.path.join(place, name)
            status = os.lstat(path)
            yield (os.path.relpath(path, folder), status.st_size,
                   (lambda path=path: open(path, "rb")) if stat.S_ISREG(status.st_mode) else None)


def in_zip(archive):
    """The files in a .zip. Raises what zipfile raises, or NotImplementedError."""
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            is_link = stat.S_ISLNK(member.external_attr >> 16)
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise NotImplementedError("it is packed in an unusual way")  # others unpack without bounds
            if not member.is_dir():
                yield (member.filename.replace("\\", "/"), member.file_size,
                       None if is_link else lambda member=member: opened.open(member))


def in_tar(archive):
    """The files in a .tar or .tar.gz. Raises what tarfile and gzip raise, or Bad."""
    with tempfile.TemporaryFile() as plain:  # bounded, before tarfile believes a word of what it says
        with open(archive, "rb") as file:
            packed = gzip.GzipFile(fileobj=file) if file.read(2) == b"\x1f\x8b" else file
            file.seek(0)
            copy(packed, plain, 2 * BYTES)
        plain.seek(0)
        with tarfile.open(fileobj=plain, mode="r:") as opened:
            for member in opened:
                if not member.isdir():
                    yield (member.name, member.size,
                           (lambda member=member: opened.extractfile(member)) if member.isreg() else None)


def copy(source, target, most):
    """Copy at most so many bytes; return how many there were."""
    size = 0
    for data in iter(lambda: source.read(65536), b""):
        size += len(data)
        if size > most:
            raise Bad("is larger than %d MiB" % (BYTES >> 20))
        target.write(data)
    return size


def take_in(source, target):
    """Copy a submission, a folder or an archive, to the new folder `target`, within bounds. Returns the
    paths that were left out: links, and what would lie outside. Raises Bad."""
    kind = in_folder if os.path.isdir(source) else in_zip if source.lower().endswith(".zip") else in_tar
    if not os.path.isdir(source) and not is_archive(source):
        raise Bad("is neither a folder nor an archive (%s)" % " ".join(ARCHIVES))
    left_out, number, size = [], 0, 0
    os.makedirs(target)
    try:
        if os.path.isfile(source) and os.path.getsize(source) > BYTES:
            raise Bad("is larger than %d MiB" % (BYTES >> 20))
        for path, declared, opens in kind(source):
            number += 1
            if number > FILES:
                raise Bad("has more than %d files" % FILES)
            if path.count("/") > DEPTH:
                raise Bad("has more than %d folders one in the other" % DEPTH)
            if size + declared > BYTES:
                raise Bad("is larger than %d MiB" % (BYTES >> 20))
            if SKIPPED.intersection(path.split("/")):
                continue
            if opens is None or path.startswith("/") or ".." in path.split("/"):
                left_out.append(path)
                continue
            os.makedirs(os.path.dirname(os.path.join(target, path)), exist_ok=True)
            with opens() as file, open(os.path.join(target, path), "wb") as copied:
                size += copy(file, copied, BYTES - size)
    except DAMAGE as error:
        raise Bad("cannot be read: %s" % (getattr(error, "strerror", None) or error or type(error).__name__))
    return left_out


# ---- The chapters in it

def given(chapter):
    """The files of a program's folder that are none of the program, such as its Makefile: a list of paths from there."""
    folder = place(chapter) + "/"
    return [path[len(folder):] for path in files() if path.startswith(folder)
            and not path.endswith((".c", ".h", ".md", ".patch")) and not is_exercise(path[len(folder):])]


def own(folder, chapter):
    """The entries of a folder that we did not give for the chapter: a program, in whatever language."""
    known = {path.partition("/")[0] for path in given(chapter)} | {"README.md", "CONTRACT.md", "steps"}
    if not os.path.isdir(folder):
        return []
    return [entry for entry in os.scandir(folder)
            if entry.name not in known and not re.match(r"\.|\d[a-z]-", entry.name)]  # 6b-dig: an exercise


def find(folder):
    """The chapters' folders in a submission: a dictionary from chapter to path. They may lie in it, or one or two
    levels down. What lies in a folder work/ is the learner's own, and what else there is, too, unless it was given
    complete: in a handout that is the chapters before the one that the class is at, and in work/ those before the one
    that it began with; elsewhere, if there is a folder work/, all of them."""
    levels = [[folder]]
    for _ in range(2):
        levels.append(sorted(entry.path for place in levels[-1] for entry in os.scandir(place)
                             if entry.is_dir() and entry.name not in programs()))
    places = [place for level in levels for place in level]
    at, began = max(map(weeks, places))

    def begun(candidates, first):
        return {chapter: os.path.join(place, chapter) for place in reversed(candidates) for chapter in programs()
                if int(chapter_of(chapter)[:2]) >= first and own(os.path.join(place, chapter), chapter)}

    work = begun([place for place in places if os.path.basename(place) == "work"], began)
    return {**begun(places, at), **work} if at or not work else work


def receive(source, target):
    """Copy a submission to the new folder `target`, and make its chapters ready to be graded. Returns a
    dictionary from chapter to folder, and a list of remarks. Raises Bad."""
    left_out = take_in(source, target)
    found = find(target)
    archives = [entry.path for entry in os.scandir(target) if is_archive(entry.name)]
    if not found and len(archives) == 1:  # as some course systems hand it over
        left_out += take_in(archives[0], target + ".unpacked")
        found = find(target + ".unpacked")
    remarks = ["left out: " + ", ".join(left_out[:5]) + ", ..." * (len(left_out) > 5)] if left_out else []
    for chapter, folder in sorted(found.items()):
        remarks += ["%s %s" % (chapter, words) for words in peculiar(folder, chapter)]
        complete(folder, chapter)
    return found, remarks + ([] if found else [NOTHING])


def peculiar(folder, chapter):
    """What a teacher may want to look at in a chapter that was handed in. A program that was built already is none
    of it, nor are object files: they are built anew."""
    binaries = []
    for path, _, opens in in_folder(folder):
        if opens and path != program_name(chapter) and not path.endswith(".o"):
            with opens() as file:
                binaries += [path] if file.read(8).startswith(BINARY) else []
    with contextlib.suppress(OSError), open(os.path.join(folder, "Makefile"), "rb") as file:
        if file.read() != growth.makefile(chapter).encode():
            yield "has a Makefile of its own"
    if binaries:
        yield "brings what is no source: " + ", ".join(sorted(binaries)[:5])


def complete(folder, chapter):
    """Add to a chapter that was handed in what belongs to it and is no program, if it lacks that: its
    Makefile, its webroot."""
    if not os.path.lexists(os.path.join(folder, "Makefile")):
        write(os.path.join(folder, "Makefile"), growth.makefile(chapter))
    for path in given(chapter):
        target = os.path.join(folder, path)
        if not os.path.lexists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.join(REPOSITORY, place(chapter), path), target)


def digest(*folders):
    """A hash of all files in these folders, their names and what they contain."""
    total = hashlib.sha256()
    for folder in folders:
        for path, size, opens in sorted((entry for entry in in_folder(folder)), key=lambda entry: entry[0]):
            if opens:
                total.update(b"%s\0%d\0" % (os.fsencode(path), size))
                with opens() as file:
                    total.update(file.read())
    return total.hexdigest()
