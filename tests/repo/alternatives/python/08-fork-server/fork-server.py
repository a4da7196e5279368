"""The web server with a child for each client. One select() waits for clients, for signals (which come
as bytes through a socket) and for the ends of those who were told 503."""

import contextlib
import getopt
import ipaddress
import os
import re
import select
import signal
import socket
import sys
import time

from web import Conversation, Refusal, log, refuse, serve_client, shout

LAST_CALL = 10  # seconds in which SIGTERM lets the accept queue run dry


def whole_number(text, least, most):
    if not re.fullmatch("[0-9]{1,5}", text) or not least <= int(text) <= most:
        raise ValueError("not a number from %d to %d: '%s'" % (least, most, text))
    return int(text)


def understand(words):
    try:
        options, operands = getopt.getopt(words, "a:p:c:")
    except getopt.GetoptError as error:
        raise ValueError(str(error))
    chosen = {"-a": "127.0.0.1", "-p": "8080", "-c": "256", **dict(options)}
    if len(operands) > 1:
        raise ValueError("too many arguments: '%s'" % operands[1])
    version = ipaddress.ip_address(chosen["-a"]).version  # also raises ValueError, with the address
    own = os.path.join(os.path.dirname(os.path.realpath(__file__)), "webroot")
    return (version, chosen["-a"], whole_number(chosen["-p"], 0, 65535),
            whole_number(chosen["-c"], 1, 10000), operands[0] if operands else own)


class Parent:
    def __init__(self, version, address, port, most, root):
        self.most, self.root = most, os.path.realpath(os.fsencode(root))
        doing = "open the webroot '%s'" % root
        try:
            os.close(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
            doing = "bind %s port %d" % (address, port)
            self.listener = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((address, port))
            self.listener.listen(socket.SOMAXCONN)
            self.listener.setblocking(False)
        except OSError as error:
            shout(error, doing)
            sys.exit(1)
        self.children = set()
        self.refused = {}  # who was told 503: until when we listen to them
        self.resting_until = 0
        self.last_call = None
        self.spare = None  # a descriptor to say 503 with when there is no other
        self.news, self.bell = socket.socketpair()
        self.news.setblocking(False)
        self.bell.setblocking(False)
        signal.set_wakeup_fd(self.bell.fileno(), warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_):
        self.last_call = self.last_call or time.monotonic() + LAST_CALL

    def reap(self):
        with contextlib.suppress(ChildProcessError):
            while (child := os.waitpid(-1, os.WNOHANG)[0]) > 0:
                self.children.discard(child)

    def welcome(self):
        """Accept one client; is there perhaps another?"""
        try:
            client, peer = self.listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:
            shout(error, "accept")
            return self.turn_away()
        client.setblocking(True)
        self.reap()
        try:
            child = os.fork() if len(self.children) < self.most else None
        except OSError as error:
            shout(error, "fork")
            child = None
        if child == 0:
            self.be_child(client, peer)
        elif child is None:
            self.send_away(client, peer)
        else:
            self.children.add(child)
            client.close()
        return True

    def turn_away(self):
        """Accept a client with the spare descriptor; is there perhaps another?"""
        if self.spare:
            self.spare.close()
            self.spare = None
            with contextlib.suppress(OSError):
                self.send_away(*self.listener.accept())
                return True
        self.resting_until = time.monotonic() + 0.2
        return False

    def be_child(self, client, peer):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        for other in (self.listener, self.news, self.bell, *self.refused):
            other.close()
        try:
            serve_client(client, peer, self.root)
            client.close()
        finally:
            os._exit(0)

    def send_away(self, client, peer):
        talk = Conversation(client)
        with contextlib.suppress(OSError):
            refuse(talk, Refusal(503), True)
            log(talk, peer, 503)
            client.shutdown(socket.SHUT_WR)
            client.setblocking(False)
            self.refused[client] = time.monotonic() + 1
            return
        client.close()

    def listen_to_refused(self, ready):
        now = time.monotonic()
        for client in list(self.refused):
            gone = now > self.refused[client]
            if client in ready:
                with contextlib.suppress(BlockingIOError):
                    try:
                        gone = gone or not client.recv(65536)
                    except ConnectionError:
                        gone = True
            if gone:
                del self.refused[client]
                client.close()
        if not self.spare:
            with contextlib.suppress(OSError):
                self.spare = open("/dev/null")

    def wait(self):
        now = time.monotonic()
        wanted = [self.news, *self.refused]
        ends = list(self.refused.values())
        if now >= self.resting_until:
            wanted.append(self.listener)
        else:
            ends.append(self.resting_until)
        poll = select.poll()
        for each in wanted:
            poll.register(each, select.POLLIN)
        timeout = max(min(ends) - now, 0) * 1000 + 1 if ends else None
        numbers = {number for number, _ in poll.poll(timeout)}
        ready = {each for each in wanted if each.fileno() in numbers}
        if self.news in ready:
            with contextlib.suppress(BlockingIOError):
                self.news.recv(4096)
        return ready

    def run(self):
        self.spare = open("/dev/null")
        print("listening on %s port %d" % self.listener.getsockname()[:2], flush=True)
        while self.last_call is None:
            ready = self.wait()
            self.reap()
            self.listen_to_refused(ready)
            if self.listener in ready:
                self.welcome()
        while time.monotonic() < self.last_call and self.welcome():
            self.listen_to_refused(self.refused)
        self.listener.close()
        for child in self.children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
        while self.refused:
            time.sleep(0.01)
            self.listen_to_refused(self.refused)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        parent = Parent(*understand(sys.argv[1:]))
    except ValueError as error:
        print("fork-server: %s\nusage: fork-server [-a ADDRESS] [-p PORT] [-c MAX] [WEBROOT]" % error,
              file=sys.stderr)
        sys.exit(2)
    parent.run()


main()
