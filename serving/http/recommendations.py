"""`/v1/recommendations/{user_id}`: what to show somebody next, from the model that the pipeline published."""

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from schemas.keys import VERSION_BYTES, model_key, recommender_key
from serving.access import Command
from serving.http.answers import Answer
from serving.http.endpoint import Asked, Endpoint, Nothing
from serving.http.parameters import Id
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
            Meta(max_length=1024, description="The room that asks; the model does not tell rooms apart yet."),
        ]
        | None
    ) = None


class RecommendedItem(msgspec.Struct):
    """One item, its score (only the order means anything), and the part of the model that spoke for it most."""

    item_id: str
    score: float
    part: str


class RecommendationAnswer(Answer, kw_only=True):
    """What to show, best first; `fallback` where it is what is popular, as the user or the model is not known."""

    user_id: str
    room_id: str | None
    fallback: bool
    model_version: int
    model_as_of: str | None
    rows: list[RecommendedItem]


class _MissingError(Exception):
    """Items that are needed and not read yet."""

    def __init__(self, item_ids: list[str]) -> None:
        super().__init__(item_ids)
        self.item_ids = item_ids


class _Rows:
    """Rows of items as far as they are read; asks for the rest by raising."""

    def __init__(self) -> None:
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
            buckets[recommender_key(store.namespace, "i", item_id)].append(item_id)
        commands: list[Command] = [("HMGET", key, *ids) for key, ids in buckets.items()]
        for ids, values in zip(buckets.values(), await store.ask(commands), strict=True):
            self._held |= {each: _body(value) for each, value in zip(ids, values, strict=True)}


async def recommendations(
    asked: Asked[UserPath, RecommendationQuery, Nothing],
) -> RecommendationAnswer:
    """Rank items for a user, as of the figures' own time.

    Reads model and user in one round trip, and items in at most a few more: which they are follows from those.
    """
    from online_models.answer import recommend

    service, query = asked.service, asked.query
    store, user_id = service.store, service.stored_user(asked.path.user_id)
    seen = await store.ask_together(
        [
            ("HGET", model_key(store.namespace), "model"),
            ("HGET", recommender_key(store.namespace, "u", user_id), user_id),
        ]
    )
    model, user = map(_body, seen.answers)
    rows, now_ms = _Rows(), seen.job.as_of_ms or 0
    while True:
        try:
            answer = recommend(model, user, rows.fetch, query.k, now_ms, max_age_ms=None, at_once=_AT_ONCE)
            break
        except _MissingError as missing:
            await rows.read(store, missing.item_ids)
    return RecommendationAnswer(
        user_id=asked.path.user_id, room_id=query.room_id, fallback=answer.fallback,
        model_version=answer.model_version, model_as_of=to_text(answer.as_of_ms) if model else None,
        rows=[RecommendedItem(each.item_id, each.score, each.part) for each in answer.items], **service.told(seen),
    )  # fmt: skip


def _body(value: Any) -> bytes | None:
    return None if value is None else bytes(value[VERSION_BYTES:])


RECOMMENDATIONS: Final = Endpoint(
    "GET", "/v1/recommendations/{user_id}", "recommendations", "What to show a user next.",
    RecommendationAnswer, recommendations, UserPath, RecommendationQuery,
)  # fmt: skip
