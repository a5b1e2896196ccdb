"""Every published result as Parquet files: the same results give the same bytes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import StoreError
from schemas.keys import NAMESPACE
from schemas.metrics import UNRANKED, WINDOWS
from schemas.outputs import EXPORTS
from serving.access import Store
from serving.folder import replaced_folder
from serving.job import read_job
from serving.tables.attribution import attribution_tables
from serving.tables.coupons import coupons_table
from serving.tables.credits import credits_table
from serving.tables.deadletters import dead_letters_table
from serving.tables.features import feature_tables
from serving.tables.funnel import funnel_tables
from serving.tables.incrementality import incrementality_table
from serving.tables.layers import Span
from serving.tables.leaderboards import scope_leaderboards
from serving.tables.metrics import scope_metrics
from serving.tables.orders import reconciliation_table
from serving.windows import starts

if TYPE_CHECKING:
    from serving.access import Client

ROW_GROUP_ROWS: Final = 131_072
Progress = Callable[[str, int], None]
"""Called with a table's name and the rows written of it so far."""


@dataclass(frozen=True)
class ExportReport:
    """Where an export stands, how many rows each table has, and what the figures are true as of."""

    directory: str
    rows: dict[str, int]
    as_of_ms: int | None
    currency: str | None
    timezone: str

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def export(
    client: "Client",
    namespace: str = NAMESPACE,
    out_dir: Path = Path("export"),
    on_progress: Progress = lambda _name, _rows: None,
) -> ExportReport:
    """Write every table into `out_dir`, which is replaced as a whole if it holds an earlier export.

    Use it for what looks at all results at once; single figures are cheaper through `Reader`. A million
    cells take about 10 s; memory holds the largest scope. The figures are of one moment only when no
    job writes meanwhile. Raises UsageError for a folder with other files in it, StoreError if Redis is gone.
    """
    store = Store(client, namespace)
    job = read_job(store)
    out_dir = out_dir.absolute()
    try:
        with replaced_folder(out_dir, {f"{name}.parquet" for name in EXPORTS}) as folder:
            rows = _write(store, folder, on_progress)
    except OSError as error:
        raise StoreError(
            f"The export to {out_dir} failed: {error}. Make room or name another folder."
        ) from error
    return ExportReport(str(out_dir), rows, job.as_of_ms, job.currency, job.timezone)


def _write(store: Store, folder: Path, on_progress: Progress) -> dict[str, int]:
    rows = dict.fromkeys(EXPORTS, 0)
    with ExitStack() as files:
        writers = {name: files.enter_context(_writer(folder, name)) for name in EXPORTS}
        for name, table in _tables(store):
            writers[name].write_table(table, row_group_size=ROW_GROUP_ROWS)
            rows[name] += table.num_rows
            on_progress(name, rows[name])
    return rows


def _writer(folder: Path, name: str) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        folder / f"{name}.parquet", EXPORTS[name], compression="zstd", compression_level=3
    )


def _tables(store: Store) -> Iterator[tuple[str, pa.Table]]:
    """Yield each table in parts, in the order in which their rows stand in the files."""
    spans = [Span(window, start) for window in WINDOWS for start in starts(store, window)]
    yield from _scope_tables(store, spans)
    windows = read_job(store).attribution_windows
    for name, further in (("attribution", False), ("attribution_further", True)):
        yield from _named(name, attribution_tables(store, spans, windows, further=further))
    yield from funnel_tables(store, spans)
    yield "credits", credits_table(store, windows)
    yield "coupons", coupons_table(store)
    yield "incrementality", incrementality_table(store)
    yield from _named("features", feature_tables(store))
    yield "reconciliation", reconciliation_table(store)
    yield "deadletters", dead_letters_table(store)


def _scope_tables(store: Store, spans: Sequence[Span]) -> Iterator[tuple[str, pa.Table]]:
    for scope in sorted(read_job(store).scopes):
        metrics = scope_metrics(store, scope, spans)
        yield "metrics", metrics
        if scope != UNRANKED:
            yield "leaderboards", scope_leaderboards(metrics)


def _named(name: str, tables: Iterable[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    return ((name, table) for table in tables)
