"""What stored values say at a moment: the same sums wherever they are read, live, in an export or in a training set.

A window of length W at the moment T holds the events from the tile on that `T - W` lies in: at most one tile more
than W (Chronon's sawtooth), exact at its near end. `Stored.read` takes what stands in Redis behind the version.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.features import value_kernels as kernels
from schemas.features.layout import EntityLayout, Feature

Value = int | float | str | list[str] | list[int] | None
Array = npt.NDArray[Any]

QUANTILE_GROWTH: Final = 1.04
"""Each bucket of a quantile's histogram ends this many times as far as it begins: within 2 % of a true value."""

ZERO_BUCKET: Final = -1
"""The bucket of values below 1."""

_LAST_SEVEN: Final = 127
_HEAD: Final = struct.Struct("<qqIII")
"""A record: newest event and writing in UTC ms, lengths of tiles, cells and recent values, these, then its texts."""


@dataclass(frozen=True)
class Stored:
    """The stored values of some entities of one kind."""

    layout: EntityLayout
    last_ms: Array
    written_ms: Array
    parts: tuple[tuple[Array, Array, Array], ...]
    """Tiles, cells and recent values: the bytes of all entities, and where each one's begin and end."""
    behind: list[tuple[bytes, int]]
    """Each record, and where its texts begin in it."""

    @cached_property
    def texts(self) -> list[list[str]]:
        """The texts of each entity, which codes are places in."""
        return [_texts(body, begin) for body, begin in self.behind]

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
        ends = (starts - np.cumsum(sizes) + sizes).tolist()
        return cls(layout, last, written, tuple(parts), list(zip(bodies, ends, strict=True)))

    def values(self, at_ms: Array, features: Sequence[Feature] | None = None) -> list[list[Value]]:
        """Return each feature's values, one an entity, as of a moment for each entity."""
        chosen = self.layout.features if features is None else features
        columns = self._windows(at_ms).T.tolist()
        return [self._feature(feature, at_ms, columns) for feature in chosen]

    def _windows(self, at_ms: Array) -> Array:
        tables = self.layout.tables
        out = np.zeros((len(self.last_ms), len(tables.asked)), np.int64)
        if len(tables.asked):
            kernels.window_values(
                *self.parts[0], self.last_ms, at_ms, tables.tile_ms, tables.ops, tables.op_bounds, tables.asked,
                tables.asked_bounds, out,
            )  # fmt: skip
        return out

    def _feature(self, feature: Feature, at_ms: Array, columns: "Held") -> list[Value]:
        if feature.kind in _OF_WINDOWS:
            return _OF_WINDOWS[feature.kind](feature, at_ms, [columns[place] for place in feature.requests])
        whole = {"distinct": self._distinct, "last": self._recent, "decayed": self._decayed}
        return whole.get(feature.kind, self._of_cells)(feature, at_ms)

    def _distinct(self, feature: Feature, at_ms: Array) -> list[Value]:
        out = np.zeros(len(at_ms), np.int64)
        kernels.distinct_values(
            *self.parts[1],
            self.last_ms,
            at_ms,
            self.layout.tables.slot_ms,
            feature.slot,
            feature.window_ms,
            out,
        )
        return list(out.tolist())

    def _decayed(self, feature: Feature, at_ms: Array) -> list[Value]:
        data, begins, ends = self.parts[0]
        request = self.layout.requests[feature.requests[0]]
        tables = self.layout.tables
        widths = np.diff(tables.op_bounds)
        return [
            float(
                kernels.decayed_values(
                    data, begins[row], ends[row], self.last_ms[row], at_ms[row], tables.tile_ms, widths, request.level,
                    request.column, request.window_ms, feature.number,
                )
            )
            for row in range(len(at_ms))
        ]  # fmt: skip

    def _recent(self, feature: Feature, at_ms: Array) -> list[Value]:
        kept = self.layout.recent
        values, bounds = kernels.recent_values(
            *self.parts[2],
            len(kept),
            feature.slot,
            int(feature.number),
            self.last_ms,
            at_ms - feature.window_ms,
        )
        parts = _split(values, bounds)
        if not kept[feature.slot].text:
            return list(parts)
        return [[texts[code] for code in codes] for texts, codes in zip(self.texts, parts, strict=True)]

    def _of_cells(self, feature: Feature, at_ms: Array) -> list[Value]:
        values, counts, bounds = kernels.cells_in_window(
            *self.parts[1], feature.slot, self.layout.tables.slot_ms, self.last_ms, at_ms, feature.window_ms
        )
        merge, named = _OF_CELLS[feature.kind], self.layout.slots[feature.slot].text
        rows = zip(self.texts, _split(values, bounds), _split(counts, bounds), strict=True)
        return [
            merge(feature, [texts[code] for code in held] if named else held, sums)
            for texts, held, sums in rows
        ]


def _split(values: Array, bounds: Array) -> list[list[int]]:
    """Return each entity's part of a column."""
    flat = values.tolist()
    return [flat[begin:end] for begin, end in pairwise(bounds.tolist())]


def _summed(values: list[Any], counts: list[int]) -> dict[Any, int]:
    """Return the counts of values over all tiles; what was wholly taken back is left out."""
    sums: dict[Any, int] = {}
    for value, count in zip(values, counts, strict=True):
        sums[value] = sums.get(value, 0) + count
    return {value: count for value, count in sums.items() if count > 0}


def _first(_feature: Feature, values: list[Any], _counts: list[int]) -> Value:
    """Return the value of the oldest tile, which comes last."""
    return values[-1] if values else None


def _top(feature: Feature, values: list[Any], counts: list[int]) -> Value:
    ranked = sorted(_summed(values, counts).items(), key=lambda each: (-each[1], each[0]))
    return [value for value, _ in ranked[: int(feature.number)]]


def _quantile(feature: Feature, buckets: list[Any], counts: list[int]) -> Value:
    """Return the middle of the bucket that holds the value at a share of all, smallest first."""
    sums = _summed(buckets, counts)
    rank = math.ceil(feature.number * sum(sums.values())) or 1
    for bucket in sorted(sums):
        rank -= sums[bucket]
        if rank <= 0:
            return 0.0 if bucket == ZERO_BUCKET else float(QUANTILE_GROWTH ** (bucket - 0.5))
    return None


_OF_CELLS: Final[Mapping[str, Callable[[Feature, list[Any], list[int]], Value]]] = {
    "first": _first, "top": _top, "quantile": _quantile,
}  # fmt: skip


def _texts(body: bytes, at: int) -> list[str]:
    """Return the texts that end a record, each behind its length."""
    out, end = [], len(body)
    while at < end:
        size = body[at]
        at += 1
        if size > _LAST_SEVEN:
            size, at = _long(body, size & _LAST_SEVEN, at)
        out.append(body[at : at + size].decode())
        at += size
    return out


def _long(body: bytes, size: int, at: int) -> tuple[int, int]:
    """Return a length of more than seven bits, whose first are read, and where the text begins."""
    shift = 7
    while body[at] > _LAST_SEVEN:
        size, shift, at = size | (body[at] & _LAST_SEVEN) << shift, shift + 7, at + 1
    return size | body[at] << shift, at + 1


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
