"""Each part against a plain calculation of what it promises, and river's own checks."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from recommender_events import START_MS, Row, batch_of, rows
from river import checks

from online_models import Mix, Popularity, Transitions
from online_models.history import SILENCE_MS
from online_models.stream_ranker import StreamRanker

MODELS = [Popularity, Transitions, Mix]


def cases() -> list:
    found = [(kind, check) for kind in MODELS for check in checks.yield_checks(kind())]
    skips = Popularity()._unit_test_skips()
    return [pytest.param(k, c, id=f"{k.__name__}-{c.__name__}") for k, c in found if c.__name__ not in skips]


@pytest.mark.parametrize(("kind", "check"), cases())
def test_river_accepts_the_model(kind: type[StreamRanker], check) -> None:
    check(kind())


@given(drawn=rows)
@settings(max_examples=60, deadline=None)
def test_popularity_is_the_share_of_faded_counts(drawn: list[Row]) -> None:
    half_life_ms = 3_600_000
    model = Popularity(half_lives_ms=(half_life_ms,), kind_weights=(0.25, 1.0, 3.0))
    batch = batch_of(drawn)
    model.learn_many(batch)
    events = [row for row in batch.to_pylist() if row["item_id"] is not None]
    now_ms = max((row["event_time_ms"] for row in events), default=0)
    counts: dict[str, float] = defaultdict(float)
    for row in events:
        weight = {0: 0.25, 1: 1.0, 2: 3.0}[row["kind"]]
        counts[row["item_id"]] += weight * 0.5 ** ((now_ms - row["event_time_ms"]) / half_life_ms)
    total = sum(counts.values())
    for item, count in counts.items():
        assert model.predict_one(None, item) == pytest.approx(count / total, rel=1e-9, abs=1e-15)
    top = [model._items.names[row] for row in model._state.top[0] if row >= 0]
    assert [counts[item] for item in top] == pytest.approx(sorted(counts.values(), reverse=True), abs=1e-15)


@given(drawn=rows)
@settings(max_examples=60, deadline=None)
def test_transitions_count_steps_within_a_session_by_distance(drawn: list[Row]) -> None:
    half_life_ms, reach, fall = 3_600_000 * 72, 3, 0.5
    model = Transitions(reach=reach, fall=fall)
    model.learn_many(batch_of(drawn))
    sessions: dict[str, tuple[object, list[str]]] = {}
    last_ms: dict[str, int] = {}
    quiet: dict[str, int] = defaultdict(int)
    after: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in batch_of(drawn).to_pylist():
        user, item, now_ms = row["user_id"], row["item_id"], row["event_time_ms"]
        if user is None:
            continue
        quiet[user] += now_ms - last_ms.get(user, now_ms) > SILENCE_MS
        last_ms[user] = now_ms
        session = row["session_id"] or quiet[user]
        if sessions.get(user, (None, []))[0] != session:
            sessions[user] = (session, [])
        if item is not None and row["kind"] > 0:
            items = sessions[user][1]
            for steps, before in enumerate(items[::-1][:reach]):
                after[before][item] += fall**steps * 2.0 ** ((now_ms - START_MS) / half_life_ms)
            items.append(item)
    for user, (_, items) in sessions.items():
        for item in "abcdefgh":
            expected = sum(
                fall**steps * after[before][item] / sum(after[before].values())
                for steps, before in enumerate(items[::-1][:reach])
                if after[before]
            )
            assert model.predict_one(user, item) == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_the_blend_follows_the_part_that_works() -> None:
    chain: list[Row] = []
    for n in range(400):
        chain += [(1_000, f"u{n}", f"{'abcdefgh'[(n + k) % 8]}", None, 1) for k in range(3)]
    model = Mix()
    model.learn_many(batch_of(chain))
    assert model.rank("u399", set("abcdefgh"))[0] == "abcdefgh"[(399 + 3) % 8]
