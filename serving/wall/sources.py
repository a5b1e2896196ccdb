"""Where viewers come from and where money comes from: two shares of each traffic source."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from schemas.keys import metric_key
from schemas.metrics import EVENT_TIME_COUNTS
from serving.access import Store, read_each
from serving.cells import decode_cell
from serving.explain.order_log import PAID
from serving.wall.products import HOUR_MS


@dataclass(frozen=True)
class Source:
    """One traffic source: its views and paid money, and their shares; None where there is nothing to share."""

    source: str
    views: int
    gmv_paid_minor: int
    views_share: float | None
    money_share: float | None


def read_sources(store: Store, sold: pa.Table | None, from_ms: int, to_ms: int) -> list[Source]:
    """Return all sources, most views first: views of all rooms in a broadcast's hours, money of the broadcast.

    Without a broadcast's orders the money is that of all rooms, too.
    """
    keys = [
        metric_key(store.namespace, "e", "traffic_source", "hour", start)
        for start in range(from_ms - from_ms % HOUR_MS, to_ms, HOUR_MS)
    ]
    views: dict[str, int] = {}
    everywhere: dict[str, int] = {}
    for cells in read_each(store, [("HGETALL", key) for key in keys]):
        for field, cell in cells.items():
            counts, source = decode_cell(cell, EVENT_TIME_COUNTS), field.decode()
            views[source] = views.get(source, 0) + counts["views"]
            everywhere[source] = everywhere.get(source, 0) + counts["gmv_paid_minor"]
    return shared(views, everywhere if sold is None else _money(sold))


def shared(views: dict[str, int], money: dict[str, int]) -> list[Source]:
    """Return each source's share of views beside its share of money.

    >>> [(each.source, each.money_share) for each in shared({"search": 1, "follow": 3}, {"search": 9})]
    [('follow', 0.0), ('search', 1.0)]
    """
    all_views, all_money = sum(views.values()), sum(money.values())
    return [
        Source(
            source,
            views.get(source, 0),
            money.get(source, 0),
            views.get(source, 0) / all_views if all_views else None,
            money.get(source, 0) / all_money if all_money else None,
        )
        for source in sorted(views.keys() | money.keys(), key=lambda source: (-views.get(source, 0), source))
    ]


def _money(sold: pa.Table) -> dict[str, int]:
    paid = sold.filter(pc.equal(sold["status"], PAID))
    rows = paid.group_by("traffic_source").aggregate([("amount_minor", "sum")])
    return dict(zip(rows["traffic_source"].to_pylist(), rows["amount_minor_sum"].to_pylist(), strict=True))
