"""8c-tftp: sends files by TFTP, a child process with a port of its own for each transfer."""

import contextlib
import os
import random
import re
import resource
import signal
import struct
import subprocess
import time

import pytest

from harness import checks, steps
from harness.compare import identical
from harness.datagrams import Datagrams
from harness.grading import Symptom, graded
from harness.inspect import children, living
from harness.listening import kernel
from harness.program import seconds, wait_until
from harness.tftp import ACK, DATA, WRQ, Client, ack, bad_way, error, fetch, refusal, request
from harness.users import PublicFolder, ordinary_user, set_limit

CHAPTER = "8c-tftp"
SIZES = 0, 1, 511, 512, 513, 1024, 5000
ASKS = r"""import socket, struct, time
class Client:
    def __init__(c, port=6969): c.s = socket.socket(2, 2); c.s.settimeout(1.5); c.to = '127.0.0.1', port
    def send(c, data): c.s.sendto(data, c.to)
    def ask(c, name, mode=b'octet', more=b''): c.send(b'\0\1' + name + b'\0' + mode + b'\0' + more); return c
    def ack(c, n): c.send(b'\0\4' + struct.pack('!H', n))
    def get(c):
        try: data, c.to = c.s.recvfrom(9999)
        except OSError: return print('nothing comes')
        print('DATA ACK ERROR'.split()[data[1] - 3], data[2] * 256 + data[3], len(data) - 4, 'bytes', data[4:] if data[1] == 5 else ''); return data
"""
FILES = "mkdir -p my; echo my page > my/page; head -c 1024 /dev/zero > my/two; "
START = FILES + "./tftp my > log & export server=$!; sleep 0.3; "
END = "disown -a; { kill $server; sleep 0.2; kill -KILL $server $(pgrep -P $server); } 2> /dev/null; true"


def by_hand(script, start=START, more=""):
    """A command in which a client of Python's does these lines."""
    return (start + 'python3 -c "' + (ASKS + script).replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"; ' + more + END,)


@pytest.fixture(scope="module")
def webroot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    root = folder / "webroot"
    (root / "sub").mkdir(parents=True)
    (folder / "secret").write_bytes(b"this lies beside the webroot\n")
    (root / "page").write_bytes(b"the page\n")
    (root / "sub" / "page").write_bytes(b"another page\n")
    for size in SIZES:
        (root / str(size)).write_bytes(contents(size))
    with open(root / "large", "wb") as file:
        file.truncate(65537 * 512 + 7)
    (root / "inside").symlink_to("sub/page")
    (root / "outside").symlink_to("../secret")
    (root / "folder").symlink_to("..")
    os.mkfifo(root / "fifo")
    return str(root)


def contents(size):
    return random.Random(size).randbytes(size)


@pytest.fixture
def server(chapter, webroot):
    return chapter.serve("-p", "0", webroot)


def logged(server, count):
    """The log's lines, once there are so many."""
    with contextlib.suppress(AssertionError):  # what came is told below
        wait_until(lambda: server.output.count("\n") > count or not server.is_running(), limit=3)
    lines = server.output.split("\n")[1:-1]
    assert len(lines) == count, "the log has %d lines, not %d:\n%s" % (len(lines), count, "\n".join(lines) or "(none)")
    return lines


@graded(8, "Starts, and sends a small file",
        cause=[
            Symptom("it listens nowhere|no ADDRESS port PORT", "No socket of kind SOCK_DGRAM is bound: socket(), then bind(), and no listen().",
                    (START + "ss -lun 'sport = 6969'; " + END,)),
            Symptom("gets ERROR", "The file is there: its name is what stands between the first two bytes of the request and "
                    "a NUL."),
            Symptom("in vain", "Nothing comes back: recvfrom() gives the request and whose it is, sendto() with that very address answers."),
            "DATA is the number 3 in two bytes, high byte first, then the number 1 in two bytes, and the file's bytes: see htons()."],
        read="The idea", by_hand=(FILES + "./tftp my", "curl -s -m 2 tftp://127.0.0.1:6969/page"))
def test_sends_a_small_file(server):
    with Client(server) as client:
        identical(client.ask(b"page").data(1), b"the page\n")


@graded(3, "Says where it listens: 127.0.0.1, or the ADDRESS of -a; port 6969, unless told otherwise",
        cause=[
            Symptom("has not said so", "printf() into a pipe keeps the line in stdio's buffer: setvbuf(), or fflush(stdout)."),
            Symptom(r"\b6969\b", "Without -p the port is 6969: below 1024 one has to be root, for TFTP's own 69, too.",
                    ("timeout 1 ./tftp & sleep 0.3; ss -lun; wait",)),
            Symptom("kernel says", "INADDR_ANY, which is 0.0.0.0, takes packets from the network: the address is 127.0.0.1.",
                    ("timeout 1 ./tftp & sleep 0.3; ss -lun; wait",)),
            "The line is `listening on ADDRESS port PORT`, with what getsockname() says; bind() takes the address that -a names."],
        read="Your turn", by_hand=(FILES + "./tftp -p 0 -a 127.0.0.2 my > out & sleep 0.3; cat out; kill $!",), needs=[])
def test_says_where_it_listens(chapter, webroot):
    server = chapter.serve("-p", "0", "-a", "127.0.0.2", webroot)
    checks.says_where_it_listens(server)
    assert server.address == "127.0.0.2"
    checks.listens_on_loopback_only(chapter.serve("-p", "0", webroot))
    checks.default_port(chapter, 6969, webroot)


@graded(6, "Each transfer comes from a port of its own, and from the address that was asked",
        cause=[
            Symptom("from the port that was asked", "A transfer needs a socket of its own, or its packets and the requests of all come to "
                    "one: socket() and bind() with port 0, after fork()."),
            Symptom("comes from the address", "The transfer's socket is to be bound to the server's own address, with port 0: without "
                    "bind() the kernel chooses one.",
                    (FILES + "./tftp -a 127.0.0.2 my > log & server=$!; sleep 0.3; python3 -c \"import socket; s = socket.socket(socket.AF_INET, "
                     "socket.SOCK_DGRAM); s.settimeout(1); s.sendto(b'\\0\\1page\\0octet\\0', ('127.0.0.2', 6969)); print(s.recvfrom(999)[1][0])\"; " + END,)),
            "Each transfer has a new port: bind() with port 0 in the child, for each of them."],
        read="The program", by_hand=by_hand("ports = set()\nfor i in range(3):\n    c = Client().ask(b'page'); c.get(); ports.add(c.to[1])\nprint(len(ports), 6969 in ports)"))
def test_a_port_for_each(chapter, webroot):
    server = chapter.serve("-p", "0", "-a", "127.0.0.2", webroot)
    ports = set()
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            client = stack.enter_context(Client(server, "127.0.0.2")).ask(b"page")
            client.data(1)
            assert client.place[0] == server.address, "DATA comes from the address %s" % client.place[0]
            assert client.place[1] != server.port, "DATA comes from the port that was asked"
            ports.add(client.place[1])
    assert len(ports) == 3, "three transfers come from %d ports" % len(ports)


@graded(3, "Ends with exit status 1 if it cannot start, with 2 on wrong usage",
        cause=[
            Symptom("usage|exit status 2|is right", "Wrong usage exits 2, with a line `usage: ...` on stderr: digits alone, and within the range."),
            "What bind() and open() return is to be looked at, reported, and to be exit status 1; with SO_REUSEADDR two UDP sockets have one port."],
        read="What can go wrong", needs=[],
        by_hand=(FILES + "./tftp my > log & server=$!; sleep 0.3; for a in my '-p 0 nowhere' '-p 80x' '-c 0' '-a x' '-x' 'my my'; do timeout 0.5 ./tftp $a; echo exit status $?; done; " + END,))
def test_start_and_usage(chapter, webroot):
    server = chapter.serve("-p", "0", webroot)
    again = chapter.run("-p", str(server.port), webroot, limit=5)
    checks.is_failure(chapter, again, "EADDRINUSE")
    checks.is_failure(chapter, chapter.run("-p", "0", webroot + "/nowhere", limit=5), "ENOENT")
    for arguments, bad in ((["-p", "80x"], "80x"), (["-p", "65536"], "65536"), (["-a", "localhost"], "localhost"), (["-c", "0"], "0"),
                           (["-c", "3x"], "3x"), (["-z"], "-z"), (["-p", "0", webroot, "surplus"], "surplus")):
        checks.is_usage_error(chapter.run(*arguments, limit=3), bad)


@graded(12, "Sends files of every size, block after block",
        cause=[
            Symptom(r"in vain for DATA [2-9]\d*", "After the ACK of a block comes the next; and a file of 512 bytes, or of a multiple of that, "
                    "ends with an empty block: the last is the first one that is not full."),
            Symptom("in vain for DATA 1", "An empty file is one block of 0 bytes."),
            Symptom("gets an answer", "The next block waits for the ACK of the one before."),
            Symptom("first difference|got:|more than 512", "Each block has 512 bytes of the file, as they are, but for the last: strlen(), %s and text modes have no place here."),
            "Blocks count from 1, and all of a transfer come from one port."],
        read="The program", step=2,
        by_hand=by_hand("c = Client().ask(b'two'); c.get(); c.s.settimeout(0.4); c.get(); c.ack(1); c.get(); c.ack(2); c.get(); c.ack(3); Client().ask(b'empty').get()",
                        START.replace("./tftp", ": > my/empty; ./tftp")))
def test_every_size(server):
    with Client(server) as client:
        client.ask(b"1024").data(1)
        client.stays_quiet()
        client.acknowledge(1)
        client.rest(2)
    for size in SIZES:
        steps.step("a file of %d bytes:" % size)
        identical(fetch(server, b"%d" % size), contents(size))


@graded(8, "Serves many at the same time, each in a child of its own, which ends with its transfer",
        cause=[
            Symptom("children, for", "One fork() for each request: this very child sends the file, and ends with it. A child's child is "
                    "nobody whom the server could count, or wait for."),
            Symptom("end of the children", "A child is to end with its transfer, by _exit(), and waitpid() fetches it when SIGCHLD wakes the server."),
            "A client that says nothing is not to delay the others: only its own child waits for it."],
        read="The program", step=2,
        by_hand=by_hand("a = [Client().ask(b'two') for i in range(3)]\nfor c in reversed(a):\n    c.get(); c.ack(1); c.get(); c.ack(2); c.get(); c.ack(3)\n"
                        "b = Client().ask(b'two'); b.get(); import subprocess; print(subprocess.run('pgrep -cP $server', shell=True, capture_output=True, text=True).stdout)\n"
                        "b.ack(1); b.get(); b.ack(2); b.get(); b.ack(3); time.sleep(0.3)", more="ps -o stat= --ppid $server; "))
def test_side_by_side(server):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server)).ask(b"5000") for _ in range(5)]
        for client in clients:
            client.data(1)
        wait_until(lambda: len(living(server.pid)) == 5, limit=3, what="five children, for five transfers")
        for client in reversed(clients):
            client.acknowledge(1)
            client.rest(2)
    wait_until(lambda: not children(server.pid), limit=3, what="the end of the children, zombies included")


@graded(8, "Sends nothing outside the webroot; ERROR 1 for what is not there, 2 for what nobody may have",
        cause=[
            Symptom("leads out|lies beside", "A name with `..`, or a link, leads out of the webroot: open_beneath() refuses both with EACCES."),
            Symptom("in vain", "No answer is sent, or open() waits: for what cannot be had there is an ERROR, and a FIFO is opened with O_NONBLOCK."),
            Symptom("not there, and", "ERROR 1 is for what is not there: ENOENT, ENOTDIR, ENAMETOOLONG."),
            Symptom("ERROR [013-9], and should get ERROR 2|no ERROR, but", "ERROR 2 is for what is no file (fstat() tells), and for what lies outside."),
            "An ERROR is the bytes 0 5, two bytes for its number, a text, and a NUL."],
        read="The program", step=2,
        by_hand=by_hand("for name in b'missing', b'../tftp.c', b'sub', b'fifo', b'out':\n    Client().ask(name).get()",
                        START.replace("./tftp", "mkdir -p my/sub; mkfifo my/fifo 2> /dev/null; ln -sfn /etc/passwd my/out; ./tftp")))
def test_nothing_outside(server):
    for outside in b"../secret", b"/../secret", b"sub/../../secret", b"outside", b"folder/secret":
        number = refusal(server, request(outside))
        assert number in (1, 2), "%s leads out of the webroot, and gets ERROR %d" % (outside.decode(), number)
    for missing in b"missing", b"sub/missing", b"x" * 400:
        number = refusal(server, request(missing))
        assert number == 1, "%s is not there, and gets ERROR %d" % (missing.decode(), number)
    for none in b"sub", b"fifo", b"../secret":
        number = refusal(server, request(none))
        assert number == 2, "%s gets ERROR %d, and should get ERROR 2" % (none.decode(), number)


@graded(4, "Takes every form of a request for a file: a slash before it, OCTET, links inside, options",
        cause=[
            Symptom("blksize|tsize", "Whoever knows none of RFC 2347's options ignores what stands behind the mode, and answers with DATA."),
            Symptom("OCTET|oCtEt", "The mode is in any case: strcasecmp()."),
            "A name may have a slash before it, and lead through a link that stays inside."],
        read="Your turn", step=2,
        by_hand=by_hand("Client().ask(b'/page').get(); Client().ask(b'page', b'OCTET').get(); Client().ask(b'page', b'octet', b'tsize\\x000\\0').get(); Client().ask(b'in').get()",
                        START.replace("./tftp", "ln -sf page my/in; ./tftp")))
def test_every_form(server):
    for name in b"/page", b"//page":
        identical(fetch(server, name), b"the page\n")
    for mode in b"OCTET", b"oCtEt":
        identical(fetch(server, b"page", mode=mode), b"the page\n")
    for name in b"sub/page", b"/sub//page", b"inside":
        identical(fetch(server, name), b"another page\n")
    for more in b"blksize\x001024\0", b"tsize\x000\0timeout\x003\0", b"nonsense":
        identical(fetch(server, b"page", more=more), b"the page\n")


@graded(4, "Goes on with block 0 after block 65535",
        cause="The number has 16 bits, and after 65535 comes 0: a uint16_t does so by itself, and an int does not equal what the ACK says.",
        read="The program", step=2, limit=120, needs=["test_every_size"],
        by_hand=by_hand("""c = Client().ask(b'large'); c.s.settimeout(3)
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    for n in range(1, 65536):
        if not c.get(): break
        c.ack(n)
c.get(); c.ack(0); c.get()""", START.replace("./tftp", "truncate -s 33554939 my/large; ./tftp"), more="sleep 1; "))
def test_block_0(server):
    with Client(server) as client:
        client.ask(b"large").data(1)
        client.connect(client.place)
        client.settimeout(seconds(5))
        got = 1
        steps.step("acknowledges all blocks, and receives the next ones", client.name)
        for block in range(1, 65537):
            try:
                client.send(ack(block % 65536))
                packet = client.recv(1024)
            except OSError:  # nothing comes, or the port is gone
                raise AssertionError("after ACK %d no more DATA comes" % (block % 65536)) from None
            wanted = struct.pack("!HH", DATA, (block + 1) % 65536)
            assert packet[:4] == wanted, "after ACK %d comes %s" % (block % 65536, steps.show(packet[:4]))
            got += 1
        client.send(ack(1))
        packet = client.receive()[0]
        assert (got, packet[:4], len(packet)) == (65537, struct.pack("!HH", DATA, 2), 4 + 7), "the end of it is %s" % steps.show(packet)


@graded(4, "Writes one line to the log for each transfer, which nobody can forge",
        cause=[
            Symptom("has 3 lines|forge|has not all", "What a client sends goes into the log as \\xHH, but for plain ASCII."),
            Symptom(r"the log has \d+ lines, not", "Each transfer has one line, when it is over, at once: those that were refused, too."),
            "The line is `ADDRESS port PORT \"NAME\" STATUS BYTES`, with `sent` for a STATUS where the client has acknowledged all, and else "
            "what went wrong."],
        read="Your turn", step=2,
        by_hand=by_hand("c = Client().ask(b'two'); c.get(); c.ack(1); c.get(); c.ack(2); c.get(); c.ack(3); time.sleep(0.1); Client().ask(b'a\\n127.0.0.1 port 1').get(); time.sleep(0.1)",
                        more="sed 's/ port [0-9]*/ port N/' log; "))
def test_log(server):
    with Client(server) as client:
        client.ask(b"513").rest()
        identical(logged(server, 1)[0], '127.0.0.1 port %d "513" sent 513' % client.port)
    with Client(server) as client:
        client.ask(b"mis\nsing\"\x1b\xff\\").refused()
        line = logged(server, 2)[1]
        assert re.fullmatch(r'127\.0\.0\.1 port %d ".*" \S.* 0' % client.port, line), "no line about the second client, which somebody could not forge: %r" % line
        assert r'"mis\x0asing\x22\x1b\xff\x5c"' in line, "the log's line has not all of the name, as \\xHH where it is not plain: %r" % line


@graded(4, "SIGTERM: takes no new requests, finishes the transfers under way, exits 0",
        cause=[
            Symptom("killed by|did not end", "SIGTERM is but a note for the server: it closes its socket, waits for its children with waitpid(), and returns 0."),
            Symptom("should not", "After SIGTERM nobody is to be answered: close the socket before you wait for the children."),
            "A transfer under way goes on to its end: to the child, too, SIGTERM is but a note."],
        read="The program", step=2,
        by_hand=by_hand("import subprocess; c = Client().ask(b'two'); c.get(); subprocess.run('kill $server $(pgrep -P $server)', shell=True); time.sleep(0.3); n = Client().ask(b'page'); n.s.settimeout(0.3); n.get(); c.ack(1); c.get(); c.ack(2); c.get(); c.ack(3)",
                        more="wait $server; echo exit status $?; "))
def test_sigterm(server):
    with Client(server) as client, Client(server) as late:
        client.ask(b"513").data(1)
        steps.step("send SIGTERM to the server and its child")
        os.killpg(server.pid, signal.SIGTERM)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: server.port not in [port for _, port in kernel(server.pid)], limit=0.5)
        late.ask(b"page").gets_nothing()
        client.acknowledge(1)
        client.rest(2)
    assert server.wait() == 0


@graded(6, "Answers with an ERROR what is not to be served: writes, other modes, what is malformed",
        cause=[
            Symptom(r"malformed:[\s\S]*in vain", "What has no NUL behind its name and its mode, or is no request at all, gets ERROR 4."),
            Symptom("malformed:", "What is malformed gets ERROR 4: look for both NULs with memchr(), within what recvfrom() has returned."),
            Symptom("in mode ", "netascii has other ends of lines: sent as it is, the file would be another one. So it is an ERROR; mail, too.",
                    by_hand("Client().ask(b'page', b'netascii').get(); Client().ask(b'page', b'mail').get()")),
            Symptom("a write", "WRQ, opcode 2, is refused with ERROR 2 or 4: else the client waits.",
                    by_hand(r"c = Client(); c.send(b'\0\2page\0octet\0'); c.get()")),
            "Whatever is not to be served gets an ERROR, and the server goes on."],
        read="Your turn", step=3,
        by_hand=by_hand(r"""for p in b'\0\1page\0octet', b'\0\1page', b'\0\1page\0', b'\0\7page\0octet\0', b'\0\1', b'x', b'', b'\0\4\0\1':
    c = Client(); c.send(p); c.get()"""))
def test_refusals(server):
    steps.step("a write:")
    number = refusal(server, request(b"new", opcode=WRQ))
    assert number in (2, 4), "a write gets ERROR %d, not 2 or 4" % number
    for mode in b"netascii", b"mail", b"", b"octets":
        steps.step("in mode %s:" % (mode.decode() or "(none)"))
        refusal(server, request(b"page", mode=mode))
    for packet in (b"\0\1page\0octet", b"\0\1page", b"\0\1page\0", b"\0\1", b"\0\7page\0octet\0", b"\1\1page\0octet\0", ack(1), b"x", b"",
                   b"\0\1" + b"x" * 600):
        steps.step("malformed:")
        number = refusal(server, packet)
        assert number == 4, "%s gets ERROR %d, not 4" % (steps.show(packet), number)
    identical(fetch(server, b"page"), b"the page\n")


@graded(8, "Sends a block again after a second without an answer, five times, and then gives up",
        cause=[
            Symptom("the last resend", "Its ACK may be on its way: wait a second more behind the fifth resend, too.",
                    by_hand("c = Client().ask(b'two')\nfor i in range(6): c.get()\nc.ack(1); c.get()")),
            Symptom("in vain for DATA", "The block, or its ACK, may be lost: after a second without the ACK the same block is sent again, five times. "
                    "poll() with a limit, or SO_RCVTIMEO."),
            Symptom("gets an answer|the end of the child", "After the fifth time, and one more second, it gives up, and the child ends."),
            Symptom("after [0-9.]+ s", "The block is sent again after one second."),
            "Whoever gives up logs that, in place of `sent`, with the bytes that were acknowledged."],
        read="The program", step=3,
        by_hand=by_hand("c = Client().ask(b'two'); c.get(); c.ack(1)\nfor i in range(7):\n    t = time.monotonic(); c.get(); print(round(time.monotonic() - t), 's')\n", more="sed 's/ port [0-9]*/ port N/' log; "))
def test_sends_again(server):
    with Client(server) as client, Client(server) as late:
        late.ask(b"513")
        client.ask(b"513").data(1)
        client.acknowledge(1)
        block, before = client.data(2), time.monotonic()
        for _ in range(5):
            identical(client.data(2), block)
            passed = time.monotonic() - before
            assert 0.4 < passed < seconds(1.7), "DATA 2 comes again after %.1f s" % passed
            before += passed
        for _ in range(6):
            late.data(1)
        late.acknowledge(1)
        if passed < 1.3 and time.monotonic() - before < 0.4:  # else this machine may have been too slow
            try:
                late.data(2)
            except AssertionError as error:
                raise AssertionError("the ACK of the last resend comes too late: %s" % error)
            late.acknowledge(2)
        else:
            late.send_to(late.place, error(0))
        client.gets_nothing(1.5)
        wait_until(lambda: not children(server.pid), limit=3, what="the end of the child")
        line = next((line for line in logged(server, 2) if "port %d " % client.port in line), "(none)")
        assert re.fullmatch(r'127\.0\.0\.1 port \d+ "513" (?!sent)\S.* 512', line), "its line in the log is %r" % line


@graded(8, "Never answers an ACK that it has had already, nor lets it put off the next resend",
        cause=[
            Symptom("another block is answered", "An ACK of another block is no ACK of this one: compare its number, both bytes of it.",
                    by_hand("c = Client().ask(b'two'); c.get(); c.s.settimeout(0.2)\nfor n in 0, 2, 257: c.ack(n); c.get()")),
            Symptom("no ACK is answered", "Whatever else comes from the client changes nothing: wait on, for what is left of the second.",
                    by_hand(r"c = Client().ask(b'two'); c.get(); c.s.settimeout(0.4); c.send(b'\0\3\0\1X'); c.get()")),
            Symptom("is answered", "An ACK that comes twice is not to be answered: to send the block again for it doubles all packets from then on (RFC 1123, "
                    "4.2.3.1, the Sorcerer's Apprentice). Only a second without an answer has it sent again."),
            Symptom("put off", "Each packet that means nothing begins the second anew: take the time, clock_gettime(), when the block is sent, and wait for what is left.",
                    by_hand("c = Client().ask(b'two'); c.get(); c.ack(1); c.get(); c.s.settimeout(0.3)\nfor i in range(6):\n    c.ack(1); c.get()")),
            "Once the ACK of this block comes, the next is sent at once."],
        read="The program", step=3,
        by_hand=by_hand("c = Client().ask(b'two'); c.get(); c.ack(1); c.get(); c.ack(1); c.ack(3); c.s.settimeout(0.4); c.get()"))
def test_duplicate_acks(server):
    with Client(server) as client:
        client.ask(b"5000").data(1)
        client.acknowledge(1)
        client.data(2)
        for what, packets in (("an ACK of another block", [ack(0), ack(3), ack(258), ack(65535)]), ("an ACK that it has had", [ack(1), ack(1)]),
                              ("what is no ACK", [request(b"page"), struct.pack("!HH", DATA, 2) + b"X", b"\0\4"])):
            for packet in packets:
                client.send_to(client.place, packet)
            try:
                client.stays_quiet(0.15)
            except AssertionError as error:
                raise AssertionError("%s is answered: %s" % (what, error))
        client.acknowledge(2)
        client.data(3)
        begin, came = time.monotonic(), False
        steps.step("sends an old ACK every 0.2 s", client.name)
        while not came and time.monotonic() - begin < seconds(2.5):
            client.sendto(ack(2), client.place)
            with contextlib.suppress(AssertionError):
                client.gets_nothing(0.2)
                continue
            came = True
        assert came, "old ACKs put off the resend of DATA 3"
        assert time.monotonic() - begin > 0.3, "it gets an answer to an old ACK"
        client.acknowledge(3)
        client.rest(4)


@graded(6, "Answers a stranger with ERROR 5, and goes on with the transfer",
        cause=[
            Symptom("a stranger with the client's port", "Another machine may use the same port: compare the address, too.",
                    by_hand("c = Client(); c.s.bind(('127.0.0.1', 0)); c.ask(b'two'); c.get(); s = Client(c.to[1]); s.s.bind(('127.0.0.2', c.s.getsockname()[1])); s.ack(1); s.get()")),
            Symptom(r"client \d+ gets an answer", "A stranger's packet means nothing for the transfer: its ACK is none, and no block is sent again for it. Wait on, for what is left of the second."),
            Symptom("in vain for an ERROR", "A stranger gets ERROR 5. connect() on the transfer's socket would hide it from you: compare the sender that recvfrom() tells with the client."),
            Symptom("ERROR [0-46-9], not 5", "A stranger's ERROR has the number 5, Unknown transfer ID."),
            Symptom("gets an answer", "To a stranger's ERROR there is no answer: two that answer errors with errors would never end."),
            "A stranger's packet, an ERROR too, means nothing for the transfer: look first who has sent it."],
        read="The program", step=3,
        by_hand=by_hand(r"c = Client().ask(b'two'); c.get(); s = Client(c.to[1]); s.ack(1); s.get(); s.s.settimeout(0.1); s.send(b'\0\5\0\0no\0'); s.get(); c.s.settimeout(0.3); c.ack(1); c.get()"))
def test_strangers(server):
    with Client(server) as client, Datagrams("a stranger") as stranger:
        client.ask(b"513").data(1)
        for packet in ack(1), request(b"page"):
            stranger.send_to(client.place, packet)
            answer, place = stranger.receive(what="an ERROR")
            number = struct.unpack("!H", answer[2:4])[0]
            assert answer[:2] == b"\0\5" and number == 5, "a stranger gets ERROR %d, not 5: %s" % (number, steps.show(answer))
            assert place == client.place
        client.stays_quiet(0.1)
        stranger.send_to(client.place, error(0))
        stranger.gets_nothing()
        client.acknowledge(1)
        client.rest(2)
    with Client(server) as client:
        client.ask(b"513").data(1)
        with Datagrams("a stranger with the client's port", "127.0.0.2", client.port) as stranger:
            stranger.send_to(client.place, ack(1))
            assert stranger.receive(what="an ERROR")[0][:4] == b"\0\5\0\5"
        client.acknowledge(1)
        client.rest(2)


@graded(4, "The client's ERROR ends the transfer; an ERROR is never answered",
        cause=[
            Symptom("gets an answer|in vain for DATA 1", "An ERROR is never answered, and ends no server, not even in place of a request: the other side may be a server, and the two would never end."),
            Symptom("the end of the child", "An ERROR of the client's ends the transfer at once: nobody wants the rest."),
            "Whatever ends a transfer is in its line of the log, in place of `sent`."],
        read="Your turn", step=3,
        by_hand=by_hand(r"c = Client().ask(b'two'); c.get(); c.send(b'\0\5\0\0no\0'); c.get(); s = Client(); s.send(b'\0\5\0\0no\0'); s.s.settimeout(0.4); s.get()", more="sed 's/ port [0-9]*/ port N/' log; "))
def test_the_clients_error(server):
    with Client(server) as client:
        client.send_to(server, error(0))
        client.gets_nothing()
        client.ask(b"513").data(1)
        client.acknowledge(1)
        client.data(2)
        client.send_to(client.place, error(3))
        begin = time.monotonic()
        wait_until(lambda: not living(server.pid), what="the end of the child, whose client has had enough")
        assert time.monotonic() - begin < 3, "the end of the child, whose client has had enough, comes only after %.1f s" % (time.monotonic() - begin)
        client.gets_nothing()
    line = logged(server, 1)[0]
    assert re.fullmatch(r'127\.0\.0\.1 port \d+ "513" (?!sent)\S.* 512', line), "its line in the log is %r" % line


@graded(4, "While MAX transfers run, or where fork() fails, a request gets an ERROR at once",
        cause=[
            Symptom("where fork", "fork() returns -1 where it fails: report that, answer with an ERROR, and go on.",
                    by_hand("Client().ask(b'page').get(); Client().ask(b'page').get()",
                            START.replace("./tftp", "timeout 6 strace -qq -o /dev/null -e inject=?fork,?vfork,?clone,?clone3:error=EAGAIN:when=1 ./tftp")
                            .replace("sleep 0.3", "sleep 1"))),
            Symptom("gets an answer", "An ERROR is never answered, also while MAX transfers run: look for it before you count.",
                    by_hand(r"a = Client().ask(b'page'); a.get(); s = Client(); s.send(b'\0\5\0\0no\0'); s.s.settimeout(0.4); s.get()", START.replace("./tftp", "./tftp -c 1"))),
            Symptom("is room again", "A child that has ended makes room again: waitpid() before each fork()."),
            Symptom("no ERROR, but", "Children are not counted, or one too many is let in: look at the count before fork()."),
            "The parent itself sends the ERROR, at once: without one the client asks again and again."],
        read="The program", step=3,
        by_hand=by_hand("a = Client().ask(b'page'); a.get(); Client().ask(b'page').get(); a.ack(1); time.sleep(0.2); Client().ask(b'page').get()",
                        START.replace("./tftp", "./tftp -c 1")))
def test_the_maximum(chapter, webroot):
    server = chapter.serve("-p", "0", "-c", "2", webroot)
    with Client(server) as first, Client(server) as second:
        for client in first, second:
            client.ask(b"page").data(1)
        for _ in range(3):
            assert refusal(server, request(b"page")) in (0, 3), "ERROR 0 or 3 is for that"
        with Client(server) as third:
            third.send_to(server, error(0))
            third.gets_nothing()
        first.acknowledge(1)
        wait_until(lambda: len(living(server.pid)) == 1, what="the end of a child")
        steps.step("there is room again")
        identical(fetch(server, b"page"), b"the page\n")
        second.acknowledge(1)
    steps.step("where fork() fails, for want of processes:")
    with PublicFolder() as folder:
        (folder.path / "page").write_bytes(b"the page\n")
        user = ordinary_user()
        chapter.program = folder.copy(chapter.program)
        server = chapter.serve("-p", "0", str(folder.path), **user)
        set_limit(server.pid, resource.RLIMIT_NPROC, 0)
        refusal(server, request(b"page"))
        server.wait_for_error(r"^tftp: fork: .+ \(EAGAIN\)$")
        set_limit(server.pid, resource.RLIMIT_NPROC, None)
        identical(fetch(server, b"page"), b"the page\n")


# ---- With what people use

def get_with(tool, name, port, target, folder):
    """The command by which a client of this name fetches a file."""
    return {"curl": [tool, "-sS", "tftp://127.0.0.1:%d/%s" % (port, target), "-o", "got"],
            "tftp": [tool, "127.0.0.1", str(port), "-m", "binary", "-c", "get", target, "got"],
            "atftp": [tool, "-g", "-r", target, "-l", "got", "127.0.0.1", str(port)]}[name]


@pytest.mark.parametrize("name", ["curl", "tftp", "atftp"])
def test_real_clients(server, tool, name, tmp_path):
    for size in SIZES:
        subprocess.run(get_with(tool(name), name, server.port, str(size), tmp_path), cwd=tmp_path, timeout=20, check=True, stdout=subprocess.DEVNULL)
        identical((tmp_path / "got").read_bytes(), contents(size))
        (tmp_path / "got").unlink()
    done = subprocess.run(get_with(tool(name), name, server.port, "missing", tmp_path), cwd=tmp_path, timeout=20, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert re.search("not.found", done.stdout, re.IGNORECASE) or done.returncode


@pytest.mark.strict
@pytest.mark.parametrize("name", ["curl", "tftp", "atftp"])
def test_every_tenth_packet_lost_and_doubled(server, tool, name, tmp_path):
    with bad_way(server) as port:
        subprocess.run(get_with(tool(name), name, port, "5000", tmp_path), cwd=tmp_path, timeout=60, check=True, stdout=subprocess.DEVNULL)
    identical((tmp_path / "got").read_bytes(), contents(5000))


def test_ipv6(chapter, webroot):
    checks.needs_ipv6()
    server = chapter.serve("-a", "::1", "-p", "0", webroot)
    identical(fetch(server, b"5000"), contents(5000))
    with Client(server) as client, Datagrams("a stranger", "::1") as stranger:
        client.ask(b"513").data(1)
        stranger.send_to(client.place, ack(1))
        assert stranger.receive()[0][:4] == b"\0\5\0\5"


def is_served(server):
    """Whether a request is answered with DATA. What comes faster than it is taken is lost, and so may this one be."""
    with Client(server) as client, contextlib.suppress(AssertionError):
        return client.ask(b"page").rest() == b"the page\n"


@pytest.mark.strict
def test_a_flood_of_requests(server):
    with Client(server) as flooding:
        for _ in range(10000):
            flooding.sendto(request(b"513"), (server.address, server.port))
    assert len(children(server.pid)) <= 256
    wait_until(lambda: is_served(server), limit=30, what="an answer after the flood")
    wait_until(lambda: not children(server.pid), limit=30, what="the end of all children")


def test_garbage(server):
    chance = random.Random(os.environ.get("LAB_SEED", "8c"))
    with Client(server) as client:
        for _ in range(300):
            client.sendto(bytes([0, chance.randrange(8)])[:chance.randrange(3)] + chance.randbytes(chance.randrange(700)), (server.address, server.port))
    wait_until(lambda: is_served(server), limit=20, what="an answer after all that")
    wait_until(lambda: not children(server.pid), limit=20, what="the end of all children")
    checks.waits_without_spinning(server.pid)


def test_nothing_leaks(server):
    checks.no_descriptor_leaks(server, lambda: fetch(server, b"page"), 100)
    wait_until(lambda: not children(server.pid), what="the end of all children")


def test_a_packet_that_cannot_be_sent_is_sent_again(chapter, webroot, faults):
    server = chapter.serve("-p", "0", webroot, under=faults("?sendto,?sendmsg:error=ENOBUFS:when=2"))
    identical(fetch(server, b"513"), contents(513))
    server.wait_for_error(r"^tftp: sendto: .+ \(ENOBUFS\)$")


def test_many_spoofed_acks_change_nothing(server):
    with Client(server) as client, Datagrams("a stranger") as stranger:
        client.ask(b"5000").data(1)
        for block in range(2000):
            stranger.sendto(ack(block), client.place)
        client.stays_quiet(0.2)
        client.acknowledge(1)
        client.rest(2)
