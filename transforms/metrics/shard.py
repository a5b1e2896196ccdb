"""One shard of figures in the pipeline: partial sums in, absolute cells to the publisher."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from schemas.keys import (
    BEGIN,
    BOARDS,
    END,
    Version,
    attribution_key,
    board_key,
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
from transforms.boards import archived
from transforms.event_view import MINUTE_MS
from transforms.metrics.boards import BoardTable, Metric, Ranked
from transforms.metrics.cell_users import CellUsers
from transforms.metrics.cells import CellTable, Published, Stored
from transforms.metrics.funnel import FunnelTable
from transforms.metrics.partials import HIDDEN
from transforms.metrics.session_sums import MOVED, SessionSums
from transforms.metrics.users import FAMILY as USERS
from transforms.pacing import Pace
from transforms.pieces import AFTER_ALL_MS, BEFORE_ALL_MS, FINAL, IDLE, LATER, LowWatermark, Piece
from transforms.publish import Outlet, PublisherFactory, Strays
from transforms.shards import Output

_FIELDS_A_WRITE: Final = 1000
_EVENT_TIME_METRICS: Final = (
    *(Metric(name, place) for place, name in enumerate(EVENT_TIME_COUNTS)),
    Metric(
        "net_gmv_minor", EVENT_TIME_COUNTS.index("gmv_paid_minor"), EVENT_TIME_COUNTS.index("refunds_minor")
    ),
)
_ORDER_TIME_METRICS: Final = tuple(Metric(name, place) for place, name in enumerate(ORDER_TIME_COUNTS))


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
        board_pace: Callable[[], Pace],
    ) -> None:
        # Live events move what lies up to this far back, by event time and by order time.
        moved_ms = 2 * lateness_ms + MINUTE_MS
        long_ms = max(2 * order_horizon_ms + lateness_ms, moved_ms)
        users, longer_ms = CellUsers(), {SCOPES.index(name): moved_ms for name in MOVED}
        width = len(EVENT_TIME_COUNTS) + len(UNIQUES)
        self._cells = {
            "e": CellTable("e", width, timezone, lateness_ms, longer_ms, users),
            "t": CellTable("t", len(TOUCH_COUNTS), timezone, lateness_ms),
            "o": CellTable("o", len(ORDER_TIME_COUNTS), timezone, long_ms),
            "a": CellTable("a", len(ATTRIBUTION_COUNTS), timezone, long_ms),
        }
        self._sessions = SessionSums(lateness_ms, self._cells["e"], users)
        self._tables: dict[str, CellTable | FunnelTable] = self._cells | {
            "f": FunnelTable(timezone, lateness_ms)
        }
        self._boards = {
            "e": BoardTable(self._cells["e"], _EVENT_TIME_METRICS),
            "o": BoardTable(self._cells["o"], _ORDER_TIME_METRICS),
        }
        self._board_pace = board_pace()
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
            self.publish(watermark, piece.urgent)
            self._pace.written()
        yield from ()

    def publish(self, watermark: int, urgent: int = FINAL) -> None:
        """Write every changed cell, then archive and drop those that can no longer change.

        `begin` is written first and `end` last: a reader who finds both the same saw figures of one moment. Changed
        leaderboards go between them when they are due, and always before cells that they were ranked from are dropped.
        """
        publisher, self._watermark_ms = self._outlet.publisher, watermark
        version = pack_version(Version(publisher.epoch(), max(watermark, 0), self._absorbed))
        publisher.set_newer(snapshot_key(self._namespace), [BEGIN], [version])
        publisher.barrier()
        for family, table in self._tables.items():
            for change in table.take_dirty(version):
                self._write(self._key_of(family, change), change)
                if family in self._boards:
                    self._boards[family].note(change)
        closed = self._closed(watermark)
        if self._board_pace.is_due(urgent >= IDLE) or any(closed.values()):
            self._publish_boards(version)
        publisher.barrier()
        publisher.set_newer(snapshot_key(self._namespace), [END], [version])
        if BEFORE_ALL_MS < watermark < AFTER_ALL_MS:
            publisher.progress({"watermark_ms": watermark, "as_of_ms": watermark})
        publisher.flush()
        self._archive(closed, watermark, version)

    def _closed(self, watermark: int) -> dict[str, list[Stored]]:
        """Return what each table that boards are ranked from is about to drop."""
        if not BEFORE_ALL_MS < watermark < AFTER_ALL_MS:
            return {}
        return {family: self._cells[family].closed(watermark) for family in self._boards}

    def _publish_boards(self, version: bytes) -> None:
        """Write every leaderboard that has changed, and what all of them are as of."""
        publisher = self._outlet.publisher
        publisher.flush()  # So that their pace knows what they cost themselves.
        for family, boards in self._boards.items():
            for ranked in boards.take_changed():
                publisher.set_boards(self._board_key(family, ranked), version, ranked.boards)
        publisher.barrier()
        publisher.set_newer(snapshot_key(self._namespace), [BOARDS], [version])
        publisher.flush()
        self._board_pace.written()

    def _archive(self, closed: dict[str, list[Stored]], watermark: int, version: bytes) -> None:
        """Let go of what can no longer change; what was published of it, and its boards, can be published again."""
        if not BEFORE_ALL_MS < watermark < AFTER_ALL_MS:
            return
        finals = self._outlet.finals
        for family, table in self._tables.items():
            if family in self._boards:
                for ranked in self._boards[family].take_final(closed[family]):
                    finals.put(self._board_key(family, ranked), *archived(ranked.boards, version))
            for change in table.evict(watermark, version):
                finals.put(self._key_of(family, change), change.fields, change.values)

    def _board_key(self, family: str, ranked: Ranked) -> str:
        return board_key(self._namespace, family, SCOPES[ranked.group], ranked.window, ranked.start_ms)

    def outlet(self) -> Outlet:
        """Return what it publishes through."""
        return self._outlet

    def republish(self) -> None:
        """Publish every cell held, and name every window again."""
        for table in self._tables.values():
            table.mark_all()
        for boards in self._boards.values():
            boards.mark_all()
        for window, start_ms in sorted(self._windows):
            self._outlet.publisher.add_windows(window_index_key(self._namespace, window), [start_ms])
        self.publish(self._watermark_ms)

    def strays(self) -> Strays:
        """Return what comes later moves: credit, refunds by order time, the funnel, what sessions decide, and its boards."""
        layers = ("o", *(f"e:{scope}" for scope in MOVED))
        kinds = ("a", "f", *(f"m:{layer}" for layer in layers))
        boards = tuple(f"b:{layer}" for layer in layers)
        return Strays(kinds, lambda _key, _field: True, self._absorbed, boards)

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
