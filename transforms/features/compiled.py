"""From declared views to what kernels run: one layout an entity, in which views share columns, slots and one pass.

>>> from transforms.features.aggregations import Count, Mean, Sum
>>> one = FeatureView("a", entity="user_id", on="click", aggregations=[Count()], windows=["1h", "1d"])
>>> two = FeatureView("b", entity="user_id", on="click", aggregations=[Count()], windows=["1d"])
>>> compiled = compile_views([one, two])
>>> [len(plan.columns) for plan in compiled.plans[0].levels], len(compiled.catalogue.entities[0].features)
([1, 1], 3)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from schemas.errors import UsageError
from schemas.features.layout import (
    COUNTED,
    EARLIEST,
    MAX,
    MIN,
    PRESENT,
    REGISTERS,
    SUM,
    Catalogue,
    EntityLayout,
    Feature,
    Level,
    Recent,
    Request,
    Slot,
    ViewInfo,
)
from transforms import event_kernels
from transforms.features.aggregations import (
    Aggregation,
    Decayed,
    Last,
    Quantile,
    Ratio,
    Slope,
)
from transforms.features.aggregations import _OfField as OfField
from transforms.features.fields import EVENTS, NET_PAID, NUMBERS, TEXTS
from transforms.features.view import FeatureView
from transforms.features.windows import parsed

ONE: Final = -1
"""The field of a count: every event adds one."""
TEXT_FIELDS: Final = 1000
"""Fields from here on are texts."""


class ColumnPlan(NamedTuple):
    """What a column of tiles takes: kinds of events as bits, the number, the condition (`ONE`: none), how it merges."""

    kinds: int
    number: int
    where: int
    op: int


class SlotPlan(NamedTuple):
    """What a slot of cells, or of recent values, takes: kinds of events as bits, the field, the condition, how."""

    kinds: int
    field: int
    where: int
    kind: int
    bucketed: bool = False


@dataclass
class LevelPlan:
    """The columns of one length of tiles, and the longest window over them."""

    tile_ms: int
    columns: list[ColumnPlan] = field(default_factory=list)
    longest_ms: int = 0


@dataclass
class EntityPlan:
    """All that is computed of one kind of entity."""

    entity: tuple[str, ...]
    levels: list[LevelPlan] = field(default_factory=list)
    slots: list[tuple[SlotPlan, int]] = field(default_factory=list)
    slot_longest_ms: list[int] = field(default_factory=list)
    recent: list[SlotPlan] = field(default_factory=list)
    recent_kept: list[list[int]] = field(default_factory=list)
    layout: EntityLayout = field(default_factory=lambda: EntityLayout((), 0))

    @property
    def kinds(self) -> int:
        """All kinds of events that anything here takes, as bits."""
        taken = [column.kinds for level in self.levels for column in level.columns]
        taken += [slot.kinds for slot in (*self.recent, *(slot for slot, _ in self.slots))]
        bits = 0
        for kinds in taken:
            bits |= kinds
        # Net lines are told of after their payments, which make the entity known.
        return bits | (1 << event_kernels.PAID) if bits >> NET_PAID else bits


@dataclass(frozen=True)
class CompiledViews:
    """What the pipeline runs, and what it publishes of it."""

    plans: tuple[EntityPlan, ...]
    catalogue: Catalogue


class _Asked(NamedTuple):
    """A feature on its way: its requests name level and column until all levels are known."""

    feature: Feature
    requests: tuple[tuple[int, int, int], ...]


def compile_views(views: Iterable[FeatureView]) -> CompiledViews:
    """Compile views; raises UsageError where two have one name."""
    views = list(views)
    names = [view.name for view in views]
    for place, view in enumerate(views):
        if view.name in names[:place]:
            raise view.refuse("another view has the same name. Rename one, or take away the older one.")
    entities = list(dict.fromkeys(view.entity for view in views))
    plans = tuple(_entity(entity, [view for view in views if view.entity == entity]) for entity in entities)
    infos = tuple(
        ViewInfo(
            view.name,
            view.version,
            view.entity,
            view.on,
            view.windows,
            view.fresh_ms,
            view.ttl_ms,
            view.owner,
            view.doc,
        )
        for view in views
    )
    return CompiledViews(plans, Catalogue(infos, tuple(plan.layout for plan in plans)))


def _entity(entity: tuple[str, ...], views: Sequence[FeatureView]) -> EntityPlan:
    plan = EntityPlan(entity)
    asked = [
        _feature(plan, view, aggregation, window)
        for view in views
        for aggregation in view.aggregations
        for window in view.windows_of(aggregation)
    ]
    requests = sorted({request for each in asked for request in each.requests})
    features = tuple(_with_requests(each, requests) for each in asked)
    plan.layout = EntityLayout(
        entity,
        max(view.ttl_ms for view in views),
        tuple(
            Level(
                level.tile_ms, level.longest_ms // level.tile_ms + 1, tuple(each.op for each in level.columns)
            )
            for level in plan.levels
        ),
        tuple(
            Slot(
                tile_ms,
                longest // tile_ms + 1,
                slot.kind,
                slot.field >= TEXT_FIELDS and slot.kind != REGISTERS,
            )
            for (slot, tile_ms), longest in zip(plan.slots, plan.slot_longest_ms, strict=True)
        ),
        tuple(
            Recent(kept[0], kept[1], slot.field >= TEXT_FIELDS)
            for slot, kept in zip(plan.recent, plan.recent_kept, strict=True)
        ),
        tuple(Request(*request) for request in requests),
        features,
    )
    return plan


def _with_requests(asked: _Asked, requests: Sequence[tuple[int, int, int]]) -> Feature:
    given = {name: getattr(asked.feature, name) for name in asked.feature.__dataclass_fields__}
    return Feature(**(given | {"requests": tuple(requests.index(each) for each in asked.requests)}))


def _feature(plan: EntityPlan, view: FeatureView, aggregation: Aggregation, window: str) -> _Asked:
    window_ms, tile_ms = parsed(window), view.tile_ms(window)
    requests: tuple[tuple[int, int, int], ...] = ()
    slot, number, prior = -1, 0.0, (0.0, 0.0)
    if isinstance(aggregation, Last):
        slot, number = _recent(plan, view, aggregation, window_ms), float(aggregation.n)
    elif aggregation.kind in _CELLS:
        slot = _slot(plan, view, aggregation, window_ms, tile_ms)
        number = float(getattr(aggregation, "k", getattr(aggregation, "q", 0.0)))
    else:
        requests = tuple(
            _request(plan, column, tile_ms, length)
            for column, length in _columns(view, aggregation, window_ms)
        )
    if isinstance(aggregation, Ratio):
        number, prior = aggregation.scale, aggregation.prior
    if isinstance(aggregation, Decayed):
        number = float(parsed(aggregation.half_life))
    feature = Feature(
        view.name, aggregation.label, window, window_ms, tile_ms, aggregation.kind, (), slot, number, prior,
        aggregation.unit, view.fresh_ms, view.ttl_ms,
    )  # fmt: skip
    return _Asked(feature, requests)


_CELLS: Final = {"distinct": REGISTERS, "first": EARLIEST, "top": COUNTED, "quantile": COUNTED}


def _columns(view: FeatureView, aggregation: Aggregation, window_ms: int) -> list[tuple[ColumnPlan, int]]:
    """Return the columns that an aggregation reads, each with a window."""
    if isinstance(aggregation, Ratio):
        return [(_column(view, each, SUM), window_ms) for each in (aggregation.one, aggregation.other)]
    if isinstance(aggregation, Decayed):
        return [(_column(view, aggregation.of, SUM), window_ms)]
    if isinstance(aggregation, Slope):
        column = _column(view, aggregation.of, SUM)
        return [(column, window_ms), (column, 2 * window_ms)]
    if aggregation.kind == "mean":
        return [(_column(view, aggregation, op), window_ms) for op in (SUM, PRESENT)]
    if aggregation.kind == "since":
        newest = ColumnPlan(_bits(view, aggregation, net=False), NUMBERS.index("event_time_ms"), ONE, MAX)
        return [(newest._replace(where=_place(aggregation.where)), window_ms)]
    op = {"min": MIN, "max": MAX}.get(aggregation.kind, SUM)
    return [(_column(view, aggregation, op), window_ms)]


def _column(view: FeatureView, part: Aggregation, op: int) -> ColumnPlan:
    number = NUMBERS.index(part.field) if isinstance(part, OfField) else ONE
    return ColumnPlan(_bits(view, part, net=op not in (MIN, MAX)), number, _place(part.where), op)


def _place(where: str) -> int:
    return NUMBERS.index(where) if where else ONE


def _bits(view: FeatureView, part: Aggregation, *, net: bool) -> int:
    """Return the kinds of events that a part takes, as bits; net ones stand for paid lines where they can be taken back."""
    kinds = {kind for name in view.events_of(part) for kind in EVENTS[name]}
    if net and event_kernels.PAID in kinds:
        kinds = kinds - {event_kernels.PAID} | {NET_PAID}
    return sum(1 << kind for kind in kinds)


def _request(plan: EntityPlan, column: ColumnPlan, tile_ms: int, window_ms: int) -> tuple[int, int, int]:
    lengths = [level.tile_ms for level in plan.levels]
    if tile_ms not in lengths:
        plan.levels.append(LevelPlan(tile_ms))
        lengths.append(tile_ms)
    place = lengths.index(tile_ms)
    level = plan.levels[place]
    if column not in level.columns:
        level.columns.append(column)
    level.longest_ms = max(level.longest_ms, window_ms)
    return place, level.columns.index(column), window_ms


def _slot(plan: EntityPlan, view: FeatureView, aggregation: Aggregation, window_ms: int, tile_ms: int) -> int:
    if not isinstance(aggregation, OfField):
        raise UsageError(f"{aggregation.label} names no field.")
    kept = SlotPlan(
        _bits(view, aggregation, net=aggregation.retractable), _field(aggregation.field), _place(aggregation.where),
        _CELLS[aggregation.kind], isinstance(aggregation, Quantile),
    ), tile_ms  # fmt: skip
    if kept not in plan.slots:
        plan.slots.append(kept)
        plan.slot_longest_ms.append(0)
    place = plan.slots.index(kept)
    plan.slot_longest_ms[place] = max(plan.slot_longest_ms[place], window_ms)
    return place


def _recent(plan: EntityPlan, view: FeatureView, aggregation: Last, window_ms: int) -> int:
    slot = SlotPlan(
        _bits(view, aggregation, net=False), _field(aggregation.field), _place(aggregation.where), 0
    )
    if slot not in plan.recent:
        plan.recent.append(slot)
        plan.recent_kept.append([0, 0])
    place = plan.recent.index(slot)
    kept = plan.recent_kept[place]
    kept[:] = [max(kept[0], aggregation.n), max(kept[1], window_ms)]
    return place


def _field(name: str) -> int:
    return NUMBERS.index(name) if name in NUMBERS else TEXT_FIELDS + TEXTS.index(name)
