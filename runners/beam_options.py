"""Telling sources from the options that are Beam's own.

>>> split_beam_options(["a.jsonl", "--direct_num_workers", "2", "b.jsonl", "--streaming"], [])
(('a.jsonl', 'b.jsonl'), ('--direct_num_workers', '2', '--streaming'))
"""

import difflib
from collections.abc import Iterable, Sequence

from schemas.errors import UsageError

ALIKE = 0.8
"""How alike to one of ours an option must be, from 0 to 1, to be taken for a misspelling of it."""


def split_beam_options(
    arguments: Sequence[str], own: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sources and Beam's options among what the command line left over.

    The word after an option without `=` is its value, so a source never stands right behind a switch.
    Raises UsageError for an option that looks like a misspelling of one of our `own`.
    """
    sources: list[str] = []
    options: list[str] = []
    value_follows = False
    for word in arguments:
        if word.startswith("-") and len(word) > 1:
            _check_spelling(word, own)
            options.append(word)
            value_follows = "=" not in word
        elif value_follows:
            options.append(word)
            value_follows = False
        else:
            sources.append(word)
    return tuple(sources), tuple(options)


def _check_spelling(word: str, own: Iterable[str]) -> None:
    name = word.partition("=")[0]
    near = difflib.get_close_matches(name.replace("_", "-"), own, n=1, cutoff=ALIKE)
    if near:
        raise UsageError(f"There is no option {name}. Did you mean {near[0]}?")
