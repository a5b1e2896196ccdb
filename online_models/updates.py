"""What serving needs, in published form: written here, read by `answer`."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from online_models.history import KEPT, in_session
from online_models.mix import Mix
from online_models.payload import ItemPayload, ModelPayload, PopularList, UserPayload
from online_models.transitions import FAST, SLOW, weight_now

GONE = b""
"""The value of an expired id: delete its key, or store it, it reads as unknown."""

encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Updates:
    """Published values by id, absolute (writing one twice is harmless), expired ids as `GONE`.

    `remaining` counts the ids that changed too and wait for the next call.
    """

    model: bytes
    items: dict[str, bytes]
    users: dict[str, bytes]
    remaining: int


def model_payload(mix: Mix, version: int, counters: dict[str, float]) -> bytes:
    """Weights, popularity lists and counters of the model as it stands."""
    state = mix._state
    lists = [_popular_list(mix, h) for h in range(len(state.popularity.total))]
    slow, fast = state.transitions.half_life_ms.tolist()
    return encode(
        ModelPayload(
            version,
            mix.now_ms,
            state.blend.weight.tolist(),
            lists,
            (slow, fast),
            mix.reach,
            mix.fall,
            mix.availability_ms,
            counters,
        )
    )


def _popular_list(mix: Mix, h: int) -> PopularList:
    popularity = mix._state.popularity
    total = popularity.total[h]
    top = popularity.top[h]
    rows = top[top >= 0] if total > 0 else top[:0]
    return PopularList(
        _names(mix, rows), (popularity.value[rows, h] / total).tolist(), mix._state.sight.hour[rows].tolist()
    )


def item_payload(mix: Mix, row: int) -> bytes:
    """An item's neighbours, faded to now."""
    state = mix._state.transitions
    slow, fast = (weight_now(state, speed, mix.now_ms) for speed in (SLOW, FAST))
    scale = np.array([slow, slow, fast])
    after = state.next_item[row][state.next_item[row] >= 0]
    before = state.prev_item[row][state.prev_item[row] >= 0]
    every, last, fresh = (state.next_total[row] / scale).tolist()
    return encode(
        ItemPayload(
            int(mix._state.sight.hour[row]),
            mix.now_ms,
            _names(mix, after),
            (state.next_weight[row, : len(after)] / scale).astype(np.float32).tobytes(),
            (every, last, fresh),
            _names(mix, before),
            (state.prev_weight[row, : len(before)] / slow).astype(np.float32).tobytes(),
            float(state.prev_total[row] / slow),
        )
    )


def user_payload(mix: Mix, row: int) -> bytes:
    """A user's last items, oldest first."""
    state = mix._state.history
    length = int(state.length[row])
    order = np.arange(max(0, length - KEPT), length) % KEPT
    items = [str(mix._items.names[i]) if i >= 0 else "" for i in state.item[row, order].tolist()]
    return encode(UserPayload(items, state.time_ms[row, order].tolist(), int(in_session(state, row))))


def take_changed(changed: np.ndarray, most: int | None) -> Iterator[int]:
    """Rows that changed, at most so many; they count as unchanged from now on."""
    rows = np.flatnonzero(changed)[:most]
    changed[rows] = False
    yield from rows.tolist()


def _names(mix: Mix, rows: np.ndarray) -> list[str]:
    names = mix._items.names
    return [str(names[row]) for row in rows.tolist()]
