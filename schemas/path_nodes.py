"""The nodes of channel paths: `coupon`, `ad_plan`, `campaign`, and each traffic source by its id.

13 nodes, `none` among the sources: few enough for exact Shapley values, and for chains of order 3. Two coupons are one
node: what a path says is which kind of traffic stood where, and single coupons come and go too fast to be told apart by
the paths they were on.

>>> nodes_of(pa.array(["coupon\\x1fc1", "traffic_source\\x1fsearch", "coupon\\x1fc2"])).tolist()
[1, 6, 1]
>>> NODE_NAMES[6 - 1]
'traffic_source/search'
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.events import TRAFFIC_SOURCES
from schemas.keys import US
from schemas.metrics import CHANNELS, NO_ID

_KINDS: Final = CHANNELS[:-1]
_SOURCES: Final = (*TRAFFIC_SOURCES, NO_ID)
NODE_NAMES: Final = (*_KINDS, *(f"{CHANNELS[-1]}/{source}" for source in _SOURCES))
"""Node n is `NODE_NAMES[n - 1]`."""
NODES: Final = len(NODE_NAMES)
_SOURCE_NAMES: Final = pa.array([f"{CHANNELS[-1]}{US}{source}" for source in _SOURCES])


def nodes_of(channels: pa.Array) -> npt.NDArray[np.uint8]:
    """Return the node of each channel, given as kind US id; a source that is not known is `none`."""
    if pa.types.is_dictionary(channels.type):
        return nodes_of(channels.dictionary)[channels.indices.to_numpy()]
    found = _numbers(pc.index_in(channels, _SOURCE_NAMES), len(_SOURCES) - 1)
    out = (found + len(_KINDS) + 1).astype(np.uint8)
    for node, kind in enumerate(_KINDS, 1):
        out[pc.starts_with(channels, f"{kind}{US}").to_numpy(zero_copy_only=False)] = node
    return out


def _numbers(column: pa.Array, otherwise: int) -> npt.NDArray[Any]:
    return np.asarray(pc.fill_null(column, otherwise).to_numpy(zero_copy_only=False))
