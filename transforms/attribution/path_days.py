"""`PathDays`: how often each step was made and each set of nodes converted, as of the end of every day.

Days that nothing can change any more are one sum; of the others their changes are kept apart. State: at most
74,000 sums of 16 bytes, and as much a day still open; a few thousand in practice, since few steps are ever made.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms import views
from transforms.attribution.markov import CONVERSION, Transitions
from transforms.attribution.path_kernels import CODE_BITS, CONVERTED, NODE_BITS, SETS

_NODE: Final = (1 << NODE_BITS) - 1
_CODES: Final = 1 << CODE_BITS

Counts = npt.NDArray[np.int64]


class PathDays:
    """The path counts of all shards of users."""

    def __init__(self) -> None:
        self._closed = np.zeros(_CODES, np.int64)
        self._keys, self._changes = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def absorb(self, changes: pa.RecordBatch) -> None:
        """Add what `PathCounts.absorb` returned."""
        if not changes.num_rows:
            return
        day, code, change = (views.numbers(changes[name], dtype) for name, dtype in _COLUMNS.items())
        keys = np.concatenate([self._keys, (day << CODE_BITS) | code])
        self._keys, number = np.unique(keys, return_inverse=True)
        summed = np.zeros(len(self._keys), np.int64)
        np.add.at(summed, number, np.concatenate([self._changes, change]))
        self._changes = summed

    def open_days(self) -> Iterator[tuple[int, Counts]]:
        """Yield each open day and the counts by its end, day after day; the array is used again for the next."""
        counts, days = self._closed.copy(), self._keys >> CODE_BITS
        for day in np.unique(days).tolist():
            held = slice(*np.searchsorted(days, [day, day + 1]))
            counts[self._keys[held] & (_CODES - 1)] += self._changes[held]
            yield day, counts

    def close(self, before: int) -> None:
        """Add days that began before this minute to those that are over."""
        upto = int(np.searchsorted(self._keys, before << CODE_BITS))
        np.add.at(self._closed, self._keys[:upto] & (_CODES - 1), self._changes[:upto])
        self._keys, self._changes = self._keys[upto:].copy(), self._changes[upto:].copy()

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        codes = np.flatnonzero(self._closed)
        return {"codes": codes, "closed": self._closed[codes], "keys": self._keys, "changes": self._changes}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`."""
        self._closed = np.zeros(_CODES, np.int64)
        self._closed[state["codes"]] = state["closed"]
        self._keys, self._changes = np.array(state["keys"]), np.array(state["changes"])


_COLUMNS: Final = {"day": np.int64, "code": np.int32, "p": np.int64}


class ConvertedSets(NamedTuple):
    """Sets of nodes (bit n − 1 is node n), and how many converted paths had just those."""

    sets: Counts
    converted: Counts


def steps_of(counts: Counts, order: int) -> Transitions:
    """Return the steps that were made, by the last `order` nodes before them."""
    codes = np.flatnonzero(counts[:SETS])
    context, target = codes >> NODE_BITS, codes & _NODE
    keys = ((context & ((1 << NODE_BITS * order) - 1)) << NODE_BITS) | target
    made, number = np.unique(keys, return_inverse=True)
    weight = np.zeros(len(made), np.int64)
    np.add.at(weight, number, counts[codes])
    back = np.arange(order)[::-1] * NODE_BITS
    contexts = (made[:, None] >> NODE_BITS >> back) & _NODE
    targets = np.where(made & _NODE == CONVERTED, CONVERSION, made & _NODE)
    return Transitions(contexts, targets, weight, np.where(targets == CONVERSION, weight, 0))


def sets_of(counts: Counts) -> ConvertedSets:
    """Return the sets of nodes whose paths converted."""
    sets = np.flatnonzero(counts[SETS:])
    return ConvertedSets(sets, counts[SETS + sets])
