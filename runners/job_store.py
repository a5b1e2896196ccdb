"""What a job does to Redis besides publishing: claims it, clears what is not its own, marks its end."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from schemas.features.layout import decoded
from schemas.keys import (
    BACKFILL,
    BOARDS,
    CATALOGUE,
    VERSION_BYTES,
    Version,
    counts_key,
    epoch_key,
    erased_key,
    feature_generation,
    features_key,
    job_key,
    pack,
    recommender_key,
    snapshot_key,
    unpack,
    unpack_version,
)
from schemas.pseudonyms import FINGERPRINT, Pseudonyms, is_pseudonym
from schemas.scripts import TOMBSTONE
from serving.erasure import bury

if TYPE_CHECKING:
    from transforms.io.redis_client import Client

CLEAN: Final = "clean"
RUNNING: Final = "running"
RETIRED_S: Final = 600
"""How long feature records stay that no new read asks for."""
_BATCH: Final = 1000
_VERSIONED: Final = ("m", "a", "t", "f", "n", "g", "k", "l", "h", "p", "c", "x", "y")
"""Kinds of keys whose values must not outlive a lost stretch; the recommender's are rewritten anyway."""


class JobStore:
    """One namespace of one Redis, as a job holds it."""

    def __init__(self, client: "Client", namespace: str) -> None:
        self._redis, self._namespace = client, namespace

    def described(self) -> dict[str, str]:
        """Return the description of the job whose figures stand here; empty where there is none."""
        held: Any = self._redis.hgetall(job_key(self._namespace))
        return {name.decode(): value.decode() for name, value in held.items()}

    def next_epoch(self) -> int:
        """Return an epoch above every one that was ever used here."""
        return int(self._redis.incr(epoch_key(self._namespace)))

    def note_epoch(self, epoch: int) -> None:
        """Take note that versions now carry this epoch."""
        self._redis.set(epoch_key(self._namespace), epoch)

    def describe(self, status: str, fields: dict[str, str]) -> None:
        """Write the job's description."""
        self._redis.hset(job_key(self._namespace), mapping=dict(fields, status=status))  # type: ignore[arg-type]

    def counts(self) -> dict[str, int]:
        """Return what a job on a cluster has counted since it began, all shards together; `events` is the sum."""
        total: Counter[str] = Counter()
        held: Any = self._redis.hgetall(counts_key(self._namespace))
        for value in held.values():
            total.update(unpack(value)[1])
        return {"events": total.total(), **total}

    def erased(self) -> list[str]:
        """Return the users who were erased, of whom no feature may know anything."""
        held: Any = self._redis.hkeys(erased_key(self._namespace))
        return sorted(user.decode() for user in held)

    def tell_backfill(self, views: Iterable[str]) -> None:
        """Say which feature views are being backfilled beside the job."""
        key = features_key(self._namespace)
        self._redis.hset(key, BACKFILL, pack(Version(0, 0, 0), sorted(views)))

    def retire_features(self, done: int) -> int:
        """Let feature records end in a while that are of an earlier generation than readers are told of; return that.

        Nothing is done where the generation is `done`. Whoever is in the middle of a read or an export can end it.
        """
        held: Any = self._redis.hget(features_key(self._namespace), CATALOGUE)
        generation = decoded(held[VERSION_BYTES:]).generation if held else 0
        if generation > done:
            for pattern in ("{y:*", "v:{y:*"):
                for key in self._keys(pattern):
                    if feature_generation(key.decode()) < generation:
                        self._redis.expire(key, RETIRED_S)
        return generation

    def clear(self, pseudonyms: Pseudonyms | None = None) -> None:
        """Delete every figure; the epoch and the tombstones of who was forgotten stay.

        With pseudonyms, tombstones that were put up under true ids from then on stand under these.
        """
        keep = {epoch_key(self._namespace).encode(), erased_key(self._namespace).encode()}
        renamed = self._renamed(pseudonyms) if pseudonyms else {}
        forgotten = self._tombstones()
        self._erase(renamed.items())
        self._unlink(key for key in self._keys("*") if key not in keep)
        for kind, named in forgotten:
            user = renamed.get(named, named)
            bury(self._redis, recommender_key(self._namespace, kind, user), user)
        if renamed:
            self._redis.hdel(erased_key(self._namespace), *renamed)

    def _renamed(self, pseudonyms: Pseudonyms) -> dict[str, str]:
        """Return the pseudonym of everybody who was forgotten under a true id.

        What a kill in the middle of this left is told from true ids by being the pseudonym of one.
        """
        described = self.described()
        came_as_ids = bool(described) and FINGERPRINT not in described
        users = {*self.erased(), *(user for _, user in self._tombstones())}
        renamed = {user: pseudonyms.of(user) for user in users if came_as_ids or not is_pseudonym(user)}
        done = set(renamed.values())
        return {user: hidden for user, hidden in renamed.items() if user not in done}

    def _erase(self, renamed: Iterable[tuple[str, str]]) -> None:
        key = erased_key(self._namespace)
        for user, hidden in renamed:
            erased_ms: Any = self._redis.hget(key, user)
            if erased_ms is not None:
                self._redis.hset(key, hidden, erased_ms)

    def _tombstones(self) -> list[tuple[str, str]]:
        """Return of what kind of row and of whom they are, in order."""
        held: Any = [
            (kind, self._redis.hgetall(key))
            for kind in ("u", "v")
            for key in sorted(self._keys(f"{{r:{kind}:*"))
        ]
        return [
            (kind, field.decode())
            for kind, values in held
            for field, value in sorted(values.items())
            if value == TOMBSTONE
        ]

    def _keys(self, pattern: str) -> Iterable[bytes]:
        return self._redis.scan_iter(match=f"{self._namespace}:{pattern}", count=_BATCH)

    def _unlink(self, keys: Iterable[bytes]) -> None:
        batch: list[bytes] = []
        for key in keys:
            batch.append(key)
            if len(batch) == _BATCH:
                self._redis.unlink(*batch)
                batch = []
        if batch:
            self._redis.unlink(*batch)

    def forget_after(self, epoch: int) -> int:
        """Delete every value that a lost stretch wrote after the checkpoint of this epoch; returns how many."""
        forgotten = 0
        for kind in _VERSIONED:
            for key in self._keys(f"{{{kind}[:}}]*"):
                forgotten += self._forget_in(key, epoch)
        return forgotten + self._forget_boards(epoch)

    def _forget_boards(self, epoch: int) -> int:
        """Delete leaderboards by the version of their mark; until new ones come, readers rank the cells."""
        marks = self._keys("v:{b:*")
        newer = [mark for mark in marks if _is_newer(self._redis.get(mark), epoch)]
        groups = {mark.replace(b":v:{", b":{", 1) for mark in newer}
        boards = [key for key in self._keys("{b:*") if key.rpartition(b":")[0] in groups]
        self._unlink(boards)
        if boards:
            self._redis.hdel(snapshot_key(self._namespace), BOARDS)
        return len(boards)

    def _forget_in(self, key: bytes, epoch: int) -> int:
        values: Any = self._redis.hgetall(key)
        newer = [
            field
            for field, value in values.items()
            if len(value) >= VERSION_BYTES and unpack_version(value).epoch > epoch
        ]
        for begin in range(0, len(newer), _BATCH):
            self._redis.hdel(key, *newer[begin : begin + _BATCH])
        return len(newer)


def _is_newer(version: Any, epoch: int) -> bool:
    return version is not None and unpack_version(version).epoch > epoch
