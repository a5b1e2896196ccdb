"""`interestream export DIR --training-set LABELS`: features as they were known at the moments of labels."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from runners.composition import time_bounds
from runners.pseudonyms import pseudonyms_of
from runners.settings import Settings
from schemas.errors import SourceError, UsageError
from schemas.features.identity import PERSONAL

if TYPE_CHECKING:
    from schemas.pseudonyms import Pseudonyms
    from transforms.features.training import Label, TrainingSet
    from transforms.features.view import FeatureView

FILE: Final = "training.parquet"
AT: Final = "at_ms"
AS_OF: Final = "as_of_ms"


def training_set(
    labels: Path, views: Sequence[str], events: Sequence[Path], dims: Path | None, settings: Settings,
    *, stored: bool = False,
) -> pa.Table:  # fmt: skip
    """Return the labels with a column more for each feature of the views, which are of one kind of entity.

    Labels have the columns of the entity's fields and `at_ms`, and may have `as_of_ms`, the newest event that the
    reader could know of; without it that is `at_ms`. With --pseudonymize, labels name users by their true ids and the
    table by pseudonyms; `stored` labels have pseudonyms already. Raises UsageError for labels or views that do not fit.
    """
    from transforms.features.training import Label

    chosen = _chosen(views, settings)
    table = _labels(labels, chosen[0].entity)
    pseudonyms = pseudonyms_of(settings)
    if pseudonyms and not stored:
        table = _hidden(table, chosen[0].entity, pseudonyms)
    rows = table.select([*chosen[0].entity, AT, AS_OF]).to_pylist()
    wanted = [
        Label(place, tuple(str(row[name]) for name in chosen[0].entity), row[AT], row[AS_OF])
        for place, row in enumerate(rows)
    ]
    return _joined(table, wanted, _opened(chosen, settings), feature_table(events, dims, settings))


def _hidden(table: pa.Table, entity: Sequence[str], pseudonyms: "Pseudonyms") -> pa.Table:
    """Return labels with the ids of users replaced."""
    for name in PERSONAL.intersection(entity):
        place, ids = table.schema.get_field_index(name), table[name].to_pylist()
        table = table.set_column(place, name, pa.array([pseudonyms.of(str(each)) for each in ids]))
    return table


def _joined(table: pa.Table, labels: "list[Label]", made: "TrainingSet", events: pa.Table) -> pa.Table:
    columns: list[list[Any]] = [[None] * len(labels) for _ in made.features]
    for label, values in made.values(events, labels):
        for column, value in zip(columns, values, strict=True):
            column[label.place] = value
    table = table.drop_columns([name for name in table.schema.names if name == "values"])
    for feature, column in zip(made.features, columns, strict=True):
        table = table.append_column(f"{feature.view}.{feature.label}", pa.array(column))
    return table


def _opened(views: "Sequence[FeatureView]", settings: Settings) -> "TrainingSet":
    from pipelines.warm_up import Nowhere
    from transforms.features.training import TrainingSet

    return TrainingSet(views, settings.timezone, settings.order_horizon_ms, Nowhere)


def _chosen(names: Sequence[str], settings: Settings) -> "list[FeatureView]":
    from transforms.features.file import views_of_job

    known = {view.name: view for view in views_of_job(settings.features)}
    for name in names:
        if name not in known:
            raise UsageError(
                f"--views names {name!r}, which is no feature view. There are {', '.join(known)}."
            )
    chosen = [known[name] for name in dict.fromkeys(names)]
    if not chosen:
        raise UsageError("A training set needs --views: name at least one feature view.")
    if len({view.entity for view in chosen}) > 1:
        raise UsageError(
            "--views names views of several kinds of entities. Make a training set for each kind."
        )
    return chosen


def _labels(path: Path, entity: Sequence[str]) -> pa.Table:
    if not path.is_file():
        raise SourceError(f"The labels {path} do not exist. Correct the path.")
    readers: Mapping[str, Any] = {
        ".parquet": pq.read_table,
        ".csv": pc_csv.read_csv,
        ".jsonl": pa_json.read_json,
    }
    if path.suffix not in readers:
        raise UsageError(f"Labels are .parquet, .csv or .jsonl; {path} is none of them.")
    table = readers[path.suffix](path)
    missing = [name for name in (*entity, AT) if name not in table.schema.names]
    if missing:
        raise UsageError(
            f"The labels {path} have no column {missing[0]!r}. They need {', '.join(entity)} and {AT} (UTC milliseconds)."
        )
    return table if AS_OF in table.schema.names else table.append_column(AS_OF, table[AT])


def feature_table(events: Sequence[Path], dims: Path | None, settings: Settings) -> pa.Table:
    """Return what feature views need of the accepted events of files."""
    batches = list(_feature_batches(events, dims, settings))
    if not batches:
        raise SourceError("The files of events hold none. Name at least one with --events.")
    return pa.Table.from_batches([batch for batch in batches if batch.num_rows] or batches[:1])


def _feature_batches(
    events: Sequence[Path], dims: Path | None, settings: Settings
) -> Iterator[pa.RecordBatch]:
    """Judge and deduplicate the events of each file as a job does."""
    from runners.event_batches import EventBatches
    from schemas.codecs.jsonl import without_lines
    from schemas.codecs.salvage import refusals_batch
    from schemas.gate import compile_gate
    from transforms.dedup import DedupShard, Routes
    from transforms.intake import Intake
    from transforms.io.dimensions import Dimensions
    from transforms.io.folder import event_files
    from transforms.pieces import BEFORE_ALL_MS, Piece, Progress
    from transforms.pseudonymize import Pseudonymizer

    bounds = time_bounds(settings)
    routes = Routes(1, False, Dimensions.of(dims), False, True)
    dedup = DedupShard(0, bounds.dedup_horizon_ms, routes, lambda *_: None)
    gate, pseudonyms = compile_gate(settings.currency), pseudonyms_of(settings)
    pseudonymizer = Pseudonymizer(pseudonyms) if pseudonyms else None
    for path in event_files(list(events)):
        intake, watermark = Intake(gate, bounds, pseudonymizer), BEFORE_ALL_MS
        for batch in EventBatches().read(path):
            taken = intake.take(without_lines(batch, refusals_batch([])), watermark)
            watermark = taken.highest_ms
            for output, (_, piece) in dedup.absorb(
                Piece(Progress(0, 1, 0, BEFORE_ALL_MS), (taken.admitted,))
            ):
                if output == "features":
                    yield piece.batch
