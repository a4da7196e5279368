"""make meet A=DIR B=DIR: one learner's client meets another's server. Both are contained. What came of it is shown as
a ladder and a verdict; where they do not understand each other, ours in the place of each tells who broke the contract."""

import contextlib
import os
import subprocess
import sys
import tempfile

from grade import growth, names
from grade.failure import printable
from grade.files import has_program
from grade.submissions import NOTHING, receive
from grade.unpack import stem
from harness.build import BuildError, build
from harness.contain import Containment, a_user, end_descendants
from harness.machine import own_processes, weaknesses
from ladder.scenes import Scene
from ladder.talks import CLIENTS, CONFIGURATION, PAGE, SERVERS, TALKS, Fault, meet
from ladder.text import draw_text
from ladder.trace import Stage, Trouble, columns
from ladder.watch import Watched, why_not

MOST = 120  # lines of a ladder: one of them may say something without end
INSIDE = "LAB_MEET"  # is set in a namespace of processes of its own


class Side:
    """A program that takes part: where it is built, and what starts it. `label` is how it is told of, and `folder` a
    new one, of its own."""

    def __init__(self, label, chapter, source, folder, user=0, contained=True):
        self.label, self.chapter, self.number = label, chapter, names.number(chapter)
        self.folder, self.start, bounds = folder, subprocess.Popen, None
        os.mkdir(folder)
        if contained:
            bounds = Containment(folder, a_user(folder, user))
            bounds.watch(lambda words: None)
            self.start = bounds.start
        self.program = build(source, os.path.join(folder, chapter), containment=bounds)
        for name, content in ("index.html", PAGE), ("meet.conf", CONFIGURATION):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)

    def words(self, arguments, port=None):
        """The program and its arguments."""
        return [self.program, *(word.format(folder=self.folder, port=port) for word in arguments)]


# ---- The ladder

class Meeting(Stage):
    """The same once more, under strace."""

    def __init__(self, client, server, place):
        self.sides, self.talk = (client, server), TALKS[client.number, server.number]
        typed = [piece for turn in self.talk.turns for piece in [turn.typed] * bool(turn.typed) + [None] * turn.ends]
        scene = Scene([], 7890, typed=typed, standard=True, datagrams=self.talk.datagrams)
        super().__init__(server.chapter, names.REPOSITORY, server.folder, place, scene=scene)

    def play(self):
        """Run the talk to its end. Raises Trouble."""
        client, server = self.sides
        self.server = self._watch(server, self.talk.server, "server")
        self._wait_for_port()
        self._rest()
        self.client = self._watch(client, self.talk.client, "client")
        self._type()
        self._wait_for_end(self.client)

    def _watch(self, side, arguments, name):
        return Watched(side.words(arguments, self.port), os.path.dirname(side.program), side.folder, name, popen=side.start)


def draw(client, server, place):
    """Print the ladder of a talk, as far as it gets; or why there is none."""
    reason = why_not()
    if reason:
        print("No ladder: it " + reason + "\n")
        return
    stage = Meeting(client, server, place)
    try:
        with contextlib.suppress(Trouble):
            stage.play()
    finally:
        ladder = stage.ladder()
    if ladder:
        lines = draw_text(ladder, columns()).splitlines()
        print(printable("\n".join([*lines[:MOST], *["..."] * (len(lines) > MOST)])) + "\n", flush=True)


# ---- Who they are

def stop(words):
    """Say what is in the way, and end with the status for that."""
    print("make meet: " + words, file=sys.stderr)
    sys.exit(2)


def given(letter, place):
    """Which program $A or $B is: its chapter, and a folder below `place` that has all of it."""
    path = os.path.expanduser(os.environ.get(letter, ""))
    if not path:
        stop("who meets whom? Say A=DIR and B=DIR, as in: make meet A=work/05-client B=DIR/04-send-recv")
    if not os.path.exists(path):
        stop("%s=%s: there is no such folder" % (letter, path))
    name = os.path.basename(os.path.realpath(path))
    found, remarks = receive([[(os.path.realpath(path), name)]], os.path.join(place, letter.lower()), names.programs())
    meant = names.meant(stem(name))
    able = [meant] if meant in found else [chapter for chapter in found if names.number(chapter) in CLIENTS | SERVERS]
    if len(able) != 1:
        why = ["there is no client and no server in it", *(remark for remark in remarks if remark != NOTHING)]
        stop("%s=%s: %s" % (letter, path, "which of these is it? Name its folder: " + ", ".join(sorted(able)) if able
                            else ": ".join(why)))
    return able[0], found[able[0]]


def invite(place):
    """Build the programs in $A and $B; returns the client and the server. Of one that does not build it says so, and
    then returns nothing; ends with a clear line where there is none."""
    os.environ["LAB_HIDDEN"] = "\n".join(os.path.realpath(os.path.expanduser(os.environ.get(letter, ""))) for letter in "AB")
    programs = {letter: given(letter, place) for letter in "AB"}
    numbers = [names.number(chapter) for chapter, _ in programs.values()]
    order = next((order for order in ("AB", "BA") if tuple(numbers[letter == "B"] for letter in order) in TALKS), None)
    if not order:
        client = next((number for number in numbers if number in CLIENTS), None)
        stop("A is %s, and B is %s: these have nothing to say to each other. %s" % (
            *(chapter for chapter, _ in programs.values()), "%s talks to %s" % (client, ", ".join(
                server for one, server in TALKS if one == client)) if client else "Neither is a client, such as 05-client"))
    sides, broken = [], []
    for user, letter in enumerate(order):
        label = "%s=%s" % (letter, os.environ[letter])
        try:
            sides.append(Side(label, *programs[letter], os.path.join(place, letter), user))
        except BuildError as error:
            broken.append("%s does not build:\n%s" % (label, printable(str(error)).strip()))
    print("\n".join(broken), end="\n" * bool(broken))
    return [] if broken else sides


# ---- The verdict

def judge(client, server, ours):
    """Whether they understand each other, and the verdict: lines. ours(chapter) is our program, or None where this
    copy does not have it."""
    try:
        meet(client, server)
        return True, ["They understand each other: both keep to the contract here."]
    except Fault as fault:
        together = str(fault)
    lines, works = ["They do not understand each other: " + together], []
    for side, other, role in (client, server, "client"), (server, client, "server"):
        whose, our_part = "%s in %s" % (role, side.label), "server" if role == "client" else "client"
        substitute = ours(other.chapter)
        if not substitute:
            lines.append("Whether the %s works with our %s cannot be seen here: this copy has no finished %s." % (
                whose, our_part, other.chapter))
            continue
        try:
            meet(*((side, substitute) if role == "client" else (substitute, side)))
            works.append(role)
            lines.append("The %s works with our %s." % (whose, our_part))
        except Fault as fault:
            more = "" if str(fault) == together else ": " + str(fault)
            lines.append("It is the %s: it fails with our %s, too%s" % (whose, our_part, more))
    if len(works) == 2:
        lines[1:] = ["Each works with ours, but not together."]
    return False, lines


def meeting(*words):
    """The command: A and B are in the environment. Returns the exit status, 0 if they understand each other."""
    if words:
        stop("it takes no chapter, but A=DIR and B=DIR, as in: make meet A=work/05-client B=DIR/04-send-recv")
    outside = own_processes() if INSIDE not in os.environ else []
    if outside:
        os.execvpe(outside[0], [*outside, sys.executable, os.path.join(names.REPOSITORY, "tests", "lab.py"), "meet"],
                   {**os.environ, INSIDE: "1"})
    os.umask(0o022)  # what is laid out is for the programs to read, which another user may run
    for sentence in weaknesses():
        print(sentence, file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="meet-") as place:
        os.chmod(place, 0o755)
        place = os.path.realpath(place)

        def ours(chapter):
            folder = tempfile.mkdtemp(dir=place)
            with contextlib.suppress(BuildError):  # of ours, too: this copy may be one to work in
                source = growth.whole(chapter, growth.ours(chapter), folder)
                return Side("ours", chapter, source, os.path.join(folder, "ours"), contained=False) if has_program(
                    growth.ours(chapter)) else None

        try:
            sides = invite(place)
            if not sides:
                return 1
            client, server = sides
            print("The client is %s (%s), the server %s (%s).\n" % (
                client.label, client.chapter, server.label, server.chapter), flush=True)
            understand, lines = judge(client, server, ours)
            draw(client, server, place)
        finally:
            end_descendants()
    print(printable("\n".join(lines)), flush=True)
    return 0 if understand else 1
