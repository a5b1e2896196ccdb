"""Who earned one order: its touches, which windows count them, and what each got and why, in words."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from runners.cli.output import console, print_table

if TYPE_CHECKING:
    from serving.credits import CreditedTouch, LineCredits, Share

_WHY = {
    "last_touch": "the latest of {count}",
    "first_touch": "the earliest of {count}",
    "last_paid_touch": "the latest that was paid for",
    "linear": "an equal part, 1 of {count}",
    "time_decay": "weighs 2^(-{age} / {half_life})",
    "position": "{part}",
    "markov": "{node} weighs {weight} of what paths lose without it",
    "shapley": "{node} weighs {weight} of what its paths brought",
}
_CREDITS = (
    "item_id",
    "attribution_window",
    "model",
    "channel",
    "id",
    "touch_event_id",
    "credit_minor",
    "why",
)
_TOUCHES = ("item_id", "touch_event_id", "time", "age", "kind", "channel", "id", "session", "counts_in")


def order_document(
    order_id: str, lines: "list[LineCredits]", windows: Sequence[str], model: str | None
) -> dict[str, Any]:
    """Return an order's touches and credits as plain values; with a model, the credits of that one."""
    return {
        "order_id": order_id,
        "touches": [row for line in lines for row in _touch_rows(line, windows)],
        "rows": [row for line in lines for row in _credit_rows(line, windows, model)],
    }


def print_order(document: dict[str, Any]) -> None:
    """Print both tables."""
    order = document["order_id"]
    touches = [[row[name] for name in _TOUCHES] for row in document["touches"]]
    print_table(f"Touches before order {order}", _TOUCHES, touches, "no touch within any window")
    console().print()
    credits = [[row[name] for name in _CREDITS] for row in document["rows"]]
    print_table(f"Credit of order {order}", _CREDITS, credits, "no credit is known")


def _touch_rows(line: "LineCredits", windows: Sequence[str]) -> Iterator[dict[str, Any]]:
    from serving.windows import to_text

    for touch in line.touches:
        yield {
            "item_id": line.item_id,
            "touch_event_id": touch.event_id,
            "time": to_text(line.record.pay_time_ms - touch.age_ms),
            "age_ms": touch.age_ms,
            "age": duration(touch.age_ms),
            "kind": "click" if touch.clicked else "view",
            "channel": touch.channel,
            "id": touch.id,
            "session": "of the order" if touch.direct else "another",
            "direct": touch.direct,
            "counts_in": " ".join(name for name in windows if touch.is_in(name)) or None,
        }


def _credit_rows(line: "LineCredits", windows: Sequence[str], model: str | None) -> Iterator[dict[str, Any]]:
    touches = line.touches
    for share in line.shares(windows):
        if model not in (None, share.model):
            continue
        counted = [touch for touch in touches if touch.is_in(share.attribution_window)]
        yield {
            "item_id": line.item_id,
            "model": share.model,
            "attribution_window": share.attribution_window,
            "channel": share.channel,
            "id": share.id,
            "touch_event_id": share.touch.event_id if share.touch else None,
            "credit_minor": share.credit_minor,
            "why": why(share, counted),
        }


def why(share: "Share", counted: "list[CreditedTouch]") -> str:
    """Say in words why a touch got its share; `counted` are all that the window counts, earliest first."""
    from schemas.attribution import ATTRIBUTION_RULES
    from schemas.metrics import ORGANIC
    from schemas.path_shares import WHOLE

    touch = share.touch
    if touch is None:
        return "no touch counts in this window"
    if len(counted) == 1:
        return "the only touch that counts"
    if share.model == "last_paid_touch" and not any(each.paid for each in counted):
        return "the latest: none was paid for"
    place = next(n for n, each in enumerate(counted) if each.event_id == touch.event_id)
    half_life = duration(ATTRIBUTION_RULES[share.attribution_window].half_life_ms)
    return _WHY[share.model].format(
        count=len(counted),
        age=duration(touch.age_ms),
        half_life=half_life,
        part=_part(place, len(counted)),
        node=f"{touch.channel} {touch.id}" if touch.channel == ORGANIC else touch.channel,
        weight=f"{(share.weight or 0) / WHOLE:.1%}",
    )


def _part(place: int, count: int) -> str:
    if count == 2:
        return "half: the first or the last of two"
    if place in (0, count - 1):
        return f"40 %: the {'last' if place else 'first'} of {count}"
    return (
        f"its part of 20 %, with {count - 3} others between first and last"
        if count > 3
        else "20 %: the one between"
    )


def duration(milliseconds: int) -> str:
    """Return a duration for people, in its two largest units.

    >>> duration(90_061_001), duration(61_500), duration(5)
    ('1d 1h', '1m 1s', '5ms')
    """
    parts, left = [], milliseconds
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        whole, left = divmod(left, size)
        if whole:
            parts.append(f"{whole}{unit}")
    return " ".join(parts[:2]) or "0s"
