"""One shard of figures in the pipeline: partial sums in, absolute cells to the publisher."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.changes import ATTRIBUTION, FUNNEL, Changes
from schemas.keys import (
    BEGIN,
    BOARDS,
    END,
    Version,
    attribution_key,
    board_key,
    bucket,
    changes_key,
    coupon_key,
    funnel_key,
    incrementality_key,
    metric_key,
    pack_version,
    path_weights_key,
    plan_key,
    snapshot_key,
    touch_key,
    window_index_key,
)
from schemas.metrics import (
    ATTRIBUTION_COUNTS,
    ATTRIBUTION_WINDOWS,
    DEFAULT_ATTRIBUTION_WINDOW,
    EVENT_TIME_COUNTS,
    MODELS,
    MODELS_A_WINDOW,
    ORDER_TIME_COUNTS,
    REACHED,
    SCOPES,
    TOUCH_CELL,
    TOUCH_COUNTS,
    UNIQUES,
    WINDOWS,
    credit_group,
)
from transforms import views
from transforms.attribution.coupon_book import CouponBook
from transforms.attribution.coupon_events import COUPON_COLUMNS, EXPOSED
from transforms.attribution.coupon_lifts import CouponLifts
from transforms.attribution.exposures import FAMILY as ARMS
from transforms.attribution.path_counts import FAMILY as COUNTS
from transforms.attribution.path_credit import PathCredit, numbers_of_windows
from transforms.attribution.path_lines import FAMILY as LINES
from transforms.attribution.path_weights import DayWeights
from transforms.boards import archived
from transforms.event_view import MINUTE_MS
from transforms.metrics.boards import BoardTable, Metric, Ranked
from transforms.metrics.cell_users import CellUsers
from transforms.metrics.cells import CellTable, Published, Stored
from transforms.metrics.funnel import FunnelTable
from transforms.metrics.partials import FURTHER_CREDIT, HIDDEN
from transforms.metrics.partials import REACHED as REACHED_USERS
from transforms.metrics.session_sums import MOVED, SessionSums
from transforms.metrics.users import FAMILY as USERS
from transforms.pacing import Pace
from transforms.pieces import AFTER_ALL_MS, BEFORE_ALL_MS, FINAL, IDLE, SOON, LowWatermark, Piece
from transforms.publish import Grouped, Outlet, PublisherFactory, Strays
from transforms.shards import Output

_FIELDS_A_WRITE: Final = 1000
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_EVENT_TIME_METRICS: Final = (
    *(Metric(name, place) for place, name in enumerate(EVENT_TIME_COUNTS)),
    Metric(
        "net_gmv_minor", EVENT_TIME_COUNTS.index("gmv_paid_minor"), EVENT_TIME_COUNTS.index("refunds_minor")
    ),
)
_ORDER_TIME_METRICS: Final = tuple(Metric(name, place) for place, name in enumerate(ORDER_TIME_COUNTS))


_OF_CREDIT: Final = (EXPOSED, COUPON_COLUMNS[-1], ARMS, COUNTS, LINES)
"""Families of batches that no cells are summed from."""

CellsOf = npt.NDArray[np.int32]


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
        plan_costs: Mapping[str, int] = MappingProxyType({}),
        windows: Sequence[str] = (DEFAULT_ATTRIBUTION_WINDOW,),
        kinds: int = 1,
        solve_pace: Callable[[], Pace] | None = None,
    ) -> None:
        """`plan_costs` are the costs of ad plans, which are published beside the figures.

        `windows` are the attribution windows, `kinds` how many names each touch has, and models of paths are solved
        at `solve_pace`, by default at that of publishing.
        """
        # Live events move what lies up to this far back, by event time and by order time.
        moved_ms = 2 * lateness_ms + MINUTE_MS
        long_ms = max(2 * order_horizon_ms + lateness_ms, moved_ms)
        users, longer_ms = CellUsers(), {SCOPES.index(name): moved_ms for name in MOVED}
        width = len(EVENT_TIME_COUNTS) + len(UNIQUES)
        self._cells = {
            "e": CellTable("e", width, timezone, lateness_ms, longer_ms, users),
            "t": CellTable("t", len(TOUCH_CELL), timezone, lateness_ms, users=_reach()),
            "o": CellTable("o", len(ORDER_TIME_COUNTS), timezone, long_ms),
            "a": CellTable("a", len(ATTRIBUTION_COUNTS), timezone, long_ms),
            FURTHER_CREDIT: CellTable(FURTHER_CREDIT, len(ATTRIBUTION_COUNTS), timezone, long_ms),
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
        self._paths = PathCredit(timezone, lateness_ms, long_ms, numbers_of_windows(windows), kinds)
        self._solve_pace, self._weights_told = (solve_pace or pace)(), DayWeights()
        self._lifts = CouponLifts(
            credit_group(ATTRIBUTION_WINDOWS.index((*windows, DEFAULT_ATTRIBUTION_WINDOW)[0]), 0)
        )
        self._coupons, self._plan_costs, self._costs_told = CouponBook(lateness_ms), plan_costs, False
        self._namespace = namespace
        self._low = LowWatermark()
        self._outlet, self._pace, self._muted, self._absorbed = Outlet(open_publisher()), pace(), False, 0
        self._watermark_ms = BEFORE_ALL_MS
        self._windows: set[tuple[str, int]] = set()
        self._changes = Changes()

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Merge one piece's partial sums; hidden sums and then users follow right behind the sums of their events."""
        watermark = self._low.observe(piece)
        facts, *others = piece.batches
        cells_of: CellsOf = np.empty((0, len(WINDOWS)), np.int32)
        for batch in others:
            cells_of = self._take(facts, batch, cells_of)
        self._absorbed += sum(batch.num_rows for batch in piece.batches)
        if watermark > BEFORE_ALL_MS:
            self._sessions.forget(watermark)
            self._coupons.forget(watermark)
        self._credit(self._paths.advance(watermark))
        if not self._muted and self._solve_pace.is_due(piece.urgent >= IDLE):
            self._solve()
        if not self._muted and self._pace.is_due(piece.urgent >= IDLE, soon=piece.urgent == SOON):
            self.publish(watermark, piece.urgent)
            self._pace.written()
        yield from ()

    def _take(self, facts: pa.RecordBatch, batch: pa.RecordBatch, cells_of: CellsOf) -> CellsOf:
        """Take one batch, which is known by its last column; return the cells of the last sums."""
        family = batch.schema.names[-1]
        if family == HIDDEN:
            self._sessions.absorb(facts, batch)
        elif family == USERS:
            self._sessions.add_users(batch, cells_of)
        elif family == REACHED_USERS:
            self._cells["t"].add_reached(batch, cells_of)
        elif family in _OF_CREDIT:
            self._take_for_credit(family, batch)
        elif (found := self._tables[family].merge(batch)) is not None:
            cells_of = found
        if family == "a":
            self._lifts.absorb_credit(batch)
        if family == "e" and batch.num_rows:
            self._coupons.see(int(views.numbers(batch["minute"], np.int64).max()) * MINUTE_MS)
        return cells_of

    def _take_for_credit(self, family: str, batch: pa.RecordBatch) -> None:
        """Take what the models of paths and coupons need."""
        if family == EXPOSED:
            self._coupons.absorb_exposures(batch)
        elif family == COUPON_COLUMNS[-1]:
            self._coupons.absorb_events(batch)
            self._lifts.hear(batch["coupon_id"])
        elif family == ARMS:
            self._lifts.absorb(batch)
        elif family == COUNTS:
            self._paths.absorb_counts(batch)
        else:
            self._credit(self._paths.absorb(batch))

    def _credit(self, partials: Iterable[pa.RecordBatch]) -> None:
        for batch in partials:
            self._cells[batch.schema.names[-1]].merge(batch)

    def _solve(self) -> None:
        """Solve the models of paths, unless nothing has come that would change their outcome."""
        if not self._paths.is_solved:
            self._credit(self._paths.solve())
            self._solve_pace.written()

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
                self._changes.note(_kind_of(family, change), change.window, change.start_ms)
                if family in self._boards:
                    self._boards[family].note(change)
        self._write_coupons(version)
        self._write_lifts(version)
        self._write_weights(version)
        closed = self._closed(watermark)
        if self._board_pace.is_due(urgent >= IDLE) or any(closed.values()):
            self._publish_boards(version)
        publisher.barrier()
        publisher.set_newer(snapshot_key(self._namespace), [END], [version])
        if BEFORE_ALL_MS < watermark < AFTER_ALL_MS:
            publisher.progress({"watermark_ms": watermark, "as_of_ms": watermark})
        if body := self._changes.take():
            publisher.announce(changes_key(self._namespace), body)
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
        self._coupons.mark_all()
        self._lifts.mark_all()
        self._costs_told, self._weights_told = False, DayWeights()
        for window, start_ms in sorted(self._windows):
            self._outlet.publisher.add_windows(window_index_key(self._namespace, window), [start_ms])
        self.publish(self._watermark_ms)

    def strays(self) -> Strays:
        """Return what comes later moves: credit, refunds by order time, the funnel, what sessions decide, and its boards."""
        layers = ("o", *(f"e:{scope}" for scope in MOVED))
        kinds = ("a", FURTHER_CREDIT, "h", "f", *(f"m:{layer}" for layer in layers))
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

    def _write_coupons(self, version: bytes) -> None:
        """Write what became of changed coupons and, once, what ad plans cost."""
        records = Grouped()
        for coupon_id, body in self._coupons.take_changed():
            records.put(coupon_key(self._namespace, bucket(coupon_id)), coupon_id, version + _ENCODE(body))
        if not self._costs_told:
            for plan, cost in self._plan_costs.items():
                records.put(plan_key(self._namespace, bucket(plan)), plan, version + _ENCODE([cost]))
        self._costs_told = True
        records.write_newer(self._outlet.publisher)

    def _write_lifts(self, version: bytes) -> None:
        """Write what coupons caused whose figures changed."""
        records = Grouped()
        for coupon_id, record in self._lifts.take_changed(self._coupons):
            key = incrementality_key(self._namespace, bucket(coupon_id))
            records.put(key, coupon_id, version + _ENCODE(record))
        records.write_newer(self._outlet.publisher)

    def _write_weights(self, version: bytes) -> None:
        """Write the weights of days that changed; those that leave the state stay published."""
        records, finals, key = Grouped(), Grouped(), path_weights_key(self._namespace)
        gone = self._paths.take_forgotten()
        for day, weights in [*gone, *self._paths.weights.changes_since(self._weights_told)]:
            records.put(key, str(day * MINUTE_MS), version + _ENCODE(weights.tolist()))
        records.write_newer(self._outlet.publisher)
        self._weights_told = self._paths.weights
        for day, weights in gone:
            finals.put(key, str(day * MINUTE_MS), version + _ENCODE(weights.tolist()))
        finals.keep_in(self._outlet.finals)

    def _key_of(self, family: str, change: Published) -> str:
        window, start_ms = change.window, change.start_ms
        if family in ("a", FURTHER_CREDIT):
            awindow, model = divmod(change.group, MODELS_A_WINDOW)
            return attribution_key(
                self._namespace,
                MODELS[model],
                ATTRIBUTION_WINDOWS[awindow],
                window,
                start_ms,
                further=family == FURTHER_CREDIT,
            )
        if family == "f":
            return funnel_key(self._namespace, start_ms)
        if family == "t":
            return touch_key(self._namespace, window, start_ms, further=bool(change.group))
        return metric_key(self._namespace, family, SCOPES[change.group], window, start_ms)

    def logged(self, piece: Piece) -> Piece:
        """Return the whole piece."""
        return piece

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        tables = {family: table.state() for family, table in self._tables.items()}
        windows = sorted(self._windows)
        return {
            "tables": tables, "broadcasts": self._sessions.state(), "coupons": self._coupons.state(),
            "paths": self._paths.state(), "lifts": self._lifts.state(), "low": self._low,
            "absorbed": self._absorbed, "windows": windows,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take an earlier `state()`; every cell held is published again."""
        for family, table in self._tables.items():
            table.load(state["tables"][family])
        self._sessions.load(state["broadcasts"])
        self._coupons.load(state["coupons"])
        self._paths.load(state["paths"])
        self._lifts.load(state["lifts"])
        self._low, self._absorbed = state["low"], state["absorbed"]
        self._windows = set(state["windows"])

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted


def _reach() -> CellUsers:
    """Return the sets of users with a touch."""
    return CellUsers(len(REACHED), len(TOUCH_COUNTS), online_group=-1)


def _kind_of(family: str, change: Published) -> str:
    """Return what readers call the figures of one write."""
    if family in ("e", "o"):
        return SCOPES[change.group]
    return FUNNEL if family == "f" else ATTRIBUTION
