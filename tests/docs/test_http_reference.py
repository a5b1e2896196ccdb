"""The reference of the HTTP API says what the server says of itself, and the guide's keys are such as it takes."""

from pathlib import Path

from doc_pages import ROOT, blocks
from http_reference import reference

from serving.http.principals import read_keys


def test_the_page_is_what_the_server_says() -> None:
    assert (ROOT / "docs" / "reference" / "http.md").read_text(encoding="utf-8") == reference()


def test_the_guides_keys_are_taken(tmp_path: Path) -> None:
    [shown] = [
        block.text for block in blocks(ROOT / "docs" / "how-to" / "serve.md") if block.language == "toml"
    ]
    path = tmp_path / "keys.toml"
    path.write_text(shown)
    wall, merchant, operator = read_keys(path).values()
    assert (wall.access, wall.merchant_id) == (frozenset({"read"}), None)
    assert merchant.merchant_id == "m1"
    assert operator.access == {"read", "forget", "operate"}
