"""How people who do not read ECGs speak of conditions: for training, made by a small grammar."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from itertools import product
from string import Formatter
from types import MappingProxyType

MOST_OF_ONE = 24


@cache
def lay_wordings() -> Mapping[str, tuple[str, ...]]:
    """Texts by condition id, at most `MOST_OF_ONE` of each."""
    file = resources.files("model_training.text").joinpath("lay.toml")
    stated = tomllib.loads(file.read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            condition_id: _spread(
                [text for each in templates for text in _filled(each, stated["words"])]
            )
            for condition_id, templates in stated["condition"].items()
        }
    )


def _filled(template: str, words: Mapping[str, list[str]]) -> list[str]:
    """A template with every choice of words."""
    slots = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    chosen = product(*(words[name] for name in slots))
    return [template.format(**dict(zip(slots, choice, strict=True))) for choice in chosen]


def _spread(texts: list[str]) -> tuple[str, ...]:
    """So many of the texts, evenly spread."""
    count = min(MOST_OF_ONE, len(texts))
    return tuple(dict.fromkeys(texts[place * len(texts) // count] for place in range(count)))
