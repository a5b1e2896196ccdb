"""Events through a replay and an export, with the oracle's figures beside them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from catalogue_oracle import book_catalogue
from comparing import differences, opened
from oracle_arrivals import judged
from oracle_inputs import give_dimensions, give_events, give_table
from oracle_terms import Terms
from running import exported, replayed


@dataclass(frozen=True)
class Catalogued:
    """An export and the oracle's figures of the same events in one database, and the dimensions given."""

    store: duckdb.DuckDBPyConnection
    given: frozenset[str]
    out: Path


def catalogued(home: Path, events: Path, terms: Terms, dims: Path | None, **settings: Any) -> Catalogued:
    """Replay a file of sound events and export; `settings` change how it runs, never what comes out."""
    report = replayed(home, events, settings=terms.settings() | settings, dims=dims)
    verdicts = judged(map(json.loads, events.read_text(encoding="utf-8").splitlines()), terms)
    assert (report.accepted, report.duplicates) == (len(verdicts.accepted), verdicts.duplicates), report
    both = _both_sides(exported(home), terms, dims, lambda store: give_events(store, verdicts.accepted))
    letters = both.store.execute("SELECT reason, decode(raw) FROM deadletters").fetchall()
    # The same bytes refused twice for one reason are one dead letter.
    refused = {(reason, json.dumps(event)) for reason, event in verdicts.refused}
    assert (len(letters), set(letters) ^ refused) == (len(refused), set())
    return both


def catalogued_import(home: Path, folder: Path, terms: Terms) -> Catalogued:
    """Replay a folder that an importer wrote, whose events are sound, each id once and in order, and export."""
    report = replayed(home, folder, settings=terms.settings())
    events = pq.read_table(sorted(folder.glob("events*.parquet")))
    assert (report.accepted, report.duplicates, report.refused) == (events.num_rows, 0, {}), report
    return _both_sides(exported(home), terms, folder / "dims", lambda store: give_table(store, events))


def _both_sides(
    out: Path, terms: Terms, dims: Path | None, give: Callable[[duckdb.DuckDBPyConnection], None]
) -> Catalogued:
    store = opened(out)
    give(store)
    given = give_dimensions(store, dims)
    book_catalogue(store, terms)
    return Catalogued(store, given, out)


def assert_agrees(both: Catalogued) -> None:
    """Fail with all that differs between an export and the oracle, in words."""
    found = differences(both.store, both.given)
    assert not found, "\n".join(["the export and the catalogue differ:", *found])
