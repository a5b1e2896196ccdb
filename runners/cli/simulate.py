"""`interestream simulate --out DIR`: synthetic live commerce with known truth."""

from pathlib import Path
from typing import Annotated

import typer

from runners.cli import options
from runners.cli.output import note, print_json, print_table
from runners.cli.progress import counting
from runners.moments import parse_moment

EXAMPLE = "interestream simulate --out evenings --evenings 3 --seed 7"
_TIMEZONE = "Asia/Shanghai"


def simulate(
    *,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="New, empty, or an earlier simulation, which is replaced.")
    ],
    evenings: Annotated[int, typer.Option(help="Evenings of broadcasts, a day apart.")] = 1,
    rooms: Annotated[int, typer.Option(help="Live rooms, each with its creator.")] = 20,
    users: Annotated[int, typer.Option(help="Consumers.")] = 20_000,
    items: Annotated[int, typer.Option(help="Items on sale.")] = 1_000,
    events: Annotated[int, typer.Option(help="Events in all, to within a tenth.")] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    start: Annotated[
        str, typer.Option(metavar="TIME", help="When the first evening begins.")
    ] = "2026-06-18T19:00+08:00",
    format_: Annotated[str, typer.Option("--format", help="jsonl, parquet or ipc.")] = "jsonl",
    late: Annotated[float, typer.Option(metavar="SHARE", help="Of events that arrive late.")] = 0.02,
    duplicates: Annotated[float, typer.Option(metavar="SHARE", help="Of events that arrive twice.")] = 0.01,
    broken: Annotated[float, typer.Option(metavar="SHARE", help="Of damaged events, on top.")] = 0.0,
    as_json: options.Json = False,
) -> None:
    """Simulate live commerce whose truth is known: each coupon's effect, each order's cause, users' interests.

    All of it is synthetic, and says so: in DIR/SYNTHETIC.md, DIR/manifest.json and every id, which begins with sim-.
    """
    import json

    from transforms.io.simulation import Scenario
    from transforms.io.simulation import simulate as simulate_into

    scenario = Scenario(
        evenings=evenings,
        rooms=rooms,
        users=users,
        items=items,
        events=events,
        seed=seed,
        start_ms=parse_moment(start, _TIMEZONE),
        late=late,
        duplicates=duplicates,
        broken=broken,
        format=format_,
    )
    with counting() as tell:
        made = simulate_into(scenario, out, lambda done: tell("simulated", done))
    if as_json:
        print_json({"folder": str(out), **json.loads(made.manifest.read_bytes())})
        return
    rows: list[list[object]] = [
        ["events", made.events],
        *([f"{event_type} events", count] for event_type, count in made.events_by_type.items()),
        ["order lines", made.orders],
        ["coupons with a known effect", made.coupons],
    ]
    print_table(f"Synthetic live commerce in {out}, seed {seed}", ["", "rows"], rows)
    note(
        f"None of it is real: {out}/SYNTHETIC.md. The truth is in {out}/truth; replay with: interestream replay {out}"
    )
