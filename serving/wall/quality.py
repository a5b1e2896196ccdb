"""The quality of the data: what was refused and why, what came twice, what the orders do not explain."""

from dataclasses import dataclass
from typing import Final

import msgspec

from schemas.keys import BUCKETS, VERSION_BYTES, counts_key, incidents_key, reconciliation_key, unpack
from serving.access import Store, read_each, read_hashes
from serving.cells import damage
from serving.deadletters import read_dead_letters, read_reasons
from serving.metrics import read_metrics
from serving.wall.drift import Drift, read_drift
from serving.wall.moment import Moment, read_moment

SAMPLES: Final = 3
TOO_LATE: Final = "too_late"
_EVENTS: Final = ("views", "clicks", "follows", "orders_placed", "orders_paid", "orders_cancelled")
"""Events that are counted one by one; shipped, delivered and refunded orders, coupons and live events are not."""
_UNSETTLED: Final = msgspec.msgpack.Decoder(tuple[int, int])


@dataclass(frozen=True)
class RefusedSample:
    """One refused input, without its bytes."""

    event_id: str | None
    rule: str
    detail: str
    event_time_ms: int | None


@dataclass(frozen=True)
class Refusal:
    """One reason: how many inputs, and some of them."""

    reason: str
    count: int
    samples: list[RefusedSample]


@dataclass(frozen=True)
class QualityView:
    """What the quality view shows; `verdicts` are known of jobs on a cluster only.

    `late_share` is that of events which came too late, None where there are none. `open_refunds` counts refunds that the
    orders do not explain, by kind, with their amount in minor units.
    """

    moment: Moment
    refusals: list[Refusal]
    refused: int
    events: int | None
    late_share: float | None
    verdicts: dict[str, int]
    open_refunds: dict[str, tuple[int, int]]
    incidents: dict[str, int]
    drift: list[Drift]


def read_quality(store: Store) -> QualityView:
    """Return the state of the data; costs a walk over the keys, and one small read a bucket."""
    counts = read_reasons(store)
    refusals = [
        Refusal(reason, counts[reason], _samples(store, reason))
        for reason in sorted(counts, key=lambda reason: (-counts[reason], reason))
    ]
    platform = read_metrics(store, "platform", "all")
    values = platform[0].values if platform else None
    events = sum(values[name] for name in _EVENTS) if values else None
    refused, moment = sum(counts.values()), read_moment(store)
    return QualityView(
        moment,
        refusals,
        refused,
        events,
        counts.get(TOO_LATE, 0) / (events + refused) if events else None,
        read_verdicts(store),
        _open_refunds(store),
        _numbers(store, incidents_key(store.namespace)),
        read_drift(store, moment.as_of_ms),
    )


def read_verdicts(store: Store) -> dict[str, int]:
    """Return how many events each verdict was given to, over all shards; none where the job does not publish it."""
    (shards,) = read_each(store, [("HGETALL", counts_key(store.namespace))])
    sums: dict[str, int] = {}
    for value in shards.values():
        with damage():
            held: dict[str, int] = unpack(value)[1]
        for name, count in held.items():
            sums[name] = sums.get(name, 0) + count
    return dict(sorted(sums.items()))


def _samples(store: Store, reason: str) -> list[RefusedSample]:
    return [
        RefusedSample(
            letter.record.event_id, letter.record.rule, letter.record.detail, letter.record.event_time_ms
        )
        for letter in read_dead_letters(store, reason, SAMPLES)
    ]


def _open_refunds(store: Store) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    keys = [reconciliation_key(store.namespace, number) for number in range(BUCKETS)]
    for held in read_hashes(store, keys):
        for field, value in held.items():
            with damage():
                amount, _ = _UNSETTLED.decode(value[VERSION_BYTES:])
            if amount:
                kind = field.decode().partition("\x1f")[0]
                count, sum_minor = found.get(kind, (0, 0))
                found[kind] = (count + 1, sum_minor + amount)
    return dict(sorted(found.items()))


def _numbers(store: Store, key: str) -> dict[str, int]:
    (held,) = read_each(store, [("HGETALL", key)])
    return {name.decode(): int(value) for name, value in sorted(held.items())}
