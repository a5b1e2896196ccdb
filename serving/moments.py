"""Moments as people write them: a date, an RFC 3339 time, or epoch milliseconds.

>>> parse_moment("1970-01-02", "UTC"), parse_moment("1970-01-01T00:00:01Z", "UTC")
(86400000, 1000)
>>> parse_moment("1970-01-01", "Asia/Shanghai")
-28800000
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.errors import UsageError

LONGEST_DATE = 8
"""Digits up to which a number is a date (20101201), not milliseconds; in 1970 those are of the first day."""


def parse_moment(text: str, timezone: str) -> int:
    """Return a moment in UTC milliseconds; a text without an offset is in `timezone`.

    Raises UsageError for anything that is no moment.
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) > LONGEST_DATE:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"A moment is a date (2010-12-01), a time (2010-12-01T08:26:00Z) or epoch milliseconds; "
            f"it is {text!r}."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(timezone))
    return round(moment.timestamp() * 1000)
