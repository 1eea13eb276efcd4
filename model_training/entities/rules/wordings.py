"""The catalogue's wordings, found in running text.

Words are folded one by one with `normalise_term` and joined, as the catalogue's own lookup does
it, so "A-V Block" and "AV-Block", or a plural and its singular, are one term.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from ecg_core.conditions import Catalogue, normalise_term
from model_training.entities.model import Mention, Status

_WORD = re.compile(r"\d+:\d+|°|[^\W_]\w*")
_MOST_WORDS = 12
_MOST_WORD_LENGTH = 60

fold_word = lru_cache(maxsize=50_000)(lambda word: normalise_term(word).replace(" ", ""))


class WordingIndex:
    """Finds the longest wording at each word of a text."""

    def __init__(
        self, catalogue: Catalogue, ignored: Iterable[str] = (), common: Iterable[str] = ()
    ) -> None:
        """Indexes all wordings and SCP codes.

        Args:
            catalogue: The conditions.
            ignored: Wordings that mean something else in running text.
            common: Wordings that are words as well: they count only as they are written here, in a
                text that has small letters elsewhere or nothing else.
        """
        self._common = {_key(wording): wording for wording in common}
        self._terms: dict[str, tuple[str, str]] = {}
        skipped = {_key(wording) for wording in ignored}
        for source, wording, condition_id in _wordings(catalogue):
            key = _key(wording)
            if key and key not in skipped:
                self._terms.setdefault(key, (condition_id, f"{source}:{wording}"))
        self._openings = {term[:n] for term in self._terms for n in range(1, len(term) + 1)}

    def find(self, text: str) -> list[Mention]:
        """All mentions, from left to right, without overlaps."""
        is_loud = text.upper() == text
        words = [(m.start(), m.end(), fold_word(m[0][:_MOST_WORD_LENGTH]))
                 for m in _WORD.finditer(text)]  # fmt: skip
        found: list[Mention] = []
        position = 0
        while position < len(words):
            length, mention = self._longest(words, position)
            if mention is not None and self._is_meant(text, mention, is_loud=is_loud):
                found.append(mention)
            position += length
        return found

    def _is_meant(self, text: str, mention: Mention, *, is_loud: bool) -> bool:
        """Whether it is no common word, or written as no common word is."""
        written = text[mention.start : mention.end]
        wording = self._common.get(_key(written))
        if wording is None:
            return True
        is_alone = text.strip(" .") == written.strip(" .")
        return (is_alone or not is_loud) and wording.startswith(written.replace(" ", ""))

    def _longest(self, words: list[tuple[int, int, str]], first: int) -> tuple[int, Mention | None]:
        key, best, length = "", None, 1
        for number, (_, end, word) in enumerate(words[first : first + _MOST_WORDS], start=1):
            key += word
            if key not in self._openings:
                break
            if key in self._terms:
                condition_id, source = self._terms[key]
                conditions = ((condition_id, Status.PRESENT),)
                best, length = Mention(words[first][0], end, conditions, source), number
        return length, best


def _key(wording: str) -> str:
    return "".join(fold_word(match[0]) for match in _WORD.finditer(wording))


def _wordings(catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    for condition in catalogue.conditions:
        for wording in condition.wordings:
            yield "wording", wording, condition.id
    for condition in catalogue.conditions:
        for code in condition.scp:
            for part in code.split("/"):
                yield "scp", part, condition.id
