"""Running a program as an ordinary user, also where the tests run as root."""

import os
import pathlib
import pwd
import resource
import shutil
import subprocess
import tempfile

import pytest


def ordinary_user():
    """The options of subprocess.Popen that make it so; none where the tests run as an ordinary user."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        pytest.skip("there is no user nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def set_limit(pid, kind, limit):
    """Set a soft limit of a running process, such as resource.RLIMIT_NOFILE; None: as high as allowed."""

    def change():
        hard = resource.prlimit(pid, kind)[1]
        resource.prlimit(pid, kind, (hard if limit is None else limit, hard))

    owner = os.stat("/proc/%d" % pid)
    if owner.st_uid == os.geteuid():
        change()
    else:  # as the process's own user: not even root may, where it lacks CAP_SYS_RESOURCE
        subprocess.run(["true"], check=True, preexec_fn=change, user=owner.st_uid, group=owner.st_gid,
                       extra_groups=[])


class PublicFolder:
    """A folder that everybody may read, such as a build of pytest's is not; from `with` to its end."""

    def __init__(self, parent=None):
        self._parent = parent

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="chapter-", dir=self._parent))
        self.path.chmod(0o755)
        return self

    def copy(self, program):
        """Copy a program, with the folder that it lies in, which it may need; return its new path."""
        copy = self.path / "program"
        shutil.copytree(os.path.dirname(program), copy)
        subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
        return str(copy / os.path.basename(program))

    def __exit__(self, *_):
        shutil.rmtree(self.path)
