"""Cells against a plain dictionary of sums, through publishing, eviction and restoring."""

import pickle
from collections import Counter
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_windows import day_start

from schemas.keys import Version, pack_version, unpack
from transforms.metrics import cells as cells_module
from transforms.metrics.cells import CellTable
from transforms.metrics.packing import pack_rows
from transforms.metrics.partials import partials_batch

ZONE = "Asia/Kolkata"
FIRST = 29_453_760
"""A minute in 2026, from which all others are counted."""
HORIZON_MINUTES = 90

Add = tuple[int, str, int, tuple[int, int]]
"""Group, id, minute after `FIRST`, addends."""
Key = tuple[int, str, str, int]
"""Group, id, window, start in UTC milliseconds, -1 for all time."""

_ADD = st.tuples(
    st.integers(0, 2), st.sampled_from(["", "a", "b", "店"]), st.integers(0, 4000),
    st.tuples(st.integers(-5, 2**40), st.sampled_from([0, 1, -1])),
)  # fmt: skip


def batch_of(adds: list[Add]) -> pa.RecordBatch:
    return partials_batch(
        "t",
        np.array([group for group, *_ in adds], np.int8),
        pa.array([name for _, name, _, _ in adds], pa.string()),
        np.array([FIRST + minute for _, _, minute, _ in adds], np.int64),
        np.array([numbers for *_, numbers in adds], np.int64).reshape(-1, 2),
    )


def sums_of(adds: list[Add]) -> dict[Key, list[int]]:
    """Every window's sums; a window that was touched is there, even if it sums to 0."""
    sums: dict[Key, list[int]] = {}
    for group, name, offset, numbers in adds:
        minute = FIRST + offset
        day = day_start(minute, ZoneInfo(ZONE))
        starts = {"minute": minute, "hour": minute - minute % 60, "day": day}
        windows = {window: start * 60_000 for window, start in starts.items()} | {"total": -1}
        for window, start_ms in windows.items():
            cell = sums.setdefault((group, name, window, start_ms), [0, 0])
            cell[:] = [held + more for held, more in zip(cell, numbers, strict=True)]
    return sums


class Store:
    """What the last write to every field says, as Redis would hold it."""

    def __init__(self) -> None:
        self.values: dict[Key, list[int]] = {}
        self.writes = 0

    def take(self, table: CellTable) -> None:
        self.writes += 1
        version = pack_version(Version(1, 0, self.writes))
        for change in table.take_dirty(version):
            for field, value in zip(change.fields, change.values, strict=True):
                told, numbers = unpack(value)
                assert told.sequence == self.writes
                self.values[change.group, field.decode(), change.window, change.start_ms] = numbers


def table() -> CellTable:
    return CellTable("t", width=2, timezone=ZONE, horizon_ms=HORIZON_MINUTES * 60_000)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(_ADD, max_size=15), max_size=6), st.sets(st.integers(0, 5)))
def test_published_cells_are_the_sums_of_everything_merged(
    batches: list[list[Add]], published: set[int]
) -> None:
    cells, store = table(), Store()
    for number, adds in enumerate(batches):
        cells.merge(batch_of(adds))
        if number in published:
            store.take(cells)
    store.take(cells)
    assert store.values == sums_of([add for adds in batches for add in adds])
    assert not list(cells.take_dirty(b""))


@settings(max_examples=60, deadline=None)
@given(st.lists(_ADD, max_size=40))
def test_minutes_sum_to_hours_to_days_to_the_total(adds: list[Add]) -> None:
    cells, store = table(), Store()
    cells.merge(batch_of(adds))
    store.take(cells)
    by_window: dict[str, Counter[tuple[int, str, int]]] = {}
    for (group, name, window, _), numbers in store.values.items():
        for place, number in enumerate(numbers):
            by_window.setdefault(window, Counter())[group, name, place] += number
    assert all(sums == by_window["total"] for sums in by_window.values())


@settings(max_examples=60, deadline=None)
@given(st.lists(_ADD, max_size=20), st.lists(_ADD, max_size=20), st.booleans())
def test_a_table_restored_publishes_all_it_holds_and_goes_on(
    before: list[Add], after: list[Add], clean: bool
) -> None:
    cells, store = table(), Store()
    cells.merge(batch_of(before))
    if clean:
        store.take(cells)
    restored = table()
    restored.load(pickle.loads(pickle.dumps(cells.state())))
    first = Store()
    first.take(restored)
    assert first.values == sums_of(before)
    restored.merge(batch_of(after))
    first.take(restored)
    assert first.values == sums_of([*before, *after])


_TOLD = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 200)), max_size=8)
_STEPS = st.lists(st.tuples(st.integers(0, 600), _TOLD, st.booleans()), max_size=25)


@settings(max_examples=100, deadline=None)
@given(_STEPS)
def test_eviction_loses_no_value_that_can_still_change(
    steps: list[tuple[int, list[tuple[str, int]], bool]],
) -> None:
    """The watermark rises; what comes is at most the horizon behind it, as lateness allows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells_module, "_EVICT_LEAST", 2)
        cells, store, everything, watermark = table(), Store(), list[Add](), HORIZON_MINUTES
        for rise, told, published in steps:
            adds = [(0, name, watermark - HORIZON_MINUTES + ahead, (1, 0)) for name, ahead in told]
            cells.merge(batch_of(adds))
            everything += adds
            watermark += rise
            if published:
                store.take(cells)
            list(cells.evict((FIRST + watermark) * 60_000, b""))
        store.take(cells)
        assert store.values == sums_of(everything)


def test_eviction_gives_memory_back_and_keeps_totals() -> None:
    cells, store = table(), Store()
    adds: list[Add] = [(0, "a", minute, (1, 0)) for minute in range(20_000)]
    for begin in range(0, 20_000, 500):
        cells.merge(batch_of(adds[begin : begin + 500]))
        store.take(cells)
        list(cells.evict((FIRST + begin) * 60_000, b""))
    assert len(cells) < 12_000
    assert store.values == sums_of(adds)


_EDGES = st.sampled_from([0, 127, 128, 255, 256, 2**16 - 1, 2**16, 2**31, 2**32 - 1, 2**32, 2**63 - 1, -1, -32, -33,
                          -128, -129, -(2**15), -(2**15) - 1, -(2**31), -(2**31) - 1, -(2**63)])  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 20).flatmap(
        lambda width: st.lists(
            st.lists(_EDGES | st.integers(-(2**63), 2**63 - 1), min_size=width, max_size=width),
            min_size=1,
            max_size=5,
        )
    ),
    st.binary(max_size=20),
)
def test_packed_rows_are_message_pack_in_its_shortest_form(rows: list[list[int]], prefix: bytes) -> None:
    values = np.array(rows, np.int64).reshape(len(rows), -1)
    chosen = np.arange(len(rows))[::-1].copy()
    packed = list(pack_rows(prefix, values, chosen))
    assert packed == [prefix + msgspec.msgpack.encode(row) for row in rows[::-1]]
