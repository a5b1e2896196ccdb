"""`FeatureView`: a few lines that say what is known about whom.

>>> from transforms.features.aggregations import Count
>>> view = FeatureView("clicks_of_users", entity="user_id", on="click", aggregations=[Count()], windows=["1h"])
>>> view.entity, view.ttl
(('user_id',), '30d')
>>> try:
...     FeatureView("x", entity="user_id", on="clicks", aggregations=[Count()], windows=["1h"])
... except UsageError as error:
...     print(str(error).partition(": ")[2])
view 'x': on= names 'clicks', which is no event. Did you mean 'click'?
"""

import difflib
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from schemas.errors import UsageError
from transforms.features.aggregations import Aggregation, Decayed, First, Last, Ratio, Slope, TopK
from transforms.features.aggregations import _OfField as OfField
from transforms.features.fields import ENTITY_FIELDS, EVENTS, NUMBERS, TEXTS
from transforms.features.windows import TILES_MS, parsed, tile_of

_MOST_KEPT: Final = 100
_OF_TEXTS: Final = ("last", "first", "distinct", "top")
_UNBOUNDED: Final = frozenset({"user_id"})
"""Fields with too many values for a cell each."""


class FeatureView:
    """Aggregations of events by entity over sliding windows; checked where it is made, with the line and the remedy.

    `windows` are durations of `m`, `h` or `d`, made of tiles: see `transforms.features.windows`; `tiles` names others
    for some of them. Who was not heard of for `freshness` (by default `ttl`) is stale, for `ttl` missing. `owner`, `doc`
    and `unit`s are for who reads.
    """

    def __init__(
        self,
        name: str,
        *,
        entity: str | Sequence[str],
        on: str | Sequence[str],
        aggregations: Sequence[Aggregation],
        windows: Sequence[str],
        freshness: str = "",
        ttl: str = "30d",
        version: int = 1,
        owner: str = "",
        doc: str = "",
        tiles: Mapping[str, str] | None = None,
    ) -> None:
        frame = sys._getframe(1)
        self._where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        self.name, self.version, self.owner, self.doc, self.ttl = name, version, owner, doc, ttl
        self.freshness = freshness or ttl
        self.entity = (entity,) if isinstance(entity, str) else tuple(entity)
        self.on = (on,) if isinstance(on, str) else tuple(on)
        self.aggregations, self.windows = tuple(aggregations), tuple(windows)
        self.tiles = dict(tiles or {})
        self._check()

    @property
    def ttl_ms(self) -> int:
        """How long it is remembered."""
        return parsed(self.ttl)

    @property
    def fresh_ms(self) -> int:
        """How old its newest event may be before a value is stale."""
        return parsed(self.freshness)

    def tile_ms(self, window: str) -> int:
        """Return the length of a window's tiles."""
        return parsed(self.tiles[window]) if window in self.tiles else tile_of(parsed(window))

    def events_of(self, aggregation: Aggregation) -> tuple[str, ...]:
        """Return the events that an aggregation takes."""
        return aggregation.events or self.on

    def windows_of(self, aggregation: Aggregation) -> tuple[str, ...]:
        """Return the windows of an aggregation."""
        named = aggregation.windows or self.windows
        return (max(named, key=parsed),) if isinstance(aggregation, Decayed) else named

    def refuse(self, problem: str) -> UsageError:
        """Return the error that says what is wrong with it, and where it is declared."""
        return UsageError(f"{self._where}: view {self.name!r}: {problem}")

    def _check(self) -> None:
        if not self.name.isidentifier():
            raise self.refuse("a name has letters, digits and '_' only, and begins with no digit. Rename it.")
        if not (self.entity and self.on and self.aggregations and self.windows):
            raise self.refuse(
                "entity, on, aggregations and windows must not be empty. Name at least one of each."
            )
        self._known("entity=", "entity field", self.entity, ENTITY_FIELDS)
        self._known("on=", "event", self.on, EVENTS)
        self._check_windows()
        for aggregation in self.aggregations:
            self._check_aggregation(aggregation)
        labels = [aggregation.label for aggregation in self.aggregations]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise self.refuse(f"two aggregations are called {twice[0]!r}. Give one of them another name=.")

    def _known(self, what: str, kind: str, names: Iterable[str], known: Collection[str]) -> None:
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                remedy = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
                raise self.refuse(f"{what} names {name!r}, which is no {kind}. {remedy}")

    def _check_windows(self) -> None:
        for text in (self.ttl, self.freshness, *self.windows, *self.tiles.values()):
            try:
                parsed(text)
            except ValueError as error:
                raise self.refuse(f"{error}.") from None
        for window in self.windows:
            length, tile = parsed(window), self.tile_ms(window)
            if tile not in TILES_MS:
                raise self.refuse(f"tiles of {self.tiles[window]!r} are not kept. Take 1m, 5m, 1h or 1d.")
            if length % tile:
                raise self.refuse(
                    f"the window {window!r} is not a multiple of its tile {self.tiles[window]!r}. Take a shorter tile, "
                    "or leave it out."
                )
            if length > self.ttl_ms:
                raise self.refuse(f"the window {window!r} is longer than ttl={self.ttl!r}. Lengthen ttl.")

    def _check_aggregation(self, aggregation: Aggregation) -> None:
        label = aggregation.label
        for part in _parts(aggregation):
            self._known(f"{label}: on=", "event", part.events, EVENTS)
            strange = [
                event for event in part.events if event not in self.on and not _covered(event, self.on)
            ]
            if strange:
                raise self.refuse(f"{label} takes {strange[0]!r}, which on= does not name. Add it to on=.")
        if not aggregation.mergeable:
            raise self.refuse(
                f"{label} cannot be merged from tiles, so no sliding window and no session can hold it. Take an "
                "aggregation that can: Count, Sum, Mean, Min, Max, Last, First, DistinctCount, TopK, Quantile, Decayed."
            )
        self._check_fields(aggregation)
        unknown = [window for window in aggregation.windows if window not in self.windows]
        if unknown:
            raise self.refuse(
                f"{label} has the window {unknown[0]!r}, which windows= does not. Add it there."
            )
        if isinstance(aggregation, Last) and not 1 <= aggregation.n <= _MOST_KEPT:
            raise self.refuse(f"{label} keeps n={aggregation.n} values. Take 1 to {_MOST_KEPT}.")
        if (
            isinstance(aggregation, Slope)
            and 2 * max(map(parsed, self.windows_of(aggregation))) > self.ttl_ms
        ):
            raise self.refuse(
                f"{label} looks at two windows, which are longer than ttl={self.ttl!r}. Lengthen ttl."
            )
        if isinstance(aggregation, Decayed):
            try:
                parsed(aggregation.half_life)
            except ValueError as error:
                raise self.refuse(f"{label}: {error}.") from None

    def _check_fields(self, aggregation: Aggregation) -> None:
        label, texts = aggregation.label, aggregation.kind in _OF_TEXTS
        if aggregation.where:
            self._known(f"{label}: where=", "number of an event", (aggregation.where,), NUMBERS)
        for part in _parts(aggregation):
            if isinstance(part, OfField):
                self._known(f"{label}: it", "number or id of an event", (part.field,), (*NUMBERS, *TEXTS))
                if part.field in TEXTS and not texts:
                    raise self.refuse(
                        f"{label} needs a number, and {part.field} is a text. Take one of {', '.join(NUMBERS)}."
                    )
        if isinstance(aggregation, TopK | First) and aggregation.field in _UNBOUNDED:
            raise self.refuse(
                f"{label} would keep a cell a {aggregation.field}, of which there is no end. Take DistinctCount, or Last."
            )


def _covered(event: str, on: Sequence[str]) -> bool:
    """Whether the events that a view takes hold all of those that a narrower name means."""
    held = {kind for name in on for kind in EVENTS[name]}
    return event in EVENTS and set(EVENTS[event]) <= held


def _parts(aggregation: Aggregation) -> tuple[Aggregation, ...]:
    """Return what an aggregation is put together from: itself, or the two of a ratio, or what decays or rises."""
    if isinstance(aggregation, Ratio):
        return aggregation.one, aggregation.other
    if isinstance(aggregation, Decayed | Slope):
        return (aggregation.of,)
    return (aggregation,)
