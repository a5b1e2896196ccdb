"""What items are of: under which ids of scopes that follow from the item an event counts.

An event without an item is of `none`; an item that has no row is of `unknown`, one whose row does not say of
`none` again.

>>> from schemas.events import EVENT_SCHEMA
>>> rows = [{"item_id": item} for item in ("i1", "i2", "i3", None)]
>>> view = EventView(pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA))
>>> ids_of_items(view, np.arange(4), {"i1": "m1", "i2": None}).to_pylist()
['m1', 'none', 'unknown', 'none']
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from schemas.metrics import NO_ID, UNKNOWN_ID
from transforms.event_view import EventView, Rows

Column = Mapping[str, str | None]
"""What each item with a row is of; None where the row does not say."""


@dataclass(frozen=True)
class ItemIds:
    """The merchant and the category of every item with a row."""

    merchants: Column = field(default_factory=dict)
    categories: Column = field(default_factory=dict)


def ids_of_items(events: EventView, rows: Rows, known: Column) -> pa.DictionaryArray:
    """Return what the items of some events are of; a look-up for each distinct item."""
    if not known:
        codes = (events.hashes("item_id")[rows] != 0).astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array([NO_ID, UNKNOWN_ID]))
    items = events.events["item_id"].take(pa.array(rows)).dictionary_encode(null_encoding="encode")
    named = [
        NO_ID if item is None else known.get(item, UNKNOWN_ID) or NO_ID
        for item in items.dictionary.to_pylist()
    ]
    return pa.DictionaryArray.from_arrays(items.indices.cast(pa.int32()), pa.array(named, pa.string()))
