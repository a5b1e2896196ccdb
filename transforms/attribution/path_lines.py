"""`path_lines`: what a line must tell for its credit to be split by path models, and the batch that carries it.

A line gives by the nodes of its own path (`schemas.path_nodes`), and a node's share to the channel of that
node's latest eligible touch. So of each line travel its amounts, when it was paid, and one touch a node, in the order of
those touches: its channel and further channels by name, and whether it was in the order's own session. Of a line
without an eligible touch, `direct`.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.path_shares import last_of_each_node

Array = npt.NDArray[Any]
FAMILY: Final = "l"
NAMES: Final = "names"
"""Followed by the kind: 0 is the channel, others are the further ones."""
_NO_TOUCH: Final = -1


class PaidLines(NamedTuple):
    """Lines as columns; `times` is 1 for what a line gives, -1 for what it takes back, `new_customer` 1 or 0."""

    group: Array
    minute: Array
    net: Array
    micro: Array
    times: Array
    new_customer: Array


class LineTouches(NamedTuple):
    """Touches with a row of name numbers each; `starts` and `counts` say which are a line's eligible ones, by time."""

    starts: Array
    counts: Array
    names: Array
    together: Array


def path_lines(
    lines: PaidLines,
    touches: LineTouches,
    names: Callable[[Array], pa.StringArray],
    nodes_of_names: Array,
    untouched: Array,
) -> pa.RecordBatch:
    """Return lines as `PathCredit.absorb` takes them.

    `names` gives channels by their numbers, which all have a node (that of further ones is of no meaning);
    `untouched` is what a line without an eligible touch gives to, a number a kind.
    """
    kept, many = last_of_each_node(
        touches.starts.astype(np.int64), touches.counts.astype(np.int64), nodes_of_names[touches.names[:, 0]]
    )
    places = np.insert(kept, (np.cumsum(many) - many)[many == 0], _NO_TOUCH)
    is_touch = places != _NO_TOUCH
    numbers = np.where(is_touch[:, None], touches.names[np.maximum(places, 0)] if len(kept) else 0, untouched)
    offsets = pa.array(np.concatenate([[0], np.cumsum(np.maximum(many, 1))]).astype(np.int32))
    together = np.zeros(len(places), np.uint8)
    together[is_touch] = touches.together[places[is_touch]]
    columns = {
        "group": pa.array(lines.group.astype(np.int16)),
        "minute": pa.array(lines.minute.astype(np.int64)),
        "net_minor": pa.array(lines.net.astype(np.int64)),
        "micro_orders": pa.array(lines.micro.astype(np.int64)),
        "new_customer": pa.array(lines.new_customer.astype(np.uint8)),
        "together": pa.ListArray.from_arrays(offsets, pa.array(together)),
    }
    for kind in range(numbers.shape[1]):
        columns[f"{NAMES}{kind}"] = pa.ListArray.from_arrays(offsets, _named(numbers[:, kind], names))
    columns[FAMILY] = pa.array(lines.times.astype(np.int64))
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _named(numbers: Array, names: Callable[[Array], pa.StringArray]) -> pa.DictionaryArray:
    """Return names as a column that holds each once; null where the number is below 0."""
    held, indices = np.unique(np.maximum(numbers, 0), return_inverse=True)
    return pa.DictionaryArray.from_arrays(pa.array(indices.astype(np.int32), mask=numbers < 0), names(held))
