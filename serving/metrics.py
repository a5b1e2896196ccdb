"""The figures of one scope id, window by window."""

from dataclasses import dataclass
from functools import cached_property

from schemas.keys import metric_key
from schemas.metrics import (
    EVENT_TIME_COUNTS,
    ORDER_TIME_COUNTS,
    TOTAL_START,
    UNIQUES,
    derive,
    has_online_users,
)
from serving.access import Store, read_together
from serving.cells import decode_cell
from serving.ratios import ratios
from serving.windows import starts


@dataclass(frozen=True)
class MetricsRow:
    """Every figure of one id in one window; `window_start_ms` is None for `total`.

    `values` are the counts, `uniques` the distinct users: None where they are not counted.
    """

    window: str
    window_start_ms: int | None
    values: dict[str, int]
    uniques: dict[str, int | None]

    @cached_property
    def ratios(self) -> dict[str, float | None]:
        """Ratios of counts and distinct users; None where the denominator is 0."""
        return ratios({**self.values, **self.uniques})

    @property
    def figures(self) -> dict[str, int | float | None]:
        """Everything under its name, in the order of the exported columns."""
        return {**self.values, **self.uniques, **self.ratios}


def read_metrics(
    store: Store,
    scope: str,
    identifier: str,
    *,
    window: str = "total",
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> list[MetricsRow]:
    """Return the windows of [from_ms, to_ms) in which the id has any figure, oldest first.

    Costs two small reads a window, 500 a round trip. Raises UsageError for an unknown window.
    """
    spans = starts(store, window, from_ms, to_ms)
    commands = [
        ("HGET", metric_key(store.namespace, layer, scope, window, start), identifier)
        for start in spans
        for layer in "eo"
    ]
    values = read_together(store, commands).answers
    cells = zip(spans, values[::2], values[1::2], strict=True)
    return [
        row_of(scope, window, start, by_event, by_order)
        for start, by_event, by_order in cells
        if by_event or by_order
    ]


def row_of(scope: str, window: str, start: int, by_event: bytes | None, by_order: bytes | None) -> MetricsRow:
    """Return one window's figures from its stored cells by event time and by order time."""
    stored = decode_cell(by_event, (*EVENT_TIME_COUNTS, *UNIQUES))
    uniques: dict[str, int | None] = {name: stored[name] for name in UNIQUES}
    if not has_online_users(scope, window):
        uniques["online_users"] = None
    counts = derive(stored | decode_cell(by_order, ORDER_TIME_COUNTS))
    return MetricsRow(window, None if start == TOTAL_START else start, counts, uniques)
