"""Working state in flat arrays against Python's own dictionaries and lists."""

import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.state.columns import Columns
from transforms.state.hashing import hash_numbers, hash_strings, hash_text
from transforms.state.index import HashIndex
from transforms.state.texts import Texts, is_less

_KEYS = st.integers(0, 40) | st.integers(0, 2**64 - 1) | st.integers(0, 5).map(lambda n: n << 20)
"""Few keys that come again, any keys, and keys that share a first slot."""


def copied(state: dict[str, Any]) -> dict[str, Any]:
    return pickle.loads(pickle.dumps(state))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(_KEYS, max_size=30), max_size=6), st.lists(_KEYS, max_size=20), st.integers(0, 6))
def test_an_index_numbers_keys_in_order_of_arrival(
    batches: list[list[int]], others: list[int], stop: int
) -> None:
    index, model = HashIndex(), dict[int, int]()
    for number, keys in enumerate(batches):
        if number == stop:
            state, index = copied(index.state()), HashIndex()
            index.load(state)
        rows = index.rows_of(np.array(keys, np.uint64))
        assert rows.tolist() == [model.setdefault(key, len(model)) for key in keys]
    assert len(index) == len(model)
    assert index.find(np.array(others, np.uint64)).tolist() == [model.get(key, -1) for key in others]


def test_an_index_grows_past_its_first_size_with_every_key_in_place() -> None:
    index, keys = HashIndex(), np.arange(20_000, dtype=np.uint64) * np.uint64(1 << 20)
    for begin in range(0, 20_000, 700):
        index.rows_of(keys[begin : begin + 700])
    assert index.find(keys).tolist() == list(range(20_000))
    assert index.find(keys + np.uint64(1)).max() == -1


_PIECES = st.lists(
    st.tuples(
        st.sampled_from(["extend", "keep", "load"]), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9)
    ),
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(_PIECES)
def test_columns_grow_shrink_and_are_restored_together(pieces: list[tuple[str, list[int]]]) -> None:
    columns, model = Columns(a=np.int64, b=np.uint8), list[int]()
    for what, numbers in pieces:
        if what == "extend":
            columns.extend(len(numbers), a=np.array(numbers, np.int64))
            model += numbers
        elif what == "keep":
            rows = sorted({number % len(model) for number in numbers}) if model else []
            columns.keep(np.array(rows, np.int64))
            model = [model[row] for row in rows]
        else:
            state, columns = copied(columns.state()), Columns(a=np.int64, b=np.uint8)
            columns.load(state)
        assert columns["a"].tolist() == model
        assert columns["b"].tolist() == [0] * len(model), (
            "a column that was not given is 0, whatever stood there before"
        )
        columns["b"][:] = 7
        columns["b"][:] = 0
    columns.reserve(1000)
    assert columns["a"].tolist() == model


def test_rows_given_up_come_back_as_zeros() -> None:
    columns = Columns(a=np.int64, b=np.int64)
    columns.extend(3, a=np.array([1, 2, 3]), b=np.array([4, 5, 6]))
    columns.keep(np.array([0]))
    columns.extend(2, a=np.array([8, 9]))
    assert columns["b"].tolist() == [4, 0, 0]


_TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=6)), max_size=10)


@settings(max_examples=80, deadline=None)
@given(st.lists(_TEXTS, max_size=5), st.integers(0, 5), st.data())
def test_texts_are_kept_as_they_came(batches: list[list[str | None]], stop: int, data: st.DataObject) -> None:
    texts, model = Texts(), list[str]()
    for number, batch in enumerate(batches):
        if number == stop:
            state, texts = copied(texts.state()), Texts()
            texts.load(state)
        column = pa.array([None, *batch, "end"], pa.string()).slice(1, len(batch))
        texts.extend(column)
        model += [text or "" for text in batch]
    assert [texts[row] for row in range(len(texts))] == model
    rows = data.draw(st.lists(st.integers(0, len(model) - 1), max_size=10)) if model else []
    chosen = np.array(rows, np.int64)
    assert texts.take(chosen).to_pylist() == [model[row] for row in rows]
    for left, right in pairwise(rows):
        assert is_less(texts.data, texts.ends, left, right) == (model[left] < model[right])
    texts.keep(chosen)
    assert [texts[row] for row in range(len(texts))] == [model[row] for row in rows]


_STRINGS = st.lists(st.none() | st.text(max_size=20), max_size=20)


@settings(max_examples=80, deadline=None)
@given(_STRINGS, st.integers(0, 3))
def test_hashes_depend_on_the_text_alone(texts: list[str | None], seed: int) -> None:
    """Not on the place in the column, the slice, or its neighbours; null is 0 and nothing else is."""
    hashes = hash_text(pa.array(["x", *texts], pa.string()).slice(1), seed).tolist()
    singly = [0 if text is None else int(hash_strings([text], seed)[0]) for text in texts]
    assert hashes == singly
    assert [value == 0 for value in hashes] == [text is None for text in texts]
    distinct = {text for text in texts if text is not None}
    assert len({value for value in hashes if value}) == len(distinct)


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_hashes_of_numbers_tell_null_from_zero(numbers: list[int | None]) -> None:
    hashes = hash_numbers(pa.array([5, *numbers], pa.int64()).slice(1)).tolist()
    assert [value == 0 for value in hashes] == [number is None for number in numbers]
    assert len(set(hashes)) == len(set(numbers))
