"""Where the real data lies, generated events, and what runs by hand only."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis_cluster import Cluster, redis_cluster
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


@pytest.fixture(scope="session")
def whole_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes that keep every write that they have confirmed."""
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(whole_cluster: Cluster) -> Cluster:
    """A cluster with nothing in it; its slots lie as the test before has left them."""
    whole_cluster.empty()
    return whole_cluster
