"""Folders and archives of every kind, copied within bounds: nobody knows what is in them."""

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib

ARCHIVES = ".zip", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar"
PACKED = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}  # how each begins
NOT_HERE = ".rar", ".7z", ".gz", ".xz", ".zst"  # those that cannot be unpacked here
FILES = 5000  # so many files and folders, and
BYTES = 64 * 1024 * 1024  # so many bytes, of one submission,
DEPTH = 30  # so many folders,
ARCHIVED = 3  # and so many archives one in the other
SKIPPED = {".git", ".venv", "node_modules", "__pycache__", "__MACOSX"}
DAMAGE = (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, MemoryError, zlib.error, lzma.LZMAError,
          zipfile.BadZipFile, tarfile.TarError)
DAMAGED = "cannot be read: it is damaged, or no archive, whatever it is called"


class Bad(Exception):
    """This cannot be graded; the text says why."""


def why(error):
    """What is wrong with something in which one of DAMAGE was found, as words."""
    if isinstance(error, (EOFError, tarfile.TarError, zipfile.BadZipFile)):
        return DAMAGED
    return "cannot be read: %s" % (getattr(error, "strerror", None) or error or type(error).__name__)


def stem(name):
    """A submission's name without what makes it an archive's."""
    ending = next((ending for ending in ARCHIVES if name.lower().endswith(ending)), "")
    return name[:len(name) - len(ending)] or name


def is_archive(name):
    """Is this the name of an archive that can be unpacked here?"""
    return stem(name) != name


def is_source(name):
    """Is this the name of what make begins with: a C file, or a Makefile?"""
    return name.endswith(".c") or name in ("Makefile", "makefile", "GNUmakefile")


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


def in_archive(file):
    """The files in an archive, which is open. What it is, its first bytes say, whatever its name is."""
    begins = file.read(2)
    file.seek(0)
    if not begins:
        raise ValueError("it is empty")
    return in_zip(file) if begins == b"PK" else in_tar(file, PACKED.get(begins))


def in_zip(file):
    """The files in a .zip. Raises what zipfile raises, or NotImplementedError."""
    with zipfile.ZipFile(file) as opened:
        for member in opened.infolist():
            is_link = stat.S_ISLNK(member.external_attr >> 16)
            if member.flag_bits & 1:
                raise NotImplementedError("it is locked with a password")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise NotImplementedError("it is packed in an unusual way")  # others unpack without bounds
            if not member.is_dir():
                yield (member.filename.replace("\\", "/"), member.file_size,
                       None if is_link else lambda member=member: opened.open(member))


def in_tar(file, packed):
    """The files in a .tar, packed as by gzip or not at all (None). Raises what tarfile and that raise, or Bad."""
    with tempfile.TemporaryFile() as plain:  # bounded, before tarfile believes a word of what it says
        copy(packed(file) if packed else file, plain, 2 * BYTES)
        plain.seek(0)
        with tarfile.open(fileobj=plain, mode="r:") as opened:
            for member in opened:
                if not member.isdir():
                    yield (member.name, member.size,
                           (lambda member=member: opened.extractfile(member)) if member.isreg() else None)


# ---- Copying them

def copy(source, target, most):
    """Copy at most so many bytes; return how many there were."""
    size = 0
    for data in iter(lambda: source.read(65536), b""):
        size += len(data)
        if size > most:
            raise Bad("is larger than %d MiB" % (BYTES >> 20))
        target.write(data)
    return size


class Intake:
    """A new folder, and what is copied into it, within bounds that hold for all of it. What is left out is in a list:
    links, what would lie outside, and archives in archives that are broken."""

    def __init__(self, target):
        self.target, self.left_out = target, []
        self._files = self._bytes = 0
        os.makedirs(target)

    def add(self, source, name=""):
        """Copy what is in a folder or an archive to here, or to a folder of that name in here; with a name, also a
        file of any kind. Raises Bad."""
        try:
            if os.path.isdir(source):
                self._copy(in_folder(source), name)
            elif not is_archive(source) and not name:
                raise Bad("cannot be unpacked: hand in a .zip" if source.lower().endswith(NOT_HERE) else
                          "is neither a folder nor an archive: move it to a folder of its own")
            elif os.path.getsize(source) > BYTES:
                raise Bad("is larger than %d MiB" % (BYTES >> 20))
            elif is_archive(source):
                with open(source, "rb") as file:
                    self._copy(in_archive(file), name)
            else:
                self._copy([(name, 0, lambda: open(source, "rb"))])
        except DAMAGE as error:
            raise Bad(why(error))

    def _copy(self, contents, place="", archived=1):
        archives, programs = [], set()
        for path, declared, opens in contents:
            outside = path.startswith("/") or ".." in path.split("/")
            path = os.path.join(place, path)
            self._files += 1
            if self._files > FILES:
                raise Bad("has more than %d files" % FILES)
            if path.count("/") > DEPTH:
                raise Bad("has more than %d folders one in the other" % DEPTH)
            if self._bytes + declared > BYTES:
                raise Bad("is larger than %d MiB" % (BYTES >> 20))
            if SKIPPED.intersection(path.split("/")):
                continue
            if opens is None or outside:
                self.left_out.append(path)
                continue
            folder, name = os.path.split(path)
            os.makedirs(os.path.join(self.target, folder), exist_ok=True)
            with opens() as file, open(os.path.join(self.target, path), "wb") as copied:
                self._bytes += copy(file, copied, BYTES - self._bytes)
            programs.update([folder] * is_source(name))
            archives += [path] * is_archive(name)
        for path in archives:
            if archived < ARCHIVED and os.path.dirname(path) not in programs:  # else it is that program's
                self._unpack(path, archived + 1)

    def _unpack(self, path, archived):
        """Put a folder of the same name, with what is in it, in an archive's place."""
        with open(os.path.join(self.target, path), "rb") as file:
            os.remove(file.name)
            try:
                self._copy(in_archive(file), path, archived)
            except DAMAGE as error:
                self.left_out.append("%s (%s)" % (path, why(error)))
