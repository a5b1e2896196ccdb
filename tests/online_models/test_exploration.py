"""Exploration slots: chances against drawing, pages against their promises, and what a log of them is worth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommender_events import batch_of, random_batch

from online_models import Recommender, recommend
from online_models.exploration import chances_of_best
from online_models.off_policy import Logged, ips, labelled
from online_models.slots import Exploration, with_new_items
from schemas.errors import UsageError
from schemas.shown import Shown

DAY_MS = 86_400_000
counts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 300)), min_size=1, max_size=6)


@given(drawn=counts)
@settings(max_examples=30, deadline=None)
def test_chances_are_those_of_drawing_from_the_posteriors(drawn: list[tuple[int, int]]) -> None:
    alpha, beta = (np.array([1.0 + pair[n] for pair in drawn]) for n in (0, 1))
    drawn_rates = np.random.default_rng(7).beta(alpha, beta + 5.0, (40_000, len(drawn)))
    expected = np.bincount(drawn_rates.argmax(axis=1), minlength=len(drawn)) / len(drawn_rates)
    assert chances_of_best(alpha, beta + 5.0) == pytest.approx(expected, abs=0.015)


def model_with_new_items() -> tuple[Recommender, bytes, bytes, dict[str, bytes]]:
    model = Recommender()
    model.learn_many(random_batch(1, 2_000))
    batch = batch_of(
        [(2 * DAY_MS, "user-1", "item-1", None, 1)]
        + [(1_000, "user-2", f"new-{n}", None, 0) for n in range(8)]
    )
    model.learn_many(batch)
    told = model.take_updates(None)
    return model, told.model, told.users["user-1"], told.items


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_a_page_has_at_most_so_many_slots_and_each_item_once(slots: int) -> None:
    model, published, user, items = model_with_new_items()
    plain = recommend(
        published, user, lambda ids: {i: items[i] for i in ids if i in items}, 6, model.mix.now_ms
    )
    for seed in range(40):
        page = with_new_items(plain, published, Exploration(slots, str(seed)), "user-1")
        again = with_new_items(plain, published, Exploration(slots, str(seed)), "user-1")
        assert page == again
        names = [each.item_id for each in page.items]
        assert len(names) == len(set(names)) == len(plain.items)
        explored = [each for each in page.items if each.part == "exploration"]
        assert 0 < len(explored) <= slots
        assert all(0.0 < each.propensity <= 1.0 for each in explored)
        assert all(each.propensity == 1.0 for each in page.items if each.part != "exploration")
        assert page.items[: len(plain.items) - slots] == plain.items[: len(plain.items) - slots]


def test_slots_show_each_item_as_often_as_its_propensity_says() -> None:
    model, published, user, items = model_with_new_items()
    plain = recommend(
        published, user, lambda ids: {i: items[i] for i in ids if i in items}, 4, model.mix.now_ms
    )
    seen: dict[str, int] = {}
    chance: dict[str, float] = {}
    for seed in range(4_000):
        last = with_new_items(plain, published, Exploration(1, str(seed)), "user-1").items[-1]
        seen[last.item_id] = seen.get(last.item_id, 0) + 1
        chance[last.item_id] = last.propensity
    assert len(seen) > 3
    assert sum(chance.values()) == pytest.approx(1.0, abs=0.02)
    for item, times in seen.items():
        assert times / 4_000 == pytest.approx(chance[item], abs=0.03)


def test_a_log_tells_the_value_of_its_own_policy_and_of_another() -> None:
    """Simulated: four items with true click rates, shown by a policy, judged for that policy and for another."""
    rng = np.random.default_rng(5)
    rates, policy, other = (
        np.array([0.3, 0.1, 0.6, 0.2]),
        np.array([0.4, 0.3, 0.1, 0.2]),
        np.array([0.1, 0.1, 0.7, 0.1]),
    )
    drawn = rng.choice(4, 30_000, p=policy)
    shown = [Shown(f"u{n}", n * 10, 1, [f"i{item}"], [float(policy[item])]) for n, item in enumerate(drawn)]
    clicked = rng.random(len(drawn)) < rates[drawn]
    clicks = [(f"u{n}", f"i{drawn[n]}", n * 10 + 500) for n in np.flatnonzero(clicked).tolist()]
    told = labelled(shown, clicks, delay_ms=1_000, watermark_ms=10**9)
    assert ips(told.of_itself()) == told.reward.mean() == clicked.mean()
    candidate = Logged(told.reward, told.propensity, other[drawn[told.place]])
    assert ips(candidate) == pytest.approx(float((other * rates).sum()), abs=0.02)


def test_a_label_is_known_when_it_is_a_click_or_the_delay_is_over() -> None:
    shown = [Shown("ann", 0, 1, ["a", "b"], [1.0, 0.5]), Shown("ann", 900, 2, ["a"], [0.25])]
    told = labelled(shown, [("ann", "a", 1_000), ("bob", "b", 10)], delay_ms=500, watermark_ms=1_200)
    assert (told.place.tolist(), told.reward.tolist()) == ([0, 1, 2], [0.0, 0.0, 1.0])
    assert labelled(shown, [], delay_ms=500, watermark_ms=400).place.tolist() == []
    with pytest.raises(UsageError):
        ips(labelled(shown, [], delay_ms=500, watermark_ms=400).of_itself())
