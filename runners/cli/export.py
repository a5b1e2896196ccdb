"""`interestream export DIR`: every published result as Parquet files."""

from pathlib import Path
from typing import Annotated

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.looking import reading
from runners.cli.output import note, print_json, print_table
from runners.cli.progress import counting
from runners.settings import Settings

EXAMPLE = "interestream export results --data-dir .interestream/demo"


@configured(*options.WHERE)
def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="New, empty, or an earlier export, which is replaced.")
    ],
    *,
    settings: Settings,
    as_json: options.Json = False,
) -> None:
    """Write metrics, attribution, credits, leaderboards, reconciliation and dead letters as Parquet.

    The same results give the same bytes.
    """
    from serving.export import export as write
    from serving.windows import to_text

    with reading(settings) as reader, counting() as on_progress:
        report = write(reader.client, reader.namespace, directory, on_progress)
    if as_json:
        print_json(report.to_dict())
        return
    print_table(
        f"Exported to {report.directory}",
        ["file", "rows"],
        [[f"{name}.parquet", rows] for name, rows in report.rows.items()],
    )
    note(
        f"Figures as of {to_text(report.as_of_ms) or 'unknown'}, "
        f"{report.currency or 'currency unknown'}, days of {report.timezone}."
    )
