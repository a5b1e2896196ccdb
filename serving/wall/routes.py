"""The wall's part of the HTTP server: the page, its files, and one JSON document a view."""

import time
from threading import Thread
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.errors import InterestreamError, StoreError
from serving.access import Store
from serving.wall.kept import Clock
from serving.wall.page import INDEX, BuiltFile, Page
from serving.wall.views import Views

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
_encode = msgspec.json.Encoder().encode


def wall_routes(store: Store, clock: Clock = time.monotonic, page: Page | None = None) -> list[Route]:
    """Return the routes of the live wall, to be put beside those of the API.

    Reading is synchronous, in Starlette's threads; an answer is kept for a quarter of a second, so many screens cost what
    one does.
    """
    views, built = Views(store, clock), page or Page()
    Thread(target=views.warm, name="wall-warm", daemon=True).start()

    async def index(_request: Request) -> Response:
        return _file(built.files.get(INDEX))

    async def static(request: Request) -> Response:
        return _file(built.files.get(request.path_params["name"]))

    async def view(request: Request) -> Response:
        asked = {**dict(request.query_params), **request.path_params}
        name = asked.pop("view", "room")
        try:
            return _json(await run_in_threadpool(views.body, name, asked))
        except StoreError as error:
            return _problem(503, "Redis does not answer", error)
        except InterestreamError as error:
            return _problem(404, "There is no such view", error)

    return [
        Route("/", index, include_in_schema=False),
        Route("/static/{name}", static, include_in_schema=False),
        Route("/v1/wall/room/{room_id}", view, include_in_schema=False),
        Route("/v1/wall/{view}", view, include_in_schema=False),
    ]


def _json(body: bytes) -> Response:
    return Response(body, media_type=JSON, headers={"cache-control": "no-store"})


def _file(file: BuiltFile | None) -> Response:
    if file is None:
        detail = "The page is not built; a release has it built. Build it with `npm run build` in serving/wall/web."
        return Response(
            _encode({"title": "Not found", "status": 404, "detail": detail}), 404, media_type=PROBLEM
        )
    return Response(file.body, headers=file.headers)


def _problem(status: int, title: str, error: Exception) -> Response:
    return Response(
        _encode({"title": title, "status": status, "detail": str(error)}), status, media_type=PROBLEM
    )
