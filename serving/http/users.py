"""`DELETE /v1/users/{user_id}`: forgets a user everywhere in Redis."""

import asyncio
from typing import Final

import msgspec

from serving.forgetting import forget_user
from serving.http.endpoint import FORGET, Asked, Endpoint, Nothing
from serving.http.recommendations import UserPath


class Forgotten(msgspec.Struct):
    """What was deleted; a tombstone keeps the pipeline from writing the user's row again."""

    user_id: str
    recommender_rows: int
    dead_letters: int
    feature_records: int


async def forget(asked: Asked[UserPath, Nothing, None]) -> Forgotten:
    """Forget a user; costs a read of all dead letters, beside other requests."""
    service, user_id = asked.service, asked.path.user_id
    found = await asyncio.to_thread(
        forget_user, service.open_reader().store, service.stored_user(user_id), also=user_id
    )
    return Forgotten(user_id, found.recommender_rows, found.dead_letters, found.feature_records)


FORGET_USER: Final = Endpoint(
    "DELETE", "/v1/users/{user_id}", "forget_user", "Forgets a user everywhere in Redis, for good.",
    Forgotten, forget, UserPath, access=FORGET,
)  # fmt: skip
