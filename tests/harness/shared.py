"""Shared memory, which outlives the programs that made it: POSIX's in /dev/shm, and System V's. Linux only."""

import contextlib
import ctypes
import os
import shutil

PLACE = "/dev/shm"
IPC_RMID = 0  # see shmctl(2); the same for queues and semaphores

_libc = ctypes.CDLL(None)


def _rows(kind):
    """System V's objects of a kind, shm, msg or sem: a dictionary each, see proc(5)."""
    with contextlib.suppress(OSError), open("/proc/sysvipc/" + kind) as file:
        names = file.readline().split()
        return [dict(zip(names, map(int, line.split()))) for line in file]
    return []


def _paths(user):
    """What a user has made in /dev/shm: paths of files and folders."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(PLACE):
            with contextlib.suppress(OSError):  # it has just gone
                if entry.stat(follow_symlinks=False).st_uid == user:
                    yield entry.path


def used(user):
    """The bytes of memory that the objects of a user take."""
    files = [path for top in _paths(user) for path in
             [top, *(os.path.join(place, name) for place, _, names in os.walk(top) for name in names)]]
    total = sum(row["rss"] + row["swap"] for row in _rows("shm") if row["cuid"] == user)
    for path in files:
        with contextlib.suppress(OSError):
            total += os.lstat(path).st_blocks * 512
    return total


def remove(user):
    """Remove all that a user has made; memory is free again once no process has it."""
    for path in _paths(user):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.remove(path)
    for kind, name, control in (("shm", "shmid", lambda id: _libc.shmctl(id, IPC_RMID, None)),
                                ("msg", "msqid", lambda id: _libc.msgctl(id, IPC_RMID, None)),
                                ("sem", "semid", lambda id: _libc.semctl(id, 0, IPC_RMID))):
        for row in _rows(kind):
            if row["cuid"] == user:
                control(row[name])
