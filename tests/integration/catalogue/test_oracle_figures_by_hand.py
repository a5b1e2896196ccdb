"""The oracle's figures, on events few enough to count by hand: who judges must be judged first."""

from pathlib import Path

import pytest
from hand_counted import HOUR_MS, NOON, booked, event, figures, line, write_shop
from oracle_boards import book_boards
from oracle_terms import DAY_MS


@pytest.fixture(scope="module")
def dims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("dims"))


def test_counts_of_one_event_each(dims: Path) -> None:
    events = [
        event("view", NOON, dwell_ms=700),
        event("view", NOON, item_id="pan", dwell_ms=300),
        event("view", NOON, "bob"),
        event("view", NOON, "eve", holdout=True, dwell_ms=9),
        event("click", NOON, item_id="pan"),
        event("follow", NOON, "bob"),
        line("placed", NOON, "o1"),
        line("cancelled", NOON, "o1"),
        line("placed", NOON, "o2", minor=40),
    ]
    store = booked(events, dims)
    names = "views, room_entries, impressions, clicks, follows, dwell_ms, viewers, clickers, buyers, mean_dwell_ms, ctr"
    assert figures(store, names) == [("all", 3, 2, 1, 1, 1, 1000, 2, 1, 0, 1000 / 3, 1.0)]
    orders = "orders_placed, orders_cancelled, orders_paid, units_paid"
    assert figures(store, orders) == [("all", 2, 1, 0, 0)]
    money = "gmv_placed_minor, gmv_paid_minor, aov_minor, click_to_paid"
    assert figures(store, money) == [("all", 140, 0, None, 0.0)]


def test_an_order_counts_once_a_scope_id_in_the_minute_of_its_first_line() -> None:
    late = 10 * HOUR_MS + 1
    events = [
        line("paid", NOON, "o", "pan", 10, room_id="r1"),
        line("paid", NOON + late, "o", "pot", 20, room_id="r2"),
        line("paid", NOON + 2 * late, "o", "tea", 30, room_id="r1"),
        line("paid", NOON + late, "p", "tea", 5, room_id="r1"),
    ]
    store = booked(events)
    paid = "orders_paid, gmv_paid_minor, units_paid, buyers"
    assert figures(store, paid, window="hour") == [(12, 1, 10, 2, 1), (22, 1, 25, 4, 1), (32, 0, 30, 2, 1)]
    assert figures(store, paid, "room") == [("r1", 2, 45, 6, 1), ("r2", 1, 20, 2, 1)]
    assert figures(store, paid) == [("all", 2, 65, 8, 1)]
    assert figures(store, "aov_minor, gpm_views_minor, view_conversion") == [("all", 32.5, None, None)]


def test_the_same_order_id_beyond_the_horizon_is_another_order() -> None:
    horizon = 30 * DAY_MS
    events = [line("paid", NOON + at_ms, "o") for at_ms in (0, horizon, 2 * horizon + 1)]
    assert figures(booked(events), "orders_paid, new_customer_orders, repurchase_orders") == [
        ("all", 2, 1, 0)
    ]


def test_new_customers_and_those_who_come_back(dims: Path) -> None:
    """Ann buys at m1 at noon, 30 days on, and 30 days and a millisecond after that; at m2 but once, in one of these."""
    later, lapsed = 30 * DAY_MS, 60 * DAY_MS + 1
    events = [
        line("paid", NOON, "o1", "pan", 100),
        line("paid", NOON + HOUR_MS, "o1", "pot", 10),
        line("paid", NOON + later, "o2", "pan", 1000),
        line("paid", NOON + later + 5, "o2", "tea", 2000),
        line("paid", NOON + lapsed, "o3", "pan", 7),
        line("paid", NOON, "o4", "tea", 5, user_id="bob"),
        line("placed", NOON - DAY_MS, "o0", "tea", 5, user_id="bob"),
        line("refunded", NOON, "o4", "tea", 5, user_id="bob"),
    ]
    store = booked(events, dims)
    names = "new_customer_orders, new_customer_gmv_minor, repurchase_orders, repurchase_gmv_minor, new_customer_share"
    of_m1, of_m2 = ("m1", 1, 110, 1, 1000, 110 / 1117), ("m2", 2, 2005, 0, 0, 1.0)
    assert figures(store, names, "merchant") == [of_m1, of_m2]
    assert figures(store, names, "platform") == [("all", 3, 2115, 1, 1000, 2115 / 3122)]
    assert figures(store, names, "category")[1] == ("kitchen", 1, 110, 1, 1000, 110 / 1117)
    by_hour = figures(store, "new_customer_orders, new_customer_gmv_minor", window="hour")
    assert by_hour[1:3] == [(12, 2, 105), (13, 0, 10)]


def test_two_first_orders_of_one_moment_stand_in_the_order_of_their_ids(dims: Path) -> None:
    store = booked([line("paid", NOON, "ob", minor=5), line("paid", NOON, "oa", minor=7)], dims)
    assert figures(store, "new_customer_gmv_minor, repurchase_gmv_minor") == [("all", 7, 5)]


def test_without_dimensions_the_platform_is_one_shop() -> None:
    ann = [line("paid", NOON, "o1", "pan"), line("paid", NOON + 1, "o2", "tea")]
    bob = line("paid", NOON, "o3", user_id="bob")
    assert figures(booked([*ann, bob]), "new_customer_orders, repurchase_orders") == [("all", 2, 1)]


def test_new_products_from_their_launch_for_thirty_days_and_premium_ones(dims: Path) -> None:
    times = (-1, 0, 30 * DAY_MS, 30 * DAY_MS + 1)
    events = [line("paid", NOON + at_ms, f"o{at_ms}", minor=10**place) for place, at_ms in enumerate(times)]
    store = booked([*events, line("paid", NOON, "pot", "pot", 5)], dims)
    assert figures(store, "new_product_gmv_minor, premium_gmv_minor") == [("all", 110, 1111)]
    assert figures(store, "new_product_share, premium_share") == [("all", 110 / 1116, 1111 / 1116)]


def test_refunds_by_their_own_time_and_by_that_of_the_payment() -> None:
    events = [
        line("refunded", NOON - HOUR_MS, "o", minor=30, room_id="r2"),
        line("paid", NOON, "o", minor=100, room_id="r1"),
        line("paid", NOON + HOUR_MS, "o", minor=50, room_id="r2"),
        line("refunded", NOON + 30 * DAY_MS, "o", minor=130, room_id="r1"),
        line("refunded", NOON + 30 * DAY_MS + 1, "o", minor=9, room_id="r1"),
        line("refunded", NOON, "lost", minor=4),
    ]
    store = booked(events)
    names = "gmv_paid_minor, refunds_minor, refunds_by_order_time_minor, net_gmv_minor, refund_rate"
    assert figures(store, names) == [("all", 150, 173, 160, -23, 160 / 150)]
    assert figures(store, names, "room") == [
        ("none", 0, 4, 0, -4, None),
        ("r1", 100, 139, 160, -39, 1.6),
        ("r2", 50, 30, 0, 20, 0.0),
    ]
    assert figures(store, "refunds_minor, refunds_by_order_time_minor", window="day")[0] == (0, 34, 160)
    listed = (
        "SELECT kind, order_id, amount_minor, epoch_ms(event_time) FROM oracle.reconciliation ORDER BY ALL"
    )
    assert store.execute(listed).fetchall() == [
        ("orphan_refund", "lost", 4, NOON),
        ("orphan_refund", "o", 9, NOON + 30 * DAY_MS + 1),
        ("over_refund", "o", 10, NOON + 30 * DAY_MS),
    ]


def test_users_online_in_a_session_are_those_of_any_event_in_the_minute() -> None:
    here = {"session_id": "s", "room_id": "r"}
    events = [
        event("view", NOON, "ann", **here),
        event("click", NOON + 59_999, "ann", item_id="pan", **here),
        event("follow", NOON + 59_999, "bob", **here),
        event("view", NOON + 60_000, "eve", holdout=True, **here),
        event("live", NOON, None, live_status="started", **here),
        event("view", NOON, "zoe"),
    ]
    store = booked(events)
    names = "id, start_ms, online_users, viewers"
    rows = store.execute(
        f"SELECT {names} FROM oracle.metrics WHERE online_users IS NOT NULL ORDER BY ALL"
    ).fetchall()
    assert rows == [("none", NOON, 1, 1), ("s", NOON, 2, 1), ("s", NOON + 60_000, 1, 0)]


def test_the_funnel_of_a_category(dims: Path) -> None:
    """Ann goes all the way in steps of an hour, bob buys at once and looks later, eve only looks, zoe clicks and stays."""
    steps = [NOON + hour * HOUR_MS for hour in range(6)]
    events = [
        event("view", steps[0], item_id="pan"),
        event("view", steps[1], item_id="pot"),
        event("click", steps[1], item_id="pot"),
        line("paid", steps[2], "o1"),
        line("paid", steps[3], "o1", "pot"),
        line("paid", steps[4], "o2"),
        line("paid", steps[5], "o3"),
        line("paid", steps[0], "o4", user_id="bob"),
        event("view", steps[1], "bob", item_id="pan"),
        event("view", steps[0], "eve", item_id="pan"),
        event("view", steps[0], "fay", item_id="pan", holdout=True),
        event("view", steps[0], "zoe", item_id="pan"),
        event("click", steps[4] + DAY_MS, "zoe", item_id="pan"),
    ]
    store = booked(events, dims)
    stages = store.execute("FROM oracle.funnel_stages ORDER BY ALL").fetchall()
    assert stages == [("kitchen", stage, 1) for stage in ("interested", "known", "ordered", "repurchased")]
    moves = store.execute(f"""
        SELECT (epoch_ms(day) - {NOON}) / {HOUR_MS} + 12, from_stage, to_stage, users FROM oracle.funnel_moves ORDER BY ALL
    """).fetchall()
    assert moves == [
        (0, "interested", "ordered", 1), (0, "known", "interested", 1), (0, "ordered", "repurchased", 1),
        (0, None, "known", 3), (0, None, "ordered", 1), (24, "known", "interested", 1),
    ]  # fmt: skip
    times = store.execute(
        "SELECT from_stage, to_stage, median_ms FROM oracle.funnel_times ORDER BY ALL"
    ).fetchall()
    assert times == [
        ("interested", "ordered", HOUR_MS), ("known", "interested", (HOUR_MS + 4 * HOUR_MS + DAY_MS) / 2),
        ("ordered", "repurchased", 2 * HOUR_MS),
    ]  # fmt: skip


def test_boards_rank_by_value_and_then_by_id() -> None:
    rooms = ("b", "a", "c", "a", "c")
    store = booked(
        [event("view", NOON, room_id=room) for room in rooms] + [event("follow", NOON, room_id="d")]
    )
    book_boards(store, ["views"], places=2)
    board = "SELECT rank, id, value FROM oracle.leaderboards WHERE scope = 'room' AND \"window\" = 'total' ORDER BY 1"
    assert store.execute(board).fetchall() == [(1, "a", 2), (2, "c", 2)]
