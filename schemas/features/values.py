"""What stored values say at a moment: the same sums wherever they are read, live, in an export or in a training set.

A window of length W at the moment T holds the events from the tile on that `T - W` lies in: at most one tile more
than W (Chronon's sawtooth), exact at its near end. `Stored.read` takes what stands in Redis behind the version.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.features import value_kernels as kernels
from schemas.features.layout import EntityLayout, Feature

Value = int | float | str | list[str] | list[int] | None
Array = npt.NDArray[Any]

QUANTILE_GROWTH: Final = 1.04
"""Each bucket of a quantile's histogram ends this many times as far as it begins: within 2 % of a true value."""

_LAST_SEVEN: Final = 127
_HEAD: Final = struct.Struct("<qqIII")
"""A record: newest event and writing in UTC ms, lengths of tiles, cells and recent values, these, then its texts."""


@dataclass(frozen=True)
class Stored:
    """The stored values of some entities of one kind."""

    layout: EntityLayout
    last_ms: Array
    written_ms: Array
    texts: list[list[str]]
    parts: tuple[tuple[Array, Array, Array], ...]
    """Tiles, cells and recent values: the bytes of all entities, and where each one's begin and end."""

    @classmethod
    def read(cls, layout: EntityLayout, bodies: Sequence[bytes]) -> "Stored":
        """Decode what stands behind the versions."""
        heads = [_HEAD.unpack_from(body) for body in bodies]
        last, written, *lengths = np.array(heads, np.int64).reshape(-1, 5).T.copy()
        sizes = np.array([len(body) for body in bodies], np.int64)
        starts = np.cumsum(sizes) - sizes + _HEAD.size
        data = np.frombuffer(b"".join(bodies), np.uint8)
        parts = []
        for length in lengths:
            parts.append((data, starts, starts + length))
            starts = starts + length
        texts = [
            _texts(body, int(begin))
            for body, begin in zip(bodies, starts - np.cumsum(sizes) + sizes, strict=True)
        ]
        return cls(layout, last, written, texts, tuple(parts))

    def values(self, at_ms: Array, features: Sequence[Feature] | None = None) -> list[list[Value]]:
        """Return each feature's values, one an entity, as of a moment for each entity."""
        chosen = self.layout.features if features is None else features
        windows = self._windows(at_ms)
        return [self._feature(feature, at_ms, windows) for feature in chosen]

    def _windows(self, at_ms: Array) -> Array:
        layout = self.layout
        out = np.zeros((len(self.last_ms), len(layout.requests)), np.int64)
        if layout.requests:
            asked = np.array([(each.column, each.window_ms) for each in layout.requests], np.int64)
            levels = np.array([each.level for each in layout.requests])
            kernels.window_values(
                *self.parts[0], self.last_ms, at_ms, self._tile_ms, self._ops, self._op_bounds, asked,
                np.searchsorted(levels, np.arange(len(layout.levels) + 1)), out,
            )  # fmt: skip
        return out

    @cached_property
    def _tile_ms(self) -> Array:
        return np.array([level.tile_ms for level in self.layout.levels], np.int64)

    @cached_property
    def _ops(self) -> Array:
        return np.array([op for level in self.layout.levels for op in level.columns], np.int8)

    @cached_property
    def _op_bounds(self) -> Array:
        return np.cumsum([0, *(len(level.columns) for level in self.layout.levels)])

    @cached_property
    def _slot_ms(self) -> Array:
        return np.array([slot.tile_ms for slot in self.layout.slots], np.int64)

    def _feature(self, feature: Feature, at_ms: Array, windows: Array) -> list[Value]:
        held = [windows[:, place].tolist() for place in feature.requests]
        if feature.kind in _OF_WINDOWS:
            return _OF_WINDOWS[feature.kind](feature, at_ms, held)
        if feature.kind == "distinct":
            return self._distinct(feature, at_ms)
        each = {"decayed": self._decayed, "last": self._recent}.get(feature.kind, self._of_cells)
        return [each(feature, row, int(at_ms[row])) for row in range(len(at_ms))]

    def _distinct(self, feature: Feature, at_ms: Array) -> list[Value]:
        out = np.zeros(len(at_ms), np.int64)
        kernels.distinct_values(
            *self.parts[1], self.last_ms, at_ms, self._slot_ms, feature.slot, feature.window_ms, out
        )
        return list(out.tolist())

    def _decayed(self, feature: Feature, row: int, at_ms: int) -> Value:
        data, begins, ends = self.parts[0]
        request = self.layout.requests[feature.requests[0]]
        return float(
            kernels.decayed_values(
                data, begins[row], ends[row], self.last_ms[row], at_ms, self._tile_ms,
                np.diff(self._op_bounds), request.level, request.column, request.window_ms, feature.number,
            )
        )  # fmt: skip

    def _recent(self, feature: Feature, row: int, at_ms: int) -> Value:
        data, begins, ends = self.parts[2]
        recent = self.layout.recent
        codes = kernels.recent_of(
            data, begins[row], ends[row], len(recent), feature.slot, self.last_ms[row],
            at_ms - feature.window_ms,
        )[: int(feature.number)].tolist()  # fmt: skip
        return [self.texts[row][code] for code in codes] if recent[feature.slot].text else codes

    def _of_cells(self, feature: Feature, row: int, at_ms: int) -> Value:
        data, begins, ends = self.parts[1]
        tiles, values, counts = kernels.cells_of(
            data, begins[row], ends[row], feature.slot, self._slot_ms, self.last_ms[row]
        )
        kept = tiles >= (at_ms - feature.window_ms) // feature.tile_ms
        values, counts = values[kept], counts[kept]
        names = self.texts[row] if self.layout.slots[feature.slot].text else None
        if feature.kind == "first":
            return _named(names, values[-1:]) if len(values) else None
        distinct, places = np.unique(values, return_inverse=True)
        sums = np.bincount(places, weights=counts, minlength=len(distinct)).astype(np.int64)
        if feature.kind == "quantile":
            return _quantile(distinct[sums > 0], sums[sums > 0], feature.number)
        ranked = sorted(
            (-count, _named(names, [value])) for value, count in zip(distinct, sums, strict=True) if count > 0
        )
        return [name for _, name in ranked[: int(feature.number)]]


def _texts(body: bytes, at: int) -> list[str]:
    """Return the texts that end a record, each behind its length."""
    out = []
    while at < len(body):
        size, shift = 0, 0
        while body[at] > _LAST_SEVEN:
            size, shift, at = size | (body[at] & _LAST_SEVEN) << shift, shift + 7, at + 1
        size, at = size | body[at] << shift, at + 1
        out.append(body[at : at + size].decode())
        at += size
    return out


def _named(names: list[str] | None, values: Any) -> Any:
    return int(values[0]) if names is None else names[int(values[0])]


Held = list[list[int]]
"""The values of the columns that a feature is computed from, an entity each."""


def _plain(_feature: Feature, _at_ms: Array, held: Held) -> list[Value]:
    return list(held[0])


def _extreme(_feature: Feature, _at_ms: Array, held: Held) -> list[Value]:
    nothing = (kernels.NOTHING_LEAST, kernels.NOTHING_GREATEST)
    return [None if value in nothing else value for value in held[0]]


def _mean(_feature: Feature, _at_ms: Array, held: Held) -> list[Value]:
    return _shares(held, 1.0, (0.0, 0.0))


def _ratio(feature: Feature, _at_ms: Array, held: Held) -> list[Value]:
    return _shares(held, feature.number, feature.prior)


def _slope(feature: Feature, _at_ms: Array, held: Held) -> list[Value]:
    """Return this window less the one before, a minute: the second column is over both."""
    minutes = feature.window_ms / 60_000
    return [(2 * now - both) / minutes for now, both in zip(*held, strict=True)]


def _since(_feature: Feature, at_ms: Array, held: Held) -> list[Value]:
    ages = zip(held[0], at_ms.tolist(), strict=True)
    return [None if last == kernels.NOTHING_GREATEST else max(now - last, 0) for last, now in ages]


_OF_WINDOWS: Final[Mapping[str, Callable[[Feature, Array, Held], list[Value]]]] = {
    "count": _plain, "sum": _plain, "min": _extreme, "max": _extreme, "mean": _mean, "ratio": _ratio, "slope": _slope,
    "since": _since,
}  # fmt: skip


def _shares(held: Held, scale: float, prior: tuple[float, float]) -> list[Value]:
    """Return scaled quotients; with a Beta prior (a, b) the mean of its posterior, without one None over nothing."""
    more, less = prior
    return [
        scale * (one + more) / (other + more + less) if other + more + less > 0 else None
        for one, other in zip(*held, strict=True)
    ]


def _quantile(buckets: Array, counts: Array, share: float) -> Value:
    """Return the middle of the bucket that holds the value at a share of all, smallest first."""
    if not len(buckets):
        return None
    rank = int(np.ceil(share * counts.sum())) or 1
    bucket = int(buckets[np.searchsorted(np.cumsum(counts), rank)])
    return 0.0 if bucket == ZERO_BUCKET else QUANTILE_GROWTH ** (bucket - 0.5)


ZERO_BUCKET: Final = -1
"""The bucket of values below 1."""
