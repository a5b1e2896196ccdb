"""The log of what was shown: it says again what was answered, whoever wrote it, and costs an answer little."""

import struct

import msgspec
import numpy as np
import pyarrow as pa
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from serving_by_hand import asking, served

from online_models import Recommender
from online_models.answer import Answer, Recommendation
from online_models.events import ROOM_SCHEMA
from online_models.payload import PARTS
from online_models.slots import EXPLORATION, Exploration
from runners.embedded_redis import OpenRedis
from schemas.errors import StoreError
from schemas.keys import Version, model_key, pack_version, recommender_key, shown_key
from schemas.shown import SAID, SPOKE, decode_shown
from serving.access import Store
from serving.reader import Reader
from serving.shown import Question, log_shown, read_shown, read_shown_by_id, shown_command

MINUTE_MS = 60_000
DAY_MS = 86_400_000

halves = st.floats(width=16, allow_nan=False, allow_infinity=False)
shown_items = st.lists(
    st.builds(
        Recommendation,
        st.text(max_size=4),
        st.floats(width=32, allow_nan=False, allow_infinity=False),
        st.sampled_from([*PARTS, EXPLORATION]),
        st.dictionaries(st.sampled_from([*PARTS, "filled"]), halves),
        st.floats(0.01, 1.0),
    ),
    min_size=1,
    max_size=5,
)


def test_all_that_the_model_can_say_has_its_place() -> None:
    assert (*PARTS, "filled") == SAID
    assert (*PARTS, EXPLORATION) == SPOKE


@given(items=shown_items, room=st.sampled_from([None, "r1"]))
def test_an_entry_says_what_was_answered(items: list[Recommendation], room: str | None) -> None:
    answer = Answer(items, False, 7, 40, room)
    entry = decode_shown(shown_command("is", answer, Question("ann", 50, 9, "r1"))[-1])
    assert (entry.user_id, entry.time_ms, entry.k, entry.room_id, entry.room_known) == (
        "ann", 50, 9, "r1", room is not None,
    )  # fmt: skip
    assert (entry.model_version, entry.model_as_of_ms, entry.fallback) == (7, 40, False)
    again = [
        Recommendation(
            each.item_id,
            each.score,
            each.part,
            {name: value for name, value in each.said.items() if name in item.said},
            each.propensity,
        )
        for item, each in zip(items, entry.each(), strict=True)
        if each.score is not None and each.part is not None and each.said is not None
    ]
    assert again == items
    assert all(
        sum(map(bool, each.said.values())) <= len(item.said)
        for item, each in zip(items, entry.each(), strict=True)
        if each.said
    )


def test_what_no_half_float_holds_costs_no_answer() -> None:
    answer = Answer([Recommendation("tea", 1.0, "room", {"filled": -1e9, "room": 1.5})], False, 1, 1)
    [item] = decode_shown(shown_command("is", answer, Question("ann", 1, 1))[-1]).each()
    assert item.said is not None
    assert (item.said["filled"], item.said["room"]) == (-65_504.0, 1.5)


def test_entries_of_the_first_form_are_read_and_later_ones_are_refused(client: redis.Redis) -> None:
    store = Store(client, "is")
    first = ["ann", 5, 7, ["tea", "cup"], [1.0, 0.25]]
    client.xadd(shown_key("is"), {"shown": msgspec.msgpack.encode(first)})
    [entry] = read_shown(store)
    assert [(each.item_id, each.propensity, each.score, each.said) for each in entry.each()] == [
        ("tea", 1.0, None, None), ("cup", 0.25, None, None),
    ]  # fmt: skip
    client.xadd(shown_key("is"), {"shown": msgspec.msgpack.encode([*first, 3])})
    with pytest.raises(StoreError, match="form 3"):
        list(read_shown(store))


def test_pages_hold_every_entry_once_in_order(client: redis.Redis) -> None:
    store, answer = Store(client, "is"), Answer([Recommendation("tea", 1.0, "room")], False, 1, 1)
    for number in range(2_100):
        log_shown(store, answer, Question(f"u{number}", number, 1))
    log_shown(store, Answer([], True, 0, 0), Question("nobody", 1, 1))
    read = list(read_shown_by_id(store))
    assert [entry.time_ms for _, entry in read] == list(range(2_100))
    assert len({number for number, _ in read}) == 2_100


def learned() -> Recommender:
    """A model that knows users, a room, and items that came on its last day."""
    draw = np.random.default_rng(3)
    rows = [
        (n * MINUTE_MS, f"u{draw.integers(9)}", f"i{draw.integers(20)}", "r1", int(draw.integers(3)))
        for n in range(2_000)
    ]
    rows += [(2_000 * MINUTE_MS + n, "u1", f"new{n}", "r1", 0) for n in range(6)]
    columns = dict(
        zip(("event_time_ms", "user_id", "item_id", "room_id", "kind"), zip(*rows, strict=True), strict=True)
    )
    columns |= {"event_id": [f"{n:05d}" for n in range(len(rows))], "session_id": [None] * len(rows)}  # type: ignore[dict-item]
    model = Recommender()
    model.learn_many(
        pa.RecordBatch.from_pydict({name: columns[name] for name in ROOM_SCHEMA.names}, ROOM_SCHEMA)
    )
    return model


@pytest.fixture
def model_published(client: redis.Redis) -> Reader:
    """A Redis that a model was published to."""
    told = learned().take_updates(None)
    version = pack_version(Version(1, 0, 0))
    client.hset(model_key("is"), "model", version + told.model)
    for kind, values in (("i", told.items), ("u", told.users), ("r", told.rooms)):
        for identifier, value in values.items():
            client.hset(recommender_key("is", kind, identifier), identifier, version + value)
    return Reader(client)


@pytest.mark.parametrize(("explore", "room"), [(Exploration(2, "s"), None), (None, None), (None, "r1")])
def test_what_a_reader_was_answered_stands_in_the_log(
    model_published: Reader, explore: Exploration | None, room: str | None
) -> None:
    now_ms = 2_000 * MINUTE_MS
    answer = model_published.recommend("u1", 6, now_ms, room, explore, log=True)
    [entry] = read_shown(model_published.store)
    told = list(entry.each())
    assert [(each.item_id, each.part, each.propensity) for each in told] == [
        (each.item_id, each.part, each.propensity) for each in answer.items
    ]
    assert [each.score for each in told] == [float(np.float32(each.score)) for each in answer.items]
    assert (entry.user_id, entry.time_ms, entry.k, entry.room_id) == ("u1", now_ms, 6, room)
    explored = [each for each in told if each.part == EXPLORATION]
    assert bool(explored) == (explore is not None)
    for each in told:
        assert each.said is not None
        if each.part != EXPLORATION:
            assert sum(each.said.values()) == pytest.approx(each.score, rel=4e-3, abs=4e-3)
    assert struct.calcsize("<7e") * len(told) == len(entry.said)
    for place, each in enumerate(told):
        choices = entry.choices(place)
        assert sum(choices.values()) == pytest.approx(1.0 if explore else 0.0)
        if each.part == EXPLORATION:
            assert choices[each.item_id] == pytest.approx(each.propensity, rel=1e-5)
            assert not {before.item_id for before in told[:place]} & set(choices)


def test_nothing_is_logged_unasked(model_published: Reader) -> None:
    assert model_published.recommend("u1", 6, 2_000 * MINUTE_MS).items
    assert list(read_shown(model_published.store)) == []


@pytest.mark.parametrize(
    ("asked", "logged"), [({"log": "true"}, 1), ({"explore": "2", "seed": "s"}, 1), ({}, 0)]
)
def test_over_http_it_is_logged_as_it_was_answered(
    model_published: Reader, store: OpenRedis, asked: dict[str, str], logged: int
) -> None:
    with served(store) as (_, url), asking(url) as http:
        rows = (
            http.get("/v1/recommendations/u1", params={"k": "5", **asked}).raise_for_status().json()["rows"]
        )
    assert len(rows) == 5
    entries = list(read_shown(model_published.store))
    assert len(entries) == logged
    for entry in entries:
        told = [(each.item_id, each.part, each.propensity) for each in entry.each()]
        assert told == [(row["item_id"], row["part"], row["propensity"]) for row in rows]
        assert (entry.user_id, entry.k, entry.room_id) == ("u1", 5, None)
