"""What a real stream does to events: some come late, some twice, some damaged.

Each event arrives a little after it happened. The late ones come up to 30 s after, which the default watermark waits
for; a tenth of them later still, up to 50 min, which the default lateness admits. Damaged lines are copies of sound
ones, so what is refused takes nothing from the figures: malformed, in a foreign currency, without a needed field, or
with a known id and another amount.
"""

from typing import Final

import numpy as np

from transforms.io.simulation.block import (
    CLICKED,
    ENTERED,
    PAID,
    PLACED,
    REFUNDED,
    SHOWN,
    Block,
    joined,
    rows,
    size,
)
from transforms.io.simulation.draws import Draws, Flags
from transforms.io.simulation.scenario import Scenario

SOUND, MALFORMED, FOREIGN, LACKING, CONFLICTING = range(5)
FLAWS: Final = ("sound", "malformed", "foreign_currency", "missing_field", "conflicting_duplicate")

_PROMPT_MS: Final = 800
_LATE_MS: Final = (2_000, 29_000)
_VERY_LATE_MS: Final = (31_000, 3_000_000)
_VERY_LATE: Final = 0.1
_AGAIN_MS: Final = (1, 20_000)


def with_arrivals(events: Block, scenario: Scenario, draws: Draws, next_number: int) -> Block:
    """Return the numbered events, their duplicates and damaged copies, each with its time of arrival."""
    number = events["number"]
    late = draws.share("is late", number) < scenario.late
    very = late & (draws.share("is very late", number) < _VERY_LATE)
    delay = draws.below("delay", number, _PROMPT_MS)
    delay = np.where(late, draws.between("late by", number, *_LATE_MS), delay)
    delay = np.where(very, draws.between("very late by", number, *_VERY_LATE_MS), delay)
    first = events | {"arrival": events["time"] + delay}
    twice = rows(first, draws.share("comes twice", number) < scenario.duplicates)
    again = twice | {"arrival": twice["arrival"] + draws.between("again after", twice["number"], *_AGAIN_MS)}
    return joined([first, again, _damaged(first, scenario, draws, next_number)])


def _damaged(events: Block, scenario: Scenario, draws: Draws, next_number: int) -> Block:
    broken = rows(events, draws.share("is damaged", events["number"]) < scenario.broken)
    flaw = 1 + draws.below("how it is damaged", broken["number"], len(FLAWS) - 1)
    flaw = np.where(_can_bear(broken, flaw), flaw, MALFORMED)
    changed = flaw == CONFLICTING
    return broken | {
        "flaw": flaw,
        # Only a conflicting duplicate keeps the id of a sound event.
        "number": np.where(changed, broken["number"], next_number + np.arange(size(broken))),
        "amount": broken["amount"] + changed,
        "arrival": broken["arrival"] + draws.between("conflicts after", broken["number"], *_AGAIN_MS),
    }


def _can_bear(events: Block, flaw: np.ndarray) -> Flags:
    """Say whether an event has what the flaw damages: money, a user, an amount in its body."""
    money = np.isin(events["kind"], (PLACED, PAID, REFUNDED))
    personal = money | np.isin(events["kind"], (ENTERED, SHOWN, CLICKED))
    amount = money | np.isin(events["kind"], (ENTERED, SHOWN))
    able: Flags = np.select(
        [flaw == FOREIGN, flaw == LACKING, flaw == CONFLICTING], [money, personal, amount], True
    )
    return able
