"""Which traffic earned what: credit and touches of every channel under one model."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.errors import UsageError
from schemas.keys import US, attribution_key, touch_key
from schemas.metrics import (
    ATTRIBUTION_COUNTS,
    ATTRIBUTION_WINDOWS,
    CHANNELS,
    MODELS,
    TOTAL_START,
    TOUCH_COUNTS,
)
from serving.access import Store, read_together
from serving.cells import decode_cell
from serving.windows import starts

MICRO = 1_000_000


@dataclass(frozen=True)
class AttributionRow:
    """What one channel id earned in one window; `cost_minor` and `roi` are None where no cost is known."""

    channel: str
    id: str
    window_start_ms: int | None
    credit_minor: int
    credited_orders: float
    touches: int
    cost_minor: int | None = None
    roi: float | None = None


def read_attribution(
    store: Store,
    model: str = "last_touch",
    channel: str | None = None,
    *,
    window: str = "total",
    from_ms: int | None = None,
    to_ms: int | None = None,
    attribution_window: str = ATTRIBUTION_WINDOWS[0],
) -> list[AttributionRow]:
    """Return the table of one model, most credit first in each window; `channel` keeps one kind of channel.

    Raises UsageError for an unknown model, channel or window.
    """
    check_choice("model", model, MODELS)
    check_choice("attribution window", attribution_window, ATTRIBUTION_WINDOWS)
    if channel is not None:
        check_choice("channel", channel, CHANNELS)
    spans = starts(store, window, from_ms, to_ms)
    credits = [attribution_key(store.namespace, model, attribution_window, window, start) for start in spans]
    touches = [touch_key(store.namespace, window, start) for start in spans]
    found = read_together(store, [("HGETALL", key) for key in credits + touches]).answers
    rows: list[AttributionRow] = []
    for start, earned, touched in zip(spans, found[: len(spans)], found[len(spans) :], strict=True):
        rows += sorted(
            _rows(start, earned, touched, channel), key=lambda row: (-row.credit_minor, row.channel, row.id)
        )
    return rows


def check_choice(what: str, given: str, known: tuple[str, ...]) -> None:
    """Raise UsageError for a name that is none of the known ones."""
    if given not in known:
        raise UsageError(f"There is no {what} {given!r}; there are: {', '.join(known)}.")


def _rows(
    start: int, earned: dict[bytes, bytes], touched: dict[bytes, bytes], wanted: str | None
) -> Iterator[AttributionRow]:
    for field in earned.keys() | touched.keys():
        channel, _, identifier = field.decode().partition(US)
        if wanted not in (None, channel):
            continue
        credit = decode_cell(earned.get(field), ATTRIBUTION_COUNTS)
        touches = decode_cell(touched.get(field), TOUCH_COUNTS)["touches"]
        if touches or any(credit.values()):
            yield AttributionRow(
                channel,
                identifier,
                None if start == TOTAL_START else start,
                credit["credit_minor"],
                credit["credited_micro_orders"] / MICRO,
                touches,
            )
