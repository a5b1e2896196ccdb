"""Test, then train: what the blend does with each event, in one pass of machine code."""

from typing import NamedTuple

import numpy as np

from online_models.blend import context_of, learn_choice, rank_among, score_all, tally, to_chances
from online_models.click_model import begin_view, is_looked_at, note_taken, settle_views
from online_models.compiled import compiled
from online_models.events import CLICK, ENDED, ORDER, VIEW, Events
from online_models.factors import add_products, begin_item, learn_vectors
from online_models.features import gather, support_of
from online_models.history import back, clicked_before, enter, in_session, kept, note_click, push
from online_models.mix_state import EVER, HOUR_MS, MixSettings, MixState
from online_models.neighbours import join_session
from online_models.payload import VECTORS
from online_models.popularity import count_item
from online_models.rooms import count_in_room, hear_room
from online_models.scratch import Scratch, release, take_best
from online_models.transitions import learn_step

UNRANKED = -1


class Told(NamedTuple):
    """Each click's rank, 0 where it was no candidate, and the items ranked best before it.

    `rank` is -1 for other events; `best` has no rows where nobody asks for it, `score` is room for one row.
    `asked` are the ranked clicks that are not the first of their session.
    """

    rank: np.ndarray
    best: np.ndarray
    score: np.ndarray
    asked: np.ndarray


def new_told(events: int, most: int = 0) -> Told:
    """Room for what is told of so many events, with the best `most` items of each."""
    best = np.full((events if most else 0, most), -1, np.int32)
    return Told(np.full(events, UNRANKED, np.int32), best, np.zeros(most), np.zeros(events, np.bool_))


WARM = 10_000
"""Clicks from each of which the gate learns at first, whatever `learn_every` says."""


@compiled
def learn_events(
    state: MixState, scratch: Scratch, settings: MixSettings, events: Events, told: Told
) -> None:
    """Learns the events, and tells what was predicted of each."""
    ranks = told.rank
    for e in range(len(events.item)):
        user, item, now_ms, kind = events.user[e], events.item[e], events.time_ms[e], events.kind[e]
        ranks[e] = UNRANKED
        told.asked[e] = False
        room = events.room[e]
        settle_views(state.views, now_ms, settings.label_delay_ms)
        if room >= 0:
            hear_room(state.rooms, room, now_ms, kind)
        key = _enter(state, (user, room), now_ms, events.session[e]) if user >= 0 else 0
        if item < 0 or kind >= ENDED:
            continue
        if user >= 0 and kind != VIEW:
            taken = user, item, state.audience.looked[user]
            note_taken(state.views, taken, now_ms, settings.label_delay_ms, kind == ORDER)
        elif user >= 0 and is_looked_at(state.views):
            _look(state, scratch, settings, (user, item, now_ms, room))
        if kind == CLICK and user >= 0:
            state.blend.asked[0] += 1
            if settings.rank_all or _learns(state, settings):
                ranks[e] = _test(state, scratch, settings, (user, item, now_ms, room), (told, e))
            if ranks[e] != UNRANKED and clicked_before(state.history, user, key):
                told.asked[e] = True
                _tally_all(state, item, ranks[e])
            note_click(state.history, user, key)
        _train(state, settings, (user, item, now_ms, room), kind)


@compiled
def _look(state: MixState, scratch: Scratch, settings: MixSettings, event: tuple[int, int, int, int]) -> None:
    """Predicts whether the item that is seen will be clicked, by what the parts say of it."""
    user, item, now_ms, room = event
    score_candidates(state, scratch, settings, (user, room), now_ms)
    place, x = scratch.place[item], scratch.seen
    x[:] = 0.0
    if place >= 0:
        for f in range(len(scratch.x)):
            x[f] = scratch.x[f, place]
        if settings.use[VECTORS]:
            x[len(scratch.x)] = scratch.product[place]
    x[len(x) - 1] = 1.0
    release(scratch)
    state.audience.looked[user] = begin_view(
        state.views, (user, item), now_ms, x, state.audience.looked[user]
    )


@compiled
def _enter(state: MixState, who: tuple[int, int], now_ms: int, session: int) -> int:
    """The user is here; serving must hear of a new session or room even where nothing in it is learned.

    Of a user who took nothing yet it hears nothing: they are shown what anyone is.
    """
    user, room = who
    history = state.history
    if room >= 0 and state.audience.room[user] != room:
        state.audience.room[user] = room
        state.audience.changed[user] |= history.length[user] > 0
    began = history.start[user]
    key = enter(history, user, now_ms, session)
    if history.start[user] != began:
        state.audience.changed[user] = True
    return key


@compiled
def score_candidates(
    state: MixState, scratch: Scratch, settings: MixSettings, who: tuple[int, int], now_ms: int
) -> tuple[int, int, int]:
    """Fills in and scores the candidates for a user in a room now (-1: nobody, nowhere).

    Says the context, the support, and the last items.
    """
    user = who[0]
    lasts = gather(scratch, state, who, now_ms, settings)
    inside = in_session(state.history, user) if user >= 0 else 0
    context, support = context_of(lasts, inside), support_of(state, user, lasts, now_ms)
    score_all(state.blend, context, support, scratch)
    near = min(lasts, settings.reach)
    if settings.use[VECTORS]:
        add_products(state.factors, scratch, state.history, user, near)
    return context, support, near


@compiled
def _test(
    state: MixState,
    scratch: Scratch,
    settings: MixSettings,
    event: tuple[int, int, int, int],
    telling: tuple[Told, int],
) -> int:
    user, item, now_ms, room = event
    context, support, near = score_candidates(state, scratch, settings, (user, room), now_ms)
    place = scratch.place[item]
    rank = rank_among(scratch, place) if place >= 0 else 0
    told, row = telling
    if len(told.best) > 0:
        for p in range(take_best(scratch, scratch.size[0], told.best[row], told.score)):
            told.best[row, p] = scratch.item[told.best[row, p]]
    if place >= 0 and _learns(state, settings):
        to_chances(scratch, place)
        if settings.gate:
            learn_choice(state.blend, (context, support), scratch, place, settings.rate)
        if settings.use[VECTORS]:
            learn_vectors(state.factors, scratch, state.history, (user, near), place)
    release(scratch)
    return rank


@compiled
def _learns(state: MixState, settings: MixSettings) -> bool:
    asked = state.blend.asked[0]
    return asked < WARM or asked % settings.learn_every == 0


@compiled
def _tally_all(state: MixState, item: int, rank: int) -> None:
    tally(state.blend.tally, rank)
    for h in range(len(state.popularity.total)):
        tally(state.blend.popular_tally[h], state.popularity.place[item, h] + 1)


@compiled
def _train(state: MixState, settings: MixSettings, event: tuple[int, int, int, int], kind: int) -> None:
    user, item, now_ms, room = event
    _see(state, item, now_ms)
    if kind == VIEW:
        state.sight.shown[item] += 1
    elif kind == CLICK:
        state.sight.taken[item] += 1
    weight = settings.kind_weight[kind]
    if weight > 0.0:
        count_item(state.popularity, item, now_ms, weight)
    if room >= 0:
        count_in_room(state.rooms, room, item, now_ms, weight)
    if kind == VIEW or user < 0:
        return
    history = state.history
    # An order of what was just clicked is no new step.
    if kind != CLICK and kept(history, user) > 0 and back(history, user, 0) == item:
        return
    anew = in_session(history, user) == 0
    join_session(state.seen, state.sessions, state.visits, (user, item, now_ms), anew)
    learn_step(state.transitions, history, user, item, (now_ms, settings.reach, settings.fall))
    push(history, user, item, now_ms)
    state.audience.changed[user] = True


@compiled
def _see(state: MixState, item: int, now_ms: int) -> None:
    sight, hour = state.sight, now_ms // HOUR_MS
    if sight.hour[item] == EVER:
        begin_item(state.factors, item)
        sight.first_ms[item] = now_ms
    if hour > sight.hour[item]:
        sight.hour[item] = hour
        sight.changed[item] = True
