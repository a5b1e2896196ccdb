"""Features through whole jobs: the same export in any batches and order, read and erased by command."""

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from running import command, results

sys.path.insert(0, str(Path(__file__).parents[1] / "transforms" / "features"))

from feature_oracle import Oracle
from shop_events import ITEMS, disordered, shop

ROWS = shop(3000, seed=31)
NEWEST_MS = max(row["event_time"] for row in ROWS if not row.get("holdout"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("job")
    for name, rows in (("sorted", ROWS), ("disordered", disordered(ROWS, seed=4))):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (folder / "dims").mkdir()
    pq.write_table(ITEMS, folder / "dims" / "items.parquet")
    return folder


def exported(folder: Path, name: str, **settings: Any) -> Path:
    settings = {"timezone": "UTC", **settings}
    return results(folder / f"home-{name}-{settings.get('batch_rows', '')}", folder / f"{name}.jsonl", settings=settings,
                   features=True, dims=folder / "dims")  # fmt: skip


@pytest.fixture(scope="module")
def export(folder: Path) -> Path:
    return exported(folder, "sorted")


def test_any_batches_and_order_export_the_same_bytes(folder: Path, export: Path) -> None:
    other = exported(folder, "disordered", batch_rows=200)
    one, another = ((each / "features.parquet").read_bytes() for each in (export, other))
    assert one == another
    assert "OK" in command("certify", export, other).stdout


def test_exported_values_are_those_of_the_raw_events(export: Path) -> None:
    oracle = Oracle([row for row in ROWS if not row.get("holdout")])
    found = dict(
        duckdb.connect()
        .execute(
            f"SELECT id, number FROM '{export}/features.parquet' WHERE view = 'user_value' AND feature = 'monetary'"
        )
        .fetchall()
    )
    spent: dict[str, int] = {}
    for line in oracle.net:
        spent[line["user_id"]] = spent.get(line["user_id"], 0) + line["amount_minor"]
    assert found == {user: amount for user, amount in spent.items() if amount}
    newest = (
        duckdb.connect()
        .execute(f"SELECT epoch_ms(max(event_time)) FROM '{export}/features.parquet'")
        .fetchone()
    )
    assert newest == (NEWEST_MS,)


def test_commands_list_get_describe_and_forget(folder: Path, export: Path) -> None:
    home = export.parent
    listed = json.loads(command("features", "list", "--data-dir", home, "--json").stdout)
    assert listed["as_of_ms"] == NEWEST_MS
    assert {"user_activity", "room_pulse"} <= {view["name"] for view in listed["views"]}
    described = json.loads(command("features", "describe", "user_value", "--data-dir", home, "--json").stdout)
    assert described["entity"] == "user_id"
    read = ("features", "get", "user_id", "u3", "--data-dir", home, "--json")
    before = json.loads(command(*read).stdout)
    assert before["features"]["user_value.frequency_30d"]["status"] == "ok"
    late = json.loads(command(*read, "--at", "2027-01-01").stdout)
    assert late["features"]["user_value.frequency_30d"] == {"value": None, "status": "missing"}
    assert json.loads(command("features", "forget", "u3", "--data-dir", home, "--json").stdout)["erased"] > 1
    after = json.loads(command(*read).stdout)
    assert after["event_time_ms"] is None
    assert {each["status"] for each in after["features"].values()} == {"missing"}
    wrong = command("features", "get", "user", "u3", "--data-dir", home, check=False)
    assert (wrong.returncode, "There are views of user_id" in wrong.stderr) == (2, True)
    assert folder.exists()
