"""Dimension files: one table a file, as Parquet, CSV or JSON lines."""

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from schemas.dimensions import DIMENSIONS
from schemas.errors import SourceError
from transforms.item_ids import ItemIds

_READERS: Final = {
    ".parquet": pq.read_table,
    ".csv": pyarrow.csv.read_csv,
    ".jsonl": pyarrow.json.read_json,
}


def read_dimension(folder: Path, name: str) -> pa.Table | None:
    """Return one dimension with its declared columns, None where the folder has no such file.

    Raises SourceError for a file that cannot be read or has a column of another kind.
    """
    for suffix, read in _READERS.items():
        path = folder / f"{name}{suffix}"
        if path.exists():
            return (
                _conform(read(path), name, path)
                if suffix == ".parquet"
                else _conform(read(str(path)), name, path)
            )
    return None


def _conform(table: pa.Table, name: str, path: Path) -> pa.Table:
    columns = {}
    for field in DIMENSIONS[name]:
        if field.name not in table.schema.names:
            columns[field.name] = pa.nulls(table.num_rows, field.type)
            continue
        try:
            columns[field.name] = table[field.name].cast(field.type)
        except pa.ArrowException as error:
            raise SourceError(
                f"{path} has a column {field.name} that is no {field.type}: {error}."
            ) from error
    return pa.table(columns)


def ids_of_all_items(folder: Path | None) -> ItemIds:
    """Return the merchant and the category of every item that has a row."""
    items = read_dimension(folder, "items") if folder else None
    if items is None:
        return ItemIds()
    rows = items.filter(items["item_id"].is_valid())
    names = rows["item_id"].to_pylist()
    merchants, categories = (
        dict(zip(names, rows[column].to_pylist(), strict=True)) for column in ("merchant_id", "category_id")
    )
    return ItemIds(merchants, categories)


def merchants_of_items(folder: Path | None) -> dict[str, str]:
    """Return item → merchant of the items that have one."""
    items = read_dimension(folder, "items") if folder else None
    if items is None:
        return {}
    pairs = zip(items["item_id"].to_pylist(), items["merchant_id"].to_pylist(), strict=True)
    return {item: merchant for item, merchant in pairs if item is not None and merchant is not None}
