"""Which broadcasts there are: where, by whom, when, and whether they are on air.

>>> is_on_air(last_seen_ms=600_000, as_of_ms=900_000), is_on_air(600_000, 1_500_000)
(True, False)
"""

from dataclasses import dataclass
from typing import Final

from schemas.keys import metric_key
from schemas.metrics import EVENT_TIME_COUNTS, NO_ID, TOTAL_START, UNKNOWN_ID
from serving.access import Store, read_each
from serving.cells import decode_cell
from serving.metrics import MetricsRow, read_metrics
from serving.wall.order_index import Airing, OrderIndex, airings

MINUTE_MS: Final = 60_000
ON_AIR_MS: Final = 6 * MINUTE_MS
"""A broadcast that nobody was seen in for so long is over."""
NOBODY: Final = (NO_ID, UNKNOWN_ID)
LISTED: Final = 300


@dataclass(frozen=True)
class Broadcast:
    """One broadcast as it is listed; `from_ms` and `to_ms` are those of its orders until its minutes are read."""

    session_id: str
    room_id: str
    creator_id: str
    campaign_id: str
    from_ms: int
    to_ms: int
    gmv_paid_minor: int
    on_air: bool


@dataclass(frozen=True)
class Span:
    """From when to when a broadcast was seen, in whole minutes, and its figures in each."""

    from_ms: int
    to_ms: int
    minutes: list[MetricsRow]


def is_on_air(last_seen_ms: int, as_of_ms: int | None) -> bool:
    """Say whether a broadcast that was last seen then still goes on."""
    return as_of_ms is not None and as_of_ms - last_seen_ms <= ON_AIR_MS


def read_broadcasts(store: Store, index: OrderIndex, as_of_ms: int | None) -> list[Broadcast]:
    """Return the newest broadcasts, those with the latest orders first; one small read each."""
    found = airings(index.refresh())[-LISTED:][::-1]
    key = metric_key(store.namespace, "e", "session", "total", TOTAL_START)
    cells = read_each(store, [("HGET", key, airing.session_id) for airing in found])
    seen = _seen_lately(store, as_of_ms)
    return [
        _broadcast(airing, cell, on_air=airing.session_id in seen or is_on_air(airing.last_ms, as_of_ms))
        for airing, cell in zip(found, cells, strict=True)
    ]


def read_span(
    store: Store, scope: str, identifier: str, timezone_day_ms: int = 36 * 3_600_000
) -> Span | None:
    """Return the minutes between the first and the last with a view, None where there are none.

    Looks at days, then at hours, then at minutes, so it costs one read for each of those that a show touches.
    """
    days = [row for row in read_metrics(store, scope, identifier, window="day") if row.values["views"]]
    if not days:
        return None
    first, last = _start(days[0]), _start(days[-1])
    hours = _viewed(store, scope, identifier, "hour", first, last + timezone_day_ms)
    if not hours:
        return None
    begin, end = _start(hours[0]), _start(hours[-1]) + 60 * MINUTE_MS
    minutes = read_metrics(store, scope, identifier, window="minute", from_ms=begin, to_ms=end)
    viewed = [row for row in minutes if row.values["views"]]
    if not viewed:
        return None
    return Span(_start(viewed[0]), _start(viewed[-1]) + MINUTE_MS, minutes)


def _viewed(
    store: Store, scope: str, identifier: str, window: str, from_ms: int, to_ms: int
) -> list[MetricsRow]:
    rows = read_metrics(store, scope, identifier, window=window, from_ms=from_ms, to_ms=to_ms)
    return [row for row in rows if row.values["views"]]


def _start(row: MetricsRow) -> int:
    return row.window_start_ms or 0


def _seen_lately(store: Store, as_of_ms: int | None) -> set[str]:
    """Return the broadcasts that anybody was seen in during the last minutes."""
    if as_of_ms is None:
        return set()
    latest = as_of_ms - as_of_ms % MINUTE_MS
    starts = range(latest - ON_AIR_MS, latest + 1, MINUTE_MS)
    keys = [metric_key(store.namespace, "e", "session", "minute", start) for start in starts]
    held = read_each(store, [("HGETALL", key) for key in keys])
    return {
        field.decode()
        for cells in held
        for field, cell in cells.items()
        if decode_cell(cell, EVENT_TIME_COUNTS)["views"]
    } - set(NOBODY)


def _broadcast(airing: Airing, cell: bytes | None, *, on_air: bool) -> Broadcast:
    counts = decode_cell(cell, EVENT_TIME_COUNTS)
    return Broadcast(
        airing.session_id,
        airing.room_id,
        airing.creator_id,
        airing.campaign_id,
        airing.first_ms,
        airing.last_ms,
        counts["gmv_paid_minor"],
        on_air,
    )
