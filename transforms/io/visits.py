"""What a reader does at a visit, whichever way a runner comes back to it: take what is there, judge it, send it on.

Between two blocks it offers a local checkpoint where there is one. On a cluster what is there travels in one piece.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import apache_beam as beam
import pyarrow as pa
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp

from schemas.gate import compile_gate
from schemas.pseudonyms import Pseudonyms
from transforms import checkpoints
from transforms.counting import counter
from transforms.intake import ADMITTED_SCHEMA, ID_HASH, Intake, TimeBounds
from transforms.io.blocks import Place, Reader
from transforms.io.gathering import Gathering
from transforms.io.session import Position, Read, Session
from transforms.pieces import BEFORE_ALL_MS, FINAL, IDLE, LATER, SOON, Piece, Progress
from transforms.pseudonymize import Pseudonymizer
from transforms.routing import sent
from transforms.shared import Shared
from transforms.tally import refused_counts

_IDLE_S: Final = 0.005
_PACE_STEP_S: Final = 0.2
_IDLE_EVERY_S: Final = 0.5
_IDLE_FOR_S: Final = 10.0
_STAY_S: Final = 0.25
"""How long a reader on a cluster goes on while more waits; a checkpoint waits for it, and each return has its price."""

_JOINED_ROWS: Final = 8192
"""Blocks on a cluster are joined up to so many events; where fewer were there, more gather before the next visit."""


@dataclass(frozen=True)
class SourceConfig:
    """What one reader reads and how; `open_reader` must pickle. Times in UTC milliseconds."""

    open_reader: Callable[[dict[str, Place]], Reader]
    currency: str = "CNY"
    bounds: TimeBounds = field(default_factory=TimeBounds)
    between_ms: tuple[int | None, int | None] = (None, None)
    speed: float | None = None
    shards: int = 1
    reader: int = 0
    readers: int = 1
    job: str | None = None
    start: Position = field(default_factory=Position)


@dataclass
class _Running:
    """What the readers of one process have open, by reader."""

    sessions: dict[int, Session] = field(default_factory=dict)
    begun: dict[int, tuple[float, int]] = field(default_factory=dict)
    quiet: dict[int, tuple[float, float]] = field(default_factory=dict)
    gatherings: dict[int, Gathering] = field(default_factory=lambda: defaultdict(Gathering))

    def all_sessions(self) -> list[Session]:
        """Return every open session."""
        return list(self.sessions.values())


Claim = Callable[[Position, bool], bool]
"""Says whether a visit may go on up to a position, which the runner keeps; True stands for the end of the source."""


class Visits(beam.DoFn):
    """The readers of a process, visited one at a time.

    Holds the secret of pseudonyms itself: configs are its elements, which a cluster keeps in checkpoints.
    """

    def __init__(self, configs: list[SourceConfig], pseudonyms: Pseudonyms | None) -> None:
        self._told = {config.reader: config for config in configs}
        self._pseudonyms = pseudonyms
        self._shared = Shared(_Running)

    def setup(self) -> None:
        """Take what the readers of this process have open."""
        running = self._shared.take()
        self._sessions, self._begun, self._quiet = running.sessions, running.begun, running.quiet
        self._gatherings = running.gatherings

    def teardown(self) -> None:
        """Close it behind the last copy of the step."""
        for session in self._shared.give_back(_Running.all_sessions):
            session.close()

    def _visit(
        self, element: SourceConfig, position: Position, claim: Claim, reached: Callable[[Timestamp], None]
    ) -> Generator[Any, None, float | None]:
        """Send one block, on a cluster as many as come at once; returns in how many seconds to come again.

        None: not again, since the source has ended or the runner takes the visit back.
        """
        element = self._told_now(element)
        session = self._session(element, position)
        if element.job:
            checkpoints.of(element.job).offer()
        if (gathering_s := self._gatherings[element.reader].left_s()) > 0.0:
            return gathering_s
        if element.job and checkpoints.of(element.job).stopping:
            yield from self._end(element, session, claim, session.position.watermark_ms)
            return None
        read = session.next()
        if read is None:
            if session.finished:
                yield from self._end(element, session, claim, session.end_ms)
                return None
            yield from self._idle(element, session, claim)
            return _IDLE_S
        began_s, taken = time.monotonic(), 0
        while read is not None:
            yield from self._paced(element, read)
            read = read if element.job or element.speed else _with_more(session, read)
            if not claim(read.position, False):
                return None
            stamp = _timestamp(session.position.watermark_ms)
            yield from self._sent(element, session, read, stamp)
            reached(stamp)
            taken += _rows(read)
            stays = not (element.job or element.speed or read.block.drained)
            read = session.next() if stays and time.monotonic() - began_s < _STAY_S else None
        if taken < _JOINED_ROWS and not (element.job or element.speed):
            self._gatherings[element.reader].begin()
        return 0.0

    def _told_now(self, saved: SourceConfig) -> SourceConfig:
        """Return what the running command says of a reader: a savepoint holds what the one said that began the job.

        Which part of a topic a reader has is kept: with another number of readers nothing new counts.
        """
        told = self._told.get(saved.reader)
        return told if told is not None and told.readers == saved.readers else saved

    def _session(self, config: SourceConfig, position: Position) -> Session:
        """Go on with the running reader if it stands where the restriction does, else open one there."""
        session = self._sessions.get(config.reader)
        if session is not None and session.position == position:
            return session
        if session is not None:
            session.close()
        pseudonymizer = Pseudonymizer(self._pseudonyms) if self._pseudonyms else None
        intake = Intake(compile_gate(config.currency), config.bounds, pseudonymizer)
        session = Session(config.open_reader, position, intake, config.bounds, config.between_ms)
        self._sessions[config.reader] = session
        return session

    def _paced(self, config: SourceConfig, read: Read) -> Iterator[Any]:
        """Hold a block back until it is due at `speed` times real time."""
        if config.speed and read.taken.admitted.num_rows:
            first = read.taken.admitted["event_time"][0].value
            began_s, began_ms = self._begun.setdefault(config.reader, (time.monotonic(), first))
            due_s = began_s + (first - began_ms) / 1000 / config.speed
            while (wait_s := due_s - time.monotonic()) > 0 and not _stopping(config):
                time.sleep(min(wait_s, _PACE_STEP_S))
        yield from ()

    def _sent(self, config: SourceConfig, session: Session, read: Read, stamp: Timestamp) -> Iterator[Any]:
        self._quiet[config.reader] = (time.monotonic(), 0.0)
        progress = _progress(config, read.position, session.position.watermark_ms)
        if config.job:
            checkpoints.of(config.job).sent(config.reader, read.position, read.taken)
        else:
            counter(None)("events", read.taken.admitted.num_rows + read.taken.refused.num_rows)
        if read.taken.refused.num_rows:
            letters = (0, Piece(progress, (read.taken.refused,)))
            yield beam.pvalue.TaggedOutput("dead", TimestampedValue(letters, stamp))
        urgent = SOON if read.block.drained or config.speed else LATER
        for _, (key, piece) in sent("", [read.taken.admitted], [ID_HASH], config.shards, progress, urgent):
            stays = checkpoints.of(config.job).park(key, piece) if config.job else _telling(key, piece, read)
            yield TimestampedValue((key, stays), stamp)

    def _idle(self, config: SourceConfig, session: Session, claim: Claim) -> Iterator[Any]:
        """Twice a second, for a while after the last block: ask that what still waits be published."""
        now = time.monotonic()
        if session.position.places:
            # A job that goes on publishes what it holds, or had on its way between steps, though nothing comes.
            self._quiet.setdefault(config.reader, (now, 0.0))
        data_s, asked_s = self._quiet.get(config.reader, (0.0, 0.0))
        if now - data_s > _IDLE_FOR_S or now - max(data_s, asked_s) < _IDLE_EVERY_S:
            return
        position = replace(session.position, sequence=session.position.sequence + 1)
        if claim(position, False):
            session.position = position
            self._quiet[config.reader] = (data_s, now)
            if config.job:
                checkpoints.of(config.job).sent(config.reader, position, None)
            progress = _progress(config, position, session.position.watermark_ms)
            yield from _told(config, progress, IDLE, session.position.watermark_ms)

    def _end(self, config: SourceConfig, session: Session, claim: Claim, watermark_ms: int) -> Iterator[Any]:
        """Tell everyone that nothing more comes, so that all is learned and published."""
        places, sequence = session.position.places, session.position.sequence + 1
        position = Position(places, sequence, max(watermark_ms, session.position.watermark_ms))
        if not claim(position, True):
            return
        progress = _progress(config, position, watermark_ms)
        if config.job:
            checkpoints.of(config.job).sent(config.reader, position, None)
        yield from _told(config, progress, FINAL, watermark_ms)


def _with_more(session: Session, read: Read) -> Read:
    """Join a block with those that are there behind it, of whatever partitions: what is small costs as much to send."""
    reads, sequence = [read], read.position.sequence
    while not reads[-1].block.drained and sum(_rows(each) for each in reads) < _JOINED_ROWS:
        following = session.next()
        if following is None:
            break
        reads.append(following)
    if len(reads) == 1:
        return read
    session.position = replace(reads[-1].position, sequence=sequence)
    taken = replace(
        reads[-1].taken,
        admitted=pa.concat_batches([each.taken.admitted for each in reads]),
        refused=pa.concat_batches([each.taken.refused for each in reads]),
    )
    return Read(reads[-1].block, taken, session.position)


def _rows(read: Read) -> int:
    return read.taken.admitted.num_rows + read.taken.refused.num_rows


def _telling(key: int, piece: Piece, read: Read) -> Piece:
    """Let the first shard hear how many were refused beside: the source itself has no state to count in."""
    if key or not read.taken.refused.num_rows:
        return piece
    return replace(piece, batches=(*piece.batches, refused_counts(read.taken.refused)))


def _told(config: SourceConfig, progress: Progress, urgent: int, watermark_ms: int) -> Iterator[Any]:
    """Tell every step how far the source is, without any events."""
    stamp = _timestamp(watermark_ms)
    yield beam.pvalue.TaggedOutput("dead", TimestampedValue((0, Piece(progress, (), urgent)), stamp))
    for _, keyed in sent("", [_no_rows()], [ID_HASH], config.shards, progress, urgent):
        yield TimestampedValue(keyed, stamp)


def _progress(config: SourceConfig, position: Position, watermark_ms: int) -> Progress:
    """Number a piece: by the job's own count on one machine, by the reader's elsewhere."""
    sequence = checkpoints.of(config.job).next_sequence() if config.job else position.sequence
    return Progress(config.reader, config.readers, sequence, watermark_ms)


def _no_rows() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=ADMITTED_SCHEMA)


def _stopping(config: SourceConfig) -> bool:
    return bool(config.job) and checkpoints.of(config.job or "").stopping


def _timestamp(watermark_ms: int) -> Timestamp:
    if watermark_ms <= BEFORE_ALL_MS:
        return MIN_TIMESTAMP
    return min(Timestamp(micros=watermark_ms * 1000), MAX_TIMESTAMP)
