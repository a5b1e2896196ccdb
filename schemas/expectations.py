"""The law as Great Expectations objects, and a batch of events as the data frame they are run on.

Off the hot path only: `suite_for` imports Great Expectations, which takes about 6 s and 200 MB.
"""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from schemas.law import DEFAULT_TERMS, FIRST_TIME_MS, LAST_TIME_MS, Terms, suite_document

if TYPE_CHECKING:
    import great_expectations as gx
    import pandas as pd  # type: ignore[import-untyped]


def suite_for(suite: str, terms: Terms = DEFAULT_TERMS) -> "gx.ExpectationSuite":
    """Build one suite, with the terms filled in: `event` for what all share, else an event type.

    Use it to run the law inside a Great Expectations project of one's own. The type's suite is meant
    for the rows of that type alone. Raises `UsageError` for a suite that does not exist.

    >>> suite_for("follow").expectations[0].column
    'user_id'
    """
    import great_expectations as gx

    document = suite_document(suite, terms)
    for stated in document["expectations"]:
        # Data Docs print the description: it is how a reader finds the rule that a report names.
        stated["description"] = "{rule}: {detail} ({reason})".format(**stated["meta"])
    return gx.ExpectationSuite(
        name=document["name"], expectations=document["expectations"], meta=document["meta"]
    )


def frame(batch: pa.RecordBatch) -> "pd.DataFrame":
    """Turn a batch of events into a data frame on which the suites mean what they mean to the gate.

    Nullable types keep integers exact beside nulls. What pandas cannot hold is moved to a value that
    stands on the same side of every rule: NaN, which it takes for a null, becomes infinity, and times
    outside the years 1 to 9999, which it cannot print, become the first or last of them.

    >>> from schemas.events import EVENT_SCHEMA
    >>> batch = pa.RecordBatch.from_pylist([{"amount_minor": 2**53 + 1}, {}], schema=EVENT_SCHEMA)
    >>> frame(batch)["amount_minor"].tolist()
    [9007199254740993, <NA>]
    """
    import pandas as pd

    nullable = {
        pa.string(): pd.StringDtype("python"),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    columns = [_representable(column) for column in batch.columns]
    table = pa.Table.from_arrays(columns, schema=batch.schema)
    return table.to_pandas(types_mapper=nullable.get)


def _representable(column: pa.Array) -> pa.Array:
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), float("inf"), column)
    if pa.types.is_timestamp(column.type):
        milliseconds = column.cast(pa.int64())
        earliest = pc.max_element_wise(milliseconds, FIRST_TIME_MS, skip_nulls=False)
        return pc.min_element_wise(earliest, LAST_TIME_MS, skip_nulls=False).cast(column.type)
    return column
