"""What this machine must have before a verdict means anything: it is tried, and not guessed. What is
missing is said in one line, for it is no learner's fault."""

import functools
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile

from harness import landlock
from harness.contain import FILE_SIZE, MEMORY, PROCESSES, a_user

LEAST = [(resource.RLIMIT_NOFILE, "n", 512), (resource.RLIMIT_NPROC, "u", PROCESSES),
         (resource.RLIMIT_FSIZE, "f", FILE_SIZE), (resource.RLIMIT_AS, "v", MEMORY), (resource.RLIMIT_CPU, "t", 600)]
PROCESSES_OF_A_CONTAINER = "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"


def can_run_programs(folder):
    """Whether the contained programs' user reaches what is laid out below a folder, and can execute it."""
    if not re.fullmatch(r"[\w./+@-]+", folder, re.ASCII):  # a library there cannot be preloaded, see ld.so(8)
        return False
    try:
        with tempfile.TemporaryDirectory(prefix="try-", dir=folder) as place:
            os.chmod(place, 0o755)
            program = os.path.join(place, "program")
            with open(program, "w") as file:
                file.write("#!/bin/sh\nexit 0\n")
            os.chmod(program, 0o755)
            user = a_user(place)
            options = {"user": user, "group": user, "extra_groups": []} if user else {}
            return subprocess.run([program], stderr=subprocess.DEVNULL, **options).returncode == 0
    except OSError:
        return False

OWN_SHARED_MEMORY = """mount -t tmpfs -o size=1g,mode=1777 tmpfs /dev/shm &&
exec setpriv --inh-caps=-all --ambient-caps=-all "$@"
"""


@functools.lru_cache()
def own_processes():
    """The words to put before a grader's command so that nothing it runs can signal a process outside, or leave shared
    memory; none where its programs have a user of their own, or where this is not permitted."""
    with tempfile.TemporaryDirectory() as place:
        if a_user(place):
            return []
    words = ["unshare", "--user", "--map-current-user", "--keep-caps", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", OWN_SHARED_MEMORY, "sh"]
    is_permitted = shutil.which("unshare") and subprocess.run(
        [*words, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    return words if is_permitted else []


def weaknesses():
    """What programs could do that this machine has no means against: sentences."""
    with tempfile.TemporaryDirectory() as place:
        has_user = a_user(place)
    if landlock.version() < 1:
        yield "The programs can read what %s may read here: this kernel has no Landlock." % (
            "everybody" if has_user else "you")
    if not has_user and not own_processes():
        yield "The programs can end what else you run here: no namespace of processes is permitted."


def choose_temporary_folder():
    """Have all temporary files in a folder where programs can be run."""
    places = list(dict.fromkeys([os.environ.get("TMPDIR") or "/tmp", "/tmp", "/var/tmp"]))
    for place in places:
        if can_run_programs(place):
            tempfile.tempdir = os.environ["TMPDIR"] = place
            return
    sys.exit("make: in %s the programs that are to be checked cannot be run (mounted noexec, or closed to others):"
             " name another folder, as in TMPDIR=/srv/tmp make ..." % " and ".join(places))


def has_loopback():
    """Whether programs on this machine can talk to each other."""
    with socket.socket() as listener, socket.socket() as client:
        client.settimeout(10)
        try:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            client.connect(listener.getsockname())
            return True
        except OSError:
            return False


def processes_allowed():
    """How many processes this container may have in all; a great number where nothing is said of that."""
    for path in PROCESSES_OF_A_CONTAINER:
        try:
            with open(path) as file:
                return int(file.read())
        except (OSError, ValueError):
            pass  # such as "max"
    return sys.maxsize


def prepare():
    """Find what is needed, or end with one line that says what is missing."""
    if not shutil.which("cc"):
        sys.exit("make: a C compiler is needed, as `cc`: see \"What you need\" in README.md")
    if not has_loopback():
        sys.exit("make: nothing can be reached at 127.0.0.1, over which the programs are talked to: the loopback"
                 " interface is down. As root: ip link set lo up")
    for kind, letter, least in LEAST:
        if 0 <= resource.getrlimit(kind)[1] < least:
            sys.exit("make: `ulimit -%s` allows too little for the checks: begin them in a shell without it" % letter)
    if processes_allowed() < PROCESSES:
        sys.exit("make: this container may have %d processes, and the checks need %d: give it more, as with"
                 " --pids-limit" % (processes_allowed(), PROCESSES))
    choose_temporary_folder()
