"""Sum a batch of accepted events into few rows: one a (scope, id, minute) that it touches.

This is what crosses a shuffle instead of events. Scopes that follow from an item or a creator are summed again from
the rows of those. `base` and `fact_channel` also follow from what is told of the session, perhaps later: of events in
a session the rows say what the events themselves say (`broadcast`), and who knows the facts resolves them
(`transforms.metrics.broadcasts`). Cost: about 0.5 µs an event for all scopes in batches of 65,536, 0.7 µs in those of
8,192; saying each event's rows too costs less than can be measured.

>>> from datetime import UTC, datetime
>>> import pyarrow as pa
>>> from schemas.events import EVENT_SCHEMA
>>> row = {"event_type": "view", "event_time": datetime(2026, 1, 1, tzinfo=UTC), "room_id": "r"}
>>> events = EventView(pa.RecordBatch.from_pylist([row, row], schema=EVENT_SCHEMA))
>>> sums = event_partials(events, DimensionRows({})).visible
>>> sums["id"].to_pylist()[:3], sums["e"].to_pylist()[0][:2]
(['r', 'none', 'none'], [2, 2])
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.metrics import FACT_CHANNELS, NO_ID, SCOPES
from transforms import event_kernels as kernels
from transforms import views
from transforms.attribution.touches import channel_columns
from transforms.dimensions import DimensionRows
from transforms.event_view import MINUTE_MS, EventView

PLATFORM_ID: Final = "all"
HIDDEN: Final = "b"
"""The family of sums that a session's facts still decide."""
FURTHER_CREDIT: Final = "n"
"""The family of what further channels are credited."""
REACHED: Final = "r"
"""The family of users with a touch, which travels right behind the counts of touches."""
NEW_PRODUCT_MS: Final = 30 * 86_400_000

_COLUMNS: Final = {
    "room": "room_id", "session": "session_id", "creator": "creator_id", "item": "item_id",
    "traffic_source": "traffic_source", "campaign": "campaign_id",
}  # fmt: skip
"""Scopes that are a column of the event."""
_NAMES: Final = list(_COLUMNS.values())
_IDS: Final = (NO_ID, "")
"""What the text of an id begins with: that of none, and of any other, which its column has."""
_OF_ITEMS: Final = ("merchant", "brand", "category", "service_provider", "region")
_OF_CREATORS: Final = ("mcn",)
_BASE: Final = "base"
_FACT: Final = "fact_channel"
_CAMPAIGN: Final = FACT_CHANNELS.index("campaign")
_FACT_NAMES: Final = pa.array(FACT_CHANNELS)
_NOBODY: Final = np.zeros(0, np.bool_)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Partials:
    """The sums of one batch of events.

    `visible` is family `e`. `hidden` is what sessions' facts still decide: a session's hash, the own base of its
    events (null where that scope is not published) and their own fact channel, minute, sums. `cells` says, one row
    a scope and one column an event, in which row the event is summed: of `visible`, or, counted on from its end, of
    `hidden`; -1 in none. It is None unless asked for.
    """

    visible: pa.RecordBatch
    hidden: pa.RecordBatch
    cells: npt.NDArray[np.int32] | None = None

    def asked_cells(self) -> npt.NDArray[np.int32]:
        """Return `cells`; raises ValueError where they were not asked for."""
        if self.cells is None:
            raise ValueError("These sums were made without cells: ask event_partials with want_cells=True.")
        return self.cells


def partials_batch(
    family: str, group: Array, ids: pa.StringArray, minute: Array, adds: Array
) -> pa.RecordBatch:
    """Return partial sums as a batch: scope or model, id, minute since the epoch, and a vector of addends."""
    columns = [pa.array(group.astype(np.int8)), ids, pa.array(minute.astype(np.int64)), vectors_of(adds)]
    return pa.RecordBatch.from_arrays(columns, names=["group", "id", "minute", family])


def vectors_of(adds: Array) -> pa.FixedSizeListArray:
    """Return a matrix as a column of vectors."""
    return pa.FixedSizeListArray.from_arrays(pa.array(adds.reshape(-1)), adds.shape[1])


def event_partials(events: EventView, dimensions: DimensionRows, want_cells: bool = False) -> Partials:
    """Sum the base counts of every published scope.

    With `want_cells` every event that shows a user has a row of its session, if need be of zeros: who is there
    counts, whatever the event does.
    """
    sums = _Sums(events, dimensions, want_cells)
    sums.add_columns()
    sums.add_platform()
    sums.add_derived(_OF_ITEMS, "item", dimensions.items)
    sums.add_derived(_OF_CREATORS, "creator", dimensions.creators)
    hidden = sums.add_broadcasts()
    return Partials(sums.batch(), hidden, sums.cells)


def _marks(events: EventView, dimensions: DimensionRows) -> npt.NDArray[np.uint8]:
    """Return which paid events are of new products and which of premium items."""
    marks = np.zeros(len(events), np.uint8)
    paid = np.flatnonzero(events.kinds == kernels.PAID)
    places = dimensions.items.places(events.hashes("item_id")[paid])
    age_ms = events.times_ms[paid] - dimensions.launched_ms[places]
    new = (age_ms >= 0) & (age_ms <= NEW_PRODUCT_MS)
    marks[paid] = kernels.NEW_PRODUCT * new + kernels.PREMIUM * dimensions.premium[places]
    return marks


class _Sums:
    """The sums of one batch of events on their way: scope by scope, rows after rows."""

    def __init__(self, events: EventView, dimensions: DimensionRows, want_cells: bool) -> None:
        self._events, self._dimensions = events, dimensions
        self._minutes = events.times_ms // MINUTE_MS
        self._adding = (
            events.numbers("dwell_ms"), events.numbers("quantity", np.int32), events.numbers("amount_minor"),
            _marks(events, dimensions),
        )  # fmt: skip
        self.cells = np.full((len(SCOPES), len(events)), -1, np.int32) if want_cells else None
        self._scratch = np.empty(len(events), np.int32)
        self._parts: list[tuple[int, Array, Array]] = []
        self._ids: list[pa.StringArray] = []
        self._rows = 0
        self._held: dict[str, tuple[Array, Array, Array, Array]] = {}
        """Of scopes that are columns: minute, sums and hash of the id of each row, and the rows of events."""

    def _sum(self, identifiers: Array, shown: Array, numbers: Array) -> tuple[Array, Array, Array]:
        return kernels.sum_events(
            self._events.kinds, self._minutes, identifiers, shown, *self._adding, numbers
        )

    def _put(self, scope: str, ids: pa.StringArray, minute: Array, adds: Array) -> None:
        self._parts.append((SCOPES.index(scope), minute, adds))
        self._ids.append(ids)
        self._rows += len(minute)

    def add_columns(self) -> None:
        """Add the rows of the scopes whose ids are a column of the events."""
        columns, firsts = [], []
        for place, scope in enumerate(_COLUMNS):
            hashes = self._events.hashes(_NAMES[place])
            minute, adds, first, numbers = self._of_column(scope, hashes)
            self._held[scope] = (minute, adds, hashes[first], numbers)
            columns.append(np.full(len(first), place))
            firsts.append(np.where(hashes[first] != 0, first, -1))
            self._rows += len(minute)
            self._parts.append((SCOPES.index(scope), minute, adds))
        first = np.concatenate(firsts)
        self._ids.append(self._events.put_together(_IDS, first >= 0, _NAMES, np.concatenate(columns), first))

    def _of_column(self, scope: str, hashes: Array) -> tuple[Array, Array, Array, Array]:
        if self.cells is None:
            return *self._sum(hashes, _NOBODY, self._scratch), self._scratch
        shown = self._events.hashes("user_id") != 0 if scope == "session" else _NOBODY
        numbers = np.empty(len(self._events), np.int32)
        minute, adds, first = self._sum(hashes, shown, numbers)
        self.cells[SCOPES.index(scope)] = numbers
        kernels.shift(self.cells[SCOPES.index(scope)], self._rows)
        return minute, adds, first, numbers

    def _add_again(self, scope: str, names: pa.StringArray, codes: Array, held: tuple[Any, ...]) -> None:
        """Add the rows of a scope that follows from the rows of another."""
        minute, adds, _, numbers = held
        code, again_minute, again_adds, again = kernels.sum_again(minute, adds, codes)
        if self.cells is not None:
            kernels.renumber(numbers, again, self._rows, self.cells[SCOPES.index(scope)])
        self._put(scope, names.take(pa.array(code)), again_minute, again_adds)

    def add_platform(self) -> None:
        """Add the platform, from the scope of the fewest rows."""
        held = self._held["traffic_source"]
        self._add_again("platform", pa.array([PLATFORM_ID]), np.zeros(len(held[0]), np.int32), held)

    def add_derived(self, scopes: tuple[str, ...], scope: str, dimension: Any) -> None:
        """Add the published ones of the scopes that follow from an item or a creator."""
        held, places = self._held[scope], dimension.places(self._held[scope][2])
        for name in self._dimensions.numbered(scopes).values():
            coded = dimension.scopes[name]
            self._add_again(name, coded.names, coded.codes[places], held)

    def add_broadcasts(self) -> pa.RecordBatch:
        """Add base and fact channel of events outside sessions; return the rows of those in sessions."""
        events, dimensions = self._events, self._dimensions
        sessions, creators, campaigns = map(events.hashes, ("session_id", "creator_id", "campaign_id"))
        numbers = np.empty(len(events), np.int32) if self.cells is not None else self._scratch
        minute, adds, first = self._sum(kernels.together(sessions, creators, campaigns), _NOBODY, numbers)
        places = dimensions.creators.places(creators[first])
        fact = np.where(campaigns[first] != 0, np.int32(_CAMPAIGN), dimensions.fact_codes[places])
        base = dimensions.creators.scopes[_BASE]
        outside = sessions[first] == 0
        codes = {_BASE: (base.names, base.codes[places]), _FACT: (_FACT_NAMES, fact)}
        for scope in dimensions.numbered(tuple(codes)).values():
            self._add_settled(scope, *codes[scope], outside, (minute, adds, first, numbers))
        self._number_hidden(outside, numbers)
        inside = ~outside
        of_base = base.names.take(pa.array(codes[_BASE][1][inside]))
        if _BASE not in dimensions.scopes:
            of_base = pa.nulls(len(of_base), pa.string())
        return hidden_batch(
            sessions[first][inside],
            of_base,
            _FACT_NAMES.take(pa.array(fact[inside])),
            minute[inside],
            adds[inside],
        )

    def _add_settled(
        self, scope: str, names: pa.StringArray, codes: Array, outside: Array, held: tuple[Any, ...]
    ) -> None:
        minute, adds, _, numbers = held
        again = np.full(len(outside), -1, np.int32)
        code, again_minute, again_adds, again[outside] = kernels.sum_again(
            minute[outside], adds[outside], codes[outside]
        )
        if self.cells is not None:
            kernels.renumber(numbers, again, self._rows, self.cells[SCOPES.index(scope)])
        self._put(scope, names.take(pa.array(code)), again_minute, again_adds)

    def _number_hidden(self, outside: Array, numbers: Array) -> None:
        if self.cells is None:
            return
        again = np.where(outside, -1, np.cumsum(~outside) - 1 + self._rows).astype(np.int32)
        held = np.empty(len(numbers), np.int32)
        kernels.renumber(numbers, again, 0, held)
        for scope in self._dimensions.numbered((_BASE, _FACT)):
            self.cells[scope] = np.where(held >= 0, held, self.cells[scope])

    def batch(self) -> pa.RecordBatch:
        """Return all rows."""
        groups = [np.full(len(minute), scope, np.int8) for scope, minute, _ in self._parts]
        minutes, adds = (np.concatenate([part[place] for part in self._parts]) for place in (1, 2))
        return partials_batch("e", np.concatenate(groups), pa.concat_arrays(self._ids), minutes, adds)


def hidden_batch(
    sessions: Array, bases: pa.StringArray, facts: pa.StringArray, minutes: Array, adds: Array
) -> pa.RecordBatch:
    """Return partial sums whose base and fact channel are still to be told; family `b`."""
    columns = [pa.array(sessions), bases, facts, pa.array(minutes.astype(np.int64)), vectors_of(adds)]
    return pa.RecordBatch.from_arrays(columns, names=["session", "base", "fact", "minute", HIDDEN])


def touch_partials(touches: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Count the touches (as `touches_of` returns them) of every channel (group 0) and further one (1); family `t`.

    The second batch says which user each touch reached, and in which rows of the first it is counted, one row a kind of
    channel; family `r`. Of touches that are not credited no channels are told, and none are counted.
    """
    columns = channel_columns(touches)
    if not columns:
        none = np.zeros(0, np.int64)
        counted = partials_batch("t", none, pa.array([], pa.string()), none, none.reshape(-1, 1))
        return counted, _reached(pa.array([], pa.uint64()), none.astype(np.int32), none.reshape(0, 1))
    codes, minutes, counts, numbers = kernels.count_pairs(
        views.numbers(touches["channel"].indices, np.int32),
        views.numbers(touches["event_time_ms"], np.int64) // MINUTE_MS,
        np.ones(touches.num_rows, np.int64),
    )
    parts = [_of_kind(touches[name].dictionary, codes, minutes, counts) for name in columns]
    names, at, sums, rows = zip(*parts, strict=True)
    lengths = np.array([len(part) for part in at])
    group = np.repeat(np.arange(len(parts)) > 0, lengths).astype(np.int8)
    counted = partials_batch(
        "t", group, pa.concat_arrays(names), np.concatenate(at), np.concatenate(sums).reshape(-1, 1)
    )
    return counted, _reached(touches["user"], numbers, np.column_stack(rows) + (np.cumsum(lengths) - lengths))


def _reached(users: pa.Array, numbers: Array, rows: Array) -> pa.RecordBatch:
    """Return users with their rows, which are those of few combinations of channels and minute."""
    held = vectors_of(np.ascontiguousarray(rows.astype(np.int32)))
    told = pa.DictionaryArray.from_arrays(pa.array(numbers), held)
    return pa.RecordBatch.from_arrays([users, told], names=["user", REACHED])


def _of_kind(
    names: pa.StringArray, codes: Array, minutes: Array, counts: Array
) -> tuple[Any, Array, Array, Array]:
    """Sum counts by origin further, by the names that origins have in one kind of channels; say into which rows."""
    distinct = names.dictionary_encode()
    of_names, at, sums, rows = kernels.count_pairs(
        distinct.indices.to_numpy()[codes].astype(np.int32), minutes, counts
    )
    return distinct.dictionary.take(pa.array(of_names)), at, sums, rows
