"""The publisher that writes to Redis: versioned compare-and-set on the server, retried while Redis is away.

Commands are collected and sent in one pipeline a flush. All of them are idempotent, so after a lost
connection the whole flush is simply sent again.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import hiredis
import redis
from redis.exceptions import BusyLoadingError, ConnectionError, NoScriptError, ResponseError, TimeoutError

from schemas.errors import StoreError
from schemas.keys import (
    RAISE,
    SET_NEWER,
    VERSION_BYTES,
    epoch_key,
    incidents_key,
    mark_key,
    progress_key,
    writers_key,
)
from transforms import checkpoints
from transforms.archive import Write
from transforms.io import wire
from transforms.io.redis_strays import forget_strays
from transforms.packed import Packed
from transforms.publish import Strays

_LOG: Final = logging.getLogger(__name__)
_AWAY: Final = (ConnectionError, TimeoutError, BusyLoadingError)
_FIRST_WAIT_S: Final = 0.05
_LONGEST_WAIT_S: Final = 2.0
_PATIENCE_S: Final = 600.0
_FLUSH_FIELDS: Final = 20_000
_FIELDS_A_WRITE: Final = 1000
_SEND_BYTES: Final = 1 << 20

_EPOCHS_A_SECOND: Final = 4
_EPOCHS_BEGIN_S: Final = 1_767_225_600
"""2026-01-01: 32 bits last for 34 years."""

_REVIVERS: dict[str, Callable[[], None]] = {}


def on_lost(job: str, revive: Callable[[], None] | None) -> None:
    """Say how the server of a job can be started again, if it is ours; None forgets it."""
    if revive is None:
        _REVIVERS.pop(job, None)
    else:
        _REVIVERS[job] = revive


def epoch_at(now_s: float) -> int:
    """Return the epoch of a publisher that is made at a moment, in seconds since 1970.

    Clocks of workers may differ by less than Flink takes to replace one, which is a second at the least.

    >>> epoch_at(1_767_225_601.5)
    6
    """
    return max(int((now_s - _EPOCHS_BEGIN_S) * _EPOCHS_A_SECOND), 1)


@dataclass(frozen=True)
class RedisPublishers:
    """Opens Redis publishers on a worker; `job` names local checkpoints, whose epoch versions carry."""

    url: str
    namespace: str
    job: str | None = None

    def __call__(self) -> "RedisPublisher":
        """Open one."""
        return RedisPublisher(self)


class RedisPublisher:
    """One connection's worth of buffered writes."""

    def __init__(self, config: RedisPublishers, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._made, self._followed = epoch_at(clock()), 0
        self._redis = redis.Redis.from_url(config.url, socket_timeout=30.0, socket_connect_timeout=5.0)
        self._commands: list[bytes] = []
        self._judged: list[int] = []
        self._fields = 0
        self._sha = ""
        self._epoch = 0
        self._name = secrets.token_hex(8)
        self._flushes, self._lost, self._refused = 0, False, 0

    def follow(self, epoch: int) -> None:
        """Hear under which epoch the state was last written that this publisher's shard goes on from."""
        self._followed = max(self._followed, epoch)

    def epoch(self) -> int:
        """Return the local checkpoint's epoch; on a cluster one of this publisher's own, above those before it.

        A shard that is rebuilt has a new publisher. Its values must replace those of a lost stretch, whose versions
        may be higher: when it went further before it published, or pieces of several senders came in another order.
        It is the moment when the publisher was made, never when Redis heard of it: a worker that hung until it was
        replaced would be heard last.
        """
        if self._config.job:
            return checkpoints.of(self._config.job).epoch
        if not self._epoch:
            self._epoch = max(self._made, self._followed + 1)
            self._patiently(self._raise_epoch)
        return self._epoch

    def _raise_epoch(self) -> None:
        """Let the counter of attempts be no lower, so that the next job's attempts are above this one's."""
        self._redis.eval(RAISE, 1, epoch_key(self._config.namespace), self.epoch())

    def forget_strays(self, epoch: int, strays: Strays) -> None:
        """Delete what the shard published after the state that it goes on from."""
        self._patiently(lambda: forget_strays(self._redis, self._config.namespace, epoch, strays))

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write each value unless a newer one stands there; see `schemas.keys.SET_NEWER`."""
        if not len(fields):
            return
        self._judged.append(len(self._commands))
        head: tuple[Any, ...] = ("EVALSHA", self._sha or self._load_script(), 2, key, mark_key(key))
        if isinstance(fields, Packed) and isinstance(values, Packed):
            head += wire.extremes(values, VERSION_BYTES)
            self._take(_with_pairs(head, fields, values), len(fields))
        else:
            head += min(values)[:VERSION_BYTES], max(values)[:VERSION_BYTES]
            self._add((*head, *chain.from_iterable(zip(fields, values, strict=True))), len(fields))

    def set_once(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values that depend on their field alone."""
        self._add(("HSET", key, *chain.from_iterable(zip(fields, values, strict=True))), len(fields))

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None:
        """Add window starts to their index."""
        self._add(("ZADD", key, *(part for start in starts_ms for part in (start, start))), len(starts_ms))

    def progress(self, fields: dict[str, int]) -> None:
        """Show how far the pipeline has got."""
        self._add(
            ("HSET", progress_key(self._config.namespace), *chain.from_iterable(fields.items())), len(fields)
        )

    def _add(self, command: tuple[Any, ...], fields: int) -> None:
        self._take(hiredis.pack_command(command), fields)

    def _take(self, command: bytes, fields: int) -> None:
        self._commands.append(command)
        self._fields += fields
        if self._fields >= _FLUSH_FIELDS:
            self.flush()

    def barrier(self) -> None:
        """Nothing to do: one connection to one server keeps the order."""

    def flush(self) -> None:
        """Send everything; returns when the server has taken it."""
        if self._commands:
            self._flushes += 1
            before = self._refused
            self._patiently(self._send)
            if self._refused > before:
                self._note("writes_refused", self._refused - before)
            self._commands, self._judged, self._fields = [], [], 0

    def look(self) -> None:
        """Ask the server whether it still knows of the last flush."""
        if self._flushes:
            self._patiently(self._send)

    def lost(self) -> bool:
        """Whether the server was found without an earlier flush: emptied, or restored from an old copy."""
        lost, self._lost = self._lost, False
        return lost

    def refused(self) -> int:
        """How many values were older than what stood there."""
        refused, self._refused = self._refused, 0
        return refused

    def refill(self, writes: Iterable[Write]) -> None:
        """Write again what state holds no more; the attempts' counter goes back to where it was, too."""
        _LOG.warning("Redis has lost figures that it had taken; writing all of them again")
        self._note("store_losses", 1)
        self._patiently(self._raise_epoch)
        for key, fields, values in writes:
            for begin in range(0, len(fields), _FIELDS_A_WRITE):
                end = min(begin + _FIELDS_A_WRITE, len(fields))
                self.set_newer(key, fields.part(begin, end), values.part(begin, end))
        self.flush()

    def _note(self, incident: str, number: int) -> None:
        """Count in Redis too: a worker that was replaced while it hung is heard by nobody else any more."""
        _LOG.warning("%s: %d", incident, number)
        self._patiently(lambda: self._redis.hincrby(incidents_key(self._config.namespace), incident, number))

    def _load_script(self) -> str:
        """Give the server the script; its name is its hash, so a packed command stays right for ever."""
        self._patiently(lambda: self._redis.script_load(SET_NEWER))
        self._sha = hashlib.sha1(SET_NEWER.encode(), usedforsecurity=False).hexdigest()
        return self._sha

    def _send(self) -> None:
        """Send packed commands over one connection; redis-py's own packing costs five times as much.

        Every flush is numbered on the server. One that does not find the number before its own there comes to a
        server that has lost what it took; one that finds its own is sent for the second time.
        """
        writers = writers_key(self._config.namespace)
        asked: tuple[Any, ...] = ("HGET", writers, self._name)
        told: tuple[Any, ...] = ("HSET", writers, self._name, self._flushes)
        commands = [hiredis.pack_command(asked), *self._commands, hiredis.pack_command(told)]
        connection: Any = self._redis.connection_pool.get_connection()
        try:
            connection.send_packed_command(_joined(commands))
            answers = [_answer(connection) for _ in commands]
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self._redis.connection_pool.release(connection)
        # Before anything is raised: a server that was restarted has lost the script as well.
        self._lost |= int(answers[0] or 0) < (self._flushes - 1 if self._commands else self._flushes)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        self._refused += sum(answers[place + 1] for place in self._judged)

    def _patiently(self, attempt: Callable[[], object]) -> None:
        """Try until it works: a restarted server has lost the script, a lost one comes back or is revived."""
        wait_s, waited_s = _FIRST_WAIT_S, 0.0
        script_lost = False
        while True:
            try:
                if script_lost:
                    self._redis.script_load(SET_NEWER)
                attempt()
                return
            except NoScriptError:
                script_lost = True
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
        revive = _REVIVERS.get(self._config.job or "")
        if revive is None:
            return
        try:
            revive()
        except StoreError as still_away:
            _LOG.warning("%s", still_away)


def _with_pairs(head: tuple[Any, ...], fields: Packed, values: Packed) -> bytes:
    """Return a command that ends in packed arguments; its count of arguments is told anew."""
    _, _, arguments = hiredis.pack_command(head).partition(b"\r\n")
    return b"*%d\r\n%b%b" % (len(head) + 2 * len(fields), arguments, wire.pairs(fields, values))


def _answer(connection: Any) -> Any:
    """Read one answer; an error answer is returned, so that the others are still read."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _joined(commands: list[bytes]) -> list[bytes]:
    """Join small commands into pieces of about a megabyte, one system call each."""
    pieces, part, size = [], [], 0
    for command in commands:
        part.append(command)
        size += len(command)
        if size >= _SEND_BYTES:
            pieces.append(b"".join(part))
            part, size = [], 0
    return [*pieces, b"".join(part)] if part else pieces
