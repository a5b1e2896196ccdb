"""The publisher that writes to Redis: versioned compare-and-set on the server, retried while Redis is away.

Commands are collected and sent in one pipeline a flush. All of them are idempotent, so after a lost
connection the whole flush is simply sent again.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis
from redis.exceptions import BusyLoadingError, ConnectionError, NoScriptError, TimeoutError

from schemas.errors import StoreError
from schemas.keys import SET_NEWER, progress_key
from transforms import checkpoints

_LOG: Final = logging.getLogger(__name__)
_AWAY: Final = (ConnectionError, TimeoutError, BusyLoadingError)
_FIRST_WAIT_S: Final = 0.05
_LONGEST_WAIT_S: Final = 2.0
_PATIENCE_S: Final = 600.0
_FLUSH_FIELDS: Final = 20_000

_REVIVERS: dict[str, Callable[[], None]] = {}


def on_lost(job: str, revive: Callable[[], None] | None) -> None:
    """Say how the server of a job can be started again, if it is ours; None forgets it."""
    if revive is None:
        _REVIVERS.pop(job, None)
    else:
        _REVIVERS[job] = revive


@dataclass(frozen=True)
class RedisPublishers:
    """Opens Redis publishers on a worker; `job` names local checkpoints, whose epoch versions carry."""

    url: str
    namespace: str
    job: str | None = None
    attempt: int = 1

    def __call__(self) -> "RedisPublisher":
        """Open one."""
        return RedisPublisher(self)


class RedisPublisher:
    """One connection's worth of buffered writes."""

    def __init__(self, config: RedisPublishers) -> None:
        self._config = config
        self._redis = redis.Redis.from_url(config.url, socket_timeout=30.0, socket_connect_timeout=5.0)
        self._commands: list[tuple[Any, ...]] = []
        self._fields = 0
        self._sha = ""

    def epoch(self) -> int:
        """Return the running attempt's epoch, which rises with every local checkpoint."""
        return checkpoints.of(self._config.job).epoch if self._config.job else self._config.attempt

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write each value unless a newer one stands there; see `schemas.keys.SET_NEWER`."""
        arguments = [part for pair in zip(fields, values, strict=True) for part in pair]
        self._add(("EVALSHA", None, 1, key, *arguments), len(fields))

    def set_once(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values that depend on their field alone."""
        arguments = [part for pair in zip(fields, values, strict=True) for part in pair]
        self._add(("HSET", key, *arguments), len(fields))

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None:
        """Add window starts to their index."""
        self._add(("ZADD", key, *(part for start in starts_ms for part in (start, start))), len(starts_ms))

    def progress(self, fields: dict[str, int]) -> None:
        """Show how far the pipeline has got."""
        pairs = [part for pair in fields.items() for part in pair]
        self._add(("HSET", progress_key(self._config.namespace), *pairs), len(fields))

    def _add(self, command: tuple[Any, ...], fields: int) -> None:
        self._commands.append(command)
        self._fields += fields
        if self._fields >= _FLUSH_FIELDS:
            self.flush()

    def flush(self) -> None:
        """Send everything; returns when the server has taken it."""
        if not self._commands:
            return
        self._patiently(self._send)
        self._commands, self._fields = [], 0

    def _send(self) -> None:
        if not self._sha:
            self._sha = str(self._redis.script_load(SET_NEWER))
        with self._redis.pipeline(transaction=False) as pipeline:
            for name, *arguments in self._commands:
                if name == "EVALSHA":
                    arguments[0] = self._sha
                pipeline.execute_command(name, *arguments)
            pipeline.execute()

    def _patiently(self, attempt: Callable[[], None]) -> None:
        """Try until it works: a restarted server has lost the script, a lost one comes back or is revived."""
        wait_s, waited_s = _FIRST_WAIT_S, 0.0
        while True:
            try:
                return attempt()
            except NoScriptError:
                self._sha = ""
            except _AWAY as error:
                if waited_s >= _PATIENCE_S:
                    raise StoreError(
                        f"Redis at {self._config.url} has been away for {waited_s:.0f} s ({error}). "
                        "Start it again and run the same command: it goes on where it was."
                    ) from error
                self._await(wait_s, error)
                waited_s, wait_s = waited_s + wait_s, min(2 * wait_s, _LONGEST_WAIT_S)

    def _await(self, wait_s: float, error: Exception) -> None:
        _LOG.warning("Redis is away (%s); trying again in %.2f s", error, wait_s)
        time.sleep(wait_s)
        self._sha = ""
        revive = _REVIVERS.get(self._config.job or "")
        if revive is None:
            return
        try:
            revive()
        except StoreError as still_away:
            _LOG.warning("%s", still_away)
