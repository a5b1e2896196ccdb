"""`interestream import NAME PATH --out DIR`: a public data set's files as events."""

import json
from pathlib import Path
from typing import Annotated

import typer

from runners.cli import options
from runners.cli.output import print_json, print_table
from runners.cli.progress import counting

EXAMPLE = "interestream import online-retail online_retail.csv.gz --out events"


def import_(
    name: Annotated[str, typer.Argument(help="The data set; a wrong name lists those that there are.")],
    path: Annotated[Path, typer.Argument(help="Its file or folder, as published.")],
    *,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="New, empty, or an earlier import, which is replaced.")
    ],
    as_json: options.Json = False,
) -> None:
    """Map a public data set's files onto events, dimensions and dead letters."""
    from transforms.io.imports import import_dataset

    with counting() as on_progress:
        report = import_dataset(name, path, out, on_progress)
    if as_json:
        print_json(json.loads(report.to_json()))
        return
    rows: list[list[object]] = [
        ["events", report.events],
        *([f"{event_type} events", count] for event_type, count in sorted(report.events_by_type.items())),
        *([f"refused: {reason}", count] for reason, count in sorted(report.dead_letters.items())),
        *([f"dimension {table}", count] for table, count in sorted(report.dimensions.items())),
    ]
    print_table(f"{report.title or name} in {out}", ["", "rows"], rows)
