"""Equal results are equal bytes: rows in the order of their columns, whatever order they were read in."""

import pyarrow as pa
import pyarrow.compute as pc


def ordered(table: pa.Table) -> pa.Table:
    """Return the rows sorted by all columns from left to right, nulls last.

    Columns to the right only decide between rows that are equal in all before.
    """
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in table.column_names]))


def constant(text: str, rows: int) -> pa.Array:
    """Return a text column that says the same in every row."""
    return pa.repeat(pa.scalar(text, pa.string()), rows)
