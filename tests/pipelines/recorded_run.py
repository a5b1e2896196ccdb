"""A small run on Beam state, with everything looked at that a step is handed or keeps."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.live_room import build_live_room
from pipelines.options import LiveRoomOptions
from runners.job_sources import OpenFolder
from schemas.pseudonyms import Pseudonyms
from transforms.deadletters import _KeepDoFn
from transforms.io.read import SourceConfig
from transforms.pieces import Piece, PieceCoder
from transforms.publish import Lossless
from transforms.shards import _ShardDoFn

T0 = 1_767_225_600_000
PERSON = {"user_id": "u1", "room_id": "r1", "session_id": "s1", "creator_id": "c1", "item_id": "i1"}
ORDER = {"order_id": "o1", "quantity": 1, "amount_minor": 100, "currency": "CNY"}
EVENTS: list[dict[str, Any]] = [
    {"event_type": "live", "creator_id": "c1", "room_id": "r1", "session_id": "s1", "live_status": "started"},
    PERSON | {"event_type": "view", "traffic_source": "recommend", "coupon_id": "k1", "dwell_ms": 5},
    PERSON | {"event_type": "click", "traffic_source": "qianchuan", "ad_plan_id": "a1", "campaign_id": "p1"},
    *(PERSON | ORDER | {"event_type": "order", "order_status": status} for status in ("placed", "paid", "refunded")),
    PERSON | ORDER | {"event_type": "order", "order_status": "refunded", "order_id": "o9"},
    PERSON | {"event_type": "follow"},
    {"event_type": "order"},
]  # fmt: skip


@dataclass
class Recording:
    """The pieces that each step was handed, and its state after the last."""

    pieces: dict[str, Piece] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)


class Nowhere(Lossless):
    """Publishes nothing."""

    def __call__(self) -> "Nowhere":
        return self

    def epoch(self) -> int:
        return 1

    def set_newer(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None: ...

    def set_once(self, key: str, fields: Sequence[bytes | str], values: Sequence[bytes]) -> None: ...

    def set_boards(self, key: str, version: bytes, boards: Sequence[Any]) -> None: ...

    def add_windows(self, key: str, starts_ms: Sequence[int]) -> None: ...

    def progress(self, fields: dict[str, int]) -> None: ...

    def flush(self) -> None: ...


def composed(
    pipeline: beam.Pipeline, path: Path, pseudonyms: Pseudonyms | None = None, by_timers: bool = False
) -> beam.Pipeline:
    """Add the steps of the pipeline over one file."""
    options = LiveRoomOptions(Nowhere(), pseudonyms=pseudonyms, read_by_timers=by_timers)
    build_live_room(pipeline, [SourceConfig(OpenFolder((path,), 1000, False))], options)
    return pipeline


def recorded(person: str = "u1", pseudonyms: Pseudonyms | None = None) -> Recording:
    """Run some events of every type, one of them bad, through the pipeline."""
    recording, log, keep = Recording(), _ShardDoFn._log, _KeepDoFn.process

    def watched_log(self: Any, held: Any, piece: Piece, *others: Any) -> None:
        log(self, held, piece, *others)
        # As the next worker reads it.
        recording.pieces[self._name] = PieceCoder().decode(PieceCoder().encode(piece))
        recording.states[self._name] = held.shard.state()

    def watched_keep(
        self: Any, element: Any, archive: Any = beam.DoFn.StateParam(_KeepDoFn.ARCHIVE)
    ) -> Iterator[Any]:
        if element[1].batches:
            recording.pieces["KeepDeadLetters"] = element[1]
        yield from keep(self, element, archive)

    with (
        TemporaryDirectory() as folder,
        mock.patch.object(_ShardDoFn, "_log", watched_log),
        mock.patch.object(_KeepDoFn, "process", watched_keep),
    ):
        path = Path(folder) / "events.jsonl"
        path.write_text("".join(json.dumps(event) + "\n" for event in _numbered(person)), encoding="utf-8")
        runner = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(["--streaming"]))
        composed(runner, path, pseudonyms).run().wait_until_finish()
    return recording


def _numbered(person: str) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(EVENTS):
        named = {"user_id": person} if "user_id" in event else {}
        yield event | named | {"event_id": f"e{number}", "event_time": T0 + 1000 * number}
