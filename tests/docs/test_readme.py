"""The README tells of this tree: what the demo prints, the folders, the licence, the data."""

import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import ROOT, bare, blocks, tables

README = ROOT / "README.md"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "runners.cli.app", "demo", "--no-serve", "--data-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_the_demo_prints_what_the_readme_shows(printed: list[str]) -> None:
    [shown] = [block.text for block in blocks(README) if block.text.startswith("Done, from the beginning")]
    at = 0
    for line in (" ".join(each.split()) for each in shown.splitlines()):
        if line != "…":
            assert line in printed[at:], f"the demo prints no {line!r} (any more, or in this place)"
            at = printed.index(line, at) + 1


def test_the_two_commands_come_first() -> None:
    first = blocks(README)[0].text.splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make demo", "make test"]


def test_the_house_is_every_folder_of_the_tree() -> None:
    [house] = tables(README, "## The house")
    told = {bare(row[0].split("]")[0].lstrip("[")).rstrip("/") for row in house[1:]}
    tracked = subprocess.run(
        ["git", "ls-tree", "-d", "--name-only", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    assert told == {name for name in tracked.stdout.split() if not name.startswith(".")}


@pytest.mark.parametrize("name", ["README.md", "NOTICE", "runners/demo_data/README.md"])
def test_the_data_is_attributed_wherever_it_is_named(name: str) -> None:
    text = Path(ROOT / name).read_text(encoding="utf-8")
    for needed in ("Chen, D. (2015)", "10.24432/C5BW33", "CC BY 4.0"):
        assert needed in text


def test_the_changelog_knows_the_version() -> None:
    version = next(
        line.split('"')[1] for line in (ROOT / "setup.py").read_text().splitlines() if "version=" in line
    )
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
