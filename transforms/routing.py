"""Split a step's output over the shards of the next step, by the hash of the id that its state is keyed by.

What no state on the way needs stays together: the figures of a piece arrive in one piece, and so add up.

>>> batch = pa.record_batch({"id": ["a", "b", "a"], "x": [1, 2, 3]})
>>> parts = [part for _, part in split(batch, "id", 2)]
>>> sum(part.num_rows for part in parts), len(parts)
(3, 2)
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from transforms.pieces import Piece, Progress
from transforms.shards import Output
from transforms.state.hashing import Hashes, hash_text

TO_ALL: Final = "*"
"""Stands for the key of a batch that every shard is told."""
_SHARD_SHIFT: Final = np.uint64(32)
"""Shards are chosen by other bits than the slots of the hash tables inside them."""


def split(batch: pa.RecordBatch, key: str, shards: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield every shard with its rows, in order; empty ones too, since each must hear of progress."""
    if shards == 1:
        yield 0, batch
        return
    chosen = (_hashes(batch, key) >> _SHARD_SHIFT) % np.uint64(shards)
    for shard in range(shards):
        yield shard, batch.filter(pa.array(chosen == shard))


def _parts(
    batch: pa.RecordBatch, key: str | None, home: int, shards: int
) -> Iterable[tuple[int, pa.RecordBatch]]:
    if key == TO_ALL:
        return ((shard, batch) for shard in range(shards))
    return _whole(batch, home, shards) if key is None else split(batch, key, shards)


def _whole(batch: pa.RecordBatch, home: int, shards: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    for shard in range(shards):
        yield shard, batch if shard == home else batch.slice(0, 0)


def shard_of(identifier: str, shards: int) -> int:
    """Return the shard of one id.

    >>> parts = dict(split(pa.record_batch({"id": ["a", "b", "c"]}), "id", 2))
    >>> [{shard_of(identifier, 2) for identifier in parts[shard]["id"].to_pylist()} <= {shard} for shard in parts]
    [True, True]
    """
    if shards == 1:
        return 0
    return int((hash_text(pa.array([identifier])) >> _SHARD_SHIFT)[0] % np.uint64(shards))


def _hashes(batch: pa.RecordBatch, key: str) -> Hashes:
    column = batch[key]
    return hash_text(column) if pa.types.is_string(column.type) else column.to_numpy()


def sent(
    output: str,
    batches: Sequence[pa.RecordBatch],
    keys: Sequence[str | None],
    shards: int,
    progress: Progress,
    urgent: int,
) -> Iterator[Output]:
    """Yield one piece a shard with its part of every batch, each split by its own key column.

    A batch without a key goes whole to the shard that has the sender's number, one `TO_ALL` to every shard.
    """
    home = progress.sender % shards
    parts = [dict(_parts(batch, key, home, shards)) for batch, key in zip(batches, keys, strict=True)]
    for shard in range(shards):
        yield output, (shard, Piece(progress, tuple(part[shard] for part in parts), urgent))
