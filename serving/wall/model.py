"""The recommender: how good its predictions were, against popularity, and what it weighs."""

from dataclasses import dataclass

from online_models.payload import POPULAR, SAYING
from serving.access import Store
from serving.learned import ShadowFigures, read_learned
from serving.wall.moment import Moment, read_moment
from serving.wall.suggestions import Suggestions, read_suggestions


@dataclass(frozen=True)
class ModelView:
    """What the model view shows; `quality` are its prequential figures, None where no model is published.

    `weights` has a row for each number of items in the session, and a column for each of `features`. `shadow` is a
    model that learns beside it, where there is one.
    """

    moment: Moment
    version: int | None
    as_of_ms: int | None
    quality: dict[str, float] | None
    features: list[str]
    weights: list[list[float]]
    suggestions: Suggestions
    shadow: ShadowFigures | None = None


def read_model(store: Store) -> ModelView:
    """Return the published model; four round trips."""
    learned = read_learned(store)
    moment = read_moment(store)
    if learned is None:
        return ModelView(moment, None, None, None, [], [], read_suggestions(store, None))
    model = learned.model
    width = max((len(row) for row in model.weights), default=POPULAR)
    return ModelView(
        moment,
        model.model_version,
        model.as_of_ms,
        dict(model.counters),
        [*SAYING, *(f"popular_{n + 1}" for n in range(width - POPULAR))],
        model.weights,
        read_suggestions(store, model.as_of_ms),
        learned.shadow,
    )
