"""`PaidLines`: what is known of every paid order line after cancellations and refunds, as differences.

A line counts from its earliest payment on, with what was paid less what was refunded, and not at all once it is
cancelled or wholly refunded. Each event's difference is emitted as a line taken back (sign -1) and one given (+1), so
that the sum is a function of the set of events. Cancellations and refunds count within the order horizon of the
payment. Cost: about 0.3 µs an order event, 250 bytes a line.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from transforms import event_kernels
from transforms.features import line_kernels as kernels
from transforms.features.events import FeatureRows
from transforms.features.fields import NET_PAID, NUMBERS, TEXTS
from transforms.pacing import Sweep
from transforms.state import spill
from transforms.state.columns import Columns
from transforms.state.index import HashIndex

_FORGET_SHARE: Final = 0.25
_SWEEPS_A_HORIZON: Final = 32
_NAMES: Final = (
    "paid", "refunded", "payments", "cancelled", "cancelled_ms", "refunded_ms", "pay_ms", "pay_event", "seen_ms",
)  # fmt: skip

Array = npt.NDArray[Any]


class PaidLines:
    """The order lines of the last `horizon_ms`."""

    def __init__(self, horizon_ms: int, lateness_ms: int) -> None:
        self._horizon_ms, self._lateness_ms = horizon_ms, lateness_ms
        self._index = HashIndex()
        self._lines = Columns(
            key=np.uint64, paid=np.int64, refunded=np.int64, payments=np.int32, cancelled=np.uint8,
            cancelled_ms=np.int64, refunded_ms=np.int64, pay_ms=np.int64, pay_event=np.uint64, seen_ms=np.int64,
        )  # fmt: skip
        self._numbers = np.zeros((0, len(NUMBERS)), np.int64)
        self._hashes = np.zeros((0, len(TEXTS)), np.uint64)
        self._sweep = Sweep(horizon_ms // _SWEEPS_A_HORIZON)

    def __len__(self) -> int:
        return len(self._index)

    def absorb(self, rows: FeatureRows) -> FeatureRows:
        """Take events; return what they take back and give."""
        chosen = np.flatnonzero(rows.kinds >= event_kernels.PAID)
        count = len(chosen)
        self._index.reserve(count)
        self._lines.reserve(count)
        self._numbers = _with_rows(self._numbers, len(self._index) + count)
        self._hashes = _with_rows(self._hashes, len(self._index) + count)
        out = (
            np.empty(2 * count, np.int8), np.empty(2 * count, np.int64), np.empty(2 * count, np.uint64),
            np.empty((len(NUMBERS), 2 * count), np.int64), np.empty((len(TEXTS), 2 * count), np.uint64),
        )  # fmt: skip
        used, emitted = kernels.absorb(
            rows.kinds[chosen], rows.lines[chosen], rows.times_ms[chosen], rows.events[chosen],
            np.ascontiguousarray(rows.numbers[:, chosen]), np.ascontiguousarray(rows.hashes[:, chosen]),
            NUMBERS.index("amount_minor"), self._horizon_ms, self._index.keys, self._index.rows, len(self._index),
            *(self._lines.raw(name) for name in _NAMES), self._numbers, self._hashes, self._lines.raw("key"), out,
        )  # fmt: skip
        self._index.grown_to(used)
        self._lines.grown_to(used)
        signs, times, events, numbers, hashes = (each[..., :emitted] for each in out)
        return FeatureRows(
            np.full(emitted, NET_PAID, np.int8), signs, times, events, events,
            np.ascontiguousarray(numbers), np.ascontiguousarray(hashes), {},
        )  # fmt: skip

    def forget(self, watermark_ms: int) -> None:
        """Forget lines that no acceptable event can still change, once they are a quarter of all."""
        if not self._sweep.is_due(watermark_ms):
            return
        old = self._lines["seen_ms"] < watermark_ms - self._lateness_ms - self._horizon_ms
        if old.sum() < max(1000, _FORGET_SHARE * len(old)):
            return
        kept = np.flatnonzero(~old)
        self._lines.keep(kept)
        self._numbers, self._hashes = self._numbers[kept], self._hashes[kept]
        self._index = HashIndex()
        self._index.rows_of(self._lines["key"])

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        count = len(self._index)
        return {
            "lines": self._lines.state(), "numbers": self._numbers[:count], "hashes": self._hashes[:count],
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self._lines.load(state["lines"])
        self._numbers, self._hashes = np.array(state["numbers"]), np.array(state["hashes"])
        self._index = HashIndex()
        self._index.rows_of(self._lines["key"])


def _with_rows(matrix: Array, needed: int) -> Array:
    if len(matrix) >= needed:
        return matrix
    width = matrix.shape[1]
    return spill.grown(matrix.reshape(-1), needed * width).reshape(-1, width)
