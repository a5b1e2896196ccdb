"""The log of what was shown as a table: a row a shown item, with all that the log itself says of it."""

from collections.abc import Iterable

import pyarrow as pa

from schemas.outputs import SHOWN
from schemas.shown import EXPLORED, SAID, Shown


def logged_table(entries: Iterable[tuple[str, Shown]]) -> pa.Table:
    """Return what the log itself says, in its order; what entries of an earlier form do not say is null."""
    said = [f"said_{name}" for name in SAID]
    rows = [
        (
            number, place + 1, entry.time_ms, entry.user_id, each.item_id,
            entry.room_id, entry.room_known if entry.room_id is not None else None, entry.k, entry.fallback,
            entry.model_version, entry.model_as_of_ms, each.propensity, each.score, each.part,
            *_choices(entry, place, each.part),
            *(each.said.values() if each.said is not None else [None] * len(said)),
        )
        for number, entry in entries
        for place, each in enumerate(entry.each())
    ]  # fmt: skip
    fields = [SHOWN.field(n) for n in range(SHOWN.get_field_index(said[-1]) + 1)]
    columns = zip(*rows, strict=True) if rows else ([] for _ in fields)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)],
        pa.schema(fields),
    )


def _choices(entry: Shown, place: int, part: str | None) -> tuple[list[str] | None, list[float] | None]:
    """What could have stood where a new item was drawn, and with which chances."""
    if part != EXPLORED:
        return None, None
    choices = entry.choices(place)
    return list(choices), list(choices.values())
