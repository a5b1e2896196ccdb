"""The recommender: how good its predictions were, against popularity, and what it weighs."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from online_models.payload import POPULAR, SAYING, ModelPayload
from schemas.keys import VERSION_BYTES, model_key
from serving.access import Store, read_each
from serving.cells import damage
from serving.wall.moment import Moment, read_moment
from serving.wall.suggestions import Suggestions, read_suggestions

_MODEL: Final = msgspec.msgpack.Decoder(ModelPayload)


@dataclass(frozen=True)
class ModelView:
    """What the model view shows; `quality` are its prequential figures, None where no model is published.

    `weights` has a row for each number of items in the session, and a column for each of `features`.
    """

    moment: Moment
    version: int | None
    as_of_ms: int | None
    quality: dict[str, float] | None
    features: list[str]
    weights: list[list[float]]
    suggestions: Suggestions


def read_model(store: Store) -> ModelView:
    """Return the published model; four round trips."""
    (held,) = read_each(store, [("HGET", model_key(store.namespace), "model")])
    moment = read_moment(store)
    if not held:
        return ModelView(moment, None, None, None, [], [], read_suggestions(store, None))
    with damage():
        model: Any = _MODEL.decode(held[VERSION_BYTES:])
    width = max((len(row) for row in model.weights), default=POPULAR)
    return ModelView(
        moment,
        model.model_version,
        model.as_of_ms,
        dict(model.counters),
        [*SAYING, *(f"popular_{n + 1}" for n in range(width - POPULAR))],
        model.weights,
        read_suggestions(store, model.as_of_ms),
    )
