"""`create_app`: the whole API as one ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.errors import StoreError, UsageError
from serving.http.answers import JSON
from serving.http.dispatch import route_of
from serving.http.endpoints import ENDPOINTS
from serving.http.guard import Guard
from serving.http.health import health_routes
from serving.http.meters import meters_route
from serving.http.openapi import openapi
from serving.http.problems import RequestError, problem_response
from serving.http.service import Service
from serving.http.stream import stream_route
from serving.wall.routes import wall_routes

_CLOSE_S: Final = 2.0


def create_app(service: Service) -> Starlette:
    """Return the application over a service, whose connections it closes when it ends.

    Use it under any ASGI server; `serving.http.server.serve` runs it under uvicorn.
    """
    config = service.config

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with service.hub.running():
            yield
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await service.store.close()

    middleware = [Middleware(Guard, config=config, doorkeeper=service.doorkeeper)]
    if config.origins:
        allowed = ["Authorization", "X-API-Key", "Content-Type", "Last-Event-ID"]
        middleware.append(
            Middleware(CORSMiddleware, allow_origins=list(config.origins), allow_headers=allowed)
        )
    return Starlette(
        routes=_routes(service),
        middleware=middleware,
        lifespan=lifespan,
        exception_handlers={
            RequestError: _refused, UsageError: _refused, StoreError: _refused, HTTPException: _refused,
            Exception: _refused,
        },
    )  # fmt: skip


def _routes(service: Service) -> list[BaseRoute]:
    document = msgspec.json.encode(openapi(ENDPOINTS, service.config))

    async def described(_request: Request) -> Response:
        return Response(document, media_type=JSON)

    routes: list[BaseRoute] = [*health_routes(service), meters_route(service), stream_route(service)]
    routes.append(Route("/openapi.json", described))
    routes += [route_of(endpoint, service) for endpoint in ENDPOINTS]
    return [*routes, *wall_routes(service)]


async def _refused(_request: Request, error: Exception) -> Response:
    return problem_response(_as_request_error(error))


def _as_request_error(error: Exception) -> RequestError:
    """Return what becomes of an error; one that nobody expected says nothing of itself to who asked."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, HTTPException):
        return RequestError(error.status_code, str(error.detail), headers=error.headers)
    if isinstance(error, UsageError):
        return RequestError(400, str(error))
    if isinstance(error, StoreError):
        return RequestError(503, str(error), headers={"Retry-After": "1"})
    return RequestError(500, "The server failed.")
