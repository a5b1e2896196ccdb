"""However events come, and whatever is restarted, the same is learned; and it is bounded."""

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommender_events import START_MS, Row, batch_of, random_batch, rows

from online_models import Mix, Popularity, Recommender, Transitions
from online_models.expiry import Expiry
from online_models.stream_ranker import StreamRanker
from schemas.errors import StateError, UsageError


def learn_each(model: StreamRanker, batch: pa.RecordBatch) -> None:
    for row in batch.to_pylist():
        context = {name: row[name] for name in ("event_time_ms", "session_id", "kind")}
        model.learn_one(row["user_id"], row["item_id"], row["kind"] > 0, context)


@pytest.mark.parametrize("kind", [Popularity, Transitions, Mix])
@given(drawn=rows)
@settings(max_examples=25, deadline=None)
def test_learn_many_is_the_same_learn_ones_bit_for_bit(kind: type[StreamRanker], drawn: list[Row]) -> None:
    batch = batch_of(drawn)
    at_once, one_by_one = kind(), kind()
    at_once.learn_many(batch)
    learn_each(one_by_one, batch)
    if isinstance(at_once, Mix):
        assert Recommender(one_by_one).digest() == Recommender(at_once).digest()
        return
    for name in {"_state", "_history"} & vars(one_by_one).keys():
        assert content(vars(one_by_one)[name]) == content(vars(at_once)[name])
    assert one_by_one._items.names == at_once._items.names


def content(part: tuple) -> list:
    """The bytes of a state's arrays, those of states within it as lists."""
    return [content(inner) if isinstance(inner, tuple) else inner.tobytes() for inner in part]


@given(drawn=rows, cuts=st.lists(st.integers(0, 60), max_size=6), restart=st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_batches_and_restarts_leave_no_trace(drawn: list[Row], cuts: list[int], restart: int) -> None:
    batch = batch_of(drawn)
    whole, pieces = Recommender(), Recommender()
    whole.learn_many(batch)
    edges = sorted({0, len(drawn), *(cut for cut in cuts if cut < len(drawn))})
    for n, (start, end) in enumerate(pairwise(edges)):
        if n == restart:
            pieces = Recommender.from_bytes(pieces.to_bytes())
        pieces.learn_many(batch.slice(start, end - start))
        pieces.take_updates()
    assert pieces.digest() == whole.digest()
    assert Recommender.from_bytes(whole.to_bytes()).to_bytes() == whole.to_bytes()


def test_the_digest_tells_states_apart() -> None:
    first, second = Recommender(), Recommender()
    first.learn_many(random_batch(1, 200))
    second.learn_many(random_batch(2, 200))
    assert first.digest() != second.digest()


def test_a_snapshot_keeps_what_serving_was_not_told() -> None:
    model = Recommender()
    model.learn_many(random_batch(3, 300))
    restored = Recommender.from_bytes(model.to_bytes())
    assert restored.take_updates() == model.take_updates()


def test_damaged_and_foreign_snapshots_are_state_errors() -> None:
    written = Recommender().to_bytes()
    for bad in (b"", b"\x00", written[:-9], b"\x81\xa6format\x63"):
        with pytest.raises(StateError):
            Recommender.from_bytes(bad)


def test_unusable_batches_are_usage_errors() -> None:
    batch = random_batch(4, 5)
    with pytest.raises(UsageError, match="kind"):
        Recommender().learn_many(batch.drop_columns(["kind"]))
    with pytest.raises(UsageError, match="kind"):
        Recommender().learn_many(batch.set_column(5, "kind", pa.array([1, 1, 7, 1, 1], pa.int8())))


def test_an_empty_batch_changes_nothing() -> None:
    model = Recommender()
    before = model.digest()
    model.learn_many(random_batch(5, 3).slice(0, 0))
    assert model.digest() == before


def test_memory_follows_the_ids_that_are_alive() -> None:
    model = Recommender(expiry=Expiry(item_count=20.0))
    rows_after = []
    for day in range(30):
        drawn: list[Row] = [
            (40_000, f"u{day}-{n % 50}", f"i{day}-{n % 70}", None, 1) for n in range(24 * 3600 // 40)
        ]
        shifted = batch_of(drawn)
        times = pa.array([t + day * 86_400_000 for t in shifted.column("event_time_ms").to_pylist()])
        model.learn_many(shifted.set_column(0, "event_time_ms", times))
        rows_after.append((len(model.mix._users), len(model.mix._items), size_but_sessions(model)))
    assert rows_after[-1][0] <= 150
    assert rows_after[-1][1] == rows_after[-2][1] < 10 * 70
    assert rows_after[-1][2] == pytest.approx(rows_after[-2][2], rel=0.02)


def size_but_sessions(model: Recommender) -> int:
    """Bytes of a snapshot without the ring of sessions, which fills up to its own bound."""
    sessions = model.snapshot()["state"]["sessions"]
    return len(model.to_bytes()) - sum(array.nbytes for array in sessions.values())


def test_what_expires_is_taken_back_from_serving() -> None:
    model = Recommender(expiry=Expiry(item_count=10.0))
    model.learn_many(batch_of([(0, "ann", "old", None, 1), (1, "ann", "older", None, 1)]))
    assert set(model.take_updates().items) == {"old", "older"}
    model.learn_many(batch_of([(3 * 86_400_000, "bob", "new", None, 1)]))
    updates = model.take_updates()
    assert updates.items["old"] == updates.items["older"] == updates.users["ann"] == b""
    assert updates.items["new"]
    assert [item for item, *_ in model.rank("bob", 5, START_MS + 3 * 86_400_000)] == ["new"]


def test_an_item_that_comes_back_is_told_as_alive() -> None:
    model = Recommender(expiry=Expiry(item_count=10.0))
    gap = 3 * 86_400_000
    model.learn_many(batch_of([(0, "ann", "tea", None, 1), (gap, "bob", "tea", None, 1)]))
    updates = model.take_updates()
    assert updates.items["tea"] != b""
