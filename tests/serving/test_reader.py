"""Look-ups against values written as the key layout says."""

from collections.abc import Callable

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published import Writer

from schemas.attribution import CLICKED, PAID, SAME_SESSION
from schemas.errors import StoreError, UsageError
from schemas.keys import BEGIN, BOARDS, END, Version, board_key, pack_version, snapshot_key
from schemas.metrics import EVENT_TIME_COUNTS
from schemas.outputs import EXPORTS
from schemas.records import CreditRecord, DeadLetterRecord
from serving.attribution import AttributionRow
from serving.reader import Reader

HOUR = 3_600_000


def counts(**named: int) -> list[int]:
    return [named.get(name, 0) for name in EVENT_TIME_COUNTS]


def test_a_cell_becomes_every_metric_with_net_and_order_time_refunds(writer: Writer, reader: Reader) -> None:
    writer.cell("e", "room", ("total", -1), "r1", counts(clicks=7, gmv_paid_minor=1000, refunds_minor=300))
    writer.cell("o", "room", ("total", -1), "r1", [120])
    (row,) = reader.metrics("room", "r1")
    assert (row.window, row.window_start_ms) == ("total", None)
    assert row.values["clicks"] == 7
    assert row.values["net_gmv_minor"] == 700
    assert row.values["refunds_by_order_time_minor"] == 120
    assert row.values["views"] == 0


def test_a_shorter_cell_of_an_older_version_counts_as_zero_and_a_longer_one_is_read(
    writer: Writer, reader: Reader
) -> None:
    writer.cell("e", "item", ("total", -1), "old", [5])
    writer.cell("e", "item", ("total", -1), "new", [*counts(views=6), 99, 99])
    assert reader.metrics("item", "old")[0].values["views"] == 5
    assert reader.metrics("item", "new")[0].values["views"] == 6


def test_distinct_users_and_ratios_stand_beside_the_counts(writer: Writer, reader: Reader) -> None:
    some = counts(views=8, clicks=2, impressions=6, orders_paid=1, gmv_paid_minor=1000, dwell_ms=12)
    for window in ("minute", "hour"):
        writer.cell("e", "session", (window, 0), "s1", [*some, 4, 2, 1, 5])
    writer.cell("e", "session", ("day", 0), "s1", some)
    [minute], [hour], [day] = (reader.metrics("session", "s1", window=w) for w in ("minute", "hour", "day"))
    assert minute.uniques == {"viewers": 4, "clickers": 2, "buyers": 1, "online_users": 5}
    assert hour.uniques == minute.uniques | {"online_users": None}
    assert day.uniques == {"viewers": 0, "clickers": 0, "buyers": 0, "online_users": None}
    assert hour.ratios == {
        "ctr": 2 / 6, "click_to_paid": 0.5, "view_conversion": 0.25, "gpm_views_minor": 125_000.0,
        "gpm_viewers_minor": 250_000.0, "uv_value_minor": 250.0, "aov_minor": 1000.0, "refund_rate": 0.0,
        "new_customer_share": 0.0, "new_product_share": 0.0, "premium_share": 0.0, "mean_dwell_ms": 1.5,
    }  # fmt: skip
    assert [name for name, ratio in day.ratios.items() if ratio is None] == [
        "view_conversion", "gpm_viewers_minor", "uv_value_minor",
    ]  # fmt: skip
    assert list(hour.figures) == EXPORTS["metrics"].names[4:]


def test_windows_are_bounded_below_inclusive_above_exclusive(writer: Writer, reader: Reader) -> None:
    for hour in range(5):
        writer.cell("e", "room", ("hour", hour * HOUR), "r1", counts(views=hour + 1))
    writer.cell("o", "room", ("hour", 5 * HOUR), "r1", [9])
    rows = reader.metrics("room", "r1", window="hour", from_ms=HOUR, to_ms=3 * HOUR)
    assert [(row.window_start_ms, row.values["views"]) for row in rows] == [(HOUR, 2), (2 * HOUR, 3)]
    last = reader.metrics("room", "r1", window="hour", from_ms=5 * HOUR)
    assert [row.values["refunds_by_order_time_minor"] for row in last] == [9]
    assert reader.metrics("room", "unheard-of", window="hour") == []


def test_more_windows_than_one_round_trip_holds_come_in_order(writer: Writer, reader: Reader) -> None:
    for minute in range(1203):
        writer.cell("e", "platform", ("minute", minute * 60_000), "all", counts(views=minute + 1))
    rows = reader.metrics("platform", "all", window="minute")
    assert [row.values["views"] for row in rows] == list(range(1, 1204))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda reader: reader.metrics("room", "r", window="week"), "minute, hour, day, total"),
        (lambda reader: reader.metrics("room", "r", window="total", from_ms=1), "ask for 'day'"),
        (lambda reader: reader.leaderboard("room", "profit"), "gmv_paid_minor"),
        (lambda reader: reader.leaderboard("room", window="year"), "minute, hour, day, total"),
        (lambda reader: reader.attribution("guess"), "last_touch, linear"),
        (lambda reader: reader.attribution("linear", "radio"), "coupon, ad_plan"),
    ],
)
def test_a_name_that_does_not_exist_is_answered_with_those_that_do(
    reader: Reader, ask: Callable[[Reader], object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        ask(reader)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    values=st.dictionaries(st.text("abcé商", min_size=1, max_size=3), st.integers(-3, 6), max_size=12),
    k=st.integers(1, 6),
)
def test_a_leaderboard_is_the_sorted_cells(
    writer: Writer, reader: Reader, values: dict[str, int], k: int
) -> None:
    writer.client.flushdb()
    for identifier, value in values.items():
        writer.cell(
            "e",
            "item",
            ("hour", 0),
            identifier,
            counts(gmv_paid_minor=max(value, 0), refunds_minor=max(-value, 0)),
        )
    board = reader.leaderboard("item", "net_gmv_minor", window="hour", at_ms=HOUR - 1, k=k)
    expected = sorted((-value, identifier) for identifier, value in values.items() if value > 0)[:k]
    assert [(-place.value, place.id) for place in board.places] == expected
    assert [place.rank for place in board.places] == list(range(1, len(expected) + 1))


def test_a_leaderboard_is_of_the_newest_window_or_of_the_one_at_a_moment(
    writer: Writer, reader: Reader
) -> None:
    writer.job(timezone="Asia/Shanghai")
    first = 1_763_740_800_000  # 2025-11-22 00:00 in Shanghai, 16:00 the day before in UTC
    day = 24 * HOUR
    writer.cell("e", "room", ("day", first), "monday", counts(clicks=1))
    writer.cell("e", "room", ("day", first + day), "tuesday", counts(clicks=1))

    def leader(at_ms: int | None) -> list[str]:
        return [place.id for place in reader.leaderboard("room", "clicks", window="day", at_ms=at_ms).places]

    assert leader(None) == ["tuesday"]
    assert leader(first) == leader(first + day - 1) == ["monday"]
    assert leader(first - 1) == leader(first + 2 * day) == []


def test_a_kept_board_is_read_with_ties_by_id_and_says_what_it_is_as_of(
    writer: Writer, reader: Reader
) -> None:
    client = writer.client
    writer.cell("e", "room", ("hour", 0), "later", counts(clicks=99))
    key = board_key("is", "e", "room", "hour", 0, "clicks")
    client.zadd(key, {"b": 3, "a": 3, "é": 3, "z": 9, "A": 2**53})
    before = reader.leaderboard("room", "clicks", window="hour", at_ms=1)
    assert ([place.id for place in before.places], before.as_of_ms) == (["later"], None), "no board is kept"
    client.hset(snapshot_key("is"), mapping={BOARDS: pack_version(Version(1, 70, 3))})
    board = reader.leaderboard("room", "clicks", window="hour", at_ms=1, k=4)
    assert [(place.id, place.value) for place in board.places] == [("A", 2**53), ("z", 9), ("a", 3), ("b", 3)]
    assert board.as_of_ms == 70
    assert reader.leaderboard("room", "views", window="hour", at_ms=1).places == []
    path = client.connection_pool.connection_kwargs["path"]
    for protocol in (2, 3):
        other = redis.Redis(unix_socket_path=path, protocol=protocol)
        assert Reader(other).leaderboard("room", "clicks", window="hour", at_ms=1, k=4) == board


@pytest.mark.parametrize(("scope", "window", "k"), [("room", "minute", 10), ("room", "hour", 101)])
def test_what_no_board_holds_is_ranked_from_the_cells(
    writer: Writer, reader: Reader, scope: str, window: str, k: int
) -> None:
    writer.client.hset(
        snapshot_key("is"), mapping=dict.fromkeys((BOARDS, BEGIN, END), pack_version(Version(1, 70, 3)))
    )
    for number in range(150):
        writer.cell("e", scope, (window, 0), f"id{number:03}", counts(views=number))
    board = reader.leaderboard(scope, "views", window=window, k=k)
    assert [place.value for place in board.places] == list(range(149, 149 - k, -1))
    assert board.as_of_ms == 70


def test_refunds_by_order_time_lead_from_their_own_layer(writer: Writer, reader: Reader) -> None:
    writer.cell("o", "item", ("total", -1), "i1", [7])
    writer.cell("o", "item", ("total", -1), "i2", [8])
    places = reader.leaderboard("item", "refunds_by_order_time_minor").places
    assert [(place.id, place.value) for place in places] == [("i2", 8), ("i1", 7)]


def test_attribution_joins_credit_and_touches(writer: Writer, reader: Reader) -> None:
    writer.credit("linear", ("total", -1), ("coupon", "c1"), [500, 250_000, 200, 70])
    writer.credit("linear", ("total", -1), ("traffic_source", "direct"), [900, 1_000_000])
    writer.credit("linear", ("total", -1), ("coupon", "taken-back"), [0, 0])
    writer.touches(("total", -1), ("coupon", "c1"), 3, users=2)
    writer.touches(("total", -1), ("ad_plan", "p1"), 2)
    assert reader.attribution("linear") == [
        AttributionRow("traffic_source", "direct", None, 900, 1.0, 0),
        AttributionRow(
            "coupon",
            "c1",
            None,
            500,
            0.25,
            3,
            direct_credit_minor=200,
            indirect_credit_minor=300,
            reached_users=2,
            new_customer_credit_minor=70,
        ),
        AttributionRow("ad_plan", "p1", None, 0, 0.0, 2, reached_users=0),
    ]
    assert [row.id for row in reader.attribution("linear", "coupon")] == ["c1"]


def test_touches_are_the_same_under_every_model(writer: Writer, reader: Reader) -> None:
    writer.touches(("day", 0), ("coupon", "c1"), 3)
    writer.credit("last_touch", ("day", 0), ("coupon", "c1"), [5, 1])
    for model, credit in (("last_touch", 5), ("linear", 0)):
        (row,) = reader.attribution(model, window="day")
        assert (row.touches, row.credit_minor, row.window_start_ms) == (3, credit, 0)


def test_an_orders_credits_are_its_own_lines(writer: Writer, reader: Reader) -> None:
    names = ["coupon\x1fc9", "traffic_source\x1fsearch"]
    record = CreditRecord(
        5_000_000, 101, 1_000_000, ["e1", "e2"], names, [4_000_000, 5], [CLICKED | PAID, SAME_SESSION]
    )
    other = CreditRecord(6, 7, 1_000_000, [], [], [], [])
    writer.line("o1", "i2", record)
    writer.line("o1", "i1", other)
    for number in range(3000):
        writer.line(f"o1{number}", "i1", other)
    assert [(line.item_id, line.record) for line in reader.credits("o1")] == [("i1", other), ("i2", record)]
    assert reader.credits("o") == []
    untouched, touched = reader.credits("o1")
    [share] = [share for share in untouched.shares(["click_30d"]) if share.model == "linear"]
    assert (share.channel, share.id, share.touch, share.credit_minor) == ("traffic_source", "direct", None, 7)
    assert [(touch.event_id, touch.clicked, touch.direct, touch.paid) for touch in touched.touches] == [
        ("e1", True, False, True),
        ("e2", False, True, False),
    ]

    def told(window: str, model: str) -> list[tuple[str, int]]:
        return [(share.id, share.credit_minor) for share in touched.shares([window]) if share.model == model]

    assert told("click_7d_view_1d", "linear") == [("c9", 51), ("search", 50)]
    assert told("click_7d_view_1d", "last_touch") == [("search", 101)]
    assert told("click_7d_view_1d", "last_paid_touch") == told("click_1d", "last_touch") == [("c9", 101)]
    assert told("click_30m", "linear") == [("direct", 101)]


def test_dead_letters_are_counted_and_read_by_reason(writer: Writer, reader: Reader) -> None:
    for number in range(3):
        record = DeadLetterRecord(f"e{number}", "rule", "detail", b"\xff", 10 - number, None)
        writer.refused("bad_time", f"digest{number}", record)
    writer.refused("too_late", "digest", DeadLetterRecord(None, "rule", "detail", b"{}", None, 5))
    Writer(writer.client, "is2").refused("foreign", "digest", DeadLetterRecord(None, "", "", b"", None, None))
    assert reader.dead_letter_counts() == {"bad_time": 3, "too_late": 1}
    letters = reader.dead_letters("bad_time")
    assert [letter.record.event_time_ms for letter in letters] == [8, 9, 10]
    assert letters[0].record.raw == b"\xff"
    assert len(reader.dead_letters("bad_time", limit=2)) == 2
    assert reader.dead_letters("unheard_of") == []


def test_a_namespace_with_pattern_characters_matches_itself_only(client: redis.Redis) -> None:
    Writer(client, "a").refused("r", "d", DeadLetterRecord(None, "", "", b"", None, None))
    assert Reader(client, "*").dead_letter_counts() == {}
    assert Reader(client, "a").dead_letter_counts() == {"r": 1}


def test_the_job_says_what_the_figures_are(writer: Writer, reader: Reader) -> None:
    assert reader.job().as_of_ms is None
    writer.job(currency="GBP", timezone="Europe/London")
    writer.progress(as_of_ms=12345)
    job = reader.job()
    assert (job.currency, job.timezone, job.as_of_ms) == ("GBP", "Europe/London", 12345)


def test_what_another_program_wrote_is_an_error_and_not_a_crash(writer: Writer, reader: Reader) -> None:
    writer.client.hset("is:{m:e:room:total:-1}", "r1", b"not a cell")
    with pytest.raises(StoreError, match="another version or is damaged"):
        reader.metrics("room", "r1")
    writer.client.set("is:{m:e:item:total:-1}", "a string")
    with pytest.raises(StoreError, match="did not write"):
        reader.leaderboard("item")


def test_a_redis_that_is_gone_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(StoreError, match="went away"):
        Reader(redis.Redis(unix_socket_path="/nonexistent/socket")).metrics("room", "r1")
