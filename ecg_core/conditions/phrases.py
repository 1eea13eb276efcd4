"""Phrases of several words, found in a row of words: the longest one at each place."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

Meaning = TypeVar("Meaning")


class Phrases(NamedTuple, Generic[Meaning]):
    """What phrases mean, by their words.

    Attributes:
        by_words: Their meanings.
        longest: The most words that a phrase has.
    """

    by_words: Mapping[tuple[str, ...], Meaning]
    longest: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[Sequence[str], Meaning]]) -> "Phrases[Meaning]":
        """Index phrases, each as its words; of two meanings the first one counts."""
        found: dict[tuple[str, ...], Meaning] = {}
        for words, meaning in pairs:
            found.setdefault(tuple(words), meaning)
        found.pop((), None)
        return cls(MappingProxyType(found), max(map(len, found), default=0))

    def at(self, words: Sequence[str], start: int) -> tuple[Meaning, int] | None:
        """The meaning of the longest phrase that begins at a place, and where it ends."""
        for end in range(min(len(words), start + self.longest), start, -1):
            meaning = self.by_words.get(tuple(words[start:end]))
            if meaning is not None:
                return meaning, end
        return None

    def before(self, words: Sequence[str], end: int) -> tuple[Meaning, int] | None:
        """The meaning of the longest phrase that ends before a place, and where it begins."""
        for start in range(max(0, end - self.longest), end):
            meaning = self.by_words.get(tuple(words[start:end]))
            if meaning is not None:
                return meaning, start
        return None
