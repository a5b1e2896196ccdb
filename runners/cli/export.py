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


@configured(*options.OF_USERS, "features", "currency", "timezone")
def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="New, empty, or an earlier export, which is replaced.")
    ],
    *,
    settings: Settings,
    training_set: Annotated[
        Path | None,
        typer.Option(
            "--training-set",
            metavar="LABELS",
            help="Write training.parquet instead: features at the moments of these labels.",
        ),
    ] = None,
    views: Annotated[
        list[str] | None,
        typer.Option("--views", metavar="NAME", help="Feature views of the training set; may be repeated."),
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(
            "--events", metavar="PATH", help="Events that the training set is replayed from; may be repeated."
        ),
    ] = None,
    dims: options.Dims = None,
    as_json: options.Json = False,
) -> None:
    """Write metrics, attribution, credits, leaderboards, features, reconciliation and dead letters as Parquet.

    The same results give the same bytes. With --training-set it writes, for each label's entity and moment, exactly what
    a read of the features at that moment would have given.
    """
    if training_set is not None:
        _train(training_set, views or [], events or [], dims, directory, settings, as_json=as_json)
        return
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


def _train(
    labels: Path,
    views: list[str],
    events: list[Path],
    dims: Path | None,
    directory: Path,
    settings: Settings,
    *,
    as_json: bool,
) -> None:
    import pyarrow.parquet as pq

    from runners.training import FILE
    from runners.training import training_set as made

    table = made(labels, views, events, dims, settings)
    directory.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, directory / FILE, compression="zstd")
    if as_json:
        print_json({"file": str(directory / FILE), "rows": table.num_rows, "columns": table.schema.names})
        return
    note(f"Wrote {table.num_rows} rows of {table.num_columns} columns to {directory / FILE}.")
