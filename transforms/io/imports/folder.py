"""The output folder, replaced as a whole: a reader sees the old import or the new one, never half of one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import UsageError

REPORT_FILE = "import.json"
"""Its presence says that a folder holds an import, and so may be replaced by another one."""


@contextmanager
def replaced_folder(out_dir: Path, mark: str = REPORT_FILE) -> Iterator[Path]:
    """Give a fresh folder to write into, which takes the place of `out_dir` when the block ends well.

    Use it for outputs that are only right when complete. It costs a rename; a block that fails leaves
    `out_dir` as it was. Raises UsageError where `out_dir` holds files, but not the `mark` of an earlier output.
    """
    _check_replaceable(out_dir, mark)
    fresh = out_dir.with_name(f".{out_dir.name}.partial")
    _remove(fresh)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        _swap(fresh, out_dir)
    finally:
        _remove(fresh)


def _check_replaceable(out_dir: Path, mark: str) -> None:
    if not out_dir.exists():
        return
    if not out_dir.is_dir():
        raise UsageError(f"--out must be a folder, but {out_dir} is a file; name another folder")
    if any(out_dir.iterdir()) and not (out_dir / mark).exists():
        maker = "import" if mark == REPORT_FILE else "simulation"
        raise UsageError(
            f"--out {out_dir} holds files that no {maker} wrote (there is no {mark}); "
            f"name an empty folder, a new one, or an earlier {maker}'s"
        )


def _swap(fresh: Path, out_dir: Path) -> None:
    earlier = out_dir.with_name(f".{out_dir.name}.earlier")
    _remove(earlier)
    if out_dir.exists():
        out_dir.rename(earlier)
    fresh.rename(out_dir)
    _remove(earlier)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
