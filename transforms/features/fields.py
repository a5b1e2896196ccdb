"""What a view may name: entities, events and fields, with the place of each in the columns that kernels read."""

from collections.abc import Mapping
from typing import Final

from transforms import event_kernels as kernels

ENTITY_FIELDS: Final = (
    "user_id", "item_id", "room_id", "session_id", "creator_id", "category_id", "merchant_id", "traffic_source",
)  # fmt: skip
"""The fields that name an entity; `category_id` and `merchant_id` follow from the item by its dimension."""

TEXTS: Final = ENTITY_FIELDS
"""The fields whose values are texts, in the order of the columns of their hashes."""

NUMBERS: Final = (
    "amount_minor", "quantity", "dwell_ms", "list_price_minor", "launched_ms", "event_time_ms", "is_new", "has_coupon",
    "hour", "stage",
)  # fmt: skip
"""The fields whose values are numbers. `is_new`: within 30 days of the item's launch; `has_coupon`: a traffic coupon
paid for the exposure; `hour`: of the day, in the time zone of the job; `stage`: of the consumer funnel, `STAGES`."""

MISSING: Final = -(2**63)
"""Stands where an event has no value of a number."""

STAGES: Final[Mapping[int, int]] = {
    kernels.ENTRY: 1, kernels.IMPRESSION: 1, kernels.CLICK: 2, kernels.PAID: 3,
}  # fmt: skip
"""The stage that an event leads to, by its kind: 1 known, 2 interested, 3 ordered."""

NET_PAID: Final = kernels.REFUNDED + 1
"""The kind of what is known of a paid order line after its cancellation and refunds: given, and taken back."""
KINDS: Final = NET_PAID + 1

EVENTS: Final[Mapping[str, tuple[int, ...]]] = {
    "view": (kernels.ENTRY, kernels.IMPRESSION),
    "entry": (kernels.ENTRY,),
    "impression": (kernels.IMPRESSION,),
    "click": (kernels.CLICK,),
    "follow": (kernels.FOLLOW,),
    "order.placed": (kernels.PLACED,),
    "order.paid": (kernels.PAID,),
    "order.cancelled": (kernels.CANCELLED,),
    "order.refunded": (kernels.REFUNDED,),
}
"""The kinds of events by the names that `on=` has for them; `view` is `entry` (of a room) and `impression` (of an item)."""
