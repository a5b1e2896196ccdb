"""The inner loops of path counts: what each touch and payment of a user changes, in whatever order they come.

A user's path is known by 25 bits, however long it is: its last three nodes, four bits each, and the set of all its nodes.
That is all that the next event's change depends on.
"""

from typing import Final

import numpy as np

from schemas.kernels import inlined, kernel
from transforms.attribution.sums import NO_KEY, SMALLEST, slot_of, with_room

PAYMENT: Final = 15
"""Stands for a node where an entry is a payment; of one time, it is the last."""
CONVERTED: Final = 15
"""The target of a path's last step where it converted; 0 where it has not."""
NODE_BITS: Final = 4
CONTEXT_BITS: Final = 3 * NODE_BITS
CODE_BITS: Final = 17
SETS: Final = 1 << (CONTEXT_BITS + NODE_BITS)
"""Codes from here on count the converted paths by their set of nodes, those below count steps."""

_CONTEXT: Final = (1 << CONTEXT_BITS) - 1
_NODE: Final = (1 << NODE_BITS) - 1
_MOST_SUMS: Final = 6


@inlined
def _add(keys, sums, used, day, code, sign):
    key = (day << CODE_BITS) | code
    slot = slot_of(keys, key)
    if keys[slot] == NO_KEY:
        keys[slot] = key
        used += 1
    sums[slot, 0] += sign
    return used


@inlined
def _after(state, node):
    """Return the path after an entry."""
    if node == PAYMENT:
        return 0
    context = state & _CONTEXT
    if context & _NODE == node:
        return state
    return ((context << NODE_BITS) & _CONTEXT) | node | (state & ~_CONTEXT) | (1 << (CONTEXT_BITS + node - 1))


@kernel
def _count(keys, sums, used, day, state, node, sign):
    """Count what an entry changes of its path, which was in `state`."""
    context = state & _CONTEXT
    if node == PAYMENT:
        if state != 0:
            used = _add(keys, sums, used, day, context << NODE_BITS, -sign)
            used = _add(keys, sums, used, day, (context << NODE_BITS) | CONVERTED, sign)
            used = _add(keys, sums, used, day, SETS | (state >> CONTEXT_BITS), sign)
    elif context & _NODE != node:
        if state != 0:
            used = _add(keys, sums, used, day, context << NODE_BITS, -sign)
        used = _add(keys, sums, used, day, (context << NODE_BITS) | node, sign)
        used = _add(keys, sums, used, day, (_after(state, node) & _CONTEXT) << NODE_BITS, sign)
    return used


@inlined
def _continued(state, last_time, time, window_ms):
    """Return the path that an entry continues; after a longer pause there is none."""
    return state if time - last_time <= window_ms else 0


@kernel
def absorb(users, times, nodes, days, heads, base_state, base_time, entries, used_entries, window_ms):
    """Put entries into their users' chains, newest first; return the changed counts by (day, code).

    `entries` are the chains' time, node, day, state after, and previous entry, with room for all new ones.
    """
    time, kind, day_of, state, previous = entries
    keys, sums, used = np.full(SMALLEST, NO_KEY), np.zeros((SMALLEST, 1), np.int64), 0
    later = np.empty(64, np.int32)
    for i in range(len(users)):
        user, new, newer = users[i], used_entries, 0
        at = heads[user]
        while at >= 0 and (time[at] > times[i] or (time[at] == times[i] and kind[at] > nodes[i])):
            if newer == len(later):
                later = np.concatenate((later, later))
            later[newer] = at
            newer += 1
            at = previous[at]
        time[new], kind[new], day_of[new], previous[new] = times[i], nodes[i], days[i], at
        used_entries += 1
        if newer:
            previous[later[newer - 1]] = new
        else:
            heads[user] = new
        held = state[at] if at >= 0 else base_state[user]
        held_time = time[at] if at >= 0 else base_time[user]
        keys, sums = with_room(keys, sums, used, _MOST_SUMS)
        before = _continued(held, held_time, times[i], window_ms)
        used = _count(keys, sums, used, days[i], before, nodes[i], 1)
        state[new] = _after(before, nodes[i])
        was, was_time, now, now_time = held, held_time, state[new], times[i]
        for n in range(newer - 1, -1, -1):
            entry = later[n]
            before = _continued(was, was_time, time[entry], window_ms)
            instead = _continued(now, now_time, time[entry], window_ms)
            if before == instead:
                break
            keys, sums = with_room(keys, sums, used, 2 * _MOST_SUMS)
            used = _count(keys, sums, used, day_of[entry], before, kind[entry], -1)
            used = _count(keys, sums, used, day_of[entry], instead, kind[entry], 1)
            was, was_time = state[entry], time[entry]
            state[entry] = _after(instead, kind[entry])
            now, now_time = state[entry], time[entry]
    return keys, sums


@kernel
def settle(before_ms, heads, base_state, base_time, time, state, previous):
    """Let go of entries that nothing can precede any more: the newest of them becomes what the user begins with.

    Returns which entries stay.
    """
    stays = np.zeros(len(time), np.bool_)
    for user in range(len(heads)):
        at, newer = heads[user], -1
        while at >= 0 and time[at] >= before_ms:
            stays[at] = True
            newer, at = at, previous[at]
        if at < 0:
            continue
        base_state[user], base_time[user] = state[at], time[at]
        if newer < 0:
            heads[user] = -1
        else:
            previous[newer] = -1
    return stays


@kernel
def renumber(links, number):
    """Let links name rows by their new numbers."""
    for i in range(len(links)):
        if links[i] >= 0:
            links[i] = number[links[i]]
