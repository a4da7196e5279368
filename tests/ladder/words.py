"""How a call reads in the ladder: its name in C, the arguments that matter, and its result. Numbers that
differ from run to run get a fixed look."""

import re

from ladder.calls import ACCEPTS, FORKS, RECEIVES, SENDS, STRING, WAITS, descriptor
from ladder.causes import makes_thread

NAMES = {"sendto": "send", "recvfrom": "recv", "wait4": "waitpid", "pselect6": "pselect",
         "exit_group": "exit", "clone": "fork", "clone3": "fork", "vfork": "fork", "pipe2": "pipe",
         "rt_sigsuspend": "sigsuspend"}
DATA_LENGTH = 20
NETWORK = {"socket", "bind", "listen", "connect", "getsockname", "getpeername", "getsockopt",
           "setsockopt", "shutdown", "close", "ioctl", "fcntl", "dup", "dup2"}
PROCESS = {"setsid", "umask", "chdir", "setuid", "setgid", "setgroups", "setresuid", "setresgid",
           "wait4", "waitid", "kill", "pipe", "pipe2", "epoll_create", "epoll_create1", "epoll_ctl",
           "exit_group", "exit", "killed", "nanosleep", "clock_nanosleep"}
FILES = {"open", "openat", "ftruncate", "unlink", "flock"}
TRACED = (NETWORK | PROCESS | FILES | ACCEPTS | FORKS | RECEIVES | SENDS | WAITS) - {"killed"}
WITHOUT_RESULT = {"setsid", "umask", "exit_group", "exit"}


def data(text, length=DATA_LENGTH):
    """A string as strace shows it, up to the end of its first line and not too long."""
    inside, is_cut = text.rstrip(".")[1:-1], text.endswith("...")
    characters = re.findall(r"\\\d{1,3}|\\.|[^\\]", inside)
    kept = characters[:characters.index(r"\n") + 1] if r"\n" in characters else characters
    kept = kept[:length]
    return '"%s"%s' % ("".join(kept), "..." if is_cut or kept != characters else "")


def c_name(call):
    """The name of the function that a C program calls, from the one of the system call."""
    if call.name in FORKS and makes_thread(call):
        return "pthread_create"
    if call.name in ("pselect6", "ppoll") and call.arguments[-1 if call.name == "pselect6" else 3] == "NULL":
        return "select" if call.name == "pselect6" else "poll"
    if call.name == "openat" and call.arguments[0].startswith("AT_FDCWD"):
        return "open"
    return NAMES.get(call.name, call.name)


class Words:
    """Puts calls into words. `port` is the server's real one, and `default` the one to show for it;
    `folders` are those whose names are left out; `names` are those of the processes."""

    def __init__(self, port, default, folders, names):
        self.port, self.default, self.names = port, default, names
        self.folders = re.compile("|".join(re.escape(folder) + "/?" for folder in folders))

    def address(self, text):
        """`127.0.0.1 port 7890` for strace's {sa_family=AF_INET, ...}; "" if it is none of these."""
        host = re.search(r'inet_addr\("(.*?)"|inet_pton\(AF_INET6, "(.*?)"', text)
        port = re.search(r"port=htons\((\d+)\)", text)
        if not host or not port:
            return ""
        number = int(port.group(1))
        shown = self.default if number in (0, self.port) and self.default else number and "PORT"
        return "%s port %s" % (host.group(1) or host.group(2), shown)

    def waits(self, call):
        """A call that waits: its name and what it waits for."""
        return "%s(%s) waits" % (c_name(call), ", ".join(self._watched(call)))

    def done(self, call):
        """A call that has returned: its words, and its result."""
        if call.name == "killed":
            return "killed by " + call.arguments[0], ""
        if call.is_interrupted:
            return "%s is interrupted" % c_name(call), ""
        return "%s(%s)" % (c_name(call), ", ".join(filter(None, self._arguments(call)))), self._result(call)

    def _watched(self, call):
        """The numbers of the descriptors that a call waits for."""
        if call.name in ("poll", "ppoll"):
            return re.findall(r"fd=(\d+)", call.arguments[0])
        if call.name in ("select", "pselect6"):
            return re.findall(r"(\d+)(?:<.*?>)?", re.sub(r"<[^<>]*>", "", "".join(call.arguments[1:3])))
        if call.name in FORKS or not call.arguments:
            return []
        return [number for number in descriptor(call.arguments[0])[:1] if number and number != "-1"]

    def _arguments(self, call):
        name, words = call.name, [self._plain(argument) for argument in call.arguments]
        if name in FORKS | {"wait4", "waitid", "pipe", "pipe2", "pause", "rt_sigsuspend", "nanosleep",
                            "clock_nanosleep", "epoll_create", "epoll_create1"}:
            return ["WNOHANG"] if "WNOHANG" in words else []
        if name in WAITS or name in ACCEPTS:
            return self._watched(call) + re.findall("SOCK_NONBLOCK", " ".join(words[3:]))
        if name in SENDS | RECEIVES:
            flags = [word for word in words[3:4] if word.startswith("MSG_")]
            return words[:1] + [data(text) for text in re.findall(STRING, " ".join(words))[:1]] + flags
        if name in ("bind", "connect"):
            return [words[0], self.address(call.arguments[1])]
        if name in ("getsockname", "getpeername"):
            return words[:1]
        if name in ("setsockopt", "getsockopt"):
            value = words[3:4] if name == "getsockopt" else []
            return [words[0], words[2].replace("_OLD", "")] + value
        if name == "fcntl":
            return words[:2] + re.findall(r"F_\w+LCK|O_\w+", " ".join(words[2:]))[-1:]
        if name == "socket":
            return [words[0], words[1].replace("|SOCK_CLOEXEC", "")]
        if name == "openat":
            return words[words[0].startswith("AT_FDCWD"):2]
        return words[:3 if name == "epoll_ctl" else 1 if name == "open" else None]

    def _plain(self, text):
        """An argument without the notes of `strace -y`, the folders and the process ids."""
        text = re.sub(r"^(-?\d+)<.*>$", r"\1", text)
        text = self.folders.sub("", text)
        return re.sub(r"\b\d+\b", lambda m: "PID" if int(m.group()) in self.names and int(
            m.group()) > 2 else m.group(), text)

    def _result(self, call):
        if call.error:
            return " = -1 " + call.error
        if call.name in WITHOUT_RESULT or call.result == "":
            return ""
        if call.name in SENDS and call.object.startswith("/") and "PID" in self._plain(call.arguments[1]):
            return ""  # so many bytes as the process id has digits
        result = self.names.get(call.value) if call.name in FORKS | {"wait4", "waitid"} else None
        result = " = %s" % (result or call.value)
        if call.name in ("pipe", "pipe2"):
            return result + ": %s" % ", ".join(re.findall(r"(\d+)<", call.arguments[0]))
        if call.name in ACCEPTS | {"getsockname", "getpeername"} and self.address(call.arguments[1]):
            return result + ", " + self.address(call.arguments[1])
        ready = re.findall(r"fd=(\d+)|\[(\d+)", re.sub(r"<[^<>]*>", "", call.result))
        if call.name in WAITS and ready:
            return result + ": %s" % ", ".join(one or other for one, other in ready)
        return result
