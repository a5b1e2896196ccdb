"""Sum a batch of accepted events into few rows: one a (scope, id, minute) that it touches.

This is what crosses a shuffle instead of events. Cost: about 0.3 µs an event for all scopes together.

>>> from datetime import UTC, datetime
>>> import pyarrow as pa
>>> from schemas.events import EVENT_SCHEMA
>>> row = {"event_type": "view", "event_time": datetime(2026, 1, 1, tzinfo=UTC), "room_id": "r"}
>>> sums = event_partials(pa.RecordBatch.from_pylist([row, row], schema=EVENT_SCHEMA))
>>> sums["id"].to_pylist()[:3], sums["e"].to_pylist()[0][:2]
(['all', 'r', 'none'], [2, 2])
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from schemas.metrics import EVENT_TIME_COUNTS, NO_ID, SCOPES
from transforms.state.hashing import mix
from transforms.state.index import HashIndex

MINUTE_MS: Final = 60_000
PLATFORM_ID: Final = "all"

_NOTHING, _ENTRY, _IMPRESSION, _CLICK, _FOLLOW, _PLACED, _PAID, _REFUNDED = range(8)
_COUNTS: Final = len(EVENT_TIME_COUNTS)
_SCOPE_COLUMNS: Final = {scope: f"{scope}_id" for scope in SCOPES} | {"traffic_source": "traffic_source"}
_DENSE_CELLS_A_ROW: Final = 4
_DENSE_CELLS: Final = 4096

(
    _VIEWS,
    _ENTRIES,
    _IMPRESSIONS,
    _CLICKS,
    _FOLLOWS,
    _DWELL,
    _,
    _,
    _,
    _UNITS,
    _GMV_PLACED,
    _GMV_PAID,
    _REFUNDS,
) = range(_COUNTS)

Array = npt.NDArray[Any]


def partials_batch(
    family: str, group: Array, ids: pa.StringArray, minute: Array, adds: Array
) -> pa.RecordBatch:
    """Return partial sums as a batch: scope or model, id, minute since the epoch, and a vector of addends."""
    vector = pa.FixedSizeListArray.from_arrays(pa.array(adds.reshape(-1)), adds.shape[1])
    return pa.record_batch(
        {
            "group": pa.array(group.astype(np.int8)),
            "id": ids,
            "minute": pa.array(minute.astype(np.int64)),
            family: vector,
        }
    )


def minutes_of(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return each event's minute since the epoch."""
    return batch["event_time"].view(pa.int64()).to_numpy(zero_copy_only=False) // MINUTE_MS


def event_partials(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Sum the base counts of every scope that needs no dimension; family `e`."""
    kinds, minutes = _kinds(batch), minutes_of(batch)
    first = int(minutes.min()) if len(minutes) else 0
    relative = minutes - first
    span = int(relative.max()) + 1 if len(minutes) else 1
    numbers = [_numbers(batch, name) for name in ("dwell_ms", "quantity", "amount_minor")]
    parts = []
    for group, scope in enumerate(SCOPES):
        codes, ids = _codes(batch, scope)
        cells = codes.astype(np.int64) * span + relative
        rows, used = _dense_rows(cells, len(ids) * span)
        adds = np.zeros((len(used), _COUNTS), np.int64)
        _accumulate(rows, kinds, *numbers, adds)
        parts.append((group, used // span, used % span + first, adds, ids))
    return _concatenate("e", parts)


def touch_partials(touches: pa.RecordBatch) -> pa.RecordBatch:
    """Count the touches (as `touches_of` returns them) of every channel; family `t`."""
    named, minutes = touches["channel"], touches["event_time_ms"].to_numpy() // MINUTE_MS
    first = int(minutes.min()) if len(minutes) else 0
    span = int(minutes.max()) - first + 1 if len(minutes) else 1
    cells = named.indices.to_numpy().astype(np.int64) * span + minutes - first
    rows, used = _dense_rows(cells, len(named.dictionary) * span)
    adds = np.bincount(rows, minlength=len(used)).astype(np.int64).reshape(-1, 1)
    ids = named.dictionary.take(pa.array(used // span))
    return partials_batch("t", np.zeros(len(used), np.int8), ids, used % span + first, adds)


def _concatenate(family: str, parts: list[tuple[int, Array, Array, Array, pa.StringArray]]) -> pa.RecordBatch:
    if not parts[0][1].size:
        return partials_batch(
            family, np.zeros(0), pa.array([], pa.string()), np.zeros(0), np.zeros((0, _COUNTS), np.int64)
        )
    kept = [(g, c[k], m[k], a[k], i) for g, c, m, a, i in parts for k in [a.any(axis=1)]]
    return partials_batch(
        family,
        np.concatenate([np.full(len(codes), group, np.int8) for group, codes, *_ in kept]),
        pa.concat_arrays([ids.take(pa.array(codes)) for _, codes, _, _, ids in kept]),
        np.concatenate([minute for _, _, minute, _, _ in kept]),
        np.concatenate([adds for *_, adds, _ in kept]),
    )


def _codes(batch: pa.RecordBatch, scope: str) -> tuple[npt.NDArray[np.int32], pa.StringArray]:
    if scope == "platform":
        return np.zeros(batch.num_rows, np.int32), pa.array([PLATFORM_ID])
    column = batch[_SCOPE_COLUMNS[scope]]
    if column.null_count == len(column):
        return np.zeros(batch.num_rows, np.int32), pa.array([NO_ID])
    encoded = column.dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy(), encoded.dictionary.fill_null(NO_ID)


def _dense_rows(cells: npt.NDArray[np.int64], space: int) -> tuple[Array, npt.NDArray[np.int64]]:
    """Number the distinct cells 0, 1, …; return each event's number and the cells."""
    if space <= max(_DENSE_CELLS, _DENSE_CELLS_A_ROW * len(cells)):
        return _number_dense(cells, space)
    index = HashIndex()
    rows = index.rows_of(_mixed(cells))
    used = np.empty(len(index), np.int64)
    used[rows] = cells
    return rows, used


@njit(cache=True, nogil=True)
def _mixed(cells):
    out = np.empty(len(cells), np.uint64)
    for i in range(len(cells)):
        out[i] = mix(np.uint64(cells[i]) + np.uint64(0x9E3779B97F4A7C15))
    return out


@njit(cache=True, nogil=True)
def _number_dense(cells, space):
    number = np.full(space, -1, np.int32)
    rows = np.empty(len(cells), np.int32)
    used = np.empty(min(space, len(cells)), np.int64)
    count = 0
    for i in range(len(cells)):
        cell = cells[i]
        if number[cell] < 0:
            number[cell] = count
            used[count] = cell
            count += 1
        rows[i] = number[cell]
    return rows, used[:count]


def _numbers(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    column = batch[name]
    if column.null_count == len(column):
        return np.zeros(1, np.int64)
    return column.fill_null(0).cast(pa.int64()).to_numpy(zero_copy_only=False)


def _kinds(batch: pa.RecordBatch) -> npt.NDArray[np.int8]:
    """Return what each event counts as; ghost exposures (`holdout`) and status changes without a count: nothing."""
    kinds = _by_value(batch["event_type"], {"view": _ENTRY, "click": _CLICK, "follow": _FOLLOW})
    items = batch["item_id"]
    if items.null_count < len(items):
        has_item = items.is_valid().to_numpy(zero_copy_only=False)
        kinds[(kinds == _ENTRY) & has_item] = _IMPRESSION
    if batch["holdout"].null_count < batch.num_rows:
        ghosts = batch["holdout"].fill_null(False).to_numpy(zero_copy_only=False)
        kinds[ghosts & (kinds <= _IMPRESSION)] = _NOTHING
    if batch["order_status"].null_count < batch.num_rows:
        orders = _by_value(batch["event_type"], {"order": 1}) == 1
        statuses = _by_value(batch["order_status"], {"placed": _PLACED, "paid": _PAID, "refunded": _REFUNDED})
        kinds[orders] = statuses[orders]
    return kinds


def _by_value(column: pa.StringArray, values: dict[str, int]) -> npt.NDArray[np.int8]:
    """Map a column of few distinct strings to small integers; others are 0."""
    if column.null_count == len(column):
        return np.zeros(len(column), np.int8)
    encoded = column.dictionary_encode(null_encoding="encode")
    mapped = np.array([values.get(value, 0) for value in encoded.dictionary.to_pylist()], np.int8)
    return mapped[encoded.indices.to_numpy()]


@njit(cache=True, nogil=True)
def _accumulate(rows, kinds, dwell, quantity, amount, adds):
    for i in range(len(rows)):
        kind = kinds[i]
        row = rows[i]
        if kind == _ENTRY or kind == _IMPRESSION:
            adds[row, _VIEWS] += 1
            adds[row, _ENTRIES if kind == _ENTRY else _IMPRESSIONS] += 1
            adds[row, _DWELL] += dwell[i] if len(dwell) > 1 else dwell[0]
        elif kind == _CLICK:
            adds[row, _CLICKS] += 1
        elif kind == _FOLLOW:
            adds[row, _FOLLOWS] += 1
        elif kind == _PLACED:
            adds[row, _GMV_PLACED] += amount[i] if len(amount) > 1 else amount[0]
        elif kind == _PAID:
            adds[row, _GMV_PAID] += amount[i] if len(amount) > 1 else amount[0]
            adds[row, _UNITS] += quantity[i] if len(quantity) > 1 else quantity[0]
        elif kind == _REFUNDED:
            adds[row, _REFUNDS] += amount[i] if len(amount) > 1 else amount[0]
