"""Where an importer puts what it makes: events, dead letters, dimensions; as Parquet, in bounded memory."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.dimensions import DIMENSIONS
from schemas.events import DEAD_LETTER_SCHEMA, EVENT_SCHEMA
from transforms.io.imports.report import ImportReport, ReadFile

ROW_GROUP_ROWS: Final = 65_536
FILE_ROWS: Final = 1_048_576

Progress = Callable[[str, int], None]
"""Called with the source file's name and the rows read of it so far."""


class PartedWriter:
    """Writes batches of one schema as `NAME-00000.parquet`, `NAME-00001.parquet`, …, a million rows each.

    Row groups are of a fixed size, so how the batches were cut leaves no trace in the files.
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self._folder, self._name, self._schema = folder, name, schema
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._parts = 0
        self._rows_in_part = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch; whole row groups go to the file at once."""
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows >= ROW_GROUP_ROWS:
            self._flush(last=False)

    def close(self) -> None:
        """Write what is left; with no batch at all, one empty file."""
        self._flush(last=True)
        if self._writer is None and self._parts == 0:
            self._open_part()
        self._close_part()

    def _flush(self, *, last: bool) -> None:
        table = pa.Table.from_batches(self._waiting, self._schema)
        start = 0
        while table.num_rows - start >= (1 if last else ROW_GROUP_ROWS):
            self._write_group(table.slice(start, ROW_GROUP_ROWS))
            start += ROW_GROUP_ROWS
        self._waiting = table.slice(start).to_batches()
        self._waiting_rows = max(0, table.num_rows - start)

    def _write_group(self, group: pa.Table) -> None:
        if self._writer is None:
            self._open_part()
        assert self._writer is not None
        self._writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
        self._rows_in_part += group.num_rows
        if self._rows_in_part >= FILE_ROWS:
            self._close_part()

    def _open_part(self) -> None:
        path = self._folder / f"{self._name}-{self._parts:05d}.parquet"
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._parts += 1
        self._rows_in_part = 0

    def _close_part(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class ImportOutput:
    """Takes an importer's events, dead letters and dimensions, and keeps the report's figures.

    One an import; use it as a context manager, in a folder that is empty. Holds one row group of events.
    """

    def __init__(self, folder: Path, report: ImportReport, on_progress: Progress | None = None) -> None:
        self.report = report
        self._folder = folder
        self._on_progress = on_progress
        self._events = PartedWriter(folder, "events", EVENT_SCHEMA)
        self._refused: list[dict[str, object]] = []
        self._order_ids: set[str] = set()
        self._dead_letters = pq.ParquetWriter(
            folder / "deadletters.parquet", DEAD_LETTER_SCHEMA, compression="zstd"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._events.close()
        self._write_refused()
        self._dead_letters.close()
        self.report.orders = len(self._order_ids)

    def add_events(self, batch: pa.RecordBatch) -> None:
        """Write a batch of `EVENT_SCHEMA` and count it."""
        self._events.write(batch)
        self.report.events += batch.num_rows
        _count(self.report.events_by_type, batch["event_type"])
        orders = batch.filter(pc.equal(batch["event_type"], "order"))
        if orders.num_rows:
            self._count_orders(orders)

    def refuse(
        self,
        *,
        event_id: str,
        reason: str,
        rule: str,
        detail: str,
        raw: bytes,
        event_time_ms: int | None = None,
    ) -> None:
        """Put one source row among the dead letters, as it came."""
        values = (event_id, reason, rule, detail, raw, event_time_ms, None)
        self._refused.append(dict(zip(DEAD_LETTER_SCHEMA.names, values, strict=True)))
        _add(self.report.dead_letters, reason, 1)
        if len(self._refused) >= ROW_GROUP_ROWS:
            self._write_refused()

    def skip(self, kind: str, rows: int = 1) -> None:
        """Count source rows that are sound but have no event of ours to become."""
        _add(self.report.not_mapped, kind, rows)

    def add_dimension(self, name: str, table: pa.Table) -> None:
        """Write `dims/NAME.parquet`; columns that the table lacks become null."""
        schema = DIMENSIONS[name]
        columns = [
            table[field.name].cast(field.type) if field.name in table.column_names else
            pa.nulls(table.num_rows, field.type) for field in schema
        ]  # fmt: skip
        (self._folder / "dims").mkdir(exist_ok=True)
        whole = pa.Table.from_arrays(columns, schema=schema)
        pq.write_table(whole, self._folder / "dims" / f"{name}.parquet", compression="zstd")
        self.report.dimensions[name] = table.num_rows

    def progress(self, file_name: str, rows: int) -> None:
        """Say how many rows of a file are read."""
        if self._on_progress is not None:
            self._on_progress(file_name, rows)

    def done_with(self, file_name: str, rows: int) -> None:
        """Enter a source file into the report, once it is read to its end."""
        self.report.files.append(ReadFile(file_name, rows))

    def _count_orders(self, orders: pa.RecordBatch) -> None:
        self._order_ids.update(pc.unique(orders["order_id"]).to_pylist())
        table = pa.Table.from_batches([orders])
        for sums, status in ((self.report.paid_minor, "paid"), (self.report.refunded_minor, "refunded")):
            of_status = table.filter(pc.equal(table["order_status"], status))
            for row in of_status.group_by("currency").aggregate([("amount_minor", "sum")]).to_pylist():
                _add(sums, row["currency"], row["amount_minor_sum"])

    def _write_refused(self) -> None:
        if self._refused:
            self._dead_letters.write_table(pa.Table.from_pylist(self._refused, DEAD_LETTER_SCHEMA))
            self._refused = []


def _count(counts: dict[str, int], column: pa.Array) -> None:
    for entry in pc.value_counts(column).to_pylist():
        _add(counts, entry["values"], entry["counts"])


def _add(counts: dict[str, int], key: str, number: int) -> None:
    counts[key] = counts.get(key, 0) + number
