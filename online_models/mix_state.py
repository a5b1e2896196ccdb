"""Everything that the blend and its parts know, and the numbers they are set to, as kernels take them."""

from typing import NamedTuple

import numpy as np

from online_models.blend import BlendState, blend_layout, new_blend
from online_models.click_model import ClickState, click_layout
from online_models.factors import FACTOR, FactorState
from online_models.history import HISTORY, HistoryState, new_history
from online_models.neighbours import SEEN, SESSION, VISIT, SeenState, SessionState, VisitState
from online_models.payload import POPULAR
from online_models.popularity import PopularityState, new_popularity, popularity_layout
from online_models.rooms import ROOM, RoomState
from online_models.state import Column, Layout, allocate
from online_models.transitions import TRANSITIONS, TransitionState, new_transitions

HOUR_MS = 3_600_000
EVER = np.iinfo(np.int64).min
"""The hour of an item that is not there, and the first hour of all where any item is available."""


class SightState(NamedTuple):
    """The hour in which each item was last seen, and whether serving knows its latest state.

    Beside them the time when it was seen first, and how often it was shown and clicked since.
    """

    hour: np.ndarray
    changed: np.ndarray
    first_ms: np.ndarray
    shown: np.ndarray
    taken: np.ndarray


class AudienceState(NamedTuple):
    """Whether serving knows each user's latest state, in which room each was last, and their last view looked at.

    Room and view are -1 for none.
    """

    changed: np.ndarray
    room: np.ndarray
    looked: np.ndarray


SIGHT: Layout = {
    "hour": Column(np.int64, fill=EVER),
    "changed": Column(np.bool_),
    "first_ms": Column(np.int64, fill=EVER),
    "shown": Column(np.int64),
    "taken": Column(np.int64),
}
AUDIENCE: Layout = {
    "changed": Column(np.bool_),
    "room": Column(np.int32, fill=-1),
    "looked": Column(np.int64, fill=-1),
}


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
    rooms: RoomState
    views: ClickState


class MixSettings(NamedTuple):
    """The numbers a kernel needs; a negative `availability_ms` stands for always.

    `use` says which parts are asked, `gate` whether it learns, `learn_every` from how many clicks one,
    `rank_all` whether the clicks between are ranked too, and `label_delay_ms` how long a view waits for its click.
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
    label_delay_ms: int


def features_of(half_lives: int) -> int:
    """What a view is looked at by: the gate's features and the product of vectors."""
    return POPULAR + half_lives + 1


def mix_layouts(half_lives: int) -> tuple[Layout, ...]:
    """The layouts of a `MixState`'s parts, in their order."""
    learned = (HISTORY, popularity_layout(half_lives), TRANSITIONS, SIGHT, AUDIENCE, blend_layout(half_lives))
    return *learned, SEEN, SESSION, VISIT, FACTOR, ROOM, click_layout(features_of(half_lives))


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
        allocate(RoomState, ROOM, 1),
        allocate(ClickState, click_layout(features_of(len(popularity_ms))), 0),
    )
