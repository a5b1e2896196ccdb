"""Values of a lost stretch that nobody would write again, found in Redis and deleted.

An attempt that failed may have published what the next one, which gets the pieces in another order, never comes
to: a refund that was an orphan until its payment was read, credit of a channel until a later touch came. Every other
value is written again, since the same events touch it in any order.

Hashes that were not written to since are told apart by their mark and not read. Cost: one walk over the keys of
the namespace, about a second for a million, whenever a shard is rebuilt after a failure.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from schemas.keys import VERSION_BYTES, Version, mark_key, unpack_version
from schemas.metrics import BOARD_METRICS
from transforms.publish import Strays

_BATCH: Final = 1000


def forget_strays(client: Any, namespace: str, epoch: int, strays: Strays) -> int:
    """Delete what a shard published after the state that it goes on from; returns how many values."""
    forgotten = 0
    for kind in strays.kinds:
        for key in _written_since(client, f"{namespace}:{{{kind}:", epoch):
            held = client.hgetall(key)
            gone = [field for field, value in held.items() if _is_stray(key, field, value, epoch, strays)]
            forgotten += len(gone)
            for begin in range(0, len(gone), _BATCH):
                client.hdel(key, *gone[begin : begin + _BATCH])
    return forgotten + sum(_forget_boards(client, namespace, kind, epoch, strays) for kind in strays.boards)


def _forget_boards(client: Any, namespace: str, kind: str, epoch: int, strays: Strays) -> int:
    """Delete the leaderboards of a kind whose mark is of a lost stretch; returns how many."""
    metrics, forgotten = BOARD_METRICS[kind.split(":")[1]], 0
    for key in _written_since(client, f"{namespace}:{{{kind}:", epoch):
        reached = client.get(mark_key(key))
        if reached is not None and _is_after(reached, epoch, strays.sequence):
            forgotten += sum(client.delete(f"{key}:{metric}") for metric in metrics)
    return forgotten


def _written_since(client: Any, prefix: str, epoch: int) -> Iterator[str]:
    """Yield the hashes of a kind whose mark has this epoch or a later one."""
    marks = client.scan_iter(match=mark_key(prefix) + "*", count=_BATCH)
    for batch in _batches(marks):
        with client.pipeline(transaction=False) as asked:
            for mark in batch:
                asked.get(mark)
            for mark, reached in zip(batch, asked.execute(), strict=True):
                if reached is not None and unpack_version(reached).epoch >= epoch:
                    yield mark.decode().replace(":v:{", ":{", 1)


def _is_stray(key: str, field: bytes, value: bytes, epoch: int, strays: Strays) -> bool:
    if len(value) < VERSION_BYTES:
        return False
    return _is_after(value, epoch, strays.sequence) and strays.owns(key, field.decode())


def _is_after(value: bytes, epoch: int, sequence: int) -> bool:
    version: Version = unpack_version(value)
    return version.epoch > epoch or (version.epoch == epoch and version.sequence > sequence)


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch
