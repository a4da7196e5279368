"""Keeping the programs of other people within bounds while they are graded.

They run as a user without a name where the grader is root, with limits on memory, CPU time, file size
and processes, with an empty home, and (Linux, Landlock) may write only below the folder of this run.
Whatever they leave running becomes ours and is ended after each check. See "How a run is contained" in
README.md.
"""

import contextlib
import ctypes
import os
import re
import resource
import signal
import sys
import threading
import time

MIB = 1024 * 1024
MEMORY = 1024 * MIB  # address space of one process
MEMORY_IN_ALL = 4096 * MIB  # resident, of all processes together
FILE_SIZE = 64 * MIB
CPU_SECONDS = 30
FIRST_USER, USERS = 61184, 4336  # ids that nobody has: systemd's range for such users
PROCESSES = 600  # more than the 256 children of chapters 8 and 9
PASSED_ON = "PATH", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS"  # of the environment

# prctl(2), landlock(7)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_VERSION = 1  # a flag: ask which
LANDLOCK_WRITES, LANDLOCK_TRUNCATES = sum(1 << bit for bit in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12)), 1 << 14

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
    """From now on SIGTERM and SIGHUP raise KeyboardInterrupt, too, and nothing is left behind."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # and not ignored, as by nohup(1)
            signal.signal(number, signal.default_int_handler)


def a_user(folder):
    """The id of a user of this grading alone: what it does, such as kill(-1), hits no other's programs. None
    where we may not become one, or give it `folder`: who is not root, or is it in a small container."""
    user = FIRST_USER + os.getpid() % USERS
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.chown(folder, user, user)
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            os._exit(0)
        os._exit(1)
    return user if os.waitpid(child, 0)[1] == 0 else None


def landlock(*folders):
    """A descriptor of rules that allow to write below these folders only; None where the kernel has
    no Landlock."""
    if sys.platform != "linux":
        return None
    version = _libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_VERSION)
    if version < 1:
        return None
    writes = LANDLOCK_WRITES | (LANDLOCK_TRUNCATES if version >= 3 else 0)
    rules = _libc.syscall(LANDLOCK_CREATE_RULESET, ctypes.byref(ctypes.c_uint64(writes)), ctypes.c_size_t(8), 0)

    class PathBeneath(ctypes.Structure):
        _pack_ = 1
        _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]

    for folder in folders:
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = PathBeneath(writes, descriptor)
        _libc.syscall(LANDLOCK_ADD_RULE, rules, 1, ctypes.byref(rule), 0)
        os.close(descriptor)
    return rules


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


class Containment:
    """The bounds of one run: what is started within them may write below `folder` only."""

    def __init__(self, folder, user):
        """`user` is the id of whom they run as; None: as we do."""
        self.folder = str(folder)
        self.home = os.path.join(self.folder, "home")
        self.user = user
        os.makedirs(self.home, exist_ok=True)
        self.hand_over(self.folder)
        self.hand_over(self.home)
        self._rules = landlock(self.folder, "/dev")
        self._limits = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, FILE_SIZE),
                        (resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY)]
        if os.path.isdir("/proc/self"):
            uid = self.user or os.getuid()
            others = sum(len(os.listdir("/proc/%d/task" % pid)) for pid, _, owner, _ in list(_stats())
                         if owner == uid and os.path.isdir("/proc/%d/task" % pid))
            self._limits.append((resource.RLIMIT_NPROC, others + PROCESSES))

    def admit(self, program):
        """Lift the limit on addresses for a program that was built with a sanitizer: it reserves terabytes."""
        with open(program, "rb") as file:
            if re.search(rb"__(a|hwa|m|t)san_init", file.read()):
                self._limits = [(kind, limit) for kind, limit in self._limits if kind != resource.RLIMIT_AS]

    def hand_over(self, path):
        """Let the contained programs write to a file or folder of ours."""
        if self.user and os.stat(path).st_uid != self.user:
            os.chown(path, self.user, self.user)
        if self.user or os.stat(path).st_uid == os.getuid():
            os.chmod(path, 0o755)

    def options(self, options):
        """The options of subprocess.Popen, with these bounds added; their user replaces any other."""
        if self.user:
            options = {name: value for name, value in options.items()
                       if name not in ("user", "group", "extra_groups")}
        environment = {name: value for name, value in (options.get("env") or os.environ).items()
                       if name in PASSED_ON or value != os.environ.get(name)}
        further = options.get("preexec_fn")

        def enter():
            for kind, limit in self._limits:
                hard = resource.getrlimit(kind)[1]
                limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
                with contextlib.suppress(ValueError, OSError):  # macOS has no limit on the address space
                    resource.setrlimit(kind, (limit, limit))
            os.umask(0o022)
            if self.user:
                os.setgroups([])
                os.setgid(self.user)
                os.setuid(self.user)
            end_with_parent()
            if self._rules is not None:
                _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
                _libc.syscall(LANDLOCK_RESTRICT_SELF, self._rules, 0)
            if further:
                further()

        return {**options, "preexec_fn": enter,
                "env": {**environment, "LC_ALL": "C", "HOME": self.home, "TMPDIR": self.home}}

    def command(self, stays=False):
        """Words to put before a command that runs it within these bounds, where options() cannot; if it
        `stays`, as the user that it is."""
        return [sys.executable, os.path.abspath(__file__), self.folder, str(0 if stays else self.user or 0)]

    def watch(self, tell):
        """From now on what loses its parent is ours, and all is ended that takes too much memory; tell(words)
        is called then."""
        adopt_orphans(True)
        threading.Thread(target=self._watch_memory, args=(tell,), daemon=True).start()

    def _watch_memory(self, tell):
        while os.path.isdir("/proc/self"):
            time.sleep(0.25)
            running = descendants()
            if sum(running.values()) > MEMORY_IN_ALL:
                tell("end all of its processes, for they take more than %d GiB of memory" % (MEMORY_IN_ALL >> 30))
                for pid in running:  # whoever started them learns how they ended
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":  # contain.py FOLDER USER COMMAND...
    containment = Containment(sys.argv[1], int(sys.argv[2]))
    containment.admit(sys.argv[3])
    options = containment.options({})
    options["preexec_fn"]()
    os.execvpe(sys.argv[3], sys.argv[3:], options["env"])
