"""What every answer says of itself, and the three forms that it comes in."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from serving.http.problems import RequestError
from serving.http.store import Seen
from serving.windows import to_text

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"
ARROW: Final = "application/vnd.apache.arrow.stream"
_NAMES: Final = {
    "application/json": JSON, "application/*": JSON, "*/*": JSON, "application/msgpack": MSGPACK,
    "application/vnd.msgpack": MSGPACK, "application/x-msgpack": MSGPACK, ARROW: ARROW,
}  # fmt: skip


class Answer(msgspec.Struct, kw_only=True):
    """What the figures are true as of (the watermark), how old that is, and what they belong to."""

    as_of: str | None = None
    age_ms: int | None = None
    stale: bool = False
    """Older than the server's --max-staleness."""
    whole: bool = True
    """Figures of one moment; false where a job was killed in the middle of a write."""
    job_status: str | None = None
    """`running`, or `clean`: stopped in order, or all was read."""
    currency: str | None = None
    timezone: str | None = None
    synthetic: bool = False


def told(seen: Seen, now_ms: int, max_staleness_ms: int) -> dict[str, Any]:
    """Return the fields of `Answer`, to be passed on by name."""
    as_of_ms = seen.job.as_of_ms
    age_ms = None if as_of_ms is None else max(now_ms - as_of_ms, 0)
    return {
        "as_of": to_text(as_of_ms),
        "age_ms": age_ms,
        "stale": age_ms is not None and age_ms > max_staleness_ms,
        "whole": seen.whole,
        "job_status": seen.job.description.get("status"),
        "currency": seen.job.currency,
        "timezone": seen.job.timezone,
        "synthetic": seen.job.synthetic,
    }


def chosen_form(accept: str) -> str:
    """Return the media type that an Accept header likes best; JSON where it does not say.

    >>> chosen_form("application/msgpack;q=0.5, application/vnd.apache.arrow.stream"), chosen_form("")
    ('application/vnd.apache.arrow.stream', 'application/json')
    """
    liked = [_liked(part) for part in accept.split(",") if part.strip()] or [(1.0, JSON)]
    known = [(quality, name) for quality, name in liked if quality > 0 and name in _NAMES]
    if not known:
        raise RequestError(406, f"Nothing that is served is acceptable under {accept!r}.")
    return _NAMES[max(known, key=lambda each: each[0])[1]]


def _liked(part: str) -> tuple[float, str]:
    name, *parameters = (text.strip().lower() for text in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:]), name
            except ValueError:
                return 0.0, name
    return 1.0, name


def encoded(answer: msgspec.Struct, form: str) -> bytes:
    """Return an answer's bytes in one form; raises RequestError (406) for rows asked of what has none."""
    return _ENCODERS[form](answer)


def _arrow(answer: msgspec.Struct) -> bytes:
    from serving.http.arrow import rows_stream

    return rows_stream(answer)


_ENCODERS: Final[dict[str, Callable[[msgspec.Struct], bytes]]] = {
    JSON: msgspec.json.Encoder().encode,
    MSGPACK: msgspec.msgpack.Encoder().encode,
    ARROW: _arrow,
}
