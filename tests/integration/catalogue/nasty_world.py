"""A small world in which everything meets: who and what there is, its dimensions with their gaps, its clocks."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from oracle_terms import DAY_MS, Terms

from schemas.events import TIMESTAMP

Row = dict[str, Any]

USERS: Final = tuple(f"u{number}" for number in range(6))
ROOMS: Final = ("r0", "r1", "r2")
CREATORS: Final = ("c0", "c1", "c2", "c3", "c4", "c5")
"""`c3` has nothing but its row, `c4` has no row, `c5` has a kind and nothing else."""
ITEMS: Final = tuple(f"i{number}" for number in range(9))
"""`i4` has nothing but its row, `i5` has no row, the merchant of `i3` has none, that of `i2` has nothing but it."""
CAMPAIGNS: Final = ("618", "1111")


@dataclass(frozen=True)
class World:
    """A time zone, the days that the events lie in, and moments that they like to lie at."""

    timezone: str
    begin_ms: int
    magnets_ms: tuple[int, ...]
    span_ms: int = 3 * DAY_MS

    def terms(self) -> Terms:
        """Return the terms of its deployment."""
        return Terms(timezone=self.timezone)


def _world(timezone: str, *moments: str) -> World:
    magnets = [round(datetime.fromisoformat(moment).timestamp() * 1000) for moment in moments]
    return World(timezone, magnets[0] - DAY_MS, tuple(magnets))


WORLDS: Final = {
    "midnight in Shanghai": _world("Asia/Shanghai", "2026-06-18T00:00+08:00", "2026-06-19T00:00+08:00"),
    "23 hours in New York": _world("America/New_York", "2026-03-08T00:00-05", "2026-03-08T03:00-04", "2026-03-09T00:00-04"),
    "25 hours in New York": _world("America/New_York", "2026-11-01T00:00-04", "2026-11-01T01:00-05", "2026-11-02T00:00-05"),
    "no midnight in Cairo": _world("Africa/Cairo", "2026-04-24T01:00+03:00", "2026-04-25T00:00+03:00"),
    "two midnights in Havana": _world("America/Havana", "2026-11-01T00:00-04", "2026-11-01T00:00-05", "2026-11-02T00:00-05"),
    "a quarter past in Kathmandu": _world("Asia/Kathmandu", "2026-06-18T00:00+05:45", "2026-06-19T00:00+05:45"),
}  # fmt: skip
"""The first moment of each is a midnight: a day's begin where the zone has it."""


def launches_ms(world: World) -> dict[str, int]:
    """Return when items were launched: `i6` in these days, `i7` and `i8` 30 days before a moment in them."""
    day = world.magnets_ms[0]
    return {
        "i0": day - 400 * DAY_MS,
        "i6": day + DAY_MS // 2,
        "i7": day - 30 * DAY_MS,
        "i8": day - 29 * DAY_MS,
    }


def write_world(folder: Path, world: World) -> Path:
    """Write the dimensions, each in another format."""
    folder.mkdir(parents=True, exist_ok=True)
    launched = launches_ms(world)
    items: list[Row] = [
        {"item_id": item, "merchant_id": merchant, "brand_id": brand, "category_id": category, "is_premium": premium,
         "launched_at": launched.get(item)}
        for item, merchant, brand, category, premium in (
            ("i0", "m0", "b0", "k0", True), ("i1", "m0", "b0", "k1", False), ("i2", "m1", "b1", "k1", None),
            ("i3", "m2", None, "k2", True), ("i4", None, None, None, None), ("i6", "m0", "b2", "k0", False),
            ("i7", "m1", "b1", "k2", True), ("i8", "m3", "b0", None, False),
        )
    ]  # fmt: skip
    kinds = (pa.string(), pa.string(), pa.string(), pa.string(), pa.bool_(), TIMESTAMP)
    columns = [
        pa.array([row[name] for row in items], kind) for name, kind in zip(items[0], kinds, strict=True)
    ]
    pq.write_table(pa.table(columns, names=list(items[0])), folder / "items.parquet")
    (folder / "creators.csv").write_text(
        "creator_id,kind,mcn_id,base_id\nc0,merchant,mcn0,base0\nc1,creator,mcn1,base1\nc2,top_kol,mcn0,\nc3,,,\nc5,creator,,\n"
    )
    merchants: list[Row] = [
        {"merchant_id": "m0", "service_provider_id": "sp0", "region": "north"}, {"merchant_id": "m1"},
        {"merchant_id": "m3", "service_provider_id": "sp1", "region": None},
    ]  # fmt: skip
    (folder / "merchants.jsonl").write_text("".join(json.dumps(row) + "\n" for row in merchants))
    return folder
