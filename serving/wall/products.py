"""The product board of one broadcast: its money by item, beside the attention that the items get."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas.keys import metric_key
from schemas.metrics import EVENT_TIME_COUNTS, NO_ID
from serving.access import Store, read_each
from serving.cells import decode_cell
from serving.explain.order_log import PAID, REFUNDED
from serving.wall.broadcasts import MINUTE_MS

ITEMS: Final = 60
HOUR_MS: Final = 60 * MINUTE_MS
NOW_MINUTES: Final = 5
_ATTENTION: Final = ("impressions", "clicks", "orders_paid")


@dataclass(frozen=True)
class Product:
    """One item: orders and money in this broadcast; impressions, clicks and ratios in all rooms in its hours.

    `attention` is its share of all impressions of these items in the last five minutes.
    """

    item_id: str
    gmv_paid_minor: int
    orders_paid: int
    refunds_minor: int
    impressions: int
    clicks: int
    ctr: float | None
    click_to_paid: float | None
    attention: float | None
    is_shown_now: bool


def read_products(store: Store, sold: pa.Table | None, from_ms: int, to_ms: int) -> list[Product]:
    """Return the items that a broadcast took orders of, most money first; one small read an hour and item."""
    money = _money(sold)
    items = sorted(money, key=lambda item: (-money[item][0], item))[:ITEMS]
    seen = _counts(store, items, "hour", range(from_ms - from_ms % HOUR_MS, to_ms, HOUR_MS))
    latest = to_ms - to_ms % MINUTE_MS
    lately = _counts(
        store, items, "minute", range(latest - NOW_MINUTES * MINUTE_MS, latest + MINUTE_MS, MINUTE_MS)
    )
    shown = {item: lately[item]["impressions"] for item in items}
    all_shown, most = sum(shown.values()), max(shown.values(), default=0)
    return [
        _product(
            item,
            money[item],
            seen[item],
            shown[item] / all_shown if all_shown else None,
            most == shown[item] > 0,
        )
        for item in items
    ]


def _money(sold: pa.Table | None) -> dict[str, tuple[int, int, int]]:
    """Return money paid, orders and refunds by item."""
    if sold is None:
        return {}
    paid, orders = _sums(sold, PAID), _orders(sold)
    refunds = _sums(sold, REFUNDED)
    return {item: (paid[item], orders.get(item, 0), refunds.get(item, 0)) for item in paid if item != NO_ID}


def _sums(sold: pa.Table, status: int) -> dict[str, int]:
    rows = sold.filter(pc.equal(sold["status"], status)).group_by("item").aggregate([("amount_minor", "sum")])
    return dict(zip(rows["item"].to_pylist(), rows["amount_minor_sum"].to_pylist(), strict=True))


def _orders(sold: pa.Table) -> dict[str, int]:
    paid = sold.filter(pc.equal(sold["status"], PAID))
    rows = paid.group_by("item").aggregate([("order_id", "count_distinct")])
    return dict(zip(rows["item"].to_pylist(), rows["order_id_count_distinct"].to_pylist(), strict=True))


def _counts(store: Store, items: list[str], window: str, starts: range) -> dict[str, dict[str, int]]:
    """Return what all rooms together saw of these items in some windows."""
    sums = {item: dict.fromkeys(_ATTENTION, 0) for item in items}
    if not items:
        return sums
    keys = [metric_key(store.namespace, "e", "item", window, start) for start in starts]
    for cells in read_each(store, [("HMGET", key, *items) for key in keys]):
        for item, cell in zip(items, cells, strict=True):
            counts = decode_cell(cell, EVENT_TIME_COUNTS)
            for name in _ATTENTION:
                sums[item][name] += counts[name]
    return sums


def _product(
    item: str, money: tuple[int, int, int], seen: Mapping[str, int], attention: float | None, is_shown: bool
) -> Product:
    paid, orders, refunds = money
    impressions, clicks = seen["impressions"], seen["clicks"]
    return Product(
        item,
        paid,
        orders,
        refunds,
        impressions,
        clicks,
        clicks / impressions if impressions else None,
        seen["orders_paid"] / clicks if clicks else None,
        attention,
        is_shown,
    )
