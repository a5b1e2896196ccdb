"""What is told of coupons, and who was exposed to them, against events written by hand."""

import pickle
import random
from itertools import permutations

import pyarrow as pa

from schemas.events import EVENT_SCHEMA
from transforms.attribution.arm_exposures import arm_exposures
from transforms.attribution.coupon_events import coupon_events
from transforms.attribution.coupon_terms import NEVER_MS, CouponTerms, statements
from transforms.event_view import EventView
from transforms.state.hashing import hash_strings

HASH = int(hash_strings(["c1"])[0])


def coupon(event_id: str, time_ms: int, **told: object) -> dict[str, object]:
    return {"event_id": event_id, "event_type": "coupon", "event_time": time_ms, "coupon_id": "c1", **told}


def view_of(rows: list[dict[str, object]]) -> EventView:
    return EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA))


def told_by(*rows: dict[str, object]) -> CouponTerms:
    terms = CouponTerms()
    for row in rows:
        for statement in statements(coupon_events(view_of([row]))):
            terms.hear(*statement)
        terms = CouponTerms.loaded(pickle.loads(pickle.dumps(terms.state())))
    return terms


def test_the_earliest_event_that_has_a_term_tells_it_in_any_order():
    rows = [
        coupon("b", 10, coupon_status="granted", valid_to=900, holdout_share=0.1),
        coupon("a", 10, coupon_status="granted", valid_to=800),
        coupon("z", 5, coupon_status="activated", cost_minor=700),
        coupon("c", 950, coupon_status="exhausted", valid_to=960, holdout_share=0.5, cost_minor=1),
    ]
    for order in permutations(rows):
        known = told_by(*order)
        assert known.ends_ms == 800
        assert [known.told(name) for name in ("holdout_share", "cost_minor", "impressions")] == [
            0.1,
            700,
            None,
        ]


def test_a_life_ends_with_what_comes_first():
    granted = coupon("a", 10, coupon_status="granted", valid_to=800)
    assert told_by(coupon("a", 10, coupon_status="granted")).ends_ms == NEVER_MS
    for status in ("exhausted", "expired", "revoked"):
        for order in permutations(
            [granted, coupon("b", 60, coupon_status=status), coupon("c", 90, coupon_status=status)]
        ):
            assert told_by(*order).ends_ms == 60
        assert told_by(granted, coupon("b", 801, coupon_status=status)).ends_ms == 800
    assert told_by(granted, coupon("b", 60, coupon_status="activated")).ends_ms == 800


def test_nobody_could_know_an_end_before_it_was_told():
    assert told_by(coupon("a", 70, coupon_status="granted", valid_to=30)).ends_ms == 70


def test_exposures_are_views_clicks_and_ghosts_of_known_users_that_name_a_coupon():
    shown = {"event_type": "view", "event_time": 3, "user_id": "u", "coupon_id": "c1"}
    rows = [
        shown, {**shown, "item_id": "i"}, {**shown, "event_type": "click", "item_id": "i"}, {**shown, "holdout": True},
        {**shown, "user_id": None}, {**shown, "coupon_id": None}, {**shown, "event_type": "follow"},
        {**shown, "event_type": "order", "order_status": "paid"}, coupon("a", 3, user_id="u"),
    ]  # fmt: skip
    random.Random(1).shuffle(rows)
    told = arm_exposures(view_of(rows))
    assert sorted(told["exposed"].to_pylist()) == [0, 1, 1, 1]
    assert set(told["coupon"].to_pylist()) == {HASH}
    assert set(told["event_time_ms"].to_pylist()) == {3}
    assert arm_exposures(view_of(rows), none=True).num_rows == 0
