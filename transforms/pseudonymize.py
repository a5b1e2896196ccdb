"""Ids of users replaced by pseudonyms at intake, in events and in what is refused, so that nothing behind it has one.

An event that could be read is told in a dead letter by the fields that the contract knows, its user by the pseudonym; of
what could not be read only such fields are left, and a keyed hash of the rest: any byte of it may be of an id. Cost: about
0.1 µs an event, and 1 µs for each id that was not met lately.

>>> from schemas.events import EVENT_SCHEMA
>>> row = {"event_id": "e", "event_type": "follow", "event_time": 5, "user_id": "u1"}
>>> hidden = Pseudonymizer(Pseudonyms(b"0" * 32))
>>> hidden.events(pa.RecordBatch.from_pylist([row], schema=EVENT_SCHEMA))["user_id"].to_pylist()
['464cb5026eafe79a7ab3e0bb83471cd4']
"""

import re
from typing import Final

import msgspec
import pyarrow as pa

from schemas.codecs.salvage import readable_fields
from schemas.events import DEAD_LETTER_SCHEMA, EVENT_SCHEMA
from schemas.features.identity import PERSONAL
from schemas.pseudonyms import Pseudonyms

WITHHELD: Final = "withheld"
"""Stands in a dead letter for what it does not show."""
_USERS: Final = [place for place, name in enumerate(EVENT_SCHEMA.names) if name in PERSONAL]
_KEPT_IDS: Final = 1 << 16
"""Ids whose pseudonyms are remembered: about 15 MB."""
_SAYS_WHERE: Final = frozenset({"partition.retention", "file.whole", "file.readable"})
"""Rules whose letters hold a place in a source instead of bytes of it."""
_QUOTED: Final = re.compile(r"'[^']*'")


class Pseudonymizer:
    """Replaces ids in whole batches; may be used by any thread."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._known: dict[str, str] = {}

    def events(self, events: pa.RecordBatch) -> pa.RecordBatch:
        """Return events with the ids of persons replaced; an empty id names nobody and stays."""
        columns = events.columns
        for place in _USERS:
            columns[place] = self._replaced(columns[place])
        return pa.RecordBatch.from_arrays(columns, schema=events.schema)

    def _replaced(self, ids: pa.StringArray) -> pa.StringArray:
        if ids.null_count == len(ids):
            return ids
        coded = ids.dictionary_encode()
        replaced = [self._of(user_id) for user_id in coded.dictionary.to_pylist()]
        return pa.array(replaced, pa.string()).take(coded.indices)

    def _of(self, user_id: str) -> str:
        known = self._known.get(user_id)
        if known is None:
            known = self._pseudonyms.of(user_id) if user_id else ""
            if len(self._known) >= _KEPT_IDS:
                self._known.clear()
            self._known[user_id] = known
        return known

    def letters(self, refused: pa.RecordBatch) -> pa.RecordBatch:
        """Return dead letters of what could not be read, without any bytes that may be of an id."""
        if not refused.num_rows:
            return refused
        rules, raws = refused["rule"].to_pylist(), refused["raw"].to_pylist()
        told = {
            "detail": [_unquoted(each) for each in refused["detail"].to_pylist()],
            "raw": [
                raw if rule in _SAYS_WHERE else self._left_of(raw)
                for rule, raw in zip(rules, raws, strict=True)
            ],
        }
        columns = [
            pa.array(told[field.name], field.type) if field.name in told else refused[field.name]
            for field in DEAD_LETTER_SCHEMA
        ]
        return pa.RecordBatch.from_arrays(columns, schema=DEAD_LETTER_SCHEMA)

    def _left_of(self, raw: bytes) -> bytes:
        left = readable_fields(raw)
        for name in PERSONAL & left.keys():
            left[name] = self._of(left[name])
        return msgspec.json.encode(left | {WITHHELD: self._pseudonyms.of_input(raw)})


def _unquoted(detail: str) -> str:
    """Return what a detail says of a rule, without what it shows of a value.

    >>> _unquoted("item_id must be string, not int 7"), _unquoted("Failed to parse string: 'u1'")
    ('item_id must be string', "Failed to parse string: '…'")
    """
    return _QUOTED.sub("'…'", detail.partition(", not ")[0])
