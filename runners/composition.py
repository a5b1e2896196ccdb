"""From what is asked to the pipeline's own terms: sources to read and options, the same on every cluster."""

from typing import TYPE_CHECKING, Any, Final

from runners.job_sources import Opener, dimension_folder
from runners.jobs_request import JobRequest
from runners.pseudonyms import described_pseudonyms, pseudonyms_of
from runners.settings import Settings

if TYPE_CHECKING:
    from pipelines.options import LiveRoomOptions
    from transforms.features.view import FeatureView
    from transforms.intake import TimeBounds
    from transforms.io.dimensions import Dimensions
    from transforms.io.read import SourceConfig

LIVE_PUBLISH_S: Final = 0.1
"""No sooner than bundles end (`runners.flink.LIVE_BUNDLE_MS`)."""
LIVE_BOARDS_S: Final = 2.0
LIVE_CREDITS_S: Final = 0.5
LIVE_MODEL_S: Final = 5.0
LIVE_FEATURES_S: Final = 0.1
"""An entity is written ten times a second at most, however many events it has."""
REPLAY_PUBLISH_S: Final = 1.0
REPLAY_BOARDS_S: Final = 10.0
REPLAY_MODEL_S: Final = 60.0
REPLAY_FEATURES_S: Final = 10.0


def is_bounded(request: JobRequest, openers: list[Opener]) -> bool:
    """Whether all sources end by themselves."""
    return not request.follow and not any(opener.is_live for opener in openers)


def cluster_options(
    request: JobRequest,
    settings: Settings,
    redis_url: str,
    shards: int,
    bounded: bool,
    erased: tuple[str, ...] = (),
) -> "LiveRoomOptions":
    """Return the pipeline's options where Beam state keeps state."""
    from pipelines.options import LiveRoomOptions
    from transforms.io.kafka_sink import with_sink
    from transforms.io.redis_publisher import RedisPublishers

    soon = not bounded or bool(request.speed)
    return LiveRoomOptions(
        with_sink(RedisPublishers(redis_url, settings.namespace), settings.sink),
        namespace=settings.namespace,
        timezone=settings.timezone,
        bounds=time_bounds(settings),
        order_horizon_ms=settings.order_horizon_ms,
        dimensions=job_dimensions(request),
        attribution_windows=attribution_windows(request, settings),
        shards=shards,
        recommender=request.recommender,
        shadow=request.shadow,
        views=feature_views(request, settings),
        erased=erased,
        pseudonyms=pseudonyms_of(settings),
        read_by_timers=request.runner == "FlinkRunner",
        publish_every_s=LIVE_PUBLISH_S if soon else REPLAY_PUBLISH_S,
        publish_boards_every_s=LIVE_BOARDS_S if soon else REPLAY_BOARDS_S,
        publish_credits_every_s=LIVE_CREDITS_S if soon else REPLAY_PUBLISH_S,
        publish_model_every_s=LIVE_MODEL_S if soon else REPLAY_MODEL_S,
        publish_features_every_s=LIVE_FEATURES_S if soon else REPLAY_FEATURES_S,
        solve_every_s=settings.solve_every_ms / 1000,
        job=None,
    )


def cluster_sources(
    request: JobRequest, settings: Settings, openers: list[Opener], shards: int
) -> "list[SourceConfig]":
    """Return what each reader reads, from its beginning: where to go on stands in the runner's state."""
    from transforms.io.read import SourceConfig

    return [
        SourceConfig(
            opener,
            settings.currency,
            time_bounds(settings),
            (request.from_ms, request.to_ms),
            request.speed,
            shards,
            reader,
            len(openers),
        )
        for reader, opener in enumerate(openers)
    ]


def job_dimensions(request: JobRequest) -> "Dimensions":
    """Return the dimensions that a job is given, which also say what scopes it publishes."""
    from transforms.io.dimensions import Dimensions

    return Dimensions.of(dimension_folder(request.sources, request.dims))


def feature_views(request: JobRequest, settings: Settings) -> "tuple[FeatureView, ...]":
    """Return the feature views of a job; none where it keeps none."""
    from transforms.features.file import views_of_job

    return views_of_job(settings.features) if request.features else ()


def time_bounds(settings: Settings) -> "TimeBounds":
    """Return how late events may come."""
    from transforms.intake import TimeBounds

    return TimeBounds(
        settings.max_out_of_orderness_ms, settings.allowed_lateness_ms, settings.dedup_horizon_ms
    )


def attribution_windows(request: JobRequest, settings: Settings) -> tuple[str, ...]:
    """Return the windows to credit under; none where nothing is credited."""
    return tuple(settings.attribution_window.split()) if request.attribution else ()


def described(identity: str, request: JobRequest, settings: Settings, attempt: int) -> dict[str, Any]:
    """Return what a job's figures belong to, as Redis keeps it."""
    from transforms.io.simulation import is_synthetic

    return {
        "job_id": identity,
        "currency": settings.currency,
        "timezone": settings.timezone,
        "sources": " ".join(request.sources),
        "epoch": str(attempt),
        "scopes": " ".join(job_dimensions(request).scopes),
        "synthetic": str(int(is_synthetic(request.sources))),
        "attribution_windows": " ".join(attribution_windows(request, settings)),
        **described_pseudonyms(settings),
    }
