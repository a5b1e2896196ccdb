"""What serving reads: the values under which model, items and users are published, in msgpack.

Writer (`updates`) and reader (`answer`) share this file and nothing else; it must stay cheap to import.
"""

import msgspec

NEXT, LAST, FRESH, PREV, HOP, AGAIN, BACK, NEAR, NEAR_FRESH, NEAR_AFTER, HERE, POPULAR = range(12)
"""The features of a candidate: after the last items; right after the very last; freshly so; before them;
beside what is beside them; the very last item again; an earlier one again; in sessions alike; in fresh
ones; in them after what is shared; in this room; and from `POPULAR` on one a popularity half-life."""

SAYING = (
    "next", "last", "fresh", "before", "beside", "again", "back", "alike", "alike_fresh", "alike_after", "here",
)  # fmt: skip
"""The features by name, in their order; one a popularity half-life follows."""

PARTS = ("popularity", "repeats", "transitions", "neighbours", "factors", "room")
"""What the gate mixes; a published part is its place in here."""

POPULARITY, REPEATS, TRANSITIONS, NEIGHBOURS, VECTORS, ROOM = range(6)


class Ranked(msgspec.Struct, frozen=True, array_like=True):
    """Items, best first: ids, scores as float32 bytes, and a byte for the part that spoke for each most.

    `said` holds what each of the parts adds to each score, a row an item, as float16 bytes.
    """

    items: list[str]
    scores: bytes
    parts: bytes
    said: bytes = b""


class ModelPayload(msgspec.Struct, frozen=True):
    """What every answer needs; `anyone` is for users of whom nothing is known, with hours last seen.

    `fresh` are new items, each with the chance that Thompson sampling shows it (`exploration`).
    `weights` are those of the gate, a row a length of the session and a column a feature (`SAYING`, then popularity).
    """

    model_version: int
    as_of_ms: int
    anyone: Ranked
    seen_hours: list[int]
    availability_ms: int | None
    counters: dict[str, float]
    weights: list[list[float]]
    fresh: list[str] = []
    fresh_chances: list[float] = []


class ShadowPayload(msgspec.Struct, frozen=True):
    """How a model in the shadow of the served one does, on the same clicks; of no meaning beside a model of another version.

    `since_ms` is when the first event was that it learned; `counters` are those of `shadow`.
    """

    model_version: int
    as_of_ms: int
    since_ms: int
    settings: dict[str, object]
    counters: dict[str, float]


class ItemPayload(msgspec.Struct, frozen=True, array_like=True):
    """The hour of event time in which an item was last seen."""

    seen_hour: int


class UserPayload(msgspec.Struct, frozen=True, array_like=True):
    """What to show a user, as of `as_of_ms`; and of what is on sale in the room where they were last, in which order."""

    as_of_ms: int
    ranked: Ranked
    room_id: str | None = None
    here: Ranked | None = None


class RoomPayload(msgspec.Struct, frozen=True, array_like=True):
    """What is on sale in a room, ranked for anyone; when anything of it was heard last, and whether it has ended."""

    as_of_ms: int
    last_ms: int
    ended: bool
    ranked: Ranked
