"""The page for people, where it is part of the package: static files under `/`."""

from pathlib import Path
from typing import Final

from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

BUILT: Final = Path(__file__).resolve().parents[1] / "page" / "built"


def page_app() -> ASGIApp | None:
    """Return the page's files as an application, None where there are none."""
    return StaticFiles(directory=BUILT, html=True) if (BUILT / "index.html").is_file() else None
