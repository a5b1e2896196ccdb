"""`credits.parquet`: what each order line gave to which touch, derived from the touches that are stored with it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.attribution import ATTRIBUTION_RULES, CLICKED, SAME_SESSION, numbers_of
from schemas.credit_shares import line_shares
from schemas.events import TIMESTAMP
from schemas.keys import BUCKETS, US, VERSION_BYTES, credit_key
from schemas.metrics import DIRECT, ORGANIC, TOUCH_MODELS
from schemas.outputs import EXPORTS
from schemas.records import decode_credit
from serving.access import Store, read_hashes
from serving.cells import damage
from serving.tables.order import constant, ordered


class Lines:
    """Order lines and their touches as columns; about 10 µs a line."""

    def __init__(self) -> None:
        self._ids: tuple[list[str], list[str]] = ([], [])
        self._lines: list[tuple[int, int, int]] = []
        self._touches: tuple[list[str], list[str], list[int], list[int]] = ([], [], [], [])

    def add(self, order_id: str, item_id: str, body: bytes) -> None:
        """Add a line's record."""
        record = decode_credit(body)
        for ids, told in zip(self._ids, (order_id, item_id), strict=True):
            ids.append(told)
        self._lines.append((record.pay_time_ms, record.net_minor, len(record.event_ids)))
        columns = (record.event_ids, record.channels, record.ages_ms, record.flags)
        for column, more in zip(self._touches, columns, strict=True):
            column.extend(more)  # type: ignore[arg-type]

    def close(self) -> None:
        """Make columns of what was added."""
        self.order_ids, self.item_ids = (pa.array(ids, pa.string()) for ids in self._ids)
        self.pay_times, self.nets, self.counts = np.array(self._lines, np.int64).reshape(-1, 3).T
        event_ids, channels, ages, flags = self._touches
        # The last row of each is what is told where there was no touch.
        self.event_ids = pa.array([*event_ids, None], pa.string())
        self.channels = pa.array([*channels, f"{ORGANIC}{US}{DIRECT}"], pa.string())
        self.ages, self.flags = np.array(ages, np.int64), np.array(flags, np.uint8)

    def credits(self, window: str, model: int) -> pa.Table:
        """Return the shares of all lines in one window under one model, sorted."""
        rule = np.array(numbers_of(ATTRIBUTION_RULES[window]), np.int64)
        counts, nets = np.ascontiguousarray(self.counts), np.ascontiguousarray(self.nets)
        line, touch, share = line_shares(model, nets, counts, self.ages, self.flags, rule).T
        names = pc.split_pattern(
            self.channels.take(pa.array(np.where(touch < 0, len(self.ages), touch))), US, max_splits=1
        )
        rows = len(line)
        arrays = [
            self.order_ids.take(pa.array(line)),
            self.item_ids.take(pa.array(line)),
            constant(TOUCH_MODELS[model], rows),
            constant(window, rows),
            pc.list_element(names, 0) if rows else constant("", 0),
            pc.list_element(names, 1) if rows else constant("", 0),
            self.event_ids.take(pa.array(np.where(touch < 0, len(self.ages), touch))),
            pa.array(share),
            *self._touch_columns(line, touch),
        ]
        return pa.Table.from_arrays(arrays, schema=EXPORTS["credits"])

    def _touch_columns(self, line: NDArray[Any], touch: NDArray[Any]) -> list[pa.Array]:
        """Return type, time and whether in the order's session of touches; null where there is none."""
        none = touch < 0
        flags, ages = np.append(self.flags, np.uint8(0))[touch], np.append(self.ages, 0)[touch]
        kinds = pa.array(["view", "click"]).take(pa.array((flags & CLICKED != 0).astype(np.int8), mask=none))
        times = pa.array(self.pay_times[line] - ages, mask=none).cast(TIMESTAMP)
        return [kinds, times, pa.array(flags & SAME_SESSION != 0, mask=none)]


def credits_table(store: Store, attribution_windows: Sequence[str]) -> pa.Table:
    """Return what each order line gave to whom under each model in each window; shares of 0 are left out."""
    lines = Lines()
    with damage():
        for held in read_hashes(store, [credit_key(store.namespace, number) for number in range(BUCKETS)]):
            for field, value in held.items():
                lines.add(*field.decode().split(US), value[VERSION_BYTES:])
    lines.close()
    parts = [
        lines.credits(window, model) for window in attribution_windows for model in range(len(TOUCH_MODELS))
    ]
    return ordered(pa.concat_tables(parts)) if parts else EXPORTS["credits"].empty_table()
