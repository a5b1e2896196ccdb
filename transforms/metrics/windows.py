"""Which window an instant belongs to: minute and hour in UTC, day in the reporting time zone.

>>> day_starts = DayStarts("America/New_York")
>>> import numpy as np
>>> # 2026-03-08 has 23 hours there: its day begins at 05:00 UTC, the next at 04:00 UTC
>>> starts = day_starts(np.array([1772950000 // 60, 1773036000 // 60]))
>>> ((starts[1] - starts[0]) // 60).item()
23
"""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Minutes = npt.NDArray[np.int64]

MINUTE: Final = 0
HOUR: Final = 1
DAY: Final = 2
TOTAL: Final = 3

_EPOCH: Final = date(1970, 1, 1)
_DAY_MINUTES: Final = 1440
_FIRST_DAY: Final = (date.min - _EPOCH).days + 1
_LAST_DAY: Final = (date.max - _EPOCH).days - 1
_LENGTH_MINUTES: Final = (1, 60, 25 * 60, 2**40)


def ends_by(kinds: npt.NDArray[np.int8], starts: Minutes) -> Minutes:
    """Return a minute by which each window has surely ended; days have up to 25 hours, `total` never ends."""
    return starts + np.array(_LENGTH_MINUTES, np.int64)[kinds]


class DayStarts:
    """The minute (since the epoch, UTC) at which the local calendar day of each minute began."""

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._first = self._last = 0
        self._starts = np.zeros(0, np.int64)

    def __call__(self, minutes: Minutes) -> Minutes:
        """Cost: a binary search a minute, and 3 µs for each day between the first and the last ever asked for."""
        if not len(minutes):
            return minutes
        self._cover(int(minutes.min()) // _DAY_MINUTES, int(minutes.max()) // _DAY_MINUTES)
        return self._starts[np.searchsorted(self._starts, minutes, side="right") - 1]

    def _cover(self, first: int, last: int) -> None:
        """Know the days of these UTC days; a local date is at most one away from the UTC date."""
        if len(self._starts):
            if self._first <= first and last <= self._last:
                return
            first, last = min(first, self._first), max(last, self._last)
        self._first, self._last = first, last
        self._starts = np.array([self._start(day) for day in range(first - 1, last + 2)], np.int64)

    def _start(self, day: int) -> int:
        """Return when a local date begins; where its midnight is skipped, ZoneInfo takes the instant after the gap.

        Beyond the calendar, where a watermark may be though no event is, it is the day in UTC.
        """
        if not _FIRST_DAY <= day <= _LAST_DAY:
            return day * _DAY_MINUTES
        midnight = datetime.combine(_EPOCH + timedelta(days=day), time(), self._zone)
        return int(midnight.timestamp()) // 60
