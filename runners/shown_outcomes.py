"""What came of what was shown: labels that are known or wait, and what they are worth.

A label never changes once it is known: it says whether the item was clicked within the delay, and what happens later is
no part of it. A payment that comes later corrects it by the weight alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from online_models.off_policy.showings import Showing, Taking, first_taken
from schemas.errors import UsageError


class Weights(NamedTuple):
    """What a showing is worth that led to nothing, to a click, to a payment."""

    nothing: float = 0.0
    click: float = 1.0
    paid: float = 3.0


class Terms(NamedTuple):
    """How long after a showing a click and a payment count, and what they are worth."""

    label_delay_ms: int = 30_000
    paid_within_ms: int = 86_400_000
    weights: Weights = Weights()


@dataclass(frozen=True)
class Happened:
    """Who clicked and who paid for what, when, and the moment up to which all of it is known."""

    clicks: Sequence[Taking]
    payments: Sequence[Taking]
    watermark_ms: int


def outcomes(showings: Sequence[Showing], happened: Happened, terms: Terms) -> dict[str, pa.Array]:
    """Return the columns of what came of each showing; without a label where its delay is not over yet.

    >>> columns = outcomes([("ann", "tea", 0), ("ann", "cup", 0)], Happened([("ann", "cup", 9)], [], 100), Terms(50))
    >>> columns["label"].to_pylist(), columns["label_known_at_ms"].to_pylist(), columns["weight"].to_pylist()
    ([0, 1], [50, 9], [0.0, 1.0])
    """
    clicked = first_taken(showings, happened.clicks, terms.label_delay_ms)
    paid = first_taken(showings, happened.payments, terms.paid_within_ms)
    known = [
        _known_at_ms(at_ms, taken, happened.watermark_ms, terms.label_delay_ms)
        for (_, _, at_ms), taken in zip(showings, clicked, strict=True)
    ]
    labels = [
        None if at is None else int(taken is not None) for at, taken in zip(known, clicked, strict=True)
    ]
    weights = [
        None if label is None else _weight(label, taken is not None, terms.weights)
        for label, taken in zip(labels, paid, strict=True)
    ]
    return {
        "label": pa.array(labels, pa.int8()),
        "label_known_at_ms": pa.array(known, pa.int64()),
        "weight": pa.array(weights, pa.float64()),
        "clicked_at_ms": pa.array(clicked, pa.int64()),
        "paid_at_ms": pa.array(paid, pa.int64()),
    }


def _known_at_ms(at_ms: int, clicked_ms: int | None, watermark_ms: int, delay_ms: int) -> int | None:
    """A click is known when it comes, its absence once the delay is over."""
    if clicked_ms is not None:
        return clicked_ms
    return at_ms + delay_ms if at_ms + delay_ms < watermark_ms else None


def _weight(label: int, paid: bool, weights: Weights) -> float:
    if paid:
        return weights.paid
    return weights.click if label else weights.nothing


def parse_weights(text: str) -> Weights:
    """Read weights as they are written on a command line.

    >>> parse_weights("0,1,5")
    Weights(nothing=0.0, click=1.0, paid=5.0)
    """
    try:
        weights = Weights(*map(float, text.split(",")))
    except (TypeError, ValueError):
        weights = Weights(-1.0)
    if not 0.0 <= weights.nothing <= weights.click <= weights.paid < float("inf"):
        raise UsageError(
            "--label-weights takes what no click, a click and a payment are worth, none less than the one before it, "
            f"such as 0,1,3; it is {text!r}."
        )
    return weights
