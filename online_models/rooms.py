"""What is on sale in each live room: its latest items, with decayed counts of the room's own.

Who is in a room chooses among what is shown there, so the room's items are candidates for them, and their
share of the room's counts is a feature that the gate weighs.
"""

from typing import NamedTuple

import numpy as np

from online_models.compiled import compiled
from online_models.decay import UNSET_MS
from online_models.events import ENDED, STARTED
from online_models.payload import HERE
from online_models.scratch import ON_SALE, Scratch, add_candidate
from online_models.state import Column, Layout, clear

HALF_LIFE_MS = 30 * 60_000
"""After how long a count of the room has halved: a card is on screen for minutes."""

LATELY_MS = 3 * 3_600_000
"""An item not seen in the room for so long is not on sale there any more."""


class RoomState(NamedTuple):
    """Items of each room with counts as of the time each was last counted, and whether serving knows them."""

    item: np.ndarray
    counted: np.ndarray
    time_ms: np.ndarray
    last_ms: np.ndarray
    ended_ms: np.ndarray
    changed: np.ndarray


ROOM: Layout = {
    "item": Column(np.int32, (ON_SALE,), -1),
    "counted": Column(np.float64, (ON_SALE,)),
    "time_ms": Column(np.int64, (ON_SALE,), UNSET_MS),
    "last_ms": Column(np.int64, fill=UNSET_MS),
    "ended_ms": Column(np.int64, fill=UNSET_MS),
    "changed": Column(np.bool_),
}


STRAGGLING_MS = 30 * 60_000
"""Whoever is heard in a room for so long after its broadcast has ended is in another one."""


@compiled
def hear_room(state: RoomState, room: int, now_ms: int, kind: int) -> None:
    """Something was heard of a room: a broadcast's end or beginning, or an event in it."""
    state.last_ms[room] = max(state.last_ms[room], now_ms)
    ended = state.ended_ms[room]
    if kind == ENDED:
        state.ended_ms[room] = now_ms
    elif ended != UNSET_MS and (kind == STARTED or now_ms - ended > STRAGGLING_MS):
        state.ended_ms[room] = UNSET_MS
    state.changed[room] = True


@compiled
def count_in_room(state: RoomState, room: int, item: int, now_ms: int, weight: float) -> None:
    """Counts one event of an item in a room, in place of the item that was longest away where there is no room."""
    items, counts, times = state.item[room], state.counted[room], state.time_ms[room]
    at, oldest = -1, 0
    for s in range(ON_SALE):
        if items[s] == item:
            at = s
            break
        if times[s] < times[oldest]:
            oldest = s
    if at < 0:
        at = oldest
        items[at], counts[at] = item, 0.0
    else:
        counts[at] = _faded(counts[at], times[at], now_ms)
    counts[at] += weight
    times[at] = max(now_ms, times[at])


@compiled
def _faded(count: float, since_ms: int, now_ms: int) -> float:
    return count * np.exp2(-max(now_ms - since_ms, 0) / HALF_LIFE_MS)


@compiled
def add_on_sale(
    scratch: Scratch, state: RoomState, room: int, now_ms: int, sight: tuple[np.ndarray, int]
) -> None:
    """Makes what is on sale in the room the first candidates, with each one's share of the room's counts."""
    hour, since = sight
    places, found, x, size = scratch.place, scratch.item, scratch.x, scratch.size
    total = 0.0
    for s in range(ON_SALE):
        item = state.item[room, s]
        if item < 0 or now_ms - state.time_ms[room, s] > LATELY_MS or hour[item] < since:
            continue
        c = add_candidate(places, found, size, item)
        x[HERE, c] = _faded(state.counted[room, s], state.time_ms[room, s], now_ms)
        total += x[HERE, c]
    for c in range(size[0] if total > 0.0 else 0):
        x[HERE, c] /= total


def forget_room_items(state: RoomState, gone: np.ndarray) -> None:
    """Takes expired items (`gone` by item row) out of every room."""
    lost = (state.item >= 0) & gone[state.item]
    state.item[lost], state.counted[lost], state.time_ms[lost] = -1, 0.0, UNSET_MS


def forget_rooms(state: RoomState, rows: np.ndarray) -> None:
    """Blanks rooms whose rows are to be used again."""
    clear(state, ROOM, rows)
