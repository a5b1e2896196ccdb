"""Where the real data lies, generated events, and what runs by hand only."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running import ROOT

DATA = ROOT.parent / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "kafka: starts a real Kafka broker; needs Java and the jars in the cache"
    )


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    def folder(name: str) -> Path:
        if not (DATA / name).is_dir():
            pytest.skip(f"the real data set {name} is not beside this checkout (../shared/data/{name})")
        return DATA / name

    return folder


@pytest.fixture(scope="session")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write generated events, and their dimensions beside them, once for all tests that want the same."""
    made: dict[tuple[int, float], Path] = {}

    def events(count: int, rate: float) -> Path:
        if (count, rate) not in made:
            folder = tmp_path_factory.mktemp("generated")
            made[count, rate] = folder / "events.jsonl"
            generator = ROOT / "benchmarks" / "generate_events.py"
            options = [
                "--events",
                count,
                "--rate",
                rate,
                "--out",
                made[count, rate],
                "--dims",
                folder / "dimensions",
            ]
            subprocess.run([sys.executable, generator, *map(str, options)], check=True, capture_output=True)
        return made[count, rate]

    return events
