"""The digest of a table: its columns' names and types, and the sum of its rows' hashes.

A sum does not depend on the order of what is added, and a row that stands there twice is added twice. The sums
are kept in buckets by the rows' keys, so that two tables that differ tell where.
"""

from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from serving.certify.hashing import LANES, RowHashes, row_hashes
from serving.certify.mixing import Words

BUCKETS: Final = 4096
_FORMAT: Final = "interestream certify 1"
"""Changes with whatever changes a digest: digests of one format can be compared across machines."""


class BucketSums:
    """How many rows there are in each bucket, and what their hashes sum to."""

    def __init__(self) -> None:
        self.rows = np.zeros(BUCKETS, np.int64)
        self.sums = np.zeros((LANES, BUCKETS), np.uint64)

    def add(self, hashes: RowHashes) -> None:
        """Add rows."""
        if not len(hashes.keys):
            return
        bucket = buckets_of(hashes.keys)
        order = np.argsort(bucket, kind="stable")
        in_order = bucket[order]
        begins = np.flatnonzero(np.diff(in_order, prepend=np.int64(-1)))
        found = in_order[begins]
        self.rows[found] += np.diff(begins, append=len(order))
        for lane, words in enumerate(hashes.lanes):
            self.sums[lane, found] += np.add.reduceat(words[order], begins)

    def differs(self, other: "BucketSums") -> NDArray[np.bool_]:
        """Return for each bucket whether its rows are not the same."""
        return (self.rows != other.rows) | (self.sums != other.sums).any(axis=0)

    def digest(self, kinds: Mapping[str, str]) -> str:
        """Return 128 bits in hexadecimal for these rows under columns of these types."""
        said = [_FORMAT, *(f"{name}\0{kind}" for name, kind in sorted(kinds.items()))]
        said += [str(self.rows.sum()), *(str(lane) for lane in self.sums.sum(axis=1))]
        return blake2b("\n".join(said).encode(), digest_size=16).hexdigest()


def buckets_of(keys: Words) -> NDArray[np.uint16]:
    """Return the bucket of each row."""
    return (keys % np.uint64(BUCKETS)).astype(np.uint16)


def summed(batches: Iterable[pa.RecordBatch], key: Collection[str]) -> BucketSums:
    """Read batches to their end and return what they sum to.

    >>> rows = [pa.record_batch({"id": ["a", "b"], "n": [1, 2]}), pa.record_batch({"n": [2], "id": ["b"]})]
    >>> kinds = {"id": "string", "n": "int64"}
    >>> summed(rows, ["id"]).digest(kinds) == summed(reversed(rows), ["id"]).digest(kinds)
    True
    >>> summed(rows[:1], ["id"]).digest(kinds) == summed(rows, ["id"]).digest(kinds)
    False
    """
    sums = BucketSums()
    for batch in batches:
        sums.add(row_hashes(batch, key))
    return sums
