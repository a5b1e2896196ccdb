"""`DELETE /v1/users/{user_id}`: forgets a user everywhere in Redis."""

import asyncio
from typing import Final

import msgspec

from schemas.errors import UsageError
from serving.forgetting import ForgottenUser, forget_user
from serving.http.endpoint import FORGET, Asked, Endpoint, Nothing
from serving.http.problems import RequestError
from serving.http.recommendations import UserPath
from serving.http.service import Service
from serving.pseudonyms import stored_user


class Forgotten(msgspec.Struct):
    """What was deleted; a tombstone keeps the pipeline from writing the user's row again."""

    user_id: str
    recommender_rows: int
    dead_letters: int
    feature_records: int


async def forget(asked: Asked[UserPath, Nothing, None]) -> Forgotten:
    """Forget a user; costs a read of all dead letters, beside other requests."""
    user_id = asked.path.user_id
    try:
        found = await asyncio.to_thread(_forgotten, asked.service, user_id)
    except UsageError as error:
        raise RequestError(
            409, str(error), "Nobody was forgotten. Start the server with the job's secret."
        ) from error
    return Forgotten(user_id, found.recommender_rows, found.dead_letters, found.feature_records)


def _forgotten(service: Service, user_id: str) -> ForgottenUser:
    reader = service.open_reader()
    stored = stored_user(reader.job(), service.pseudonyms, user_id)
    return forget_user(reader.store, stored, also=user_id)


FORGET_USER: Final = Endpoint(
    "DELETE", "/v1/users/{user_id}", "forget_user", "Forgets a user everywhere in Redis, for good.",
    Forgotten, forget, UserPath, access=FORGET,
)  # fmt: skip
