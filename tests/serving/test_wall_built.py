"""The built page that ships: it is that of the sources, names only what is there, and is small enough."""

import gzip
import hashlib
import json
import re
from pathlib import Path

from serving.wall.page import INDEX, POLICY, Page

WALL = Path(__file__).resolve().parents[2] / "serving" / "wall"
MOST_GZIPPED = 450_000


def test_it_was_built_from_these_sources() -> None:
    digest = hashlib.sha256()
    for source in sorted((WALL / "web" / "src").iterdir()):
        digest.update(f"{source.name}\n".encode() + source.read_bytes())
    built_from = (WALL / "static" / "built-from.txt").read_text().strip()
    assert built_from == digest.hexdigest(), "run `npm run build` in serving/wall/web"


def test_the_page_names_files_that_are_there() -> None:
    files = Page().files
    named = re.findall(r'"/static/([^"]+)"', files[INDEX].body.decode())
    assert len(named) == 3
    assert set(named) <= set(files)
    assert files[INDEX].headers["content-security-policy"] == POLICY
    hashed = [name for name in named if "-" in name]
    assert len(hashed) == 2
    assert all("immutable" in files[name].headers["cache-control"] for name in hashed)


def test_the_bundle_is_small() -> None:
    assert sum(len(gzip.compress(file.body)) for file in Page().files.values()) < MOST_GZIPPED


def test_it_has_no_inline_script_or_style() -> None:
    html = Page().files[INDEX].body.decode()
    assert re.findall(r"<style|style=|<script(?![^>]*src=)| on\w+=", html) == []


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((WALL / "web" / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
