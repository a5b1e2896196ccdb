"""Operational counters: in the job's local checkpoint on one machine, as Beam metrics elsewhere."""

from collections.abc import Callable

import apache_beam as beam

from transforms import checkpoints

Count = Callable[[str, int], None]

METRICS = "interestream"
"""Beam's namespace for them; every runner shows metrics in its own way."""


def counter(job: str | None) -> Count:
    """Return what adds to a counter by its name; `job` names local checkpoints."""
    if job:
        return checkpoints.of(job).count

    def count(name: str, more: int) -> None:
        beam.metrics.Metrics.counter(METRICS, name).inc(more)

    return count
