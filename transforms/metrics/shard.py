"""One shard of figures in the pipeline: partial sums in, absolute cells to the publisher."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from schemas.keys import (
    BEGIN,
    END,
    Version,
    attribution_key,
    funnel_key,
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
    ORDER_TIME_COUNTS,
    SCOPES,
    TOUCH_COUNTS,
    UNIQUES,
    WINDOWS,
)
from transforms.event_view import MINUTE_MS
from transforms.metrics.cell_users import CellUsers
from transforms.metrics.cells import CellTable, Published
from transforms.metrics.funnel import FunnelTable
from transforms.metrics.partials import HIDDEN
from transforms.metrics.session_sums import MOVED, SessionSums
from transforms.metrics.users import FAMILY as USERS
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
        # Live events move what lies up to this far back, by event time and by order time.
        moved_ms = 2 * lateness_ms + MINUTE_MS
        long_ms = max(2 * order_horizon_ms + lateness_ms, moved_ms)
        users, longer_ms = CellUsers(), {SCOPES.index(name): moved_ms for name in MOVED}
        width = len(EVENT_TIME_COUNTS) + len(UNIQUES)
        events = CellTable("e", width, timezone, lateness_ms, longer_ms, users)
        self._tables: dict[str, CellTable | FunnelTable] = {
            "e": events,
            "t": CellTable("t", len(TOUCH_COUNTS), timezone, lateness_ms),
            "o": CellTable("o", len(ORDER_TIME_COUNTS), timezone, long_ms),
            "a": CellTable("a", len(ATTRIBUTION_COUNTS), timezone, long_ms),
            "f": FunnelTable(timezone, lateness_ms),
        }
        self._sessions = SessionSums(lateness_ms, events, users)
        self._namespace = namespace
        self._low = LowWatermark()
        self._outlet, self._pace, self._muted, self._absorbed = Outlet(open_publisher()), pace(), False, 0
        self._watermark_ms = BEFORE_ALL_MS
        self._windows: set[tuple[str, int]] = set()

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Merge one piece's partial sums; hidden sums and then users follow right behind the sums of their events."""
        watermark = self._low.observe(piece)
        facts, *sums = piece.batches
        cells_of = np.empty((0, len(WINDOWS)), np.int32)
        for batch in sums:
            family = batch.schema.names[-1]
            if family == HIDDEN:
                self._sessions.absorb(facts, batch)
            elif family == USERS:
                self._sessions.add_users(batch, cells_of)
            elif (found := self._tables[family].merge(batch)) is not None:
                cells_of = found
        self._absorbed += sum(batch.num_rows for batch in piece.batches)
        if watermark > BEFORE_ALL_MS:
            self._sessions.forget(watermark)
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
        """Return the cells that what comes later moves: credit, refunds by order time, the funnel, what sessions decide."""
        moved = ("a", "m:o", "f", *(f"m:e:{scope}" for scope in MOVED))
        return Strays(moved, lambda _key, _field: True, self._absorbed)

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
            return attribution_key(
                self._namespace, MODELS[change.group], ATTRIBUTION_WINDOWS[0], window, start_ms
            )
        if family == "f":
            return funnel_key(self._namespace, start_ms)
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
        return {
            "tables": tables, "broadcasts": self._sessions.state(), "low": self._low,
            "absorbed": self._absorbed, "windows": windows,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; every cell held is published again."""
        for family, table in self._tables.items():
            table.load(state["tables"][family])
        self._sessions.load(state["broadcasts"])
        self._low, self._absorbed = state["low"], state["absorbed"]
        self._windows = set(state["windows"])

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted
