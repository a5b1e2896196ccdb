"""The life of coupons against one look at all events at once, whatever the order of arrival."""

import pickle
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import EVENT_SCHEMA
from schemas.records import decode_coupon
from transforms.attribution.coupon_book import CouponBook
from transforms.attribution.coupon_events import coupon_events, exposures_of
from transforms.event_view import EventView

T0 = 1_767_225_600_000
HOUR = 3_600_000
TERMS = ("cost_minor", "impressions", "valid_from", "valid_to", "creator_id", "task_id", "holdout_share")
ENDED = ("exhausted", "expired", "revoked")
Row = dict[str, Any]


def views(rows: list[Row]) -> EventView:
    return EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA))


def plain(rows: list[Row], latest_ms: int) -> dict[str, tuple[Any, ...]]:
    """What has become of each coupon, from all events."""
    found = {}
    for coupon in sorted({row["coupon_id"] for row in rows if row["coupon_id"]}):
        own = sorted(
            (r for r in rows if r["coupon_id"] == coupon), key=lambda r: (r["event_time"], r["event_id"])
        )
        told = [row for row in own if row["event_type"] == "coupon"]
        terms = {name: next((row[name] for row in told if row.get(name) is not None), None) for name in TERMS}
        said = next((row["event_time"] for row in told if row.get("valid_to") is not None), None)
        over = [row["event_time"] for row in told if row["coupon_status"] in ENDED]
        ends = min([*over, *([] if said is None else [max(said, terms["valid_to"])])], default=None)
        exposed = [row["event_time"] for row in own if row["event_type"] == "view" and not row.get("holdout")]
        if not told and not exposed:
            continue
        bought, spent = terms["impressions"], 0
        for moment in exposed:
            if (bought is None or spent < bought) and (ends is None or moment <= ends):
                spent += 1
        status = told[-1]["coupon_status"] if told else "unknown"
        if status not in ENDED:
            if bought and spent == bought:
                status = "exhausted"
            elif ends is not None and latest_ms > ends:
                status = "expired"
        since = [
            next((r["event_time"] for r in told if r["coupon_status"] == name), None)
            for name in ("granted", "activated")
        ]
        found[coupon] = (
            status, bought, spent, len(exposed) - spent, terms["cost_minor"], terms["valid_from"], terms["valid_to"],
            terms["creator_id"], terms["task_id"], terms["holdout_share"], *since,
        )  # fmt: skip
    return found


@st.composite
def _rows(draw: st.DrawFn) -> list[Row]:
    """Events of few coupons within four hours, in order of event time, each on time by an hour at least."""
    maybe = lambda *values: draw(st.sampled_from([None, *values]))  # noqa: E731
    rows: list[Row] = []
    for number in range(draw(st.integers(0, 30))):
        moment = T0 + draw(st.integers(0, 16)) * HOUR // 4
        row: Row = {
            "event_id": f"e{number:02}", "event_time": moment, "coupon_id": draw(st.sampled_from(["a", "b", None])),
        }  # fmt: skip
        if draw(st.integers(0, 3)) and row["coupon_id"]:
            row |= {"event_type": "view", "holdout": maybe(False, True), "item_id": maybe("i")}
        elif row["coupon_id"]:
            row |= {
                "event_type": "coupon", "coupon_status": draw(st.sampled_from(["granted", "activated", "revoked"])),
                "cost_minor": maybe(5, 7), "impressions": maybe(0, 2, 4), "valid_from": maybe(T0),
                "valid_to": maybe(T0 - 1, T0 + HOUR, T0 + 2 * HOUR), "creator_id": maybe("c", "d"),
                "task_id": maybe("t"), "holdout_share": maybe(0.0, 0.5),
            }  # fmt: skip
        else:
            row |= {"event_type": "click", "item_id": "i"}
        rows.append(row)
    return sorted(rows, key=lambda row: row["event_time"])


@settings(max_examples=150, deadline=None)
@given(_rows(), st.randoms(use_true_random=False), st.integers(1, 5), st.integers(0, 30))
def test_whatever_the_order_within_the_lateness_a_coupon_ends_the_same(
    rows: list[Row], draw: Any, size: int, restart: int
) -> None:
    arrival = sorted(rows, key=lambda row: row["event_time"] + draw.randrange(HOUR))
    book, told, latest = CouponBook(HOUR), {}, T0
    for begin in range(0, len(arrival), size):
        part = arrival[begin : begin + size]
        view = views(part)
        book.absorb_exposures(exposures_of(view))
        book.absorb_events(coupon_events(view))
        latest = max(latest, *(row["event_time"] for row in part))
        book.see(latest)
        told |= dict(book.take_changed())
        book.forget(min((row["event_time"] for row in arrival[begin + size :]), default=latest) + HOUR)
        if begin // size == restart % 7:
            state = pickle.loads(pickle.dumps(book.state()))
            book = CouponBook(HOUR)
            book.load(state)
    told |= dict(book.take_changed())
    assert told == plain(rows, latest)
    assert [decode_coupon(msgspec.msgpack.encode(body)).spent for body in told.values()] == [
        body[2] for body in told.values()
    ]


def test_a_coupon_by_hand() -> None:
    """Three exposures were bought until one o'clock; the third comes late, a ghost is none, what is beyond is told."""
    coupon = {"coupon_id": "k", "event_type": "coupon", "creator_id": "c"}
    bought = {"impressions": 3, "cost_minor": 900, "valid_to": T0 + HOUR}
    times = [("e1", T0 + 10), ("e2", T0 + 20), ("e3", T0 + HOUR), ("e4", T0 + HOUR + 1)]
    rows: list[Row] = [
        coupon | bought | {"event_id": "g", "event_time": T0, "coupon_status": "granted"},
        coupon | {"event_id": "h", "event_time": T0 + 5, "coupon_status": "activated"},
        *({"event_id": e, "event_time": t, "event_type": "view", "coupon_id": "k"} for e, t in times),
        {"event_id": "x", "event_time": T0 + 30, "event_type": "view", "coupon_id": "k", "holdout": True},
    ]
    book = CouponBook(HOUR)
    for row in rows:
        book.absorb_events(coupon_events(views([row])))
        book.absorb_exposures(exposures_of(views([row])))
    [(name, body)] = book.take_changed()
    assert (name, body[:5]) == ("k", ("exhausted", 3, 3, 1, 900))
    assert body[10:] == (T0, T0 + 5)
    assert list(book.take_changed()) == []


@pytest.mark.parametrize("latest", [T0 + HOUR, T0 + HOUR + 1])
def test_a_coupon_expires_when_events_have_passed_its_end(latest: int) -> None:
    book = CouponBook(HOUR)
    row = {
        "event_id": "g", "event_time": T0, "event_type": "coupon", "coupon_status": "granted", "coupon_id": "k",
        "impressions": 3, "valid_to": T0 + HOUR,
    }  # fmt: skip
    book.absorb_events(coupon_events(views([row])))
    assert [body[0] for _, body in book.take_changed()] == ["granted"]
    book.see(latest)
    assert [body[0] for _, body in book.take_changed()] == (["expired"] if latest > T0 + HOUR else [])
