"""Histories dealt out over files that overlap in time, and files added to a finished job: the same figures."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from running import ROOT, differing, exported, replayed

SHOP = {"currency": "GBP", "timezone": "Europe/London"}


@pytest.fixture(scope="module")
def month() -> pa.Table:
    """The first third of the shop's November."""
    sample = pq.read_table(ROOT / "runners" / "demo_data" / "online_retail_2011_11.parquet")
    return sample.slice(0, len(sample) // 3)


@pytest.fixture(scope="module")
def whole(month: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of the days read from one file."""
    home = tmp_path_factory.mktemp("whole")
    pq.write_table(month, home / "month.parquet")
    replayed(home / "data", home / "month.parquet", settings=SHOP)
    return exported(home / "data")


def test_a_month_dealt_over_files_that_all_span_it_gives_the_same_export(
    month: pa.Table, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "dealt"
    folder.mkdir()
    for part in range(5):
        rows = pa.array(np.arange(part, len(month), 5))
        pq.write_table(month.take(rows), folder / f"{5 - part}.parquet")
    replayed(tmp_path / "data", folder, settings=SHOP)
    assert differing(exported(tmp_path / "data"), whole) == []


@pytest.mark.parametrize("first", ["newer"])
def test_a_file_added_to_a_finished_job_gives_the_same_export(
    month: pa.Table, whole: Path, tmp_path: Path, first: str
) -> None:
    half = len(month) // 2
    parts = {"older": month.slice(0, half), "newer": month.slice(half)}
    folder = tmp_path / "events"
    folder.mkdir()
    for name in (first, *(parts.keys() - {first})):
        pq.write_table(parts[name], folder / f"{name}.parquet")
        replayed(tmp_path / "data", folder, settings=SHOP)
    assert differing(exported(tmp_path / "data"), whole) == []
