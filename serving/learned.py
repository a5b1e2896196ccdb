"""How good the published recommender is, and how a model in its shadow does on the same clicks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.keys import VERSION_BYTES, model_key
from serving.access import Store, read_each
from serving.cells import damage

if TYPE_CHECKING:
    from online_models.payload import ModelPayload


@dataclass(frozen=True)
class ShadowFigures:
    """A model that learns beside the served one since `since_ms`: its settings, and counters of both."""

    since_ms: int
    settings: dict[str, Any]
    counters: dict[str, float]


@dataclass(frozen=True)
class Learned:
    """The served model, and the shadow it has, if any."""

    model: "ModelPayload"
    shadow: ShadowFigures | None


def read_learned(store: Store) -> Learned | None:
    """Return the published model and its shadow, None where none is published; one round trip.

    A shadow that was not published with this version of the model is of a job that has none any more.
    """
    from online_models.payload import ModelPayload, ShadowPayload

    key = model_key(store.namespace)
    model, beside = read_each(store, [("HGET", key, "model"), ("HGET", key, "shadow")])
    if not model:
        return None
    with damage():
        served = msgspec.msgpack.decode(model[VERSION_BYTES:], type=ModelPayload)
        told = msgspec.msgpack.decode(beside[VERSION_BYTES:], type=ShadowPayload) if beside else None
    if told is None or told.model_version != served.model_version:
        return Learned(served, None)
    return Learned(served, ShadowFigures(told.since_ms, told.settings, told.counters))
