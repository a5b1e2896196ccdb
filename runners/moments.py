"""Spans of time as people write them on the command line.

>>> parse_bounds("1970-01-02", None, "UTC")
(86400000, None)
"""

from schemas.errors import UsageError
from serving.moments import parse_moment

__all__ = ["parse_bounds", "parse_moment"]


def parse_bounds(from_: str | None, to: str | None, timezone: str) -> tuple[int | None, int | None]:
    """Return both ends of a span of time in UTC milliseconds, None where there is none.

    Raises UsageError if nothing can lie between them.
    """
    from_ms = parse_moment(from_, timezone) if from_ is not None else None
    to_ms = parse_moment(to, timezone) if to is not None else None
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise UsageError(f"--from {from_} is not before --to {to}, so nothing can lie between them.")
    return from_ms, to_ms
