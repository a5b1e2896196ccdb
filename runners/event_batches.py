"""Files of events as plain batches, for looking at them without a pipeline."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from transforms.io.folder import FolderReader

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES: Final = 8 << 20
BLOCK_ROWS: Final = 65_536


@dataclass
class EventBatches:
    """Reads files with the pipeline's own readers; counts by reason what is no event at all."""

    unreadable: "Counter[str]" = field(default_factory=Counter)

    def read(self, path: Path) -> "Iterator[pa.RecordBatch]":
        """Yield the events of one file in batches; memory is that of one."""
        reader = FolderReader([path], {}, BLOCK_BYTES, BLOCK_ROWS)
        try:
            while not reader.finished:
                block = reader.read()
                if block is not None:
                    self.unreadable.update(block.decoded.refused["reason"].to_pylist())
                    yield block.decoded.events
        finally:
            reader.close()
