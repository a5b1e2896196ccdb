"""The answer to "what for this user now?", from published values alone: pure, and quick to import.

The learner ranks for a user when it hears of them; what is asked for afterwards is that list, less what is
not available any more, and then what is popular.
"""

import struct
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

import msgspec

from online_models.payload import PARTS, ItemPayload, ModelPayload, Ranked, RoomPayload, UserPayload

HOUR_MS = 3_600_000
MAX_AGE_MS = 10 * 60_000
FetchItems = Callable[[list[str]], dict[str, bytes]]

_read_model = msgspec.msgpack.Decoder(ModelPayload).decode
_read_item = msgspec.msgpack.Decoder(ItemPayload).decode
_read_user = msgspec.msgpack.Decoder(UserPayload).decode
_read_room = msgspec.msgpack.Decoder(RoomPayload).decode
_NOTHING = Ranked([], b"", b"")


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item, its score (only the order means anything), and the part that spoke for it most.

    `said` is what each part adds to the score, to three digits; `filled`, where it is one of them, puts what
    is listed for anyone below what is listed for the user. `propensity` is the chance with which it was shown
    at its place, given what stands before it: 1 but in exploration slots.
    """

    item_id: str
    score: float
    part: str
    said: dict[str, float] = field(default_factory=dict)
    propensity: float = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What to show; `fallback` where it is popularity because the model or the user is unknown or stale.

    `room_id` is the live room whose items these are; None where no room was asked for, or none of that name is known.
    `fresh` are the new items that could stand in exploration slots, with their chances on an empty page.
    """

    items: list[Recommendation]
    fallback: bool
    model_version: int
    as_of_ms: int
    room_id: str | None = None
    fresh: dict[str, float] = field(default_factory=dict, repr=False)


def recommend(
    model: bytes | None,
    user: bytes | None,
    fetch_items: FetchItems,
    k: int,
    now_ms: int,
    *,
    max_age_ms: int | None = MAX_AGE_MS,
    at_once: int = 10,
    room_id: str | None = None,
    room: bytes | None = None,
) -> Answer:
    """The best `k` items for a user at `now_ms`, of those on sale in a live room if its published value is given.

    Costs one round of `fetch_items` (ids to published values; unknown ids left out), seldom two. A model
    older than `max_age_ms` is not trusted beyond its popularity list; None trusts any age, which is what
    replayed events need. Candidates are fetched `at_once` together, at least: more is fewer rounds where
    many are not available any more, and changes no answer.

    >>> recommend(None, None, lambda ids: {}, k=3, now_ms=0)
    Answer(items=[], fallback=True, model_version=0, as_of_ms=0, room_id=None)
    """
    if not model:
        return Answer([], True, 0, 0)
    known = _read_model(model)
    mine = _read_user(user) if user else UserPayload(0, _NOTHING)
    stale = max_age_ms is not None and now_ms - known.as_of_ms > max_age_ms
    own, anyone, here = mine.ranked, known.anyone, None
    if room and room_id is not None:
        here, anyone = room_id, _read_room(room).ranked
        own = mine.here if mine.here and mine.room_id == room_id else _both(own, anyone)
    personal = bool(own.items) and not stale
    # A stale model's clock is the last thing it knows, else nothing of it would still be available.
    clock_ms = known.as_of_ms if stale else now_ms
    ranked = chain(_each(own), _others(anyone, own)) if personal else _each(anyone)
    available = _available(ranked, known, fetch_items, clock_ms, max(k, at_once))
    return Answer(list(islice(available, k)), not personal, known.model_version, known.as_of_ms, here)


LIVE_MS = 10 * 60_000
"""A room in which nothing was heard for so long is not live."""


def recommend_rooms(
    model: bytes | None, user: bytes | None, fetch_rooms: FetchItems, k: int, now_ms: int
) -> Answer:
    """The best `k` rooms that are live at `now_ms` for a user, from the model of rooms; rooms take the place of items.

    Costs one round of `fetch_rooms` as a rule: room ids to published values.

    >>> recommend_rooms(None, None, lambda ids: {}, k=3, now_ms=0).items
    []
    """
    if not model:
        return Answer([], True, 0, 0)
    known = _read_model(model)
    own = _read_user(user).ranked if user else _NOTHING
    ranked = chain(_each(own), _others(known.anyone, own)) if own.items else _each(known.anyone)
    live = _live(ranked, fetch_rooms, now_ms, max(k, 10))
    return Answer(list(islice(live, k)), not own.items, known.model_version, known.as_of_ms)


def _live(
    ranked: Iterator[Recommendation], fetch_rooms: FetchItems, now_ms: int, at_once: int
) -> Iterator[Recommendation]:
    while page := list(islice(ranked, at_once)):
        values = fetch_rooms([best.item_id for best in page])
        rooms = {room: _read_room(value) for room, value in values.items() if value}
        for best in page:
            room = rooms.get(best.item_id)
            if room is not None and not room.ended and now_ms - room.last_ms <= LIVE_MS:
                yield best


def _each(ranked: Ranked) -> Iterator[Recommendation]:
    width = len(PARTS)
    said = struct.unpack(f"<{len(ranked.said) // 2}e", ranked.said)
    for n, (item, score, part) in enumerate(
        zip(ranked.items, array("f", ranked.scores), ranked.parts, strict=True)
    ):
        told = zip(PARTS, said[n * width : (n + 1) * width], strict=False)
        yield Recommendation(item, score, PARTS[part], {name: value for name, value in told if value})


def _both(own: Ranked, room: Ranked) -> Ranked:
    """Of the user's own list what is on sale in the room."""
    on_sale, width = set(room.items), 2 * len(PARTS)
    kept = [n for n, item in enumerate(own.items) if item in on_sale]
    return Ranked(
        [own.items[n] for n in kept],
        b"".join(own.scores[4 * n : 4 * n + 4] for n in kept),
        bytes(own.parts[n] for n in kept),
        b"".join(own.said[width * n : width * (n + 1)] for n in kept),
    )


def _others(ranked: Ranked, than: Ranked) -> Iterator[Recommendation]:
    """What is not listed already, below all that is."""
    listed, least = set(than.items), array("f", than.scores)[-1]
    for place, best in enumerate(_each(ranked), 1):
        if best.item_id not in listed:
            lowered = least - place
            yield Recommendation(
                best.item_id, lowered, best.part, {**best.said, "filled": lowered - best.score}
            )


def _available(
    ranked: Iterator[Recommendation], model: ModelPayload, fetch_items: FetchItems, now_ms: int, at_once: int
) -> Iterator[Recommendation]:
    if model.availability_ms is None:
        yield from ranked
        return
    since = (now_ms - model.availability_ms) // HOUR_MS
    seen = dict(zip(model.anyone.items, model.seen_hours, strict=True))
    while page := list(islice(ranked, at_once)):
        values = fetch_items([best.item_id for best in page if best.item_id not in seen])
        seen.update((item, _read_item(value).seen_hour) for item, value in values.items() if value)
        yield from (best for best in page if seen.get(best.item_id, since - 1) >= since)
