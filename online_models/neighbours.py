"""Session neighbours: recent sessions that share items with this one speak for what else was in them.

V-SkNN (Ludewig, Jannach: "Evaluation of session-based recommendation algorithms", 2018) over a stream:
the latest sessions lie in a ring, each item knows the latest sessions it was in, and the later an item of
the own session, the more its sessions count. One of three sums counts only what came after the shared
item, less with each step (STAN: Garg et al., SIGIR 2019).
"""

from typing import NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.history import HistoryState, back
from online_models.scratch import LENGTH, RECENT, SESSIONS, Scratch, add_candidate
from online_models.state import Column, Layout

WRAP = 1 << 30
FALL = 0.6
"""How much less each further step back counts among the own items, in (0, 1]."""

AFTER_FALL = 0.7
"""How much less each further step after the shared item counts."""

HALF_LIVES_MS = (7 * 86_400_000.0, 3_600_000.0)
"""After how many milliseconds a session counts half: for lasting tastes, and for fresh ones."""

SHRINK = 1.0
"""Sessions that agree with nobody, beside those found, so that a lone neighbour promises little."""


class SeenState(NamedTuple):
    """In which sessions each item was: the latest ones in a ring, by number."""

    recent: np.ndarray
    times: np.ndarray


class SessionState(NamedTuple):
    """The latest sessions: their number, a ring of items, how many there were, and the latest time."""

    number: np.ndarray
    item: np.ndarray
    length: np.ndarray
    last_ms: np.ndarray
    begun: np.ndarray


class VisitState(NamedTuple):
    """The number of each user's latest session."""

    number: np.ndarray


SEEN: Layout = {"recent": Column(np.int32, (RECENT,), -1), "times": Column(np.int64)}
SESSION: Layout = {
    "number": Column(np.int32, fill=-1),
    "item": Column(np.int32, (LENGTH,), -1),
    "length": Column(np.int32),
    "last_ms": Column(np.int64),
    "begun": Column(np.int64, (1,), per_id=False),
}
VISIT: Layout = {"number": Column(np.int32, fill=-1)}


@compiled
def join_session(
    seen: SeenState, sessions: SessionState, visits: VisitState, visit: tuple[int, int, int], anew: bool
) -> None:
    """Notes that a user's session has an item; `visit`: user, item, now; `anew` where the session begins."""
    user, item, now_ms = visit
    number = visits.number[user]
    if anew or number < 0 or sessions.number[number % SESSIONS] != number:
        number = sessions.begun[0] % WRAP
        sessions.begun[0] += 1
        visits.number[user] = number
        _begin(sessions, number)
    at = number % SESSIONS
    if not _has(sessions, at, item):
        seen.recent[item, seen.times[item] % RECENT] = number
        seen.times[item] += 1
    sessions.item[at, sessions.length[at] % LENGTH] = item
    sessions.length[at] += 1
    sessions.last_ms[at] = now_ms


@compiled
def _begin(sessions: SessionState, number: int) -> None:
    at = number % SESSIONS
    sessions.number[at] = number
    sessions.item[at, :] = -1
    sessions.length[at] = 0


@compiled
def _has(sessions: SessionState, at: int, item: int) -> bool:
    for p in range(min(sessions.length[at], LENGTH)):  # noqa: SIM110 - numba compiles no generators
        if sessions.item[at, p] == item:
            return True
    return False


@compiled
def add_neighbours(
    scratch: Scratch,
    states: tuple[HistoryState, SeenState, SessionState],
    who: tuple[int, int, int, int],
    sight: tuple[np.ndarray, int],
    first: int,
) -> None:
    """Adds what neighbours had, to three features from `first` on; `who`: user, own session, last items, now."""
    history, seen, sessions = states
    user, own, lasts, now_ms = who
    touched = 0
    for steps in range(lasts):
        item = back(history, user, steps)
        if item >= 0:
            touched = _meet(scratch, seen, sessions, (item, own, touched), FALL**steps)
    slow = fast = SHRINK
    for n in range(touched):
        s = scratch.met[n]
        alike = scratch.alike[s]
        scratch.alike[s] = 0.0
        age_ms = float(now_ms - sessions.last_ms[s])
        lasting = alike * np.exp2(-age_ms / HALF_LIVES_MS[0])
        fresh = alike * np.exp2(-age_ms / HALF_LIVES_MS[1])
        slow += lasting
        fast += fresh
        _hear(scratch, sessions, (s, first), (lasting, fresh), sight)
    for c in range(scratch.size[0] if touched > 0 else 0):
        scratch.x[first, c] /= slow
        scratch.x[first + 1, c] /= fast
        scratch.x[first + 2, c] /= slow


@compiled
def _meet(
    scratch: Scratch, seen: SeenState, sessions: SessionState, asked: tuple[int, int, int], near: float
) -> int:
    """Counts the sessions that an item was in as neighbours; says how many there are now."""
    item, own, touched = asked
    count = seen.times[item]
    for r in range(min(count, RECENT)):
        number = seen.recent[item, (count - 1 - r) % RECENT]
        s = number % SESSIONS
        if number < 0 or sessions.number[s] != number or number == own:
            continue
        if scratch.alike[s] == 0.0:
            scratch.met[touched] = s
            scratch.shared[s] = _place(sessions, s, item)
            touched += 1
        scratch.alike[s] += near
    return touched


@compiled
def _place(sessions: SessionState, s: int, item: int) -> int:
    """The latest place of an item in a session; beyond its end where the ring has lost it."""
    length = sessions.length[s]
    for q in range(min(length, LENGTH)):
        if sessions.item[s, (length - 1 - q) % LENGTH] == item:
            return length - 1 - q
    return length


@compiled
def _hear(
    scratch: Scratch,
    sessions: SessionState,
    where: tuple[int, int],
    says: tuple[float, float],
    sight: tuple[np.ndarray, int],
) -> None:
    s, first = where
    lasting, fresh = says
    hour, since = sight
    places, found, x, size = scratch.place, scratch.item, scratch.x, scratch.size
    length = sessions.length[s]
    for q in range(min(length, LENGTH)):
        place = length - 1 - q
        item = sessions.item[s, place % LENGTH]
        if item < 0 or hour[item] < since:
            continue
        c = add_candidate(places, found, size, item)
        x[first, c] += lasting
        x[first + 1, c] += fresh
        after = place - scratch.shared[s]
        if after > 0:
            x[first + 2, c] += lasting * AFTER_FALL ** (after - 1)


def forget_session_items(sessions: SessionState, gone: np.ndarray) -> None:
    """Blanks expired items (`gone` by item row) in every session; the places stay."""
    sessions.item[(sessions.item >= 0) & gone[sessions.item]] = -1
