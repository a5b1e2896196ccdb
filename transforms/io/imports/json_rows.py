"""The rows of an Arrow batch as JSON text, which a refused row of a binary file is kept as."""

import json
from collections.abc import Sequence
from typing import Any, overload

import pyarrow as pa


class JsonRows(Sequence[bytes]):
    """The rows of a batch as JSON, made only when one is asked for."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    @overload
    def __getitem__(self, place: int) -> bytes: ...

    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...

    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            return [self[row] for row in range(*place.indices(len(self)))]
        row: dict[str, Any] = self._batch.slice(place, 1).to_pylist()[0]
        return json.dumps(row, default=str).encode()
