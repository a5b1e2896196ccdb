"""What each event adds to which count, and when: the addends of every base count.

Readings that the specification leaves open:

- An order counts once a scope id and status, in the minute of its first event there; beyond the order
  horizon the same id is another order (decision 0006). An order of a new customer counts the same way: once
  a scope id, in the minute of its first line there that is a new customer's; so does one of a repurchase.
  These orders are those of a user: where two users have one order id, each has an order.
- A new product's line is paid at its item's `launched_at` or up to 30 days of 24 hours after it, both ends
  included; a payment before the launch is none.
- A line may be paid in parts: each part is GMV and units of its own time, but the line is one, and paid
  when its first part is (at one time: that of the lower event id). A refund is the line's if it lies at
  most the order horizon before or after that moment, and then is booked by order time at it, under that
  event's scope ids (decision 0010).
- A view without `dwell_ms` adds nothing to it; other events are no views, whatever they say of `dwell_ms` or
  `holdout`.
"""

from typing import Final

import duckdb
from oracle_scopes import SCOPES, scoped

NEW_PRODUCT_MS: Final = 30 * 86_400_000

EVENT_COUNTS: Final = {
    "views": "seen",
    "room_entries": "seen AND item_id IS NULL",
    "impressions": "seen AND item_id IS NOT NULL",
    "clicks": "event_type = 'click'",
    "follows": "event_type = 'follow'",
}
"""Counts of events, by which they are."""
AMOUNTS: Final = {
    "dwell_ms": ("dwell_ms", "seen"),
    "units_paid": ("quantity", "paid"),
    "gmv_placed_minor": ("amount_minor", "event_type = 'order' AND order_status = 'placed'"),
    "gmv_paid_minor": ("amount_minor", "paid"),
    "refunds_minor": ("amount_minor", "event_type = 'order' AND order_status = 'refunded'"),
    "new_customer_gmv_minor": ("amount_minor", "new_customer"),
    "repurchase_gmv_minor": ("amount_minor", "repurchase"),
    "new_product_gmv_minor": ("amount_minor", f"paid AND at_ms - launched_ms BETWEEN 0 AND {NEW_PRODUCT_MS}"),
    "premium_gmv_minor": ("amount_minor", "paid AND premium"),
}
"""Sums of a column, by the events that it is summed over."""
ORDER_COUNTS: Final = {
    "orders_placed": "order_status = 'placed'",
    "orders_paid": "order_status = 'paid'",
    "orders_cancelled": "order_status = 'cancelled'",
    "new_customer_orders": "new_customer",
    "repurchase_orders": "repurchase",
}
"""Counts of orders, by the events of which the first one counts."""
OF_USERS: Final = ("new_customer_orders", "repurchase_orders")
"""Those that tell the orders of users apart."""
BY_ORDER_TIME: Final = "refunds_by_order_time_minor"
USERS: Final = {
    "viewers": "seen",
    "clickers": "event_type = 'click'",
    "buyers": "paid",
    "online_users": "true",
}
"""Whose distinct number is published, by the events that show them."""
BASE_COUNTS: Final = (*EVENT_COUNTS, *AMOUNTS, *ORDER_COUNTS, BY_ORDER_TIME)

_MARKED: Final = """
    CREATE OR REPLACE TABLE oracle.marked AS
    SELECT located.*, event_type = 'view' AND NOT coalesce(holdout, false) AS seen,
           event_type = 'order' AND order_status = 'paid' AS paid,
           coalesce(new_customer, false) AS new_customer, coalesce(repurchase, false) AS repurchase
    FROM oracle.located LEFT JOIN oracle.customer_lines USING (event_id)
"""
_PAID_LINES: Final = """
    CREATE OR REPLACE TABLE oracle.paid_lines AS
    WITH payments AS (
        SELECT order_id, item_id, at_ms, event_id, amount_minor,
               coalesce(at_ms - lag(at_ms) OVER parts > $order_horizon_ms, true) AS begins
        FROM oracle.marked WHERE paid WINDOW parts AS (PARTITION BY order_id, item_id ORDER BY at_ms, event_id)
    ), numbered AS (
        SELECT *, sum(begins::INT) OVER (PARTITION BY order_id, item_id ORDER BY at_ms, event_id) AS repeat FROM payments
    )
    SELECT order_id, item_id, arg_min(event_id, (at_ms, event_id)) AS payment_id, min(at_ms) AS paid_ms,
           sum(amount_minor)::BIGINT AS paid_minor
    FROM numbered GROUP BY order_id, item_id, repeat
"""
_RETURNED: Final = """
    CREATE OR REPLACE TABLE oracle.returned AS
    SELECT r.event_id AS refund_id, r.order_id, r.item_id, r.at_ms AS refunded_ms, r.amount_minor AS refunded_minor,
           arg_min(payment_id, paid_ms) AS payment_id, arg_min(paid_minor, paid_ms) AS paid_minor
    FROM oracle.located AS r LEFT JOIN oracle.paid_lines AS p
      ON p.order_id = r.order_id AND p.item_id = r.item_id AND abs(paid_ms - r.at_ms) <= $order_horizon_ms
    WHERE r.event_type = 'order' AND r.order_status = 'refunded'
    GROUP BY ALL
"""
_RETURNED_AT_PAYMENT: Final = f"""
    SELECT located.*, refunded_minor AS {BY_ORDER_TIME}
    FROM oracle.returned JOIN oracle.located ON located.event_id = payment_id
"""


def count_events(store: duckdb.DuckDBPyConnection, order_horizon_ms: int) -> None:
    """Fill `oracle.addends`: scope, id and moment, what is added to each count there, and who was seen doing it."""
    store.execute(_MARKED)
    for statement in (_PAID_LINES, _RETURNED):
        store.execute(statement, {"order_horizon_ms": order_horizon_ms})
    store.execute(f"CREATE OR REPLACE TABLE oracle.event_addends AS {_event_addends()}")
    names = ", ".join((*EVENT_COUNTS, *AMOUNTS, *USERS))
    parts = (
        scoped("oracle.event_addends", f"at_ms, day_ms, {names}"),
        *(_first_events(name, which, order_horizon_ms) for name, which in ORDER_COUNTS.items()),
        scoped(f"({_RETURNED_AT_PAYMENT})", f"at_ms, day_ms, {BY_ORDER_TIME}"),
    )
    store.execute(
        "CREATE OR REPLACE TABLE oracle.addends AS " + " UNION ALL BY NAME ".join(f"({p})" for p in parts)
    )


def _event_addends() -> str:
    columns = {name: f"CASE WHEN {which} THEN 1 END" for name, which in EVENT_COUNTS.items()}
    columns |= {name: f"CASE WHEN {which} THEN {added} END" for name, (added, which) in AMOUNTS.items()}
    columns |= {name: f"CASE WHEN {which} THEN user_id END" for name, which in USERS.items()}
    named = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    return f"SELECT {', '.join(SCOPES)}, at_ms, day_ms, {named} FROM oracle.marked"


def _first_events(name: str, which: str, order_horizon_ms: int) -> str:
    orders = scoped(
        f"(FROM oracle.marked WHERE event_type = 'order' AND {which})",
        f"at_ms, day_ms, order_id, {'user_id' if name in OF_USERS else 'NULL'} AS customer, event_id",
    )
    return f"""
        SELECT scope, id, at_ms, day_ms, 1 AS {name} FROM ({orders})
        WINDOW likes AS (PARTITION BY scope, id, order_id, customer ORDER BY at_ms, event_id)
        QUALIFY coalesce(at_ms - lag(at_ms) OVER likes > {order_horizon_ms}, true)
    """
