"""The same events in any order, any pieces, with restored shards in between: the same bytes."""

import pickle
import random
from typing import Any

import msgspec
import numpy as np
import pytest
from shop_events import Held, Row, disordered, pieces, shard, shop
from test_features_by_brute_force import VIEWS

from schemas.features.layout import decoded
from schemas.features.values import Stored
from schemas.keys import VERSION_BYTES
from transforms.features.aggregations import Count, DistinctCount, Last, Sum, TopK
from transforms.features.view import FeatureView
from transforms.features.views import SHIPPED
from transforms.pacing import Pace

ALL = [*VIEWS, *SHIPPED]


def published(rows: list[Row], cuts: list[int], views: Any = ALL, again: Any = None) -> dict[Any, bytes]:
    """What stands in the store after all events; before each piece the shard may be replaced."""
    store = Held()
    held, taken = shard(views, store), []
    for piece in pieces(rows, cuts):
        if again is not None:
            held = again(held, store, taken)
        taken.append(held.logged(piece))
        list(held.absorb(piece))
    return {name: body for name, body in store.bodies().items() if name[1] != "freshness"}


def test_any_order_and_any_pieces() -> None:
    rows = shop(3000, seed=5)
    expected = published(rows, [])
    assert len(expected) > 100
    for seed in range(3):
        arrived, draw = disordered(rows, seed), random.Random(seed)
        cuts = sorted(draw.sample(range(1, len(arrived)), draw.choice([1, 20, 200])))
        found = published(arrived, cuts)
        assert sorted(found) == sorted(expected)
        assert [name for name in expected if found[name] != expected[name]] == []


@pytest.mark.parametrize("way", ["snapshot", "log"])
def test_shards_that_come_back(way: str) -> None:
    rows, draw = disordered(shop(2000, seed=6), 1), random.Random(2)
    cuts = list(range(100, len(rows), 100))

    def again(held: Any, store: Held, taken: list[Any]) -> Any:
        if draw.random() < 0.6:
            return held
        restored = shard(ALL, store)
        if way == "snapshot":
            restored.load(pickle.loads(pickle.dumps(held.state())))
            return restored
        restored.mute(True)
        for piece in taken:
            list(restored.absorb(piece))
        restored.mute(False)
        return restored

    assert published(rows, cuts, again=again) == published(rows, [])


SHORT = [
    FeatureView(
        "short", entity="user_id", on=["view", "click", "order.paid"],
        aggregations=[
            Count(), Sum("amount_minor", on="order.paid"), Last("item_id", n=2), DistinctCount("item_id"), TopK("item_id"),
        ],
        windows=["1h", "6h"], ttl="6h",
    )
]  # fmt: skip


def test_forgotten_entities_say_what_they_would_have_said() -> None:
    """Users who have not come for longer than the time to live leave the state; some come back."""
    rows = shop(20_000, seed=8, days=20.0, users=6000)
    values = []
    for cuts in ([], list(range(500, len(rows), 500))):
        store = Held()
        held = shard(SHORT, store)
        for piece in pieces(rows, cuts):
            list(held.absorb(piece))
        if cuts:
            assert len(held.tables[0]) < 3500
        values.append(living(store))
    assert values[0] == values[1]
    assert len(values[0]) > 10


def living(store: Held) -> dict[str, Any]:
    """What is known, at the newest event, of whoever was there within the time to live."""
    [layout] = decoded(store.values["is:{y}"]["catalogue"][VERSION_BYTES:]).entities
    at_ms = msgspec.msgpack.decode(store.values["is:{y}"]["as_of"][VERSION_BYTES:])
    bodies = {name[1]: body for name, body in store.bodies().items() if name[0] != "is:{y}" and body}
    stored = Stored.read(layout, list(bodies.values()))
    columns = stored.values(np.full(len(bodies), at_ms))
    rows = zip(bodies, stored.last_ms.tolist(), zip(*columns, strict=True), strict=True)
    return {name: values for name, last, values in rows if at_ms - last <= layout.ttl_ms}


def test_a_hot_entity_is_written_once_a_turn() -> None:
    now = 0.0
    store, writes = Held(), [0]
    write = store.set_newer

    def counted(key: str, fields: Any, values: Any) -> None:
        writes[0] += sum(field == b"u0" for field in fields)
        write(key, fields, values)

    store.set_newer = counted  # type: ignore[method-assign]
    user = [FeatureView("clicks", entity="user_id", on="click", aggregations=[Count()], windows=["1h"])]
    held = shard(user, store, pace=lambda: Pace(0.1, lambda: now))
    rows = shop(1000, seed=9, users=1, days=1.0)
    for piece in pieces(rows, list(range(1, 1000))):
        now += 0.001
        list(held.absorb(piece))
    assert 1 <= writes[0] <= 11


def test_an_erased_user_is_gone_and_stays_out() -> None:
    rows, store = shop(500, seed=4, users=3), Held()
    held = shard(SHIPPED, store)
    *before, last = pieces(rows, [250])
    for piece in before:
        list(held.absorb(piece))
    assert of_user(store, "u1")
    held.erase(["u1"])
    list(held.absorb(last.__class__(last.progress, (last.batch.slice(0, 0),), last.urgent)))
    assert not of_user(store, "u1")
    assert of_user(store, "u2")
    again = Held()
    out = shard(SHIPPED, again, erased=["u1"])
    for piece in pieces(rows, [250]):
        list(out.absorb(piece))
    assert not of_user(again, "u1")
    assert of_user(again, "u2")


def of_user(store: Held, user: str) -> list[Any]:
    return [name for name, body in store.bodies().items() if body and user in name[1].split("\x1f")]
