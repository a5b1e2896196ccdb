"""One room, one broadcast: everything that the host's desk shows, as of now or of a moment of a past show."""

from typing import Any

import pyarrow as pa

from schemas.errors import UsageError
from schemas.metrics import NO_ID
from serving.access import Store
from serving.metrics import read_metrics
from serving.ratios import ratios
from serving.wall.alarms import Alarm, coupon_alarms, newest_first, pace_alarms, ratio_alarms
from serving.wall.broadcasts import MINUTE_MS, NOBODY, Span, is_on_air, read_span
from serving.wall.coupon_board import CouponLine, read_coupon_board
from serving.wall.moment import Moment, read_moment
from serving.wall.order_index import Airing, OrderIndex, airings, of_session
from serving.wall.pace import RATIOS, series, sums_to, tiles
from serving.wall.paying import median_to_pay_ms
from serving.wall.pins import Pins
from serving.wall.products import read_products
from serving.wall.room_view import Mark, RoomView, Trend
from serving.wall.sources import read_sources
from serving.wall.suggestions import read_suggestions

TREND: tuple[str, ...] = ("gmv_paid_minor", "orders_paid", "views", "online_users")


def read_room(
    store: Store,
    index: OrderIndex,
    room_id: str,
    session_id: str | None = None,
    at_ms: int | None = None,
    pins: Pins | None = None,
) -> RoomView:
    """Return a room's newest broadcast, or one of its earlier ones, whole or up to `at_ms`.

    A room that took no order yet is shown by its own figures; `pins` remembers minutes from one look to the next. Costs
    some hundred small reads in about ten round trips. Raises UsageError for a broadcast of another room, and for a room
    that nothing is known of.
    """
    moment = read_moment(store)
    orders = index.refresh()
    airing = _airing(airings(orders), room_id, session_id)
    scope, identifier = ("session", airing.session_id) if airing else ("room", room_id)
    rows = read_metrics(store, scope, identifier)
    span = read_span(store, scope, identifier)
    if not rows and span is None:
        raise UsageError(
            f"Nothing is published of room {room_id!r}. `interestream leaderboard room` lists those that sold."
        )
    creator = airing.creator_id if airing and airing.creator_id not in NOBODY else None
    on_air = span is not None and is_on_air(span.to_ms, moment.as_of_ms)
    to_ms = _shown_to(span, moment, at_ms, on_air=on_air)
    is_part = at_ms is not None and span is not None and to_ms is not None and to_ms < span.to_ms
    total = _figures(rows[0].figures if rows else {}, span, to_ms, is_part=is_part)
    platform = read_metrics(store, "platform", "all")
    benchmark = platform[0].figures if platform else {}
    sold = of_session(orders, airing.session_id, to_ms if is_part else None) if airing else None
    coupons = read_coupon_board(store, creator) if creator else []
    from_ms = span.from_ms if span else None
    alarms = _alarms(room_id, span, to_ms, total, benchmark, coupons)
    on_show: list[tuple[int, str]] = []
    if airing and from_ms is not None and to_ms is not None:
        on_show = (pins or Pins(store)).of(airing.session_id, _items(orders, airing), from_ms, to_ms)
    return RoomView(
        moment,
        room_id,
        airing.session_id if airing else None,
        creator,
        airing.campaign_id if airing and airing.campaign_id != NO_ID else None,
        on_air,
        from_ms,
        span.to_ms if span else None,
        to_ms,
        is_part,
        span is not None and moment.final_to_ms is not None and span.to_ms <= moment.final_to_ms,
        total,
        tiles(span, total, to_ms, is_part=is_part) if span and to_ms is not None else [],
        {name: _float(total.get(name)) for name in RATIOS},
        {name: _float(benchmark.get(name)) for name in RATIOS},
        _trend(span, to_ms),
        [*_marks(span, airing, coupons, alarms), *(Mark("pin", item, at) for at, item in on_show)],
        read_products(store, sold, from_ms, to_ms) if from_ms is not None and to_ms is not None else [],
        read_sources(store, sold, from_ms, to_ms) if from_ms is not None and to_ms is not None else [],
        coupons,
        read_suggestions(store, to_ms),
        alarms,
        median_to_pay_ms(sold),
    )


def read_broadcast(store: Store, index: OrderIndex, session_id: str) -> RoomView:
    """Return one broadcast, whichever room it was in; raises UsageError for one that took no order."""
    known = airings(index.refresh())
    found = next((airing for airing in known if airing.session_id == session_id), None)
    if found is None:
        raise UsageError(
            f"No broadcast {session_id!r} took an order; the newest are: "
            f"{', '.join(airing.session_id for airing in known[-10:]) or 'none'}."
        )
    return read_room(store, index, found.room_id, session_id)


def _airing(known: list[Airing], room_id: str, session_id: str | None) -> Airing | None:
    own = [airing for airing in known if airing.room_id == room_id]
    if session_id is None:
        return own[-1] if own else None
    found = next((airing for airing in own if airing.session_id == session_id), None)
    if found is None:
        raise UsageError(
            f"Room {room_id!r} has no broadcast {session_id!r} with orders; it has: "
            f"{', '.join(airing.session_id for airing in own[-10:]) or 'none'}."
        )
    return found


def _items(orders: pa.Table, airing: Airing) -> list[str]:
    """Return all items that the broadcast took orders of, also after the moment that is shown."""
    sold = of_session(orders, airing.session_id, None)
    return [] if sold is None else sorted(set(sold["item"].to_pylist()) - {NO_ID})


def _shown_to(span: Span | None, moment: Moment, at_ms: int | None, *, on_air: bool) -> int | None:
    """Return the end of the last whole minute that is shown."""
    if span is None:
        return None
    end = span.to_ms
    if on_air and moment.as_of_ms is not None:
        end = max(min(end, moment.as_of_ms - moment.as_of_ms % MINUTE_MS), span.from_ms + MINUTE_MS)
    if at_ms is not None:
        end = min(max(at_ms - at_ms % MINUTE_MS, span.from_ms + MINUTE_MS), end)
    return end


def _figures(
    published: dict[str, int | float | None], span: Span | None, to_ms: int | None, *, is_part: bool
) -> dict[str, int | float | None]:
    """Return what is published of the whole show, or the sums of its first minutes, which know no distinct users."""
    if not is_part or span is None or to_ms is None:
        return published
    sums: dict[str, Any] = dict(sums_to(span, to_ms))
    return {**sums, **ratios(sums)}


def _trend(span: Span | None, to_ms: int | None) -> Trend | None:
    if span is None or to_ms is None:
        return None
    return Trend(span.from_ms, {name: series(span, name, to_ms) for name in TREND})


def _alarms(
    room_id: str,
    span: Span | None,
    to_ms: int | None,
    total: dict[str, int | float | None],
    benchmark: dict[str, int | float | None],
    coupons: list[CouponLine],
) -> list[Alarm]:
    if span is None or to_ms is None:
        return newest_first(coupon_alarms(coupons))
    pace = pace_alarms("room", room_id, series(span, "gmv_paid_minor", to_ms), to_ms - MINUTE_MS)
    told = [alarm for alarm in coupon_alarms(coupons) if (alarm.since_ms or 0) < to_ms]
    return newest_first([*pace, *ratio_alarms("room", room_id, total, benchmark, span.from_ms), *told])


def _marks(
    span: Span | None, airing: Airing | None, coupons: list[CouponLine], alarms: list[Alarm]
) -> list[Mark]:
    if span is None:
        return []
    begun = [(c.coupon_id, c.activated_at_ms or c.valid_from_ms) for c in coupons]
    marks = [
        Mark("coupon", each, at) for each, at in begun if at is not None and span.from_ms <= at < span.to_ms
    ]
    if airing and airing.campaign_id != NO_ID:
        marks.append(Mark("campaign", airing.campaign_id, span.from_ms, span.to_ms))
    marks += [
        Mark("alarm", alarm.kind, alarm.since_ms)
        for alarm in alarms
        if alarm.kind.startswith("gmv") and alarm.since_ms is not None
    ]
    return marks


def _float(value: int | float | None) -> float | None:
    return None if value is None else float(value)
