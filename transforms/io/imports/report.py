"""What an import did, in figures that can be held against the publisher's own."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ReadFile:
    """One source file that was read: its name and how many data rows it held."""

    name: str
    rows: int


@dataclass
class ImportReport:
    """Events written, dead letters by reason, rows of dimensions and the files read.

    Money is in minor units, by currency: `paid_minor` and `refunded_minor` sum `amount_minor` over the
    `order` events of that status, so `paid - refunded` is the net of the source. Costs nothing to keep.

    >>> ImportReport(dataset="puffy", events=2).to_json().startswith('{"dataset": "puffy", "events": 2')
    True
    """

    dataset: str
    events: int = 0
    events_by_type: dict[str, int] = field(default_factory=dict)
    orders: int = 0
    paid_minor: dict[str, int] = field(default_factory=dict)
    refunded_minor: dict[str, int] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)
    not_mapped: dict[str, int] = field(default_factory=dict)
    dimensions: dict[str, int] = field(default_factory=dict)
    files: list[ReadFile] = field(default_factory=list)
    ignored_files: list[str] = field(default_factory=list)
    title: str = ""
    licence: str = ""
    citation: str = ""
    homepage: str = ""
    notes: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, in the order of its fields; counts sorted by name."""
        return {key: _sorted(value) for key, value in asdict(self).items()}

    def to_json(self, indent: int | None = None) -> str:
        """Return the report as JSON text; the same import gives the same bytes."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)


def _sorted(value: Any) -> Any:
    return dict(sorted(value.items())) if isinstance(value, dict) else value
