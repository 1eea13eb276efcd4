"""A sign's wordings said in more ways, by a small grammar of phrases that mean the same.

Nothing here knows a label: what is said in other words stays the same measurement.
"""

import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources

_OF_PLACES_UNNAMED = ("more leads", "several")


def said_otherwise(wordings: Sequence[str]) -> tuple[str, ...]:
    """The wordings, and all that the grammar makes of them; the given ones first, each once."""
    made = dict.fromkeys(wordings)
    for wording in wordings:
        for head in _with_other_phrases(wording):
            made |= dict.fromkeys(_with_other_places(head))
    return tuple(made)


def _with_other_phrases(wording: str) -> Iterator[str]:
    yield wording
    for first, *others in _rows("phrases"):
        if wording == first or (first.endswith(" ") and _names_place(wording, first)):
            yield from (other + wording.removeprefix(first) for other in others)


def _names_place(wording: str, first: str) -> bool:
    return wording.startswith(first) and not any(word in wording for word in _OF_PLACES_UNNAMED)


def _with_other_places(wording: str) -> Iterator[str]:
    row = next((row for row in _rows("places") if row[0] in wording), None)
    yield from [wording] if row is None else (wording.replace(row[0], place) for place in row)


@cache
def _rows(table: str) -> tuple[tuple[str, ...], ...]:
    text = resources.files("model_training.text").joinpath("phrases.toml").read_text("utf-8")
    return tuple(tuple(row) for row in tomllib.loads(text)[table])
