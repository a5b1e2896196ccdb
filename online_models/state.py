"""Model state as named tuples of numpy arrays: made, grown, written and read in one place.

numba takes a named tuple of arrays as it is, so a state is both what a kernel works on and what is
written to disk. A state describes its arrays by `Column`s; those with `per_id` have one row an id.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

State = TypeVar("State", bound=tuple[Any, ...])


class Column(NamedTuple):
    """One array of a state: its type, its shape (behind the id's row), and what an unused row holds."""

    dtype: type[np.generic]
    shape: tuple[int, ...] = ()
    fill: float = 0
    per_id: bool = True


Layout = Mapping[str, Column]


def allocate(kind: type[State], layout: Layout, rows: int) -> State:
    """A fresh state with room for `rows` ids."""
    return kind(*(_filled(column, rows) for column in layout.values()))


def grow(state: State, layout: Layout, rows: int) -> State:
    """The same state with room for at least `rows` ids: a power of two, however it came to be so many."""
    have = capacity(state, layout)
    if rows <= have:
        return state
    room = 1 << (rows - 1).bit_length()
    parts = zip(state, layout.values(), strict=True)
    return type(state)(*(np.concatenate([a, _filled(c, room - have)]) if c.per_id else a for a, c in parts))


def capacity(state: State, layout: Layout) -> int:
    """Ids that the state has room for."""
    return next(len(array) for array, column in zip(state, layout.values(), strict=True) if column.per_id)


def clear(state: State, layout: Layout, rows: np.ndarray) -> None:
    """Puts the rows back to what an unused row holds."""
    for array, column in zip(state, layout.values(), strict=True):
        if column.per_id:
            array[rows] = column.fill


def dump(state: State, layout: Layout, rows: int) -> dict[str, np.ndarray]:
    """The arrays by name, of the first `rows` ids only: the same for any capacity. They are views."""
    named = zip(layout.items(), state, strict=True)
    return {name: array[:rows] if column.per_id else array for (name, column), array in named}


def as_bytes(array: object) -> memoryview | bytes:
    """An array's bytes without a copy, for an encoder that knows no arrays."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"no part of a model's state: {type(array).__name__}")
    return array.data.cast("B") if array.size else b""


def load(kind: type[State], layout: Layout, rows: int, written: Mapping[str, Any]) -> State:
    """The state that `dump` wrote."""
    return kind(*(_read(column, rows, written[name]) for name, column in layout.items()))


def _filled(column: Column, rows: int) -> np.ndarray:
    shape = (rows, *column.shape) if column.per_id else column.shape
    return np.full(shape, column.fill, dtype=column.dtype)


def _read(column: Column, rows: int, written: Any) -> np.ndarray:
    flat = np.frombuffer(written, dtype=column.dtype).copy()
    return flat.reshape((rows, *column.shape) if column.per_id else column.shape)
