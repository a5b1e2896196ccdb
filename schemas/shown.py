"""What was shown to somebody, with which chance, and what the model said of it: one entry an answer, in msgpack.

>>> shown = Shown("u1", 5, 7, ["tea", "cup"], [1.0, 0.25], FORM, scores=number_bytes([2.5, 2.5]),
...               parts=part_bytes(["room", "exploration"]), said=said_bytes([{"room": 2.0, "filled": 0.5}, {}]))
>>> decode_shown(encode_shown(shown)) == shown
True
>>> [(each.item_id, each.score, each.part, each.said["room"]) for each in shown.each()]
[('tea', 2.5, 'room', 2.0), ('cup', 2.5, 'exploration', 0.0)]
"""

import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

FORM: Final = 2
"""The form of entries that are written now. Form 1 ends behind the propensities; what later forms add stands behind."""

SAID: Final = ("popularity", "repeats", "transitions", "neighbours", "factors", "room", "filled")
"""What adds to a score: the parts of the model, and by how much an item for anyone was put below the user's own."""

EXPLORED: Final = "exploration"
SPOKE: Final = (*SAID[:-1], EXPLORED)
"""Why an item is shown: the part that spoke for it most, or because it is new."""

_WIDTH: Final = len(SAID)
_MOST: Final = 65_504.0
"""The largest half float."""


class ShownItem(NamedTuple):
    """One shown item; what the model said of it is None in entries of form 1."""

    item_id: str
    propensity: float
    score: float | None
    part: str | None
    said: dict[str, float] | None


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """For whom, when in event time, by which version of the model, which items in order, and each one's propensity.

    From form 2 on also in which room it was asked for and whether that was known, how many were asked for, whether it was
    what is popular, and the newest event that the model had learned; then, an item each, its score as float32, the place
    in `SPOKE` of what spoke for it as a byte, and what each of `SAID` adds to its score as a row of float16. With
    exploration slots also the new items that could stand there, and their chances on an empty page as float32.
    """

    user_id: str
    time_ms: int
    model_version: int
    items: list[str]
    propensities: list[float]
    form: int = 1
    room_id: str | None = None
    room_known: bool = False
    k: int | None = None
    fallback: bool | None = None
    model_as_of_ms: int | None = None
    scores: bytes = b""
    parts: bytes = b""
    said: bytes = b""
    fresh: list[str] = []
    fresh_chances: bytes = b""

    def choices(self, place: int) -> dict[str, float]:
        """Return which new items could have stood at a place (the first is 0) with which chance: those not before it.

        >>> shown = Shown("u1", 5, 7, ["tea", "cup"], [1.0, 0.25], FORM, fresh=["tea", "cup", "pot"],
        ...               fresh_chances=number_bytes([0.2, 0.2, 0.6]))
        >>> {item: round(chance, 6) for item, chance in shown.choices(1).items()}
        {'cup': 0.25, 'pot': 0.75}
        """
        before = set(self.items[:place])
        fresh = zip(self.fresh, array("f", self.fresh_chances), strict=True)
        left = {item: chance for item, chance in fresh if chance > 0.0 and item not in before}
        whole = sum(left.values())
        return {item: chance / whole for item, chance in left.items()}

    def each(self) -> Iterator[ShownItem]:
        """Yield the items in the order in which they were shown."""
        if self.form == 1:
            for item, propensity in zip(self.items, self.propensities, strict=True):
                yield ShownItem(item, propensity, None, None, None)
            return
        rows = struct.iter_unpack(f"<{_WIDTH}e", self.said)
        told = zip(self.items, self.propensities, array("f", self.scores), self.parts, rows, strict=True)
        for item, propensity, score, part, row in told:
            yield ShownItem(item, propensity, score, SPOKE[part], dict(zip(SAID, row, strict=True)))


def number_bytes(numbers: Iterable[float]) -> bytes:
    """Return scores or chances as an entry holds them."""
    return array("f", numbers).tobytes()


def part_bytes(parts: Iterable[str]) -> bytes:
    """Return what spoke for each item as an entry holds it."""
    return bytes(map(SPOKE.index, parts))


def said_bytes(said: Sequence[Mapping[str, float]]) -> bytes:
    """Return what each part adds to each score as an entry holds it: 14 bytes an item."""
    numbers = [row.get(name, 0.0) for row in said for name in SAID]
    try:
        return struct.pack(f"<{len(numbers)}e", *numbers)
    except OverflowError:
        # What does not fit is as large as can be told: a log refuses no answer.
        within = [min(max(number, -_MOST), _MOST) for number in numbers]
        return struct.pack(f"<{len(numbers)}e", *within)


def decode_shown(entry: bytes) -> Shown:
    """Read an entry of this form or an earlier one; ValueError for a later one."""
    shown = _decode(entry)
    if shown.form > FORM:
        raise ValueError(f"what was shown is written in form {shown.form}; forms up to {FORM} are known")
    return shown


encode_shown = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Shown).decode
