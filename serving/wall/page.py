"""The built page: its files with hashes in their names, and the policy under which a browser runs it."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("static")
INDEX: Final = "index.html"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing but the page's own files and its own server; no inline script or style."""
_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
_HASHED: Final = re.compile(r"-[0-9A-Z]{8}\.(js|css|svg)$")


@dataclass(frozen=True)
class BuiltFile:
    """One file of the page, with what a browser must be told of it."""

    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Page:
    """The files of one build, read once."""

    folder: Path = FOLDER

    @cached_property
    def files(self) -> dict[str, BuiltFile]:
        """Every file by its name; none where nothing was built."""
        return {
            path.name: _built(path)
            for path in sorted(self.folder.glob("*"))
            if path.suffix in _TYPES and path.is_file()
        }


def _built(path: Path) -> BuiltFile:
    hashed = _HASHED.search(path.name)
    headers = {
        "content-type": _TYPES[path.suffix],
        "cache-control": "public, max-age=31536000, immutable" if hashed else "no-cache",
        "x-content-type-options": "nosniff",
    }
    if path.suffix == ".html":
        headers |= {"content-security-policy": POLICY, "referrer-policy": "no-referrer"}
    return BuiltFile(path.read_bytes(), headers)
