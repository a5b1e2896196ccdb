"""Where windows begin: the calendar day of a time zone, against the standard library's zone data."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.metrics.windows import DAY, HOUR, MINUTE, TOTAL, DayStarts, ends_by

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONES = (
    "Asia/Shanghai", "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Kathmandu",
    "Pacific/Apia", "America/Havana", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut", "Pacific/Kiritimati",
)  # fmt: skip
"""Half and quarter hours, a shift of half an hour, a day that never was, and clocks that change at midnight."""


def day_start(minute: int, zone: ZoneInfo) -> int:
    """The first minute of the local date that a minute belongs to, found by going back minute by minute."""
    day = _local(minute, zone).date()
    first = minute
    for step in (60, 15, 1):
        while _local(first - step, zone).date() == day:
            first -= step
    return first


def _local(minute: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(minutes=minute)).astimezone(zone)


def _minute(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() // 60)


_MINUTES = st.integers(_minute("2009-01-01T00:00Z"), _minute("2037-12-31T00:00Z"))


@settings(max_examples=60, deadline=None)
@given(st.lists(_MINUTES, min_size=1, max_size=8), st.sampled_from(_ZONES))
def test_a_day_begins_where_the_local_date_changes(minutes: list[int], name: str) -> None:
    zone = ZoneInfo(name)
    assert DayStarts(name)(np.array(minutes)).tolist() == [day_start(minute, zone) for minute in minutes]


_CHANGES = [
    ("America/New_York", "2026-03-08"), ("America/New_York", "2026-11-01"), ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"), ("Asia/Shanghai", "2026-06-01"), ("Asia/Kolkata", "2026-06-01"),
    ("Pacific/Apia", "2011-12-30"), ("America/Havana", "2026-03-08"), ("America/Havana", "2026-11-01"),
    ("America/Sao_Paulo", "2018-02-18"), ("America/Sao_Paulo", "2018-11-04"), ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-30"), ("Asia/Beirut", "2026-03-29"), ("Asia/Beirut", "2026-10-25"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "date"), _CHANGES)
def test_every_quarter_of_an_hour_around_a_change_of_clocks(name: str, date: str) -> None:
    middle = _minute(f"{date}T00:00Z")
    minutes = np.arange(middle - 2 * 1440, middle + 3 * 1440, 15)
    zone = ZoneInfo(name)
    starts = DayStarts(name)(minutes)
    assert starts.tolist() == [day_start(minute, zone) for minute in minutes.tolist()]
    ends = ends_by(np.full(len(starts), DAY, np.int8), starts)
    assert (minutes < ends).all(), "a day is over before its last minute"


def test_a_day_of_new_york_has_23_or_25_hours_where_the_clocks_change() -> None:
    days = ["2026-03-08", "2026-03-09", "2026-11-01", "2026-11-02"]
    starts = DayStarts("America/New_York")(np.array([_minute(f"{day}T12:00-05:00") for day in days]))
    assert (np.diff(starts) / 60).tolist()[::2] == [23, 25]


@given(st.integers(0, 2**27), st.integers(0, 59))
def test_a_window_surely_ends_after_every_minute_in_it(start: int, offset: int) -> None:
    kinds = np.array([MINUTE, HOUR, TOTAL], np.int8)
    ends = ends_by(kinds, np.array([start, start // 60 * 60, 0]))
    assert ends[0] == start + 1
    assert ends[1] > start // 60 * 60 + offset
    assert ends[2] > 2**39


def test_no_minutes_have_no_days() -> None:
    assert DayStarts("Asia/Shanghai")(np.empty(0, np.int64)).tolist() == []
