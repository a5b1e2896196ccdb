"""Which traffic earned what: credit and touches of every channel under one model."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from schemas.errors import UsageError
from schemas.keys import US, attribution_key, touch_key
from schemas.metrics import (
    ATTRIBUTION_COUNTS,
    ATTRIBUTION_WINDOWS,
    CHANNELS,
    DEFAULT_ATTRIBUTION_WINDOW,
    DIRECT,
    FURTHER_CHANNELS,
    MODELS,
    ORGANIC,
    TOTAL_START,
    TOUCH_CELL,
)
from serving.access import Store, read_together
from serving.cells import decode_cell
from serving.coupons import read_costs
from serving.windows import starts

MICRO = 1_000_000
COSTING = ("coupon", "ad_plan")
"""The channels that have a cost; it is of the whole, so it stands beside the window `total` only."""


@dataclass(frozen=True)
class AttributionRow:
    """What one channel id earned in one window; None is what is not known or does not apply.

    Direct credit is that of touches in the order's own session, indirect that of others; what no touch earned is neither.
    """

    channel: str
    id: str
    window_start_ms: int | None
    credit_minor: int
    credited_orders: float
    touches: int
    cost_minor: int | None = None
    roi: float | None = None
    direct_credit_minor: int = 0
    indirect_credit_minor: int = 0
    cost_per_order_minor: float | None = None
    reached_users: int | None = None
    """Distinct users with a touch; None of `direct`, which no touch earned."""
    new_customer_credit_minor: int = 0
    """Credit of lines of a user's first order with the merchant."""


def read_attribution(
    store: Store,
    model: str = "last_touch",
    channel: str | None = None,
    *,
    window: str = "total",
    from_ms: int | None = None,
    to_ms: int | None = None,
    attribution_window: str = DEFAULT_ATTRIBUTION_WINDOW,
) -> list[AttributionRow]:
    """Return the table of one model, most credit first in each window.

    `channel` keeps one kind of channel; without it, the rows are those of coupons, ad plans, campaigns and traffic
    sources, which share out all credit once. Raises UsageError for an unknown model, channel or window.
    """
    check_choice("model", model, MODELS)
    check_choice("attribution window", attribution_window, ATTRIBUTION_WINDOWS)
    if channel is not None:
        check_choice("channel", channel, (*CHANNELS, *FURTHER_CHANNELS))
    wanted = CHANNELS if channel is None else (channel,)
    spans = starts(store, window, from_ms, to_ms)
    further = channel in FURTHER_CHANNELS
    name = store.namespace
    credits = [
        attribution_key(name, model, attribution_window, window, start, further=further) for start in spans
    ]
    touches = [touch_key(name, window, start, further=further) for start in spans]
    found = read_together(store, [("HGETALL", key) for key in credits + touches]).answers
    rows: list[AttributionRow] = []
    for start, earned, touched in zip(spans, found[: len(spans)], found[len(spans) :], strict=True):
        rows += sorted(
            rows_of(start, earned, touched, wanted), key=lambda row: (-row.credit_minor, row.channel, row.id)
        )
    return _with_costs(store, rows) if window == "total" else rows


def check_choice(what: str, given: str, known: tuple[str, ...]) -> None:
    """Raise UsageError for a name that is none of the known ones."""
    if given not in known:
        raise UsageError(f"There is no {what} {given!r}; there are: {', '.join(known)}.")


def indirect(channel: str, identifier: str, credit_minor: int, direct_minor: int) -> int:
    """Return the credit of touches outside the order's session.

    >>> indirect("coupon", "c", 9, 2), indirect("traffic_source", "direct", 9, 0)
    (7, 0)
    """
    return 0 if is_untouched(channel, identifier) else credit_minor - direct_minor


def is_untouched(channel: str, identifier: str) -> bool:
    """Say whether a channel is that of what no touch earned: it reaches nobody, which is not known of any user."""
    return identifier == DIRECT and channel in (ORGANIC, *FURTHER_CHANNELS)


def rows_of(
    start: int, earned: Mapping[bytes, bytes], touched: Mapping[bytes, bytes], wanted: Iterable[str]
) -> Iterator[AttributionRow]:
    """Yield the rows of one window from its stored credit and touches, of these kinds of channels, in no order."""
    for field in earned.keys() | touched.keys():
        channel, _, identifier = field.decode().partition(US)
        if channel not in wanted:
            continue
        credit = decode_cell(earned.get(field), ATTRIBUTION_COUNTS)
        reach = decode_cell(touched.get(field), TOUCH_CELL)
        touches = reach["touches"]
        credit_minor, direct_minor = credit["credit_minor"], credit["direct_credit_minor"]
        if touches or any(credit.values()):
            yield AttributionRow(
                channel,
                identifier,
                None if start == TOTAL_START else start,
                credit_minor,
                credit["credited_micro_orders"] / MICRO,
                touches,
                direct_credit_minor=direct_minor,
                indirect_credit_minor=indirect(channel, identifier, credit_minor, direct_minor),
                reached_users=None if is_untouched(channel, identifier) else reach["reached_users"],
                new_customer_credit_minor=credit["new_customer_credit_minor"],
            )


def _with_costs(store: Store, rows: list[AttributionRow]) -> list[AttributionRow]:
    costs = {
        channel: read_costs(store, channel, [row.id for row in rows if row.channel == channel])
        for channel in COSTING
    }
    return [with_cost(row, costs.get(row.channel, {}).get(row.id)) for row in rows]


def with_cost(row: AttributionRow, cost: int | None) -> AttributionRow:
    """Return a row of the window `total` with its cost, if it has one, and what follows from it."""
    if cost is None:
        return row
    return replace(
        row,
        cost_minor=cost,
        roi=row.credit_minor / cost if cost else None,
        cost_per_order_minor=cost / row.credited_orders if row.credited_orders else None,
    )
