"""FACT over time: how each hour's money is shared between field, alliance, campaign, top KOLs and the shelf."""

from dataclasses import dataclass
from typing import Final

from schemas.keys import metric_key
from schemas.metrics import EVENT_TIME_COUNTS, FACT_CHANNELS
from serving.access import Store, read_each
from serving.cells import decode_cell
from serving.windows import starts

HOUR_MS: Final = 3_600_000
HOURS: Final = 24


@dataclass(frozen=True)
class FactMatrix:
    """GMV paid by channel and hour: one list a channel, in the order of `hours_ms`."""

    hours_ms: list[int]
    gmv_paid_minor: dict[str, list[int]]


def read_fact(store: Store, to_ms: int) -> FactMatrix:
    """Return the last 24 hours before a moment that hold any figure; one small read each."""
    hours = [start for start in starts(store, "hour", to_ms - HOURS * HOUR_MS, to_ms) if start < to_ms]
    keys = [metric_key(store.namespace, "e", "fact_channel", "hour", start) for start in hours]
    rows = [
        [decode_cell(cell, EVENT_TIME_COUNTS)["gmv_paid_minor"] for cell in cells]
        for cells in read_each(store, [("HMGET", key, *FACT_CHANNELS) for key in keys])
    ]
    columns = zip(*rows, strict=True) if rows else ([] for _ in FACT_CHANNELS)
    return FactMatrix(
        hours, {name: list(column) for name, column in zip(FACT_CHANNELS, columns, strict=True)}
    )
