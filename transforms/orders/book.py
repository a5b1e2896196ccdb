"""`OrderBook`: every order of the last `order_horizon`, and what each of its events changes elsewhere.

Three things need an order's other events: distinct orders a scope, refunds booked at the time the line was
paid, and the net amount of a line, which attribution credits. Each event costs about a microsecond for
each earlier event of the same order; a line keeps about 200 bytes.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.metrics import EVENT_TIME_COUNTS, NO_ID, ORDER_TIME_COUNTS, SCOPES
from transforms.metrics.partials import PLATFORM_ID, partials_batch
from transforms.orders import kernels
from transforms.pacing import Sweep
from transforms.state import spill
from transforms.state.columns import Columns
from transforms.state.hashing import hash_text
from transforms.state.index import HashIndex
from transforms.state.texts import Texts

STATUS_CODES: Final = {
    "placed": kernels.PLACED,
    "paid": kernels.PAID,
    "cancelled": kernels.CANCELLED,
    "refunded": kernels.REFUNDED,
}
"""The statuses that any figure needs; `shipped` and `delivered` change none."""

_COUNT_COLUMNS: Final = [
    EVENT_TIME_COUNTS.index(f"orders_{name}") for name in ("placed", "paid", "cancelled")
]
_LINE_STATE: Final = (
    "paid",
    "refunded",
    "payments",
    "pay_time",
    "pay_event",
    "user",
    "room",
    "merchant",
    "stray",
)
_FORGET_SHARE: Final = 0.25
_SWEEPS_A_HORIZON: Final = 32

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class OrderEffects:
    """What a batch of order events changes: counts, refunds by order time, lines to credit, open points."""

    counts: pa.RecordBatch
    by_order_time: pa.RecordBatch
    lines: pa.RecordBatch
    reconciliation: pa.RecordBatch


class OrderBook:
    """All order state of one shard."""

    def __init__(self, horizon_ms: int) -> None:
        self._horizon_ms = horizon_ms
        self._sweep = Sweep(horizon_ms // _SWEEPS_A_HORIZON)
        self._orders, self._line_index, self._names = HashIndex(), HashIndex(), HashIndex()
        self._name_texts = Texts()
        self._order = Columns(head=np.int32, first_line=np.int32, paid_lines=np.int32, seen=np.int64)
        self._record = Columns(status=np.int8, time=np.int64, next=np.int32)
        self._record_codes = np.zeros((0, len(SCOPES)), np.int32)
        self._line = Columns(
            paid=np.int64, refunded=np.int64, payments=np.int32, pay_time=np.int64, pay_event=np.uint64,
            user=np.uint64, room=np.uint64, merchant=np.uint64, stray=np.int64,
            hash=np.uint64, order=np.int32, next=np.int32, first_refund=np.int64, last_refund=np.int64, touched=np.uint8,
        )  # fmt: skip
        self._line_codes = np.zeros((0, len(SCOPES)), np.int32)
        self._order_ids, self._item_ids = Texts(), Texts()

    def __len__(self) -> int:
        return len(self._order)

    def absorb(self, events: pa.RecordBatch) -> OrderEffects:
        """Take order events in order of arrival (columns of `order_columns`)."""
        emitted = self._absorb(events, self._codes(events))
        touched = np.flatnonzero(self._line["touched"])
        self._line["touched"][touched] = 0
        return OrderEffects(
            self._counts(emitted),
            self._by_order_time(emitted),
            self._lines(touched),
            self._open_points(touched),
        )

    def _codes(self, events: pa.RecordBatch) -> npt.NDArray[np.int32]:
        codes = np.empty((events.num_rows, len(SCOPES)), np.int32)
        for scope, name in enumerate(SCOPES):
            if name == "platform":
                column = pa.array([PLATFORM_ID])
                codes[:, scope] = self._names_of(column)[0]
            else:
                codes[:, scope] = self._names_of(events[f"scope_{name}"].fill_null(NO_ID))
        return codes

    def _names_of(self, column: pa.StringArray) -> npt.NDArray[np.int32]:
        known = len(self._names)
        rows = self._names.rows_of(hash_text(column))
        if len(self._names) > known:
            _, first = np.unique(rows, return_index=True)
            self._name_texts.extend(column.take(pa.array(first[rows[first] >= known])))
        return rows

    def _absorb(self, events: pa.RecordBatch, codes: npt.NDArray[np.int32]) -> Array:
        count = events.num_rows
        self._orders.reserve(count)
        self._line_index.reserve(count)
        for columns in (self._order, self._record, self._line):
            columns.reserve(count)
        self._record_codes = _with_rows(self._record_codes, len(self._record) + count)
        self._line_codes = _with_rows(self._line_codes, len(self._line) + count)
        order_ids, item_ids = events["order_id"], events["item_id"]
        out = np.empty((4 * len(SCOPES) * max(count, 1), 5), np.int64)
        new_lines, known_lines = np.empty(count, np.int32), len(self._line)
        line, order = self._line.raw, self._order.raw
        orders, records, lines, used = kernels.absorb(
            self._orders.keys, self._orders.rows, len(self._orders),
            order("head"), order("first_line"), order("paid_lines"), order("seen"),
            (*(self._record.raw(name) for name in ("status", "time", "next")), self._record_codes),
            len(self._record),
            self._line_index.keys, self._line_index.rows, len(self._line_index),
            tuple(line(name) for name in _LINE_STATE), self._line_codes,
            line("hash"), line("order"), line("next"), line("first_refund"), line("last_refund"), line("touched"),
            hash_text(order_ids), _line_hashes(order_ids, item_ids), events["status"].to_numpy(),
            events["event_time_ms"].to_numpy(), events["event_hash"].to_numpy(), events["amount_minor"].to_numpy(),
            events["user"].to_numpy(), events["room"].to_numpy(), events["merchant"].to_numpy(),
            codes, self._horizon_ms, new_lines, out,
        )  # fmt: skip
        self._orders.grown_to(orders)
        self._order.grown_to(orders)
        self._record.grown_to(records)
        self._line_index.grown_to(lines)
        self._line.grown_to(lines)
        named = pa.array(new_lines[: lines - known_lines])
        self._order_ids.extend(order_ids.take(named))
        self._item_ids.extend(item_ids.take(named))
        return out[:used]

    def _counts(self, emitted: Array) -> pa.RecordBatch:
        rows = emitted[emitted[:, 3] != kernels.BY_ORDER_TIME]
        adds = np.zeros((len(rows), len(EVENT_TIME_COUNTS)), np.int64)
        adds[np.arange(len(rows)), np.array(_COUNT_COLUMNS)[rows[:, 3]]] = rows[:, 4]
        return partials_batch("e", rows[:, 0], self._name_texts.take(rows[:, 1]), rows[:, 2], adds)

    def _by_order_time(self, emitted: Array) -> pa.RecordBatch:
        rows = emitted[emitted[:, 3] == kernels.BY_ORDER_TIME]
        adds = rows[:, 4].reshape(-1, len(ORDER_TIME_COUNTS)).copy()
        return partials_batch("o", rows[:, 0], self._name_texts.take(rows[:, 1]), rows[:, 2], adds)

    def _lines(self, touched: Array) -> pa.RecordBatch:
        line = self._line
        paid = touched[line["payments"][touched] > 0]
        shares = np.zeros(len(paid), np.int64)
        kernels.order_shares(
            paid,
            line["hash"],
            line["order"],
            line["next"],
            self._order["first_line"],
            line["payments"],
            shares,
        )
        gross = line["paid"][paid]
        net = np.maximum(gross - line["refunded"][paid], 0)
        shares[(gross > 0) & (net == 0)] = 0
        return pa.record_batch(
            {
                "line": line["hash"][paid], "user": line["user"][paid], "order_id": self._order_ids.take(paid),
                "item_id": self._item_ids.take(paid), "pay_time_ms": line["pay_time"][paid], "net_minor": net,
                "micro_orders": shares, "room": line["room"][paid], "merchant": line["merchant"][paid],
            }
        )  # fmt: skip

    def _open_points(self, touched: Array) -> pa.RecordBatch:
        """Return both kinds of every refunded line, settled ones with amount 0."""
        line = self._line
        rows = touched[line["first_refund"][touched] > 0]
        paid, refunded = line["paid"][rows], line["refunded"][rows]
        orphan = line["payments"][rows] == 0
        lost = line["stray"][rows] + np.where(orphan, refunded, 0)
        return pa.record_batch(
            {
                "kind": ["orphan_refund"] * len(rows) + ["over_refund"] * len(rows),
                "order_id": self._order_ids.take(np.concatenate([rows, rows])),
                "item_id": self._item_ids.take(np.concatenate([rows, rows])),
                "amount_minor": np.concatenate([lost, np.where(orphan, 0, np.maximum(refunded - paid, 0))]),
                "event_time_ms": np.concatenate([line["first_refund"][rows], line["last_refund"][rows]]),
            },
            schema=_OPEN_POINTS,
        )

    def forget(self, watermark_ms: int) -> None:
        """Forget orders that no acceptable event can still belong to, once they are a quarter of all.

        `watermark_ms` is less the allowed lateness: nothing older can still be accepted.
        """
        if not self._sweep.is_due(watermark_ms):
            return
        before_ms = watermark_ms - self._horizon_ms
        old = self._order["seen"] < before_ms
        if not len(old) or old.sum() < max(1000, _FORGET_SHARE * len(old)):
            return
        kept_orders = np.flatnonzero(~old)
        kept_lines = np.flatnonzero(~old[self._line["order"]])
        kept_records = np.flatnonzero(~old[self._record_orders()])
        self._keep(kept_orders, kept_lines, kept_records)

    def _record_orders(self) -> npt.NDArray[np.int32]:
        owner = np.zeros(len(self._record), np.int32)
        following = self._record["next"]
        at, orders = self._order["head"].copy(), np.arange(len(self._order), dtype=np.int32)
        while len(at):
            held = at >= 0
            at, orders = at[held], orders[held]
            owner[at] = orders
            at = following[at]
        return owner

    def _keep(self, orders: Array, lines: Array, records: Array) -> None:
        order_keys = self._orders.state()["keys"][orders]
        new_order, new_line, new_record = (
            _renumbered(len(all_rows), kept)
            for all_rows, kept in ((self._order, orders), (self._line, lines), (self._record, records))
        )
        self._order.keep(orders)
        self._line.keep(lines)
        self._record.keep(records)
        self._record_codes, self._line_codes = self._record_codes[records], self._line_codes[lines]
        for columns, name, renumbered in (
            (self._order, "head", new_record), (self._order, "first_line", new_line),
            (self._line, "next", new_line), (self._record, "next", new_record), (self._line, "order", new_order),
        ):  # fmt: skip
            columns[name][:] = renumbered[columns[name]]
        self._order_ids.keep(lines)
        self._item_ids.keep(lines)
        self._orders, self._line_index = HashIndex(), HashIndex()
        self._orders.rows_of(order_keys)
        self._line_index.rows_of(self._line["hash"])

    def _parts(self) -> dict[str, Any]:
        return {
            "orders": self._orders, "line_index": self._line_index, "names": self._names,
            "name_texts": self._name_texts, "order": self._order, "record": self._record, "line": self._line,
            "order_ids": self._order_ids, "item_ids": self._item_ids,
        }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        parts = {name: part.state() for name, part in self._parts().items()}
        codes = {
            "record_codes": self._record_codes[: len(self._record)],
            "line_codes": self._line_codes[: len(self._line)],
        }
        return parts | codes

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        for name, part in self._parts().items():
            part.load(state[name])
        self._record_codes, self._line_codes = np.array(state["record_codes"]), np.array(state["line_codes"])


_OPEN_POINTS: Final = pa.schema(
    [("kind", pa.string()), ("order_id", pa.string()), ("item_id", pa.string()),
     ("amount_minor", pa.int64()), ("event_time_ms", pa.int64())]
)  # fmt: skip


def _line_hashes(order_ids: pa.StringArray, item_ids: pa.StringArray) -> npt.NDArray[np.uint64]:
    """Hash (order, item): the order's hash seeds nothing, so the two are mixed with different weights."""
    hashes = hash_text(order_ids, seed=1) ^ (hash_text(item_ids, seed=2) * np.uint64(0x9E3779B97F4A7C15))
    return np.where(hashes == 0, np.uint64(1), hashes)


def _renumbered(total: int, kept: Array) -> npt.NDArray[np.int32]:
    """Map old row numbers to new ones; -1 (none) stays -1, which the extra last place stands for."""
    numbers = np.full(total + 1, -1, np.int32)
    numbers[kept] = np.arange(len(kept), dtype=np.int32)
    return numbers


def _with_rows(matrix: npt.NDArray[np.int32], needed: int) -> npt.NDArray[np.int32]:
    if len(matrix) >= needed:
        return matrix
    width = matrix.shape[1]
    return spill.grown(matrix.reshape(-1), needed * width).reshape(-1, width)
