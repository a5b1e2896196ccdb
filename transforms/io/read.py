"""`ReadEvents`: the source — sources to pieces of admitted events, and dead letters.

As a splittable step its restriction is the reader's whole position, so any runner can stop it anywhere and go on
elsewhere. It hands back after each block: every block then travels the pipeline before the next, memory is bounded,
and checkpoints never wait. Flink is come back to by timers instead (`transforms.io.timed_read`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.iobase import RestrictionProgress, RestrictionTracker
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.utils.timestamp import Duration, Timestamp

from schemas.pseudonyms import Pseudonyms
from transforms.io.session import Position
from transforms.io.timed_read import TimedReadDoFn
from transforms.io.visits import SourceConfig, Visits
from transforms.pieces import Keyed
from transforms.shards import typed

__all__ = ["ReadEvents", "SourceConfig", "Stretch"]


@dataclass(frozen=True)
class Stretch:
    """A restriction: from a position on; `done` where nothing of it is left."""

    position: Position
    done: bool = False


class _StretchTracker(RestrictionTracker):
    def __init__(self, stretch: Stretch) -> None:
        self._stretch, self._claimed = stretch, stretch.position

    def current_restriction(self) -> Stretch:
        return self._stretch

    def try_claim(self, position: Stretch) -> bool:
        """Claim up to a position; a stretch that is done claims the rest too."""
        if self._stretch.done:
            return False
        self._claimed = position.position
        if position.done:
            self._stretch = position
        return True

    def try_split(self, fraction_of_remainder: float) -> tuple[Stretch, Stretch] | None:
        if self._stretch.done or fraction_of_remainder != 0:
            return None
        residual = Stretch(self._claimed)
        self._stretch = Stretch(self._claimed, done=True)
        return self._stretch, residual

    def check_done(self) -> None:
        if not self._stretch.done:
            raise ValueError("The source stopped without saying that it was done.")

    def current_progress(self) -> RestrictionProgress:
        return RestrictionProgress(completed=1.0, remaining=0.0 if self._stretch.done else 1.0)

    def is_bounded(self) -> bool:
        return False


class _Stretches(RestrictionProvider):
    def initial_restriction(self, element: SourceConfig) -> Stretch:
        return Stretch(element.start)

    def create_tracker(self, restriction: Stretch) -> _StretchTracker:
        return _StretchTracker(restriction)

    def restriction_size(self, element: SourceConfig, restriction: Stretch) -> float:  # noqa: ARG002
        return 1.0

    def split(self, element: SourceConfig, restriction: Stretch) -> Iterator[Stretch]:  # noqa: ARG002
        yield restriction

    def truncate(self, element: SourceConfig, restriction: Stretch) -> Stretch:  # noqa: ARG002
        return restriction


class _SourcesDoFn(beam.DoFn):
    """Gives every reader's config once; with a name of its own, where Beam's Create names a line of Beam's."""

    def __init__(self, configs: list[SourceConfig]) -> None:
        self._configs = configs

    def process(self, element: bytes) -> Iterator[SourceConfig]:  # noqa: ARG002
        yield from self._configs


class _ReadDoFn(Visits):
    """Comes back by handing back."""

    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        element: SourceConfig,
        tracker: Any = beam.DoFn.RestrictionParam(_Stretches()),
        estimator: Any = beam.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider()),
    ) -> Iterator[Any]:
        """Visit the reader once, then hand back; end where the source does."""

        def claim(position: Position, done: bool) -> bool:
            claimed: bool = tracker.try_claim(Stretch(position, done))
            return claimed

        def reached(stamp: Timestamp) -> None:
            # It must never go back.
            current = estimator.current_watermark()
            estimator.set_watermark(stamp if current is None else max(current, stamp))

        again_s = yield from self._visit(element, tracker.current_restriction().position, claim, reached)
        if again_s is not None:
            tracker.defer_remainder(Duration(again_s))


class ReadEvents(beam.PTransform):
    """Read sources into pieces keyed by shard of event id; dead letters come as output `dead`.

    With `pseudonyms`, ids of users are replaced before anything leaves; `by_timers` where a runner had better not be
    handed back to (`transforms.io.timed_read`).
    """

    def __init__(
        self, configs: list[SourceConfig], pseudonyms: Pseudonyms | None = None, by_timers: bool = False
    ) -> None:
        super().__init__()
        self._configs, self._pseudonyms, self._by_timers = configs, pseudonyms, by_timers

    def expand(self, pipeline: Any) -> Any:
        """Apply one step to all readers."""
        sources = pipeline | "Begin" >> beam.Impulse() | "Sources" >> beam.ParDo(_SourcesDoFn(self._configs))
        reading: Any = _ReadDoFn(self._configs, self._pseudonyms)
        if self._by_timers:
            reading = TimedReadDoFn(self._configs, self._pseudonyms)
            keyed = beam.Map(_keyed).with_output_types(tuple[int, SourceConfig])
            sources = sources | "Keyed" >> keyed
        read = beam.ParDo(reading).with_output_types(Keyed)
        return typed(sources | "Read" >> read.with_outputs("dead", main="events"), ("dead", "events"))


def _keyed(config: SourceConfig) -> tuple[int, SourceConfig]:
    return config.reader, config
