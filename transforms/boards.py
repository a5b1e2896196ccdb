"""`Board`: a leaderboard as it is published and archived.

>>> boards = [Board("clicks", [b"r1", b"r2"], [9, 4]), Board("views", [], [])]
>>> fields, values = archived(boards, bytes(20))
>>> unarchived(fields, values, ("clicks", "follows")) == (bytes(20), [boards[0], Board("follows", [], [])])
True
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.keys import US, VERSION_BYTES

_US = US.encode()


class Board(NamedTuple):
    """The leading ids by one metric, best first, and the value of each."""

    metric: str
    ids: Sequence[bytes]
    values: Sequence[int]


def archived(boards: Iterable[Board], version: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return boards of one scope and window as fields and values of an archived write; the first is the version."""
    fields, values = [b""], [version]
    for board in boards:
        head = board.metric.encode() + _US
        fields += [head + identifier for identifier in board.ids]
        values += [version + b"%d" % value for value in board.values]
    return fields, values


def unarchived(
    fields: Sequence[bytes], values: Sequence[bytes], metrics: Iterable[str]
) -> tuple[bytes, list[Board]]:
    """Return the version and the boards of an archived write, by each of these metrics: those without ids are empty."""
    ids: dict[str, list[bytes]] = {metric: [] for metric in metrics}
    scores: dict[str, list[int]] = {metric: [] for metric in ids}
    version, *rest = values
    for field, value in zip(list(fields)[1:], rest, strict=True):
        head, _, identifier = field.partition(_US)
        metric = head.decode()
        if metric in ids:
            ids[metric].append(identifier)
            scores[metric].append(int(value[VERSION_BYTES:]))
    return version, [Board(metric, ids[metric], scores[metric]) for metric in ids]
