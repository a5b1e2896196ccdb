"""When each of a sequence of events is due: at once, so many a second, or as they happened, only faster."""

import math
from collections.abc import Callable
from datetime import datetime

import msgspec

Pace = Callable[[int, bytes], float]
"""From an event's number (from 0) and its JSON line to the second after the start at which it is due."""


class _Timed(msgspec.Struct):
    event_time: int | str


_DECODER = msgspec.json.Decoder(_Timed)


def at_once(_number: int, _line: bytes) -> float:
    """Every event is due at the start."""
    return 0.0


def at_rate(per_second: float) -> Pace:
    """Return the pace of a fixed number of events a second.

    >>> at_rate(4)(10, b"{}")
    2.5
    """
    return lambda number, _line: number / per_second


def at_speed(factor: float) -> Pace:
    """Return the pace of the events' own times, `factor` times as fast, from the first one on.

    An event out of order or without a readable time is due at once with its neighbours.

    >>> pace = at_speed(60)
    >>> pace(0, b'{"event_time": 1000}'), pace(1, b'{"event_time": "1970-01-01T00:01:01Z"}')
    (0.0, 1.0)
    """
    first_ms = math.nan

    def due(_number: int, line: bytes) -> float:
        nonlocal first_ms
        time_ms = event_time_ms(line)
        if time_ms is None:
            return 0.0
        if math.isnan(first_ms):
            first_ms = time_ms
        return max(0.0, (time_ms - first_ms) / 1000 / factor)

    return due


def event_time_ms(line: bytes) -> float | None:
    """Return the event time of a JSON line in UTC milliseconds, None where it has none that can be read."""
    try:
        told = _DECODER.decode(line).event_time
        return float(told) if isinstance(told, int) else datetime.fromisoformat(told).timestamp() * 1000
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None
