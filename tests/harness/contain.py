"""Keeping the programs of other people within bounds while they are graded.

They run as a user without a name where the grader is root, with limits on memory, CPU time, file size
and processes, with an empty home, and (Linux, Landlock) may write only below the folder of this run, and
read only there and what belongs to the system. Whatever they leave running becomes ours and is ended
after each check. See "How a run is contained" in README.md.
"""

import atexit
import contextlib
import ctypes
import fcntl
import glob
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

from harness import landlock, shared

MIB = 1024 * 1024
MEMORY = 1024 * MIB  # address space of one process
MEMORY_IN_ALL = 4096 * MIB  # resident, of all processes together
FILE_SIZE = 64 * MIB
DISK_IN_ALL = 1024 * MIB  # of all files together
CPU_SECONDS = 30
FIRST_USER, USERS = 61184, 4336  # ids that nobody has: systemd's range for such users
PROCESSES = 600  # more than the 256 children of chapters 8 and 9
PASSED_ON = "PATH", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS"  # of the environment

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # see prctl(2)
HIGH = 200  # a descriptor that no program counts on

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans(on):
    """From now on processes whose parent ends become our children, and not those of process 1."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0)


def end_with_parent():
    """From now on this process is killed when the one that started it dies."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def end_as_by_ctrl_c():
    """From now on SIGTERM and SIGHUP raise KeyboardInterrupt, too, which has their name then, and nothing is
    left behind."""
    def interrupt(number, _):
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # and not ignored, as by nohup(1)
            signal.signal(number, interrupt)


def a_user(folder, number=0):
    """The id of a user of this grading alone: what it does, such as kill(-1), hits no other's programs. None
    where we may not do all that goes with it, which is tried: to give it `folder` and to write there, to
    become it, and to end what it runs. That is for root only, and not in every container. With another
    number, 1, it is another user."""
    user = FIRST_USER + (os.getpid() + number * USERS // 2) % USERS
    owner = os.stat(folder)
    try:
        os.chown(folder, user, user)
        with tempfile.TemporaryFile(dir=folder), subprocess.Popen(
                ["sleep", "60"], user=user, group=user, extra_groups=[]) as process:
            try:
                process.kill()
                return user
            except PermissionError:
                subprocess.run(["kill", str(process.pid)], user=user, group=user, extra_groups=[])
    except (OSError, subprocess.SubprocessError):
        pass
    with contextlib.suppress(OSError):
        os.chown(folder, owner.st_uid, owner.st_gid)
    return None


def _stats():
    """Of every process: its id, its parent's id, its user's id, and its memory in bytes:
    resident, and not shared with a file."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as file:
                    fields = file.read().rpartition(")")[2].split()
                with open("/proc/%s/statm" % name) as file:
                    resident, shared = map(int, file.read().split()[1:3])
                yield int(name), int(fields[1]), os.stat("/proc/" + name).st_uid, \
                    (resident - shared) * resource.getpagesize()
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has just ended


def descendants():
    """The processes that come from this one: a dictionary from process id to resident memory."""
    if not os.path.isdir("/proc/self"):
        return {}
    stats = list(_stats())
    found, parents = {}, {os.getpid()}
    while parents:
        generation = {pid: memory for pid, parent, _, memory in stats if parent in parents}
        found.update(generation)
        parents = set(generation)
    return found


def end_descendants(limit=10):
    """End all that comes from this process; returns whether nothing is left within `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        left = descendants()
        for number in (signal.SIGSTOP, signal.SIGKILL):  # what stands still has no more children
            for pid in left:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        if not left or time.monotonic() > end:
            return not left
        time.sleep(0.001)


@contextlib.contextmanager
def as_owner(path):
    """What follows looks at files as the owner of this one does; of this process only this thread. A process in /proc
    is shown to its own user where root lacks CAP_SYS_PTRACE, as in most containers. Raises OSError."""
    owner = os.stat(path)
    before = _libc.setfsgid(owner.st_gid), _libc.setfsuid(owner.st_uid)
    try:
        yield
    finally:
        _libc.setfsuid(before[1])
        _libc.setfsgid(before[0])


def high(descriptor):
    """The same with a number that is out of the way of those which a program has, and has none of."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH)
    finally:
        os.close(descriptor)


def free_space(folder):
    """The bytes that are free on the disk that a folder is on."""
    try:
        return shutil.disk_usage(folder).free
    except FileNotFoundError:
        return 0


def _removed(pid):
    """What a process has open of files that are removed: a list of what os.stat() says of each."""
    found = []
    with contextlib.suppress(OSError), as_owner("/proc/%d/fd" % pid):
        for path in glob.glob("/proc/%d/fd/*" % pid):
            with contextlib.suppress(OSError):  # it has just been closed
                found.append(os.stat(path))
    return [status for status in found if stat.S_ISREG(status.st_mode) and status.st_nlink == 0]


def disk_used(folder):
    """The bytes on the disk of all files below a folder, and of those that our descendants have removed and not
    closed."""
    files = [status for pid in descendants() for status in _removed(pid)]
    for path in (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names):
        with contextlib.suppress(OSError):  # it has just gone
            files.append(os.lstat(path))
    return sum({(status.st_dev, status.st_ino): status.st_blocks * 512 for status in files}.values())


class Containment:
    """The bounds of one run: what is started within them may write below `folder` only."""

    def __init__(self, folder, user):
        """`user` is the id of whom they run as; None: as we do."""
        self.folder = str(folder)
        self.home = os.path.join(self.folder, "home")
        self.user = user
        self._tools = tempfile.TemporaryDirectory(prefix="contain-")  # not where they could change it
        os.chmod(self._tools.name, 0o755)
        self._program = os.path.join(self._tools.name, "contain")
        subprocess.run(["cc", "-O1", "-o", self._program, os.path.join(os.path.dirname(__file__), "contain.c")], check=True)
        os.chmod(self._program, 0o755)
        os.makedirs(self.home, exist_ok=True)
        self.hand_over(self.folder)
        self.hand_over(self.home)
        found = landlock.rules(self.folder, "/dev")
        self._rules = -1 if found is None else high(found)
        tempfile.tempdir = self.folder  # whatever the checks make is for the programs to see
        self._limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: FILE_SIZE,
                        resource.RLIMIT_CPU: CPU_SECONDS, resource.RLIMIT_AS: MEMORY}
        if hasattr(resource, "RLIMIT_MSGQUEUE"):  # what is left of POSIX's queues nobody could find
            self._limits[resource.RLIMIT_MSGQUEUE] = 0
        if os.path.isdir("/proc/self"):
            uid = self.user or os.getuid()
            others = sum(len(os.listdir("/proc/%d/task" % pid)) for pid, _, owner, _ in list(_stats())
                         if owner == uid and os.path.isdir("/proc/%d/task" % pid))
            self._limits[resource.RLIMIT_NPROC] = others + PROCESSES

    def admit(self, program):
        """Lift the limit on addresses for a program that was built with a sanitizer: it reserves terabytes."""
        with open(program, "rb") as file:
            if re.search(rb"__(a|hwa|m|t)san_init", file.read()):
                self._limits.pop(resource.RLIMIT_AS, None)

    def hand_over(self, path):
        """Let the contained programs write to a file or folder of ours."""
        if self.user and os.stat(path).st_uid != self.user:
            os.chown(path, self.user, self.user)
        if self.user or os.stat(path).st_uid == os.getuid():
            os.chmod(path, 0o755)

    def _environment(self, given):
        """The environment of a contained program, of what it would have without bounds."""
        environment = {name: value for name, value in (given or os.environ).items()
                       if name in PASSED_ON or value != os.environ.get(name)}
        if "LD_PRELOAD" in environment:
            environment["CONTAINED_PRELOAD"] = environment.pop("LD_PRELOAD")
        return {**environment, "LC_ALL": "C", "HOME": self.home, "TMPDIR": self.home}

    def _words(self, command, outside, status):
        """The command, with what puts it within these bounds. `outside` words of it are a command that makes a
        namespace, which takes more than they allow."""
        user, before = self.user or 0, []
        if "--map-root-user" in command[:outside] and user:  # a namespace that any user may make: so theirs does
            before = [self._program, "-1", str(user), "-1", "--"]
        if "--map-root-user" in command[:outside] or "nsenter" in command[:outside]:  # and who they are there stays
            user = 0
        limits = ["%d:%d" % limit for limit in self._limits.items()]
        return [*before, *command[:outside], self._program, str(status), str(user), str(self._rules), *limits, "--",
                *command[outside:]]

    def start(self, command, outside=0, **options):
        """subprocess.Popen within these bounds; their user replaces any other. Where `outside` is given, so many
        words of the command make a namespace first. Raises RuntimeError if it never came to the program: that
        is not the program's fault."""
        if self.user:
            options = {name: value for name, value in options.items()
                       if name not in ("user", "group", "extra_groups")}
        for word in command[:outside] if self._rules >= 0 else ():
            if landlock.is_within(word, self.folder) and os.path.isdir(word):  # which it may mount elsewhere
                landlock.allow(self._rules, word, landlock.all_rights())
        options["env"] = self._environment(options.get("env"))
        passed = [*options.pop("pass_fds", ()), *[self._rules] * (self._rules >= 0)]
        told, status = os.pipe()
        status = high(status)
        with open(told, "rb") as told:
            try:
                process = subprocess.Popen(self._words(command, outside, status), pass_fds=[*passed, status], **options)
            finally:
                os.close(status)
            words = told.read().decode(errors="replace")
        if words == "x":
            return process
        ended = process.wait()
        if words[1:].isdigit():
            raise OSError(int(words[1:]), os.strerror(int(words[1:])), command[outside])
        if ended < 0:  # somebody has killed it
            return process
        raise RuntimeError("the program could not be put within bounds: %s"
                           % (words or "%s ended with status %d" % (command[0], ended)))

    def watch(self, tell):
        """From now on what loses its parent is ours, and all is ended that takes too much memory, or too much of
        the disk; tell(words) is called then. What is left of shared memory goes when we end."""
        adopt_orphans(True)
        atexit.register(self.clear)
        threading.Thread(target=self._watch, args=(tell,), daemon=True).start()

    def _watch(self, tell):
        free_before = free_space(self.folder)
        while os.path.isdir("/proc/self") and os.path.isdir(self.folder):
            time.sleep(0.25)
            running, free, disk = descendants(), free_space(self.folder), 0
            memory = sum(running.values()) + (shared.used(self.user) if self.user else 0)
            if abs(free - free_before) > FILE_SIZE:  # only then it is worth to look at every file
                disk = disk_used(self.folder)
                free_before = free if disk < DISK_IN_ALL else sys.maxsize  # and then, always
            for used, most, what in (memory, MEMORY_IN_ALL, "memory"), (disk, DISK_IN_ALL, "the disk"):
                if used > most and running:
                    tell("end all of its processes, for they take more than %d GiB of %s" % (most >> 30, what))
                    for pid in running:  # whoever started them learns how they ended
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    self.clear()

    def clear(self):
        """Remove the shared memory that the programs have left. Where they have no user of their own it cannot be told
        from others'."""
        if self.user:
            shared.remove(self.user)
