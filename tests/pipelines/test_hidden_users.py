"""With pseudonyms no step is handed a true id, keeps one, or keeps the secret: what a cluster puts into savepoints."""

import pickle
from typing import Any

import apache_beam as beam
import pyarrow as pa
from recorded_run import Nowhere, Recording, recorded

from pipelines.live_room import build_live_room
from pipelines.options import LiveRoomOptions
from runners.job_sources import OpenFolder
from schemas.pseudonyms import Pseudonyms
from transforms.io import read
from transforms.io.read import SourceConfig

SECRET = b"the secret of the pseudonyms, long enough"
PERSON = "somebody@people.example"


def texts_of(recording: Recording) -> dict[str, bytes]:
    """Return what each step was handed and kept as bytes, columns as the values that they stand for."""
    handed = {
        name: repr(list(map(_rows, piece.batches))).encode() for name, piece in recording.pieces.items()
    }
    return {name: told + pickle.dumps(recording.states.get(name)) for name, told in handed.items()}


def _rows(batch: pa.RecordBatch) -> Any:
    return batch.to_pylist() if isinstance(batch, pa.RecordBatch) else batch


def test_no_step_knows_who_it_was() -> None:
    seen = texts_of(recorded(PERSON))
    assert {"Features", "Learn"} <= {name for name, held in seen.items() if PERSON.encode() in held}
    hidden = texts_of(recorded(PERSON, Pseudonyms(SECRET)))
    assert hidden.keys() == seen.keys()
    assert [name for name, held in hidden.items() if PERSON.encode() in held or SECRET in held] == []
    who = Pseudonyms(SECRET).of(PERSON).encode()
    assert any(who in held for held in hidden.values())


def test_what_a_source_hands_to_its_readers_has_no_secret(monkeypatch: Any, tmp_path: Any) -> None:
    """Elements of a splittable step stand in a cluster's checkpoints until it has ended."""
    given = list[list[SourceConfig]]()
    init = read._SourcesDoFn.__init__

    def watched(self: Any, configs: list[SourceConfig]) -> None:
        given.append(configs)
        init(self, configs)

    monkeypatch.setattr(read._SourcesDoFn, "__init__", watched)
    options = LiveRoomOptions(Nowhere(), pseudonyms=Pseudonyms(SECRET))
    (tmp_path / "events.jsonl").touch()
    build_live_room(beam.Pipeline(), [SourceConfig(OpenFolder((tmp_path,), 1000, False))], options)
    assert SECRET in pickle.dumps(options)
    assert SECRET not in pickle.dumps(given)
