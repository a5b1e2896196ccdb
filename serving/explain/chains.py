"""From one figure to another by steps: what each step adds or takes, and by which orders.

>>> line = Line("o", "i", [OrderEvent(PLACED, 1, 500, True), OrderEvent(PAID, 2, 450, True)])
>>> chain = placed_to_paid([line], {"gmv_placed_minor": 500, "gmv_paid_minor": 450})
>>> [(step.what, step.amount_minor) for step in chain.steps], chain.unexplained_minor
([('placed and paid here, for another amount', -50)], 0)
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from serving.explain.order_log import PAID, PLACED, REFUNDED, Line, OrderEvent

Figures = Mapping[str, int]


@dataclass(frozen=True)
class Step:
    """What one difference comes to in minor units, and the orders that make it, by id."""

    what: str
    amount_minor: int
    orders: list[str]


@dataclass(frozen=True)
class Chain:
    """Two published figures and the steps between them; `unexplained_minor` is 0 where they reconcile."""

    start: str
    start_minor: int
    end: str
    end_minor: int
    steps: list[Step]

    @property
    def unexplained_minor(self) -> int:
        """What the steps do not account for."""
        return self.end_minor - self.start_minor - sum(step.amount_minor for step in self.steps)


@dataclass(frozen=True)
class Refused:
    """Inputs that were refused for one reason, and what those of orders would have come to.

    `paid_minor` and `orders` are of payments in the currency of the figures, each input once.
    """

    reason: str
    inputs: int
    orders_minor: int
    paid_minor: int
    orders: list[str]


Judge = Callable[[Line], Iterable[tuple[str, int]]]


def placed_to_paid(lines: Iterable[Line], figures: Figures) -> Chain:
    """Explain GMV paid by GMV placed."""
    return _chain("gmv_placed_minor", "gmv_paid_minor", figures, _steps(lines, _placed_or_paid))


def paid_to_net(lines: Iterable[Line], figures: Figures) -> Chain:
    """Explain net GMV by GMV paid."""
    return _chain("gmv_paid_minor", "net_gmv_minor", figures, _steps(lines, _refunds_taken))


def refund_time_to_order_time(lines: Iterable[Line], figures: Figures, horizon_ms: int) -> Chain:
    """Explain refunds booked when the order was paid by refunds booked when they were made."""

    def judge(line: Line) -> Iterable[tuple[str, int]]:
        return _refunds_moved(line, horizon_ms)

    return _chain("refunds_minor", "refunds_by_order_time_minor", figures, _steps(lines, judge))


def whole_to_day(
    lines: Iterable[Line], figures: Figures, day: str, day_minor: int, day_of: Callable[[int], str]
) -> Chain:
    """Explain GMV paid on one calendar day by that of the whole, as of a broadcast that goes on past midnight."""

    def judge(line: Line) -> Iterable[tuple[str, int]]:
        for payment in line.payments_here:
            if day_of(payment.event_time_ms) != day:
                yield f"paid here on {day_of(payment.event_time_ms)}", -payment.amount_minor

    start = figures["gmv_paid_minor"]
    return Chain("gmv_paid_minor", start, f"gmv_paid_minor on {day}", day_minor, _steps(lines, judge))


def so_far_to_final(lines: Iterable[Line], figures: Figures, final_minor: int, closed_ms: int) -> Chain:
    """Explain what of GMV paid is final by all of it: late events may still change minutes from `closed_ms` on."""

    def judge(line: Line) -> Iterable[tuple[str, int]]:
        for payment in line.payments_here:
            if payment.event_time_ms >= closed_ms:
                yield "paid here, in a minute that late events may still change", -payment.amount_minor

    start = figures["gmv_paid_minor"]
    return Chain("gmv_paid_minor", start, "gmv_paid_minor, final", final_minor, _steps(lines, judge))


def received_to_accepted(figures: Figures, refused: Iterable[Refused]) -> Chain:
    """Explain GMV paid by all payments that came in: what was refused of them, by reason."""
    steps = [
        Step(f"payment refused as {each.reason}", -each.paid_minor, each.orders)
        for each in refused
        if each.orders
    ]
    end = figures["gmv_paid_minor"]
    start = end - sum(step.amount_minor for step in steps)
    return Chain("payments received", start, "gmv_paid_minor", end, steps)


def _chain(start: str, end: str, figures: Figures, steps: list[Step]) -> Chain:
    return Chain(start, figures[start], end, figures[end], steps)


def _steps(lines: Iterable[Line], judge: Judge) -> list[Step]:
    """Sum what every line is judged to add, by its reason; reasons that come to nothing are left out."""
    amounts: dict[str, int] = {}
    orders: dict[str, dict[str, None]] = {}
    for line in lines:
        for what, amount in judge(line):
            if amount:
                amounts[what] = amounts.get(what, 0) + amount
                orders.setdefault(what, {})[line.order_id] = None
    return [Step(what, amounts[what], sorted(orders[what])) for what in sorted(amounts)]


def _placed_or_paid(line: Line) -> Iterable[tuple[str, int]]:
    placed, paid = line.amount(PLACED, here=True), line.amount(PAID, here=True)
    if placed and not line.has(PAID):
        yield "placed here, not paid so far", -placed
    elif placed and not line.has(PAID, here=True):
        yield "placed here, paid at another time or place", -placed
    elif paid and not line.has(PLACED):
        yield "paid here, never seen placed", paid
    elif paid and not line.has(PLACED, here=True):
        yield "paid here, placed at another time or place", paid
    else:
        yield "placed and paid here, for another amount", paid - placed


def _refunds_taken(line: Line) -> Iterable[tuple[str, int]]:
    refunded = -line.amount(REFUNDED, here=True)
    if line.payment is None:
        yield "refunded here, payment never seen", refunded
    elif line.payment.here:
        yield "refunded here, paid here", refunded
    else:
        yield "refunded here, paid at another time or place", refunded


def _refunds_moved(line: Line, horizon_ms: int) -> Iterable[tuple[str, int]]:
    for refund in line.events:
        if refund.status != REFUNDED:
            continue
        known = line.payment is not None and _belongs(refund, line.payment, horizon_ms)
        counted = known and line.payment is not None and line.payment.here
        if refund.here and not known:
            yield "refunded here, payment never seen or too long ago", -refund.amount_minor
        elif refund.here and not counted:
            yield "refunded here, paid at another time or place", -refund.amount_minor
        elif counted and not refund.here:
            yield "paid here, refunded at another time or place", refund.amount_minor


def _belongs(refund: OrderEvent, payment: OrderEvent, horizon_ms: int) -> bool:
    return abs(refund.event_time_ms - payment.event_time_ms) <= horizon_ms
