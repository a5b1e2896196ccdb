"""The whole catalogue of figures in SQL, written from their definitions: what every export is held against.

    give_events(store, accepted); given = give_dimensions(store, folder); book_catalogue(store, terms)

leaves in the schema `oracle`:

| relation | one row |
|---|---|
| `metrics` | a scope, id and window with anything in it: counts, distinct users, ratios |
| `leaderboards` | a place of a scope's board by one metric in one window (`book_boards`, by the metrics that are wanted) |
| `funnel_stages` `funnel_moves` `funnel_times` | a category's users by stage, moves by day, median times |
| `reconciliation` | a line's refunds that no order explains |

The readings that the specification leaves open stand in the module of what they concern: `oracle_scopes`,
`oracle_counts`, `oracle_customers`, `oracle_figures`, `oracle_funnel`, `oracle_boards`, `oracle_arrivals`.
None of it reads the product's code; of the project only the events' Arrow schema is used. Everything is exact
and nothing is incremental: figures are counted anew from all events, so that a mistake of the pipeline's
differences cannot be made here too.
"""

import duckdb
from oracle_boards import book_reconciliation
from oracle_counts import count_events
from oracle_customers import find_customers
from oracle_figures import book_figures
from oracle_funnel import book_funnel
from oracle_scopes import locate
from oracle_terms import Terms
from oracle_windows import make_calendar


def book_catalogue(store: duckdb.DuckDBPyConnection, terms: Terms) -> None:
    """Fill every relation of the schema `oracle` from `oracle.events` and the dimensions."""
    make_calendar(store, terms.timezone)
    locate(store, terms.allowed_lateness_ms)
    find_customers(store, terms.order_horizon_ms)
    count_events(store, terms.order_horizon_ms)
    book_figures(store)
    book_funnel(store)
    book_reconciliation(store)
