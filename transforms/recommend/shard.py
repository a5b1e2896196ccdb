"""The learner in the pipeline: interactions in order of event time, learned once, published at its pace.

Events are held until the watermark has passed them and are then learned sorted by (time, event id), so the
model is the same whatever the order of arrival, the batches, the runner or the crashes in between.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from online_models.live_rooms import LiveRooms
from online_models.recommender import Recommender
from online_models.shadow import Shadow
from online_models.updates import Updates
from schemas.keys import Version, model_key, pack_version, recommender_key
from transforms.pacing import Pace
from transforms.pieces import BEFORE_ALL_MS, FINAL, LowWatermark, Piece
from transforms.publish import Grouped, Outlet, PublisherFactory
from transforms.shards import Output

_LOG: Final = logging.getLogger(__name__)
_ROWS = 4_000
"""Rows of each kind written in a turn: what else the process does waits for one, a tenth of a second."""


class LearnerShard:
    """The one learner of a job, and a shadow of it where `shadow` says how that is set.

    A shadow goes on from saved state if it is set as it was then; one that is set otherwise begins there.
    """

    def __init__(
        self,
        open_publisher: PublisherFactory,
        namespace: str,
        pace: Callable[[], Pace],
        shadow: Mapping[str, Any] | None = None,
    ) -> None:
        self._model, self._low, self._waiting = Recommender(), LowWatermark(), list[pa.RecordBatch]()
        self._rooms = LiveRooms()
        self._shadow = None if shadow is None else Shadow(shadow)
        self._outlet, self._namespace, self._pace, self._muted = (
            Outlet(open_publisher()),
            namespace,
            pace(),
            False,
        )
        self._learned, self._watermark_ms = 0, BEFORE_ALL_MS

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Hold the new interactions, learn what the watermark has passed."""
        watermark = self._low.observe(piece)
        if piece.batch.num_rows:
            self._waiting.append(piece.batch)
        self._learn(watermark)
        if not self._muted and self._pace.is_due(piece.urgent == FINAL):
            waiting = self._publish(watermark)
            while waiting and piece.urgent == FINAL:
                waiting = self._publish(watermark)
            self._pace.written(all_of_it=not waiting)
        yield from ()

    def _learn(self, watermark: int) -> None:
        if not self._waiting:
            return
        held = pa.concat_batches(self._waiting)
        passed = held["event_time_ms"].to_numpy() < watermark
        ready = held.filter(pa.array(passed))
        self._waiting = [held.filter(pa.array(~passed))] if not passed.all() else []
        if ready.num_rows:
            order = ready.sort_by([("event_time_ms", "ascending"), ("event_id", "ascending")])
            ranks = self._model.learn_asked(order)
            if self._shadow:
                self._shadow.learn_many(order, ranks)
            self._rooms.learn_many(order)
            self._learned += ready.num_rows

    def _publish(self, watermark: int) -> int:
        """Write what changed, as far as one turn goes; returns how many rows still wait."""
        publisher, self._watermark_ms = self._outlet.publisher, watermark
        items, rooms = self._model.take_updates(_ROWS), self._rooms.take_updates(_ROWS)
        version = pack_version(Version(publisher.epoch(), max(watermark, 0), self._learned))
        values = Grouped()
        values.put(model_key(self._namespace), "model", version + items.model)
        values.put(model_key(self._namespace), "rooms", version + rooms.model)
        if self._shadow:
            # By the served model's version, so that readers know whether it is still learning.
            told = self._shadow.payload(self._model.model_version)
            values.put(model_key(self._namespace), "shadow", version + told)
        for kind, rows in _rows(items, rooms):
            for identifier, value in rows.items():
                values.put(recommender_key(self._namespace, kind, identifier), identifier, version + value)
        values.write_newer(publisher)
        publisher.flush()
        return items.remaining + rooms.remaining

    def outlet(self) -> Outlet:
        """Return what it publishes through."""
        return self._outlet

    def republish(self) -> None:
        """Publish the whole model."""
        self._model.untell()
        self._rooms.model.untell()
        while self._publish(self._watermark_ms):
            pass

    def strays(self) -> None:
        """Nothing depends on the order of arrival."""

    def logged(self, piece: Piece) -> Piece:
        """Return the whole piece."""
        return piece

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        waiting = [batch.to_pydict() for batch in self._waiting]
        shadow = {"shadow": self._shadow.snapshot()} if self._shadow else {}
        return {
            "model": self._model.snapshot(),
            "rooms": self._rooms.snapshot(),
            "low": self._low,
            "waiting": waiting,
            "learned": self._learned,
            **shadow,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._model = Recommender.from_snapshot(state["model"])
        self._rooms = LiveRooms.from_snapshot(state["rooms"])
        self._load_shadow(state.get("shadow"))
        self._low, self._learned = state["low"], state["learned"]
        self._waiting = [pa.RecordBatch.from_pydict(columns, schema=_SCHEMA) for columns in state["waiting"]]

    def _load_shadow(self, saved: dict[str, Any] | None) -> None:
        if saved is None:
            return
        if self._shadow and self._shadow.goes_on_from(saved):
            self._shadow.load(saved)
        else:
            what = "begins anew, and is compared from here on" if self._shadow else "ends, and is not kept"
            _LOG.warning("The shadow is set otherwise than when state was saved: it %s.", what)

    def shadow_digest(self) -> str | None:
        """Return a digest of all that the shadow learned and counted, None where there is none."""
        return self._shadow.digest() if self._shadow else None

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing."""
        self._muted = muted


def _rows(items: Updates, rooms: Updates) -> list[tuple[str, dict[str, bytes]]]:
    """What is published, by kind; which rooms there are is in their own rows."""
    return [("i", items.items), ("u", items.users), ("r", items.rooms), ("v", rooms.users)]


_SCHEMA = pa.schema(
    [("event_time_ms", pa.int64()), ("event_id", pa.string()), ("user_id", pa.string()),
     ("item_id", pa.string()), ("session_id", pa.string()), ("kind", pa.int8()), ("room_id", pa.string())]
)  # fmt: skip
