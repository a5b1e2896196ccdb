"""What a job puts onto Kafka topics, read as anyone would: the newest message of each key is the export."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer
from killing import killed_after
from local_kafka import Broker, broker
from rearranged import plain, with_refused
from running import command, exported

pytestmark = pytest.mark.kafka

COUNTS = (
    "views",
    "clicks",
    "dwell_ms",
    "orders_paid",
    "gmv_paid_minor",
    "refunds_minor",
    "refunds_by_order_time_minor",
)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("broker")) as found:
        yield found


def messages(kafka: Broker, topic: str) -> list[tuple[str, dict[str, Any]]]:
    """Everything a topic holds, by partition and offset."""
    held = kafka.admin.list_topics(topic, 10).topics[topic].partitions
    ends = [kafka.end(topic, number) for number in held]
    consumer = Consumer(
        {"bootstrap.servers": kafka.servers, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: list[tuple[str, dict[str, Any]]] = []
    while len(found) < sum(ends):
        found += [(m.key().decode(), json.loads(m.value())) for m in consumer.consume(5000, 1.0)]
    consumer.close()
    return found


def newest(found: list[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = {}
    for key, told in found:
        if key not in kept or told["version"] >= kept[key]["version"]:
            kept[key] = told
    return kept


def test_the_newest_message_of_each_key_is_the_export_also_after_a_kill(
    kafka: Broker, generate: Callable[..., Path], tmp_path: Path
) -> None:
    lines = with_refused(generate(20_000, 5.0).read_bytes().splitlines(keepends=True))
    lines.insert(100, b"\xff no text\n")
    plain(lines, tmp_path)
    home = tmp_path / "home"
    again = (
        "replay", tmp_path / "events.jsonl", "--sink", f"kafka://{kafka.servers}/shop", "--data-dir", home,
        "--batch-rows", 500, "--checkpoint-every", "200ms", "--no-recommender", "--json",
    )  # fmt: skip
    assert killed_after(2, 0.1, home, *again)
    assert json.loads(command(*again).stdout)["resumed"]
    folder = exported(home)

    cells: dict[tuple[Any, ...], dict[str, int]] = {}
    for told in newest(messages(kafka, "shop.metrics")).values():
        key = (told["scope"], told["id"], told["window"], told["window_start_ms"])
        cells.setdefault(key, {}).update(
            {name: n for name, n in told["counts"].items() if name in COUNTS and n}
        )
    expected = {}
    for row in pq.read_table(folder / "metrics.parquet").to_pylist():
        start = row["window_start"]
        key = (row["scope"], row["id"], row["window"], start and round(start.timestamp() * 1000))
        expected[key] = {name: row[name] for name in COUNTS if row[name]}
    nonzero = {key: counts for key, counts in cells.items() if counts}
    assert nonzero == {key: counts for key, counts in expected.items() if counts}
    assert len(nonzero) > 1000

    letters = dict(messages(kafka, "shop.deadletters"))
    raw = {
        told["raw"].encode() if "raw" in told else base64.b64decode(told["raw_base64"])
        for told in letters.values()
    }
    rows = pq.read_table(folder / "deadletters.parquet").to_pylist()
    assert raw == {row["raw"] for row in rows}
    assert {told["reason"] for told in letters.values()} == {row["reason"] for row in rows}
    assert len(letters) == len(rows) > 50
    for topic in ("shop.metrics", "shop.deadletters"):
        assert kafka.setting(topic, "cleanup.policy") == "compact"


def test_a_sink_that_is_not_there_is_an_error_before_anything_is_read(
    generate: Callable[..., Path], tmp_path: Path
) -> None:
    done = command(
        "replay", generate(20_000, 5.0), "--sink", "kafka://127.0.0.1:9", "--data-dir", tmp_path, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "No Kafka answers at 127.0.0.1:9" in " ".join(done.stderr.split())
