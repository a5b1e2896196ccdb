"""`Line`: one connection to one Redis, on which the questions of many follow one another without waiting in between.

A pool lends a connection to one question at a time and unpacks answers one by one, which costs more than all else that
most requests do. Here a question is one write, an answer is unpacked where it arrives (both by hiredis), and questions that
come meanwhile are already on their way. Nothing that blocks may be asked, as all others would wait behind it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import hiredis

from schemas.errors import StoreError
from serving.access import Command

_MORE: Final = object()
_CONNECT_S: Final = 10.0
_ANSWER_S: Final = 10.0
_LOADING: Final = ("LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN")
"""What a server says that will answer later."""
_PLAIN: Final = frozenset({"host", "port", "path", "db", "username", "password", "connection_class"})


@dataclass(frozen=True)
class Address:
    """Where a server is, and who asks; `path` is that of a unix socket."""

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def greeting(self) -> list[Command]:
        """What is said first on a connection."""
        who = ("AUTH", self.username or "default", self.password) if self.password else ()
        return [("HELLO", 3, *who), *([("SELECT", self.db)] if self.db else [])]


def address_of(url: str) -> Address | None:
    """Return where a URL leads; None where it asks for more than a `Line` does: TLS, or settings of a client.

    >>> address_of("unix:///run/redis.sock?db=2")
    Address(host='localhost', port=6379, path='/run/redis.sock', db=2, username=None)
    >>> address_of("rediss://localhost"), address_of("redis://localhost?socket_timeout=1")
    (None, None)
    """
    from redis.asyncio.connection import SSLConnection, parse_url

    said: dict[str, Any] = dict(parse_url(url))
    if said.keys() - _PLAIN or said.pop("connection_class", None) is SSLConnection:
        return None
    return Address(**said)


@dataclass
class _Question:
    left: int
    """How many of its answers have not come yet."""
    answered: "asyncio.Future[list[Any]]"
    answers: list[Any] = field(default_factory=list)


class Line(asyncio.Protocol):
    """Asks one server; connects when first asked, and again after the connection was lost.

    Raises StoreError where the server is gone, does not answer in time, or holds what this program did not write.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._transport: asyncio.Transport | None = None
        self._connecting = asyncio.Lock()
        self._waiting: deque[_Question] = deque()
        self._reader = hiredis.Reader()

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands in one round trip; answers come in the same order."""
        if self._transport is None:
            await self._connect()
        return await self._asked(commands)

    def close(self) -> None:
        """Close the connection; questions under way fail."""
        if self._transport is not None:
            self._transport.abort()

    async def _connect(self) -> None:
        async with self._connecting:
            if self._transport is not None:
                return
            at, loop = self._address, asyncio.get_running_loop()
            try:
                async with asyncio.timeout(_CONNECT_S):
                    if at.path:
                        await loop.create_unix_connection(lambda: self, at.path)
                    else:
                        await loop.create_connection(lambda: self, at.host, at.port)
                    await self._asked(at.greeting)
            except (OSError, TimeoutError) as error:
                self.close()
                raise _gone(error) from error

    async def _asked(self, commands: Sequence[Command]) -> list[Any]:
        if not commands:
            return []
        if self._transport is None:
            raise _gone("the connection was lost")
        loop = asyncio.get_running_loop()
        question = _Question(len(commands), loop.create_future())
        self._waiting.append(question)
        self._transport.write(b"".join([hiredis.pack_command(command) for command in commands]))
        late = loop.call_later(_ANSWER_S, self.close)
        try:
            answers = await question.answered
        finally:
            late.cancel()
        for answer in answers:
            if isinstance(answer, Exception):
                raise _refused(answer)
        return answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with an empty reader: what a lost connection left half said is void."""
        self._transport = cast(asyncio.Transport, transport)
        self._reader = hiredis.Reader(notEnoughData=_MORE)

    def data_received(self, data: bytes) -> None:
        """Hand out the answers that are whole."""
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not _MORE:
            question = self._waiting[0]
            question.answers.append(answer)
            question.left -= 1
            if not question.left:
                self._waiting.popleft()
                if not question.answered.done():
                    question.answered.set_result(question.answers)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell all who wait."""
        self._transport = None
        while self._waiting:
            question = self._waiting.popleft()
            if not question.answered.done():
                question.answered.set_exception(_gone(error or "the connection was closed"))


def _gone(why: object) -> StoreError:
    return StoreError(f"Redis went away while it was read: {why}. Start it again and repeat.")


def _refused(answer: Exception) -> StoreError:
    if str(answer).startswith(_LOADING):
        return _gone(answer)
    return StoreError(
        f"Redis holds something that this program did not write: {answer}. "
        "Look with another --redis, or clear this one."
    )
