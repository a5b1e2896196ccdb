"""What becomes of a line that is bought: amounts, payment, cancellation, delivery, refunds, and when.

The fate of a line depends on its visit and item alone, not on whether it is bought, so that the money which a line
would have brought is known for both worlds.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from transforms.io.simulation.draws import Draws, Flags, Ints
from transforms.io.simulation.world import World

NEVER: Final = -1
_UNPAID: Final = 0.06
_CANCELLED: Final = 0.03
_RETURNED: Final = 0.10
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True)
class Fates:
    """One entry a line: money in minor units, what of it comes back in one or two refunds, and what is left."""

    quantity: Ints
    amount_minor: Ints
    paid: Flags
    cancelled: Flags
    refund_minor: Ints
    second_refund_minor: Ints

    @property
    def net_minor(self) -> Ints:
        """Return what the line brings in the end."""
        kept: Ints = self.paid * (self.amount_minor - self.refund_minor - self.second_refund_minor)
        return kept


@dataclass(frozen=True)
class Times:
    """When each thing happens to a line, UTC milliseconds; NEVER where it does not."""

    placed: Ints
    paid: Ints
    cancelled: Ints
    shipped: Ints
    delivered: Ints
    refunded: Ints
    refunded_again: Ints


def fates(world: World, draws: Draws, order: Ints, line: Ints, item: Ints) -> Fates:
    """Say what becomes of lines; whether an order is paid or cancelled holds for all its lines."""
    luck = draws.share("quantity", line)
    quantity = 1 + (luck > 0.80) + (luck > 0.94) + (luck > 0.99)
    discount = draws.below("discount", line, 4) * 5
    amount = world.items.price_minor[item] * (100 - discount) // 100 * quantity
    paid = draws.share("order is paid", order) >= _UNPAID
    cancelled = paid & (draws.share("order is cancelled", order) < _CANCELLED)
    returns = _RETURNED * world.merchants.returns[world.items.merchant[item]]
    returned = paid & ~cancelled & (draws.share("line is returned", line) < returns)
    first = amount * _percent(draws, line, 40, 100, "first part") // 100
    second = (amount - first) * _percent(draws, line, 20, 100, "second part") // 100
    way = draws.share("how it is returned", line)
    whole, twice = cancelled | (returned & (way < 0.6)), returned & (way >= 0.85)
    return Fates(
        quantity=quantity,
        amount_minor=amount,
        paid=paid,
        cancelled=cancelled | ~paid,
        refund_minor=np.where(whole, amount, np.where(returned, first, 0)),
        second_refund_minor=np.where(twice, second, 0),
    )


def _percent(draws: Draws, line: Ints, least: int, most: int, purpose: str) -> Ints:
    return draws.between(f"{purpose} of a refund", line, least, most)


def times(
    world: World, draws: Draws, order: Ints, line: Ints, item: Ints, clicked: Ints, fate: Fates
) -> Times:
    """Say when; an order is placed after its last click, with all its lines at once."""
    _, inverse = np.unique(order, return_inverse=True)
    last = np.zeros(len(order), np.int64)
    np.maximum.at(last, inverse, clicked)
    placed = last[inverse] + draws.between("places after", order, 2_000, 60_000)
    paid = placed + draws.between("pays after", order, 1_500, 60_000)
    given_up = placed + 15 * _MINUTE_MS
    regretted = paid + draws.between("cancels after", order, _MINUTE_MS, 30 * _MINUTE_MS)
    merchant = world.items.merchant[item]
    hours = world.merchants.slowness[merchant] * draws.between("ships after", order, 2, 36)
    shipped = paid + (hours * _HOUR_MS).astype(np.int64) + draws.below("ships at", order, _HOUR_MS)
    delivered = shipped + draws.between("is delivered after", order, 18 * _HOUR_MS, 80 * _HOUR_MS)
    early = draws.share("returns early", line) < 0.4
    refunded = np.where(early, paid, delivered) + draws.between(
        "returns after", line, 20 * _MINUTE_MS, 48 * _HOUR_MS
    )
    refunded = np.where(
        fate.cancelled, regretted + draws.between("refunds after", order, 1_000, 60_000), refunded
    )
    again = refunded + draws.between("returns again after", line, _HOUR_MS, 24 * _HOUR_MS)
    goes = fate.paid & ~fate.cancelled
    return Times(
        placed=placed,
        paid=np.where(fate.paid, paid, NEVER),
        cancelled=np.where(fate.cancelled, np.where(fate.paid, regretted, given_up), NEVER),
        shipped=np.where(goes, shipped, NEVER),
        delivered=np.where(goes, delivered, NEVER),
        refunded=np.where(fate.paid & (fate.refund_minor > 0), refunded, NEVER),
        refunded_again=np.where(fate.paid & (fate.second_refund_minor > 0), again, NEVER),
    )
