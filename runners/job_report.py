"""What came of a job."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class JobReport:
    """Counts of this run (not of earlier ones that it went on from) and how long it took."""

    events: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    resumed: bool = False
    nothing_to_do: bool = False
    stopped: bool = False

    @property
    def events_per_s(self) -> float:
        """Events read a second."""
        return self.events / self.seconds if self.seconds else 0.0

    def to_json(self) -> str:
        """Return the report as one JSON object.

        >>> JobReport(events=10, seconds=2.0).to_json()[:13]
        '{"events": 10'
        """
        return json.dumps(asdict(self) | {"events_per_s": round(self.events_per_s, 1)})


def report_of(
    before: dict[str, int], after: dict[str, int], seconds: float, resumed: bool, stopped: bool
) -> JobReport:
    """Return the difference that a run made to a job's counters."""
    made = {name: count - before.get(name, 0) for name, count in after.items()}
    refused = {
        name.split(".", 1)[1]: count for name, count in made.items() if name.startswith("refused.") and count
    }
    return JobReport(
        made.get("events", 0), made.get("accepted", 0), made.get("duplicates", 0), refused,
        round(seconds, 3), resumed, stopped=stopped,
    )  # fmt: skip
