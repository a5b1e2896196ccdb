"""Everything that is published, behind one object, for the command line and other programs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.keys import NAMESPACE
from schemas.metrics import DEFAULT_ATTRIBUTION_WINDOW
from serving.access import Store
from serving.attribution import AttributionRow, read_attribution
from serving.coupons import Coupon, read_coupons
from serving.credits import LineCredits, read_credits
from serving.deadletters import DeadLetter, read_dead_letters, read_reasons
from serving.funnel import Funnel, read_funnel
from serving.incrementality import CouponLift, read_incrementality
from serving.job import JobState, read_job
from serving.leaderboards import Leaderboard, read_leaderboard
from serving.metrics import MetricsRow, read_metrics
from serving.recommendations import read_recommendations, read_rooms_for

if TYPE_CHECKING:
    from online_models.answer import Answer
    from online_models.slots import Exploration
    from serving.access import Client
    from serving.features import EntityFeatures, FeatureState
    from serving.learned import Learned
    from serving.served_log import ServedLog


@dataclass(frozen=True)
class Reader:
    """Looks up published results in one namespace of one Redis; each call says in its module what it costs.

    Every call raises StoreError if Redis is gone or holds what this program did not write, and
    UsageError for a name that does not exist. Moments are UTC milliseconds, money is in minor units.
    """

    client: "Client"
    namespace: str = NAMESPACE

    @property
    def store(self) -> Store:
        """Where everything is read from."""
        return Store(self.client, self.namespace)

    def job(self) -> JobState:
        """Return what the figures belong to and what they are true as of."""
        return read_job(self.store)

    def metrics(
        self,
        scope: str,
        identifier: str,
        *,
        window: str = "total",
        from_ms: int | None = None,
        to_ms: int | None = None,
    ) -> list[MetricsRow]:
        """Return the figures of one id, window by window, oldest first."""
        return read_metrics(self.store, scope, identifier, window=window, from_ms=from_ms, to_ms=to_ms)

    def leaderboard(
        self,
        scope: str,
        metric: str = "gmv_paid_minor",
        *,
        window: str = "total",
        at_ms: int | None = None,
        k: int = 10,
    ) -> Leaderboard:
        """Return the leading ids of a scope in the window that holds `at_ms`, by default the newest."""
        return read_leaderboard(self.store, scope, metric, window=window, at_ms=at_ms, k=k)

    def funnel(self, category: str, *, from_ms: int | None = None, to_ms: int | None = None) -> Funnel:
        """Return how far users have come in a category, and the moves of the days of [from_ms, to_ms)."""
        return read_funnel(self.store, category, from_ms=from_ms, to_ms=to_ms)

    def attribution(
        self,
        model: str = "last_touch",
        channel: str | None = None,
        *,
        window: str = "total",
        from_ms: int | None = None,
        to_ms: int | None = None,
        attribution_window: str = DEFAULT_ATTRIBUTION_WINDOW,
    ) -> list[AttributionRow]:
        """Return what every channel id earned under one model, or those of one kind of channel."""
        return read_attribution(
            self.store,
            model,
            channel,
            window=window,
            from_ms=from_ms,
            to_ms=to_ms,
            attribution_window=attribution_window,
        )

    def credits(self, order_id: str) -> list[LineCredits]:
        """Return who earned each line of an order."""
        return read_credits(self.store, order_id)

    def coupons(self, identifiers: Sequence[str] | None = None) -> list[Coupon]:
        """Return these coupons as they stand, or all."""
        return read_coupons(self.store, identifiers)

    def incrementality(self, identifiers: Sequence[str] | None = None) -> list[CouponLift]:
        """Return what these coupons with a hold-out caused, or all of them."""
        return read_incrementality(self.store, identifiers)

    def recommend(
        self,
        user_id: str,
        k: int = 10,
        now_ms: int | None = None,
        room_id: str | None = None,
        explore: "Exploration | None" = None,
        *,
        log: bool = False,
    ) -> "Answer":
        """Return what to show a user next, of what is on sale in a room if one is given; `explore` is logged always."""
        return read_recommendations(self.store, user_id, k, now_ms, room_id, explore, log=log)

    def recommend_rooms(self, user_id: str, k: int = 10, now_ms: int | None = None) -> "Answer":
        """Return which live rooms to show a user."""
        return read_rooms_for(self.store, user_id, k, now_ms)

    def learned(self) -> "Learned | None":
        """Return the published recommender's figures, and those of a model in its shadow; None where none is published."""
        from serving.learned import read_learned

        return read_learned(self.store)

    def feature_state(self) -> "FeatureState":
        """Return the feature views that are kept, and what they are as of."""
        from serving.features import read_feature_state

        return read_feature_state(self.store)

    def features(
        self,
        entity: str,
        ids: Iterable[Sequence[str]],
        views: Sequence[str] = (),
        at_ms: int | None = None,
        log: "ServedLog | None" = None,
    ) -> "list[EntityFeatures]":
        """Return the features of entities of one kind, as of a moment in event time; `log` takes a sample of them."""
        from serving.features import read_features

        return read_features(self.store, entity, ids, views, at_ms, log)

    def dead_letter_counts(self) -> dict[str, int]:
        """Return how many inputs were refused, by reason."""
        return read_reasons(self.store)

    def dead_letters(self, reason: str, limit: int | None = None) -> list[DeadLetter]:
        """Return the inputs refused for a reason."""
        return read_dead_letters(self.store, reason, limit)
