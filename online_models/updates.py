"""What serving needs, in published form: written here, read by `answer`."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from online_models.blend import weights_of
from online_models.mix import Mix
from online_models.payload import ItemPayload, ModelPayload, Ranked, UserPayload
from online_models.popularity import TOP
from online_models.ranking import Best, rank_users

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
    """What anyone may be shown, and counters of the model as it stands."""
    best = _rank(mix, np.array([-1]), TOP)
    anyone = _ranked(mix, best, 0)
    hours = mix._state.sight.hour[best.item[0, : len(anyone.items)]].tolist()
    weights = weights_of(mix._state.blend).tolist()
    return encode(ModelPayload(version, mix.now_ms, anyone, hours, mix.availability_ms, counters, weights))


def item_payload(mix: Mix, row: int) -> bytes:
    """When an item was last seen."""
    return encode(ItemPayload(int(mix._state.sight.hour[row])))


def user_payloads(mix: Mix, rows: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Each user's id and best items as of now; none where the user has done nothing."""
    known = (mix._state.history.length[rows] > 0).tolist()
    best = _rank(mix, rows)
    for n, row in enumerate(rows.tolist()):
        ranked = _ranked(mix, best, n) if known[n] else Ranked([], b"", b"")
        yield str(mix._users.names[row]), encode(UserPayload(mix.now_ms, ranked))


def take_changed(changed: np.ndarray, most: int | None) -> np.ndarray:
    """Rows that changed, at most so many; they count as unchanged from now on."""
    rows = np.flatnonzero(changed)[:most]
    changed[rows] = False
    return rows


def _rank(mix: Mix, rows: np.ndarray, most: int | None = None) -> Best:
    limit = {} if most is None else {"most": most}
    return rank_users(mix._state, mix._scratch, mix.settings(), rows, mix.now_ms, **limit)


def _ranked(mix: Mix, best: Best, n: int) -> Ranked:
    rows = best.item[n][best.item[n] >= 0].tolist()
    names, listed = mix._items.names, len(rows)
    scores = best.score[n, :listed].astype(np.float32).tobytes()
    return Ranked([str(names[row]) for row in rows], scores, best.part[n, :listed].tobytes())
