"""`attribution.parquet`: what every channel earned under every model, and how often it was touched."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from schemas.keys import US, attribution_key, touch_key
from schemas.metrics import ATTRIBUTION_COUNTS, ATTRIBUTION_WINDOWS, MODELS, TOUCH_COUNTS
from schemas.outputs import EXPORTS
from serving.access import Store
from serving.attribution import MICRO
from serving.tables.layers import Figures, Span, read_figures
from serving.tables.order import constant, ordered


def attribution_tables(store: Store, spans: Sequence[Span]) -> Iterator[pa.Table]:
    """Yield one sorted table a model and attribution window, of the channels with credit or touches."""
    widths = (len(ATTRIBUTION_COUNTS), len(TOUCH_COUNTS))
    for model in sorted(MODELS):
        for attribution_window in sorted(ATTRIBUTION_WINDOWS):
            keys = [
                (
                    attribution_key(store.namespace, model, attribution_window, span.window, span.start_ms),
                    touch_key(store.namespace, span.window, span.start_ms),
                )
                for span in spans
            ]
            figures = read_figures(store, spans, keys, widths).nonzero()
            yield _table(model, attribution_window, figures)


def _table(model: str, attribution_window: str, figures: Figures) -> pa.Table:
    rows = len(figures.ids)
    parts = pc.split_pattern(figures.ids, US, max_splits=1)
    credit_minor, micro_orders, touches = figures.counts.T
    unknown = {
        name: pa.nulls(rows, EXPORTS["attribution"].field(name).type) for name in ("cost_minor", "roi")
    }
    arrays = [
        constant(model, rows),
        constant(attribution_window, rows),
        pc.list_element(parts, 0) if rows else constant("", 0),
        pc.list_element(parts, 1) if rows else constant("", 0),
        figures.windows,
        figures.window_starts(),
        pa.array(credit_minor),
        pa.array(micro_orders / MICRO),
        pa.array(touches),
        unknown["cost_minor"],
        unknown["roi"],
    ]
    return ordered(pa.Table.from_arrays(arrays, schema=EXPORTS["attribution"]))
