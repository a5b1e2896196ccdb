"""Events through a replay and an export, with the oracle's figures beside them."""

import json
from pathlib import Path

import duckdb
from catalogue_oracle import book_catalogue
from comparing import missing, opened, wrong_boards, wrong_figures, wrong_tables
from oracle_arrivals import judged
from oracle_inputs import give_dimensions, give_events
from oracle_terms import Terms
from running import exported, replayed


def catalogued(
    home: Path, events: Path, terms: Terms, dims: Path | None
) -> tuple[duckdb.DuckDBPyConnection, frozenset[str]]:
    """Replay a file of sound events and export; return both sides' tables, and the dimensions given."""
    report = replayed(home, events, settings=terms.settings(), dims=dims)
    verdicts = judged(map(json.loads, events.read_text(encoding="utf-8").splitlines()), terms)
    refused = {"too_late": verdicts.too_late, "conflicting_duplicate": verdicts.conflicting}
    assert (report.accepted, report.duplicates) == (len(verdicts.accepted), verdicts.duplicates)
    assert report.refused == {reason: count for reason, count in refused.items() if count}, report
    store = opened(exported(home))
    give_events(store, verdicts.accepted)
    given = give_dimensions(store, dims)
    book_catalogue(store, terms)
    return store, given


def assert_agrees(store: duckdb.DuckDBPyConnection, given: frozenset[str]) -> None:
    """Fail with all that differs between an export and the oracle, in words."""
    found = [*missing(store, given), *wrong_figures(store), *wrong_boards(store), *wrong_tables(store)]
    assert not found, "\n".join(["the export and the catalogue differ:", *found])
