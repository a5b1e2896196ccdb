"""What Flink's metrics say of a job: whether all of it has passed every step."""

from collections.abc import Sequence
from typing import Any, Final

from runners.clusters.flink_rest import FlinkRest

LAST_MOMENT_MS: Final = 9_223_371_950_454_775
"""Beam's greatest timestamp (BoundedWindow.TIMESTAMP_MAX_VALUE): a watermark there says that nothing comes."""
_IN: Final = "currentInputWatermark"
_OUT: Final = "currentOutputWatermark"


def may_be_past_everything(rest: FlinkRest, job: str, vertices: Sequence[dict[str, Any]]) -> bool:
    """Ask cheaply: whether the last steps have received the greatest watermark."""
    if not vertices:
        return False
    told = rest.ask(f"/jobs/{job}/vertices/{vertices[-1]['id']}/watermarks")
    return len(told) == vertices[-1]["parallelism"] and all(
        int(each["value"]) >= LAST_MOMENT_MS for each in told
    )


def is_past_everything(rest: FlinkRest, job: str, vertices: Sequence[dict[str, Any]]) -> bool:
    """Whether every task but the source's has received and passed on the greatest watermark.

    A step passes it on only after the bundles before it have been finished.
    """
    steps = [vertex for vertex in vertices if not vertex["name"].startswith("Source:")]
    return bool(steps) and all(
        has_passed(rest.metrics(job, vertex["id"]), vertex["parallelism"]) for vertex in steps
    )


def has_passed(metrics: dict[str, str], parallelism: int) -> bool:
    """Whether all subtasks of a step are past everything, by the metrics of their operators.

    >>> has_passed({"0.Step.currentInputWatermark": "9223372036854775807",
    ...             "0.Step.currentOutputWatermark": "17"}, 1)
    False
    """
    for name in (_IN, _OUT):
        told = {
            key: int(value)
            for key, value in metrics.items()
            if key.endswith(f".{name}") and key.count(".") > 1
        }
        if len({key.partition(".")[0] for key in told}) < parallelism:
            return False
        if any(value < LAST_MOMENT_MS for value in told.values()):
            return False
    return True
