"""`interestream attribution`: which traffic earned what, over all orders or for one."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.lifts import lift_rows, print_lifts
from runners.cli.looking import reading
from runners.cli.order_credits import order_document, print_order
from runners.cli.output import print_json, print_table
from runners.moments import parse_bounds
from runners.settings import Settings
from schemas.errors import UsageError
from schemas.metrics import MODELS

if TYPE_CHECKING:
    from serving.attribution import AttributionRow
    from serving.reader import Reader

EXAMPLE = "interestream attribution --model time_decay --by coupon --window day"

_COLUMNS = (
    "window_start", "channel", "id", "credit_minor", "credited_orders", "touches", "cost_minor", "roi",
    "direct_credit_minor", "indirect_credit_minor", "cost_per_order_minor", "reached_users", "new_customer_credit_minor",
)  # fmt: skip
_HEADS = {
    "window_start": "window", "credited_orders": "orders", "reached_users": "users",
    "new_customer_credit_minor": "new customers",
}  # fmt: skip
"""What stands over columns whose names take more room than their values."""


@configured(*options.WHERE)
def attribution(
    *,
    settings: Settings,
    order: Annotated[
        str | None,
        typer.Option("--order", metavar="ID", help="Who earned this one order, line by line, and why."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help=f"One of {', '.join(MODELS)}.", show_default="all, side by side"),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Only coupon, ad_plan, campaign or traffic_source; or fact_channel, creator, mcn or merchant."
        ),
    ] = None,
    attribution_window: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Which touches count; one that the job credits.",
            show_default="the job's first",
        ),
    ] = None,
    window: options.Window = "total",
    from_: options.From = None,
    to: options.To = None,
    as_json: options.Json = False,
) -> None:
    """Show what each coupon, ad plan, campaign and traffic source earned."""
    if order is not None and (by or from_ or to or window != "total"):
        raise UsageError("--order shows one order whole; it goes with --model and --attribution-window only.")
    with reading(settings) as reader:
        job = reader.job()
        windows = chosen_windows(job.attribution_windows, attribution_window)
        if order is not None:
            document = order_document(order, reader.credits(order), windows, model)
        else:
            bounds = parse_bounds(from_, to, job.timezone)
            rows = table_rows(reader, (model,) if model else MODELS, by, windows[:1], window, bounds)
            document = {
                "model": model,
                "attribution_window": windows[0],
                "by": by,
                "window": window,
                "rows": rows,
                "caused": lift_rows(reader, rows) if window == "total" and by in (None, "coupon") else [],
            }
    document["currency"] = job.currency
    if as_json:
        print_json(document)
    elif order is not None:
        print_order(document)
    else:
        print_channels(document)
        print_lifts(document["caused"])


def chosen_windows(published: tuple[str, ...], wanted: str | None) -> tuple[str, ...]:
    """Return the window that is wanted, or all that are published; raises UsageError where there is none."""
    if not published:
        raise UsageError("This job ran with --no-attribution: nothing was credited. Run it again without.")
    if wanted is not None and wanted not in published:
        raise UsageError(f"This job does not credit under {wanted!r}; it does under: {', '.join(published)}.")
    return (wanted,) if wanted else published


def table_rows(
    reader: "Reader",
    models: tuple[str, ...],
    by: str | None,
    windows: tuple[str, ...],
    window: str,
    bounds: tuple[int | None, int | None],
) -> list[dict[str, Any]]:
    """Return one row a model, window and channel as plain values, moments as text."""
    from_ms, to_ms = bounds
    return [
        {"model": model, "attribution_window": name, **_plain(row)}
        for name in windows
        for model in models
        for row in reader.attribution(
            model, by, window=window, from_ms=from_ms, to_ms=to_ms, attribution_window=name
        )
    ]


def _plain(row: "AttributionRow") -> dict[str, Any]:
    from serving.windows import to_text

    start = {"window_start": to_text(row.window_start_ms)}
    return start | {name: getattr(row, name) for name in _COLUMNS if name != "window_start"}


def print_channels(document: dict[str, Any]) -> None:
    """Print one model with all its columns, or the credit under all models side by side."""
    rows, model = document["rows"], document["model"]
    where = f"{document['window']}, {document['attribution_window']}"
    if model:
        known = [name for name in _COLUMNS if any(row[name] is not None for row in rows)]
        shown = [[row[name] for name in known] for row in rows]
        heads = [_HEADS.get(name, name.removesuffix("_minor").replace("_", " ")) for name in known]
        print_table(f"Credit in minor units under {model}, {where}", heads, shown, "no credit is known")
        return
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("window_start", "channel", "id", "touches", "cost_minor"))
        lines.setdefault(key, {})[row["model"]] = row["credit_minor"]
    columns = ("window_start", "channel", "id", "touches", "cost_minor", *MODELS)
    shown = [[*key, *(credit.get(name, 0) for name in MODELS)] for key, credit in lines.items()]
    shown.sort(key=lambda line: (str(line[0]), -max(line[5:])))
    print_table(f"Credit in minor units, {where}", columns, shown, "no credit is known")
