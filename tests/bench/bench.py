#!/usr/bin/env python3
"""Measures the web servers of chapters 7 to 9: python3 tests/bench/bench.py, or make bench.

Each is compared with a bare limit (limit.c: the least a server can do for a request) and with what
one would install instead. All servers run throughout, and every round measures each of them once,
in alternating order. What disturbs a round disturbs all of it, so a ratio is formed within a round;
printed is the median of the rounds with (minimum-maximum). A missed target is printed and is no
error, for speed depends on the machine. A failed request or a server that has ended is one.
"""
import collections
import dataclasses
import os
import re
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
WARM_UP_REQUESTS = 300
LATENCY_REQUESTS = 30  # a round
BURST_CLIENTS = 64
TIMEOUT_SECONDS = 30
LIMIT, FORK_LIMIT, LARGE_LIMIT = "bare limit", "bare fork limit", "bare limit, 100 MB"
OURS = TINYWEB, FORK_SERVER, DAEMON = "07 tinyweb", "08 fork-server", "09 daemon"
NGINX, LIGHTTPD, PYTHON = "nginx", "lighttpd", "python3 http.server"
BUSYBOX, MINI_HTTPD = "busybox httpd", "mini_httpd"
FORKERS = FORK_LIMIT, FORK_SERVER, DAEMON, BUSYBOX, MINI_HTTPD
PACKAGES = {NGINX: "nginx-light", LIGHTTPD: "lighttpd", BUSYBOX: "busybox",
            MINI_HTTPD: "mini-httpd"}
receive_buffer = bytearray(1 << 20)


class Failed(Exception):
    """A request or a server that failed; the text names the server."""


@dataclasses.dataclass
class Server:
    """A running server; what it writes to stderr is in log."""
    name: str
    process: subprocess.Popen
    port: int
    log: Path


def find_program(name):
    """Returns the path of an installed program or None. Servers are often in /usr/sbin."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def build(folder):
    """Builds the limit into folder, and the chapters where they are."""
    limit = [os.environ.get("CC", "cc"), "-O2", "-o", folder / "limit",
             REPOSITORY / "tests/bench/limit.c"]
    chapters = [["make", "-s", "-C", REPOSITORY / chapter]
                for chapter in ("07-tinyweb", "08-fork-server", "09-daemon")
                if (REPOSITORY / chapter / "Makefile").exists()]
    for command in [limit] + chapters:
        if subprocess.run(command).returncode != 0:
            raise Failed(f"cannot build {command[-1]}")


def free_port():
    """Returns a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_files(folder, ports):
    """Writes the webroot and the configuration files into folder. Returns the webroot."""
    webroot = folder / "webroot"
    webroot.mkdir()
    folder.chmod(0o755)  # started by root, some servers become another user
    for name, size in (SMALL, LARGE):
        (webroot / name).write_bytes(b"x" * size)
    (folder / "daemon.conf").write_text(
        f"address = 127.0.0.1\nport = {ports[DAEMON]}\nwebroot = {webroot}\nmax-children = 256\n")
    (folder / "lighttpd.conf").write_text(
        f'server.bind = "127.0.0.1"\nserver.port = {ports[LIGHTTPD]}\n'
        f'server.document-root = "{webroot}"\nserver.modules = ()\n')
    temporary = "".join(f'{name}_temp_path "{folder}/{name}"; '
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(  # sendfile on: as Debian installs it
        f'daemon off; worker_processes 1; error_log stderr crit; pid "{folder}/nginx.pid";\n'
        f'events {{}}\nhttp {{ access_log off; sendfile on; {temporary}\n'
        f'server {{ listen 127.0.0.1:{ports[NGINX]}; root "{webroot}"; }} }}\n')
    return webroot


def start_servers(servers, folder):
    """Starts every server there is and adds it to servers, by name. Says which there are not."""
    ports = collections.defaultdict(free_port)
    webroot = write_files(folder, ports)
    commands = {
        LIMIT: [folder / "limit", SMALL[1]],
        TINYWEB: [REPOSITORY / "07-tinyweb/tinyweb", "-p", ports[TINYWEB], webroot],
        NGINX: ["nginx", "-p", folder, "-c", folder / "nginx.conf"],
        LIGHTTPD: ["lighttpd", "-D", "-f", folder / "lighttpd.conf"],
        PYTHON: [sys.executable, "-m", "http.server", "-b", "127.0.0.1", "-d", webroot,
                 ports[PYTHON]],
        MINI_HTTPD: ["mini_httpd", "-D", "-h", "127.0.0.1", "-p", ports[MINI_HTTPD], "-d", webroot],
        BUSYBOX: ["busybox", "httpd", "-f", "-p", f"127.0.0.1:{ports[BUSYBOX]}", "-h", webroot],
        FORK_LIMIT: [folder / "limit", "fork", SMALL[1]],
        FORK_SERVER: [REPOSITORY / "08-fork-server/fork-server", "-p", ports[FORK_SERVER], webroot],
        DAEMON: [REPOSITORY / "09-daemon/daemon", "-n", "-c", folder / "daemon.conf"],
        LARGE_LIMIT: [folder / "limit", LARGE[1]],
    }
    for name, command in commands.items():
        program = find_program(str(command[0]))
        if program is None:
            reason = f"install the package {PACKAGES[name]}" if name in PACKAGES else command[0]
            print(f"{name} is missing and left out ({reason})")
        else:
            start_server(servers, name, [program, *command[1:]], ports.get(name), folder)


def start_server(servers, name, command, port, folder):
    """Starts one server and waits until it listens. Without a port, it prints the one it has."""
    nowhere = subprocess.DEVNULL  # for the log of requests, which Python writes to stderr
    with open(folder / (name + ".log"), "wb") as log:
        process = subprocess.Popen([str(word) for word in command], cwd=folder, stdin=nowhere,
                                   stdout=nowhere if port else subprocess.PIPE,
                                   stderr=nowhere if name == PYTHON else log,
                                   start_new_session=True)  # Ctrl-C is for us alone
    servers[name] = server = Server(name, process, port, Path(log.name))
    if port is None:
        server.port = int((process.stdout.readline().split() or [0])[-1])
    for _ in range(100):
        check_alive(server)
        try:
            socket.create_connection(("127.0.0.1", server.port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise Failed(f"{name} does not listen on port {server.port} after 10 s")


def check_alive(server):
    """Raises Failed if the server has ended."""
    status = server.process.poll()
    if status is not None:
        raise Failed(f"{server.name} has ended with status {status}\n{server.log.read_text()}")


def stop_servers(servers):
    """Ends the servers, which are those that we started, and what is left of their children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not stop us half-way
    for server in servers.values():
        server.process.terminate()
    for server in servers.values():
        try:
            server.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(server.process.pid, signal.SIGKILL)  # the children are in its process group
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


def cpu_microseconds(server):
    """Returns the CPU time of the server so far, with its children and those it has reaped."""
    ticks = sum(int(field) for fields in processes(server).values() for field in fields[11:15])
    return 1e6 * ticks / os.sysconf("SC_CLK_TCK")


def peak_memory(server):
    """Returns the largest resident set so far of one of the server's processes, in KiB."""
    peak = 0
    for pid in processes(server):
        try:
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            peak = max(peak, int(found[1]) if found else 0)  # a zombie has none
        except OSError:
            pass  # it has ended meanwhile
    return peak


def run_ab(server, clients, requests):
    """Makes the requests, a new connection for each. Returns how many were answered a second."""
    ab = subprocess.run(["ab", "-q", "-s", str(TIMEOUT_SECONDS), "-n", str(requests),
                         "-c", str(clients), f"http://127.0.0.1:{server.port}/{SMALL[0]}"],
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = dict(re.findall(r"^([A-Z][\w -]+):\s+([\d.]+)", ab.stdout, re.MULTILINE))
    check_alive(server)
    if ab.returncode != 0 or found.get("Complete requests") != str(requests) or \
            found.get("Failed requests") != "0" or "Non-2xx responses" in found:
        raise Failed(f"{server.name}: ab with {clients} clients says\n{ab.stdout}")
    return float(found["Requests per second"])


def send_request(server, file=SMALL):
    """Connects, asks for the file and returns the connection."""
    connection = socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS)
    connection.sendall(f"GET /{file[0]} HTTP/1.0\r\n\r\n".encode())
    return connection


def receive_file(server, connection, file=SMALL, near_the_end=None):
    """Receives a whole answer, and closes. Calls near_the_end() when 10 percent of the file are
    missing: more than the kernel holds, so that the server is still sending."""
    head, received = b"", 0
    with connection:
        while count := connection.recv_into(receive_buffer):
            head = head or bytes(receive_buffer[:12])
            received += count
            if near_the_end is not None and received > 0.9 * file[1]:
                near_the_end()
                near_the_end = None
    if not re.fullmatch(rb"HTTP/1\.[01] 200", head) or received < file[1]:
        raise Failed(f"{server.name}: {head} and {received} bytes for {file[0]}")


def seconds_of(server, work):
    """Returns how many seconds work() takes, whose requests must not fail."""
    begin = time.perf_counter()
    try:
        work()
    except OSError as error:
        check_alive(server)
        raise Failed(f"{server.name}: {error}") from error
    return time.perf_counter() - begin


def fetch_seconds(server, file=SMALL, near_the_end=None):
    """Returns how many seconds it takes to fetch the file."""
    return seconds_of(server, lambda: receive_file(server, send_request(server, file), file,
                                                   near_the_end))


def burst_milliseconds(server):
    """Returns how long many clients wait, connected at once, until the last has its answer."""
    def work():
        for connection in [send_request(server) for _ in range(BURST_CLIENTS)]:
            receive_file(server, connection)
    return 1000 * seconds_of(server, work)


def in_turn(servers, rounds):
    """Yields every server once a round, and backwards every other round."""
    for number in range(rounds):
        yield from list(servers)[::-1 if number % 2 else 1]


def ratios(values, name, other):
    """Returns, round for round, the values of one server divided by those of another."""
    return [value / base for value, base in zip(values[name], values[other])]


def spread(values, digits=3):
    """Returns the median with (minimum-maximum) as text."""
    if not values:
        return ""
    return "{:.{d}f} ({:.{d}f}-{:.{d}f})".format(statistics.median(values), min(values),
                                                 max(values), d=digits)


def verdict(values, relation, target):
    """Returns the target as text, with whether the median meets it."""
    if not values:
        return ""
    median = statistics.median(values)
    met = median >= target if relation == ">=" else median <= target
    return f"{relation} {target} {'ok' if met else 'missed'}"


def print_table(title, *rows):
    """Prints rows of texts, the first of which is the heading, in columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    print("\n" + title)
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    sys.stdout.flush()


def measure_load(servers):
    """Requests per second, and at 16 clients the CPU time of the server for a request."""
    cpu = collections.defaultdict(list)
    heading = ["server", "requests/s", "to bare limit", "to bare fork limit", "target"]
    for clients, seconds in LOAD_SECONDS.items():
        speed = collections.defaultdict(list)
        requests = {server.name: max(200, int(seconds * run_ab(server, clients, WARM_UP_REQUESTS)))
                    for server in servers}
        for server in in_turn(servers, LOAD_ROUNDS):
            before = cpu_microseconds(server)
            speed[server.name].append(run_ab(server, clients, requests[server.name]))
            time.sleep(0.02)  # the last children end
            cpu[server.name, clients].append((cpu_microseconds(server) - before)
                                             / requests[server.name])
        rows = []
        for name in speed:
            to_limit = ratios(speed, name, LIMIT)
            to_fork_limit = ratios(speed, name, FORK_LIMIT) if name in FORKERS else []
            target = ""
            if name == TINYWEB:
                target = verdict(to_limit, ">=", 0.95)
            elif name == FORK_SERVER and clients > 1:
                target = verdict(to_fork_limit, ">=", 0.85)
            rows.append([name, f"{statistics.median(speed[name]):.0f}", spread(to_limit),
                         spread(to_fork_limit), target])
        print_table(f"Requests per second with {clients} client(s), a new connection for each "
                    "request", heading, *rows)
    pairs = [(FORK_SERVER, BUSYBOX, 1.25), (FORK_SERVER, MINI_HTTPD, 1.75),
             (DAEMON, FORK_SERVER, 0.97)]
    compared = [(f"{name} / {other}", ratios(speed, name, other), target)
                for name, other, target in pairs]
    print_table("The same with 16 clients, one server to another", ["servers", "ratio", "target"],
                *[[names, spread(values), verdict(values, ">=", target)]
                  for names, values, target in compared])
    cpu = {name: values for (name, clients), values in cpu.items() if clients == 16}
    print_table("CPU time of the server for a request, with 16 clients",
                ["server", "microseconds", "to bare limit", "target"],
                *[[name, f"{statistics.median(cpu[name]):.1f}", spread(ratios(cpu, name, LIMIT)),
                   verdict(ratios(cpu, name, LIMIT), "<=", 1.4) if name == TINYWEB else ""]
                  for name in cpu])
