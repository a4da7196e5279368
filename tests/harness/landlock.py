"""Which files a contained program may read, run and write: the rules, by Linux's landlock(7).

It may read what belongs to the system, and whatever compilers and interpreters stand in $PATH; it may not
read this clone, a home, the other submissions, or what other runs have in the temporary folder.
"""

import ctypes
import os
import sys
import tempfile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/proc", "/sys", "/dev", "/nix", "/gnu",
          "/snap", "/var/lib", "/run/current-system", "/run/systemd/resolve"]

CREATE_RULESET, ADD_RULE, ASK_VERSION, PATH_BENEATH = 444, 445, 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
READS = EXECUTE | READ_FILE | READ_DIR
WRITES = WRITE_FILE | sum(1 << bit for bit in range(4, 13))  # remove and make files of every kind
REFER, TRUNCATE = 1 << 13, 1 << 14  # since versions 2 and 3

_libc = ctypes.CDLL(None, use_errno=True)


class PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def version():
    """Which Landlock the kernel has; below 1: none."""
    return _libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ASK_VERSION) if sys.platform == "linux" else 0


def is_within(path, folder):
    """Does a path lie in a folder, or is it that folder? Both are real paths."""
    return os.path.join(path, "").startswith(os.path.join(folder, ""))


def hidden():
    """The folders that no program may look into, though they lie in one of the system's."""
    places = [REPOSITORY, os.path.expanduser("~"), tempfile.gettempdir(), *os.environ.get("LAB_HIDDEN", "").split("\n")]
    return {os.path.realpath(place) for place in places if place} - {"/"}


def around(folder, secrets):
    """The folders in `folder`, or that itself, in which there is none of the secrets."""
    inside = [secret for secret in secrets if is_within(secret, folder)]
    if not inside:
        return [folder]
    if folder in inside:
        return []
    return [part for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)
            for part in around(entry.path, inside)]


def tools(secrets):
    """The folders of $PATH; and what these stand in, such as a compiler with its bin/, lib/ and include/."""
    for place in filter(os.path.isabs, os.environ.get("PATH", "").split(os.pathsep)):
        place = os.path.realpath(place)
        parent = os.path.dirname(place)
        is_home = parent == "/" or os.path.dirname(parent) == "/home"
        if is_within(place, REPOSITORY) or any(is_within(secret, place) for secret in secrets):
            continue
        yield place if is_home or any(is_within(secret, parent) for secret in secrets) else parent


def all_rights():
    """To read, run, write, make and remove, as far as the kernel tells these apart."""
    return READS | WRITES | (REFER if version() >= 2 else 0) | (TRUNCATE if version() >= 3 else 0)


def allow(rules, folder, rights):
    """Add to the rules what is allowed below a folder."""
    place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    _libc.syscall(ADD_RULE, rules, PATH_BENEATH, ctypes.byref(PathBeneath(rights, place)), 0)
    os.close(place)


def rules(*folders):
    """A descriptor of rules that allow to write below these folders only, and to read there and what the
    system has; None where the kernel has no Landlock."""
    if version() < 1:
        return None
    made = _libc.syscall(CREATE_RULESET, ctypes.byref(ctypes.c_uint64(all_rights())), ctypes.c_size_t(8), 0)
    secrets = hidden()
    readable = [part for place in SYSTEM for part in around(os.path.realpath(place), secrets)] + list(tools(secrets))
    for folder in filter(os.path.isdir, dict.fromkeys(readable)):
        allow(made, folder, READS)
    for folder in folders:
        allow(made, folder, all_rights())
    return made
