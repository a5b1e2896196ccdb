"""`/v1/stream`: server-sent events for dashboards; a reconnect goes on behind the last id that it saw."""

import asyncio
import re
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from schemas.metrics import SCOPES
from serving.http.dispatch import query_of
from serving.http.endpoint import READ
from serving.http.frames import Frame, Topic
from serving.http.parameters import Id, Scope, check_query
from serving.http.problems import RequestError

if TYPE_CHECKING:
    from serving.http.service import Service

PATH: Final = "/v1/stream"
EVENT_STREAM: Final = "text/event-stream"
_QUIET_S: Final = 15.0
_PATIENCE_S: Final = 30.0
"""How long a client may take nothing before it is let go."""
_ID: Final = re.compile(r"[0-9]{1,18}(-[0-9]{1,18})?")
_HELLO: Final = b"retry: 1000\n\n"
_ALIVE: Final = b": alive\n\n"


class StreamQuery(msgspec.Struct, forbid_unknown_fields=True):
    """What to watch: everything, one scope, or one id."""

    scope: Scope | None = None
    id: Id | None = None


def stream_route(service: "Service") -> Route:
    """Return the route of the stream."""

    async def stream(request: Request) -> "Events":
        principal = service.doorkeeper.admit(request.headers)
        query = query_of(StreamQuery, request.query_params)
        if query.scope is not None:
            check_query("scope", query.scope, SCOPES)
        if query.id is not None and query.scope is None:
            raise RequestError(409, "An id is one of a scope.", "Say which: scope=room&id=…")
        subject = (query.scope, query.id) if query.scope and query.id else None
        principal.check(READ, subject)
        topic = Topic(query.scope, query.id)
        first = await service.hub.first_frame(topic, _last_id(request.headers.get("last-event-id")))
        return Events(service, topic, first)

    return Route(PATH, stream, name="stream")


def _last_id(given: str | None) -> str | None:
    if not given:
        return None
    if not _ID.fullmatch(given):
        raise RequestError(400, "Last-Event-ID is none that this stream has given.", "Leave it out.")
    return given


class Events:
    """A response that goes on for as long as the client listens."""

    def __init__(self, service: "Service", topic: Topic, first: Frame) -> None:
        self._service, self._topic, self._first = service, topic, first

    async def __call__(self, _scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Send frames until the client is gone, takes nothing any more, or the server stops."""
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sending = asyncio.ensure_future(self._send_frames(send))
        gone = asyncio.ensure_future(_disconnected(receive))
        stopping = asyncio.ensure_future(self._service.stopping.wait())
        tasks = (sending, gone, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        failure = outcomes[0]
        if isinstance(failure, Exception) and not isinstance(failure, TimeoutError):
            raise failure
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_frames(self, send: Send) -> None:
        async with self._service.hub.watched(self._topic) as watcher:
            await _put(send, _HELLO + self._first.encoded())
            while True:
                try:
                    async with asyncio.timeout(_QUIET_S):
                        frame = await watcher.next()
                except TimeoutError:
                    await _put(send, _ALIVE)
                else:
                    await _put(send, frame.encoded())


async def _put(send: Send, data: bytes) -> None:
    """Send some bytes; raises TimeoutError for a client that does not take them."""
    async with asyncio.timeout(_PATIENCE_S):
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
