#!/usr/bin/env python3
"""Measures the web servers of chapters 7 to 9, and two exercises: python3 tests/bench/bench.py, or make bench.

Each is compared with a bare limit (limit.c: the least a server can do for a request) and with what
one would install instead. Every request has a new connection, but where it says `kept`, and each server is measured right beside
the one that it is compared with, turn by turn: what disturbs one disturbs the other, and a ratio is
formed of the two. Printed is the median of the rounds with (the bounds of their middle half). A spread
that is wider than the distance to a target is no verdict. Under load each turn starts its servers anew:
where the kernel happens to put a program in memory makes a fork up to 5 % dearer. A missed target is
printed and is no error, for speed depends on the machine. A failed request or a server that has
ended is one.
"""
import collections
import contextlib
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
CHAPTERS = "07-tinyweb", "08-fork-server", "09-daemon", "08-fork-server/8b-keep-alive", "05-client/5b-poll-server"
SMALL, LARGE = ("small.html", 1024), ("large.bin", 100_000_000)  # name and size in bytes
LOAD_ROUNDS, DOWNLOAD_ROUNDS, LATENCY_ROUNDS, BURST_ROUNDS, ECHO_ROUNDS = 5, 15, 10, 7, 7
LOAD_SECONDS = {1: 0.35, 16: 0.7}  # by number of clients: about what one run of ab takes
WARM_UP_REQUESTS = 300
LATENCY_REQUESTS = 30  # in one round
BURST_CLIENTS = 64
ECHO_CLIENTS, ECHOES, ECHO = 16, 2000, b"x" * 64
TIMEOUT_SECONDS = 30
TICK = 1e6 / os.sysconf("SC_CLK_TCK")  # in us: the kernel counts a process's time in these
LIMITS = LIMIT, FILE_LIMIT, FORK_LIMIT, LARGE_LIMIT = (
    "bare limit", "bare limit and a file", "bare fork limit", "bare limit, 100 MB")
OURS = TINYWEB, FORK_SERVER, DAEMON = "07 tinyweb", "08 fork-server", "09 daemon"
NGINX, LIGHTTPD, PYTHON = "nginx", "lighttpd", "python3 http.server"
MINI_HTTPD, BUSYBOX = "mini_httpd", "busybox httpd"
KEEP_ALIVE, POLL_SERVER, SOCAT = "8b keep-alive", "5b poll-server", "socat"
APART = *LIMITS, KEEP_ALIVE, POLL_SERVER, SOCAT  # have tables of their own
SILENT, LOADING = ", one silent", ", loading"
FORKERS = MINI_HTTPD, BUSYBOX, FORK_LIMIT, FORK_SERVER, DAEMON
PACKAGES = {NGINX: "nginx-light", LIGHTTPD: "lighttpd", MINI_HTTPD: "mini-httpd",
            BUSYBOX: "busybox", SOCAT: "socat"}
Server = collections.namedtuple("Server", "name process port log command")
receive_buffer = bytearray(100 * 1024)  # as much as curl takes at a time


class Failed(Exception):
    """A request or a server that failed; the text names the server."""


def build(folder):
    """Builds the limit into folder, and the chapters where they are."""
    commands = [["make", "-s", "-C", REPOSITORY / chapter] for chapter in CHAPTERS
                if (REPOSITORY / chapter / "Makefile").exists()]
    commands.append([os.environ.get("CC", "cc"), "-O2",  # plainly linked: what anybody would get
                     "-o", folder / "limit", REPOSITORY / "tests/bench/limit.c"])
    for command in commands:
        if subprocess.run(command).returncode != 0:
            raise Failed(f"cannot build {command[-1]}")


def free_port():
    """Returns a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_files(folder, webroot, ports):
    """Writes the webroot and the configuration files into folder."""
    webroot.mkdir()
    folder.chmod(0o755)  # some servers become another user when root starts them
    for name, size in (SMALL, LARGE):
        (webroot / name).write_bytes(b"x" * size)
    (folder / "daemon.conf").write_text(
        f"address = 127.0.0.1\nport = {ports[DAEMON]}\nwebroot = {webroot}\nmax-children = 256\n")
    (folder / "lighttpd.conf").write_text(
        f'server.bind = "127.0.0.1"\nserver.port = {ports[LIGHTTPD]}\n'
        f'server.document-root = "{webroot}"\nserver.modules = ()\n'
        f'server.max-keep-alive-requests = 1000000\n')
    temporary = "".join(f'{name}_temp_path "{folder}/{name}"; '
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(  # sendfile on: as Debian installs it
        f'daemon off; worker_processes 1; error_log stderr crit; pid "{folder}/nginx.pid";\n'
        f'events {{}}\nhttp {{ access_log off; sendfile on; keepalive_requests 1000000; {temporary}\n'
        f'server {{ listen 127.0.0.1:{ports[NGINX]}; root "{webroot}"; }} }}\n')


def start_servers(servers, folder):
    """Starts every server there is and adds it to servers, by name. Says which there are not."""
    ports, webroot = collections.defaultdict(free_port), folder / "webroot"
    write_files(folder, webroot, ports)
    commands = {
        LIMIT: [folder / "limit", SMALL[1]],
        FILE_LIMIT: [folder / "limit", SMALL[1], webroot / SMALL[0]],
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
        KEEP_ALIVE: [REPOSITORY / "08-fork-server/8b-keep-alive/keep-alive", "-p", ports[KEEP_ALIVE], webroot],
        POLL_SERVER: [REPOSITORY / "05-client/5b-poll-server/poll-server", ports[POLL_SERVER]],
        SOCAT: ["socat", f"TCP-LISTEN:{ports[SOCAT]},bind=127.0.0.1,reuseaddr,fork", "PIPE"],
    }
    for name, command in commands.items():
        if shutil.which(str(command[0])):
            command = [str(word) for word in command]
            servers[name] = Server(name, None, ports.get(name), folder / f"{name}.log", command)
            start_server(servers, name)
        else:
            package = f": install the package {PACKAGES[name]}" if name in PACKAGES else ""
            print(f"{name} is missing and left out{package}")


def start_server(servers, name):
    """Starts one server and waits until it listens. The limit prints the port that it has."""
    server, nowhere = servers[name], subprocess.DEVNULL
    is_limit = name in LIMITS
    with open(server.log, "wb") as errors:  # Python writes its log of requests to stderr
        process = subprocess.Popen(server.command, cwd=server.log.parent, stdin=nowhere,
                                   stdout=subprocess.PIPE if is_limit else nowhere,
                                   stderr=nowhere if name == PYTHON else errors,
                                   start_new_session=True)  # Ctrl-C is for us alone
    servers[name] = server = server._replace(process=process)
    if is_limit:
        words = process.stdout.readline().split() or [0]  # nothing: it has ended
        servers[name] = server = server._replace(port=int(words[-1]))
    for _ in range(1000):
        check_alive(server)
        with contextlib.suppress(ConnectionRefusedError):
            connect(server).close()
            return
        time.sleep(0.01)
    raise Failed(f"{name} does not listen after 10 s")


def check_alive(server):
    """Raises Failed if the server has ended."""
    if server.process.poll() is not None:
        raise Failed(f"{server.name} has ended with status {server.process.returncode}\n"
                     f"{server.log.read_text()}")


def stop_servers(servers):
    """Ends the servers, which are those that we started, and what is left of their children."""
    servers = [server for server in servers if server.process]
    for server in servers:
        server.process.terminate()
    for server in servers:
        try:
            server.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(server.process.pid, signal.SIGKILL)  # the children are in its process group
            server.process.wait()


def usage(server):
    """Returns the CPU time in microseconds of the server and all its children so far, and the
    largest resident set so far of one of its processes in KiB."""
    ticks, peak, tree = 0, 0, [server.process.pid]
    for pid in tree:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
            resident = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            peak = max(peak, int(resident[1]) if resident else 0)  # a zombie has none
            tree += Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return TICK * ticks, peak


def run_ab(server, clients, requests, kept=False):
    """Makes the requests, a new connection for each, or on connections that are kept. Returns how many were answered a second."""
    timeout = str(TIMEOUT_SECONDS)  # -s: for one answer, -t: for all
    ab = subprocess.run(["ab", "-q", *["-k"] * kept, "-s", timeout, "-t", timeout, "-n", str(requests),
                         "-c", str(clients), f"http://127.0.0.1:{server.port}/{SMALL[0]}"],
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = dict(re.findall(r"^([A-Z][\w -]+):\s+([\d.]+)", ab.stdout, re.MULTILINE))
    check_alive(server)
    if kept and found.get("Keep-Alive requests") != str(requests):
        raise Failed(f"{server.name}: ab -k says that not all connections are kept\n{ab.stdout}")
    if ab.returncode != 0 or found.get("Complete requests") != str(requests) or \
            found.get("Failed requests") != "0" or "Non-2xx responses" in found:
        raise Failed(f"{server.name}: ab with {clients} clients says\n{ab.stdout}")
    return float(found["Requests per second"])


def connect(server):
    """Returns a new connection to the server."""
    return socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS)


@contextlib.contextmanager
def naming(server):
    """Turns the error of a connection into Failed, which names the server."""
    try:
        yield
    except OSError as error:
        check_alive(server)
        raise Failed(f"{server.name}: {error}") from error


def fetch(server, file=SMALL, clients=1):
    """Fetches a file for so many clients at once. Returns the seconds until the last has it."""
    begin = time.perf_counter()
    with naming(server), contextlib.ExitStack() as connections:
        waiting = [connections.enter_context(connect(server)) for _ in range(clients)]
        for connection in waiting:
            connection.sendall(f"GET /{file[0]} HTTP/1.0\r\n\r\n".encode())
        for connection in waiting:
            receive(server, connection, file)
    return time.perf_counter() - begin


def receive(server, connection, file):
    """Receives an answer, which must be good, to its end."""
    head, received = b"", 0
    while count := connection.recv_into(receive_buffer):
        head = head or bytes(receive_buffer[:12])
        received += count
    if not re.fullmatch(rb"HTTP/1\.[01] 200", head) or received < file[1]:
        raise Failed(f"{server.name}: {head} and {received} bytes for {file[0]}")


def memory_in_download(server):
    """Returns the peak memory in KiB when 90 of 100 MB are received. The rest is more than the
    kernel holds, so the server is still sending."""
    left = 0.9 * LARGE[1]
    with naming(server), connect(server) as connection:
        connection.sendall(f"GET /{LARGE[0]} HTTP/1.0\r\n\r\n".encode())
        while left > 0 and (count := connection.recv_into(receive_buffer)):
            left -= count
        return usage(server)[1]


def turn_by_turn(pairs, rounds, measure):
    """Measures the two servers of each pair one right after the other, in every other round the other way. Returns
    (name, base, what was measured of the one, of the other) for each turn; what disturbs one, disturbs both."""
    turns = []
    for number in range(rounds):
        for pair in pairs:
            first, second = pair[::-1] if number % 2 else pair
            measured = {first: measure(first)}
            measured[second] = measure(second)
            turns.append((*pair, measured[pair[0]], measured[pair[1]]))
    return turns


def spread(figures, digits):
    """Returns the median with (the bounds of the middle half) as text."""
    if len(figures) < 2:
        return f"{figures[0]:.{digits}f}"
    low, median, high = statistics.quantiles(figures, n=4, method="inclusive")
    return f"{median:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def verdict(figures, relation, number):
    """Says whether the median keeps a target; a spread that is wider than its distance from it is no verdict."""
    low, median, high = (statistics.quantiles(figures, n=4, method="inclusive") if len(figures) > 1
                         else figures * 3)
    if high - low > abs(median - number):
        return "no verdict, the spread is wider than the distance"
    return "ok" if (median >= number if relation == ">=" else median <= number) else "missed"


def print_table(title, turns, digits, targets=(), pick=float):
    """Prints the values of each server with their ratio to that of its first base, and under it the targets:
    (server, base, relation, number), or (server, None, ...) for the value itself. `pick` takes the value out of
    what was measured."""
    values, ratios = collections.defaultdict(list), collections.defaultdict(list)
    for name, base, ours, theirs in turns:
        values[name].append(pick(ours))
        values[base].append(pick(theirs))
        ratios[name, base].append(pick(ours) / pick(theirs))
    print(f"\n{title}")
    for name in values:
        base = next((base for other, base in ratios if other == name), None)
        ratio = f"{spread(ratios[name, base], 3):<21} of {base}" if base else ""
        print(f"  {name:<27}{spread(values[name], digits):<24}{ratio}".rstrip())
    for name, base, relation, number in targets:
        if (name, base) in ratios or base is None and name in values:
            figures = ratios[name, base] if base else values[name]
            print(f"  {f'{name} to {base}' if base else name:<44}"
                  f"{statistics.median(figures):<7.3f}target {relation} {number}: {verdict(figures, relation, number)}")
    sys.stdout.flush()


def measure_load(servers, name, clients, seconds, kept=False):
    """Starts a server anew. Returns how many requests it answers a second, and its CPU time in us for one."""
    stop_servers([servers[name]])
    start_server(servers, name)
    server = servers[name]
    requests = max(200, int(seconds * run_ab(server, clients, WARM_UP_REQUESTS, kept)))
    before, _ = usage(server)
    speed = run_ab(server, clients, requests, kept)
    time.sleep(0.02)  # the last children end
    return speed, max(usage(server)[0] - before, TICK) / requests


def report_load(servers):
    """Measures the requests a second, and at 16 clients the CPU time for a request."""
    pairs = [(name, FORK_LIMIT if name in FORKERS else LIMIT) for name in servers if name not in APART]
    pairs += [(FILE_LIMIT, LIMIT), (FORK_SERVER, BUSYBOX), (FORK_SERVER, MINI_HTTPD), (DAEMON, FORK_SERVER),
              (KEEP_ALIVE, FORK_SERVER)]
    pairs = [pair for pair in pairs if set(pair) <= set(servers)]
    targets = [(TINYWEB, LIMIT, ">=", 0.95)]
    for clients, seconds in LOAD_SECONDS.items():
        turns = turn_by_turn(pairs, LOAD_ROUNDS, lambda name: measure_load(servers, name, clients, seconds))
        print_table(f"Requests a second, clients at once: {clients}", turns, 0, targets, lambda pair: pair[0])
        targets += [(FORK_SERVER, FORK_LIMIT, ">=", 0.85), (FORK_SERVER, BUSYBOX, ">=", 1.25),
                    (FORK_SERVER, MINI_HTTPD, ">=", 1.75), (DAEMON, FORK_SERVER, ">=", 0.97),
                    (KEEP_ALIVE, FORK_SERVER, ">=", 0.95)]
    # busybox ignores SIGCHLD, so the time of its children is added to nothing.
    print_table(f"CPU time in us for a request, clients at once: {clients}",
                [turn for turn in turns if BUSYBOX not in turn], 1, [(TINYWEB, LIMIT, "<=", 1.4)],
                lambda pair: pair[1])


def report_kept(servers):
    """Measures what report_load() does, with connections that are kept."""
    pairs = [(KEEP_ALIVE, name) for name in (NGINX, LIGHTTPD) if name in servers]
    clients = max(LOAD_SECONDS)
    turns = turn_by_turn(pairs, LOAD_ROUNDS, lambda name: measure_load(servers, name, clients, LOAD_SECONDS[clients], True))
    print_table(f"Requests a second, connections kept: {clients}", turns, 0, [(KEEP_ALIVE, NGINX, ">=", 1)], lambda pair: pair[0])
    print_table(f"CPU time in us for a request, connections kept: {clients}", turns, 1, [(KEEP_ALIVE, NGINX, "<=", 1)],
                lambda pair: pair[1])


def echoes(server):
    """Returns how many messages a second come back to some clients, who each send the next when all have theirs, and the
    server's CPU time in us for one."""
    with naming(server), contextlib.ExitStack() as connections:
        clients = [connections.enter_context(connect(server)) for _ in range(ECHO_CLIENTS)]
        for client in clients:
            if server.name == POLL_SERVER:
                client.recv(1024)  # its greeting
        before, begin = usage(server)[0], time.perf_counter()
        for _ in range(ECHOES):
            for client in clients:
                client.sendall(ECHO)
            for client in clients:
                if client.recv(len(ECHO), socket.MSG_WAITALL) != ECHO:
                    raise Failed(f"{server.name} does not send back what it was sent")
        count, took = ECHOES * ECHO_CLIENTS, time.perf_counter() - begin
        return count / took, max(usage(server)[0] - before, TICK) / count


def report_echo(servers):
    """Measures the echo of exercise 5b beside socat's, which has a process for each client."""
    turns = turn_by_turn([(POLL_SERVER, SOCAT)] if SOCAT in servers else [], ECHO_ROUNDS, lambda name: echoes(servers[name]))
    print_table(f"Messages a second, sent back to clients: {ECHO_CLIENTS}", turns, 0, [(POLL_SERVER, SOCAT, ">=", 1)], lambda pair: pair[0])
    print_table(f"CPU time in us for a message, clients: {ECHO_CLIENTS}", turns, 1, [(POLL_SERVER, SOCAT, "<=", 1)], lambda pair: pair[1])


def report_download(servers):
    """Measures the memory that a large file takes, and its throughput."""
    names = [name for name in servers if name == LARGE_LIMIT or name not in APART]
    base = NGINX if NGINX in names else LARGE_LIMIT
    memory = []
    for name in OURS:
        before = usage(servers[name])[1]
        memory.append((name + LOADING, name, memory_in_download(servers[name]), before))
    pairs = [(name, base) for name in names if name != base]
    print_table("Download of 100 MB, in MB a second", turn_by_turn(
        pairs, DOWNLOAD_ROUNDS, lambda name: LARGE[1] / 1e6 / fetch(servers[name], LARGE)), 0,
        [(name, NGINX, ">=", 0.9) for name in OURS])
    print_table("Peak memory in KiB, before and in that download", memory, 0,
                [(name + LOADING, name, "<=", 1.1) for name in OURS])


def report_latency(servers):
    """Measures how long a request takes with and without another client that says nothing."""
    def measure(name):
        server = servers[name.replace(SILENT, "")]
        with naming(server), connect(server) if name.endswith(SILENT) else contextlib.nullcontext():
            return 1000 * statistics.median(fetch(server) for _ in range(LATENCY_REQUESTS))

    print_table("Latency in ms, without and with a silent client", turn_by_turn(
        [(name + SILENT, name) for name in (FORK_SERVER, DAEMON)], LATENCY_ROUNDS, measure), 3,
        [(FORK_SERVER + SILENT, FORK_SERVER, "<=", 1.1)])
    tinyweb = servers[TINYWEB]
    alone = measure(TINYWEB)
    with naming(tinyweb), connect(tinyweb):  # whose time must be up before the next has its turn
        print(f"  {TINYWEB:<27}{alone:.3f}\n  {TINYWEB + SILENT:<27}{fetch(tinyweb):.1f} seconds")


def report_burst(servers):
    """Measures how long the last of many clients waits that come at once. Of the queues of Python and busybox, which
    have 5 and 9 places, the last would wait for many seconds."""
    base = NGINX if NGINX in servers else LIMIT
    pairs = [(name, base) for name in servers if name not in (PYTHON, BUSYBOX, LARGE_LIMIT, KEEP_ALIVE, POLL_SERVER, SOCAT, base)]
    print_table(f"The last of {BURST_CLIENTS} at once is answered after ms", turn_by_turn(
        pairs, BURST_ROUNDS, lambda name: 1000 * fetch(servers[name], clients=BURST_CLIENTS)), 1,
        [(name, None, "<=", 50) for name in OURS])


def main():
    """Measures everything; the exit status is 1 after an error."""
    if sys.platform != "linux":
        sys.exit("bench: runs on Linux only, for it reads /proc")
    if not shutil.which("ab"):
        sys.exit("bench: ab is missing: install the package apache2-utils")
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where Debian has servers

    def end(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # timeout(1) sends it twice: the servers are to be ended all the same
        sys.exit("bench: ended by SIGTERM")

    signal.signal(signal.SIGTERM, end)
    servers = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            build(Path(folder))
            start_servers(servers, Path(folder))
            print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.2f}; "
                  "this takes about six minutes", flush=True)
            report_load(servers)
            report_kept(servers)
            report_echo(servers)
            report_download(servers)
            report_latency(servers)
            report_burst(servers)
        except (Failed, OSError) as error:
            sys.exit(f"bench: error: {error}")
        except KeyboardInterrupt:
            sys.exit("bench: ended by Ctrl-C")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one must not stop us half-way
            stop_servers(servers.values())


if __name__ == "__main__":
    main()
