"""What is recommended in a live room, and which rooms, against plain calculations over the same events."""

import pickle
from collections import defaultdict
from itertools import pairwise

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommender_events import START_MS, random_batch

from online_models import Recommender, recommend
from online_models.answer import recommend_rooms
from online_models.events import ROOM_SCHEMA
from online_models.live_rooms import LiveRooms
from online_models.payload import UserPayload
from online_models.updates import user_payloads

MINUTE_MS = 60_000
Row = tuple[int, str | None, str | None, int, str | None]

walks = st.lists(
    st.tuples(
        st.sampled_from([0, 1_000, 5 * MINUTE_MS, 31 * MINUTE_MS, 4 * 60 * MINUTE_MS]),
        st.sampled_from(["ann", "bob", "cy"]),
        st.sampled_from([*"abcdef", None]),
        st.sampled_from([0, 1, 1, 2]),
        st.sampled_from(["r1", "r2", None]),
    ),
    min_size=1,
    max_size=40,
)
"""Time since the event before, user, item, kind, room."""


def batch_of(drawn: list[Row]) -> pa.RecordBatch:
    time_ms, rows = START_MS, []
    for n, (gap_ms, user, item, kind, room) in enumerate(drawn):
        time_ms += gap_ms
        rows.append((time_ms, f"{n:06d}", user, item, None, kind, room))
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, ROOM_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=ROOM_SCHEMA)


def answer_of(model: Recommender, user: str, room: str | None, k: int = 60):
    updates = Recommender.from_bytes(model.to_bytes())
    updates.untell()
    told = updates.take_updates(None)
    items = told.items
    return recommend(
        told.model, told.users.get(user), lambda ids: {i: items[i] for i in ids if i in items},
        k, model.mix.now_ms, room_id=room, room=told.rooms.get(room) if room else None,
    )  # fmt: skip


@given(drawn=walks)
@settings(max_examples=60, deadline=None)
def test_in_a_room_all_of_what_is_on_sale_there_is_ranked_and_nothing_else(drawn: list[Row]) -> None:
    model, batch = Recommender(), batch_of(drawn)
    model.learn_many(batch)
    now_ms, on_sale, where = model.mix.now_ms, defaultdict(set), {}
    for row in batch.to_pylist():
        if row["room_id"]:
            where[row["user_id"]] = row["room_id"]
            if row["item_id"] and now_ms - row["event_time_ms"] <= 3 * 60 * MINUTE_MS:
                on_sale[row["room_id"]].add(row["item_id"])
    for user in ("ann", "bob", "nobody"):
        for room in {row[4] for row in drawn} - {None}:
            answer = answer_of(model, user, room)
            assert answer.room_id == room
            assert {best.item_id for best in answer.items} == on_sale[room]
            if where.get(user) == room and not answer.fallback:
                scores = model.mix.scores(user, now_ms, room)
                assert [best.score for best in answer.items] == pytest.approx(
                    sorted((scores[item] for item in on_sale[room]), reverse=True), rel=1e-4, abs=1e-6
                )


@given(drawn=walks)
@settings(max_examples=60, deadline=None)
def test_what_the_parts_say_sums_to_the_score(drawn: list[Row]) -> None:
    model = Recommender()
    model.learn_many(batch_of(drawn))
    for user in ("ann", "bob", "nobody"):
        for room in (None, "r1"):
            answer = answer_of(model, user, room)
            assert [best.score for best in answer.items] == sorted(
                (best.score for best in answer.items), reverse=True
            )
            for best in answer.items:
                assert sum(best.said.values()) == pytest.approx(best.score, rel=4e-3, abs=4e-3)
                parts = {part: value for part, value in best.said.items() if part != "filled"}
                assert best.said.get(best.part, 0.0) >= max(parts.values(), default=0.0) - 0.01


@given(drawn=walks, cuts=st.sets(st.integers(1, 39), max_size=4))
@settings(max_examples=60, deadline=None)
def test_visits_are_those_of_the_protocol_in_any_batches(drawn: list[Row], cuts: set[int]) -> None:
    batch, last, visits, paid = batch_of(drawn), {}, 0, 0
    for row in batch.to_pylist():
        if row["room_id"]:
            room, last_ms = last.get(row["user_id"], ("", 0))
            begun = room != row["room_id"] or row["event_time_ms"] - last_ms > 30 * MINUTE_MS
            visits += begun
            paid += row["kind"] == 2 and not begun
            last[row["user_id"]] = row["room_id"], row["event_time_ms"]
    whole, pieces = LiveRooms(), LiveRooms()
    whole.learn_many(batch)
    edges = [0, *sorted(cut for cut in cuts if cut < len(drawn)), len(drawn)]
    for start, end in pairwise(edges):
        pieces.learn_many(batch.slice(start, end - start))
        pieces = LiveRooms.from_snapshot(pickle.loads(pickle.dumps(pieces.snapshot())))
    assert whole.model.model_version == visits + paid
    assert pieces.model.digest() == whole.model.digest()


def live(drawn: list[Row], user: str = "cy") -> list[str]:
    model, rooms = Recommender(), LiveRooms()
    batch = batch_of(drawn)
    model.learn_many(batch)
    rooms.learn_many(batch)
    told, seen = model.take_updates(None).rooms, rooms.take_updates(None)
    answer = recommend_rooms(
        seen.model,
        seen.users.get(user),
        lambda ids: {i: told[i] for i in ids if i in told},
        5,
        model.mix.now_ms,
    )
    return [best.item_id for best in answer.items]


def test_rooms_are_live_until_they_end_or_fall_silent() -> None:
    entered: list[Row] = [(1_000, "ann", None, 0, "r1"), (0, "bob", None, 0, "r1"), (0, "di", None, 0, "r2")]
    assert live(entered) == ["r1", "r2"]
    ended: Row = (1_000, None, None, 3, "r1")
    assert live([*entered, ended]) == ["r2"]
    assert live([*entered, ended, (1_000, "ann", "a", 0, "r1")]) == ["r2"]
    assert live([*entered, ended, (1_000, None, None, 4, "r1")]) == ["r1", "r2"]
    assert live([*entered, (11 * MINUTE_MS, "ed", None, 0, "r3")]) == ["r3"]


def test_whoever_goes_from_room_to_room_is_shown_the_next_one() -> None:
    walk: list[Row] = []
    for n in range(60):
        walk += [(1_000, f"u{n}", None, 0, f"r{(n + k) % 4}") for k in range(3)]
    walk.append((1_000, "cy", None, 0, "r2"))
    assert live(walk)[0] == "r3"


def test_being_in_a_room_makes_clicks_there_likelier() -> None:
    """Everybody clicks what their room shows: then the room's own share must count."""
    plain = random_batch(3, 4_000, users=200)
    rooms = [f"r{int(item.split('-')[1]) % 6}" for item in plain["item_id"].to_pylist()]
    in_rooms = Recommender()
    in_rooms.learn_many(plain.append_column("room_id", pa.array(rooms)))
    nowhere = Recommender()
    nowhere.learn_many(plain)
    assert in_rooms.counters()["hit_rate_at_10"] > nowhere.counters()["hit_rate_at_10"] + 0.05


@given(drawn=walks)
@settings(max_examples=60, deadline=None)
def test_whoever_did_the_same_few_things_is_ranked_for_at_once_and_as_if_alone(drawn: list[Row]) -> None:
    model = Recommender()
    model.learn_many(batch_of(drawn))
    everyone = model.mix._users.names
    together = dict(user_payloads(model.mix, np.arange(len(everyone))))
    for row, user in enumerate(everyone):
        for _, alone in user_payloads(model.mix, np.array([row])):
            mine, shared = (
                msgspec.msgpack.decode(value, type=UserPayload) for value in (alone, together[user])
            )
            assert shared.room_id == mine.room_id
            # Its own session is no neighbour of one's own: another's share of it is left out where a ranking is shared.
            assert set(shared.ranked.items) == set(mine.ranked.items)
            assert np.frombuffer(shared.ranked.scores, np.float32) == pytest.approx(
                np.frombuffer(mine.ranked.scores, np.float32), abs=0.5
            )
