"""The commands behind the Makefile. Needs Python 3.9 and nothing else."""

import contextlib
import glob
import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading

from excerpts import renew
from find_python import find_python
from grade import autograder, classroom, growth, learner, names
from grade.autograder import classroom50, gradescope
from grade.files import has_program, read
from grade.handout import ARGUMENTS
from grade.update import handout
from harness import machine
from harness.contain import end_as_by_ctrl_c
from suite import run_pytest, test

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

CHECKING = "test", "check", "mutants", "hunt", "meet", "grade", "watch", "class", "autograde"  # these run programs of others
WRONG = 2  # the exit status for wrong usage, and where something is in the way
NO_SERVERS = "1", "2a", "5", "5a", "5c", "6", "6b"  # they do not listen
PORT_FIRST = "2", "3", "4", "4a", "4b", "4c", "5b", "6a"  # [PORT [ADDRESS]]
PORT_OPTION = "7", "7a", "7b", "8", "8a", "8b", "8c"  # -p PORT


# --- make chapter N ---------------------------------------------------------------------------

def read_lesson(chapter):
    """From a chapter's README.md: its title, its goal, and the commands for a second terminal."""
    text = read(growth.ours(chapter), "README.md")
    title = re.match(r"# (.*)", text).group(1)
    goal = re.search(r"^\*\*Goal:\*\* (.*?)\n\n", text, re.MULTILINE | re.DOTALL).group(1)
    section = re.search(r"^## Try it\n(.*?)^## ", text, re.MULTILINE | re.DOTALL).group(1)
    blocks = re.findall(r"^Terminal (\d):\n+```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    fitting = itertools.takewhile(lambda block: block[0] != "1" or "ARGS=" not in block[1], blocks)  # they need other arguments
    commands = re.findall(r"^\$ (.*)", "\n".join(text for terminal, text in fitting if terminal == "2"), re.MULTILINE)
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

    program, told_to_end = None, False

    def end(number, frame):  # SIGTERM or SIGHUP, perhaps for us alone, at any moment from here on
        nonlocal told_to_end
        told_to_end = True
        if program:
            program.terminate()

    signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C is for the program
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)
    program = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE if listens else None)
    if told_to_end:
        program.terminate()
    errors = threading.Thread(target=pass_on, args=(program.stderr or [],), daemon=True)
    errors.start()
    status = program.wait()
    errors.join(1)  # a daemon in the background may still hold its end
    return status, port_in_use


def chosen_port(name, words):
    """The port that a server is told to listen on; PORT if that is 0, and the kernel chooses; None if it is
    not told one."""
    number = names.number(name)
    match = re.match(r"(\d+)\b", " ".join(words)) if number in PORT_FIRST else \
        re.search(r"-p ?(\d+)", " ".join(words)) if number in PORT_OPTION else None
    return match and (match.group(1) if int(match.group(1)) else "PORT")


def other_port(name, words):
    """How to run this chapter on another port than with these words."""
    number = names.number(name)
    if number[0] == "9":
        return "`port` in 09-daemon/daemon.conf"
    others = ("-p 8081", "-p 8082") if number in PORT_OPTION else ("7891", "7892")
    free = [other for other in others if other not in " ".join(words)]
    return "make chapter %s ARGS=\"%s\"" % (number, free[0])


def called(name):
    """What people call a program: Chapter 4, or Exercise 4b."""
    return "%s %s" % ("Exercise" if names.is_exercise(name) else "Chapter", names.number(name))


def is_yours_to_write(name):
    """Whether this copy has a chapter's lesson only, which is said kindly then."""
    if has_program(growth.ours(name)):
        return False
    number = names.number(name)
    print("%s's program is yours to write: make start %s lays out work/%s/, make grade %s checks\n"
          "it, and the lesson is %s/README.md. To run it:\n\n    (cd work/%s && make && ./%s)" % (
              called(name), number, name, number, names.place(name), name,
              " ".join([name[3:], *ARGUMENTS.get(name, [])])), file=sys.stderr)
    return True


@contextlib.contextmanager
def program_folder(name):
    """The folder of a chapter's program, or, of a step such as 07-tinyweb.3, one for the moment. So it is for an
    exercise that serves its chapter's webroot, which has to lie beside the program."""
    chapter, step = growth.split(name)
    if not step and not (names.is_exercise(chapter) and os.path.isdir(os.path.join(growth.ours(chapter), "..", "webroot"))):
        yield growth.ours(chapter)
        return
    with tempfile.TemporaryDirectory(prefix="step-") as place:
        folder = os.path.join(place, chapter)
        os.makedirs(folder)
        growth.lay_out(chapter, growth.state(chapter, step) if step else growth.program_in(growth.ours(chapter)), folder)
        yield folder


def chapter(name, *arguments):
    """Build a chapter, or one as it is after a step, say what it adds and what to try, and run it until Ctrl-C."""
    name, step = growth.split(name)
    if is_yours_to_write(name):
        return 2
    with program_folder("%s.%d" % (name, step) if step else name) as folder:
        return run_chapter(name, step, folder, *arguments)


def run_chapter(name, step, folder, *arguments):
    """Build and run the program of a chapter, or of one of its steps, that lies in `folder`."""
    if subprocess.run(["make", "-s", "-C", folder]).returncode != 0:
        return 1
    title, goal, commands = read_lesson(name)
    program = "./" + name.split("-", 1)[1]
    words = list(arguments) or list(map(os.path.expanduser, ARGUMENTS.get(name, [])))
    commands = [re.sub(r"\b(7890|8080|6969)\b", chosen_port(name, words) or r"\1", line) for line in commands]

    if step:
        print("%s after step %d: %s" % (called(name), step, growth.words(name, step)))
    else:
        print("%s\n\n%s\n" % (title, textwrap.fill(goal, 80)))
        if commands:
            print("In a second terminal, %s:\n" % ("first" if name in ("05-client", "5a-port-scan") else "try"))
            print("".join("    %s\n" % line for line in commands))
        print("%sThe lesson is %s/README.md.\n" % ("" if names.number(name) in NO_SERVERS else "Ctrl-C ends it. ", names.place(name)))
    print("$ %s" % " ".join([program] + words), flush=True)

    status, port_in_use = run_program([program] + words, folder, names.number(name) not in NO_SERVERS)
    if port_in_use:
        print("Something else runs on that port, perhaps this program in another terminal. Choose\n"
              "another port: %s" % other_port(name, arguments), file=sys.stderr)
    if status == -signal.SIGINT:
        print()
        return 0
    return status if status >= 0 else 128 - status


# --- make diff N ------------------------------------------------------------------------------

def diff(name):
    """Print what a chapter adds to what `make start` lays out, or what one of its steps does."""
    name, step = growth.split(name)
    if is_yours_to_write(name):
        return 2
    begin = growth.state(name, step - 1) if step > 1 else growth.beginning(name)
    program = growth.state(name, step) if step else growth.program_in(growth.ours(name))
    if step:
        print(growth.words(name, step))
    lines = growth.difference(begin, program).splitlines()
    print_difference(lines)
    changes = [line[0] for line in lines if not line.startswith(("--- ", "+++ "))]
    print("\n%s: %d lines added, %d removed." % (name, changes.count("+"), changes.count("-")))
    carried = [file for file in program if program[file] == begin.get(file)]
    if carried:
        print("Carried on unchanged: %s." % ", ".join(carried))
    return 0


def print_difference(lines):
    """Print the lines of a diff, on a terminal in colours."""
    colours = {"+": "\033[32m", "-": "\033[31m", "@": "\033[36m"} if sys.stdout.isatty() else {}
    for line in lines:
        colour = colours.get(line[:1], "")
        print("%s%s%s" % (colour, line, "\033[0m" if colour else ""))


# --- make compare N ---------------------------------------------------------------------------

def compare(name):
    """Print a learner's program beside ours, or beside ours as it is after a step."""
    from grade.compare import compare as beside
    name, step = growth.split(name)
    if not has_program(growth.ours(name)):
        print("make compare: this copy holds no finished program of %s" % called(name).lower(), file=sys.stderr)
        return WRONG
    folder = learner.to_grade(name)[name]
    if not growth.sources(folder):
        print("make compare: there is no C file in %s" % os.path.relpath(folder), file=sys.stderr)
        return WRONG
    ours = growth.state(name, step) if step else growth.program_in(growth.ours(name))
    print_difference(beside(name, folder, ours, "ours after step %d" % step if step else "ours"))
    return 0


# --- make trace N -----------------------------------------------------------------------------

def trace(name):
    """Print the ladder of a chapter's calls and its client's, or of one of its steps; of the program in $DIR if
    that is given, and as a picture, too, in the file $SVG; with $STATES with the TCP states of both ends."""
    from ladder.trace import trace as print_ladder
    chapter = growth.split(name)[0]
    given = os.environ.get("DIR")
    if not given and is_yours_to_write(chapter):
        print("make trace %s DIR=work/%s draws the ladder of yours." % (names.number(chapter), chapter), file=sys.stderr)
        return 2
    with program_folder(name) as folder:
        return print_ladder(chapter, REPOSITORY, given or folder, os.environ.get("SVG", ""),
                            bool(os.environ.get("STATES")))


# --- lab.py excerpts --------------------------------------------------------------------------

def excerpts():
    """Renew the excerpts in the lessons from the source; fail if one of them is like nothing there."""
    return 1 if sum(map(renew, names.programs())) else 0


def ladders():
    """Renew the ladders of `make trace` in the lessons."""
    for name in names.programs():
        lesson = os.path.join(growth.ours(name), "README.md")
        text = read(lesson)
        drawn = subprocess.run([sys.executable, __file__, "trace", name], stdout=subprocess.PIPE, check=True, text=True,
                               env={**os.environ, "STATES": "1" if " STATES=1\n" in text else ""}).stdout
        with open(lesson, "w", encoding="utf-8") as file:
            file.write(re.sub(r"(^\$ make trace \d[a-z]?(?: STATES=1)?\n).*?(?=^```$)", lambda match: match.group(1) + drawn, text,
                              count=1, flags=re.MULTILINE | re.DOTALL))
    return 0


# --- lab.py steps -----------------------------------------------------------------------------

def steps(*words):
    """Carry a change of a program on, into its steps and the later chapters."""
    from grade.carry import steps as carry
    return carry(*words)


# --- make check ------------------------------------------------------------------------------

def check(*arguments):
    """The strict checks: the suite under the sanitizers, then those of tests/repo marked strict."""
    statuses = [run_pytest("--sanitize", "tests/chapters", *arguments),
                run_pytest("-m", "strict", "tests/repo", *arguments)]
    found_something = [status for status in statuses if status != 5]  # 5: there was nothing to check
    return next(filter(None, found_something), 0) if found_something else 5


# --- make start, grade, watch -----------------------------------------------------------------

def start(*chapter):
    """Lay out a learner's own program."""
    return learner.start(*chapter)


def grade(*chapter):
    """Grade a learner's own programs. Lost points are 1."""
    return no_error(learner.grade(find_python(), *chapter))


def no_error(status):
    """The exit status; but for 1, which make would call an error, it asks for a file in its place."""
    lost = os.environ.get("LOST")
    if status == 1 and lost:
        with open(lost, "w"):
            return 0
    return status


def watch(chapter):
    """Grade a learner's own program at each save."""
    return learner.watch(find_python(), chapter)


def mutants(*chapter):
    """Prove the grader by programs that are known to be wrong."""
    python = find_python()
    return subprocess.call([python, os.path.join(REPOSITORY, "tests/mutants/run.py"), python, *chapter])


def hunt(chapter):
    """Lay out a wrong program whose fault is to be found, or see whether $TRY finds it."""
    script = os.path.join(REPOSITORY, "tests/mutants/hunt.py")
    if not os.path.exists(script):
        sys.exit("make hunt: this copy has no wrong programs to hunt: they would give away what is yours to write")
    python = find_python()
    return no_error(subprocess.call([python, script, chapter]))


def meet(*words):
    """Have the client in one of $A and $B meet the server in the other."""
    from ladder.meet import meeting
    return no_error(meeting(*words))


def class_():
    """Grade the submissions of a class, see grade/classroom.py."""
    return classroom.grade_class(find_python())


def autograde(*place):
    """Grade one submission on Gradescope or Classroom 50, see grade/autograder.py."""
    return autograder.autograde(find_python(), *place)


def main():
    commands = {command.__name__.rstrip("_"): command
                for command in (chapter, diff, compare, trace, start, grade, watch, handout, class_, gradescope, classroom50, autograde,
                                excerpts, ladders, steps, test, check, mutants, hunt, meet)}
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
    except OSError as error:  # such as in a checkout of somebody else's
        print("make %s: %s%s" % (sys.argv[1], "%s: " % error.filename if error.filename else "", error.strerror or error),
              file=sys.stderr)
        return WRONG
    except SystemExit as end:  # with a message, which is no lost point
        if not isinstance(end.code, str):
            raise
        print(end.code, file=sys.stderr)
        return WRONG


if __name__ == "__main__":
    sys.exit(main())
