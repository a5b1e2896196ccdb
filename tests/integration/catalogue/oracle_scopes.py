"""Under which ids an event counts, one column a scope: from the event, its session's facts and the dimensions.

Readings that the specification leaves open:

- An absent field is `none`, an id that its dimension lacks `unknown`; a row of the dimension whose column
  is null or absent is `none` again, since the id is known and the field is what is missing. Along a chain
  (item, merchant, region) the first of these that happens decides.
- `campaign` is the event's own `campaign_id`; what its session's broadcast belongs to decides
  `fact_channel` only.
- Of a session, the earliest live event (by time, then id) with a `campaign_id` says its campaign, the
  earliest with a `base_id` its base, each for itself. They hold for the session's events from the minute
  on that holds that moment less the allowed lateness: a broadcast's first events may lie before its
  `started`, those of an hour and a minute before do not belong to it; and a minute is never cut in two.
- `base` of an event outside sessions, or before its session's base holds, is that of the creator's row.
- An event's item is its `item_id`, whatever its type: a follow that has one is the item's.
- A creator whose row is missing or has no `kind` is of the fact channel `unknown`, never of `shelf`.
"""

from typing import Final

import duckdb

FROM_EVENTS: Final = ("platform", "room", "session", "creator", "item", "campaign", "traffic_source")
DERIVED: Final = ("fact_channel",)
FROM_DIMENSIONS: Final = {
    "merchant": "items", "brand": "items", "category": "items", "mcn": "creators", "base": "creators",
    "service_provider": "merchants", "region": "merchants",
}  # fmt: skip
"""Scopes that are published when that dimension is given."""
SCOPES: Final = (*FROM_EVENTS, *FROM_DIMENSIONS, *DERIVED)

_ID_OF: Final = """
    CREATE OR REPLACE MACRO id_of(key, found, value) AS
    CASE WHEN key IS NULL THEN 'none' WHEN found IS NULL THEN 'unknown' ELSE coalesce(value, 'none') END
"""
# The same for a key that is itself the answer of `id_of`: what was none or unknown stays so.
_ID_BY: Final = """
    CREATE OR REPLACE MACRO id_by(item, item_found, key, found, value) AS
    CASE WHEN item IS NULL THEN 'none' WHEN item_found IS NULL THEN 'unknown' ELSE id_of(key, found, value) END
"""
_SESSION_FACTS: Final = """
    CREATE OR REPLACE TABLE oracle.session_facts AS
    WITH told AS (
        SELECT session_id, unnest(['campaign', 'base']) AS fact, unnest([campaign_id, base_id]) AS value,
               event_time, event_id
        FROM oracle.events WHERE event_type = 'live'
    )
    SELECT session_id, fact, value, (event_time - $allowed_lateness_ms) // 60000 * 60000 AS from_ms
    FROM told WHERE value IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY session_id, fact ORDER BY event_time, event_id) = 1
"""
_LOCATED: Final = """
    CREATE OR REPLACE TABLE oracle.located AS
    SELECT e.*, day_ms, event_time AS at_ms,
           epoch_ms(i.launched_at) AS launched_ms, coalesce(i.is_premium, false) AS premium,
           'all' AS platform,
           coalesce(e.room_id, 'none') AS room,
           coalesce(e.session_id, 'none') AS session,
           coalesce(e.creator_id, 'none') AS creator,
           coalesce(e.item_id, 'none') AS item,
           coalesce(e.campaign_id, 'none') AS campaign,
           coalesce(e.traffic_source, 'none') AS traffic_source_,
           id_of(e.item_id, i.item_id, i.merchant_id) AS merchant,
           id_of(e.item_id, i.item_id, i.brand_id) AS brand,
           id_of(e.item_id, i.item_id, i.category_id) AS category,
           id_by(e.item_id, i.item_id, i.merchant_id, m.merchant_id, m.service_provider_id) AS service_provider,
           id_by(e.item_id, i.item_id, i.merchant_id, m.merchant_id, m.region) AS region,
           id_of(e.creator_id, c.creator_id, c.mcn_id) AS mcn,
           coalesce(b.value, id_of(e.creator_id, c.creator_id, c.base_id)) AS base,
           CASE WHEN e.campaign_id IS NOT NULL OR f.value IS NOT NULL THEN 'campaign'
                WHEN e.creator_id IS NULL THEN 'shelf'
                WHEN c.kind = 'top_kol' THEN 'top_kol'
                WHEN c.kind = 'merchant' THEN 'field'
                WHEN c.kind = 'creator' THEN 'alliance' ELSE 'unknown' END AS fact_channel
    FROM oracle.events AS e
    ASOF JOIN oracle.days ON e.event_time >= day_ms
    LEFT JOIN oracle.items AS i USING (item_id)
    LEFT JOIN oracle.merchants AS m ON m.merchant_id = i.merchant_id
    LEFT JOIN oracle.creators AS c ON c.creator_id = e.creator_id
    LEFT JOIN oracle.session_facts AS b ON b.session_id = e.session_id AND b.fact = 'base' AND e.event_time >= b.from_ms
    LEFT JOIN oracle.session_facts AS f ON f.session_id = e.session_id AND f.fact = 'campaign' AND e.event_time >= f.from_ms
"""


def locate(store: duckdb.DuckDBPyConnection, allowed_lateness_ms: int) -> None:
    """Fill `oracle.located`: the events, each with its id in every scope."""
    store.execute(_ID_OF)
    store.execute(_ID_BY)
    store.execute(_SESSION_FACTS, {"allowed_lateness_ms": allowed_lateness_ms})
    store.execute(_LOCATED)
    store.execute("ALTER TABLE oracle.located DROP COLUMN traffic_source")
    store.execute("ALTER TABLE oracle.located RENAME COLUMN traffic_source_ TO traffic_source")


def scoped(query: str, columns: str) -> str:
    """Return a query with one row for each scope of each row: `scope`, `id` and the columns.

    >>> scoped("oracle.located", "at_ms").count("SELECT")
    15
    """
    parts = (f"SELECT '{scope}' AS scope, {scope} AS id, {columns} FROM {query}" for scope in SCOPES)
    return " UNION ALL ".join(parts)


def published(given: frozenset[str]) -> tuple[str, ...]:
    """Return the scopes that are published where these dimensions are given.

    >>> published(frozenset({"merchants"}))[-3:]
    ('service_provider', 'region', 'fact_channel')
    """
    return tuple(scope for scope in SCOPES if FROM_DIMENSIONS.get(scope) in (None, *given))
