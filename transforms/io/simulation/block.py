"""Events as columns of integers, before they are text: what the simulator computes with."""

from typing import Final, TypeAlias

import numpy as np

from transforms.io.simulation.draws import Flags, Ints

(
    ENTERED, SHOWN, GHOST, CLICKED, PLACED, PAID, SHIPPED, DELIVERED, CANCELLED, REFUNDED, FOLLOWED,
    GRANTED, ACTIVATED, EXHAUSTED, EXPIRED, STARTED, ENDED,
) = range(17)  # fmt: skip
KINDS: Final = 17

COLUMNS: Final = (
    "number", "kind", "time", "arrival", "user", "session", "item", "traffic", "order", "quantity", "amount", "flaw",
)  # fmt: skip
"""`amount` is money, a dwell time, or a promotion's number, as the kind has it; `traffic` a code of `traffic.py`."""

Block: TypeAlias = dict[str, Ints]


def block(count: int, **columns: Ints | int) -> Block:
    """Return events with the named columns, others 0."""
    given = dict.fromkeys(COLUMNS, 0) | columns
    return {name: np.broadcast_to(np.asarray(value, np.int64), count).copy() for name, value in given.items()}


def joined(blocks: list[Block]) -> Block:
    """Return the blocks one after another."""
    return {name: np.concatenate([each[name] for each in blocks]) for name in COLUMNS}


def rows(events: Block, places: Flags | Ints | slice) -> Block:
    """Return some of the events."""
    return {name: column[places] for name, column in events.items()}


def size(events: Block) -> int:
    """Return how many events there are."""
    return len(events["kind"])
