"""What a live reader read of features, and what a replay gives for the same moments."""

import json
import random
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runners.served import compare_served
from runners.settings import Settings
from runners.training import training_set
from schemas.errors import UsageError
from serving.features import chosen_features, evaluated
from serving.served_log import ServedLog

sys.path.insert(0, str(Path(__file__).parents[1] / "transforms" / "features"))

from shop_events import ITEMS, Held, disordered, pieces, shard, shop

from transforms.features.views import SHIPPED

SETTINGS = Settings(timezone="UTC")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with events, dimensions, and the log of a reader who read while the events came."""
    folder, draw = tmp_path_factory.mktemp("lived"), random.Random(1)
    rows = shop(3000, seed=21)
    (folder / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "dims").mkdir()
    pq.write_table(ITEMS, folder / "dims" / "items.parquet")
    store = Held()
    held, log = shard(SHIPPED, store), ServedLog(folder / "served.jsonl", share=0.9, chance=draw.random)
    cuts = sorted(draw.sample(range(1, len(rows)), 150))
    table = next(table for table in held.tables if table.layout.name == "user_id")
    for piece, end in zip(pieces(rows, cuts), [*cuts, len(rows)], strict=True):
        list(held.absorb(piece))
        as_of_ms = max(row["event_time"] for row in rows[:end] if not row.get("holdout"))
        at_ms = as_of_ms + draw.choice([0, 5, 400_000])
        ids = [f"u{draw.randrange(14)}" for _ in range(3)]
        values = [next((h[i] for h in store.values.values() if i in h), None) for i in ids]
        found = evaluated(table.layout, ids, values, chosen_features(table.layout, []), at_ms)
        log.take(("user_id",), found, at_ms, as_of_ms)
    return folder


def test_served_and_replayed_values_are_equal(lived: Path) -> None:
    found = compare_served(lived / "served.jsonl", [lived / "events.jsonl"], lived / "dims", SETTINGS)
    assert found.reads > 300
    assert found.values > 8000
    assert found.differing == []


def test_a_value_that_differs_is_found(lived: Path, tmp_path: Path) -> None:
    lines = (lived / "served.jsonl").read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])
    first["values"]["user_activity.views_30d"] = -1
    (tmp_path / "served.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]), encoding="utf-8")
    found = compare_served(tmp_path / "served.jsonl", [lived / "events.jsonl"], lived / "dims", SETTINGS)
    assert [(each["line"], each["feature"], each["served"]) for each in found.differing] == [
        (1, "user_activity.views_30d", -1)
    ]


def test_the_order_of_files_changes_no_training_set(lived: Path, tmp_path: Path) -> None:
    rows = shop(3000, seed=21)
    (tmp_path / "events.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in disordered(rows, seed=2)), encoding="utf-8"
    )
    draw = random.Random(3)
    labels: dict[str, list[Any]] = {
        "user_id": [f"u{draw.randrange(12)}" for _ in range(50)],
        "category_id": ["k1"] * 50,
    }
    labels["at_ms"] = [draw.choice(rows)["event_time"] + draw.randrange(5000) for _ in range(50)]
    pq.write_table(pa.table(labels), tmp_path / "labels.parquet")
    one, other = (
        training_set(
            tmp_path / "labels.parquet",
            ["user_category"],
            [folder / "events.jsonl"],
            lived / "dims",
            SETTINGS,
        )
        for folder in (lived, tmp_path)
    )
    assert one.equals(other)
    assert any(one["user_category.views_30d"].to_pylist())


def test_what_does_not_fit_is_said(lived: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"at_ms": [1]}), tmp_path / "labels.parquet")
    for views, says in ((["user_value"], "no column 'user_id'"), (["nothing"], "no feature view"), ([], "needs --views"),
                        (["user_value", "item_facts"], "several kinds")):  # fmt: skip
        with pytest.raises(UsageError, match=says):
            training_set(tmp_path / "labels.parquet", views, [lived / "events.jsonl"], None, SETTINGS)
