"""Pages whose blocks of `sh` and `python` run as they stand; a block of `text` after one is what it prints.

In such a block a line `…` stands for any lines. Lines of tables that are only frame need not be shown, and how
wide columns are is left open, since it depends on seconds and rates.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import ROOT, blocks

PAGES = ("docs/tutorials/first-figures.md", "docs/how-to/dead-letters.md", "docs/how-to/train-offline.md")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    command = tmp_path / "bin" / "interestream"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m runners.cli.app "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTERESTREAM_")}
    return kept | {"PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_the_page_says(page: str, tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    printed: list[str] | None = None
    compared = 0
    for block in blocks(ROOT / page):
        if block.language in ("sh", "python"):
            program = ["sh", "-eu"] if block.language == "sh" else [sys.executable, "-"]
            done = subprocess.run(
                program, input=block.text, cwd=folder, env=environment, capture_output=True, text=True,
                timeout=900, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{block.text}\n{done.stderr}"
            printed = [line.rstrip() for line in done.stdout.splitlines()]
        elif block.language == "text" and printed is not None:
            follows(block.text.splitlines(), printed)
            compared += 1
            printed = None
    assert compared > 0


def test_the_guide_to_validation_shows_what_is_printed(tmp_path: Path, environment: dict[str, str]) -> None:
    guide = blocks(ROOT / "docs/how-to/validate.md")
    events = blocks(ROOT / "docs/how-to/dead-letters.md")[0].text.split("interestream replay")[0]
    done = subprocess.run(
        ["sh", "-eu"], input=events + guide[0].text, cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    follows(guide[1].text.splitlines(), [line.rstrip() for line in done.stdout.splitlines()])
    assert (tmp_path / "quality" / "index.html").exists()


def follows(shown: list[str], printed: list[str]) -> None:
    """Check that what is shown is what was printed, in order, with nothing left out but where it says so."""
    shown = [" ".join(line.split()) for line in shown]
    rest = [" ".join(line.split()) for line in printed if not set(line) <= set("┏━┳┓┡╇┩└─┴┘┃ ")]
    if shown and shown[0].startswith("│") and rest and not rest[0].startswith(("│", "┃")):
        # A table shown without its title and head.
        rest = rest[next(i for i, line in enumerate(rest) if line.startswith("│")) :]
    anything = False
    for line in shown:
        if line == "…":
            anything = True
            continue
        assert line in rest, f"{line!r} is not printed; what is left: {rest}"
        at = rest.index(line)
        assert anything or at == 0, f"before {line!r} come {rest[:at]}"
        rest, anything = rest[at + 1 :], False
    assert anything or not rest, f"left out without saying so: {rest}"
