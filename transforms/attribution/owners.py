"""`Owners`: whom the items and creators of touches belong to, as the dimensions say.

>>> owners = Owners({"i": "m", "j": None}, {"c": Creator("top_kol", "house")})
>>> owners.merchants_of(pa.array(["i", "j", "other", None])).to_pylist()
['m', 'none', 'unknown', 'none']
>>> owners.mcns_of(pa.array(["c", None])).to_pylist(), owners.facts_of(pa.array(["c", None]), np.zeros(2, bool)).to_pylist()
(['house', 'none'], ['top_kol', 'shelf'])
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.metrics import FROM_CREATORS, FROM_ITEMS, FURTHER_CHANNELS, NO_ID

UNKNOWN_ID: Final = "unknown"
_FACTS: Final = {"top_kol": "top_kol", "merchant": "field", "creator": "alliance"}
"""The FACT channel of a creator's kind."""


class Creator(NamedTuple):
    """What is known of a creator."""

    kind: str | None
    mcn_id: str | None


@dataclass(frozen=True)
class Owners:
    """Item → merchant and creator → what is known of it; None where that dimension is not given."""

    merchants: Mapping[str, str | None] | None = None
    creators: Mapping[str, Creator] | None = None
    _kinds: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        lacking = (
            *(() if self.creators is not None else FROM_CREATORS),
            *(() if self.merchants is not None else FROM_ITEMS),
        )
        object.__setattr__(self, "_kinds", tuple(kind for kind in FURTHER_CHANNELS if kind not in lacking))

    @property
    def further_channels(self) -> tuple[str, ...]:
        """The further kinds of channels that can be told of a touch."""
        return self._kinds

    def merchants_of(self, items: pa.StringArray) -> pa.StringArray:
        """Return the merchant of each item; `none` without an item or merchant, `unknown` without a row."""
        rows = self.merchants or {}
        return _each(items, lambda name: rows[name] or NO_ID if name in rows else UNKNOWN_ID, NO_ID)

    def mcns_of(self, creators: pa.StringArray) -> pa.StringArray:
        """Return the MCN of each creator, likewise."""
        rows = self.creators or {}
        return _each(creators, lambda name: rows[name].mcn_id or NO_ID if name in rows else UNKNOWN_ID, NO_ID)

    def facts_of(self, creators: pa.StringArray, in_campaign: npt.NDArray[np.bool_]) -> pa.StringArray:
        """Return the FACT channel of touches: campaign (大促), top KOL, alliance, field, or shelf."""
        rows = self.creators or {}
        of_creators = _each(creators, lambda name: _fact(rows.get(name)), "shelf")
        return pc.if_else(pa.array(in_campaign), pa.scalar("campaign"), of_creators)


def _fact(creator: Creator | None) -> str:
    return _FACTS.get(creator.kind or "", UNKNOWN_ID) if creator else UNKNOWN_ID


def _each(ids: pa.StringArray, name_of: Callable[[str], str], of_none: str) -> pa.StringArray:
    """Name each id, each distinct one once."""
    encoded = ids.dictionary_encode()
    names = pa.array(map(name_of, encoded.dictionary.to_pylist()), pa.string())
    return names.take(encoded.indices).fill_null(of_none)
