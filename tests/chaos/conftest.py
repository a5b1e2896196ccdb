"""A cluster, a broker and events that all checks share, and that they run only when they are asked for."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

import form
import sightings
from feeding import generated
from lab import Lab, lab
from local_kafka import Broker, broker
from running import exported, replayed
from streaming import platform_counts

from runners.embedded_redis import open_redis


def pytest_configure(config: pytest.Config) -> None:
    for marker in (
        "chaos: kills, freezes and cuts off processes for minutes; run by make chaos",
        "flink: starts a real Flink cluster; needs Java and the jars in the cache",
        "prism: runs on a real Prism; needs its program on PATH or in the cache",
        "kafka: starts a real Kafka broker; needs Java and the jars in the cache",
    ):
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "chaos" in (config.option.markexpr or ""):
        return
    for item in items:
        if item.get_closest_marker("chaos"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; make chaos runs it"))


@dataclass(frozen=True)
class Undisturbed:
    """Events, and what an undisturbed run of the Direct runner over their file comes to."""

    file: Path
    lines: list[bytes]
    export: Path
    counts: list[int]


@pytest.fixture(scope="session")
def size() -> form.Form:
    return form.chosen()


@pytest.fixture
def saw(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Write down what a check saw, and print it past pytest's capture."""
    screen: Any = request.config.pluginmanager.getplugin("terminalreporter")

    def tell(check: str, **figures: Any) -> None:
        screen.write_line(f"\n{sightings.saw(check, **figures)}")

    return tell


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("broker")) as found:
        yield found


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Undisturbed]:
    """Generate so many events and replay them undisturbed, once for all checks that want the same."""
    made: dict[int, Undisturbed] = {}

    def events(count: int) -> Undisturbed:
        if count not in made:
            made[count] = _undisturbed(count, tmp_path_factory.mktemp("undisturbed"))
        return made[count]

    return events


def _undisturbed(count: int, home: Path) -> Undisturbed:
    file = generated(home / "events.jsonl", count, 20)
    replayed(home / "job", file, features=True)
    with open_redis(None, home / "job") as store:
        counts = platform_counts(store.client)
    return Undisturbed(file, file.read_bytes().splitlines(keepends=True), exported(home / "job"), counts)
