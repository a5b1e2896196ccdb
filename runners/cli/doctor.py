"""`interestream doctor`: what is installed, reachable and missing."""

from dataclasses import asdict

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.output import print_json, print_table
from runners.settings import Settings

EXAMPLE = "interestream doctor --json"


@configured(*options.WHERE)
def doctor(*, settings: Settings, as_json: options.Json = False) -> None:
    """Show what is installed, reachable and missing, each with the command that mends it.

    Exit code 1 if anything is missing that the main job needs.
    """
    from runners.diagnosis import diagnose

    findings = diagnose(settings)
    broken = any(finding.status == "missing" for finding in findings)
    if as_json:
        print_json({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [[finding.name, finding.status, finding.found, finding.mend or ""] for finding in findings]
        print_table(
            "Ready" if not broken else "Something is missing", ["", "status", "found", "to mend it"], rows
        )
    if broken:
        raise typer.Exit(1)
