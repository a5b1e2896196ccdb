"""Deduplication by event id, and the routes from accepted events to what each later step needs of them.

The first arrival of an id stands; the same id with another body, and events that came too late, become dead
letters with their bytes. Cost: about 0.2 µs an event; recent ids take 18 bytes in memory, older ones are in files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.events import DEAD_LETTER_SCHEMA, EVENT_SCHEMA
from transforms.attribution.arm_exposures import arm_exposures
from transforms.attribution.coupon_events import coupon_events, exposures_of
from transforms.attribution.touches import touches_of
from transforms.canonical import canonical_json
from transforms.customers.payments import payments_of
from transforms.dimensions import DimensionRows
from transforms.event_view import EventView
from transforms.features.events import feature_events
from transforms.intake import CHECK, ID_HASH, INGESTED, LATENESS, RAW, event_times_ms
from transforms.io.dimensions import Dimensions
from transforms.metrics.partials import event_partials, touch_partials
from transforms.metrics.session_facts import facts_of
from transforms.metrics.users import users_batch
from transforms.orders.events import order_events
from transforms.pieces import BEFORE_ALL_MS, IDLE, LowWatermark, Piece, Progress
from transforms.publish import Outlet
from transforms.recommend.interactions import interactions_of
from transforms.routing import TO_ALL, sent
from transforms.shards import Output
from transforms.state.seen import CONFLICT, NEW, TOO_LATE, SeenEvents
from transforms.tally import Tally

HOUR_MS: Final = 3_600_000

_ROUTED_COLUMNS: Final = [
    "event_id", "event_type", "event_time", "room_id", "session_id", "creator_id", "user_id", "traffic_source",
    "coupon_id", "ad_plan_id", "campaign_id", "item_id", "dwell_ms", "holdout", "order_id", "quantity",
    "amount_minor", "order_status", "base_id", "coupon_status", "cost_minor", "impressions", "valid_from", "valid_to",
    "task_id", "holdout_share", "live_status", ID_HASH,
]  # fmt: skip
"""What later steps read; the rest need not be copied."""
_JUDGED_COLUMNS: Final = [ID_HASH, CHECK, "event_time", LATENESS]

_REASONS: Final = {
    CONFLICT: ("conflicting_duplicate", "event.unique", "the same event_id came before with another body"),
    TOO_LATE: (
        "too_late",
        "event.lateness",
        "behind its partition's watermark by more than the allowed lateness",
    ),
}


@dataclass(frozen=True)
class Routes:
    """How many shards each later step has, and which of them there are."""

    shards: int = 1
    recommender: bool = True
    dimensions: Dimensions = field(default_factory=Dimensions)
    attribution: bool = True
    features: bool = False
    figures: bool = True
    """Whether orders, credit and figures follow: not where features alone are wanted."""

    @property
    def features_key(self) -> int:
        """Where features are kept: beside the figures, which have key 0, on the one shard; else on another worker."""
        return min(1, self.shards - 1)


class DedupShard:
    """One shard of event ids."""

    def __init__(
        self, key: int, horizon_ms: int, routes: Routes, count: Any, tally: Tally | None = None
    ) -> None:
        """`count` adds to the runner's counters; a `tally` keeps counts where those are lost with a worker."""
        self._key, self._routes, self._count, self._tally = key, routes, count, tally
        self._seen = SeenEvents(-(-horizon_ms // HOUR_MS))
        self._low, self._muted = LowWatermark(), False

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Judge one batch of admitted events and route what is new."""
        watermark = self._low.observe(piece)
        events = piece.batch
        verdicts = self._seen.admit(
            events[ID_HASH].to_numpy(), events[CHECK].to_numpy(), event_times_ms(events) // HOUR_MS,
            events[LATENESS].to_numpy(),
        )  # fmt: skip
        if watermark > BEFORE_ALL_MS:
            self._seen.advance(watermark // HOUR_MS)
        self._tell(verdicts, piece)
        if self._muted:
            yield from self._unsaid(verdicts, piece)
            return
        new = verdicts == NEW
        kept = events.select(_ROUTED_COLUMNS)
        accepted = kept if new.all() else kept.filter(pa.array(new))
        progress = Progress(self._key, self._routes.shards, piece.progress.sequence, watermark)
        yield from self._refusals(events, verdicts, piece)
        yield from self._routed(accepted, progress, piece.urgent)

    def logged(self, piece: Piece) -> Piece:
        """Return the columns by which events are judged, a tenth of the piece."""
        return Piece(piece.progress, (piece.batch.select(_JUDGED_COLUMNS), *piece.batches[1:]), piece.urgent)

    def _unsaid(self, verdicts: np.ndarray, piece: Piece) -> Iterator[Output]:
        """Yield as many pieces as followed when this one was absorbed first: nobody reads them again."""
        empty = Piece(piece.progress, ())
        refusals = sum(bool((verdicts == verdict).any()) for verdict in _REASONS) + (piece.urgent >= IDLE)
        yield from (("dead", (0, empty)) for _ in range(refusals))
        if self._routes.figures:
            yield from (("new", (shard, empty)) for shard in range(self._routes.shards))
        if self._routes.recommender:
            yield "learn", (0, empty)
        if self._routes.features:
            yield "features", (self._routes.features_key, empty)

    def _tell(self, verdicts: np.ndarray, piece: Piece) -> None:
        """Count verdicts: to the runner once, in the tally as often as the piece is absorbed into state."""
        new, again, conflicting, late = np.bincount(verdicts, minlength=4).tolist()
        if not self._muted:
            self._count("accepted", new)
            self._count("duplicates", again)
            self._count("conflicting_duplicate", conflicting)
            self._count("too_late", late)
        if self._tally is None:
            return
        refused = {"refused.conflicting_duplicate": conflicting, "refused.too_late": late}
        self._tally.add({"accepted": new, "duplicates": again} | refused)
        for told in piece.batches[1:]:
            self._tally.add_refused(told)
        if not self._muted:
            self._tally.show(piece.urgent)

    def _routed(self, events: pa.RecordBatch, progress: Progress, urgent: int) -> Iterator[Output]:
        """Send each later step what it needs of the events."""
        dimensions, view = self._routes.dimensions.rows(), EventView(events)
        if self._routes.figures:
            yield from self._figures(view, dimensions, progress, urgent)
        if self._routes.recommender:
            yield "learn", (0, Piece(progress, (interactions_of(view),), urgent))
        if self._routes.features:
            told = Piece(progress, (feature_events(view, dimensions),), urgent)
            yield "features", (self._routes.features_key, told)

    def _figures(
        self, view: EventView, dimensions: DimensionRows, progress: Progress, urgent: int
    ) -> Iterator[Output]:
        """Send one piece a shard: orders for the next step, and what rides along to the steps after it."""
        credited = self._routes.attribution
        orders, touches = order_events(view, dimensions), touches_of(view, dimensions, credited=credited)
        payments, sums = (
            payments_of(orders, view, dimensions),
            event_partials(view, dimensions, want_cells=True),
        )
        batches = [
            orders, facts_of(view), touches, payments, arm_exposures(view, none=not credited), coupon_events(view),
            sums.visible, sums.hidden, users_batch(view, sums.asked_cells()), *touch_partials(touches),
            exposures_of(view, none=not credited),
        ]  # fmt: skip
        keys = ["order_id", TO_ALL, "user", "user", "user", TO_ALL, *(None for _ in batches[6:])]
        yield from sent("new", batches, keys, self._routes.shards, progress, urgent)

    def _refusals(self, events: pa.RecordBatch, verdicts: np.ndarray, piece: Piece) -> Iterator[Output]:
        for verdict, (reason, rule, detail) in _REASONS.items():
            rows = np.flatnonzero(verdicts == verdict)
            if len(rows):
                letters = _dead_letters(events.take(pa.array(rows)), reason, rule, detail)
                yield "dead", (0, Piece(piece.progress, (letters,)))
        if piece.urgent >= IDLE:
            yield "dead", (0, Piece(piece.progress, (), piece.urgent))

    def strays(self) -> None:
        """Nothing depends on the order of arrival."""

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        counts = dict(self._tally.counts) if self._tally else {}
        return {"seen": self._seen.state(), "low": self._low, "counts": counts}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._seen.load(state["seen"])
        self._low = state["low"]
        if self._tally:
            self._tally.counts = dict(state["counts"])

    def mute(self, muted: bool) -> None:
        """While muted, count nothing for the runner: it was counted before."""
        self._muted = muted

    def outlet(self) -> Outlet | None:
        """Return what the tally is published through, None where there is none."""
        return self._tally.outlet if self._tally else None

    def republish(self) -> None:
        """Publish the tally anew."""
        if self._tally:
            self._tally.publish()


def _dead_letters(events: pa.RecordBatch, reason: str, rule: str, detail: str) -> pa.RecordBatch:
    count = events.num_rows
    raw = pa.array([line and line.rstrip(b"\r\n") for line in events[RAW].to_pylist()], pa.binary())
    if raw.null_count:
        own = pa.array(canonical_json(events.select(EVENT_SCHEMA.names)), pa.binary())
        raw = pc.coalesce(raw, own)
    columns = [
        events["event_id"], *(pa.array([text] * count) for text in (reason, rule, detail)),
        raw, events["event_time"], events[INGESTED],
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(columns, schema=DEAD_LETTER_SCHEMA)
