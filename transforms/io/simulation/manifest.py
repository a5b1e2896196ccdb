"""What marks a folder as simulated: `manifest.json` for programs, `SYNTHETIC.md` for people."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from transforms.io.simulation.scenario import PREFIX, VERSION, Scenario

MANIFEST: Final = "manifest.json"
NOTICE: Final = "SYNTHETIC.md"
_LEVELS: Final = 2
"""A source may be a file of events, their folder, or the folder of the manifest."""


def write_manifest(
    folder: Path, scenario: Scenario, events_by_type: dict[str, int], files: list[dict[str, Any]]
) -> None:
    """Write both; the last thing that a simulation does."""
    document = {
        "synthetic": True,
        "made_by": "interestream simulate",
        "simulator_version": VERSION,
        "seed": scenario.seed,
        "id_prefix": PREFIX,
        "parameters": scenario.parameters(),
        "events": sum(events_by_type.values()),
        "events_by_type": events_by_type,
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (folder / NOTICE).write_text(_notice(scenario), encoding="utf-8")


def is_synthetic(sources: Sequence[str]) -> bool:
    """Say whether any of the files or folders lies in a simulated folder; streams cannot say."""
    return any(_marked(Path(source).absolute()) for source in sources if "://" not in source)


def _marked(path: Path) -> bool:
    return any(_says_so(folder / MANIFEST) for folder in (path, *list(path.parents)[:_LEVELS]))


def _says_so(manifest: Path) -> bool:
    try:
        document = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("synthetic") is True


def _notice(scenario: Scenario) -> str:
    return f"""# These data are synthetic

No user, merchant, order or payment in this folder is or was real. `interestream simulate` (version {VERSION} of the
simulator) made them from seed {scenario.seed}; every id begins with `{PREFIX}`. `manifest.json` says with which
parameters; the same version and parameters give the same events, byte for byte.

- `events/`: what a platform would have sent, in order of arrival
- `dims/`: items, creators, merchants and the rest
- `truth/`: what no platform knows: the true effect of each coupon and ad plan, each order line's fate and cause, and
  each user's interests
"""
