"""`metrics.parquet`: every figure of every scope, and what its leaderboards are made from."""

from collections.abc import Sequence

import pyarrow as pa

from schemas.keys import metric_key
from schemas.metrics import EVENT_TIME_COUNTS, METRICS, ORDER_TIME_COUNTS
from schemas.outputs import EXPORTS
from serving.access import Store
from serving.tables.layers import Figures, Span, read_figures
from serving.tables.order import constant, ordered

_STORED = (*EVENT_TIME_COUNTS, *ORDER_TIME_COUNTS)


def scope_metrics(store: Store, scope: str, spans: Sequence[Span]) -> pa.Table:
    """Return one scope's rows, sorted; those without any count are left out."""
    keys = [
        (
            metric_key(store.namespace, "e", scope, span.window, span.start_ms),
            metric_key(store.namespace, "o", scope, span.window, span.start_ms),
        )
        for span in spans
    ]
    widths = (len(EVENT_TIME_COUNTS), len(ORDER_TIME_COUNTS))
    return _table(scope, read_figures(store, spans, keys, widths).nonzero())


def _table(scope: str, figures: Figures) -> pa.Table:
    columns = {name: figures.counts[:, place] for place, name in enumerate(_STORED)}
    columns["net_gmv_minor"] = columns["gmv_paid_minor"] - columns["refunds_minor"]
    arrays = [
        constant(scope, len(figures.ids)),
        figures.ids,
        figures.windows,
        figures.window_starts(),
        *(pa.array(columns[name]) for name in METRICS),
    ]
    return ordered(pa.Table.from_arrays(arrays, schema=EXPORTS["metrics"]))
