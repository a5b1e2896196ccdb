"""The oracle's ids, days and verdicts, on events few enough to see through: who judges must be judged first."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from hand_counted import HOUR_MS, NOON, Event, Rows, booked, event, figures, write_shop
from oracle_arrivals import judged
from oracle_terms import DAY_MS, Terms


@pytest.fixture(scope="module")
def dims(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("dims"))


def located(wheres: Sequence[Event], columns: str, dims: Path) -> Rows:
    """Return the ids of a view with each of these fields."""
    store = booked([event("view", NOON, **where) for where in wheres], dims)
    return store.execute(f"SELECT {columns} FROM oracle.located ORDER BY event_id").fetchall()


def test_ids_that_come_from_the_item(dims: Path) -> None:
    items: list[Event] = [*({"item_id": item} for item in ("pan", "pot", "tea", "odd", "who")), {}]
    assert located(items, "merchant, brand, category, service_provider, region", dims) == [
        ("m1", "b1", "kitchen", "sp1", "north"),
        ("m1", "none", "kitchen", "sp1", "north"),
        ("m2", "none", "food", "unknown", "unknown"),
        ("none", "none", "none", "none", "none"),
        ("unknown", "unknown", "unknown", "unknown", "unknown"),
        ("none", "none", "none", "none", "none"),
    ]


def test_ids_that_come_from_the_creator(dims: Path) -> None:
    creators: list[Event] = [{"creator_id": who} for who in ("shopkeeper", "host", "star", "blank", "who")]
    more: list[Event] = [{"creator_id": "shopkeeper", "campaign_id": "618"}, {}]
    assert located(creators + more, "fact_channel, mcn, base, campaign", dims) == [
        ("field", "mcn1", "base1", "none"),
        ("alliance", "none", "none", "none"),
        ("top_kol", "none", "none", "none"),
        ("unknown", "none", "none", "none"),
        ("unknown", "unknown", "unknown", "none"),
        ("campaign", "mcn1", "base1", "618"),
        ("shelf", "none", "none", "none"),
    ]


def test_a_sessions_first_live_events_say_its_campaign_and_its_base(dims: Path) -> None:
    """What is told about noon holds from eleven on; what is told later, or of another session, changes nothing."""
    live = {"room_id": "r", "live_status": "started"}
    views = [NOON - HOUR_MS - 1, NOON - HOUR_MS, NOON, NOON + 1, NOON + DAY_MS]
    events = [
        event("live", NOON - 1, None, session_id="s", **live),
        event("live", NOON, None, session_id="s", campaign_id="618", base_id="west", **live),
        event("live", NOON + 1, None, session_id="s", campaign_id="1111", **live),
        event("live", NOON + 2, None, session_id="s", base_id="east", **live),
        event("live", NOON - DAY_MS, None, session_id="t", campaign_id="early", base_id="north", **live),
        *(event("view", at_ms, session_id="s", creator_id="shopkeeper") for at_ms in views),
        event("view", NOON, creator_id="shopkeeper"),
    ]
    found = booked(events, dims).execute("""
        SELECT coalesce(session_id, '-'), fact_channel, base FROM oracle.located
        WHERE event_type = 'view' ORDER BY event_id
    """)
    before, from_eleven_on = ("s", "field", "base1"), ("s", "campaign", "west")
    assert found.fetchall() == [before, *[from_eleven_on] * 4, ("-", "field", "base1")]


def test_live_events_of_one_moment_stand_in_the_order_of_their_ids(dims: Path) -> None:
    live = {"room_id": "r", "session_id": "s", "live_status": "started"}
    first, second = (event("live", NOON, None, base_id=name, **live) for name in ("first", "second"))
    store = booked([second, first, event("view", NOON, session_id="s")], dims)
    assert store.execute("SELECT base FROM oracle.located WHERE event_type = 'view'").fetchall() == [
        ("first",)
    ]


@pytest.mark.parametrize(
    ("timezone", "moments", "days"),
    [
        (
            "America/New_York",
            "2026-03-07T23:59-05 2026-03-08T00:00-05 2026-03-08T23:59-04 2026-03-09T00:00-04",
            [1, 2, 1],
        ),
        (
            "America/New_York",
            "2026-11-01T00:00-04 2026-11-01T01:30-04 2026-11-01T01:30-05 2026-11-01T23:59-05",
            [4],
        ),
        (
            "Africa/Cairo",
            "2026-04-23T23:59+02 2026-04-24T01:00+03 2026-04-24T23:59+03 2026-04-25T00:00+03",
            [1, 2, 1],
        ),
        (
            "America/Havana",
            "2026-10-31T23:59-04 2026-11-01T00:30-04 2026-11-01T00:30-05 2026-11-02T00:00-05",
            [1, 2, 1],
        ),
        ("Asia/Kathmandu", "2026-06-17T23:59+05:45 2026-06-18T00:00+05:45 2026-06-18T23:59+05:45", [1, 2]),
    ],
)
def test_days_are_those_of_a_clock_on_the_wall(timezone: str, moments: str, days: list[int]) -> None:
    times = [round(datetime.fromisoformat(moment).timestamp() * 1000) for moment in moments.split()]
    store = booked([event("view", at_ms) for at_ms in times], terms=Terms(timezone=timezone))
    assert [views for _, views in figures(store, "views", window="day")] == days


def test_which_arrivals_count() -> None:
    """Late is what lies more than an hour and half a minute behind the highest time before it."""
    edge = NOON - HOUR_MS - 30_000
    first, known = event("view", NOON), event("view", edge)
    other, too_late, tomorrow = known | {"dwell_ms": 1}, event("view", edge - 1), event("view", NOON + DAY_MS)
    verdicts = judged([first, known, too_late, known, other, first, tomorrow, known], Terms())
    assert [each["event_time"] - NOON for each in verdicts.accepted] == [0, edge - NOON, DAY_MS]
    late = [("too_late", too_late), ("conflicting_duplicate", other), ("too_late", known)]
    assert (verdicts.duplicates, verdicts.refused) == (2, late)
