"""Where a job goes on in its sources, if they are still what was read."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.job_files import Fingerprint, fingerprint, places_to_go_on
from runners.job_sources import OpenFolder
from runners.settings import Settings
from transforms.pieces import BEFORE_ALL_MS

if TYPE_CHECKING:
    from transforms.io.blocks import Place
    from transforms.io.session import Position


def whole_position(openers: Sequence[Any]) -> Callable[[dict[int, Any]], Any]:
    """Say how readers' positions and what their files looked like when the run began make one value."""
    seen = seen_files(openers)

    def whole(positions: dict[int, Any]) -> Any:
        for position in positions.values():
            for name in position.places.keys() - seen.keys():
                if "://" not in name and Path(name).exists():
                    seen[name] = fingerprint(Path(name))
        return {"readers": [positions[reader] for reader in sorted(positions)], "files": dict(seen)}

    return whole


def seen_files(openers: Sequence[Any]) -> dict[str, Fingerprint]:
    """Return what every file of a job looks like now."""
    from transforms.io.folder import event_files

    return {
        str(path): fingerprint(path)
        for opener in openers
        if isinstance(opener, OpenFolder)
        for path in event_files(opener.paths)
    }


def places_now(openers: Sequence[Any], restored: Any, settings: Settings) -> Any:
    """Return restored positions, adjusted to files that have grown; None where they fit no more."""
    from transforms.io.folder import event_files

    positions, adjusted = restored["readers"], []
    if len(positions) != len(openers):
        return None
    for opener, position in zip(openers, positions, strict=True):
        if isinstance(opener, OpenFolder):
            places = places_to_go_on(position.places, restored["files"], event_files(opener.paths))
            if places is None or _begins_too_early(settings, opener, position, places):
                return None
            adjusted.append(replace(position, places=places))
        else:
            adjusted.append(position)
    return {"readers": adjusted, "files": restored["files"]}


def _begins_too_early(
    settings: Settings, opener: OpenFolder, before: "Position", places: dict[str, "Place"]
) -> bool:
    """Whether a new or grown file begins before what the job has finished: then only starting over is exact."""
    from transforms.io.folder import FolderReader, event_files

    new = {str(path) for path in event_files(opener.paths)} - before.places.keys()
    grown = {name for name, place in before.places.items() if place.ended and not places[name].ended}
    reader = FolderReader(opener.paths, places, 1, 1)
    begins = [reader.first_time(name) for name in new | grown]
    earliest_ms = before.watermark_ms + settings.max_out_of_orderness_ms
    return any(BEFORE_ALL_MS < begin_ms < earliest_ms for begin_ms in begins)
