"""Every command that a page shows exists, with each of its options; and each is in the README."""

import re
import shlex
from pathlib import Path

import pytest
from cli_reference import arguments, commands, options
from doc_pages import PAGES, ROOT, Block, bare, blocks, name_of, tables

COMMANDS = dict(commands())
ANYWHERE = {"--help", "--debug", "--verbose"}
GROUPS = {name.split()[0] for name in COMMANDS}


def shown(block: Block) -> list[list[str]]:
    """Return the words of each `interestream` command in a block of shell."""
    text = re.sub(r"<<'END'.*?^END$", "", block.text, flags=re.MULTILINE | re.DOTALL).replace("\\\n", " ")
    found = re.findall(r"(?:^|[ ;])interestream (.*?)(?=$| [|>]|;)", text, re.MULTILINE)
    return [shlex.split(words, comments=True) for words in found]


def parted(words: list[str]) -> tuple[str, list[str]]:
    name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
    return name, words[len(name.split()) :]


def cases() -> list[tuple[str, list[str]]]:
    return [
        (name_of(page), words)
        for page in PAGES
        for block in blocks(page)
        if block.language in ("sh", "bash")
        for words in shown(block)
    ]


@pytest.mark.parametrize(
    ("page", "words"), cases(), ids=lambda case: case if isinstance(case, str) else " ".join(case)
)
def test_a_shown_command_exists_with_its_options(page: str, words: list[str]) -> None:
    name, rest = parted(words)
    assert name in COMMANDS, f"{page} shows `interestream {name}`"
    known = {flag: option for option in options(COMMANDS[name]) for flag in option.opts}
    places, given = list(rest), set()
    for word in [word for word in rest if word.startswith("--")]:
        assert word in known or word in ANYWHERE, f"{page}: {name} has no {word}"
        given.add(word)
        at = places.index(word)
        del places[at : at + (1 if word in ANYWHERE or known[word].is_flag else 2)]
    required = [option.opts[0] for option in options(COMMANDS[name]) if option.required]
    assert set(required) <= given, f"{page}: {name} needs {required}"
    needed = [argument for argument in arguments(COMMANDS[name]) if argument.required]
    assert len(places) >= len(needed), f"{page}: {name} needs {[argument.name for argument in needed]}"


def test_pages_show_commands_at_all() -> None:
    assert {parted(words)[0].split()[0] for _, words in cases()} == GROUPS


def test_the_readme_lists_every_command_and_no_other() -> None:
    [table] = [table for table in tables(ROOT / "README.md", "## Commands") if table[0][0] == "command"]
    assert {bare(row[0]).removeprefix("interestream ") for row in table[1:]} == GROUPS


def test_the_readme_lists_every_verb_of_the_makefile_and_no_other() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[0].split())
    [table] = [table for table in tables(ROOT / "README.md", "## Commands") if table[0][0] == "verb"]
    assert {bare(row[0]).removeprefix("make ") for row in table[1:]} == verbs


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_makes_that_are_shown_have_their_verb(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"^([a-z0-9]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z0-9]+)", page.read_text(encoding="utf-8"))) <= verbs
