"""`EventView`: one batch of accepted events as its routes read it; each column is read and each id hashed once.

>>> from schemas.events import EVENT_SCHEMA
>>> rows = [{"event_type": "view", "user_id": "u"}, {"event_type": "click"}]
>>> view = EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA))
>>> view.kinds.tolist() == [kernels.ENTRY, kernels.CLICK], (view.hashes("user_id") != 0).tolist()
(True, [True, False])
"""

from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms import event_kernels as kernels
from transforms import views
from transforms.state.hashing import Hashes, hash_strings

MINUTE_MS: Final = 60_000

Rows = npt.NDArray[np.int64]


class EventView:
    """A batch of accepted events; costs what is asked of it."""

    def __init__(self, events: pa.RecordBatch) -> None:
        self.events = events
        self._hashes: dict[str, Hashes] = {}

    def __len__(self) -> int:
        return int(self.events.num_rows)

    def hashes(self, name: str) -> Hashes:
        """Return the hashes of a column of strings, as `hash_text` has them; null is 0."""
        held = self._hashes.get(name)
        if held is None:
            column = self.events[name]
            if column.null_count == len(column):
                held = np.zeros(len(column), np.uint64)
            else:
                held = kernels.hash_known(*views.texts(column), views.known(column), np.uint64(0))
            self._hashes[name] = held
        return held

    def hash_rows(self, names: Sequence[str | None]) -> npt.NDArray[np.uint64]:
        """Return the hashes of several columns, one row each; 1 throughout for a column that is None."""
        out = np.ones((len(names), len(self)), np.uint64)
        for row, name in enumerate(names):
            if name is not None:
                out[row] = self.hashes(name)
        return out

    def numbers(self, name: str, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[np.int64]:
        """Return a column of integers, 0 where it is null."""
        column = self.events[name]
        if column.null_count == len(column):
            return np.zeros(len(column), np.int64)
        held = views.numbers(column, dtype).astype(np.int64)
        if column.null_count:
            held[~views.known(column)] = 0
        return held

    @cached_property
    def times_ms(self) -> npt.NDArray[np.int64]:
        """Event times, UTC milliseconds."""
        return views.numbers(self.events["event_time"], np.int64)

    @cached_property
    def ghosts(self) -> npt.NDArray[np.bool_]:
        """Where `holdout` is true."""
        return views.flags(self.events["holdout"])

    @cached_property
    def kinds(self) -> npt.NDArray[np.int8]:
        """What each event is, as one of the kinds of `event_kernels`."""
        return kernels.kinds_of(
            self.hashes("event_type"), self.hashes("order_status"), self.hashes("item_id"), self.ghosts,
            _hashes_of(kernels.TYPE_NAMES), _hashes_of(kernels.STATUS_NAMES),
        )  # fmt: skip

    def put_together(
        self, prefixes: Sequence[str], prefix_of: Any, columns: Sequence[str], column_of: Any, rows: Any
    ) -> pa.StringArray:
        """Return one string each of a prefix and the string in a row of a column; of the prefix alone if row < 0."""
        texts = [views.texts(self.events[name]) for name in columns]
        held = [prefix.encode() for prefix in prefixes]
        bounds, data = kernels.put_together(
            prefix_of.astype(np.int8), np.frombuffer(b"".join(held), np.uint8), np.cumsum([0, *map(len, held)]),
            column_of.astype(np.int8), rows.astype(np.int32),
            tuple(text.bounds for text in texts), tuple(text.data for text in texts),
        )  # fmt: skip
        return pa.StringArray.from_buffers(len(rows), pa.py_buffer(bounds), pa.py_buffer(data))


@cache
def _hashes_of(names: tuple[str, ...]) -> Hashes:
    return hash_strings(list(names))
