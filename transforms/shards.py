"""Keyed state on every runner: a `Shard` keeps columns in memory, and its durable state is where it is told.

On a cluster the durable state is Beam state: each piece absorbed is appended to a bag with a version, now
and then compacted to a snapshot; memory is rebuilt whenever its version differs from Beam's, as after a
crash. Pieces that come in another order than they were sent are put back in order (`transforms.ordering`).
On one machine the runner's own state dies with the process, so shards register with a local checkpoint instead
(`transforms.checkpoints`), and Beam's bag stays empty.
"""

import pickle
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final, Protocol
from zlib import crc32

import apache_beam as beam
from apache_beam.coders import BytesCoder, VarIntCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec
from apache_beam.typehints.native_type_compatibility import convert_to_beam_type

from schemas.errors import StateError
from transforms import checkpoints
from transforms.archive import Archive, BagArchive
from transforms.aside import Aside
from transforms.counting import Count, counter
from transforms.ordering import InOrder, Numbers
from transforms.pieces import IDLE, Keyed, Piece, PieceCoder
from transforms.publish import Outlet, Strays
from transforms.shared import Shared
from transforms.turns import take_short_turns

Output = tuple[str, Keyed]
"""A named output and what goes there."""

COMPACT_AFTER_BYTES: Final = 64 << 20
"""A log is compacted once it is longer than this and than the snapshot before it: each byte is written twice at most."""
_ENTRY: Final = struct.Struct("<cH")
"""What stands before an entry of the log: its kind, and the format of state that it was written in."""
_PIECE: Final = b"p"
_PART: Final = b"t"
_SNAPSHOT: Final = b"s"
"""A snapshot is entries of parts and one of this kind for the last."""
_PART_BYTES: Final = 4 << 20
"""A runner holds an entry several times over while it takes it in: whole snapshots would fill its heap."""
_CODER: Final = PieceCoder()
_CRC_BITS: Final = 32
_CRC_MASK: Final = (1 << _CRC_BITS) - 1
_UNDER_WAY: Final = -1
"""No durable version: memory that absorbed a piece which was not written down is never gone on with."""


_LAST_LOGGED: Final[dict[tuple[str, int], int]] = {}
"""The last version that this process wrote down, by step and key: another instance that finds it there lost nothing."""


class Shard(Protocol):
    """State of one key: absorbs pieces in order, the same outputs for the same pieces."""

    def absorb(self, piece: Piece) -> Iterable[Output]:
        """Take one piece and return what follows from it; may also publish."""

    def logged(self, piece: Piece) -> Piece:
        """Return what of a piece its state is made of: absorbing that while muted must come to the same state.

        As many outputs must follow from it, to the same receivers; what is in them does not matter.
        """

    def state(self) -> dict[str, Any]:
        """Return everything held; must pickle."""

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""

    def mute(self, muted: bool) -> None:
        """While muted, absorb without publishing: the pieces were absorbed before."""

    def outlet(self) -> Outlet | None:
        """Return what it publishes through, None where it publishes nothing."""

    def republish(self) -> None:
        """Publish everything held anew: the store has lost it."""

    def strays(self) -> Strays | None:
        """Return which published values depend on the order of arrival, None where none does."""


class Publishes(Protocol):
    """Whatever has an outlet and can publish all it holds again."""

    def outlet(self) -> Outlet | None:
        """Return what it publishes through, None where it publishes nothing."""

    def republish(self) -> None:
        """Publish everything held anew."""


ShardFactory = Callable[[int], Shard]


class _Held:
    """One shard in memory with the version of durable state that it stands for."""

    def __init__(self, shard: Shard) -> None:
        self.shard, self.version = shard, 0
        self.parts: list[bytes] = []
        self.logged_bytes = self.snapshot_bytes = 0
        self.order, self.numbers = InOrder(), Numbers()

    def absorb(self, piece: Piece) -> Iterator[Output]:
        """Let the shard absorb the piece that is next from its sender, and number what follows from it."""
        for tag, output in self.shard.absorb(piece):
            yield tag, self.numbers.numbered(tag, output)

    def state(self) -> dict[str, Any]:
        """Return everything held; must pickle."""
        return {"shard": self.shard.state(), "order": self.order, "numbers": self.numbers}

    def load(self, state: dict[str, Any]) -> None:
        """Take the content of an earlier `state()`."""
        self.shard.load(state["shard"])
        self.order, self.numbers = state["order"], state["numbers"]


class _ShardDoFn(beam.DoFn):
    """Routes pieces to their shard and keeps its durable state."""

    LOG = BagStateSpec("log", BytesCoder())
    ARCHIVE = BagStateSpec("archive", BytesCoder())
    VERSION = ReadModifyWriteStateSpec("version", VarIntCoder())

    def __init__(self, name: str, factory: ShardFactory, job: str | None, last: bool = False) -> None:
        self._name, self._factory, self._job, self._last = name, factory, job, last
        self._shared = Shared(dict[int, _Held])

    def setup(self) -> None:
        take_short_turns()
        self._held = self._shared.take()
        self._asides: dict[int, Aside] = {}
        self._count = counter(self._job)

    def teardown(self) -> None:
        for aside in self._asides.values():
            aside.close()
        self._shared.give_back()

    def process(
        self,
        element: Keyed,
        log: Any = beam.DoFn.StateParam(LOG),
        version: Any = beam.DoFn.StateParam(VERSION),
        archive: Any = beam.DoFn.StateParam(ARCHIVE),
    ) -> Iterator[Any]:
        key, piece = element
        if self._job:
            yield from self._locally(checkpoints.of(self._job), key, piece)
            return
        held = self._rebuilt(key, log, version)
        before, held.version = held.version, _UNDER_WAY
        for ready in held.order.take(piece):
            for tag, output in held.absorb(ready):
                yield beam.pvalue.TaggedOutput(tag, output)
            made_lasting(held.shard, BagArchive(archive), self._count, ready.urgent)
        self._log(held, piece, before, log, version)
        _LAST_LOGGED[self._name, key] = held.version

    def _locally(self, local: checkpoints.Checkpoints, key: int, piece: Piece) -> Iterator[Any]:
        """Absorb a piece where a local checkpoint keeps the state; a last step does it on its own thread."""
        piece = local.unpark(key, piece)
        name = f"{self._name}-{key}"
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held(self._factory(key))
            local.register(name, held.shard)
            if self._last:
                self._asides[key] = Aside(name, held.shard, partial(self._done, local, name, held.shard))
                local.beside(name, self._asides[key])
        if self._last:
            self._asides[key].hand(piece)
            return
        for tag, output in held.shard.absorb(piece):
            yield beam.pvalue.TaggedOutput(tag, output)
        self._done(local, name, held.shard, piece)

    def _done(self, local: checkpoints.Checkpoints, name: str, shard: Shard, piece: Piece) -> None:
        if shard.outlet():
            made_lasting(shard, local.archive(name), self._count, piece.urgent)
        local.passed(name, piece.progress)

    def _rebuilt(self, key: int, log: Any, version: Any) -> _Held:
        durable = version.read() or 0
        held = self._held.get(key)
        if held is None or held.version != durable:
            held = self._held[key] = _Held(self._factory(key))
            if outlet := held.shard.outlet():
                outlet.publisher.follow(durable >> _CRC_BITS)
            held.shard.mute(True)
            for entry in log.read():
                self._replay(held, entry)
            if outlet and _LAST_LOGGED.get((self._name, key)) != durable and (strays := held.shard.strays()):
                outlet.publisher.forget_strays(durable >> _CRC_BITS, strays)
            held.shard.mute(False)
            held.version = durable
        return held

    def _replay(self, held: _Held, entry: bytes) -> None:
        kind, written = _ENTRY.unpack_from(entry)
        if written != checkpoints.FORMAT:
            raise StateError(
                f"The saved state of step {self._name} has format {written}, this version reads {checkpoints.FORMAT}. "
                "Go on with the version that wrote it, or run again with --fresh to start over."
            )
        if kind in (_PART, _SNAPSHOT):
            held.parts.append(entry[_ENTRY.size :])
            if kind == _SNAPSHOT:
                snapshot, held.parts = b"".join(held.parts), []
                held.snapshot_bytes = len(snapshot)
                held.load(pickle.loads(snapshot))
            return
        held.logged_bytes += len(entry)
        for ready in held.order.take(_CODER.decode(entry[_ENTRY.size :])):
            for _ in held.absorb(ready):
                pass

    def _log(self, held: _Held, piece: Piece, before: int, log: Any, version: Any) -> None:
        """Write the piece down; the version names all pieces so far, so that no other history has the same.

        It also holds the epoch that was published under, for whoever goes on from here.
        """
        encoded = _CODER.encode(held.shard.logged(piece))
        held.logged_bytes += len(encoded)
        if held.logged_bytes > max(COMPACT_AFTER_BYTES, held.snapshot_bytes):
            snapshot = pickle.dumps(held.state(), protocol=5)
            held.logged_bytes, held.snapshot_bytes = 0, len(snapshot)
            log.clear()
            for begin in range(0, len(snapshot), _PART_BYTES):
                kind = _PART if begin + _PART_BYTES < len(snapshot) else _SNAPSHOT
                log.add(_entry(kind, snapshot[begin : begin + _PART_BYTES]))
        else:
            log.add(_entry(_PIECE, encoded))
        outlet = held.shard.outlet()
        epoch = outlet.publisher.epoch() if outlet else 0
        held.version = epoch << _CRC_BITS | crc32(encoded, before & _CRC_MASK)
        version.write(held.version)


def _entry(kind: bytes, content: bytes) -> bytes:
    return _ENTRY.pack(kind, checkpoints.FORMAT) + content


def made_lasting(shard: "Publishes", archive: Archive, count: Count, urgent: int) -> None:
    """Archive what left a shard's state, and fill the store again where it was found to have lost something.

    A shard notices a loss when it next writes, and when its source pauses or ends.
    """
    outlet = shard.outlet()
    if outlet is None:
        return
    if urgent >= IDLE:
        outlet.publisher.look()
    if final := outlet.finals.take():
        archive.append(final)
    while outlet.publisher.lost():
        count("store_losses", 1)
        outlet.publisher.refill(archive.read())
        shard.republish()
    if refused := outlet.publisher.refused():
        count("writes_refused", refused)


class Sharded(beam.PTransform):
    """Run one kind of shard over keyed pieces; returns a collection an output, by name.

    `job` names the local checkpoint that keeps the state, None where Beam state does. A step with no outputs is
    a last one: on a local job it runs beside the pipeline.
    """

    def __init__(self, name: str, factory: ShardFactory, outputs: tuple[str, ...], job: str | None) -> None:
        super().__init__(name)
        self._name, self._factory, self._outputs, self._job = name, factory, outputs, job

    def expand(self, pieces: beam.PCollection[Keyed]) -> Any:
        """Apply the stateful step; every output is keyed pieces again."""
        fn = _ShardDoFn(self._name, self._factory, self._job, last=not self._outputs)
        step = beam.ParDo(fn).with_output_types(Keyed)
        if not self._outputs:
            return pieces | "Keep" >> step
        return typed(pieces | "Keep" >> step.with_outputs(*self._outputs), self._outputs)


def typed(outputs: Any, names: tuple[str, ...]) -> Any:
    """Declare every named output as keyed pieces: Beam infers types for the main output only."""
    for name in names:
        outputs[name].element_type = convert_to_beam_type(Keyed)
    return outputs
