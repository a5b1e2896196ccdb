"""Load every compiled kernel before the first event: one small evening through all steps, nothing published.

Loading takes a second or two from numba's cache, and about a minute when nothing is compiled yet; a live job
must not spend it while events wait. `python -m pipelines.warm_up` fills the cache on two cores, as `make setup` does.
"""

import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from schemas.codecs.jsonl import decode_jsonl
from schemas.gate import compile_gate
from schemas.metrics import ATTRIBUTION_WINDOWS
from transforms.attribution.shard import AttributionShard
from transforms.boards import Board
from transforms.dedup import DedupShard, Routes
from transforms.features.shard import FeatureShard
from transforms.features.views import SHIPPED
from transforms.intake import Intake, TimeBounds
from transforms.io import wire  # noqa: F401 - loads its kernels
from transforms.metrics.shard import CellShard
from transforms.orders.shard import OrderShard
from transforms.pacing import Pace
from transforms.pieces import BEFORE_ALL_MS, FINAL, Piece, Progress
from transforms.publish import Lossless
from transforms.recommend.shard import LearnerShard
from transforms.shards import Output, Shard

_START_MS = 1_767_225_600_000
_HORIZON_MS = 30 * 86_400_000
_BEYOND_ALL_MS = 2 * _HORIZON_MS
"""When nothing that the events left can change any more."""


class Nowhere(Lossless):
    """A publisher that keeps nothing."""

    def epoch(self) -> int:
        """Return the first epoch."""
        return 1

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Keep nothing."""

    set_once = set_newer

    def set_boards(self, key: str, version: bytes, boards: Sequence[Board]) -> None:
        """Keep nothing."""

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None:
        """Keep nothing."""

    def progress(self, fields: dict[str, int]) -> None:
        """Keep nothing."""

    def flush(self) -> None:
        """Send nothing."""


def _events(guest: int) -> Iterator[Mapping[str, object]]:
    """Yield a guest's events, a few of every kind that any kernel has a branch for."""
    common = {
        "user_id": f"u{guest}",
        "room_id": "r",
        "session_id": "s",
        "creator_id": "c",
        "traffic_source": "search",
    }
    order: dict[str, object] = {
        "order_id": f"o{guest}",
        "item_id": "i",
        "quantity": 1,
        "amount_minor": 5,
        "currency": "CNY",
    }
    yield common | {"event_type": "view", "coupon_id": "k", "dwell_ms": 3}
    yield common | {"event_type": "view", "item_id": "i", "holdout": True}
    yield common | {"event_type": "click", "item_id": "i", "ad_plan_id": "a"}
    yield common | {"event_type": "click", "item_id": "j", "campaign_id": "m"}
    for status in ("placed", "paid", "refunded", "cancelled"):
        yield common | {"event_type": "order", "order_status": status, **order}
    if guest:  # A table of one row is laid out otherwise than one of more, so the first guest has one order.
        yield common | {"event_type": "order", "order_status": "paid", **order, "order_id": f"kept{guest}"}
    yield {"event_type": "follow", "user_id": "v"}
    yield {"event_type": "coupon", "coupon_id": "k", "coupon_status": "granted", "holdout_share": 0.1}
    yield common | {"event_type": "click", "item_id": "i"}
    # A broadcast that is seen before it is told who holds it, which is what later moves its figures.
    yield {"event_type": "view", "user_id": f"u{guest}", "room_id": "r", "session_id": f"s{guest}"}
    told = {"base_id": f"b{guest}", "campaign_id": "m", "live_status": "started"}
    yield {"event_type": "live", "room_id": "r", "session_id": f"s{guest - 1}", "creator_id": "c", **told}


def _lines(piece: int, guests: int) -> bytes:
    rows = [
        {"event_id": f"warm-{piece}-{guest}-{i}", "event_time": _START_MS + i, **event}
        for guest in range(guests)
        for i, event in enumerate(_events(guest))
    ]
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in [*rows, rows[0]])


_PIECES = ((0, 1), (1, 1000), (2, 100), (2, 100))
"""Number and guests of each: one row, more than the tables begin with, more of the same orders, duplicates alone."""


_FIRST = ""
"""The step that all others follow."""
_LONG_CHAIN = "new"
"""The output behind which most steps follow one another: orders, their lines, credit, figures."""


def warm_up(recommender: bool = True, features: bool = True) -> None:
    """Run some events through every step, in pieces of several sizes, in throwaway state."""
    bounds = TimeBounds()
    shards = _shards(bounds, recommender, features)
    for piece in _pieces(bounds):
        _through(shards, piece)
    _restore(shards)


def compile_all() -> None:
    """Compile every kernel on two cores: those of orders and credit here, those that learn and count beside."""
    bounds = TimeBounds()
    shards = _shards(bounds, recommender=True, features=True)
    routed = [routed for piece in _pieces(bounds) for routed in shards[_FIRST].absorb(piece)]
    # Forked, since nothing runs beside it yet and all imports and what the first steps need are there already.
    beside = multiprocessing.get_context("fork").Process(target=_follow, args=(shards, routed, False))
    beside.start()
    _follow(shards, routed, True)
    beside.join()
    warm_up()  # Whatever is missing, as where forking is not safe, is compiled now; an error shows here, too.


def _pieces(bounds: TimeBounds) -> Iterator[Piece]:
    intake = Intake(compile_gate(), bounds)
    for sequence, (number, guests) in enumerate(_PIECES, start=1):
        taken = intake.take(decode_jsonl(_lines(number, guests)), BEFORE_ALL_MS)
        watermark_ms = _START_MS if sequence < len(_PIECES) else _START_MS + _BEYOND_ALL_MS
        yield Piece(Progress(0, 1, sequence, watermark_ms), (taken.admitted,), FINAL)


def _follow(shards: dict[str, Shard], routed: list[Output], chain: bool) -> None:
    """Take what the first step gave into the steps behind it: either those of the long chain or the others."""
    for output, (_, piece) in routed:
        if output in shards and (output == _LONG_CHAIN) == chain:
            _through(shards, piece, output)
    _restore(shards)


def _restore(shards: dict[str, Shard]) -> None:
    for shard in shards.values():
        shard.load(shard.state())


def _shards(bounds: TimeBounds, recommender: bool, features: bool) -> dict[str, Shard]:
    steps = count()

    def pace() -> Pace:
        return Pace(0.0, lambda: float(next(steps)))

    late_ms, long_ms = bounds.allowed_lateness_ms, _HORIZON_MS
    shards: dict[str, Shard] = {
        "": DedupShard(
            0, bounds.dedup_horizon_ms, Routes(recommender=recommender, features=features), lambda *_: None
        ),
        "new": OrderShard(0, 1, long_ms, late_ms, Nowhere, "warm", pace),
        "lines": AttributionShard(
            0, 1, ATTRIBUTION_WINDOWS, long_ms, late_ms, Nowhere, "warm", pace, ("creator",)
        ),
        "figures": CellShard(
            "UTC", late_ms, long_ms, Nowhere, "warm", pace, pace, windows=ATTRIBUTION_WINDOWS, kinds=2
        ),
    }
    if recommender:
        shards["learn"] = LearnerShard(Nowhere, "warm", pace)
    if features:
        shards["features"] = FeatureShard(SHIPPED, "UTC", late_ms, long_ms, Nowhere, "warm", pace)
    return shards


def _through(shards: dict[str, Shard], piece: Piece, step: str = _FIRST) -> None:
    for output, (_, following) in shards[step].absorb(piece):
        if output in shards:
            _through(shards, following, output)


if __name__ == "__main__":
    compile_all()
