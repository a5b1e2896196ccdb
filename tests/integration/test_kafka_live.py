"""Events on a real Kafka topic through the pipeline: the export of the same events in a file, whatever happens."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from killing import checkpoints_taken, kill, wait_until
from local_kafka import Broker, broker
from rearranged import doubled, plain, shuffled, with_refused
from running import command, differing, exported, replayed, started
from streaming import await_counts, interrupted, platform_counts

pytestmark = pytest.mark.kafka

EVENTS = 20_000
SOON = ("--checkpoint-every", "300ms", "--json", "--no-recommender")


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("broker")) as found:
        yield found


@pytest.fixture(scope="module")
def lines(generate: Callable[..., Path]) -> list[bytes]:
    ordered = with_refused(generate(EVENTS, 5.0).read_bytes().splitlines(keepends=True))
    return doubled(shuffled(ordered, 30_000, 1))


@pytest.fixture(scope="module")
def replay(generate: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a replay of the same events from one file, in order and once."""
    home = tmp_path_factory.mktemp("replay")
    plain(with_refused(generate(EVENTS, 5.0).read_bytes().splitlines(keepends=True)), home)
    replayed(home, home / "events.jsonl")
    exported(home)
    return home


@pytest.fixture(scope="module")
def counts(replay: Path) -> list[int]:
    from runners.embedded_redis import open_redis

    with open_redis(None, replay) as store:
        return platform_counts(store.client)


def in_parts(lines: list[bytes], folder: Path, count: int) -> list[Path]:
    size, paths = -(-len(lines) // count), []
    for part in range(count):
        paths.append(folder / f"{part}.jsonl")
        paths[-1].write_bytes(b"".join(lines[part * size : (part + 1) * size]))
    return paths


def embedded(home: Path) -> "redis.Redis":
    return redis.Redis(unix_socket_path=str(home / "redis" / "server.sock"))


def test_disordered_and_doubled_on_three_partitions_is_the_file_once_and_in_order(
    kafka: Broker, lines: list[bytes], replay: Path, tmp_path: Path
) -> None:
    """And each of a user's events is on one partition, in the order in which they were published."""
    from confluent_kafka import Consumer

    [file] = in_parts(lines, tmp_path, 1)
    address = f"kafka://{kafka.servers}/whole"
    told = json.loads(command("publish", file, "--to", f"{address}?partitions=3", "--json").stdout)
    assert told["events"] == len(lines)
    report = json.loads(
        command("replay", address, "--data-dir", tmp_path / "home", "--json", "--no-recommender").stdout
    )
    assert report["events"] == len(lines)
    assert differing(exported(tmp_path / "home"), replay / "export") == []

    consumer = Consumer(
        {"bootstrap.servers": kafka.servers, "group.id": "t", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["whole"])
    held: dict[str, list[tuple[int, bytes]]] = {}
    while sum(map(len, held.values())) < len(lines):
        for message in consumer.consume(5000, 1.0):
            user = json.loads(message.value()).get("user_id", "")
            held.setdefault(user, []).append((message.partition(), message.value()))
    consumer.close()
    published: dict[str, list[bytes]] = {}
    for line in lines:
        published.setdefault(json.loads(line).get("user_id", ""), []).append(line.rstrip(b"\n"))
    for user, messages in held.items():
        in_order = [value for _, value in messages]
        assert sorted(in_order) == sorted(published[user])
        assert user == "" or (len({number for number, _ in messages}), in_order) == (1, published[user])
    assert {number for messages in held.values() for number, _ in messages} == {0, 1, 2}


def test_killed_and_started_again_while_events_go_on_coming(
    kafka: Broker, lines: list[bytes], replay: Path, counts: list[int], tmp_path: Path
) -> None:
    home, address = tmp_path / "home", kafka.topic("killed", 3)
    first, second, third = in_parts(lines, tmp_path, 3)
    count = checkpoints_taken(home)
    command("publish", first, "--to", address)
    run = started("run", address, "--data-dir", home, *SOON)
    try:
        wait_until(lambda: count() >= 2 or run.poll() is not None, "a checkpoint")
        command("publish", second, "--to", address)
    finally:
        kill(run)
    command("publish", third, "--to", address)
    run = started("run", address, "--data-dir", home, *SOON)
    try:
        await_counts(embedded(home), counts)
        code, out, err = interrupted(run)
    finally:
        kill(run)
    assert (code, "Traceback" in err) == (0, False), err
    assert json.loads(out)["resumed"]
    assert differing(exported(home), replay / "export") == []


def test_a_broker_that_is_killed_and_comes_back_and_a_partition_that_is_added(
    kafka: Broker, lines: list[bytes], replay: Path, counts: list[int], tmp_path: Path
) -> None:
    home, address = tmp_path / "home", kafka.topic("shaken", 2)
    first, second, third = in_parts(lines, tmp_path, 3)
    command("publish", first, "--to", address)
    run = started("run", address, "--data-dir", home, *SOON)
    try:
        wait_until(
            lambda: (home / "redis").exists() and bool(platform_counts(embedded(home))), "the first figures"
        )
        kafka.kill()
        kafka.start()
        command("publish", second, "--to", address)
        kafka.grow("shaken", 3)
        kafka.put("shaken", third.read_bytes().splitlines(), 2)
        await_counts(embedded(home), counts)
        code, out, err = interrupted(run)
    finally:
        kill(run)
    assert (code, "Traceback" in err) == (0, False), err
    assert json.loads(out)["events"] == len(lines)
    assert differing(exported(home), replay / "export") == []


def test_an_idle_partition_does_not_hold_the_watermark(kafka: Broker, tmp_path: Path) -> None:
    from schemas.keys import progress_key

    home, address = tmp_path / "home", kafka.topic("idle", 3)
    made = 1_781_800_000_000

    def event(number: int, time_ms: int) -> bytes:
        told = {"event_id": f"e{number}", "event_type": "follow", "event_time": time_ms, "user_id": "u"}
        return json.dumps(told).encode()

    kafka.put("idle", [event(0, made)], 0)
    kafka.put("idle", [event(1, made)], 1)
    run = started("run", f"{address}?idle=500ms", "--data-dir", home, *SOON)
    later, sent = made + 600_000, 2

    def watermark() -> int:
        return int(embedded(home).hget(progress_key("is"), "watermark_ms") or 0)

    def has_risen() -> bool:
        nonlocal sent
        sent += 1
        kafka.put("idle", [event(sent, later + sent)], 1)
        return watermark() > later - 31_000

    try:
        wait_until(lambda: (home / "redis" / "server.sock").exists() or run.poll() is not None, "Redis")
        wait_until(lambda: bool(platform_counts(embedded(home))), "the first figures")
        wait_until(has_risen, "a watermark that the idle partitions do not hold back")
        assert watermark() <= later + sent - 30_000
        code, _, err = interrupted(run)
    finally:
        kill(run)
    assert (code, "Traceback" in err) == (0, False), err


def test_what_was_deleted_before_it_was_read_is_an_error_or_counted(
    kafka: Broker, lines: list[bytes], tmp_path: Path
) -> None:
    home, address = tmp_path / "home", kafka.topic("short", 1)
    kafka.put("short", lines[:1000], 0)
    again = ("replay", address, "--data-dir", home, "--json", "--no-recommender")
    assert json.loads(command(*again).stdout)["events"] == 1000
    kafka.put("short", lines[1000:2000], 0)
    kafka.delete_before("short", {0: 1500})
    failed = command(*again, check=False)
    assert (failed.returncode, "Traceback" in failed.stderr) == (1, False)
    assert "Offsets 1000 to 1499 of partition 0 of short were deleted" in " ".join(failed.stderr.split())
    skipping = (
        "replay",
        f"{address}?gaps=skip",
        "--data-dir",
        tmp_path / "other",
        "--json",
        "--no-recommender",
    )
    assert json.loads(command(*skipping).stdout)["events"] == 500


def test_every_compression_is_read(kafka: Broker, lines: list[bytes], tmp_path: Path) -> None:
    address = kafka.topic("squeezed", 2)
    for at, kind in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        kafka.put("squeezed", lines[at * 1000 : (at + 1) * 1000], **{"compression.type": kind})
    report = json.loads(
        command("replay", address, "--data-dir", tmp_path, "--json", "--no-recommender").stdout
    )
    assert report["events"] == 5000


def test_several_readers_divide_a_topic_and_read_nothing_twice(kafka: Broker, lines: list[bytes]) -> None:
    from transforms.io.blocks import Place
    from transforms.io.kafka_stream import KafkaReader
    from transforms.io.kafka_url import parse_kafka_url

    topic = parse_kafka_url(f"{kafka.topic('shared', 5)}?until=end")
    numbered = [json.dumps({"event_id": f"n{number}"}).encode() for number in range(9000)]
    kafka.put("shared", numbered)
    found: list[str] = []
    for reader in range(3):
        places: dict[str, Place] = {}
        for _ in range(2):
            reading = KafkaReader(topic, places, 500, reader=reader, readers=3)
            taken = 0
            while not reading.finished and taken < (3 if not places else 10_000):
                block = reading.read()
                if block is not None:
                    found += block.decoded.events["event_id"].to_pylist()
                    taken += bool(block.decoded.events.num_rows)
                    places[block.partition] = Place(block.offset, 0, block.ended)
                    reading.advance(block.partition, 0)
            reading.close()
    assert sorted(found) == sorted(f"n{number}" for number in range(9000))


def test_a_broker_that_is_not_there_is_an_error_in_a_line(
    generate: Callable[..., Path], tmp_path: Path
) -> None:
    nobody = "kafka://127.0.0.1:9/t"
    events = generate(EVENTS, 5.0)
    for words in (("run", nobody, "--data-dir", tmp_path), ("publish", events, "--to", nobody)):
        done = command(*words, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert "No Kafka answers at 127.0.0.1:9" in " ".join(done.stderr.split())


def test_a_message_that_brokers_refuse_is_an_error_that_says_how_far_it_came(
    kafka: Broker, lines: list[bytes], tmp_path: Path
) -> None:
    address = kafka.topic("narrow", 1, **{"max.message.bytes": "1000"})
    long = json.dumps({"event_id": random.Random(1).randbytes(2000).hex()}).encode() + b"\n"
    (tmp_path / "e.jsonl").write_bytes(lines[0] + long)
    done = command("publish", tmp_path / "e.jsonl", "--to", address, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    told = " ".join(done.stderr.split())
    assert "narrow took " in told
    assert "Message size too large" in told
