"""One reader's running state: blocks decoded and judged ahead on a second thread, places, watermark."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from schemas.codecs.jsonl import Decoded
from transforms.intake import Intake, Taken, TimeBounds, watermark_ms
from transforms.io.blocks import Block, Place, Reader
from transforms.pieces import BEFORE_ALL_MS

_PATIENCE_S = 0.05


@dataclass(frozen=True)
class Position:
    """How far a reader has got: a place a partition, how many pieces it has sent, and its watermark.

    The watermark is the least of its partitions', those not begun yet included; it never goes back. What joins
    later and lies before it by more than the allowed lateness is too late, since its state may be gone.
    """

    places: dict[str, Place] = field(default_factory=dict)
    sequence: int = 0
    watermark_ms: int = BEFORE_ALL_MS


class Read(NamedTuple):
    """One block after intake, and the position once it has been sent."""

    block: Block
    taken: Taken
    position: Position


class Session:
    """Reads ahead by one block; decoding and judging overlap with what the pipeline does.

    After a block that emptied a live source it reads when asked, so that nothing grows old waiting to be taken.
    """

    def __init__(
        self, open_reader: Callable[[dict[str, Place]], Reader], position: Position, intake: Intake, bounds: TimeBounds,
        between: tuple[int | None, int | None] = (None, None),
    ) -> None:  # fmt: skip
        self.position, self._intake, self._bounds, self._between = position, intake, bounds, between
        self._reader = open_reader(dict(position.places))
        self._places, self._watermark_ms = dict(position.places), position.watermark_ms
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._next: Future[Read | None] | None = self._ahead.submit(self._read)

    def _read(self) -> Read | None:
        block = self._reader.read()
        if block is None:
            return None
        place = self._places.get(block.partition, Place("0", BEFORE_ALL_MS))
        taken = self._intake.take(
            self._within(block), place.highest_ms, self._watermark_ms, block.ingested_at_ms
        )
        self._places[block.partition] = Place(block.offset, taken.highest_ms, block.ended)
        self._reader.advance(block.partition, taken.highest_ms)
        least_ms = watermark_ms(self._reader.least_ms, self._bounds)
        self._watermark_ms = max(self._watermark_ms, least_ms)
        return Read(block, taken, Position(dict(self._places), 0, self._watermark_ms))

    def _within(self, block: Block) -> Decoded:
        """Leave out events before `--from` or from `--to` on; those without a time are for the gate."""
        first, last = self._between
        if first is None and last is None:
            return block.decoded
        times = block.decoded.events["event_time"].view(pa.int64())
        known = times.is_valid().to_numpy(zero_copy_only=False)
        values = times.fill_null(0).to_numpy()
        outside = known & ((values < (first or -(2**62))) | (values >= (last if last is not None else 2**62)))
        return block.decoded.select(np.flatnonzero(~outside))

    def next(self) -> Read | None:
        """Return the next block, None where there is none yet."""
        self._next = self._next or self._ahead.submit(self._read)
        try:
            read = self._next.result(_PATIENCE_S)
        except NotYet:
            return None
        if read is None:
            if not self._reader.finished:
                self._next = self._ahead.submit(self._read)
            return None
        self._next = None if read.block.drained else self._ahead.submit(self._read)
        self.position = replace(read.position, sequence=self.position.sequence + 1)
        return read._replace(position=self.position)

    @property
    def finished(self) -> bool:
        """Whether everything was read and handed on."""
        if not self._reader.finished or self._next is None:
            return False
        return self._next.done() and self._next.result() is None

    @property
    def end_ms(self) -> int:
        """The watermark once everything bounded has been read: just past the last event, if there was any."""
        highest = max((place.highest_ms for place in self.position.places.values()), default=BEFORE_ALL_MS)
        return highest + 1 if highest > BEFORE_ALL_MS else BEFORE_ALL_MS

    def close(self) -> None:
        """Stop reading ahead and close the reader."""
        self._ahead.shutdown(wait=True, cancel_futures=True)
        self._reader.close()
