"""The evaluation against the protocol written out in plain Python, on real clicks."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from recommender_events import Row, batch_of, rows, yoochoose

from online_models import evaluate
from online_models.history import SILENCE_MS
from online_models.popularity import HALF_LIVES_MS
from online_models.prequential import figures_of

CLICKS = 20_000


def plain_popularity(events: list[dict], half_life_ms: int) -> tuple[float, float]:
    """Hit rate and MRR at 10 of decayed counts; equal ones share their mean rank's place pessimistically."""
    counts: dict[str, float] = {}
    seen: set[str] = set()
    hits = total = reciprocal = 0.0
    start_ms = events[0]["event_time_ms"]
    for event in events:
        item, user = event["item_id"], event["user_id"]
        if user in seen:
            total += 1
            if item in counts:
                rank = 1 + sum(count > counts[item] for count in counts.values())
                hits += rank <= 10
                reciprocal += 1 / rank if rank <= 10 else 0
        seen.add(user)
        gain = 2.0 ** ((event["event_time_ms"] - start_ms) / half_life_ms)
        counts[item] = counts.get(item, 0.0) + gain
    return hits / total, reciprocal / total


def plain_rules(events: list[dict], reach: int) -> tuple[float, float]:
    """Hit rate and MRR at 10 of distance-weighted counts of what came after what."""
    after: dict[str, Counter] = defaultdict(Counter)
    history: dict[str, list[str]] = defaultdict(list)
    first: dict[str, int] = {}
    hits = total = reciprocal = 0.0
    for event in events:
        item, past = event["item_id"], history[event["user_id"]]
        if past:
            total += 1
            scores: Counter = Counter()
            for steps, before in enumerate(past[::-1][:reach]):
                for successor, count in after[before].items():
                    scores[successor] += count / (steps + 1)
            if item in scores:
                mine = scores[item]
                rank = 1 + sum(
                    s > mine + 1e-12 or (abs(s - mine) <= 1e-12 and first[i] < first[item])
                    for i, s in scores.items()
                )
                hits += rank <= 10
                reciprocal += 1 / rank if rank <= 10 else 0
        for steps, before in enumerate(past[::-1][:reach]):
            after[before][item] += 1 / (steps + 1)
        first.setdefault(item, len(first))
        past.append(item)
    return hits / total, reciprocal / total


@pytest.fixture(scope="module")
def clicks():
    return yoochoose(CLICKS)


@pytest.fixture(scope="module")
def result(clicks):
    return evaluate(clicks)


def pair(result, name: str) -> tuple[float, float]:
    figures = result.models[name]
    return figures["hit_rate_at_10"], figures["mrr_at_10"]


def test_every_click_but_a_sessions_first_is_asked(clicks, result) -> None:
    assert result.events == CLICKS
    assert result.predictions == CLICKS - len(set(clicks["user_id"].to_pylist()))


def test_popularity_is_as_the_protocol_says(clicks, result) -> None:
    events = clicks.to_pylist()
    for half_life_ms in HALF_LIVES_MS:
        expected = plain_popularity(events, half_life_ms)
        assert pair(result, f"popularity_{half_life_ms // 60_000}min") == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("reach", [1, 3])
def test_rules_are_as_the_protocol_says(clicks, result, reach: int) -> None:
    name = "rules_last" if reach == 1 else f"rules_last_{reach}"
    assert pair(result, name) == pytest.approx(plain_rules(clicks.to_pylist(), reach), abs=0.002)


def test_the_blend_is_clearly_better_than_popularity_and_rules(clicks, result) -> None:
    events = clicks.to_pylist()
    others = [plain_popularity(events, h) for h in HALF_LIVES_MS] + [plain_rules(events, r) for r in (1, 3)]
    hit_rate, mrr = pair(result, "interestream")
    assert hit_rate > max(other[0] for other in others) + 0.01
    assert mrr > max(other[1] for other in others) + 0.01


@given(drawn=rows)
@settings(max_examples=40, deadline=None)
def test_the_asked_clicks_are_those_of_the_protocol(drawn: list[Row]) -> None:
    clicked, last_ms, silences, asked = set(), {}, Counter(), 0
    for row in batch_of(drawn).to_pylist():
        user, now_ms = row["user_id"], row["event_time_ms"]
        if user is None:
            continue
        silences[user] += now_ms - last_ms.get(user, now_ms) > SILENCE_MS
        last_ms[user] = now_ms
        if row["kind"] == 1 and row["item_id"] is not None:
            session = (user, row["session_id"] or silences[user])
            asked += session in clicked
            clicked.add(session)
    assert evaluate(batch_of(drawn)).predictions == asked


def test_popularity_is_its_best_half_life(result) -> None:
    each = [pair(result, name) for name in result.models if name.startswith("popularity_")]
    assert pair(result, "popularity") == max(each)


def test_figures_are_those_of_the_ranks() -> None:
    import numpy as np

    figures = figures_of(np.array([1, 2, 0, 11, 25]))
    assert figures["hit_rate_at_10"] == pytest.approx(2 / 5)
    assert figures["hit_rate_at_20"] == pytest.approx(3 / 5)
    assert figures["mrr_at_10"] == pytest.approx((1 + 1 / 2) / 5)
    assert figures["ndcg_at_10"] == pytest.approx((1 + 1 / 1.584962500721156) / 5)
