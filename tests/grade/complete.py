"""A chapter that a learner has handed in, made ready to be graded: what was given is added, where it is lacking."""

import contextlib
import hashlib
import os
import re
import shutil

from grade import growth
from grade.downloads import original
from grade.files import REPOSITORY, files, read, write
from grade.names import chapter_of, is_exercise, place
from grade.unpack import in_folder
from harness.build import program_name

# With \s a file of empty lines takes hours.
INCLUDED = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([\w-]{1,99}\.h)"', re.MULTILINE)
BINARY = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ\x90\0", b"!<arch>\n",  # programs, libraries,
          b"PK\3\4", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")  # and archives, in which there may be some


def given(chapter):
    """The files of a program's folder that are none of the program, such as its Makefile: a list of paths from there."""
    folder = place(chapter) + "/"
    return [path[len(folder):] for path in files() if path.startswith(folder)
            and not path.endswith((".c", ".h", ".md", ".patch")) and not is_exercise(path[len(folder):])]


def peculiar(folder, chapter):
    """What a teacher may want to look at in a chapter that was handed in. A program that was built already is none
    of it, nor are object files: they are built anew."""
    binaries = []
    for path, _, opens in in_folder(folder):
        if opens and path != program_name(chapter) and not path.endswith(".o") and ".dSYM/" not in path:
            with opens() as file:
                binaries += [path] if file.read(8).startswith(BINARY) else []
    if not all(text in ours(chapter) for text in makefiles(folder)):
        yield "has a Makefile of its own"
    if binaries:
        yield "brings what is no source: " + ", ".join(sorted(binaries)[:5])


def makefiles(folder):
    """What the Makefiles in a folder say, under any of the names that make looks for, and with whatever line ends."""
    for name in ("GNUmakefile", "makefile", "Makefile"):
        with contextlib.suppress(OSError), open(os.path.join(folder, name), "rb") as file:
            yield file.read().replace(b"\r\n", b"\n")


def ours(chapter):
    """The Makefiles that we gave for a program: what `make start` lays out, and, of an exercise, what lies here."""
    return [text.encode() for text in (growth.makefile(chapter), read(REPOSITORY, place(chapter), "Makefile"))]


def complete(folder, chapter):
    """Add to a chapter that was handed in what belongs to it and was given, if it lacks that: its Makefile, its
    webroot, the files that `make start` lays out. Yields what an instructor should know of."""
    if all(text in ours(chapter) for text in makefiles(folder)):
        write(os.path.join(folder, "Makefile"), growth.makefile(chapter))
        moved = gather(folder)
        if moved:
            yield "has its sources in " + ", ".join(moved)
    filled = fill_in(folder, chapter)
    if filled:
        yield "lacked given files, which were added: " + ", ".join(filled)
    for program in dict.fromkeys([chapter, chapter_of(chapter)]):
        for path in given(program):
            target = os.path.join(folder, path)
            if path != "Makefile" and not os.path.lexists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(os.path.join(REPOSITORY, place(program), path), target)


def gather(folder):
    """Copy the C files of the folders in a folder that has none, to where our Makefile finds them. Returns the names of
    those folders."""
    if growth.sources(folder):
        return []
    moved = [path for path, _, opens in in_folder(folder) if opens and path.endswith((".c", ".h"))]
    for path in moved:
        shutil.copyfile(os.path.join(folder, path), os.path.join(folder, os.path.basename(path)))
    return sorted({os.path.dirname(path) for path in moved})


def text_of(path):
    """What a file of the learner's says, whatever bytes it has."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def fill_in(folder, chapter):
    """Add the files of `make start` whose headers the program includes, but does not have. Returns their names. A header
    that a course system has renamed gets its name back."""
    filled, given_files = [], None
    while True:
        here = set(os.listdir(folder))
        texts = [text_of(os.path.join(folder, name)) for name in growth.sources(folder)]
        headers = {header for text in texts for header in INCLUDED.findall(text)}
        lacking = sorted(headers - here)
        given_files = given_files or (growth.beginning(chapter) if lacking else {})
        new = {name: "".join(given_files[name]) for header in lacking for name in (header[:-1] + "c", header)
               if name in given_files and name not in here}
        if not new:
            break
        for name, text in new.items():
            write(os.path.join(folder, name), text)
        filled += new
    for header in lacking:
        with contextlib.suppress(OSError):  # such as a folder
            if original(header) in here:
                shutil.copyfile(os.path.join(folder, original(header)), os.path.join(folder, header))
    return filled


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
