"""The source come back to by a timer: for Flink.

Beam's Flink runner keeps what a splittable step hands back under a name of its own each time, which stays behind as
a column family of RocksDB: after 20 minutes every bundle took longer to name than to run, checkpoints took half a
minute, and memory grew for ever (apache/beam#27648, mended in later versions). A timer has one name. The position is
the step's state, written at the end of each visit, so it goes on from where its outputs end, as any other state.

The timer is one of event time that is long due: behind the source that begins the pipeline the watermark stands at
its end, so it fires once in each bundle, and holds the watermark back until it is not set any more. One of processing
time would not hold it. Until then Beam's watermark says nothing; the pipeline has its own, in the pieces.
"""

from collections.abc import Iterator
from typing import Any, Final

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from transforms.io.session import Position
from transforms.io.visits import SourceConfig, Visits

_LONG_DUE: Final = Timestamp(0)


class TimedReadDoFn(Visits):
    """Comes back at a timer: one a reader, which is the key."""

    PLACE = ReadModifyWriteStateSpec("place", PickleCoder())
    AGAIN = TimerSpec("again", TimeDomain.WATERMARK)

    def process(
        self,
        element: tuple[int, SourceConfig],
        place: Any = beam.DoFn.StateParam(PLACE),
        again: Any = beam.DoFn.TimerParam(AGAIN),
    ) -> None:
        """Begin: note what the reader is told, and where it starts."""
        place.write((element[1], element[1].start))
        again.set(_LONG_DUE)

    @on_timer(AGAIN)
    def visit(
        self, place: Any = beam.DoFn.StateParam(PLACE), again: Any = beam.DoFn.TimerParam(AGAIN)
    ) -> Iterator[Any]:
        """Visit the reader once, and set the timer anew; not where the source has ended."""
        config, position = place.read()

        def claim(reached: Position, done: bool) -> bool:  # noqa: ARG001
            nonlocal position
            position = reached
            return True

        again_s = yield from self._visit(config, position, claim, lambda stamp: None)  # noqa: ARG005
        place.write((config, position))
        if again_s is not None:
            again.set(_LONG_DUE)
