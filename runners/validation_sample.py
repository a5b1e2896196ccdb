"""A bounded sample of events: of each kind of row as many as there are, up to a limit, then at random.

A plain random sample of a good log shows no bad row at all. So the sample is stratified: accepted rows
by event type, refused rows by the rule that refused them, a uniform random sample of each.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.events import EVENT_SCHEMA, EVENT_TYPES
from schemas.gate import ACCEPTED, Verdicts

_REFUSED_ROWS: Final = 100
"""How many rows are kept of those that one rule refused."""

_CHARACTERS: Final = 1_025
"""How much is kept of a string: one character more than the law allows any of them."""

_NO_ROWS: Final = pa.RecordBatch.from_pylist([], schema=EVENT_SCHEMA)


class Sample:
    """Keeps at most `accepted_rows` rows of each event type, and 100 refused rows of each rule.

    Which rows are kept depends on the rows and their order, not on how they are cut into batches.
    """

    def __init__(self, accepted_rows: int, seed: int = 0) -> None:
        self._accepted_rows = accepted_rows
        self._random = np.random.default_rng(seed)
        self._strata: dict[int, _Reservoir] = {}

    def offer(self, batch: pa.RecordBatch, verdicts: Verdicts) -> None:
        """Take from a batch, with the gate's verdicts on it, what falls into the sample."""
        priorities = self._random.random(batch.num_rows)
        strata = _strata(batch, verdicts)
        for stratum in np.unique(strata).tolist():
            rows = np.flatnonzero(strata == stratum)
            self._reservoir(stratum).offer(batch, rows, priorities[rows])

    def batch(self) -> pa.RecordBatch:
        """Give the sampled rows."""
        kept = [reservoir.batch() for _, reservoir in sorted(self._strata.items())]
        return pa.concat_batches([_NO_ROWS, *kept])

    def _reservoir(self, stratum: int) -> "_Reservoir":
        if stratum not in self._strata:
            self._strata[stratum] = _Reservoir(_REFUSED_ROWS if stratum > ACCEPTED else self._accepted_rows)
        return self._strata[stratum]


class _Reservoir:
    """Keeps the rows of the lowest random priorities: a uniform sample without replacement.

    "Bottom-k" sampling: Cohen and Kaplan, Summarizing data using bottom-k sketches, PODC 2007.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._highest = 1.0
        self._batches = [_NO_ROWS]
        self._priorities = np.empty(0)

    def offer(
        self, batch: pa.RecordBatch, rows: npt.NDArray[np.intp], priorities: npt.NDArray[np.float64]
    ) -> None:
        low = priorities < self._highest
        chosen = _lowest(priorities[low], self._capacity)
        if not chosen.size:
            return
        self._batches.append(_shortened(batch.take(pa.array(rows[low][chosen]))))
        self._priorities = np.concatenate([self._priorities, priorities[low][chosen]])
        if self._priorities.size >= 2 * self._capacity:
            self._trim()

    def batch(self) -> pa.RecordBatch:
        self._trim()
        return self._batches[0]

    def _trim(self) -> None:
        chosen = _lowest(self._priorities, self._capacity)
        self._batches = [pa.concat_batches(self._batches).take(pa.array(chosen))]
        self._priorities = self._priorities[chosen]
        if chosen.size == self._capacity:
            self._highest = float(self._priorities.max())


def _lowest(priorities: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.intp]:
    """Give the places of the lowest priorities, in the order of the places."""
    if priorities.size <= count:
        return np.arange(priorities.size)
    return np.sort(np.argpartition(priorities, count)[:count])


def _strata(batch: pa.RecordBatch, verdicts: Verdicts) -> npt.NDArray[np.int32]:
    """Number the strata: a refused row's verdict, and below zero an accepted row's type."""
    types = pc.index_in(batch["event_type"], value_set=pa.array(EVENT_TYPES)).fill_null(0).to_numpy()
    return np.where(verdicts == ACCEPTED, types - len(EVENT_TYPES), verdicts).astype(np.int32)


def _shortened(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Cut long strings, so that a few rows of a megabyte each do not fill memory or the Data Docs."""
    return pa.RecordBatch.from_arrays([_cut(column) for column in batch.columns], schema=batch.schema)


def _cut(column: pa.Array) -> pa.Array:
    if not pa.types.is_string(column.type) or column.nbytes <= _CHARACTERS:
        return column
    return pc.utf8_slice_codeunits(column, 0, _CHARACTERS)
