"""`funnel_stages.parquet`, `funnel_moves.parquet` and `funnel_times.parquet`: how far users come in each category."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from schemas.events import TIMESTAMP
from schemas.keys import US, funnel_key
from schemas.metrics import TOTAL_START
from schemas.outputs import EXPORTS
from serving.access import Store, read_hashes
from serving.cells import decode_cells
from serving.funnel import CELL, Step, median_of, users_in_stages
from serving.tables.layers import Span
from serving.tables.order import ordered

Row = tuple[Any, ...]
Moved = dict[Step, tuple[int, int]]
"""How many users made each move, and twice their median time."""


def funnel_tables(store: Store, spans: Sequence[Span]) -> Iterator[tuple[str, pa.Table]]:
    """Yield the three tables by name; stages without users and moves of nobody are left out."""
    (total,) = _read(store, [TOTAL_START])
    yield "funnel_stages", _table("funnel_stages", [row for each in total.items() for row in _stages(*each)])
    days = [span.start_ms for span in spans if span.window == "day"]
    moves = [
        (category, day, *step, users)
        for day, funnels in zip(days, _read(store, days), strict=True)
        for category, moved in funnels.items()
        for step, (users, _) in moved.items()
    ]
    yield "funnel_moves", _table("funnel_moves", moves)
    yield "funnel_times", _table("funnel_times", [row for each in total.items() for row in _times(*each)])


def _read(store: Store, starts_ms: Sequence[int]) -> Iterator[dict[str, Moved]]:
    """Yield each day's moves by category, without those of nobody."""
    for cells in read_hashes(store, [funnel_key(store.namespace, start) for start in starts_ms]):
        funnels: dict[str, Moved] = {}
        counts = decode_cells(list(cells.values()), len(CELL)).tolist()
        for field, (users, twice_median_ms) in zip(cells, counts, strict=True):
            category, origin, to = field.decode().rsplit(US, 2)
            if users:
                funnels.setdefault(category, {})[origin or None, to] = users, twice_median_ms
        yield funnels


def _stages(category: str, moved: Moved) -> Iterator[Row]:
    counts = users_in_stages({step: users for step, (users, _) in moved.items()})
    return ((category, stage, users) for stage, users in counts.items() if users)


def _times(category: str, moved: Moved) -> Iterator[Row]:
    for step, cell in moved.items():
        median_ms = median_of(step, *cell)
        if median_ms is not None:
            yield category, *step, median_ms


def _table(name: str, rows: Sequence[Row]) -> pa.Table:
    schema = EXPORTS[name]
    columns = list(zip(*rows, strict=True)) or [() for _ in schema]
    arrays = [
        pa.array(column, pa.int64()).cast(TIMESTAMP)
        if field.type == TIMESTAMP
        else pa.array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return ordered(pa.Table.from_arrays(arrays, schema=schema))
