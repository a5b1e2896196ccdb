"""`OrderBook`: every order of the last `order_horizon`, and what each of its events changes elsewhere.

Three things need an order's other events: distinct orders a scope, refunds booked at the time the line was
paid, and the net amount of a line, which attribution credits. Each event costs about a microsecond for
each earlier event of the same order; an event keeps about 90 bytes and a line 300.

Under which base and fact channel an event counts may also be decided by its session's live events, before it or
after (`SessionFacts`): what was booked then moves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.metrics import EVENT_TIME_COUNTS, NO_ID, ORDER_TIME_COUNTS, SCOPES
from transforms.metrics.partials import PLATFORM_ID, partials_batch
from transforms.metrics.session_facts import UNPUBLISHED, SessionFacts, settled
from transforms.orders import kernels
from transforms.pacing import Sweep
from transforms.state import spill
from transforms.state.columns import Columns
from transforms.state.hashing import Hashes, hash_text
from transforms.state.index import HashIndex
from transforms.state.names import Names
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
    "session",
    "own_base",
    "own_fact",
    "stray",
)
_RECORD_PLACES: Final = ("order", "session", "own_base", "own_fact")
_BASE: Final = SCOPES.index("base")
_FACT: Final = SCOPES.index("fact_channel")
_FORGET_SHARE: Final = 0.25
_SWEEPS_A_HORIZON: Final = 32

Array = npt.NDArray[Any]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class OrderEffects:
    """What a batch of order events changes: counts, refunds by order time, lines to credit, open points."""

    counts: pa.RecordBatch
    by_order_time: pa.RecordBatch
    lines: pa.RecordBatch
    reconciliation: pa.RecordBatch


class OrderBook:
    """All order state of one shard."""

    def __init__(self, horizon_ms: int, lateness_ms: int) -> None:
        self._horizon_ms, self._lateness_ms = horizon_ms, lateness_ms
        self._sweep = Sweep(horizon_ms // _SWEEPS_A_HORIZON)
        self._orders, self._line_index, self._names = HashIndex(), HashIndex(), Names()
        self._facts, self._settled = SessionFacts(lateness_ms), 0
        self._order = Columns(head=np.int32, first_line=np.int32, paid_lines=np.int32, seen=np.int64)
        self._record = Columns(
            status=np.int8, time=np.int64, next=np.int32,
            order=np.int32, session=np.uint64, own_base=np.int32, own_fact=np.int32,
        )  # fmt: skip
        self._record_codes = np.zeros((0, len(SCOPES)), np.int32)
        self._line = Columns(
            paid=np.int64, refunded=np.int64, payments=np.int32, pay_time=np.int64, pay_event=np.uint64,
            user=np.uint64, room=np.uint64, merchant=np.uint64,
            session=np.uint64, own_base=np.int32, own_fact=np.int32, stray=np.int64,
            hash=np.uint64, order=np.int32, next=np.int32, first_refund=np.int64, last_refund=np.int64, touched=np.uint8,
        )  # fmt: skip
        self._line_codes = np.zeros((0, len(SCOPES)), np.int32)
        self._order_ids, self._item_ids = Texts(), Texts()

    def __len__(self) -> int:
        return len(self._order)

    def absorb(self, events: pa.RecordBatch, facts: pa.RecordBatch | None = None) -> OrderEffects:
        """Take order events in order of arrival (columns of `order_columns`), and live events (`facts_of`)."""
        moved = self._learn(facts)
        emitted = np.concatenate([*moved, self._absorb(events, *self._codes(events))])
        touched = np.flatnonzero(self._line["touched"])
        self._line["touched"][touched] = 0
        return OrderEffects(
            self._counts(emitted),
            self._by_order_time(emitted),
            self._lines(touched),
            self._open_points(touched),
        )

    def _codes(self, events: pa.RecordBatch) -> tuple[Codes, Codes, Codes]:
        """Return the codes of each event's ids in every scope, and those of its own base and fact channel."""
        codes = np.full((events.num_rows, len(SCOPES)), UNPUBLISHED, np.int32)
        names = set(events.schema.names)
        for scope, name in enumerate(SCOPES):
            if name == "platform":
                codes[:, scope] = self._names.codes(pa.array([PLATFORM_ID]))[0]
            elif f"scope_{name}" in names:
                codes[:, scope] = self._names.codes(events[f"scope_{name}"].fill_null(NO_ID))
        own = codes[:, _BASE].copy(), codes[:, _FACT].copy()
        sessions, minutes = (
            events["session"].to_numpy(),
            events["event_time_ms"].to_numpy() // kernels.MINUTE_MS,
        )
        codes[:, _BASE], codes[:, _FACT] = self._facts.resolved(self._names, sessions, minutes, *own)
        return codes, *own

    def _learn(self, facts: pa.RecordBatch | None) -> list[Array]:
        """Take live events; return what moves of all that was booked before."""
        changed = self._facts.learn(facts) if facts is not None else np.zeros(0, np.uint64)
        if not len(changed):
            return []
        record = self._record
        rows = self._settled + np.flatnonzero(np.isin(record["session"][self._settled :], changed))
        paid = record["order"][rows[record["status"][rows] == kernels.PAID]]
        return [*self._move_records(rows), *self._move_lines(np.unique(paid), changed)]

    def _move_records(self, rows: Array) -> Iterator[Array]:
        record = self._record
        base, fact = self._facts.resolved(
            self._names, 
            record["session"][rows], record["time"][rows] // kernels.MINUTE_MS,
            record["own_base"][rows], record["own_fact"][rows],
        )  # fmt: skip
        records = (*(record.raw(name) for name in ("status", "time", "next")), self._record_codes)
        for scope, codes in ((_BASE, base), (_FACT, fact)):
            out = np.empty((4 * max(len(rows), 1), 5), np.int64)
            used = kernels.move_records(
                records, self._order["head"], rows, record["order"][rows], scope, codes, self._horizon_ms, out
            )
            yield out[:used]

    def _move_lines(self, orders: Array, changed: Hashes) -> Iterator[Array]:
        """Move refunds booked by order time: the lines' payments are among the orders' records."""
        line = self._line
        rows = kernels.lines_of(orders, self._order["first_line"], line["next"])
        rows = rows[(line["payments"][rows] > 0) & np.isin(line["session"][rows], changed)]
        minutes = line["pay_time"][rows] // kernels.MINUTE_MS
        resolved = self._facts.resolved(
            self._names, line["session"][rows], minutes, line["own_base"][rows], line["own_fact"][rows]
        )
        for scope, codes in zip((_BASE, _FACT), resolved, strict=True):
            before, refunded = self._line_codes[rows, scope], line["refunded"][rows]
            moved = (before != codes) & (refunded != 0)
            for code, amount in ((before, -refunded), (codes, refunded)):
                columns = (scope, code[moved], minutes[moved], kernels.BY_ORDER_TIME, amount[moved])
                yield np.column_stack(np.broadcast_arrays(*columns)).astype(np.int64)
            self._line_codes[rows, scope] = codes

    def _absorb(self, events: pa.RecordBatch, codes: Codes, own_base: Codes, own_fact: Codes) -> Array:
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
            len(self._record), tuple(self._record.raw(name) for name in _RECORD_PLACES),
            self._line_index.keys, self._line_index.rows, len(self._line_index),
            tuple(line(name) for name in _LINE_STATE), self._line_codes,
            line("hash"), line("order"), line("next"), line("first_refund"), line("last_refund"), line("touched"),
            hash_text(order_ids), line_hashes(order_ids, item_ids), events["status"].to_numpy(),
            events["event_time_ms"].to_numpy(), events["event_hash"].to_numpy(), events["amount_minor"].to_numpy(),
            events["user"].to_numpy(), events["room"].to_numpy(), events["merchant"].to_numpy(),
            events["session"].to_numpy(), own_base, own_fact, codes, self._horizon_ms, new_lines, out,
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
        return partials_batch("e", rows[:, 0], self._names.take(rows[:, 1]), rows[:, 2], adds)

    def _by_order_time(self, emitted: Array) -> pa.RecordBatch:
        rows = emitted[emitted[:, 3] == kernels.BY_ORDER_TIME]
        adds = rows[:, 4].reshape(-1, len(ORDER_TIME_COUNTS)).copy()
        return partials_batch("o", rows[:, 0], self._names.take(rows[:, 1]), rows[:, 2], adds)

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
        self._settled = settled(
            self._record["time"], self._settled, watermark_ms + self._lateness_ms, self._lateness_ms
        )
        if not self._sweep.is_due(watermark_ms):
            return
        # What a live event may still move stays, however short the order horizon is.
        before_ms = watermark_ms - max(self._horizon_ms, self._lateness_ms + kernels.MINUTE_MS)
        old = self._order["seen"] < before_ms
        if not len(old) or old.sum() < max(1000, _FORGET_SHARE * len(old)):
            return
        kept_orders = np.flatnonzero(~old)
        kept_lines = np.flatnonzero(~old[self._line["order"]])
        kept_records = np.flatnonzero(~old[self._record["order"]])
        self._keep(kept_orders, kept_lines, kept_records)

    def _keep(self, orders: Array, lines: Array, records: Array) -> None:
        order_keys = self._orders.state()["keys"][orders]
        new_order, new_line, new_record = (
            _renumbered(len(all_rows), kept)
            for all_rows, kept in ((self._order, orders), (self._line, lines), (self._record, records))
        )
        self._order.keep(orders)
        self._line.keep(lines)
        self._record.keep(records)
        self._settled = int(np.searchsorted(records, self._settled))
        self._record_codes, self._line_codes = self._record_codes[records], self._line_codes[lines]
        for columns, name, renumbered in (
            (self._order, "head", new_record), (self._order, "first_line", new_line),
            (self._line, "next", new_line), (self._record, "next", new_record), (self._line, "order", new_order),
            (self._record, "order", new_order),
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
            "facts": self._facts, "order": self._order, "record": self._record, "line": self._line,
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
        self._settled = 0


_OPEN_POINTS: Final = pa.schema(
    [("kind", pa.string()), ("order_id", pa.string()), ("item_id", pa.string()),
     ("amount_minor", pa.int64()), ("event_time_ms", pa.int64())]
)  # fmt: skip


def line_hashes(order_ids: pa.StringArray, item_ids: pa.StringArray) -> npt.NDArray[np.uint64]:
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
