"""Which windows hold figures, and which window a moment falls into.

>>> window_of("hour", 7_300_000, "UTC")
7200000
>>> window_of("day", 0, "Asia/Shanghai")
-28800000
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from schemas.errors import UsageError
from schemas.keys import window_index_key
from schemas.metrics import TOTAL_START, WINDOWS
from serving.access import Store, read_each

_LENGTH_MS = {"minute": 60_000, "hour": 3_600_000}


def check_window(window: str) -> None:
    """Raise UsageError for a window that is not published."""
    if window not in WINDOWS:
        raise UsageError(f"There is no window {window!r}; there are: {', '.join(WINDOWS)}.")


def starts(store: Store, window: str, from_ms: int | None = None, to_ms: int | None = None) -> list[int]:
    """Return the starts of a window's published spans in [from_ms, to_ms), ascending; `total` has one, -1.

    Raises UsageError for an unknown window, and for bounds on `total`, which has no time.
    """
    check_window(window)
    if window == "total":
        if from_ms is not None or to_ms is not None:
            raise UsageError("The window 'total' is over all events; to bound it in time, ask for 'day'.")
        return [TOTAL_START]
    low = "-inf" if from_ms is None else str(from_ms)
    high = "+inf" if to_ms is None else f"({to_ms}"
    (found,) = read_each(store, [("ZRANGEBYSCORE", window_index_key(store.namespace, window), low, high)])
    return [int(start) for start in found]


def latest_start(store: Store, window: str) -> int | None:
    """Return the start of the newest published span, or None where nothing is published."""
    check_window(window)
    if window == "total":
        return TOTAL_START
    (found,) = read_each(
        store,
        [("ZREVRANGEBYSCORE", window_index_key(store.namespace, window), "+inf", "-inf", "LIMIT", 0, 1)],
    )
    return int(found[0]) if found else None


def window_of(window: str, at_ms: int, timezone: str) -> int:
    """Return the start of the span that holds a moment; days begin at midnight in `timezone`."""
    check_window(window)
    if window == "total":
        return TOTAL_START
    if window == "day":
        moment = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(timezone))
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return round(midnight.timestamp() * 1000)
    return at_ms - at_ms % _LENGTH_MS[window]


def to_text(start_ms: int | None) -> str | None:
    """Return a moment as RFC 3339 text in UTC, None for None.

    >>> to_text(0)
    '1970-01-01T00:00:00.000Z'
    """
    if start_ms is None:
        return None
    return (
        datetime.fromtimestamp(start_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
