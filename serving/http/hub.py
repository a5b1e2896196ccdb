"""One reader of the stream of changes for all who watch: at most four updates a second, each made once a topic.

A watcher has room for one frame. Figures are absolute, so a frame that was not fetched in time is replaced by the
next, and the watcher is told to look at everything again: whoever is slow costs the others nothing.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from schemas.changes import FIELD, KEPT, Changed, decode_changes, merged
from schemas.errors import StoreError
from schemas.keys import changes_key
from serving.cells import damage
from serving.http.frames import Frame, Topic, read_frames

if TYPE_CHECKING:
    from serving.http.service import Service

EVERY_S: Final = 0.25
_BLOCK_MS: Final = 1000
_AWAY_S: Final = 1.0
_CANCEL_AGAIN_S: Final = 0.5
_LOG: Final = logging.getLogger(__name__)
BEGINNING: Final = "0-0"


@dataclass(eq=False)
class Watcher:
    """One who watches a topic; `missed` says that a frame was replaced before it was fetched."""

    topic: Topic
    missed: bool = False
    _frame: Frame | None = None
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, frame: Frame) -> None:
        """Leave a frame, in the place of one that was not fetched."""
        self.missed = self.missed or self._frame is not None
        self._frame = frame
        self._came.set()

    async def next(self) -> Frame:
        """Return the newest frame that was not fetched yet, as soon as there is one."""
        await self._came.wait()
        self._came.clear()
        frame, self._frame = self._frame, None
        assert frame is not None
        if self.missed:
            self.missed = False
            return frame.resynchronising()
        return frame


class Hub:
    """Reads the stream, makes frames, hands them out."""

    def __init__(self, service: "Service", clock: Callable[[], float] = time.monotonic) -> None:
        self._service, self._clock = service, clock
        self._watchers: dict[Topic, set[Watcher]] = {}
        self.last_id = BEGINNING
        self.updates = 0

    @property
    def watching(self) -> int:
        """How many watch now."""
        return sum(map(len, self._watchers.values()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read while the context is open."""
        task = asyncio.create_task(self._run(), name="changes")
        try:
            yield
        finally:
            await ended(task)

    @asynccontextmanager
    async def watched(self, topic: Topic) -> AsyncIterator[Watcher]:
        """Give a watcher of a topic while the context is open."""
        watcher = Watcher(topic)
        self._watchers.setdefault(topic, set()).add(watcher)
        try:
            yield watcher
        finally:
            others = self._watchers[topic]
            others.discard(watcher)
            if not others:
                del self._watchers[topic]

    async def first_frame(self, topic: Topic, last_id: str | None) -> Frame:
        """Return what a newcomer is shown at once: everything, or what changed after the id it saw last."""
        store = self._service.store
        key = changes_key(store.namespace)
        newest, since, oldest = await store.ask_apart(
            [
                ("XREVRANGE", key, "+", "-", "COUNT", 1),
                ("XRANGE", key, f"({last_id}" if last_id else "+", "+", "COUNT", KEPT),
                ("XRANGE", key, "-", "+", "COUNT", 1),
            ]
        )
        at = newest[0][0].decode() if newest else BEGINNING
        known = last_id is not None and bool(oldest) and _place(oldest[0][0].decode()) <= _place(last_id)
        known = known and last_id is not None and _place(last_id) <= _place(at)
        changed = _changed(since) if known else None
        (frame,) = await read_frames(self._service, [topic], at, changed)
        return frame if known or last_id is None else frame.resynchronising()

    async def _run(self) -> None:
        """Read for ever; Redis may be away meanwhile."""
        while True:
            try:
                await self._find_end()
                while True:
                    await self._turn()
            except StoreError as error:
                _LOG.warning("The stream of changes cannot be read now: %s", error)
                await asyncio.sleep(_AWAY_S)
            except Exception:
                _LOG.exception("The stream of changes stopped; beginning again")
                await asyncio.sleep(_AWAY_S)

    async def _find_end(self) -> None:
        store = self._service.store
        (newest,) = await store.ask_apart([("XREVRANGE", changes_key(store.namespace), "+", "-", "COUNT", 1)])
        self.last_id = newest[0][0].decode() if newest else BEGINNING

    async def _turn(self) -> None:
        """Wait for news, gather what else comes in a quarter of a second, and hand it out."""
        began = self._clock()
        entries = await self._read(_BLOCK_MS)
        if not entries:
            await self._find_end()
            return
        rest_s = EVERY_S - (self._clock() - began)
        if rest_s > 0:
            await asyncio.sleep(rest_s)
            entries += await self._read(None)
        await self._hand_out(_changed(entries))

    async def _read(self, block_ms: int | None) -> list[Any]:
        store = self._service.store
        wait = () if block_ms is None else ("BLOCK", block_ms)
        key = changes_key(store.namespace)
        (answer,) = await store.ask_apart([("XREAD", "COUNT", KEPT, *wait, "STREAMS", key, self.last_id)])
        entries = _entries(answer)
        if entries:
            self.last_id = entries[-1][0].decode()
        return entries

    async def _hand_out(self, changed: Changed) -> None:
        """Make one frame a topic that anybody watches, and leave it with all of them."""
        topics = [topic for topic in self._watchers if topic.concerns(changed)]
        self.updates += 1
        for topic, frame in zip(
            topics, await read_frames(self._service, topics, self.last_id, changed), strict=True
        ):
            for watcher in self._watchers.get(topic, ()):
                watcher.put(frame)


async def ended(task: "asyncio.Task[None]") -> None:
    """Cancel a task until it has ended: a client that is just timing out may take a cancellation for its own."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_CANCEL_AGAIN_S)


def _entries(answer: Any) -> list[Any]:
    """Return the entries of the one stream that was read, however the client shapes them."""
    if not answer:
        return []
    ((_, entries),) = answer.items() if isinstance(answer, dict) else answer
    while entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], tuple | list):
        (entries,) = entries
    return list(entries)


def _changed(entries: list[Any]) -> Changed:
    with damage():
        return merged(decode_changes(fields[FIELD.encode()]) for _, fields in entries)


def _place(entry_id: str) -> tuple[int, int]:
    """Return an id as it is ordered.

    >>> _place("12-3") < _place("100-0")
    True
    """
    time_ms, _, number = entry_id.partition("-")
    return int(time_ms), int(number or 0)
