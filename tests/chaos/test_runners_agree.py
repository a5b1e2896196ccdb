"""The same events on every runner, at every parallelism: the same export, judged by `certify`."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from form import Form
from lab import Lab
from live import assert_same
from running import exported

pytestmark = [pytest.mark.chaos, pytest.mark.flink, pytest.mark.prism]

RUNS = {
    "Prism": ("PrismRunner",),
    "Flink-1": ("FlinkRunner", "--parallelism=1"),
    "Flink-2": ("FlinkRunner", "--parallelism=2"),
    "Flink-4": ("FlinkRunner", "--parallelism=4"),
}


@pytest.fixture(scope="module")
def exports() -> dict[str, Path]:
    """What the runs so far came to, by name."""
    return {}


@pytest.mark.parametrize("name", RUNS)
def test_every_pair_is_certified(
    name: str,
    exports: dict[str, Path],
    cluster: Lab,
    undisturbed: Callable,
    size: Form,
    saw: Callable[..., None],
    tmp_path: Path,
) -> None:
    wanted = undisturbed(size.batch_events)
    exports.setdefault("Direct", wanted.export)
    runner, *options = RUNS[name]
    words = ("--data-dir", tmp_path / "home", "--runner", runner, "--json", "--no-recommender", *options)
    began = time.monotonic()
    report = json.loads(cluster.command("replay", wanted.file, *words).stdout)
    seconds = time.monotonic() - began
    found = exported(tmp_path / "home")
    for other in exports.values():
        assert_same(found, other)
    saw(
        "runners agree",
        events=len(wanted.lines),
        run=name,
        equal_to=list(exports),
        seconds=round(seconds, 1),
    )
    exports[name] = found
    assert report["events"] == len(wanted.lines)
