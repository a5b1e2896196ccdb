"""What the room view is made of."""

from dataclasses import dataclass

from serving.wall.alarms import Alarm
from serving.wall.coupon_board import CouponLine
from serving.wall.moment import Moment
from serving.wall.pace import Tile
from serving.wall.products import Product
from serving.wall.sources import Source
from serving.wall.suggestions import Suggestions


@dataclass(frozen=True)
class Trend:
    """Minutes of a show from `from_ms` on, one value each; None where a figure is not known."""

    from_ms: int
    values: dict[str, list[int | None]]


@dataclass(frozen=True)
class Mark:
    """Something that happened at a moment, or lasted until `to_ms`; `pin` is an item that was put on show.

    The kinds are `coupon`, `campaign`, `pin` and `alarm`.
    """

    kind: str
    id: str
    at_ms: int
    to_ms: int | None = None


@dataclass(frozen=True)
class RoomView:
    """What the room view draws; money in minor units, moments in UTC milliseconds.

    `total` are the published figures of the broadcast; before the end of a past show, the sums of its minutes.
    `trend` is None where nobody was seen in the room. `to_pay_ms` is the median time from placed to paid, None where
    no order has both.
    """

    moment: Moment
    room_id: str
    session_id: str | None
    creator_id: str | None
    campaign_id: str | None
    on_air: bool
    from_ms: int | None
    to_ms: int | None
    shown_to_ms: int | None
    is_part: bool
    is_final: bool
    total: dict[str, int | float | None]
    tiles: list[Tile]
    ratios: dict[str, float | None]
    benchmark: dict[str, float | None]
    trend: Trend | None
    marks: list[Mark]
    products: list[Product]
    sources: list[Source]
    coupons: list[CouponLine]
    suggestions: Suggestions
    alarms: list[Alarm]
    to_pay_ms: float | None = None
