"""Whether a text asks for a finding of an ECG at all: what can be said from its words alone.

The words are data (`language/out_of_scope.toml`). What they do not settle is settled by the text's
embedding, see `service.engine.queries.gate`.
"""

import tomllib
from functools import cache
from importlib import resources
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from ecg_core.conditions.catalogue import Catalogue
from ecg_core.conditions.phrases import Phrases
from ecg_core.conditions.terms import fold_characters

_WAVES = frozenset("pqrstuj")
_OF_WAVES = ("wave", "well", "zack", "point", "punkt", "onde", "onda", "golf")
# Beginnings of words that speak of the heart, in the languages that are read.
_STEMS = (
    *("herz", "heart", "coeur", "corazon", "cuore", "coracao", "hartslag", "hartritme", "hartk"),
    *("kardi", "cardi", "atri", "auricul", "ventri", "vorhof", "kammer", "boezem", "infar"),
    *("arrhyth", "aritm", "arritm", "rhythm", "rythm", "ritm", "tachy", "tachi", "taqui", "brad"),
    *("palpit", "fibril", "flimmer", "flutter", "schrittmacher", "pacemaker", "marcapas"),
    *("extrasyst", "extrasist", "extrassist", "repolari", "ischaem", "ischem", "isquem"),
)
_INTERVALS = frozenset(("st", "qt", "pr", "pq", "rr", "qtc", "qrs", "pp"))
_EDGES = "?!.,;:\"'()[]"


class _OutOfScope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    organs: tuple[str, ...]
    heart_but_no_ecg: tuple[str, ...]
    persons: tuple[str, ...]
    treatment: tuple[str, ...]
    future: tuple[str, ...]
    other: tuple[str, ...]
    instructions: tuple[str, ...]
    function_words: tuple[str, ...]
    lay_words: tuple[str, ...]
    plain_words: tuple[str, ...]


@cache
def _words() -> _OutOfScope:
    file = resources.files(__package__).joinpath("language", "out_of_scope.toml")
    return _OutOfScope.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))


@cache
def _phrases() -> Phrases[bool]:
    words = _words()
    groups = (
        words.organs,
        words.heart_but_no_ecg,
        words.persons,
        words.treatment,
        words.future,
        words.other,
        words.instructions,
    )
    return Phrases.of((_split(phrase), True) for group in groups for phrase in group)


def names_other_things(text: str) -> bool:
    """Whether a text speaks of an organ, a person, the future, or of anything but an ECG."""
    words = _split(text)
    return any(_phrases().at(words, place) is not None for place in range(len(words)))


@cache
def _function_words() -> frozenset[str]:
    return frozenset(_words().function_words)


def is_function_word(word: str) -> bool:
    """Whether a folded word says nothing by itself."""
    return word in _function_words()


@cache
def _plain_words() -> frozenset[str]:
    return frozenset(_words().plain_words)


def is_plain_word(word: str) -> bool:
    """Whether a folded word is an ordinary one, and so no slip in a term."""
    return word in _plain_words()


@cache
def _beyond() -> Phrases[bool]:
    groups = (_words().treatment, _words().future, _words().instructions)
    return Phrases.of((_split(phrase), True) for group in groups for phrase in group)


def asks_for_more_than_an_ecg(text: str) -> bool:
    """Whether a text asks for treatment or the future, or instructs, whatever else stands in it."""
    words = _split(text)
    return any(_beyond().at(words, place) is not None for place in range(len(words)))


class EcgVocabulary:
    """The words in which ECGs are spoken of: those of the catalogue, and of lay people."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Collects the catalogue's words."""
        function = _function_words()
        texts = (t for c in catalogue.conditions for t in (*c.all_wordings, c.description))
        words = {word for text in texts for word in _split(text) if len(word) > 2}
        words = {word for word in words if not word.isdigit()}  # "480" alone is no word
        self._words = frozenset((words | set(_words().lay_words)) - function)

    def knows(self, word: str) -> bool:
        """Whether a folded word is one of them, letter by letter."""
        return word in self._words

    def holds_word_of(self, text: str) -> bool:
        """Whether any word of the text is one of them, or names a wave or an interval."""
        words = _split(text)
        named = any(
            word in self._words or word in _INTERVALS or word.startswith(_STEMS) for word in words
        )
        return named or any(
            one in _WAVES and other.startswith(_OF_WAVES) for one, other in pairwise(words)
        )


def _split(text: str) -> list[str]:
    spaced = fold_characters(text).replace("-", " ").replace("/", " ")
    return [word for part in spaced.split() if (word := part.strip(_EDGES))]
