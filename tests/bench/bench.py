#!/usr/bin/env python3
"""Measures the web servers of chapters 7 to 9: python3 tests/bench/bench.py, or make bench.

Each is compared with a bare limit (limit.c: the least a server can do for a request) and with what
one would install instead. All servers run throughout, and every round measures each of them once,
in alternating order. What disturbs a round disturbs all of it, so a ratio is formed within a round;
printed is the median of the rounds with (minimum-maximum). A missed target is printed and is no
error, for speed depends on the machine. A failed request or a server that has ended is one.
"""
import collections
import os
import re
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL, LARGE = ("small.html", 1024), ("large.bin", 100_000_000)  # name and size in bytes
LOAD_ROUNDS, DOWNLOAD_ROUNDS, LATENCY_ROUNDS, BURST_ROUNDS = 7, 7, 10, 7
LOAD_SECONDS = {1: 0.35, 16: 0.7}  # by number of clients: how long one run of ab shall take
LATENCY_REQUESTS = 30  # a round
BURST_CLIENTS = 64
MEMORY_GROWTH_KIB = 1024  # up to here a server's memory counts as constant
TIMEOUT_SECONDS = 30
LIMIT, FORK_LIMIT, LARGE_LIMIT = "bare limit", "bare fork limit", "bare limit, 100 MB"
OURS = TINYWEB, FORK_SERVER, DAEMON = "07 tinyweb", "08 fork-server", "09 daemon"
NGINX, LIGHTTPD, PYTHON = "nginx", "lighttpd", "python3 -m http.server"
BUSYBOX, MINI_HTTPD = "busybox httpd", "mini_httpd"
FORKERS = (FORK_LIMIT, FORK_SERVER, DAEMON, BUSYBOX, MINI_HTTPD)
PACKAGES = {NGINX: "nginx-light", LIGHTTPD: "lighttpd", BUSYBOX: "busybox",
            MINI_HTTPD: "mini-httpd"}  # the Debian package, where its name may be another

Server = collections.namedtuple("Server", "name process port log")
buffer = bytearray(1 << 20)


class Failed(Exception):
    """A request or a server that failed: its text names the server."""


# --- The servers -----------------------------------------------------------------------------------

def find_program(name):
    """Returns the path of an installed program or None. Servers are often in /usr/sbin."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def build(folder):
    """Builds the limit into folder and the chapters in their place."""
    limit = [os.environ.get("CC", "cc"), "-O2", "-o", folder / "limit",
             REPOSITORY / "tests/bench/limit.c"]
    chapters = [["make", "-s", "-C", REPOSITORY / chapter]
                for chapter in ("07-tinyweb", "08-fork-server", "09-daemon")
                if (REPOSITORY / chapter / "Makefile").exists()]
    for command in [limit] + chapters:
        if subprocess.run(command).returncode != 0:
            raise Failed("cannot build " + str(command[-1]))


def write_files(folder, ports):
    """Writes the webroot and the configuration files. Returns the webroot."""
    webroot = folder / "webroot"
    webroot.mkdir()
    folder.chmod(0o755)  # started by root, some servers become another user
    for name, size in (SMALL, LARGE):
        (webroot / name).write_bytes(b"x" * size)
    (folder / "daemon.conf").write_text(
        f"address = 127.0.0.1\nport = {ports[DAEMON]}\nwebroot = {webroot}\nmax-children = 256\n")
    (folder / "lighttpd.conf").write_text(
        f'server.document-root = "{webroot}"\nserver.bind = "127.0.0.1"\n'
        f'server.port = {ports[LIGHTTPD]}\nserver.modules = ()\n')
    temporary = "".join(f'{name}_temp_path "{folder}/{name}";\n'
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(  # sendfile on: as in the nginx.conf of Debian
        f'daemon off; worker_processes 1; error_log stderr crit; pid "{folder}/nginx.pid";\n'
        f'events {{}}\nhttp {{ access_log off; sendfile on; {temporary}\n'
        f'server {{ listen 127.0.0.1:{ports[NGINX]}; root "{webroot}"; }} }}\n')
    return webroot


def free_port():
    """Returns a port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_servers(servers, folder):
    """Starts every server there is and adds it to servers, by name. Says which there are not."""
    ports = {name: free_port() for name in OURS + (NGINX, LIGHTTPD, PYTHON, BUSYBOX, MINI_HTTPD)}
    webroot = write_files(folder, ports)
    commands = {
        LIMIT: [folder / "limit", SMALL[1]],
        TINYWEB: [REPOSITORY / "07-tinyweb/tinyweb", "-p", ports[TINYWEB], webroot],
        NGINX: ["nginx", "-p", folder, "-c", folder / "nginx.conf"],
        LIGHTTPD: ["lighttpd", "-D", "-f", folder / "lighttpd.conf"],
        PYTHON: [sys.executable, "-m", "http.server", "-b", "127.0.0.1", "-d", webroot,
                 ports[PYTHON]],
        MINI_HTTPD: ["mini_httpd", "-D", "-h", "127.0.0.1", "-p", ports[MINI_HTTPD],
                     "-d", webroot],
        BUSYBOX: ["busybox", "httpd", "-f", "-p", f"127.0.0.1:{ports[BUSYBOX]}", "-h", webroot],
        FORK_LIMIT: [folder / "limit", "fork", SMALL[1]],
        FORK_SERVER: [REPOSITORY / "08-fork-server/fork-server", "-p", ports[FORK_SERVER],
                      webroot],
        DAEMON: [REPOSITORY / "09-daemon/daemon", "-n", "-c", folder / "daemon.conf"],
        LARGE_LIMIT: [folder / "limit", LARGE[1]],
    }
    for name, command in commands.items():
        program = find_program(str(command[0]))
        if program is None:
            where = f"Debian package {PACKAGES[name]}" if name in PACKAGES else command[0]
            print(f"{name} is not there ({where}): left out")
        else:
            start_server(servers, name, [program, *command[1:]], ports.get(name), folder)


def start_server(servers, name, command, port, folder):
    """Starts one server and waits until it answers. Without a port, it prints its own."""
    log = folder / (name + ".log")
    quiet = subprocess.DEVNULL
    with open(log, "wb") as errors:  # Python logs its requests there, and shall lose no time
        process = subprocess.Popen([str(word) for word in command], cwd=folder, stdin=quiet,
                                   stdout=quiet if port else subprocess.PIPE,
                                   stderr=quiet if name == PYTHON else errors,
                                   start_new_session=True)  # so that Ctrl-C is ours alone
    if port is None:
        servers[name] = Server(name, process, port, log)
        port = int(process.stdout.readline().split()[-1])
    servers[name] = server = Server(name, process, port, log)
    for _ in range(100):
        check_alive(server)
        try:
            socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise Failed(f"{name} does not listen on port {port} after 10 s")


def check_alive(server):
    """Raises Failed if the server has ended."""
    status = server.process.poll()
    if status is not None:
        raise Failed(f"{server.name} has ended with status {status}\n{server.log.read_text()}")


def stop_servers(servers):
    """Ends the servers and their children: those that we started, and nobody else's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not stop this half-way
    for server in servers.values():
        server.process.terminate()
    for server in servers.values():
        try:
            server.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(server.process.pid, signal.SIGKILL)  # its process group: also its children
            server.process.wait()


def processes(server):
    """Returns the process ids of the server and its descendants, each with the fields of its
    /proc/PID/stat from the third on."""
    fields, children = {}, collections.defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
        except OSError:
            pass  # it has ended meanwhile
    for pid in fields:
        children[int(fields[pid][1])].append(pid)
    tree = [server.process.pid]
    for pid in tree:
        tree.extend(children[pid])
    return {pid: fields[pid] for pid in tree if pid in fields}


def cpu_seconds(server):
    """Returns the CPU time so far of the server, its children and those that it has reaped."""
    ticks = sum(int(field) for fields in processes(server).values() for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_memory(server):
    """Returns the highest resident set size so far of one of the server's processes, in KiB."""
    peak = 0
    for pid in processes(server):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        found = re.search(r"VmHWM:\s+(\d+) kB", status)  # a zombie has none
        peak = max(peak, int(found[1]) if found else 0)
    return peak


# --- The clients -----------------------------------------------------------------------------------

def run_ab(server, clients, requests):
    """Makes that many requests, each on a new connection. Returns the requests per second."""
    command = ["ab", "-q", "-s", str(TIMEOUT_SECONDS), "-n", str(requests), "-c", str(clients),
               f"http://127.0.0.1:{server.port}/{SMALL[0]}"]
    ab = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                        timeout=300, start_new_session=True)
    found = dict(re.findall(r"^([A-Z][\w -]+):\s+([\d.]+)", ab.stdout, re.MULTILINE))
    check_alive(server)
    if ab.returncode != 0 or int(found["Complete requests"]) != requests or \
            int(found["Failed requests"]) > 0 or "Non-2xx responses" in found:
        raise Failed(f"{server.name}: ab with {clients} clients says\n{ab.stdout}")
    return float(found["Requests per second"])


def fetch(server, file=SMALL, near_the_end=None):
    """Fetches a file and returns the seconds it took. Calls near_the_end() when 10 percent of the
    file are left, more than the kernel buffers, so that the server is still at work."""
    request = f"GET /{file[0]} HTTP/1.0\r\n\r\n".encode()
    received = 0
    begin = time.perf_counter()
    try:
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            while count := connection.recv_into(buffer):
                if received == 0:
                    head = bytes(buffer[:4096]).partition(b"\r\n\r\n")[0]
                received += count
                if near_the_end and received > 0.9 * file[1]:
                    near_the_end()
                    near_the_end = None
    except OSError as error:
        check_alive(server)
        raise Failed(f"{server.name}: {file[0]} after {received} bytes: {error}") from error
    seconds = time.perf_counter() - begin
    check_answer(server, head if received else b"", received, file[1])
    return seconds


def check_answer(server, head, received, size):
    """Raises Failed unless the answer has status 200 and at least size bytes."""
    if not re.match(rb"HTTP/1\.[01] 200 ", head) or received < size:
        check_alive(server)
        raise Failed(f"{server.name}: {received} bytes, of them {head[:60]!r}")


def burst(server):
    """Connects many clients at once. Returns the milliseconds until the last has its answer."""
    request = f"GET /{SMALL[0]} HTTP/1.0\r\n\r\n".encode()
    answers = {socket.socket(): b"" for _ in range(BURST_CLIENTS)}
    deadline = time.perf_counter() + TIMEOUT_SECONDS
    try:
        with selectors.DefaultSelector() as selector:
            begin = time.perf_counter()
            for client in answers:
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", server.port))
                selector.register(client, selectors.EVENT_WRITE)
            while selector.get_map() and time.perf_counter() < deadline:
                for key, events in selector.select(1):
                    client = key.fileobj
                    if events & selectors.EVENT_WRITE:
                        client.sendall(request)
                        selector.modify(client, selectors.EVENT_READ)
                    elif data := client.recv(65536):
                        answers[client] += data
                    else:
                        selector.unregister(client)
            milliseconds = 1000 * (time.perf_counter() - begin)
    except OSError as error:
        check_alive(server)
        raise Failed(f"{server.name}: one of {BURST_CLIENTS} clients at once: {error}") from error
    finally:
        for client in answers:
            client.close()
    for answer in answers.values():
        check_answer(server, answer, len(answer), SMALL[1])
    return milliseconds
