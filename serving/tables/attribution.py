"""`attribution.parquet` and `attribution_further.parquet`: what channels earned under every model, and their touches."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.keys import US, attribution_key, touch_key
from schemas.metrics import (
    ATTRIBUTION_COUNTS,
    DIRECT,
    FURTHER_CHANNELS,
    MODELS,
    ORGANIC,
    TOTAL_START,
    TOUCH_CELL,
)
from schemas.outputs import EXPORTS
from serving.access import Store
from serving.attribution import COSTING, MICRO
from serving.coupons import read_costs
from serving.tables.layers import Figures, Span, read_figures
from serving.tables.order import constant, ordered

_UNTOUCHED = [f"{kind}{US}{DIRECT}" for kind in (ORGANIC, *FURTHER_CHANNELS)]


def attribution_tables(
    store: Store, spans: Sequence[Span], attribution_windows: Sequence[str], *, further: bool
) -> Iterator[pa.Table]:
    """Yield one sorted table a model and attribution window, of the channels with credit or touches."""
    widths = (len(ATTRIBUTION_COUNTS), len(TOUCH_CELL))
    name = store.namespace
    for model in sorted(MODELS):
        for awindow in sorted(attribution_windows):
            keys = [
                (
                    attribution_key(name, model, awindow, span.window, span.start_ms, further=further),
                    touch_key(name, span.window, span.start_ms, further=further),
                )
                for span in spans
            ]
            yield _table(store, model, awindow, read_figures(store, spans, keys, widths).nonzero())


def _parts(ids: pa.Array, part: int) -> pa.Array:
    """Return the kinds (0) or the ids (1) of channels."""
    return pc.list_element(pc.split_pattern(ids, US, max_splits=1), part) if len(ids) else constant("", 0)


def _table(store: Store, model: str, attribution_window: str, figures: Figures) -> pa.Table:
    rows = len(figures.ids)
    kinds, ids = _parts(figures.ids, 0), _parts(figures.ids, 1)
    credit, micro_orders, direct, new_customer, touches, reached = figures.counts.T
    untouched = pc.is_in(figures.ids, value_set=pa.array(_UNTOUCHED)).to_numpy(zero_copy_only=False)
    cost, has_cost = _costs(store, kinds, ids, figures)
    arrays = [
        constant(model, rows),
        constant(attribution_window, rows),
        kinds,
        ids,
        figures.windows,
        figures.window_starts(),
        pa.array(credit),
        pa.array(micro_orders / MICRO),
        pa.array(touches),
        pa.array(cost, mask=~has_cost),
        _quotient(credit, cost, has_cost),
        pa.array(direct),
        pa.array(np.where(untouched, 0, credit - direct)),
        _quotient(cost, micro_orders / MICRO, has_cost),
        pa.array(reached, mask=untouched),
        pa.array(new_customer),
    ]
    return ordered(pa.Table.from_arrays(arrays, schema=EXPORTS["attribution"]))


def _costs(
    store: Store, kinds: pa.Array, ids: pa.Array, figures: Figures
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return what each row's channel cost and whether that is known; in the window `total` only."""
    cost, has_cost = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
    for kind in COSTING:
        at = np.flatnonzero(
            pc.equal(kinds, kind).to_numpy(zero_copy_only=False) & (figures.starts_ms == TOTAL_START)
        )
        names = ids.take(pa.array(at)).to_pylist()
        known = read_costs(store, kind, names)
        cost[at] = [known.get(name, 0) for name in names]
        has_cost[at] = [name in known for name in names]
    return cost, has_cost


def _quotient(dividend: NDArray[np.int64], divisor: NDArray[np.int64], known: NDArray[np.bool_]) -> pa.Array:
    meant = known & (divisor != 0)
    return pa.array(dividend / np.where(divisor == 0, 1, divisor), pa.float64(), mask=~meant)
