"""Real Prism: replays on it whose figures equal the Direct runner's, byte by byte."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runners.clusters.places import cache_home
from runners.prism import LOCATION, find_prism
from serving.certify.compare import certify

ROOT = Path(__file__).resolve().parents[3]
TABLES = ("metrics", "attribution", "credits", "leaderboards", "reconciliation", "deadletters")
COUNTS = ("events", "accepted", "duplicates", "refused")
EVENTS = 20_000
BATCH = 500

pytestmark = pytest.mark.prism

Replay = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def prism() -> str:
    found = find_prism(cache_home(os.environ), os.environ)
    if found is None:
        pytest.skip(
            "Prism is neither on PATH nor built; `interestream replay --runner PrismRunner` builds it once"
        )
    return found


@pytest.fixture(scope="module")
def replay() -> Replay:
    """Replay a file into a folder, export it there and return the report."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INTERESTREAM_")}

    def run(*arguments: object) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "runners.cli.app", *map(str, arguments)],
            env=environment | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=580,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in arguments else {}

    def replayed(events: Path, folder: Path, *more: object) -> dict[str, Any]:
        # Small batches, so that many pieces are under way between two steps at once.
        report = run("replay", events, "--data-dir", folder, "--batch-rows", BATCH, "--json", *more)
        run("export", folder / "out", "--data-dir", folder)
        return report

    return replayed


def generated(path: Path) -> Path:
    generator = ROOT / "benchmarks" / "generate_events.py"
    subprocess.run(
        [sys.executable, generator, "--events", str(EVENTS), "--rate", "20", "--out", path],
        check=True,
        capture_output=True,
    )
    return path


def newest_first(path: Path) -> Path:
    """Write the events backwards, every second batch of them under the ids of the batch before.

    The watermark never moves, so all pieces have one timestamp; and which of two events stands is which was
    sent first.
    """
    rows = [json.loads(line) for line in generated(path).read_bytes().splitlines()][::-1]
    for place in range(BATCH, len(rows)):
        if place // BATCH % 2:
            rows[place]["event_id"] = rows[place - BATCH]["event_id"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("made", [generated, newest_first])
def test_a_replay_on_prism_says_what_the_direct_runner_says(
    made: Callable[[Path], Path], prism: str, replay: Replay, tmp_path: Path
) -> None:
    events, direct, on_prism = made(tmp_path / "events.jsonl"), tmp_path / "direct", tmp_path / "prism"
    one = replay(events, direct)
    other = replay(events, on_prism, "--runner", "PrismRunner", f"{LOCATION}={prism}")
    assert {name: other[name] for name in COUNTS} == {name: one[name] for name in COUNTS}
    assert certify(direct / "out", on_prism / "out").equal
    for name in TABLES:
        ours, theirs = (folder / "out" / f"{name}.parquet" for folder in (on_prism, direct))
        assert ours.read_bytes() == theirs.read_bytes(), name
