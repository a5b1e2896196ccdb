"""How `markov` and `shapley` split a whole number over a line's touches, by what each node of paths weighs.

A line gives to the latest of its eligible touches of each node (`schemas.path_nodes`), in proportion to the node's weight
as of the line's day; where all of them weigh nothing, equally. By largest remainder, ties to the earlier touch, in whole
numbers alone. The writer sums these shares up and readers derive a line's own: the same arithmetic, so the same shares.

>>> table = np.array([[0, 0], [1, 2]])
>>> nets, counts, ages = np.array([100, 7]), np.array([3, 0]), np.array([9, 8, 5])
>>> flags, nodes, rule = np.ones(3, np.uint8), np.array([1, 2, 1]), np.array([10, -1, 0, 1])
>>> path_line_shares(nets, counts, ages, flags, nodes, np.array([1, 1]), table, rule).tolist()
[[0, 1, 67], [0, 2, 33], [1, -1, 7]]
"""

# mypy: allow-untyped-defs, allow-incomplete-defs

from typing import Final

import numpy as np

from schemas.credit_shares import is_within
from schemas.kernels import kernel

WHOLE: Final = 10**9
"""Weights of a day sum to about this."""
MOST_NODES: Final = 16


@kernel
def split_by_weights(total, weights, count, shares):
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


@kernel
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


@kernel
def path_line_shares(nets, counts, ages, flags, nodes, rows, table, rule):
    """Return what lines give under one model in one window: line, touch (-1 for none), share; shares of 0 are left out.

    `rows` says where in `table`, a column a node, each line's weights are; the rest is as in `line_shares`.
    """
    within, many = np.empty(len(ages), np.int64), np.zeros(len(nets), np.int64)
    used = begin = 0
    for line in range(len(nets)):
        for touch in range(begin, begin + counts[line]):
            if is_within(ages[touch], flags[touch], rule[0], rule[1], rule[2] != 0):
                within[used] = touch
                used += 1
                many[line] += 1
        begin += counts[line]
    ends = np.cumsum(many)
    kept, on_path = last_of_each_node(ends - many, many, nodes[within[:used]])
    found, out = np.empty((len(kept) + len(nets), 3), np.int64), 0
    weights, shares = np.zeros(MOST_NODES, np.int64), np.zeros(MOST_NODES, np.int64)
    first = 0
    for line in range(len(nets)):
        count = on_path[line]
        for at in range(count):
            weights[at] = table[rows[line], nodes[within[kept[first + at]]] - 1]
        split_by_weights(nets[line], weights, max(count, 1), shares)
        for at in range(max(count, 1)):
            if shares[at]:
                found[out, 0], found[out, 2] = line, shares[at]
                found[out, 1] = within[kept[first + at]] if count else -1
                out += 1
        first += count
    return found[:out]
