"""`interestream features list|get|describe|compare|backfill|forget`: the feature views, and what they say of whom."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.looking import asked_ids, reading
from runners.cli.output import console, note, print_json, print_table
from runners.moments import parse_bounds, parse_moment
from runners.settings import Settings

LIST_EXAMPLE = "interestream features list"
GET_EXAMPLE = "interestream features get user_id sim-u339 --data-dir .interestream/demo"
DESCRIBE_EXAMPLE = "interestream features describe user_activity"
COMPARE_EXAMPLE = "interestream features compare served.jsonl --events events/"
BACKFILL_EXAMPLE = "interestream features backfill events/ --features views.py"
FORGET_EXAMPLE = "interestream features forget sim-u339"

_A_DAY_MS = 86_400_000
"""Values older than that when they were written come from a replay, whose freshness says nothing."""

features = typer.Typer(
    help="Shows feature views and what they say of an entity; forgets a user.", no_args_is_help=True
)

Entity = Annotated[
    str, typer.Argument(metavar="ENTITY", help="The fields that name it: user_id, user_id+category_id …")
]
Ids = Annotated[list[str], typer.Argument(metavar="ID…", help="One id a field.", show_default=False)]
Views = Annotated[
    list[str] | None, typer.Option("--view", metavar="NAME", help="May be repeated; all without it.")
]


@features.command("list", epilog=f"Example: {LIST_EXAMPLE}")
@configured(*options.WHERE)
def list_(*, settings: Settings, as_json: options.Json = False) -> None:
    """List the feature views that are kept."""
    with reading(settings) as reader:
        state = reader.feature_state()
    if as_json:
        fresh = dict(zip(("p50", "p99"), state.freshness_ms, strict=True)) if state.freshness_ms else None
        views = [_told(view, state) for view in state.catalogue.views]
        print_json({"as_of_ms": state.as_of_ms, "freshness_ms": fresh, "views": views})
        return
    rows = [
        [view.name, "+".join(view.entity), " ".join(view.windows), view.owner, view.doc]
        for view in state.catalogue.views
    ]
    print_table(
        "Feature views", ["view", "entity", "windows", "owner", "what it is"], rows, "no view is kept"
    )
    if state.freshness_ms and state.freshness_ms[1] < _A_DAY_MS:
        middle, late = state.freshness_ms
        note(
            f"When last written, half of the values could be read {middle} ms after their event, 99 % {late} ms."
        )


@features.command("describe", epilog=f"Example: {DESCRIBE_EXAMPLE}")
@configured(*options.WHERE)
def describe(
    view: Annotated[str, typer.Argument(metavar="VIEW", help="The view's name.")],
    *,
    settings: Settings,
    as_json: options.Json = False,
) -> None:
    """Describe one view: its features with their units, windows and the error that tiles may make."""
    with reading(settings) as reader:
        state = reader.feature_state()
    told = _told(state.view(view), state)
    if as_json:
        print_json(told)
        return
    note(f"{view}, version {told['version']}, of {told['entity']}: {told['doc']}")
    note(
        f"On {', '.join(told['on'])}; kept for {told['ttl_ms'] // 3_600_000} h; owner {told['owner'] or 'nobody'}."
    )
    rows = [
        [each["name"], each["kind"], each["window"], each["tile_ms"] // 60_000, each["unit"]]
        for each in told["features"]
    ]
    print_table(view, ["feature", "kind", "window", "longer by at most, min", "unit"], rows, "nothing")


@features.command("get", epilog=f"Example: {GET_EXAMPLE}")
@configured(*options.OF_USERS)
def get(
    entity: Entity,
    ids: Ids,
    *,
    settings: Settings,
    view: Views = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="At this event time; without it, that of the newest event."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show the features of one entity, each with whether it is fresh."""
    with reading(settings) as reader:
        at_ms = parse_moment(at, reader.job().timezone) if at else None
        stored = asked_ids(reader, settings, entity.split("+"), ids)
        [found] = reader.features(entity, [stored], view or (), at_ms)
    if as_json:
        print_json(
            {
                "entity": entity, "ids": ids, "event_time_ms": found.event_time_ms,
                "written_ms": found.written_ms, "watermark_ms": found.watermark_ms, "age_ms": found.age_ms,
                "features": {
                    name: {"value": value, "status": found.statuses[name]} for name, value in found.values.items()
                },
            }
        )  # fmt: skip
        return
    rows = [[name, _shown(value), found.statuses[name]] for name, value in found.values.items()]
    print_table(f"{entity} {' '.join(ids)}", ["feature", "value", "status"], rows, "nothing is known")


@features.command("compare", epilog=f"Example: {COMPARE_EXAMPLE}")
@configured("features", "currency", "timezone", "pseudonymize")
def compare(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="What a ServedLog wrote.")],
    *,
    settings: Settings,
    events: Annotated[
        list[Path], typer.Option("--events", metavar="PATH", help="The events; may be repeated.")
    ],
    dims: options.Dims = None,
    as_json: options.Json = False,
) -> None:
    """Compare logged reads with a replay of the events; exit code 1 if any value differs."""
    from runners.served import compare_served

    found = compare_served(log, events, dims, settings)
    if as_json:
        print_json({"reads": found.reads, "values": found.values, "differing": found.differing})
    else:
        rows = [list(each.values()) for each in found.differing[:20]]
        title = f"{found.values} values of {found.reads} reads, {len(found.differing)} differ"
        print_table(title, ["line", "feature", "served", "replayed"], rows, "none differs")
    if found.differing:
        raise typer.Exit(1)


@features.command("backfill", epilog=f"Example: {BACKFILL_EXAMPLE}")
@configured(
    *options.OF_USERS, "currency", "timezone", "max_out_of_orderness", "allowed_lateness", "dedup_horizon", "order_horizon",
    "attribution_window", "features", "batch_rows", "checkpoint_every",
)  # fmt: skip
def backfill(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE…", help="What the job reads.", show_default=False)
    ],
    *,
    settings: Settings,
    from_: options.From = None,
    to: options.To = None,
    dims: options.Dims = None,
    as_json: options.Json = False,
) -> None:
    """Let new views learn all that a job has read, beside it; the job is then started again with them.

    Takes the sources, dimensions and settings of the job. May be stopped, killed and repeated: it goes on where it was.
    """
    from runners.feature_backfill import backfill_features
    from runners.jobs_request import JobRequest

    from_ms, to_ms = parse_bounds(from_, to, settings.timezone)
    request = JobRequest(kind="run", sources=tuple(sources), from_ms=from_ms, to_ms=to_ms, dims=dims)
    report = backfill_features(request, settings, console(stderr=True))
    if as_json:
        print_json(asdict(report))
        return
    note(
        f"Read {report.events:,} events in {report.seconds:.0f} s. "
        + (
            "The views know what the job had read at its last checkpoint. Stop the job, and start it again with the same "
            "--features: it reads the rest for them, and they appear all at once."
            if report.reached
            else "Stopped before the end; the same command goes on."
        )
    )


@features.command("forget", epilog=f"Example: {FORGET_EXAMPLE}")
@configured(*options.OF_USERS)
def forget(
    user_id: Annotated[str, typer.Argument(metavar="USER_ID", help="Who is to be forgotten.")],
    *,
    settings: Settings,
    as_json: options.Json = False,
) -> None:
    """Erase a user from features, recommendations and dead letters, and leave tombstones that keep later events out.

    What stands in Redis goes at once; a job that is running drops what it holds when it is next started.
    """
    from runners.embedded_redis import open_redis
    from serving.forgetting import forget_user
    from serving.reader import Reader

    with open_redis(settings.redis, settings.data_dir) as store:
        reader = Reader(store.client, settings.namespace)
        [stored] = asked_ids(reader, settings, ["user_id"], [user_id])
        gone = forget_user(reader.store, stored, also=user_id)
    if as_json:
        print_json({"user_id": user_id, "erased": gone.feature_records, **asdict(gone)})
        return
    note(
        f"Erased {gone.feature_records} feature records of {user_id}, {gone.recommender_rows} of the recommender and "
        f"{gone.dead_letters} dead letters. Start running jobs again: they leave the user out from then on."
    )


def _told(view: Any, state: Any) -> dict[str, Any]:
    layout = state.layout("+".join(view.entity))
    return {
        "name": view.name, "version": view.version, "entity": layout.name, "on": list(view.on),
        "windows": list(view.windows), "ttl_ms": view.ttl_ms, "fresh_ms": view.fresh_ms, "owner": view.owner,
        "doc": view.doc,
        "features": [
            {
                "name": each.label, "kind": each.kind, "window": each.window, "tile_ms": each.tile_ms, "unit": each.unit,
            }
            for each in layout.features
            if each.view == view.name
        ],
    }  # fmt: skip


def _shown(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
