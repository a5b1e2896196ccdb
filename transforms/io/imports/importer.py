"""What every importer is: one public data set, where it comes from, and how its rows become events."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from transforms.io.imports.output import ImportOutput


class Importer(ABC):
    """Maps one publisher's files onto the event schema; stateless, one `convert` an import.

    `notes` says in a sentence or two what the mapping leaves out or decides; it is part of the report.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    homepage: ClassVar[str]
    notes: ClassVar[str]

    @abstractmethod
    def convert(self, path: Path, out: ImportOutput) -> None:
        """Read the files under `path` in name order and hand their events to `out`; bad rows are refused."""
