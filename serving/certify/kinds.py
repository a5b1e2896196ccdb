"""What a column holds, apart from how a writer laid it out: types by their canonical names.

>>> kind_name(pa.dictionary(pa.int8(), pa.large_string())), kind_name(pa.list_(pa.field("element", pa.int8())))
('string', 'list<int8>')
"""

from typing import Final

import pyarrow as pa

_PLAIN: Final = {
    pa.large_string(): pa.string(), pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(), pa.binary_view(): pa.binary(),
}  # fmt: skip


def plain_kind(kind: pa.DataType) -> pa.DataType:
    """Return the type without its layout: dictionary, run-end and large forms are how values are kept."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain_kind(kind.value_type)
    return _PLAIN.get(kind, kind)


def kind_name(kind: pa.DataType) -> str:
    """Return the name under which a type is compared; the names of list elements are their writers' own."""
    kind = plain_kind(kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{kind_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{field.name}: {kind_name(field.type)}' for field in kind)}>"
    return str(kind)


def plain(column: pa.Array) -> pa.Array:
    """Return a column in the layout of its plain type."""
    wanted = plain_kind(column.type)
    return column if column.type == wanted else column.cast(wanted)
