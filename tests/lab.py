"""The commands behind the Makefile. Needs Python 3.9 and nothing else."""

import contextlib
import difflib
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading

from excerpts import renew
from grade import autograder, classroom, learner, run
from grade.autograder import gradescope
from grade.files import has_program
from grade.handout import ARGUMENTS, handout
from harness import machine
from harness.contain import end_as_by_ctrl_c

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

CHECKING = "test", "check", "mutants", "grade", "watch", "class", "autograde"  # these run programs of others
NO_SERVERS = ("01-socket", "05-client", "06-dns-lookup")  # they do not listen


# --- make chapter N ---------------------------------------------------------------------------

def read_lesson(chapter):
    """From a chapter's README.md: its title, its goal, and the commands for a second terminal."""
    with open(os.path.join(REPOSITORY, chapter, "README.md"), encoding="utf-8") as file:
        text = file.read()
    title = re.match(r"# (.*)", text).group(1)
    goal = re.search(r"^\*\*Goal:\*\* (.*?)\n\n", text, re.MULTILINE | re.DOTALL).group(1)
    section = re.search(r"^## Try it\n(.*?)^## ", text, re.MULTILINE | re.DOTALL).group(1)
    blocks = re.findall(r"^Terminal 2:\n+```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    commands = re.findall(r"^\$ (.*)", "\n".join(blocks), re.MULTILINE)
    return title, " ".join(goal.split()), commands


def run_program(command, folder, listens):
    """Run a program in the foreground. Return its exit status and whether its port was in use. What
    does not listen keeps the terminal for its errors, too: they stay in order with the rest."""
    port_in_use = False

    def pass_on(stream):
        nonlocal port_in_use
        for line in stream:
            port_in_use = port_in_use or b"(EADDRINUSE)" in line
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()

    signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C is for the program
    program = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE if listens else None)
    errors = threading.Thread(target=pass_on, args=(program.stderr or [],), daemon=True)
    errors.start()
    status = program.wait()
    errors.join(1)  # a daemon in the background may still hold its end
    return status, port_in_use


def chosen_port(name, words):
    """The port that a server is told to listen on; PORT if that is 0, and the kernel chooses; None if it is
    not told one."""
    words = words[:1] if name[:2] in ("02", "03", "04") else words
    pattern = r"-p ?(\d+)" if name[:2] in ("07", "08") else r"^(\d+)$"
    match = re.search(pattern, " ".join(words)) if name[:2] not in ("05", "06", "09") else None
    return match and (match.group(1) if int(match.group(1)) else "PORT")


def other_port(name, words):
    """How to run this chapter on another port than with these words."""
    if name[:2] == "09":
        return "`port` in 09-daemon/daemon.conf"
    others = ("-p 8081", "-p 8082") if name[:2] in ("07", "08") else ("7891", "7892")
    free = [other for other in others if other not in " ".join(words)]
    return "make chapter %s ARGS=\"%s\"" % (name[:2].lstrip("0"), free[0])


def is_yours_to_write(name):
    """Whether this copy has a chapter's lesson only, which is said kindly then."""
    if has_program(os.path.join(REPOSITORY, name)):
        return False
    number = name[:2].lstrip("0")
    print("Chapter %s's program is yours to write: make start %s lays out work/%s/, make grade %s checks\n"
          "it, and the lesson is %s/README.md. To run it: (cd work/%s && make && ./%s)" % (
              number, number, name, number, name, name, name[3:]), file=sys.stderr)
    return True


def chapter(name, *arguments):
    """Build a chapter, say what it adds and what to try, and run it until Ctrl-C."""
    folder = os.path.join(REPOSITORY, name)
    if is_yours_to_write(name):
        return 2
    if subprocess.run(["make", "-s", "-C", folder]).returncode != 0:
        return 1
    title, goal, commands = read_lesson(name)
    program = "./" + name.split("-", 1)[1]
    words = list(arguments) or ARGUMENTS.get(name, [])
    commands = [re.sub(r"\b(7890|8080)\b", chosen_port(name, words) or r"\1", line) for line in commands]

    print("%s\n\n%s\n" % (title, textwrap.fill(goal, 80)))
    if commands:
        print("In a second terminal, %s:\n" % ("first" if name == "05-client" else "try"))
        print("".join("    %s\n" % line for line in commands))
    print("%sThe lesson is %s/README.md.\n" % ("" if name in NO_SERVERS else "Ctrl-C ends it. ", name))
    print("$ %s" % " ".join([program] + words), flush=True)

    status, port_in_use = run_program([program] + words, folder, name not in NO_SERVERS)
    if port_in_use:
        print("Something else runs on that port, perhaps this program in another terminal. Choose\n"
              "another port: %s" % other_port(name, arguments), file=sys.stderr)
    if status == -signal.SIGINT:
        print()
        return 0
    return status if status >= 0 else 128 - status


# --- make diff N ------------------------------------------------------------------------------

def read_sources(name):
    """A chapter's C files: a dictionary from file name to lines."""
    sources = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(REPOSITORY), name, "*.[ch]"))):
        with open(path, encoding="utf-8") as file:
            sources[os.path.basename(path)] = file.read().splitlines()
    return sources


def find_base(file, lines, earlier):
    """The (chapter, file, lines) that a file grew from: the latest earlier file of that name, or else
    the most similar earlier program; (None, None, []) if it is new. `earlier` has the latest first."""
    for chapter, sources in earlier:
        if file in sources:
            return chapter, file, sources[file]
    best, found = 0.5, (None, None, [])
    for chapter, sources in earlier:
        main = chapter.split("-", 1)[1] + ".c"
        likeness = difflib.SequenceMatcher(None, sources[main], lines).ratio()
        if file.endswith(".c") and likeness > best:
            best, found = likeness, (chapter, main, sources[main])
    return found


def diff(name):
    """Print what a chapter added to the chapters before it."""
    if is_yours_to_write(name):
        return 2
    names = sorted(os.path.basename(path.rstrip("/"))
                   for path in glob.glob(os.path.join(glob.escape(REPOSITORY), "0[1-9]-*/")))
    earlier = [(other, read_sources(other)) for other in reversed(names)
               if other < name and has_program(os.path.join(REPOSITORY, other))]
    colours = {"+": "\033[32m", "-": "\033[31m", "@": "\033[36m"} if sys.stdout.isatty() else {}
    added = removed = 0
    carried = []

    for file, lines in read_sources(name).items():
        chapter, base, base_lines = find_base(file, lines, earlier)
        if lines == base_lines:
            carried.append(file)
            continue
        old = "%s/%s" % (chapter, base) if base else "/dev/null"
        for line in difflib.unified_diff(base_lines, lines, old, "%s/%s" % (name, file), lineterm=""):
            is_header = line.startswith(("---", "+++"))
            added += line.startswith("+") and not is_header
            removed += line.startswith("-") and not is_header
            colour = colours.get(line[:1], "")
            print("%s%s%s" % (colour, line, "\033[0m" if colour else ""))
    print("\n%s: %d lines added, %d removed." % (name, added, removed))
    if carried:
        print("Carried on unchanged: %s." % ", ".join(carried))
    return 0


# --- make trace N -----------------------------------------------------------------------------

def trace(name):
    """Print the ladder of a chapter's calls and its client's; of the program in $DIR if that is given, and
    as a picture, too, in the file $SVG."""
    from ladder.trace import trace as print_ladder
    if not os.environ.get("DIR") and is_yours_to_write(name):
        print("make trace %s DIR=work/%s draws the ladder of yours." % (name[:2].lstrip("0"), name), file=sys.stderr)
        return 2
    return print_ladder(name, REPOSITORY, os.environ.get("DIR", ""), os.environ.get("SVG", ""))


# --- lab.py excerpts --------------------------------------------------------------------------

def excerpts():
    """Renew the excerpts in the lessons from the source; fail if one of them is like nothing there."""
    folders = sorted(glob.glob(os.path.join(glob.escape(REPOSITORY), "0[1-9]-*")))
    return 1 if sum(map(renew, folders)) else 0


# --- make test, make check --------------------------------------------------------------------

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


def pytest_command(*arguments):
    """The command that runs pytest on this repository."""
    return [find_python(), "-m", "pytest", "-c", "tests/pytest.ini", "--rootdir", "tests", *arguments]


def run_pytest(*arguments):
    """Run pytest from the repository's folder; return its exit status."""
    return subprocess.call(pytest_command(*arguments), cwd=REPOSITORY)


def test(*arguments):
    """Check the finished programs and the repository itself, side by side; or what the arguments say."""
    if any(os.path.exists(word.split("::")[0]) for word in arguments if word.startswith("tests/")):
        return run_pytest(*arguments)
    finished = [path for name in run.chapters() if has_program(os.path.join(REPOSITORY, name))
                for path in run.check_files(name)]
    web = [path for path in finished if os.path.basename(path) >= "test_07"]  # most of these wait
    repo = sorted(glob.glob(os.path.join(glob.escape(run.TESTS), "repo", "test_*.py")))
    groups = [paths for paths in (repo[1::2], repo[::2], web, finished[:len(finished) - len(web)]) if paths]
    if not finished:
        print("There is no finished program here yet: begin with make start 1")
        return 0
    print("This takes about a minute ...", flush=True)
    with contextlib.ExitStack() as files:
        said = [files.enter_context(tempfile.TemporaryFile()) for _ in groups]
        command = pytest_command(*arguments)
        running = [subprocess.Popen(command + paths, cwd=REPOSITORY, stdout=file, stderr=file)
                   for paths, file in zip(groups, said)]
        try:
            statuses = [process.wait() for process in running]
        except KeyboardInterrupt:
            for number, limit in ((signal.SIGINT, 5), (signal.SIGKILL, 20)):  # mostly they got it, too
                for process in running:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(limit)
                    process.send_signal(number)
            raise
        for file in said[::-1]:
            file.seek(0)
            sys.stdout.buffer.write(file.read())
    return in_all(statuses)


def in_all(statuses):
    """The exit status of several runs of pytest: that of the first which went wrong. 5 means that a run had
    nothing to check; a negative one, that it was killed."""
    found_something = [status for status in statuses if status != 5]
    return next(filter(None, found_something), 0) if found_something else 5


def check(*arguments):
    """The strict checks: the suite under the sanitizers, then those of tests/repo marked strict."""
    return in_all([run_pytest("--sanitize", "tests/chapters", *arguments),
                   run_pytest("-m", "strict", "tests/repo", *arguments)])


# --- make start, grade, watch -----------------------------------------------------------------

def start(*chapter):
    """Lay out a learner's own program."""
    return learner.start(*chapter)


def grade(*chapter):
    """Grade a learner's own programs."""
    return learner.grade(find_python(), *chapter)


def watch(chapter):
    """Grade a learner's own program at each save."""
    return learner.watch(find_python(), chapter)


def mutants(*chapter):
    """Prove the grader by programs that are known to be wrong."""
    python = find_python()
    return subprocess.call([python, os.path.join(REPOSITORY, "tests/mutants/run.py"), python, *chapter])


def class_():
    """Grade the submissions of a class, see grade/classroom.py."""
    return classroom.grade_class(find_python())


def autograde(place):
    """Grade one submission on Gradescope, see grade/autograder.py."""
    return autograder.autograde(find_python(), place)


def main():
    commands = {command.__name__.rstrip("_"): command
                for command in (chapter, diff, trace, start, grade, watch, handout, class_, gradescope, autograde,
                                excerpts, test, check, mutants)}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        print("usage: lab.py %s ..." % "|".join(commands), file=sys.stderr)
        return 2
    if sys.version_info < (3, 9):
        sys.exit("make: this Python is %s; the lab needs 3.9 or newer" % sys.version.split()[0])
    scale = os.environ.get("LAB_TIME_SCALE", "1")
    if not re.fullmatch(r"\d*\.?\d+", scale) or float(scale) == 0:
        sys.exit("make: LAB_TIME_SCALE=%s: not a number above 0" % scale)
    end_as_by_ctrl_c()
    try:
        if sys.argv[1] in CHECKING:
            machine.prepare()
        return commands[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        print()
        return 130
    except BrokenPipeError:  # such as by `| head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
