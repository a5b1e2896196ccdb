"""The `checkout_completed` rows of Puffy: a transaction's JSON to order lines that sum to its revenue.

Revenue is the truth. The log's `item_price` is the price of the whole line (quantity included), but not
always; so whichever reading sums to the revenue is taken for the lines, and where neither does, the revenue
is split in proportion to price × quantity by largest remainder.
"""

import json
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final

UNKNOWN_ITEM: Final = "unknown"
_INT32_MAX: Final = 2**31 - 1
_CENT: Final = Decimal("0.01")
_MOST_REVENUE: Final = Decimal(10) ** 12


@dataclass
class RefusedRowError(Exception):
    """Why a source row becomes a dead letter: a reason code, the rule it breaks, and what came."""

    reason: str
    rule: str
    detail: str


@dataclass(frozen=True)
class Line:
    """One item of an order, and what was paid for it."""

    item_id: str
    quantity: int
    amount_minor: int


@dataclass(frozen=True)
class _Item:
    item_id: str
    quantity: int
    price: Decimal


class Transactions:
    """Reads transactions, and refuses the ids that it has given out before; keeps each id once."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def take(self, event_data: str | None) -> tuple[str, list[Line]]:
        """Return a transaction's id and lines; raises RefusedRowError where it cannot stand."""
        body = _body(event_data)
        transaction_id = _transaction_id(body)
        lines = order_lines(_revenue_minor(body), body.get("items"))
        if transaction_id in self._seen:
            raise RefusedRowError(
                "duplicate_transaction",
                "transaction_id",
                f"{transaction_id} came before; the first row stands",
            )
        self._seen.add(transaction_id)
        return transaction_id, lines


def order_lines(revenue_minor: int, items: object) -> list[Line]:
    """Split a revenue (minor units) over items, one line an item id; no items give one `unknown` line.

    >>> [line.amount_minor for line in order_lines(100, [{"item_id": "a", "item_price": 1, "quantity": 1},
    ...                                                  {"item_id": "b", "item_price": 2, "quantity": 1}])]
    [33, 67]
    """
    read = [_item(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    if not read:
        return [Line(UNKNOWN_ITEM, 1, revenue_minor)]
    shares = largest_remainder(revenue_minor, _weights(read, revenue_minor))
    merged: dict[str, Line] = {}
    for item, share in zip(read, shares, strict=True):
        before = merged.get(item.item_id, Line(item.item_id, 0, 0))
        quantity = min(before.quantity + item.quantity, _INT32_MAX)
        merged[item.item_id] = Line(item.item_id, quantity, before.amount_minor + share)
    return list(merged.values())


def largest_remainder(total: int, weights: list[Decimal]) -> list[int]:
    """Split a total in proportion to weights, in whole units that sum to it (Hamilton's method).

    Ties go to the earlier one; weights that are all zero count as equal.

    >>> largest_remainder(10, [Decimal(1), Decimal(1), Decimal(1)])
    [4, 3, 3]
    """
    weights = weights if sum(weights) > 0 else [Decimal(1)] * len(weights)
    scaled = [int(weight * 10_000) for weight in weights]
    whole = sum(scaled)
    shares = [total * weight // whole for weight in scaled]
    remainders = sorted(range(len(scaled)), key=lambda place: (-(total * scaled[place] % whole), place))
    for place in remainders[: total - sum(shares)]:
        shares[place] += 1
    return shares


def _weights(items: list[_Item], revenue_minor: int) -> list[Decimal]:
    as_line_totals = [item.price for item in items]
    if sum(as_line_totals) * 100 == revenue_minor:
        return as_line_totals
    return [item.price * item.quantity for item in items]


def _body(event_data: str | None) -> dict[str, Any]:
    try:
        body = json.loads(event_data or "", parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise RefusedRowError("malformed_json", "event_data", f"event_data is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise RefusedRowError(
            "malformed_json", "event_data", f"event_data is a {type(body).__name__}, not an object"
        )
    return body


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _transaction_id(body: dict[str, Any]) -> str:
    value = body.get("transaction_id")
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise RefusedRowError("missing_transaction_id", "transaction_id", f"transaction_id is {value!r}")
    return _readable(str(value).strip())


def _revenue_minor(body: dict[str, Any]) -> int:
    amount = _decimal(body.get("revenue"))
    if amount is None or not 0 <= amount < _MOST_REVENUE:
        raise RefusedRowError(
            "bad_revenue", "revenue", f"revenue is {body.get('revenue')!r}; expected dollars, 0 or more"
        )
    return int(amount.quantize(_CENT, ROUND_HALF_EVEN) * 100)


def _item(item: dict[str, Any]) -> _Item:
    price = _decimal(item.get("item_price"))
    quantity = _decimal(item.get("quantity"))
    return _Item(
        item_id=_readable(str(item.get("item_id") or UNKNOWN_ITEM)),
        quantity=int(quantity) if quantity is not None and 1 <= quantity <= _INT32_MAX else 1,
        price=price if price is not None and 0 <= price < _MOST_REVENUE else Decimal(0),
    )


def _readable(text: str) -> str:
    # JSON can spell lone surrogates, which no UTF-8 column can hold.
    return text.encode("utf-8", "replace").decode("utf-8")


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
