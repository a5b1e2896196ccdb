"""Test, then train: what the blend does with each event, in one pass of machine code."""

import numpy as np

from online_models.blend import learn_choice, rank_among, score_all, tally
from online_models.compiled import compiled
from online_models.events import CLICK, VIEW, Events
from online_models.features import gather
from online_models.history import back, clicked_before, enter, in_session, kept, note_click, push
from online_models.mix_state import HOUR_MS, MixSettings, MixState, SightState
from online_models.payload import context_of as _context_of
from online_models.popularity import count_item
from online_models.scratch import Scratch, release
from online_models.transitions import learn_step

UNRANKED = -1
context_of = compiled(_context_of)


@compiled
def learn_events(
    state: MixState, scratch: Scratch, settings: MixSettings, events: Events, ranks: np.ndarray
) -> None:
    """Learns the events; `ranks` gets each click's rank, 0 where it was no candidate; -1 for other events."""
    for e in range(len(events.item)):
        user, item, now_ms, kind = events.user[e], events.item[e], events.time_ms[e], events.kind[e]
        ranks[e] = UNRANKED
        key = _enter(state, user, now_ms, events.session[e]) if user >= 0 else 0
        if item < 0:
            continue
        if kind == CLICK and user >= 0:
            ranks[e] = _test(state, scratch, settings, (user, item, now_ms))
            if clicked_before(state.history, user, key):
                _tally_all(state, item, ranks[e])
            note_click(state.history, user, key)
        _train(state, settings, (user, item, now_ms), kind)


@compiled
def _enter(state: MixState, user: int, now_ms: int, session: int) -> int:
    """The user is here; serving must hear of a new session even where nothing in it is learned."""
    history = state.history
    began = history.start[user]
    key = enter(history, user, now_ms, session)
    if history.start[user] != began:
        state.audience.changed[user] = True
    return key


@compiled
def _test(state: MixState, scratch: Scratch, settings: MixSettings, event: tuple[int, int, int]) -> int:
    user, item, now_ms = event
    lasts = gather(scratch, state, user, now_ms, settings)
    context = context_of(lasts, in_session(state.history, user))
    place = scratch.place[item]
    rank = 0
    if place >= 0:
        score_all(state.blend.weight[context], scratch)
        rank = rank_among(scratch, place)
        learn_choice(state.blend, context, scratch, place, settings.rate)
    release(scratch)
    return rank


@compiled
def _tally_all(state: MixState, item: int, rank: int) -> None:
    tally(state.blend.tally, rank)
    for h in range(len(state.popularity.total)):
        tally(state.blend.popular_tally[h], state.popularity.place[item, h] + 1)


@compiled
def _train(state: MixState, settings: MixSettings, event: tuple[int, int, int], kind: int) -> None:
    user, item, now_ms = event
    _see(state.sight, item, now_ms)
    weight = settings.kind_weight[kind]
    if weight > 0.0:
        count_item(state.popularity, item, now_ms, weight)
    if kind == VIEW or user < 0:
        return
    history = state.history
    # An order of what was just clicked is no new step.
    if kind != CLICK and kept(history, user) > 0 and back(history, user, 0) == item:
        return
    for steps in range(min(in_session(history, user), settings.reach)):
        before = back(history, user, steps)
        if before >= 0:
            state.sight.changed[before] = True
    learn_step(state.transitions, history, user, item, (now_ms, settings.reach, settings.fall))
    push(history, user, item, now_ms)
    state.sight.changed[item] = True
    state.audience.changed[user] = True


@compiled
def _see(sight: SightState, item: int, now_ms: int) -> None:
    hour = now_ms // HOUR_MS
    if hour > sight.hour[item]:
        sight.hour[item] = hour
        sight.changed[item] = True
