"""The wall's drift of rates, held to another library's test of the same, over figures put into Redis by hand."""

from math import sqrt

import pytest
import redis
from published import Writer
from scipy.stats import chi2_contingency

from schemas.metrics import EVENT_TIME_COUNTS
from schemas.records import DeadLetterRecord
from serving.access import Store
from serving.wall.drift import drift_alarms, read_drift, z_score
from serving.wall.quality import read_quality

HOUR = 3_600_000
AS_OF = 30 * HOUR


def hour(writer: Writer, number: int, **counts: int) -> None:
    told = {"views": 1, **counts}
    cell = [told.get(name, 0) for name in EVENT_TIME_COUNTS]
    writer.cell("e", "platform", ("hour", number * HOUR), "all", cell)


@pytest.mark.parametrize(
    ("one", "other"), [((60, 1000), (100, 1000)), ((1, 300), (700, 90_000)), ((500, 700), (500, 900))]
)
def test_the_score_is_that_of_the_chi_squared_test(one: tuple[int, int], other: tuple[int, int]) -> None:
    table = [[hits, trials - hits] for hits, trials in (one, other)]
    assert abs(z_score(one, other)) == pytest.approx(
        sqrt(chi2_contingency(table, correction=False).statistic)
    )


def test_a_rate_that_fell_is_told_with_both_values(client: redis.Redis, writer: Writer) -> None:
    hour(writer, 1, impressions=90_000, clicks=45_000)  # more than a day before: not looked at
    for number in range(20, 29):
        hour(writer, number, impressions=1000, clicks=100, orders_paid=10)
    hour(writer, 29, impressions=1000, clicks=50, orders_paid=5)
    [drift] = read_drift(Store(client, "is"), AS_OF)
    assert (drift.metric, drift.now, drift.before, drift.drifted) == ("ctr", 0.05, 0.1, True)
    assert drift.z < -4
    [alarm] = drift_alarms([drift])
    assert (alarm.kind, alarm.id, alarm.since_ms) == ("drift", "ctr", 29 * HOUR)


def test_what_is_certain_but_small_or_large_but_uncertain_is_no_alarm(
    client: redis.Redis, writer: Writer
) -> None:
    for number in range(20, 29):
        hour(writer, number, impressions=1_000_000, clicks=100_000, orders_paid=300, new_customer_orders=150)
    hour(writer, 29, impressions=1_000_000, clicks=105_000, orders_paid=310, new_customer_orders=120)
    found = {each.metric: each for each in read_drift(Store(client, "is"), AS_OF)}
    assert abs(found["ctr"].z) > 4
    assert not any(each.drifted for each in found.values() if each.metric != "click_to_paid")
    assert drift_alarms([found["ctr"]]) == []


def test_nothing_is_said_of_few_events_or_of_a_first_hour(client: redis.Redis, writer: Writer) -> None:
    store = Store(client, "is")
    assert read_drift(store, None) == read_drift(store, AS_OF) == []
    hour(writer, 29, impressions=1000, clicks=50)
    assert read_drift(store, AS_OF) == []


def test_the_share_of_late_events_is_of_all_that_came(client: redis.Redis, writer: Writer) -> None:
    store = Store(client, "is")
    assert read_quality(store).late_share is None
    cell = [{"views": 90, "clicks": 5, "orders_paid": 2}.get(name, 0) for name in EVENT_TIME_COUNTS]
    writer.cell("e", "platform", ("total", -1), "all", cell)
    assert read_quality(store).late_share == 0
    record = DeadLetterRecord("e", "too_late", "detail", b"{}", 1, 2)
    for digest in ("one", "two", "three"):
        writer.refused("too_late", digest, record)
    assert read_quality(store).late_share == 3 / 100
