"""Putting the calls of several processes into one order, which is the same on every run.

Each process goes on until its next call has a cause that is still to come: there it waits, and another
one goes on, the leftmost that can. What is typed comes when nobody else has anything to do."""


def replay(calls, births, pids):
    """Order the calls of these processes, which have their columns in this order. Return pairs of a call
    and whether it is only begun, and waits; its return is a further pair."""
    queues = {pid: sorted((call for call in calls if call.pid == pid), key=lambda call: call.start)
              for pid in pids}
    known, done, waiting, order = set(calls), set(), set(), []

    def is_ready(call):
        return call.end is not None and not call.typed and not known.intersection(call.after) - done

    def can_act(pid):
        is_born = pid not in births or births[pid] in done or births[pid] not in known
        return queues[pid] and is_born and (is_ready(queues[pid][0]) or queues[pid][0] not in waiting)

    current = pids[0] if pids else None
    while True:
        able = [pid for pid in [current] + pids if can_act(pid)] if pids else []
        # Nobody: then something is typed; or they have causes that we do not know, and what came first?
        returned = [queue[0] for queue in queues.values() if queue and queue[0].end is not None]
        typed = [call for call in returned if call.typed]
        if able:
            call = queues[able[0]][0]
        elif returned:
            call = min(typed or returned, key=lambda call: call.end)
        else:
            return order
        current = call.pid
        waits = bool(able) and not is_ready(call)
        order.append((call, waits))
        if waits:
            waiting.add(call)
        else:
            done.add(queues[current].pop(0))
