"""An event as canonical JSON: the bytes that stand for a row that came without bytes of its own.

>>> from schemas.events import EVENT_SCHEMA
>>> row = {"event_id": "e", "event_time": 5, "event_type": "follow"}
>>> canonical_json(pa.RecordBatch.from_pylist([row], schema=EVENT_SCHEMA))
[b'{"event_id":"e","event_type":"follow","event_time":5}']
"""

import msgspec
import pyarrow as pa

from schemas.events import EVENT_SCHEMA

_ENCODE = msgspec.json.Encoder().encode


def canonical_json(events: pa.RecordBatch) -> list[bytes]:
    """Return each event as compact JSON, fields in schema order, nulls left out, times in milliseconds."""
    columns = []
    for field in EVENT_SCHEMA:
        column = events[field.name]
        columns.append(column.view(pa.int64()) if pa.types.is_timestamp(field.type) else column)
    names = EVENT_SCHEMA.names
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [
        _ENCODE({name: value for name, value in zip(names, row, strict=True) if value is not None})
        for row in rows
    ]
