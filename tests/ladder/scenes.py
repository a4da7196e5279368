"""The nine conversations: which programs run, what is said, and which of their calls are shown."""

import dataclasses

CONNECT = """
import os, socket, sys
sys.excepthook = lambda kind, error, trace: print(error, file=sys.stderr, flush=True) or os._exit(1)
step = sys.stdin.readline
def connect():
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.connect(("127.0.0.1", int(sys.argv[1])))
    step()
    return client
client = connect()
"""
RECEIVE_END = """
client.recv(65536)
client.close()
"""
ASK = 'client.send(b"%s HTTP/1.0\\r\\n\\r\\n"); step(); client.recv(65536); step()'
CLIENTS = {
    "02": CONNECT + 'client.send(b"hello\\n"); step(); client.close()',
    "03": CONNECT + RECEIVE_END,
    "04": CONNECT + r"""
client.recv(4096); step()
for line in b"one\n", b"two\n":
    client.send(line); step(); client.recv(4096); step()
client.shutdown(socket.SHUT_WR); step()
""" + RECEIVE_END,
    "4a": CONNECT + r"""
client.send(b"*2\r\n$4\r\nECHO\r\n$2\r\nh"); step()
client.send(b"i\r\n"); step(); client.recv(4096); step()
client.shutdown(socket.SHUT_WR); step()
""" + RECEIVE_END,
    "4b": r"""
import socket, sys
step = sys.stdin.readline
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", int(sys.argv[1]))); step()
for text in b"one", b"":
    client.send(text); step(); client.recv(4096); step()
client.close()
""",
    "4c": CONNECT + r"""
client.send(b"hello"); step()
client.send(b"!", socket.MSG_OOB); step()
client.send(b"world"); step()
client.close()
""",
    "4d": r"""
import socket, sys
step = sys.stdin.readline
client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
client.connect(sys.argv[1]); step()
client.recv(4096); step()
client.send(b"one\n"); step(); client.recv(4096); step()
client.shutdown(socket.SHUT_WR); step()
""" + RECEIVE_END,
    "5b": CONNECT + r"""
client.recv(4096); step()
first, client = client, connect()
client.recv(4096); step()
client.send(b"two\n"); step(); client.recv(4096); step()
first.send(b"one\n"); step(); first.recv(4096); step()
first.close(); step()
client.close()
""",
    "6a": r"""
import socket, sys
step = sys.stdin.readline
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", int(sys.argv[1]))); step()
client.send(b""); step(); client.recv(4096); step()
client.close()
""",
    "07": CONNECT + ASK % "GET /style.css" + RECEIVE_END,
    "7a": "import os; os.mkdir('d'); os.mknod('d/a:b'); os.symlink('/', 'd/out')" + CONNECT + ASK % "GET /d/" + RECEIVE_END,
    "7b": CONNECT + r"""
client.send(b"GET /style.css HTTP/1.0\r\nRange: bytes=-20\r\n\r\n"); step()
client.recv(4096); step()
""" + RECEIVE_END,
    "8a": CONNECT + r"""
client.send(b"GET /cgi-bin/hello?tea HTTP/1.0\r\n\r\n"); client.shutdown(socket.SHUT_WR); step()
client.recv(65536); step()
""" + RECEIVE_END,
    "08": CONNECT + "\nfirst, client = client, connect()\n" + ASK % "HEAD /" + RECEIVE_END
    + "step()\nclient = first\n" + ASK % "HEAD /" + RECEIVE_END,
    "8b": CONNECT + r"""
for path in b"/", b"/style.css":
    client.send(b"HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n" % path); step(); client.recv(65536); step()
client.close()
""",
    "8c": r"""
import socket, sys
step = sys.stdin.readline
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); step()
client.sendto(b"\0\1style.css\0octet\0", ("127.0.0.1", int(sys.argv[1])))
transfer = client.recvfrom(516)[1]  # and no step between these, which would take longer than the second of the resend
client.sendto(b"\0\4\0\1", transfer)
client.recvfrom(516)
client.sendto(b"\0\5\0\0enough\0", transfer); step()
client.close()
""",
    "9a": CONNECT + 'client.send(b"HEAD / HTTP/1.0\\r\\n\\r\\n"); step(); client.recv(65536); step()' + RECEIVE_END,
    "9b": CONNECT + r"""
client.send(b"PROXY TCP4 192.0.2.1 198"); step()
client.send(b".51.100.2 56324 443\r\nHEAD / "); step()
client.send(b"HTTP/1.0\r\n\r\n"); step(); client.recv(65536); step()
""" + RECEIVE_END,
}
# A small web server: a class that writes chapter 6 does not have chapter 7's.
WEB_SERVER = """
import socket
with socket.create_server(("127.0.0.1", 0), backlog=5) as listener:
    print("listening on 127.0.0.1 port %d" % listener.getsockname()[1], flush=True)
    while True:
        client = listener.accept()[0]
        client.recv(4096)
        client.send(b"HTTP/1.0 200 OK\\r\\nServer: a teapot\\r\\n\\r\\n")
        client.close()
"""
# A small name server.
NAME_SERVER = r"""
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print("listening on 127.0.0.1 port %d" % server.getsockname()[1], flush=True)
while True:
    query, client = server.recvfrom(512)
    record = bytes.fromhex("c00c 0001 0001 0000012c 0004 c0000250")
    server.sendto(query[:2] + bytes.fromhex("8180 0001 0001 0000 0000") + query[12:] + record, client)
"""


# One that listens, and takes nobody
LISTENER = """
import socket, time
with socket.create_server(("127.0.0.1", 0)) as listener:
    print("listening on 127.0.0.1 port %d" % listener.getsockname()[1], flush=True)
    time.sleep(1000)
"""

# As systemd does it: opens the port, and waits; for the first client it becomes the program, whose descriptor 3 that is.
STARTER = """
import fcntl, os, select, socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
print("listening on 127.0.0.1 port %d" % listener.getsockname()[1], flush=True)
select.select([listener], [], [])
fcntl.fcntl(3, fcntl.F_SETFD, 0)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[1], sys.argv[1:])
"""


CONFIGURATION = "port = 0\nwebroot = webroot\npidfile = daemon.pid\n"


@dataclasses.dataclass
class Scene:
    """How a chapter is traced. Where there is a `server`, the chapter's program is the client."""

    arguments: list              # {port} is the server's, {folder} the trace's own
    port: int = None             # what the ladder says in place of the server's port
    client: str = None           # what our own client does, in Python
    server: tuple = None         # another chapter and its arguments; or a str: what our own server does
    starter: str = None          # what starts the program, which is its arguments: our own, in Python
    typed: tuple = (b"\n",) * 20 + (None,)  # for the client's standard input: here, its steps
    files: bool = False          # shows open(), read() and the like on the program's own files
    alone: bool = False          # runs in a network of its own, for it sees all that passes
    datagrams: bool = False      # its sockets are of UDP
    path: str = None             # its sockets are of AF_UNIX, and the server listens here
    standard: bool = False       # shows what the client, or a program without one, reads and writes on 0 and 1
    names: tuple = ("server",)   # of the processes, as they are born
    configuration: str = CONFIGURATION


SCENES = {
    "1": Scene([], names=("the program",)),
    "2": Scene(["0"], 7890, CLIENTS["02"]),
    "2a": Scene(["10.1.2.3/8"], standard=True, names=("the program",)),
    "3": Scene(["0"], 7890, CLIENTS["03"]),
    "4": Scene(["0"], 7890, CLIENTS["04"]),
    "4a": Scene(["0"], 7890, CLIENTS["4a"]),
    "4b": Scene(["0"], 7890, CLIENTS["4b"], datagrams=True),
    "4c": Scene(["0"], 7890, CLIENTS["4c"]),
    "4d": Scene(["{folder}/echo.socket"], path="{folder}/echo.socket", client=CLIENTS["4d"]),
    "5": Scene(["127.0.0.1", "{port}"], 7890, server=("04-send-recv", "0"), typed=(b"hello\n", None),
                standard=True),
    "5a": Scene(["127.0.0.1", "{port}-{port}"], 7890, server=("02-bind-listen", "0"), typed=(None,)),
    "5b": Scene(["0"], 7890, CLIENTS["5b"]),
    "5c": Scene(["127.0.0.1", "{port}"], 7890, server=LISTENER, typed=(None,), alone=True),
    "6": Scene(["127.0.0.1", "{port}"], 8080, server=WEB_SERVER, typed=(None,)),
    "6a": Scene(["0"], 7037, CLIENTS["6a"], datagrams=True),
    "6b": Scene(["-s", "127.0.0.1", "-p", "{port}", "www.example.org"], 53, server=NAME_SERVER, typed=(None,), datagrams=True),
    "7": Scene(["-p", "0"], 8080, CLIENTS["07"], files=True),
    "7a": Scene(["-p", "0", "{folder}"], 8080, CLIENTS["7a"], files=True),
    "7b": Scene(["-p", "0"], 8080, CLIENTS["7b"], files=True),
    "8": Scene(["-p", "0"], 8080, CLIENTS["08"], files=True, names=("parent",)),
    "8a": Scene(["-p", "0"], 8080, CLIENTS["8a"], files=True, names=("parent",)),
    "8b": Scene(["-p", "0"], 8080, CLIENTS["8b"], files=True, names=("parent",)),
    "8c": Scene(["-p", "0"], 6969, CLIENTS["8c"], files=True, datagrams=True, names=("parent",)),
    "9": Scene(["-c", "{folder}/daemon.conf"], 8080, files=True,
                names=("parent", "first child", "daemon")),
    "9a": Scene(["-n", "-c", "{folder}/daemon.conf"], 8080, CLIENTS["9a"], starter=STARTER, names=("starter, then server", "child")),
    "9b": Scene(["-n", "-c", "{folder}/daemon.conf"], 8080, CLIENTS["9b"], names=("parent",),
                configuration="port = 0\nwebroot = webroot\nproxy = 127.0.0.1\n"),
}
