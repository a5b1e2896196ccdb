"""What learns: river-shaped models, one a file; no Beam and no Redis.

The names below are loaded when they are first asked for, so that `online_models.answer`, which a
request needs, does not pay for numba, river and Arrow.

>>> from online_models import Answer, recommend
>>> recommend(None, None, lambda ids: {}, k=3, now_ms=0).fallback
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from online_models.answer import Answer, recommend
    from online_models.mix import Mix
    from online_models.popularity import Popularity
    from online_models.prequential import evaluate
    from online_models.recommender import Recommender
    from online_models.transitions import Transitions
    from online_models.updates import Updates

__all__ = ["Answer", "Mix", "Popularity", "Recommender", "Transitions", "Updates", "evaluate", "recommend"]

_HOME = {
    "Answer": "answer",
    "Mix": "mix",
    "Popularity": "popularity",
    "Recommender": "recommender",
    "Transitions": "transitions",
    "Updates": "updates",
    "evaluate": "prequential",
    "recommend": "answer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'online_models' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"online_models.{_HOME[name]}"), name)
