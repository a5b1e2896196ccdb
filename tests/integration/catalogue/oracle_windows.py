"""Minutes, hours, days and the total in SQL; days are looked up in a calendar made instant by instant.

A zone may skip a midnight (Cairo in April), meet it twice (Havana in November) or lie a quarter of an hour
off (Kathmandu), and databases differ in what they then take for the day's begin. So a day is here what a
clock on the wall there shows: it begins at the first instant whose local date is that day.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import duckdb

WINDOW_STARTS: Final = {
    "minute": "at_ms // 60000 * 60000",
    "hour": "at_ms // 3600000 * 3600000",
    "day": "day_ms",
    "total": "NULL::BIGINT",
}
"""Each window's start of a row with `at_ms` and `day_ms`."""
_HOUR_MS: Final = 3_600_000


def day_starts(first_ms: int, last_ms: int, timezone: str) -> list[int]:
    """Return the begins of all days from that of the first instant to that of the last.

    >>> starts = day_starts(1_772_870_400_000, 1_773_043_200_000, "America/New_York")
    >>> [(second - first) // 3_600_000 for first, second in zip(starts, starts[1:])]
    [24, 23]
    """
    zone = ZoneInfo(timezone)
    day, last = _local_date(first_ms, zone), _local_date(last_ms, zone)
    starts = set()
    while day <= last:
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)
        span = range(noon - 36 * _HOUR_MS, noon + 36 * _HOUR_MS)
        starts.add(span[bisect_left(span, day, key=lambda at_ms: _local_date(at_ms, zone))])
        day += timedelta(days=1)
    return sorted(starts)


def make_calendar(store: duckdb.DuckDBPyConnection, timezone: str) -> None:
    """Fill `oracle.days` with the begin of every day of the events."""
    times = "SELECT min(event_time), max(event_time) FROM oracle.events"
    [(first_ms, last_ms)] = store.execute(times).fetchall()
    starts = [] if first_ms is None else day_starts(first_ms, last_ms, timezone)
    store.execute("CREATE OR REPLACE TABLE oracle.days AS SELECT unnest(?::BIGINT[]) AS day_ms", [starts])


def _local_date(at_ms: int, zone: ZoneInfo) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone).date()
