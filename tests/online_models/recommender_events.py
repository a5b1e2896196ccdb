"""Events for the recommender's tests: made from drawn numbers, or read from the real logs."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import strategies as st
from pyarrow import csv

from online_models.events import BATCH_SCHEMA

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
START_MS = 1_700_000_000_000
Row = tuple[int, str | None, str | None, str | None, int]

rows = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 900, 61_000, 31 * 60_000, 5 * 3_600_000, 80 * 3_600_000]),
        st.sampled_from(["ann", "bob", "cy", None]),
        st.sampled_from([*"abcdefgh", None]),
        st.sampled_from([None, None, "room-1", "room-2"]),
        st.sampled_from([0, 1, 1, 1, 2]),
    ),
    min_size=1,
    max_size=60,
)
"""Time since the event before, user, item, session, kind."""


def batch_of(drawn: list[Row]) -> pa.RecordBatch:
    """The rows as one batch; gaps add up to times."""
    times = START_MS + np.cumsum([row[0] for row in drawn])
    ids = [f"{n:09d}" for n in range(len(drawn))]
    columns = [times, ids, *([row[n] for row in drawn] for n in range(1, 5))]
    typed = [pa.array(column, field.type) for column, field in zip(columns, BATCH_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(typed, schema=BATCH_SCHEMA)


def random_batch(
    seed: int, count: int, users: int = 40, items: int = 60, gap_ms: int = 4_000
) -> pa.RecordBatch:
    """A seeded stream in which each item has a usual next one."""
    rng = np.random.default_rng(seed)
    user = rng.integers(0, users, count)
    follows = np.arange(count) // users + user
    item = np.where(rng.random(count) < 0.6, follows % items, (items * rng.random(count) ** 2).astype(int))
    kind = rng.choice([0, 1, 2], count, p=[0.5, 0.4, 0.1])
    return batch_of(
        [
            (gap_ms, f"user-{u}", f"item-{i}", None, int(k))
            for u, i, k in zip(user.tolist(), item.tolist(), kind.tolist(), strict=True)
        ]
    )


def yoochoose(count: int) -> pa.Table:
    """The first clicks of the shop's log, sessions as users; skips where the log is absent."""
    path = DATA / "yoochoose" / "clicks_first_week.tsv.gz"
    if not path.exists():
        pytest.skip(f"no shared data: {path.name} is not beside the repository")
    table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter="\t"))
    time_ms = pc.round(pc.multiply(table["Time"], 1000.0)).cast(pa.int64())
    session = table["SessionId"].cast(pa.string())
    event_id = pc.utf8_lpad(pa.array(range(len(table))).cast(pa.string()), 9, "0")
    kind = pa.array([1] * len(table), pa.int8())
    whole = pa.table(
        [time_ms, event_id, session, table["ItemId"].cast(pa.string()), session, kind], schema=BATCH_SCHEMA
    )
    return whole.sort_by([("event_time_ms", "ascending"), ("event_id", "ascending")]).slice(0, count)
