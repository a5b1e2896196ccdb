"""A Redis Stream as a source: one event an entry, read in order from the last entry seen.

An entry holds one event as JSON (a single field, or one called `event`), an Arrow IPC batch in such a field,
or the event's own fields flat. The place in the stream is the entry id, kept with the checkpoint; entries
are not deleted, so trimming (`XTRIM`, `MAXLEN`) is the producer's choice.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from transforms.io.blocks import Block, Place
from transforms.io.redis_client import AWAY
from transforms.io.redis_links import open_link
from transforms.io.stream_entries import blocks_of
from transforms.io.stream_url import split_stream_url
from transforms.pieces import BEFORE_ALL_MS

_WAIT_MS: Final = 10
_GATHER_S: Final = 0.02
"""Once a read has emptied the stream, the next begins this much later: many small blocks cost more than they hasten."""
_AWAY_WAIT_S: Final = 0.2


class RedisStreamReader:
    """Reads one stream as one partition, for ever, or as far as the entry `until`."""

    finished: Final = False

    def __init__(
        self, url: str, places: dict[str, Place], block_rows: int,
        clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
        until: str | None = None,
    ) -> None:  # fmt: skip
        self._url, self._key = split_stream_url(url)
        self._name, self._rows = url, block_rows
        self._last = places[url].offset if url in places else "0-0"
        self._ready: list[Block] = []
        self._until = None if until is None else _order(until)
        self._clock, self._sleep, self._not_before = clock, sleep, 0.0
        # RESP2 answers are plain lists, and are taken as they are: redis-py would build a dict an entry.
        self._link = open_link(self._url, socket_timeout=30.0, protocol=2)
        self.least_ms = places[url].highest_ms if url in places else BEFORE_ALL_MS

    def advance(self, partition: str, highest_ms: int) -> None:  # noqa: ARG002
        """Hear how far the stream has got in event time; there is nothing to align it with."""
        self.least_ms = highest_ms

    def read(self) -> Block | None:
        """Return entries since the last call, at most `block_rows` and of one form; None after 10 ms without any.

        Returns at once while there is more than a block holds, and after silence; else gathers for up to 20 ms.
        """
        if not self._ready:
            self._gather()
            entries = self._entries()
            if not entries:
                return None
            drained = len(entries) < self._rows
            self._not_before = self._clock() + _GATHER_S if drained else 0.0
            self._last = entries[-1][0].decode()
            self._ready = blocks_of(self._name, entries)
            self._ready[-1] = self._ready[-1]._replace(drained=drained)
        return self._ready.pop(0)

    def _gather(self) -> None:
        wait_s = self._not_before - self._clock()
        if wait_s > 0:
            self._sleep(wait_s)

    def _entries(self) -> list[Any]:
        pool: Any = None
        connection: Any = None
        try:
            pool = self._link.pool(self._key)
            connection = pool.get_connection()
            connection.send_command(
                "XREAD", "COUNT", self._rows, "BLOCK", _WAIT_MS, "STREAMS", self._key, self._last
            )
            answer = connection.read_response()
        except AWAY:
            if connection is not None:
                connection.disconnect()
            time.sleep(_AWAY_WAIT_S)
            self._link.refresh()
            return []
        finally:
            if connection is not None:
                pool.release(connection)
        entries = answer[0][1] if answer else []
        return (
            entries if self._until is None else [each for each in entries if _order(each[0]) <= self._until]
        )

    def close(self) -> None:
        """Close the connection."""
        self._link.close()


def _order(entry_id: bytes | str) -> tuple[int, int]:
    """Return what entry ids are ordered by: milliseconds, then a number."""
    text = entry_id.decode() if isinstance(entry_id, bytes) else entry_id
    time_ms, _, number = text.partition("-")
    return int(time_ms), int(number)
