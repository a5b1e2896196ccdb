"""`interestream metrics SCOPE ID`: the figures of one id, window by window; of a category its funnel too."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.figures import told
from runners.cli.looking import reading
from runners.cli.output import print_json, print_table
from runners.moments import parse_bounds
from runners.settings import Settings

if TYPE_CHECKING:
    from serving.funnel import Funnel
    from serving.metrics import MetricsRow

WINDOWS_A_TABLE: Final = 6
EXAMPLE = "interestream metrics platform all --window day --from 2010-12-01"


@configured(*options.WHERE)
def metrics(
    scope: Annotated[str, typer.Argument(help="platform, room, session, creator, item or traffic_source.")],
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Its id; 'all' for the platform.")],
    *,
    settings: Settings,
    window: options.Window = "total",
    from_: options.From = None,
    to: options.To = None,
    as_json: options.Json = False,
) -> None:
    """Show every figure of one id: counts, distinct users and ratios, window by window; of a category also its funnel."""
    from serving.windows import to_text

    with reading(settings) as reader:
        job = reader.job()
        from_ms, to_ms = parse_bounds(from_, to, job.timezone)
        rows = reader.metrics(scope, identifier, window=window, from_ms=from_ms, to_ms=to_ms)
        funnel = reader.funnel(identifier, from_ms=from_ms, to_ms=to_ms) if scope == "category" else None
    if as_json:
        shown = {
            "scope": scope,
            "id": identifier,
            "window": window,
            "currency": job.currency,
            "as_of": to_text(job.as_of_ms),
            "synthetic": job.synthetic,
            "rows": [{"window_start": to_text(row.window_start_ms), **row.figures} for row in rows],
        }
        print_json(shown | ({"funnel": _plain(funnel)} if funnel else {}))
        return
    title = (
        f"{scope} {identifier}, {window}, as of {to_text(job.as_of_ms) or 'unknown'}, "
        f"{job.currency or 'minor units'}{', synthetic' if job.synthetic else ''}"
    )
    for begin in range(0, max(len(rows), 1), WINDOWS_A_TABLE):
        _print(title, rows[begin : begin + WINDOWS_A_TABLE], job.currency)
    if funnel:
        _print_funnel(funnel)


def _print(title: str, rows: "list[MetricsRow]", currency: str | None) -> None:
    """Print some windows beside each other; what is nothing in all of them is left out."""
    from serving.windows import to_text

    names = [name for name in (rows[0].figures if rows else ()) if any(row.figures[name] for row in rows)]
    starts = [to_text(row.window_start_ms) or "total" for row in rows]
    lines = [[name, *(told(name, row.figures[name], currency) for row in rows)] for name in names]
    print_table(title, ["figure", *starts], lines, "no figures", right=starts)


def _print_funnel(funnel: "Funnel") -> None:
    """Print how many users are in each stage, and every move with how long it took."""
    from serving.windows import to_text

    print_table(f"{funnel.category}: users by stage", [*funnel.stages], [[*funnel.stages.values()]], "nobody")
    moves = [[m.from_stage or "–", m.to_stage, m.users, m.median_ms] for m in funnel.moves]
    print_table("moves, all days", ["from", "to", "users", "median_ms"], moves, "nobody moved")
    days = [[to_text(m.day_ms), m.from_stage or "–", m.to_stage, m.users] for m in funnel.days]
    print_table("moves by day", ["day", "from", "to", "users"], days, "nobody moved")


def _plain(funnel: "Funnel") -> dict[str, Any]:
    """Return a funnel as JSON has it: days as moments, without what does not apply."""
    from serving.windows import to_text

    moves, days = ([asdict(move) for move in held] for held in (funnel.moves, funnel.days))
    for move in (*moves, *days):
        day_ms = move.pop("day_ms")
        if day_ms is not None:
            del move["median_ms"]
            move["day"] = to_text(day_ms)
    return {"stages": funnel.stages, "moves": moves, "days": days}
