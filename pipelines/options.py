"""What a live-room pipeline is told: one frozen value, the same on every runner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.metrics import DEFAULT_ATTRIBUTION_WINDOW
from schemas.pseudonyms import Pseudonyms
from transforms.features.view import FeatureView
from transforms.features.views import SHIPPED
from transforms.intake import TimeBounds
from transforms.io.dimensions import Dimensions
from transforms.publish import PublisherFactory

DAY_MS = 86_400_000


@dataclass(frozen=True)
class LiveRoomOptions:
    """Options of the pipeline; everything in it must pickle. Durations in milliseconds, intervals in seconds."""

    open_publisher: PublisherFactory
    namespace: str = "is"
    timezone: str = "Asia/Shanghai"
    bounds: TimeBounds = field(default_factory=TimeBounds)
    order_horizon_ms: int = 30 * DAY_MS
    dimensions: Dimensions = field(default_factory=Dimensions)
    attribution_windows: tuple[str, ...] = (DEFAULT_ATTRIBUTION_WINDOW,)
    """None: nothing is credited."""
    shards: int = 1
    recommender: bool = True
    shadow: Mapping[str, Any] | None = None
    """Settings of a model that learns beside the served one; None: there is none."""
    views: tuple[FeatureView, ...] = SHIPPED
    """None: no features."""
    erased: tuple[str, ...] = ()
    """Users of whom no feature may know anything, as ids are stored."""
    pseudonyms: Pseudonyms | None = None
    """Replace ids of users where events come in; None: ids stay as they came."""
    read_by_timers: bool = False
    """Come back to sources by timers instead of a splittable step (`transforms.io.timed_read`)."""
    publish_every_s: float = 1.0
    publish_boards_every_s: float = 2.0
    publish_credits_every_s: float = 1.0
    publish_model_every_s: float = 5.0
    publish_features_every_s: float = 0.1
    solve_every_s: float = 60.0
    job: str | None = None
    """Names the local checkpoints that keep state; None: Beam state does."""
