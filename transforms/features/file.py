"""Users' own views: a Python file that declares them, run once at the start of a job.

Every `FeatureView` that stands in the file's names counts, alone or in a list or tuple.
"""

import runpy
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import UsageError
from transforms.features.compiled import compile_views
from transforms.features.view import FeatureView
from transforms.features.views import SHIPPED


def views_of_job(path: Path | None) -> tuple[FeatureView, ...]:
    """Return the views that ship and those of a file; raises UsageError with the line and the remedy."""
    views = (*SHIPPED, *(views_in(path) if path else ()))
    compile_views(views)
    return views


def views_in(path: Path) -> tuple[FeatureView, ...]:
    """Return the views that a file declares."""
    if not path.is_file():
        raise UsageError(f"--features names the file {path}, which does not exist. Correct the path.")
    try:
        names = runpy.run_path(str(path))
    except UsageError:
        raise
    except Exception as error:
        line = next(
            (
                at.lineno
                for at in reversed(traceback.extract_tb(sys.exc_info()[2]))
                if at.filename == str(path)
            ),
            0,
        )
        line = getattr(error, "lineno", None) or line
        raise UsageError(
            f"{path}:{line}: {type(error).__name__}: {error}. Mend the file of feature views."
        ) from error
    found = {id(view): view for value in names.values() for view in _views(value)}
    if not found:
        raise UsageError(
            f"{path} declares no feature view. Write at least one: `view = FeatureView(…)`; see docs/how-to/features.md."
        )
    return tuple(found.values())


def _views(value: object) -> Iterator[FeatureView]:
    if isinstance(value, FeatureView):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _views(each)
