"""Users split over learners: one learner is the model itself, batches make no difference, and means are means."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommender_events import Row, batch_of, random_batch, rows

from online_models import Mix, Recommender
from online_models.prequential import blend, evaluate
from online_models.sharded_evaluation import sharded_models
from online_models.sharded_mix import ShardedMix, shard_of
from schemas.errors import UsageError

MINUTE_MS = 60_000
PINNED = [1, 0, 0, 5, 5, 1]
"""Where these users are on any machine, in any process."""


def digests(model: ShardedMix) -> list[str]:
    return [Recommender(learner).digest() for learner in model.learners]


@given(drawn=rows, cuts=st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=25, deadline=None)
def test_one_learner_is_the_model_itself(drawn: list[Row], cuts: list[int]) -> None:
    batch, plain, one = batch_of(drawn), Mix(), ShardedMix(1, MINUTE_MS)
    plain.learn_many(batch)
    learn_in_pieces(one, batch, cuts)
    assert digests(one) == [Recommender(plain).digest()]


@given(drawn=rows, cuts=st.lists(st.integers(0, 60), max_size=6), shards=st.integers(2, 5))
@settings(max_examples=25, deadline=None)
def test_batches_leave_no_trace_in_any_learner(drawn: list[Row], cuts: list[int], shards: int) -> None:
    batch, whole, pieces = batch_of(drawn), ShardedMix(shards, MINUTE_MS), ShardedMix(shards, MINUTE_MS)
    whole.learn_many(batch)
    learn_in_pieces(pieces, batch, cuts)
    assert digests(pieces) == digests(whole)


def learn_in_pieces(model: ShardedMix, batch: pa.RecordBatch, cuts: list[int]) -> None:
    edges = sorted({0, len(batch), *(cut for cut in cuts if cut < len(batch))})
    for start, end in pairwise(edges):
        model.learn_many(batch.slice(start, end - start))


PERIOD_MS = 50 * 60 * MINUTE_MS
"""The events of the tests begin in the middle of one."""


def test_vectors_become_the_mean_by_clicks_and_counts_the_sum() -> None:
    """Against loops over what each learner had; what makes them share is one event later on, of nobody."""
    shards, batch = 3, random_batch(7, 1_500, users=30, items=40, gap_ms=1_000)
    model, alone = ShardedMix(shards, PERIOD_MS), Mix()
    model.learn_many(batch)
    alone.learn_many(batch)
    before = [
        {name: getattr(learner._state.factors, name).copy() for name in ("before", "after")}
        for learner in model.learners
    ]
    later = batch_of([(2 * PERIOD_MS, None, "unheard", None, 0)])
    model.learn_many(later)
    seen, clicks = [set() for _ in range(shards)], [Counter() for _ in range(shards)]
    for row in batch.to_pylist():
        learner = shard_of(row["user_id"], shards)
        seen[learner].add(row["item_id"])
        clicks[learner][row["item_id"]] += row["kind"] == 1
    total = sum(each.total() for each in clicks)
    for item in {item for items in seen for item in items}:
        row = model._items.row(item)
        weight = {n: clicks[n][item] + clicks[n].total() / total for n in range(shards) if item in seen[n]}
        for name in ("before", "after"):
            mean = sum(weight[n] * before[n][name][row].astype(float) for n in weight) / sum(weight.values())
            for learner in model.learners:
                vectors = getattr(learner._state.factors, name)
                np.testing.assert_allclose(vectors[row], mean, rtol=1e-6, atol=1e-8)
    assert_counts_are_those_of_one_learner(model, alone)


def assert_counts_are_those_of_one_learner(model: ShardedMix, alone: Mix) -> None:
    """The first learner has learned one event more."""
    whole = alone._state.popularity
    for learner in model.learners[1:]:
        counts = learner._state.popularity
        for h in range(len(whole.total)):
            for row, item in enumerate(alone._items.names):
                share = counts.value[model._items.row(str(item)), h] / counts.total[h]
                assert share == pytest.approx(whole.value[row, h] / whole.total[h], rel=1e-9)
            best = [str(alone._items.names[row]) for row in whole.top[h] if row >= 0]
            listed = [str(model._items.names[row]) for row in counts.top[h] if row >= 0]
            assert sorted(listed) == sorted(best)


def test_after_sharing_all_learners_know_all_items() -> None:
    batch = random_batch(3, 400, users=12, items=30)
    model = ShardedMix(4, PERIOD_MS)
    model.learn_many(batch)
    before = [learner._state.sight.first_ms[: len(model._items)].copy() for learner in model.learners]
    model.learn_many(batch_of([(2 * PERIOD_MS, None, "unheard", None, 0)]))
    first = {}
    for row in batch.to_pylist():
        first.setdefault(row["item_id"], row["event_time_ms"])
    assert any((times < 0).any() for times in before), "each learner knew all items before"
    for learner in model.learners:
        times = learner._state.sight.first_ms
        assert {item: times[model._items.row(item)] for item in first} == first


def test_evaluate_tells_quality_and_speed_beside_one_learner() -> None:
    ticks = iter(range(10**9))
    models = {"interestream": blend(), **sharded_models([3], lambda: next(ticks) / 1_000)}
    told = evaluate(random_batch(5, 3_000), models).models
    assert set(told) == {"interestream", "model_shards_1", "model_shards_3"}
    one = {name: told["model_shards_1"][name] for name in told["interestream"]}
    assert one == told["interestream"]
    for figures in (told["model_shards_1"], told["model_shards_3"]):
        assert 0 < figures["events_per_s"] <= figures["events_per_s_on_a_core_each"]
        assert 0 < figures["mrr_at_10"] <= figures["hit_rate_at_10"] <= figures["hit_rate_at_20"]


def test_no_learner_or_too_many_is_an_error() -> None:
    for shards in (0, 65):
        with pytest.raises(UsageError, match=f"1 to 64; it is {shards}"):
            ShardedMix(shards)


def test_users_are_spread_evenly_and_always_alike() -> None:
    homes = [shard_of(f"user-{n}", 8) for n in range(8_000)]
    assert homes == [shard_of(f"user-{n}", 8) for n in range(8_000)]
    assert max(Counter(homes).values()) < 1_200
    assert [shard_of(f"user-{n}", 8) for n in range(6)] == PINNED
