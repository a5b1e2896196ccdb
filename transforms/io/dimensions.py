"""Dimension files: one table a file, as Parquet, CSV or JSON lines."""

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from schemas.dimensions import DIMENSIONS
from schemas.errors import SourceError
from transforms.attribution.owners import Creator, Owners

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


def owners_of(folder: Path | None) -> Owners:
    """Return whom items and creators belong to, as far as the folder says."""
    items, creators = (read_dimension(folder, name) if folder else None for name in ("items", "creators"))
    merchants = known = None
    if items is not None:
        merchants = dict(zip(items["item_id"].to_pylist(), items["merchant_id"].to_pylist(), strict=True))
    if creators is not None:
        rows = zip(*(creators[name].to_pylist() for name in ("creator_id", "kind", "mcn_id")), strict=True)
        known = {name: Creator(kind, mcn) for name, kind, mcn in rows}
    return Owners(merchants, known)


def costs_of_plans(folder: Path | None) -> dict[str, int]:
    """Return ad plan → cost in minor units of those that have one."""
    plans = read_dimension(folder, "ad_plans") if folder else None
    if plans is None:
        return {}
    pairs = zip(plans["ad_plan_id"].to_pylist(), plans["cost_minor"].to_pylist(), strict=True)
    return {plan: cost for plan, cost in pairs if plan is not None and cost is not None}


def merchants_of_items(folder: Path | None) -> dict[str, str]:
    """Return item → merchant of the items that have one."""
    items = read_dimension(folder, "items") if folder else None
    if items is None:
        return {}
    pairs = zip(items["item_id"].to_pylist(), items["merchant_id"].to_pylist(), strict=True)
    return {item: merchant for item, merchant in pairs if item is not None and merchant is not None}
