"""Recommender: the model that a pipeline drives, with its snapshot and what it publishes."""

import hashlib
from collections.abc import Iterator
from inspect import signature
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from online_models.answer import recommend
from online_models.blend import ASKED, HITS, RECIPROCAL
from online_models.click_model import click_figures
from online_models.expiry import Expiry
from online_models.identity import Identity
from online_models.mix import Mix
from online_models.mix_kernel import UNRANKED
from online_models.mix_state import MixState
from online_models.ranking import SERVED
from online_models.scratch import with_room
from online_models.state import as_bytes, dump, load
from online_models.updates import (
    GONE,
    Updates,
    item_payload,
    model_payload,
    room_payloads,
    take_changed,
    user_payloads,
)
from schemas.errors import StateError

FORMAT = 3

Ranks = npt.NDArray[np.int32]


class Recommender:
    """Learns from events in order, ranks for users, and says what serving has to know.

    One instance is one learner, for one thread. All of its settings are `Mix`'s and `Expiry`'s.

    >>> model = Recommender()
    >>> model.learn_many(pa.RecordBatch.from_pydict({
    ...     "event_time_ms": [0, 1_000], "event_id": ["1", "2"], "user_id": ["ann", "ann"],
    ...     "item_id": ["kettle", "tea"], "session_id": [None, None], "kind": [1, 1]}))
    >>> [item for item, score, part in model.rank("ann", k=2, now_ms=2_000)]
    ['tea', 'kettle']
    >>> Recommender.from_bytes(model.to_bytes()).digest() == model.digest()
    True
    """

    def __init__(self, mix: Mix | None = None, expiry: Expiry | None = None):
        self.mix = mix or Mix()
        self.expiry = expiry or Expiry()
        self.model_version = 0
        self._gone_items: dict[str, None] = {}
        self._gone_users: dict[str, None] = {}
        self._gone_rooms: dict[str, None] = {}
        self._next: dict[str, int] = {}

    def learn_many(self, batch: pa.RecordBatch) -> None:
        """Learns a batch whose rows are in order of (event_time_ms, event_id); see `BATCH_SCHEMA`.

        However a stream is cut into batches, the state is the same: what expires does so at full hours
        of event time.
        """
        self.learn_asked(batch)

    def learn_asked(self, batch: pa.RecordBatch) -> Ranks:
        """Learns as `learn_many` does, and tells of each row the rank that was predicted for it.

        From 1; 0 where the item was no candidate, and -1 where nothing was asked: of all that are no clicks, and
        of the first click of a session.
        """
        ranks = [np.zeros(0, np.int32)]
        for part in self.in_hours(batch):
            told = self.mix.learn_told(part)
            ranks.append(np.where(told.asked, told.rank, UNRANKED))
        self.model_version += batch.num_rows
        return np.concatenate(ranks)

    def in_hours(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The batch in pieces to learn one after the other; what expires by the time of each has done so then."""
        for part in self.expiry.cut(batch):
            gone = self.expiry.before(self.mix, part)
            self._gone_items.update(dict.fromkeys(gone.items))
            self._gone_users.update(dict.fromkeys(gone.users))
            self._gone_rooms.update(dict.fromkeys(gone.rooms))
            yield part

    def rank(
        self, user_id: str, k: int, now_ms: int, room_id: str | None = None
    ) -> list[tuple[str, float, str]]:
        """The best `k` items for a user as of the last event, in a room or anywhere: id, score, loudest part."""
        row = self.mix._users.row(user_id)
        user = dict(user_payloads(self.mix, np.array([row]))).get(user_id) if row >= 0 else None
        model = model_payload(self.mix, self.model_version, {})
        place = self.mix._rooms.row(room_id) if room_id is not None else -1
        room = dict(room_payloads(self.mix, np.array([place]))).get(str(room_id)) if place >= 0 else None
        answer = recommend(
            model, user, self._fetch_items, k, now_ms, max_age_ms=None, room_id=room_id, room=room
        )
        return [(best.item_id, best.score, best.part) for best in answer.items]

    def _fetch_items(self, ids: list[str]) -> dict[str, bytes]:
        rows = {name: self.mix._items.row(name) for name in ids}
        return {name: item_payload(self.mix, row) for name, row in rows.items() if row >= 0}

    def counters(self) -> dict[str, float]:
        """Prequential figures since the start, of the blend and of popularity's best half-life."""
        blend = self.mix._state.blend
        best = max(blend.popular_tally.tolist(), key=lambda row: row[HITS])
        asked = float(blend.tally[ASKED])
        return {
            "predictions": asked,
            "hit_rate_at_10": float(blend.tally[HITS]) / max(asked, 1.0),
            "mrr_at_10": float(blend.tally[RECIPROCAL]) / max(asked, 1.0),
            "popularity_hit_rate_at_10": best[HITS] / max(asked, 1.0),
            "popularity_mrr_at_10": best[RECIPROCAL] / max(asked, 1.0),
            **click_figures(self.mix._state.views),
        }

    def take_updates(self, most: int | None = 20_000, served: int = SERVED) -> Updates:
        """What changed since the last call, for at most so many items and as many users (None: all), each with `served`.

        Costs one prediction a user, for whom is ranked anew; an item is only a number.
        """
        mix, state = self.mix, self.mix._state
        items = dict.fromkeys(self._gone_items, GONE)
        users = dict.fromkeys(self._gone_users, GONE)
        for row in self._take("items", state.sight.changed, most).tolist():
            items[str(mix._items.names[row])] = item_payload(mix, row)
        users.update(user_payloads(mix, self._take("users", state.audience.changed, most), served))
        rooms = dict.fromkeys(self._gone_rooms, GONE)
        rooms.update(room_payloads(mix, self._take("rooms", state.rooms.changed, most)))
        self._gone_items, self._gone_users, self._gone_rooms = {}, {}, {}
        remaining = sum(int(part.changed.sum()) for part in (state.sight, state.audience, state.rooms))
        return Updates(
            model_payload(mix, self.model_version, self.counters()), items, users, rooms, remaining
        )

    def _take(self, kind: str, changed: np.ndarray, most: int | None) -> np.ndarray:
        """Go on behind the rows taken last, so that those that change all the time do not keep others waiting."""
        rows = take_changed(changed, most, self._next.get(kind, 0))
        self._next[kind] = int(rows[-1]) + 1 if len(rows) else 0
        return rows

    def untell(self) -> None:
        """Forget what serving was told: everything alive counts as changed, as after serving lost it."""
        state = self.mix._state
        for changed, ids in (
            (state.sight.changed, self.mix._items),
            (state.audience.changed, self.mix._users),
            (state.rooms.changed, self.mix._rooms),
        ):
            changed[: len(ids)] = [name is not None for name in ids.names]

    def keep_to_itself(self) -> None:
        """Drop what serving would be told of expired ids: for a model that nobody serves from."""
        self._gone_items, self._gone_users, self._gone_rooms = {}, {}, {}

    def to_bytes(self) -> bytes:
        """The whole durable state, and which of it serving has not been told."""
        return msgspec.msgpack.encode(self.snapshot(), enc_hook=as_bytes)

    def snapshot(self) -> dict[str, Any]:
        """The same with views of the arrays instead of their bytes: to be pickled at once, before anything is learned."""
        return {"format": FORMAT, **self._durable()}

    @classmethod
    def from_bytes(cls, written: bytes) -> "Recommender":
        """The recommender that wrote these bytes; `StateError` where nothing of this version did."""
        try:
            read = msgspec.msgpack.decode(written)
        except msgspec.DecodeError as error:
            raise StateError(f"recommender snapshot: damaged ({error}); use an earlier one") from error
        return cls.from_snapshot(read)

    @classmethod
    def from_snapshot(cls, read: dict[str, Any]) -> "Recommender":
        """The recommender whose `snapshot` this is."""
        try:
            if read["format"] != FORMAT:
                raise StateError(
                    f"recommender snapshot: format {read['format']}, wanted {FORMAT}; replay the events"
                )
            return cls._restored(read)
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"recommender snapshot: damaged ({error}); use an earlier one") from error

    def digest(self) -> str:
        """A digest of all that was learned; equal states have equal digests, whatever was published."""
        durable = self._durable()
        durable["state"] = {**durable["state"], "sight": {**durable["state"]["sight"], "changed": b""}}
        durable["state"]["audience"] = {**durable["state"]["audience"], "changed": b""}
        durable["state"]["rooms"] = {**durable["state"]["rooms"], "changed": b""}
        durable["gone"] = None
        return hashlib.blake2b(msgspec.msgpack.encode(durable, enc_hook=as_bytes), digest_size=16).hexdigest()

    def _durable(self) -> dict[str, Any]:
        mix = self.mix
        parts = zip(MixState._fields, mix._state, mix.layouts(), mix.rows(), strict=True)
        return {
            "mix": settings_of(mix),
            "expiry": self.expiry.settings(),
            "hour": self.expiry.hour,
            "model_version": self.model_version,
            "now_ms": mix.now_ms,
            "users": [mix._users.names, mix._users.free],
            "items": [mix._items.names, mix._items.free],
            "rooms": [mix._rooms.names, mix._rooms.free],
            "state": {name: dump(part, layout, rows) for name, part, layout, rows in parts},
            "gone": [list(self._gone_items), list(self._gone_users), list(self._gone_rooms)],
        }

    @classmethod
    def _restored(cls, read: dict[str, Any]) -> "Recommender":
        settings: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in read["mix"].items()
        }
        mix = Mix(**settings)
        mix._users, mix._items = Identity.restore(*read["users"]), Identity.restore(*read["items"])
        mix._rooms = Identity.restore(*read["rooms"])
        mix.now_ms = read["now_ms"]
        mix._state.sessions.begun[:] = np.frombuffer(read["state"]["sessions"]["begun"], np.int64)
        parts = zip(MixState._fields, mix._state, mix.layouts(), mix.rows(), strict=True)
        loaded: Any = [load(type(part), layout, n, read["state"][name]) for name, part, layout, n in parts]
        mix._state = MixState(*loaded)
        mix._scratch = with_room(mix._scratch, len(mix._items))
        model = cls(mix, Expiry(**read["expiry"]))
        model.expiry.hour, model.model_version = read["hour"], read["model_version"]
        gone = (dict.fromkeys(names) for names in read["gone"])
        model._gone_items, model._gone_users, model._gone_rooms = gone
        return model


def settings_of(mix: Mix) -> dict[str, Any]:
    """All that a `Mix` was made with, by name."""
    return {name: getattr(mix, name) for name in signature(Mix).parameters}
