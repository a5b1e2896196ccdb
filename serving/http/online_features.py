"""`POST /get-online-features`: features in the shape of Feast's feature server, for clients that speak to one.

Its shape is that of https://docs.feast.dev/reference/feature-servers/python-feature-server: one column a feature, with a
status and the time of the newest event for each entity. What never was has the epoch for its time, as there.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from schemas.features.layout import Feature
from serving.feature_rows import FeatureRow, Status
from serving.http.endpoint import Asked, Endpoint, Nothing, Subject
from serving.http.feature_endpoints import Names, found_features
from serving.http.problems import RequestError
from serving.windows import to_text

_NEVER: Final = "1970-01-01T00:00:00Z"
_STATUS: Final[dict[Status, str]] = {
    "ok": "PRESENT",
    "stale": "OUTSIDE_MAX_AGE",
    "missing": "OUTSIDE_MAX_AGE",
}
_UNKNOWN: Final = "NOT_FOUND"


class OnlineBody(msgspec.Struct):
    """As Feast's clients ask: `view:name` of each feature, and ids by the name of their key.

    With `full_feature_names` a feature is told as `view__name`, else by its name alone, which must tell it apart.
    """

    features: Names
    entities: Annotated[
        dict[str, Annotated[list[str], Meta(min_length=1, max_length=1000)]], Meta(min_length=1, max_length=1)
    ]
    full_feature_names: bool = False


class FeatureNames(msgspec.Struct):
    """The names of what follows, in its order."""

    feature_names: list[str]


class FeatureColumn(msgspec.Struct):
    """One feature of every entity, in the order in which they were asked for."""

    values: list[Any]
    statuses: list[str]
    event_timestamps: list[str]


class OnlineAnswer(msgspec.Struct):
    """As Feast's feature server answers."""

    metadata: FeatureNames
    results: list[FeatureColumn]


async def online(asked: Asked[Nothing, Nothing, OnlineBody]) -> OnlineAnswer:
    """Read features as Feast names and shapes them."""
    ((key, ids),) = asked.body.entities.items()
    found = await found_features(asked.service, key.removesuffix("_id"), ids, asked.body.features)
    names = names_of(found.chosen.features, full=asked.body.full_feature_names)
    times = [_NEVER if row.event_time_ms is None else str(to_text(row.event_time_ms)) for row in found.rows]
    values = zip(*(row.values for row in found.rows), strict=True)
    statuses = zip(*map(_statuses, found.rows), strict=True)
    columns = [
        FeatureColumn(list(each), list(told), times) for each, told in zip(values, statuses, strict=True)
    ]
    of_key = FeatureColumn(list(ids), [_STATUS["ok"]] * len(ids), [_NEVER] * len(ids))
    return OnlineAnswer(FeatureNames([key, *names]), [of_key, *columns])


def names_of(features: Sequence[Feature], *, full: bool) -> list[str]:
    """Return the names of features as Feast tells them; raises a problem where two would have one name."""
    names = [f"{each.view}__{each.label}" if full else each.label for each in features]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RequestError(
            400,
            f"Two features would be named {twice!r}.",
            "Ask for each once, and set full_feature_names to tell those of several views apart.",
        )
    return names


def _statuses(row: FeatureRow) -> list[str]:
    if row.event_time_ms is None:
        return [_UNKNOWN] * len(row.statuses)
    return [_STATUS[each] for each in row.statuses]


def whose(asked: Asked[Nothing, Nothing, OnlineBody]) -> Subject | None:
    """Return whose features are asked for, if they are of one id."""
    ((key, named),) = asked.body.entities.items()
    ids = set(named)
    return (key.removesuffix("_id"), ids.pop()) if len(ids) == 1 else None


ONLINE_FEATURES: Final = Endpoint(
    "POST", "/get-online-features", "online_features", "Features of many entities, as Feast shapes them.",
    OnlineAnswer, online, body_type=OnlineBody, of_whom=whose,
)  # fmt: skip
