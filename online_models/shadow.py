"""Shadow: a second model that learns the same events as the served one, and is asked the same questions."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from online_models.mcnemar import WINDOW, compared
from online_models.mix import Mix
from online_models.payload import ShadowPayload
from online_models.recommender import Ranks, Recommender, settings_of

LISTED = 10
"""A question is answered by an item among so many at the top."""

SERVED, SHADOW = 0, 1
_SAME = -1
"""Of a question that both answered, or neither."""


class Shadow:
    """Learns what the served model learns, with settings of its own, and counts who answered what.

    Use it to see whether other settings would serve better, before anyone is served by them. It costs what the
    served model costs to learn, in time and memory, and nothing is published of it but its counters. Whatever
    `learn_every` says, it ranks at each click, so that both are compared on the same ones.

    >>> served, shadow = Recommender(), Shadow({"parts": ("popularity",)})
    >>> batch = pa.RecordBatch.from_pydict({
    ...     "event_time_ms": [0, 1_000, 2_000, 3_000], "event_id": ["1", "2", "3", "4"], "user_id": ["ann"] * 4,
    ...     "item_id": ["kettle", "tea", "kettle", "tea"], "session_id": [None] * 4, "kind": [1] * 4})
    >>> shadow.learn_many(batch, served.learn_asked(batch))
    >>> shadow.counters()["predictions"], shadow.counters()["only_served"]
    (3.0, 0.0)
    """

    def __init__(self, settings: Mapping[str, Any]):
        self.settings = dict(settings)
        self.model = Recommender(Mix(**settings, rank_all=True))
        self.since_ms: int | None = None
        self._ranks = np.zeros((2, LISTED + 1), np.int64)
        self._only = np.zeros(2, np.int64)
        self._recent = np.zeros(0, np.int8)

    def learn_many(self, batch: pa.RecordBatch, served: Ranks) -> None:
        """Learns a batch that the served model has learned, which had given these ranks (`learn_asked`)."""
        if self.since_ms is None and batch.num_rows:
            self.since_ms = int(batch["event_time_ms"][0].as_py())
        own = self.model.learn_asked(batch)
        self.model.keep_to_itself()
        both = (served >= 0) & (own >= 0)
        self._count(_places(served[both]), _places(own[both]))

    def _count(self, served: np.ndarray, own: np.ndarray) -> None:
        """Counts whole numbers only: sums of fractions would depend on how events were cut."""
        for row, places in ((SERVED, served), (SHADOW, own)):
            self._ranks[row] += np.bincount(places, minlength=LISTED + 1)
        right, own_right = served > 0, own > 0
        who = np.where(right == own_right, _SAME, np.where(right, SERVED, SHADOW)).astype(np.int8)
        self._only += [int((who == SERVED).sum()), int((who == SHADOW).sum())]
        self._recent = np.concatenate([self._recent, who])[-WINDOW:]

    def counters(self) -> dict[str, float]:
        """Hit rate and MRR at 10 of both on the questions that both were asked, and McNemar's test of the last 5,000."""
        predictions = int(self._ranks[SERVED].sum())
        window = compared(*(int((self._recent == who).sum()) for who in (SERVED, SHADOW)))
        return {
            "predictions": float(predictions),
            **self._figures("served", SERVED, predictions),
            **self._figures("shadow", SHADOW, predictions),
            "only_served": float(self._only[SERVED]),
            "only_shadow": float(self._only[SHADOW]),
            "window_predictions": float(len(self._recent)),
            "window_only_served": float(window.only_first),
            "window_only_shadow": float(window.only_second),
            "window_p": window.p,
        }

    def _figures(self, name: str, row: int, predictions: int) -> dict[str, float]:
        hits = self._ranks[row, 1:]
        reciprocal = float((hits / np.arange(1, LISTED + 1)).sum())
        asked = max(predictions, 1)
        return {f"{name}_hit_rate_at_10": int(hits.sum()) / asked, f"{name}_mrr_at_10": reciprocal / asked}

    def payload(self, served_version: int) -> bytes:
        """What is published of it, beside the served model of this version."""
        now_ms = self.model.mix.now_ms
        since_ms = now_ms if self.since_ms is None else self.since_ms
        return msgspec.msgpack.encode(
            ShadowPayload(served_version, now_ms, since_ms, self.settings, self.counters())
        )

    def digest(self) -> str:
        """A digest of all that was learned and counted."""
        counted = [self.since_ms, self._ranks.tolist(), self._only.tolist(), self._recent.tobytes()]
        told = msgspec.msgpack.encode([self.model.digest(), counted])
        return hashlib.blake2b(told, digest_size=16).hexdigest()

    def snapshot(self) -> dict[str, Any]:
        """Everything held, to be pickled at once."""
        return {
            "settings": settings_of(self.model.mix),
            "model": self.model.snapshot(),
            "since_ms": self.since_ms,
            "counted": [self._ranks, self._only, self._recent],
        }

    def goes_on_from(self, read: Mapping[str, Any]) -> bool:
        """Whether a snapshot is of a shadow with the same settings, however they were written."""
        return bool(read["settings"] == settings_of(self.model.mix))

    def load(self, read: Mapping[str, Any]) -> None:
        """Take the content of a `snapshot`."""
        self.model, self.since_ms = Recommender.from_snapshot(read["model"]), read["since_ms"]
        self._ranks, self._only, self._recent = (column.copy() for column in read["counted"])


def _places(ranks: Ranks) -> np.ndarray:
    """The rank among the items listed, 0 behind them."""
    return np.where(ranks <= LISTED, ranks, 0)
