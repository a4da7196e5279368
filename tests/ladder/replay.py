"""Putting the calls of several processes into one order, which is the same on every run.

Each process goes on until its next call has a cause that is still to come: there it waits, and the
next one goes on. What is typed comes last, when nobody else has anything to do."""

import dataclasses


@dataclasses.dataclass
class Step:
    """A call that returns, or with `waits` one that begins and has to wait."""

    call: object
    waits: bool = False


def replay(calls, births, first):
    """Order the calls; return a list of Steps. `first` are the pids of the columns, from the left."""
    queues = {pid: sorted((call for call in calls if call.pid == pid), key=lambda call: call.start)
              for pid in first}
    known, done, waiting, steps, current = set(calls), set(), set(), [], None

    def next_call(pid):
        born = pid not in births or births[pid] in done or births[pid] not in known
        return queues[pid][0] if queues[pid] and born else None

    def is_ready(call):
        return call.end is not None and not call.typed and all(
            cause in done or cause not in known for cause in call.after)

    def can_act(pid):
        call = next_call(pid)
        return call is not None and (is_ready(call) or call not in waiting)

    while any(queues.values()):
        able = [pid for pid in ([current] if current else []) + first if can_act(pid)]
        if able:
            current = able[0]
            call = next_call(current)
        else:
            rest = [queue[0] for queue in queues.values() if queue and queue[0].end is not None]
            if not rest:
                break
            # Typed input, or a cause that we do not know: the one that returned first.
            call = min(rest, key=lambda call: call.end)
            current = call.pid
        if able and not is_ready(call):
            waiting.add(call)
            steps.append(Step(call, waits=True))
            continue
        queues[current].pop(0)
        done.add(call)
        steps.append(Step(call))
    return steps
