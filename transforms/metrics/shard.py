"""One shard of figures in the pipeline: partial sums in, absolute cells to the publisher."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from schemas.keys import (
    BEGIN,
    END,
    Version,
    attribution_key,
    metric_key,
    pack_version,
    snapshot_key,
    touch_key,
    window_index_key,
)
from schemas.metrics import (
    ATTRIBUTION_COUNTS,
    ATTRIBUTION_WINDOWS,
    EVENT_TIME_COUNTS,
    MODELS,
    MODELS_A_WINDOW,
    ORDER_TIME_COUNTS,
    SCOPES,
    TOUCH_COUNTS,
)
from transforms.metrics.cells import CellTable, Published
from transforms.pacing import Pace
from transforms.pieces import AFTER_ALL_MS, BEFORE_ALL_MS, LATER, LowWatermark, Piece
from transforms.publish import Outlet, PublisherFactory, Strays
from transforms.shards import Output

_FIELDS_A_WRITE: Final = 1000


class CellShard:
    """Merges partial sums of all families; publishes between pieces when it is due."""

    def __init__(
        self,
        timezone: str,
        lateness_ms: int,
        order_horizon_ms: int,
        open_publisher: PublisherFactory,
        namespace: str,
        pace: Callable[[], Pace],
    ) -> None:
        long_ms = 2 * order_horizon_ms + lateness_ms
        self._tables = {
            "e": CellTable("e", len(EVENT_TIME_COUNTS), timezone, lateness_ms),
            "t": CellTable("t", len(TOUCH_COUNTS), timezone, lateness_ms),
            "o": CellTable("o", len(ORDER_TIME_COUNTS), timezone, long_ms),
            "a": CellTable("a", len(ATTRIBUTION_COUNTS), timezone, long_ms),
        }
        self._namespace = namespace
        self._low = LowWatermark()
        self._outlet, self._pace, self._muted, self._absorbed = Outlet(open_publisher()), pace(), False, 0
        self._watermark_ms = BEFORE_ALL_MS
        self._windows: set[tuple[str, int]] = set()

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Merge one piece's partial sums."""
        watermark = self._low.observe(piece)
        for batch in piece.batches:
            self._tables[batch.schema.names[-1]].merge(batch)
            self._absorbed += batch.num_rows
        if not self._muted and self._pace.is_due(piece.urgent > LATER):
            self.publish(watermark)
            self._pace.written()
        yield from ()

    def publish(self, watermark: int) -> None:
        """Write every changed cell, then archive and drop those that can no longer change.

        `begin` is written first and `end` last: a reader who finds both the same saw figures of one moment.
        """
        publisher, self._watermark_ms = self._outlet.publisher, watermark
        version = pack_version(Version(publisher.epoch(), max(watermark, 0), self._absorbed))
        publisher.set_newer(snapshot_key(self._namespace), [BEGIN], [version])
        publisher.barrier()
        for family, table in self._tables.items():
            for change in table.take_dirty(version):
                self._write(self._key_of(family, change), change)
        publisher.barrier()
        publisher.set_newer(snapshot_key(self._namespace), [END], [version])
        if BEFORE_ALL_MS < watermark < AFTER_ALL_MS:
            publisher.progress({"watermark_ms": watermark, "as_of_ms": watermark})
        publisher.flush()
        if BEFORE_ALL_MS < watermark < AFTER_ALL_MS:
            for family, table in self._tables.items():
                for change in table.evict(watermark, version):
                    self._outlet.finals.put(self._key_of(family, change), change.fields, change.values)

    def outlet(self) -> Outlet:
        """Return what it publishes through."""
        return self._outlet

    def republish(self) -> None:
        """Publish every cell held, and name every window again."""
        for table in self._tables.values():
            table.mark_all()
        for window, start_ms in sorted(self._windows):
            self._outlet.publisher.add_windows(window_index_key(self._namespace, window), [start_ms])
        self.publish(self._watermark_ms)

    def strays(self) -> Strays:
        """Return the cells of credit and of refunds by order time, all of them: what comes later moves both."""
        return Strays(("a", "m:o"), lambda _key, _field: True, self._absorbed)

    def _write(self, key: str, change: Published) -> None:
        publisher = self._outlet.publisher
        if (change.window, change.start_ms) not in self._windows:
            self._windows.add((change.window, change.start_ms))
            publisher.add_windows(window_index_key(self._namespace, change.window), [change.start_ms])
        count = len(change.fields)
        for begin in range(0, count, _FIELDS_A_WRITE):
            end = min(begin + _FIELDS_A_WRITE, count)
            publisher.set_newer(key, change.fields.part(begin, end), change.values.part(begin, end))

    def _key_of(self, family: str, change: Published) -> str:
        window, start_ms = change.window, change.start_ms
        if family == "a":
            awindow, model = divmod(change.group, MODELS_A_WINDOW)
            return attribution_key(
                self._namespace, MODELS[model], ATTRIBUTION_WINDOWS[awindow], window, start_ms
            )
        if family == "t":
            return touch_key(self._namespace, window, start_ms)
        return metric_key(self._namespace, family, SCOPES[change.group], window, start_ms)

    def logged(self, piece: Piece) -> Piece:
        """Return the whole piece."""
        return piece

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        tables = {family: table.state() for family, table in self._tables.items()}
        windows = sorted(self._windows)
        return {"tables": tables, "low": self._low, "absorbed": self._absorbed, "windows": windows}

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; every cell held is published again."""
        for family, table in self._tables.items():
            table.load(state["tables"][family])
        self._low, self._absorbed = state["low"], state["absorbed"]
        self._windows = set(state["windows"])

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted
