"""Plain sequential rules, the baseline: undecayed, unbounded counts of what came after what."""

from typing import NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.events import CLICK, Events
from online_models.history import HISTORY, HistoryState, back, enter, in_session, new_history, push
from online_models.state import grow


class RuleState(NamedTuple):
    """Chains of counted successors: an item's newest link, then each link's older one; -1 ends a chain."""

    newest: np.ndarray
    older: np.ndarray
    item: np.ndarray
    weight: np.ndarray
    size: np.ndarray


def new_rules(items: int, clicks: int, reach: int) -> RuleState:
    """Room for every pair that so many clicks can make."""
    room = max(1, clicks * reach)
    return RuleState(
        np.full(items, -1, np.int64),
        np.full(room, -1, np.int64),
        np.zeros(room, np.int32),
        np.zeros(room),
        np.zeros(1, np.int64),
    )


def rule_ranks(events: Events, items: int, users: int, reach: int) -> np.ndarray:
    """The rank from 1 that rules over the last `reach` items gave each click, 0 for none, -1: no click.

    A step over d items counts 1/d, both when learned and when asked (Ludewig, Jannach: "Evaluation of
    session-based recommendation algorithms", 2018, section 3.1). Equal scores: the item first seen first.
    """
    state = new_rules(items, int((events.kind == CLICK).sum()), reach)
    history = grow(new_history(1), HISTORY, users)
    ranks = np.full(len(events.item), -1, np.int32)
    board = Board(np.zeros(items), np.zeros(items, np.int32))
    _rank_all((state, history, board), events, ranks, reach)
    return ranks


class Board(NamedTuple):
    """Scores by item, and the items that have one."""

    score: np.ndarray
    scored: np.ndarray


@compiled
def _rank_all(
    states: tuple[RuleState, HistoryState, Board], events: Events, ranks: np.ndarray, reach: int
) -> None:
    state, history, board = states
    for e in range(len(events.item)):
        user, item = events.user[e], events.item[e]
        if user < 0:
            continue
        enter(history, user, events.time_ms[e], events.session[e])
        if events.kind[e] != CLICK:
            continue
        ranks[e] = _rank(state, history, board, (user, item, reach))
        for steps in range(min(in_session(history, user), reach)):
            _count(state, back(history, user, steps), item, 1.0 / (steps + 1))
        push(history, user, item, events.time_ms[e])


@compiled
def _rank(state: RuleState, history: HistoryState, board: Board, event: tuple[int, int, int]) -> int:
    user, item, reach = event
    found = 0
    for steps in range(min(in_session(history, user), reach)):
        found = _score(state, board, back(history, user, steps), (1.0 / (steps + 1), found))
    mine = board.score[item]
    ahead = 0
    for c in range(found):
        other = board.scored[c]
        ahead += board.score[other] > mine or (board.score[other] == mine and other < item)
    for c in range(found):
        board.score[board.scored[c]] = 0.0
    return ahead + 1 if mine > 0.0 else 0


@compiled
def _score(state: RuleState, board: Board, before: int, near: tuple[float, int]) -> int:
    weight, found = near
    score, scored = board.score, board.scored
    link = state.newest[before]
    while link >= 0:
        item = state.item[link]
        if score[item] == 0.0:
            scored[found] = item
            found += 1
        score[item] += weight * state.weight[link]
        link = state.older[link]
    return found


@compiled
def _count(state: RuleState, before: int, item: int, weight: float) -> None:
    link = state.newest[before]
    while link >= 0:
        if state.item[link] == item:
            state.weight[link] += weight
            return
        link = state.older[link]
    link = state.size[0]
    state.older[link] = state.newest[before]
    state.item[link] = item
    state.weight[link] = weight
    state.newest[before] = link
    state.size[0] = link + 1
