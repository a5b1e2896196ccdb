"""Where the real data lies, and running an import into a folder of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from reading_imports import Import, Imported

from transforms.io.imports import import_dataset

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    def run(name: str, path: Path, out: str = "out") -> Imported:
        return Imported(import_dataset(name, path, tmp_path / out), tmp_path / out)

    return run


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    def folder(name: str) -> Path:
        if not (DATA / name).is_dir():
            pytest.skip(f"the real data set {name} is not beside this checkout (../shared/data/{name})")
        return DATA / name

    return folder
