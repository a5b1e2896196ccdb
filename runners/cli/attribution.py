"""`interestream attribution`: which traffic earned what, over all orders or for one."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.looking import reading
from runners.cli.output import print_json, print_table
from runners.moments import parse_bounds
from runners.settings import Settings
from schemas.errors import UsageError

if TYPE_CHECKING:
    from serving.attribution import AttributionRow
    from serving.credits import LineCredits

EXAMPLE = "interestream attribution --model linear --by coupon --window day"

_CREDITS = ("item_id", "model", "channel", "id", "touch_event_id", "credit_minor")
_TABLE = ("window_start", "channel", "id", "credit_minor", "credited_orders", "touches", "cost_minor", "roi")


@configured(*options.WHERE)
def attribution(
    *,
    settings: Settings,
    order: Annotated[
        str | None, typer.Option("--order", metavar="ID", help="Who earned this one order, line by line.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="last_touch or linear.", show_default="last_touch")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Only coupon, ad_plan, campaign or traffic_source.")] = None,
    window: options.Window = "total",
    from_: options.From = None,
    to: options.To = None,
    as_json: options.Json = False,
) -> None:
    """Show what each coupon, ad plan, campaign and traffic source earned."""
    if order is not None and (by or from_ or to or window != "total"):
        raise UsageError("--order shows one order whole; it goes with --model only.")
    with reading(settings) as reader:
        job = reader.job()
        if order is not None:
            rows = credit_rows(reader.credits(order), model)
        else:
            from_ms, to_ms = parse_bounds(from_, to, job.timezone)
            found = reader.attribution(model or "last_touch", by, window=window, from_ms=from_ms, to_ms=to_ms)
            rows = table_rows(found)
    subject = (
        {"order_id": order}
        if order is not None
        else {"model": model or "last_touch", "by": by, "window": window}
    )
    if as_json:
        print_json({**subject, "currency": job.currency, "rows": rows})
        return
    title = f"Credit of order {order}" if order is not None else f"Credit under {subject['model']}, {window}"
    columns = _CREDITS if order is not None else _TABLE
    print_table(title, columns, [[row[name] for name in columns] for row in rows], "no credit is known")


def credit_rows(lines: "list[LineCredits]", model: str | None) -> list[dict[str, Any]]:
    """Return one row a line, model and touch; with a model, those of that one."""
    return [
        {
            "item_id": line.item_id,
            "model": name,
            "channel": channel,
            "id": identifier,
            "touch_event_id": event_id,
            "credit_minor": share,
        }
        for line in lines
        for name, shares in sorted(line.record.credits_minor.items())
        if model in (None, name)
        for (event_id, channel, identifier), share in zip(line.record.touches, shares, strict=True)
    ]


def table_rows(found: "list[AttributionRow]") -> list[dict[str, Any]]:
    """Return the table as plain values, its moments as text."""
    from serving.windows import to_text

    return [
        {
            "window_start": to_text(row.window_start_ms),
            **{name: getattr(row, name) for name in _TABLE if name != "window_start"},
        }
        for row in found
    ]
