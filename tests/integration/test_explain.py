"""Any two figures reconcile to the cent, by the orders that make the difference."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import command, replayed

from runners.embedded_redis import open_redis
from schemas.keys import NAMESPACE
from serving.access import Store
from serving.explain import Explanation, explain
from serving.leaderboards import read_leaderboard

START_MS = 1_767_225_600_000
MINUTE_MS = 60_000


def order(number: int, minute: int, status: str, amount: int, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}", "event_type": "order", "event_time": START_MS + minute * MINUTE_MS, "user_id": "u",
        "room_id": "r1", "item_id": "i", "quantity": 1, "currency": "CNY", "order_id": f"o{number}",
        "amount_minor": amount, "order_status": status,
    } | fields  # fmt: skip


STORY = [
    order(1, 0, "placed", 1000),
    order(2, 0, "paid", 1000, order_id="o1"),
    order(3, 0, "placed", 500),
    order(4, 1, "placed", 300),
    order(5, 9, "paid", 280, order_id="o4"),
    order(6, 2, "paid", 70),
    order(7, 2, "placed", 900),
    order(8, 2, "paid", 850, order_id="o7"),
    order(9, 3, "refunded", 400, order_id="o1"),
    order(10, 12, "refunded", 50, order_id="o6"),
    order(11, 3, "refunded", 33),
    order(12, 4, "placed", 111, room_id="r2"),
    order(13, 4, "paid", 111, room_id="r2", order_id="o12"),
    order(14, 5, "refunded", 11, order_id="o12"),
    order(15, 5, "paid", 77, currency="USD"),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("told")
    events = home / "events.jsonl"
    events.write_text("".join(json.dumps(event) + "\n" for event in STORY))
    replayed(home, events)
    return home


def explained(home: Path, scope: str, identifier: str, *minutes: int) -> Explanation:
    bounds = [START_MS + minute * MINUTE_MS for minute in minutes]
    with open_redis(None, home) as redis:
        between = dict(zip(("from_ms", "to_ms"), bounds, strict=False))
        return explain(Store(redis.client, NAMESPACE), scope, identifier, **between)


def steps(found: Explanation) -> list[dict[str, tuple[int, list[str]]]]:
    assert {chain.unexplained_minor for chain in found.chains} == {0}
    return [{step.what: (step.amount_minor, step.orders) for step in chain.steps} for chain in found.chains]


def test_every_step_names_its_amount_and_its_orders(told: Path) -> None:
    paid, net, by_order_time, *_ = steps(explained(told, "room", "r1", 0, 5))
    assert paid == {
        "placed here, not paid so far": (-500, ["o3"]),
        "placed here, paid at another time or place": (-300, ["o4"]),
        "paid here, never seen placed": (70, ["o6"]),
        "placed and paid here, for another amount": (-50, ["o7"]),
    }
    assert net == {
        "refunded here, paid here": (-400, ["o1"]),
        "refunded here, payment never seen": (-33, ["o11"]),
    }
    assert by_order_time == {
        "refunded here, payment never seen or too long ago": (-33, ["o11"]),
        "paid here, refunded at another time or place": (50, ["o6"]),
    }


def test_a_refund_elsewhere_than_its_payment(told: Path) -> None:
    _, net, by_order_time, *_ = steps(explained(told, "room", "r1"))
    assert net["refunded here, paid at another time or place"] == (-11, ["o12"])
    assert by_order_time["refunded here, paid at another time or place"] == (-11, ["o12"])


def test_what_was_refused_is_told_with_its_money(told: Path) -> None:
    [refused] = explained(told, "room", "r1").refused
    assert (refused.inputs, refused.orders_minor) == (1, 77)
    assert (refused.paid_minor, refused.orders) == (0, []), "dollars are not added to yuan"
    assert explained(told, "room", "r2").refused == []
    assert explained(told, "platform", "all", 6, 20).refused == []


def test_days_and_what_may_still_change_add_up(told: Path) -> None:
    found = explained(told, "room", "r1")
    assert (
        sum(day["gmv_paid_minor"] for day in found.days.values()) == found.figures["gmv_paid_minor"] == 2200
    )
    assert found.provisional == {name: found.figures[name] for name in found.provisional}


NIGHT = [
    order(1, 0, "paid", 1000, session_id="s1"),
    order(2, 58, "paid", 500, session_id="s1"),
    order(3, 61, "paid", 70, session_id="s1"),
    order(4, 62, "paid", 8, session_id="s1", order_id="o3"),
    order(5, 75, "refunded", 600, session_id="s1", order_id="o2"),
    order(6, 75, "refunded", 5, session_id="s1"),
    order(7, 90, "paid", 9, session_id="s2"),
    order(8, 300, "paid", 40, session_id="s1"),
    order(9, 301, "paid", 33, session_id="s1", order_id="o9") | {"event_time": START_MS},
    order(10, 330, "paid", 20, session_id="s1"),
]
"""A broadcast past midnight, with a refund beyond its payment, one of no payment, and a payment that came too late."""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("night")
    events = home / "events.jsonl"
    events.write_text("".join(json.dumps(event) + "\n" for event in NIGHT))
    # An hour after the first order it is midnight there.
    replayed(home, events, settings={"timezone": "Atlantic/Azores"})
    return home


def test_a_broadcast_and_the_day_that_it_began_on(night: Path) -> None:
    [chain] = [chain for chain in explained(night, "session", "s1").chains if " on " in chain.end]
    assert (chain.start_minor, chain.end, chain.end_minor) == (1638, "gmv_paid_minor on 2025-12-31", 1500)
    assert [(step.what, step.amount_minor, step.orders) for step in chain.steps] == [
        ("paid here on 2026-01-01", -138, ["o10", "o3", "o8"])
    ]


def test_what_is_final_and_what_was_refused(night: Path) -> None:
    found = explained(night, "session", "s1")
    received, final = found.chains[-2:]
    assert (received.start_minor, received.end_minor) == (1671, 1638)
    assert [(step.what, step.amount_minor, step.orders) for step in received.steps] == [
        ("payment refused as too_late", -33, ["o9"])
    ]
    assert (final.start_minor, final.end_minor) == (1638, 1578)
    assert [(step.amount_minor, step.orders) for step in final.steps] == [(-60, ["o10", "o8"])]
    assert found.provisional["gmv_paid_minor"] == 60
    early = explained(night, "session", "s1", 0, 60)
    assert early.chains[-1].end_minor == early.figures["gmv_paid_minor"] == 1500


def test_refunds_that_no_order_explains_are_listed(night: Path) -> None:
    open_refunds = [
        (each.kind, each.order_id, each.amount_minor)
        for each in explained(night, "session", "s1").open_refunds
    ]
    assert open_refunds == [("orphan_refund", "o6", 5), ("over_refund", "o2", 100)]
    assert explained(night, "session", "s2").open_refunds == []


@pytest.mark.parametrize("scope", ["platform", "room", "session", "creator", "item", "traffic_source"])
def test_generated_events_reconcile(
    scope: str, generate: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.getbasetemp() / "reconciled"
    if not home.exists():
        replayed(home, generate(30_000, 3.0))
    with open_redis(None, home) as redis:
        store = Store(redis.client, NAMESPACE)
        places = read_leaderboard(store, scope, k=3).places
        assert places
        for place in places:
            whole = explain(store, scope, place.id)
            assert [chain.unexplained_minor for chain in whole.chains] == [0] * 6, place
            assert whole.figures["gmv_paid_minor"] == place.value
            hour = START_MS // 3_600_000 * 3_600_000
            part = explain(store, scope, place.id, from_ms=hour, to_ms=hour + 3_600_000)
            assert [chain.unexplained_minor for chain in part.chains] == [0] * 5, place


def test_the_command_prints_and_says_whether_it_reconciles(told: Path) -> None:
    found = json.loads(command("explain", "room", "r1", "--data-dir", told, "--json").stdout)
    assert [chain["unexplained_minor"] for chain in found["chains"]] == [0] * 6
    assert "never seen placed" in command("explain", "room", "r1", "--data-dir", told).stdout
    refused = command("explain", "room", "r1", "--from", str(START_MS + 1), "--data-dir", told, check=False)
    assert refused.returncode == 2
    assert "whole minutes" in refused.stderr
