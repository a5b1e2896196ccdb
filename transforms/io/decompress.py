"""Plain, gzip and zstd files as one stream of bytes that says when it was cut short or damaged."""

import zlib
from pathlib import Path
from typing import Any, BinaryIO, Final

import zstandard

_CHUNK: Final = 1 << 20
_BITE: Final = 8 << 10
"""Compressed bytes at a time: where they are damaged, what they hold is lost."""
_GZIP_WINDOW: Final = 31


def _gzip() -> Any:
    return zlib.decompressobj(_GZIP_WINDOW)


def _zstd() -> Any:
    return zstandard.ZstdDecompressor().decompressobj()


_CODECS: Final = {".gz": _gzip, ".zst": _zstd}


class ByteStream:
    """Sequential bytes of one file; `damage` says in words what is wrong with it, once that was met."""

    def __init__(self, path: Path, offset: int) -> None:
        self._file: BinaryIO = path.open("rb")
        self._open = _CODECS.get(path.suffix)
        self._codec: Any = self._open() if self._open else None
        self.damage = ""
        if self._codec is None:
            self._file.seek(offset)
        else:
            self._skip(offset)

    def _skip(self, count: int) -> None:
        self._held = b""
        while count > 0:
            piece = self.read(_CHUNK)
            if not piece:
                return
            if len(piece) > count:
                self._held = piece[count:]
            count -= len(piece)

    def read(self, size: int) -> bytes:
        """Return about `size` bytes; empty at the end, for a growing plain file: at the end of today's."""
        if self._codec is None:
            return self._file.read(size)
        if self._held:
            held, self._held = self._held, b""
            return held
        return self._decompressed()

    def _decompressed(self) -> bytes:
        while not self.damage:
            raw = self._file.read(_CHUNK // 4)
            if not raw:
                if not self._codec.eof:
                    self.damage = "the compressed file ends in the middle"
                return b""
            data = self._decompress(raw)
            if data:
                return data
        return b""

    def _decompress(self, raw: bytes) -> bytes:
        """Decompress, going on with the next member or frame where one ends; keeps what comes before damage."""
        parts, rest = [], memoryview(raw)
        try:
            while rest:
                if self._codec.eof and self._open:
                    self._codec = self._open()
                parts.append(self._codec.decompress(rest[:_BITE]))
                rest = rest[_BITE:]
                if self._codec.eof:
                    rest = memoryview(self._codec.unused_data + bytes(rest))
        except (zlib.error, zstandard.ZstdError) as error:
            self.damage = f"the compressed file is damaged: {error}"
        return b"".join(parts)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
