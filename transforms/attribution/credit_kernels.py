"""The inner loops of `PathCredit`: what lines give to the channels of their paths, summed up."""

from typing import Final

import numpy as np

from schemas.kernels import kernel
from schemas.path_shares import MOST_NODES, split_by_weights
from transforms.attribution.kernels import COUNTS, CREDIT, DIRECT_CREDIT, MICRO_ORDERS, NEW_CUSTOMER_CREDIT
from transforms.attribution.sums import NO_KEY, SMALLEST, slot_of, with_room

MINUTE_BITS: Final = 31
CHANNEL_BITS: Final = 24
MOST_CHANNELS: Final = 1 << CHANNEL_BITS


@kernel
def credit(lines, starts, names, together, node_of, groups, rows, table, sign, keys, sums, used):
    """Add what each line gives to the sums by (number, name, minute); `sign` -1 takes it back.

    `groups` numbers each group of lines' models, `rows` says where in `table` a line's weights are; `names` has a row
    a node, of its channel and the further ones.
    """
    minute, net, micro, times, group, is_new = lines
    weights, nets = np.zeros(MOST_NODES, np.int64), np.zeros(MOST_NODES, np.int64)
    micros = np.zeros(MOST_NODES, np.int64)
    for i in range(len(minute)):
        first, count = starts[i], starts[i + 1] - starts[i]
        for model in range(groups.shape[1]):
            number = groups[group[i], model]
            if number < 0:
                continue
            for position in range(count):
                weights[position] = table[rows[i], model, node_of[names[first + position, 0]] - 1]
            split_by_weights(net[i], weights, count, nets)
            split_by_weights(micro[i], weights, count, micros)
            keys, sums = with_room(keys, sums, used, MOST_NODES * names.shape[1])
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
                    sums[slot, CREDIT] += sign * times[i] * nets[position]
                    sums[slot, MICRO_ORDERS] += sign * times[i] * micros[position]
                    if together[first + position]:
                        sums[slot, DIRECT_CREDIT] += sign * times[i] * nets[position]
                    if is_new[i]:
                        sums[slot, NEW_CUSTOMER_CREDIT] += sign * times[i] * nets[position]
    return keys, sums, used


@kernel
def empty_sums():
    """Return a table without a sum: of what `ATTRIBUTION_COUNTS` names."""
    return np.full(SMALLEST, NO_KEY), np.zeros((SMALLEST, COUNTS), np.int64)
