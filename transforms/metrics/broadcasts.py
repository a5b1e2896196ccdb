"""`Broadcasts`: base and fact channel of what happened in sessions, moved when their live events say otherwise.

Partial sums of events in sessions come with what the events themselves say (`hidden_batch`). They are booked at once
under what is known of the session, and remembered by the minute for as long as a live event may still come that
decides otherwise: twice the allowed lateness behind the watermark. Then what was booked moves: taken off there, added
here. So the sums are a pure function of the set of events. Cost: about a microsecond a row of a piece, and a look at
all minutes held for every piece with news of a session; 250 bytes a minute of a session, base and fact channel.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.metrics import EVENT_TIME_COUNTS, SCOPES
from transforms import views
from transforms.event_view import MINUTE_MS
from transforms.metrics.partials import partials_batch
from transforms.metrics.session_facts import UNPUBLISHED, SessionFacts, movable_after
from transforms.pacing import Sweep
from transforms.state import spill
from transforms.state.columns import Columns
from transforms.state.hashing import Hashes, hash_text
from transforms.state.index import HashIndex
from transforms.state.names import Names

Array = npt.NDArray[Any]

_BASE: Final = SCOPES.index("base")
_FACT: Final = SCOPES.index("fact_channel")
_MOVING: Final = {_BASE: "base", _FACT: "fact"}
_FORGET_LEAST: Final = 1000
_FORGET_SHARE: Final = 0.25
_WEIGHTS: Final = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))


class Sums(NamedTuple):
    """Partial sums for visible cells of one scope: which of the rows asked for have such, and those."""

    scope: int
    published: npt.NDArray[np.bool_]
    rows: pa.RecordBatch


class Moved(NamedTuple):
    """Hidden cells that belong to other visible ones now.

    What is taken off there and added here, one row each; and the hidden cells that still belong where others left,
    with the visible cells that they belong to.
    """

    cells: Array
    left: Sums
    joined: Sums
    stayed: Array
    home: pa.RecordBatch


class Broadcasts:
    """What was booked of every session's last minutes."""

    def __init__(self, lateness_ms: int) -> None:
        self._lateness_ms, self._sweep = lateness_ms, Sweep(MINUTE_MS)
        self._facts, self._names, self._index = SessionFacts(lateness_ms), Names(), HashIndex()
        self._cells = Columns(
            session=np.uint64,
            minute=np.int64,
            own_base=np.int32,
            own_fact=np.int32,
            base=np.int32,
            fact=np.int32,
        )
        self._sums = np.zeros((0, len(EVENT_TIME_COUNTS)), np.int64)

    def __len__(self) -> int:
        return len(self._cells)

    def learn(self, facts: pa.RecordBatch) -> list[Moved]:
        """Take live events; return what they move, scope by scope."""
        return self._move(self._facts.learn(facts))

    def book(self, hidden: pa.RecordBatch) -> tuple[npt.NDArray[np.int32], list[Sums]]:
        """Take partial sums; return the own cell of each row, and scope by scope what is added to visible cells."""
        cells = self._cells_of(hidden)
        adds = views.vectors(hidden["b"])
        np.add.at(self._sums, cells, adds)
        minutes = self._cells["minute"][cells]
        return cells, [
            self._sums_of(scope, self._cells[name][cells], minutes, adds) for scope, name in _MOVING.items()
        ]

    def _cells_of(self, hidden: pa.RecordBatch) -> npt.NDArray[np.int32]:
        """Return the cell of each row, a new one where there was none."""
        sessions, minutes = (
            views.numbers(hidden["session"], np.uint64),
            views.numbers(hidden["minute"], np.int64),
        )
        keys = sessions + minutes.astype(np.uint64) * _WEIGHTS[0]
        keys ^= hash_text(hidden["base"]) * _WEIGHTS[1] + hash_text(hidden["fact"]) * _WEIGHTS[2]
        known = len(self._index)
        cells = self._index.rows_of(np.where(keys == 0, np.uint64(1), keys))
        if len(self._index) > known:
            _, first = np.unique(cells, return_index=True)
            self._add(hidden.take(pa.array(first[cells[first] >= known])))
        return cells

    def _add(self, hidden: pa.RecordBatch) -> None:
        session, minute = hidden["session"].to_numpy(), hidden["minute"].to_numpy()
        own_base = np.full(hidden.num_rows, UNPUBLISHED, np.int32)
        if not hidden["base"].null_count:
            own_base = self._names.codes(hidden["base"])
        own_fact = self._names.codes(hidden["fact"])
        base, fact = self._facts.resolved(self._names, session, minute, own_base, own_fact)
        self._cells.extend(
            hidden.num_rows,
            session=session,
            minute=minute,
            own_base=own_base,
            own_fact=own_fact,
            base=base,
            fact=fact,
        )
        known, width = len(self._cells) - hidden.num_rows, self._sums.shape[1]
        if len(self._sums) < len(self._cells):
            self._sums = spill.grown(self._sums.reshape(-1), len(self._cells) * width).reshape(-1, width)
        self._sums[known : len(self._cells)] = 0

    def _move(self, changed: Hashes) -> list[Moved]:
        """Book the minutes of sessions anew of which other facts are known now."""
        if not len(changed):
            return []
        held = self._cells
        rows = np.flatnonzero(np.isin(held["session"], changed))
        own = (held[name][rows] for name in ("session", "minute", "own_base", "own_fact"))
        resolved = self._facts.resolved(self._names, *own)
        moved = []
        for (scope, name), codes in zip(_MOVING.items(), resolved, strict=True):
            differ = held[name][rows] != codes
            at, before, now = rows[differ], held[name][rows][differ], codes[differ]
            left = self._sums_of(scope, before, held["minute"][at], -self._sums[at])
            joined = self._sums_of(scope, now, held["minute"][at], self._sums[at])
            held[name][at] = now
            stayed = np.flatnonzero(np.isin(held[name], before))
            moved.append(Moved(at, left, joined, stayed, self.belonging(scope, stayed)))
        return moved

    def belonging(self, scope: int, cells: Array) -> pa.RecordBatch:
        """Return to which visible cells of a scope these hidden ones belong, as sums of nothing, one a hidden cell."""
        nothing = np.zeros((len(cells), self._sums.shape[1]), np.int64)
        return self._sums_of(
            scope, self._cells[_MOVING[scope]][cells], self._cells["minute"][cells], nothing
        ).rows

    def _sums_of(self, scope: int, codes: Array, minutes: Array, adds: Array) -> Sums:
        published = codes != UNPUBLISHED
        ids = self._names.take(codes[published])
        groups = np.full(len(ids), scope, np.int8)
        rows = partials_batch("e", groups, ids, minutes[published], np.ascontiguousarray(adds[published]))
        return Sums(scope, published, rows)

    def settled(self, watermark_ms: int) -> Array:
        """Return the cells that no live event can move any more, once they are a quarter of all; none otherwise."""
        if not self._sweep.is_due(watermark_ms):
            return np.zeros(0, np.int64)
        settled = self._cells["minute"] < movable_after(watermark_ms, self._lateness_ms)
        if settled.sum() < max(_FORGET_LEAST, _FORGET_SHARE * len(settled)):
            return np.zeros(0, np.int64)
        return np.flatnonzero(settled)

    def keep(self, kept: Array) -> None:
        """Keep only these cells."""
        keys = self._index.state()["keys"][kept]
        self._cells.keep(kept)
        self._sums, self._index = self._sums[kept], HashIndex()
        self._index.rows_of(keys)

    def _parts(self) -> dict[str, Any]:
        return {"facts": self._facts, "names": self._names, "index": self._index, "cells": self._cells}

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        parts = {name: part.state() for name, part in self._parts().items()}
        return parts | {"sums": self._sums[: len(self)]}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        for name, part in self._parts().items():
            part.load(state[name])
        self._sums = np.array(state["sums"]).reshape(-1, self._sums.shape[1])
