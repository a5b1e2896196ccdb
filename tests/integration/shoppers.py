"""Shoppers who meet coupons with a hold-out, ads and campaigns on their ways, written as events; the same for a seed."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

T0 = 1_772_928_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOLDOUTS = {"c1": 0.25, "c2": 0.5, "c3": 0.0}
SOURCES = ("search", "recommend", "follow", "short_video", "share")

Row = dict[str, Any]


def shopping(count: int, seed: int) -> list[Row]:
    """Return what so many shoppers did within four days, in order of time."""
    draw = random.Random(seed)
    rows = [*_coupons(), *(row for number in range(count) for row in _way(draw, f"u{number}"))]
    rows.sort(key=lambda row: row["event_time"])
    return [{"event_id": f"e{at:06}", **row} for at, row in enumerate(rows)]


def _coupons() -> Iterator[Row]:
    for coupon, share in HOLDOUTS.items():
        told = {"event_type": "coupon", "coupon_id": coupon, "creator_id": "cr0", "holdout_share": share}
        yield told | {
            "event_time": T0 - 1,
            "coupon_status": "granted",
            "valid_to": T0 + 2 * DAY_MS,
            "cost_minor": 9000,
        }
    ended = {"event_type": "coupon", "coupon_id": "c2", "creator_id": "cr0", "coupon_status": "revoked"}
    yield ended | {"event_time": T0 + DAY_MS + HOUR_MS}


def _way(draw: random.Random, user: str) -> Iterator[Row]:
    moment = T0 + draw.randrange(3 * DAY_MS)
    for _ in range(draw.randrange(1, 7)):
        here = {
            "user_id": user, "room_id": f"r{draw.randrange(2)}", "session_id": "s",
            "creator_id": f"cr{draw.randrange(3)}", "item_id": f"i{draw.randrange(3)}", "event_time": moment,
        }  # fmt: skip
        yield here | _touch(draw)
        moment += draw.choice([0, 1, 60_000, draw.randrange(12 * HOUR_MS)])
    if draw.random() < 0.6:
        paid = {"event_type": "order", "order_id": f"o-{user}", "quantity": 1, "currency": "CNY"}
        line = here | paid | {"event_time": moment, "traffic_source": "search"}
        amount = draw.choice([1, 100, draw.randrange(1, 10**6)])
        yield line | {"order_status": "paid", "amount_minor": amount}
        if draw.random() < 0.3:
            back = {"order_status": "refunded", "amount_minor": draw.randrange(1, amount + 1)}
            yield line | back | {"event_time": moment + draw.randrange(5 * HOUR_MS)}


def _touch(draw: random.Random) -> Row:
    kind = draw.randrange(8)
    if kind < 3:
        coupon = draw.choice([*HOLDOUTS])
        shown = {"event_type": "view", "coupon_id": coupon, "traffic_source": "coupon"}
        return shown | ({"holdout": True} if draw.random() < HOLDOUTS[coupon] else {})
    if kind == 3:
        return {"event_type": "click", "ad_plan_id": "a1", "traffic_source": "qianchuan"}
    if kind == 4:
        return {"event_type": "click", "campaign_id": "m1", "traffic_source": "campaign"}
    return {"event_type": draw.choice(["view", "click"]), "traffic_source": draw.choice([*SOURCES, None])}


def written(rows: list[Row], path: Path) -> Path:
    """Write events as a file."""
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    return path
