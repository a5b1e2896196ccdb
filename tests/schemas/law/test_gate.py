"""What the gate accepts and refuses, and why, as the contract's section on events asks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from law_rows import NOON_MS, Row, batch_of, edge_values, good

from schemas.errors import UsageError
from schemas.events import (
    COUPON_STATUSES,
    EVENT_SCHEMA,
    EVENT_TYPES,
    LIVE_STATUSES,
    ORDER_STATUSES,
    TRAFFIC_SOURCES,
)
from schemas.gate import ACCEPTED, Gate, compile_gate

GATE = compile_gate()
MEGABYTE = "x" * 1_000_000
DAY_MS = 86_400_000


def reasons(rows: Sequence[Row], gate: Gate = GATE) -> list[str | None]:
    verdicts = gate.verdicts(batch_of(list(rows)))
    return [None if verdict == ACCEPTED else gate.rules[verdict - 1].reason for verdict in verdicts.tolist()]


ACCEPTED_EVENTS = [
    *[good(event_type) for event_type in EVENT_TYPES],
    *[good(event_type, schema_version=1) for event_type in EVENT_TYPES],
    *[good("click", traffic_source=source) for source in TRAFFIC_SOURCES],
    *[good("order", order_status=status) for status in ORDER_STATUSES],
    *[good("coupon", coupon_status=status) for status in COUPON_STATUSES],
    *[good("live", live_status=status) for status in LIVE_STATUSES],
    good("view", item_id="i1", dwell_ms=0, holdout=True, coupon_id="c1", ad_plan_id="a1", campaign_id="b1"),
    good("view", event_id="元" * 256),
    good("view", event_time=1_230_768_000_000),
    good("view", event_time=4_102_444_799_999),
    good("order", amount_minor=10**15, quantity=2**31 - 1),
    good("coupon", cost_minor=0, impressions=0, holdout_share=0.0, valid_from=NOON_MS, valid_to=NOON_MS),
    good("coupon", holdout_share=0.999, valid_to=NOON_MS),
    good("coupon", user_id="u1"),
    good("view", room_id="", quantity=-1, order_status="lost"),  # fields that no view has
]


@pytest.mark.parametrize("row", ACCEPTED_EVENTS, ids=lambda row: row["event_type"])
def test_accepts(row: Row) -> None:
    assert reasons([row]) == [None]


REFUSED_EVENTS: list[tuple[str, str, Any, str]] = [
    ("view", "event_id", None, "missing_event_id"),
    ("view", "event_id", "", "empty_event_id"),
    ("view", "event_id", "x" * 257, "string_too_long"),
    ("view", "event_id", MEGABYTE, "string_too_long"),
    ("view", "event_type", None, "missing_event_type"),
    ("view", "event_type", "VIEW", "unknown_event_type"),
    ("view", "event_type", "", "unknown_event_type"),
    ("view", "schema_version", 2, "unknown_schema_version"),
    ("view", "schema_version", 0, "unknown_schema_version"),
    ("view", "event_time", None, "missing_event_time"),
    ("view", "event_time", 0, "implausible_time"),
    ("view", "event_time", 1_230_767_999_999, "implausible_time"),
    ("view", "event_time", 4_102_444_800_000, "implausible_time"),
    ("view", "event_time", 32_472_144_000_000, "implausible_time"),  # 2999
    ("view", "event_time", NOON_MS * 1000, "implausible_time"),  # microseconds taken for milliseconds
    ("view", "event_time", -(2**63), "implausible_time"),
    ("view", "traffic_source", "tiktok", "unknown_traffic_source"),
    ("view", "traffic_source", "", "unknown_traffic_source"),
    ("view", "dwell_ms", -1, "negative_dwell"),
    *[(name, "user_id", None, "missing_user_id") for name in ("view", "click", "order", "follow")],
    *[(name, "user_id", "", "empty_user_id") for name in ("view", "click", "order", "follow")],
    ("click", "item_id", None, "missing_item_id"),
    ("click", "item_id", "", "empty_item_id"),
    ("order", "order_id", None, "missing_order_id"),
    ("order", "order_id", "", "empty_order_id"),
    ("order", "item_id", None, "missing_item_id"),
    ("order", "item_id", "", "empty_item_id"),
    ("order", "quantity", None, "missing_quantity"),
    ("order", "quantity", 0, "quantity_below_one"),
    ("order", "quantity", -1, "quantity_below_one"),
    ("order", "amount_minor", None, "missing_amount_minor"),
    ("order", "amount_minor", -1, "negative_amount"),
    ("order", "amount_minor", 2**63 - 1, "number_too_large"),
    ("order", "currency", None, "missing_currency"),
    ("order", "currency", "", "malformed_currency"),
    ("order", "currency", "yuan", "malformed_currency"),
    ("order", "currency", "cny", "malformed_currency"),
    ("order", "currency", "CNY\n", "malformed_currency"),
    ("order", "currency", "USD", "foreign_currency"),
    ("order", "order_status", None, "missing_order_status"),
    ("order", "order_status", "lost", "unknown_order_status"),
    ("coupon", "coupon_id", None, "missing_coupon_id"),
    ("coupon", "coupon_id", "", "empty_coupon_id"),
    ("coupon", "creator_id", None, "missing_creator_id"),
    ("coupon", "creator_id", "", "empty_creator_id"),
    ("coupon", "coupon_status", None, "missing_coupon_status"),
    ("coupon", "coupon_status", "started", "unknown_coupon_status"),
    ("coupon", "cost_minor", -1, "negative_cost"),
    ("coupon", "impressions", -1, "negative_impressions"),
    ("coupon", "holdout_share", -0.1, "holdout_share_out_of_range"),
    ("coupon", "holdout_share", 1.0, "holdout_share_out_of_range"),
    ("coupon", "holdout_share", float("nan"), "holdout_share_out_of_range"),
    ("coupon", "valid_to", NOON_MS * 1000, "implausible_time"),
    ("live", "live_status", None, "missing_live_status"),
    ("live", "live_status", "paused", "unknown_live_status"),
    ("live", "room_id", None, "missing_room_id"),
    ("live", "room_id", "", "empty_room_id"),
    ("live", "session_id", None, "missing_session_id"),
    ("live", "session_id", "", "empty_session_id"),
    *[
        ("follow", name, MEGABYTE, "string_too_long")
        for name in EVENT_SCHEMA.names
        if pa.types.is_string(EVENT_SCHEMA.field(name).type)
    ],
]


@pytest.mark.parametrize(
    ("event_type", "column", "value", "reason"),
    REFUSED_EVENTS,
    ids=[f"{name}-{column}-{str(value)[:12]!a}" for name, column, value, _ in REFUSED_EVENTS],
)
def test_refuses(event_type: str, column: str, value: Any, reason: str) -> None:
    assert reasons([good(event_type, **{column: value})]) == [reason]


def test_refuses_a_coupon_that_ends_before_it_begins() -> None:
    coupon = good("coupon", valid_from=NOON_MS, valid_to=NOON_MS - 1)
    assert reasons([coupon]) == ["inverted_validity"]


def test_refuses_a_share_that_is_no_number_beside_one_that_is() -> None:
    coupons = [good("coupon", holdout_share=0.5), good("coupon", holdout_share=float("nan"))]
    assert reasons(coupons) == [None, "holdout_share_out_of_range"]


def test_a_row_is_judged_by_its_schema_version_before_anything_else() -> None:
    row = {"schema_version": 2, "event_type": "gift", "event_time": None}
    assert reasons([row]) == ["unknown_schema_version"]


def test_the_deployment_chooses_its_currency() -> None:
    orders = [good("order", currency="USD"), good("order", currency="CNY")]
    assert reasons(orders, compile_gate("USD")) == [None, "foreign_currency"]


def test_the_deployment_chooses_which_times_are_plausible() -> None:
    gate = compile_gate(min_event_time_ms=DAY_MS, max_event_time_ms=2 * DAY_MS)
    events = [good("view", event_time=time) for time in (DAY_MS - 1, DAY_MS, 2 * DAY_MS - 1, 2 * DAY_MS)]
    assert reasons(events, gate) == ["implausible_time", None, None, "implausible_time"]


@pytest.mark.parametrize("currency", ["", "cny", "CNYX", "C1Y", "元元元", "CNY\n"])
def test_a_currency_that_no_order_could_carry_is_refused_at_once(currency: str) -> None:
    with pytest.raises(UsageError, match="three-letter"):
        compile_gate(currency)


@pytest.mark.parametrize("bounds", [(2, 1), (1, 1), (-(2**63), 1), (0, 2**63)])
def test_time_bounds_that_cannot_be_are_refused_at_once(bounds: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="years 1 to 9999"):
        compile_gate(min_event_time_ms=bounds[0], max_event_time_ms=bounds[1])


def test_another_schema_is_refused() -> None:
    with pytest.raises(UsageError, match="schema of events"):
        GATE.verdicts(pa.RecordBatch.from_pylist([{"event_id": "e1"}]))


def test_no_rows_no_verdicts() -> None:
    verdicts = GATE.verdicts(batch_of([]))
    assert verdicts.dtype == np.int16
    assert verdicts.shape == (0,)


def test_every_edge_value_alone_is_judged_as_in_company() -> None:
    rows = [
        good(event_type, **{column: value})
        for event_type in EVENT_TYPES
        for column in EVENT_SCHEMA.names
        for value in edge_values(column)
    ]
    together = batch_of(rows)
    alone = [GATE.verdicts(together.slice(row, 1)).item() for row in range(len(rows))]
    assert alone == GATE.verdicts(together).tolist()


def _row() -> st.SearchStrategy[Row]:
    change = st.sampled_from(EVENT_SCHEMA.names).flatmap(
        lambda column: st.tuples(st.just(column), st.sampled_from(edge_values(column)))
    )
    changes = st.lists(change, max_size=2).map(dict)
    return st.builds(lambda name, change: good(name, **change), st.sampled_from(EVENT_TYPES), changes)


@settings(deadline=None)
@given(st.lists(_row(), max_size=20), st.integers(0, 20))
def test_a_verdict_does_not_depend_on_the_company(rows: list[Row], cut: int) -> None:
    together = batch_of(rows)
    alone = [GATE.verdicts(batch_of([row])).item() for row in rows]
    assert GATE.verdicts(together).tolist() == alone
    # A slice shares its buffers with the whole, from an offset on.
    assert GATE.verdicts(together.slice(cut)).tolist() == alone[cut:]


def test_what_lies_under_a_null_is_not_looked_at() -> None:
    batch = batch_of([good("view")])
    lengths, text = np.array([0, len(MEGABYTE)], np.int32), pa.py_buffer(MEGABYTE.encode())
    hidden = pa.StringArray.from_buffers(1, pa.py_buffer(lengths), text, pa.py_buffer(b"\x00"), null_count=1)
    batch = batch.set_column(EVENT_SCHEMA.get_field_index("room_id"), EVENT_SCHEMA.field("room_id"), hidden)
    assert GATE.verdicts(batch).tolist() == [ACCEPTED]
