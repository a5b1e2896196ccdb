"""Dimension files as the pipeline sees them: what a look-up answers, and when changed files are noticed."""

import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.dimensions import DIMENSIONS
from schemas.errors import SourceError
from transforms.dimensions import DimensionRows
from transforms.io import dimensions as module
from transforms.io.dimensions import Dimensions, _Read, read_dimension
from transforms.state.hashing import hash_text

_ID = st.sampled_from(["a", "b", "c", "店", ""])
_MAYBE = st.none() | _ID


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(_ID, _MAYBE, _MAYBE), unique_by=lambda row: row[0]),
    st.lists(st.tuples(_ID, _MAYBE), unique_by=lambda row: row[0]),
    st.lists(st.none() | _ID | st.just("absent"), min_size=1),
)
def test_a_look_up_is_a_left_join(
    items: list[tuple[str, str | None, str | None]],
    merchants: list[tuple[str, str | None]],
    wanted: list[str | None],
) -> None:
    tables = {
        name: pa.Table.from_pylist(
            [dict(zip(columns, row, strict=True)) for row in rows], schema=DIMENSIONS[name]
        )
        for name, columns, rows in (
            ("items", ("item_id", "merchant_id", "brand_id"), items),
            ("merchants", ("merchant_id", "region"), merchants),
        )
    }
    asked = pa.table({"place": range(len(wanted)), "item_id": pa.array(wanted, pa.string())})
    with duckdb.connect() as store:
        for name, table in (*tables.items(), ("asked", asked)):
            store.register(name, table)
        joined = store.execute("""
            SELECT CASE WHEN a.item_id IS NULL THEN 'none' WHEN i.item_id IS NULL THEN 'unknown'
                        ELSE coalesce(i.brand_id, 'none') END,
                   CASE WHEN a.item_id IS NULL THEN 'none' WHEN i.item_id IS NULL THEN 'unknown'
                        WHEN i.merchant_id IS NULL THEN 'none' WHEN m.merchant_id IS NULL THEN 'unknown'
                        ELSE coalesce(m.region, 'none') END
            FROM asked AS a LEFT JOIN items AS i USING (item_id) LEFT JOIN merchants AS m ON m.merchant_id = i.merchant_id
            ORDER BY place
        """).fetchall()
    found = DimensionRows(tables).items
    places = found.places(hash_text(asked["item_id"].combine_chunks()))
    told = zip(
        *(found.scopes[scope].names_at(places).to_pylist() for scope in ("brand", "region")), strict=True
    )
    assert list(told) == joined


def test_ids_in_text_files_stay_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(
        "item_id,merchant_id,is_premium\n007,NA,true\n008,,\n", encoding="utf-8"
    )
    table = read_dimension(tmp_path, "items")
    assert table is not None
    assert table.select(["item_id", "merchant_id", "is_premium"]).to_pylist() == [
        {"item_id": "007", "merchant_id": "NA", "is_premium": True},
        {"item_id": "008", "merchant_id": None, "is_premium": None},
    ]


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "items.parquet").write_bytes(b"no")
    with pytest.raises(SourceError, match=r"items\.parquet"):
        Dimensions.of(tmp_path).rows()


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _write(folder: Path, brand: str, mtime_ns: int) -> None:
    path = folder / "items.parquet"
    pq.write_table(pa.table({"item_id": ["i"], "brand_id": [brand]}), path)
    os.utime(path, ns=(mtime_ns, mtime_ns))


def _brand(read: _Read) -> list[str]:
    rows = read.now()
    return rows.items.scopes["brand"].names_at(rows.items.places(hash_text(pa.array(["i"])))).to_pylist()


def test_changed_files_are_read_again_after_a_while_and_broken_ones_are_not(tmp_path: Path) -> None:
    clock = Clock()
    _write(tmp_path, "one", 10**18)
    read = _Read(Dimensions.of(tmp_path), clock)
    _write(tmp_path, "two", 10**18 + 1)
    assert _brand(read) == ["one"]
    clock.now_s += module.LOOK_EVERY_S
    assert _brand(read) == ["two"]
    (tmp_path / "items.parquet").write_bytes(b"half a file")
    clock.now_s += module.LOOK_EVERY_S
    assert _brand(read) == ["two"]
    (tmp_path / "items.parquet").unlink()
    clock.now_s += module.LOOK_EVERY_S
    assert _brand(read) == ["two"]
    _write(tmp_path, "three", 10**18 + 2)
    clock.now_s += module.LOOK_EVERY_S
    assert _brand(read) == ["three"]


def test_one_process_reads_a_folder_once(tmp_path: Path) -> None:
    _write(tmp_path, "one", 10**18)
    assert Dimensions.of(tmp_path).rows() is Dimensions.of(tmp_path).rows()
