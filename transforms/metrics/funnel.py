"""`FunnelTable`: how many users have moved from stage to stage of each category, by day and in all, and how fast.

How many are in a stage follows from it: those who came less those who went on. Days that can no longer change are
dropped after they were published; totals, and how long each move took, are held for ever.

>>> from schemas.keys import US
>>> moves = pa.record_batch({
...     "category": pa.array(["tea", "tea"]).dictionary_encode(), "step": pa.array([0, 3], pa.int8()),
...     "minute": [61, 62], "took_ms": [-1, 500], "f": [1, 1]})
>>> table = FunnelTable("UTC", horizon_ms=0)
>>> table.merge(moves)
>>> [(row.window, [field.decode().split(US) for field in row.fields]) for row in table.take_dirty(b"")][0]
('total', [['tea', '', 'known'], ['tea', 'known', 'interested']])
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.keys import funnel_field
from schemas.metrics import FUNNEL_STEPS, TOTAL_START
from transforms.event_view import MINUTE_MS
from transforms.metrics.cells import Published
from transforms.metrics.durations import Durations
from transforms.metrics.kernels import START_BITS, mix_keys
from transforms.metrics.packing import pack_rows, pack_texts
from transforms.metrics.windows import DAY, DayStarts, ends_by
from transforms.state.columns import Columns
from transforms.state.index import HashIndex, first_rows
from transforms.state.names import Names

_EVICT_LEAST: Final = 1000
_EVICT_SHARE: Final = 0.5
_NO_GROUP: Final = 0

Array = npt.NDArray[Any]


class FunnelTable:
    """The moves of all categories in one shard; a series is a category and a step."""

    def __init__(self, timezone: str, horizon_ms: int) -> None:
        self._day_starts, self._horizon_ms = DayStarts(timezone), horizon_ms
        self._fields, self._durations = Names(), Durations()
        self._total = Columns(users=np.int64, dirty=np.uint8)
        self._day_index = HashIndex()
        self._day = Columns(key=np.int64, users=np.int64, dirty=np.uint8)

    def __len__(self) -> int:
        return len(self._total) + len(self._day)

    def merge(self, moves: pa.RecordBatch) -> None:
        """Add one batch of moves (as `JourneyBook.absorb` returns them); about 0.3 µs a row."""
        if not moves.num_rows:
            return
        users, took_ms, minutes = (moves[name].to_numpy() for name in ("f", "took_ms", "minute"))
        series = self._series_of(moves)
        self._total.extend(len(self._fields) - len(self._total))
        days = self._days_of(series, self._day_starts(minutes))
        for held, rows in ((self._total, series), (self._day, days)):
            np.add.at(held["users"], rows, users)
            held["dirty"][rows] = 1
        timed = took_ms >= 0
        self._durations.add(series[timed], took_ms[timed], users[timed])

    def _series_of(self, moves: pa.RecordBatch) -> npt.NDArray[np.int32]:
        categories, steps = moves["category"], moves["step"].to_numpy()
        codes = categories.indices.to_numpy() * np.int64(len(FUNNEL_STEPS)) + steps
        held, places = np.unique(codes, return_inverse=True)
        texts = categories.dictionary.take(pa.array(held // len(FUNNEL_STEPS))).to_pylist()
        named = [
            funnel_field(text, FUNNEL_STEPS[step])
            for text, step in zip(texts, (held % len(FUNNEL_STEPS)).tolist(), strict=True)
        ]
        return self._fields.codes(pa.array(named, pa.string()))[places]

    def _days_of(self, series: Array, starts: Array) -> npt.NDArray[np.int32]:
        keys, known = (series.astype(np.int64) << START_BITS) | starts, len(self._day)
        rows = self._day_index.rows_of(mix_keys(keys))
        new = first_rows(rows, known, len(self._day_index))
        self._day.extend(len(new), key=keys[new])
        return rows

    def take_dirty(self, version: bytes) -> Iterator[Published]:
        """Yield every changed total and day as it is stored, and call it clean.

        A total is how many users made the move and twice their median time; a day is how many.
        """
        rows = np.flatnonzero(self._total["dirty"])
        self._total["dirty"][rows] = 0
        if len(rows):
            values = np.stack([self._total["users"][rows], self._durations.twice_medians(rows)], axis=1)
            yield self._published("total", TOTAL_START, rows, values, version)
        rows = np.flatnonzero(self._day["dirty"])
        self._day["dirty"][rows] = 0
        yield from self._days(rows, version)

    def _days(self, rows: Array, version: bytes) -> Iterator[Published]:
        starts = self._day["key"][rows] & ((1 << START_BITS) - 1)
        for start in np.unique(starts):
            chosen = rows[starts == start]
            series, users = self._day["key"][chosen] >> START_BITS, self._day["users"][chosen].reshape(-1, 1)
            yield self._published("day", int(start) * MINUTE_MS, series, users, version)

    def _published(
        self, window: str, start_ms: int, series: Array, values: Array, version: bytes
    ) -> Published:
        fields = pack_texts(self._fields.take(series))
        packed = pack_rows(version, np.ascontiguousarray(values), np.arange(len(values)))
        return Published(_NO_GROUP, window, start_ms, fields, packed)

    def mark_all(self) -> None:
        """Call everything held changed."""
        self._total["dirty"][:] = 1
        self._day["dirty"][:] = 1

    def evict(self, watermark_ms: int, version: bytes) -> Iterator[Published]:
        """Drop clean days that can no longer change, once they are half of what is held; yield them first."""
        if len(self._day) < _EVICT_LEAST:
            return
        starts = self._day["key"] & ((1 << START_BITS) - 1)
        ends = ends_by(np.full(len(starts), DAY, np.int8), starts)
        closed = (ends <= (watermark_ms - self._horizon_ms) // MINUTE_MS) & (self._day["dirty"] == 0)
        if closed.sum() >= _EVICT_SHARE * len(closed):
            yield from self._days(np.flatnonzero(closed), version)
            self._day.keep(np.flatnonzero(~closed))
            self._day_index = HashIndex()
            self._day_index.rows_of(mix_keys(self._day["key"]))

    def _parts(self) -> dict[str, Any]:
        return {
            "fields": self._fields, "durations": self._durations, "total": self._total, "day": self._day,
            "day_index": self._day_index,
        }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        return {name: part.state() for name, part in self._parts().items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; all of it counts as changed, so that it is published again."""
        for name, part in self._parts().items():
            part.load(state[name])
        self.mark_all()
