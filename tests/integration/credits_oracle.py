"""Last-touch and linear credits in SQL, written from the definitions: every line, touch by touch."""

from typing import Final

import duckdb
from figures_oracle import WINDOW_STARTS

CLICKS_MS: Final = 7 * 86_400_000
VIEWS_MS: Final = 86_400_000

# `merchant_of` maps items to merchants; an item that it lacks is only known to be its own.
CREDITS: Final = f"""
    CREATE OR REPLACE TABLE true_credits AS
    WITH touches AS (
        SELECT event_id, event_time, user_id, room_id, session_id, event_type,
               coalesce(merchant_of.merchant_id, 'item ' || events.item_id) AS merchant,
               CASE WHEN coupon_id IS NOT NULL THEN 'coupon' WHEN ad_plan_id IS NOT NULL THEN 'ad_plan'
                    WHEN campaign_id IS NOT NULL THEN 'campaign' ELSE 'traffic_source' END AS channel,
               coalesce(coupon_id, ad_plan_id, campaign_id, traffic_source, 'none') AS id
        FROM events LEFT JOIN merchant_of USING (item_id)
        WHERE event_type IN ('view', 'click') AND NOT coalesce(holdout, false) AND user_id IS NOT NULL
    ), lines AS (
        SELECT order_id, item_id, arg_min(pay, pay.event_time) FILTER (pay.order_status = 'paid') AS pay,
               greatest(0, sum(CASE WHEN pay.order_status = 'paid' THEN amount_minor ELSE -amount_minor END)) AS net
        FROM (SELECT order_id, item_id, amount_minor, e AS pay FROM events AS e
              WHERE event_type = 'order' AND order_status IN ('paid', 'refunded'))
        GROUP BY ALL HAVING pay IS NOT NULL
    ), paid AS (
        SELECT lines.order_id, lines.item_id, net::BIGINT AS net, pay.event_time AS pay_ms, pay.user_id AS user_id,
               pay.room_id AS room_id, pay.session_id AS session_id,
               coalesce(merchant_of.merchant_id, 'item ' || lines.item_id) AS merchant
        FROM lines LEFT JOIN merchant_of ON merchant_of.item_id = lines.item_id
    ), eligible AS (
        SELECT p.order_id, p.item_id, p.net, p.pay_ms, t.event_id, t.channel, t.id,
               row_number() OVER (line ORDER BY t.event_time, t.event_id) - 1 AS place,
               count(*) OVER (line) AS touches
        FROM paid AS p JOIN touches AS t
          ON t.user_id = p.user_id AND t.event_time <= p.pay_ms
         AND p.pay_ms - t.event_time <= CASE t.event_type WHEN 'click' THEN {CLICKS_MS} ELSE {VIEWS_MS} END
         AND ((t.room_id = p.room_id AND t.session_id IS NOT DISTINCT FROM p.session_id) OR t.merchant = p.merchant)
        WINDOW line AS (PARTITION BY p.order_id, p.item_id)
    ), shares AS (
        SELECT order_id, item_id, pay_ms, channel, id, event_id, 'linear' AS model,
               net // touches + CASE WHEN place < net % touches THEN 1 ELSE 0 END AS credit FROM eligible
        UNION ALL SELECT order_id, item_id, pay_ms, channel, id, event_id, 'last_touch', net FROM eligible
            WHERE place = touches - 1
        UNION ALL SELECT order_id, item_id, pay_ms, 'traffic_source', 'direct', NULL, model, net
            FROM paid ANTI JOIN eligible USING (order_id, item_id), (VALUES ('linear'), ('last_touch')) AS m(model)
    )
    SELECT * FROM shares
"""


def book_credits(store: duckdb.DuckDBPyConnection, items: str | None = None) -> None:
    """Fill the table `true_credits` from `events`; `items` is a Parquet file of the items dimension."""
    source = f"'{items}'" if items else "(SELECT NULL::VARCHAR AS item_id, NULL::VARCHAR AS merchant_id)"
    store.execute(f"CREATE OR REPLACE TABLE merchant_of AS SELECT item_id, merchant_id FROM {source}")
    store.execute(CREDITS)


def wrong_credits(store: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Return line credits that only one side has."""
    ours = "SELECT order_id, item_id, model, channel, id, touch_event_id, credit_minor FROM credits"
    truth = "SELECT order_id, item_id, model, channel, id, event_id, credit::BIGINT FROM true_credits WHERE credit <> 0"
    return _differences(store, ours, truth)


def wrong_channels(store: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Return credit of channels, and touches, in any window, that only one side has."""
    credit = "SELECT model, channel, id, pay_ms AS at_ms, credit, 0 AS touches FROM true_credits"
    touched = """
        SELECT model, channel, id, at_ms, 0 AS credit, 1 AS touches FROM (VALUES ('linear'), ('last_touch')) AS m(model), (
            SELECT event_time AS at_ms,
                   CASE WHEN coupon_id IS NOT NULL THEN 'coupon' WHEN ad_plan_id IS NOT NULL THEN 'ad_plan'
                        WHEN campaign_id IS NOT NULL THEN 'campaign' ELSE 'traffic_source' END AS channel,
                   coalesce(coupon_id, ad_plan_id, campaign_id, traffic_source, 'none') AS id
            FROM events WHERE event_type IN ('view', 'click') AND NOT coalesce(holdout, false) AND user_id IS NOT NULL)
    """
    sums = "sum(credit)::BIGINT AS credit, sum(touches)::BIGINT AS touches"
    truth = " UNION ALL ".join(
        f"SELECT model, channel, id, '{window}', ({start.replace('ZONE', 'Asia/Shanghai')})::BIGINT AS start_ms, {sums} "
        f"FROM ({credit} UNION ALL {touched}) GROUP BY ALL"
        for window, start in WINDOW_STARTS.items()
    )
    ours = (
        'SELECT model, channel, id, "window", epoch_ms(window_start), credit_minor, touches FROM attribution'
    )
    # Whole orders may be credited where the money is 0, so rows without either figure are left out on both sides.
    filled = "SELECT * FROM ({}) AS t(model, channel, id, w, start_ms, credit, touches) WHERE credit <> 0 OR touches <> 0"
    return _differences(store, filled.format(ours), filled.format(truth))


def _differences(store: duckdb.DuckDBPyConnection, ours: str, truth: str) -> list[tuple[object, ...]]:
    sides = (
        f"SELECT 'ours', * FROM ({ours} EXCEPT ALL {truth})",
        f"SELECT 'truth', * FROM ({truth} EXCEPT ALL {ours})",
    )
    return store.execute(f"({' UNION ALL '.join(sides)}) ORDER BY 2, 3, 4, 5, 1 LIMIT 10").fetchall()
