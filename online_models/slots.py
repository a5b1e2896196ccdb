"""Exploration slots: the last places of an answer go to new items, drawn with known chances.

Pure and quick to import, like `answer`; the chances are computed by the learner (`exploration`).
"""

from dataclasses import dataclass, replace
from hashlib import blake2b

from online_models.answer import Answer, Recommendation, _read_model

EXPLORATION = "exploration"


@dataclass(frozen=True, slots=True)
class Exploration:
    """How many places at most, and what the draw follows from beside user and model: the same gives the same."""

    slots: int
    seed: str = ""


def with_new_items(answer: Answer, model: bytes | None, explore: Exploration, user_id: str) -> Answer:
    """The answer with new items in its last places, each with its propensity; in a room, as it was.

    A place is drawn among the new items that do not stand on the page yet, by the chances that Thompson
    sampling would show them with, made to sum to 1; a place for which there is none keeps what was ranked.
    """
    if not model or answer.room_id is not None or not answer.items:
        return answer
    known = _read_model(model)
    chances = dict(zip(known.fresh, known.fresh_chances, strict=True))
    kept = answer.items[: max(0, len(answer.items) - explore.slots)]
    shown = list(kept)
    for place in range(len(kept), len(answer.items)):
        here = {each.item_id for each in shown}
        left = {item: chance for item, chance in chances.items() if item not in here and chance > 0.0}
        whole = sum(left.values())
        if not left:
            shown.extend(each for each in answer.items[len(kept) :] if each.item_id not in here)
            break
        item = _draw(left, whole * _number(explore.seed, user_id, str(known.model_version), str(place)))
        shown.append(
            Recommendation(item, shown[-1].score if shown else 0.0, EXPLORATION, {}, left[item] / whole)
        )
    return replace(answer, items=shown[: len(answer.items)], fresh=chances)


def _draw(chances: dict[str, float], at: float) -> str:
    for item, chance in chances.items():
        at -= chance
        if at < 0.0:
            return item
    return next(reversed(chances))


def _number(*said: str) -> float:
    """A number in [0, 1) that follows from what is said."""
    digest = blake2b("\x1f".join(said).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2.0**64
