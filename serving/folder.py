"""The export's folder, replaced as a whole: a reader sees the old export or the new, never half of one."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import UsageError


@contextmanager
def replaced_folder(out_dir: Path, file_names: Collection[str]) -> Iterator[Path]:
    """Give a fresh folder that takes the place of `out_dir` when the block ends well, and only then.

    Raises UsageError if `out_dir` holds anything but the named files, since replacing it would lose that.
    """
    _check_replaceable(out_dir, file_names)
    fresh, earlier = (out_dir.with_name(f".{out_dir.name}.{role}") for role in ("partial", "earlier"))
    _remove(fresh)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        _remove(earlier)
        if out_dir.exists():
            out_dir.rename(earlier)
        fresh.rename(out_dir)
        _remove(earlier)
    finally:
        _remove(fresh)


def _check_replaceable(out_dir: Path, file_names: Collection[str]) -> None:
    if out_dir.exists() and not out_dir.is_dir():
        raise UsageError(f"An export is a folder, but {out_dir} is a file; name another folder.")
    strange = (
        sorted(path.name for path in out_dir.iterdir() if path.name not in file_names)
        if out_dir.exists()
        else []
    )
    if strange:
        raise UsageError(
            f"{out_dir} holds {strange[0]!r}, which no export wrote; name an empty folder, a new one, "
            "or an earlier export's."
        )


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
