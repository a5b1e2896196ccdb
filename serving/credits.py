"""Who earned one order: the touches of each of its lines, and what each got, derived as the pipeline sums it up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.attribution import ATTRIBUTION_RULES, CLICKED, PAID, SAME_SESSION, numbers_of
from schemas.keys import US, VERSION_BYTES, bucket, credit_key
from schemas.metrics import DIRECT, ORGANIC, PATH_MODELS, TOUCH_MODELS
from schemas.records import CreditRecord, decode_credit
from serving.access import Store, read_each
from serving.cells import damage

if TYPE_CHECKING:
    from serving.path_weights import PathWeights


@dataclass(frozen=True)
class CreditedTouch:
    """One touch that some attribution window may count for a line."""

    event_id: str
    channel: str
    id: str
    age_ms: int
    clicked: bool
    direct: bool
    """In the room and broadcast of the order."""
    paid: bool
    """Its channel is not organic."""

    def is_in(self, attribution_window: str) -> bool:
        """Whether a window counts it."""
        rule = ATTRIBUTION_RULES[attribution_window]
        oldest = rule.clicks_ms if self.clicked else rule.views_ms
        return self.age_ms <= oldest and (self.direct or not rule.in_room)


@dataclass(frozen=True)
class Share:
    """What one touch got of a line's net amount; no touch: the line is `direct`."""

    attribution_window: str
    model: str
    touch: CreditedTouch | None
    credit_minor: int
    weight: int | None = None
    """What the node of its channel weighs on the line's day, in billionths, under a model of paths."""

    @property
    def channel(self) -> str:
        """The kind of channel that got it."""
        return self.touch.channel if self.touch else ORGANIC

    @property
    def id(self) -> str:
        """The id of the channel that got it."""
        return self.touch.id if self.touch else DIRECT


@dataclass(frozen=True)
class LineCredits:
    """One order line and the touches before it, earliest first."""

    order_id: str
    item_id: str
    record: CreditRecord
    weights: "PathWeights"

    @property
    def touches(self) -> list[CreditedTouch]:
        """The line's touches in order of time."""
        held = self.record
        columns = zip(held.event_ids, held.channels, held.ages_ms, held.flags, strict=True)
        return [
            CreditedTouch(
                event_id,
                *_split(name),
                age,
                bool(flags & CLICKED),
                bool(flags & SAME_SESSION),
                bool(flags & PAID),
            )
            for event_id, name, age, flags in columns
        ]

    def shares(self, attribution_windows: Sequence[str]) -> Iterator[Share]:
        """Yield who got how much in each window under each model; touches that got nothing are left out."""
        import numpy as np
        import pyarrow as pa

        from schemas.credit_shares import line_shares
        from schemas.path_nodes import nodes_of
        from schemas.path_shares import path_line_shares

        touches, held = self.touches, self.record
        net, count = np.array([held.net_minor], np.int64), np.array([len(touches)], np.int64)
        ages, flags = np.array(held.ages_ms, np.int64), np.array(held.flags, np.uint8)
        nodes, day = (
            nodes_of(pa.array(held.channels, pa.string())),
            self.weights.rows_of(np.array([held.pay_time_ms])),
        )
        for window in attribution_windows:
            rule = np.array(numbers_of(ATTRIBUTION_RULES[window]), np.int64)
            for number, model in enumerate(TOUCH_MODELS):
                for _, at, share in line_shares(number, net, count, ages, flags, rule).tolist():
                    yield Share(window, model, touches[at] if at >= 0 else None, share)
            for model in PATH_MODELS:
                table = self.weights.of(model)
                for _, at, share in path_line_shares(
                    net, count, ages, flags, nodes, day, table, rule
                ).tolist():
                    touch, weight = (touches[at], table[day[0], nodes[at] - 1]) if at >= 0 else (None, None)
                    yield Share(window, model, touch, share, weight if weight is None else int(weight))


def _split(name: str) -> tuple[str, str]:
    channel, _, identifier = name.partition(US)
    return channel, identifier


def read_credits(store: Store, order_id: str) -> list[LineCredits]:
    """Return the credited lines of an order by item, none if it was never paid or is not known.

    An order shares its bucket with a thousandth of all orders, of which only the field names are read.
    """
    from serving.path_weights import read_path_weights

    key = credit_key(store.namespace, bucket(order_id))
    (fields,) = read_each(store, [("HKEYS", key)])
    prefix = f"{order_id}{US}".encode()
    own = sorted(field for field in fields if field.startswith(prefix))
    values = read_each(store, [("HGET", key, field) for field in own])
    weights = read_path_weights(store)
    with damage():
        return [
            LineCredits(
                order_id, field.removeprefix(prefix).decode(), decode_credit(value[VERSION_BYTES:]), weights
            )
            for field, value in zip(own, values, strict=True)
            if value
        ]
