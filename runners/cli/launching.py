"""Starting a job from the command line, and saying what came of it."""

import json
from typing import TYPE_CHECKING, Any

import typer

from runners.cli.output import console, note, print_json, print_table
from runners.jobs_request import JobRequest
from runners.settings import Settings

if TYPE_CHECKING:
    from runners.job_report import JobReport


def launch(request: JobRequest, settings: Settings, *, as_json: bool) -> None:
    """Run a job to its end and print its report."""
    from runners.jobs import run_job

    report = run_job(request, settings, console(stderr=True))
    if as_json:
        print_json(document(report))
    else:
        print_report(report)
    _say_if_synthetic(request)


def _say_if_synthetic(request: JobRequest) -> None:
    from transforms.io.simulation import is_synthetic

    if is_synthetic(request.sources):
        note("These events are synthetic, made by `interestream simulate`: no figure here is a real one.")


def document(report: "JobReport") -> Any:
    """Return a report as plain values."""
    return json.loads(report.to_json())


def print_report(report: "JobReport") -> None:
    """Print what a job did."""
    rows: list[list[object]] = [
        ["events read", report.events],
        ["accepted", report.accepted],
        ["duplicates", report.duplicates],
        *([f"refused: {reason}", count] for reason, count in sorted(report.refused.items())),
        ["seconds", report.seconds],
        ["events a second", round(report.events_per_s)],
    ]
    how = "resumed" if report.resumed else "from the beginning"
    title = "Nothing to do: all of it was read before" if report.nothing_to_do else f"Done, {how}"
    print_table(title, ["", ""], rows)


def own_options(context: typer.Context) -> list[str]:
    """Return the options that a command knows itself."""
    return [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
