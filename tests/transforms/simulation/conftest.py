"""Simulated folders, each made once for all tests."""

from pathlib import Path

import duckdb
import pytest
from simulated_folders import SMALL, opened

from transforms.io.simulation import Scenario, simulate


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "two evenings"
    simulate(Scenario(**SMALL), folder)
    return folder


@pytest.fixture(scope="session")
def store(simulated: Path) -> duckdb.DuckDBPyConnection:
    """Return a database over it: `arrivals` as they stand in the files, `events` once each, and the truth."""
    return opened(simulated)
