"""`interestream export DIR`: every published result as Parquet files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.looking import reading
from runners.cli.output import note, print_json, print_table
from runners.cli.progress import counting
from runners.settings import Settings
from schemas.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

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
    shown: Annotated[
        bool,
        typer.Option(
            "--shown",
            help="Write shown.parquet instead: what was shown and logged, what the model said, what came of it.",
        ),
    ] = False,
    views: Annotated[
        list[str] | None,
        typer.Option(
            "--views",
            metavar="NAME",
            help="Feature views of the training set or of --shown; may be repeated.",
        ),
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(
            "--events",
            metavar="PATH",
            help="Events that these are made from; may be repeated. With --shown, else those that the job read.",
        ),
    ] = None,
    label_delay: Annotated[
        str, typer.Option(metavar="DURATION", help="With --shown: how long after it a click counts.")
    ] = "30s",
    paid_within: Annotated[
        str, typer.Option(metavar="DURATION", help="With --shown: how long after it a payment counts.")
    ] = "1d",
    label_weights: Annotated[
        str,
        typer.Option(metavar="N,N,N", help="With --shown: what no click, a click and a payment are worth."),
    ] = "0,1,3",
    dims: options.Dims = None,
    as_json: options.Json = False,
) -> None:
    """Write metrics, attribution, credits, leaderboards, features, reconciliation and dead letters as Parquet.

    The same results give the same bytes. With --training-set it writes, for each label's entity and moment, exactly what
    a read of the features at that moment would have given. With --shown it writes a row for each item that was shown.
    """
    if shown:
        if training_set is not None:
            raise UsageError(
                "--shown has labels of its own and --training-set is given some: give one of them."
            )
        wanted = (label_delay, paid_within, label_weights)
        _write(_shown(wanted, views or [], events or [], dims, settings), "shown", directory, as_json=as_json)
        return
    if training_set is not None:
        from runners.training import training_set as made

        table = made(training_set, views or [], events or [], dims, settings)
        _write(table, "training", directory, as_json=as_json)
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


def _shown(
    terms: tuple[str, str, str], views: list[str], events: list[Path], dims: Path | None, settings: Settings
) -> "pa.Table":
    from runners.durations import parse_duration
    from runners.shown_export import ShownExport, shown_table
    from runners.shown_outcomes import Terms, parse_weights

    delay, within, weights = terms
    asked = Terms(parse_duration(delay), parse_duration(within), parse_weights(weights))
    with reading(settings) as reader:
        table = shown_table(reader, ShownExport(events, dims, views, asked), settings)
    if not table.num_rows:
        note("Nothing that was shown is logged: ask with `recommend --explore N` or --log.")
    return table


def _write(table: "pa.Table", name: str, directory: Path, *, as_json: bool) -> None:
    import pyarrow.parquet as pq

    path = directory / f"{name}.parquet"
    directory.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")
    if as_json:
        print_json({"file": str(path), "rows": table.num_rows, "columns": table.schema.names})
        return
    note(f"Wrote {table.num_rows} rows of {table.num_columns} columns to {path}.")
