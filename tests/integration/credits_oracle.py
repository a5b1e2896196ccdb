"""Credits under every model and window in SQL, written from the definitions: every line, touch by touch."""

from collections.abc import Sequence
from typing import Final

import duckdb
from figures_oracle import WINDOW_STARTS

DAY_MS: Final = 86_400_000
WINDOWS: Final = {
    "click_30m": ("CASE event_type WHEN 'click' THEN 1800000 ELSE -1 END", True, 600_000),
    "click_7d_view_1d": (
        f"CASE event_type WHEN 'click' THEN {7 * DAY_MS} ELSE {DAY_MS} END",
        False,
        7 * DAY_MS,
    ),
    "click_1d": (f"CASE event_type WHEN 'click' THEN {DAY_MS} ELSE -1 END", False, 7 * DAY_MS),
    "click_3d": (f"CASE event_type WHEN 'click' THEN {3 * DAY_MS} ELSE -1 END", False, 7 * DAY_MS),
    "click_15d": (f"CASE event_type WHEN 'click' THEN {15 * DAY_MS} ELSE -1 END", False, 7 * DAY_MS),
    "click_30d": (f"CASE event_type WHEN 'click' THEN {30 * DAY_MS} ELSE -1 END", False, 7 * DAY_MS),
}
"""How old a touch may be by its type, whether it must be in the order's room and session, and the half-life."""
DEFAULT: Final = ("click_7d_view_1d",)
MODELS: Final = ("last_touch", "first_touch", "last_paid_touch", "linear", "time_decay", "position")

# `merchant_of` maps items to merchants; an item that it lacks is only known to be its own.
TOUCHES: Final = """
    CREATE OR REPLACE TABLE true_touches AS
    SELECT event_id, event_time, user_id, room_id, session_id, event_type, creator_id, events.item_id AS item_id,
           coalesce(merchant_of.merchant_id, 'item ' || events.item_id) AS merchant,
           CASE WHEN coupon_id IS NOT NULL THEN 'coupon' WHEN ad_plan_id IS NOT NULL THEN 'ad_plan'
                WHEN campaign_id IS NOT NULL THEN 'campaign' ELSE 'traffic_source' END AS channel,
           coalesce(coupon_id, ad_plan_id, campaign_id, traffic_source, 'none') AS id
    FROM events LEFT JOIN merchant_of USING (item_id)
    WHERE event_type IN ('view', 'click') AND NOT coalesce(holdout, false) AND user_id IS NOT NULL
"""
PAID: Final = """
    CREATE OR REPLACE TABLE true_lines AS
    WITH lines AS (
        SELECT order_id, item_id, arg_min(pay, pay.event_time) FILTER (pay.order_status = 'paid') AS pay,
               greatest(0, sum(CASE WHEN pay.order_status = 'paid' THEN amount_minor ELSE -amount_minor END)) AS net
        FROM (SELECT order_id, item_id, amount_minor, e AS pay FROM events AS e
              WHERE event_type = 'order' AND order_status IN ('paid', 'refunded'))
        GROUP BY ALL HAVING pay IS NOT NULL
    )
    SELECT lines.order_id, lines.item_id, net::BIGINT AS net, pay.event_time AS pay_ms, pay.user_id AS user_id,
           pay.room_id AS room_id, pay.session_id AS session_id,
           coalesce(merchant_of.merchant_id, 'item ' || lines.item_id) AS merchant
    FROM lines LEFT JOIN merchant_of ON merchant_of.item_id = lines.item_id
"""
ELIGIBLE: Final = """
    WITH near AS (
        SELECT p.order_id, p.item_id, p.net, p.pay_ms, t.event_id, t.channel, t.id, t.event_time, t.event_type,
               coalesce(t.room_id = p.room_id AND t.session_id IS NOT DISTINCT FROM p.session_id, false) AS direct,
               t.channel <> 'traffic_source' AS bought
        FROM true_lines AS p JOIN true_touches AS t
          ON t.user_id = p.user_id AND t.event_time <= p.pay_ms
         AND (p.pay_ms - t.event_time)::BIGINT <= OLDEST
         AND ((t.room_id = p.room_id AND t.session_id IS NOT DISTINCT FROM p.session_id)
              OR (t.merchant = p.merchant AND NOT IN_ROOM))
    )
    SELECT *, row_number() OVER (line ORDER BY event_time, event_id) AS place, count(*) OVER (line) AS touches,
           max(CASE WHEN bought THEN struct_pack(t := event_time, e := event_id) END) OVER (line) AS last_bought
    FROM near WINDOW line AS (PARTITION BY order_id, item_id)
"""
WEIGHTS: Final = {
    "last_touch": "(place = touches)::DOUBLE",
    "first_touch": "(place = 1)::DOUBLE",
    "last_paid_touch": "CASE WHEN last_bought IS NULL THEN place = touches ELSE event_id = last_bought.e END::DOUBLE",
    "linear": "1.0",
    "time_decay": "pow(0.5::DOUBLE, (pay_ms - event_time)::DOUBLE / HALF_LIFE)",
    "position": """CASE WHEN touches <= 2 THEN 1.0 WHEN place IN (1, touches) THEN 2.0 * (touches - 2) ELSE 1.0 END""",
}
"""In what proportion a line's amount goes to its touches."""

# By largest remainder, ties to the earlier touch. Only under `time_decay` may remainders differ by less than a millionth.
SHARES: Final = """
    WITH weighed AS (SELECT *, WEIGHT AS weight FROM eligible), whole AS (
        SELECT *, net * weight / sum(weight) OVER line AS exact FROM weighed
        WINDOW line AS (PARTITION BY order_id, item_id)
    ), ranked AS (
        SELECT *, net - sum(floor(exact + 1e-9)) OVER line AS left_over,
               row_number() OVER (PARTITION BY order_id, item_id
                   ORDER BY round(exact - floor(exact + 1e-9), DIGITS) DESC, place) AS turn
        FROM whole WINDOW line AS (PARTITION BY order_id, item_id)
    )
    SELECT order_id, item_id, pay_ms, channel, id, event_id, 'MODEL' AS model, 'WINDOW' AS attribution_window, direct,
           (floor(exact + 1e-9) + CASE WHEN turn <= left_over THEN 1 ELSE 0 END)::BIGINT AS credit
    FROM ranked
    UNION ALL SELECT order_id, item_id, pay_ms, 'traffic_source', 'direct', NULL, 'MODEL', 'WINDOW', false, net
    FROM true_lines ANTI JOIN eligible USING (order_id, item_id)
"""


# The merchants `unknown` and `none`, as those scopes have it, are one merchant each to its customers.
NEW_LINES: Final = """
    CREATE OR REPLACE TABLE new_lines AS
    WITH paid AS (
        SELECT e.user_id, e.order_id, e.item_id, e.event_time,
               CASE WHEN m.item_id IS NULL THEN 'unknown' ELSE coalesce(m.merchant_id, 'none') END AS merchant
        FROM events AS e LEFT JOIN merchant_of AS m ON m.item_id = e.item_id
        WHERE event_type = 'order' AND order_status = 'paid'
    ), purchases AS (
        SELECT user_id, merchant, order_id, min(event_time) AS bought_ms FROM paid GROUP BY ALL
    ), firsts AS (
        FROM purchases
        QUALIFY row_number() OVER (PARTITION BY user_id, merchant ORDER BY bought_ms, order_id) = 1
    )
    SELECT DISTINCT order_id, item_id FROM paid JOIN firsts USING (user_id, merchant, order_id)
"""


def book_credits(
    store: duckdb.DuckDBPyConnection, items: str | None = None, windows: Sequence[str] = DEFAULT
) -> None:
    """Fill the table `true_credits` from `events`; `items` is a Parquet file of the items dimension."""
    source = f"'{items}'" if items else "(SELECT NULL::VARCHAR AS item_id, NULL::VARCHAR AS merchant_id)"
    store.execute(f"CREATE OR REPLACE TABLE merchant_of AS SELECT item_id, merchant_id FROM {source}")
    store.execute(TOUCHES)
    store.execute(PAID)
    store.execute(NEW_LINES)
    store.execute("DROP TABLE IF EXISTS true_credits")
    for window in windows:
        oldest, in_room, half_life = WINDOWS[window]
        terms = ELIGIBLE.replace("OLDEST", oldest).replace("IN_ROOM", str(in_room))
        store.execute(f"CREATE OR REPLACE TEMP TABLE eligible AS {terms}")
        for model, weight in WEIGHTS.items():
            shares = SHARES.replace("WEIGHT", weight).replace("HALF_LIFE", str(half_life))
            shares = (
                shares.replace("DIGITS", "15" if model == "time_decay" else "7")
                .replace("MODEL", model)
                .replace("WINDOW'", f"{window}'")
            )
            there = store.execute(
                "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'true_credits'"
            ).fetchall()
            store.execute(
                f"INSERT INTO true_credits {shares}"
                if there[0][0]
                else f"CREATE TABLE true_credits AS {shares}"
            )


def wrong_credits(store: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Return line credits of the models of touches that only one side has."""
    names = "order_id, item_id, model, attribution_window, channel, id"
    ours = f"SELECT {names}, touch_event_id, coalesce(direct, false), credit_minor FROM credits WHERE model IN {MODELS}"
    truth = f"SELECT {names}, event_id, direct, credit FROM true_credits WHERE credit <> 0"
    return _differences(store, ours, truth)


def wrong_channels(store: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Return credit of channels, direct credit, and touches, in any window, that only one side has, by those models."""
    credit = """
        SELECT model, attribution_window, channel, id, pay_ms AS at_ms, credit, 0 AS touches,
               CASE WHEN direct THEN credit ELSE 0 END AS together FROM true_credits
    """
    touched = """
        SELECT model, attribution_window, channel, id, event_time AS at_ms, 0 AS credit, 1 AS touches, 0 AS together
        FROM (SELECT DISTINCT model, attribution_window FROM true_credits), true_touches
    """
    sums = "sum(credit)::BIGINT AS credit, sum(touches)::BIGINT AS touches, sum(together)::BIGINT AS together"
    key = "model, attribution_window, channel, id"
    truth = " UNION ALL ".join(
        f"SELECT {key}, '{window}', ({start.replace('ZONE', 'Asia/Shanghai')})::BIGINT AS start_ms, {sums} "
        f"FROM ({credit} UNION ALL {touched}) GROUP BY ALL"
        for window, start in WINDOW_STARTS.items()
    )
    ours = f"""
        SELECT {key}, "window", epoch_ms(window_start), credit_minor, touches, direct_credit_minor FROM attribution
        WHERE model IN {MODELS}
    """
    # Whole orders may be credited where the money is 0, so rows without either figure are left out on both sides.
    filled = """
        SELECT * FROM ({}) AS t(model, awindow, channel, id, w, start_ms, credit, touches, together)
        WHERE credit <> 0 OR touches <> 0
    """
    return _differences(store, filled.format(ours), filled.format(truth))


def _differences(store: duckdb.DuckDBPyConnection, ours: str, truth: str) -> list[tuple[object, ...]]:
    sides = (
        f"SELECT 'ours', * FROM ({ours} EXCEPT ALL {truth})",
        f"SELECT 'truth', * FROM ({truth} EXCEPT ALL {ours})",
    )
    return store.execute(f"({' UNION ALL '.join(sides)}) ORDER BY 2, 3, 4, 5, 1 LIMIT 10").fetchall()


def wrong_new_customers(store: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Return new customers' credit of channels, in any window under any model, that only one side has.

    The credits are those exported line by line, which `wrong_credits` and the oracle of paths hold to the truth.
    """
    key = "model, attribution_window, channel, id"
    truth = " UNION ALL ".join(
        f"SELECT {key}, '{window}', ({start.replace('ZONE', 'Asia/Shanghai')})::BIGINT AS start_ms, "
        "sum(credit_minor)::BIGINT AS credit "
        "FROM (SELECT c.*, pay_ms AS at_ms FROM credits AS c JOIN new_lines USING (order_id, item_id) "
        "JOIN true_lines USING (order_id, item_id)) GROUP BY ALL"
        for window, start in WINDOW_STARTS.items()
    )
    ours = f'SELECT {key}, "window", epoch_ms(window_start), new_customer_credit_minor FROM attribution'
    filled = "SELECT * FROM ({}) AS t(model, awindow, channel, id, w, start_ms, credit) WHERE credit <> 0"
    return _differences(store, filled.format(ours), filled.format(truth))


def wrong_reach(store: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """Return channels and creators whose distinct users with a touch differ: at all up to 1,536, by 4 % beyond."""
    touched = """
        SELECT channel, id, event_time AS at_ms, user_id FROM true_touches
        UNION ALL SELECT 'creator', coalesce(creator_id, 'none'), event_time, user_id FROM true_touches
    """
    truth = " UNION ALL ".join(
        f"SELECT channel, id, '{window}' AS w, ({start.replace('ZONE', 'Asia/Shanghai')})::BIGINT AS start_ms, "
        f"count(DISTINCT user_id) AS users FROM ({touched}) GROUP BY ALL"
        for window, start in WINDOW_STARTS.items()
    )
    ours = """
        SELECT DISTINCT channel, id, "window" AS w, epoch_ms(window_start) AS start_ms, reached_users AS reached
        FROM (FROM attribution UNION ALL (FROM attribution_further WHERE channel = 'creator'))
        WHERE reached_users > 0
    """
    return store.execute(f"""
        SELECT * FROM ({truth}) AS t FULL JOIN ({ours}) AS o
          ON t.channel = o.channel AND t.id = o.id AND t.w = o.w AND t.start_ms IS NOT DISTINCT FROM o.start_ms
        WHERE users IS NULL OR reached IS NULL OR abs(reached - users) > CASE WHEN users > 1536 THEN 0.04 * users ELSE 0 END
        LIMIT 10
    """).fetchall()
