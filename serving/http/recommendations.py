"""`/v1/recommendations/{user_id}`: what to show somebody next, from the model that the pipeline published."""

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from schemas.keys import VERSION_BYTES, recommender_key
from serving.access import Command
from serving.http.answers import Answer
from serving.http.endpoint import Asked, Endpoint, Nothing
from serving.http.parameters import Id
from serving.recommendations import room_rows_asked, rows_asked
from serving.shown import Question, shown_command
from serving.windows import to_text

if TYPE_CHECKING:
    from serving.http.store import AsyncStore


_AT_ONCE: Final = 500
"""Items a round trip: all candidates of a user, as a rule."""


class UserPath(msgspec.Struct):
    """For whom."""

    user_id: Id


class RecommendationQuery(msgspec.Struct, forbid_unknown_fields=True):
    """How many, and where they are to be shown."""

    k: Annotated[int, Meta(ge=1, le=100, description="How many items.")] = 10
    room_id: (
        Annotated[
            str,
            Meta(max_length=1024, description="The room that asks: of what is on sale there."),
        ]
        | None
    ) = None
    explore: Annotated[
        int, Meta(ge=0, le=10, description="Places for new items, at most; what is shown is logged.")
    ] = 0
    seed: Annotated[
        str, Meta(max_length=1024, description="What the draw for these places follows from.")
    ] = ""
    log: Annotated[bool, Meta(description="Whether what is shown is logged without new items, too.")] = False
    explain: Annotated[bool, Meta(description="Whether to say what each part adds to each score.")] = False


class RecommendedItem(msgspec.Struct):
    """One item, its score (only the order means anything), and the part of the model that spoke for it most.

    `said` is what each part adds to the score, and null unless asked for; `propensity` the chance with which it is
    shown at its place, 1 but where new items take turns.
    """

    item_id: str
    score: float
    part: str
    propensity: float = 1.0
    said: dict[str, float] | None = None


class RecommendationAnswer(Answer, kw_only=True):
    """What to show, best first; `fallback` where it is what is popular, as the user or the model is not known.

    `room_known` says whether the items are those on sale in the room; without it they are from anywhere.
    """

    user_id: str
    room_id: str | None
    room_known: bool
    fallback: bool
    model_version: int
    model_as_of: str | None
    rows: list[RecommendedItem]


class RoomQuery(msgspec.Struct, forbid_unknown_fields=True):
    """How many rooms."""

    k: Annotated[int, Meta(ge=1, le=100, description="How many rooms.")] = 10


class RecommendedRoom(msgspec.Struct):
    """One live room, its score (only the order means anything), and the part of the model that spoke for it most."""

    room_id: str
    score: float
    part: str


class RoomsAnswer(Answer, kw_only=True):
    """Live rooms, best first; `fallback` where it is what is popular, as the user or the model is not known."""

    user_id: str
    fallback: bool
    model_version: int
    model_as_of: str | None
    rows: list[RecommendedRoom]


class _MissingError(Exception):
    """Items that are needed and not read yet."""

    def __init__(self, item_ids: list[str]) -> None:
        super().__init__(item_ids)
        self.item_ids = item_ids


class _Rows:
    """Rows of items as far as they are read; asks for the rest by raising."""

    def __init__(self, kind: str = "i") -> None:
        self._kind = kind
        self._held: dict[str, bytes | None] = {}

    def fetch(self, item_ids: list[str]) -> dict[str, bytes]:
        """Return the rows of those that have one."""
        missing = [each for each in dict.fromkeys(item_ids) if each not in self._held]
        if missing:
            raise _MissingError(missing)
        return {each: row for each in item_ids if (row := self._held[each]) is not None}

    async def read(self, store: "AsyncStore", item_ids: list[str]) -> None:
        """Read the rows of some items."""
        buckets: defaultdict[str, list[str]] = defaultdict(list)
        for item_id in item_ids:
            buckets[recommender_key(store.namespace, self._kind, item_id)].append(item_id)
        commands: list[Command] = [("HMGET", key, *ids) for key, ids in buckets.items()]
        for ids, values in zip(buckets.values(), await store.ask(commands), strict=True):
            self._held |= {each: _body(value) for each, value in zip(ids, values, strict=True)}


async def recommendations(
    asked: Asked[UserPath, RecommendationQuery, Nothing],
) -> RecommendationAnswer:
    """Rank items for a user, as of the figures' own time.

    Reads model, user and room in one round trip, and items in at most a few more: which they are follows from those.
    """
    from online_models.answer import recommend
    from online_models.slots import Exploration, with_new_items

    service, query = asked.service, asked.query
    store, user_id = service.store, service.stored_user(asked.path.user_id)
    seen = await store.ask_together(rows_asked(store.namespace, user_id, query.room_id))
    model, user, *room = map(_body, seen.answers)
    rows, now_ms = _Rows(), seen.job.as_of_ms or 0
    while True:
        try:
            answer = recommend(
                model, user, rows.fetch, query.k, now_ms, max_age_ms=None, at_once=_AT_ONCE,
                room_id=query.room_id, room=room[0] if room else None,
            )  # fmt: skip
            break
        except _MissingError as missing:
            await rows.read(store, missing.item_ids)
    if query.explore:
        answer = with_new_items(answer, model, Exploration(query.explore, query.seed), user_id)
    if (query.explore or query.log) and answer.items:
        question = Question(user_id, now_ms, query.k, query.room_id)
        await store.ask([shown_command(store.namespace, answer, question)])
    return RecommendationAnswer(
        user_id=asked.path.user_id, room_id=query.room_id, room_known=answer.room_id is not None, fallback=answer.fallback,
        model_version=answer.model_version, model_as_of=to_text(answer.as_of_ms) if model else None,
        rows=[
            RecommendedItem(each.item_id, each.score, each.part, each.propensity, each.said if query.explain else None)
            for each in answer.items
        ],
        **service.told(seen),
    )  # fmt: skip


async def recommended_rooms(asked: Asked[UserPath, RoomQuery, Nothing]) -> RoomsAnswer:
    """Rank the rooms that are live as of the figures' own time."""
    from online_models.answer import recommend_rooms

    service = asked.service
    store, user_id = service.store, service.stored_user(asked.path.user_id)
    seen = await store.ask_together(room_rows_asked(store.namespace, user_id))
    model, user = map(_body, seen.answers)
    rows, now_ms = _Rows("r"), seen.job.as_of_ms or 0
    while True:
        try:
            answer = recommend_rooms(model, user, rows.fetch, asked.query.k, now_ms)
            break
        except _MissingError as missing:
            await rows.read(store, missing.item_ids)
    return RoomsAnswer(
        user_id=asked.path.user_id, fallback=answer.fallback, model_version=answer.model_version,
        model_as_of=to_text(answer.as_of_ms) if model else None,
        rows=[RecommendedRoom(each.item_id, each.score, each.part) for each in answer.items], **service.told(seen),
    )  # fmt: skip


def _body(value: Any) -> bytes | None:
    return None if value is None else bytes(value[VERSION_BYTES:])


RECOMMENDATIONS: Final = Endpoint(
    "GET", "/v1/recommendations/{user_id}", "recommendations", "What to show a user next.",
    RecommendationAnswer, recommendations, UserPath, RecommendationQuery,
)  # fmt: skip

RECOMMENDED_ROOMS: Final = Endpoint(
    "GET", "/v1/recommendations/{user_id}/rooms", "recommended_rooms", "Which live rooms to show a user.",
    RoomsAnswer, recommended_rooms, UserPath, RoomQuery,
)  # fmt: skip
