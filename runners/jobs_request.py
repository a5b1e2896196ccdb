"""What a job is asked to do, as the command line understood it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from schemas.errors import SourceError, UsageError

RUNNERS = ("DirectRunner", "PrismRunner", "FlinkRunner")


@dataclass(frozen=True)
class JobRequest:
    """One run of the pipeline; what is configured for all runs alike stands in `Settings`.

    `speed` is how many times faster than the events happened they are replayed, None as fast as it goes;
    `from_ms` (inclusive) and `to_ms` (exclusive) bound the event time. `shadow` are the checked settings of a
    model that learns beside the served one. `beam_options` go to Beam untouched.
    """

    kind: Literal["run", "replay"]
    sources: tuple[str, ...]
    runner: str = "DirectRunner"
    speed: float | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    follow: bool = False
    dims: Path | None = None
    recommender: bool = True
    shadow: Mapping[str, Any] | None = None
    attribution: bool = True
    features: bool = True
    fresh: bool = False
    beam_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.runner not in RUNNERS:
            raise UsageError(f"--runner is one of {', '.join(RUNNERS)}; it is {self.runner!r}.")
        if self.dims is not None and not self.dims.is_dir():
            raise SourceError(f"--dims names the folder {self.dims}, which does not exist. Correct the path.")
        if self.shadow is not None and not self.recommender:
            raise UsageError("--shadow learns beside the recommender, and --no-recommender leaves that out.")
        check_sources(self.sources)


def check_sources(sources: Sequence[str]) -> None:
    """Raise UsageError if there is no source, SourceError for a file or folder that does not exist."""
    if not sources:
        raise UsageError(
            "Nothing to read: name at least one file, folder or stream, before Beam's own options."
        )
    for source in sources:
        if "://" not in source and not Path(source).exists():
            raise SourceError(
                f"The source {source} does not exist. Correct the path, or name a stream by its URL."
            )


def parse_speed(text: str) -> float | None:
    """Return how many times real time is meant, None for `max`.

    >>> parse_speed("max"), parse_speed("60")
    (None, 60.0)
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageError(f"--speed is 'max' or a number above 0 (60: a minute in a second); it is {text!r}.")
    return speed
