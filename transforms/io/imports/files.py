"""Finding a data set's files under a path, plain or compressed, and reading their lines."""

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, cast

from schemas.errors import SourceError

_COMPRESSED: Final = (".gz", ".zst", ".zip")
_DAMAGE: Final = (EOFError, OSError, zlib.error, zipfile.BadZipFile)


@dataclass(frozen=True)
class SourceFile:
    """One file of text: on disk, compressed, or a member of a zip archive.

    `name` is its path below the folder that was given, without the suffixes of compression and format, and
    so the same for `a/b.csv` and `a/b.csv.gz`: event ids are made of it.
    """

    path: Path
    name: str
    label: str
    member: str | None = None

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the decompressed bytes; damage becomes a SourceError that names the file."""
        try:
            with _opened(self) as stream:
                yield stream
        except _DAMAGE as error:
            raise SourceError(
                f"{self.label} cannot be read to its end ({error}); fetch the file again"
            ) from error


def find_files(path: Path, suffixes: tuple[str, ...]) -> list[SourceFile]:
    """List the files with one of the suffixes (also compressed) at or below a path, in name order.

    A path to one file gives that file, whatever its suffix. Raises SourceError where the path is missing or
    two files differ only in their compression: both would give the same events.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist; give the folder or file of the data set as published")
    if path.is_file():
        return _of_file(path, path.parent)
    paths = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    found = [file for p in paths for file in _of_file(p, path)]
    matching = [file for file in found if _plain_name(file.member or file.path.name).endswith(suffixes)]
    _check_distinct(matching)
    return matching


def _of_file(path: Path, root: Path) -> list[SourceFile]:
    label = path.relative_to(root).as_posix()
    if path.suffix != ".zip":
        return [SourceFile(path, _identity(label), label)]
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    except _DAMAGE as error:
        raise SourceError(f"{label} is no readable zip archive ({error}); fetch the file again") from error
    shown = [m for m in members if not PurePosixPath(m).name.startswith(".") and "__MACOSX" not in m]
    return [SourceFile(path, _identity(m), f"{label}:{m}", m) for m in shown]


def _plain_name(name: str) -> str:
    lowered = name.lower()
    for suffix in _COMPRESSED:
        lowered = lowered.removesuffix(suffix)
    return lowered


def _identity(label: str) -> str:
    pure = PurePosixPath(label)
    stem = pure.name[: len(_plain_name(pure.name))]
    return re.sub(r"[/\s]+", "-", str(pure.with_name(PurePosixPath(stem).stem)))


def _check_distinct(files: list[SourceFile]) -> None:
    seen: dict[str, SourceFile] = {}
    for file in files:
        earlier = seen.setdefault(file.name, file)
        if earlier is not file:
            raise SourceError(
                f"{earlier.label} and {file.label} are the same file twice, and would give the same events "
                "twice; keep one of them"
            )


@contextmanager
def _opened(file: SourceFile) -> Iterator[IO[bytes]]:
    with ExitStack() as stack:
        yield _decompressed(file, stack)


def _decompressed(file: SourceFile, stack: ExitStack) -> IO[bytes]:
    if file.member is not None:
        archive = stack.enter_context(zipfile.ZipFile(file.path))
        return stack.enter_context(archive.open(file.member))
    if file.path.suffix == ".gz":
        return cast(IO[bytes], stack.enter_context(gzip.open(file.path)))
    if file.path.suffix == ".zst":
        import zstandard

        raw = stack.enter_context(zstandard.open(file.path, "rb"))
        return cast(IO[bytes], stack.enter_context(io.BufferedReader(raw, 1 << 20)))
    return stack.enter_context(file.path.open("rb"))
