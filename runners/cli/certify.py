"""`interestream certify A B`: whether two exports say the same."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runners.cli import options
from runners.cli.output import note, print_json, print_table
from runners.cli.progress import counting

if TYPE_CHECKING:
    from serving.certify.verdict import Difference, TableVerdict, Verdict

EXAMPLE = "interestream certify results-direct results-flink"


def certify(
    a: Annotated[Path, typer.Argument(metavar="A", help="A folder that `export` wrote.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    *,
    only: Annotated[
        list[str] | None, typer.Option(metavar="TABLE", help="Compare this table; may be given again.")
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Leave out COLUMN or TABLE.COLUMN; may be given again."),
    ] = None,
    all_columns: Annotated[
        bool, typer.Option("--all-columns", help="Compare also when events were taken in (`ingested_at`).")
    ] = False,
    rows: Annotated[int, typer.Option(metavar="N", min=1, help="How many differing rows are shown.")] = 10,
    as_json: options.Json = False,
) -> None:
    """Compare two exports by canonical digest, table by table: OK, or the first differing rows.

    What counts is every value, its type, nulls, and how often a row is there; not the order of rows or columns,
    nor how the files are cut and compressed. Exit code 1 if they differ.
    """
    from serving.certify.compare import certify as compare
    from serving.certify.terms import Terms

    terms = Terms(tuple(only or ()), tuple(ignore or ()), all_columns, rows)
    with counting() as on_progress:
        verdict = compare(a, b, terms, on_progress)
    if as_json:
        print_json(_plain(verdict.to_dict()))
    else:
        _print(verdict)
    if not verdict.equal:
        raise typer.Exit(1)


def _print(verdict: "Verdict") -> None:
    differing = [table for table in verdict.tables if not table.equal]
    title = f"{len(differing)} of {len(verdict.tables)} tables differ" if differing else "OK: equal"
    print_table(title, ["table", "verdict", "rows in A", "rows in B", "digest of A", "digest of B"], [
        [
            table.name, _word(table), *(side and side.rows for side in (table.a, table.b)),
            *(side and side.digest for side in (table.a, table.b)),
        ]
        for table in verdict.tables
    ])  # fmt: skip
    for table in differing:
        _print_differences(table)
    if verdict.left_out:
        note(f"Not compared: {', '.join(verdict.left_out)}.")


def _word(table: "TableVerdict") -> str:
    if table.equal:
        return "equal"
    return "missing in A" if table.a is None else "missing in B" if table.b is None else "differs"


def _print_differences(table: "TableVerdict") -> None:
    if table.columns:
        said = [[name, *(kind or "missing" for kind in kinds)] for name, kinds in table.columns.items()]
        print_table(f"{table.name}: columns", ["column", "in A", "in B"], said)
    found = table.rows
    if found.changed or found.only_in_a or found.only_in_b:
        title = (
            f"{table.name}: {found.changed:,} rows changed, {found.only_in_a:,} only in A, "
            f"{found.only_in_b:,} only in B; the first"
        )
        lines = [[difference.kind.replace("_", " "), *_said(difference)] for difference in found.first]
        print_table(title, ["", "row", "in A", "in B"], lines)


def _said(difference: "Difference") -> tuple[str, str, str]:
    key = _columns(difference.key)
    if difference.a is not None and difference.b is not None:
        return key, _columns(difference.a), _columns(difference.b)
    whole = difference.a or difference.b or {}
    others = _columns({name: value for name, value in whole.items() if name not in difference.key})
    return (key, others, "") if difference.b is None else (key, "", others)


def _columns(row: dict[str, Any]) -> str:
    return "\n".join(f"{name}={_plain(value)}" for name, value in row.items())


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: bytes as text, and numbers that JSON lacks by their names."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and value - value != 0:
        return str(value)
    return value if isinstance(value, str | int | float | None) else str(value)
