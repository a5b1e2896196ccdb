"""What has left a shard's state but stays published: kept aside, so that a store that lost it can be filled again.

State forgets a figure once nothing can change it any more; the store alone holds it then. A store that is emptied
or restored from an old copy would miss it for ever. So whatever is forgotten is written down once more, as the
writes that published it: on one machine in a file beside the checkpoint, elsewhere in Beam's own state. It is
read only when the store was found to have lost something.

>>> gone = Finals()
>>> gone.put("is:{m}", [b"a", b"b"], [b"v1", b"v2"])
>>> [(key, list(fields), list(values)) for key, fields, values in written(gone.take())]
[('is:{m}', [b'a', b'b'], [b'v1', b'v2'])]
>>> gone.take()
b''
"""

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import numpy as np

from transforms.packed import Packed

Write = tuple[str, Packed, Packed]
"""A key, fields of its hash, and their values with a version before each."""

_BOUNDS: Final = np.dtype("<u4")
_LENGTH: Final = struct.Struct("<I")
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(tuple[str, bytes, bytes, bytes, bytes])


class Archive(Protocol):
    """Where one shard's final writes are kept, for as long as its state."""

    def append(self, piece: bytes) -> None:
        """Append what `Finals.take` returned."""

    def read(self) -> Iterator[Write]:
        """Yield every write, oldest first."""


class Finals:
    """Collects writes until they are taken; each costs its own bytes."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []

    def put(self, key: str, fields: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Add one write; versions must stand before the values, as where they were published."""
        frame = _ENCODER.encode((key, *_parts(fields), *_parts(values)))
        self._frames.append(_LENGTH.pack(len(frame)))
        self._frames.append(frame)

    def take(self) -> bytes:
        """Return what was put since the last call, as one piece of an archive."""
        taken, self._frames = b"".join(self._frames), []
        return taken


def written(archived: bytes | memoryview) -> Iterator[Write]:
    """Yield the writes of a piece of an archive; raises ValueError where it was cut in the middle of one."""
    at, end = 0, len(archived)
    while at < end:
        if end - at < _LENGTH.size:
            raise ValueError(f"An archive ends {end - at} bytes into a length.")
        [size] = _LENGTH.unpack_from(archived, at)
        at += _LENGTH.size
        if end - at < size:
            raise ValueError(f"An archive ends {end - at} bytes into a write of {size}.")
        yield _write(archived[at : at + size])
        at += size


def _parts(texts: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the bytes of many strings, and where each begins."""
    packed = texts if isinstance(texts, Packed) else Packed.of(texts)
    first, last = int(packed.bounds[0]), int(packed.bounds[-1])
    return packed.data[first:last].tobytes(), (packed.bounds - first).astype(_BOUNDS).tobytes()


def _write(frame: bytes | memoryview) -> Write:
    key, *parts = _DECODER.decode(frame)
    fields, values = (
        Packed(np.frombuffer(data, np.uint8), np.frombuffer(bounds, _BOUNDS).astype(np.int64))
        for data, bounds in (parts[:2], parts[2:])
    )
    return key, fields, values


class ArchiveFile:
    """An archive on one machine: appended to, and cut back to what the last checkpoint knew of."""

    def __init__(self, path: Path, length: int) -> None:
        """Open at `length` bytes: what a lost stretch of the job appended after them goes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(length)
        self._file.seek(length)
        self.length = length

    def append(self, piece: bytes) -> None:
        """Append a piece; it is safe once `sync` has returned."""
        self._file.write(piece)
        self.length += len(piece)

    def sync(self) -> int:
        """Put everything on disk and return the length to remember."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self.length

    def read(self) -> Iterator[Write]:
        """Yield every write, oldest first, without holding them all in memory."""
        self._file.flush()
        with open(self._file.name, "rb") as file:
            while header := file.read(_LENGTH.size):
                [size] = _LENGTH.unpack(header)
                yield _write(file.read(size))

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


class BagArchive:
    """An archive in a bag of Beam's state, as it is while one element is processed."""

    def __init__(self, bag: Any) -> None:
        self._bag = bag

    def append(self, piece: bytes) -> None:
        """Add a piece; it is kept if the element's bundle is."""
        self._bag.add(piece)

    def read(self) -> Iterator[Write]:
        """Yield every write, oldest first."""
        return read_pieces(self._bag.read())


def read_pieces(pieces: Sequence[bytes] | Iterable[bytes]) -> Iterator[Write]:
    """Yield the writes of an archive that is kept piece by piece."""
    for piece in pieces:
        yield from written(piece)
