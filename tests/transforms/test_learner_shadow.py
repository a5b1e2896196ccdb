"""The pipeline's learner with a shadow: what is published and saved with it, without it, and with another one."""

import logging
import pickle
from collections.abc import Mapping
from itertools import count, pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import Recorded

from online_models.payload import ShadowPayload
from schemas.events import EVENT_SCHEMA
from schemas.keys import VERSION_BYTES, model_key
from transforms.event_view import EventView
from transforms.pacing import Pace
from transforms.pieces import AFTER_ALL_MS, FINAL, Piece, Progress
from transforms.recommend.interactions import interactions_of
from transforms.recommend.shard import LearnerShard

T0, HOUR = 1_767_225_600_000, 3_600_000
SHADOW = {"rate": 0.2, "parts": ("popularity", "transitions")}
FIELD = (model_key("is"), "shadow")
ROWS = [
    {"event_id": f"e{n}", "event_type": "click", "event_time": T0 + 1_000 * n,
     "user_id": f"u{n % 5}", "item_id": f"i{n * n % 7}"}
    for n in range(60)
]  # fmt: skip


def learner(published: Recorded, shadow: Mapping[str, Any] | None) -> LearnerShard:
    turns = count()
    return LearnerShard(published, "is", lambda: Pace(0.0, lambda: float(next(turns))), shadow)


def absorb(shard: LearnerShard, rows: list[dict[str, Any]], watermark_ms: int, urgent: int = 0) -> None:
    batch = pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)
    piece = Piece(Progress(0, 1, 1, watermark_ms), (interactions_of(EventView(batch)),), urgent)
    list(shard.absorb(piece))


def learned(shadow: Mapping[str, Any] | None) -> tuple[LearnerShard, Recorded]:
    published = Recorded()
    shard = learner(published, shadow)
    absorb(shard, ROWS, T0)
    absorb(shard, [], AFTER_ALL_MS, FINAL)
    return shard, published


def test_all_but_its_own_figures_is_published_and_saved_as_without_it() -> None:
    (alone, without), (beside, with_one) = learned(None), learned(SHADOW)
    bodies = with_one.bodies()
    assert FIELD in bodies
    del bodies[FIELD]
    assert bodies == without.bodies()
    state = beside.state()
    del state["shadow"]
    assert pickle.dumps(state, protocol=5) == pickle.dumps(alone.state(), protocol=5)


def test_its_figures_are_published_with_its_settings() -> None:
    _, published = learned(SHADOW)
    told = ShadowPayload(**unpacked(published.held[FIELD]))
    assert (told.model_version, told.since_ms, told.as_of_ms) == (60, T0, T0 + 59_000)
    assert told.settings == {"rate": 0.2, "parts": ["popularity", "transitions"]}
    assert told.counters["predictions"] == 55


def unpacked(value: bytes) -> dict[str, Any]:
    import msgspec

    read: dict[str, Any] = msgspec.msgpack.decode(value[VERSION_BYTES:])
    return read


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(60)), st.sets(st.integers(1, 59), max_size=3), st.integers(0, 3))
def test_order_pieces_and_a_restart_leave_no_trace(arrival: list[int], cuts: set[int], restart: int) -> None:
    straight, _ = learned(SHADOW)
    mixed = learner(Recorded(), SHADOW)
    for n, (begin, end) in enumerate(pairwise([0, *sorted(cuts), 60])):
        if n == restart:
            saved = pickle.dumps(mixed.state(), protocol=5)
            mixed = learner(Recorded(), SHADOW)
            mixed.load(pickle.loads(saved))
        to_come = min((ROWS[n]["event_time"] for n in arrival[end:]), default=T0 + HOUR)
        absorb(mixed, [ROWS[n] for n in arrival[begin:end]], to_come)
    absorb(mixed, [], AFTER_ALL_MS, FINAL)
    assert mixed.shadow_digest() == straight.shadow_digest() is not None


@pytest.mark.parametrize(
    ("then", "says"), [({"rate": 0.3}, "begins anew"), (None, "ends"), (SHADOW, ""), ({**SHADOW}, "")]
)
def test_another_shadow_begins_anew_and_the_served_model_goes_on(
    then: Mapping[str, Any] | None, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    before, _ = learned(SHADOW)
    published = Recorded()
    after = learner(published, then)
    with caplog.at_level(logging.WARNING):
        after.load(pickle.loads(pickle.dumps(before.state(), protocol=5)))
    assert (says in caplog.text) if says else not caplog.text
    late = [
        {**row, "event_id": f"late-{row['event_id']}", "event_time": row["event_time"] + HOUR} for row in ROWS
    ]
    absorb(after, late, AFTER_ALL_MS, FINAL)
    assert unpacked(published.held[model_key("is"), "model"])["counters"]["predictions"] > 55
    assert (FIELD in published.held) == (then is not None)
    if then is not None:
        told = ShadowPayload(**unpacked(published.held[FIELD]))
        assert told.since_ms == (T0 + HOUR if says else T0)


def test_a_job_goes_on_with_a_shadow_that_it_had_not() -> None:
    before, _ = learned(None)
    after = learner(Recorded(), SHADOW)
    after.load(pickle.loads(pickle.dumps(before.state(), protocol=5)))
    assert after.state()["model"].keys() == before.state()["model"].keys()
    assert after.shadow_digest() is not None
