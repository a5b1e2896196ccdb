"""The figures of one scope id, window by window."""

from dataclasses import dataclass

from schemas.keys import metric_key
from schemas.metrics import EVENT_TIME_COUNTS, ORDER_TIME_COUNTS, TOTAL_START, derive
from serving.access import Store, read_together
from serving.cells import decode_cell
from serving.windows import starts


@dataclass(frozen=True)
class MetricsRow:
    """Every metric of one id in one window; `window_start_ms` is None for `total`."""

    window: str
    window_start_ms: int | None
    values: dict[str, int]


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
        _row(window, start, by_event, by_order) for start, by_event, by_order in cells if by_event or by_order
    ]


def _row(window: str, start: int, by_event: bytes | None, by_order: bytes | None) -> MetricsRow:
    counts = decode_cell(by_event, EVENT_TIME_COUNTS) | decode_cell(by_order, ORDER_TIME_COUNTS)
    return MetricsRow(window, None if start == TOTAL_START else start, derive(counts))
