"""`interestream export DIR --training-set LABELS`: features as they were known at the moments of labels."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from runners.judged_events import JudgedEvents
from runners.pseudonyms import pseudonyms_of
from runners.settings import Settings
from schemas.errors import SourceError, UsageError
from schemas.features.identity import PERSONAL

if TYPE_CHECKING:
    from schemas.pseudonyms import Pseudonyms
    from transforms.features.training import TrainingSet
    from transforms.features.view import FeatureView

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
    chosen = chosen_views(views, settings)
    if not chosen:
        raise UsageError("A training set needs --views: name at least one feature view.")
    if len({view.entity for view in chosen}) > 1:
        raise UsageError(
            "--views names views of several kinds of entities. Make a training set for each kind."
        )
    table = _labels(labels, chosen[0].entity)
    pseudonyms = pseudonyms_of(settings)
    if pseudonyms and not stored:
        table = _hidden(table, chosen[0].entity, pseudonyms)
    joined = with_features(table, chosen, feature_table(events, dims, settings), settings)
    return joined.select([name for name in joined.schema.names if name != "values"])


def with_features(
    table: pa.Table, views: "Sequence[FeatureView]", events: pa.Table, settings: Settings
) -> pa.Table:
    """Return a table with a column more for each feature of views of one kind, as known at `at_ms`.

    The table has the entity's fields, `at_ms` and `as_of_ms`; where one of the fields is null, so are the features.
    `events` are those of `feature_table`. Each entity and moment is read once, however many rows have it.
    """
    from transforms.features.training import Label

    rows = table.select([*views[0].entity, AT, AS_OF]).to_pylist()
    asked: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if None not in row.values():
            asked[tuple(row.values())].append(place)
    labels = [
        Label(number, tuple(map(str, ids)), at_ms, as_of_ms)
        for number, (*ids, at_ms, as_of_ms) in enumerate(asked)
    ]
    made, places = _opened(views, settings), list(asked.values())
    columns: list[list[Any]] = [[None] * len(rows) for _ in made.features]
    for label, values in made.values(events, labels):
        for column, value in zip(columns, values, strict=True):
            for place in places[label.place]:
                column[place] = value
    for feature, column in zip(made.features, columns, strict=True):
        table = table.append_column(f"{feature.view}.{feature.label}", pa.array(column))
    return table


def _hidden(table: pa.Table, entity: Sequence[str], pseudonyms: "Pseudonyms") -> pa.Table:
    """Return labels with the ids of users replaced."""
    for name in PERSONAL.intersection(entity):
        place, ids = table.schema.get_field_index(name), table[name].to_pylist()
        table = table.set_column(place, name, pa.array([pseudonyms.of(str(each)) for each in ids]))
    return table


def _opened(views: "Sequence[FeatureView]", settings: Settings) -> "TrainingSet":
    from pipelines.warm_up import Nowhere
    from transforms.features.training import TrainingSet

    return TrainingSet(views, settings.timezone, settings.order_horizon_ms, Nowhere)


def chosen_views(names: Sequence[str], settings: Settings) -> "list[FeatureView]":
    """Return the views of these names, each once; UsageError for one that there is not."""
    from transforms.features.file import views_of_job

    known = {view.name: view for view in views_of_job(settings.features)}
    for name in names:
        if name not in known:
            raise UsageError(
                f"--views names {name!r}, which is no feature view. There are {', '.join(known)}."
            )
    return [known[name] for name in dict.fromkeys(names)]


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
    from transforms.dedup import Routes
    from transforms.io.dimensions import Dimensions

    routes = Routes(1, False, Dimensions.of(dims), False, True, figures=False)
    judged = JudgedEvents(events, settings).routed(routes)
    return one_table([batch for output, batch in judged if output == "features"])


def one_table(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """Return what files of events gave as one table; SourceError where there were none."""
    if not batches:
        raise SourceError("The files of events hold none. Name at least one with --events.")
    return pa.Table.from_batches([batch for batch in batches if batch.num_rows] or batches[:1])
