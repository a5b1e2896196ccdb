"""`interestream export DIR --shown`: what was shown, what the model said of it, and what came of it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from online_models.off_policy.showings import Showing, Taking
from runners.job_sources import dimension_folder
from runners.judged_events import JudgedEvents
from runners.pseudonyms import pseudonyms_of
from runners.settings import Settings
from runners.shown_outcomes import Happened, Terms, outcomes
from runners.shown_rows import logged_table
from runners.training import AS_OF, AT, chosen_views, one_table, with_features
from schemas.errors import UsageError
from schemas.outputs import SHOWN

if TYPE_CHECKING:
    from serving.job import JobState
    from serving.reader import Reader
    from transforms.features.view import FeatureView


@dataclass(frozen=True)
class ShownExport:
    """Of which events labels and features are, those that the job read if none are named; with which views, and terms."""

    events: Sequence[Path] = ()
    dims: Path | None = None
    views: Sequence[str] = ()
    terms: Terms = field(default_factory=Terms)


def shown_table(reader: "Reader", asked: ShownExport, settings: Settings) -> pa.Table:
    """Return a row a shown item, of the log that a Redis holds; the same log and events give the same table.

    Features are those that a reader could have known at the moment of the showing: of events up to it. Costs a reading of
    all events; memory is that of the log, of the clicks and payments, and of the events that views need. Raises
    UsageError for views that do not fit, and where events name users by other ids than the log.
    """
    from serving.shown import read_shown_by_id

    job = reader.job()
    _check_users(job, settings)
    settings = _of_the_job(job, settings)
    table = logged_table(read_shown_by_id(reader.store))
    kinds = _by_kind(chosen_views(asked.views, settings), table)
    happened, features = _read(_with_events(asked, job), settings, bool(kinds))
    for name, column in outcomes(_showings(table), happened, asked.terms).items():
        table = table.append_column(SHOWN.field(name), column)
    joined = table.append_column(AS_OF, table[AT])
    for views in kinds:
        joined = with_features(joined, views, one_table(features), settings)
    return joined.drop_columns([AS_OF])


def _showings(table: pa.Table) -> list[Showing]:
    return list(zip(*(table[name].to_pylist() for name in ("user_id", "item_id", AT)), strict=True))


def _read(asked: ShownExport, settings: Settings, with_views: bool) -> tuple[Happened, list[pa.RecordBatch]]:
    """Return what users did, and what feature views need of the events."""
    from transforms.dedup import Routes
    from transforms.io.dimensions import Dimensions
    from transforms.recommend.interactions import CLICK, PAID

    routes = Routes(1, True, Dimensions.of(asked.dims), False, with_views, figures=False)
    judged, taken = JudgedEvents(asked.events, settings), defaultdict[int, list[Taking]](list)
    features: list[pa.RecordBatch] = []
    for output, batch in judged.routed(routes):
        if output == "features":
            features.append(batch)
        elif output == "learn":
            for kind in (CLICK, PAID):
                taken[kind].extend(_takings(batch.filter(pc.equal(batch["kind"], kind))))
    watermark_ms = judged.newest_ms - settings.max_out_of_orderness_ms
    return Happened(taken[CLICK], taken[PAID], watermark_ms), features


def _takings(rows: pa.RecordBatch) -> Iterable[Taking]:
    return zip(*(rows[name].to_pylist() for name in ("user_id", "item_id", "event_time_ms")), strict=True)


def _by_kind(views: "Sequence[FeatureView]", table: pa.Table) -> "list[list[FeatureView]]":
    """Return views by kind of entity; UsageError for those of what no shown item names."""
    kinds: dict[tuple[str, ...], list[FeatureView]] = defaultdict(list)
    for view in views:
        missing = [name for name in view.entity if name not in table.schema.names]
        if missing:
            raise UsageError(
                f"The view {view.name!r} is of {'+'.join(view.entity)}, and what was shown has no {missing[0]}. "
                "Name views of user_id, item_id, room_id or pairs of them."
            )
        kinds[tuple(view.entity)].append(view)
    return list(kinds.values())


def _of_the_job(job: "JobState", settings: Settings) -> Settings:
    """Return settings with the job's currency and days, where it says which."""
    told = job.description
    return replace(
        settings,
        currency=told.get("currency", settings.currency),
        timezone=told.get("timezone", settings.timezone),
    )


def _with_events(asked: ShownExport, job: "JobState") -> ShownExport:
    """Return what is asked with the events that the job read where none are named."""
    events = asked.events or [Path(source) for source in job.description.get("sources", "").split()]
    missing = [str(path) for path in events if not path.exists()]
    if not events or (missing and not asked.events):
        raise UsageError(
            "What came of what was shown is in the events, and those that the job read are not here as files"
            f"{': ' + ', '.join(missing) if missing else ''}. Name files or folders of them with --events."
        )
    return replace(asked, events=events, dims=dimension_folder(tuple(map(str, events)), asked.dims))


def _check_users(job: "JobState", settings: Settings) -> None:
    """Raise UsageError where the log names users by pseudonyms that events would not be given."""
    from serving.pseudonyms import check_pseudonyms

    pseudonyms = pseudonyms_of(settings)
    check_pseudonyms(job, pseudonyms)
    if job.pseudonyms and pseudonyms is None:
        raise UsageError(
            "What was shown names users by pseudonyms, and events by their true ids, so no click would be found. "
            "Give the job's secret with --pseudonymize."
        )
