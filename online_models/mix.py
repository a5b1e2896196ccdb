"""Mix: popularity, transitions and the user's repeats, blended by what has been working."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from online_models.blend import (
    BlendState,
    blend_layout,
    learn_choice,
    new_blend,
    rank_among,
    score_all,
    tally,
)
from online_models.events import CLICK, VIEW, Events
from online_models.features import EVER, HOUR_MS, gather, new_scratch, release
from online_models.history import (
    HISTORY,
    HistoryState,
    back,
    clicked_before,
    enter,
    in_session,
    kept,
    new_history,
    note_click,
    push,
)
from online_models.payload import context_of as _context_of
from online_models.popularity import HALF_LIVES_MS as POPULARITY_HALF_LIVES_MS
from online_models.popularity import (
    KIND_WEIGHTS,
    PopularityState,
    count_item,
    new_popularity,
    popularity_layout,
)
from online_models.state import Column, Layout, allocate, grow
from online_models.stream_ranker import StreamRanker
from online_models.transitions import FALL, REACH, TRANSITIONS, TransitionState, learn_step, new_transitions
from online_models.transitions import HALF_LIVES_MS as TRANSITION_HALF_LIVES_MS

DAY_MS = 24 * HOUR_MS
UNASKED = -1
context_of = njit(cache=True, nogil=True)(_context_of)


class SightState(NamedTuple):
    """The hour in which each item was last seen, and whether serving knows its latest state."""

    hour: np.ndarray
    changed: np.ndarray


SIGHT: Layout = {"hour": Column(np.int64, fill=EVER), "changed": Column(np.bool_)}


class UserSightState(NamedTuple):
    """Whether serving knows the user's latest state."""

    changed: np.ndarray


USER_SIGHT: Layout = {"changed": Column(np.bool_)}


class MixState(NamedTuple):
    """Everything that the blend and its parts know."""

    history: HistoryState
    popularity: PopularityState
    transitions: TransitionState
    sight: SightState
    user_sight: UserSightState
    blend: BlendState


class MixSettings(NamedTuple):
    """The numbers that the kernel needs."""

    kind_weight: np.ndarray
    reach: int
    fall: float
    rate: float
    availability_ms: int


@njit(cache=True, nogil=True)
def since_hour_of(now_ms, availability_ms):
    """Items last seen in this hour or later are available; a negative availability means always."""
    return EVER if availability_ms < 0 else (now_ms - availability_ms) // HOUR_MS


@njit(cache=True, nogil=True)
def learn_events(state, scratch, settings, events, ranks):
    """Test, then train on each event; `ranks` gets the rank of each asked positive, 0 where none was given."""
    for e in range(len(events.item)):
        user, item, now_ms, kind = events.user[e], events.item[e], events.time_ms[e], events.kind[e]
        ranks[e] = UNASKED
        key = enter(state.history, user, now_ms, events.session[e]) if user >= 0 else 0
        if item < 0:
            continue
        if kind == CLICK and user >= 0:
            asked = clicked_before(state.history, user, key)
            rank = _test(state, scratch, settings, user, item, now_ms, asked)
            if asked:
                ranks[e] = rank
            note_click(state.history, user, key)
        _train(state, settings, user, item, now_ms, kind)


@njit(cache=True, nogil=True)
def _test(state, scratch, settings, user, item, now_ms, asked):
    since = since_hour_of(now_ms, settings.availability_ms)
    count, lasts = gather(
        scratch,
        state.history,
        state.transitions,
        state.popularity,
        state.sight.hour,
        user,
        now_ms,
        since,
        settings.reach,
        settings.fall,
    )
    context = context_of(lasts, in_session(state.history, user))
    place = scratch.place[item]
    rank = 0
    if place >= 0:
        score_all(state.blend.weight[context], scratch, count)
        rank = rank_among(scratch, count, place)
    if asked:
        tally(state.blend.tally, rank)
        for h in range(len(state.popularity.total)):
            tally(state.blend.popular_tally[h], state.popularity.place[item, h] + 1)
    if place >= 0:
        learn_choice(state.blend, context, scratch, count, place, settings.rate)
    release(scratch, count)
    return rank


@njit(cache=True, nogil=True)
def _train(state, settings, user, item, now_ms, kind):
    _see(state.sight, item, now_ms)
    weight = settings.kind_weight[kind]
    if weight > 0.0:
        count_item(state.popularity, item, now_ms, weight)
    if kind == VIEW or user < 0:
        return
    history = state.history
    if kind != CLICK and kept(history, user) > 0 and back(history, user, 0) == item:
        return
    for steps in range(min(in_session(history, user), settings.reach)):
        before = back(history, user, steps)
        if before >= 0:
            state.sight.changed[before] = True
    learn_step(state.transitions, history, user, item, now_ms, settings.reach, settings.fall)
    push(history, user, item, now_ms)
    state.sight.changed[item] = True
    state.user_sight.changed[user] = True


@njit(cache=True, nogil=True)
def _see(sight, item, now_ms):
    hour = now_ms // HOUR_MS
    if hour > sight.hour[item]:
        sight.hour[item] = hour
        sight.changed[item] = True


class Mix(StreamRanker):
    """The blend of all parts, learned online: the recommender's model.

    Use it where one ranking is wanted that follows whichever part works now. A click costs one prediction
    over at most some 800 candidates; memory is 1.4 kB an item and 400 bytes a user.

    Parameters
    ----------
    popularity_half_lives_ms
        After how many milliseconds a count has halved, one popularity each.
    transition_half_lives_ms
        The same for transitions: lasting ones, fresh ones.
    kind_weights
        What a view, a click and a paid order line count for popularity.
    reach
        How many of the user's last items are looked at.
    fall
        How much less each further step back counts, in (0, 1].
    rate
        The learning rate of the blend.
    availability_ms
        Items not seen for so long are not ranked; None for all ever seen.
    seed
        Kept for river's interface; nothing here is random.

    Examples
    --------
    >>> model = Mix()
    >>> for user in ("ann", "bob", "cy"):
    ...     model.learn_one(user, "kettle")
    ...     model.learn_one(user, "tea")
    >>> model.learn_one("di", "kettle")
    >>> model.rank("di", {"tea", "kettle", "soap"})
    ['tea', 'kettle', 'soap']
    """

    def __init__(
        self,
        popularity_half_lives_ms: tuple[int, ...] = POPULARITY_HALF_LIVES_MS,
        transition_half_lives_ms: tuple[int, int] = TRANSITION_HALF_LIVES_MS,
        kind_weights: tuple[float, float, float] = KIND_WEIGHTS,
        reach: int = REACH,
        fall: float = FALL,
        rate: float = 0.2,
        availability_ms: int | None = DAY_MS,
        seed: int | None = None,
    ):
        super().__init__(seed)
        self.popularity_half_lives_ms = popularity_half_lives_ms
        self.transition_half_lives_ms = transition_half_lives_ms
        self.kind_weights = kind_weights
        self.reach = reach
        self.fall = fall
        self.rate = rate
        self.availability_ms = availability_ms
        self._state = _new_state(popularity_half_lives_ms, transition_half_lives_ms)
        self._scratch = new_scratch(1, len(popularity_half_lives_ms), reach)
        self.now_ms = 0

    def settings(self) -> MixSettings:
        """The kernel's numbers."""
        forever = -1 if self.availability_ms is None else self.availability_ms
        return MixSettings(np.array(self.kind_weights), self.reach, self.fall, self.rate, forever)

    def layouts(self) -> MixState:
        """The layout of each part of the state, in the same shape as the state."""
        h = len(self.popularity_half_lives_ms)
        return MixState(HISTORY, popularity_layout(h), TRANSITIONS, SIGHT, USER_SIGHT, blend_layout(h))  # type: ignore[arg-type]

    def rows(self) -> tuple[int, ...]:
        """How many ids each part of the state has rows for."""
        users, items = max(1, len(self._users)), max(1, len(self._items))
        return users, items, items, items, users, 0

    def _learn(self, events: Events) -> None:
        self.learn_ranked(events)

    def learn_ranked(self, events: Events) -> np.ndarray:
        """Learns, and says which rank from 1 each event's item had: 0 beyond all candidates, -1 unasked."""
        self._make_room()
        ranks = np.empty(len(events.item), np.int32)
        learn_events(self._state, self._scratch, self.settings(), events, ranks)
        if len(ranks):
            self.now_ms = max(self.now_ms, int(events.time_ms.max()))
        return ranks

    def _make_room(self) -> None:
        parts = zip(self._state, self.layouts(), self.rows(), strict=True)
        self._state = MixState(*(grow(state, layout, n) if n else state for state, layout, n in parts))
        items, have = len(self._items), len(self._scratch.place)
        if have < items:
            more = np.full(max(items, 2 * have) - have, -1, np.int32)
            self._scratch = self._scratch._replace(place=np.concatenate([self._scratch.place, more]))

    def predict_one(self, user: Any, item: Any, x: dict[str, Any] | None = None) -> float:
        """The blend's score of an item for a user now; minus infinity where it is no candidate."""
        return self.scores(user, (x or {}).get("event_time_ms", self.now_ms)).get(item, float("-inf"))

    def scores(self, user: Any, now_ms: int) -> dict[str, float]:
        """The score of every candidate for the user now, in the order in which they were found."""
        state, settings, who = self._state, self.settings(), self._users.row(user)
        since = since_hour_of(now_ms, settings.availability_ms)
        count, lasts = gather(
            self._scratch,
            state.history,
            state.transitions,
            state.popularity,
            state.sight.hour,
            who,
            now_ms,
            since,
            self.reach,
            self.fall,
        )
        inside = int(in_session(state.history, who)) if who >= 0 else 0
        score_all(state.blend.weight[context_of(lasts, inside)], self._scratch, count)
        names = [str(self._items.names[row]) for row in self._scratch.item[:count]]
        scored = dict(zip(names, self._scratch.score[:count].tolist(), strict=True))
        release(self._scratch, count)
        return scored


def _new_state(popularity_ms: tuple[int, ...], transition_ms: tuple[int, int]) -> MixState:
    return MixState(
        new_history(1),
        new_popularity(popularity_ms, 1),
        new_transitions(transition_ms, 1),
        allocate(SightState, SIGHT, 1),
        allocate(UserSightState, USER_SIGHT, 1),
        new_blend(len(popularity_ms)),
    )
