"""What is known of coupons, and who was exposed to them, against events written by hand."""

import pickle
import random
from itertools import permutations

import pyarrow as pa

from schemas.events import EVENT_SCHEMA
from transforms.attribution.coupon_exposures import coupon_events_of, exposures_of
from transforms.attribution.coupon_facts import CouponFacts
from transforms.attribution.exposures import OPEN_MS
from transforms.event_view import EventView
from transforms.state.hashing import hash_strings

HASH = int(hash_strings(["c1"])[0])


def coupon(event_id: str, time_ms: int, **told: object) -> dict[str, object]:
    return {"event_id": event_id, "event_type": "coupon", "event_time": time_ms, "coupon_id": "c1", **told}


def view_of(rows: list[dict[str, object]]) -> EventView:
    return EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA))


def test_the_earliest_event_that_has_a_fact_tells_it_in_any_order():
    rows = [
        coupon("b", 10, coupon_status="granted", valid_to=900, holdout_share=0.1),
        coupon("a", 10, coupon_status="granted", valid_to=800),
        coupon("z", 5, coupon_status="activated", cost_minor=700),
        coupon("c", 50, coupon_status="exhausted", valid_to=60, holdout_share=0.5, cost_minor=1),
    ]
    for order in permutations(rows):
        facts = CouponFacts()
        for row in order:
            facts.absorb(coupon_events_of(view_of([row])))
            again = CouponFacts()
            again.load(pickle.loads(pickle.dumps(facts.state())))
            facts = again
        known = facts.get(HASH)
        assert (known.coupon_id, known.valid_to_ms) == ("c1", 800)
        assert [known.told(name) for name in ("holdout_share", "cost_minor", "impressions")] == [
            0.1,
            700,
            None,
        ]


def test_coupons_that_are_touched_are_told_with_their_ends_and_dropped_after_them():
    facts = CouponFacts()
    hashes, ends = facts.absorb(coupon_events_of(view_of([coupon("a", 1), {"event_type": "click"}])))
    assert (hashes.tolist(), ends.tolist()) == ([HASH], [OPEN_MS])
    assert facts.forget(10**15) == []
    hashes, ends = facts.absorb(coupon_events_of(view_of([coupon("b", 2, valid_to=70)])))
    assert (hashes.tolist(), ends.tolist()) == ([HASH], [70])
    assert facts.forget(70) == []
    assert facts.forget(71) == [HASH]
    assert len(facts) == 0


def test_exposures_are_views_clicks_and_ghosts_of_known_users_that_name_a_coupon():
    shown = {"event_type": "view", "event_time": 3, "user_id": "u", "coupon_id": "c1"}
    rows = [
        shown, {**shown, "item_id": "i"}, {**shown, "event_type": "click", "item_id": "i"}, {**shown, "holdout": True},
        {**shown, "user_id": None}, {**shown, "coupon_id": None}, {**shown, "event_type": "follow"},
        {**shown, "event_type": "order", "order_status": "paid"}, coupon("a", 3, user_id="u"),
    ]  # fmt: skip
    random.Random(1).shuffle(rows)
    told = exposures_of(view_of(rows))
    assert sorted(told["exposed"].to_pylist()) == [0, 1, 1, 1]
    assert set(told["coupon"].to_pylist()) == {HASH}
    assert set(told["event_time_ms"].to_pylist()) == {3}
