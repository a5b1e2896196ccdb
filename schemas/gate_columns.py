"""What the gate needs to know of one batch, each fact worked out once and only when asked for.

Nearly every batch is good in nearly every column, and a column's bounds and null count prove it
without a look at single rows. So the facts here are of two kinds: cheap ones of a whole column, from
which a check concludes that nothing can fail, and masks of rows, for when that is not certain.
"""

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.events import EVENT_SCHEMA, EVENT_TYPES

Mask: TypeAlias = npt.NDArray[np.bool_]
Bounds: TypeAlias = tuple[Any, Any]

_TYPES: Final = pa.array(EVENT_TYPES)
_POSITION: Final = {name: position for position, name in enumerate(EVENT_SCHEMA.names)}


class Columns:
    """The columns of one batch of events and their facts; made for one batch and thrown away."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.num_rows: int = batch.num_rows
        self._batch = batch
        self._arrays: dict[str, pa.Array] = {}
        self._nulls: dict[str, Mask] = {}
        self._byte_bounds: dict[str, Bounds] = {}
        self._value_bounds: dict[str, Bounds] = {}
        codes = pc.index_in(self["event_type"], value_set=_TYPES).fill_null(-1)
        self._type_codes: npt.NDArray[np.int32] = codes.to_numpy()
        counts = np.bincount(self._type_codes + 1, minlength=len(EVENT_TYPES) + 1)
        self._type_counts = dict(zip((None, *EVENT_TYPES), counts.tolist(), strict=True))
        self._rows_of: dict[str, Mask] = {}

    def __getitem__(self, name: str) -> pa.Array:
        array = self._arrays.get(name)
        if array is None:
            array = self._arrays[name] = self._batch.column(_POSITION[name])
        return array

    def has(self, event_type: str) -> bool:
        """Say whether any row is of this type."""
        return self._type_counts[event_type] > 0

    def rows_of(self, event_type: str) -> Mask:
        """Mark the rows of one type."""
        if event_type not in self._rows_of:
            self._rows_of[event_type] = self._type_codes == EVENT_TYPES.index(event_type)
        return self._rows_of[event_type]

    def all_null(self, name: str) -> bool:
        """Say whether a column holds nothing at all."""
        return self[name].null_count == self.num_rows

    def nulls(self, name: str) -> Mask:
        """Mark the nulls of a column."""
        if name not in self._nulls:
            self._nulls[name] = marked(pc.is_null(self[name]))
        return self._nulls[name]

    def byte_bounds(self, name: str) -> Bounds:
        """Give the least and greatest length in bytes of a column's strings, nulls aside."""
        if name not in self._byte_bounds:
            self._byte_bounds[name] = _bounds(pc.binary_length(self[name]))
        return self._byte_bounds[name]

    def value_bounds(self, name: str) -> Bounds:
        """Give the least and greatest value of a column, nulls (and NaN) aside."""
        if name not in self._value_bounds:
            self._value_bounds[name] = _bounds(self[name])
        return self._value_bounds[name]


def marked(truth: pa.BooleanArray) -> Mask:
    """Turn a column of truth values into a mask; null is False.

    >>> marked(pa.array([True, None, False])).tolist()
    [True, False, False]
    """
    known = truth.fill_null(False) if truth.null_count else truth
    mask: Mask = known.to_numpy(zero_copy_only=False)
    return mask


def _bounds(array: pa.Array) -> Bounds:
    found = pc.min_max(array)
    least, greatest = found["min"], found["max"]
    return (
        (least.value, greatest.value)
        if pa.types.is_timestamp(array.type)
        else (least.as_py(), greatest.as_py())
    )
