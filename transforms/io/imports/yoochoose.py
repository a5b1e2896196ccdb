"""YOOCHOOSE (RecSys Challenge 2015): clicks in a web shop, by session.

Each row becomes one `click`; the session id is both user and session, for the publisher gives nothing that
outlives a session. `room_id` is null. Both forms of the click log are read: the table `SessionId ItemId Time`
(epoch seconds) that recommender papers use, and the publisher's `yoochoose-clicks.dat` without a header
(session, ISO time, item, category). The purchases (`yoochoose-buys.dat`) state no currency and are left out.
"""

from pathlib import Path
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from transforms.io.imports.columns import each_distinct, epoch_seconds_ms, event_batch, iso_ms
from transforms.io.imports.files import find_files
from transforms.io.imports.importer import Importer
from transforms.io.imports.output import ImportOutput
from transforms.io.imports.sieve import Check, sound_rows
from transforms.io.imports.tables import TEXT_SUFFIXES, Chunk, Column, Layout, matching_files, read_chunks

LAYOUT: Final = Layout(
    (Column("SessionId"), Column("ItemId"), Column("Time", ("Timestamp",))),
    headerless=(("SessionId", "Time", "ItemId", "Category"), ("SessionId", "ItemId", "Time")),
)


class Yoochoose(Importer):
    """Imports clicks, whole columns at a time (about 120,000 rows a second)."""

    name: ClassVar[str] = "yoochoose"
    title: ClassVar[str] = "YOOCHOOSE clicks, RecSys Challenge 2015"
    licence: ClassVar[str] = "none stated here: for research and evaluation, not to be passed on"
    citation: ClassVar[str] = (
        "Ben-Shimon, D., et al. (2015). RecSys Challenge 2015 and the YOOCHOOSE Dataset. RecSys 2015. "
        "https://doi.org/10.1145/2792838.2798723"
    )
    homepage: ClassVar[str] = "https://recsys.acm.org/recsys15/challenge/"
    notes: ClassVar[str] = "Sessions stand for users. Purchases are left out: their currency is not stated."

    def convert(self, path: Path, out: ImportOutput) -> None:
        """Read the clicks in the order of the file."""
        for file, header in matching_files(find_files(path, TEXT_SUFFIXES), LAYOUT, r"clicks", out):
            for chunk in read_chunks(file, header, out):
                out.add_events(_events(chunk, out))


def _events(chunk: Chunk, out: ImportOutput) -> pa.RecordBatch:
    text = chunk.columns
    times = _times_ms(text["Time"])
    sound = sound_rows(
        chunk,
        [
            Check("SessionId", pc.is_valid(text["SessionId"]), "missing_user", "a session id"),
            Check("ItemId", pc.is_valid(text["ItemId"]), "missing_item", "an item id"),
            Check("Time", pc.is_valid(times), "bad_timestamp", "epoch seconds or an ISO 8601 time"),
        ],
        out,
        times,
    )
    return event_batch(
        len(chunk),
        event_id=chunk.event_ids(Yoochoose.name),
        event_type="click",
        event_time=times,
        user_id=text["SessionId"],
        session_id=text["SessionId"],
        item_id=text["ItemId"],
        traffic_source="other",
    ).filter(sound)


def _times_ms(text: pa.Array) -> pa.Array:
    seconds = epoch_seconds_ms(text)
    rest = pc.if_else(pc.is_null(seconds), text, pa.scalar(None, pa.string()))
    return pc.coalesce(seconds, each_distinct(rest, iso_ms))
