"""Labels that come late, against a plain join over the same events; figures against plain formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommender_events import batch_of

from online_models import Mix
from online_models import click_model as kernel

DELAY_MS = 30_000
walks = st.lists(
    st.tuples(
        st.sampled_from([0, 1_000, 12_000, 31_000]),
        st.sampled_from(["ann", "bob"]),
        st.sampled_from([*"abc"]),
        st.just(None),
        st.sampled_from([0, 0, 0, 1, 2]),
    ),
    min_size=1,
    max_size=60,
)


@pytest.fixture(autouse=True)
def looked_at_are_the_first_and_each_sixteenth() -> None:
    assert kernel.SAMPLED == 16


def plain_labels(rows: list[dict]) -> tuple[list[int], int]:
    """Labels of the views looked at that are known at the last event, in the order of views; and how many were corrected."""
    views: list[dict] = []
    seen = corrected = 0
    for row in rows:
        now_ms = row["event_time_ms"]
        for view in views:
            if view["label"] is None and view["time_ms"] + DELAY_MS < now_ms:
                view["label"] = 0
        if row["kind"] == 0:
            seen += 1
            if seen % 16 == 1:
                views.append({"key": (row["user_id"], row["item_id"]), "time_ms": now_ms, "label": None})
            continue
        for view in reversed([each for each in views if each["key"] == (row["user_id"], row["item_id"])]):
            if view["label"] is None:
                view["label"] = 1
                break
            if row["kind"] == 2 and view["label"] == 0:
                view["label"] = 1
                corrected += 1
                break
    return [view["label"] for view in views if view["label"] is not None], corrected


@given(drawn=walks)
@settings(max_examples=60, deadline=None)
def test_labels_are_those_of_a_plain_join(drawn) -> None:
    batch = batch_of([row for row in drawn for _ in range(3)])
    model = Mix()
    model.learn_many(batch)
    labels, corrected = plain_labels(batch.to_pylist())
    state = model._state.views
    told = state.counts[:, :, 0].sum(axis=1)
    assert told.tolist() == pytest.approx([labels.count(0), labels.count(1)])
    assert state.ends[kernel.CORRECTED] == corrected


def test_figures_are_those_of_plain_formulas() -> None:
    """Two items, of which one is clicked within the delay: the model must come to tell them apart."""
    rng, rows = np.random.default_rng(3), []
    for n in range(40_000):
        item = "hot" if rng.random() < 0.5 else "cold"
        rows.append((500, f"u{n}", item, None, 0))
        if rng.random() < (0.4 if item == "hot" else 0.02):
            rows.append((10, f"u{n}", item, None, 1))
    model = Mix()
    model.learn_many(batch_of(rows))
    state = model._state.views
    figures = kernel.click_figures(state)
    known = slice(0, int(state.ends[kernel.TAIL]))
    assert state.ends[kernel.HEAD] < kernel.RING
    chance, label = state.chance[known], state.label[known] == kernel.POSITIVE
    late = slice(known.stop, int(state.ends[kernel.HEAD]))
    early = state.label[late] == kernel.POSITIVE
    chance, label = np.append(chance, state.chance[late][early]), np.append(label, early[early])
    loss = -np.log(np.where(label, chance, 1.0 - chance)).mean()
    assert figures["click_log_loss"] == pytest.approx(loss, rel=1e-9)
    wins = (chance[label][:, None] > chance[~label]) + (chance[label][:, None] == chance[~label]) / 2
    assert figures["click_auc"] == pytest.approx(wins.mean(), abs=0.02)
    assert figures["click_calibration"] == pytest.approx(label.sum() / chance.sum(), rel=1e-9)
    assert figures["click_auc"] > 0.7
    assert figures["click_log_loss"] < figures["click_log_loss_of_rate"]
    newest = slice(len(chance) // 2, len(chance))
    assert 0.85 < label[newest].sum() / chance[newest].sum() < 1.15, "as soon as it has learned"
