"""The truth that is written is the truth of the events, by SQL over both."""

from typing import Any

import duckdb
import pytest

Store = duckdb.DuckDBPyConnection

STATUSES = {
    "placed": ("placed_at", "amount_minor"),
    "paid": ("paid_at", "amount_minor"),
    "cancelled": ("cancelled_at", "amount_minor"),
    "shipped": ("shipped_at", "amount_minor"),
    "delivered": ("delivered_at", "amount_minor"),
}


def rows(store: Store, text: str) -> list[tuple[Any, ...]]:
    return store.sql(text).fetchall()


@pytest.mark.parametrize("status", STATUSES)
def test_each_line_changes_its_status_when_and_as_intended(store: Store, status: str) -> None:
    at, amount = STATUSES[status]
    intended = f"""SELECT order_id, item_id, user_id, session_id, traffic_source, coupon_id, ad_plan_id, campaign_id,
        quantity, {amount}, epoch_ms({at}) FROM orders WHERE {at} IS NOT NULL"""
    happened = f"""SELECT order_id, item_id, user_id, session_id, traffic_source, coupon_id, ad_plan_id, campaign_id,
        quantity, amount_minor, event_time FROM events WHERE order_status = '{status}'"""
    assert rows(store, f"({intended}) EXCEPT ALL ({happened})") == []
    assert rows(store, f"({happened}) EXCEPT ALL ({intended})") == []


def test_refunds_are_those_intended(store: Store) -> None:
    intended = """
        SELECT order_id, item_id, refund_minor, epoch_ms(refunded_at) FROM orders WHERE refunded_at IS NOT NULL
        UNION ALL SELECT order_id, item_id, second_refund_minor, epoch_ms(refunded_again_at) FROM orders
        WHERE refunded_again_at IS NOT NULL"""
    happened = (
        "SELECT order_id, item_id, amount_minor, event_time FROM events WHERE order_status = 'refunded'"
    )
    assert rows(store, f"({intended}) EXCEPT ALL ({happened})") == []
    assert rows(store, f"({happened}) EXCEPT ALL ({intended})") == []
    assert rows(store, "SELECT count(*) > 0 FROM orders WHERE refunded_again_at IS NOT NULL") == [(True,)]


def test_money_adds_up(store: Store) -> None:
    ((paid, refunded, net),) = rows(store, """
        SELECT sum(amount_minor) FILTER (order_status = 'paid'), sum(amount_minor) FILTER (order_status = 'refunded'),
               (SELECT sum(net_minor) FROM orders) FROM events""")  # fmt: skip
    assert paid - refunded == net
    assert rows(store, "SELECT count(*) FROM orders WHERE net_minor < 0 OR refund_minor + second_refund_minor > amount_minor") == [(0,)]  # fmt: skip  # noqa: E501


def test_an_order_line_is_bought_once_and_after_its_click(store: Store) -> None:
    assert rows(store, "SELECT count(*) - count(DISTINCT (order_id, item_id)) FROM orders") == [(0,)]
    assert rows(store, """
        SELECT count(*) FROM orders WHERE NOT EXISTS (
            FROM events WHERE event_type = 'click' AND events.user_id = orders.user_id
            AND events.item_id = orders.item_id AND event_time < epoch_ms(placed_at))""") == [(0,)]  # fmt: skip
    assert rows(store, "SELECT count(DISTINCT order_id) < count(*) FROM orders") == [(True,)]


def test_who_was_reached_by_a_coupon_and_who_was_kept_out(store: Store) -> None:
    seen = """
        SELECT coupon_id, count(DISTINCT user_id), count(DISTINCT user_id) FILTER (holdout),
               count(*) FILTER (NOT coalesce(holdout, false))
        FROM events WHERE event_type = 'view' AND coupon_id IS NOT NULL GROUP BY coupon_id"""
    told = "SELECT coupon_id, eligible, held_out, delivered FROM coupons"
    assert rows(store, f"({seen}) EXCEPT ({told})") == rows(store, f"({told}) EXCEPT ({seen})") == []
    assert rows(store, """
        SELECT count(*) FROM (SELECT user_id, coupon_id FROM events WHERE event_type = 'view' AND coupon_id IS NOT NULL
        GROUP BY ALL HAVING bool_or(holdout) AND bool_or(NOT coalesce(holdout, false)))""") == [(0,)]  # fmt: skip
    shares = rows(store, """SELECT holdout_share, sum(held_out) / sum(eligible) FROM coupons GROUP BY 1""")
    for meant, actual in shares:
        assert actual == pytest.approx(meant, abs=0.06)


def test_a_coupons_events_tell_its_terms_and_its_end(store: Store) -> None:
    terms = """SELECT DISTINCT coupon_id, cost_minor, impressions, valid_from, valid_to, holdout_share FROM events
        WHERE event_type = 'coupon'"""
    told = "SELECT coupon_id, cost_minor, impressions, epoch_ms(valid_from), epoch_ms(valid_to), holdout_share FROM coupons"
    assert rows(store, f"({terms}) EXCEPT ({told})") == rows(store, f"({told}) EXCEPT ({terms})") == []
    ended = rows(store, """
        SELECT coupon_id, coupon_status = 'exhausted', delivered >= coupons.impressions FROM coupons
        JOIN events USING (coupon_id) WHERE coupon_status IN ('exhausted', 'expired')""")  # fmt: skip
    assert len(ended) == rows(store, "SELECT count(*) FROM coupons")[0][0]
    assert all(exhausted == used_up for _, exhausted, used_up in ended)
    assert rows(store, """
        SELECT count(*) FROM events JOIN coupons USING (coupon_id)
        WHERE event_type = 'view' AND event_time < epoch_ms(coupons.valid_from)""") == [(0,)]  # fmt: skip


def test_interests_are_shares_that_drift(store: Store) -> None:
    assert rows(store, "SELECT count(*) FROM (SELECT user_id, evening, sum(weight) AS whole, count(*) AS categories FROM interests GROUP BY ALL) WHERE abs(whole - 1) > 1e-9 OR categories <> 12") == [(0,)]  # fmt: skip  # noqa: E501
    ((moved,),) = rows(store, """
        SELECT avg((abs(one.weight - other.weight) > 1e-9)::INT) FROM interests one JOIN interests other
        USING (user_id, category_id) WHERE one.evening = 0 AND other.evening = 1""")  # fmt: skip
    assert 0.05 < moved < 0.4


def test_users_click_what_interests_them(store: Store) -> None:
    """Click rates rise with the true interest, and how steeply is far from chance."""
    rates = rows(store, """
        WITH shown AS (
            SELECT user_id, item_id, room_id, count(*) FILTER (event_type = 'view') AS views,
                   count(*) FILTER (event_type = 'click') AS clicks,
                   min(event_time) >= 1781780400000 + 82800000 AS second
            FROM events WHERE item_id IS NOT NULL AND event_type IN ('view', 'click') GROUP BY ALL)
        SELECT weight > 0.1, sum(clicks) / sum(views), sum(views) FROM shown JOIN items USING (item_id)
        JOIN interests ON interests.user_id = shown.user_id AND interests.category_id = items.category_id
        AND evening = second::INT GROUP BY 1 ORDER BY 1""")  # fmt: skip
    (_, little, _), (_, much, _) = rates
    assert much > 5 * little
