"""What feature views need of a batch of accepted events, and the same as the columns that kernels read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.keys import US
from transforms import event_kernels as kernels
from transforms import views
from transforms.dimensions import NEVER_MS, Coded, DimensionRows, Places
from transforms.event_view import EventView
from transforms.features.fields import KINDS, MISSING, NUMBERS, STAGES, TEXTS
from transforms.intake import ID_HASH
from transforms.metrics.partials import NEW_PRODUCT_MS
from transforms.state.hashing import hash_text

Array = npt.NDArray[Any]

_OF_EVENTS: Final = ("user_id", "item_id", "room_id", "session_id", "creator_id", "traffic_source")
_WEIGHT: Final = np.uint64(0x9E3779B97F4A7C15)
_STAGE_OF: Final = np.array([STAGES.get(kind, MISSING) for kind in range(KINDS)], np.int64)
_NAMED: Final = 2
"""The places of dimensions below this one name nothing: no id, and an unknown one."""
_SENT: Final = (
    "amount_minor",
    "quantity",
    "dwell_ms",
    "list_price_minor",
    "launched_ms",
    "is_new",
    "has_coupon",
)
_COUNTING: Final = np.array(
    [kernels.ENTRY, kernels.IMPRESSION, kernels.CLICK, kernels.FOLLOW, kernels.PLACED, kernels.PAID, kernels.CANCELLED,
     kernels.REFUNDED]
)  # fmt: skip


def feature_events(events: EventView, dimensions: DimensionRows) -> pa.RecordBatch:
    """Return the events that any view may take: their kind, time, hashes, numbers and ids.

    Ghost exposures and what is no event of a user's are left out. What an item's dimension does not say is null.
    """
    kept = np.flatnonzero(np.isin(events.kinds, _COUNTING) & ~events.ghosts)
    whole = len(kept) == len(events)
    rows = events.events if whole else events.events.take(pa.array(kept))
    items = dimensions.items.places(events.hashes("item_id")[kept])
    lines = _line_hashes(hash_text(rows["order_id"], seed=1), events.hashes("item_id")[kept])
    columns = {
        "kind": pa.array(events.kinds[kept]),
        "event_time_ms": pa.array(events.times_ms[kept]),
        "event": rows[ID_HASH],
        "line": pa.array(lines),
        **_numbers(rows, events.times_ms[kept], items, dimensions),
        **{name: rows[name] for name in _OF_EVENTS},
        "category_id": _named(dimensions.items.scopes["category"], items),
        "merchant_id": _named(dimensions.items.scopes["merchant"], items),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _numbers(
    rows: pa.RecordBatch, times_ms: Array, items: Places, dimensions: DimensionRows
) -> dict[str, pa.Array]:
    launched = dimensions.launched_ms[items]
    age_ms = times_ms - launched
    return {
        "amount_minor": rows["amount_minor"],
        "quantity": rows["quantity"],
        "dwell_ms": rows["dwell_ms"],
        "list_price_minor": _known(dimensions.list_prices_minor[items], MISSING),
        "launched_ms": _known(launched, NEVER_MS),
        "is_new": pa.array(((age_ms >= 0) & (age_ms <= NEW_PRODUCT_MS)).astype(np.int8)),
        "has_coupon": pa.array(views.known(rows["coupon_id"]).astype(np.int8)),
    }


def _line_hashes(orders: Array, items: Array) -> Array:
    """Hash (order, item); the two are mixed with different weights."""
    hashes = orders ^ (items * _WEIGHT)
    return np.where(hashes == 0, np.uint64(1), hashes)


def _known(numbers: Array, nothing: int) -> pa.Array:
    return pa.array(numbers, mask=numbers == nothing)


def _named(coded: Coded, items: Places) -> pa.DictionaryArray:
    """Return the ids that follow from items, null where none is named."""
    held = coded.encoded_at(items)
    indices = pa.array(views.numbers(held.indices, np.int32), mask=coded.codes[items] < _NAMED)
    return pa.DictionaryArray.from_arrays(indices, held.dictionary)


@dataclass(frozen=True)
class FeatureRows:
    """Events as columns: numbers and hashes of texts have a row a field, in the order of `NUMBERS` and `TEXTS`."""

    kinds: Array
    signs: Array
    times_ms: Array
    events: Array
    lines: Array
    numbers: Array
    hashes: Array
    texts: dict[str, pa.Array]

    def __len__(self) -> int:
        return len(self.kinds)

    @cached_property
    def newest_ms(self) -> int:
        """The time of the newest event, that of nothing for none."""
        return int(self.times_ms.max()) if len(self) else MISSING

    @classmethod
    def of(cls, batch: pa.RecordBatch, timezone: str) -> "FeatureRows":
        """Read what `feature_events` returned."""
        # Copies: kernels are compiled for one kind of array, which may be written to.
        kinds, times, events, lines = (
            views.numbers(batch[name], kind).copy()
            for name, kind in (
                ("kind", np.int8), ("event_time_ms", np.int64), ("event", np.uint64), ("line", np.uint64),
            )
        )  # fmt: skip
        numbers = np.full((len(NUMBERS), batch.num_rows), MISSING, np.int64)
        for name in _SENT:
            _fill(numbers[NUMBERS.index(name)], batch[name])
        numbers[NUMBERS.index("event_time_ms")] = times
        moments = (
            batch["event_time_ms"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.timestamp("ms", tz=timezone))
        )
        numbers[NUMBERS.index("hour")] = pc.hour(moments).to_numpy(zero_copy_only=False)
        numbers[NUMBERS.index("stage")] = _STAGE_OF[kinds]
        texts = {name: batch[name] for name in TEXTS}
        hashes = np.empty((len(TEXTS), batch.num_rows), np.uint64)
        for place, column in enumerate(texts.values()):
            hashes[place] = _hashes(column)
        return cls(kinds, np.ones(len(times), np.int8), times, events, lines, numbers, hashes, texts)

    def ids(self, entity: Sequence[str], rows: Array) -> pa.StringArray:
        """Return under what the entities of some rows are stored (`entity_id`)."""
        at = pa.array(rows)
        columns = [self.texts[name].take(at).cast(pa.string()) for name in entity]
        return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, US)

    def named(self, field: int, rows: Array) -> pa.StringArray:
        """Return the texts of a field in some rows."""
        return self.texts[TEXTS[field]].take(pa.array(rows)).cast(pa.string())


def _fill(out: Array, column: pa.Array) -> None:
    if column.null_count == len(column):
        return
    kinds = {pa.int8(): np.int8, pa.int32(): np.int32}
    known = views.known(column)
    out[known] = views.numbers(column, kinds.get(column.type, np.int64))[known]


def _hashes(column: pa.Array) -> Array:
    if not pa.types.is_dictionary(column.type):
        return hash_text(column)
    of_names = np.append(hash_text(column.dictionary.cast(pa.string())), np.uint64(0))
    return of_names[column.indices.fill_null(len(column.dictionary)).to_numpy(zero_copy_only=False)]
