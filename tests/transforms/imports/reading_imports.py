"""How the tests read an import back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.io.imports import ImportReport


@dataclass(frozen=True)
class Imported:
    """One import's report and its folder, read back."""

    report: ImportReport
    folder: Path

    @property
    def events(self) -> pa.Table:
        parts = sorted(self.folder.glob("events-*.parquet"))
        return pa.concat_tables([pq.read_table(part) for part in parts])

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.events.to_pylist()

    @property
    def dead_letters(self) -> list[dict[str, Any]]:
        return pq.read_table(self.folder / "deadletters.parquet").to_pylist()

    def dimension(self, name: str) -> list[dict[str, Any]]:
        return pq.read_table(self.folder / "dims" / f"{name}.parquet").to_pylist()

    @property
    def written_report(self) -> dict[str, Any]:
        return json.loads((self.folder / "import.json").read_text(encoding="utf-8"))

    def bytes_by_file(self) -> dict[str, bytes]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}


Import = Callable[..., Imported]
