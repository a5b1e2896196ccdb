"""The inner loops of `PathCredit`: a line's amount in whole units over the nodes of its path, summed by channel."""

from typing import Final

import numpy as np
from numba import njit

from transforms.attribution.sums import NO_KEY, SMALLEST, slot_of, with_room

MINUTE_BITS: Final = 31
CHANNEL_BITS: Final = 24
MOST_CHANNELS: Final = 1 << CHANNEL_BITS
_MOST_NODES: Final = 16


@njit(cache=True, nogil=True)
def split(total, weights, count, shares):
    """Split an integer in proportion to weights by largest remainder, ties to the earlier; equally if all are 0."""
    whole = 0
    for i in range(count):
        whole += weights[i]
    left = total
    rest = np.empty(count, np.int64)
    for i in range(count):
        weight = weights[i] if whole else 1
        of = whole if whole else count
        shares[i] = total // of * weight + total % of * weight // of
        rest[i] = total % of * weight % of
        left -= shares[i]
    while left > 0:
        most = 0
        for i in range(1, count):
            if rest[i] > rest[most]:
                most = i
        shares[most] += 1
        rest[most] = -1
        left -= 1


@njit(cache=True, nogil=True)
def credit(lines, starts, names, together, node_of, groups, rows, table, sign, keys, sums, used):
    """Add what each line gives to the sums by (number, name, minute); `sign` -1 takes it back.

    `groups` numbers each group of lines' models, `rows` says where in `table` a line's weights are; `names` has a row
    a node, of its channel and the further ones.
    """
    minute, net, micro, times, group = lines
    weights, nets = np.zeros(_MOST_NODES, np.int64), np.zeros(_MOST_NODES, np.int64)
    micros = np.zeros(_MOST_NODES, np.int64)
    for i in range(len(minute)):
        first, count = starts[i], starts[i + 1] - starts[i]
        for model in range(groups.shape[1]):
            number = groups[group[i], model]
            if number < 0:
                continue
            for position in range(count):
                weights[position] = table[rows[i], model, node_of[names[first + position, 0]] - 1]
            split(net[i], weights, count, nets)
            split(micro[i], weights, count, micros)
            keys, sums = with_room(keys, sums, used, _MOST_NODES * names.shape[1])
            for position in range(count):
                for kind in range(names.shape[1]):
                    name = names[first + position, kind]
                    if name < 0:
                        continue
                    key = ((number << CHANNEL_BITS | name) << MINUTE_BITS) + minute[i]
                    slot = slot_of(keys, key)
                    if keys[slot] == NO_KEY:
                        keys[slot] = key
                        used += 1
                    sums[slot, 0] += sign * times[i] * nets[position]
                    sums[slot, 1] += sign * times[i] * micros[position]
                    if together[first + position]:
                        sums[slot, 2] += sign * times[i] * nets[position]
    return keys, sums, used


@njit(cache=True, nogil=True)
def empty_sums():
    """Return a table without a sum: of credit, millionths of orders, and credit of touches in the order's session."""
    return np.full(SMALLEST, NO_KEY), np.zeros((SMALLEST, 3), np.int64)


@njit(cache=True, nogil=True)
def last_of_each_node(starts, counts, nodes):
    """Of ranges of touches, each in order of time, return the last of every node: positions, and how many a range."""
    kept, many = np.empty(len(nodes), np.int64), np.zeros(len(starts), np.int64)
    used = 0
    for i in range(len(starts)):
        seen, first = 0, used
        for at in range(starts[i] + counts[i] - 1, starts[i] - 1, -1):
            if not (seen >> nodes[at]) & 1:
                seen |= 1 << nodes[at]
                if used == len(kept):
                    kept = np.concatenate((kept, np.empty(used + 16, np.int64)))
                kept[used] = at
                used += 1
        kept[first:used] = kept[first:used][::-1].copy()
        many[i] = used - first
    return kept[:used], many
