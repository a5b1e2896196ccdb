"""`interestream leaderboard SCOPE`: who leads in one metric."""

from dataclasses import asdict
from typing import Annotated

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.looking import reading
from runners.cli.output import print_json, print_table
from runners.moments import parse_moment
from runners.settings import Settings

EXAMPLE = "interestream leaderboard item --metric net_gmv_minor --window day --at 2010-12-01 --k 5"


@configured(*options.WHERE)
def leaderboard(
    scope: Annotated[str, typer.Argument(help="room, session, creator, item or traffic_source.")],
    *,
    settings: Settings,
    metric: Annotated[str, typer.Option(help="What to rank by.")] = "gmv_paid_minor",
    window: options.Window = "total",
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The window that holds this moment; without it, the newest."),
    ] = None,
    k: options.K = 10,
    as_json: options.Json = False,
) -> None:
    """Show the ids with the most of one metric."""
    from serving.windows import to_text

    with reading(settings) as reader:
        at_ms = parse_moment(at, reader.job().timezone) if at else None
        board = reader.leaderboard(scope, metric, window=window, at_ms=at_ms, k=k)
    start = to_text(board.window_start_ms)
    if as_json:
        document = {**asdict(board), "window_start": start, "as_of": to_text(board.as_of_ms)}
        del document["window_start_ms"], document["as_of_ms"]
        print_json(document)
        return
    title = f"{scope} by {metric}, {window}{f' from {start}' if start else ''}, as of {to_text(board.as_of_ms) or 'unknown'}"
    print_table(
        title, ["rank", "id", metric], [[place.rank, place.id, place.value] for place in board.places]
    )
