"""A small Internet: `python3 internet.py COMMAND...` runs a command beside the web server www.example.org.
Only for a machine of its own, see namespaces.own_machine(): it gets the server's addresses, too."""

import http.server
import os
import socket
import subprocess
import sys
import threading

ADDRESSES = "2001:db8::80", "192.0.2.80"  # kept for documentation: RFC 3849, RFC 5737
HOSTS = "".join(address + " www.example.org\n" for address in ADDRESSES)


class Answer(http.server.BaseHTTPRequestHandler):
    """The head of a page, and who serves it."""
    server_version, sys_version = "SomeServer/1.0", ""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()


def server(address):
    """A web server that listens on port 80 of this address, which becomes one of the machine's own."""
    family, flags = (socket.AF_INET6, ["nodad"]) if ":" in address else (socket.AF_INET, [])
    subprocess.run(["ip", "address", "add", address, "dev", "lo", *flags], check=True)  # nodad: good at once
    kind = type("Server", (http.server.HTTPServer,), {"address_family": family})
    return kind((address, 80), Answer)


if __name__ == "__main__":
    servers = [server(address) for address in ADDRESSES]
    if os.fork() == 0:
        os.setsid()  # what is typed at a terminal is for the command
        for number in range(3):
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        for one in servers:
            threading.Thread(target=one.serve_forever).start()
    else:
        os.execvp(sys.argv[1], sys.argv[1:])
