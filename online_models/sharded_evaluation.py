"""What it costs in quality to split users over several learners, and what it brings in speed."""

from collections.abc import Callable, Sequence

import numpy as np

from online_models.click_model import ClickState, click_figures
from online_models.prequential import AS_ASKED, Log, Model, Predicted, told_of
from online_models.sharded_mix import SHARE_EVERY_MS, ShardedMix

SPEEDS = ("events_per_s", "events_per_s_on_a_core_each")
"""Measured with one learner after another; and as it would be side by side, all waiting for the slowest to share."""


def sharded_models(
    counts: Sequence[int],
    clock: Callable[[], float],
    label_delay_ms: int = 30_000,
    share_every_ms: int = SHARE_EVERY_MS,
) -> dict[str, Model]:
    """The blend on so many learners each, and on one, by name; `clock` gives seconds."""

    def model(shards: int) -> Model:
        def ranks(log: Log) -> Predicted:
            settings = AS_ASKED | {"label_delay_ms": label_delay_ms}
            learners = ShardedMix(shards, share_every_ms, settings, clock, log.ids)
            learners.make_room(log.users, log.items)
            told = told_of(learners, log)
            clicks = click_figures(_together([each._state.views for each in learners.learners]))
            speeds = [len(log.events.item) / max(seconds, 1e-9) for seconds in learners.seconds()]
            return Predicted(told.rank, told.best, clicks, dict(zip(SPEEDS, speeds, strict=True)))

        return ranks

    return {f"{SHARDED}{shards}": model(shards) for shards in sorted({1, *counts})}


SHARDED = "model_shards_"


def _together(states: list[ClickState]) -> ClickState:
    """The tallies of all learners."""
    loss, counts, ends = (
        np.sum([getattr(state, name) for state in states], axis=0) for name in ("loss", "counts", "ends")
    )
    return states[0]._replace(loss=loss, counts=counts, ends=ends)
