"""All that can be said of one id's money in one span of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from schemas.errors import UsageError
from schemas.metrics import DIMENSION_OF_SCOPE, METRICS, NO_ID
from serving.access import Store
from serving.deadletters import read_dead_letters, read_reasons
from serving.explain.chains import Chain, paid_to_net, placed_to_paid, refund_time_to_order_time
from serving.explain.order_log import read_lines
from serving.job import read_job
from serving.metrics import read_metrics

MINUTE_MS: Final = 60_000
_BY_OTHERS: Final = {*DIMENSION_OF_SCOPE, "fact_channel"}
MONEY: Final = ("gmv_placed_minor", "gmv_paid_minor", "refunds_minor", "net_gmv_minor")


@dataclass(frozen=True)
class Refused:
    """Inputs that were refused for one reason, and what those of orders would have come to."""

    reason: str
    inputs: int
    orders_minor: int


@dataclass(frozen=True)
class Explanation:
    """The figures of one id, the chains between them, its days, what may still change, and what was refused."""

    scope: str
    id: str
    as_of_ms: int | None
    figures: dict[str, int]
    chains: list[Chain]
    days: dict[int, dict[str, int]]
    provisional: dict[str, int]
    refused: list[Refused]


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
    chains = [
        placed_to_paid(lines, figures),
        paid_to_net(lines, figures),
        refund_time_to_order_time(lines, figures, order_horizon_ms),
    ]
    days = {
        row.window_start_ms or 0: _money(row.values)
        for row in read_metrics(store, scope, identifier, window="day", from_ms=from_ms, to_ms=to_ms)
    }
    closed_ms = None if job.as_of_ms is None else job.as_of_ms - lateness_ms
    return Explanation(
        scope, identifier, job.as_of_ms, figures, chains, days,
        _provisional(store, scope, identifier, closed_ms, to_ms), _refused(store, scope, identifier, from_ms, to_ms),
    )  # fmt: skip


def _figures(
    store: Store, scope: str, identifier: str, from_ms: int | None, to_ms: int | None
) -> dict[str, int]:
    window = "total" if from_ms is None and to_ms is None else "minute"
    rows = read_metrics(store, scope, identifier, window=window, from_ms=from_ms, to_ms=to_ms)
    return {name: sum(row.values[name] for row in rows) for name in METRICS}


def _money(values: Mapping[str, int]) -> dict[str, int]:
    return {name: values[name] for name in MONEY}


def _provisional(
    store: Store, scope: str, identifier: str, closed_ms: int | None, to_ms: int | None
) -> dict[str, int]:
    """Sum the minutes that events may still change: those that end after the watermark less the lateness."""
    if closed_ms is None or (to_ms is not None and to_ms <= closed_ms):
        return dict.fromkeys(MONEY, 0)
    from_ms = closed_ms // MINUTE_MS * MINUTE_MS
    rows = read_metrics(store, scope, identifier, window="minute", from_ms=from_ms, to_ms=to_ms)
    return {name: sum(row.values[name] for row in rows) for name in MONEY}


def _refused(
    store: Store, scope: str, identifier: str, from_ms: int | None, to_ms: int | None
) -> list[Refused]:
    found = []
    for reason in sorted(read_reasons(store)):
        inputs = orders_minor = 0
        for letter in read_dead_letters(store, reason):
            time_ms = letter.record.event_time_ms
            if time_ms is not None and not (from_ms or time_ms) <= time_ms < (to_ms or time_ms + 1):
                continue
            event = _readable(letter.record.raw)
            if not _is_of(event, scope, identifier):
                continue
            inputs += 1
            amount = event.get("amount_minor")
            orders_minor += amount if isinstance(amount, int) else 0
        if inputs:
            found.append(Refused(reason, inputs, orders_minor))
    return found


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
