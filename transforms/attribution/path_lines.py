"""`path_lines`: what a line must tell for its credit to be split by path models, and the batch that carries it.

A line gives by the nodes of its own path (`transforms.attribution.nodes`), and a node's share to the channel of that
node's latest eligible touch. So of each line travel its amounts, when it was paid, and one channel a node, in the order
of those touches; none where it had no eligible touch.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.attribution import credit_kernels as kernels

Array = npt.NDArray[Any]
FAMILY: Final = "l"


def path_lines(
    group: Array, minute: Array, net: Array, micro: Array, times: Array, starts: Array, counts: Array,
    touch_channel: Array, touch_node: Array, names: pa.StringArray,
) -> pa.RecordBatch:  # fmt: skip
    """Return lines as `PathCredit.absorb` takes them.

    `starts` and `counts` say which of the touches, each line's in order of time, are a line's eligible ones;
    `names` are the channels by their number. `times` is 1 for what a line gives, -1 for what it takes back.
    """
    kept, many = kernels.last_of_each_node(starts.astype(np.int64), counts.astype(np.int64), touch_node)
    named, numbers = np.unique(touch_channel[kept], return_inverse=True)
    channels = pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), names.take(pa.array(named)))
    offsets = np.concatenate([[0], np.cumsum(many)]).astype(np.int32)
    columns = {
        "group": pa.array(group.astype(np.int16)),
        "minute": pa.array(minute.astype(np.int64)),
        "net_minor": pa.array(net.astype(np.int64)),
        "micro_orders": pa.array(micro.astype(np.int64)),
        "channels": pa.ListArray.from_arrays(pa.array(offsets), channels),
        FAMILY: pa.array(times.astype(np.int64)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
