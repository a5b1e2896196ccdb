"""Where features come from: a protocol, so that the endpoints do not depend on how they are stored."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec


class FeatureValue(msgspec.Struct, frozen=True):
    """One feature of one entity; `status` is `ok`, `stale` or `missing`."""

    view: str
    name: str
    value: Any
    status: str
    age_ms: int | None = None


class FeatureSource(Protocol):
    """Reads features of many entities of one kind at once; None where no view of that kind is published."""

    async def read(
        self, entity: str, ids: Sequence[str], features: Sequence[str] | None, /
    ) -> list[list[FeatureValue]] | None:
        """Return each id's features, in the order of the ids; `features` are `view:name`, None: all."""


class NoFeatures:
    """What there is where no feature view is published."""

    async def read(
        self,
        _entity: str,
        _ids: Sequence[str],
        _features: Sequence[str] | None,
    ) -> list[list[FeatureValue]] | None:
        """Return None."""
        return None
