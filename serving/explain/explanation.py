"""All that can be said of one id's money in one span of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from schemas.errors import UsageError
from schemas.metrics import DIMENSION_OF_SCOPE, METRICS, NO_ID
from serving.access import Store
from serving.deadletters import read_dead_letters, read_reasons
from serving.explain.chains import (
    Chain,
    Refused,
    paid_to_net,
    placed_to_paid,
    received_to_accepted,
    refund_time_to_order_time,
    so_far_to_final,
    whole_to_day,
)
from serving.explain.order_log import REFUNDED, Line, read_lines
from serving.job import read_job
from serving.metrics import read_metrics
from serving.tables.orders import reconciliation_table

MINUTE_MS: Final = 60_000
_BY_OTHERS: Final = {*DIMENSION_OF_SCOPE, "fact_channel"}
MONEY: Final = ("gmv_placed_minor", "gmv_paid_minor", "refunds_minor", "net_gmv_minor")


@dataclass(frozen=True)
class OpenRefund:
    """A refund of a line seen here that the orders do not explain: `orphan_refund` or `over_refund`; it stays counted."""

    kind: str
    order_id: str
    item_id: str
    amount_minor: int


@dataclass(frozen=True)
class Explanation:
    """The figures of one id, the chains between them, its days, what may still change, what was refused or is open."""

    scope: str
    id: str
    as_of_ms: int | None
    figures: dict[str, int]
    chains: list[Chain]
    days: dict[int, dict[str, int]]
    provisional: dict[str, int]
    refused: list[Refused]
    open_refunds: list[OpenRefund]


def explain(
    store: Store, scope: str, identifier: str, *, from_ms: int | None = None, to_ms: int | None = None,
    lateness_ms: int = 3_600_000, order_horizon_ms: int = 30 * 86_400_000,
) -> Explanation:  # fmt: skip
    """Reconcile the figures of one id over all time, or in whole minutes of [from_ms, to_ms).

    Use it when two screens show two amounts. Costs a read of the whole order log. Raises UsageError for bounds within
    a minute or an unknown scope.
    """
    for bound in (from_ms, to_ms):
        if bound is not None and bound % MINUTE_MS:
            raise UsageError("Figures are kept by the minute: let --from and --to be whole minutes.")
    job = read_job(store)
    figures = _figures(store, scope, identifier, from_ms, to_ms)
    lines = read_lines(store, scope, identifier, from_ms, to_ms)
    refused = _refused(store, scope, identifier, from_ms, to_ms, job.currency)
    days = {
        row.window_start_ms or 0: _money(row.values)
        for row in read_metrics(store, scope, identifier, window="day", from_ms=from_ms, to_ms=to_ms)
    }
    closed_ms = None if job.as_of_ms is None else (job.as_of_ms - lateness_ms) // MINUTE_MS * MINUTE_MS
    provisional = _provisional(store, scope, identifier, closed_ms, from_ms, to_ms)
    chains = [
        placed_to_paid(lines, figures),
        paid_to_net(lines, figures),
        refund_time_to_order_time(lines, figures, order_horizon_ms),
        *_first_day(lines, figures, days, job.timezone, whole=from_ms is None and to_ms is None),
        received_to_accepted(figures, refused),
    ]
    if closed_ms is not None:
        final_minor = figures["gmv_paid_minor"] - provisional["gmv_paid_minor"]
        chains.append(so_far_to_final(lines, figures, final_minor, closed_ms))
    return Explanation(
        scope,
        identifier,
        job.as_of_ms,
        figures,
        chains,
        days,
        provisional,
        refused,
        _open_refunds(store, lines),
    )


def _first_day(
    lines: Sequence[Line], figures: Mapping[str, int], days: Mapping[int, Mapping[str, int]], timezone: str,
    *, whole: bool,
) -> list[Chain]:  # fmt: skip
    """Return the chain from the whole, such as a broadcast, to the calendar day that it began on, if it has any."""
    if not whole or not days:
        return []
    zone, first_ms = ZoneInfo(timezone), min(days)

    def day_of(moment_ms: int) -> str:
        return datetime.fromtimestamp(moment_ms / 1000, zone).date().isoformat()

    return [whole_to_day(lines, figures, day_of(first_ms), days[first_ms]["gmv_paid_minor"], day_of)]


def _figures(
    store: Store, scope: str, identifier: str, from_ms: int | None, to_ms: int | None
) -> dict[str, int]:
    window = "total" if from_ms is None and to_ms is None else "minute"
    rows = read_metrics(store, scope, identifier, window=window, from_ms=from_ms, to_ms=to_ms)
    return {name: sum(row.values[name] for row in rows) for name in METRICS}


def _money(values: Mapping[str, int]) -> dict[str, int]:
    return {name: values[name] for name in MONEY}


def _open_refunds(store: Store, lines: Sequence[Line]) -> list[OpenRefund]:
    """Return what is open of these lines, of all their refunds."""
    concerned = {(line.order_id, line.item_id) for line in lines if line.has(REFUNDED, here=True)}
    columns = reconciliation_table(store).select(["kind", "order_id", "item_id", "amount_minor"]).to_pydict()
    rows = (OpenRefund(*row) for row in zip(*columns.values(), strict=True))
    return [row for row in rows if (row.order_id, row.item_id) in concerned]


def _provisional(
    store: Store, scope: str, identifier: str, closed_ms: int | None, from_ms: int | None, to_ms: int | None
) -> dict[str, int]:
    """Sum the minutes that events may still change: those that end after the watermark less the lateness."""
    if closed_ms is None or (to_ms is not None and to_ms <= closed_ms):
        return dict.fromkeys(MONEY, 0)
    begin_ms = closed_ms if from_ms is None else max(closed_ms, from_ms)
    rows = read_metrics(store, scope, identifier, window="minute", from_ms=begin_ms, to_ms=to_ms)
    return {name: sum(row.values[name] for row in rows) for name in MONEY}


def _refused(
    store: Store, scope: str, identifier: str, from_ms: int | None, to_ms: int | None, currency: str | None
) -> list[Refused]:
    found = []
    for reason in sorted(read_reasons(store)):
        events = [
            _readable(letter.record.raw)
            for letter in read_dead_letters(store, reason)
            if _is_within(letter.record.event_time_ms, from_ms, to_ms)
        ]
        concerned = [event for event in events if _is_of(event, scope, identifier)]
        if concerned:
            found.append(_told(reason, concerned, currency))
    return found


def _told(reason: str, events: Sequence[Mapping[str, Any]], currency: str | None) -> Refused:
    paid = [
        event
        for event in events
        if event.get("order_status") == "paid" and currency in (None, event.get("currency"))
    ]
    orders = sorted({str(event.get("order_id")) for event in paid})
    return Refused(reason, len(events), sum(map(_amount, events)), sum(map(_amount, paid)), orders)


def _amount(event: Mapping[str, Any]) -> int:
    amount = event.get("amount_minor")
    return amount if isinstance(amount, int) else 0


def _is_within(time_ms: int | None, from_ms: int | None, to_ms: int | None) -> bool:
    if time_ms is None:
        return True
    return (from_ms is None or from_ms <= time_ms) and (to_ms is None or time_ms < to_ms)


def _readable(raw: bytes) -> dict[str, Any]:
    """Return a refused input as far as it can be read."""
    try:
        event = msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return {}
    return event if isinstance(event, dict) else {}


def _is_of(event: Mapping[str, Any], scope: str, identifier: str) -> bool:
    """Whether a refused input says that it is of an id; what only dimensions say of it, it does not."""
    if scope == "platform" or scope in _BY_OTHERS:
        return scope == "platform"
    return (event.get(scope if scope == "traffic_source" else f"{scope}_id") or NO_ID) == identifier
