"""`/healthz`: the server runs. `/readyz`: it can answer, and says why where it cannot."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.errors import StoreError
from serving.http.answers import JSON, Answer
from serving.http.problems import RequestError
from serving.http.service import Service


class Health(msgspec.Struct):
    """The process answers; it says nothing of Redis."""

    status: str = "ok"


class Readiness(Answer, kw_only=True):
    """Redis answers, figures are there, and they are no older than they may be."""

    status: str = "ready"


HEALTH_PATHS: Final = ("/healthz", "/readyz")


def health_routes(service: Service) -> list[Route]:
    """Return both routes, which ask for no key and tell of no figure."""

    async def healthz(_request: Request) -> Response:
        return _json(Health())

    async def readyz(_request: Request) -> Response:
        return _json(await readiness(service))

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def readiness(service: Service) -> Readiness:
    """Return how ready the server is; raises RequestError (503) where it is not."""
    try:
        seen = await service.store.ask_together([])
    except StoreError as error:
        raise RequestError(503, f"Redis does not answer: {error}") from None
    answer = Readiness(**service.told(seen))
    if answer.age_ms is None:
        raise RequestError(
            503,
            "Redis answers, and nothing is published in it.",
            "Run `interestream replay` or `run` on this Redis.",
        )
    limit_ms = service.config.ready_staleness_ms
    if limit_ms is not None and answer.age_ms > limit_ms:
        raise RequestError(
            503,
            f"The watermark is {answer.age_ms} ms old; {limit_ms} ms are allowed.",
            "Look after the pipeline.",
        )
    return answer


def _json(answer: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(answer), media_type=JSON)
