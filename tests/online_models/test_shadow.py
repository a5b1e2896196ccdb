"""A model in the shadow: it learns the same, is asked the same, and disturbs nothing."""

import pickle
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommender_events import Row, batch_of, random_batch, rows
from scipy.stats import chi2

from online_models import Mix, Recommender
from online_models.events import Events, read_batch
from online_models.identity import Identity
from online_models.prequential import asked_positives
from online_models.shadow import Shadow
from online_models.shadow_settings import checked_settings
from schemas.errors import UsageError

OTHER = {"rate": 0.2, "parts": ("popularity", "transitions")}


def learn(served: Recommender, shadow: Shadow, batch: pa.RecordBatch) -> None:
    shadow.learn_many(batch, served.learn_asked(batch))


def test_equal_settings_have_equal_counters_and_no_pair_apart() -> None:
    served, shadow = Recommender(), Shadow({})
    learn(served, shadow, random_batch(1, 3_000))
    told, own = shadow.counters(), served.counters()
    assert told["predictions"] == own["predictions"] > 300
    for figure in ("hit_rate_at_10", "mrr_at_10"):
        assert told[f"served_{figure}"] == told[f"shadow_{figure}"]
        assert told[f"served_{figure}"] == pytest.approx(own[figure], rel=1e-12)
    assert (told["only_served"], told["only_shadow"]) == (0, 0)
    assert (told["window_only_served"], told["window_only_shadow"], told["window_p"]) == (0, 0, 1.0)


def test_other_settings_are_counted_as_two_models_apart_would_be() -> None:
    """Ranks of both, asked of each alone over the whole log, and scipy's chi-squared."""
    batch = random_batch(2, 9_000, items=120)
    served, shadow = Recommender(), Shadow(OTHER)
    learn(served, shadow, batch)
    first, second = ranks_of(Mix(), batch), ranks_of(Mix(**OTHER), batch)
    hits = [(ranks > 0) & (ranks <= 10) for ranks in (first, second)]
    told = shadow.counters()
    assert told["predictions"] == len(first)
    assert told["served_hit_rate_at_10"] == pytest.approx(hits[0].mean())
    assert told["shadow_hit_rate_at_10"] == pytest.approx(hits[1].mean())
    assert told["shadow_mrr_at_10"] == pytest.approx((hits[1] / np.maximum(second, 1)).mean())
    only = [int((hits[0] & ~hits[1]).sum()), int((hits[1] & ~hits[0]).sum())]
    assert [told["only_served"], told["only_shadow"]] == only
    late = [hit[-5_000:] for hit in hits]
    only = [int((late[0] & ~late[1]).sum()), int((late[1] & ~late[0]).sum())]
    assert [told["window_only_served"], told["window_only_shadow"]] == only
    expected = chi2.sf(max(abs(only[0] - only[1]) - 1, 0) ** 2 / sum(only), 1)
    assert told["window_p"] == pytest.approx(expected, rel=1e-6, abs=1e-12)


def ranks_of(mix: Mix, batch: pa.RecordBatch) -> np.ndarray:
    """The ranks at all clicks that are not the first of their session."""
    events: Events = read_batch(batch, Identity(), Identity(), Identity())
    return mix.learn_ranked(mix.read(batch)).rank[asked_positives(events)]


@given(drawn=rows, cuts=st.lists(st.integers(0, 60), max_size=6), restart=st.integers(0, 6))
@settings(max_examples=25, deadline=None)
def test_batches_and_restarts_leave_no_trace(drawn: list[Row], cuts: list[int], restart: int) -> None:
    batch = batch_of(drawn)
    whole, pieces = (Recommender(), Shadow(OTHER)), (Recommender(), Shadow(OTHER))
    learn(*whole, batch)
    edges = sorted({0, len(drawn), *(cut for cut in cuts if cut < len(drawn))})
    for n, (start, end) in enumerate(pairwise(edges)):
        if n == restart:
            again = Shadow(OTHER)
            again.load(pickle.loads(pickle.dumps(pieces[1].snapshot(), protocol=5)))
            pieces = (Recommender.from_bytes(pieces[0].to_bytes()), again)
        learn(*pieces, batch.slice(start, end - start))
    assert pieces[1].digest() == whole[1].digest()
    assert pieces[1].counters() == whole[1].counters()


def test_the_served_model_is_what_it_is_without_a_shadow() -> None:
    batch = random_batch(4, 2_000)
    alone, served, shadow = Recommender(), Recommender(), Shadow(OTHER)
    alone.learn_many(batch)
    learn(served, shadow, batch)
    assert served.to_bytes() == alone.to_bytes()
    assert served.take_updates() == alone.take_updates()


def test_a_shadow_that_begins_later_is_compared_from_there_on() -> None:
    batch = random_batch(6, 2_000)
    served, shadow = Recommender(), Shadow({})
    served.learn_many(batch.slice(0, 1_000))
    learn(served, shadow, batch.slice(1_000))
    told = shadow.counters()
    assert shadow.since_ms == batch["event_time_ms"][1_000].as_py()
    assert 0 < told["predictions"] < served.counters()["predictions"]
    assert told["served_hit_rate_at_10"] > 0


def test_settings_are_the_same_however_they_are_written() -> None:
    written = checked_settings({"parts": ["popularity", "transitions"], "rate": 0.2})
    assert Shadow(written).goes_on_from(Shadow(OTHER).snapshot())
    assert Shadow({"rate": 0.05}).goes_on_from(Shadow({}).snapshot())
    assert not Shadow({"rate": 0.06}).goes_on_from(Shadow({}).snapshot())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"rat": 0.1}, "unknown field `rat`"),
        ({"rate": "fast"}, r"Expected `float`, got `str` - at `\$.rate`"),
        ({"rate": 0}, "> 0"),
        ({"parts": []}, "length >= 1"),
        ({"parts": ["colour"]}, "colour"),
        ({"reach": 21}, "<= 20"),
        ({"rank_all": True}, "unknown field `rank_all`"),
        ({"kind_weights": [1, 2]}, "length 3"),
        ({"transition_half_lives_ms": [0, 5]}, ">= 1|> 0"),
    ],
)
def test_settings_that_cannot_be_meant_are_errors(given: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        checked_settings(given)
    assert "popularity_half_lives_ms" in str(refused.value)
