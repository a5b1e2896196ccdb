"""Events of a small shop for the tests of features: with duplicates, disorder, cancellations and refunds."""

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pyarrow as pa

from schemas.codecs.jsonl import without_lines
from schemas.codecs.salvage import refusals_batch
from schemas.events import EVENT_SCHEMA
from schemas.gate import compile_gate
from schemas.keys import VERSION_BYTES
from transforms.dedup import DedupShard, Routes
from transforms.dimensions import DimensionRows, conformed
from transforms.features.shard import FeatureShard
from transforms.intake import Intake, TimeBounds
from transforms.metrics.shard import SCOPES
from transforms.pacing import Pace
from transforms.pieces import BEFORE_ALL_MS, FINAL, LATER, Piece, PieceCoder, Progress
from transforms.publish import Lossless

T0 = 1_767_225_600_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BOUNDS = TimeBounds()
Row = dict[str, Any]

ITEMS = pa.table(
    {
        "item_id": [f"i{n}" for n in range(12)],
        "merchant_id": [f"m{n % 4}" if n % 5 else None for n in range(12)],
        "category_id": [f"k{n % 3}" for n in range(12)],
        "list_price_minor": [100 * n if n % 4 else None for n in range(12)],
    }
)
ROWS = DimensionRows({"items": conformed(ITEMS, "items")})
CATEGORY = dict(zip(ITEMS["item_id"].to_pylist(), ITEMS["category_id"].to_pylist(), strict=True))
MERCHANT = dict(zip(ITEMS["item_id"].to_pylist(), ITEMS["merchant_id"].to_pylist(), strict=True))
PRICE = dict(zip(ITEMS["item_id"].to_pylist(), ITEMS["list_price_minor"].to_pylist(), strict=True))


class Given:
    """Dimensions that come from no file."""

    scopes = SCOPES

    def rows(self) -> DimensionRows:
        return ROWS


def shop(count: int, seed: int, days: float = 3.0, users: int = 12) -> list[Row]:
    """Events in order of time, each at a millisecond of its own; items i0 to i14, of which i12 on are not known."""
    draw = random.Random(seed)
    times = sorted(draw.sample(range(T0, T0 + int(days * DAY)), count))
    rows: list[Row] = []
    lines: list[Row] = []
    for number, time in enumerate(times):
        row: Row = {"event_id": f"e{seed}-{number}", "event_time": time}
        kind = draw.choices(["view", "click", "follow", "placed", "paid", "after"], [8, 5, 1, 1, 3, 2])[0]
        common = {
            "user_id": f"u{draw.randrange(users)}", "item_id": f"i{draw.randrange(15)}",
            "room_id": draw.choice([None, "r0", "r1"]), "creator_id": draw.choice([None, "c0", "c1", "c2"]),
            "traffic_source": draw.choice(["search", "recommend"]), "coupon_id": draw.choice([None, None, "k"]),
        }  # fmt: skip
        if kind == "view":
            row |= {
                "event_type": "view",
                **common,
                "dwell_ms": draw.choice([None, draw.randrange(1, 60_000)]),
            }
            if draw.random() < 0.3:
                row["item_id"] = None
            if draw.random() < 0.1:
                row["holdout"] = True
        elif kind in ("click", "follow"):
            row |= {"event_type": kind, **common}
            if kind == "follow":
                row["item_id"] = None
        else:
            row |= _order(draw, kind, common, lines, number)
        rows.append(row)
    return rows


def _order(draw: random.Random, kind: str, common: Row, lines: list[Row], number: int) -> Row:
    after = kind == "after" and lines
    if after or (kind == "paid" and lines and draw.random() < 0.1):
        line = draw.choice(lines[-40:])
    else:
        kind = "paid" if kind == "after" else kind
        line = common | {"order_id": f"o{number // 3}", "quantity": draw.randrange(1, 4)}
        line |= {"amount_minor": draw.choice([0, 5, 990, 12_345, draw.randrange(1, 100_000)])}
        if kind == "paid":
            lines.append(line)
    status = kind if not after else draw.choice(["cancelled", "refunded", "refunded"])
    row = line | {"event_type": "order", "currency": "CNY", "order_status": status}
    if status == "refunded" and draw.random() < 0.5:
        row["amount_minor"] = row["amount_minor"] // 3
    return row


def disordered(rows: list[Row], seed: int, by_ms: int = 30 * MINUTE, again: float = 0.05) -> list[Row]:
    """The same events as they may arrive: out of order within a bound, some of them twice."""
    draw = random.Random(seed)
    arrivals = [(row["event_time"] + draw.randrange(by_ms), number, row) for number, row in enumerate(rows)]
    arrivals += [
        (time + draw.randrange(by_ms), number, row) for time, number, row in arrivals if draw.random() < again
    ]
    return [row for _, _, row in sorted(arrivals, key=lambda arrival: arrival[:2])]


class Held(Lossless):
    """A store that keeps the newest value of each field."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, bytes]] = {}

    def epoch(self) -> int:
        return 1

    def set_newer(self, key: str, fields: Any, values: Any) -> None:
        names = [field if isinstance(field, str) else field.decode() for field in fields]
        self.values.setdefault(key, {}).update(zip(names, values, strict=True))

    set_once = set_newer

    def set_boards(self, key: str, version: bytes, boards: Any) -> None: ...

    def add_windows(self, key: str, starts_ms: Any) -> None: ...

    def progress(self, fields: dict[str, int]) -> None: ...

    def flush(self) -> None: ...

    def bodies(self) -> dict[tuple[str, str], bytes]:
        return {
            (key, field): value[VERSION_BYTES:]
            for key, held in self.values.items()
            for field, value in held.items()
        }


def shard(views: Any, store: Held, *, pace: Any = None, **options: Any) -> FeatureShard:
    """A shard of some views whose clock stands still."""
    return FeatureShard(
        views, "UTC", BOUNDS.allowed_lateness_ms, 30 * DAY, lambda: store, "is",
        pace or (lambda: Pace(0.0, lambda: 0.0)), clock=lambda: 0.0, **options,
    )  # fmt: skip


def pieces(rows: list[Row], cuts: list[int]) -> Iterator[Piece]:
    """What the shard is handed of events that arrive in pieces cut at these places."""
    intake, watermark = Intake(compile_gate(), BOUNDS), BEFORE_ALL_MS
    dedup = DedupShard(0, BOUNDS.dedup_horizon_ms, Routes(1, False, Given(), features=True), lambda *_: None)
    bounds = sorted({0, *cuts, len(rows)})
    for number, (begin, end) in enumerate(pairwise(bounds)):
        batch = pa.RecordBatch.from_pylist(rows[begin:end], schema=EVENT_SCHEMA)
        taken = intake.take(without_lines(batch, refusals_batch([])), watermark)
        assert not taken.refused.num_rows, taken.refused.to_pylist()[:1]
        watermark = taken.highest_ms
        told = Progress(0, 1, number + 1, watermark - BOUNDS.max_out_of_orderness_ms)
        for output, (_, piece) in dedup.absorb(
            Piece(told, (taken.admitted,), FINAL if end == len(rows) else LATER)
        ):
            if output == "features":
                yield PieceCoder().decode(PieceCoder().encode(piece))
