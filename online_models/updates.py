"""What serving needs, in published form: written here, read by `answer`."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from online_models.blend import weights_of
from online_models.decay import UNSET_MS
from online_models.exploration import best_chances, new_items
from online_models.mix import Mix
from online_models.payload import ItemPayload, ModelPayload, Ranked, RoomPayload, UserPayload
from online_models.popularity import TOP
from online_models.ranking import SERVED, Asked, Best, rank_users

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
    rooms: dict[str, bytes]
    remaining: int


def model_payload(mix: Mix, version: int, counters: dict[str, float]) -> bytes:
    """What anyone may be shown, and counters of the model as it stands."""
    best = _rank(mix, _nowhere(np.array([-1])), TOP)
    anyone = _ranked(mix, best, 0)
    hours = mix._state.sight.hour[best.item[0, : len(anyone.items)]].tolist()
    weights = weights_of(mix._state.blend).tolist()
    fresh = new_items(mix)
    payload = ModelPayload(
        version, mix.now_ms, anyone, hours, mix.availability_ms, counters, weights,
        [str(mix._items.names[row]) for row in fresh.tolist()], best_chances(mix, fresh).tolist(),
    )  # fmt: skip
    return encode(payload)


def item_payload(mix: Mix, row: int) -> bytes:
    """When an item was last seen."""
    return encode(ItemPayload(int(mix._state.sight.hour[row])))


def user_payloads(mix: Mix, rows: np.ndarray, served: int = SERVED) -> Iterator[tuple[str, bytes]]:
    """Each user's id and so many best items as of now, of users who took any.

    Of others nothing is known that is not known of anyone, and most people only pass by. With the items goes what is on
    sale in the room where the user was last, ranked for them: a second prediction. Who did the same few things shares
    both.
    """
    state = mix._state
    rows = rows[state.history.length[rows] > 0]
    firsts, like = _alike(mix, rows)
    best, rooms = _rank(mix, _nowhere(firsts), served), state.audience.room[firsts]
    inside = np.flatnonzero(rooms >= 0)
    on_sale = _rank(mix, Asked(firsts[inside], rooms[inside], here=True))
    place = dict(zip(inside.tolist(), range(len(inside)), strict=True))
    payloads = []
    for n in range(len(firsts)):
        ranked = _ranked(mix, best, n)
        here = _ranked(mix, on_sale, place[n]) if n in place else None
        room = str(mix._rooms.names[rooms[n]]) if n in place else None
        payloads.append(encode(UserPayload(mix.now_ms, ranked, room, here)))
    names = mix._users.names
    for row, n in zip(rows.tolist(), like.tolist(), strict=True):
        yield str(names[row]), payloads[n]


_SHORT = 2
"""Items in a history up to which others are likely to have the very same."""


def _alike(mix: Mix, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Users for whom a ranking is made, and for each of `rows` the place of whose it shares.

    Of users who did the same few things, in a session as long and in the same room, the parts say the same; but that
    the own session is no neighbour of one's own.
    """
    history = mix._state.history
    length = history.length[rows]
    key = np.column_stack(
        [history.item[rows, :_SHORT], length, length - history.start[rows], mix._state.audience.room[rows],
         np.where(length <= _SHORT, -1, rows)]
    )  # fmt: skip
    _, firsts, like = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return rows[firsts], like.reshape(-1)


def room_payloads(mix: Mix, rows: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Each room's id and what is on sale there, ranked for anyone."""
    best = _rank(mix, Asked(np.full(len(rows), -1), rows, here=True))
    last_ms = mix._state.rooms.last_ms[rows].tolist()
    ended = (mix._state.rooms.ended_ms[rows] != UNSET_MS).tolist()
    for n, row in enumerate(rows.tolist()):
        payload = RoomPayload(mix.now_ms, last_ms[n], ended[n], _ranked(mix, best, n))
        yield str(mix._rooms.names[row]), encode(payload)


def take_changed(changed: np.ndarray, most: int | None, begin: int = 0) -> np.ndarray:
    """Rows that changed, at most so many, those from `begin` on first; they count as unchanged from now on."""
    rows = np.flatnonzero(changed)
    rows = np.roll(rows, -np.searchsorted(rows, begin))[:most]
    changed[rows] = False
    return rows


def _nowhere(rows: np.ndarray) -> Asked:
    return Asked(rows, np.full(len(rows), -1), here=False)


def _rank(mix: Mix, asked: Asked, most: int = SERVED) -> Best:
    return rank_users(mix._state, mix._scratch, mix.settings(), asked, mix.now_ms, most)


def _ranked(mix: Mix, best: Best, n: int) -> Ranked:
    rows = best.item[n][best.item[n] >= 0].tolist()
    names, listed = mix._items.names, len(rows)
    scores = best.score[n, :listed].astype(np.float32).tobytes()
    said = best.said[n, :listed].astype(np.float16).tobytes()
    return Ranked([str(names[row]) for row in rows], scores, best.part[n, :listed].tobytes(), said)
