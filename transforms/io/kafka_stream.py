"""A Kafka topic as a source: its partitions' messages joined into blocks, from the offsets of the checkpoint.

A message holds one event as JSON or an Arrow IPC batch of events. New partitions are looked for every few
seconds. When events arrived is not taken from Kafka: its time is by default the producer's word, and the same
events published twice would differ by it.
"""

import time
from collections.abc import Callable
from typing import Final

from schemas.codecs.jsonl import without_lines
from schemas.codecs.salvage import Refusal, refusals_batch
from transforms.io.blocks import Block, Place
from transforms.io.kafka_client import KafkaLog, Log
from transforms.io.kafka_gaps import gap_error, gap_letter, shorter_error
from transforms.io.kafka_partitions import (
    Partition,
    least_ms,
    next_to_read,
    own_partitions,
    parse_place,
    place_text,
    restored,
)
from transforms.io.kafka_tails import Tails
from transforms.io.kafka_url import KafkaTopic
from transforms.io.line_files import no_events
from transforms.io.stream_entries import joined
from transforms.pieces import BEFORE_ALL_MS

LOOK_EVERY_S: Final = 3.0
BLOCK_BYTES: Final = 16 << 20
HELD_BYTES: Final = 64 << 20
"""How much may wait in all; a partition that has more than its part of it is left out until it has less."""
_LEAST_HELD_BYTES: Final = 1 << 20
_PULL: Final = 8192
_PULL_FOR_S: Final = 0.2
_WAIT_S: Final = 0.01
_CONFIRM_EVERY_S: Final = 1.0
_NEVER_S: Final = -1e9


class KafkaReader:
    """Reads a topic's partitions, or one of several readers' part of them, each as a partition of the source."""

    def __init__(
        self, topic: KafkaTopic, places: dict[str, Place], block_rows: int, *, reader: int = 0, readers: int = 1,
        open_log: Callable[[KafkaTopic], Log] = KafkaLog, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._topic, self._rows, self._clock = topic, block_rows, clock
        self._reader, self._readers = reader, readers
        self._places = unbounded_again(places) if topic.bounded else dict(places)
        self._log = open_log(topic)
        self._tails = Tails(topic, open_log)
        self._partitions: dict[int, Partition] = {}
        self._others: list[int] = []
        self._numbers: dict[str, int] = {}
        self._ready: list[Block] = []
        self._is_open = False
        self._look_s = self._confirm_s = _NEVER_S
        self._told_ms = BEFORE_ALL_MS

    @property
    def finished(self) -> bool:
        """Whether a bounded topic has been read to where it ended at the start."""
        read_out = self._is_open and not self._ready and all(each.ended for each in self._partitions.values())
        return self._topic.bounded and read_out

    @property
    def least_ms(self) -> int:
        """The least event time of the partitions still to be read; idle ones hold nothing back."""
        if not self._is_open:
            return BEFORE_ALL_MS
        return max(
            least_ms(self._partitions.values()), self._tails.least_ms if self._is_idle else BEFORE_ALL_MS
        )

    @property
    def _is_idle(self) -> bool:
        return all(each.idle for each in self._partitions.values())

    def advance(self, partition: str, highest_ms: int) -> None:
        """Hear how far a partition has got in event time."""
        self._partitions[self._numbers[partition]].highest_ms = highest_ms
        self._told_ms = self.least_ms

    def read(self) -> Block | None:
        """Return the next block, None after about 10 ms without any."""
        self._look()
        if not self._ready:
            self._pull()
        if not self._ready:
            self._ready = self._next()
        return self._ready.pop(0) if self._ready else self._progress()

    def _look(self) -> None:
        """Find partitions, at first and every few seconds."""
        now = self._clock()
        if now - self._look_s < LOOK_EVERY_S or (self._topic.bounded and self._is_open):
            return
        self._look_s = now
        numbers = self._log.partitions()
        if not numbers:
            return
        own = own_partitions(numbers, self._reader, self._readers)
        self._others = [number for number in numbers if number not in own]
        # The lowest is put down last: where it stands in a checkpoint, all that were there at first do.
        begins = not own or self._topic.partition_name(own[0]) not in self._places
        for number in reversed([each for each in own if each not in self._partitions]):
            self._join(number, self._topic.latest and begins and not self._is_open)
        self._is_open = self._is_open or all(number in self._partitions for number in own)

    def _join(self, number: int, at_end: bool) -> None:
        """Go on with a partition where it was left, else begin it and put that down with an empty block."""
        name = self._topic.partition_name(number)
        partition = restored(self._places[name], number, self._clock()) if name in self._places else None
        if partition is None or (self._topic.bounded and partition.end is None):
            bounds = self._log.bounds(number)
            if bounds is None:
                return
            low, high = bounds
            partition = partition or Partition(number, high if at_end else low, spoke_s=self._clock())
            partition.end = high if self._topic.bounded else None
            partition.ended = partition.is_complete
            self._ready.append(self._empty(partition))
        self._partitions[number], self._numbers[name] = partition, number
        if not partition.ended:
            self._log.start(number, partition.offset)

    def _pull(self) -> None:
        """Take what is there, until a block is full, nothing comes any more, or some time has passed."""
        began_s = self._clock()
        while self._is_open:
            waiting = [each for each in self._partitions.values() if each.waiting]
            if waiting and (self._clock() - began_s >= _PULL_FOR_S or self._has_full_block()):
                return
            taken = self._log.take(_PULL, 0 if self._next_now() else _WAIT_S)
            for number, messages in taken.messages.items():
                self._partitions[number].fed(messages, self._clock())
            for number, offset in taken.ends.items():
                self._partitions[number].reached_end(offset)
            for number in taken.lost:
                self._mend(self._partitions[number])
            self._balance()
            if not taken.messages:
                return

    def _has_full_block(self) -> bool:
        turn = self._next_now()
        return turn is not None and (turn.waiting_bytes >= BLOCK_BYTES or len(turn.waiting) >= self._rows)

    def _next_now(self) -> Partition | None:
        return next_to_read(self._partitions.values(), self._clock())

    def _balance(self) -> None:
        """Hold partitions back that have run ahead, so that memory is bounded and the others catch up."""
        part = max(HELD_BYTES // max(len(self._partitions), 1), _LEAST_HELD_BYTES)
        for each in self._partitions.values():
            too_much = each.waiting_bytes >= (part // 2 if each.held else part)
            if not each.ended and too_much != each.held:
                each.held = too_much
                self._log.hold(each.number, too_much)

    def _next(self) -> list[Block]:
        """Return the blocks of the partition whose turn it is."""
        partition = self._next_now()
        if partition is None:
            return []
        blocks = self._blocks(partition)
        self._balance()
        if not any(each.waiting for each in self._partitions.values()):
            blocks[-1] = blocks[-1]._replace(drained=True)
        return blocks

    def _blocks(self, partition: Partition) -> list[Block]:
        entries = partition.taken(self._rows, BLOCK_BYTES)
        blocks = joined(self._topic.partition_name(partition.number), entries)
        return [block._replace(offset=place_text(int(block.offset), partition.end)) for block in blocks]

    def _progress(self) -> Block | None:
        """Say by an empty block that a partition has ended, or that the watermark rises without any event."""
        for each in self._partitions.values():
            if each.is_complete and not each.ended:
                each.ended = True
                self._log.stop(each.number)
                return self._empty(each)
        if self._is_open and not self._topic.bounded:
            self._find_idle()
        if self.least_ms > self._told_ms and self._partitions:
            return self._empty(next(iter(self._partitions.values())))
        return None

    def _find_idle(self) -> None:
        """Let partitions be idle that are silent at their end, once a broker has said that it still is their end."""
        now = self._clock()
        if now - self._confirm_s < _CONFIRM_EVERY_S:
            return
        self._confirm_s = now
        for each in self._partitions.values():
            if each.may_be_idle(now, self._topic.idle_s):
                bounds = self._log.bounds(each.number)
                each.idle = bounds is not None and each.offset >= bounds[1]
        if self._is_idle:
            self._tails.look(self._others, now)

    def _mend(self, partition: Partition) -> None:
        """Go on behind messages that were deleted before they were read, if that is wanted; else say so and stop."""
        number, at = partition.number, partition.fetched
        bounds = self._log.bounds(number)
        low, high = bounds or (at, at)
        if at > high:
            raise shorter_error(self._topic, number, at, high)
        if at < low and not self._topic.skip_gaps:
            raise gap_error(self._topic, number, at, low)
        if at < low:
            while partition.waiting:
                self._ready.extend(self._blocks(partition))
            partition.offset = low
            self._ready.append(self._empty(partition, gap_letter(self._topic, number, at, low)))
        self._log.start(number, partition.fetched)

    def _empty(self, partition: Partition, *refused: Refusal) -> Block:
        name = self._topic.partition_name(partition.number)
        decoded = without_lines(no_events(), refusals_batch(list(refused)))
        return Block(name, decoded, partition.place, ended=partition.ended, drained=True)

    def close(self) -> None:
        """Close the connections."""
        self._log.close()
        self._tails.close()


def unbounded_again(places: dict[str, Place]) -> dict[str, Place]:
    """Let a bounded topic that was read to its end go on up to its present end; others keep the end they have."""
    if not all(place.ended for place in places.values()):
        return dict(places)
    return {
        name: place._replace(offset=place_text(parse_place(place.offset)[0], None), ended=False)
        for name, place in places.items()
    }
