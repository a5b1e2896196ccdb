"""`interestream recommend USER_ID`: what to show somebody next."""

from dataclasses import asdict
from typing import Annotated

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.looking import reading
from runners.cli.output import note, print_json, print_table
from runners.moments import parse_moment
from runners.settings import Settings

EXAMPLE = "interestream recommend 17850 --k 5"


@configured(*options.WHERE)
def recommend(
    user_id: Annotated[str, typer.Argument(metavar="USER_ID")],
    *,
    settings: Settings,
    k: options.K = 10,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="As of this event time; without it, that of the newest figures."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show the items to recommend to a user; an unknown one gets what is popular, and the answer says so."""
    from serving.windows import to_text

    with reading(settings) as reader:
        now_ms = parse_moment(at, reader.job().timezone) if at else None
        answer = reader.recommend(user_id, k, now_ms)
    if as_json:
        print_json(
            {
                "user_id": user_id,
                "items": [asdict(item) for item in answer.items],
                "fallback": answer.fallback,
                "model_version": answer.model_version,
                "as_of": to_text(answer.as_of_ms),
            }
        )
        return
    rows = [[rank, item.item_id, item.part] for rank, item in enumerate(answer.items, start=1)]
    print_table(f"For user {user_id}", ["rank", "item_id", "because_of"], rows, "no item is known")
    if answer.fallback:
        note("This is what is popular: the user is not known, or the model is missing or stale.")
