"""The dimension tables of a simulated world."""

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.dimensions import DIMENSIONS
from transforms.io.simulation.draws import Draws
from transforms.io.simulation.names import name, names
from transforms.io.simulation.scenario import DAY_MS, Scenario
from transforms.io.simulation.sessions import CAMPAIGN_EVENINGS
from transforms.io.simulation.traffic import campaigns
from transforms.io.simulation.world import REGIONS, World

FOLDER: Final = "dims"
_KINDS: Final = ("merchant", "creator", "top_kol")
_LASTS_MS: Final = 5 * 3_600_000
_OWN_RATES: Final = 20
"""One item in so many has a commission of its own."""

Columns = dict[str, Any]


def write_dimensions(folder: Path, scenario: Scenario, world: World, draws: Draws, ad_plans: Columns) -> None:
    """Write every dimension table; `ad_plans` are known only once all evenings are simulated."""
    folder.mkdir()
    tables = {
        "items": _items(world),
        "creators": _creators(world),
        "merchants": _merchants(world),
        "mcns": _mcns(scenario, world, draws),
        "service_providers": _providers(scenario, world, draws),
        "campaigns": _campaigns(scenario),
        "ad_plans": ad_plans,
        "commissions": _commissions(world, draws),
    }
    for table, columns in tables.items():
        schema = DIMENSIONS[table]
        arrays = [_array(columns[field.name], field.type) for field in schema]
        pq.write_table(
            pa.Table.from_arrays(arrays, schema=schema), folder / f"{table}.parquet", compression="zstd"
        )


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind)


def _items(world: World) -> Columns:
    items = world.items
    return {
        "item_id": names("item", range(len(items.merchant))),
        "merchant_id": names("merchant", items.merchant),
        "brand_id": names("brand", items.brand),
        "category_id": names("category", items.category),
        "list_price_minor": items.price_minor,
        "launched_at": items.launched_ms,
        "is_premium": items.premium,
    }


def _creators(world: World) -> Columns:
    creators = world.creators
    return {
        "creator_id": names("creator", range(len(creators.kind))),
        "kind": [_KINDS[kind] for kind in creators.kind],
        "mcn_id": names("mcn", creators.mcn),
        "merchant_id": names("merchant", creators.merchant),
        "base_id": names("base", creators.base),
        "followers": creators.followers,
        "joined_at": creators.joined_ms,
    }


def _merchants(world: World) -> Columns:
    merchants = world.merchants
    return {
        "merchant_id": names("merchant", range(len(merchants.category))),
        "service_provider_id": names("provider", merchants.provider),
        "region": names("region", merchants.region),
        "joined_at": merchants.joined_ms,
    }


def _mcns(scenario: Scenario, world: World, draws: Draws) -> Columns:
    keys = np.arange(world.mcns)
    return {
        "mcn_id": names("mcn", keys),
        "region": names("region", draws.below("MCN's region", keys, REGIONS)),
        "founded_at": scenario.start_ms - draws.between("MCN founded", keys, 60, 2_500) * DAY_MS,
    }


def _providers(scenario: Scenario, world: World, draws: Draws) -> Columns:
    keys = np.arange(world.providers)
    return {
        "service_provider_id": names("provider", keys),
        "certified_staff": draws.between("certified staff", keys, 2, 60),
        "joined_at": scenario.start_ms - draws.between("provider joined", keys, 30, 1_500) * DAY_MS,
    }


def _campaigns(scenario: Scenario) -> Columns:
    numbers = range(campaigns(scenario))
    begins = [scenario.start_ms + number * CAMPAIGN_EVENINGS * DAY_MS for number in numbers]
    return {
        "campaign_id": names("campaign", numbers),
        "name": [f"Synthetic campaign {number}" for number in numbers],
        "starts_at": begins,
        "ends_at": [begin + (CAMPAIGN_EVENINGS - 1) * DAY_MS + _LASTS_MS for begin in begins],
    }


def _commissions(world: World, draws: Draws) -> Columns:
    """Return a merchant's rates for all its goods, and a few items' own, which pay their host better."""
    merchants = len(world.merchants.category)
    items = range(0, len(world.items.merchant), _OWN_RATES)
    keys = np.arange(merchants + len(items))
    creator = draws.between("creator's rate", keys, 8, 22) + np.where(keys < merchants, 0, 5)
    mcn, provider = draws.between("MCN's rate", keys, 1, 5), draws.between("provider's rate", keys, 1, 4)
    return {
        "merchant_id": names("merchant", range(merchants)) + [None] * len(items),
        "item_id": [None] * merchants + [name("item", item) for item in items],
        "creator_rate": _percent(creator),
        "mcn_rate": _percent(mcn),
        "service_provider_rate": _percent(provider),
        "platform_rate": _percent(np.full(len(keys), 2)),
    }


def _percent(values: Any) -> list[Decimal]:
    return [Decimal(int(value)) / 100 for value in values]
