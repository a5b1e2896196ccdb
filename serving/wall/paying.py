"""How long the buyers of one broadcast took to pay: what its order log knows of the time between two steps of its funnel.

When somebody viewed or clicked in a room is not stored, so a room's other steps have no times; those of a category have
(`serving.funnel`).

>>> placed = {"order_id": ["a", "b", "a"], "status": [PLACED, PAID, PAID], "event_time_ms": [1000, 1500, 4000]}
>>> median_to_pay_ms(pa.table(placed))
3000.0
"""

import pyarrow as pa
import pyarrow.compute as pc

from serving.explain.order_log import PAID, PLACED


def median_to_pay_ms(sold: pa.Table | None) -> float | None:
    """Return the median time from an order's first placed line to its first paid one, in milliseconds.

    Of orders of which both are known, in that order; None where there is none. Costs one pass over the events given.
    """
    if sold is None:
        return None
    placed, paid = (_first(sold, status, name) for status, name in ((PLACED, "placed_ms"), (PAID, "paid_ms")))
    both = placed.join(paid, "order_id", join_type="inner")
    took = pc.subtract(both["paid_ms"], both["placed_ms"])
    (median,) = pc.quantile(took.filter(pc.greater_equal(took, 0)), 0.5).to_pylist()
    return None if median is None else float(median)


def _first(sold: pa.Table, status: int, name: str) -> pa.Table:
    """Return each order's first event of a status."""
    events = sold.filter(pc.equal(sold["status"], status))
    first = events.group_by("order_id").aggregate([("event_time_ms", "min")])
    return first.rename_columns({"event_time_ms_min": name, "order_id": "order_id"})
