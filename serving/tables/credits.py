"""`credits.parquet`: what each order line gave to which touch, derived from the touches that are stored with it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.attribution import ATTRIBUTION_RULES, CLICKED, SAME_SESSION, numbers_of
from schemas.credit_shares import line_shares
from schemas.keys import BUCKETS, US, VERSION_BYTES, credit_key
from schemas.metrics import DIRECT, MODELS, ORGANIC, PATH_MODELS
from schemas.outputs import EXPORTS
from schemas.path_nodes import nodes_of
from schemas.path_shares import path_line_shares
from schemas.records import decode_credit
from serving.access import Store, read_hashes
from serving.cells import damage
from serving.path_weights import PathWeights, read_path_weights
from serving.tables.order import constant, ordered


class Lines:
    """Order lines and their touches as columns; about 10 µs a line."""

    def __init__(self, records: Iterable[tuple[list[str], bytes]]) -> None:
        """`records` are the ids of order and item, and the body of the record, of each line."""
        ids, told = [], []
        for identifiers, body in records:
            ids.append(identifiers)
            told.append(decode_credit(body))
        self.order_ids = pa.array([order for order, _ in ids], pa.string())
        self.item_ids = pa.array([item for _, item in ids], pa.string())
        self.nets = np.array([record.net_minor for record in told], np.int64)
        self.counts = np.array([len(record.event_ids) for record in told], np.int64)
        self.ages = np.array([age for record in told for age in record.ages_ms], np.int64)
        self.flags = np.array([flag for record in told for flag in record.flags], np.uint8)
        self.pay_times = np.array([record.pay_time_ms for record in told], np.int64)
        # The last row of each is what is told where there was no touch.
        self.event_ids = pa.array(
            [*chain.from_iterable(record.event_ids for record in told), None], pa.string()
        )
        names = chain.from_iterable(record.channels for record in told)
        self.channels = pa.array([*names, f"{ORGANIC}{US}{DIRECT}"], pa.string())
        self.nodes = nodes_of(self.channels)

    def _shares(self, window: str, model: str, weights: PathWeights) -> NDArray[np.int64]:
        rule = np.array(numbers_of(ATTRIBUTION_RULES[window]), np.int64)
        held = self.nets, self.counts, self.ages, self.flags
        if model in PATH_MODELS:
            rows = weights.rows_of(self.pay_times)
            return path_line_shares(*held, self.nodes[:-1], rows, weights.of(model), rule)
        return line_shares(MODELS.index(model), *held, rule)

    def credits(self, window: str, model: str, weights: PathWeights) -> pa.Table:
        """Return the shares of all lines in one window under one model."""
        line, touch, share = self._shares(window, model, weights).T
        at, rows = pa.array(np.where(touch < 0, len(self.ages), touch)), len(line)
        names = pc.split_pattern(self.channels.take(at), US, max_splits=1)
        arrays = [
            self.order_ids.take(pa.array(line)),
            self.item_ids.take(pa.array(line)),
            constant(model, rows),
            constant(window, rows),
            pc.list_element(names, 0) if rows else constant("", 0),
            pc.list_element(names, 1) if rows else constant("", 0),
            self.event_ids.take(at),
            pa.array(share),
            *self._touch_columns(touch),
        ]
        return pa.Table.from_arrays(arrays, schema=EXPORTS["credits"])

    def _touch_columns(self, touch: NDArray[Any]) -> list[pa.Array]:
        """Return type, age and whether in the order's session of touches; null where there is none."""
        none = touch < 0
        flags, ages = np.append(self.flags, np.uint8(0))[touch], np.append(self.ages, 0)[touch]
        kinds = pa.array(["view", "click"]).take(pa.array((flags & CLICKED != 0).astype(np.int8), mask=none))
        return [kinds, pa.array(ages, mask=none), pa.array(flags & SAME_SESSION != 0, mask=none)]


def credits_table(store: Store, attribution_windows: Sequence[str]) -> pa.Table:
    """Return what each order line gave to whom under each model in each window; shares of 0 are left out."""
    with damage():
        lines = Lines(_records(store))
    weights = read_path_weights(store)
    parts = [lines.credits(window, model, weights) for window in attribution_windows for model in MODELS]
    return ordered(pa.concat_tables(parts)) if parts else EXPORTS["credits"].empty_table()


def _records(store: Store) -> Iterator[tuple[list[str], bytes]]:
    for held in read_hashes(store, [credit_key(store.namespace, number) for number in range(BUCKETS)]):
        for field, value in held.items():
            yield field.decode().split(US), value[VERSION_BYTES:]
