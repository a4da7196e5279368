"""`make trace N`: runs a chapter and its client under strace, and prints the ladder."""

import os
import signal
import subprocess
import sys
import tempfile
import time

from grade import growth
from grade.names import number, place
from harness.build import program_name
from harness.listening import LINE
from ladder.scenes import SCENES
from ladder.states import left_over, look
from ladder.steps import build_ladder
from ladder.svg import draw_svg
from ladder.text import WIDTH, draw_text
from ladder.watch import Watched, rest, why_not


ALONE = "LAB_ALONE"  # is set in a network of its own


class Trouble(Exception):
    """What stands in the way of the whole ladder, in a learner's words."""


class Stage:
    """A chapter's server and client, running under strace."""

    def __init__(self, chapter, repository, folder, temporary, with_states=False, scene=None):
        self.chapter, self.repository = chapter, repository
        self.folder, self.temporary = folder, temporary
        self.scene = scene or SCENES[number(chapter)]
        self.server = self.client = self.port = None
        self.states = [] if with_states else None
        self.earlier = set()

    def play(self):
        """Run the scene to its end. Raises Trouble."""
        scene = self.scene
        os.symlink(os.path.join(self.folder, "webroot"), os.path.join(self.temporary, "webroot"))
        with open(os.path.join(self.temporary, "daemon.conf"), "w", encoding="utf-8") as file:
            file.write(scene.configuration)
        if isinstance(scene.server, str):
            self.server = self._script(scene.server, "server")
        elif scene.server:
            other, *arguments = scene.server
            self.server = self._start(os.path.join(self.repository, place(other)), other, arguments, "server")
        else:
            self.server = self._start(self.folder, self.chapter, scene.arguments, "server")
        if scene.port:
            self._wait_for_port()
        elif scene.path:
            self.port = scene.path.format(folder=self.temporary)  # it stands for one
        self._rest()
        if scene.client:
            self.client = self._script(scene.client, "client")
        elif scene.server:
            self.client = self._start(self.folder, self.chapter, scene.arguments, "client")
        if self.client:
            self._type()
        if self.client or not (scene.port or scene.path):
            self._wait_for_end(self.client or self.server)

    def _script(self, script, name):
        """Start a program of our own, in Python."""
        return Watched([sys.executable, "-S", "-E", "-c", script, str(self.port)], self.temporary,
                       self.temporary, name)

    def _start(self, folder, chapter, arguments, name):
        """Build and start a program."""
        program = "./" + program_name(chapter)
        built = subprocess.run(["make", "-s", "-C", folder], stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if built.returncode != 0 or not os.access(os.path.join(folder, program), os.X_OK):
            raise Trouble("%s does not build:\n%s" % (program, built.stdout.rstrip()))
        words = [word.format(port=self.port, folder=self.temporary) for word in arguments]
        starter = [sys.executable, "-S", "-E", "-c", self.scene.starter] if self.scene.starter else []
        return Watched([*starter, program] + words, folder, self.temporary, name)

    def _wait_for_port(self):
        try:
            self.port = int(self.server.wait_for_output(LINE).group(2))
            self.earlier = left_over(self.port)
        except AssertionError:
            how = "waits" if self.server.is_running() else how_ended(self.server)
            raise Trouble("the server %s before its line `listening on ADDRESS port PORT`%s"
                          % (how, said(self.server)))

    def _watched(self):
        return [one for one in (self.server, self.client) if one]

    def _rest(self):
        if not rest(self._watched()):
            raise Trouble("the programs do not come to rest: one is busy all the time, or prints without end")
        if self.scene.port and self.port and self.states is not None:
            self.states.append(look(self.port, self.earlier))

    def _type(self):
        """Type the client's input, each piece when both sides have nothing more to do."""
        for line in self.scene.typed:
            self._rest()
            if not self.client.is_running():
                break
            self.client.type(line)

    def _wait_for_end(self, program):
        """Wait for the end of the client, or of a program that has none, and for the server's rest."""
        name = "the client" if self.client else "the program"
        rest(self._watched(), until=lambda: not program.is_running(), at_least=1)
        if self.client and not self.server.is_running():
            raise Trouble("the server %s, and should serve on%s"
                          % (how_ended(self.server), said(self.server)))
        if program.is_running():
            raise Trouble("%s waits in vain for its peer: the last line of each side shows where" % name)
        self._rest()
        if program.wait() != 0:
            raise Trouble("%s %s%s" % (name, how_ended(program), said(program)))

    def ladder(self):
        """End what runs, and draw the ladder as far as it got; None if nothing ran."""
        moment = time.time()
        sides = [one.end(moment) if one else {} for one in (self.server, self.client)]
        if not any(calls for side in sides for calls in side.values()):
            return None
        folders = [self.folder, self.temporary]
        return build_ladder(self.scene, *sides, self.port, folders, self.states or ())


def how_ended(program):
    """How a program ended, as the predicate of a sentence."""
    status = program.wait()
    return "was killed by " + signal.Signals(-status).name if status < 0 else "ended with status %d" % status


def said(program):
    """What a program said last on its standard error, to be appended to a sentence."""
    lines = program.stderr.rstrip().splitlines()[-3:]
    return "".join("\n    " + line for line in lines)


def columns():
    """How wide a ladder may be: as wide as the terminal, and never less than WIDTH."""
    return max(WIDTH, os.get_terminal_size(sys.stdout.fileno()).columns) if sys.stdout.isatty() else WIDTH


def trace_alone(chapter, repository, variables):
    """Do all of this in a network of its own, where nobody else sends anything. Return the exit status."""
    command = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable,
               os.path.join(repository, "tests", "lab.py"), "trace", chapter]
    done = subprocess.run(command, env={**os.environ, **variables, ALONE: "1"}, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    return done.returncode


def trace(chapter, repository, directory="", picture="", with_states=False):
    """Print a chapter's ladder, of the program in another folder if `directory` is one; with `picture`,
    write it to that file as SVG, too. `with_states`: with the TCP states of both ends. Return the exit status."""
    reason = why_not()
    if not reason and SCENES[number(chapter)].alone and ALONE not in os.environ:
        return trace_alone(chapter, repository, {"DIR": directory, "SVG": picture, "STATES": "1" * with_states})
    if reason:
        print("make trace: " + reason, file=sys.stderr)
        return 1
    folder = os.path.realpath(directory or os.path.join(repository, place(chapter)))
    problem = None
    with tempfile.TemporaryDirectory() as temporary:
        if os.path.isdir(os.path.join(folder, "..", "webroot")):  # an exercise that serves it, beside the whole program
            folder = growth.whole(chapter, folder, os.path.realpath(temporary))
        stage = Stage(chapter, repository, folder, os.path.realpath(temporary), with_states)
        try:
            stage.play()
        except (Trouble, KeyboardInterrupt) as trouble:
            problem = str(trouble) or "interrupted"
        finally:
            ladder = stage.ladder()
    if ladder:
        print(draw_text(ladder, columns()), end="", flush=True)
    if ladder and picture:
        try:
            with open(picture, "w", encoding="utf-8") as file:
                file.write(draw_svg(ladder, chapter))
        except OSError as error:
            problem = problem or str(error)
    if problem:
        print("make trace: %s" % problem, file=sys.stderr)
    return 1 if problem else 0
