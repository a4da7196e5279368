"""Checks that several chapters share. Each takes the chapter and how its program is told a port:
`port` is a function that turns a port (a string) into the program's arguments."""

import signal
import struct

from harness.inspect import descriptors
from harness.program import wait_until
from harness.talk import connect

BAD_PORTS = ["99999", "65536", "80x", "-1", "", " 80", "+80", "0x50", "8 0"]


def positional(port):
    """The arguments of the programs that take [PORT [ADDRESS]]."""
    return [port]


def option(port):
    """The arguments of the programs that take -p PORT."""
    return ["-p", port]


def is_usage_error(program, bad):
    """The program has ended with status 2, and its stderr names the bad input and the usage."""
    assert program.status == 2, "exit status %d, not 2; stderr:\n%s" % (program.status, program.stderr)
    assert "usage: " in program.stderr
    assert bad in program.stderr
    assert program.output == "", "what is wrong belongs on stderr"


def port_in_use(chapter, port):
    """A second instance on the same port ends with status 1 and names EADDRINUSE."""
    first = chapter.serve(*port("0"))
    second = chapter.run(*port(str(first.port)))
    assert second.status == 1
    assert "bind 127.0.0.1 port %d: " % first.port in second.stderr
    assert second.stderr.endswith("(EADDRINUSE)\n"), second.stderr


def restart_at_once(chapter, port, finish):
    """Right after a client was served, and the server killed, the port can be had again.
    `finish` is called with the connected client and returns when the server has closed."""
    server = chapter.serve(*port("0"))
    with connect(server) as client:
        finish(client)
    server.signal(signal.SIGKILL)
    server.wait()
    assert chapter.serve(*port(str(server.port))).port == server.port


def no_descriptor_leaks(server, visit, visitors=2000):
    """`visit` is called for each visitor and must leave the server with no more descriptors."""
    visit()
    before = descriptors(server.pid)
    for _ in range(visitors):
        visit()
    wait_until(lambda: descriptors(server.pid) == before, what="the descriptors of before")


def listens_on_loopback_only(server):
    """The kernel's table has the server's port bound to 127.0.0.1 and to nothing else."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    bound = [row[1] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == server.port]
    loopback = "%08X" % struct.unpack("=I", bytes([127, 0, 0, 1]))
    assert bound == ["%s:%04X" % (loopback, server.port)], bound
