"""State that moved out of memory, and what of it stays there, against Python's own lists and dictionaries."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.state.fingerprints import Fingerprints
from transforms.state.hashing import Hashes
from transforms.state.recent_ids import by_part
from transforms.state.records import Records
from transforms.state.sealed import SealedArray, SortedArray


def matches(held: Fingerprints, keys: Hashes) -> np.ndarray:
    return held.match(keys, by_part(keys))


_ROW = np.dtype([("key", np.uint64), ("told", np.int32)], align=True)
_KEYS = st.integers(0, 30) | st.integers(0, 5).map(lambda n: n << 28) | st.integers(0, 2**64 - 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(_KEYS, max_size=200), st.lists(st.integers(0, 200), max_size=5), st.lists(_KEYS, max_size=8))
def test_what_lies_near_a_key_holds_all_its_rows(keys: list[int], cuts: list[int], sought: list[int]) -> None:
    keys = sorted(keys)
    rows = np.array(list(zip(keys, range(len(keys)), strict=True)), _ROW)
    array = SortedArray(_ROW, "key")
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(rows)], strict=True):
        array.append(rows[begin:end])
    assert len(array) == len(rows)
    wanted = np.array(sorted(sought), np.uint64)
    near, ends = array.near(wanted)
    begins = np.roll(ends, 1)
    begins[:1] = 0
    for key, begin, end in zip(wanted.tolist(), begins.tolist(), ends.tolist(), strict=True):
        told = near[begin:end]
        assert told["told"][told["key"] == key].tolist() == [n for n, held in enumerate(keys) if held == key]
        assert end - begin <= (keys.count(key) + 2 * array.BLOCK)
    assert pickle.loads(pickle.dumps(array.whole())).tolist() == rows.tolist()


@given(st.lists(st.lists(st.integers(0, 255), max_size=50), max_size=5), st.data())
def test_ranges_are_read_as_they_were_written(parts: list[list[int]], data: st.DataObject) -> None:
    array, model = SealedArray(np.uint8), [number for part in parts for number in part]
    for part in parts:
        array.append(np.array(part, np.uint8))
    places = st.integers(0, len(model))
    bounds = [sorted(pair) for pair in data.draw(st.lists(st.tuples(places, places), max_size=6))]
    begins, ends = np.array(bounds, np.int64).reshape(-1, 2).T
    read = [number for begin, end in bounds for number in model[begin:end]]
    assert array.ranges(begins, ends).tolist() == read
    assert array.whole().tolist() == model


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(1, 255), st.lists(_KEYS, max_size=40), max_size=4),
    st.lists(_KEYS, max_size=40),
    st.data(),
)
def test_no_key_that_is_held_is_denied(
    groups: dict[int, list[int]], others: list[int], data: st.DataObject
) -> None:
    """And where another is taken for it, both agree in their upper 36 bits, of which 32 zeros are taken for a one."""
    held = Fingerprints()
    for group, keys in groups.items():
        held.add(np.array(keys, np.uint64), group)
    dropped = data.draw(st.lists(st.sampled_from(sorted(groups)), unique=True)) if groups else []
    held.drop(dropped)
    asked = [*others, *(key for keys in groups.values() for key in keys)]
    print_of = lambda key: (key >> 60, max(key >> 28 & 0xFFFFFFFF, 1))  # noqa: E731
    expected = sorted(
        [position, group]
        for position, key in enumerate(asked)
        for group, keys in groups.items()
        if group not in dropped
        for held_key in keys
        if print_of(held_key) == print_of(key)
    )
    assert sorted(matches(held, np.array(asked, np.uint64)).tolist()) == expected
    assert len(held) == sum(len(keys) for group, keys in groups.items() if group not in dropped)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["extend", "keep", "load", "release"]),
        st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9),
    ),
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(_STEPS)
def test_records_grow_shrink_and_are_restored(steps: list[tuple[str, list[int]]]) -> None:
    records, model = Records(a=np.uint8, b=np.int64), list[int]()
    for what, numbers in steps:
        if what == "extend":
            records.extend(len(numbers), b=np.array(numbers, np.int64))
            records["a"][:] = 7
            model += numbers
        elif what == "keep":
            kept = [number % len(model) for number in numbers] if model else []
            records.keep(np.array(kept, np.int64))
            model = [model[row] for row in kept]
        elif what == "release":
            records.release()
            model = []
        else:
            state, records = pickle.loads(pickle.dumps(records.state())), Records(a=np.uint8, b=np.int64)
            records.load(state)
        assert records["b"].tolist() == model
        assert len(records) == len(model)
    records.extend(2)
    assert records["a"].tolist() == [7] * len(model) + [0, 0]
    assert records["b"].tolist() == [*model, 0, 0]


@pytest.mark.parametrize("times", [1, 3])
def test_fingerprints_that_grew_many_times_are_all_there(times: int) -> None:
    """Also where many keys share a fingerprint, and at the end of the table, whose neighbour is its begin."""
    draw = np.random.default_rng(times)
    keys = draw.integers(0, 2**64, 60_000, dtype=np.uint64)
    keys[:2_000] |= np.uint64(0xFFFFFFFF << 28)
    held = Fingerprints()
    for group, part in enumerate(np.split(keys, 20), 1):
        for _ in range(times):
            held.add(part, group)
    found = matches(held, keys)
    assert np.array_equal(np.unique(found[:, 0]), np.arange(60_000))
    own = found[found[:, 1] == found[:, 0] // 3_000 + 1]
    assert np.bincount(own[:, 0]).min() >= times
    others = draw.integers(0, 2**64, 60_000, dtype=np.uint64)
    others[others >> np.uint64(28) & np.uint64(0xFFFFFFFF) == 0xFFFFFFFF] = 1
    assert len(matches(held, others)) < 20
    held.drop(list(range(1, 20)))
    assert np.array_equal(np.unique(matches(held, keys)[:, 1]), [20])
    assert len(held) == 3_000 * times
