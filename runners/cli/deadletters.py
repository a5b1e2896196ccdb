"""`interestream deadletters list|show`: what was refused, and why."""

import base64
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.looking import reading
from runners.cli.output import print_json, print_table
from runners.settings import Settings
from schemas.errors import UsageError

if TYPE_CHECKING:
    from serving.deadletters import DeadLetter

LIST_EXAMPLE = "interestream deadletters list --data-dir .interestream/demo"
SHOW_EXAMPLE = "interestream deadletters show too_late --limit 5"

LONGEST_SHOWN = 120
"""Characters of the raw input that a table shows; `--json` shows all."""

deadletters = typer.Typer(help="What was refused, and why.", no_args_is_help=True)


@deadletters.command("list", epilog=f"Example: {LIST_EXAMPLE}")
@configured(*options.WHERE)
def list_reasons(
    *,
    settings: Settings,
    as_json: options.Json = False,
) -> None:
    """Count what was refused, by reason."""
    with reading(settings) as reader:
        counts = reader.dead_letter_counts()
    if as_json:
        print_json({"reasons": counts, "total": sum(counts.values())})
        return
    print_table("Refused", ["reason", "inputs"], list(counts.items()), "nothing was refused")


@deadletters.command("show", epilog=f"Example: {SHOW_EXAMPLE}")
@configured(*options.WHERE)
def show(
    reason: Annotated[str, typer.Argument(help="A reason that `deadletters list` names.")],
    *,
    settings: Settings,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 20,
    as_json: options.Json = False,
) -> None:
    """Show what was refused for one reason: the rule, what it found, and the input as it came."""
    with reading(settings) as reader:
        known = reader.dead_letter_counts()
        if reason not in known:
            raise UsageError(
                f"Nothing was refused as {reason!r}; the reasons are: {', '.join(known) or 'none'}."
            )
        letters = [as_dict(letter) for letter in reader.dead_letters(reason, limit)]
    if as_json:
        print_json({"reason": reason, "total": known[reason], "letters": letters})
        return
    columns = ["event_id", "event_time", "rule", "detail", "raw"]
    rows = [[str(letter.get(name) or "–")[:LONGEST_SHOWN] for name in columns] for letter in letters]
    print_table(f"{reason}: {len(letters)} of {known[reason]}", columns, rows)


def as_dict(letter: "DeadLetter") -> dict[str, Any]:
    """Return a dead letter as plain values; bytes that are no UTF-8 stand as Base64 under `raw_base64`."""
    from serving.windows import to_text

    record = letter.record
    try:
        raw = {"raw": record.raw.decode()}
    except UnicodeDecodeError:
        raw = {"raw_base64": base64.b64encode(record.raw).decode()}
    return {
        "digest": letter.digest,
        "event_id": record.event_id,
        "rule": record.rule,
        "detail": record.detail,
        **raw,
        "event_time": to_text(record.event_time_ms),
        "ingested_at": to_text(record.ingested_at_ms),
    }
