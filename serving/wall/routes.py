"""The wall's part of the HTTP server: the page, its files, and one JSON document a view."""

import time
from threading import Thread
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.errors import UsageError
from serving.http.answers import JSON
from serving.http.endpoint import READ
from serving.http.problems import RequestError
from serving.http.service import Service
from serving.wall.kept import Clock
from serving.wall.page import INDEX, BuiltFile, Page
from serving.wall.views import Views

NOT_BUILT: Final = "The page is not built; a release has it built."
BUILD: Final = "Run `npm ci && npm run build` in serving/wall/web."


def wall_routes(service: Service, clock: Clock = time.monotonic, page: Page | None = None) -> list[Route]:
    """Return the routes of the live wall, to be put beside those of the API.

    The page itself is anybody's; its figures are for keys that may read everything. Reading waits for Redis in Starlette's
    threads, and an answer is kept for a quarter of a second, so many screens cost what one does.
    """
    views, built = Views(service.open_reader().store, clock), page or Page()
    Thread(target=views.warm, name="wall-warm", daemon=True).start()

    async def index(_request: Request) -> Response:
        return _file(built.files.get(INDEX))

    async def static(request: Request) -> Response:
        return _file(built.files.get(request.path_params["name"]))

    async def view(request: Request) -> Response:
        service.doorkeeper.admit(request.headers).check(READ, None)
        asked = {**dict(request.query_params), **request.path_params}
        name = asked.pop("view", "room")
        try:
            return Response(await run_in_threadpool(views.body, name, asked), media_type=JSON)
        except UsageError as error:
            raise RequestError(404, str(error)) from error

    return [
        Route("/", index),
        Route("/static/{name}", static),
        Route("/v1/wall/room/{room_id:path}", view),
        Route("/v1/wall/{view}", view),
    ]


def _file(file: BuiltFile | None) -> Response:
    if file is None:
        raise RequestError(404, NOT_BUILT, BUILD)
    return Response(file.body, headers=file.headers)
