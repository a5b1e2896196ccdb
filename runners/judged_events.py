"""Files of events as a job would take them: judged, deduplicated, and routed to what later steps need of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from runners.composition import time_bounds
from runners.pseudonyms import pseudonyms_of
from runners.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from transforms.dedup import Routes


@dataclass
class JudgedEvents:
    """The files, and the time of the newest accepted event, which is known once all of them are read."""

    events: Sequence[Path]
    settings: Settings
    newest_ms: int = field(init=False)

    def __post_init__(self) -> None:
        from transforms.pieces import BEFORE_ALL_MS

        self.newest_ms = BEFORE_ALL_MS

    def routed(self, routes: "Routes") -> "Iterator[tuple[str, pa.RecordBatch]]":
        """Yield batches with the name of the step that each is for; memory is that of a batch and of all ids."""
        from runners.event_batches import EventBatches
        from schemas.codecs.jsonl import without_lines
        from schemas.codecs.salvage import refusals_batch
        from schemas.gate import compile_gate
        from transforms.dedup import DedupShard
        from transforms.intake import Intake
        from transforms.io.folder import event_files
        from transforms.pieces import BEFORE_ALL_MS, Piece, Progress
        from transforms.pseudonymize import Pseudonymizer

        bounds, pseudonyms = time_bounds(self.settings), pseudonyms_of(self.settings)
        dedup = DedupShard(0, bounds.dedup_horizon_ms, routes, lambda *_: None)
        hiding = Pseudonymizer(pseudonyms) if pseudonyms else None
        intake = Intake(compile_gate(self.settings.currency), bounds, hiding)
        for path in event_files(list(self.events)):
            watermark = BEFORE_ALL_MS
            for batch in EventBatches().read(path):
                taken = intake.take(without_lines(batch, refusals_batch([])), watermark)
                watermark = taken.highest_ms
                self.newest_ms = max(self.newest_ms, watermark)
                piece = Piece(Progress(0, 1, 0, BEFORE_ALL_MS), (taken.admitted,))
                for output, (_, sent) in dedup.absorb(piece):
                    yield output, sent.batch
