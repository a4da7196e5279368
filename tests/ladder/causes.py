"""What each call waits for. Clocks cannot tell: two processes go on at the same time, and which is
first differs from run to run. But a recv() always comes after the send() of its bytes, an accept()
after the connect(), a waitpid() after the exit: those are the causes that this module finds."""

import collections
import re

from ladder.calls import ACCEPTS, ENDS, FORKS, RECEIVES, SENDS, WAITS, descriptor


def find_causes(calls, port):
    """Give each call those it comes `after`, and the `arrows` of what it sends to its peer. `port` is
    the server's. Return a dictionary from each process that was forked to the call that did it."""
    calls.sort(key=_moment)
    births = {call.value: call for call in calls if call.name in FORKS and (call.value or 0) > 0}
    for call in calls:
        call.process = _leader(call.pid, births)
    datagrams = {call.made for call in calls if call.name == "socket" and "SOCK_DGRAM" in call.arguments[1]}
    streams = [call for call in calls if call.object not in datagrams]
    peers = _join(streams, port)
    ended = _find_endings(calls, births, peers)
    _follow_streams(streams, peers, ended)
    _follow_datagrams([call for call in calls if call.object in datagrams])
    _follow_processes(calls)
    _pass_to_waits(calls)
    return births


def _moment(call):
    """When a call takes effect: a fork when it begins, for the child may be first to come out of it."""
    return call.start if call.name in FORKS or call.end is None else call.end


def _leader(pid, births):
    """The process that a thread belongs to."""
    while pid in births and makes_thread(births[pid]):
        pid = births[pid].pid
    return pid


def makes_thread(call):
    """Whether a fork makes a thread, and no process."""
    return any("CLONE_THREAD" in word for word in call.arguments)


def _join(calls, port):
    """Tie each accept() to its connect(): the accept queue is first in, first out. Return the peers, a
    dictionary from socket to socket."""
    peers = {}
    place = '"%s"' if str(port).startswith("/") else "(%s)"  # of AF_UNIX it is a path, and no packet travels
    connects = [call for call in calls if call.name == "connect" and place % port in call.arguments[1]]
    done = [call for call in connects if call.value == 0 or call.error in ("EINPROGRESS", "EINTR")]
    for call in connects if "(" in place else []:
        call.arrows = ["SYN", "<SYN, ACK", "ACK"] if call in done else ["SYN", "<RST"]
    accepts = [call for call in calls if call.name in ACCEPTS and call.made]
    for connect, accept in zip(sorted(done, key=lambda call: call.start), accepts):
        accept.after.append(connect)
        peers[connect.object], peers[accept.made] = accept.made, connect.object
    for connect in done[len(accepts):]:
        peers[connect.object] = None  # the kernel has it, and no program
    return peers


def _find_endings(calls, births, peers):
    """Find the call that ends a socket's sending side: shutdown(), or the close() of the last descriptor
    that leads there, in whatever process. Return a dictionary from sockets to such calls."""
    holders, ended = collections.defaultdict(set), {}

    def release(call, is_released):
        for target, held in holders.items():
            gone = {holder for holder in held if is_released(*holder)}
            held -= gone
            # A pipe's reader holds it, too: it ends when nobody but one process is left.
            is_over = len({process for process, _ in held}) < 2 if target.startswith("pipe:") else not held
            if gone and is_over and target not in ended:
                ended[target] = call
                if target in peers:
                    unread = _unread(calls, call, target, peers[target])
                    call.arrows.append("RST" if unread else "FIN")
                    call.after += unread

    for call in calls:
        number = descriptor(call.arguments[0])[0] if call.arguments else None
        if call.name in ("pipe", "pipe2"):
            for end, target in re.findall(r"(\d+)<(pipe:.*?)>", call.arguments[0]):
                holders[target].add((call.process, end))
        elif call.made and call.name not in SENDS | RECEIVES:
            if call.name in ("dup2", "dup3"):
                new = descriptor(call.result)[0]
                release(call, lambda process, held: (process, held) == (call.process, new))
            holders[call.made].add((call.process, descriptor(call.result)[0]))
        elif births.get(call.value) is call and not makes_thread(call):
            for held in holders.values():
                held |= {(call.value, copied) for process, copied in held if process == call.process}
        elif call.name == "close" and call.value == 0:
            release(call, lambda process, held: (process, held) == (call.process, number))
        elif call.name in ENDS:
            release(call, lambda process, held: process == call.process)
        elif call.name == "shutdown" and call.value == 0 and call.arguments[1] != "SHUT_RD":
            if call.object not in ended:
                call.arrows.append("FIN")
            ended.setdefault(call.object, call)
    return ended


def _unread(calls, closing, target, peer):
    """The calls that sent bytes which nobody has read: then the kernel answers the closing with a reset."""
    before = [call for call in calls if call.start < closing.start and (call.value or 0) > 0]
    received = sum(call.value for call in before if call.name in RECEIVES and call.object == target)
    unread = []
    for call in before:
        if call.name in SENDS and call.object == peer:
            received -= call.value
            unread += [call] if received < 0 else []
    return unread


def _follow_streams(calls, peers, ended):
    """Let each recv() and read() come after the call that sent its last byte, or that ended the stream.
    What comes from nobody we watch is typed."""
    sent = collections.defaultdict(list)
    received = collections.Counter()
    for call in sorted(calls, key=lambda call: call.start):
        if call.name in SENDS and (call.value or 0) > 0 and call.object:
            before = sent[call.object][-1][0] if sent[call.object] else 0
            sent[call.object].append((before + call.value, call))
            if call.object in peers:
                call.arrows.append(count(call.value))
        elif call.name in SENDS and call.error == "EPIPE":
            call.after += [ended[peers[call.object]]] if peers.get(call.object) in ended else []
    for call in calls:
        if call.name not in RECEIVES or call.value is None or not call.object:
            continue
        source = peers.get(call.object, call.object)
        if call.value > 0:
            needed = received[call.object] + call.value
            causes = [other for total, other in sent[source] if total >= needed][:1]
            received[call.object] += 0 if "MSG_PEEK" in "".join(call.arguments) else call.value
        elif call.value == 0 or call.error == "ECONNRESET":
            causes = [ended[source]] if source in ended else []
        else:
            causes = []
        call.after += [cause for cause in causes if cause.process != call.process]
        call.typed = not causes and call.arguments[0].startswith("0<pipe:")


def _follow_datagrams(calls):
    """Let each call that received a datagram come after the one that sent it. Of one that was cut, the beginning
    is known."""
    sent = [call for call in calls if call.name in SENDS and call.value is not None and call.value >= 0]
    for call in sent:
        call.arrows.append(count(call.value))
    last = {}  # what each socket's last such call has told of its arguments: one that waits does not tell them
    for call in calls:
        if call.name in RECEIVES:
            call.arguments = last.setdefault(call.object, call.arguments) if call.end is None else call.arguments
            last[call.object] = call.arguments
        if call.name in RECEIVES and call.value is not None and call.value >= 0:
            received = call.arguments[1].rstrip(".")[:-1]
            source = next((other for other in sent if other.object != call.object
                           and other.arguments[1].startswith(received)), None)
            if source:
                sent.remove(source)
                call.after.append(source)


def count(size):
    """So many bytes, in words."""
    return "%d byte%s" % (size, "s"[size == 1:])


def _follow_processes(calls):
    """Let each waitpid() come after the end of the process that it reports."""
    ends = {call.process: call for call in calls if call.name in ENDS}
    for call in calls:
        if call.name in ("wait4", "waitid") and call.value in ends:
            call.after.append(ends[call.value])


def _pass_to_waits(calls):
    """poll() and its kin wait for what the calls after them then take."""
    following, waited_for = {}, {}
    for call in reversed(calls):
        if call.name == "execve" and call.pid in waited_for:  # who has become this program waited for the same
            following[call.pid] = waited_for[call.pid]
        elif call.name in WAITS or call.is_interrupted:
            taker = waited_for[call.pid] = following.pop(call.pid, None)
            timed_out = call.value == 0
            if taker and call.end is not None and not timed_out:
                call.after, call.typed, taker.typed = list(taker.after), taker.typed, False
        elif call.after or call.typed:
            following[call.pid] = call
