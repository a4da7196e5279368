"""Plays one lesson: types its transcripts, up to the one with the number STOP, in as many terminals as it
has, and compares what is printed. Runs in a namespace: python3 -m harness.play LESSON FOLDER STOP"""

import difflib
import os
import sys

from harness.terminals import MARK, Terminal, are_asleep, wait_until
from harness.transcripts import blocks, plain, shows


class Wrong(Exception):
    """The lesson does not tell the truth; the text says where."""


class Play:
    """A lesson being played in a copy of the repository, the `folder`."""

    def __init__(self, folder):
        self._folder = folder
        self._terminals, self._blocks = {}, {}  # by the terminal's number: what it is, what it shows
        self._section = None

    def play(self, block):
        """Type a block, and wait for as much of it as comes without another terminal."""
        if block.section != self._section:  # what a program prints in later sections, they do not show
            self.end()
            self._section = block.section
        if block.closed:
            self._close(block.closed)
        terminal = self._begin(block)
        for step in block.steps:
            self._wait(block, step.before, lambda: terminal.prompts() >= step.prompts)
            self._settle()
            shown = len(terminal.screen) + len(step.echo)
            terminal.type(step.text)
            wait_until(lambda: len(terminal.screen) >= shown, self._terminals.values())
        if "\nlistening on " in block.shows:  # who builds and starts a server waits for it
            wait_until(lambda: "\nlistening on " in terminal.screen, self._terminals.values())
        self._settle()

    def end(self):
        """All that the blocks of this section show must have come by now, or come yet."""
        for block in self._blocks.values():
            if block.section == self._section:
                self._wait(block, block.shows)

    def _begin(self, block):
        """The block's terminal, in which its last block has come to its end."""
        number = block.terminal
        if number not in self._terminals:
            self._terminals[number] = Terminal(self._folder)
            self._wait_for_prompt(block, 1)
        elif number in self._blocks:
            last = self._blocks[number]
            if last.section == block.section:
                self._wait(last, last.shows)
            if block.interrupts:
                self._terminals[number].clear()
                self._terminals[number].type("^C")
                self._wait_for_prompt(block, 1)
            else:
                self._wait_for_prompt(block, last.steps[-1].prompts + 1)
        self._terminals[number].clear()
        self._blocks[number] = block
        return self._terminals[number]

    def _wait_for_prompt(self, block, count):
        terminal = self._terminals[block.terminal]
        if not wait_until(lambda: terminal.prompts() >= count, self._terminals.values()):
            raise Wrong("line %d: terminal %d is busy, and takes no command; it shows:\n%s"
                        % (block.line, block.terminal, terminal.screen.replace(MARK, "")))

    def _wait(self, block, expected, condition=lambda: True):
        terminal = self._terminals[block.terminal]
        if not wait_until(lambda: shows(terminal.screen, expected) and condition(),
                          self._terminals.values()):
            screen = plain(terminal.screen.replace(MARK + "$ ", ""))
            raise Wrong("line %d, in terminal %d:\n%s" % (block.line, block.terminal, "\n".join(
                difflib.unified_diff(plain(expected).splitlines(), screen.splitlines(),
                                     "the lesson", "the terminal", lineterm="", n=1000))))

    def _settle(self):
        """Wait until nothing happens any more: then the reader has seen all, and goes on typing."""
        looks = []
        wait_until(lambda: looks.append(are_asleep()) or looks[-3:] == [True] * 3, self._terminals.values())

    def _close(self, number):
        self._blocks.pop(number)
        self._terminals.pop(number).close()


def main():
    lesson, folder, stop = sys.argv[1:]
    with open(os.path.join(folder, lesson), encoding="utf-8") as file:
        found = blocks(file.read())
    play = Play(folder)
    try:
        for block in found:
            if block.number == int(stop):
                return 0  # it lacks a tool, and what other terminals wait for may not come
            play.play(block)
        play.end()
    except Wrong as wrong:
        print("%s, %s" % (lesson, wrong))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
