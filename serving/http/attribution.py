"""`/v1/attribution`: which traffic earned what, over all channels or for one."""

from dataclasses import fields
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from schemas.keys import (
    US,
    VERSION_BYTES,
    attribution_key,
    bucket,
    coupon_key,
    incrementality_key,
    plan_key,
    touch_key,
)
from schemas.metrics import ATTRIBUTION_WINDOWS, CHANNELS, FURTHER_CHANNELS, MODELS, WINDOWS
from schemas.records import CouponRecord, IncrementalityRecord, decode_coupon, decode_incrementality
from serving.access import Command
from serving.attribution import COSTING, AttributionRow, rows_of, with_cost
from serving.cells import damage
from serving.http.answers import Answer
from serving.http.endpoint import Asked, Endpoint, Nothing, Subject
from serving.http.parameters import (
    ANY_CHANNEL,
    AttributionWindow,
    Bounded,
    Channel,
    Id,
    Model,
    bounds_ms,
    check_path,
    check_query,
)
from serving.http.service import Service
from serving.http.store import AsyncStore
from serving.http.windows import Read, Span, Windows, read_windows
from serving.windows import to_text

FewWindows = Annotated[int, Meta(ge=1, le=1000, description="At most so many windows, the newest.")]


class Credit(msgspec.Struct):
    """What one channel id earned in one window under one model; null is not known or does not apply."""

    model: str
    window_start: str | None
    channel: str
    id: str
    credit_minor: int
    credited_orders: float
    touches: int
    cost_minor: int | None
    roi: float | None
    direct_credit_minor: int
    indirect_credit_minor: int
    cost_per_order_minor: float | None
    reached_users: int | None
    new_customer_credit_minor: int


class TableQuery(Bounded, forbid_unknown_fields=True, kw_only=True):
    """Which table of credit."""

    model: Model = "last_touch"
    by: Channel | None = None
    attribution_window: AttributionWindow | None = None
    limit: FewWindows = 100


class ChannelPath(msgspec.Struct):
    """Whose credit."""

    channel: Channel
    id: Id


class ChannelQuery(Bounded, forbid_unknown_fields=True, kw_only=True):
    """Under which model (without it: all), in which windows."""

    model: Model | None = None
    attribution_window: AttributionWindow | None = None
    limit: FewWindows = 100


class CreditAnswer(Answer, kw_only=True):
    """Credit in each window, oldest first, the most first within one."""

    attribution_window: str | None
    window: str
    truncated: bool
    rows: list[Credit]


class CouponLife(msgspec.Struct):
    """A coupon's life as its events tell it; times in RFC 3339."""

    status: str
    bought: int | None
    spent: int
    over_delivered: int
    cost_minor: int | None
    valid_from: str | None
    valid_to: str | None
    creator_id: str | None
    task_id: str | None
    holdout_share: float | None
    granted_at: str | None
    activated_at: str | None


class Lift(msgspec.Struct):
    """What a coupon with a hold-out caused, in minor units; the lift of a user has its 95 % confidence sequence."""

    holdout_share: float
    exposed: int
    held_out: int
    lift_minor_per_user: float | None
    ci_low: float | None
    ci_high: float | None
    incremental_gmv_minor: int | None
    cost_minor: int | None
    incremental_roi: float | None
    attributed_minor: int
    would_have_come_share: float | None


class ChannelAnswer(CreditAnswer, kw_only=True):
    """One channel id's credit; of a coupon its life and what it caused, too."""

    coupon: CouponLife | None = None
    incrementality: Lift | None = None


async def table(asked: Asked[Nothing, TableQuery, Nothing]) -> CreditAnswer:
    """Read what every channel earned under one model; a second round trip reads costs."""
    query, service = asked.query, asked.service
    if query.by is not None:
        check_query("by", query.by, ANY_CHANNEL)
    credited = await _credited(service, query)
    wanted = CHANNELS if query.by is None else (query.by,)
    further = query.by in FURTHER_CHANNELS
    reads = (
        [] if credited is None else _reads(service.store, query.model, credited, query.window, "", further)
    )
    found = await read_windows(service.store, await _span(service, query), reads)
    by_window = [
        (start, list(rows_of(start, cells[0], cells[1], wanted))) for start, cells in found.rows if cells
    ]
    rows = [row for _, rows in by_window for row in sorted(rows, key=_order)]
    if query.window == "total":
        rows = await _with_costs(service.store, rows)
    return CreditAnswer(
        attribution_window=credited, window=query.window, truncated=found.truncated,
        rows=[plain(query.model, row) for row in rows], **service.told(found.seen),
    )  # fmt: skip


async def channel(asked: Asked[ChannelPath, ChannelQuery, Nothing]) -> ChannelAnswer:
    """Read what one channel id earned, under one model or under all."""
    path, query, service = asked.path, asked.query, asked.service
    check_path("channel", path.channel, ANY_CHANNEL)
    credited = await _credited(service, query)
    models = (query.model,) if query.model else MODELS
    store, name = service.store, US.join((path.channel, path.id))
    further = path.channel in FURTHER_CHANNELS
    reads = [
        read
        for model in models if credited
        for read in _reads(store, model, credited, query.window, name, further)
    ]  # fmt: skip
    found = await read_windows(store, await _span(service, query), reads, _costing_commands(store, path))
    coupon, lift, cost = _costing(path, found.beside)
    rows = _rows_of_channel(found, name, models, path.channel)
    if query.window == "total":
        rows = [(model, with_cost(row, cost)) for model, row in rows]
    return ChannelAnswer(
        attribution_window=credited, window=query.window, truncated=found.truncated,
        rows=[plain(model, row) for model, row in rows], coupon=coupon, incrementality=lift,
        **service.told(found.seen),
    )  # fmt: skip


def plain(model: str, row: AttributionRow) -> Credit:
    """Return one row as it is sent."""
    held = {each.name: getattr(row, each.name) for each in fields(row)}
    start = to_text(held.pop("window_start_ms"))
    return Credit(model, start, **{name: held[name] for name in Credit.__struct_fields__[2:]})


async def _credited(service: Service, query: TableQuery | ChannelQuery) -> str | None:
    """Return the attribution window to read, None where the job credits nothing."""
    if query.model is not None:
        check_query("model", query.model, MODELS)
    if query.attribution_window is not None:
        check_query("attribution_window", query.attribution_window, ATTRIBUTION_WINDOWS)
        return query.attribution_window
    await service.timezone()
    return next(iter(service.job.attribution_windows), None)


async def _span(service: Service, query: TableQuery | ChannelQuery) -> Span:
    check_query("window", query.window, WINDOWS)
    from_ms, to_ms = bounds_ms(query, await service.timezone())
    return Span(query.window, from_ms, to_ms, query.limit)


def _reads(store: AsyncStore, model: str, credited: str, window: str, name: str, further: bool) -> list[Read]:
    """Return the credit and the touches to read: of one channel, or of all where it has no name."""
    credit = attribution_key(store.namespace, model, credited, window, 0, further=further)
    return [(credit, name), (touch_key(store.namespace, window, 0, further=further), name)]


def _order(row: AttributionRow) -> tuple[int, str, str]:
    return -row.credit_minor, row.channel, row.id


def _rows_of_channel(
    found: Windows, name: str, models: tuple[str, ...], kind: str
) -> list[tuple[str, AttributionRow]]:
    field = name.encode()
    return [
        (model, row)
        for start, cells in found.rows
        for model, credit, touches in zip(models, cells[::2], cells[1::2], strict=bool(cells))
        for row in rows_of(start, _one(field, credit), _one(field, touches), (kind,))
    ]


def _one(field: bytes, value: bytes | None) -> dict[bytes, bytes]:
    return {} if value is None else {field: value}


async def _with_costs(store: AsyncStore, rows: list[AttributionRow]) -> list[AttributionRow]:
    costing = [row for row in rows if row.channel in COSTING]
    if not costing:
        return rows
    values = await store.ask([_cost_command(store, row.channel, row.id) for row in costing])
    costs = {
        (row.channel, row.id): _cost(row.channel, value) for row, value in zip(costing, values, strict=True)
    }
    return [with_cost(row, costs.get((row.channel, row.id))) for row in rows]


def _cost_command(store: AsyncStore, kind: str, identifier: str) -> Command:
    key = coupon_key if kind == "coupon" else plan_key
    return ("HGET", key(store.namespace, bucket(identifier)), identifier)


def _cost(kind: str, value: bytes | None) -> int | None:
    if value is None:
        return None
    with damage():
        if kind == "coupon":
            return decode_coupon(value[VERSION_BYTES:]).cost_minor
        return int(msgspec.msgpack.decode(value[VERSION_BYTES:], type=tuple[int])[0])


def _costing_commands(store: AsyncStore, path: ChannelPath) -> list[Command]:
    """Return what to read of a coupon or of an ad plan besides its credit."""
    if path.channel not in COSTING:
        return []
    lift_key = incrementality_key(store.namespace, bucket(path.id))
    return [_cost_command(store, path.channel, path.id), ("HGET", lift_key, path.id)]


def _costing(
    path: ChannelPath, answers: list[bytes | None]
) -> tuple[CouponLife | None, Lift | None, int | None]:
    """Return what those say: a coupon's life, what it caused, and the cost."""
    if not answers:
        return None, None, None
    value, lift = answers
    cost = _cost(path.channel, value)
    if path.channel != "coupon":
        return None, None, cost
    with damage():
        coupon = _life(decode_coupon(value[VERSION_BYTES:])) if value else None
        caused = _lift(decode_incrementality(lift[VERSION_BYTES:])) if lift else None
    return coupon, caused, cost


def _life(held: CouponRecord) -> CouponLife:
    return CouponLife(
        held.status, held.bought, held.spent, held.over_delivered, held.cost_minor,
        to_text(held.valid_from_ms), to_text(held.valid_to_ms), held.creator_id, held.task_id, held.holdout_share,
        to_text(held.granted_at_ms), to_text(held.activated_at_ms),
    )  # fmt: skip


def _lift(held: IncrementalityRecord) -> Lift:
    return Lift(*(getattr(held, name) for name in Lift.__struct_fields__))


def whose(asked: Asked[ChannelPath, ChannelQuery, Nothing]) -> Subject:
    """Return whose credit is asked for."""
    return asked.path.channel, asked.path.id


ATTRIBUTION: Final = Endpoint(
    "GET", "/v1/attribution", "attribution", "What every channel earned under one model.",
    CreditAnswer, table, query_type=TableQuery,
)  # fmt: skip
ATTRIBUTION_OF_CHANNEL: Final = Endpoint(
    "GET", "/v1/attribution/{channel}/{id}", "attribution_of_channel", "What one channel id earned, and what it cost.",
    ChannelAnswer, channel, ChannelPath, ChannelQuery, of_whom=whose,
)  # fmt: skip
