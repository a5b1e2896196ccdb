"""Replays on one machine, killed again and again at random."""

import json
import random
from pathlib import Path

import pytest
from feeding import generated
from killing import killed_after
from running import command, differing, exported, results

from runners.embedded_redis import open_redis
from schemas.keys import NAMESPACE, VERSION_BYTES

pytestmark = pytest.mark.chaos


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generated(tmp_path_factory.mktemp("generated") / "events.jsonl", 200_000, 1.2)


@pytest.fixture(scope="module")
def undisturbed(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("undisturbed")
    results(home, events, recommender=True)
    return home


def learned(home: Path) -> dict[bytes, dict[bytes, bytes]]:
    """Return what the recommender published, without the versions."""
    with open_redis(None, home) as store:
        keys = store.client.scan_iter(match=f"{NAMESPACE}:{{r*", count=1000)
        return {
            key: {name: value[VERSION_BYTES:] for name, value in store.client.hgetall(key).items()}
            for key in keys
        }


@pytest.mark.parametrize("seed", range(5))
def test_a_replay_killed_at_random_points(seed: int, events: Path, undisturbed: Path, tmp_path: Path) -> None:
    draw = random.Random(seed)
    again = (
        "replay",
        events,
        "--batch-rows",
        500,
        "--checkpoint-every",
        "100ms",
        "--data-dir",
        tmp_path,
        "--json",
    )
    kills = 0
    for _ in range(draw.choice((1, 2, 3))):
        kills += killed_after(draw.choice((0, 1, 2, 4)), draw.uniform(0, 0.4), tmp_path, *again)
    assert kills
    json.loads(command(*again).stdout)
    assert differing(exported(tmp_path), undisturbed / "export") == []
    assert learned(tmp_path) == learned(undisturbed)
