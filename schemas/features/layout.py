"""`Catalogue`: every feature view as the pipeline compiled it, and how the values of an entity are laid out.

It is published beside the values, so that whoever reads needs no declaration; JSON by msgspec.

>>> layout = EntityLayout(("user_id",), 86_400_000)
>>> decoded(encoded(Catalogue((), (layout,)))).entities[0].name
'user_id'
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec

from schemas.features.tables import LayoutTables

SUM: Final = 0
MIN: Final = 1
MAX: Final = 2
PRESENT: Final = 3
"""How a column of tiles merges; `PRESENT` counts the events that have a field, and adds up as `SUM` does."""

COUNTED: Final = 0
REGISTERS: Final = 1
EARLIEST: Final = 2
"""How a slot of cells merges: counts of values; registers of a sketch; the earliest value."""


@dataclass(frozen=True)
class Level:
    """Tiles of one length: how long, how many before the newest are kept, and how each of their columns merges."""

    tile_ms: int
    keep: int
    columns: tuple[int, ...] = ()


@dataclass(frozen=True)
class Slot:
    """Values with counts, in tiles: how they merge, and whether the values are texts."""

    tile_ms: int
    keep: int
    kind: int
    text: bool


@dataclass(frozen=True)
class Recent:
    """The newest events' values: at most `n` of the last `keep_ms`."""

    n: int
    keep_ms: int
    text: bool


@dataclass(frozen=True)
class Request:
    """A column of a level over a window."""

    level: int
    column: int
    window_ms: int


@dataclass(frozen=True)
class Feature:
    """One value of a view over one window, and what it is computed from.

    `kind` is that of `transforms.features.aggregations`; `requests` are places among those of the entity, `slot` one
    among its slots or its recent values.
    """

    view: str
    name: str
    window: str
    window_ms: int
    tile_ms: int
    kind: str
    requests: tuple[int, ...] = ()
    slot: int = -1
    number: float = 0.0
    prior: tuple[float, float] = (0.0, 0.0)
    unit: str = ""
    fresh_ms: int = 0
    ttl_ms: int = 0

    @property
    def label(self) -> str:
        """Name and window, unique in the view."""
        return f"{self.name}_{self.window}"


@dataclass(frozen=True)
class EntityLayout:
    """All that is stored of one kind of entity, for all of its views."""

    entity: tuple[str, ...]
    ttl_ms: int
    levels: tuple[Level, ...] = ()
    slots: tuple[Slot, ...] = ()
    recent: tuple[Recent, ...] = ()
    requests: tuple[Request, ...] = ()
    features: tuple[Feature, ...] = ()

    @property
    def name(self) -> str:
        """The entity's fields, as keys and commands name them."""
        return "+".join(self.entity)

    @cached_property
    def tables(self) -> LayoutTables:
        """The layout as the kernels take it."""
        return LayoutTables(self.levels, self.slots, self.requests)


@dataclass(frozen=True)
class ViewInfo:
    """What is told of a view."""

    name: str
    version: int
    entity: tuple[str, ...]
    on: tuple[str, ...]
    windows: tuple[str, ...]
    fresh_ms: int
    ttl_ms: int
    owner: str
    doc: str


@dataclass(frozen=True)
class Catalogue:
    """All views and the layouts of their entities, and the generation of the records that are so laid out."""

    views: tuple[ViewInfo, ...] = ()
    entities: tuple[EntityLayout, ...] = ()
    generation: int = 0


def encoded(catalogue: Catalogue) -> bytes:
    """Return a catalogue as JSON."""
    return msgspec.json.encode(catalogue)


def decoded(text: bytes) -> Catalogue:
    """Return what was encoded."""
    return msgspec.json.decode(text, type=Catalogue)
