"""`interestream explain SCOPE ID`: why two figures of one id differ."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.looking import reading
from runners.cli.output import note, print_json, print_table
from runners.moments import parse_bounds
from runners.settings import Settings

if TYPE_CHECKING:
    from serving.explain import Chain, Explanation, Step

EXAMPLE = "interestream explain room r1 --from 2026-11-11T20:00 --to 2026-11-11T23:00"


@configured(*options.WHERE, "allowed_lateness", "order_horizon")
def explain(
    scope: Annotated[str, typer.Argument(help="platform, room, session, creator, item or traffic_source.")],
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Its id; 'all' for the platform.")],
    *,
    settings: Settings,
    from_: options.From = None,
    to: options.To = None,
    orders: Annotated[int, typer.Option("--orders", min=0, help="How many orders to name a step.")] = 3,
    as_json: options.Json = False,
) -> None:
    """Reconcile the money of one id, step by step: placed, paid, net; by day; refused; final."""
    from serving.explain import explain as explained

    with reading(settings) as reader:
        job = reader.job()
        from_ms, to_ms = parse_bounds(from_, to, job.timezone)
        found = explained(
            reader.store, scope, identifier, from_ms=from_ms, to_ms=to_ms,
            lateness_ms=settings.allowed_lateness_ms, order_horizon_ms=settings.order_horizon_ms,
        )  # fmt: skip
    if as_json:
        print_json(document(found) | {"currency": job.currency})
    else:
        _print(found, orders, job.currency or "minor units")
    if any(chain.unexplained_minor for chain in found.chains):
        raise typer.Exit(1)


def document(found: "Explanation") -> dict[str, Any]:
    """Return everything as plain values, moments as text."""
    from serving.windows import to_text

    chains = [asdict(chain) | {"unexplained_minor": chain.unexplained_minor} for chain in found.chains]
    days = [{"window_start": to_text(start), **money} for start, money in found.days.items()]
    return {
        "scope": found.scope, "id": found.id, "as_of": to_text(found.as_of_ms), "figures": found.figures,
        "chains": chains, "days": days, "provisional": found.provisional,
        "refused": [asdict(each) for each in found.refused],
        "open_refunds": [asdict(each) for each in found.open_refunds],
    }  # fmt: skip


def _print(found: "Explanation", named: int, currency: str) -> None:
    from serving.windows import to_text

    print_table(
        f"{found.scope} {found.id}, as of {to_text(found.as_of_ms) or 'unknown'}, {currency}",
        ["from", "step", "amount_minor", "orders", "such as"],
        [row for chain in found.chains for row in _rows(chain, named)],
    )
    columns = list(next(iter(found.days.values()), {}))
    print_table(
        "By day", ["day", *columns], [[to_text(day), *money.values()] for day, money in found.days.items()]
    )
    print_table("May still change", list(found.provisional), [list(found.provisional.values())])
    print_table(
        "Refused", ["reason", "inputs", "orders_minor", "paid_minor"],
        [[each.reason, each.inputs, each.orders_minor, each.paid_minor] for each in found.refused],
    )  # fmt: skip
    print_table(
        "Refunds that no order explains", ["kind", "order_id", "item_id", "amount_minor"],
        [list(asdict(each).values()) for each in found.open_refunds],
    )  # fmt: skip
    if any(chain.unexplained_minor for chain in found.chains):
        note(
            "Some figures are not explained by the orders: run again when the job does not write, else report it."
        )


def _rows(chain: "Chain", named: int) -> list[list[object]]:
    rows: list[list[object]] = [[chain.start, "", chain.start_minor, None, ""]]
    rows += [["", *_step(step, named)] for step in chain.steps]
    if chain.unexplained_minor:
        rows.append(["", "not explained", chain.unexplained_minor, None, ""])
    return [*rows, [f"= {chain.end}", "", chain.end_minor, None, ""]]


def _step(step: "Step", named: int) -> list[object]:
    more = ", …" if named and len(step.orders) > named else ""
    return [step.what, step.amount_minor, len(step.orders), ", ".join(step.orders[:named]) + more]
