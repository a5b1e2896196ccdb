"""What commands print: one JSON document, or tables for people; always on stdout, all else on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 160
"""Columns of a table that goes to a file or pipe, where there is no screen to fit."""


def console(*, stderr: bool = False) -> "Console":
    """Return a console for people; off a terminal it prints no colours and does not wrap early."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PLAIN_WIDTH, highlight=False)


def print_json(document: Any) -> None:
    """Print one JSON document, readable and in UTF-8."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "nothing",
    right: Sequence[str] = (),
) -> None:  # fmt: skip
    """Print rows under their headings; numbers and the columns named stand right, None is a dash."""
    from rich.table import Table
    from rich.text import Text

    lines = [list(row) for row in rows]
    out = console()
    if not lines:
        out.print(Text(f"{title}: {empty}"))
        return
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        number = all(isinstance(line[place], int | float | None) for line in lines)
        table.add_column(
            column, justify="right" if number or column in right or column.endswith("_minor") else "left"
        )
    for line in lines:
        table.add_row(*(Text(_cell(value)) for value in line))
    out.print(table)


def note(text: str) -> None:
    """Print a line for people on stderr."""
    from rich.text import Text

    console(stderr=True).print(Text(text))


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
