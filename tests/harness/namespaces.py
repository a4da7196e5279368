"""Running a program in a Linux namespace of its own: without a network, or with its own /etc/hosts.
Where the machine does not permit that, the test is skipped. And what names mean in there."""

import contextlib
import functools
import os
import shutil
import subprocess
import sys

import pytest

from harness import internet

PYTHONS_ANSWER = """
import socket, sys
try:
    for found in socket.getaddrinfo(sys.argv[1], sys.argv[2], 0, socket.SOCK_STREAM):
        print("%s port %d" % found[4][:2])
except socket.gaierror as error:
    symbols = [name for name in dir(socket) if name.startswith("EAI_")]
    print("%s (%s)" % (error.args[1], [s for s in symbols if getattr(socket, s) == error.args[0]][0]))
"""

MOUNT = """
mount --bind "$0/hosts" /etc/hosts || exit
if [ -e /etc/nsswitch.conf ]; then
    mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf || exit
fi
exec "$@"
"""

MACHINE = """
ip link set lo up && mkdir -p "$0/log" "$0/dev/pts" && cd "$0/dev" || exit
for name in null zero full tty random urandom; do
    touch $name && mount --bind /dev/$name $name || exit
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts pts && ln -s pts/ptmx ptmx || exit
ln -s /proc/self/fd fd && mount --rbind . /dev || exit
mount --bind "$0/log" /var/log || exit
if command -v rsyslogd >/dev/null; then
    rsyslogd -f "$0/rsyslog.conf" -i "$0/dev/rsyslog.pid" || exit
fi
cd "$OLDPWD" && "$@"
exit  # the shell stays, as process 1, which orphans need
"""


@functools.lru_cache()
def prefix(*words):
    """What to put before a command so that it runs in a namespace; None if that is not permitted."""
    for mapping in ([], ["--map-root-user"]):  # an ordinary user may do it as root of a user namespace
        command = ["unshare", *mapping, *words]
        if shutil.which("unshare") and subprocess.run(
                [*command, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            return command
    return None


def _skip_without(words):
    if words is None:
        pytest.skip("needs the permission to make a Linux namespace")
    return words


def empty_network():
    """The words to put before a command so that it has no network at all, loopback included."""
    return _skip_without(prefix("--net"))


def _with_hosts(folder, hosts):
    """The words to put before a command in a namespace so that it has this /etc/hosts."""
    (folder / "hosts").write_text(hosts)
    (folder / "nsswitch.conf").write_text("hosts: files\n")  # glibc shall ask nobody else
    return ["sh", "-c", MOUNT, str(folder)]


def own_hosts(folder, hosts):
    """The words to put before a command so that its only names are those in `hosts`, the text of an
    /etc/hosts. The files for it are made in `folder` (a pathlib.Path)."""
    return _skip_without(prefix("--mount", *_with_hosts(folder, hosts)))


def getaddrinfo(host, service, namespace=()):
    """What this machine's getaddrinfo() says: rows `ADDRESS port PORT`, or one `text (EAI_SYMBOL)`.
    `namespace` are the words that the functions above return."""
    command = [*namespace, sys.executable, "-S", "-E", "-c", PYTHONS_ANSWER, host, str(service)]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True,
                          timeout=60).stdout.splitlines()


@contextlib.contextmanager
def own_root(first, count=65536):
    """The words to put before a command so that it is root, and in root's groups, of a user namespace of
    its own: it may become any user there, and for everybody else it is an ordinary user. Its ids 0, 1, 2
    ... are first, first + 1, first + 2 ... outside."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "setpriv"))):
        pytest.skip("needs root, to make a user namespace of several users")
    with subprocess.Popen(["unshare", "--user", "sh", "-c", "echo made; exec sleep 1000"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
        try:
            made = holder.stdout.readline()
            for kind in ("gid", "uid") if made else ():
                with open("/proc/%d/%s_map" % (holder.pid, kind), "w") as file:
                    file.write("0 %d %d\n" % (first, count))
            words = ["nsenter", "--user=/proc/%d/ns/user" % holder.pid, "--setuid", "0", "--setgid", "0",
                     "setpriv", "--groups", "0,1"]
            if not made or subprocess.run([*words, "true"], stderr=subprocess.DEVNULL).returncode != 0:
                pytest.skip("needs the permission to make a user namespace of several users")
            yield words
        except PermissionError:
            pytest.skip("needs the permission to make a user namespace of several users")
        finally:
            holder.kill()


def own_dev(folder):
    """The words to put before a command so that its /dev is this folder (a pathlib.Path), in which null
    and fd are made; None if that is not permitted."""
    (folder / "null").touch()
    (folder / "fd").symlink_to("/proc/self/fd")
    mount = 'mount --bind /dev/null "$0/null" && mount --rbind "$0" /dev && exec "$@"'
    return prefix("--mount", "sh", "-c", mount, str(folder))


def own_machine(folder):
    """The words to put before a command so that it sees a machine of its own: a network that is only
    loopback, with all ports free, its own processes, both addresses of localhost, those of internet.py,
    and the system's log in /var/log/syslog where rsyslogd is installed. The files for it are made in
    `folder`."""
    (folder / "rsyslog.conf").write_text('module(load="imuxsock" SysSock.Name="/dev/log")\n'
                                         "$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat\n"
                                         "daemon.* /var/log/syslog\n")
    words = prefix("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    return [*_skip_without(words), "sh", "-c", MACHINE, str(folder),
            *_with_hosts(folder, "127.0.0.1 localhost\n::1 localhost\n" + internet.HOSTS)]


def own_resolver(folder, lines):
    """The words to put before a command so that this is its /etc/resolv.conf; the file is made in `folder`."""
    (folder / "resolv.conf").write_text(lines)
    return _skip_without(prefix("--mount", "sh", "-c", 'mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$@"', str(folder)))


def own_services(folder, lines):
    """The words to put before a command so that this is its /etc/services, and all ports of loopback are free; the file
    is made in `folder`."""
    (folder / "services").write_text(lines)
    mount = 'ip link set lo up && mount --bind "$0/services" /etc/services && exec "$@"'
    return _skip_without(prefix("--net", "--mount", "sh", "-c", mount, str(folder)))


def own_loopback():
    """The words to put before a command so that it has a network of its own, which is loopback alone, and any port there."""
    return _skip_without(prefix("--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"))
