"""What two bags of rows do not have in common: rows of one that the other lacks, paired by key.

>>> rows = lambda *found: np.array(list(found), ROW)
>>> a, b = rows((1, 10, 10, 0), (2, 20, 20, 1), (2, 20, 20, 2)), rows((1, 11, 11, 0), (2, 20, 20, 1))
>>> surplus(a, b)
Surplus(changed=array([[0, 0]]), only_in_a=array([2]), only_in_b=array([], dtype=int64))
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROW: Final = np.dtype([("key", "<u8"), ("one", "<u8"), ("two", "<u8"), ("row", "<i8")])
"""A row's hashes and its number in its table."""

Records = NDArray[np.void]
Numbers = NDArray[np.int64]


class Surplus(NamedTuple):
    """Numbers of rows: in both but for columns outside the key, as pairs; in A alone; in B alone."""

    changed: Numbers
    only_in_a: Numbers
    only_in_b: Numbers


def surplus(a: Records, b: Records) -> Surplus:
    """Take away equal rows, one for one, and pair those left that have one key."""
    rows = np.concatenate([a, b])
    in_b = np.repeat([False, True], [len(a), len(b)])
    order = np.lexsort((rows["row"], in_b, rows["two"], rows["one"], rows["key"]))
    rows, in_b = rows[order], in_b[order]
    left = ~_has_counterpart(_begins(rows["key"], rows["one"], rows["two"]), in_b)
    rows, in_b = rows[left], in_b[left]

    order = np.lexsort((rows["row"], in_b, rows["key"]))
    rows, in_b = rows[order], in_b[order]
    paired = _has_counterpart(_begins(rows["key"]), in_b)
    number = rows["row"]
    changed = np.stack([number[paired & ~in_b], number[paired & in_b]], axis=1)
    return Surplus(changed, number[~paired & ~in_b], number[~paired & in_b])


def _begins(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where, in sorted columns, another value begins."""
    begins = np.zeros(len(columns[0]), np.bool_)
    for column in columns:
        begins[1:] |= column[1:] != column[:-1]
    begins[:1] = True
    return begins


def _has_counterpart(begins: NDArray[np.bool_], in_b: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each row whether there is one on the other side for it: the n-th of a group has the n-th there.

    Within a group the rows of A stand before those of B.
    """
    group = np.cumsum(begins) - 1
    number_in_b = np.bincount(group, weights=in_b).astype(np.int64)
    number_in_a = np.bincount(group).astype(np.int64) - number_in_b
    place = np.arange(len(group)) - np.flatnonzero(begins)[group]
    place -= np.where(in_b, number_in_a[group], 0)
    found: NDArray[np.bool_] = place < np.minimum(number_in_a, number_in_b)[group]
    return found
