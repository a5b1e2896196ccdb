"""`metrics.parquet`: every figure of every scope, and what its leaderboards are made from."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.keys import metric_key
from schemas.metrics import (
    EVENT_TIME_COUNTS,
    METRICS,
    ORDER_TIME_COUNTS,
    RATIOS,
    UNIQUES,
    WINDOWS,
    has_online_users,
)
from schemas.outputs import EXPORTS
from serving.access import Store
from serving.ratios import ratio_column
from serving.tables.layers import Figures, Span, read_figures
from serving.tables.order import constant, ordered

_BY_EVENT_TIME = (*EVENT_TIME_COUNTS, *UNIQUES)
_STORED = (*_BY_EVENT_TIME, *ORDER_TIME_COUNTS)


def scope_metrics(store: Store, scope: str, spans: Sequence[Span]) -> pa.Table:
    """Return one scope's rows, sorted; those without any count are left out."""
    keys = [
        (
            metric_key(store.namespace, "e", scope, span.window, span.start_ms),
            metric_key(store.namespace, "o", scope, span.window, span.start_ms),
        )
        for span in spans
    ]
    widths = (len(_BY_EVENT_TIME), len(ORDER_TIME_COUNTS))
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
        *(pa.array(columns[name], mask=_uncounted(name, scope, figures.windows)) for name in UNIQUES),
        *(pa.array(ratio_column(name, columns), from_pandas=True) for name in RATIOS),
    ]
    return ordered(pa.Table.from_arrays(arrays, schema=EXPORTS["metrics"]))


def _uncounted(unique: str, scope: str, windows: pa.Array) -> "np.ndarray | None":
    """Return in which rows distinct users are not counted."""
    if unique != "online_users":
        return None
    counted = [window for window in WINDOWS if has_online_users(scope, window)]
    return np.asarray(pc.invert(pc.is_in(windows, pa.array(counted, pa.string()))))
