"""How large the checks are: full by default, smaller by `CHAOS_EVENTS=200000 CHAOS_KILLS=1 make chaos`."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """Sizes of the checks; times in seconds."""

    batch_events: int = 2_000_000
    live_events: int = 600_000
    live_per_s: float = 2500.0
    kills: int = 5
    cut_s: float = 60.0
    old_copy_s: float = 300.0
    soak_s: float = 3600.0
    soak_per_s: float = 20_000.0


def chosen() -> Form:
    """Return the form that the environment asks for."""
    full = Form()
    return Form(
        int(os.environ.get("CHAOS_BATCH_EVENTS", full.batch_events)),
        int(os.environ.get("CHAOS_EVENTS", full.live_events)),
        float(os.environ.get("CHAOS_PER_S", full.live_per_s)),
        int(os.environ.get("CHAOS_KILLS", full.kills)),
        float(os.environ.get("CHAOS_CUT_S", full.cut_s)),
        float(os.environ.get("CHAOS_OLD_COPY_S", full.old_copy_s)),
        float(os.environ.get("CHAOS_SOAK_S", full.soak_s)),
        float(os.environ.get("CHAOS_SOAK_PER_S", full.soak_per_s)),
    )
