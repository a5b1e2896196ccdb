"""Served against replayed: every logged read must be what a replay gives for the same moment, to the last bit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from runners.settings import Settings
from runners.training import training_set
from schemas.errors import SourceError


@dataclass
class Comparison:
    """How many values were compared, and those that differ: which read, which feature, served and replayed."""

    reads: int = 0
    values: int = 0
    differing: list[dict[str, Any]] = field(default_factory=list)


def compare_served(log: Path, events: Sequence[Path], dims: Path | None, settings: Settings) -> Comparison:
    """Replay what a `ServedLog` holds and compare; all lines are of one kind of entity."""
    lines = _lines(log)
    views = list(dict.fromkeys(name.partition(".")[0] for line in lines for name in line["values"]))
    replayed = training_set(log, views, events, dims, settings, stored=True)
    found = Comparison(reads=len(lines))
    for place, line in enumerate(lines):
        served: Mapping[str, Any] = line["values"]
        for name, value in served.items():
            found.values += 1
            again = replayed[name][place].as_py()
            if again != value:
                found.differing.append(
                    {"line": place + 1, "feature": name, "served": value, "replayed": again}
                )
    return found


def _lines(log: Path) -> list[dict[str, Any]]:
    if not log.is_file():
        raise SourceError(f"The log of served values {log} does not exist. Correct the path.")
    return [msgspec.json.decode(line) for line in log.read_bytes().splitlines() if line.strip()]
