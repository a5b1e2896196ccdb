"""`DimensionRows`: what the dimension files say of items and creators, as columns that are looked up by hash.

A look-up first finds the places of ids (`Dimension.places`): 0 for no id, 1 for one without a row, then the rows.
What is known of each place stands in columns: the code of its id in each scope that follows from it, or a time or
a flag. Cost: about 10 ns an id for its place, 2 ns for each column.

>>> items = pa.table({"item_id": ["i", "j"], "category_id": ["tea", None]})
>>> rows = DimensionRows({"items": conformed(items, "items")})
>>> places = rows.items.places(hash_text(pa.array(["i", "j", "other", None])))
>>> rows.items.scopes["category"].names_at(places).to_pylist()
['tea', 'none', 'unknown', 'none']
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.dimensions import DIMENSIONS
from schemas.metrics import FACT_CHANNELS, NO_ID, SCOPES, UNKNOWN_ID, published_further, published_scopes
from transforms import views
from transforms.state.hashing import Hashes, hash_text
from transforms.state.index import HashIndex

Places = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int32]

NONE: Final = 0
UNKNOWN: Final = 1
MERCHANT_SEED: Final = 3
NEVER_MS: Final = -(2**62)
"""When an item was launched of which that is not said."""
NO_PRICE: Final = -(2**63)
"""The list price of an item of which none is said."""
_FIRST_ROW: Final = 2
_KINDS: Final = {"top_kol": "top_kol", "merchant": "field", "creator": "alliance"}
_OF_ITEMS: Final = {"merchant": "merchant_id", "brand": "brand_id", "category": "category_id"}
_OF_CREATORS: Final = {"mcn": "mcn_id", "base": "base_id"}
_OF_MERCHANTS: Final = {"service_provider": "service_provider_id", "region": "region"}


class Coded:
    """One scope's ids by place: few distinct names, and the code of each place's."""

    def __init__(self, names: pa.StringArray, codes: Codes) -> None:
        self.names, self.codes = names, codes

    def names_at(self, places: Places) -> pa.StringArray:
        """Return the id at each place."""
        return self.names.take(pa.array(self.codes[places]))

    def encoded_at(self, places: Places) -> pa.DictionaryArray:
        """Return the id at each place as a dictionary of those that there are, for where few are repeated often."""
        codes = self.codes[places]
        used = np.flatnonzero(np.bincount(codes, minlength=len(self.names)))
        numbers = np.zeros(len(self.names), np.int32)
        numbers[used] = np.arange(len(used), dtype=np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(numbers[codes]), self.names.take(pa.array(used)))

    @classmethod
    def of(cls, column: pa.StringArray) -> "Coded":
        """Return the ids that a column of rows gives, null as `none`."""
        encoded = column.dictionary_encode()
        codes = encoded.indices.fill_null(-_FIRST_ROW).to_numpy(zero_copy_only=False) + _FIRST_ROW
        names = pa.concat_arrays([pa.array([NO_ID, UNKNOWN_ID]), encoded.dictionary])
        return cls(names, np.concatenate([[NONE, UNKNOWN], codes]).astype(np.int32))

    def through(self, places: Places) -> "Coded":
        """Return the ids at the places that other places lead to."""
        return Coded(self.names, self.codes[places])


class Dimension:
    """One table by its id, and the scopes that follow from it."""

    def __init__(self, table: pa.Table, key: str) -> None:
        """Of rows with the same id the first stands; those without one are nobody's."""
        hashes = hash_text(table[key].combine_chunks())
        _, first = np.unique(hashes, return_index=True)
        first = np.sort(first[hashes[first] != 0])
        self.table, self._index = table.take(pa.array(first)), HashIndex()
        self._index.rows_of(hashes[first])
        self.scopes: dict[str, Coded] = {}

    def places(self, ids: Hashes) -> Places:
        """Return the places of ids, given as `hash_text` hashes them."""
        return np.where(ids == 0, np.int32(NONE), self._index.find(ids) + np.int32(_FIRST_ROW))

    def column(self, name: str) -> pa.Array:
        """Return a column of the rows."""
        return self.table[name].combine_chunks()

    def code(self, scopes: Mapping[str, str]) -> None:
        """Let scopes follow from columns."""
        self.scopes |= {scope: Coded.of(self.column(name)) for scope, name in scopes.items()}


class DimensionRows:
    """All dimensions that figures need, as they are at one moment; what was not given has no rows."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        """`tables` have all columns of their dimension (`conformed`)."""
        self.items, self.creators, merchants = (
            Dimension(tables.get(name, DIMENSIONS[name].empty_table()), key)
            for name, key in (("items", "item_id"), ("creators", "creator_id"), ("merchants", "merchant_id"))
        )
        self.scopes, self.further_channels = published_scopes(tables.keys()), published_further(tables.keys())
        self.items.code(_OF_ITEMS)
        self.creators.code(_OF_CREATORS)
        merchants.code(_OF_MERCHANTS)
        of_items = self._places_of_merchants(merchants)
        self.items.scopes |= {name: held.through(of_items) for name, held in merchants.scopes.items()}
        self.merchant_hashes = _with_head(
            0, hash_text(self.items.column("merchant_id"), seed=MERCHANT_SEED), np.uint64
        )
        launched = views.numbers(
            self.items.column("launched_at").cast(pa.int64()).fill_null(NEVER_MS), np.int64
        )
        self.launched_ms = _with_head(NEVER_MS, launched, np.int64)
        prices = views.numbers(self.items.column("list_price_minor").fill_null(NO_PRICE), np.int64)
        self.list_prices_minor = _with_head(NO_PRICE, prices, np.int64)
        self.premium = _with_head(False, views.flags(self.items.column("is_premium")), np.bool_)
        self.fact_codes = self._facts()
        self.plan_costs = _costs(tables.get("ad_plans", DIMENSIONS["ad_plans"].empty_table()))

    def _places_of_merchants(self, merchants: Dimension) -> Places:
        """Return where each item's merchant stands: an item without a row is unknown there too."""
        return _with_head(
            NONE, merchants.places(hash_text(self.items.column("merchant_id"))), np.int32, UNKNOWN
        )

    def _facts(self) -> Codes:
        """Return the fact channel of each place of creators, by its number in `FACT_CHANNELS`."""
        number = {kind: FACT_CHANNELS.index(channel) for kind, channel in _KINDS.items()}
        unknown = FACT_CHANNELS.index("unknown")
        kinds = [number.get(kind, unknown) for kind in self.creators.column("kind").to_pylist()]
        return _with_head(FACT_CHANNELS.index("shelf"), np.array(kinds, np.int32), np.int32, unknown)

    def numbered(self, names: tuple[str, ...]) -> dict[int, str]:
        """Return those of some scopes that are published, by their numbers."""
        return {SCOPES.index(name): name for name in names if name in self.scopes}


def _with_head(of_none: Any, rows: npt.NDArray[Any], dtype: npt.DTypeLike, of_unknown: Any = None) -> Any:
    """Put what is said of no id and of an unknown one before what is said of the rows."""
    head = np.array([of_none, of_none if of_unknown is None else of_unknown], dtype)
    return np.concatenate([head, rows.astype(dtype)])


def _costs(plans: pa.Table) -> dict[str, int]:
    """Return ad plan → cost in minor units of those that have one; of rows with the same id the first stands."""
    pairs = list(zip(plans["ad_plan_id"].to_pylist(), plans["cost_minor"].to_pylist(), strict=True))
    return {plan: cost for plan, cost in reversed(pairs) if plan is not None and cost is not None}


def conformed(table: pa.Table, name: str) -> pa.Table:
    """Return a table with the columns of its dimension, null where it lacks them.

    Raises pyarrow.ArrowException, which names the column, for one of another kind.
    """
    columns = {}
    for field in DIMENSIONS[name]:
        if field.name not in table.schema.names:
            columns[field.name] = pa.nulls(table.num_rows, field.type)
            continue
        try:
            columns[field.name] = table[field.name].cast(field.type)
        except pa.ArrowException as error:
            raise pa.ArrowInvalid(f"a column {field.name} that is no {field.type}: {error}") from error
    return pa.table(columns)
