"""What is served is what was learned: the answer from published values against the learner itself."""

import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from recommender_events import START_MS, Row, batch_of, random_batch, rows

from online_models import Mix, Recommender, recommend

DAY_MS = 86_400_000


class Served:
    """What a store would hold after all updates so far."""

    def __init__(self) -> None:
        self.model, self.items, self.users = b"", {}, {}

    def take(self, model: Recommender, most: int | None = 20_000) -> int:
        updates = model.take_updates(most)
        self.model = updates.model
        self.items.update(updates.items)
        self.users.update(updates.users)
        return updates.remaining

    def fetch(self, ids: list[str]) -> dict[str, bytes]:
        return {name: self.items[name] for name in ids if name in self.items}


@pytest.mark.parametrize("seed", range(4))
def test_the_answer_is_the_learners_ranking(seed: int) -> None:
    model, served = Recommender(), Served()
    batch = random_batch(seed, 3_000)
    for start in range(0, 3_000, 500):
        model.learn_many(batch.slice(start, 500))
        served.take(model)
    model.untell()
    served.take(model)
    now_ms = batch.column("event_time_ms")[-1].as_py() + 60_000
    for n in range(40):
        answer = recommend(served.model, served.users.get(f"user-{n}"), served.fetch, 10, now_ms)
        scores = model.mix.scores(f"user-{n}", model.mix.now_ms)
        assert [best.score for best in answer.items] == pytest.approx(
            sorted(scores.values(), reverse=True)[:10], rel=1e-4
        )
        for best in answer.items:
            assert best.score == pytest.approx(scores[best.item_id], rel=1e-4)
        assert [best.item_id for best in answer.items] == [i for i, *_ in model.rank(f"user-{n}", 10, now_ms)]
        assert not answer.fallback


A_VIEW_AFTER_SILENCE = [(0, "ann", "a", None, 0)] * 4 + [
    (0, "ann", "a", None, 1), (0, "ann", "b", None, 0), (0, "bob", "a", None, 1), (0, "ann", "a", None, 0),
    (0, "ann", "a", None, 1), (1_860_000, "bob", "a", None, 0),
]  # fmt: skip


@given(drawn=rows)
@example(drawn=A_VIEW_AFTER_SILENCE)
@settings(max_examples=60, deadline=None)
def test_answers_agree_on_any_stream(drawn: list[Row]) -> None:
    model, served = Recommender(), Served()
    batch = batch_of(drawn)
    for start in range(0, len(drawn), 7):
        model.learn_many(batch.slice(start, 7))
        served.take(model)
    model.untell()
    served.take(model)
    now_ms = model.mix.now_ms
    for user in ("ann", "bob", "cy"):
        answer = recommend(served.model, served.users.get(user), served.fetch, 8, now_ms)
        scores = model.mix.scores(user, now_ms) if served.users.get(user) or not answer.items else None
        if scores is not None and not answer.fallback:
            for best in answer.items:
                assert best.score == pytest.approx(scores[best.item_id], rel=1e-3, abs=1e-6)
            assert len(answer.items) == min(8, len(scores))


def test_updates_are_bounded_and_lose_nothing() -> None:
    model, served = Recommender(), Served()
    model.learn_many(random_batch(7, 2_000))
    whole = Recommender.from_bytes(model.to_bytes()).take_updates(None)
    while served.take(model, most=9):
        pass
    assert (served.items, served.users) == (whole.items, whole.users)
    assert model.take_updates().items == {}


def test_those_who_change_all_the_time_keep_nobody_waiting() -> None:
    model, served = Recommender(), Served()
    model.learn_many(random_batch(7, 2_000, users=40))
    for turn in range(1, 9):
        model.learn_many(random_batch(turn, 100, users=10))
        served.take(model, most=9)
    assert served.users.keys() == model.take_updates(None).users.keys() | served.users.keys()
    assert len(served.users) == 40


def test_unknown_users_get_what_is_popular() -> None:
    model, served = Recommender(), Served()
    model.learn_many(random_batch(8, 2_000))
    served.take(model)
    answer = recommend(served.model, None, served.fetch, 5, model.mix.now_ms)
    assert answer.fallback
    assert len(answer.items) == 5
    assert {best.part for best in answer.items} == {"popularity"}


def test_a_stale_model_falls_back_and_says_so() -> None:
    model, served = Recommender(), Served()
    model.learn_many(random_batch(9, 2_000))
    served.take(model)
    late_ms = model.mix.now_ms + 30 * DAY_MS
    answer = recommend(served.model, served.users["user-1"], served.fetch, 5, late_ms)
    assert (answer.fallback, answer.as_of_ms, answer.model_version) == (True, model.mix.now_ms, 2_000)
    assert answer.items


def test_items_not_seen_for_a_day_are_not_shown() -> None:
    model, served = Recommender(), Served()
    drawn: list[Row] = [(0, "ann", "gone", None, 1)] * 5 + [(25 * 3_600_000, "bob", "here", None, 1)]
    model.learn_many(batch_of(drawn))
    served.take(model)
    for user in ("bob", "ann", None):
        value = served.users.get(user) if user else None
        answer = recommend(served.model, value, served.fetch, 5, START_MS + 25 * 3_600_000)
        assert [best.item_id for best in answer.items] == ["here"]
    everything = Recommender(Mix(availability_ms=None))
    everything.learn_many(batch_of(drawn))
    assert len(everything.rank("bob", 5, START_MS + 25 * 3_600_000)) == 2


def test_asking_needs_none_of_the_heavy_packages() -> None:
    code = "import online_models.answer, sys; print([m for m in %r if m in sys.modules])"
    heavy = ["numba", "river", "pyarrow", "numpy", "apache_beam"]
    run = subprocess.run([sys.executable, "-c", code % heavy], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
