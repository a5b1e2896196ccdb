"""Who earned one order: the credit of each of its lines, touch by touch."""

from dataclasses import dataclass

from schemas.keys import US, VERSION_BYTES, bucket, credit_key
from schemas.records import CreditRecord, decode_credit
from serving.access import Store, read_each
from serving.cells import damage


@dataclass(frozen=True)
class LineCredits:
    """One order line's touches, and what each got under every model; parallel lists, in touch order."""

    order_id: str
    item_id: str
    record: CreditRecord


def read_credits(store: Store, order_id: str) -> list[LineCredits]:
    """Return the credited lines of an order by item, none if it was never paid or is not known.

    An order shares its bucket with a thousandth of all orders, of which only the field names are read.
    """
    key = credit_key(store.namespace, bucket(order_id))
    (fields,) = read_each(store, [("HKEYS", key)])
    prefix = f"{order_id}{US}".encode()
    own = sorted(field for field in fields if field.startswith(prefix))
    values = read_each(store, [("HGET", key, field) for field in own])
    with damage():
        return [
            LineCredits(order_id, field.removeprefix(prefix).decode(), decode_credit(value[VERSION_BYTES:]))
            for field, value in zip(own, values, strict=True)
            if value
        ]
