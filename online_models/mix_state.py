"""Everything that the blend and its parts know, and the numbers they are set to, as kernels take them."""

from typing import NamedTuple

import numpy as np

from online_models.blend import BlendState, blend_layout, new_blend
from online_models.factors import FACTOR, FactorState
from online_models.history import HISTORY, HistoryState, new_history
from online_models.neighbours import SEEN, SESSION, VISIT, SeenState, SessionState, VisitState
from online_models.popularity import PopularityState, new_popularity, popularity_layout
from online_models.state import Column, Layout, allocate
from online_models.transitions import TRANSITIONS, TransitionState, new_transitions

HOUR_MS = 3_600_000
EVER = np.iinfo(np.int64).min
"""The hour of an item that is not there, and the first hour of all where any item is available."""


class SightState(NamedTuple):
    """The hour in which each item was last seen, and whether serving knows its latest state."""

    hour: np.ndarray
    changed: np.ndarray


class AudienceState(NamedTuple):
    """Whether serving knows each user's latest state."""

    changed: np.ndarray


SIGHT: Layout = {"hour": Column(np.int64, fill=EVER), "changed": Column(np.bool_)}
AUDIENCE: Layout = {"changed": Column(np.bool_)}


class MixState(NamedTuple):
    """Everything that is learned."""

    history: HistoryState
    popularity: PopularityState
    transitions: TransitionState
    sight: SightState
    audience: AudienceState
    blend: BlendState
    seen: SeenState
    sessions: SessionState
    visits: VisitState
    factors: FactorState


class MixSettings(NamedTuple):
    """The numbers a kernel needs; a negative `availability_ms` stands for always.

    `use` says which parts are asked, `gate` whether it learns, `learn_every` from how many clicks one, and
    `rank_all` whether the clicks between are ranked too.
    """

    kind_weight: np.ndarray
    reach: int
    fall: float
    rate: float
    availability_ms: int
    use: np.ndarray
    gate: bool
    learn_every: int
    rank_all: bool


def mix_layouts(half_lives: int) -> tuple[Layout, ...]:
    """The layouts of a `MixState`'s parts, in their order."""
    learned = (HISTORY, popularity_layout(half_lives), TRANSITIONS, SIGHT, AUDIENCE, blend_layout(half_lives))
    return *learned, SEEN, SESSION, VISIT, FACTOR


def new_mix_state(popularity_ms: tuple[int, ...], transition_ms: tuple[int, int]) -> MixState:
    """A state that has learned nothing."""
    return MixState(
        new_history(1),
        new_popularity(popularity_ms, 1),
        new_transitions(transition_ms, 1),
        allocate(SightState, SIGHT, 1),
        allocate(AudienceState, AUDIENCE, 1),
        new_blend(len(popularity_ms)),
        allocate(SeenState, SEEN, 1),
        allocate(SessionState, SESSION, 1),
        allocate(VisitState, VISIT, 1),
        allocate(FactorState, FACTOR, 1),
    )
