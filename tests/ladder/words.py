"""How a call reads in the ladder: its name in C, the arguments that matter, and its result. Numbers that
differ from run to run get a fixed look."""

import re

from ladder.calls import ACCEPTS, FORKS, RECEIVES, SENDS, STRING, WAITS, descriptor
from ladder.causes import makes_thread

NETWORK = {"socket", "bind", "listen", "connect", "getsockname", "getpeername", "getsockopt",
           "setsockopt", "shutdown", "close", "ioctl", "fcntl", "dup", "dup2", "dup3"}
PROCESS = {"setsid", "umask", "chdir", "setuid", "setgid", "setgroups", "setresuid", "setresgid",
           "wait4", "waitid", "kill", "pipe", "pipe2", "epoll_create", "epoll_create1", "epoll_ctl",
           "exit_group", "exit", "killed"}
FILES = {"open", "openat", "lseek", "ftruncate", "unlink", "flock", "execve"}
TRACED = (NETWORK | PROCESS | FILES | ACCEPTS | FORKS | RECEIVES | SENDS | WAITS) - {"killed"}

C_NAMES = {"sendto": "send", "recvfrom": "recv", "wait4": "waitpid", "pselect6": "pselect",
           "exit_group": "exit", "clone": "fork", "clone3": "fork", "vfork": "fork", "pipe2": "pipe",
           "rt_sigsuspend": "sigsuspend"}
WITHOUT_ARGUMENTS = FORKS | {"pipe", "pipe2", "pause", "rt_sigsuspend", "nanosleep", "clock_nanosleep",
                             "epoll_create", "epoll_create1"}
WITHOUT_RESULT = {"setsid", "umask", "exit_group", "exit"}
DATA_LENGTH = 20


def data(text, length=DATA_LENGTH):
    """A string as strace shows it, up to the end of its first line and not too long; `...` for what is no text."""
    inside, is_cut = text.rstrip(".")[1:-1], text.endswith("...")
    characters = re.findall(r"\\\d{1,3}|\\.|[^\\]", inside)
    kept = characters[:characters.index(r"\n") + 1] if r"\n" in characters else characters
    kept = kept[:length]
    if 3 * sum(bool(re.match(r"\\\d", one)) for one in kept) > len(kept) > 1:
        return "..."
    return '"%s"%s' % ("".join(kept), "..." if is_cut or kept != characters else "")


def c_name(call):
    """The name of the function that a C program calls, from the one of the system call."""
    if call.name in FORKS and makes_thread(call):
        return "pthread_create"
    if call.name in ("sendto", "recvfrom") and "{" in "".join(call.arguments[4:5]):  # an address
        return call.name
    if call.name == "pselect6" and call.arguments[5:6] == ["NULL"]:
        return "select"
    if call.name == "ppoll" and call.arguments[3:4] == ["NULL"]:
        return "pause" if call.arguments[0] == "NULL" else "poll"
    if call.name == "accept4" and "SOCK_NONBLOCK" not in "".join(call.arguments[3:]):
        return "accept"
    if call.name == "dup3" and call.arguments[2] == "0":
        return "dup2"
    if call.name == "openat" and call.arguments[0].startswith("AT_FDCWD"):
        return "open"
    return C_NAMES.get(call.name, call.name)


def watched(call):
    """The numbers of the descriptors that a call waits for."""
    if call.name in ("poll", "ppoll"):
        return re.findall(r"fd=(\d+)", call.arguments[0])
    if call.name in ("select", "pselect6"):
        return re.findall(r"\d+", without_notes(" ".join(call.arguments[1:3])))
    if call.name in WITHOUT_ARGUMENTS or not call.arguments:
        return []
    number = descriptor(call.arguments[0])[0]
    return [number] if number and number != "-1" else []


def without_notes(text):
    """Take out what `strace -y` notes behind a descriptor: 4<socket:[4711]> is just 4. Data may look like that, too."""
    return re.sub(STRING + r"|(?<=\d)<[^<>]*>", lambda match: match.group() * match.group().startswith('"'), text)


class Words:
    """Puts calls into words. `port` is the server's real one, and `shown_port` what is shown for it;
    `folders` are those that are left out of paths; `names` are those of the processes."""

    def __init__(self, port, shown_port, folders, names):
        self.ports = {"0": shown_port or "0", str(port): shown_port}
        self.folders = re.compile("|".join(re.escape(folder) + "/?" for folder in folders))
        self.whole = re.compile('"(%s)"' % "|".join(map(re.escape, folders)))
        self.names = names
        self.first_bound = None  # the moment of the call that has port 0 become the server's; all others stay 0

    def waits(self, call):
        """A call that waits: its name, and what it waits for."""
        return "%s(%s) waits" % (c_name(call), ", ".join(watched(call)))

    def done(self, call):
        """A call that has returned: its words, and its result."""
        if call.name == "killed":
            return "killed by " + call.arguments[0], ""
        if call.is_interrupted:
            return "%s(): a signal comes" % c_name(call), ""
        return "%s(%s)" % (c_name(call), ", ".join(filter(None, self._arguments(call)))), self._result(call)

    def _arguments(self, call):
        """The arguments that matter."""
        name = call.name
        words = [self.folders.sub("", self.whole.sub('"."', without_notes(argument))) for argument in call.arguments]
        if name in WITHOUT_ARGUMENTS:
            return []
        if name in ("wait4", "waitid"):
            return re.findall("WNOHANG", " ".join(words))
        if name in WAITS | ACCEPTS:
            return watched(call) + re.findall("SOCK_NONBLOCK", " ".join(words[3:]))
        if name in SENDS | RECEIVES:
            strings = [data(self._without_pids(text)) for text in re.findall(STRING, " ".join(words))]
            to = [self._address(call)] if name in SENDS else []
            return words[:1] + strings[:1] + [word for word in words[3:4] if word.startswith("MSG_")] + to
        if name in ("bind", "connect"):
            return [words[0], self._address(call)]
        if name in ("getsockname", "getpeername", "open", "execve"):
            return words[:1]
        if name == "setsockopt":
            return [words[0], words[2].replace("_OLD", "")]
        if name == "getsockopt":
            return [words[0], words[2], re.sub(r"\b(pid|uid|gid)=\d+", lambda match: match.group(1).upper(), words[3])]
        if name == "fcntl":
            return words[:2] + re.findall(r"F_\w+LCK|O_NONBLOCK", " ".join(words[2:]))
        if name == "socket":
            return [words[0], words[1].replace("|SOCK_CLOEXEC", "")]
        if name == "openat":
            return words[words[0].startswith("AT_FDCWD"):2]
        if name == "dup3":
            return words[:2]
        if name == "kill":
            whose = "the group of " if words[0].startswith("-") else ""
            return [whose + self.names.get(abs(int(words[0])), words[0]), words[1]]
        return words[:3]

    def _result(self, call):
        """` = 4` and, where there is more to say, what comes with it."""
        if call.error:
            return " = -1 " + call.error
        if call.name in WITHOUT_RESULT or call.value is None:
            return ""
        if self.tells_pid(call):
            return ""  # so many bytes as the process id has digits
        more = []
        if call.name in FORKS | {"wait4", "waitid"}:
            return " = %s" % self.names.get(call.value, "a child" if call.value > 0 else call.value)
        if call.name in ("pipe", "pipe2"):
            more = re.findall(r"\d+", without_notes(call.arguments[0]))
        elif call.name in ACCEPTS | {"getsockname", "getpeername", "recvfrom"} and self._address(call):
            return " = %d, %s" % (call.value, self._address(call))
        elif call.name in WAITS:
            more = [one or other for one, other in
                    re.findall(r"fd=(\d+)|(?<=[\[ ])(\d+)(?=[\] ])", without_notes(call.result))]
        return " = %d%s" % (call.value, ": " + ", ".join(more) if more else "")

    def tells_pid(self, call):
        """Whether the id of one of the processes is in what a call sends or receives."""
        return call.name in SENDS | RECEIVES and "PID" in self._without_pids(" ".join(call.arguments[1:2]))

    def _address(self, call):
        """`127.0.0.1 port 7890`, or a path, for the address among a call's arguments; "" if there is none."""
        where = " ".join(call.arguments[4 if call.name in ("sendto", "recvfrom") else 1:])
        path = re.search(r'sun_path=(".*?")', where)
        if path:
            return self.folders.sub("", path.group(1))
        host = re.search(r'inet_addr\("(.*?)"|inet_pton\(AF_INET6, "(.*?)"', where)
        port = re.search(r"port=htons\((\d+)\)", where)
        if not host or not port:
            return ""
        if port.group(1) == "0":
            self.first_bound = self.first_bound or call.start
        if port.group(1) == "0" and (self.names.get(call.pid) == "client" or call.start != self.first_bound):
            return "%s port 0" % (host.group(1) or host.group(2))
        return "%s port %s" % (host.group(1) or host.group(2), self.ports.get(port.group(1), "PORT"))

    def _without_pids(self, text):
        """A text with PID in place of process ids; other bytes, such as those of a packet, stay."""
        return re.sub(r'(?<=^")\d+(?=(\\n)?"$)|(?<=process )\d+',
                      lambda match: "PID" if int(match.group()) in self.names else match.group(), text)
