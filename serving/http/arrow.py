"""An answer's rows as an Arrow IPC stream; all else that it says stands in the schema's metadata, as JSON."""

import types
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec
import pyarrow as pa

from serving.http.problems import RequestError

_TYPES: Final = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
_MOMENT: Final = pa.timestamp("ms", "UTC")
_MOMENTS: Final = ("window_start",)
METADATA: Final = "interestream"


def rows_stream(answer: msgspec.Struct) -> bytes:
    """Return the field `rows` as a stream of one batch; columns are the fields of a row."""
    row_type = _row_type(answer)
    rows = answer.rows  # type: ignore[attr-defined]
    hints = get_type_hints(row_type)
    names = row_type.__struct_fields__
    arrays = [_array(name, hints[name], [getattr(row, name) for row in rows]) for name in names]
    rest = {name: getattr(answer, name) for name in answer.__struct_fields__ if name != "rows"}
    schema = pa.schema(
        [(name, array.type) for name, array in zip(names, arrays, strict=True)],
        metadata={METADATA: msgspec.json.encode(rest)},
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return bytes(sink.getvalue())


def _row_type(answer: msgspec.Struct) -> type[msgspec.Struct]:
    hint = get_type_hints(type(answer)).get("rows")
    if hint is None:
        raise RequestError(406, "This answer has no rows, so it has no form as Arrow.")
    (row_type,) = get_args(hint)
    return row_type


def _array(name: str, hint: Any, values: list[Any]) -> pa.Array:
    if name in _MOMENTS:
        return (
            pa.array([None if text is None else text.removesuffix("Z") for text in values], pa.string())
            .cast(pa.timestamp("ms"))
            .cast(_MOMENT)
        )
    if any(get_origin(each) is dict for each in get_args(hint)):
        numbers = [None if each is None else list(each.items()) for each in values]
        return pa.array(numbers, pa.map_(pa.string(), pa.float64()))
    kinds = [each for each in (get_args(hint) if _is_union(hint) else (hint,)) if each is not type(None)]
    return pa.array(values, _TYPES.get(kinds[0], pa.string()))


def _is_union(hint: Any) -> bool:
    return isinstance(hint, types.UnionType)
