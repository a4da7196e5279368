"""The transcripts in the lessons (```console): what is typed in which terminal, and what is printed.

A comment before a transcript, which a reader does not see, says what the text alone does not:
    <!-- typed: hello, ^C -->    these lines and keys are typed too, and not only what follows `$ `;
                                 ^D, which does not show, is typed at the end of its command's output
    <!-- closed: Terminal 1 -->  that terminal's window has been closed before this
A transcript that begins with ^C ends what runs in its terminal first; a line `...` stands for any lines."""

import re
import typing

from harness.terminals import MARK

BLOCK = re.compile(r"^(?:<!-- ([a-z ]+): ((?:(?!-->).)*) -->\n+)?(?:Terminal (\d):\n+)?```console\n(.*?)^```$",
                   re.MULTILINE | re.DOTALL)

# What a command needs that has one of these words in it.
TOOLS = {name: name for name in "curl dig dnsmasq nc openssl pgrep ps ss strace stunnel telnet timeout unshare".split()}
TOOLS.update(redis="redis-cli", socat="socat", syslog="rsyslogd", systemd="systemd-socket-activate", trace="strace")

# What may vary: it looks like this, in the transcript and on the screen, and is not compared further.
VARIES = [(re.compile(pattern, re.MULTILINE), replacement) for pattern, replacement in [
    # Ports that the kernel chooses, jobs and processes, addresses in memory, inodes, the repository's folder.
    (r"(port |htons\(|127\.0\.0\.1:|localhost )(?!7890|808[01])\d{4,5}\b", r"\1PORT"),
    (r"(sequence|acknowledgement) [1-9]\d+", r"\1 NUMBER"),
    (r"^\[\d+\] \d+$", "[JOB] PID"),
    (r"(process |daemon\[|trace\.|WNOHANG, NULL\) += )\d+", r"\1PID"),
    (r"si_pid=\d+, .*", "si_pid=PID"),
    (r"\b\d\d+(?=( +\d+)* +(\?|S\+) )", "PID"),
    (r"0x[0-9a-f]+|child_tidptr=\S+", "MEMORY"),
    (r"socket:\[\d+\]", "socket:[INODE]"),
    (r"(?<=[ '])/\S+(?=/09-daemon)", "/FOLDER"),
    (r"(?<=[ '])/\S+(?=/echo\.socket)", "/HOME"),
    (r"(process PID of user )\d+", r"\1USER"),
    # Dates and times, and whose files they are.
    (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", "DATE"),
    (r"[A-Z][a-z]{2},? +\d+,? [A-Z]([.]{3}|$|(?=\"))", "DATE"),
    (r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d [A-Z]+ \d{4}", "DATE"),
    (r"[A-Z][a-z]{2} +\d+ \d\d:\d\d(:\d\d \S+)?", "DATE"),
    (r"\b0m[0-4]\.\d+s", "A SHORT TIME"),
    (r"\b\d+m\d+\.\d+s", "A LONG TIME"),
    (r"after \d+ ms", "after TIME"),
    (r"(?<=^l[rwx-]{9} 1 )\S+ \S+", "USER GROUP"),
    # What differs between versions of curl, of ss, of strace and of the C library.
    (r"(Failed to connect to [\d.]+):", r"\1 port "),
    (r"^(accept\(3),? *$", r"\1"),
    (r"(Peer Address:Port) +Process *$", r"\1"),
    (r"(recvfrom\(\d+, \"[A-Z]+ .*NULL\)) += \d+$", r"\1 = SIZE"),
    (r'(SO_RCVTIMEO_OLD, )"[^"]*"', r"\1TIME"),  # what is left until a deadline
    (r"Couldn't connect", "Could not connect"),
    (r"newfstatat\((\d+), \"\", (.*), AT_EMPTY_PATH\)", r"fstat(\1, \2)"),
    # Bold letters, and the widths of columns.
    (r"\033\[\d*m", ""),
    (r"[ \t]+", " "),
    (r" $", ""),
]]

NOTICE = re.compile(r"^\[\d+\][-+ ] +(Done|Terminated|Exit|Hangup|Killed).*\n"
                    r"|^make: \*\*\* \[.*\] Error \d+\n", re.MULTILINE)
INTRODUCTION = re.compile(r"^((?:\(export )?(?:\w+=\S+ )?make chapter \d.*\n)(?:.*\n)*?\$ \./.*\n", re.MULTILINE)
CONNECTIONS = re.compile(r"(?:^ESTAB .*\n)+", re.MULTILINE)


def plain(text):
    """A text (of a transcript or a screen) reduced to what must be the same every time."""
    text = NOTICE.sub("", text)  # what the shell adds, when it likes, of jobs, and make of a program's exit status
    text = INTRODUCTION.sub(r"\1", text)  # what `make chapter` says before the program speaks
    for pattern, replacement in VARIES:
        text = pattern.sub(replacement, text)
    return CONNECTIONS.sub(lambda rows: "".join(sorted(rows.group().splitlines(True))), text)  # ss: any order


class Step(typing.NamedTuple):
    """Something to type once the screen shows `before`."""
    before: str
    text: str
    echo: str  # what the screen shows of the typing itself
    prompts: int  # so many times the shell has asked for a command by then


class Block:
    """One transcript of a lesson."""

    def __init__(self, number, match):
        key, note, terminal, text = match.groups()
        assert key in (None, "typed", "closed"), key
        before = match.string[:match.start(4)]
        self.number, self.line = number, before.count("\n")
        self.section = before.count("\n## ") + before.count("\n### ")
        self.terminal = int(terminal or 1)
        self.closed = int(note.split()[-1]) if key == "closed" else None
        self.interrupts = text.startswith("^C\n")
        self.text = text[3:] if self.interrupts else text
        self._typed = note.split(", ") if key == "typed" else []
        self.steps = list(self._find_steps())
        self.shows = "".join(line[2:] if line.startswith("$ ") else line
                             for line in self.text.splitlines(True))
        assert not self._typed, "line %d: %s is not in the transcript" % (self.line, self._typed[0])

    @property
    def tools(self):
        """The programs that have to be installed for it."""
        words = re.findall(r"\w+", "\n".join(re.findall(r"^\$ (.*)", self.text, re.MULTILINE)))
        return sorted({TOOLS[word] for word in words if word in TOOLS})

    def _find_steps(self):
        shown, commands = "", 0
        for line in [*self.text.splitlines(), None]:
            is_command = line is None or line.startswith("$ ")
            if is_command and commands and self._typed[:1] == ["^D"]:
                yield Step(shown, self._typed.pop(0), "", commands - 1)
            if line is None:
                return
            if is_command:
                line = line[2:]
                yield Step(shown, line, line + "\n", commands)
                commands += 1
            elif self._typed and self._is_typed(line):
                text = self._typed.pop(0)
                printed = line[:line.rindex(text)] if text in line else ""
                yield Step(shown + printed, text, line[len(printed):] + "\n", commands - 1)
            shown += line + "\n"

    def _is_typed(self, line):
        """Does the line show, alone or behind a prompt, what is to be typed next?"""
        text = self._typed[0]
        return line == {"Enter": ""}.get(text, text) or line.endswith("> " + text)


def blocks(text):
    """The transcripts of a lesson, in their order."""
    found = [Block(number, match) for number, match in enumerate(BLOCK.finditer(text), 1)]
    for mark in ("\n```console\n", "\n<!--(?! shape: )"):  # a shape is for `make handout`, in place of an excerpt
        inside = sum(len(re.findall(mark, "\n" + match.group())) for match in BLOCK.finditer(text))
        assert inside == len(re.findall(mark, text)), "a %s that belongs to no transcript" % mark.strip()
    return found


def shows(screen, expected):
    """Does a screen show what is expected, and nothing else?"""
    lines = (plain(expected).rstrip() + "\n").splitlines(True)
    pattern = "".join(r"(?:.*\n)*" if line == "...\n" else re.escape(line) for line in lines)
    actual = plain(screen.replace(MARK + "$ ", "")).rstrip() + "\n"
    return bool(re.fullmatch(pattern, actual))
