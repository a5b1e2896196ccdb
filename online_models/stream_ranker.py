"""The verbs every model shares: river's `learn_one`, and `learn_many` over Arrow, which is the same."""

from abc import abstractmethod
from typing import Any

import pyarrow as pa
from river.reco.base import Ranker

from online_models.events import BATCH_SCHEMA, CLICK, ROOM_SCHEMA, Events, read_batch
from online_models.identity import Identity
from schemas.errors import UsageError


class StreamRanker(Ranker):
    """A ranker of items that learns from events in order of time.

    `learn_one` is `learn_many` of one row, so both give the same state, bit for bit.
    """

    def __init__(self, seed: int | None = None):
        super().__init__(seed)
        self._users = Identity()
        self._items = Identity()
        self._rooms = Identity()

    def learn_one(self, user: Any, item: Any, y: Any = True, x: dict[str, Any] | None = None) -> None:
        """Learns one event; `x` may hold `event_time_ms`, `session_id`, `room_id`, `kind` (else a click if `y`)."""
        context = x or {}
        kind = context.get("kind", CLICK if y else 0)
        named = context.get("session_id"), kind, context.get("room_id")
        row = (context.get("event_time_ms", 0), "", user, item, *named)
        self.learn_many(
            pa.RecordBatch.from_arrays(
                [pa.array([value], field.type) for value, field in zip(row, ROOM_SCHEMA, strict=True)],
                schema=ROOM_SCHEMA,
            )
        )

    def learn_many(self, batch: pa.RecordBatch) -> None:
        """Learns a batch whose rows are in order of (event_time_ms, event_id).

        Columns as in `BATCH_SCHEMA` or `ROOM_SCHEMA`; `UsageError` where one is missing.
        """
        self._learn(self.read(batch))

    def read(self, batch: pa.RecordBatch) -> Events:
        """The batch in dense numbers; its users, items and rooms join the id tables."""
        absent = [name for name in BATCH_SCHEMA.names if name not in batch.schema.names]
        if absent:
            raise UsageError(
                f"learn_many: the batch has no column {absent[0]!r}; it needs {BATCH_SCHEMA.names}"
            )
        return read_batch(batch, self._users, self._items, self._rooms)

    @abstractmethod
    def _learn(self, events: Events) -> None:
        """Learns events whose ids are in the tables already."""

    @abstractmethod
    def predict_one(self, user: Any, item: Any, x: dict[str, Any] | None = None) -> float:
        """How much the model expects this item next from this user; larger is likelier."""

    def rank(self, user: Any, items: set[Any], x: dict[str, Any] | None = None) -> list[Any]:
        """The items, likeliest first, ties by name."""
        return sorted(items, key=lambda item: (-self.predict_one(user, item, x), str(item)))
