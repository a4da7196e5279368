"""Finding a Python that has pytest, which is fetched where it is missing."""

import os
import shutil
import subprocess
import sys

from grade.files import REPOSITORY


def has_pytest(python):
    """Whether this Python is recent enough and has pytest."""
    code = "import sys, pytest; pytest.main; sys.exit(sys.version_info < (3, 9))"
    try:
        return subprocess.run([python, "-c", code], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, cwd=REPOSITORY).returncode == 0
    except OSError:
        return False


def install_into_venv(venv):
    """Make a virtual environment with pytest in it, where pip reaches a registry. Return success."""
    print("pytest is missing: trying pip, into .venv ...", file=sys.stderr)
    try:
        for command in ([sys.executable, "-m", "venv", venv],
                        [os.path.join(venv, "bin", "python"), "-m", "pip", "install", "--quiet",
                         "--disable-pip-version-check", "--retries", "1", "--timeout", "10", "pytest"]):
            subprocess.run(command, check=True, timeout=180,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return True
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(venv, ignore_errors=True)
        return False


def install_package():
    """Install the system's pytest, where that is possible without asking for a password."""
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for manager, package in (("apt-get", "python3-pytest"), ("dnf", "python3-pytest"),
                             ("apk", "py3-pytest"), ("pacman", "python-pytest")):
        if not shutil.which(manager) or (become_root and not shutil.which("sudo")):
            continue
        print("pytest is missing: trying %s ..." % manager, file=sys.stderr)
        install = {"apk": ["add"], "pacman": ["-S", "--noconfirm"]}.get(manager, ["install", "-y"])
        for arguments in (install + [package], ["update"], install + [package]):
            done = subprocess.run(become_root + [manager] + arguments, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if done.returncode == 0 and package in arguments:
                return
            if manager != "apt-get":
                break  # only apt-get keeps a list that may be too old


def find_python():
    """A Python with pytest, fetched if need be; ends with one line if there is none to be had."""
    venv = os.path.join(REPOSITORY, ".venv")
    candidates = [os.path.join(venv, "bin", "python"), sys.executable, "/usr/bin/python3"]
    for fetch in (lambda: None, lambda: install_into_venv(venv), install_package):
        fetch()
        for python in candidates:
            if has_pytest(python):
                return python
    sys.exit("make: the tests need pytest, and it could not be fetched. Install it with"
             " `sudo apt-get install python3-pytest`, `sudo dnf install python3-pytest`"
             " or `python3 -m pip install pytest`.")
