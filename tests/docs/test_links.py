"""Every link leads somewhere, every page can be reached, and every path that is named exists."""

import re
from pathlib import Path

import pytest
from doc_pages import PAGES, ROOT, anchors, links, name_of, prose

TOP = {path.name for path in ROOT.iterdir()}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = {
            (page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link
        }
        ahead.extend(target for target in targets if target in set(PAGES))
    assert reached == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_of_the_house_exist(page: Path) -> None:
    named = [text for text in re.findall(r"`([\w./-]+/[\w./-]*)`", prose(page)) if text.split("/")[0] in TOP]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_decision_is_listed_under_its_number_and_title() -> None:
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs" / "decisions").glob("0*.md"):
        text = page.read_text(encoding="utf-8")
        number, _, title = text.split("\n", 1)[0].removeprefix("# ").partition(". ")
        assert int(page.name[:4]) == int(number)
        assert re.search(rf"\[{number}\. [^\]]+\]\({page.name}\)", listed), title
        for part in ("## Context", "## Choice", "## Price"):
            assert part in text, f"{page.name} has no {part}"
