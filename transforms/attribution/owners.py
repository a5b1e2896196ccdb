"""`Owners`: whom the items and creators of touches belong to, as the dimensions say.

>>> owners = Owners({"i": "m", "j": None}, {"c": Creator("top_kol", "house")})
>>> owners.merchants_of(pa.array(["i", "j", "other", None])).to_pylist()
['m', 'none', 'unknown', 'none']
>>> owners.mcns_of(pa.array(["c", None])).to_pylist(), owners.facts_of(pa.array(["c", None]), np.zeros(2, bool)).to_pylist()
(['house', 'none'], ['top_kol', 'shelf'])
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

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
        return _named(items, self.merchants or {})

    def mcns_of(self, creators: pa.StringArray) -> pa.StringArray:
        """Return the MCN of each creator, likewise."""
        rows = self.creators or {}
        known = {name: rows[name].mcn_id for name in creators.to_pylist() if name in rows}
        return _named(creators, known)

    def facts_of(self, creators: pa.StringArray, in_campaign: npt.NDArray[np.bool_]) -> pa.StringArray:
        """Return the FACT channel of touches: campaign (大促), top KOL, alliance, field, or shelf."""
        rows = self.creators or {}
        told = (
            "campaign" if campaign else "shelf" if name is None else _fact(rows.get(name))
            for name, campaign in zip(creators.to_pylist(), in_campaign.tolist(), strict=True)
        )
        return pa.array(told, pa.string())


def _fact(creator: Creator | None) -> str:
    return _FACTS.get(creator.kind or "", UNKNOWN_ID) if creator else UNKNOWN_ID


def _named(ids: pa.StringArray, names: Mapping[str, str | None]) -> pa.StringArray:
    told = (
        NO_ID if each is None else (names[each] or NO_ID) if each in names else UNKNOWN_ID
        for each in ids.to_pylist()
    )
    return pa.array(told, pa.string())
