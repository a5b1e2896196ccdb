"""What a comparison leaves out, and what it is told to look at."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from schemas.errors import UsageError
from serving.certify.folder import Table
from serving.certify.keys import UNCOMPARED


@dataclass(frozen=True)
class Terms:
    """Which tables are compared (all, if none is named), which columns are not, how many rows are shown.

    >>> Terms(ignore=("roi", "metrics.views")).leaves_out("metrics", "views")
    True
    """

    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    all_columns: bool = False
    rows_shown: int = 10

    def leaves_out(self, table: str, column: str) -> bool:
        """Whether a column is not compared; `ignore` holds `COLUMN` or `TABLE.COLUMN`."""
        by_default = not self.all_columns and (table, column) in UNCOMPARED
        return by_default or column in self.ignore or f"{table}.{column}" in self.ignore

    def kinds(self, table: Table) -> dict[str, pa.DataType]:
        """Return the columns of a table that are compared, with their types."""
        return {name: kind for name, kind in table.kinds.items() if not self.leaves_out(table.name, name)}

    def tables(self, names: Collection[str]) -> list[str]:
        """Return which of these tables are compared; raises UsageError where one is asked for that is not there."""
        for name in self.only:
            if name not in names:
                raise UsageError(
                    f"Neither export has a table {name!r}; there are: {', '.join(sorted(names))}."
                )
        return sorted(name for name in names if not self.only or name in self.only)

    def left_out(self, tables: Iterable[Table]) -> tuple[str, ...]:
        """Return `TABLE.COLUMN` for all that is left out; raises UsageError for a name that stands for nothing.

        A misspelt name would make the verdict that of another question.
        """
        columns = {(table.name, column) for table in tables for column in table.kinds}
        known = {name for table, column in columns for name in (column, f"{table}.{column}")}
        for name in self.ignore:
            if name not in known:
                raise UsageError(f"No table that is compared has a column {name!r} to be ignored.")
        return tuple(sorted(self._left_out(columns)))

    def _left_out(self, columns: Iterable[tuple[str, str]]) -> Iterator[str]:
        return (f"{table}.{column}" for table, column in columns if self.leaves_out(table, column))
