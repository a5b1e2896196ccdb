"""What each user did last: a ring of recent items, and which session they are in."""

from typing import NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.decay import UNSET_MS
from online_models.events import NO_SESSION
from online_models.state import Column, Layout, allocate

KEPT = 20
"""Items remembered a user."""

SESSIONS = 4
"""Sessions remembered a user: someone may watch several rooms in turn."""

SILENCE_MS = 30 * 60_000
"""Without a session id, so much silence ends a session (recommender.md, "Prequential protocol")."""


class HistoryState(NamedTuple):
    """A user's last items with times (a ring), and the sessions in which they clicked (a ring)."""

    item: np.ndarray
    time_ms: np.ndarray
    length: np.ndarray
    start: np.ndarray
    last_ms: np.ndarray
    quiet: np.ndarray
    current: np.ndarray
    clicked: np.ndarray
    clicks: np.ndarray


HISTORY: Layout = {
    "item": Column(np.int32, (KEPT,), -1),
    "time_ms": Column(np.int64, (KEPT,)),
    "length": Column(np.int64),
    "start": Column(np.int64),
    "last_ms": Column(np.int64, fill=UNSET_MS),
    "quiet": Column(np.int64),
    "current": Column(np.int64),
    "clicked": Column(np.int64, (SESSIONS,)),
    "clicks": Column(np.int64),
}
"""`length`: items ever; `start`: of them, before this session; `quiet`: silences so far; `clicks`: sessions
with a click; `current` and `clicked` hold session keys, negative ones for sessions that silence ended."""


def new_history(rows: int) -> HistoryState:
    """A state that knows no user."""
    return allocate(HistoryState, HISTORY, rows)


@compiled
def enter(state: HistoryState, user: int, now_ms: int, session: int) -> int:
    """The user is here: finds the session's key, and notes where a new session's items begin."""
    last = state.last_ms[user]
    if last != UNSET_MS and now_ms - last > SILENCE_MS:
        state.quiet[user] += 1
    key = session if session != NO_SESSION else -1 - state.quiet[user]
    if key != state.current[user]:
        state.current[user] = key
        state.start[user] = state.length[user]
    state.last_ms[user] = max(last, now_ms)
    return key


@compiled
def clicked_before(state: HistoryState, user: int, key: int) -> bool:
    """Whether the user already clicked in this session: then a prediction is asked."""
    for s in range(SESSIONS):  # noqa: SIM110 - numba compiles no generators
        if state.clicked[user, s] == key:
            return True
    return False


@compiled
def note_click(state: HistoryState, user: int, key: int) -> None:
    """Remembers that the session has a click, in place of the oldest such session."""
    if not clicked_before(state, user, key):
        state.clicked[user, state.clicks[user] % SESSIONS] = key
        state.clicks[user] += 1


@compiled
def push(state: HistoryState, user: int, item: int, now_ms: int) -> None:
    """Appends an item to what the user did."""
    at = state.length[user] % KEPT
    state.item[user, at] = item
    state.time_ms[user, at] = now_ms
    state.length[user] += 1


@compiled
def back(state: HistoryState, user: int, steps: int) -> int:
    """The item so many steps back (0: the latest)."""
    return state.item[user, (state.length[user] - 1 - steps) % KEPT]


@compiled
def kept(state: HistoryState, user: int) -> int:
    """Items that can be looked back at."""
    return min(state.length[user], KEPT)


@compiled
def in_session(state: HistoryState, user: int) -> int:
    """Of them, those of the current session."""
    return min(state.length[user] - state.start[user], KEPT)


def forget_history_items(state: HistoryState, gone: np.ndarray) -> None:
    """Blanks expired items (`gone` by item row) in everybody's history; the places stay."""
    state.item[(state.item >= 0) & gone[state.item]] = -1
