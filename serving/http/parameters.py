"""The kinds of parameters that requests have, each with what it may be, and moments as people write them."""

from collections.abc import Collection
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from schemas.errors import UsageError
from schemas.metrics import (
    ATTRIBUTION_WINDOWS,
    CHANNELS,
    FURTHER_CHANNELS,
    METRICS,
    MODELS,
    SCOPES,
    WINDOWS,
)
from serving.http.problems import RequestError
from serving.moments import parse_moment

_EARLIEST_MS: Final = -62_000_000_000_000
_LATEST_MS: Final = 253_000_000_000_000
"""Within the years that Python's calendar knows, in any time zone."""

Scope = Annotated[str, Meta(description="Whose figures.", extra_json_schema={"enum": list(SCOPES)})]
Window = Annotated[str, Meta(description="How long a window is.", extra_json_schema={"enum": list(WINDOWS)})]
Metric = Annotated[str, Meta(description="What to rank by.", extra_json_schema={"enum": list(METRICS)})]
Model = Annotated[str, Meta(description="How credit is given.", extra_json_schema={"enum": list(MODELS)})]
ANY_CHANNEL: Final = (*CHANNELS, *FURTHER_CHANNELS)
Channel = Annotated[
    str, Meta(description="Which kind of channel.", extra_json_schema={"enum": list(ANY_CHANNEL)})
]
AttributionWindow = Annotated[
    str,
    Meta(
        description="Which touches count; without it, the first that the job credits under.",
        extra_json_schema={"enum": list(ATTRIBUTION_WINDOWS)},
    ),
]
Id = Annotated[str, Meta(min_length=1, max_length=1024, description="Its id.")]
Moment = Annotated[
    str,
    Meta(
        description="A date, an RFC 3339 time, or epoch milliseconds; a date is midnight in the job's time zone.",
        extra_json_schema={
            "anyOf": [
                {"format": "date-time"},
                {"format": "date"},
                {"pattern": "^[1-9][0-9]{8,13}$"},
            ]
        },
    ),
]
Windows = Annotated[int, Meta(ge=1, le=10_000, description="At most so many windows, the newest.")]


class Bounded(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which windows: their length, and the span of time in which they begin."""

    window: Window = "total"
    from_: Moment | None = msgspec.field(name="from", default=None)
    to: Moment | None = None
    limit: Windows = 1440


def moment_ms(name: str, text: str, timezone: str) -> int:
    """Return a moment in UTC milliseconds; raises RequestError (400) for what is none."""
    try:
        found = parse_moment(text.upper(), timezone)
    except UsageError as error:
        raise RequestError(400, f"`{name}` is no moment. {error}") from None
    return min(max(found, _EARLIEST_MS), _LATEST_MS)


def bounds_ms(asked: Bounded, timezone: str) -> tuple[int | None, int | None]:
    """Return both ends of what is asked for; raises RequestError (409) for bounds on `total`."""
    from_ms = None if asked.from_ is None else moment_ms("from", asked.from_, timezone)
    to_ms = None if asked.to is None else moment_ms("to", asked.to, timezone)
    if asked.window == "total" and (from_ms is not None or to_ms is not None):
        raise RequestError(
            409,
            "`total` is over all events: it has no `from` or `to`.",
            "Ask for the windows of a day: window=day.",
        )
    return from_ms, to_ms


def check_path(what: str, given: str, known: Collection[str]) -> None:
    """Raise RequestError (404) for a name in a path that is none of the known ones."""
    if given not in known:
        raise RequestError(404, f"There is no {what} {given!r}.", f"There are: {', '.join(known)}.")


def check_query(name: str, given: str, known: Collection[str]) -> None:
    """Raise RequestError (400) for a parameter that is none of the known ones."""
    if given not in known:
        raise RequestError(400, f"`{name}` cannot be {given!r}.", f"It may be: {', '.join(known)}.")
