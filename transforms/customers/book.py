"""`CustomerBook`: every user's payments to every merchant, and which of them are of new customers or of repurchases.

The first order of a user with a merchant is a new customer's; a later one at most 30 days after the one
before it is a repurchase. A late payment may come before all others, so the payments that it could still move are
held; of earlier ones there is only the time of the last. A payment costs about a microsecond for each scope, and is
held in 53 bytes and 4 for each scope until the order horizon and twice the allowed lateness have passed, its order in
25 and its id, its line in 22; a user and merchant cost 25 bytes for ever.

Base and fact channel of a payment may also be decided by its session's live events, before it or after
(`SessionFacts`): what was booked then moves, as it does in the order book.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.metrics import EVENT_TIME_COUNTS, NO_ID, SCOPES
from transforms.customers import kernels
from transforms.metrics.partials import PLATFORM_ID, partials_batch
from transforms.metrics.session_facts import UNPUBLISHED, SessionFacts, settled
from transforms.pacing import Sweep
from transforms.state import spill
from transforms.state.columns import Columns
from transforms.state.hashing import hash_text
from transforms.state.index import HashIndex, first_rows
from transforms.state.names import Names
from transforms.state.texts import Texts

COUNTS: Final = (
    "new_customer_gmv_minor",
    "new_customer_orders",
    "repurchase_gmv_minor",
    "repurchase_orders",
)
"""In the order of the kernels' columns."""
_UNKNOWN: Final = -1

_PLACES: Final = [EVENT_TIME_COUNTS.index(name) for name in COUNTS]
_BASE: Final = SCOPES.index("base")
_FACT: Final = SCOPES.index("fact_channel")
_RECORD: Final = ("time", "amount", "flag", "order", "pair", "next_of_pair", "next_of_order")
_FORGET_SHARE: Final = 0.25
_FORGET_LEAST: Final = 1000
_SWEEPS_A_REACH: Final = 32

Array = npt.NDArray[Any]
Lines = npt.NDArray[np.uint64]
"""Order lines by their hashes."""
Codes = npt.NDArray[np.int32]


class CustomerBook:
    """All payments of one shard of users."""

    def __init__(self, order_horizon_ms: int, lateness_ms: int) -> None:
        self._horizon_ms, self._lateness_ms = order_horizon_ms, lateness_ms
        # A live event moves payments of up to the lateness and a minute before it; each beside those of its order.
        self._reach_ms = order_horizon_ms + lateness_ms + kernels.MINUTE_MS
        self._sweep = Sweep(self._reach_ms // _SWEEPS_A_REACH)
        self._pairs, self._orders, self._names = HashIndex(), HashIndex(), Names()
        self._facts, self._settled = SessionFacts(lateness_ms), 0
        self._pair = Columns(head=np.int32, bought_before=np.int64)
        self._order, self._order_ids = Columns(head=np.int32), Texts()
        self._record = Columns(
            time=np.int64, amount=np.int64, flag=np.int8, order=np.int32, pair=np.int32,
            next_of_pair=np.int32, next_of_order=np.int32,
            session=np.uint64, own_base=np.int32, own_fact=np.int32, line=np.int32,
        )  # fmt: skip
        self._codes = np.zeros((0, len(SCOPES)), np.int32)
        self._lines, self._line = HashIndex(), Columns(hash=np.uint64, is_new=np.int8)
        self._judged = np.zeros(0, np.int32)

    def __len__(self) -> int:
        return len(self._record)

    def absorb(self, payments: pa.RecordBatch, facts: pa.RecordBatch | None = None) -> pa.RecordBatch:
        """Take payments (`payments_of`) and live events (`facts_of`); return what they change, as partial sums."""
        return self._partials(np.concatenate([*self._learn(facts), self._absorb(payments)]))

    def _absorb(self, payments: pa.RecordBatch) -> Array:
        if not payments.num_rows:
            return np.zeros((0, 5), np.int64)
        touched = np.unique(self._held(payments))
        pair, record = self._pair, self._rows()
        room = kernels.held_of(touched, pair["head"], self._record["next_of_pair"])
        rows, flags = np.empty(room, np.int64), np.empty(room, np.int8)
        changed = kernels.judge(
            touched, pair["head"], pair["bought_before"], record, self._order_ids.data, self._order_ids.ends,
            self._horizon_ms, rows, flags,
        )  # fmt: skip
        out = np.empty((max(changed, 1) * len(SCOPES) * kernels.EMISSIONS, 5), np.int64)
        used = kernels.rebook(
            rows[:changed], flags[:changed], record, self._codes, self._order["head"], self._horizon_ms, out
        )
        self._note(rows[:changed], flags[:changed])
        return out[:used]

    def _note(self, rows: Array, flags: Array) -> None:
        """Put down whether the lines of some payments are of new customers; all payments of a line are alike."""
        lines = self._record["line"][rows]
        self._line["is_new"][lines] = flags == kernels.NEW
        self._judged = lines

    def take_judged(self, others: Lines) -> tuple[Lines, npt.NDArray[np.int8]]:
        """Return the lines that the last payments changed, and these others, and whether they are of new customers.

        A line is of a new customer (1) if it is one of a user's first order with the merchant, else not (0); -1 where
        its payment is not held: not known yet, or of old.
        """
        known = self._lines.find(others)
        judged, self._judged = self._judged, np.zeros(0, np.int32)
        lines = np.concatenate([self._line["hash"][judged], others])
        at = np.concatenate([judged, known])
        flags = np.full(len(lines), _UNKNOWN, np.int8)
        flags[at >= 0] = self._line["is_new"][at[at >= 0]]
        return lines, flags

    def _held(self, payments: pa.RecordBatch) -> npt.NDArray[np.int32]:
        """Hold payments; returns the user and merchant of each, as a number."""
        count, first = payments.num_rows, len(self._record)
        users = payments["user"].to_numpy()
        pairs = self._pairs.rows_of(kernels.paired(users, payments["merchant"].to_numpy()))
        more = len(self._pairs) - len(self._pair)
        self._pair.extend(more, head=np.full(more, -1), bought_before=np.full(more, kernels.NEVER_MS))
        known, order_ids = len(self._order), payments["order_id"]
        orders = self._orders.rows_of(kernels.paired(users, hash_text(order_ids)))
        more = len(self._orders) - known
        self._order.extend(more, head=np.full(more, -1))
        self._order_ids.extend(order_ids.take(pa.array(first_rows(orders, known, len(self._orders)))))
        self._codes = _with_rows(self._codes, first + count)
        codes, own_base, own_fact = self._codes_of(payments)
        self._codes[first : first + count] = codes
        self._record.extend(
            count, time=payments["event_time_ms"].to_numpy(), amount=payments["amount_minor"].to_numpy(),
            order=orders, pair=pairs, line=self._lines_of(payments),
            session=payments["session"].to_numpy(), own_base=own_base, own_fact=own_fact,
        )  # fmt: skip
        kernels.link(first, self._rows(), self._pair["head"], self._order["head"])
        return pairs

    def _lines_of(self, payments: pa.RecordBatch) -> npt.NDArray[np.int32]:
        """Return the line of each payment, as a number."""
        hashes, known = payments["line"].to_numpy(), len(self._lines)
        lines = self._lines.rows_of(hashes)
        more = len(self._lines) - known
        self._line.extend(more, hash=hashes[first_rows(lines, known, known + more)])
        return lines

    def _rows(self) -> tuple[Array, ...]:
        return tuple(self._record[name] for name in _RECORD)

    def _codes_of(self, payments: pa.RecordBatch) -> tuple[Codes, Codes, Codes]:
        """Return the codes of each payment's ids in every scope, and those of its own base and fact channel."""
        codes = np.empty((payments.num_rows, len(SCOPES)), np.int32)
        for number, scope in enumerate(SCOPES):
            if scope == "platform":
                codes[:, number] = self._names.codes(pa.array([PLATFORM_ID]))[0]
            elif f"scope_{scope}" in payments.schema.names:
                codes[:, number] = self._names.codes(payments[f"scope_{scope}"].fill_null(NO_ID))
            else:
                codes[:, number] = UNPUBLISHED
        own = codes[:, _BASE].copy(), codes[:, _FACT].copy()
        minutes = payments["event_time_ms"].to_numpy() // kernels.MINUTE_MS
        resolved = self._facts.resolved(self._names, payments["session"].to_numpy(), minutes, *own)
        codes[:, _BASE], codes[:, _FACT] = resolved
        return codes, *own

    def _learn(self, facts: pa.RecordBatch | None) -> Iterator[Array]:
        """Take live events; yield what moves of all that was booked before."""
        changed = self._facts.learn(facts) if facts is not None else np.zeros(0, np.uint64)
        if not len(changed):
            return
        record = self._record
        rows = self._settled + np.flatnonzero(np.isin(record["session"][self._settled :], changed))
        minutes = record["time"][rows] // kernels.MINUTE_MS
        own = record["own_base"][rows], record["own_fact"][rows]
        resolved = self._facts.resolved(self._names, record["session"][rows], minutes, *own)
        for scope, codes in zip((_BASE, _FACT), resolved, strict=True):
            out = np.empty((max(len(rows), 1) * kernels.EMISSIONS, 5), np.int64)
            used = kernels.recode(
                rows, scope, codes, self._rows(), self._codes, self._order["head"], self._horizon_ms, out
            )
            yield out[:used]

    def _partials(self, emitted: Array) -> pa.RecordBatch:
        cells, sums = _summed(emitted)
        adds = np.zeros((len(cells), len(EVENT_TIME_COUNTS)), np.int64)
        adds[:, _PLACES] = sums
        return partials_batch("e", cells[:, 0], self._names.take(cells[:, 1]), cells[:, 2], adds)

    def forget(self, watermark_ms: int) -> None:
        """Let go of purchases that no acceptable payment can still move or join, once they are a quarter of all.

        `watermark_ms` is less the allowed lateness: nothing older can still be accepted.
        """
        self._settled = settled(
            self._record["time"], self._settled, watermark_ms + self._lateness_ms, self._lateness_ms
        )
        if not self._sweep.is_due(watermark_ms):
            return
        before_ms, record = watermark_ms - self._reach_ms, self._rows()
        if (self._record["time"] < before_ms).sum() < max(_FORGET_LEAST, _FORGET_SHARE * len(self)):
            return
        gone = np.zeros(len(self), np.uint8)
        kernels.let_go(
            self._pair["head"], self._pair["bought_before"], record, self._order_ids.data, self._order_ids.ends,
            before_ms, self._horizon_ms, gone,
        )  # fmt: skip
        self._keep(np.flatnonzero(gone == 0))

    def _keep(self, rows: Array) -> None:
        self._settled = int(np.searchsorted(rows, self._settled))
        self._codes = self._codes[rows]
        self._record.keep(rows)
        order_keys = self._orders.state()["keys"]
        kept, numbers = np.unique(self._record["order"], return_inverse=True)
        self._record["order"][:] = numbers
        self._order.keep(kept)
        self._order_ids.keep(kept)
        self._orders = HashIndex()
        self._orders.rows_of(order_keys[kept])
        kept, numbers = np.unique(self._record["line"], return_inverse=True)
        self._record["line"][:] = numbers
        self._line.keep(kept)
        self._lines = HashIndex()
        self._lines.rows_of(self._line["hash"])
        self._order["head"][:] = -1
        self._pair["head"][:] = -1
        kernels.link(0, self._rows(), self._pair["head"], self._order["head"])

    def _parts(self) -> dict[str, Any]:
        return {
            "pairs": self._pairs, "orders": self._orders, "names": self._names, "pair": self._pair,
            "order": self._order, "order_ids": self._order_ids, "record": self._record,
            "facts": self._facts, "lines": self._lines, "line": self._line,
        }  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return everything held, for a snapshot."""
        parts = {name: part.state() for name, part in self._parts().items()}
        return parts | {"codes": self._codes[: len(self)]}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        for name, part in self._parts().items():
            part.load(state[name])
        self._codes, self._settled = np.array(state["codes"]), 0


def _summed(emitted: Array) -> tuple[Array, Array]:
    """Sum emissions of one scope, id and minute; those that come to nothing are left out."""
    emitted = emitted[np.lexsort((emitted[:, 2], emitted[:, 1], emitted[:, 0]))]
    values = np.zeros((len(emitted), kernels.COLUMNS), np.int64)
    values[np.arange(len(emitted)), emitted[:, 3]] = emitted[:, 4]
    cells = emitted[:, :3]
    starts = np.flatnonzero(np.diff(cells, axis=0, prepend=-1).any(axis=1))
    sums = np.add.reduceat(values, starts, axis=0) if len(starts) else values
    kept = sums.any(axis=1)
    return cells[starts][kept], sums[kept]


def _with_rows(matrix: npt.NDArray[np.int32], needed: int) -> npt.NDArray[np.int32]:
    if len(matrix) >= needed:
        return matrix
    width = matrix.shape[1]
    return spill.grown(matrix.reshape(-1), needed * width).reshape(-1, width)
