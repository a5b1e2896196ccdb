"""`interestream recommend USER_ID`: what to show somebody next, anywhere or in a live room, and which rooms."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.learned import show_learned
from runners.cli.looking import asked_ids, reading
from runners.cli.output import note, print_json, print_table
from runners.moments import parse_moment
from runners.settings import Settings
from schemas.errors import UsageError

if TYPE_CHECKING:
    from online_models.answer import Answer, Recommendation

EXAMPLE = "interestream recommend 17850 --k 5"


@configured(*options.OF_USERS)
def recommend(
    user_id: Annotated[str | None, typer.Argument(metavar="USER_ID", show_default=False)] = None,
    *,
    settings: Settings,
    k: options.K = 10,
    room: Annotated[
        str | None, typer.Option(metavar="ROOM_ID", help="Only of what is on sale in this live room.")
    ] = None,
    rooms: Annotated[
        bool, typer.Option("--rooms", help="Rank the rooms that are live now instead of items.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also what each part of the model adds to each score.")
    ] = False,
    explore: Annotated[
        int, typer.Option(min=0, metavar="N", help="Places for new items, at most; what is shown is logged.")
    ] = 0,
    seed: Annotated[
        str,
        typer.Option(metavar="TEXT", help="What the draw for these places follows from.", show_default=False),
    ] = "",
    log: Annotated[
        bool, typer.Option("--log", help="Log what is shown without --explore, too: export --shown reads it.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="As of this event time; without it, that of the newest figures."),
    ] = None,
    model: Annotated[
        bool,
        typer.Option(
            "--model",
            help="No user: how often the model was right so far, and a shadow beside it (run --shadow).",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show the items to recommend to a user; an unknown one gets what is popular, and the answer says so."""
    from online_models.slots import Exploration
    from serving.windows import to_text

    if model:
        show_learned(settings, as_json=as_json)
        return
    if user_id is None:
        raise UsageError("Whom to recommend to? Give a USER_ID, or --model for how good the model is.")
    if rooms and room is not None:
        raise UsageError("--rooms ranks rooms and --room what is on sale in one: give one of them")
    if rooms and (explore or log):
        raise UsageError("--explore and --log are of items, and --rooms ranks rooms: leave one of them out.")
    with reading(settings) as reader:
        now_ms = parse_moment(at, reader.job().timezone) if at else None
        tried = Exploration(explore, seed) if explore else None
        ask = (
            reader.recommend_rooms
            if rooms
            else partial(reader.recommend, room_id=room, explore=tried, log=log)
        )
        [stored] = asked_ids(reader, settings, ["user_id"], [user_id])
        answer = ask(stored, k, now_ms)
    kind = "room" if rooms else "item"
    if as_json:
        print_json(
            {
                "user_id": user_id,
                **({} if rooms else {"room_id": room, "room_known": answer.room_id is not None}),
                f"{kind}s": [_told(each, kind, explain) for each in answer.items],
                "fallback": answer.fallback,
                "model_version": answer.model_version,
                "as_of": to_text(answer.as_of_ms),
            }
        )
        return
    _show(f"For user {user_id}", answer, kind, explain)
    if room is not None and answer.room_id is None:
        note(f"Nothing is known of room {room}, so these are from anywhere.")
    if answer.fallback:
        note("This is what is popular: the user is not known, or the model is missing or stale.")


def _told(each: "Recommendation", kind: str, explain: bool) -> dict[str, Any]:
    told = {f"{kind}_id": each.item_id, "score": each.score, "part": each.part}
    told |= {"propensity": each.propensity} if each.propensity < 1.0 else {}
    return told | {"said": each.said} if explain else told


def _show(title: str, answer: "Answer", kind: str, explain: bool) -> None:
    parts = sorted({part for each in answer.items for part in each.said}) if explain else []
    numbers = ["score", *parts] if explain else []
    rows = [
        [rank, each.item_id, each.part, *(_figures(each, parts) if explain else [])]
        for rank, each in enumerate(answer.items, start=1)
    ]
    where = f" in room {answer.room_id}" if answer.room_id else ""
    columns = ["rank", f"{kind}_id", "because_of", *numbers]
    print_table(f"{title}{where}", columns, rows, f"no {kind} is known", right=numbers)


def _figures(each: "Recommendation", parts: list[str]) -> list[str | None]:
    said = [f"{each.said[part]:+.2f}" if part in each.said else None for part in parts]
    return [f"{each.score:.2f}", *said]
