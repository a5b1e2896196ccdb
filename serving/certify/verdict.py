"""What was found: the verdict on two exports, on each table, and the first rows that differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

CHANGED: Final = "changed"
ONLY_IN_A: Final = "only_in_a"
ONLY_IN_B: Final = "only_in_b"

Row = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """What one export has of a table: its rows, and the digest of all that is compared."""

    rows: int
    digest: str


@dataclass(frozen=True)
class Difference:
    """One row that is not in both: `changed` has the columns that differ, the others the whole row."""

    kind: str
    key: Row
    a: Row | None
    b: Row | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        if self.a is not None and self.b is not None:
            columns = {name: {"a": self.a[name], "b": self.b[name]} for name in self.a}
            return {"kind": self.kind, "key": self.key, "columns": columns}
        return {"kind": self.kind, "key": self.key, "row": self.b if self.a is None else self.a}


@dataclass(frozen=True)
class RowDifferences:
    """How many rows differ, and the first of them by their keys."""

    changed: int = 0
    only_in_a: int = 0
    only_in_b: int = 0
    first: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class TableVerdict:
    """One table of both exports; None where an export does not have it.

    `columns` are those that are not alike, with their types, None where they are missing.
    """

    name: str
    a: Side | None
    b: Side | None
    columns: Mapping[str, tuple[str | None, str | None]]
    rows: RowDifferences

    @property
    def equal(self) -> bool:
        """Whether both say the same."""
        return self.a == self.b

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        return {
            "equal": self.equal,
            "rows": {"a": self.a and self.a.rows, "b": self.b and self.b.rows},
            "digest": {"a": self.a and self.a.digest, "b": self.b and self.b.digest},
            "columns": {name: {"a": a, "b": b} for name, (a, b) in self.columns.items()},
            CHANGED: self.rows.changed,
            ONLY_IN_A: self.rows.only_in_a,
            ONLY_IN_B: self.rows.only_in_b,
            "first": [difference.to_dict() for difference in self.rows.first],
        }


@dataclass(frozen=True)
class Verdict:
    """Two exports: where they stand, what was left out, and the verdict on each table."""

    a: str
    b: str
    left_out: tuple[str, ...]
    tables: tuple[TableVerdict, ...]

    @property
    def equal(self) -> bool:
        """Whether every table is the same in both."""
        return all(table.equal for table in self.tables)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        return {
            "equal": self.equal,
            "a": self.a,
            "b": self.b,
            "left_out": list(self.left_out),
            "tables": {table.name: table.to_dict() for table in self.tables},
        }
