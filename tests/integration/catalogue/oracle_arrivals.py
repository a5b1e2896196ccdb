"""Which events of one file count: the law of duplicates and lateness, in a loop that keeps everything."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from oracle_terms import Terms

Event = dict[str, Any]


@dataclass
class Verdicts:
    """The events that count, how many of them came again, and what was refused and why, each in order of arrival."""

    accepted: list[Event] = field(default_factory=list)
    duplicates: int = 0
    refused: list[tuple[str, Event]] = field(default_factory=list)


def judged(arrivals: Iterable[Event], terms: Terms) -> Verdicts:
    """Judge the sound events of one source partition in the order in which they arrive.

    Readings (decision 0010): the watermark that judges a row is the highest time of the accepted rows before it
    less `max_out_of_orderness`. A row behind it by more than `allowed_lateness` is too late unless it repeats one
    that counted, and by more than `dedup_horizon` in any case. Up to that, the same id with another body is a
    conflict, however late.
    """
    verdicts, first, highest = Verdicts(), dict[str, Event](), -(10**18)
    for event in arrivals:
        behind = highest - terms.max_out_of_orderness_ms - int(event["event_time"])
        known = first.get(event["event_id"])
        if behind > (terms.allowed_lateness_ms if known is None else terms.dedup_horizon_ms):
            verdicts.refused.append(("too_late", event))
        elif known == event:
            verdicts.duplicates += 1
        elif known is not None:
            verdicts.refused.append(("conflicting_duplicate", event))
        else:
            first[event["event_id"]] = event
            highest = max(highest, int(event["event_time"]))
            verdicts.accepted.append(event)
    return verdicts
