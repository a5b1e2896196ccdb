"""`interestream validate PATH…`: data quality without running the pipeline."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.output import note, print_json, print_table
from runners.settings import Settings

EXAMPLE = "interestream validate events/ --currency GBP --out quality"


@configured("currency")
def validate(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="Files or folders of events.", exists=True)
    ],
    *,
    settings: Settings,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the Data Docs (HTML) go.")] = Path(
        "data-docs"
    ),
    sample_rows: Annotated[
        int, typer.Option(min=1, help="Rows of a type that Great Expectations looks at.")
    ] = 10_000,
    as_json: options.Json = False,
) -> None:
    """Hold every event to the rules: counts by rule, and Great Expectations Data Docs as HTML.

    Exit code 1 if any event breaks one.
    """
    from runners.event_batches import EventBatches
    from runners.validation import validate as hold_to_the_rules
    from transforms.io.folder import event_files

    batches = EventBatches()
    report = hold_to_the_rules(
        event_files(paths),
        out,
        settings.currency,
        read_batches=batches.read,
        now=datetime.now(UTC),
        sample_rows=sample_rows,
    )
    if as_json:
        print_json(json.loads(report.to_json()) | {"unreadable": dict(batches.unreadable)})
    else:
        title = f"{report.accepted:,} of {report.rows:,} events keep every rule"
        broken = [[rule.rule, rule.reason, rule.rows, rule.detail] for rule in report.broken]
        unreadable = [["–", reason, count, "an event"] for reason, count in batches.unreadable.items()]
        print_table(title, ["rule", "reason", "rows", "it asks"], [*broken, *unreadable], "no rule is broken")
        note(f"What Great Expectations saw: {report.data_docs}")
    if report.refused or batches.unreadable:
        raise typer.Exit(1)
