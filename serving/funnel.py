"""How far users have come in one category: how many are in each stage, who moved when, and how long it took.

>>> moved = {(None, "known"): 5, ("known", "interested"): 2, (None, "ordered"): 1}
>>> users_in_stages(moved)
{'known': 3, 'interested': 2, 'ordered': 1, 'repurchased': 0}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.keys import funnel_field, funnel_key
from schemas.metrics import FUNNEL_STAGES, FUNNEL_STEPS, TOTAL_START
from serving.access import Store, read_together
from serving.cells import decode_cell
from serving.windows import starts

CELL = ("users", "twice_median_ms")
"""The integers of a stored total; a day has the first only."""

Step = tuple[str | None, str]


@dataclass(frozen=True)
class FunnelMove:
    """How many users went from a stage (None: it was their first) to another; the day by its first moment, UTC."""

    from_stage: str | None
    to_stage: str
    users: int
    median_ms: float | None = None
    """How long half of them took at most; None for a first move, and for single days."""
    day_ms: int | None = None


@dataclass(frozen=True)
class Funnel:
    """One category's users by the farthest stage that they have reached, all moves, and those of each day."""

    category: str
    stages: dict[str, int]
    moves: list[FunnelMove]
    days: list[FunnelMove]


def users_in_stages(moved: Mapping[Step, int]) -> dict[str, int]:
    """Return how many users are in each stage: those who came less those who went on."""
    return {
        stage: sum(users * ((to == stage) - (origin == stage)) for (origin, to), users in moved.items())
        for stage in FUNNEL_STAGES
    }


def median_of(step: Step, users: int, twice_median_ms: int) -> float | None:
    """Return the median of how long a move took, None where there is none."""
    return twice_median_ms / 2 if step[0] is not None and users else None


def read_funnel(
    store: Store, category: str, *, from_ms: int | None = None, to_ms: int | None = None
) -> Funnel:
    """Return a category's funnel; moves of the days that begin in [from_ms, to_ms), oldest first.

    Costs one small read a day, 500 a round trip. A category that nobody was seen in has zeros.
    """
    days = starts(store, "day", from_ms, to_ms)
    fields = [funnel_field(category, step) for step in FUNNEL_STEPS]
    commands = [("HMGET", funnel_key(store.namespace, start), *fields) for start in (TOTAL_START, *days)]
    total, *by_day = read_together(store, commands).answers
    cells = [decode_cell(value, CELL) for value in total]
    moved = {step: cell["users"] for step, cell in zip(FUNNEL_STEPS, cells, strict=True)}
    return Funnel(
        category,
        users_in_stages(moved),
        [
            FunnelMove(*step, cell["users"], median_of(step, cell["users"], cell["twice_median_ms"]))
            for step, cell in zip(FUNNEL_STEPS, cells, strict=True)
            if cell["users"]
        ],
        [move for day, values in zip(days, by_day, strict=True) for move in _moves_of(day, values)],
    )


def _moves_of(day_ms: int, values: Sequence[bytes | None]) -> list[FunnelMove]:
    counts = [decode_cell(value, CELL)["users"] for value in values]
    return [
        FunnelMove(*step, users, None, day_ms)
        for step, users in zip(FUNNEL_STEPS, counts, strict=True)
        if users
    ]
