"""`interestream metrics SCOPE ID`: the figures of one id, window by window."""

from typing import Annotated

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.looking import reading
from runners.cli.output import print_json, print_table
from runners.moments import parse_bounds
from runners.settings import Settings

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
    """Show every figure of one room, session, creator, item or traffic source."""
    from serving.windows import to_text

    with reading(settings) as reader:
        job = reader.job()
        from_ms, to_ms = parse_bounds(from_, to, job.timezone)
        rows = reader.metrics(scope, identifier, window=window, from_ms=from_ms, to_ms=to_ms)
    if as_json:
        print_json(
            {
                "scope": scope,
                "id": identifier,
                "window": window,
                "currency": job.currency,
                "as_of": to_text(job.as_of_ms),
                "synthetic": job.synthetic,
                "rows": [{"window_start": to_text(row.window_start_ms), **row.values} for row in rows],
            }
        )
        return
    shown = [name for name in (rows[0].values if rows else ()) if any(row.values[name] for row in rows)]
    print_table(
        f"{scope} {identifier}, {window}, as of {to_text(job.as_of_ms) or 'unknown'}, "
        f"{job.currency or 'minor units'}{', synthetic' if job.synthetic else ''}",
        ["window_start", *shown],
        [[to_text(row.window_start_ms) or "total", *(row.values[name] for name in shown)] for row in rows],
        "no figures",
    )
