"""Durations as people write them.

>>> parse_duration("1h")
3600000
>>> parse_duration("1.5s")
1500
"""

import re
from decimal import Decimal

from schemas.errors import UsageError

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)


def parse_duration(text: str) -> int:
    """Return a duration such as `30s`, `1h` or `30d` in milliseconds; UsageError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise UsageError(
            f"a duration is a number with a unit, such as 500ms, 30s, 5m, 1h or 30d; it is {text!r}"
        )
    milliseconds = Decimal(match.group(1)) * UNITS_MS[match.group(2)]
    if milliseconds != int(milliseconds):
        raise UsageError(f"a duration is a whole number of milliseconds; it is {text!r}")
    return int(milliseconds)
