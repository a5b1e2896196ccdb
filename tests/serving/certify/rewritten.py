"""Tables as hypothesis likes them, and the many ways in which one table can stand on disk."""

import math
import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

Row = dict[str, Any]
KINDS = {
    "shop": pa.string(), "day": pa.timestamp("ms", "UTC"), "open": pa.bool_(), "raw": pa.binary(),
    "units": pa.int64(), "rank": pa.int32(), "small": pa.uint8(), "share": pa.float64(), "half": pa.float32(),
    "tags": pa.list_(pa.string()),
}  # fmt: skip
KEY = ("shop", "day", "open", "raw", "tags")
"""What tells one row of an unknown table from another: all that is no number."""
VALUES: dict[str, list[Any]] = {
    "shop": ["", "a", "b", "商", "a" * 40],
    "day": [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)],
    "open": [True, False],
    "raw": [b"", b"\0", b"\xff{"],
    "units": [0, 1, -1, 2**63 - 1, -(2**63)],
    "rank": [0, 1, -1],
    "small": [0, 1, 255],
    "share": [0.0, -0.0, 0.1, math.nan, math.inf],
    "half": [0.0, 0.5, math.nan],
    "tags": [[], [None], ["a"], ["a", "b"]],
}


def schema(columns: Sequence[str] = tuple(KINDS)) -> pa.Schema:
    return pa.schema([(name, KINDS[name]) for name in columns])


def rows() -> st.SearchStrategy[list[Row]]:
    """Few values, so that equal rows and equal keys are many."""
    values = {name: st.sampled_from([None, *some]) for name, some in VALUES.items()}
    row = st.fixed_dictionaries(values)
    return st.lists(row, max_size=8).flatmap(
        lambda some: st.lists(st.sampled_from(some), max_size=16) if some else st.just([])
    )


def bag(held: list[Row], columns: Sequence[str] = tuple(KINDS)) -> Counter[tuple[str, ...]]:
    """The rows as a multiset, by how Python writes each value: null, 0, 0.0, -0.0 and NaN are all different."""
    return Counter(tuple(repr(row[name]) for name in columns) for row in held)


def write(folder: Path, held: list[Row], name: str = "stock", **how: Any) -> Path:
    """Write rows as one file, in the order given."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(held, schema()), folder / f"{name}.parquet", **how)
    return folder


@st.composite
def rewritings(draw: st.DrawFn) -> dict[str, Any]:
    """How a table may be written again without saying anything else."""
    return {
        "columns": draw(st.permutations(list(KINDS))),
        "cuts": draw(st.lists(st.integers(0, 16), max_size=3)),
        "named": draw(
            st.sampled_from(["stock-{}.parquet", "stock/{}.parquet", "stock.parquet/part-{}.parquet"])
        ),
        "layouts": draw(st.lists(st.sampled_from(["plain", "large", "dictionary"]), min_size=4, max_size=4)),
        "how": {
            "compression": draw(st.sampled_from(["none", "snappy", "zstd", "gzip"])),
            "row_group_size": draw(st.integers(1, 9)),
            "use_dictionary": draw(st.booleans()),
            "data_page_version": draw(st.sampled_from(["1.0", "2.0"])),
            "store_schema": draw(st.booleans()),
            "write_statistics": draw(st.booleans()),
        },
    }


def rewrite(folder: Path, held: list[Row], again: dict[str, Any]) -> Path:
    """Write the same rows otherwise: cut into files, columns in another order, other layouts and encodings."""
    shutil.rmtree(folder, ignore_errors=True)
    cuts = sorted({0, len(held), *(cut for cut in again["cuts"] if cut < len(held))})
    bounds = list(pairwise(cuts)) or [(0, 0)]
    for number, ((begin, end), layout) in enumerate(zip(bounds, again["layouts"], strict=False)):
        table = pa.Table.from_pylist(held[begin:end], schema()).select(again["columns"])
        for place, name in enumerate(table.column_names):
            if layout != "plain" and name in ("shop", "raw"):
                column = table[name].cast({"shop": pa.large_string(), "raw": pa.large_binary()}[name])
                column = column.dictionary_encode() if layout == "dictionary" else column
                table = table.set_column(place, name, column)
        path = folder / again["named"].format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, **again["how"])
    return folder
