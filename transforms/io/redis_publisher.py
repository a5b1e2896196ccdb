"""The publisher that writes to Redis: versioned compare-and-set on the server, retried while Redis is away.

Commands are collected and sent in one pipeline a flush, to a Redis Cluster in one a node. All of them are
idempotent, so after a lost connection, or a slot that has moved, the whole flush is simply sent again.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from redis.exceptions import NoScriptError, ResponseError

from schemas.changes import FIELD, KEPT
from schemas.errors import StoreError
from schemas.keys import (
    RAISE,
    TELL,
    VERSION_BYTES,
    epoch_key,
    incidents_key,
    is_board_key,
    mark_key,
    progress_key,
)
from schemas.metrics import BOARD_METRICS
from schemas.scripts import SCRIPTS, SET_BOARDS, SET_NEWER
from transforms import checkpoints
from transforms.archive import Write
from transforms.boards import Board, unarchived
from transforms.io import wire
from transforms.io.redis_client import AWAY, raise_if_full
from transforms.io.redis_exchange import pack
from transforms.io.redis_links import open_link
from transforms.io.redis_strays import forget_strays
from transforms.io.redis_url import is_cluster, without_password
from transforms.packed import Packed
from transforms.publish import Strays

_LOG: Final = logging.getLogger(__name__)
_FIRST_WAIT_S: Final = 0.05
_LONGEST_WAIT_S: Final = 2.0
_PATIENCE_S: Final = 600.0
_FLUSH_FIELDS: Final = 20_000
_FIELDS_A_WRITE: Final = 1000

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
    """Writes on their way, each with the key that it names."""

    def __init__(self, config: RedisPublishers, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._made, self._followed = epoch_at(clock()), 0
        self._link = open_link(config.url, socket_timeout=30.0, socket_connect_timeout=5.0)
        self._commands: list[bytes] = []
        self._keys: list[str] = []
        self._judged: list[int] = []
        self._fields = 0
        self._shas: dict[str, str] = {}
        self._epoch = 0
        self._name = secrets.token_hex(8)
        self._flushes, self._lost, self._refused = 0, False, 0
        self._told: dict[str, int] = {}

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

    def _now(self, key: str, command: tuple[Any, ...]) -> Any:
        """Send one command, and raise what it fails with."""
        [answer] = self._link.send([pack(command)], [key])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _raise_epoch(self) -> None:
        """Let the counter of attempts be no lower, so that the next job's attempts are above this one's."""
        key = epoch_key(self._config.namespace)
        self._now(key, ("EVAL", RAISE, 1, key, self.epoch()))

    def forget_strays(self, epoch: int, strays: Strays) -> None:
        """Delete what the shard published after the state that it goes on from."""
        self._patiently(lambda: forget_strays(self._link.client, self._config.namespace, epoch, strays))

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write each value unless a newer one stands there; see `schemas.scripts.SET_NEWER`."""
        if not len(fields):
            return
        self._judged.append(len(self._commands))
        head: tuple[Any, ...] = ("EVALSHA", self._sha(SET_NEWER), 2, key, mark_key(key))
        if isinstance(fields, Packed) and isinstance(values, Packed):
            head += wire.extremes(values, VERSION_BYTES)
            self._take(key, _with_pairs(head, fields, values), len(fields))
        else:
            head += min(values)[:VERSION_BYTES], max(values)[:VERSION_BYTES]
            self._add(key, (*head, *chain.from_iterable(zip(fields, values, strict=True))), len(fields))

    def set_boards(self, key: str, version: bytes, boards: Sequence[Board]) -> None:
        """Replace each leaderboard unless newer ones stand there; see `schemas.scripts.SET_BOARDS`."""
        self._judged.append(len(self._commands))
        keys = (mark_key(key), *(f"{key}:{board.metric}" for board in boards))
        command: list[Any] = ["EVALSHA", self._sha(SET_BOARDS), len(keys), *keys, version]
        for board in boards:
            command.append(len(board.ids))
            command += chain.from_iterable(zip(board.values, board.ids, strict=True))
        self._add(key, tuple(command), len(command))

    def set_once(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None:
        """Write values that depend on their field alone."""
        self._add(key, ("HSET", key, *chain.from_iterable(zip(fields, values, strict=True))), len(fields))

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None:
        """Add window starts to their index."""
        pairs = (part for start in starts_ms for part in (start, start))
        self._add(key, ("ZADD", key, *pairs), len(starts_ms))

    def progress(self, fields: dict[str, int]) -> None:
        """Show how far the pipeline has got."""
        key = progress_key(self._config.namespace)
        self._add(key, ("HSET", key, *chain.from_iterable(fields.items())), len(fields))

    def announce(self, key: str, body: bytes) -> None:
        """Add an entry to a stream; a flush that is sent again tells it again."""
        self._add(key, ("XADD", key, "MAXLEN", "~", KEPT, "*", FIELD, body), 1)

    def _add(self, key: str, command: tuple[Any, ...], fields: int) -> None:
        self._take(key, pack(command), fields)

    def _take(self, key: str, command: bytes, fields: int) -> None:
        self._keys.append(key)
        self._commands.append(command)
        self._fields += fields
        if self._fields >= _FLUSH_FIELDS:
            self.flush()

    def barrier(self) -> None:
        """Send what is taken, where it goes to several servers: one connection to one keeps the order by itself."""
        if is_cluster(self._config.url):
            self.flush()

    def flush(self) -> None:
        """Send everything; returns when the server has taken it."""
        if self._commands:
            self._flushes += 1
            before = self._refused
            self._patiently(self._send)
            if self._refused > before:
                self._note("writes_refused", self._refused - before)
            self._commands, self._keys, self._judged, self._fields = [], [], [], 0

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
            if is_board_key(key):
                layer = key.partition("{")[2].split(":")[1]
                self.set_boards(key, *unarchived(fields, values, BOARD_METRICS[layer]))
                continue
            for begin in range(0, len(fields), _FIELDS_A_WRITE):
                end = min(begin + _FIELDS_A_WRITE, len(fields))
                self.set_newer(key, fields.part(begin, end), values.part(begin, end))
        self.flush()

    def _note(self, incident: str, number: int) -> None:
        """Count in Redis too: a worker that was replaced while it hung is heard by nobody else any more."""
        _LOG.warning("%s: %d", incident, number)
        key = incidents_key(self._config.namespace)
        self._patiently(lambda: self._now(key, ("HINCRBY", key, incident, number)))

    def _sha(self, script: str) -> str:
        """Return a script's name, its hash, so that a packed command stays right for ever; the server knows it by then."""
        if not self._shas:
            self._patiently(self._give_scripts)
            self._shas = {
                text: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in SCRIPTS
            }
        return self._shas[script]

    def _give_scripts(self) -> None:
        for script in SCRIPTS:
            self._link.client.script_load(script)

    def _send(self) -> None:
        """Send all, and behind it the number of this flush to each server, as `schemas.keys.TELL` says.

        A server that does not have the number before comes without something that it had taken. Keys of numbers
        stay in use when a slot moves, so that what moved with it is watched over as well.
        """
        told = [*dict.fromkeys([*self._link.writers_keys(self._config.namespace), *self._told])]
        tellings = [self._telling(key) for key in told]
        answers = self._link.send([*self._commands, *tellings], [*self._keys, *told])
        # Before anything is raised: a server that was restarted has lost the script as well.
        for key, answer in zip(told, answers[len(self._commands) :], strict=True):
            self._heard(key, answer)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        self._refused += sum(answers[place] for place in self._judged)

    def _telling(self, key: str) -> bytes:
        return pack(("EVAL", TELL, 1, key, self._name, self._told.get(key, 0), self._flushes))

    def _heard(self, key: str, held: Any) -> None:
        """Take what a server had as the last number, or its failure."""
        if isinstance(held, Exception):
            return
        if held < self._told.get(key, 0):
            self._lost = True
            del self._told[key]
        else:
            self._told[key] = self._flushes

    def _patiently(self, attempt: Callable[[], object]) -> None:
        """Try until it works: a restarted server has lost the script, a lost one comes back or is revived."""
        wait_s, waited_s = _FIRST_WAIT_S, 0.0
        script_lost = False
        while True:
            try:
                if script_lost:
                    self._give_scripts()
                attempt()
                return
            except NoScriptError:
                script_lost = True
            except AWAY as error:
                if waited_s >= _PATIENCE_S:
                    raise StoreError(
                        f"Redis at {without_password(self._config.url)} has been away for {waited_s:.0f} s "
                        f"({error}). Start it again and run the same command: it goes on where it was."
                    ) from error
                self._await(wait_s, error)
                waited_s, wait_s = waited_s + wait_s, min(2 * wait_s, _LONGEST_WAIT_S)
            # After what passes by itself: a slot that has moved is answered with an error of this kind, too.
            except ResponseError as error:
                raise_if_full(error, self._config.url)
                raise

    def _await(self, wait_s: float, error: Exception) -> None:
        _LOG.warning("Redis takes nothing now (%s); trying again in %.2f s", error, wait_s)
        time.sleep(wait_s)
        self._link.refresh()
        revive = _REVIVERS.get(self._config.job or "")
        if revive is None:
            return
        try:
            revive()
        except StoreError as still_away:
            _LOG.warning("%s", still_away)


def _with_pairs(head: tuple[Any, ...], fields: Packed, values: Packed) -> bytes:
    """Return a command that ends in packed arguments; its count of arguments is told anew."""
    _, _, arguments = pack(head).partition(b"\r\n")
    return b"*%d\r\n%b%b" % (len(head) + 2 * len(fields), arguments, wire.pairs(fields, values))
