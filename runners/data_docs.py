"""Great Expectations' part of a validation: one Checkpoint a suite, and Data Docs of all of them.

Nothing of the events leaves the machine: analytics are off, and the context lives in memory. (The
pages as Great Expectations writes them fetch their styles from public servers when they are opened.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas.expectations import frame, suite_for
from schemas.law import SHARED_SUITE, SUITES, Terms

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

_LOOKALIKES: Final = {"&": "＆", "<": "＜", ">": "＞", '"': "＂", "'": "＇"}


@dataclass(frozen=True, slots=True)
class DataDocs:
    """What was written: the page to open, and how many rows were seen in each suite."""

    index: Path
    rows: dict[str, int]


def build_data_docs(events: pa.RecordBatch, out_dir: Path, terms: Terms, now: datetime) -> DataDocs:
    """Run every suite on the events it is about, and write the Data Docs into `out_dir`.

    About 6 s to import Great Expectations, then some 2 s for 20,000 events. Files of other names in
    `out_dir` are left alone. A suite that is about none of the events is shown but not run.
    """
    from great_expectations.core.run_identifier import RunIdentifier

    context = _context(out_dir.resolve())
    source = context.data_sources.add_pandas("events")
    run = RunIdentifier(run_name="validate", run_time=now)
    rows: dict[str, int] = {}
    for suite, of_suite in _by_suite(frame(_harmless(events))):
        checkpoint = _checkpoint(context, source, suite, terms)
        if len(of_suite):
            checkpoint.run(batch_parameters={"dataframe": of_suite}, run_id=run)
        rows[suite] = len(of_suite)
    context.build_data_docs()
    return DataDocs(out_dir.resolve() / "index.html", rows)


def _harmless(events: pa.RecordBatch) -> pa.RecordBatch:
    """Replace the characters that HTML is made of by their full-width twins.

    Data Docs print values unescaped, so an event could otherwise carry a script into the page. One
    character stands for one, and no value that a rule names has any of them: no verdict changes.
    """
    return pa.RecordBatch.from_arrays([_unmarked(column) for column in events.columns], schema=events.schema)


def _unmarked(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        for character, lookalike in _LOOKALIKES.items():
            column = pc.replace_substring(column, character, lookalike)
    return column


def _by_suite(events: "pd.DataFrame") -> Iterator[tuple[str, "pd.DataFrame"]]:
    for suite in SUITES:
        yield suite, events if suite == SHARED_SUITE else events[events["event_type"] == suite]


def _checkpoint(context: Any, source: Any, suite: str, terms: Terms) -> Any:
    """Add to the context a Checkpoint that runs one suite on the data frame it is given."""
    import great_expectations as gx

    rows = source.add_dataframe_asset(suite).add_batch_definition_whole_dataframe("sample")
    validation = gx.ValidationDefinition(
        name=suite, data=rows, suite=context.suites.add(suite_for(suite, terms))
    )
    return context.checkpoints.add(
        gx.Checkpoint(name=suite, validation_definitions=[context.validation_definitions.add(validation)])
    )


def _context(out_dir: Path) -> Any:
    """Make a context that keeps everything in memory but the Data Docs."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites={"data_docs": _site(out_dir)},
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _site(out_dir: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(out_dir)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "show_cta_footer": False},
    }
